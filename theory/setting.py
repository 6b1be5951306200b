"""What a prompt is: covariates, response, noise and context length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sympy import S

from theory.covariates import Gaussian
from theory.errors import SettingError
from theory.exact import exact_scalar
from theory.responses import Linear


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The distribution of prompts, and how the layer sums over them.

    covariates      law of x_i and x_q
    response        law of the task: y_i = f(x_i) + ε_i
    noise_variance  σ² ≥ 0 (the variance, not the standard deviation)
    context_length  n ≥ 1, the number of examples; the query token is not among them
    normalisation   what the layer's sum over the context is divided by: 1 for the sum (default), n for the mean

    Raises SettingError, naming the argument.

    >>> Setting(covariates=Gaussian.isotropic(2), response=Linear.isotropic(2), noise_variance=0, context_length=5).dimension
    2
    """

    covariates: Gaussian
    response: Linear
    noise_variance: Any
    context_length: Any
    normalisation: Any = S.One

    def __post_init__(self) -> None:
        if not isinstance(self.covariates, Gaussian):
            raise SettingError(
                f"Setting: covariates must be a covariate law such as Gaussian(...), got a {type(self.covariates).__name__}."
            )
        if not isinstance(self.response, Linear):
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
