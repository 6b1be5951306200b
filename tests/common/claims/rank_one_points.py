"""Claims about `rank-one-points`."""

from __future__ import annotations

from common.mutants import without
from common.prompts import SIGNAL, laws
from proofs.language import All, more_than
from proofs.theorems.rank_one_points import (
    ALONG,
    BEST,
    FOURTH,
    LEVEL,
    OFF,
    PIVOT,
    SQUARE,
    SWAPPED,
    TAU,
    TURN,
    VALUE,
)
from theory.notation import H_A, Sigma, W, lambda_2, n, t, xi_1

PINNED = laws(Sigma, W) | {SIGNAL, *ALONG}, {"isserlis"}, {"in-context-loss"}

FALSE = {
    "a gain": {LEVEL: TAU + n * VALUE * BEST},
    "step of a longer context": {BEST: BEST.func("b_1", VALUE / (PIVOT + VALUE))},
    "labels of half the signal": {TAU**2 + 2 * SQUARE: TAU**2 + SQUARE},
    "best direction W": {OFF: OFF.func("E_A", (n + 2) * (H_A - W))},
    "rises where s₂ < 0": {more_than(0, TURN + t**2 * FOURTH): more_than(TURN + t**2 * FOURTH, 0)},
    "falls towards a smaller eigenvalue": {lambda_2 - VALUE: VALUE - lambda_2},
    "falls by half": {2 - (n + 1) * BEST: 1 - (n + 1) * BEST},
    "towards any other eigenvector": {SWAPPED: All(*SWAPPED.args[:-1])},
    "along any vector": without(ALONG[0]),
    "along an eigenvector of W": {W * Sigma * xi_1: W * xi_1},
    "of any length": without(ALONG[1]),
    "no signal": without(SIGNAL),
}
