"""Claims about `risk-under-length-shift`."""

from __future__ import annotations

from common.mutants import without_hypothesis
from common.prompts import MINIMISERS, UNIT, laws, laws_at_test
from common.step_sizes import ETA, sigma
from proofs.theorems.risk_under_length_shift import STEP_SIZE_THERE
from theory.notation import d, n, n_test, sigma2_test

PINNED = laws(UNIT, UNIT) | laws_at_test(UNIT, UNIT), {"isserlis"}, MINIMISERS | {"risk-under-shift"}

FALSE = {
    "η_t with n": {STEP_SIZE_THERE.args[1]: 1 / (n + d + 1 + sigma2_test)},
    "n + d for n + d + 1": {n_test + d + 1 + sigma2_test: n_test + d + sigma2_test},
    "η with σ for σ²": {ETA: 1 / (n + d + 1 + sigma)},
    "for every layer": without_hypothesis,
}
