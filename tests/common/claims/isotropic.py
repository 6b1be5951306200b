"""Claims about `isotropic`."""

from __future__ import annotations

from common.prompts import PAPER, UNIT, laws
from common.step_sizes import step_sizes
from proofs.theorems.paper_step_size import correlation, length

PINNED = laws(UNIT, UNIT), {"isserlis", "fubini", "gradient"}, PAPER

FALSE = step_sizes(UNIT) | {"ratio upside down": {correlation(UNIT): length(UNIT), length(UNIT): correlation(UNIT)}}
