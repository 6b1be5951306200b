"""Claims about `random-first-layer`."""

from __future__ import annotations

from sympy import Identity

from common.mutants import without
from common.prompts import UNIT
from proofs.language import Law, Normal, Orthogonal
from theory.notation import S_1, W_1, Q, Sigma, X, chi, n, x_q

PINNED = (
    {Normal(X, Identity(n), UNIT), Normal(x_q, UNIT), Normal(W_1, S_1, UNIT), Law(chi), Orthogonal(Q)},
    set(),
    set(),
)

FALSE = {
    "Q for Qᵀ": {Q.T: Q},
    "any Q": without(Orthogonal(Q)),
    "any covariance": {Normal(x_q, UNIT): Normal(x_q, Sigma)},
    "weights of another covariance": {Normal(W_1, S_1, UNIT): Normal(W_1, S_1, Sigma)},
    "query seen as it is": {W_1 * x_q: x_q},
    "not rotated": {Q.T * x_q: x_q},
}
