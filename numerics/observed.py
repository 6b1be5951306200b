"""What a model and the reference predictors say on the same fresh prompts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, cast

import torch
from torch import Generator, Tensor

from numerics import predictors
from numerics.evaluate import DTYPE, to_tensor
from numerics.foreign import ForeignModel
from numerics.objective import ExactObjective
from numerics.samplers import PromptSampler
from theory import Linear, Setting

DRAWN = 1 << 20
"""Numbers in a chunk of prompts: 8 MiB"""
KEPT = 4096
"""Prompts whose tokens are kept, for choices that are then judged on others"""


class Observed(NamedTuple):
    """On N prompts, float64.

    prediction, flipped   ŷ, and ŷ for the same prompt with its labels −y, (N,)
    target                y_q, noise included (N,)
    gradient, query       g = Σ y_i x_i and x_q, (N, d)
    optimum               g·B*x_q, the best one step of theory, (N,)
    ridge, least_squares  (N,); ridge None unless responses are linear, and its λ known
    tokens                of the first prompts, (KEPT or fewer, n+1, d+1)
    """

    prediction: Tensor
    flipped: Tensor
    target: Tensor
    gradient: Tensor
    query: Tensor
    optimum: Tensor
    ridge: Tensor | None
    least_squares: Tensor
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
    prior = to_tensor(setting.response.covariance.as_explicit()) if isinstance(setting.response, Linear) else None
    noise = float(setting.noise_variance)
    columns: list[list[Tensor]] = []
    tokens_kept: list[Tensor] = []
    done = 0
    for tokens, target in drawn(setting, seed, 0, prompts):
        x, y, query = split(tokens)
        row = [
            model(tokens, "fresh prompts"),
            model(with_labels(tokens, -y), "fresh prompts with labels −y"),
            target,
            (x.mT @ y[..., None])[..., 0],
            query,
            predictors.one_step(x, y, query, objective.step),
            predictors.least_squares(x, y, query),
        ]
        row += [] if prior is None else [predictors.ridge(x, y, query, noise=noise, prior=prior)]
        columns.append(row)
        tokens_kept.append(tokens[: max(0, KEPT - done)])
        done += len(tokens)
        progress(done, prompts)
    parts = [torch.cat(column) for column in zip(*columns, strict=True)]
    prediction, flipped, target, gradient, query, optimum, least = parts[:7]
    ridge = parts[7] if prior is not None else None
    return Observed(prediction, flipped, target, gradient, query, optimum, ridge, least, torch.cat(tokens_kept))


def split(tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """x (batch, n, d), y (batch, n) and x_q (batch, d) of tokens (batch, n+1, d+1)"""
    return tokens[:, :-1, :-1], tokens[:, :-1, -1], tokens[:, -1, :-1]


def with_labels(tokens: Tensor, labels: Tensor) -> Tensor:
    """The prompts with other labels y (batch, n)"""
    changed = tokens.clone()
    changed[:, :-1, -1] = labels
    return changed


def is_ridge_bayes(setting: Setting) -> bool:
    """Whether ridge is the Bayes predictor: for linear responses with Gaussian task vectors, whatever the covariates are"""
    return isinstance(setting.response, Linear) and cast(Linear, setting.response).task is None
