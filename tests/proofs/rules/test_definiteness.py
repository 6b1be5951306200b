"""Positive (semi)definite and invertible matrices from others."""

import pytest
from common.statements import A, B, I_d, I_n, K, X, by, granted, n, p, refused, s, u
from sympy import Identity, Integer, Inverse, MatAdd, MatMul

from proofs.language import Invertible, PositiveDefinite, PositiveSemidefinite, more_than

RULE = "definiteness"
ONE = Integer(1)


def test_a_ridge():
    terms = (n, X, I_n), (s, I_d, A)
    given = (PositiveDefinite(A), more_than(s, 0))
    claim = PositiveDefinite(n * X.T * X + s * A)
    granted(by(RULE, claim, *terms, given=given))
    refused(by(RULE, claim, *terms, given=given[:1]), "no term is known to be positive definite")
    refused(by(RULE, claim, *terms, given=given[1:]), "not known to be positive semidefinite")
    refused(by(RULE, PositiveDefinite(n * X.T * X - s * A), *terms, given=given), "is not the sum")
    refused(by(RULE, PositiveDefinite(n * X.T * X), terms[0]), "no term is known to be positive definite")
    granted(by(RULE, PositiveSemidefinite(n * X.T * X), terms[0]))


@pytest.mark.parametrize("scale", [-ONE, p, -n, s - 1])
def test_the_coefficients_must_be_nonnegative(scale):
    granted(by(RULE, PositiveSemidefinite(s * u * u.T), (s, u.T, Identity(1))))
    refused(by(RULE, PositiveSemidefinite(scale * u * u.T), (scale, u.T, Identity(1))), "not known to be ≥ 0")


def test_a_congruence_needs_an_invertible_matrix():
    given = (PositiveDefinite(A),)
    granted(by(RULE, PositiveDefinite(K.T * A * K), (ONE, K, A), given=(*given, Invertible(K))))
    refused(by(RULE, PositiveDefinite(K.T * A * K), (ONE, K, A), given=given), "no term is known")
    refused(by(RULE, PositiveDefinite(K * A * K), (ONE, K, A), given=(*given, Invertible(K))), "is not the sum")


def test_products_of_definite_matrices_are_not_definite():
    refused(by(RULE, PositiveDefinite(A * B), (ONE, I_d, A * B), given=(PositiveDefinite(A), PositiveDefinite(B))), "not known")
    granted(by(RULE, PositiveDefinite(A * B * A), (ONE, A, B), given=(PositiveDefinite(A), PositiveDefinite(B))))


def test_invertible():
    given = (PositiveDefinite(K * A),)
    granted(by(RULE, Invertible(A), K, given=given))
    refused(by(RULE, Invertible(A), B, given=given), "not known to be positive definite")
    refused(by(RULE, Invertible(A), K, given=(PositiveSemidefinite(K * A),)), "not known to be positive definite")
    refused(by(RULE, Invertible(X), X.T, given=(PositiveDefinite(X.T * X),)), "shapes")


def test_what_is_inverted_exists():
    hidden = MatAdd(A, Inverse(B), MatMul(-1, Inverse(B)))
    granted(by(RULE, Invertible(hidden), I_d, given=(PositiveDefinite(A), Invertible(B))))
    refused(by(RULE, Invertible(hidden), I_d, given=(PositiveDefinite(A),)), "B is inverted")
    trivial = MatAdd(MatMul(B, Inverse(B)), A)
    granted(by(RULE, PositiveDefinite(trivial), (ONE, I_d, I_d), (ONE, I_d, A), given=(PositiveDefinite(A), Invertible(B))))
    refused(by(RULE, PositiveDefinite(trivial), (ONE, I_d, I_d), (ONE, I_d, A), given=(PositiveDefinite(A),)), "B is inverted")
