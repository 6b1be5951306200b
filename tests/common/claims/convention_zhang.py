"""Claims about `convention-zhang`."""

from __future__ import annotations

from sympy import BlockMatrix, Ge, Identity, Inverse, Trace

from common.mutants import said, without
from common.prompts import MINIMISERS, laws
from proofs.language import All, Implication, PositiveDefinite, at_most, equal
from proofs.theorems.convention_layer import E, preconditioner
from proofs.theorems.convention_zhang import AFTER, BALANCED, LIMIT, NO_LABEL_KEY, PREDICTION, STEP_IS_BEST, W_KQ, W_PV
from theory.notation import KQ_11, PV_11, PV_12, PV_22, Lambda, d, n, p_x, s, sigma2

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
    "the query's own term": {W_PV.args[1]: BlockMatrix([[PV_11, PV_12], [p_x.T, PV_22 * Identity(1)]])},
    "any label row": {All(STEP_IS_BEST, NO_LABEL_KEY): STEP_IS_BEST},
    "any step": {All(STEP_IS_BEST, NO_LABEL_KEY): NO_LABEL_KEY},
    "s² for s⁴": {LIMIT.args[0]: equal(s**2, LIMIT.args[0].rhs)},
    "tr Γ⁻¹ for tr Γ⁻²": {LIMIT.args[0]: equal(s**4, Trace(BEST))},
    "s times Γ⁻¹": {LIMIT.args[1]: equal(KQ_11, s * BEST)},
    "balanced with half the square": {BALANCED: equal(2 * PV_22**2, BALANCED.rhs)},
    "every minimiser balanced": lambda theorem: theorem.restate(
        claim=All(
            *theorem.claim.args[:3],
            Implication(equal(PV_22, s), Implication(theorem.claim.args[2].args[0], BALANCED)),
        )
    ),
    "either sign": {equal(PV_22, s): equal(PV_22**2, s**2)},
    "never worse": said(Ge, at_most),
    "any covariance": without(PositiveDefinite(Lambda)),
}
