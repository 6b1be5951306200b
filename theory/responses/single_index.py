"""Single-index responses f(x) = φ(w·x), w ~ N(0, W), as a rule with a random sign.

Given the covariates, w·x and w·x' are Gaussian with variances r², s² and covariance r s u, so the conditional moments are means over two
Gaussian variables. Where they have no closed form and the covariates are elliptical, the task vector is fixed first instead: with ρ = ‖w‖
in whitened coordinates and t one coordinate of a whitened covariate, everything is a mean over ρ of means over t.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import factorial
from typing import Any

import sympy
from sympy import (
    Abs,
    Expr,
    Identity,
    Integer,
    MatMul,
    Max,
    Poly,
    Rational,
    S,
    Symbol,
    asin,
    cos,
    cosh,
    diff,
    erf,
    exp,
    expand,
    factorial2,
    hermite_prob,
    pi,
    rf,
    sign,
    sin,
    sinh,
    sqrt,
    sympify,
)

from theory.covariates.elliptical import Elliptical
from theory.covariates.gaussian import Gaussian
from theory.covariates.law import CovariateLaw, isotropy, r, s, u
from theory.errors import SettingError, UnknownMoment
from theory.exact import covariance_matrix, dimension_size
from theory.means import ChiMean, NormalMean, known_functions
from theory.responses.family import KernelFamily, ResponseMoments
from theory.responses.linear import Linear

t = Symbol("t", real=True)
_rho = Symbol("rho", positive=True)
_z, _z2 = Symbol("z", real=True), Symbol("z_2", real=True)

relu: Any = Max(0, t)
leaky_relu: Any = Max(0, t) - Max(0, -t) / 10


def hermite(degree: int) -> Expr:
    """The probabilists' Hermite polynomial He_k / √k!, of variance 1 at a standard normal argument."""
    return expand(hermite_prob(degree, t) / sqrt(factorial(degree)))


