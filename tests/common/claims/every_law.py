"""Claims about `every-law`."""

from __future__ import annotations

from common.any_law import of_any_law
from common.prompts import ANY_LAW
from proofs.language import SignSymmetric
from theory.notation import X, x_q, y, y_q

PINNED = ANY_LAW | {SignSymmetric(y, y_q)}, set(), {"best-step"}

FALSE = of_any_law(SignSymmetric(y, y_q)) | {
    "context's labels flipped alone": {SignSymmetric(y, y_q): SignSymmetric(y)},
    "query's label flipped alone": {SignSymmetric(y, y_q): SignSymmetric(y_q)},
    "labels and covariates flipped": {SignSymmetric(y, y_q): SignSymmetric(X, x_q, y, y_q)},
}
