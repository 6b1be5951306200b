"""Means that a rotation does not change, and moments that are multiples of the identity."""

from common.laws import ANY, Q, x_q, y, y_q
from common.statements import STANDARD, A, B, I_d, I_n, Sigma, X, by, d, granted, refused, tr, u, x, z

from proofs.language import Expectation, Law, Mean, Normal, Orthogonal, Predictor, RotationInvariant, equal

RULE = "rotation-symmetry"
SECOND = X.T * y * y.T * X
MOMENT = equal(Expectation(SECOND, X, y), Mean(tr(SECOND), X, y) / d * I_d)
MIXED = X.T * y * y_q * x_q.T


def test_a_moment_is_a_multiple_of_the_identity():
    (condition,) = granted(by(RULE, MOMENT, Q, X, given=ANY)).side_conditions
    assert condition.args[0] == d
    granted(by(RULE, equal(Expectation(MIXED, X, y, x_q, y_q), Mean(tr(MIXED), X, y, x_q, y_q) / d * I_d), Q, X, x_q.T, given=ANY))
    granted(by(RULE, equal(Expectation(x * x.T, x), Mean(tr(x * x.T), x) / d * I_d), Q, x.T, given=STANDARD))
    refused(by(RULE, equal(MOMENT.lhs, Mean(tr(SECOND), X, y) * I_d), Q, X, given=ANY), "not .E tr P / d. I")
    refused(by(RULE, MOMENT, Q, x_q.T, given=ANY), "averages over can be rotated")
    refused(by(RULE, MOMENT, Q, given=ANY), "averages over can be rotated")


def test_only_what_is_assumed_is_rotated():
    refused(by(RULE, MOMENT, Q, X, given=ANY[:3]), "not assumed that X")
    refused(by(RULE, equal(Expectation(MIXED, X, y, x_q, y_q), Mean(tr(MIXED), X, y, x_q, y_q) / d * I_d), Q, X, given=ANY), "not assumed")
    other = (Law(x, z), RotationInvariant(x.T, z.T))
    product = equal(Expectation(x * z.T, x, z), Mean(tr(x * z.T), x, z) / d * I_d)
    granted(by(RULE, product, Q, x.T, z.T, given=other))
    refused(by(RULE, product, Q, x.T, z.T, given=(Law(x, z), RotationInvariant(x.T))), "not assumed")
    refused(
        by(RULE, equal(Expectation(x * x.T, x), Mean(tr(x * x.T), x) / d * I_d), Q, x.T, given=(Normal(x, Sigma),)), "not known to be inv"
    )


def test_the_matrix_must_turn():
    refused(by(RULE, equal(Expectation(A * SECOND, X, y), Mean(tr(A * SECOND), X, y) / d * I_d), Q, X, given=ANY), "does not become")
    refused(by(RULE, equal(Expectation(SECOND + B, X, y), Mean(tr(SECOND + B), X, y) / d * I_d), Q, X, given=ANY), "does not become")
    about = (*ANY, Orthogonal(Q))
    refused(by(RULE, MOMENT, Q, X, given=about), "must be a new symbol")
    turned = equal(Expectation(SECOND * Q, X, y), Mean(tr(SECOND * Q), X, y) / d * I_d)
    refused(by(RULE, turned, Q, X, given=about), "must be a new symbol")


def test_a_function_of_what_is_rotated():
    def mean(covariates, query):
        return Mean(Predictor("g", covariates, query, X * x_q), X, x_q)

    laws = (Law(X, x_q), RotationInvariant(X, x_q.T), Orthogonal(Q))
    claim = equal(mean(X, x_q), mean(X * Q, Q.T * x_q))
    granted(by(RULE, claim, Q, X, x_q.T, given=laws))
    granted(by(RULE, claim, Q, X, x_q.T, given=(Normal(X, I_n, I_d), Normal(x_q, I_d), Orthogonal(Q))))
    refused(by(RULE, claim, Q, X, x_q.T, given=laws[:2]), "not known to be orthogonal")
    refused(by(RULE, claim, Q, X, given=laws), "not assumed")
    refused(by(RULE, equal(mean(X, x_q), mean(X * Q, Q * x_q)), Q, X, x_q.T, given=laws), "not the mean after")
    refused(by(RULE, equal(mean(X, x_q), mean(X * Q, x_q)), Q, X, x_q.T, given=laws), "not the mean after")


def test_an_orthogonal_matrix():
    granted(by("matrix-identity", equal(tr(Q.T * A * Q), tr(A)), given=(Orthogonal(Q),)))
    refused(by("matrix-identity", equal(tr(Q * A * Q), tr(A)), given=(Orthogonal(Q),)), "different normal forms")
    refused(by("matrix-identity", equal(tr(Q.T * A * Q), tr(A))), "different normal forms")
    refused(by("matrix-identity", equal(tr(x.T * x), tr(u.T * u)), given=(Orthogonal(x * x.T), Normal(x, I_d))), "restricts x")
