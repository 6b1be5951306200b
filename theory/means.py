"""Means over one real variable that have no closed form, as exact constants with certified enclosures.

Each is a node of a sympy expression: exact, and evaluated on demand by `enclosure` to a ball (python-flint's arb) that provably contains
the value. An integral over a bounded interval is enclosed by arb; the rest of an unbounded one by a bound on its tail, from the growth
|h(t)| ≤ C (1+|t|)^k of the function averaged. One such mean may stand in another.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import cache, cached_property, reduce
from typing import Any

import sympy
from flint import acb, arb, ctx
from sympy import Add, Dummy, Expr, Float, Integer, Mul, Piecewise, Pow, Rational, Symbol, Tuple, sympify
from sympy.core.basic import Basic

from theory.errors import EnclosureError

Environment = dict[Any, Any]


class Enclosed(Expr):
    """A real number, or function of bound variables, that says itself in which ball it lies."""

    is_commutative = True
    is_real = True
    is_finite = True

    def ball(self, environment: Environment, analytic: bool) -> Any:
        """The value as an acb, the variables bound outside as in the environment."""
        raise TypeError(f"{type(self).__name__} does not say how it is enclosed")

    def _eval_evalf(self, precision: int) -> Any:
        if self.free_symbols:
            return self
        return Float(_sympy_number(enclosure(self, precision + 16)), precision=precision)


class Mean(Enclosed):
    """E h(t) for a real random t.

    function   h, an expression in `variable`
    variable   a real symbol, bound
    parameter  of the law: a dimension, degrees of freedom
    bound      C and k with |h(t)| ≤ C (1+|t|)^k; C ≥ 0 may depend on variables bound outside
    """

    def __new__(cls, function: Any, variable: Symbol, parameter: Any = 0, bound: tuple[Any, Any] = (1, 0)) -> Any:
        function = sympify(function)
        if variable not in function.free_symbols and not function.atoms(Mean):
            return function
        return Basic.__new__(cls, function, variable, sympify(parameter), Tuple(*bound))

    function = property(lambda self: self.args[0])
    variable = property(lambda self: self.args[1])
    parameter = property(lambda self: self.args[2])
    bound = property(lambda self: self.args[3])

    @property
    def free_symbols(self) -> set[Any]:
        return {symbol for arg in self.args for symbol in arg.free_symbols} - {self.variable}

    law_latex = ""

    def _latex(self, printer: Any) -> str:
        law = self.law_latex.format(parameter=printer._print(self.parameter))
        return rf"\mathbb E_{{{printer._print(self.variable)} \sim {law}}}\left[{printer._print(self.function)}\right]"

    @cached_property
    def _folded(self) -> tuple[Any, Any]:
        """h(t) + h(−t) and t > 0: with the sign known, |t|, sign t and max(0, t) are analytic."""
        t = Dummy("t", positive=True)
        return self.function.subs(self.variable, t) + self.function.subs(self.variable, -t), t


class NormalMean(Mean):
    """E h(z), z ~ N(0, 1).

    >>> from sympy import Symbol, exp
    >>> z = Symbol("z", real=True)
    >>> enclosure(NormalMean(exp(-(z**2) / 2), z)).contains(1 / arb(2).sqrt())
    True
    """

    law_latex = "\\mathcal N(0,1)"

    def ball(self, environment: Environment, analytic: bool) -> Any:
        C, k = ball(self.bound[0], environment, False).abs_upper(), int(self.bound[1])
        top = arb(max(2 * k + 2, int((2 * ctx.prec * 0.7) ** 0.5) + 4))
        # for t(1+t) ≥ 2k the factor (1+t)^k e^(−t²/4) decreases, and ∫_T e^(−t²/4) dt ≤ (2/T) e^(−T²/4)
        tail = C * (1 + top) ** k * (-top * top / 2).exp() * 4 / (top * (2 * arb.pi()).sqrt())
        weight = 1 / acb((2 * arb.pi()).sqrt())
        body, t = self._folded
        value = _integral(body * sympy.exp(-(t**2) / 2), t, arb(0), top, environment, analytic)
        return value * weight + _error(tail)


class ChiMean(Mean):
    """E h(ρ), ρ > 0, ρ² ~ χ² with `parameter` degrees of freedom."""

    law_latex = "\\chi_{{{parameter}}}"

    def ball(self, environment: Environment, analytic: bool) -> Any:
        d = int(self.parameter)
        C, k = ball(self.bound[0], environment, False).abs_upper(), int(self.bound[1])
        m = k + d - 1  # (1+ρ)^k ρ^(d−1) ≤ (1+ρ)^m
        top = arb(max(2 * m + 2, int((2 * ctx.prec * 0.7) ** 0.5) + 4))
        norm = arb(2) ** (1 - arb(d) / 2) / (arb(d) / 2).gamma()
        tail = C * norm * (1 + top) ** m * (-top * top / 2).exp() * 2 / top
        body = self.function * self.variable ** (d - 1) * sympy.exp(-(self.variable**2) / 2)
        return _integral(body, self.variable, arb(0), top, environment, analytic) * acb(norm) + _error(tail)


class AngularMean(Mean):
    """E h(θ), sin θ a coordinate of a point uniform on the unit sphere in `parameter` dimensions.

    >>> from sympy import Symbol, sin
    >>> theta = Symbol("theta", real=True)
    >>> enclosure(AngularMean(sin(theta) ** 4, theta, 3)).contains(arb(1) / 5)
    True
    """

    law_latex = "\\mathrm{{angle}}_{{{parameter}}}"

    def ball(self, environment: Environment, analytic: bool) -> Any:
        d, (body, theta) = int(self.parameter), self._folded
        if d == 1:
            return ball(body.subs(theta, sympy.pi / 2) / 2, environment, analytic)
        body = body * sympy.cos(theta) ** (d - 2)
        norm = arb.pi().sqrt() * (arb(d - 1) / 2).gamma() / (arb(d) / 2).gamma()
        return _integral(body, theta, arb(0), arb.pi() / 2, environment, analytic) / acb(norm)


class StudentMean(Mean):
    """E h(t), t Student with `parameter` degrees of freedom ν > 2, scaled to variance 1."""

    law_latex = "t_{{{parameter}}}"

    def ball(self, environment: Environment, analytic: bool) -> Any:
        nu = ball(self.parameter, {}, False).real
        C, k = ball(self.bound[0], environment, False).abs_upper(), int(self.bound[1])
        norm = ((nu + 1) / 2).gamma() / ((nu / 2).gamma() * (arb.pi() * (nu - 2)).sqrt())
        # beyond T ≥ 1: (1+t)^k (1 + t²/(ν−2))^(−(ν+1)/2) ≤ 2^k (ν−2)^((ν+1)/2) t^(k−ν−1)
        decay = nu - k
        if not decay > 0:
            raise EnclosureError(f"StudentMean: degrees of freedom {self.parameter} are too few for a function growing like t^{k}.")
        scale = 2 * C * norm * arb(2) ** k * (nu - 2) ** ((nu + 1) / 2) / decay
        top = (scale * arb(2) ** 44 + 1) ** (1 / decay)
        tail = scale * top ** (-decay)
        body, t = self._folded
        body = body * sympy.exp(-(self.parameter + 1) / 2 * sympy.log(1 + t**2 / (self.parameter - 2)))
        return _integral(body, t, arb(0), arb(top.upper()), environment, analytic) * acb(norm) + _error(tail)


def enclosure(expr: Any, precision: int = 53) -> Any:
    """A ball (arb) that contains the value of an exact real expression without free symbols.

    precision  bits to compute with. Raises EnclosureError where the ball's radius is more than 2⁻²⁰ of the value and than 2⁻⁸⁰, or a
               function is not known.

    >>> from sympy import pi, sqrt
    >>> enclosure(2 / sqrt(pi))
    [1.12837916709551 +/- 2.97e-15]
    """
    expr = sympify(expr)
    if expr.free_symbols:
        names = ", ".join(sorted(map(str, expr.free_symbols)))
        raise EnclosureError(f"enclosure: {names} has no value; give numbers for the symbols of the setting.")
    before, ctx.prec = ctx.prec, precision
    try:
        value = ball(expr, {}, False).real
    finally:
        ctx.prec = before
    if not value.is_finite() or float(value.rad()) > max(2.0**-20 * abs(float(value.mid())), 2.0**-80):
        raise EnclosureError(f"enclosure: only {value} could be certified for {expr}.")
    return value


def is_nonzero(scalar: Any) -> bool:
    """Whether a scalar is known not to be 0, by its assumptions or by a certified enclosure."""
    if scalar.is_nonzero is not None or scalar.free_symbols:
        return scalar.is_nonzero is True
    try:
        return not enclosure(scalar).contains(0)
    except EnclosureError:
        return False


def sign(scalar: Any) -> int:
    """−1, 0 or 1 for an exact real number. Raises EnclosureError for one that is neither rational nor known not to be 0.

    >>> from sympy import pi
    >>> sign(pi - 3)
    1
    """
    scalar = sympify(scalar)
    if scalar.is_Rational:
        return int(sympy.sign(scalar))
    for precision in (53, 128, 256):
        try:
            value = enclosure(scalar, precision)
        except EnclosureError:
            continue
        if not value.contains(0):
            return 1 if value > 0 else -1
    raise EnclosureError(f"sign: {scalar} is not known to be positive, negative or 0.")


def _sympy_number(ball: Any) -> Rational:
    mantissa, exponent = ball.mid().man_exp()
    return Rational(int(mantissa)) * Rational(2) ** int(exponent)


def _error(bound: Any) -> Any:
    return acb(arb(0, bound.abs_upper()))


def _integral(body: Any, variable: Any, low: Any, high: Any, environment: Environment, analytic: bool) -> Any:
    def integrand(t: Any, inner: bool) -> Any:
        return ball(body, environment | {variable: t}, inner or analytic)

    # where the outer variables are only known to be in a ball, no inner integral can be sharper than that
    blur = max((float(value.rad()) for value in environment.values()), default=0.0)
    return acb.integral(
        integrand, acb(low), acb(high), rel_tol=arb(max(2.0**-34, blur)), abs_tol=arb(max(2.0**-50, blur / 8)), eval_limit=20_000
    )


_FUNCTIONS: dict[Any, Callable[[Any, bool], Any]] = {
    sympy.exp: lambda t, a: t.exp(),
    sympy.log: lambda t, a: t.log(analytic=a),
    sympy.sin: lambda t, a: t.sin(),
    sympy.cos: lambda t, a: t.cos(),
    sympy.tan: lambda t, a: t.tan(),
    sympy.sinh: lambda t, a: t.sinh(),
    sympy.cosh: lambda t, a: t.cosh(),
    sympy.tanh: lambda t, a: t.tanh(),
    sympy.asin: lambda t, a: t.asin(),
    sympy.atan: lambda t, a: t.atan(),
    sympy.erf: lambda t, a: t.erf(),
    sympy.erfc: lambda t, a: t.erfc(),
    sympy.gamma: lambda t, a: t.gamma(),
    sympy.Abs: lambda t, a: t.real_abs(analytic=a),
    sympy.sign: lambda t, a: t.real_sgn(analytic=a),
    sympy.Heaviside: lambda t, a: t.real_heaviside(analytic=a),
}


def known_functions() -> tuple[Any, ...]:
    """The functions of which arb computes enclosures."""
    return (*_FUNCTIONS, sympy.Max, sympy.Min)


def ball(node: Any, environment: Environment, analytic: bool) -> Any:
    return _compiled(node, ctx.prec)(environment, analytic)


@cache
def _compiled(node: Any, precision: int) -> Callable[[Environment, bool], Any]:
    """The value of a node as a function of the variables bound outside, and of whether it must be analytic in them."""
    if node.is_Symbol:
        return lambda environment, analytic: environment[node]
    if isinstance(node, Enclosed):
        if node.free_symbols:
            return node.ball
        value: list[Any] = []  # computed when it is first asked for

        def once(environment: Environment, analytic: bool) -> Any:
            if not value:
                value.append(node.ball({}, False))
            return value[0]

        return once
    if node.is_Rational or node in (sympy.pi, sympy.E):
        constant = acb({sympy.pi: arb.pi(), sympy.E: arb(1).exp()}.get(node) or arb(int(node.p)) / arb(int(node.q)))
        return lambda environment, analytic: constant
    if isinstance(node, Piecewise | sympy.Integral) or not (isinstance(node, _ARITHMETIC) or node.func in _FUNCTIONS):
        known = ", ".join(sorted(function.__name__ for function in known_functions()))
        raise EnclosureError(f"enclosure: {node.func.__name__} is not a function that can be enclosed; there are {known}.")
    parts = [_compiled(arg, precision) for arg in node.args]
    if isinstance(node, Add | Mul):
        operation = operator.add if isinstance(node, Add) else operator.mul
        return lambda environment, analytic: reduce(operation, [part(environment, analytic) for part in parts])
    first = parts[0]
    if isinstance(node, Pow):
        exponent = node.exp
        if isinstance(exponent, Integer):
            whole = int(exponent)
            return lambda environment, analytic: first(environment, analytic) ** whole
        if exponent.is_Rational and exponent.q == 2:
            times = int(exponent.p)
            return lambda environment, analytic: first(environment, analytic).sqrt(analytic=analytic) ** times
        return lambda environment, analytic: first(environment, analytic).pow(parts[1](environment, analytic), analytic=analytic)
    if isinstance(node, sympy.Max | sympy.Min):
        name = "real_max" if isinstance(node, sympy.Max) else "real_min"
        return lambda environment, analytic: reduce(
            lambda x, y: getattr(x, name)(y, analytic=analytic), [part(environment, analytic) for part in parts]
        )
    if isinstance(node, sympy.besseli):
        return lambda environment, analytic: parts[1](environment, analytic).bessel_i(first(environment, analytic))
    function = _FUNCTIONS[node.func]
    return lambda environment, analytic: function(first(environment, analytic), analytic)


_ARITHMETIC = (Add, Mul, Pow, sympy.Max, sympy.Min, sympy.besseli)
