"""Identities between rational functions, every denominator licensed."""

import pytest
from common.statements import STANDARD, A, by, d, granted, n, p, q, r, refused, s, t, tr, x
from sympy import Inverse, Ne, Rational

from proofs.language import Implication, Invertible, Mean, PositiveDefinite, different, equal, more_than

RULE = "rational-identity"


def test_a_partial_fraction():
    certificate = granted(by(RULE, equal(1 / n - 1 / (n + 1), 1 / (n * (n + 1)))))
    assert set(certificate.side_conditions) == {Ne(n, 0, evaluate=False), Ne(n + 1, 0, evaluate=False)}
    for false in (1 / (n * (n - 1)), -1 / (n * (n + 1)), 1 / (n * (n + 1)) + Rational(1, 10**20), 1 / (n * (n + d))):
        refused(by(RULE, equal(1 / n - 1 / (n + 1), false)), "different rational functions")


@pytest.mark.parametrize(
    ("divisor", "known"),
    [
        (n + 1, ()),
        (s + n, ()),
        (p**2 + n, ()),
        (p, (different(p, 0),)),
        (p, (more_than(p, 0),)),
        (p - q, (different(p, q),)),
        (tr(A), (PositiveDefinite(A),)),
        (-n, ()),
        (n * d, ()),
    ],
)
def test_divisors_known_not_to_vanish(divisor, known):
    granted(by(RULE, equal((r + 1) ** 2 / divisor, (r**2 + 2 * r + 1) / divisor), given=known))


@pytest.mark.parametrize("divisor", [p, s, n - 1, s + t, p**2, p**2 + q**2, n * p, s - n, tr(A), n - d, p * q])
def test_divisors_that_can_vanish(divisor):
    refused(by(RULE, equal((r + 1) ** 2 / divisor, (r**2 + 2 * r + 1) / divisor)), "division by")


def test_modulo_an_equation():
    granted(by(RULE, equal(p / n, q / n), (0, 1 / n), known=(equal(p, q),)))
    refused(by(RULE, equal(p / n, q / n), (0, 1 / (n + 1)), known=(equal(p, q),)), "different rational functions")


def test_a_multiplier_that_divides_by_zero():
    refused(by(RULE, equal(p, p + 1), (0, -1 / (q - r)), known=(equal(q, r),)), "division by q - r")


def test_a_hypothesis_hides_no_division():
    granted(by(RULE, Implication(equal(p, n), equal(p / n, 1))))
    refused(by(RULE, Implication(equal(p, q), equal(p / q, 1))), "division by q")
    refused(by(RULE, Implication(equal(n, 1), equal(1 / (n - 1), 5))), "which is 0|division|vanish")


def test_what_stands_inside_a_variable_must_exist():
    claim = equal((tr(Inverse(A)) + 1) ** 2, tr(Inverse(A)) ** 2 + 2 * tr(Inverse(A)) + 1)
    certificate = granted(by(RULE, claim, given=(Invertible(A),)))
    assert certificate.side_conditions == (Invertible(A),)
    refused(by(RULE, claim), "not known to be invertible")
    mean = Mean(1 / tr(x.T * x), x)
    refused(by(RULE, equal((mean + 1) ** 2, mean**2 + 2 * mean + 1), given=STANDARD), "need not exist")


def test_matrices_are_refused():
    refused(by(RULE, equal(A + A.T, A.T + A + 0 * A)), "must be scalars|says nothing")
