"""Claims about `convention-ahn`."""

from __future__ import annotations

from sympy import Ge, Identity, Inverse, MatMul, Trace

from common.mutants import said, without
from common.prompts import MINIMISERS, laws
from proofs.language import All, Any_, Orthogonal, PositiveDefinite, at_most, equal, more_than
from proofs.theorems.convention_ahn import AFTER, EIGENBASIS, IN_KEYS, IN_VALUES, MASK, MINIMAL, PAPER, PREDICTION, E, P, Q
from proofs.theorems.convention_layer import preconditioner
from theory.notation import Lambda, Q_xx, Sigma, U, d, n, p_x, p_y, q_yx, sigma2

GAMMA = preconditioner(Sigma).args[1]
SPREAD = (Trace(Sigma) + sigma2) / n * Identity(d)

PINNED = laws(Sigma, Identity(d)) | {PositiveDefinite(Sigma)}, {"isserlis"}, MINIMISERS

FALSE = {
    "Γ without 1/n": {GAMMA: Sigma + SPREAD},
    "Γ with n + 2": {GAMMA: (n + 2) / n * Sigma + SPREAD},
    "Γ without the trace": {GAMMA: (n + 1) / n * Sigma + sigma2 / n * Identity(d)},
    "Γ without the noise": {GAMMA: (n + 1) / n * Sigma + Trace(Sigma) / n * Identity(d)},
    "Γ of the sum": {GAMMA: (n + 1) * Sigma + (Trace(Sigma) + sigma2) * Identity(d)},
    "the label slot without its sign": {PREDICTION.args[1]: -PREDICTION.args[1]},
    "the sum for the mean": {AFTER.args[1]: E + P * E * MASK * E.T * Q * E},
    "the query attended to": {MASK.args[1]: Identity(n + 1)},
    "keys and queries exchanged": {AFTER.args[1]: E + 1 / n * P * E * MASK * E.T * Q.T * E},
    "P transposed": {AFTER.args[1]: E + 1 / n * P.T * E * MASK * E.T * Q * E},
    "Q of the other sign": {PAPER: All(*PAPER.args[:3], equal(Q_xx, Inverse(preconditioner(Sigma))))},
    "the last row of P free": {PAPER: All(*PAPER.args[1:])},
    "the label row of Q free": {IN_VALUES: All(equal(p_x, 0), IN_VALUES.args[2])},
    "one family at d = 1 too": lambda theorem: theorem.restate(
        claim=All(*(part.args[1] if part.args[0] == more_than(d, 1) else part for part in theorem.claim.args))
    ),
    "one family of two": {Any_(IN_VALUES, IN_KEYS): Any_(IN_VALUES, All(*IN_KEYS.args[:2], equal(p_x * q_yx.T, MatMul(-2, Q_xx))))},
    "twice the step": {IN_VALUES.args[2]: equal(2 * p_y * Q_xx, IN_VALUES.args[2].rhs)},
    "never worse": said(Ge, at_most),
    "another basis": {EIGENBASIS: Orthogonal(U)},
    "eigenvectors that are not orthogonal": {EIGENBASIS: equal(U * Lambda * U.T, Sigma)},
    "any covariance": without(PositiveDefinite(Sigma)),
    "a minimum where the step is none": {MINIMAL: equal(p_y * Q_xx, 0)},
}
