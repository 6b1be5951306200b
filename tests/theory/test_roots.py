"""Positive roots of polynomials: counted, in order, enclosed as sharply as asked."""

import pytest
from flint import arb, ctx
from sympy import Integer, Poly, Rational, Symbol, pi, sqrt

from theory import EnclosureError, enclosure
from theory.means import sign
from theory.roots import PositiveRoot, positive_roots

x = Symbol("x")


def of(*roots, other=1):
    """Coefficients of a polynomial with these roots and a factor without positive ones"""
    product = Poly(other, x)
    for root in roots:
        product *= Poly(x - root, x)
    return product.all_coeffs()


@pytest.mark.parametrize("other", [1, x**2 + 1, (x + 2) ** 2, x**2 - 2 * x + 2])
@pytest.mark.parametrize("roots", [(), (Rational(1, 3),), (1, 2), (Rational(999, 1000), 1, 7)])
def test_rational_roots(roots, other):
    found = positive_roots(of(*map(Rational, roots), other=other), 200)
    assert len(found) == len(roots)
    for ball, root in zip(found, sorted(roots), strict=True):
        assert (ball * int(Rational(root).q)).contains(int(Rational(root).p))
        assert ball.rad() < 1e-50


def test_a_double_root_counts_once():
    assert len(positive_roots(of(Integer(1), Integer(1), Integer(3)))) == 2
    assert enclosure(PositiveRoot(of(Integer(1), Integer(1), Integer(3)), 1), 100).contains(3)


@pytest.mark.parametrize("precision", [53, 200, 1000])
def test_irrational_coefficients_are_as_sharp_as_rational_ones(precision):
    root = PositiveRoot((pi, 0, -2), 0)
    ball = enclosure(root, precision)
    before, ctx.prec = ctx.prec, 2 * precision
    try:
        assert ball.contains((arb(2) / arb.pi()).sqrt())
        assert ball.rad() < arb(2) ** (24 - precision)
    finally:
        ctx.prec = before
    assert abs(PositiveRoot((sqrt(2), 0, -2), 0).n(60) - (sqrt(sqrt(2))).n(60)) < 10**-57


def test_roots_that_balls_do_not_tell_apart_are_refused():
    with pytest.raises(EnclosureError, match="not known well enough"):
        positive_roots((pi, -2 * pi, pi))
    with pytest.raises(EnclosureError, match="only 1 positive"):
        enclosure(PositiveRoot((1, 0, -2), 1))


def test_a_root_is_a_positive_number():
    root = PositiveRoot((1, 0, -2), 0)
    assert root.is_positive
    assert root.is_real
    assert not root.free_symbols
    assert sign(root - Rational(141421356237, 10**11)) == 1
    assert sign(root**2 - 2 + Rational(1, 10**40)) == 1
