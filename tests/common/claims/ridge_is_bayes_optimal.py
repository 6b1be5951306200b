"""Claims about `ridge-is-bayes-optimal`."""

from __future__ import annotations

from sympy import Ge, Inverse, Trace

from common.mutants import said, without
from common.prompts import NOISY, laws
from proofs.language import PositiveDefinite, at_most, more_than
from proofs.theorems.posterior import PRECISION, RIDGE, R
from theory.notation import Sigma, W, X, sigma2, w, x_q

PINNED = (
    laws(Sigma, W) | {PositiveDefinite(W), NOISY},
    {"isserlis", "fubini", "conditional-expectation"},
    {"posterior"},
)

FALSE = {
    "λ = 2σ²": {PRECISION: X.T * X + 2 * sigma2 * Inverse(W)},
    "λ = σ² W": {PRECISION: X.T * X + sigma2 * W},
    "least squares": {PRECISION: X.T * X},
    "no noise in the Bayes risk": {sigma2 + sigma2 * Trace(x_q.T * R * x_q): sigma2 * Trace(x_q.T * R * x_q)},
    "strictly better than all": said(Ge, more_than),
    "best is worst": said(Ge, at_most),
    "no noise": without(more_than(sigma2, 0)),
    "task not Gaussian": lambda theorem: theorem.restate(given=tuple(fact for fact in theorem.given if w not in fact.args)),
    "estimate doubled": {RIDGE.args[1]: 2 * RIDGE.args[1]},
}
