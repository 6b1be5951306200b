"""Claims about `stationary-points`."""

from __future__ import annotations

from common.prompts import UNIT, laws
from proofs.language import Named, Normal
from proofs.theorems.stationary_points import NUMBERS
from theory.notation import Sigma, alpha, beta, d, delta, gamma, n, p, q, sigma2, tau, x_q

PINNED = laws(UNIT, UNIT), {"isserlis"}, {"layer-landscape", "turning-points"}


def coefficient(symbol, value):
    """Another value of one of the six coefficients."""
    return {NUMBERS[symbol]: Named(NUMBERS[symbol].args[0].name, value)}


FALSE = {
    "p with n + d + 2": coefficient(p, n * (n + d + 2 + sigma2)),
    "q = n + 1": coefficient(q, n + 1),
    "α = n(n + 2)": coefficient(alpha, n * (n + 2)),
    "β = 2n": coefficient(beta, 2 * n),
    "γ with nτ + 1": coefficient(gamma, n * (n * (d + sigma2) + 1)),
    "δ with n + 1": coefficient(delta, n * (n + 1) * ((d + sigma2) ** 2 + 2 * d)),
    "δ with d for 2d": coefficient(delta, n * (n + 2) * ((d + sigma2) ** 2 + d)),
    "δ of the mean square": coefficient(delta, n * (n + 2) * (d + sigma2) ** 2),
    "τ without σ²": coefficient(tau, d),
    "any covariance": {Normal(x_q, UNIT): Normal(x_q, Sigma)},
}
