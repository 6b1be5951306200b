"""a > b ⟺ (a ≥ b and a ≠ b)."""

import pytest
from common.statements import GAUSSIAN, A, by, granted, n, p, q, refused, tr, u, x
from sympy import Inverse, Ne

from proofs.language import (
    All,
    Any_,
    Equivalence,
    Implication,
    Invertible,
    Mean,
    Named,
    at_least,
    at_most,
    different,
    equal,
    more_than,
)

RULE = "trichotomy"
GREATER, PARTS = more_than(p, q), (at_least(p, q), different(p, q))


@pytest.mark.parametrize("left", [p, tr(A), Named("L", p**2 + n)])
def test_of_two_real_numbers(left):
    claim = Equivalence(more_than(left, q), All(at_least(left, q), different(left, q)))
    certificate = granted(by(RULE, claim))
    assert (certificate.citations, certificate.side_conditions) == ((), ())


@pytest.mark.parametrize(
    "claim",
    [
        Equivalence(GREATER, PARTS[0]),
        Equivalence(GREATER, PARTS[1]),
        Equivalence(GREATER, Any_(*PARTS)),
        Equivalence(PARTS[0], All(GREATER, PARTS[1])),
        Equivalence(GREATER, All(at_most(p, q), PARTS[1])),
        Equivalence(GREATER, All(at_least(q, p), PARTS[1])),
        Equivalence(GREATER, All(PARTS[0], different(p, 0))),
        Equivalence(GREATER, All(PARTS[0], equal(p, q))),
        Equivalence(GREATER, All(PARTS[0], PARTS[1], different(p, 0))),
        Equivalence(GREATER, All(at_least(p, n), different(p, n))),
        Equivalence(more_than(p, q), All(at_least(2 * p, q), different(2 * p, q))),
    ],
)
def test_what_is_not_of_this_form(claim):
    refused(by(RULE, claim), "the conclusion must be a > b")


def test_one_direction_is_another_form():
    refused(by(RULE, Implication(GREATER, All(*PARTS))), "the conclusion must be")


def test_both_sides_must_exist():
    def split(side):
        return Equivalence(more_than(side, q), All(at_least(side, q), different(side, q)))

    refused(by(RULE, split(1 / p)), "division by p")
    assert granted(by(RULE, split(1 / n))).side_conditions == (Ne(n, 0, evaluate=False),)
    refused(by(RULE, split(tr(Inverse(A)))), "A is inverted")
    granted(by(RULE, split(tr(Inverse(A))), given=(Invertible(A),)))
    granted(by(RULE, split(Mean(tr(x.T * u) ** 2, x)), given=GAUSSIAN))
    refused(by(RULE, split(Mean(tr(x.T * u) ** 2, x))), "needs its law")
