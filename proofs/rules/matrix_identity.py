"""Identity of noncommutative matrix polynomials, possibly modulo equations already proved.

Both sides are multiplied out to sums of words, or of products of closed words, with rational coefficients. If the sums are equal the two
sides are equal for all matrices of every size, since only the ring laws, (KL)ᵀ = LᵀKᵀ, tr KL = tr LK, tr Kᵀ = tr K, the linearity of the
mean, Kᵀ = K for covariances and K K⁻¹ = I for inverses that exist were used.

Modulo equations l_i = r_i (conclusions of premises, or hypotheses of an implication) a step names multipliers, and what is checked is the
plain identity

    left − right = Σ_i P_i (l_i − r_i) Q_i        (scalars: Σ_i tr(P_i (l_i − r_i)), or products)

Each term on the right is 0, so the multipliers need not be trusted. An argument is (i, P) or (i, P, Q), i counting the equations of the
premises in order and then the hypotheses; "T" as a further entry takes the transposed equation. Equations between block matrices are
compared block by block.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sympy import BlockMatrix, Eq, MatMul, Mul, Trace, Transpose

from proofs.algebra import Algebra, plus, scaled
from proofs.blocks import blocks
from proofs.language import conjuncts
from proofs.rules.inference import Inference, Support, minus, need, of_kind, under_hypotheses


def check(step: Inference) -> Support:
    """left = right, modulo the named multiples of known equations."""
    conclusion, hypotheses = under_hypotheses(step.conclusion)
    equations = step.equations + hypotheses
    algebra = step.algebra()
    for part in conjuncts(conclusion):
        equation = of_kind(part, Eq, "an equation")
        left, right = equation.args
        if getattr(left, "is_Matrix", False) and left.has(BlockMatrix) and left.shape != (1, 1):
            pairs = [(a, b) for row, other in zip(blocks(left), blocks(right), strict=True) for a, b in zip(row, other, strict=True)]
            need(not step.arguments, "an equation between block matrices takes no multipliers.")
        else:
            pairs = [(left, right)]
        for a, b in pairs:
            same_kind = getattr(a, "shape", None) == getattr(b, "shape", None)
            equal = same_kind and vanishing(algebra, minus(a, b), equations, step.arguments)
            need(equal, "the two sides have different normal forms.")
    return Support(algebra.licensed())


def vanishing(algebra: Algebra, gap: Any, equations: list[Any], multipliers: Sequence[Any]) -> bool:
    """Whether a scalar or a matrix is the sum of the named multiples of known equations, in normal form."""
    multiples = [_multiple(equations, argument, gap) for argument in multipliers]
    if getattr(gap, "is_Matrix", False):
        matrices = [algebra.matrix(gap), *({w: scaled(p, -1) for w, p in algebra.matrix(m).items()} for m in multiples)]
        words = {word for m in matrices for word in m}
        return all(algebra.vanishes(plus(*(m.get(word, {}) for m in matrices))) for word in words)
    return algebra.vanishes(plus(algebra.scalar(gap), *(scaled(algebra.scalar(m), -1) for m in multiples)))


def _multiple(equations: list[Any], argument: Any, side: Any) -> Any:
    """P (l − r) Q, a scalar or a matrix as the side is."""
    index, *factors = argument
    turned = factors[-1] == "T" if factors else False
    chosen: list[Any] = list(factors[:-1] if turned else factors)
    left, right, *_ = [*chosen, 1, 1]
    need(isinstance(index, int) and 0 <= index < len(equations), f"there is no equation number {index}; there are {len(equations)}.")
    known = equations[index]
    is_matrix, wanted = getattr(known.lhs, "is_Matrix", False), getattr(side, "is_Matrix", False)
    if not is_matrix:
        gap = minus(known.lhs, known.rhs)
        return MatMul(gap, left) if wanted else Mul(left, gap, evaluate=False)
    gap = minus(known.lhs, known.rhs)
    gap = Transpose(gap) if turned else gap
    product = MatMul(*(factor for factor in (left, gap, right) if factor != 1))
    return product if wanted else Trace(product)
