"""Certified enclosures: they contain what mpmath finds at 30 digits, they are tight, and what they cannot certify they refuse.

Exact statements about balls; no error model. mpmath's quadrature is the independent route.
"""

from __future__ import annotations

import mpmath
import pytest
import sympy
from flint import arb
from sympy import (
    Abs,
    Heaviside,
    Integer,
    Max,
    Min,
    Rational,
    Symbol,
    asin,
    atan,
    besseli,
    cos,
    erf,
    exp,
    gamma,
    log,
    pi,
    sign,
    sin,
    sqrt,
    tanh,
)

from theory import EnclosureError, StudentT, enclosure
from theory.errors import UndefinedMoment
from theory.means import AngularMean, ChiMean, Mean, NormalMean, StudentMean, is_nonzero

mpmath.mp.dps = 30
z, y = Symbol("z", real=True), Symbol("y", real=True)
rho, theta = Symbol("rho", positive=True), Symbol("theta", real=True)


def density(mean):
    """The density of a mean's law and the interval it lives on, split where functions here have kinks."""
    p = mpmath.mpf(str(mean.parameter)) if mean.parameter.is_Integer else mpmath.mpf(int(mean.parameter.p)) / int(mean.parameter.q)
    if isinstance(mean, NormalMean):
        return lambda t: mpmath.npdf(t), [-40, -12, -6, -2, 0, 2, 6, 12, 40]
    if isinstance(mean, ChiMean):
        norm = 2 ** (1 - p / 2) / mpmath.gamma(p / 2)
        return lambda t: norm * t ** (p - 1) * mpmath.exp(-t * t / 2), [0, 2, 6, 12, 40]
    if isinstance(mean, AngularMean):
        norm = mpmath.gamma(p / 2) / (mpmath.sqrt(mpmath.pi) * mpmath.gamma((p - 1) / 2))
        return lambda t: norm * mpmath.cos(t) ** (p - 2), [-mpmath.pi / 2, 0, mpmath.pi / 2]
    norm = mpmath.gamma((p + 1) / 2) / (mpmath.gamma(p / 2) * mpmath.sqrt(mpmath.pi * (p - 2)))
    return lambda t: norm * (1 + t * t / (p - 2)) ** (-(p + 1) / 2), [-mpmath.inf, -100, -10, -1, 0, 1, 10, 100, mpmath.inf]


def known(mean):
    """The value by mpmath, of a mean without means inside."""
    weight, points = density(mean)
    if isinstance(mean, StudentMean) and mean.function == cos(mean.variable):  # the characteristic function: no oscillating tail
        half, scale = mpmath.mpf(int(2 * mean.parameter)) / 4, mpmath.sqrt(mpmath.mpf(int(2 * mean.parameter)) / 2 - 2)
        return scale**half * mpmath.besselk(half, scale) / (2 ** (half - 1) * mpmath.gamma(half))
    function = sympy.lambdify(mean.variable, mean.function, "mpmath")
    return mpmath.quad(lambda t: function(t) * weight(t), points)


def contains(ball, value, slack="1e-22"):
    """Whether a ball contains a value known up to `slack`."""
    return bool(ball.overlaps(arb(mpmath.nstr(value, 28), float(slack))))


