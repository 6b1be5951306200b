"""Claims about `whitening`."""

from __future__ import annotations

from sympy import Identity

from common.prompts import UNIT, laws
from proofs.language import Invertible, Normal
from theory.notation import T, W, X_tilde, n, w_tilde, x_q_tilde

PINNED = (
    laws(T * T.T, W) | {Normal(X_tilde, Identity(n), UNIT), Normal(w_tilde, T.T * W * T), Normal(x_q_tilde, UNIT), Invertible(T)},
    set(),
    set(),
)

FALSE = {
    "T for Tᵀ": {T.T: T},
    "any T": lambda theorem: theorem.restate(given=theorem.given[:-1]),
    "prior TWTᵀ": {Normal(w_tilde, T.T * W * T): Normal(w_tilde, T * W * T.T)},
}
