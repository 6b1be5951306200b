"""Claims about `reflected-covariates`."""

from __future__ import annotations

from common.any_law import of_any_law
from common.prompts import ANY_LAW
from proofs.language import SignSymmetric
from theory.notation import X, x_q, y, y_q

PINNED = ANY_LAW | {SignSymmetric(X, x_q)}, set(), {"best-step"}

FALSE = of_any_law(SignSymmetric(X, x_q)) | {
    "context flipped alone": {SignSymmetric(X, x_q): SignSymmetric(X)},
    "labels flipped too": {SignSymmetric(X, x_q): SignSymmetric(X, x_q, y, y_q)},
}
