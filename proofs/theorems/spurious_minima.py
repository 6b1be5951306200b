"""When the in-context loss has local minima that are not global ones, for standard Gaussian covariates and a task vector N(0, I).

There are some iff the turning polynomial q_4 is < 0 at some ratio: so its value at one ratio proves that there are, and that its
coefficients are all ≥ 0 that there are none.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import Any

from sympy import Add, Mul, Poly, Rational, Symbol, cancel, expand, sympify

from proofs.derivation import Derivation
from proofs.kernel import Statement, Step, Theorem
from proofs.language import All, Implication, Named, at_least, equal, more_than, substitute, unnamed
from proofs.theorems import turning_points
from theory.notation import d, n, rho_1, sigma2

TURNING = substitute(turning_points.AT_ONE, {})


def at(ratio: Any) -> Any:
    """The turning polynomial of the Gaussian loss at a ratio."""
    return substitute(turning_points.AT_ONE, {rho_1: ratio, **NUMBERS})
