"""A quantity as its minimum plus nonnegative terms."""

from common.statements import A, by, granted, n, p, q, r, refused, s, t, tr, u
from sympy import Integer, Rational

from proofs.language import All, Any_, Equivalence, PositiveSemidefinite, at_least, equal, more_than

RULE = "sum-of-nonnegatives"
ONE = Integer(1)
TOTAL = r + n * s + (p - q) ** 2
TERMS = ((n, s), (ONE, (p - q) ** 2))
ZERO = All(equal(s, 0), equal((p - q) ** 2, 0))


def test_the_bound_and_when_it_is_attained():
    certificate = granted(by(RULE, All(at_least(TOTAL, r), Equivalence(equal(TOTAL, r), ZERO)), *TERMS))
    assert (certificate.citations, certificate.side_conditions) == ((), ())
    refused(by(RULE, at_least(TOTAL, r + 1), *TERMS), "is not known to be")
    refused(by(RULE, at_least(r, TOTAL), *TERMS), "is not known to be")
    refused(by(RULE, at_least(TOTAL + Rational(1, 10**20), r), *TERMS), "is not known to be")
    refused(by(RULE, Equivalence(equal(TOTAL, r), equal(s, 0)), *TERMS), "every term is 0")
    refused(by(RULE, Equivalence(equal(TOTAL, r), Any_(*ZERO.args)), *TERMS), "every term is 0")
    refused(by(RULE, Equivalence(equal(TOTAL, r + 1), ZERO), *TERMS), "is not known to be")


def test_terms_must_be_nonnegative_and_scales_positive():
    granted(by(RULE, at_least(r + n * s, r), (n, s)))
    refused(by(RULE, at_least(r + n * p, r), (n, p)), "not known to be ≥ 0")
    refused(by(RULE, at_least(r - n * s, r), (-n, s)), "not known to be > 0")
    refused(by(RULE, at_least(r + s * t, r), (s, t)), "not known to be > 0")
    refused(by(RULE, at_least(r + p * q, r), (p, q)), "not known to be > 0")
    granted(by(RULE, at_least(r + p * s, r), (p, s), given=(more_than(p, 0),)))
    granted(by(RULE, at_least(r + tr(u.T * A * u), r), (ONE, tr(u.T * A * u)), given=(PositiveSemidefinite(A),)))
    refused(by(RULE, at_least(r + tr(u.T * A * u), r), (ONE, tr(u.T * A * u))), "not known to be ≥ 0")


def test_two_negative_factors_are_not_read_as_a_sign():
    refused(by(RULE, at_least(r + (-s) * p, r), (ONE, -s * p)), "not known to be ≥ 0")
    refused(by(RULE, at_least(r - p**2, r), (ONE, -(p**2))), "not known to be ≥ 0")
    refused(by(RULE, at_least(r + p**3, r), (ONE, p**3)), "not known to be ≥ 0")


def test_a_known_equation_is_used_as_it_stands():
    known = (equal(q, r + s),)
    granted(by(RULE, at_least(q, r), (ONE, s), known=known))
    refused(by(RULE, at_least(2 * q, 2 * r), (ONE, s), known=known), "is not known to be")


def test_a_division_does_not_cancel():
    refused(by(RULE, at_least(r + s**2 / s, r), (1 / s, s**2)), "not known to be > 0")
    granted(by(RULE, at_least(r + n**2 * s / n, r), (1 / n, n**2 * s)))
