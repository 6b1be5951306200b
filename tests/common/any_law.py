"""What is false of the theorems about prompts of any law."""

from __future__ import annotations

from sympy import Ge, Trace

from common.mutants import said, without
from proofs.language import All, at_most, equal
from proofs.theorems.every_law import SIZE
from proofs.theorems.vocabulary import ANY_LAW, STEP
from theory.notation import M_1, M_2, A, B_star, Sigma


def of_any_law(symmetry, even=SIZE):
    """What is false of a theorem about prompts of any law, under a symmetry, with this size of the even part."""
    parts = equal(even, 0), equal(M_2 * STEP * Sigma, M_1)
    return {
        "even part free": {All(*parts): parts[1]},
        "odd part free": {All(*parts): parts[0]},
        "never worse": said(Ge, at_most),
        "attained with twice the step": {equal(A, B_star): equal(A, 2 * B_star)},
        "any B*": without(ANY_LAW[5]),
        "minimum with M₂": {Trace(M_1 * B_star.T): Trace(M_2 * B_star.T)},
        "no symmetry": without(symmetry),
    }
