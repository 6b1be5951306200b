"""Claims about `preconditioned`."""

from __future__ import annotations

from sympy import Inverse

from common.mutants import without
from common.prompts import PAPER, UNIT, laws
from common.step_sizes import step_sizes
from proofs.language import Normal, PositiveDefinite
from proofs.theorems.paper_step_size import STEP_SIZE
from theory.notation import Sigma, w

PINNED = laws(Sigma, Inverse(Sigma)) | {PositiveDefinite(Sigma)}, {"isserlis", "fubini", "gradient"}, PAPER

FALSE = step_sizes(Inverse(Sigma)) | {
    "Σ for Σ⁻¹": {Inverse(Sigma): Sigma},
    "step without preconditioner": {STEP_SIZE * Inverse(Sigma): STEP_SIZE * UNIT},
    "prior Σ": {Normal(w, Inverse(Sigma)): Normal(w, Sigma)},
    "any Σ": without(PositiveDefinite(Sigma)),
}
