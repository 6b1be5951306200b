"""Claims about `best-step`."""

from __future__ import annotations

from sympy import Ge, Inverse, Trace

from common.mutants import said, without
from common.prompts import ANY_LAW
from proofs.language import at_most
from proofs.theorems import vocabulary
from theory.notation import M_1, M_2, B, B_star, Sigma

PINNED = ANY_LAW, set(), set()

FALSE = {
    "minimum with M₂": {Trace(M_1 * B_star.T): Trace(M_2 * B_star.T)},
    "minimum with twice the gain": {vocabulary.ANY_LEAST.args[1]: vocabulary.ANY_LEAST.args[1] - Trace(M_1 * B_star.T)},
    "normal equations without Σ": {M_2 * B * Sigma: M_2 * B},
    "normal equations transposed": {M_2 * B * Sigma: Sigma * B * M_2},
    "B* inverted on the other side": {Inverse(M_2) * M_1 * Inverse(Sigma): Inverse(Sigma) * M_1 * Inverse(M_2)},
    "never above": said(Ge, at_most),
    "query depends on the context": without(vocabulary.ANY_LAW[1]),
    "any B*": without(vocabulary.ANY_LAW[5]),
    "any M₂": without(vocabulary.ANY_LAW[3]),
}
