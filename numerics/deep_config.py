"""Runs of models of several layers, and the config of each kind of run by the model's name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from numerics.config import RunConfig, TrainConfig
from numerics.effective import LARGEST, least_prompts
from numerics.errors import ConfigError
from numerics.predictors import is_ridge_bayes


class DeepConfig(RunConfig):
    """Everything on which a run of a model with several layers depends.

    The model is judged at each of `lengths`, numbers of examples in the context, against predictors that know Σ, W and σ²; so responses are
    linear with Gaussian task vectors.
    """

    model: str
    dimension: int = Field(3, ge=1, description="d, dimension of a covariate")
    context: int = Field(10, ge=1, description="n, examples in a prompt")
    depth: int = Field(2, ge=1, description="layers")
    heads: int = Field(1, ge=1, description="heads of a layer's attention")
    prompts: int = Field(1 << 16, ge=64, multiple_of=64, description="fresh prompts on which the model is judged")

    def refuse_contradictions(self) -> None:
        if not is_ridge_bayes(self.setting):
            raise ConfigError(
                f"--response {self.response}: --model {self.model} is held against ridge, which is Bayes optimal for linear responses with "
                "Gaussian task vectors; use --model layer."
            )
        if self.dimension <= LARGEST and self.prompts < least_prompts(self.dimension):
            raise ConfigError(
                f"--prompts {self.prompts}: too few for a step of {self.dimension}² entries; give {least_prompts(self.dimension)}."
            )

    @property
    def lengths(self) -> range:
        """The context lengths at which there is a loss."""
        return range(self.context, self.context + 1)

    @property
    def peak_learning_rate(self) -> float:
        raise TypeError(f"{type(self).__name__} defines no peak_learning_rate")


class TransformerConfig(DeepConfig):
    """A softmax transformer: pre-norm blocks of multi-head attention and MLP; loss at every position of the context."""

    model: Literal["transformer"] = "transformer"
    depth: int = Field(4, ge=1, description="layers")
    width: int = Field(32, ge=1, description="dimension of the residual stream")
    heads: int = Field(2, ge=1, description="heads of a layer's attention")
    steps: int = Field(3000, ge=1, description="optimiser steps at most")
    batch: int = Field(256, ge=1, description="prompts a step")
    learning_rate: float | None = Field(
        None, gt=0, le=1e30, allow_inf_nan=False, description="peak of the schedule, of Muon on the matrices of the blocks (default 0.015)"
    )
    tolerance: float = Field(
        0.1, gt=0, allow_inf_nan=False, description="excess over the Bayes risk, relative to it less σ², that is the target at every length"
    )
    closer: float = Field(
        30.0, gt=0, allow_inf_nan=False, description="how many times closer to ridge than to one step, in squared distance, is the target"
    )

    def refuse_contradictions(self) -> None:
        super().refuse_contradictions()
        if self.width % self.heads:
            raise ConfigError(f"--width {self.width}: cannot be divided among {self.heads} heads; give a multiple of --heads.")

    @property
    def lengths(self) -> range:
        return range(self.context + 1)

    @property
    def peak_learning_rate(self) -> float:
        return self.learning_rate if self.learning_rate is not None else 0.015


class StackConfig(DeepConfig):
    """Layers of attention without MLP and norms, read from the label slot of the query; loss at the end of the context."""

    steps: int = Field(4000, ge=1, description="optimiser steps at most")
    batch: int = Field(512, ge=1, description="prompts a step")
    learning_rate: float | None = Field(
        None, gt=0, le=1e30, allow_inf_nan=False, description="peak of the schedule, of Adam (default 0.01)"
    )

    @property
    def peak_learning_rate(self) -> float:
        return self.learning_rate if self.learning_rate is not None else 0.01


class LinearStackConfig(StackConfig):
    """Layers of linear self-attention."""

    model: Literal["linear"] = "linear"


class SoftmaxStackConfig(StackConfig):
    """Layers of softmax self-attention."""

    model: Literal["softmax"] = "softmax"
    depth: int = Field(1, ge=1, description="layers")


LAYER = "layer"
"""One layer of linear self-attention, whose theory is exact: the model where none is named."""

CONFIGS: dict[str, type[RunConfig]] = {
    LAYER: TrainConfig,
    "transformer": TransformerConfig,
    "linear": LinearStackConfig,
    "softmax": SoftmaxStackConfig,
}


def build_config(values: Mapping[str, Any]) -> RunConfig:
    """The config of a run from plain values, by the value of `model`, the layer where there is none. Raises ConfigError."""
    name = values.get("model", LAYER)
    if not isinstance(name, str) or name not in CONFIGS:
        raise ConfigError(f"--model: must be one of {', '.join(CONFIGS)}, got {name!r}.")
    kind = CONFIGS[name]
    for value in values:
        if value != "model" and value not in kind.model_fields:
            models = [other for other, config in CONFIGS.items() if value in config.model_fields]
            where = f"; it is one of --model {', '.join(models)}" if models else ""
            raise ConfigError(f"--{value.replace('_', '-')}: is no option of --model {name}{where}.")
    return kind.build(**{key: value for key, value in values.items() if key != "model" or "model" in kind.model_fields})
