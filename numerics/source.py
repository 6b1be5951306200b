"""Random arrays for the laws of theory, which draw from a source without knowing torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from sympy import Identity
from torch import Generator, Tensor

from numerics.evaluate import compile_expression, to_tensor

JITTER = 1e-10
"""Added to the variance of each value of a Gaussian process, relative to it: kernels of finite rank are singular."""
KERNELS = 1 << 15
"""Entries of kernel matrices made at a time, so that they stay in cache."""


def factor(covariance: Tensor) -> Tensor:
    """F with F Fᵀ = covariance, which may be singular."""
    values, vectors = torch.linalg.eigh(covariance)
    return vectors * values.clamp(min=0).sqrt()


class Source:
    """Draws of one generator, as tensors of one type on one device: the same state gives the same draws."""

    def __init__(self, *, dtype: torch.dtype, device: torch.device, generator: Generator) -> None:
        self.dtype, self.device, self.generator = dtype, device, generator
        self.root = cache(self._root)
        self._matrix = cache(self._unless_identity)
        self.factor = cache(self._covariance_factor)

    def normal(self, *shape: int) -> Tensor:
        """N(0, 1)"""
        return torch.randn(*shape, generator=self.generator, dtype=self.dtype, device=self.device)

    def sign(self, *shape: int) -> Tensor:
        """±1 with probability ½ each"""
        return 2 * torch.randint(0, 2, shape, generator=self.generator, device=self.device).to(self.dtype) - 1

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Uniform on [low, high)"""
        return low + (high - low) * self._unit(*shape)

    def laplace(self, *shape: int) -> Tensor:
        """Density ½ exp(−|x|)"""
        return torch.empty(*shape, dtype=self.dtype, device=self.device).exponential_(generator=self.generator) * self.sign(*shape)

    def chi_square(self, degrees: float | Tensor, *shape: int) -> Tensor:
        """χ² with any positive degrees of freedom; a tensor of them is broadcast to the shape"""
        if isinstance(degrees, Tensor):
            half = (degrees / 2).expand(shape)
        else:
            half = torch.full(shape, degrees / 2, dtype=self.dtype, device=self.device)
        return torch._standard_gamma(half, generator=self.generator).mul_(2)

    def choice(self, probabilities: Sequence[float], values: Sequence[float], *shape: int) -> Tensor:
        """Each value with its probability"""
        return torch.tensor(values, dtype=self.dtype, device=self.device)[self._which(probabilities, *shape)]

    def gaussian_mixture(self, components: Sequence[tuple[Any, Any, Any]], *shape: int) -> Tensor:
        """N(μ, Σ) with probability p, for components (p, μ, Σ); (*shape, d)"""
        which = self._which([float(p) for p, _, _ in components], *shape)[..., None]
        white = self.normal(*shape, int(components[0][1].rows))
        drawn = torch.zeros_like(white)
        for k, (_, mean, covariance) in enumerate(components):
            drawn = torch.where(which == k, self.mixed(white, covariance) + self._cast(to_tensor(mean)[:, 0]), drawn)
        return drawn

    def mixed(self, array: Tensor, covariance: Any) -> Tensor:
        """Each vector g on the last axis as F g, F Fᵀ = covariance."""
        return self.multiplied(array, self.factor(covariance))

    def multiplied(self, array: Tensor, matrix: Any) -> Tensor:
        """Each vector x on the last axis as T x; None stands for the identity."""
        if matrix is not None and not isinstance(matrix, Tensor):
            matrix = self._matrix(matrix)
        return array if matrix is None else array @ matrix.mT

    def products(self, left: Tensor, right: Tensor) -> Tensor:
        """left rightᵀ over the last two axes"""
        return left @ right.mT

    def function(self, expr: Any, variable: Any, array: Tensor) -> Tensor:
        """The values of an expression in one variable."""
        return torch.as_tensor(_compiled(expr)({variable: array}), dtype=self.dtype, device=self.device)

    def gaussian_process(self, kernel: Any, variables: tuple[Any, Any, Any], covariates: Tensor) -> Tensor:
        """A centred Gaussian process at the covariates (batch, count, d) -> (batch, count), its kernel a function of the norms r, s and
        the cosine u of two of them; in float64, for the sake of singular kernels."""
        batch, count, _ = covariates.shape
        parts = covariates.double().split(max(1, KERNELS // count**2))
        white = self.normal(batch, count, 1).double().split(max(1, KERNELS // count**2))
        drawn = [self._kernel_root(kernel, variables, x) @ z for x, z in zip(parts, white, strict=True)]
        return torch.cat(drawn)[..., 0].to(self.dtype)

    def _kernel_root(self, kernel: Any, variables: tuple[Any, Any, Any], x: Tensor) -> Tensor:
        r = x.norm(dim=-1, keepdim=True).clamp_(min=1e-150)
        unit = x / r
        u = (unit @ unit.mT).clamp_(-1, 1)
        gram = torch.as_tensor(_compiled(kernel)(dict(zip(variables, (r, r.mT, u), strict=True))), dtype=torch.float64)
        gram = gram.expand(u.shape).contiguous()
        gram.diagonal(dim1=-2, dim2=-1).mul_(1 + JITTER).add_(1e-200)
        return torch.linalg.cholesky(gram)

    def _unit(self, *shape: int) -> Tensor:
        return torch.rand(*shape, generator=self.generator, dtype=self.dtype, device=self.device)

    def _which(self, probabilities: Sequence[float], *shape: int) -> Tensor:
        """The index of the outcome, each with its probability."""
        bounds = torch.tensor(probabilities, dtype=torch.float64).cumsum(0)[:-1].to(self.dtype).to(self.device)
        return torch.bucketize(self._unit(*shape), bounds, right=True)

    def _covariance_factor(self, covariance: Any) -> Tensor | None:
        """F with F Fᵀ = covariance, or None for the identity"""
        return self._unless_identity(covariance, factor)

    def _root(self, metric: Any) -> Tensor | None:
        """R with RᵀR = metric, or None for the identity"""
        return self._unless_identity(metric, lambda matrix: factor(matrix).mT)

    def _unless_identity(self, matrix: Any, change: Callable[[Tensor], Tensor] = lambda matrix: matrix) -> Tensor | None:
        if isinstance(matrix, Identity):
            return None
        values = to_tensor(matrix.as_explicit())
        return None if torch.equal(values, torch.eye(*values.shape, dtype=values.dtype)) else self._cast(change(values))

    def _cast(self, values: Tensor) -> Tensor:
        return values.to(dtype=self.dtype, device=self.device)


_compiled = cache(compile_expression)
