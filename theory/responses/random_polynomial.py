"""Random homogeneous polynomials of degree k: a Gaussian chaos."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sympy import Expr, Integer, factorial

from theory.responses.family import r, s, u
from theory.responses.gaussian_process import GaussianProcess, whole_degree


@dataclass(frozen=True)
class RandomPolynomial(GaussianProcess):
    """f(x) = Σ_{i_1 … i_k} g_{i_1 … i_k} x_{i_1} ⋯ x_{i_k} / √k!, all g independent standard normal (W = I).

    Given the covariates it is a Gaussian process with kernel (x·x')^k / k!.

    degree  k = 1, 2, …

    >>> from sympy import symbols
    >>> RandomPolynomial.isotropic(symbols("d", integer=True, positive=True), 3).kernel()
    r**3*s**3*u**3/6
    """

    degree: Any = Integer(2)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "degree", whole_degree("RandomPolynomial", self.degree))

    def kernel(self) -> Expr:
        return (r * s * u) ** self.degree / factorial(self.degree)
