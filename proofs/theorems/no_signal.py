"""The one Gaussian setting left out of `general-gaussian`: W = 0 and σ² = 0, where every label is 0."""

from __future__ import annotations

from functools import cache

from sympy import Identity, Integer, ZeroMatrix

from proofs.derivation import Derivation
from proofs.kernel import Statement, Theorem
from proofs.language import All, Any_, Equivalence, Normal, PositiveDefinite, at_least, equal
from proofs.theorems import covariate_part
from proofs.theorems.vocabulary import LOSS
from theory.notation import A, Sigma, X, d, eps, eps_q, n, v_x, w, x_q

SILENT = (
    Normal(X, Identity(n), Sigma),
    Normal(w, ZeroMatrix(d, d)),
    Normal(eps, ZeroMatrix(n, n)),
    Normal(x_q, Sigma),
    Normal(eps_q, ZeroMatrix(1, 1)),
    PositiveDefinite(Sigma),
)


@cache
def theorem() -> Theorem:
    """The theorem."""
    derive = Derivation()
    size = covariate_part.SIZE
    left = derive("gaussian-moment", equal(LOSS, size), note="Whatever has a label as a factor is 0; the part of the covariates is left.")
    bound = derive(
        "sum-of-nonnegatives",
        All(at_least(LOSS, 0), Equivalence(equal(LOSS, 0), equal(size, 0))),
        left,
        by=((Integer(1), size),),
        note="A mean square is at least 0.",
    )
    claim = All(at_least(LOSS, 0), Equivalence(equal(LOSS, 0), Any_(equal(v_x, 0), equal(A, 0))))
    derive("logic", claim, bound, covariate_part.theorem(), note="Collect the steps.")
    return Theorem(
        label="no-signal",
        title="All global minimisers where every label is 0",
        source="derived here",
        statement=Statement(claim, SILENT),
        steps=derive.steps,
    )
