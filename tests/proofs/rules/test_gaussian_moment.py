"""Moments of Gaussian matrices for all sizes, and their false neighbours."""

import pytest
from common.statements import GAUSSIAN, STANDARD, A, I_d, I_n, Sigma, W, X, by, d, granted, n, refused, theorem, tr, u, x, z
from sympy import Integer, Inverse, MatrixSymbol, Rational

from proofs.kernel import Step
from proofs.language import Expectation, Implication, Invertible, Mean, Normal, PositiveDefinite, Predictor, equal

RULE = "gaussian-moment"
FOURTH = Mean(tr(X.T * X * X.T * X), X)
VALUE = (n**2 + n) * tr(Sigma * Sigma) + n * tr(Sigma) ** 2


def moment(value, mean=FOURTH, given=GAUSSIAN):
    return by(RULE, equal(mean, value), given=given)


def test_a_fourth_moment():
    certificate = granted(moment(VALUE))
    assert certificate.citations == ("isserlis",)
    assert certificate.side_conditions == ()
    assert certificate.scope == (
        "all d = 1, 2, 3, …",
        "all n = 1, 2, 3, …",
        "all positive semidefinite Sigma of shape d×d",
        "all positive semidefinite W of shape d×d",
    )


@pytest.mark.parametrize(
    "value",
    {
        "sign": (n**2 + n) * tr(Sigma * Sigma) - n * tr(Sigma) ** 2,
        "factor": (n**2 + n + 1) * tr(Sigma * Sigma) + n * tr(Sigma) ** 2,
        "1e-20": VALUE + Rational(1, 10**20),
        "n ≤ 4 only": VALUE + (n - 1) * (n - 2) * (n - 3) * (n - 4),
        "d ≤ 3 only": VALUE + (d - 1) * (d - 2) * (d - 3),
        "d = 1 only": (n**2 + 2 * n) * tr(Sigma * Sigma),
        "exponent": (n**2 + n) * tr(Sigma * Sigma) + n * tr(Sigma),
        "n + d": (n**2 + d) * tr(Sigma * Sigma) + n * tr(Sigma) ** 2,
    }.values(),
)
def test_a_false_value(value):
    refused(moment(value), "different polynomials")


def test_row_and_column_covariances():
    R, C = MatrixSymbol("R", n, n), MatrixSymbol("C", d, d)
    law = (Normal(X, R, C),)
    granted(moment(tr(C) * tr(R), mean=Mean(tr(X.T * X), X), given=law))
    K = MatrixSymbol("K", n, n)
    granted(moment(tr(K * R) * tr(C), mean=Mean(tr(X.T * K * X), X), given=law))
    refused(moment(tr(K * R) * tr(R), mean=Mean(tr(X.T * K * X), X), given=law), "different polynomials")


def test_a_scalar_inside_a_column():
    granted(moment(tr(Sigma) * u, mean=Expectation(u * x.T * x, x)))
    granted(moment(Sigma * u, mean=Expectation(x * x.T * u, x)))
    granted(moment((2 * Sigma * Sigma + tr(Sigma) * Sigma) * u, mean=Expectation(x * x.T * x * x.T * u, x)))
    granted(moment(2 * Sigma * u * u.T * Sigma + tr(u.T * Sigma * u) * Sigma, mean=Expectation(x * x.T * u * u.T * x * x.T, x)))
    for mean, value in (
        (u * x.T * x, Sigma * u),
        (x * x.T * u, tr(Sigma) * u),
        (x * x.T * x * x.T * u, (Sigma * Sigma + tr(Sigma) * Sigma) * u),
        (x * x.T * x * x.T * u, tr(Sigma) * Sigma * u),
        (x * x.T * u * u.T * x * x.T, tr(u.T * Sigma * u) * Sigma),
    ):
        refused(moment(value, mean=Expectation(mean, x)), "different polynomials")
    refused(moment(u, mean=Expectation(x * x.T * x, x)), "different polynomials")


