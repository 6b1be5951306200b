"""The in-context loss of any layer, as the polynomial in its parameters that `theory.loss` derives."""

from __future__ import annotations

from functools import cache

from sympy import collect

from proofs.derivation import Derivation
from proofs.kernel import Statement, Theorem
from proofs.language import equal
from proofs.theorems.vocabulary import LOSS, laws, stated
from theory.loss import gaussian_loss
from theory.notation import Sigma, W, n, v_y


@cache
def theorem() -> Theorem:
    """The theorem."""
    derive = Derivation()
    by_degree = collect(stated(gaussian_loss()), v_y, lambda coefficient: collect(coefficient, n))
    claim = equal(LOSS, by_degree)
    derive("gaussian-moment", claim, note="Isserlis: the sum over all pairings of the Gaussian factors.")
    return Theorem(
        label="in-context-loss",
        title="The in-context loss as a polynomial",
        source="derived here",
        statement=Statement(claim, laws(Sigma, W)),
        steps=derive.steps,
    )
