"""Claims about `one-step-of-gradient-descent`."""

from __future__ import annotations

from sympy import Rational, Symbol

from proofs.language import replaced
from theory.notation import P, X, u_0, x_q, y

RESIDUAL = y - X * u_0
RATE = Symbol("eta", real=True)

PINNED = set(), {"gradient"}, set()

FALSE = {
    "ascent": lambda theorem: theorem.restate(claim=replaced(theorem.claim, {-RATE: RATE})),
    "ℓ without ½": {Rational(1, 2): Rational(1)},
    "P not transposed": {P.T: P},
    "residuals with the wrong sign": {RESIDUAL: X * u_0 + y},
    "step from another point": {x_q.T * u_0: 2 * x_q.T * u_0},
}
