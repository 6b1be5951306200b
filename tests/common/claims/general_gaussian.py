"""Claims about `general-gaussian`."""

from __future__ import annotations

from sympy import Inverse, Trace

from common.mutants import without
from common.prompts import GENERAL, PARTS
from common.zero_blocks import NO_KEYS, NO_LABEL_KEY, NO_LABEL_VALUE, NO_VALUES
from proofs.language import All, Any_, PositiveDefinite, Rank, at_least, at_most, equal, more_than, replaced
from proofs.theorems.vocabulary import OPTIMUM
from theory.notation import Sigma, W, n, omega, sigma2, v_x

SYSTEM = OPTIMUM.system.args[1]
TAU = OPTIMUM.tau.args[1]

PINNED = GENERAL, {"isserlis"}, PARTS

FALSE = {
    "n for n + 1": {SYSTEM: replaced(SYSTEM, {n + 1: n})},
    "n + 2 for n + 1": {SYSTEM: replaced(SYSTEM, {n + 1: n + 2})},
    "σ² dropped": {TAU: Trace(Sigma * W)},
    "tr W for tr ΣW": {TAU: sigma2 + Trace(W)},
    "W Σ transposed": {SYSTEM: replaced(SYSTEM, {(n + 1) * W * Sigma: (n + 1) * Sigma * W})},
    "W on the left": {OPTIMUM.step.args[1]: W * Inverse(OPTIMUM.system)},
    "minimum with twice the gain": {OPTIMUM.loss.args[1]: 2 * OPTIMUM.loss.args[1] - OPTIMUM.tau},
    "labels in the keys never": {Any_(NO_LABEL_VALUE, NO_LABEL_KEY): NO_LABEL_KEY},
    "covariates' values always 0": {Any_(NO_VALUES, NO_KEYS): NO_VALUES},
    "both blocks 0": {Any_(NO_VALUES, NO_KEYS): All(NO_VALUES, NO_KEYS)},
    "unique for rank one too": {more_than(Rank(W), 1): at_least(Rank(W), 1), at_most(Rank(W), 1): at_most(Rank(W), 0)},
    "second family without H": {equal(v_x, Inverse(OPTIMUM.system) * omega): equal(v_x, omega)},
    "all labels may be 0": without(more_than(TAU, 0)),
    "any Σ": without(PositiveDefinite(Sigma)),
}
