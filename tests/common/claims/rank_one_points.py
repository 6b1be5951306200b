"""Claims about `rank-one-points`."""

from __future__ import annotations

from common.mutants import without
from common.prompts import SIGNAL, laws
from proofs.language import All, more_than
from proofs.theorems.rank_one_points import (
    ACROSS,
    ALONG,
    BEST,
    CROSS,
    FOURTH,
    LEAST,
    LENGTH,
    LEVEL,
    OFF,
    PIVOT,
    SQUARE,
    SWAPPED,
    TAU,
    TURN,
    VALUE,
)
from theory.notation import Sigma, W, lambda_2, n, t, xi_1

PINNED = laws(Sigma, W) | {SIGNAL, *ALONG}, {"isserlis"}, {"in-context-loss"}

FALSE = {
    "a gain": {LEVEL: TAU + n * VALUE * BEST},
    "step of a longer context": {BEST: BEST.func("b_1", VALUE / (PIVOT + VALUE))},
    "step of an eigenvector without noise": {BEST: BEST.func("b_1", 1 / (n + 1))},
    "labels of half the signal": {TAU**2 + 2 * SQUARE: TAU**2 + SQUARE},
    "forms of one token": {CROSS: n * TAU + VALUE},
    "s₁ with the sign of the other eigenvalues": {LEAST: LEAST.func("s_1", LEAST.args[1] + 2 * (n + 2) * (SQUARE - VALUE**2))},
    "best direction W": {OFF: OFF.func("E_A", (n + 2) * (OFF.args[1].args[0].args[1]))},
    "rises where s₂ < 0": {more_than(0, TURN + t**2 * FOURTH): more_than(TURN + t**2 * FOURTH, 0)},
    "falls towards a smaller eigenvalue": {lambda_2 - VALUE: VALUE - lambda_2},
    "falls by half": {2 - (n + 1) * BEST: 1 - (n + 1) * BEST},
    "an eigenvector of another length": {LENGTH: 2 * LENGTH},
    "towards any other eigenvector": {SWAPPED: All(*SWAPPED.args[:-1])},
    "towards any vector": {SWAPPED: All(*SWAPPED.args[:-2], ACROSS[1])},
    "along any vector": without(ALONG[0]),
    "along an eigenvector of W": {W * Sigma * xi_1: W * xi_1},
    "of any length": without(ALONG[1]),
    "no signal": without(SIGNAL),
}
