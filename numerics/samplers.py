"""Prompts, drawn afresh for every training step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from numerics.source import Source
from theory import Gaussian, Linear, Setting

CHUNK = 1 << 17
"""Numbers drawn at a time: half a megabyte in float32, so that a chunk is still in cache when its products are taken."""


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
    """Draws prompts of a numeric setting, y = f(x) + ε."""

    def __init__(self, setting: Setting, *, dtype: torch.dtype, device: torch.device, generator: Generator) -> None:
        self.setting = setting
        self.dimension, self.context = int(setting.dimension), int(setting.context_length)
        self.source = Source(dtype=dtype, device=device, generator=generator)
        self.noise = float(setting.noise_variance) ** 0.5
        law, family = setting.covariates, setting.response
        self.gaussian = isinstance(law, Gaussian) and isinstance(family, Linear) and family.task is None
        self.Sigma, self.W = law.second_moment, getattr(family, "covariance", None)

    def moments(self, batch: int) -> Prompts:
        """A batch of prompts."""
        return self._mixed_moments(batch) if self.gaussian else self._token_moments(batch)

    def tokens(self, batch: int) -> tuple[Tensor, Tensor]:
        """The same prompts as `moments` draws from the same generator state: tokens (batch, n+1, d+1) and targets (batch,)."""
        if self.gaussian:
            return self._mixed_tokens(batch)
        tokens, target = (torch.cat(parts) for parts in zip(*self._drawn(batch), strict=True))
        return tokens, target

    def _chunks(self, batch: int) -> list[int]:
        size = max(1, CHUNK // (self.context * (self.dimension + 1)))
        return [min(size, batch - start) for start in range(0, batch, size)]

    # any law: chunks of tokens that fit the cache

    def _drawn(self, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Tokens and targets in chunks."""
        source, count = self.source, self.context + 1
        for size in self._chunks(batch):
            x = self.setting.covariates.draw(source, size, count)
            y = self.setting.response.draw(source, x) + self.noise * source.normal(size, count)
            target = y[:, -1].clone()
            y[:, -1] = 0
            yield torch.cat([x, y[..., None]], dim=-1), target

    def _token_moments(self, batch: int) -> Prompts:
        parts = [Prompts(z[:, :-1].mT @ z[:, :-1], z[:, -1], target) for z, target in self._drawn(batch)]
        return Prompts(*(torch.cat(same) for same in zip(*parts, strict=True)))

    # Gaussian covariates with linear responses to Gaussian task vectors: no token is ever formed

    def _tasks_and_queries(self, batch: int) -> tuple[Tensor, Tensor, Tensor]:
        """w (batch, d), z_q (batch, d+1), y_q (batch,)"""
        d = self.dimension
        drawn = self.source.normal(batch, 2 * d + 1)
        tasks = self.source.mixed(drawn[:, :d], self.W)
        queries = self.source.mixed(drawn[:, d : 2 * d], self.Sigma)
        target = (tasks * queries).sum(-1) + self.noise * drawn[:, 2 * d]
        return tasks, torch.cat([queries, torch.zeros_like(target)[:, None]], dim=1), target

    def _mixed_moments(self, batch: int) -> Prompts:
        """The context's normals u_i = (whitened x_i, ε_i/σ) are drawn in chunks and met only in the product Σ u_i u_iᵀ; mixing them into
        z_i = (x_i, w·x_i + ε_i) is done on that product, per prompt and not per token."""
        d = self.dimension
        tasks, query, target = self._tasks_and_queries(batch)
        grams = target.new_empty(batch, d + 1, d + 1)
        start = 0
        for size in self._chunks(batch):
            drawn = self.source.normal(size, self.context, d + 1)
            torch.bmm(drawn.mT, drawn, out=grams[start : start + size])
            start += size
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

    def _mixed_tokens(self, batch: int) -> tuple[Tensor, Tensor]:
        d = self.dimension
        tasks, query, target = self._tasks_and_queries(batch)
        context = torch.cat([self.source.normal(size, self.context, d + 1) for size in self._chunks(batch)])
        context[..., :d] = self.source.mixed(context[..., :d], self.Sigma)
        context[..., d] = torch.einsum("bnk,bk->bn", context[..., :d], tasks) + self.noise * context[..., d]
        return torch.cat([context, query[:, None]], dim=1), target
