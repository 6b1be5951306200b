"""Claims about `ridge-correlation`."""

from __future__ import annotations

from sympy import Identity, Inverse, Trace

from common.prompts import NOISE, NOISY
from proofs.language import Normal, PositiveDefinite
from proofs.theorems.posterior import PRECISION
from theory.notation import Sigma, W, X, eps, n, sigma2, w

PINNED = (
    {Normal(X, Identity(n), Sigma), Normal(w, W), Normal(eps, NOISE), PositiveDefinite(W), NOISY},
    {"isserlis", "fubini"},
    set(),
)

FALSE = {"tr W for tr ΣW": {Trace(Sigma * W): Trace(W)}, "λ = 2σ²": {PRECISION: X.T * X + 2 * sigma2 * Inverse(W)}}
