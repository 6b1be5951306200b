"""A change of signs that keeps the joint law.

A centred Gaussian matrix Z has the law of −Z, and is independent of all others; for the matrices of a Law it is assumed which can change
their signs together. So flipping any Gaussian matrices, and of each Law those that such an assumption lists (all that the mean averages
over: the others have no part in their joint law), keeps the law of all variables of the mean, and E[P(Z)] = E[P(−Z)]. If P(−Z) = −P(Z)
then E[P] = −E[P], and E[P] = 0. P need not be a polynomial: a predictor f(a, b) whose arguments do not change under the flip is a constant
to it. The arguments of the step are the matrices flipped. The conclusion is E[P] = 0 for a P that changes sign in normal form, or E[P] =
E[P(−Z)].
"""

from __future__ import annotations

from typing import Any

from sympy import Eq, MatMul

from proofs.algebra import Algebra, plus
from proofs.language import Mean, SignSymmetric, replaced
from proofs.rules.inference import Inference, Support, need, of_kind


def check(step: Inference) -> Support:
    """Mean(P) = 0 for a P odd under the flip, or Mean(P) = Mean(P after the flip)."""
    equation = of_kind(step.conclusion, Eq, "an equation Mean(P) = 0")
    mean: Any = of_kind(equation.lhs, Mean, "an equation Mean(P) = 0")
    integrand, variables = mean.args
    flips = set(step.arguments)
    need(bool(flips) and flips <= set(variables), "only matrices that the mean averages over can be flipped.")
    algebra = step.algebra()
    check_flips(algebra, flips, variables)
    algebra.scalar(mean)  # the mean exists
    flipped = replaced(integrand, {z: MatMul(-1, z) for z in flips})
    if equation.rhs == 0:
        changes = algebra.vanishes(plus(algebra.scalar(integrand), algebra.scalar(flipped)))
        need(changes, "the integrand does not change sign under the flip.")
    else:
        need(algebra.same(equation.rhs, Mean(flipped, *variables)), "the right-hand side must be 0, or the mean after the flip.")
    return Support(algebra.licensed())


def check_flips(algebra: Algebra, flips: set[Any], variables: Any) -> None:
    """Refuse a change of signs that is not known to keep the joint law of the variables."""
    for block in {algebra.blocks[z] for z in variables if z in algebra.blocks}:
        own = set(block) & set(variables)
        allowed = [set(), *(set(fact.args) & own for fact in algebra.facts if isinstance(fact, SignSymmetric))]
        need(flips & own in allowed, f"it is not assumed that {', '.join(sorted(map(str, flips & own)))} can be flipped and nothing else.")
