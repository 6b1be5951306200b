"""Means of products of independent factors, and of linear functions."""

from common.laws import ANY, x_q, y, y_q
from common.statements import STANDARD, A, B, X, by, granted, refused, tr, u, v, x, z

from proofs.language import Expectation, Independent, Law, Mean, Normal, equal

RULE = "independence"
SECOND, COVARIANCE = Expectation(X.T * y * y.T * X, X, y), Expectation(x_q * x_q.T, x_q)
FORM = tr(y.T * X * A * x_q)


def test_the_mean_of_a_linear_function():
    linear = equal(Mean(tr(x.T * A * x), x), tr(A * Expectation(x * x.T, x)))
    certificate = granted(by(RULE, linear, given=STANDARD))
    assert (certificate.citations, certificate.side_conditions) == ((), ())
    refused(by(RULE, equal(Mean(tr(x.T * A * x), x), tr(A * Expectation(x * x.T, x)) * 2), given=STANDARD), "not the same mean")
    refused(by(RULE, equal(Mean(tr(x.T * A * x) ** 2, x), tr(A * Expectation(x * x.T, x)) ** 2), given=STANDARD), "not the same mean")
    matrices = equal(Expectation(x * x.T * A + A * x * x.T, x), A * Expectation(x * x.T, x) + Expectation(x * x.T, x) * A)
    granted(by("matrix-identity", equal(tr(matrices.lhs * B), tr(B * matrices.rhs)), given=STANDARD))
    refused(by(RULE, equal(Expectation(x * z.T, x, z), Expectation(z * x.T, x, z)), given=(Law(x, z),)), "not the same mean")


def test_the_mean_of_a_product():
    granted(by(RULE, equal(Mean(FORM**2, X, y, x_q), tr(SECOND * A * COVARIANCE * A.T)), given=ANY))
    refused(by(RULE, equal(Mean(FORM**2, X, y, x_q), tr(SECOND * A * COVARIANCE * A)), given=ANY), "not the same mean")
    granted(by(RULE, equal(Mean(tr(x.T * u) * tr(z.T * v), x, z), Mean(tr(x.T * u), x) * Mean(tr(z.T * v), z)), given=STANDARD))


def test_what_is_not_known_to_be_independent():
    product = equal(Mean(FORM**2, X, y, x_q), tr(SECOND * A * COVARIANCE * A.T))
    refused(by(RULE, product, given=(Law(X, y, x_q, y_q),)), "not the same mean")
    refused(by(RULE, product, given=(Law(X, y, x_q, y_q), Independent((X,), (x_q,)))), "not the same mean")
    refused(by(RULE, product, given=(Law(X, y, x_q, y_q), Independent((X, y), (y_q,)))), "not the same mean")
    both = equal(Mean(tr(x.T * u) * tr(z.T * v), x, z), Mean(tr(x.T * u), x) * Mean(tr(z.T * v), z))
    refused(by(RULE, both, given=(Law(x, z),)), "not the same mean")
    granted(by(RULE, both, given=(Law(x), Law(z))))
    square = equal(Mean(tr(x.T * u) ** 2, x), Mean(tr(x.T * u), x) ** 2)
    refused(by(RULE, square, given=STANDARD), "not the same mean")


def test_what_is_free_is_not_averaged():
    caught = equal(Mean(tr(x.T * u), x) * tr(x.T * v), Mean(tr(x.T * u) * tr(x.T * v), x))
    refused(by(RULE, caught, given=STANDARD), "not the same mean")
    refused(by(RULE, equal(tr(Expectation(x * x.T, x) * x * u.T), Mean(tr(x * x.T * x * u.T), x)), given=STANDARD), "not the same mean")


def test_a_mean_that_holds_a_part_of_a_law_fixed():
    half = equal(Mean(FORM, y) + 0 * tr(A), tr(Expectation(y, y).T * X * A * x_q))
    refused(by(RULE, half, given=ANY), "says nothing|not known to be independent")
    granted(by(RULE, equal(Mean(FORM, x_q), tr(y.T * X * A * Expectation(x_q, x_q))), given=ANY))
    refused(by(RULE, equal(Mean(FORM, x_q), tr(y.T * X * A * Expectation(x_q, x_q))), given=ANY[:1]), "not known to be independent")


def test_the_means_must_exist():
    refused(by(RULE, equal(Mean(tr(x.T * u) / tr(x.T * x), x), tr(u.T * Expectation(x, x))), given=(Law(x),)), "need not exist")
    refused(by(RULE, equal(Mean(tr(x.T * u), x), tr(u.T * Expectation(x, x)))), "needs its law")
    refused(by(RULE, equal(Mean(tr(x.T * u), x), tr(u.T * Expectation(x, x))), given=(Normal(z, A),)), "needs its law")
