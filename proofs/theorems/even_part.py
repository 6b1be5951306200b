"""When the part of the prediction that is even under the sign flip of (w, ε) vanishes on almost every prompt."""

from __future__ import annotations

from functools import cache

from sympy import Identity, Trace

from proofs.derivation import Derivation
from proofs.kernel import Statement, Theorem
from proofs.language import All, Any_, Equivalence, Implication, Mean, Named, at_least, equal
from proofs.theorems import covariate_part
from proofs.theorems.vocabulary import EVEN, GAUSSIAN, OPTIMUM
from theory.notation import A, Sigma, W, X, c, eps, eps_q, n, sigma2, v_x, v_y, w, x_q

SIZE = Mean(EVEN**2, X, w, eps, x_q)
GIVEN_COVARIATES = Named("g", covariate_part.COVARIATE_PART + v_y * (Trace(X.T * X * W) + n * sigma2) * Trace(c.T * x_q))


@cache
def theorem() -> Theorem:
    """The theorem."""
    derive = Derivation()
    tau = OPTIMUM.tau
    explained = Mean(GIVEN_COVARIATES**2, X, x_q)
    twice, squared = Trace(Sigma * W * Sigma * W), v_y**2 * Trace(c.T * Sigma * c)
    factor = 2 * n * (tau**2 + (n + 1) * twice)
    split = derive(
        "gaussian-moment",
        equal(SIZE, explained + factor * squared),
        note="Its mean square is that of its mean g given the covariates, and the variance of yᵀy about it.",
    )
    positive = derive("trace-inequality", at_least(twice, 0), by=(W, Sigma, W), note="A trace of two semidefinite factors.")
    form = derive("trace-inequality", at_least(Trace(c.T * Sigma * c), 0), by=(Identity(1), c, Sigma), note="A quadratic form of Σ.")
    both = derive(
        "sum-of-nonnegatives",
        Equivalence(equal(SIZE, 0), All(equal(explained, 0), equal(squared, 0))),
        split,
        positive,
        form,
        by=((1, explained), (factor, squared)),
        note="A sum of nonnegative terms; the coefficient is positive because τ is.",
    )
    either = derive(
        "zero-product",
        Equivalence(equal(squared, 0), Any_(equal(v_y, 0), equal(Trace(c.T * Sigma * c), 0))),
        by=(1, (v_y, 2), (Trace(c.T * Sigma * c), 1)),
        note="A product vanishes with one of its factors.",
    )
    no_labels = derive(
        "trace-inequality",
        Equivalence(equal(Trace(c.T * Sigma * c), 0), equal(c, 0)),
        by=(Identity(1), c, Sigma),
        note="The equality case: Σ is definite.",
    )
    same = [
        derive(
            "equivalent-relations",
            Implication(equal(symbol, 0), Equivalence(equal(explained, 0), equal(covariate_part.SIZE, 0))),
            by=(1,),
            note=f"With {symbol} = 0 only the covariates' part of g is left.",
        )
        for symbol in (v_y, c)
    ]
    claim = Equivalence(equal(SIZE, 0), All(Any_(equal(v_x, 0), equal(A, 0)), Any_(equal(v_y, 0), equal(c, 0))))
    derive("logic", claim, both, either, no_labels, *same, covariate_part.theorem(), note="Collect the steps.")
    return Theorem(
        label="even-part",
        title="When the part of the prediction even in the labels vanishes",
        source="derived here",
        statement=Statement(claim, tuple(fact for fact in GAUSSIAN if eps_q not in fact.args)),
        steps=derive.steps,
    )