def test_independence_and_nested_means():
    granted(moment(tr(Sigma * W), mean=Mean(tr(x.T * z) ** 2, x, z)))
    refused(moment(tr(Sigma * Sigma), mean=Mean(tr(x.T * z) ** 2, x, z)), "different polynomials")
    granted(moment(tr(Sigma * W), mean=Mean(Mean(tr(x.T * z) ** 2, x), z)))


def test_transposed_products():
    granted(moment(tr(A * Sigma), mean=Mean(tr(x.T * A * x), x)))
    cross = Mean(tr(x.T * A * z) * tr(z.T * x), x, z)
    granted(moment(tr(A * W * Sigma), mean=cross))
    refused(moment(tr(A * Sigma * W), mean=cross), "different polynomials")


def test_a_bound_symbol_is_not_the_free_one():
    granted(moment(d * tr(x.T * x), mean=Mean(tr(x.T * x), x) * tr(x.T * x), given=STANDARD))
    refused(moment(d**2, mean=Mean(tr(x.T * x), x) * tr(x.T * x), given=STANDARD), "different polynomials")


def test_a_hypothesis_does_not_enter_a_mean():
    """u = x speaks of a free x; E over x of uᵀx is 0 all the same."""
    mean, given = Mean(tr(u.T * x), x), STANDARD
    granted(by(RULE, Implication(equal(u, 2 * A * u), equal(mean + tr(u.T * u), 2 * tr(u.T * A * u) * 0 + tr(u.T * u))), given=given))
    refused(by(RULE, Implication(equal(u, x), equal(mean, d)), given=given), "different polynomials")


def test_a_mean_that_need_not_exist():
    """The inverse of XᵀX has a mean for some n and d only, also as the coefficient of an inner mean."""
    inverse = Inverse(X.T * X)
    refused(moment(0, mean=Mean(tr(inverse * x * x.T), x, X), given=STANDARD), "need not exist")
    refused(moment(Mean(tr(inverse), X), mean=Mean(Mean(tr(x.T * inverse * x), x), X), given=STANDARD), "need not exist")
    refused(moment(0, mean=Mean(1 / tr(x.T * x), x), given=STANDARD), "need not exist")


def test_a_bounded_inverse_has_a_mean():
    given = (*STANDARD, PositiveDefinite(A))
    ridge = A + X.T * X
    definite = Step("definiteness", PositiveDefinite(ridge), (), ((Integer(1), I_d, A), (Integer(1), X, I_n)))
    average = Step(RULE, equal(Mean(tr(x.T * Inverse(ridge) * x), x), tr(Inverse(ridge))), (definite,))
    assert granted(theorem(average.conclusion, definite, average, given=given)).side_conditions == (Invertible(ridge),)
    claim = equal(Mean(Mean(tr(x.T * Inverse(ridge) * x), x), X), Mean(tr(Inverse(ridge)), X))
    granted(theorem(claim, definite, average, Step("monotone-mean", claim, (average, definite)), given=given))


def test_a_law_is_needed():
    refused(moment(d, mean=Mean(tr(x.T * x), x), given=()), "needs its law")
    refused(moment(d, mean=Mean(tr(x.T * x), x), given=(Normal(x, I_n),)), "shapes")
    refused(moment(d, mean=Mean(tr(x.T * x), x), given=(Normal(x, I_d), Normal(x, 2 * I_d))), "one law")


def test_not_a_polynomial():
    f = Predictor("f", x)
    refused(moment(0, mean=Mean(f * tr(x.T * u), x), given=STANDARD), "not a Gaussian moment")


def test_an_inverse_must_exist():
    granted(moment(tr(Inverse(A)), mean=Mean(tr(x.T * Inverse(A) * x), x), given=(*STANDARD, PositiveDefinite(A))))
    refused(moment(tr(Inverse(A)), mean=Mean(tr(x.T * Inverse(A) * x), x), given=STANDARD), "not known to be invertible")
