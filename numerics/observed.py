"""What a model and the reference predictors say on the same fresh prompts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from numerics import predictors
from numerics.evaluate import DTYPE
from numerics.foreign import ForeignModel
from numerics.objective import ExactObjective
from numerics.samplers import PromptSampler
from theory import Linear, Setting

DRAWN = 1 << 20
"""Numbers in a chunk of prompts: 8 MiB"""
KEPT = 4096
"""Prompts whose tokens are kept, for choices that are then judged on others"""
FARTHEST = 1e4
"""Ridge is fitted with λ down to so much less than σ², and up to so much more than σ² and the Gram matrix"""


class Observed(NamedTuple):
    """On N prompts, float64.

    prediction, flipped   ŷ, and ŷ for the same prompt with its labels −y, (N,)
    target                y_q, noise included (N,)
    gradient, query       g = Σ y_i x_i and x_q, (N, d)
    optimum               g·B*x_q, the best one step of theory, (N,)
    ridge, least_squares  (N,)
    parameter, fitted     λ̂ and the prediction of the ridge that is nearest to the model, see `nearest_ridge`, (N,)
    left                  x_q'(posterior covariance)x_q of ridge, the mean of which is its risk less σ² (N,)
    tokens                of the first prompts, (KEPT or fewer, n+1, d+1)

    What concerns ridge is None unless responses are linear.
    """

    prediction: Tensor
    flipped: Tensor
    target: Tensor
    gradient: Tensor
    query: Tensor
    optimum: Tensor
    ridge: Tensor | None
    least_squares: Tensor
    parameter: float | None
    fitted: Tensor | None
    left: Tensor | None
    tokens: Tensor


def fresh(setting: Setting, seed: int, stream: int) -> PromptSampler:
    """Draws prompts of a stream of its own, in float64."""
    generator = Generator().manual_seed((seed + 1) * 1_000_003 + stream)
    return PromptSampler(setting, dtype=DTYPE, device=torch.device("cpu"), generator=generator)


def drawn(setting: Setting, seed: int, stream: int, prompts: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Tokens and targets of so many prompts, in chunks."""
    sampler = fresh(setting, seed, stream)
    size = max(1, DRAWN // ((sampler.context + 1) * (sampler.dimension + 1)))
    return (sampler.tokens(min(size, prompts - start)) for start in range(0, prompts, size))


def observe(
    model: ForeignModel, objective: ExactObjective, *, prompts: int, seed: int, progress: Callable[[int, int], None] = lambda done, of: None
) -> Observed:
    """Asks the model and every reference predictor for the same prompts."""
    setting = objective.setting
    prior = predictors.prior_of(setting) if isinstance(setting.response, Linear) else None
    noise = float(setting.noise_variance)
    parameter = None if prior is None else nearest_ridge(model, setting, prior, prompts=min(prompts, KEPT), seed=seed)
    columns: list[list[Tensor]] = []
    tokens_kept: list[Tensor] = []
    done = 0
    for tokens, target in drawn(setting, seed, 0, prompts):
        x, y, query = split(tokens)
        row = [
            model(tokens, "fresh prompts"),
            model(with_labels(tokens, -y), "fresh prompts with labels −y"),
            target,
            predictors.gradient(x, y),
            query,
            predictors.one_step(x, y, query, objective.step),
            predictors.least_squares(x, y, query),
        ]
        if prior is not None and parameter is not None:
            at = predictors.spectrum(x, y, query, prior)
            row += [at.predict(partial(predictors.ridge_filter, noise=penalty)) for penalty in (noise, parameter)]
            row.append(at.uncertainty(noise))
        columns.append(row)
        tokens_kept.append(tokens[: max(0, KEPT - done)])
        done += len(tokens)
        progress(done, prompts)
    parts = [torch.cat(column) for column in zip(*columns, strict=True)]
    prediction, flipped, target, gradient, query, optimum, least = parts[:7]
    of_ridge: list[Tensor | None] = [*parts[7:]] if prior is not None else [None] * 3
    ridge, fitted, left = of_ridge
    kept = torch.cat(tokens_kept)
    return Observed(prediction, flipped, target, gradient, query, optimum, ridge, least, parameter, fitted, left, kept)


def nearest_ridge(model: ForeignModel, setting: Setting, prior: Tensor, *, prompts: int, seed: int) -> float:
    """λ̂ ≥ 0 with the least mean square of ŷ − x_q'(XᵀX + λ̂W⁻¹)⁻¹Xᵀy on prompts of their own; 0 is least squares."""
    noise = float(setting.noise_variance)
    asked, seen = [], []
    for tokens, _ in drawn(setting, seed, 3, prompts):
        asked.append(model(tokens, "prompts to fit ridge"))
        seen.append(predictors.spectrum(*split(tokens), prior))
    predicted, at = torch.cat(asked), predictors.Spectrum(*(torch.cat(parts) for parts in zip(*seen, strict=True)))
    size = float(at.eigenvalues.amax(-1).mean())
    if size == 0:
        return noise  # nothing depends on λ

    def off(penalty: float) -> float:
        return float((at.predict(lambda values: predictors.ridge_filter(values, penalty)) - predicted).square().mean())

    low, high = math.log((noise or size / FARTHEST) / FARTHEST), math.log(max(noise, size) * FARTHEST)
    for points in (65, 9, 9, 9, 9, 9, 9, 9):  # each round between the neighbours of the best of the last: to 10⁻⁵ of λ̂
        grid = torch.linspace(low, high, points, dtype=DTYPE).tolist()
        best = min(range(points), key=lambda place: off(math.exp(grid[place])))
        low, high = grid[max(best - 1, 0)], grid[min(best + 1, points - 1)]
    fitted = math.exp((low + high) / 2)
    return 0.0 if off(0.0) <= off(fitted) else fitted


def split(tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """x (batch, n, d), y (batch, n) and x_q (batch, d) of tokens (batch, n+1, d+1)"""
    return tokens[:, :-1, :-1], tokens[:, :-1, -1], tokens[:, -1, :-1]


def with_labels(tokens: Tensor, labels: Tensor) -> Tensor:
    """The prompts with other labels y (batch, n)"""
    changed = tokens.clone()
    changed[:, :-1, -1] = labels
    return changed
