"""Rank argument: a product of a column and a row has rank at most one.

If u vᵀ = P J Q with P and Q invertible then rank J = rank(P J Q) ≤ 1. Arguments (P, J, Q); the conclusion is (u vᵀ = K ⟹ rank J ≤ 1), K
equal to P J Q in normal form, or with the size of J in place of rank J where J is invertible.
"""

from __future__ import annotations

from sympy import Eq, Le, MatMul

from proofs.language import Implication, Rank
from proofs.rules.inference import Inference, Support, need, of_kind


def check(step: Inference) -> Support:
    """u vᵀ = K ⟹ rank J ≤ 1."""
    antecedent, bound = of_kind(step.conclusion, Implication, "an implication").args
    equation = of_kind(antecedent, Eq, "an implication from an equation u vᵀ = K")
    need(isinstance(bound, Le) and bound.args[1] == 1, "the consequent must be a bound by 1.")
    left, core, right = step.arguments
    algebra = step.algebra()
    outer = equation.lhs
    need(isinstance(outer, MatMul) and len(outer.args) == 2 and outer.args[0].shape[1] == 1, f"{outer} is not a column times a row.")
    for factor in (left, right):
        need(algebra.invertible(factor), f"{factor} is not known to be invertible.")
    need(algebra.same(equation.rhs, MatMul(left, core, right)), f"{equation.rhs} is not the product of the arguments.")
    need(
        bound.args[0] == Rank(core) or (bound.args[0] == core.shape[0] and algebra.invertible(core)),
        f"{bound.args[0]} is not the rank of {core}.",
    )
    return Support(algebra.licensed())
