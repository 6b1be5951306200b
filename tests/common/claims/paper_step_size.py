"""Claims about `paper-step-size`."""

from __future__ import annotations

from sympy import Identity, Inverse

from common.mutants import without
from common.prompts import NOISE, NOISY, UNIT
from common.step_sizes import ETA
from proofs.language import Normal, PositiveDefinite, more_than
from proofs.theorems.paper_step_size import length
from theory.notation import Sigma, X, d, eps, n, sigma2, w

PINNED = (
    {Normal(X, Identity(n), Sigma), Normal(w, Inverse(Sigma)), Normal(eps, NOISE), PositiveDefinite(Sigma), NOISY},
    {"isserlis", "fubini"},
    {"ridge-correlation"},
)

FALSE = {
    "η with n + d": {ETA: 1 / (n + d + sigma2)},
    "ridge with Σ⁻¹ for Σ": {sigma2 * Sigma: sigma2 * Inverse(Sigma)},
    "denominator without Σ⁻¹": {length(Inverse(Sigma)): length(UNIT)},
    "numerator nd²": {n * d: n * d**2},
    "no noise": without(more_than(sigma2, 0)),
}
