"""Claims about `posterior`."""

from __future__ import annotations

from sympy import Identity

from common.prompts import NOISE, NOISY, laws
from proofs.language import Normal, PositiveDefinite
from proofs.theorems import load
from proofs.theorems.posterior import R
from theory.notation import Sigma, W, X, eps, eps_q, n, r, sigma2, w, y_tilde

PINNED = (
    {
        *(fact for fact in laws(Sigma, W) if fact.args[0] in (w, eps, eps_q)),
        Normal(r, sigma2 * load("posterior").given[3].args[1].args[1]),
        Normal(y_tilde, X * W * X.T + NOISE),
        PositiveDefinite(W),
        NOISY,
    },
    set(),
    set(),
)

FALSE = {
    "covariance R": {sigma2 * R: R},
    "no noise in ỹ": {X * W * X.T + sigma2 * Identity(n): X * W * X.T},
}
