"""Claims about `turning-points`."""

from __future__ import annotations

from common.claims.layer_landscape import REGULAR
from common.mutants import inside, without
from proofs.language import more_than
from proofs.theorems import layer_landscape as layer
from proofs.theorems import turning_points as turning
from theory.notation import alpha, beta, d, delta, gamma, p, q, rho_1, rho_2

PINNED = REGULAR, set(), set()

FALSE = {
    "Δ = εδ + γ²": {layer.MARGIN.args[1]: (alpha + beta) * delta + gamma**2},
    "J with ρ₁² for ρ₁ρ₂": {turning.BETWEEN.args[1]: turning.turning(rho_1, rho_1, turning.ONE, turning.TWO)},
    "J with −δ": inside(turning.BETWEEN, -delta, delta),
    "J with d for d − 1": inside(turning.BETWEEN, d - 1, d),
    "falls where J > 0": {more_than(turning.TWO.loss, turning.ONE.loss): more_than(turning.ONE.loss, turning.TWO.loss)},
    "rises iff J > 0 in either order": {rho_2 - rho_1: rho_1 - rho_2},
    "J₁ > 0 up to √(δ/α)": {more_than(delta, turning.EPSILON * rho_1**2): more_than(delta, alpha * rho_1**2)},
    "gap with d for d − 1": {(d - 1) * beta * rho_1 / turning.ONE.P: d * beta * rho_1 / turning.ONE.P},
    "always above less": {more_than(turning.ONE.loss, layer.LOWEST): more_than(layer.LOWEST, turning.ONE.loss)},
    "J_∞ with d for d − 1": inside(turning.FAR, d - 1, d),
    "J_∞ with 2βΔ": {turning.FAR.args[1]: turning.FAR.args[1] - beta * layer.MARGIN},
    "bound with γ for 2γ": {turning.EPSILON * rho_1 - 2 * gamma: turning.EPSILON * rho_1 - gamma},
    "bound at every ratio": {more_than(turning.EPSILON * rho_1, 2 * gamma): more_than(turning.EPSILON * rho_1, gamma)},
    "gain of one direction doubled": {q**2 / p: 2 * q**2 / p},
    "any Δ": without(*layer.GIVEN),
}
