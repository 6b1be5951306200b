"""That a block of the layer is 0: of the values v_x and v_y, of the keys A and c."""

from __future__ import annotations

from proofs.language import equal
from theory.notation import A, c, v_x, v_y

NO_VALUES, NO_KEYS = equal(v_x, 0), equal(A, 0)
NO_LABEL_VALUE, NO_LABEL_KEY = equal(v_y, 0), equal(c, 0)
