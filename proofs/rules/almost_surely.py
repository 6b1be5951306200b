"""What vanishes almost surely.

If E[tr PᵀP] = 0 then P = 0 almost surely, so PᵀQ = 0 almost surely and E[tr PᵀQ] = 0 for every Q of the same shape, the mean over the
same variables; for scalars: if E[P²] = 0 then E[P Q] = 0. Arguments: P, Q. The conclusion is that implication.
"""

from __future__ import annotations

from typing import Any

from sympy import Eq, MatMul, Mul, Trace, Transpose

from proofs.language import Implication, Mean
from proofs.rules.inference import Inference, Support, need, of_kind


def check(step: Inference) -> Support:
    """E[tr PᵀP] = 0 ⟹ E[tr PᵀQ] = 0."""
    parts = of_kind(step.conclusion, Implication, "an implication").args
    need(all(isinstance(part, Eq) and isinstance(part.lhs, Mean) and part.rhs == 0 for part in parts), "both parts must be E[…] = 0.")
    (square, product), (p, q) = (part.lhs for part in parts), step.arguments
    need(square.args[1] == product.args[1], "the two means average over different variables.")
    algebra = step.algebra()
    for mean, factor in ((square, p), (product, q)):
        need(algebra.same(mean, Mean(_inner(p, factor), *mean.args[1])), f"{mean} is not the mean of {p} times {factor}.")
    return Support(algebra.licensed())


def _inner(p: Any, q: Any) -> Any:
    return Trace(MatMul(Transpose(p), q)) if getattr(p, "is_Matrix", False) else Mul(p, q, evaluate=False)
