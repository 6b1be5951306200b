"""Inequalities read off the signs of their parts."""

import pytest
from common.statements import A, B, by, d, granted, n, p, q, refused, s, tr
from sympy import Inverse, MatAdd, MatMul, Ne, Rational

from proofs.language import PositiveDefinite, PositiveSemidefinite, at_least, different, equal, more_than

RULE = "sign"


@pytest.mark.parametrize(
    ("relation", "value"),
    [
        (more_than(n + s, 0), n + s),
        (at_least(s * n, 0), s * n),
        (at_least(p**2 + 1, 1), p**2),
        (more_than(p**2 + n, 0), p**2 + n),
        (different(n + d, 0), n + d),
        (at_least(n - 1, 0), n - 1),
        (at_least(n * (n - 1) * s, 0), n * (n - 1) * s),
        (more_than(n + 2 * d - 2, 0), n + 2 * d - 2),
    ],
)
def test_signs(relation, value):
    certificate = granted(by(RULE, relation, value))
    assert (certificate.citations, certificate.side_conditions) == ((), ())


@pytest.mark.parametrize(
    ("relation", "value"),
    [
        (more_than(s, 0), s),
        (at_least(p, 0), p),
        (at_least(-s, 0), -s),
        (more_than(n - 1, 0), n - 1),
        (at_least(n - 2, 0), n - 2),
        (at_least(s - 1, 0), s - 1),
        (at_least(1 - n, 0), 1 - n),
        (more_than(p**2, 0), p**2),
        (at_least(p * q, 0), p * q),
        (at_least(p**3, 0), p**3),
        (different(p, 0), p),
        (different(n - d, 0), n - d),
        (at_least(tr(A), 0), tr(A)),
    ],
)
def test_signs_not_known(relation, value):
    refused(by(RULE, relation, value), "is not known")


def test_the_value_is_the_gap():
    refused(by(RULE, more_than(p, 0), n), "is not n")
    refused(by(RULE, more_than(n, Rational(1, 10**20)), n), "is not n")
    granted(by(RULE, more_than(p, q), n, (0, d / d), known=(equal(p - q, n),)))


def test_matrices():
    granted(by(RULE, more_than(tr(A), 0), tr(A), given=(PositiveDefinite(A),)))
    refused(by(RULE, more_than(tr(A), 0), tr(A), given=(PositiveSemidefinite(A),)), "is not known")
    granted(by(RULE, different(A, 0), given=(PositiveDefinite(A),)))
    refused(by(RULE, different(A, 0), given=(PositiveSemidefinite(A),)), "not known to be positive definite")
    refused(by(RULE, different(A, B), given=(PositiveDefinite(A), PositiveDefinite(B))), "only K ≠ 0")


def test_what_cancels_must_exist():
    refused(by(RULE, at_least(3 / p**2, 0), 3 / p**2), "division by p|not known")
    certificate = granted(by(RULE, at_least(3 / n**2, 0), 3 / n**2))
    assert certificate.side_conditions == (Ne(n, 0, evaluate=False),)
    unit = tr(MatMul(A, Inverse(A)))
    granted(by(RULE, more_than(unit, 0), unit, given=(PositiveDefinite(A),)))
    refused(by(RULE, more_than(unit, 0), unit), "A is inverted|not known")
    hidden = MatAdd(B, Inverse(A), MatMul(-1, Inverse(A)))
    refused(by(RULE, different(hidden, 0), given=(PositiveDefinite(B),)), "A is inverted")
