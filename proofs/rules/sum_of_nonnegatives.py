"""A quantity written as its minimum plus nonnegative terms.

If L = m + Σ_i c_i s_i with c_i > 0 and s_i ≥ 0, then L ≥ m, and L = m iff every s_i = 0: a sum of nonnegative numbers is 0 only if each
is. Arguments: one (c_i, s_i) for each term. The equation is checked in normal form, as it stands or by the premises' equations (each used
once, as it stands). The conclusion is L ≥ m, or (L = m ⟺ s_1 = 0 and … and s_k = 0), or both.
"""

from __future__ import annotations

from typing import Any

from sympy import Add, Eq, Ge, Mul

from proofs.algebra import plus, scaled
from proofs.language import Equivalence, conjuncts
from proofs.rules.inference import Inference, Support, need


def check(step: Inference) -> Support:
    """L ≥ m, and when it is an equality."""
    terms = step.arguments
    algebra = step.algebra()
    for scale, term in terms:
        need(algebra.positive(scale), f"the coefficient {scale} is not known to be > 0.")
        need(algebra.nonnegative(term), f"the term {term} is not known to be ≥ 0.")
    total = Add(*(Mul(scale, term, evaluate=False) for scale, term in terms), evaluate=False)
    parts = list(conjuncts(step.conclusion))
    sides = {_sides(part) for part in parts}
    need(len(sides) == 1 and len(parts) <= 2, "the conclusion must be about one quantity and one minimum.")
    larger, smaller = sides.pop()
    gap = plus(*(scaled(algebra.scalar(side), sign) for side, sign in ((larger, 1), (smaller, -1), (total, -1))))
    known = [equation for equation in step.equations if not getattr(equation.lhs, "is_Matrix", False)]
    gaps = [plus(algebra.scalar(e.lhs), scaled(algebra.scalar(e.rhs), -1)) for e in known]
    granted = [gap, *(plus(gap, scaled(g, sign)) for g in gaps for sign in (1, -1))]
    need(any(map(algebra.vanishes, granted)), f"{larger} is not known to be {smaller} plus the terms.")
    for part in parts:
        if isinstance(part, Equivalence):
            zeros = list(conjuncts(part.args[1]))
            need(
                len(zeros) == len(terms)
                and all(isinstance(z, Eq) and z.rhs == 0 and z.lhs == t for z, (_, t) in zip(zeros, terms, strict=True)),
                "the equality case must be that every term is 0, in order.",
            )
    return Support(algebra.licensed())


def _sides(part: Any) -> tuple[Any, Any]:
    relation = part.args[0] if isinstance(part, Equivalence) else part
    need(isinstance(relation, Eq if isinstance(part, Equivalence) else Ge), "the conclusion must be L ≥ m, or an equality case L = m ⟺ ….")
    return relation.args[0], relation.args[1]
