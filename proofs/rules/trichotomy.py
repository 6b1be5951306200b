"""Of two real numbers a and b exactly one of a > b, a = b and a < b holds.

In the form that `logic` lacks, which takes relations as they stand: a > b ⟺ (a ≥ b and a ≠ b). No arguments.
"""

from __future__ import annotations

from typing import Any

from sympy import Ge, Gt, Ne

from proofs.language import All, Equivalence
from proofs.rules.inference import Inference, Support, need, of_kind


def check(step: Inference) -> Support:
    """a > b ⟺ (a ≥ b and a ≠ b)."""
    left, right = of_kind(step.conclusion, Equivalence, "a > b ⟺ (a ≥ b and a ≠ b)").args
    parts: tuple[Any, ...] = right.args if isinstance(right, All) else ()
    shape = isinstance(left, Gt) and len(parts) == 2 and isinstance(parts[0], Ge) and isinstance(parts[1], Ne)
    need(shape and left.args == parts[0].args == parts[1].args, "the conclusion must be a > b ⟺ (a ≥ b and a ≠ b).")
    algebra = step.algebra()
    for side in left.args:
        algebra.scalar(side)  # both exist
    return Support(algebra.licensed())
