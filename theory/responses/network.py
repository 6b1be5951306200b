"""Random two-layer ReLU networks of any width."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sympy import Expr, Identity, Integer, Rational, asin, pi, sqrt

from theory.errors import SettingError
from theory.exact import covariance_matrix, dimension_size, exact_scalar
from theory.responses.family import KernelFamily, r, s, u


@dataclass(frozen=True)
class ReLUNetwork(KernelFamily):
    """f(x) = Σ_j a_j max(0, w_j·x) / √m, j = 1 … m, with a_j ~ N(0, 1) and w_j ~ N(0, W), all independent.

    covariance   W, d×d and positive definite
    width        m, a whole number ≥ 1 or a symbol
    """

    covariance: Any
    width: Any = Integer(16)

    def __post_init__(self) -> None:
        object.__setattr__(self, "covariance", covariance_matrix("ReLUNetwork", self.covariance, SettingError, definite=True))
        object.__setattr__(self, "width", exact_scalar("ReLUNetwork", "width", self.width, SettingError))
        if self.width.is_integer is False or self.width.is_positive is False:
            raise SettingError(f"ReLUNetwork: width must be a whole number ≥ 1, got {self.width}.")

    @classmethod
    def isotropic(cls, dimension: Any, width: Any = 16) -> ReLUNetwork:
        """W = I in `dimension` dimensions."""
        return cls(Identity(dimension_size("ReLUNetwork.isotropic", dimension, SettingError)), width)

    def kernel(self) -> Expr:
        """E max(0, w·x) max(0, w·x') = r s (√(1−u²) + u (π/2 + arcsin u)) / 2π, the arc-cosine kernel of degree one."""
        return r * s * (sqrt(1 - u**2) + u * (pi / 2 + asin(u))) / (2 * pi)

    def squares(self) -> Expr:
        # four equal output weights give E a⁴ = 3 once, pairs of equal ones the products of second moments;
        # E max(0, t)² max(0, t')² is a quarter of E t² t'², up to a part odd in u
        m = self.width
        equal_units = 3 * (1 + 2 * u**2) * r**2 * s**2 / 4
        return equal_units / m + (1 - 1 / m) * (r**2 * s**2 / 4 + 2 * self.kernel() ** 2)

    def fourth(self) -> Expr:
        m = self.width
        return 3 * (Rational(3, 2) / m + (1 - 1 / m) / 4) * r**4

    def draw(self, source: Any, covariates: Any) -> Any:
        batch, size, m = covariates.shape[0], int(self.dimension), int(self.width)
        first, last = source.mixed(source.normal(batch, m, size), self.covariance), source.normal(batch, m, 1)
        hidden = source.products(covariates, first)  # (batch, count, m)
        return source.products(hidden * (hidden > 0), last.swapaxes(-1, -2))[..., 0] / m**0.5
