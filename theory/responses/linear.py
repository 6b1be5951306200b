"""Linear responses, f(x) = w·x with a Gaussian task vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sympy import Identity, sympify

from theory.errors import SettingError
from theory.exact import covariance_matrix, dimension_size
from theory.wick import GaussianMatrix, gaussian_vector


@dataclass(frozen=True)
class Linear:
    """Responses w·x with w ~ N(0, W) drawn anew for each prompt, W positive semidefinite.

    covariance  d×d: an explicit sympy Matrix (checked), or a matrix expression such as Sigma.inv() (taken to be semidefinite)
    """

    covariance: Any

    def __post_init__(self) -> None:
        object.__setattr__(self, "covariance", covariance_matrix("Linear", self.covariance, SettingError, definite=False))

    @classmethod
    def isotropic(cls, dimension: Any) -> Linear:
        """w ~ N(0, I) in `dimension` dimensions, a number or a symbol."""
        return cls(Identity(dimension_size("Linear.isotropic", dimension, SettingError)))

    @property
    def dimension(self) -> Any:
        """d"""
        return sympify(self.covariance.shape[0])

    def task(self, symbol: Any) -> GaussianMatrix:
        """The law of the task vector."""
        return gaussian_vector(symbol, self.covariance)
