"""The inverse of an invertible matrix: K K⁻¹ = I, or K⁻¹ K = I.

No more than the definition of the inverse; that K has one must be known. (For a K that is a single symbol, normal forms know it already.)
"""

from __future__ import annotations

from sympy import Eq, Identity, Inverse, MatMul

from proofs.rules.inference import Inference, Support, need, of_kind


def check(step: Inference) -> Support:
    """K K⁻¹ = I or K⁻¹ K = I, K the argument."""
    equation = of_kind(step.conclusion, Eq, "an equation")
    (matrix,) = step.arguments
    algebra = step.algebra()
    need(algebra.invertible(matrix), f"{matrix} is not known to be invertible.")
    need(isinstance(equation.rhs, Identity) and equation.rhs.shape == matrix.shape, "the right-hand side must be the identity.")
    products = [MatMul(matrix, Inverse(matrix)), MatMul(Inverse(matrix), matrix)]
    need(any(algebra.same(equation.lhs, m) for m in products), f"the left-hand side is not {matrix} times its inverse.")
    return Support(algebra.licensed())
