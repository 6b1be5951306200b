"""What a prompt is: covariates, response, noise and context length."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from sympy import MatMul, S

from theory.covariates import CovariateLaw
from theory.errors import SettingError, UnknownMoment
from theory.exact import exact_scalar
from theory.responses import ResponseFamily
from theory.responses.family import ResponseMoments
from theory.wick import Excess


class PromptMoments(NamedTuple):
    """The moments of tokens (x, y), (x', y') of one prompt, noise included, on which the loss of a layer depends.

    Sigma   Σ = E x xᵀ
    fourth  E x⊗x⊗x⊗x as terms (weight, K), see `theory.wick`
    tau     E y²
    mu_4    E y⁴
    mu_22   E y² y'²
    C       E y² x xᵀ
    K       E y y' x x'ᵀ
    """

    Sigma: Any
    fourth: Excess
    tau: Any
    mu_4: Any
    mu_22: Any
    C: Any
    K: Any


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The distribution of prompts, and how the layer sums over them.

    covariates      law of x_i and x_q
    response        law of the function f of a prompt: y_i = f(x_i) + ε_i
    noise_variance  σ² ≥ 0 (the variance, not the standard deviation), ε_i Gaussian
    context_length  n ≥ 1, the number of examples; the query token is not among them
    normalisation   what the layer's sum over the context is divided by: 1 for the sum (default), n for the mean

    Raises SettingError, naming the argument.

    >>> from theory import Gaussian, Linear
    >>> Setting(covariates=Gaussian.isotropic(2), response=Linear.isotropic(2), noise_variance=0, context_length=5).dimension
    2
    """

    covariates: CovariateLaw
    response: ResponseFamily
    noise_variance: Any
    context_length: Any
    normalisation: Any = S.One

    def __post_init__(self) -> None:
        if not isinstance(self.covariates, CovariateLaw):
            raise SettingError(
                f"Setting: covariates must be a covariate law such as Gaussian(...), got a {type(self.covariates).__name__}."
            )
        if not isinstance(self.response, ResponseFamily):
            raise SettingError(f"Setting: response must be a response family such as Linear(...), got a {type(self.response).__name__}.")
        if self.covariates.dimension != self.response.dimension:
            raise SettingError(
                f"Setting: covariates are {self.covariates.dimension}-dimensional, the response {self.response.dimension}-dimensional; "
                "give both the same dimension."
            )
        for name in ("noise_variance", "context_length", "normalisation"):
            object.__setattr__(self, name, exact_scalar("Setting", name, getattr(self, name), SettingError))
        if self.noise_variance.is_negative:
            raise SettingError(f"Setting: noise_variance must be ≥ 0, got {self.noise_variance}.")
        if self.context_length.is_integer is False or self.context_length.is_positive is False:
            raise SettingError(f"Setting: context_length must be a whole number ≥ 1, got {self.context_length}.")
        if self.normalisation.is_positive is False:
            raise SettingError(f"Setting: normalisation must be > 0 (1 for the sum, n for the mean), got {self.normalisation}.")

    @property
    def dimension(self) -> Any:
        """d"""
        return self.covariates.dimension

    @cached_property
    def response_moments(self) -> ResponseMoments:
        """The moments of the response without noise. Raises UndefinedMoment."""
        return self.response.moments(self.covariates)

    @cached_property
    def moments(self) -> PromptMoments:
        """The moments on which the loss depends. Raises UndefinedMoment."""
        f, noise, Sigma = self.response_moments, self.noise_variance, self.covariates.second_moment
        if f.mixed != 0:
            raise UnknownMoment(
                f"{type(self.response).__name__} with {type(self.covariates).__name__}: neither (f, x) ~ (−f, x) nor (f, x) ~ (f, −x), so "
                "the even part of the prediction is coupled with the rest, and the loss and its minimum are not known here."
            )
        return PromptMoments(
            Sigma=Sigma,
            fourth=((S.One, Sigma), *(self.covariates.excess or ())),
            tau=f.second + noise,
            mu_4=f.fourth + 6 * noise * f.second + 3 * noise**2,
            mu_22=f.pair + 2 * noise * f.second + noise**2,
            C=f.weighted + MatMul(noise, Sigma) if noise != 0 else f.weighted,
            K=f.cross,
        )
