"""Claims about `risk-under-shift`."""

from __future__ import annotations

from sympy import Ge, Trace

from common.mutants import said, without_hypothesis
from common.prompts import GENERAL, MINIMISERS, laws_at_test
from proofs.language import PositiveDefinite, at_most, more_than
from proofs.theorems import load
from proofs.theorems.risk_under_shift import TEST
from proofs.theorems.vocabulary import OPTIMUM
from theory.notation import Sigma_test, W_test, n_test, sigma2_test

OWN_RISK = load("risk-under-shift").claim.args[2].lhs.args[1]

PINNED = (
    GENERAL | laws_at_test(Sigma_test, W_test) | {PositiveDefinite(Sigma_test), more_than(sigma2_test + Trace(Sigma_test * W_test), 0)},
    {"isserlis"},
    MINIMISERS,
)

FALSE = {
    "the training moment at test": {TEST.moment.args[1]: OPTIMUM.moment.args[1]},
    "the training noise at test": {TEST.tau.args[1]: OPTIMUM.tau.args[1]},
    "one optimum for both": {TEST.step.args[1]: OPTIMUM.step.args[1]},
    "never worse": said(Ge, at_most),
    "twice the quadratic part": {OWN_RISK: OWN_RISK + n_test * Trace(TEST.moment)},
    "for every layer": without_hypothesis,
}
