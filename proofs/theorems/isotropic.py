"""Theorem 1 of the paper: standard Gaussian covariates and task vector. The global minimiser is one step of gradient descent."""

from __future__ import annotations

from functools import cache

from sympy import Identity

from proofs.kernel import Theorem
from proofs.theorems import scalar_step
from theory.notation import d


@cache
def theorem() -> Theorem:
    """The theorem."""
    return scalar_step.theorem(
        label="isotropic",
        title="Every global minimiser is one step of gradient descent",
        source="Mahankali, Hashimoto, Ma, arXiv 2307.03576, Theorem 1",
        covariance=Identity(d),
        prior=Identity(d),
    )
