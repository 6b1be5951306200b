"""Independent coordinates under a linear map, x = T x̃: Rademacher, uniform, Laplace, or any with a given kurtosis.

Sums over coordinates of independent terms are handled by their generating function: that of d coordinates is the d-th power of that of
one, and only its lowest coefficients are needed, so d may be a symbol.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from math import factorial
from typing import Any

from sympy import (
    Dummy,
    Expr,
    Identity,
    Integer,
    MatMul,
    Rational,
    S,
    Symbol,
    binomial,
    cosh,
    diff,
    exp,
    ff,
    integrate,
    sqrt,
    sympify,
)
from sympy.matrices.matrixbase import MatrixBase

from theory.covariates.law import IsotropicLaw, Term, r, s, terms, u
from theory.errors import SettingError, UndefinedMoment
from theory.exact import dimension_size, exact_matrix, exact_scalar, matrix_rank
from theory.means import NormalMean
from theory.wick import Excess, UnitVector

z = Symbol("z", real=True)
Degree = tuple[int, int, int]


@dataclass(frozen=True)
class IndependentCoordinates(IsotropicLaw):
    """x = T x̃ with independent symmetric coordinates x̃_i of variance 1.

    mixing  T, d×d and invertible: an explicit matrix, or Identity(d)
    """

    mixing: Any

    def __post_init__(self) -> None:
        name = type(self).__name__
        mixing = exact_matrix(name, "mixing", self.mixing, SettingError)
        if isinstance(mixing, Identity) and sympify(mixing.shape[0]).is_Integer:
            mixing = mixing.as_explicit().as_immutable()
        if not isinstance(mixing, MatrixBase | Identity) or mixing.shape[0] != mixing.shape[1]:
            raise SettingError(f"{name}: mixing must be a square explicit matrix, or Identity(d), got {mixing}.")
        if isinstance(mixing, MatrixBase) and matrix_rank(mixing) < mixing.rows:
            raise SettingError(f"{name}: mixing must be invertible, got {mixing.tolist()}.")
        object.__setattr__(self, "mixing", mixing)

    @classmethod
    def isotropic(cls, dimension: Any) -> Any:
        """T = I in `dimension` dimensions, a number or a symbol."""
        return cls(Identity(dimension_size(f"{cls.__name__}.isotropic", dimension, SettingError)))

    @abstractmethod
    def coordinate_moment(self, k: int) -> Any:
        """E a^k of one coordinate a, k even"""

    @abstractmethod
    def draw_coordinates(self, source: Any, *shape: int) -> Any:
        """Independent coordinates"""

    def squared_exponential(self, t: Any) -> tuple[Any, Any]:
        """E exp(−ta²) and E a² exp(−ta²)"""
        raise self.undefined(exp(-t * r**2), "no exponential moment of its coordinates is known")

    def difference_exponential(self, t: Any) -> tuple[Any, Any]:
        """E exp(−t(a−b)²/2) and E ab exp(−t(a−b)²/2) for two independent coordinates"""
        raise self.undefined(exp(-t * (r - s) ** 2 / 2), "no exponential moment of its coordinates is known")

    @property
    def dimension(self) -> Any:
        return sympify(self.mixing.shape[0])

    @property
    def second_moment(self) -> Any:
        return self.mixing if isinstance(self.mixing, Identity) else (self.mixing * self.mixing.T).as_immutable()

    @property
    def excess(self) -> Excess | None:
        weight = (self.coordinate_moment(4) - 3) / 3
        if isinstance(self.mixing, Identity):  # d coordinate axes, each like any other
            axis = UnitVector(Dummy("axis"), self.dimension, 1)
            return ((self.dimension * weight, MatMul(axis, axis.T)),)
        columns = [self.mixing[:, i] for i in range(self.mixing.cols)]
        return tuple((weight, (t * t.T).as_immutable()) for t in columns)

    def draw(self, source: Any, *shape: int) -> Any:
        return source.multiplied(self.draw_coordinates(source, *shape, int(self.dimension)), self.mixing)

    def pair_mean(self, expr: Any) -> Expr:
        return sum((term.coefficient * self._term(term) for term in terms(self, expr)), S.Zero)

    def _term(self, term: Term) -> Any:
        counts = term.overlap
        if counts is None:
            raise self.undefined(term, "what is no polynomial needs the law of the norms and their cosine together")
        if not term.has_exponential:
            return self.power_mean(*counts)
        i, j, k = counts
        d = self.dimension
        if term.gamma == 0 and k == 0:
            return self._norm(term.alpha, i) * self._norm(term.beta, j)
        t = abs(term.gamma)
        if i == j == 0 and k <= 1 and term.alpha == term.beta == -t / 2:
            value, weighted = self.difference_exponential(t)
            return value**d if k == 0 else d * weighted * value ** (d - 1) * (-1 if term.gamma.is_negative else 1)
        raise self.undefined(term, "this exponential does not split into coordinates in a form that is known")

    def _norm(self, alpha: Any, i: int) -> Any:
        """E R^2i exp(αR²)"""
        if alpha == 0:
            return self.power_mean(i, 0, 0)
        if i > 1:
            raise self.undefined(exp(alpha * r**2), "only its first derivative is known")
        value, weighted = self.squared_exponential(-alpha)
        return value**self.dimension if i == 0 else self.dimension * weighted * value ** (self.dimension - 1)

    def power_mean(self, i: int, j: int, k: int) -> Any:
        """E (Σ a²)^i (Σ b²)^j (Σ ab)^k over d independent pairs of coordinates."""
        if k % 2:
            return S.Zero
        one = {degree: self._coefficient(degree) for degree in _box(i, j, k) if degree != (0, 0, 0)}
        total, power = S.Zero, {(0, 0, 0): S.One}
        for order in range(1, i + j + k + 1):  # G^d = Σ_l binom(d, l) (G − 1)^l
            power = _product(power, one, (i, j, k))
            total += ff(self.dimension, order) / factorial(order) * power.get((i, j, k), S.Zero)
        value = total if i + j + k else S.One
        return sympify(value * factorial(i) * factorial(j) * factorial(k)).expand(func=True)

    def _coefficient(self, degree: Degree) -> Any:
        i, j, k = degree
        moment = self.coordinate_moment(2 * i + k) * self.coordinate_moment(2 * j + k) if k % 2 == 0 else S.Zero
        return moment / (factorial(i) * factorial(j) * factorial(k))


def _box(i: int, j: int, k: int) -> Iterator[Degree]:
    return ((a, b, c) for a in range(i + 1) for b in range(j + 1) for c in range(k + 1))


def _product(left: dict[Degree, Any], right: dict[Degree, Any], most: Degree) -> dict[Degree, Any]:
    result: dict[Degree, Any] = {}
    for x, p in left.items():
        for y, q in right.items():
            key = (x[0] + y[0], x[1] + y[1], x[2] + y[2])
            if p and q and all(a <= b for a, b in zip(key, most, strict=True)):
                result[key] = result.get(key, S.Zero) + p * q
    return result


class Rademacher(IndependentCoordinates):
    """Coordinates ±1 with probability ½ each."""

    def coordinate_moment(self, k: int) -> Any:
        return S.One

    def pair_mean(self, expr: Any) -> Expr:
        d = self.dimension
        if not d.is_Integer:
            return super().pair_mean(expr)
        at = sympify(expr).subs({r: sqrt(d), s: sqrt(d)}, simultaneous=True)
        count = int(d)  # coordinates in which the two covariates differ: Binomial(d, ½)
        return sum((binomial(count, m) * at.subs(u, Rational(count - 2 * m, count)) for m in range(count + 1)), S.Zero) / 2**count

    def _term(self, term: Term) -> Any:
        if term.overlap is None or not term.has_exponential:
            return super()._term(term)
        (i, j, k), d, t = term.overlap, self.dimension, Dummy()
        return d ** (i + j) * exp((term.alpha + term.beta) * d) * diff(cosh(t) ** d, t, k).subs(t, term.gamma)

    def draw_coordinates(self, source: Any, *shape: int) -> Any:
        return source.sign(*shape)


class Uniform(IndependentCoordinates):
    """Coordinates uniform on [−√3, √3]."""

    def coordinate_moment(self, k: int) -> Any:
        return Integer(3) ** (k // 2) / (k + 1)

    def squared_exponential(self, t: Any) -> tuple[Any, Any]:
        return _at(_uniform_square(), t)

    def difference_exponential(self, t: Any) -> tuple[Any, Any]:
        return _at(_uniform_difference(), t)

    def draw_coordinates(self, source: Any, *shape: int) -> Any:
        return source.uniform(-(3**0.5), 3**0.5, *shape)


_rate = Symbol("rate", positive=True)


@cache
def _uniform_square() -> tuple[Any, Any]:
    a = Dummy(positive=True)
    value, weighted = (integrate(a**k * exp(-_rate * a**2), (a, 0, sqrt(3))) / sqrt(3) for k in (0, 2))
    return value, weighted


@cache
def _uniform_difference() -> tuple[Any, Any]:
    # D = a − b has density (L − |D|)/L² on [−L, L], L = 2√3; given D, a + b is uniform on [−(L−|D|), L−|D|], and ab = ((a+b)² − D²)/4
    D, L = Dummy(positive=True), 2 * sqrt(3)
    density = 2 * (L - D) / L**2 * exp(-_rate * D**2 / 2)
    value, weighted = (integrate((density * factor).expand(), (D, 0, L)) for factor in (S.One, ((L - D) ** 2 / 3 - D**2) / 4))
    return value, weighted


def _at(means: tuple[Any, Any], rate: Any) -> tuple[Any, Any]:
    return means[0].subs(_rate, rate), means[1].subs(_rate, rate)


class Laplace(IndependentCoordinates):
    """Two-sided exponential coordinates, density exp(−√2|a|)/√2, characteristic function 1/(1 + t²/2)."""

    def coordinate_moment(self, k: int) -> Any:
        return Rational(factorial(k), 2 ** (k // 2))

    def squared_exponential(self, t: Any) -> tuple[Any, Any]:
        # exp(−ta²) = E cos(√(2t) z a), z standard normal: means of the characteristic function
        v = Symbol("v", real=True)
        phi = 1 / (1 + v**2 / 2)
        value, weighted = (NormalMean(h.subs(v, sqrt(2 * t) * z), z, 0, (2, 0)) for h in (phi, -diff(phi, v, 2)))
        return value, weighted

    def difference_exponential(self, t: Any) -> tuple[Any, Any]:
        v = Symbol("v", real=True)
        phi = 1 / (1 + v**2 / 2)
        value, weighted = (NormalMean((h**2).subs(v, sqrt(t) * z), z, 0, (1, 0)) for h in (phi, diff(phi, v)))
        return value, weighted

    def draw_coordinates(self, source: Any, *shape: int) -> Any:
        return source.laplace(*shape) / 2**0.5


@dataclass(frozen=True)
class GivenKurtosis(IndependentCoordinates):
    """Symmetric coordinates of which the fourth moment is known only; drawn from the law on three points that has it.

    fourth  E a⁴ ≥ 1: 3 as for a Gaussian, 1 for ±1
    """

    fourth: Any = Integer(3)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "fourth", exact_scalar("GivenKurtosis", "fourth", self.fourth, SettingError))
        if (self.fourth - 1).is_negative:
            raise SettingError(f"GivenKurtosis: fourth must be ≥ 1, since E a⁴ ≥ (E a²)², got {self.fourth}.")

    def coordinate_moment(self, k: int) -> Any:
        if k > 4:
            raise UndefinedMoment(f"GivenKurtosis: a moment of order {k} is needed, and those to order four are given.")
        return (S.One, S.One, self.fourth)[k // 2]

    def draw_coordinates(self, source: Any, *shape: int) -> Any:
        # ±√m with probability 1/(2m) each, m = E a⁴
        m = float(self.fourth)
        return source.choice([1 / m, 1 - 1 / m], [m**0.5, 0.0], *shape) * source.sign(*shape)


__all__ = ["GivenKurtosis", "IndependentCoordinates", "Laplace", "Rademacher", "Uniform"]
