"""Claims about `random-covariance`."""

from __future__ import annotations

from sympy import Ge, Identity, Trace

from common.mutants import said, without
from common.prompts import NOISE
from proofs.language import All, Expectation, Law, Mean, Normal, at_most, equal
from proofs.theorems.random_covariance import ALIGNED, DISTANCE, DRAWN, LEAST, MOMENT, NORMAL, SIZE, SQUARE, TAU
from theory.notation import B_star, T, W, X_tilde, d, eps, eps_q, n, sigma2, w, x_q_tilde

LAWS = {
    Normal(X_tilde, Identity(n), Identity(d)),
    Normal(w, W),
    Normal(eps, NOISE),
    Normal(x_q_tilde, Identity(d)),
    Normal(eps_q, sigma2 * Identity(1)),
}
MOMENT_HERE = MOMENT.args[1]
GAIN = Mean(Trace(B_star.T * ALIGNED), T)
PINNED = LAWS | {Law(T), NORMAL}, {"isserlis", "fubini"}, set()

FALSE = {
    "n for n + 1": {MOMENT_HERE: MOMENT_HERE - DRAWN * W * DRAWN},
    "B* of the mean covariance": {NORMAL: equal(B_star * Expectation(DRAWN, T), Identity(d))},
    "any B*": without(NORMAL),
    "means apart": {Expectation(MOMENT * B_star * DRAWN, T): Expectation(MOMENT * B_star, T) * Expectation(DRAWN, T)},
    "minimum without n": {LEAST.args[1]: Mean(TAU, T) - GAIN},
    "never better": said(Ge, at_most),
    "twice the distance": {SQUARE: 2 * SQUARE},
    "even part free": {All(equal(SIZE, 0), equal(DISTANCE, 0)): equal(DISTANCE, 0)},
    "step free": {All(equal(SIZE, 0), equal(DISTANCE, 0)): equal(SIZE, 0)},
    "noise of the context apart": {Normal(eps, NOISE): Normal(eps, 2 * NOISE)},
    "a query of its own covariance": {Normal(x_q_tilde, Identity(d)): Normal(x_q_tilde, 2 * Identity(d))},
}
