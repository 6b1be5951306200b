"""A training run, described by plain values that survive a round trip through JSON."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sympy import ImmutableMatrix, Matrix, Rational, diag, eye

from numerics.errors import ConfigError
from theory import Gaussian, Linear, Setting, TheoryError


class TrainConfig(BaseModel):
    """Everything a run depends on. Numbers of the setting are exact: "1/4" and "0.25" are the same rational."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dimension: int = Field(5, ge=1, description="d, dimension of a covariate")
    context: int = Field(20, ge=1, description="n, examples in a prompt")
    noise: str = Field("1/4", description="σ², variance of the label noise: 0, 1/4 or 0.25")
    covariates: str = Field("isotropic", description="Σ: isotropic, a diagonal 2,1,1/2 or rows 2,1/2;1/2,1")
    responses: str = Field("isotropic", description="W: isotropic, inverse (Σ⁻¹), a diagonal or rows")
    parametrisation: Literal["separate", "merged"] = Field("separate", description="weights W_Q, W_K, W_V, h, or (v, M)")
    objective: Literal["sampled", "exact"] = Field("sampled", description="loss on fresh prompts, or its exact expectation")
    initialisation: Literal["matched", "gaussian"] = Field(
        "matched",
        description="matched: v_x = m_yx = 0, from where the global minimum is reached; gaussian: all random, and may end elsewhere",
    )
    initial_scale: float = Field(1.0, gt=0, allow_inf_nan=False, description="size of the initial weights")
    steps: int = Field(4000, ge=1, description="optimiser steps at most")
    batch: int = Field(2048, ge=1, description="prompts a step")
    learning_rate: float | None = Field(
        None, gt=0, le=1e30, allow_inf_nan=False, description="peak of the cosine schedule (default 0.03/√n)"
    )
    seed: int = Field(0, ge=0, lt=2**63, description="seed of weights and prompts")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where to train")
    threads: int = Field(1, ge=1, description="CPU threads; more pay off for long contexts only, and stall on a busy machine")
    tolerance: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="relative excess loss that counts as converged (default 1e-3 sampled, 1e-10 exact)"
    )
    step_tolerance: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="relative error of the step B that counts as converged (default 0.02 sampled, 1e-4 exact)",
    )
    checkpoint_every: int = Field(250, ge=1, description="steps between checkpoints")

    @classmethod
    def build(cls, **values: object) -> TrainConfig:
        """Validated, or a ConfigError of one line naming the argument."""
        try:
            config = cls(**values)  # type: ignore[arg-type]
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(map(str, first["loc"])).replace("_", "-")
            raise ConfigError(f"--{name}: {first['msg'].lower()}, got {first['input']!r}.") from None
        _ = config.setting  # refuse what describes no setting
        if config.device == "cuda" and not torch.cuda.is_available():
            raise ConfigError("--device cuda: torch sees no CUDA device here; use --device auto or cpu.")
        return config

    @cached_property
    def setting(self) -> Setting:
        """The setting in theory's terms, exact."""
        try:
            option = "--covariates"
            law = Gaussian(_covariance(option, self.covariates, self.dimension))
            option = "--responses"
            inverse = self.responses == "inverse"
            task = Linear(law.covariance.inv() if inverse else _covariance(option, self.responses, self.dimension))
            option = "--noise"
            noise = _rational(option, self.noise)
            setting = Setting(covariates=law, response=task, noise_variance=noise, context_length=self.context)
        except TheoryError as error:
            raise ConfigError(f"{option}: {error}") from None
        if task.covariance.is_zero_matrix:
            raise ConfigError("--responses: W = 0 leaves no task to learn; give at least one positive variance.")
        return setting

    @property
    def peak_learning_rate(self) -> float:
        """The learning rate at the top of the schedule."""
        return self.learning_rate if self.learning_rate is not None else 0.03 / self.context**0.5

    @property
    def target(self) -> float:
        """The relative excess loss at which a run counts as converged."""
        return self.tolerance if self.tolerance is not None else (1e-3 if self.objective == "sampled" else 1e-10)

    @property
    def step_target(self) -> float:
        """The relative error of the step at which a run counts as converged."""
        return self.step_tolerance if self.step_tolerance is not None else (2e-2 if self.objective == "sampled" else 1e-4)

    @property
    def torch_device(self) -> torch.device:
        """The device to train on."""
        if self.device == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        return torch.device(self.device)


def _rational(name: str, text: str) -> Rational:
    try:
        value = Rational(text.strip())
        if value.is_finite and math.isfinite(float(value)):
            return value
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        pass
    raise ConfigError(f"{name}: needs a number such as 0, 1/4 or 0.25, got {text!r}.")


def _covariance(name: str, text: str, dimension: int) -> ImmutableMatrix:
    if text == "isotropic":
        return ImmutableMatrix(eye(dimension))
    rows = [[_rational(name, entry) for entry in row.split(",")] for row in text.split(";")]
    if len(rows) == 1 and len(rows[0]) == dimension:
        return ImmutableMatrix(diag(*rows[0]))
    if len(rows) != dimension or any(len(row) != dimension for row in rows):
        shape = f"{len(rows)} row{'s' * (len(rows) > 1)} of {'/'.join(sorted({str(len(row)) for row in rows}))} entries"
        raise ConfigError(
            f"{name}: at --dimension {dimension} needs {dimension} diagonal entries or {dimension} rows of {dimension}, got {shape}."
        )
    return ImmutableMatrix(Matrix(rows))
