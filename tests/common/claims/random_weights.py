"""Claims about `random-weights`."""

from __future__ import annotations

from sympy import Ge

from common.mutants import said, without
from common.prompts import GENERAL
from proofs.language import All, Law, PositiveDefinite, at_most, equal, more_than
from proofs.theorems.random_weights import BEST, LEAST, LENGTH, SIZE, SQUARES, STEP_LOSS, TAU, TOTAL, TOTAL_SQUARED
from proofs.theorems.vocabulary import STEP
from theory.notation import D, Sigma, n

PINNED = GENERAL | {Law(D), more_than(SQUARES, 0)}, {"isserlis", "fubini"}, set()

FALSE = {
    "square of the mean": {TOTAL_SQUARED: TOTAL**2},
    "mean of the weights for that of their squares": {SQUARES: TOTAL},
    "sum for its square": {TOTAL_SQUARED: TOTAL},
    "minimum with the squares": {LEAST.args[1]: TAU - SQUARES * (TAU - LEAST.args[1]) / TOTAL},
    "minimum with twice the gain": {LEAST.args[1]: TAU - 2 * (TAU - LEAST.args[1])},
    "longer than the context": said(Ge, at_most),
    "at most n − 1": {n - LENGTH: n - 1 - LENGTH, Ge(n, LENGTH, evaluate=False): Ge(n - 1, LENGTH, evaluate=False)},
    "step free": {All(equal(SIZE, 0), equal(STEP, BEST)): equal(SIZE, 0)},
    "even part free": {All(equal(SIZE, 0), equal(STEP, BEST)): equal(STEP, BEST)},
    "even part twice": {STEP_LOSS: STEP_LOSS + SIZE},
    "weights that are fixed": without(Law(D)),
    "no weights": without(more_than(SQUARES, 0)),
    "any Σ": without(PositiveDefinite(Sigma)),
}
