"""Prompts, drawn afresh for every training step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, cast

import torch
from torch import Generator, Tensor

from numerics import wishart
from numerics.config import TrainConfig
from numerics.moments import MomentSampler, has_moments
from numerics.source import Source
from theory import Linear, Setting

CHUNK = 1 << 17
"""Numbers drawn at a time: half a megabyte in float32, so that a chunk is still in cache when its products are taken."""

FRESH_PROMPTS, FRESH_NORMALS = 1 << 16, 1 << 27
"""Prompts on which a trained layer is judged have tokens where so many prompts take no more normals than that."""


class Prompts(NamedTuple):
    """What the layer sees of a batch of prompts, and what it is to predict.

    moments  (batch, d+1, d+1)  Σ_i z_i z_iᵀ over the context, z_i = (x_i, y_i)
    query    (batch, d+1)       z_q = (x_q, 0)
    target   (batch,)           y_q, noise included
    """

    moments: Tensor
    query: Tensor
    target: Tensor


class PromptSampler:
    """Draws prompts of a numeric setting, y = f(x) + ε, with their whole moments.

    path    "tokens", or "moments": the context's moments are drawn from their law, without its tokens, where `has_moments` holds
    """

    def __init__(self, setting: Setting, *, dtype: torch.dtype, device: torch.device, generator: Generator, path: str = "tokens") -> None:
        self.setting, self.path = setting, path
        self.dimension, self.context = int(setting.dimension), int(setting.context_length)
        self.source = Source(dtype=dtype, device=device, generator=generator)
        self.noise = float(setting.noise_variance) ** 0.5
        self.gaussian = has_moments(setting)
        self.Sigma = setting.covariates.second_moment

    def moments(self, batch: int) -> Prompts:
        """A batch of prompts."""
        return self._mixed_moments(batch) if self.gaussian else self._token_moments(batch)

    def tokens(self, batch: int) -> tuple[Tensor, Tensor]:
        """The same prompts as `moments` draws from the same generator state: tokens (batch, n+1, d+1) and targets (batch,)."""
        if self.gaussian:
            return self._mixed_tokens(batch)
        tokens, target = (torch.cat(parts) for parts in zip(*self._drawn(batch), strict=True))
        return tokens, target

    def sequences(self, batch: int) -> tuple[Tensor, Tensor]:
        """Covariates (batch, n+1, d) and labels (batch, n+1), each after the first to be predicted from those before."""
        x = self.setting.covariates.draw(self.source, batch, self.context + 1)
        return x, self.setting.response.draw(self.source, x) + self.noise * self.source.normal(batch, self.context + 1)

    def loss(self, v: Tensor, M: Tensor, batch: int) -> Tensor:
        """The mean loss of (v, M) on a fresh batch.

        v (d+1,) and M (d+1, d+1) -> (); for R layers, each on prompts of its own, v (R, d+1) and M (R, d+1, d+1) -> (R,)
        """
        rows, size = v.shape[:-1], v.shape[-1]
        moments, query, target = self.moments(batch * rows.numel())
        values = (moments.view(*rows, batch * size, size) @ v[..., None]).view(*rows, batch, size)
        keys = query.view(*rows, batch, size) @ M.mT
        return ((values * keys).sum(-1) - target.view(*rows, batch)).square().mean(-1)

    def _chunks(self, batch: int) -> list[int]:
        size = max(1, CHUNK // (self.context * (self.dimension + 1)))
        return [min(size, batch - start) for start in range(0, batch, size)]

    # any law: chunks of tokens that fit the cache

    def _drawn(self, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Tokens and targets in chunks."""
        for size in self._chunks(batch):
            x, y = self.sequences(size)
            target = y[:, -1].clone()
            y[:, -1] = 0
            yield torch.cat([x, y[..., None]], dim=-1), target

    def _token_moments(self, batch: int) -> Prompts:
        parts = [Prompts(z[:, :-1].mT @ z[:, :-1], z[:, -1], target) for z, target in self._drawn(batch)]
        return Prompts(*(torch.cat(same) for same in zip(*parts, strict=True)))

    # Gaussian covariates with linear responses: no token is ever formed

    def _tasks_and_queries(self, batch: int) -> tuple[Tensor, Tensor, Tensor]:
        """w (batch, d), z_q (batch, d+1), y_q (batch,)"""
        d, family = self.dimension, cast(Linear, self.setting.response)
        drawn = self.source.normal(batch, 2 * d + 1)
        tasks = family.task.draw(self.source, batch, 1)[:, 0] if family.task else self.source.mixed(drawn[:, :d], family.covariance)
        queries = self.source.mixed(drawn[:, d : 2 * d], self.Sigma)
        target = (tasks * queries).sum(-1) + self.noise * drawn[:, 2 * d]
        return tasks, torch.cat([queries, torch.zeros_like(target)[:, None]], dim=1), target

    def _mixed_moments(self, batch: int) -> Prompts:
        """Normals u_i = (whitened x_i, ε_i/σ) are met only in the product Σ u_i u_iᵀ, whose law is known; mixing them into
        z_i = (x_i, w·x_i + ε_i) is done on that product, per prompt and not per token."""
        d = self.dimension
        tasks, query, target = self._tasks_and_queries(batch)
        grams = wishart.whole(self.source, self.context, d + 1, batch) if self.path == "moments" else self._white_moments(batch)
        root = self.source.factor(self.Sigma)
        if root is not None:
            grams[:, :d] = root @ grams[:, :d].clone()
            grams[:, :, :d] = grams[:, :, :d].clone() @ root.mT
        # y_i = (x_i, ε_i/σ)·(w, σ), so Σ (x_i, ε_i/σ) y_i and Σ y_i² are one and two products with the vector (w, σ)
        mix = torch.cat([tasks, torch.full_like(target, self.noise)[:, None]], dim=1)
        mixed = torch.bmm(grams, mix[:, :, None])[:, :, 0]
        energy = (mix * mixed).sum(-1)
        mixed[:, d] = energy
        grams[:, :, d] = mixed
        grams[:, d] = mixed
        return Prompts(grams, query, target)

    def _white_moments(self, batch: int) -> Tensor:
        """Σ u_i u_iᵀ (batch, d+1, d+1)"""
        grams = torch.empty(batch, self.dimension + 1, self.dimension + 1, dtype=self.source.dtype, device=self.source.device)
        start = 0
        for size in self._chunks(batch):
            drawn = self.source.normal(size, self.context, self.dimension + 1)
            torch.bmm(drawn.mT, drawn, out=grams[start : start + size])
            start += size
        return grams

    def _mixed_tokens(self, batch: int) -> tuple[Tensor, Tensor]:
        d = self.dimension
        tasks, query, target = self._tasks_and_queries(batch)
        context = torch.cat([self.source.normal(size, self.context, d + 1) for size in self._chunks(batch)])
        context[..., :d] = self.source.mixed(context[..., :d], self.Sigma)
        context[..., d] = torch.einsum("bnk,bk->bn", context[..., :d], tasks) + self.noise * context[..., d]
        return torch.cat([context, query[:, None]], dim=1), target


def training_sampler(config: TrainConfig, settings: Setting | Sequence[Setting], *, device: torch.device, generator: Generator) -> Any:
    """Draws the prompts that a run trains on, in float32: `loss(v, M, batch)` is the mean loss on fresh ones."""
    if config.by_moments:
        query = "integrated" if config.integrated else "drawn"
        return MomentSampler(settings, dtype=torch.float32, device=device, generator=generator, query=query)
    return PromptSampler(config.setting, dtype=torch.float32, device=device, generator=generator)


def fresh_prompts(config: TrainConfig, stream: int) -> PromptSampler:
    """Draws prompts that training has not seen, in float64; with tokens, unless prompts are so long that their moments are drawn."""
    affordable = FRESH_NORMALS // (config.context * (config.dimension + 1)) >= FRESH_PROMPTS
    path = "moments" if config.by_moments and not affordable else "tokens"
    generator = Generator().manual_seed(config.seed + stream)
    return PromptSampler(config.setting, dtype=torch.float64, device=torch.device("cpu"), generator=generator, path=path)
