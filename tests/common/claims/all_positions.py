"""Claims about `all-positions`."""

from __future__ import annotations

from sympy import Ge, Rational, Trace

from common.mutants import said, without
from common.prompts import GENERAL, SIGNAL
from proofs.language import PositiveDefinite, at_most, equal, replaced, substitute
from proofs.theorems.all_positions import BEFORE, BEST, LEAST, LENGTH, STEP_SIZE_HERE, TOTAL
from proofs.theorems.paper_step_size import STEP_SIZE
from theory.notation import B, Sigma, W, n

PINNED = GENERAL, {"isserlis"}, set()

FALSE = {
    "half the context": {LENGTH: substitute(LENGTH, {n: n / 2})},
    "the mean length": {LENGTH: replaced(LENGTH, {LENGTH.args[1]: (n + 1) / 2})},
    "length (2n + 2)/3": {LENGTH: replaced(LENGTH, {LENGTH.args[1]: 2 * (n + 1) / 3})},
    "length n": {LENGTH: replaced(LENGTH, {LENGTH.args[1]: n + 0 * n})},
    "sum to n + 1": {TOTAL: substitute(TOTAL, {n: n + 1})},
    "differences of two": {BEFORE: substitute(BEFORE, {n: n - 1})},
    "average over n + 1": {TOTAL / n: TOTAL / (n + 1)},
    "a smaller step": {STEP_SIZE_HERE: STEP_SIZE, STEP_SIZE: STEP_SIZE_HERE},
    "never better": said(Ge, at_most),
    "same step for n = 2": {equal(n, 1): equal(n, 2)},
    "half the minimum's gain": {
        LEAST: replaced(LEAST, {Trace(BEST * Sigma * W * Sigma): Rational(1, 2) * Trace(BEST * Sigma * W * Sigma)})
    },
    "twice the step": {equal(B, BEST): equal(B, 2 * BEST)},
    "any Σ": without(PositiveDefinite(Sigma)),
    "no signal": without(SIGNAL),
}
