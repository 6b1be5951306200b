"""A product is 0 iff a factor is."""

from common.statements import A, by, granted, n, p, q, r, refused, s, tr
from sympy import Integer

from proofs.language import All, Any_, Equivalence, different, equal

RULE = "zero-product"
ONE = Integer(1)


def test_a_product():
    claim = Equivalence(equal(n * p**2 * q, 0), Any_(equal(p, 0), equal(q, 0)))
    certificate = granted(by(RULE, claim, n, (p, 2), (q, 1)))
    assert (certificate.citations, certificate.side_conditions) == ((), ())
    granted(by(RULE, Equivalence(equal(tr(A) * p, 0), Any_(equal(tr(A), 0), equal(p, 0))), ONE, (tr(A), 1), (p, 1)))


def test_a_factor_left_out_or_put_in():
    one = Equivalence(equal(n * p**2 * q, 0), equal(p, 0))
    refused(by(RULE, one, n, (p, 2)), "is not the product")
    refused(by(RULE, one, n * q, (p, 2)), "not known to be ≠ 0")
    granted(by(RULE, one, n * q, (p, 2), given=(different(q, 0),)))
    refused(by(RULE, Equivalence(equal(p, 0), Any_(equal(p, 0), equal(q, 0))), ONE, (p, 1), (q, 1)), "is not the product")
    refused(by(RULE, Equivalence(equal(p * q, 0), All(equal(p, 0), equal(q, 0))), ONE, (p, 1), (q, 1)), "both parts")


def test_the_constant_is_not_zero():
    refused(by(RULE, Equivalence(equal(s * p, 0), equal(p, 0)), s, (p, 1)), "not known to be ≠ 0")
    refused(by(RULE, Equivalence(equal(p - p + 0 * r, 0), equal(p, 0)), Integer(0), (p, 1)), "not known to be ≠ 0|says nothing")


def test_exponents_are_whole_and_positive():
    refused(by(RULE, Equivalence(equal(ONE * p, 0), equal(p**2, 0)), ONE, (p**2, 0)), "whole numbers")
    refused(by(RULE, Equivalence(equal(1 / p, 0), equal(p, 0)), ONE, (p, -1)), "whole numbers")


def test_factors_that_cancel():
    """r · r⁻¹ = 1 only where r ≠ 0."""
    claim = Equivalence(equal(s * r, 0), Any_(equal(s, 0), equal(r, 0), equal(1 / r, 0)))
    refused(by(RULE, claim, ONE, (s, 1), (r, 2), (1 / r, 1)), "division by r")
