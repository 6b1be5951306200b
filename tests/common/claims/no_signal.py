"""Claims about `no-signal`."""

from __future__ import annotations

from sympy import Identity, ZeroMatrix

from common.mutants import said
from common.zero_blocks import NO_KEYS, NO_VALUES
from proofs.language import All, Any_, Normal, PositiveDefinite
from theory.notation import Sigma, X, d, eps, eps_q, n, w, x_q

PINNED = (
    {
        Normal(X, Identity(n), Sigma),
        Normal(w, ZeroMatrix(d, d)),
        Normal(eps, ZeroMatrix(n, n)),
        Normal(x_q, Sigma),
        Normal(eps_q, ZeroMatrix(1, 1)),
        PositiveDefinite(Sigma),
    },
    {"isserlis"},
    {"covariate-part"},
)

FALSE = {"only values": {Any_(NO_VALUES, NO_KEYS): NO_VALUES}, "both must be 0": said(Any_, All)}
