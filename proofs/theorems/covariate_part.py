"""When the prediction that the covariates alone make, v_xᵀ XᵀX A x_q, vanishes on almost every prompt."""

from __future__ import annotations

from functools import cache

from sympy import Identity, Trace

from proofs.derivation import Derivation
from proofs.kernel import Statement, Theorem
from proofs.language import All, Any_, Equivalence, Implication, Mean, Normal, PositiveDefinite, at_least, equal
from theory.notation import A, Sigma, X, n, v_x, x_q

COVARIATE_PART = Trace(v_x.T * X.T * X * A * x_q)
SIZE = Mean(COVARIATE_PART**2, X, x_q)


@cache
def theorem() -> Theorem:
    """The theorem."""
    derive = Derivation()
    through = Trace(v_x.T * Sigma * A * Sigma * A.T * Sigma * v_x)
    keys, values = Trace(Sigma * A * Sigma * A.T), Trace(v_x.T * Sigma * v_x)
    moment = derive(
        "gaussian-moment",
        equal(SIZE, n * (n + 1) * through + n * keys * values),
        note="The mean square over the context and the query.",
    )
    first = derive("trace-inequality", at_least(through, 0), by=(Identity(1), A.T * Sigma * v_x, Sigma), note="A quadratic form of Σ.")
    second = derive("trace-inequality", at_least(keys, 0), by=(Sigma, A.T, Sigma), note="A trace of two semidefinite factors.")
    third = derive("trace-inequality", at_least(values, 0), by=(Identity(1), v_x, Sigma), note="A quadratic form of Σ.")
    parts = derive(
        "sum-of-nonnegatives",
        Equivalence(equal(SIZE, 0), All(equal(through, 0), equal(keys * values, 0))),
        moment,
        first,
        second,
        third,
        by=((n * (n + 1), through), (n, keys * values)),
        note="A sum of nonnegative terms with positive coefficients.",
    )
    either = derive(
        "zero-product",
        Equivalence(equal(keys * values, 0), Any_(equal(keys, 0), equal(values, 0))),
        by=(1, (keys, 1), (values, 1)),
        note="A product vanishes with one of its factors.",
    )
    no_keys = derive(
        "trace-inequality", Equivalence(equal(keys, 0), equal(A, 0)), by=(Sigma, A.T, Sigma), note="The equality case: Σ is definite."
    )
    no_values = derive(
        "trace-inequality",
        Equivalence(equal(values, 0), equal(v_x, 0)),
        by=(Identity(1), v_x, Sigma),
        note="The equality case: Σ is definite.",
    )
    without_values = derive("matrix-identity", Implication(equal(v_x, 0), equal(through, 0)), note="The first term has v_x as a factor.")
    without_keys = derive("matrix-identity", Implication(equal(A, 0), equal(through, 0)), note="The first term has A as a factor.")
    claim = Equivalence(equal(SIZE, 0), Any_(equal(v_x, 0), equal(A, 0)))
    derive("logic", claim, parts, either, no_keys, no_values, without_values, without_keys, note="Collect the steps.")
    return Theorem(
        label="covariate-part",
        title="When the part of the prediction without labels vanishes",
        source="derived here",
        statement=Statement(claim, (Normal(X, Identity(n), Sigma), Normal(x_q, Sigma), PositiveDefinite(Sigma))),
        steps=derive.steps,
    )
