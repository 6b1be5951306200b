"""A training run, described by plain values that survive a round trip through JSON."""

from __future__ import annotations

from functools import cached_property
from typing import Literal, Self

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from numerics.errors import ConfigError
from numerics.evaluate import number
from numerics.moments import has_moments
from numerics.objective import ExactObjective
from theory import Setting, TheoryError
from theory.names import covariate_entries, covariate_law, rational, response_entries, response_family

HEAVY, OBSCURE = 50, 5
"""The kurtosis E y⁴ / (E y²)² of the labels, and the noise √(L*/(E y² − L*)) in which the best step is to be seen, beyond which training on
prompts is not the default: a few million are then too few."""


class RunConfig(BaseModel):
    """A setting, and how a model is trained on its prompts. Numbers of the setting are exact: "1/4" and "0.25" are the same rational."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dimension: int = Field(5, ge=1, description="d, dimension of a covariate")
    context: int = Field(20, ge=1, description="n, examples in a prompt")
    noise: str = Field("1/4", description="σ², variance of the label noise: 0, 1/4 or 0.25")
    covariates: str = Field(
        "isotropic",
        description="law of x: Σ of a Gaussian as isotropic, a diagonal 2,1,1/2 or rows 2,1/2;1/2,1, or NAME[:key=value…] "
        f"with NAME one of {', '.join(sorted(covariate_entries()))}",
    )
    response: str = Field(
        "isotropic",
        description="law of f: W of a linear f as isotropic, inverse (Σ⁻¹), a diagonal or rows, or NAME[:key=value…] "
        f"with NAME one of {', '.join(sorted(response_entries()))}",
    )
    steps: int = Field(4000, ge=1, description="optimiser steps at most")
    batch: int = Field(2048, ge=1, description="prompts a step")
    shards: int = Field(1, ge=1, description="independent streams in which a batch is drawn; processes under torchrun divide them")
    learning_rate: float | None = Field(None, gt=0, le=1e30, allow_inf_nan=False, description="peak of the schedule")
    seed: int = Field(0, ge=0, lt=2**63, description="seed of weights and prompts")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where to train")
    threads: int = Field(1, ge=1, description="CPU threads; more pay off for long contexts only, and stall on a busy machine")
    checkpoint_every: int = Field(250, ge=1, description="steps between checkpoints")

    @classmethod
    def build(cls, **values: object) -> Self:
        """Validated, or a ConfigError of one line naming the argument."""
        try:
            config = cls(**values)  # type: ignore[arg-type]
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(map(str, first["loc"])).replace("_", "-")
            raise ConfigError(f"--{name}: {first['msg'].lower()}, got {first['input']!r}.") from None
        _ = config.setting  # refuse what describes no setting
        config.refuse_contradictions()
        if config.batch % config.shards:
            raise ConfigError(f"--batch {config.batch}: cannot be drawn in {config.shards} equal shards; give a multiple of --shards.")
        refuse_missing_device(config.device)
        return config

    def refuse_contradictions(self) -> None:
        """Raises ConfigError for options that do not go together."""

    @cached_property
    def setting(self) -> Setting:
        """The setting in theory's terms, exact."""
        option = "--covariates"
        try:
            law = covariate_law(self.covariates, self.dimension)
            option = "--response"
            family = response_family(self.response, law)
            option = "--noise"
            noise = rational("σ²", self.noise)
            setting = Setting(covariates=law, response=family, noise_variance=noise, context_length=self.context)
            option = f"--response {self.response} with --covariates {self.covariates}"
            signal = setting.response_moments.second
        except TheoryError as error:
            raise ConfigError(f"{option}: {error}") from None
        if signal == 0:
            raise ConfigError("--response: W = 0 leaves no task to learn; give at least one positive variance.")
        return setting

    @property
    def peak_learning_rate(self) -> float:
        """The learning rate at the top of the schedule."""
        raise TypeError(f"{type(self).__name__} defines no peak_learning_rate")

    @property
    def torch_device(self) -> torch.device:
        """The device to train on."""
        if self.device == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        return torch.device(self.device)


