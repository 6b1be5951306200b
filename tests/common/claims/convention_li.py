"""Claims about `convention-li`."""

from __future__ import annotations

from sympy import Ge, Identity, Inverse, Trace

from common.mutants import said, without
from common.prompts import laws
from proofs.language import PositiveDefinite, at_most, equal
from proofs.theorems.convention_li import BEST, LEAST, MOMENT, PREDICTION, SYSTEM, VARIANCE, WHITENED
from proofs.theorems.vocabulary import LABEL
from theory.notation import R_x, Sigma_beta, W_a, X, d, n, sigma2, x_q

UNIT = Identity(d)

PINNED = (laws(R_x * R_x, Sigma_beta) | {PositiveDefinite(R_x), PositiveDefinite(Sigma_beta)}, {"isserlis"}, {"one-step-loss"})

FALSE = {
    "n for n + 1": {SYSTEM: n * UNIT + VARIANCE * Inverse(WHITENED)},
    "n + 2 for n + 1": {SYSTEM: (n + 2) * UNIT + VARIANCE * Inverse(WHITENED)},
    "A for A⁻¹": {SYSTEM: (n + 1) * UNIT + VARIANCE * WHITENED},
    "M without the noise": {VARIANCE.args[1]: Trace(WHITENED)},
    "M without the signal": {VARIANCE.args[1]: sigma2},
    "A without a root": {WHITENED.args[1]: R_x * Sigma_beta},
    "A with the covariance for its root": {WHITENED.args[1]: R_x * R_x * Sigma_beta * R_x * R_x},
    "the mean for the sum": {PREDICTION.args[1]: Trace(x_q.T * W_a * X.T * LABEL) / n},
    "W* without a root": {BEST.args[1]: Inverse(R_x) * Inverse(SYSTEM)},
    "W* in whitened coordinates": {BEST.args[1]: Inverse(SYSTEM)},
    "minimum without n": {LEAST.args[1]: VARIANCE - Trace(WHITENED * Inverse(SYSTEM))},
    "minimum with + for −": {LEAST.args[1]: VARIANCE + n * Trace(WHITENED * Inverse(SYSTEM))},
    "minimum with A twice": {LEAST.args[1]: VARIANCE - n * Trace(WHITENED * WHITENED * Inverse(SYSTEM))},
    "excess with n for n + 1": {MOMENT: R_x * (n * WHITENED + VARIANCE * UNIT) * R_x},
    "the minimiser up to scale": {equal(W_a, BEST): equal(2 * W_a, BEST)},
    "never worse": said(Ge, at_most),
    "any root": without(PositiveDefinite(R_x)),
    "any prior": without(PositiveDefinite(Sigma_beta)),
}