MEANS = [
    NormalMean(z**4, z, 0, (1, 4)),
    NormalMean(Abs(z), z, 0, (1, 1)),
    NormalMean(Abs(z) ** 3, z, 0, (1, 3)),
    NormalMean(Max(0, z) ** 2, z, 0, (1, 2)),
    NormalMean(Max(0, z) * Min(1, 1 + z**2), z, 0, (1, 1)),
    NormalMean(sign(z) * z, z, 0, (1, 1)),
    NormalMean(Heaviside(z) * z**2, z, 0, (1, 2)),
    NormalMean(cos(3 * z), z, 0, (1, 0)),
    NormalMean(exp(-(z**2)), z, 0, (1, 0)),
    NormalMean(erf(z) ** 2, z, 0, (1, 0)),
    NormalMean(z * tanh(2 * z), z, 0, (1, 1)),
    NormalMean(atan(z) ** 2, z, 0, (3, 0)),
    NormalMean(1 / (1 + z**2), z, 0, (1, 0)),
    NormalMean(sqrt(1 + z**2), z, 0, (1, 1)),
    NormalMean((z**2 + 1) ** 6, z, 0, (1, 12)),
    *(ChiMean(rho**3, rho, d, (1, 3)) for d in (1, 2, 3, 7)),
    *(ChiMean(asin(rho**2 / (1 + rho**2)), rho, d, (2, 0)) for d in (1, 2, 5)),
    ChiMean(log(1 + rho**2), rho, 3, (1, 1)),
    *(AngularMean(sin(theta) ** 2, theta, d) for d in (2, 3, 4, 9)),
    *(AngularMean(theta**2, theta, d) for d in (2, 3, 6)),
    *(AngularMean(Abs(sin(theta)), theta, d) for d in (2, 3, 6)),
    *(StudentMean(cos(z), z, nu, (1, 0)) for nu in (3, 5, 9, Rational(7, 2))),
    *(StudentMean(tanh(z) ** 2, z, nu, (1, 0)) for nu in (3, 5, 15)),
    StudentMean(z**4, z, 15, (1, 4)),
    StudentMean(z**2, z, 9, (1, 2)),
    StudentMean(Abs(z), z, 9, (1, 1)),
]


def tolerance(mean):
    """The width that can be had: tails of Student's t with few degrees are fat."""
    return 2.0**-20 if isinstance(mean, StudentMean) else 1e-9


@pytest.mark.parametrize("mean", MEANS, ids=str)
def test_the_ball_contains_the_value_and_is_tight(mean):
    ball, value = enclosure(mean), known(mean)
    assert contains(ball, value), (ball, value)
    assert float(ball.rad()) <= tolerance(mean) * max(1.0, abs(float(ball.mid())))


CLOSED = [
    (NormalMean(z**6, z, 0, (1, 6)), Integer(15)),
    (NormalMean(Max(0, z), z, 0, (1, 1)), 1 / sqrt(2 * pi)),
    (NormalMean(cos(z), z, 0, (1, 0)), exp(-Rational(1, 2))),
    (NormalMean(erf(z) ** 2, z, 0, (1, 0)), 2 / pi * asin(Rational(2, 3))),
    (ChiMean(rho**4, rho, 3, (1, 4)), Integer(15)),
    (ChiMean(rho, rho, 2, (1, 1)), sqrt(pi / 2)),
    (AngularMean(sin(theta) ** 4, theta, 3), Rational(1, 5)),
    (AngularMean(sin(theta) ** 2, theta, 1), Integer(1)),
    (AngularMean(cos(theta), theta, 2), 2 / pi),
    (StudentMean(z**2, z, 9, (1, 2)), Integer(1)),
    (StudentMean(z**4, z, 9, (1, 4)), 3 * Rational(7, 5)),
]


@pytest.mark.parametrize("precision", [30, 53, 90])
@pytest.mark.parametrize(("mean", "value"), CLOSED, ids=[str(mean) for mean, _ in CLOSED])
def test_closed_values_at_every_precision(mean, value, precision):
    """A lower precision, with which the tail is cut earlier, gives a wider ball and never a wrong one."""
    exact = enclosure(value, 200)
    try:
        assert enclosure(mean, precision).overlaps(exact)
    except EnclosureError:  # not tight enough is said, not glossed over
        assert precision == 30


@pytest.mark.parametrize("precision", [30, 53, 90])
def test_the_ball_holds_when_the_bound_is_generous(precision):
    """A larger C or k must only widen the tail."""
    for bound in ((1, 0), (10**6, 0), (1, 20), (10**3, 8)):
        assert enclosure(NormalMean(cos(z), z, 0, bound), precision).overlaps(enclosure(exp(-Rational(1, 2)), 200))
        assert enclosure(ChiMean(exp(-(rho**2)), rho, 2, bound), precision).overlaps(arb(1) / 3)


