"""tr(P Dᵀ Q D) ≥ 0, and when it is 0."""

import pytest
from common.statements import A, B, I_d, I_n, K, X, by, granted, refused, tr
from sympy import Inverse

from proofs.language import (
    All,
    Equivalence,
    Invertible,
    PositiveDefinite,
    PositiveSemidefinite,
    at_least,
    at_most,
    equal,
    more_than,
)

RULE = "trace-inequality"
SEMI = (PositiveSemidefinite(A), PositiveSemidefinite(B))
DEFINITE = (PositiveDefinite(A), PositiveDefinite(B))
FORM = tr(A * K.T * B * K)


def test_the_inequality():
    certificate = granted(by(RULE, at_least(FORM, 0), A, K, B, given=SEMI))
    assert (certificate.citations, certificate.side_conditions) == ((), ())
    assert "all positive semidefinite A of shape d×d" in certificate.scope
    granted(by(RULE, at_least(tr(X.T * X), 0), I_d, X, I_n))
    refused(by(RULE, at_least(-FORM, 0), A, K, B, given=SEMI), "is not the trace")
    refused(by(RULE, at_least(tr(A * K * B * K), 0), A, K, B, given=SEMI), "is not the trace")
    refused(by(RULE, at_least(FORM, 1), A, K, B, given=SEMI), "must be 0")
    refused(by(RULE, more_than(FORM, 0), A, K, B, given=DEFINITE), "must be tr")
    refused(by(RULE, at_most(FORM, 0), A, K, B, given=SEMI), "must be tr")


@pytest.mark.parametrize("given", [(), SEMI[:1], SEMI[1:], (Invertible(A), Invertible(B))])
def test_the_factors_must_be_semidefinite(given):
    refused(by(RULE, at_least(FORM, 0), A, K, B, given=given), "not known to be positive semidefinite")


def test_the_equality_case():
    granted(by(RULE, Equivalence(equal(FORM, 0), equal(B * K * A, 0)), A, K, B, given=SEMI))
    granted(by(RULE, Equivalence(equal(FORM, 0), equal(B * K, 0)), A, K, B, given=(DEFINITE[0], SEMI[1])))
    granted(by(RULE, Equivalence(equal(FORM, 0), equal(K, 0)), A, K, B, given=DEFINITE))
    for given, kernel in ((SEMI, K), (SEMI, B * K), ((SEMI[0], DEFINITE[1]), B * K), (DEFINITE, K - A), (SEMI, A * K * B)):
        refused(by(RULE, Equivalence(equal(FORM, 0), equal(kernel, 0)), A, K, B, given=given), "not the equality case")


def test_what_is_inverted_exists():
    form = tr(Inverse(A) * K.T * Inverse(A) * K)
    granted(by(RULE, at_least(form, 0), Inverse(A), K, Inverse(A), given=DEFINITE))
    refused(by(RULE, at_least(form, 0), Inverse(A), K, Inverse(A), given=SEMI), "not known to be positive semidefinite")


def test_factors_of_another_shape():
    refused(by(RULE, at_least(tr(X.T * X), 0), I_n, X, I_d), "shapes")
    refused(by(RULE, at_least(tr(X.T * X), 0), I_d, X), "must be P, D and Q")
    refused(by(RULE, All(at_least(FORM, 0)), A, K, B, given=SEMI), "must be tr")
