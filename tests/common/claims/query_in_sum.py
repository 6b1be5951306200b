"""Claims about `query-in-sum`."""

from __future__ import annotations

from sympy import Ge, Trace

from common.mutants import said, without
from common.prompts import GENERAL, MINIMISERS, SIGNAL
from proofs.language import All, Any_, PositiveDefinite, at_most, equal, replaced
from proofs.theorems.query_in_sum import ABOUT_MEAN, COST, TERM
from proofs.theorems.vocabulary import LOSS, OPTIMUM, STEP
from theory.notation import A, Sigma, c, n, v_x, v_y

PINNED = GENERAL, {"isserlis"}, MINIMISERS
KEYS, LABELS = Any_(equal(v_x, 0), equal(A, 0)), Any_(equal(v_y, 0), equal(c, 0))
FLUCTUATION = Trace(v_x.T * Sigma * A * Sigma * A.T * Sigma * v_x)


def costing(cost):
    """Another difference of the two losses."""
    return {LOSS + COST: LOSS + cost}


FALSE = {
    "cost without the square of tr(AΣ)": {Trace(A * Sigma) ** 2: 0},
    "cost without the labels": costing(replaced(COST, {OPTIMUM.tau: 0})),
    "no cost": costing(0 * COST),
    "cost with n + 1": costing(replaced(COST, {n: n + 1})),
    "half of it": costing(COST / 2),
    "v_y with the other sign in it": costing(replaced(COST, {v_y: -v_y})),
    "term subtracted": {TERM: -TERM},
    "never worse": said(Ge, at_most),
    "even part vanishes with v_x = 0 alone": {All(KEYS, LABELS): equal(v_x, 0)},
    "even part vanishes for any labels": {All(KEYS, LABELS): KEYS},
    "fluctuation of the context not counted": {n * FLUCTUATION: 0},
    "twice the mean over the context": {ABOUT_MEAN: 2 * ABOUT_MEAN},
    "minimum at twice the step": {equal(STEP, OPTIMUM.step): equal(STEP, 2 * OPTIMUM.step)},
    "τ may be 0": without(SIGNAL),
    "any Σ": without(PositiveDefinite(Sigma)),
}
