"""Claims about `random-covariance-isotropic`."""

from __future__ import annotations

from sympy import Ge, Identity

from common.claims.random_covariance import LAWS
from common.mutants import said, without
from proofs.language import Law, Normal, at_most, equal, more_than, replaced
from proofs.theorems.random_covariance_isotropic import CUBE, LEAST, MULTIPLES, PRODUCT, SCALE, SQUARE, STEP_SIZE, SYSTEM
from theory.notation import T, W, d, eta, n, w

UNIT_PRIOR = {replaced(law, {W: Identity(d)}) for law in LAWS}
PINNED = UNIT_PRIOR | {Law(T), *MULTIPLES, more_than(CUBE, 0), STEP_SIZE}, {"isserlis", "fubini"}, {"random-covariance"}

FALSE = {
    "n for n + 1": {STEP_SIZE: equal(eta, SQUARE / (SYSTEM - CUBE))},
    "no product": {STEP_SIZE: equal(eta, SQUARE / (SYSTEM - PRODUCT))},
    "any step size": without(STEP_SIZE),
    "minimum without n": {LEAST: replaced(LEAST, {n: 1})},
    "another multiple": {SCALE: 2 * SCALE},
    "below the floor": said(Ge, at_most),
    "another prior": {Normal(w, Identity(d)): Normal(w, 2 * Identity(d))},
    "Σ² any matrix": without(MULTIPLES[0]),
    "tr(Σ) Σ² any matrix": without(MULTIPLES[2]),
    "no covariance": without(more_than(CUBE, 0)),
}
