"""The mean keeps equations and inequalities.

The first premise (of a conjunction, its first part) l = r or l ≥ r holds for all values of its free symbols, those averaged over
included: an assumption never restricts a symbol that has a law. So it holds between the random variables, at every outcome, and E[l] =
E[r] or E[l] ≥ E[r], given that both means exist, which is checked. The conclusion is that relation between Mean(l; Z…) and Mean(r; Z…),
sides compared in normal form; further premises serve to see that what is inverted can be.
"""

from __future__ import annotations

from typing import Any

from sympy import Eq, Ge

from proofs.language import Mean, conjuncts
from proofs.rules.inference import Inference, Support, need, of_kind


def check(step: Inference) -> Support:
    """Mean(l) = Mean(r), or Mean(l) ≥ Mean(r)."""
    need(bool(step.claims), "the first premise must be the relation.")
    known = next(conjuncts(step.claims[0]))
    need(any(isinstance(known, kind) and isinstance(step.conclusion, kind) for kind in (Eq, Ge)), "both must be equations, or both a ≥ b.")
    left, right = (of_kind(side, Mean, "a relation between two means") for side in step.conclusion.args)
    variables: Any = left.args[1]
    need(variables == right.args[1], "the two means average over different variables.")
    algebra = step.algebra()
    for mean, side in ((left, known.args[0]), (right, known.args[1])):
        need(not getattr(side, "is_Matrix", False) and algebra.same(mean, Mean(side, variables)), f"{mean} is not the mean of {side}.")
    return Support(algebra.licensed())
