"""Claims about `covariate-part`."""

from __future__ import annotations

from sympy import Identity, Trace

from common.mutants import said
from proofs.language import All, Any_, Normal, PositiveDefinite
from theory.notation import A, Sigma, X, n, v_x, x_q

PINNED = {Normal(X, Identity(n), Sigma), Normal(x_q, Sigma), PositiveDefinite(Sigma)}, {"isserlis"}, set()

FALSE = {
    "without the context": {Trace(v_x.T * X.T * X * A * x_q): Trace(v_x.T * A * x_q)},
    "both must be 0": said(Any_, All),
    "n + 2 for n + 1": {n + 1: n + 2},
}
