"""Sums over the tokens of a context, one by one."""

from common.laws import SAMPLE, x_1, x_2, x_3, y, y_1, y_2, y_3
from common.statements import A, B, U, X, by, d, granted, n, refused, tr, u

from proofs.language import Expectation, Law, Mean, Normal, Tokens, equal

RULE = "sum-over-tokens"
OWN, SHARED = Expectation(x_1 * y_1 * y_1.T * x_1.T, x_1, y_1), Expectation(x_1 * y_1 * y_2.T * x_2.T, x_1, y_1, x_2, y_2)
SECOND = Expectation(X.T * y * y.T * X, X, y)
THREE = (Law(X, y, x_1, y_1, x_2, y_2, x_3, y_3), Tokens((X, y), (x_1, y_1), (x_2, y_2), (x_3, y_3)))


def test_one_sum():
    granted(by(RULE, equal(Mean(tr(X.T * X * A), X), n * Mean(tr(x_1.T * A * x_1), x_1)), given=SAMPLE))
    granted(by(RULE, equal(Mean(tr(X.T * X * A), X), n * Mean(tr(x_2.T * A.T * x_2), x_2)), given=SAMPLE))
    granted(by(RULE, equal(Expectation(X.T * y, X, y), n * Expectation(x_1 * y_1, x_1, y_1)), given=SAMPLE))
    refused(by(RULE, equal(Mean(tr(X.T * X * A), X), (n - 1) * Mean(tr(x_1.T * A * x_1), x_1)), given=SAMPLE), "not the same sums")
    refused(by(RULE, equal(Mean(tr(X.T * X * A), X), n**2 * Mean(tr(x_1.T * A * x_2), x_1, x_2)), given=SAMPLE), "not the same sums")


def test_two_sums():
    granted(by(RULE, equal(SECOND, n * OWN + n * (n - 1) * SHARED), given=SAMPLE))
    granted(by(RULE, equal(SHARED, SHARED.T + 0 * A), given=SAMPLE))
    refused(by(RULE, equal(SECOND, n * OWN + n**2 * SHARED), given=SAMPLE), "not the same sums")
    refused(by(RULE, equal(SECOND, n**2 * OWN), given=SAMPLE), "not the same sums")
    refused(by(RULE, equal(SECOND, n * SHARED + n * (n - 1) * OWN), given=SAMPLE), "not the same sums")


def test_a_token_besides_the_context():
    one = equal(Expectation(X.T * y * y_1 * x_1.T, X, y, x_1, y_1), n * SHARED)
    granted(by(RULE, one, given=SAMPLE))
    refused(by(RULE, equal(one.lhs, n * OWN), given=SAMPLE), "not the same sums")
    two = equal(Mean(tr(X.T * X * A) * tr(X.T * X * B) * tr(x_1.T * u), X, x_1), 0)
    refused(by(RULE, two, given=SAMPLE), "as many in the assumption")
    three = n * Mean(tr(x_1.T * A * x_1) * tr(x_1.T * B * x_1) * tr(x_2.T * u), x_1, x_2)
    three += n * (n - 1) * Mean(tr(x_1.T * A * x_1) * tr(x_2.T * B * x_2) * tr(x_3.T * u), x_1, x_2, x_3)
    granted(by(RULE, equal(two.lhs, three), given=THREE))


def test_what_is_not_a_sum_over_tokens():
    refused(by(RULE, equal(SECOND, n * OWN + n * (n - 1) * SHARED), given=SAMPLE[:1]), "Tokens")
    fixed = equal(Mean(tr(X.T * U * A), X), n * Mean(tr(x_1.T * u), x_1))
    refused(by(RULE, fixed, given=SAMPLE), "otherwise than in a sum")
    more = (Law(X, y, u, x_1, y_1, x_2, y_2), SAMPLE[1])
    refused(by(RULE, equal(Mean(tr(X.T * X * u * u.T), X, u), n * Mean(tr(x_1.T * u) ** 2, x_1, u)), given=more), "more of the Law")
    other = (*SAMPLE, Normal(u, A))
    granted(by(RULE, equal(Mean(tr(X.T * X * u * u.T), X, u), n * Mean(tr(x_1.T * u) ** 2, x_1, u)), given=other))
    half = equal(Mean(tr(X.T * X * x_1 * x_1.T), X), n * Mean(tr(x_2.T * x_1) ** 2, x_2))
    refused(by(RULE, half, given=SAMPLE), "not known to be independent")
    refused(by(RULE, equal(d * Mean(tr(X.T * X), X), n * d * Mean(tr(x_1.T * x_1), x_1) + 1), given=SAMPLE), "not the same sums")
