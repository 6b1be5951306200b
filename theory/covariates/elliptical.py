"""Elliptical covariates, x = R T ξ with ξ uniform on the unit sphere and Σ = TTᵀ.

The norm R and the cosine u of two covariates are independent. Most means are products of E R^a and of E h(u); those of exponentials are
derivatives of a generating function, or a mixture of the Gaussian one.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

from sympy import (
    Dummy,
    Expr,
    Integer,
    S,
    Symbol,
    asin,
    cos,
    diff,
    gamma,
    gammasimp,
    rf,
    sin,
    sqrt,
    sympify,
)

from theory.covariates.law import IsotropicLaw, Term, terms, u
from theory.errors import SettingError, UnknownMoment
from theory.exact import covariance_matrix
from theory.means import AngularMean
from theory.wick import Excess

theta, z = Symbol("theta", real=True), Symbol("z", real=True)
Bound = tuple[Any, Any]


@dataclass(frozen=True)
class Elliptical(IsotropicLaw):
    """An elliptical law with covariance Σ."""

    covariance: Any

    def __post_init__(self) -> None:
        object.__setattr__(self, "covariance", covariance_matrix(type(self).__name__, self.covariance, SettingError, definite=True))

    @property
    def dimension(self) -> Any:
        return sympify(self.covariance.shape[0])

    @property
    def second_moment(self) -> Any:
        return self.covariance

    @property
    def excess(self) -> Excess | None:
        d = self.dimension
        return ((gammasimp(self.norm_power(Integer(4)) / (d * (d + 2))) - 1, self.covariance),)

    @property
    def largest_variance(self) -> Any:
        """v with E (R² − t²) ≤ d v (1+|t|)² given any coordinate t"""
        return Integer(1)

    @abstractmethod
    def norm_power(self, a: Any) -> Expr:
        """E R^a, R the norm of the whitened covariate"""

    @abstractmethod
    def projection_mean(self, function: Any, variable: Any, bound: Bound) -> Expr:
        """E h(t) for one coordinate t of the whitened covariate, |h(t)| ≤ C (1+|t|)^k."""

    @abstractmethod
    def transverse(self, t: Any) -> Expr:
        """E (R² − t²) given one coordinate t"""

    def pair_mean(self, expr: Any) -> Expr:
        total = S.Zero
        for term in terms(self, expr):
            if term.has_exponential:
                total += term.coefficient * self.exponential_mean(term)
            else:
                total += term.coefficient * self.norm_power(term.a) * self.norm_power(term.b) * angular_mean(term.angle, self.dimension)
        return total

    def exponential_mean(self, term: Term) -> Expr:
        """The mean of a term with an exponential."""
        raise self.undefined(term, "no form of its characteristic function is known here")


def angular_mean(function: Any, d: Any) -> Expr:
    """E h(u) for one coordinate u of a point uniform on the unit sphere in d dimensions."""
    function = sympify(function)
    if function.subs(u, -u) == -function:
        return S.Zero
    if d == 1:
        return (function.subs(u, 1) + function.subs(u, -1)) / 2
    powers = function.as_powers_dict() if function != 1 else {}
    j = powers.get(u, S.Zero)
    if set(powers) <= {u} and j.is_Integer:
        return rf(S.Half, j / 2) / rf(d / 2, j / 2)
    if powers == {u: 1, asin(u): 1}:  # by parts: ∫ θ sin θ cos^(d−2) θ dθ = ∫ cos^(d−1) θ dθ / (d−1)
        return gamma(d / 2) ** 2 / (2 * gamma((d + 1) / 2) ** 2)
    return AngularMean(function.subs(asin(u), theta).subs(u, sin(theta)).subs(sqrt(1 - sin(theta) ** 2), cos(theta)), theta, d)


def gaussian_exponential_mean(term: Term, d: Any, precisions: tuple[Any, Any] = (1, 1)) -> Expr:
    """For covariates g/√p and g'/√q with g, g' standard normal and `precisions` p, q: derivatives of the generating function
    E exp(αr² + βs² + γrsu) = ((1 − 2α/p)(1 − 2β/q) − γ²/(pq))^(−d/2)."""
    counts = term.overlap
    if counts is None:
        raise UnknownMoment(f"no exact mean of {term.expression}: not a polynomial in r², s², r s u times an exponential.")
    alpha, beta, coupling = (Dummy() for _ in range(3))
    p, q = precisions
    generating = (p * q) ** (d / 2) * ((p - 2 * alpha) * (q - 2 * beta) - coupling**2) ** (-d / 2)
    for symbol, times in zip((alpha, beta, coupling), counts, strict=True):
        generating = diff(generating, symbol, times) if times else generating
    return generating.subs({alpha: term.alpha, beta: term.beta, coupling: term.gamma})


def chi_power(a: Any, d: Any) -> Expr:
    """E ρ^a, ρ² ~ χ² with d degrees of freedom"""
    a = sympify(a)
    if a.is_Integer and a % 2 == 0 and a >= 0:
        return 2 ** (a / 2) * rf(d / 2, a / 2)
    return 2 ** (a / 2) * gamma((d + a) / 2) / gamma(d / 2)


@dataclass(frozen=True)
class StretchedGaussian(Elliptical):
    """A Gaussian covariate times an independent positive number, or divided by its norm; `covariance` is that of the product."""

    def draw(self, source: Any, *shape: int) -> Any:
        white = source.normal(*shape, int(self.dimension))
        return source.mixed(white * self.stretch(source, white), self.covariance)

    @abstractmethod
    def stretch(self, source: Any, white: Any) -> Any:
        """What standard normal vectors are multiplied with, an array with a last axis 1."""