class TrainConfig(RunConfig):
    """Everything on which a run of one layer of linear self-attention depends."""

    learning_rate: float | None = Field(
        None, gt=0, le=1e30, allow_inf_nan=False, description="peak of the cosine schedule (default 0.03/√n)"
    )
    parametrisation: Literal["separate", "merged"] = Field("separate", description="weights W_Q, W_K, W_V, h, or (v, M)")
    objective: Literal["auto", "sampled", "exact"] = Field(
        "auto",
        description="loss on fresh prompts, or its exact expectation; auto: on prompts, unless heavy tails or a weak signal need too many",
    )
    sampler: Literal["auto", "moments", "tokens"] = Field(
        "auto",
        description="draw tokens, or what the layer sees of them at a cost that does not grow with n (Gaussian covariates, "
        "linear responses); auto: moments where their law is known",
    )
    query: Literal["auto", "drawn", "integrated"] = Field(
        "auto",
        description="draw the query and its noise, or integrate over them and over what only the gradient meets; auto: integrated where "
        "prompts are drawn by moments",
    )
    initialisation: Literal["matched", "gaussian"] = Field(
        "matched",
        description="matched: v_x = m_yx = 0, from where the global minimum is reached; gaussian: all random, and may end elsewhere",
    )
    initial_scale: float = Field(1.0, gt=0, allow_inf_nan=False, description="size of the initial weights")
    tolerance: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="relative excess loss that counts as converged (default 1e-3 sampled, 1e-10 exact)"
    )
    step_tolerance: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="relative error of the step B that counts as converged (default 1e-4 exact, 0.02 sampled or more if B explains little)",
    )

    def refuse_contradictions(self) -> None:
        if self.sampler == "moments" and not has_moments(self.setting):
            raise ConfigError("--sampler moments: needs Gaussian covariates and linear responses; use --sampler tokens.")
        if self.query == "integrated" and not self.by_moments:
            raise ConfigError("--query integrated: needs --sampler moments, with Gaussian covariates and linear responses.")

    @property
    def by_moments(self) -> bool:
        """Whether prompts are drawn without their tokens."""
        return self.sampler != "tokens" and has_moments(self.setting)

    @property
    def integrated(self) -> bool:
        """Whether the loss is integrated over the query."""
        return self.query != "drawn" and self.by_moments

    @property
    def peak_learning_rate(self) -> float:
        """The learning rate at the top of the schedule."""
        return self.learning_rate if self.learning_rate is not None else 0.03 / self.context**0.5

    @cached_property
    def exact(self) -> bool:
        """Whether training minimises the exact expected loss."""
        return self.objective == "exact" or (self.objective == "auto" and (self.heavy_tailed or self._obscurity > OBSCURE))

    @cached_property
    def heavy_tailed(self) -> bool:
        """Whether E y⁴ is so much more than (E y²)² that means over prompts have no error to be trusted."""
        moments = self.setting.moments
        return number(moments.mu_4) > HEAVY * number(moments.tau) ** 2

    @property
    def target(self) -> float:
        """The relative excess loss at which a run counts as converged."""
        return self.tolerance if self.tolerance is not None else (1e-10 if self.exact else 1e-3)

    @property
    def step_target(self) -> float:
        """The relative error of the step at which a run counts as converged."""
        return self.step_tolerance if self.step_tolerance is not None else (1e-4 if self.exact else 2e-2 * self._obscurity)

    @cached_property
    def _obscurity(self) -> float:
        """√(L*/(E y² − L*)), at least 1: what of the labels the best step leaves unexplained, relative to what it explains. To a relative
        excess loss δ belongs a relative error of the step of about √δ times this."""
        objective = ExactObjective(self.setting)
        explained = objective.null - objective.minimum
        return max(1.0, (objective.minimum / explained) ** 0.5) if objective.step.any() else 1.0


def refuse_missing_device(device: str) -> None:
    """Raises ConfigError for a GPU that this machine has not."""
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("--device cuda: torch sees no CUDA device here; use --device auto or cpu.")
