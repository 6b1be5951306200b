"""Claims about `any-even-part`."""

from __future__ import annotations

from sympy import Ge, Integer, Trace

from common.mutants import said, without
from common.prompts import ANY_LAW
from proofs.language import All, Independent, Predictor, SignSymmetric, at_most, equal
from proofs.theorems.any_even_part import ADDED, loss, size
from theory.notation import M_1, M_2, B, B_star, Sigma, X, x_q, y, y_q

PINNED = ANY_LAW | {SignSymmetric(y, y_q)}, set(), {"best-step"}

FALSE = {
    "an addition that sees the labels": {ADDED: Predictor("e", X, y, x_q)},
    "an addition that sees the query's label": {ADDED: Predictor("e", X, y * y.T, x_q, y_q)},
    "twice its size": {size(ADDED): 2 * size(ADDED)},
    "its mean for its size": {size(ADDED): size(ADDED) ** 2},
    "addition free": {All(equal(size(ADDED), 0), equal(M_2 * B * Sigma, M_1)): equal(M_2 * B * Sigma, M_1)},
    "step free": {All(equal(size(ADDED), 0), equal(M_2 * B * Sigma, M_1)): equal(size(ADDED), 0)},
    "never worse": said(Ge, at_most),
    "minimum with M₂": {Trace(M_1 * B_star.T): Trace(M_2 * B_star.T)},
    "loss of the step alone": {loss(B, ADDED): loss(B, Integer(0))},
    "any B*": without(equal(M_2 * B_star * Sigma, M_1)),
    "no symmetry": without(SignSymmetric(y, y_q)),
    "context's labels flipped alone": {SignSymmetric(y, y_q): SignSymmetric(y)},
    "query's label flipped alone": {SignSymmetric(y, y_q): SignSymmetric(y_q)},
    "covariates flipped instead": {SignSymmetric(y, y_q): SignSymmetric(X, x_q)},
    "query depends on the context": without(Independent((X, y), (x_q,))),
}
