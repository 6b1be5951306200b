"""The mean loss on fresh prompts without their tokens: O(d) random numbers a prompt, whatever its length.

With Gaussian covariates and linear responses the tokens of a prompt are z_i = T u_i, u_i white, T = [[F, 0], [wᵀF, σ]], Σ = F Fᵀ, so
that Σ_i z_i z_iᵀ = T G Tᵀ with a Wishart matrix G independent of w and of the query. A layer and the gradient of its loss meet that matrix
in two vectors, v and M z_q: what is drawn here has the joint law of the loss and of its gradient on tokens, or is its conditional mean.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Generator, Tensor

from numerics.errors import ConfigError
from numerics.evaluate import DTYPE, to_tensor
from numerics.source import Source, factor
from numerics.wishart import TwoProducts
from theory import Gaussian, Linear, Setting
from theory.covariates.law import CovariateLaw


def has_moments(setting: Setting) -> bool:
    """Whether the law of what the layer sees of a prompt is known: Gaussian covariates, linear responses, task vectors of any law."""
    return isinstance(setting.covariates, Gaussian) and isinstance(setting.response, Linear)


class MomentSampler:
    """Draws, for each step, what a layer meets of fresh prompts: of one setting, or of R settings of one dimension at once.

    query   "drawn", or "integrated": the loss is its mean over the query and its noise given w and S v, E over x_q and ε_q of
            (ŷ − y_q)² = |Σ^½(Mᵀ S v − w)|² + σ², and its gradient that over S too, given the same. By Rao and Blackwell both keep their
            means and gain no variance.
    """

    def __init__(
        self, settings: Setting | Sequence[Setting], *, dtype: torch.dtype, device: torch.device, generator: Generator, query: str = "drawn"
    ) -> None:
        many = [settings] if isinstance(settings, Setting) else list(settings)
        if not all(map(has_moments, many)):
            raise ConfigError("sampler moments: needs Gaussian covariates and linear responses; use tokens.")
        rows = () if isinstance(settings, Setting) else (len(many),)
        self.source, self.integrated = Source(dtype=dtype, device=device, generator=generator), query == "integrated"
        self.dimension = int(many[0].dimension)

        def stacked(values: Sequence[Tensor]) -> Tensor:
            return torch.stack(list(values)).reshape(*rows, *values[0].shape).to(dtype=dtype, device=device)

        contexts = [int(setting.context_length) for setting in many]
        self.noise = stacked([torch.tensor([float(setting.noise_variance)], dtype=DTYPE).sqrt() for setting in many])
        n = stacked([torch.tensor([[n]]) for n in contexts])
        self.left = n - 1
        self.degrees = torch.cat([n, self.left.clamp(min=1)], dim=-2)
        # a prompt of one example has no second direction
        self.present = torch.cat([torch.ones_like(n), self.left.clamp(max=1)], dim=-2) if 1 in contexts else None
        known = {setting: _factors(setting) for setting in dict.fromkeys(many)}
        factors = [known[setting] for setting in many]
        unit = torch.eye(self.dimension, dtype=DTYPE)
        self.root, self.prior = (
            None if all(torch.equal(matrix, unit) for matrix in matrices) else stacked(matrices) for matrices in zip(*factors, strict=True)
        )
        self.laws = [cast(Linear, setting.response).task for setting in many]

    def loss(self, v: Tensor, M: Tensor, batch: int) -> Tensor:
        """The mean loss of (v, M) on a fresh batch, differentiable once in both.

        v (d+1,) and M (d+1, d+1) -> (); v (R, d+1) and M (R, d+1, d+1) -> (R,), each layer on prompts of its own, of one setting or of R
        """
        M, rows = M[..., :-1], v.shape[:-1]
        if self.root is not None:  # the layer that does to whitened prompts what (v, M) does to prompts
            padded = torch.nn.functional.pad(self.root, (0, 1, 0, 1))
            padded[..., -1, -1] = 1
            v, M = (padded.mT @ v[..., None])[..., 0], padded.mT @ M @ self.root
        d, p = self.dimension, self.dimension + 1
        k = 1 if self.integrated else 2
        drawn = self.source.normal(*rows, k * p + d + (0 if self.integrated else d + 1), batch)
        squares = self.source.chi_square(self.degrees[..., :k, :], *rows, k, batch)
        if self.present is not None:
            squares *= self.present[..., :k, :]
        products = TwoProducts(drawn[..., : k * p, :].unflatten(-2, (k, p)), squares)
        task = self._tasks(drawn[..., k * p : k * p + d, :])
        query = None if self.integrated else (drawn[..., -d - 1 : -1, :], drawn[..., -1, :])
        loss: Tensor = _MeanSquare.apply(v, M, products, task, self.noise, query, self.left)
        return loss

    def _tasks(self, white: Tensor) -> Tensor:
        """Fᵀw (..., d, B), from white normals of that shape; w is drawn where its law is not Gaussian."""
        if any(self.laws):
            parts = white.chunk(len(self.laws))
            drawn = [self._drawn(law, part) if law else part for law, part in zip(self.laws, parts, strict=True)]
            white = torch.cat(drawn)
        return white if self.prior is None else self.prior @ white

    def _drawn(self, law: CovariateLaw, like: Tensor) -> Tensor:
        """Task vectors of a law that is not Gaussian, (..., d, B)"""
        *rows, d, batch = like.shape
        return law.draw(self.source, math.prod(rows) * batch, 1).view(*rows, batch, d).mT


def _factors(setting: Setting) -> tuple[Tensor, Tensor]:
    """F with F Fᵀ = Σ, and the matrix that takes white normals, or w where its law is not Gaussian, to Fᵀw"""
    response = cast(Linear, setting.response)
    covariance, prior = (to_tensor(matrix.as_explicit()) for matrix in (setting.covariates.second_moment, response.covariance))
    unit = torch.eye(*covariance.shape, dtype=DTYPE)
    root = unit if torch.equal(covariance, unit) else factor(covariance)
    if response.task is not None:
        return root, root.mT
    whitened = root.mT @ prior @ root
    return root, unit if torch.allclose(whitened, unit, rtol=0, atol=1e-12) else factor(whitened)


class _MeanSquare(torch.autograd.Function):
    """The mean loss on whitened prompts, and its gradient, taken in the same pass: it needs the second product of G.

    v (..., p) and M (..., p, d); task (..., d, B) and noise (..., 1): T = [[I, 0], [taskᵀ, noise]] leads from white u_i to z_i; query None,
    or covariates (..., d, B) and label noise (..., B); left (..., 1, 1), n − 1.
    """

    @staticmethod
    def forward(ctx: Any, v: Tensor, M: Tensor, products: TwoProducts, task: Tensor, noise: Tensor, query: Any, left: Tensor) -> Tensor:
        d, batch = task.shape[-2:]
        a = task.new_empty(*task.shape[:-2], d + 1, batch)  # Tᵀv
        torch.addcmul(v[..., :d, None], task, v[..., d:, None], out=a[..., :d, :])
        a[..., d, :] = noise * v[..., d:]
        moments_v = _labelled(products.first(a), task, noise)  # S v
        if query is None:
            residual = torch.sub(M.mT @ moments_v, task)
            loss = residual.square().sum((-2, -1)) / batch + noise[..., 0].square()
            keys = M @ residual
        else:
            covariate, label = query
            keys = M @ covariate
            residual = (keys * moments_v).sum(-2) - (task * covariate).sum(-2) - noise * label
            loss = residual.square().mean(-1)
            keys *= residual[..., None, :]
            residual = covariate * residual[..., None, :]
        keys[..., :d, :].addcmul_(task, keys[..., d:, :])
        keys[..., d, :] *= noise
        moments_keys = products.mean_second(keys, left) if query is None else products.second(keys)  # in S M z_q
        slope_v = _labelled(moments_keys, task, noise).sum(-1)
        slope_M = moments_v @ residual.mT
        ctx.save_for_backward(slope_v.mul_(2 / batch), slope_M.mul_(2 / batch))
        return loss

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        slope_v, slope_M = ctx.saved_tensors
        return slope_v * slope[..., None], slope_M * slope[..., None, None], None, None, None, None, None


def _labelled(white: Tensor, task: Tensor, noise: Tensor) -> Tensor:
    """T times (..., p, B), in place"""
    white[..., -1, :].mul_(noise).add_((task * white[..., :-1, :]).sum(-2))
    return white
