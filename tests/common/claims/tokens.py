"""Claims about `tokens`."""

from __future__ import annotations

from common.mutants import without
from common.prompts import TOKENS
from proofs.language import Law, Tokens
from proofs.theorems.tokens import OWN, SHARED
from theory.notation import X, n, x_1, x_2, x_q, y, y_1, y_2, y_q

PINNED = {Law(X, y, x_q, y_q, x_1, y_1, x_2, y_2), TOKENS}, set(), set()

FALSE = {
    "n² pairs of two tokens": {n * (n - 1): n**2},
    "(n − 1) K for M₁": {n * SHARED: (n - 1) * SHARED},
    "K for C": {OWN.args[1]: SHARED.args[1]},
    "C for K": {SHARED.args[1]: OWN.args[1]},
    "no tokens": without(TOKENS),
    "query of another law": {TOKENS: Tokens((X, y), (x_1, y_1), (x_2, y_2))},
}
