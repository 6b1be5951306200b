"""The one step that a model implements: the B that minimises E (ŷ − gᵀB x_q)², g = Σ y_i x_i.

B is a regression coefficient of the prediction on the d² products g_a x_qb (sum over the context, no 1/n). Its standard errors are robust
to heteroscedasticity (HC3 of MacKinnon and White 1985): what a model does beyond one step is not of constant variance given g and x_q.
The products have heavy tails, so with few prompts intervals hold less often than they say: of those at confidence 95 %,
for ridge at d = 2, n = 5, 88 to 95 % with 1024 prompts and 92 to 95 % with 8192 (300 repetitions).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from numerics.errors import ConfigError
from numerics.intervals import Interval, norm_quantile, normal_quantile

ENTRIES = 1 << 22
"""Of the matrix of products made at a time: 32 MiB"""
LARGEST = 64
"""Beyond this dimension the d² × d² covariance of the entries of B takes too much memory."""


@dataclass(frozen=True)
class EffectiveStep:
    """step B (d, d); covariance (d², d²) of its entries, row by row; residual ŷ − gᵀB x_q (N,)"""

    step: Tensor
    covariance: Tensor
    residual: Tensor

    @cached_property
    def errors(self) -> Tensor:
        """The standard error of each entry, (d, d)"""
        return self.covariance.diagonal().clamp(min=0).sqrt().view_as(self.step)

    @property
    def half_width(self) -> Tensor:
        """Of intervals that hold for all entries at once, (d, d)"""
        return normal_quantile(self.step.numel()) * self.errors

    def contains(self, other: Tensor, slack: float = 0.0) -> bool:
        """Whether `other` is inside all of these intervals, made wider by `slack`"""
        return bool(((self.step - other).abs() <= self.half_width + slack).all())

    def distance(self, other: Tensor) -> Interval:
        """‖B − other‖_F. The interval is conservative: that of all B within the LEVEL quantile of the error's norm of the estimate."""
        value, reach = float((self.step - other).norm()), norm_quantile(self.covariance)
        return Interval(value, max(0.0, value - reach), value + reach, float(self.covariance.trace()) ** 0.5)


def effective_step(gradient: Tensor, query: Tensor, prediction: Tensor) -> EffectiveStep:
    """The regression, from g (N, d), x_q (N, d) and ŷ (N,), float64. Raises ConfigError where there are too few prompts.

    >>> g, x = torch.randn(2, 400, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    >>> B = torch.tensor([[1.0, 2.0], [0.0, 3.0]], dtype=torch.float64)
    >>> found = effective_step(g, x, ((g @ B) * x).sum(-1))
    >>> bool(torch.allclose(found.step, B))
    True
    """
    dimension = query.shape[1]
    if dimension > LARGEST:
        raise ConfigError(f"dimension must be at most {LARGEST} for the effective step, got {dimension}.")
    if len(query) < least_prompts(dimension):
        raise ConfigError(
            f"--prompts: {least_prompts(dimension)} at least are needed for a step of {dimension}² entries, got {len(query)}."
        )
    left, right = (
        part.square().mean(0).sqrt().clamp(min=1e-300) for part in (gradient, query)
    )  # else Σ may leave the system ill-conditioned
    units, rows = (left[:, None] * right).flatten(), max(1, ENTRIES // dimension**2)
    parts = list(zip((gradient / left).split(rows), (query / right).split(rows), prediction.split(rows), strict=True))
    gram, moment = prediction.new_zeros(dimension**2, dimension**2), prediction.new_zeros(dimension**2)
    for g, x, predicted in parts:
        products = _products(g, x)
        gram += products.mT @ products
        moment += products.mT @ predicted
    inverse = torch.linalg.pinv(gram, hermitian=True)
    entries = inverse @ moment
    residual = prediction - ((gradient / left) @ entries.view(dimension, dimension) * (query / right)).sum(-1)
    middle = torch.zeros_like(gram)
    for (g, x, _), rest in zip(parts, residual.split(rows), strict=True):
        products = _products(g, x)
        leverage = (products @ inverse * products).sum(-1)
        weighted = products * (rest / (1 - leverage).clamp(min=1e-3))[:, None]
        middle += weighted.mT @ weighted
    covariance = inverse @ middle @ inverse / (units[:, None] * units)
    return EffectiveStep((entries / units).view(dimension, dimension), covariance, residual)


def least_prompts(dimension: int) -> int:
    """Below so many prompts standard errors of d² entries are not to be trusted."""
    return max(256, 16 * dimension**2)


def _products(gradient: Tensor, query: Tensor) -> Tensor:
    """g_a x_qb as rows (N, d²)"""
    return (gradient[:, :, None] * query[:, None, :]).flatten(1)
