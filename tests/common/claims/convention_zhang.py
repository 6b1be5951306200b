"""Claims about `convention-zhang`."""

from __future__ import annotations

from sympy import Ge, Identity, Inverse, Trace

from common.mutants import said, without
from common.prompts import MINIMISERS, laws
from proofs.language import All, PositiveDefinite, at_most, equal
from proofs.theorems.convention_layer import E, preconditioner
from proofs.theorems.convention_zhang import AFTER, BALANCED, LIMIT, MINIMAL, NO_LABEL_KEY, PREDICTION, ROW, STEP_IS_BEST, W_KQ, W_PV
from theory.notation import KQ_11, PV_12, PV_22, Lambda, d, n, s, sigma2

GAMMA = preconditioner(Lambda).args[1]
SPREAD = (Trace(Lambda) + sigma2) / n * Identity(d)
BEST = Inverse(preconditioner(Lambda))

PINNED = laws(Lambda, Identity(d)) | {PositiveDefinite(Lambda)}, {"isserlis"}, MINIMISERS

FALSE = {
    "Γ with 1 − 1/n": {GAMMA: (n - 1) / n * Lambda + SPREAD},
    "Γ without 1/n": {GAMMA: Lambda + SPREAD},
    "Γ with the trace undivided": {GAMMA: (n + 1) / n * Lambda + (Trace(Lambda) + sigma2 / n) * Identity(d)},
    "Γ without the noise": {GAMMA: (n + 1) / n * Lambda + Trace(Lambda) / n * Identity(d)},
    "minus the label slot": {PREDICTION.args[1]: -PREDICTION.args[1]},
    "divided by n + 1": {AFTER.args[1]: E + 1 / (n + 1) * W_PV * E * E.T * W_KQ * E},
    "keys and queries exchanged": {AFTER.args[1]: E + 1 / n * W_PV * E * E.T * W_KQ.T * E},
    "the query's own term": {ROW: equal(PV_12, 0)},
    "any label row": {All(STEP_IS_BEST, NO_LABEL_KEY): STEP_IS_BEST},
    "any step": {All(STEP_IS_BEST, NO_LABEL_KEY): NO_LABEL_KEY},
    "s² for s⁴": {LIMIT.args[0]: equal(s**2, LIMIT.args[0].rhs)},
    "tr Γ⁻¹ for tr Γ⁻²": {LIMIT.args[0]: equal(s**4, Trace(BEST))},
    "s times Γ⁻¹": {LIMIT.args[1]: equal(KQ_11, s * BEST)},
    "balanced with half the square": {BALANCED: equal(2 * PV_22**2, BALANCED.rhs)},
    "every minimiser the limit": {All(MINIMAL, BALANCED): MINIMAL},
    "either sign": {equal(PV_22, s): equal(PV_22**2, s**2)},
    "never worse": said(Ge, at_most),
    "any covariance": without(PositiveDefinite(Lambda)),
}