def test_the_tail_is_accounted_for():
    """The function lives where the integral is cut: at k the enclosed interval ends near 2k + 2, and tᵏ has its mass near √k."""
    for k in (2, 10, 20, 40):
        assert enclosure(NormalMean(z**k, z, 0, (1, k))).contains(int(sympy.factorial2(k - 1)))
    for k in (2, 10, 20):
        assert enclosure(ChiMean(rho**k, rho, 4, (1, k))).contains(int(2 ** (k // 2) * sympy.rf(2, k // 2)))


def test_a_mean_in_a_mean():
    """E E h(z, y) with the inner bound depending on z: against the product law written out."""
    inner = NormalMean(cos(z * y), y, 0, (1, 0))  # exp(−z²/2)
    assert enclosure(NormalMean(inner, z, 0, (1, 0))).overlaps(enclosure(1 / sqrt(2)))
    inner = NormalMean(Abs(rho * y), y, 0, (rho, 1))  # ρ √(2/π)
    assert enclosure(ChiMean(inner**2, rho, 3, (4, 2))).overlaps(enclosure(6 / pi))
    inner = AngularMean(cos(rho * sin(theta)), theta, 3)  # sin ρ / ρ, and over ρ with three degrees e^(−1/2)
    assert enclosure(ChiMean(inner, rho, 3, (1, 0))).overlaps(enclosure(exp(-Rational(1, 2))))


@pytest.mark.parametrize(
    "expr", [besseli(Rational(1, 2), 3), gamma(Rational(7, 3)), log(5) ** 2, sqrt(2) ** 3 / pi, Integer(2) ** Rational(1, 3), exp(-pi)]
)
def test_expressions_without_a_mean(expr):
    ball = enclosure(expr)
    assert contains(ball, mpmath.mpf(str(sympy.N(expr, 30))))
    assert float(ball.rad()) < 1e-13


def test_evalf_uses_the_ball():
    mean = NormalMean(cos(z), z, 0, (1, 0))
    assert abs(float(mean.evalf()) - 0.6065306597126334) < 1e-12
    assert abs(float((2 * mean + 1).evalf()) - 2.2130613194252668) < 1e-12


def test_a_mean_of_a_constant_is_the_constant():
    assert NormalMean(Integer(3), z) == 3
    assert isinstance(NormalMean(z, z, 0, (1, 1)), Mean)
    assert enclosure(NormalMean(z, z, 0, (1, 1))) == 0 or abs(float(enclosure(NormalMean(z**3, z, 0, (1, 3))).mid())) < 1e-12


def test_bound_symbols_are_not_free():
    mean = ChiMean(NormalMean(cos(rho * z), z, 0, (1, 0)), rho, 3, (1, 0))
    assert not mean.free_symbols
    assert NormalMean(cos(y * z), z, 0, (1, 0)).free_symbols == {y}


@pytest.mark.parametrize(
    ("expr", "named"),
    [
        (NormalMean(cos(y * z), z, 0, (1, 0)), "y has no value"),
        (y + 1, "y has no value"),
        (NormalMean(sympy.zeta(2 + z**2), z, 0, (2, 0)), "zeta is not a function"),
        (sympy.zeta(3), "zeta is not a function"),
        (StudentMean(z**5, z, 5, (1, 5)), "too few"),
        (NormalMean(1 / z**2, z, 0, (1, 0)), "could be certified"),
    ],
)
def test_refused_in_one_line(expr, named):
    with pytest.raises(EnclosureError, match=named) as caught:
        enclosure(expr)
    assert "\n" not in str(caught.value)


def test_a_ball_that_is_no_better_than_its_value_is_refused():
    """10⁸ E sin z ... a difference of nearly equal means at few bits: the relative error is what is judged."""
    near = NormalMean(cos(z), z, 0, (1, 0)) - exp(-Rational(1, 2)) * (1 + Rational(1, 10**13))
    with pytest.raises(EnclosureError, match="could be certified"):
        enclosure(near, 40)


def test_is_nonzero():
    assert is_nonzero(NormalMean(cos(z), z, 0, (1, 0)))
    assert not is_nonzero(Integer(0))
    assert not is_nonzero(Symbol("q"))
    assert not is_nonzero(NormalMean(sin(z), z, 0, (1, 0)))
    assert is_nonzero(sqrt(2) - 1)


def test_student_means_know_their_degrees():
    """A growth beyond the degrees of freedom is refused where the law meets it."""
    law = StudentT(sympy.eye(2), 5)
    with pytest.raises(UndefinedMoment, match="a moment of order 6 does not exist with 5 degrees"):
        law.projection_mean(z**6, z, (1, 6))
