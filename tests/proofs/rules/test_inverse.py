"""K K⁻¹ = I."""

import pytest
from common.statements import A, B, I_d, by, granted, inferred, refused
from sympy import Inverse, MatAdd, MatMul

from proofs.errors import RuleError
from proofs.kernel import Step
from proofs.language import Invertible, PositiveDefinite, PositiveSemidefinite, equal

RULE = "inverse"
SUM = MatAdd(A, B)


def test_both_sides():
    given = (PositiveDefinite(A), PositiveSemidefinite(B))
    for product in (MatMul(SUM, Inverse(SUM)), MatMul(Inverse(SUM), SUM)):
        assert inferred(RULE, equal(product, I_d), SUM, given=(Invertible(SUM),)).side_conditions == (Invertible(SUM),)
        assert inferred(RULE, equal(product, I_d), SUM, given=given).side_conditions == (Invertible(SUM),)
        for too_little in ((), given[1:]):
            with pytest.raises(RuleError, match="not known to be invertible"):
                inferred(RULE, equal(product, I_d), SUM, given=too_little)


def test_the_resolvent_identity():
    """A⁻¹ − (A + B)⁻¹ = (A + B)⁻¹ B A⁻¹"""
    left = MatMul(Inverse(SUM), SUM)
    unit = Step(RULE, equal(left, I_d), (), (SUM,))
    given = (Invertible(SUM), Invertible(A))
    claim = equal(Inverse(A) - Inverse(SUM), Inverse(SUM) * B * Inverse(A))
    granted(by("matrix-identity", claim, (0, -I_d, Inverse(A)), of=(unit,), given=given))
    refused(by("matrix-identity", claim, (0, -I_d, Inverse(A)), of=(unit,), given=given[1:]), "not known to be invertible")
    false = equal(Inverse(A) - Inverse(SUM), Inverse(A) * B * Inverse(A))
    refused(by("matrix-identity", false, (0, -I_d, Inverse(A)), of=(unit,), given=given), "different normal forms")


def test_another_product():
    given = (Invertible(SUM), Invertible(A))
    refused(by(RULE, equal(A * Inverse(SUM), I_d), SUM, given=given), "times its inverse")
    refused(by(RULE, equal(MatMul(SUM, Inverse(SUM)), 2 * I_d), SUM, given=given), "must be the identity")
