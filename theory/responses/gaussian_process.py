"""Gaussian processes: f is Gaussian given the covariates, with a kernel of their norms and their cosine."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

from sympy import Expr, Identity, Integer, exp, factorial, sympify

from theory.errors import SettingError
from theory.exact import covariance_matrix, dimension_size, exact_scalar
from theory.responses.family import KernelFamily, r, s, u


@dataclass(frozen=True)
class GaussianProcess(KernelFamily):
    """f ~ GP(0, k), k a function of r² = xᵀWx, s² = x'ᵀWx' and xᵀWx' = r s u.

    covariance  W, d×d and positive definite
    """

    covariance: Any

    def __post_init__(self) -> None:
        object.__setattr__(self, "covariance", covariance_matrix(type(self).__name__, self.covariance, SettingError, definite=True))

    @classmethod
    def isotropic(cls, dimension: Any, *parameters: Any) -> Any:
        """W = I in `dimension` dimensions, a number or a symbol."""
        return cls(Identity(dimension_size(f"{cls.__name__}.isotropic", dimension, SettingError)), *parameters)

    @abstractmethod
    def kernel(self) -> Expr: ...

    def _variance(self, norm: Any) -> Any:
        return self.kernel().subs({r: norm, s: norm, u: 1}, simultaneous=True)

    def squares(self) -> Expr:
        return self._variance(r) * self._variance(s) + 2 * self.kernel() ** 2

    def fourth(self) -> Expr:
        return 3 * self._variance(r) ** 2

    def draw(self, source: Any, covariates: Any) -> Any:
        return source.gaussian_process(self.kernel(), (r, s, u), source.multiplied(covariates, source.root(self.covariance)))


def whole_degree(where: str, value: Any) -> Any:
    """A degree 1, 2, …, or a SettingError."""
    degree = sympify(value)
    if not (degree.is_Integer and degree >= 1):
        raise SettingError(f"{where}: degree must be a whole number ≥ 1, got {degree}.")
    return degree


@dataclass(frozen=True)
class RBF(GaussianProcess):
    """k(x, x') = exp(−(x − x')ᵀW(x − x') / (2ℓ²)).

    length  ℓ > 0
    """

    length: Any = Integer(1)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "length", exact_scalar("RBF", "length", self.length, SettingError))
        if self.length.is_positive is False:
            raise SettingError(f"RBF: length must be > 0, got {self.length}.")

    def kernel(self) -> Expr:
        return exp(-(r**2 + s**2 - 2 * r * s * u) / (2 * self.length**2))


@dataclass(frozen=True)
class PolynomialKernel(GaussianProcess):
    """k(x, x') = (offset + xᵀWx')^degree / degree!.

    degree  1, 2, …
    offset  ≥ 0
    """

    degree: Any = Integer(2)
    offset: Any = Integer(1)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "degree", whole_degree("PolynomialKernel", self.degree))
        object.__setattr__(self, "offset", exact_scalar("PolynomialKernel", "offset", self.offset, SettingError))
        if self.offset.is_negative:
            raise SettingError(f"PolynomialKernel: offset must be ≥ 0, got {self.offset}.")

    def kernel(self) -> Expr:
        return (self.offset + r * s * u) ** self.degree / factorial(self.degree)


__all__ = ["RBF", "GaussianProcess", "PolynomialKernel", "whole_degree"]
