"""Claims about `even-part`."""

from __future__ import annotations

from sympy import Identity

from common.mutants import said
from common.prompts import GENERAL
from proofs.language import All, Any_, Normal
from theory.notation import eps_q, n, sigma2

PINNED = GENERAL - {Normal(eps_q, sigma2 * Identity(1))}, {"isserlis"}, {"covariate-part"}

FALSE = {
    "n for n + 1": {n + 1: n},
    "both must be 0": said(Any_, All),
    "one is enough": said(All, Any_),
}
