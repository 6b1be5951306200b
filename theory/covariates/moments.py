"""A law given by its second and its fourth moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sympy import ImmutableMatrix, S, sympify
from sympy.matrices.matrixbase import MatrixBase

from theory.covariates.law import CovariateLaw
from theory.errors import SettingError, UnknownMoment
from theory.exact import covariance_matrix, exact_scalar, is_zero_matrix
from theory.traces import normal_form
from theory.wick import Excess


@dataclass(frozen=True)
class Moments(CovariateLaw):
    """A law of which the second and the fourth moment are known only.

    second  Σ = E x xᵀ, d×d and positive definite
    fourth  E x⊗x⊗x⊗x as terms (weight, K), a weighted sum of the fourth moments of N(0, K): ((1, Σ),) if it is as for a Gaussian

    Linear responses need no more. It can be sampled where the weights are probabilities and Σ is the average of the K, from that mixture.
    """

    second: Any
    fourth: Any

    def __post_init__(self) -> None:
        second = covariance_matrix("Moments", self.second, SettingError, definite=True)
        fourth = tuple(
            (exact_scalar("Moments", "fourth", weight, SettingError), covariance_matrix("Moments", K, SettingError, definite=False))
            for weight, K in self.fourth
        )
        if any(K.shape != second.shape for _, K in fourth):
            raise SettingError(f"Moments: every K in fourth must be of the shape of second, {second.shape[0]}×{second.shape[1]}.")
        for i in range(int(second.shape[0]) if isinstance(second, MatrixBase) else 0):
            fourth_i = sum((3 * weight * K[i, i] ** 2 for weight, K in fourth), S.Zero)
            if (fourth_i - second[i, i] ** 2).is_negative:
                raise SettingError(f"Moments: fourth gives E x_{i}⁴ = {fourth_i} < (E x_{i}²)², which no law has.")
        object.__setattr__(self, "second", second)
        object.__setattr__(self, "fourth", fourth)

    @property
    def dimension(self) -> Any:
        return sympify(self.second.shape[0])

    @property
    def second_moment(self) -> Any:
        return self.second

    @property
    def excess(self) -> Excess | None:
        return (*self.fourth, (-S.One, self.second))

    @property
    def reflected(self) -> bool:
        return False  # not to be seen from moments of order two and four

    def draw(self, source: Any, *shape: int) -> Any:
        weights = [weight for weight, _ in self.fourth]
        average = sum((weight * K for weight, K in self.fourth[1:]), self.fourth[0][0] * self.fourth[0][1])
        if (
            any(weight.is_positive is not True for weight in weights)
            or sum(weights) != 1
            or not is_zero_matrix(normal_form(average - self.second))
        ):
            raise UnknownMoment("Moments: a sampler needs weights in fourth that are probabilities, and second as the average of its K.")
        zero = ImmutableMatrix.zeros(int(self.dimension), 1)
        return source.gaussian_mixture(tuple((weight, zero, K) for weight, K in self.fourth), *shape)
