"""Claims about `rotated-covariance`."""

from __future__ import annotations

from sympy import Identity

from common.mutants import without
from proofs.language import Law, RotationInvariant, SignSymmetric, equal
from proofs.theorems.random_covariance_isotropic import CUBE, MULTIPLES, PRODUCT, SQUARE
from theory.notation import T, d

PINNED = {Law(T), RotationInvariant(T.T)}, set(), set()

FALSE = {
    "the trace and not its share": {part: equal(part.lhs, d * part.rhs) for part in MULTIPLES},
    "the identity itself": {MULTIPLES[0]: equal(MULTIPLES[0].lhs, Identity(d))},
    "square for cube": {SQUARE: CUBE, CUBE: SQUARE},
    "product for cube": {PRODUCT: CUBE},
    "no rotations": without(RotationInvariant(T.T)),
    "signs only": {RotationInvariant(T.T): SignSymmetric(T)},
    "rotated from the other side": {RotationInvariant(T.T): RotationInvariant(T)},
    "no law": without(Law(T)),
}
