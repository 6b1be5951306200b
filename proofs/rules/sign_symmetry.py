"""Vanishing by sign symmetry.

A centred Gaussian matrix Z has the law of −Z, and the matrices of one mean are independent; so flipping the signs of any of them together
keeps the joint law, and E[P(Z)] = E[P(−Z)]. If P(−Z) = −P(Z) then E[P] = −E[P], and E[P] = 0. P need not be a polynomial: a predictor
f(a, b) whose arguments do not change under the flip is a constant to it. The arguments of the step are the matrices flipped; that P
changes sign is checked in normal form.
"""

from __future__ import annotations

from typing import Any

from sympy import Eq, MatMul

from proofs.algebra import plus
from proofs.language import Mean, replaced
from proofs.rules.inference import Inference, Support, need, of_kind


def check(step: Inference) -> Support:
    """Mean(P) = 0 for a P odd under the flip."""
    equation = of_kind(step.conclusion, Eq, "an equation Mean(P) = 0")
    mean: Any = of_kind(equation.lhs, Mean, "an equation Mean(P) = 0")
    need(equation.rhs == 0, "the right-hand side must be 0.")
    integrand, variables = mean.args
    need(bool(step.arguments) and set(step.arguments) <= set(variables), "only matrices that the mean averages over can be flipped.")
    algebra = step.algebra()
    algebra.scalar(mean)  # the mean exists
    flipped = replaced(integrand, {z: MatMul(-1, z) for z in step.arguments})
    need(algebra.vanishes(plus(algebra.scalar(integrand), algebra.scalar(flipped))), "the integrand does not change sign under the flip.")
    return Support(algebra.licensed())
