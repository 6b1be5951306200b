"""A rotation that keeps the joint law.

For an orthogonal Q, Z Q has the law of Z for a Gaussian matrix Z whose column covariance is a multiple of I, independently of all others;
for the matrices of a Law it is assumed which are rotated together (all of them that the mean averages over). So E[P] = E[P after the
rotation]. If a square matrix P becomes QᵀPQ, then K = E[P] satisfies QK = KQ for every orthogonal Q, and is a multiple of I: reflections,
Q = I − 2eeᵀ with ‖e‖ = 1, give eeᵀK = Keeᵀ, so every e is an eigenvector of K, and then all eigenvalues are equal. Its trace says which:
E[P] = (E[tr P] / d) I. The first argument is Q, a new square symbol for E[P] and an orthogonal one for scalars, and the others what is
multiplied by it from the right: matrices, or transposes of those that become QᵀZ.
"""

from __future__ import annotations

from typing import Any

from sympy import Eq, Identity, MatMul, MatrixSymbol, Trace, Transpose

from proofs.algebra import Algebra
from proofs.language import Expectation, Mean, Orthogonal, RotationInvariant, replaced, symbols_of
from proofs.rules.inference import Inference, Support, need, of_kind


def check(step: Inference) -> Support:
    """Expectation(P) = (Mean(tr P) / d) I, or Mean(P) = Mean(P after the rotation)."""
    equation = of_kind(step.conclusion, Eq, "an equation")
    mean: Any = equation.lhs
    need(isinstance(mean, Mean | Expectation), "the left-hand side must be a mean.")
    integrand, variables = mean.args
    rotation, *rotated = step.arguments
    need(isinstance(rotation, MatrixSymbol), "Q must be a symbol.")
    given = step.algebra()
    _check_group(given, rotated, set(variables))
    turned = {_symbol(z): isinstance(z, Transpose) for z in rotated}
    after = replaced(integrand, {z: MatMul(rotation.T, z) if left else MatMul(z, rotation) for z, left in turned.items()})
    if isinstance(mean, Mean):
        need(Orthogonal(rotation) in given.facts and rotation not in variables, f"{rotation} is not known to be orthogonal.")
        need(given.same(equation.rhs, Mean(after, *variables)), "the right-hand side is not the mean after the rotation.")
        given.scalar(mean)
        return Support(given.licensed())
    size = integrand.shape[0]
    need(rotation.name not in symbols_of(step.conclusion, *step.given, *step.claims), f"{rotation} must be a new symbol.")
    need(rotation.shape == integrand.shape == (size, size), "the mean must be that of a square matrix, of the size of Q.")
    algebra = Algebra((*step.given, *step.claims, Orthogonal(rotation)))
    need(algebra.same(after, MatMul(rotation.T, integrand, rotation)), "the matrix P does not become QᵀPQ.")
    need(given.same(equation.rhs, Mean(Trace(integrand), *variables) / size * Identity(size)), "the right-hand side is not (E tr P / d) I.")
    given.matrix(mean)
    return Support(given.licensed())


def _check_group(algebra: Algebra, rotated: list[Any], variables: set[Any]) -> None:
    """Refuse what is not known to keep its joint law."""
    symbols = set(map(_symbol, rotated))
    need(
        bool(symbols) and symbols <= variables and len(symbols) == len(rotated), "only matrices that the mean averages over can be rotated."
    )
    for z in rotated:
        if _symbol(z) in algebra.laws:
            rows, columns = algebra.covariances(_symbol(z))
            turned = algebra.matrix(rows if isinstance(z, Transpose) else columns)
            need(turned.keys() <= {()}, f"the law of {_symbol(z)} is not known to be invariant.")
    for block in {algebra.blocks[z] for z in variables if z in algebra.blocks}:
        own = {z for z in rotated if _symbol(z) in block}
        averaged = set(block) & variables
        groups = [fact.args for fact in algebra.facts if isinstance(fact, RotationInvariant)]
        allowed = [{z for z in group if _symbol(z) in averaged} for group in groups]
        need(own in [set(), *allowed], f"it is not assumed that {', '.join(sorted(map(str, own)))} can be rotated and nothing else.")


def _symbol(rotated: Any) -> Any:
    return rotated.args[0] if isinstance(rotated, Transpose) else rotated
