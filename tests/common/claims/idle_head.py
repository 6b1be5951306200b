"""Claims about `idle-head`."""

from __future__ import annotations

from sympy import Gt, Integer

from common.mutants import said, without
from common.prompts import ANY_LAW
from proofs.language import Implication, Independent, SignSymmetric, equal, more_than
from proofs.theorems.idle_head import EXCESS, ROOM, STATIONARY, WOKEN
from theory.notation import A, B, B_star, X, s, x_q, y, y_q

PINNED = ANY_LAW | {SignSymmetric(y, y_q)}, set(), {"any-even-part", "best-step"}

FALSE = {
    "half the slope": {-2 * s**2 * EXCESS: -(s**2) * EXCESS},
    "no room": {s**4 * ROOM: Integer(0)},
    "twice the room": {ROOM: 2 * ROOM},
    "head with s for s²": {WOKEN: B + s * B_star},
    "rises": said(Gt, lambda left, right: more_than(right, left)),
    "not stationary": said(Implication, lambda given, then: then if given == STATIONARY else Implication(given, then)),
    "stationary elsewhere": {STATIONARY: equal(STATIONARY.lhs, 1)},
    "head with another key": {equal(A, s * B_star): equal(A, B_star)},
    "no symmetry": without(SignSymmetric(y, y_q)),
    "query depends on the context": without(Independent((X, y), (x_q,))),
}
