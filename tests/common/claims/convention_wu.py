"""Claims about `convention-wu`."""

from __future__ import annotations

from sympy import Ge, Identity, Symbol, Trace

from common.mutants import said, without
from common.prompts import laws
from proofs.language import PositiveDefinite, at_most, equal
from proofs.theorems.convention_wu import BEST, LEAST, MOMENT, PREDICTION, SYSTEM
from proofs.theorems.vocabulary import LABEL
from theory.notation import Gamma, H, X, d, n, psi2, sigma2, x_q

UNIT = Identity(d)
SPREAD = (Trace(H) + sigma2 / psi2) / n * UNIT
DEVIATION = Gamma - BEST

PINNED = laws(H, psi2 * UNIT) | {PositiveDefinite(H)}, {"isserlis"}, {"one-step-loss"}

FALSE = {
    "n for n + 1": {SYSTEM: SPREAD + H},
    "n + 2 for n + 1": {SYSTEM: SPREAD + (n + 2) / n * H},
    "σ² without ψ²": {SYSTEM: (Trace(H) + sigma2) / n * UNIT + (n + 1) / n * H},
    "σ² ψ² for σ² / ψ²": {SYSTEM: (Trace(H) + sigma2 * psi2) / n * UNIT + (n + 1) / n * H},
    "σ for σ²": {SYSTEM: (Trace(H) + Symbol("sigma", nonnegative=True) / psi2) / n * UNIT + (n + 1) / n * H},
    "no trace": {SYSTEM: sigma2 / psi2 / n * UNIT + (n + 1) / n * H},
    "of the sum": {SYSTEM: (Trace(H) + sigma2 / psi2) * UNIT + (n + 1) * H},
    "the sum for the mean": {PREDICTION.args[1]: Trace(x_q.T * Gamma * X.T * LABEL)},
    "H̃ without ψ²": {MOMENT.args[1]: H * SYSTEM},
    "H̃ with n for n + 1": {MOMENT.args[1]: H * ((psi2 * Trace(H) + sigma2) / n * UNIT + psi2 * H)},
    "excess without H": {Trace(H * DEVIATION * MOMENT * DEVIATION.T): Trace(DEVIATION * MOMENT * DEVIATION.T)},
    "twice the excess": {
        Trace(H * DEVIATION * MOMENT * DEVIATION.T): 2 * Trace(H * DEVIATION * MOMENT * DEVIATION.T),
    },
    "minimum without the signal": {LEAST.args[1]: sigma2},
    "minimum with + for −": {LEAST.args[1]: sigma2 + psi2 * Trace(H) + psi2 * Trace(H * BEST * H)},
    "the minimiser up to scale": {equal(Gamma, BEST): equal(2 * Gamma, BEST)},
    "never worse": said(Ge, at_most),
    "any covariance": without(PositiveDefinite(H)),
    "another prior": lambda theorem: theorem.restate(
        given=tuple(fact for fact in theorem.given if fact not in laws(H, psi2 * UNIT)) + tuple(laws(H, UNIT))
    ),
}
