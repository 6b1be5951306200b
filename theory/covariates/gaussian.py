"""Gaussian covariates, x ~ N(0, Σ)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sympy import Expr, Identity, S

from theory.covariates.elliptical import Bound, Elliptical, chi_power, gaussian_exponential_mean, z
from theory.covariates.law import CovariateLaw, Term
from theory.covariates.mixture import centred_mixture
from theory.errors import SettingError
from theory.exact import dimension_size
from theory.means import NormalMean
from theory.wick import Excess


@dataclass(frozen=True)
class Gaussian(Elliptical):
    """Covariate law N(0, Σ), Σ positive definite.

    covariance  d×d: an explicit sympy Matrix (checked), or a matrix expression such as MatrixSymbol (taken to be definite)

    >>> from sympy import Matrix, Rational
    >>> Gaussian(Matrix([[2, Rational(1, 2)], [Rational(1, 2), 1]])).dimension
    2
    """

    @classmethod
    def isotropic(cls, dimension: Any) -> Gaussian:
        """N(0, I) in `dimension` dimensions, a number or a symbol."""
        return cls(Identity(dimension_size("Gaussian.isotropic", dimension, SettingError)))

    @property
    def excess(self) -> Excess | None:
        return None

    def norm_power(self, a: Any) -> Expr:
        return chi_power(a, self.dimension)

    def projection_mean(self, function: Any, variable: Any, bound: Bound) -> Expr:
        return NormalMean(function.subs(variable, z), z, 0, bound)

    def transverse(self, t: Any) -> Any:
        return self.dimension - 1

    def exponential_mean(self, term: Term) -> Expr:
        return gaussian_exponential_mean(term, self.dimension)

    def as_mixture(self) -> CovariateLaw | None:
        return centred_mixture([(S.One, self.covariance)])

    def draw(self, source: Any, *shape: int) -> Any:
        return source.mixed(source.normal(*shape, int(self.dimension)), self.covariance)
