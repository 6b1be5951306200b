"""Claims about `stable-step`."""

from __future__ import annotations

from sympy import Identity, Trace

from common.mutants import without
from common.prompts import SIGNAL, UNIT
from proofs.language import All, Equivalence, Normal, PositiveDefinite, at_least, equal, more_than
from proofs.theorems.stable_step import BEST, EDGE, FACTOR, FACTOR_THERE, LEFT, SIZE, TAKEN, WEIGHT
from proofs.theorems.vocabulary import OPTIMUM, stated
from theory.notation import Sigma, W, X, X_tilde, d, eta, n, nu, rho_n, sigma2, w, x_q
from theory.stable_step import trace_moment

WHITE = Normal(X_tilde, Identity(n), UNIT)
TASKS, QUERY, CONTEXT = Normal(w, W), Normal(x_q, Sigma), Normal(X, Identity(n), Sigma)

SIGNAL_LEFT, PAST = Trace(Sigma * W), (2 / BEST - (n + d)) ** 2

PINNED = {CONTEXT, TASKS, QUERY, WHITE, PositiveDefinite(Sigma), SIGNAL}, {"isserlis"}, set()

FALSE = {
    "n + d for n + d + 1": {SIZE: n + d},
    "stable below 1/(n + d + 1)": {more_than(2, eta * SIZE): more_than(1, eta * SIZE)},
    "stable up to 3/(n + d + 1)": {more_than(2, eta * SIZE): more_than(3, eta * SIZE)},
    "any step below the bound": {All(more_than(eta, 0), more_than(2, eta * SIZE)): more_than(2, eta * SIZE)},
    "factor without the trace of another example": {FACTOR: 1 - 2 * eta * n + eta**2 * n * (n + 1)},
    "optimal factor without noise": {FACTOR_THERE: 1 - n * BEST},
    "optimal step with n + d": {BEST: BEST.func("eta_star", 1 / (n + d + sigma2))},
    "covariates with another covariance": {WHITE: Normal(X_tilde, Identity(n), Sigma)},
    "second moment with n + d": {stated(trace_moment(2)): d * n * (n + d)},
    "taken without noise": {WEIGHT: OPTIMUM.moment},
    "more left than there was": {at_least(SIGNAL_LEFT, LEFT): at_least(LEFT, SIGNAL_LEFT)},
    "always strictly less": {Equivalence(equal(SIGNAL_LEFT, LEFT), equal(OPTIMUM.step, 0)): more_than(SIGNAL_LEFT, LEFT)},
    "twice as much taken": {TAKEN: 2 * TAKEN},
    "covariates may be singular": without(PositiveDefinite(Sigma)),
    "neither signal nor noise": without(SIGNAL),
    "edge at 1": {at_least(2, EDGE): at_least(1, EDGE)},
    "at the edge for n = 2d": {equal(rho_n, 1): equal(rho_n, 2)},
    "at the edge with noise": {All(equal(rho_n, 1), equal(nu, 0)): equal(rho_n, 1)},
    "2/η more than n + d by more than 3√(nd)": {more_than(PAST, 4 * n * d): more_than(PAST, 9 * n * d)},
}
