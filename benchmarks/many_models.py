"""R models trained at once, in one tensor program, against the same training one model after another."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Generator

from benchmarks.clock import interleaved
from benchmarks.report import Measured, Row
from benchmarks.training import CPU, initial, ours, weights
from numerics.config import TrainConfig
from numerics.models import SeparateAttention
from numerics.moments import MomentSampler
from numerics.run import BETAS

D, N, MODELS, AT_LEAST = 5, 20, 1000, 20.0
BATCHES = (16, 64, 256)
"""Prompts a step and model; the target is for the middle one."""


def stacked(models: int, batch: int) -> Callable[[], object]:
    """A step of all models, every weight with a leading axis (R, …), under one fused Adam, which moves every entry by itself."""
    setting = TrainConfig.build(dimension=D, context=N, noise="1/4").setting
    model = SeparateAttention(*map(torch.stack, zip(*(weights(initial(D, N, seed)) for seed in range(models)), strict=True)))
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-4, betas=BETAS, fused=True)
    generator = Generator().manual_seed(0)
    sampler = MomentSampler([setting] * models, dtype=torch.float32, device=CPU, generator=generator, query="integrated")

    def step() -> None:
        losses = sampler.loss(model.value_vector(), model.key_query(), batch)
        optimiser.zero_grad()
        losses.sum().backward()
        optimiser.step()

    return step


def at_once_against_one_by_one(*, seconds: float) -> tuple[list[Row], list[Measured]]:
    """Seconds a model and step, both ways, with the same loss and the same number of prompts."""
    rows, measured = [], []
    for batch in BATCHES:
        one, together = partial(ours("integrated", D, N, batch)[0], None), stacked(MODELS, batch)
        times = interleaved({"one": one, "together": together}, seconds=seconds)
        alone, at_once = times["one"], times["together"].times(1 / MODELS)
        group = f"{MODELS} models, d={D} n={N}, {batch} prompts"
        measured += [
            Measured.timed(group, "one by one, a model", "reference", alone),
            Measured.timed(group, "at once, a model", "ours", at_once),
        ]
        what = f"{MODELS:,} models at once against one by one, {batch} prompts a step each"
        note = f"{at_once.wall * 1e6:.3g} µs against {alone.wall * 1e6:.3g} µs a model and step"
        at_least = AT_LEAST if batch == BATCHES[1] else None
        rows.append(Row(what, alone.wall / at_once.wall, at_least=at_least, cpu=alone.cpu / at_once.cpu, note=note))
    return rows, measured
