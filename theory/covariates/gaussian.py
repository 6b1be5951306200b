"""Gaussian covariates, x ~ N(0, Σ)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sympy import Identity, sympify

from theory.errors import SettingError
from theory.exact import covariance_matrix, dimension_size
from theory.wick import GaussianMatrix, gaussian_vector


@dataclass(frozen=True)
class Gaussian:
    """Covariate law N(0, Σ), Σ positive definite.

    covariance  d×d: an explicit sympy Matrix (checked), or a matrix expression such as MatrixSymbol (taken to be definite)

    >>> from sympy import Matrix, Rational
    >>> Gaussian(Matrix([[2, Rational(1, 2)], [Rational(1, 2), 1]])).dimension
    2
    """

    covariance: Any

    def __post_init__(self) -> None:
        object.__setattr__(self, "covariance", covariance_matrix("Gaussian", self.covariance, SettingError, definite=True))

    @classmethod
    def isotropic(cls, dimension: Any) -> Gaussian:
        """N(0, I) in `dimension` dimensions, a number or a symbol."""
        return cls(Identity(dimension_size("Gaussian.isotropic", dimension, SettingError)))

    @property
    def dimension(self) -> Any:
        """d"""
        return sympify(self.covariance.shape[0])

    def context(self, symbol: Any) -> GaussianMatrix:
        """The law of the context's covariates, one example a row."""
        return GaussianMatrix(symbol, Identity(symbol.shape[0]), self.covariance)

    def query(self, symbol: Any) -> GaussianMatrix:
        """The law of the query's covariate."""
        return gaussian_vector(symbol, self.covariance)