@dataclass(frozen=True)
class SingleIndex(KernelFamily):
    """Responses s φ(w·x) with w ~ N(0, W) and s = ±1 drawn anew for each prompt.

    activation   φ, a sympy expression in `single_index.t`
    covariance   W, d×d and positive semidefinite
    growth       (C, k) with |φ(t)| ≤ C (1+|t|)^k for all t; found for polynomials in t and |t| and bounded functions; one that is
                 given is taken on trust (it is tried at some points), and so are the enclosures that rest on it
    random_sign  False leaves s out: the labels are then not sign-symmetric unless φ is odd

    >>> from sympy import symbols
    >>> d = symbols("d", integer=True, positive=True)
    >>> SingleIndex.isotropic(t**3, d).moments(Gaussian.isotropic(d)).second
    60*d*(d/2 + 1)*(d/2 + 2)
    """

    activation: Any
    covariance: Any
    growth: Any = None
    random_sign: bool = True

    def __post_init__(self) -> None:
        phi = sympify(self.activation)
        if phi.free_symbols != {t}:
            raise SettingError(f"SingleIndex: activation must be a function of theory.responses.single_index.t alone, got {phi}.")
        allowed = (sympy.Add, sympy.Mul, sympy.Pow, Symbol, sympy.Number, sympy.NumberSymbol, *_functions())
        foreign = [node for node in sympy.preorder_traversal(phi) if not isinstance(node, allowed)]
        if foreign or phi.has(sympy.Float):
            wanted = ", ".join(sorted(function.__name__ for function in _functions()))
            raise SettingError(
                f"SingleIndex: activation is made of exact numbers, powers and {wanted}; got {foreign[0] if foreign else phi}."
            )
        object.__setattr__(self, "activation", phi)
        object.__setattr__(self, "covariance", covariance_matrix("SingleIndex", self.covariance, SettingError, definite=False))
        growth = self.growth if self.growth is not None else _growth(phi)
        if growth is None:
            raise SettingError(f"SingleIndex: give growth = (C, k) with |φ(t)| ≤ C (1+|t|)^k for φ = {phi}.")
        C, k = (sympify(part) for part in growth)
        if not (k.is_Integer and k >= 0 and C.is_positive):
            raise SettingError(f"SingleIndex: growth must be (C, k), C > 0 and k = 0, 1, 2, …, got {growth}.")
        for point in (-(10**6), -1000, -100, -10, -3, -1, Rational(-1, 2), 0, Rational(1, 2), 1, 3, 10, 100, 1000, 10**6):
            value = sympy.N(phi.subs(t, point))
            if value.is_real is not True or abs(value) > C * (1 + abs(point)) ** k * (1 + Rational(1, 10**9)):
                raise SettingError(f"SingleIndex: growth {growth} does not hold, φ({point}) = {value}.")
        object.__setattr__(self, "growth", (C, k))

    @classmethod
    def isotropic(cls, activation: Any, dimension: Any, **options: Any) -> SingleIndex:
        """w ~ N(0, I) in `dimension` dimensions, a number or a symbol."""
        return cls(activation, Identity(dimension_size("SingleIndex.isotropic", dimension, SettingError)), **options)

    def kernel(self) -> Expr:
        return self._pair_mean(self.activation)

    def squares(self) -> Expr:
        return self._pair_mean(expand(self.activation**2))

    def fourth(self) -> Expr:
        return self._single_mean(expand(self.activation**4))

    def average(self) -> Expr:
        return S.Zero if self.random_sign else self._single_mean(self.activation)

    def cubed(self) -> Expr:
        return S.Zero if self.random_sign else self._single_mean(expand(self.activation**3))

    def moments(self, law: CovariateLaw) -> ResponseMoments:
        found = self._moments(law)
        if law.reflected and self.activation.subs(t, -t) == self.activation:  # E f(x) x = 0 given f
            found = replace(found, cross=MatMul(S.Zero, law.second_moment))
        return found

    def _moments(self, law: CovariateLaw) -> ResponseMoments:
        linear = _piecewise_linear(self.activation)
        if linear is not None:
            return self._piecewise_linear_moments(law, *linear)
        trigonometric = _trigonometric(self.activation) is not None
        if isinstance(law, Elliptical) and not (trigonometric or self.activation.is_polynomial(t) or self.activation == sign(t)):
            return self._by_projection(law)
        return super().moments(law)

    # closed forms given the covariates

    def _pair_mean(self, h: Expr) -> Expr:
        """E h(w·x) h(w·x') given x, x'"""
        if h.is_polynomial(t):
            powers = Poly(h, t).terms()
            return sum((p * q * _isserlis(a, b) for (a,), p in powers for (b,), q in powers), S.Zero)
        if h == sign(t):
            return 2 / pi * asin(u)
        if h == sign(t) ** 2:
            return S.One
        form = _trigonometric(h)
        if form is not None:
            return sum(
                (
                    exp(-(v**2 * r**2 + w**2 * s**2) / 2) * (a * c * cosh(v * w * r * s * u) + b * e * sinh(v * w * r * s * u))
                    for v, (a, b) in form.items()
                    for w, (c, e) in form.items()
                ),
                S.Zero,
            )
        if isinstance(h, erf) and (h.args[0] / t).is_number:
            a = h.args[0] / t
            return 2 / pi * asin(2 * a**2 * r * s * u / sqrt((1 + 2 * a**2 * r**2) * (1 + 2 * a**2 * s**2)))
        C, k = self.growth
        power = 2 if h != self.activation else 1
        inner = h.subs(t, s * (u * _z + sqrt(1 - u**2) * _z2)) * h.subs(t, r * _z)
        bound = C ** (2 * power) * (1 + r + s) ** (2 * power * k)
        return NormalMean(
            NormalMean(inner, _z2, 0, (bound * (1 + Abs(_z)) ** (2 * power * k), power * k)),
            _z,
            0,
            (bound * 9 ** (power * k), 2 * power * k),
        )

    def _single_mean(self, h: Expr) -> Expr:
        """E h(w·x) given x"""
        if h.is_polynomial(t):
            return sum((p * factorial2(a - 1) * r**a for (a,), p in Poly(h, t).terms() if a % 2 == 0), S.Zero)
        if h.is_polynomial(t, Abs(t)) and h.has(Abs):
            total = S.Zero
            for term in sympy.Add.make_args(expand(h)):
                coefficient, powers = term.as_independent(t)
                degree = sum(e for e in powers.as_powers_dict().values())
                if powers.subs(t, -t) == powers:
                    total += coefficient * r**degree * 2 ** (degree / 2) * sympy.gamma((degree + 1) / 2) / sqrt(pi)
            return total
        if h in (sign(t) ** 4, sign(t) ** 2):
            return S.One
        if h.subs(t, -t) == -h:
            return S.Zero
        form = _trigonometric(h)
        if form is not None:
            return sum((a * exp(-(v**2) * r**2 / 2) for v, (a, _) in form.items()), S.Zero)
        C, k = self.growth
        return NormalMean(h.subs(t, r * _z), _z, 0, (C**4 * (1 + r) ** (4 * k), 4 * k))

    # φ = α t + β |t|

    def _piecewise_linear_moments(self, law: CovariateLaw, alpha: Any, beta: Any) -> ResponseMoments:
        """Even and odd part apart: products of t|t| with even functions of the covariates vanish, since x and −x have the same law."""
        if beta != 0 and not law.reflected:
            raise law.undefined(Abs(t), "x and −x are not known to have the same law")
        linear = Linear(self.covariance).moments(law)
        square = alpha**2 + beta**2
        mean: Any = S.Zero
        third: Any = S.Zero
        if beta != 0 and not self.random_sign:
            try:
                mean = law.mean(beta * sqrt(2 / pi) * r, self.covariance)
                third = law.mean((3 * alpha**2 * beta + beta**3) * 2 * sqrt(2 / pi) * r**3, self.covariance)
            except UnknownMoment:  # only the symmetry is judged by them, and it is broken: β E|w·x| ≠ 0
                mean = third = S.NaN
        return ResponseMoments(
            mean=mean,
            third=third,
            mixed=S.Zero,
            second=square * linear.second,
            fourth=(alpha**4 + 6 * alpha**2 * beta**2 + beta**4) * linear.fourth,
            pair=square**2 * linear.pair,
            weighted=square * linear.weighted,
            cross=alpha**2 * linear.cross,
        )

    # elliptical covariates: the task vector fixed first

    def _by_projection(self, law: Elliptical) -> ResponseMoments:
        omega, d, (C, k) = sqrt(isotropy(law, self.covariance)), law.dimension, self.growth
        size = C * (1 + omega) ** k * (1 + _rho) ** k  # |φ(ωρt)| ≤ size (1+|t|)^k

        def inner(h: Expr, power: int, extra: int = 0) -> Expr:
            return law.projection_mean(h, t, (size**power * (d * law.largest_variance + 1) ** (extra // 2), power * k + extra))

        def outer(value: Expr, power: int, extra: int = 0) -> Expr:
            constant = (
                (C * (1 + omega) ** k) ** power * _absolute_bound(law, power * k + extra) * (d * law.largest_variance + 1) ** (extra // 2)
            )
            return ChiMean(value, _rho, d, (constant, power * k))

        phi = self.activation.subs(t, omega * _rho * t)
        closed = _erf_means(self.activation, omega * _rho) if isinstance(law, Gaussian) else None
        if closed is not None:
            slope, square = closed
            weighted = square + _rho * diff(square, _rho) + (d - 1) * square
        else:
            slope, square = inner(t * phi, 1, 1), inner(phi**2, 2)
            weighted = inner(phi**2 * (t**2 + law.transverse(t)), 2, 2)
        odd = self.random_sign or self.activation.subs(t, -t) == -self.activation
        return ResponseMoments(
            mean=S.Zero if odd else outer(inner(phi, 1), 1),
            third=S.Zero if odd else outer(inner(phi**3, 3), 3),
            mixed=S.Zero,
            second=outer(square, 2),
            fourth=outer(inner(phi**4, 4), 4),
            pair=outer(square**2, 4),
            weighted=MatMul(outer(weighted, 2, 2) / d, law.second_moment),
            cross=MatMul(outer(slope**2, 2, 2) / d, law.second_moment),
        )

    def draw(self, source: Any, covariates: Any) -> Any:
        batch, size = covariates.shape[0], int(self.dimension)
        task = source.mixed(source.normal(batch, 1, size), self.covariance)
        value = source.function(self.activation, t, (covariates * task).sum(-1))
        return value * source.sign(batch, 1) if self.random_sign else value


def _functions() -> tuple[Any, ...]:
    """The functions that an activation is made of, those with an enclosure; arcsin is not real everywhere."""
    return tuple(function for function in known_functions() if function is not asin)


def _isserlis(a: int, b: int) -> Expr:
    """E t^a t'^b for Gaussian t, t' with variances r², s² and covariance r s u"""
    if (a + b) % 2:
        return S.Zero
    total = S.Zero
    for k in range(a % 2, min(a, b) + 1, 2):
        ways = (
            factorial(a) * factorial(b) // (factorial(k) * factorial((a - k) // 2) * factorial((b - k) // 2) * 2 ** ((a + b - 2 * k) // 2))
        )
        total += ways * u**k
    return total * r**a * s**b


def _piecewise_linear(phi: Expr) -> tuple[Any, Any] | None:
    """(α, β) with φ(t) = α t + β |t|, or None."""
    up, down = (expand(phi.subs(t, sign_ * Symbol("p", positive=True)) / Symbol("p", positive=True)) for sign_ in (1, -1))
    if up.free_symbols or down.free_symbols or not (up.is_number and down.is_number):
        return None
    if phi.has(sign) or (not phi.has(Abs, Max, sympy.Min) and not phi.is_polynomial(t)):
        return None
    return (up - down) / 2, (up + down) / 2


def _trigonometric(h: Expr) -> dict[Any, tuple[Any, Any]] | None:
    """{ω: (a, b)} with h(t) = Σ a cos(ωt) + b sin(ωt), ω ≥ 0; None where h is no trigonometric polynomial."""
    if not h.has(sin, cos):
        return None
    waves: dict[Any, Any] = {}  # ω: the coefficient of exp(iωt)
    for term in sympy.Add.make_args(expand(h.rewrite(exp))):
        coefficient, rest = term.as_independent(t)
        exponents: list[Any] = [factor.args[0] if isinstance(factor, exp) else None for factor in sympy.Mul.make_args(rest) if factor != 1]
        if None in exponents:
            return None
        omega = expand(sum(exponents, S.Zero) / (sympy.I * t))
        if omega.free_symbols or not omega.is_real:
            return None
        waves[omega] = waves.get(omega, S.Zero) + coefficient
    found = {}
    for omega in {abs(omega) for omega in waves}:
        up, down = waves.get(omega, S.Zero), waves.get(-omega, S.Zero)
        found[omega] = (expand(up + down), expand(sympy.I * (up - down))) if omega != 0 else (up, S.Zero)
    return found


def _erf_means(phi: Expr, scale: Any) -> tuple[Any, Any] | None:
    """E z φ(scale z) and E φ(scale z)² for φ(t) = erf(at) and z standard normal, else None."""
    if not (isinstance(phi, erf) and (phi.args[0] / t).is_number):
        return None
    a = phi.args[0] / t * scale
    return 2 * a / sqrt(pi * (1 + 2 * a**2)), 2 / pi * asin(2 * a**2 / (1 + 2 * a**2))


def _absolute_bound(law: Elliptical, m: int) -> Any:
    """A bound on E (1+|t|)^m for one coordinate t of the whitened covariate: 2^m (1 + E t^2j), 2j ≥ m."""
    j = -(-m // 2)
    return 2**m * (2 + law.norm_power(Integer(2 * j)) * rf(S.Half, j) / rf(law.dimension / 2, j))


def _growth(phi: Expr) -> tuple[Any, Any] | None:
    """(C, k) for polynomials in t, |t|, max, and for sums of bounded functions; None where it is not known."""
    bounded = (sin, cos, erf, sign, sympy.tanh, sympy.atan, sympy.Heaviside)
    C, k = S.Zero, 0
    for term in sympy.Add.make_args(expand(phi)):
        coefficient, rest = term.as_independent(t)
        degree, factor = 0, S.One
        for part in sympy.Mul.make_args(rest):
            base, power = part.as_base_exp()
            if not (power.is_Integer and power >= 0):
                return None
            if isinstance(base, bounded):
                factor *= 2**power
            elif base == t or (isinstance(base, Abs) and base.args[0] == t):
                degree += power
            elif isinstance(base, Max | sympy.Min) and all(arg.is_number or (arg / t).is_number for arg in base.args):
                largest = sum(abs(arg) if arg.is_number else abs(arg / t) for arg in base.args)
                degree, factor = degree + power, factor * largest**power
            elif part != 1:
                return None
        C, k = C + abs(coefficient) * factor, max(k, int(degree))
    return (C, k)


__all__ = ["SingleIndex", "hermite", "leaky_relu", "relu", "t"]
