"""Many models in one tensor program: rows of a sweep trained side by side, each in a setting of its own, and judged together."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor

from numerics.config import TrainConfig
from numerics.endpoint import locate_many, polish
from numerics.evaluate import DTYPE
from numerics.models import LinearSelfAttention, initial_model
from numerics.objective import ManyObjectives
from numerics.run import BETAS, decide, learning_rate
from numerics.samplers import training_sampler


class Task(NamedTuple):
    """Rows that are computed together, in plain values: what comes out depends on them alone.

    cells   the options of each setting with its hyperparameters, the same in all that a common program needs: see `grid.COMMON`
    rows    (row, cell, seed) of each model: its number in the sweep, which cell it belongs to, and its seed
    device  where a model is trained; "auto" is settled where the task runs
    """

    number: int
    cells: tuple[dict[str, Any], ...]
    rows: tuple[tuple[int, int, int], ...]
    device: str

    @property
    def stream(self) -> int:
        """The seed of its prompts"""
        plain = json.dumps([self.cells, self.rows], sort_keys=True)
        return int.from_bytes(hashlib.sha256(plain.encode()).digest()[:7])


class Model(NamedTuple):
    """A row as it is computed"""

    row: int
    config: TrainConfig
    seed: int


def compute(task: Task) -> list[dict[str, Any]]:
    """The rows of the table, see `table.COLUMNS`, on one CPU thread."""
    torch.set_num_threads(1)
    begun = time.monotonic()
    configs = [_config(json.dumps(cell | {"device": task.device})) for cell in task.cells]
    models = [Model(row, configs[cell], seed) for row, cell, seed in task.rows]
    found = []
    for exact in (False, True):  # --objective auto differs by setting
        some = [model for model in models if model.config.exact == exact]
        if some:
            objectives = ManyObjectives([model.config.setting for model in some])
            weights = _descended(some, objectives) if exact else _trained(some, task.stream)
            found += _judged(some, objectives, *weights)
    seconds = (time.monotonic() - begun) / len(models)
    return sorted((row | {"seconds": seconds} for row in found), key=lambda row: int(row["row"]))


@lru_cache(maxsize=1024)
def _config(plain: str) -> TrainConfig:
    return TrainConfig.build(**json.loads(plain))


def _initial(models: Sequence[Model], dtype: torch.dtype) -> LinearSelfAttention:
    """One module that holds them all: every weight has a leading axis (R, …)."""
    each = [
        initial_model(
            parametrisation=config.parametrisation,
            initialisation=config.initialisation,
            dimension=config.dimension,
            context=config.context,
            scale=config.initial_scale,
            dtype=dtype,
            generator=Generator().manual_seed(seed),
        )
        for _, config, seed in models
    ]
    return type(each[0])(*map(torch.stack, zip(*(model.parameters() for model in each), strict=True)))


def _trained(models: Sequence[Model], stream: int) -> tuple[Tensor, Tensor, Tensor]:
    """v (R, d+1), M (R, d+1, d+1) and the steps taken (R,) after training on fresh prompts, as `run.train` does one by one.

    Nothing in a step depends on the number of models but the sizes of its tensors, and no model on another: where one diverges, the
    others go on.
    """
    config = models[0].config
    device = config.torch_device
    layers = _initial(models, torch.float32).to(device)
    weights = list(layers.parameters())
    peaks = torch.tensor([model.config.peak_learning_rate for model in models], device=device)
    rates = [peaks.view(-1, *[1] * (weight.dim() - 1)) for weight in weights]
    # Adam moves by the learning rate times what does not depend on it: weights in units of their own peak rate share one optimiser
    units = [weight.detach() / rate for weight, rate in zip(weights, rates, strict=True)]
    optimiser = torch.optim.Adam(units, lr=1.0, betas=BETAS, fused=True)
    generator = Generator(device=device).manual_seed(stream)
    settings = [model.config.setting for model in models]
    sampler = training_sampler(config, settings, device=device, generator=generator)
    for step in range(config.steps):
        loss = sampler.loss(layers.value_vector(), layers.key_query(), config.batch)
        for unit, slope in zip(units, torch.autograd.grad(loss.sum(), weights), strict=True):
            unit.grad = slope.contiguous()  # fused Adam reads memory in order, whatever the strides
        optimiser.param_groups[0]["lr"] = learning_rate(config, step) / config.peak_learning_rate
        optimiser.step()
        with torch.no_grad():
            for weight, unit, rate in zip(weights, units, rates, strict=True):
                torch.mul(unit, rate, out=weight)
    v, M = (layer.detach().cpu().to(DTYPE) for layer in (layers.value_vector(), layers.key_query()))
    return v, M, torch.full((len(models),), config.steps)


def _descended(models: Sequence[Model], objectives: ManyObjectives) -> tuple[Tensor, Tensor, Tensor]:
    """The same where the flow of the exact loss ends"""
    layers = _initial(models, DTYPE)
    ends = polish(objectives, layers.value_vector(), layers.key_query())
    return ends.value, ends.key_query, ends.steps


def _judged(models: Sequence[Model], objectives: ManyObjectives, v: Tensor, M: Tensor, steps: Tensor) -> list[dict[str, Any]]:
    """What `run.judge` says of each model, but for the loss on fresh prompts, which would cost more than the training."""
    loss, excess, error = objectives.loss(v, M), objectives.excess(v, M) / objectives.minimum, objectives.step_error(v, M)
    finite = (loss.isfinite() & excess.isfinite() & error.isfinite()).nonzero()[:, 0]
    ends = dict(zip(finite.tolist(), locate_many(objectives.rows(finite), v[finite], M[finite]) if len(finite) else [], strict=True))
    found = []
    for k, (row, config, seed) in enumerate(models):
        objective, taken = objectives.distinct[int(objectives.which[k])], int(steps[k])
        end = ends.get(k)
        measured = {
            "loss_trained": float(loss[k]),
            "relative_excess": float(excess[k]),
            "step_relative_error": float(error[k]),
        }
        if end is None:
            mend = "--initial-scale" if config.exact else f"--learning-rate (now {config.peak_learning_rate:.3g})"
            verdict, reason = "not converged", f"training diverged; lower {mend}"
        else:
            verdict, reason = decide(
                config, objective, end, loss=float(loss[k]), excess=float(excess[k]), error=float(error[k]), steps=taken
            )
            measured |= {"loss_stationary_point": end.loss, "relative_gap": end.gap}
        found.append(
            {
                "row": row,
                "seed": seed,
                **{name: getattr(config, name) for name in SETTING},
                "noise_variance": float(config.setting.noise_variance),
                "objective": "exact" if config.exact else "sampled",
                "learning_rate": None if config.exact else config.peak_learning_rate,
                "batch": None if config.exact else config.batch,
                "verdict": verdict,
                "reason": reason,
                "stationary_point": end.name if end else None,
                "stationary_kind": end.kind if end else None,
                "loss_theory": objective.minimum,
                **{name: value for name, value in measured.items() if math.isfinite(value)},
                "tolerance": config.target,
                "step_tolerance": config.step_target,
                "steps": taken,
                "device": "cpu" if config.exact else str(config.torch_device),
                "torch": torch.__version__,
            }
        )
    return found


SETTING = ("dimension", "context", "noise", "covariates", "response", "parametrisation", "initialisation", "initial_scale")
"""The options that a row of the table repeats as they are"""
