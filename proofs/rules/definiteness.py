"""Positive definite and invertible matrices from others.

K = Σ_i c_i T_iᵀ P_i T_i with c_i ≥ 0 and P_i positive semidefinite is positive semidefinite: xᵀKx = Σ_i c_i (T_i x)ᵀ P_i (T_i x). It is
definite if for one i c_i > 0, P_i is definite and T_i is invertible. That K is this sum is seen in normal form, as it stands or by an
equation of a premise. A definite matrix is invertible, and so is K if P K is definite for
some P (K x = 0 gives P K x = 0). Arguments for (semi)definiteness: (c_i, T_i, P_i) for each term; for Invertible(K): P.
"""

from __future__ import annotations

from sympy import MatAdd, MatMul, Transpose

from proofs.language import Invertible, PositiveDefinite, PositiveSemidefinite
from proofs.rules.inference import Inference, Support, minus, need
from proofs.rules.matrix_identity import vanishing


def check(step: Inference) -> Support:
    """K is positive (semi)definite, or invertible."""
    algebra = step.algebra()
    claim = step.conclusion
    need(
        isinstance(claim, PositiveDefinite | PositiveSemidefinite | Invertible), "the conclusion must say that K is definite or invertible."
    )
    matrix = claim.args[0]
    if isinstance(claim, Invertible):
        (factor,) = step.arguments
        algebra.matrix(MatMul(factor, matrix))
        need(algebra.definite(MatMul(factor, matrix)), f"{factor} times {matrix} is not known to be positive definite.")
        return Support(algebra.licensed())
    for scale, _, inner in step.arguments:
        need(algebra.nonnegative(scale), f"the coefficient {scale} is not known to be ≥ 0.")
        need(algebra.semidefinite(inner), f"{inner} is not known to be positive semidefinite.")
    total = MatAdd(*(MatMul(scale, Transpose(outer), inner, outer) for scale, outer, inner in step.arguments))
    known = [(i, sign) for i, e in enumerate(step.equations) if getattr(e.lhs, "shape", None) == matrix.shape for sign in (1, -1)]
    ways = [(), *((multiplier,) for multiplier in known)]
    need(any(vanishing(algebra, minus(matrix, total), step.equations, way) for way in ways), f"{matrix} is not the sum of the terms.")
    if isinstance(claim, PositiveDefinite):
        strict = [algebra.positive(c) and algebra.invertible(t) and algebra.definite(p) for c, t, p in step.arguments]
        need(any(strict), "no term is known to be positive definite.")
    return Support(algebra.licensed())
