"""The same function of two tokens."""

from common.laws import SAMPLE, x_1, x_2, y_1, y_2
from common.statements import A, X, by, granted, refused, tr, u, v, z

from proofs.language import Expectation, Independent, Law, Mean, Normal, PositiveSemidefinite, Tokens, at_least, at_most

RULE = "independent-pair"


def pair(one, other):
    return at_least(Mean(tr(y_1) * tr(x_1.T * one) * tr(y_2) * tr(x_2.T * other), x_1, y_1, x_2, y_2), 0)


def test_a_scalar():
    p = tr(y_1) * tr(x_1.T * u)
    certificate = granted(by(RULE, pair(u, u), p, given=SAMPLE))
    assert (certificate.citations, certificate.side_conditions) == ((), ())
    refused(by(RULE, pair(u, v), p, given=SAMPLE), "same of another token")
    refused(by(RULE, pair(u, -u), p, given=SAMPLE), "same of another token")
    refused(by(RULE, at_most(pair(u, u).lhs, 0), p, given=SAMPLE), "must be E")
    refused(by(RULE, at_least(pair(u, u).lhs, 1), p, given=SAMPLE), "must be E")


def test_a_column():
    mixed = Expectation(x_1 * y_1 * y_2 * x_2.T, x_1, y_1, x_2, y_2)
    granted(by(RULE, PositiveSemidefinite(mixed), x_1 * y_1, given=SAMPLE))
    refused(by(RULE, PositiveSemidefinite(-mixed), x_1 * y_1, given=SAMPLE), "must be that|same of another")
    refused(by(RULE, PositiveSemidefinite(Expectation(A * x_1 * x_2.T, x_1, x_2)), x_1, given=SAMPLE), "same of another token")
    granted(by(RULE, PositiveSemidefinite(Expectation(A * x_1 * x_2.T * A.T, x_1, x_2)), A * x_1, given=SAMPLE))


def test_tokens_only():
    p = tr(y_1) * tr(x_1.T * u)
    refused(by(RULE, pair(u, u), p, given=SAMPLE[:1]), "same of another token")
    shared = at_least(Mean(tr(x_1.T * z) * tr(x_2.T * z), x_1, x_2, z), 0)
    refused(by(RULE, shared, tr(x_1.T * z), given=(*SAMPLE, Normal(z, A))), "same of another token")
    both = at_least(Mean(tr(x_1.T * x_2) ** 3, x_1, x_2), 0)
    refused(by(RULE, both, tr(x_1.T * x_2), given=SAMPLE), "same of another token")


def test_both_tokens_are_averaged_over():
    apart = (Law(X, x_1, x_2), Tokens((X,), (x_1,), (x_2,)), Independent((x_1,), (x_2,)))
    half = at_least(Mean(tr(x_1.T * u) * tr(x_2.T * u), x_2), 0)
    refused(by(RULE, half, tr(x_1.T * u), given=apart), "same of another token")
