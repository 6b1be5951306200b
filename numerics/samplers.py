"""Prompts, drawn afresh for every training step."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor

from numerics.objective import to_tensor
from theory import Setting

CHUNK = 1 << 17
"""Normals drawn at a time: half a megabyte in float32, so that a chunk is still in cache when its products are taken."""


class Prompts(NamedTuple):
    """What the layer sees of a batch of prompts, and what it is to predict.

    moments  (batch, d+1, d+1)  Σ_i z_i z_iᵀ over the context, z_i = (x_i, y_i)
    query    (batch, d+1)       z_q = (x_q, 0)
    target   (batch,)           y_q, noise included
    """

    moments: Tensor
    query: Tensor
    target: Tensor


def factor(covariance: Tensor) -> Tensor:
    """F with F Fᵀ = covariance, which may be singular."""
    values, vectors = torch.linalg.eigh(covariance)
    return vectors * values.clamp(min=0).sqrt()


class PromptSampler:
    """Draws prompts of a numeric setting: x ~ N(0, Σ), w ~ N(0, W), y = w·x + ε."""

    def __init__(self, setting: Setting, *, dtype: torch.dtype, device: torch.device, generator: Generator) -> None:
        self.dimension, self.context = int(setting.dimension), int(setting.context_length)
        self.generator = generator
        self.dtype, self.device = dtype, device
        self.noise = float(setting.noise_variance) ** 0.5
        self.covariates = self._factor(setting.covariates.covariance)
        self.tasks = self._factor(setting.response.covariance)

    def _factor(self, covariance: Any) -> Tensor | None:
        """Fᵀ for row vectors, or None for the identity."""
        matrix = to_tensor(covariance.as_explicit())
        if torch.equal(matrix, torch.eye(len(matrix), dtype=matrix.dtype)):
            return None
        return factor(matrix).mT.to(dtype=self.dtype, device=self.device)

    def _normal(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self.generator, dtype=self.dtype, device=self.device)

    def _tasks_and_queries(self, batch: int) -> tuple[Tensor, Tensor, Tensor]:
        """w (batch, d), z_q (batch, d+1), y_q (batch,)"""
        d = self.dimension
        drawn = self._normal(batch, 2 * d + 1)
        tasks, queries, noise = drawn[:, :d], drawn[:, d : 2 * d], drawn[:, 2 * d]
        if self.tasks is not None:
            tasks = tasks @ self.tasks
        if self.covariates is not None:
            queries = queries @ self.covariates
        target = (tasks * queries).sum(-1) + self.noise * noise
        return tasks, torch.cat([queries, torch.zeros_like(target)[:, None]], dim=1), target

    def _chunks(self, batch: int) -> list[int]:
        size = max(1, CHUNK // (self.context * (self.dimension + 1)))
        return [min(size, batch - start) for start in range(0, batch, size)]

    def moments(self, batch: int) -> Prompts:
        """A batch of prompts. The context's normals u_i = (whitened x_i, ε_i/σ) are drawn in chunks that fit the cache and met only in
        the product Σ u_i u_iᵀ; mixing them into z_i = (x_i, w·x_i + ε_i) is done on that product, per prompt and not per token."""
        d = self.dimension
        tasks, query, target = self._tasks_and_queries(batch)
        grams = torch.empty(batch, d + 1, d + 1, dtype=self.dtype, device=self.device)
        start = 0
        for size in self._chunks(batch):
            drawn = self._normal(size, self.context, d + 1)
            torch.bmm(drawn.mT, drawn, out=grams[start : start + size])
            start += size
        if self.covariates is not None:
            grams[:, :d] = self.covariates.mT @ grams[:, :d].clone()
            grams[:, :, :d] = grams[:, :, :d].clone() @ self.covariates
        # y_i = (x_i, ε_i/σ)·(w, σ), so Σ (x_i, ε_i/σ) y_i and Σ y_i² are one and two products with the vector (w, σ)
        mix = torch.cat([tasks, torch.full_like(target, self.noise)[:, None]], dim=1)
        mixed = torch.bmm(grams, mix[:, :, None])[:, :, 0]
        energy = (mix * mixed).sum(-1)
        mixed[:, d] = energy
        grams[:, :, d] = mixed
        grams[:, d] = mixed
        return Prompts(grams, query, target)

    def tokens(self, batch: int) -> tuple[Tensor, Tensor]:
        """The same prompts as `moments` draws from the same generator state: tokens (batch, n+1, d+1) and targets (batch,)."""
        d = self.dimension
        tasks, query, target = self._tasks_and_queries(batch)
        context = torch.cat([self._normal(size, self.context, d + 1) for size in self._chunks(batch)])
        if self.covariates is not None:
            context[..., :d] = context[..., :d] @ self.covariates
        context[..., d] = torch.einsum("bnk,bk->bn", context[..., :d], tasks) + self.noise * context[..., d]
        return torch.cat([context, query[:, None]], dim=1), target
