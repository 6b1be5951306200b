"""Claims about `in-context-loss`."""

from __future__ import annotations

from common.prompts import laws
from theory.notation import Sigma, W, c, n, sigma2

PINNED = laws(Sigma, W), {"isserlis"}, set()

FALSE = {"n + 1 for n": {n**2: (n + 1) ** 2}, "σ⁴ for σ²": {sigma2**2: sigma2}, "c for Σc": {c.T * Sigma * c: c.T * c}}
