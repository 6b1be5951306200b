"""Trace inequality for positive semidefinite factors, with its equality case.

For P = S², Q = T² positive semidefinite (S, T their symmetric square roots), tr(P Dᵀ Q D) = ‖T D S‖_F² ≥ 0. It is 0 iff T D S = 0 iff Q D
P = 0 (multiply by T and S; conversely ‖TDS‖² = tr(Dᵀ Q D P)). A definite factor is invertible and drops out of Q D P = 0.

Arguments (P, D, Q). The conclusion is tr(…) ≥ 0, or (tr(…) = 0 ⟺ K = 0) with K = Q D P, definite factors dropped or not.
"""

from __future__ import annotations

from itertools import product
from typing import Any

from sympy import Eq, Ge, Identity, MatMul, Trace, Transpose

from proofs.language import Equivalence
from proofs.rules.inference import Inference, Support, minus, need


def check(step: Inference) -> Support:
    """tr(P Dᵀ Q D) ≥ 0, or when it is 0."""
    need(len(step.arguments) == 3, "the arguments must be P, D and Q.")
    p, d, q = step.arguments
    algebra = step.algebra()
    for name, matrix in (("P", p), ("Q", q)):
        need(algebra.semidefinite(matrix), f"{name} = {matrix} is not known to be positive semidefinite.")
    trace = Trace(MatMul(p, Transpose(d), q, d))
    if isinstance(step.conclusion, Ge):
        need(step.conclusion.args[1] == 0, "the right-hand side must be 0.")
        claimed = step.conclusion.args[0]
    else:
        need(isinstance(step.conclusion, Equivalence), "the conclusion must be tr(…) ≥ 0, or (tr(…) = 0 ⟺ K = 0).")
        left, right = step.conclusion.args
        need(isinstance(left, Eq) and isinstance(right, Eq) and left.rhs == 0, "both parts must be equations with 0.")
        claimed = left.lhs
        need(
            any(algebra.same(minus(right.lhs, right.rhs), k) for k in _kernels(algebra, p, d, q)),
            f"{right} is not the equality case Q D P = 0.",
        )
    need(algebra.same(claimed, trace), f"{claimed} is not the trace of P Dᵀ Q D.")
    return Support(algebra.licensed())


def _kernels(algebra: Any, p: Any, d: Any, q: Any) -> list[Any]:
    """The matrices that are 0 exactly where Q D P is: with and without the definite factors, and their transposes."""
    lefts = [q, Identity(q.shape[0])] if algebra.definite(q) else [q]
    rights = [p, Identity(p.shape[0])] if algebra.definite(p) else [p]
    straight = [MatMul(a, d, b) for a, b in product(lefts, rights)]
    return list(straight) + [Transpose(m) for m in straight if m.shape[0] == m.shape[1]]
