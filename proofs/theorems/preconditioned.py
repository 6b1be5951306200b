"""Theorem 2 of the paper: covariates N(0, Σ), task vector N(0, Σ⁻¹). The minimiser is one step of preconditioned gradient descent."""

from __future__ import annotations

from functools import cache

from sympy import Inverse

from proofs.kernel import Theorem
from proofs.theorems import scalar_step
from theory.notation import Sigma


@cache
def theorem() -> Theorem:
    """The theorem."""
    return scalar_step.theorem(
        label="preconditioned",
        title="Every global minimiser is one step of preconditioned gradient descent",
        source="Mahankali, Hashimoto, Ma, arXiv 2307.03576, Theorem 2",
        covariance=Sigma,
        prior=Inverse(Sigma),
    )
