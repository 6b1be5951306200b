"""A random covariance whose law is invariant under rotations: means of its powers are multiples of the identity."""

from __future__ import annotations

from functools import cache

from proofs.derivation import Derivation
from proofs.kernel import Statement, Step, Theorem
from proofs.language import All, Law, RotationInvariant
from proofs.theorems.random_covariance_isotropic import MULTIPLES
from theory.notation import Q, T

GIVEN = (Law(T), RotationInvariant(T.T))


@cache
def theorem() -> Theorem:
    """The theorem."""
    derive = Derivation()
    turned = [_multiple(derive, equation) for equation in MULTIPLES]
    claim = All(*MULTIPLES)
    derive("logic", claim, *turned, note="Collect the steps.")
    return Theorem(
        label="rotated-covariance",
        title="A random covariance without a preferred direction",
        source="derived here",
        statement=Statement(claim, GIVEN),
        steps=derive.steps,
        remarks=("These are what the theorem random-covariance-isotropic assumes of Σ = TTᵀ. A Wishart matrix is such a Σ.",),
    )


def _multiple(derive: Derivation, equation: object) -> Step:
    """T becomes QᵀT, and so Σ becomes QᵀΣQ."""
    return derive(
        "rotation-symmetry",
        equation,
        by=(Q, T.T),
        note="It commutes with every rotation, so it is a multiple of the identity; its trace says which.",
    )
