"""Claims about `convention-von-oswald`."""

from __future__ import annotations

from sympy import BlockMatrix, Ge, Identity, MatMul, Rational, Trace, ZeroMatrix

from common.mutants import said, without
from common.prompts import GENERAL, MINIMISERS, SIGNAL
from proofs.language import All, Any_, PositiveDefinite, at_most, equal
from proofs.theorems.convention_von_oswald import (
    BEST,
    HEAD_STEP,
    LABEL_PART,
    NO_COVARIATE_KEY,
    NO_COVARIATE_VALUE,
    NO_LABEL_KEY,
    NO_LABEL_VALUE,
    OBJECTIVE,
    PREDICTION,
    QUERY,
    RATE,
    STANDARD,
    W_K,
    W_Q,
    W_V,
    P,
    Z,
)
from proofs.theorems.vocabulary import LABEL, OPTIMUM
from theory.notation import Sigma, W, X, d, eta, n, sigma2, u

UNIT = Identity(d)
HEAD = QUERY + MatMul(P, W_V, Z.T, Z, W_K.T, W_Q, QUERY)
VALUES, KEYS = Any_(NO_COVARIATE_VALUE, NO_COVARIATE_KEY), Any_(NO_LABEL_VALUE, NO_LABEL_KEY)

PINNED = GENERAL, {"isserlis", "gradient"}, MINIMISERS

FALSE = {
    "plus the label slot": {PREDICTION.args[1]: -PREDICTION.args[1]},
    "keys and queries exchanged": {HEAD: QUERY + MatMul(P, W_V, Z.T, Z, W_Q.T, W_K, QUERY)},
    "the mean for the sum": {HEAD: QUERY + MatMul(1 / n, P, W_V, Z.T, Z, W_K.T, W_Q, QUERY)},
    "the step with its other sign": {HEAD_STEP: equal(HEAD_STEP.lhs, BEST)},
    "twice the step": {HEAD_STEP: equal(2 * HEAD_STEP.lhs, -BEST)},
    "the step free": {All(HEAD_STEP, VALUES, KEYS): All(VALUES, KEYS)},
    "covariates in the values free": {All(HEAD_STEP, VALUES, KEYS): All(HEAD_STEP, KEYS)},
    "labels in the keys free": {All(HEAD_STEP, VALUES, KEYS): All(HEAD_STEP, VALUES)},
    "no family but the first": {VALUES: NO_COVARIATE_VALUE},
    "H with n": {OPTIMUM.system.args[1]: n * W * Sigma + OPTIMUM.tau * UNIT},
    "objective without 1/n": {OBJECTIVE.args[1]: Rational(1, 2) * Trace((LABEL - X * u).T * (LABEL - X * u))},
    "values of the construction without their sign": {
        LABEL_PART.args[1]: BlockMatrix([[ZeroMatrix(d, d), ZeroMatrix(d, 1)], [ZeroMatrix(1, d), -1 * Identity(1)]])
    },
    "projection η": {RATE.args[1]: BlockMatrix([[eta * UNIT, ZeroMatrix(d, 1)], [ZeroMatrix(1, d), eta * Identity(1)]])},
    "always optimal": {equal(eta / n * UNIT, BEST): equal(eta, eta)},
    "optimal with η": {equal(eta / n * UNIT, BEST): equal(eta * UNIT, BEST)},
    "rate with n + d": {n / (n + d + 1 + sigma2) * UNIT: n / (n + d + sigma2) * UNIT},
    "rate of the sum": {n / (n + d + 1 + sigma2) * UNIT: 1 / (n + d + 1 + sigma2) * UNIT},
    "rate without noise": {n / (n + d + 1 + sigma2) * UNIT: n / (n + d + 1) * UNIT},
    "rate for any prior": {STANDARD: STANDARD.args[0]},
    "never worse": said(Ge, at_most),
    "any covariance": without(PositiveDefinite(Sigma)),
    "no signal": without(SIGNAL),
}
