"""The exact loss as the polynomial that it is in (v, M), for many weights at once: gradients and Hessians by matrix products.

The prediction is bilinear in v and M and linear in the query's covariate, of which the context is independent. So L is τ plus a term of
degree (1, 1) and one of degree (2, 2), E ŷ², in which M stands as MΣMᵀ alone. The coefficients are derivatives of theory's expressions for
L and E ŷ², taken by automatic differentiation; no formula is typed in again.
"""

from __future__ import annotations

from copy import copy
from typing import Self

import torch
from torch import Tensor

from numerics.coordinates import Coordinates
from numerics.errors import ConfigError
from numerics.evaluate import DTYPE
from numerics.objective import ExactObjective, ManyObjectives

LARGEST = 12
POINTS = 1 << 12
"""Unit vectors at which slopes are taken together: (d+1)³ for a setting"""


class LossPolynomial(Coordinates):
    """L(θ), with θ as in `Coordinates`, at N points: of one objective, or each of its own of N objectives.

    L = τ + b·(v ⊗ M) + F·(v ⊗ v ⊗ MΣMᵀ) with b of shape (d+1, (d+1)d), and F (d+1, d+1, d+1, d+1) symmetric in its first and in its last
    two indices. Hessians have (d+1)⁴ entries as F has, so d is at most LARGEST. `gain` is E y² − L*, or E y² where no step gains anything.
    Raises ConfigError.
    """

    def __init__(self, objective: ExactObjective | ManyObjectives) -> None:
        super().__init__(objective)
        d, p, q = self.dimension, self.values, self.size - self.values
        if d > LARGEST:
            raise ConfigError(f"dimension must be at most {LARGEST} here, got {d}: the loss as a polynomial has (d+1)⁴ coefficients.")
        null = torch.as_tensor(objective.null, dtype=DTYPE)
        self.gain = torch.where((objective.step != 0).any(-1).any(-1), null - objective.minimum, null)
        if isinstance(objective, ManyObjectives):
            which, place = objective.which.unique(return_inverse=True)
            one_of_each = torch.zeros_like(which).scatter(0, place, torch.arange(len(place)))
            parts = [coefficients(objective.rows(some)) for some in one_of_each.split(max(1, POINTS // p**3))]
            self.linear, self._quartic = (torch.cat(part)[place] for part in zip(*parts, strict=True))
        else:
            self.linear, self._quartic = coefficients(objective)
        across, label = (torch.linalg.inv(matrix) for matrix in (self.root, self.tokens))
        self._from_natural = self.root.new_zeros(*self.root.shape[:-2], self.size, self.size)
        self._from_natural[..., :p, :p] = label
        keys = label[..., :, None, :, None] * across[..., None, :, None, :]
        self._from_natural[..., p:, p:] = keys.reshape(*keys.shape[:-4], q, q)

    def rows(self, index: Tensor) -> Self:
        """The polynomials of these rows; of one objective, itself."""
        if isinstance(self.objective, ExactObjective):
            return self
        chosen = copy(self)
        chosen.objective = self.objective.rows(index)
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                setattr(chosen, name, value[index])
        return chosen

    def _parts(self, theta: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """v (N, p), M (N, p, d), MΣ (N, p, d), and F·v (N, p, p², its last two indices together), p = d + 1"""
        v, M = theta[:, : self.values], theta[:, self.values :].unflatten(-1, (self.values, self.dimension))
        return v, M, M @ self.objective.covariance, _dot(v, self._quartic.flatten(-3)).unflatten(-1, (self.values, -1))

    def _by_value(self, v: Tensor, M: Tensor, across: Tensor, along: Tensor) -> tuple[Tensor, Tensor]:
        """b·M and F·(v ⊗ MΣMᵀ), (N, p)"""
        return _dot(M.flatten(1), self.linear.mT), _dot((across @ M.mT).flatten(1), along.mT)

    def loss(self, theta: Tensor) -> Tensor:
        """L, for θ of shape (N, size)"""
        parts = self._parts(theta)
        return self.objective.null + (parts[0] * sum(self._by_value(*parts))).sum(-1)

    def gradient(self, theta: Tensor) -> Tensor:
        """∂L/∂θ, (N, size)"""
        return self._gradient(*self._parts(theta))

    def _gradient(self, v: Tensor, M: Tensor, across: Tensor, along: Tensor) -> Tensor:
        linear, quartic = self._by_value(v, M, across, along)
        by_keys = 2 * _dot(v, along).unflatten(-1, (self.values, -1)) @ across
        return torch.cat([linear + 2 * quartic, _dot(v, self.linear) + by_keys.flatten(1)], dim=-1)

    def derivatives(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """∂L/∂θ, (N, size), and ∂²L/∂θ², (N, size, size)"""
        v, M, across, along = parts = self._parts(theta)
        count, p, d = M.shape
        hessian = theta.new_empty(count, self.size, self.size)
        hessian[:, :p, :p] = 2 * _dot((across @ M.mT).flatten(1), self._quartic.flatten(-4, -3).flatten(-2).mT).view(count, p, p)
        keys = _dot(v, along).view(count, p, 1, p, 1) * self.objective.covariance[..., None, :, None, :]
        hessian[:, p:, p:] = 2 * keys.reshape(count, p * d, p * d)
        mixed = self.linear + 4 * (along.view(count, p * p, p) @ across).view(count, p, p * d)
        hessian[:, :p, p:], hessian[:, p:, :p] = mixed, mixed.mT
        return self._gradient(*parts), hessian

    def back(self, theta: Tensor) -> Tensor:
        """The matrices (N, size, size) that lead from natural coordinates in the gauge ‖ṽ‖ = ‖M̃‖ back to θ (N, size)"""
        return self._from_natural / self.gauge(self.natural(theta))[:, None, :]

    def curvature(self, theta: Tensor) -> Tensor:
        """The eigenvalues, rising, of the Hessian in natural coordinates in the gauge ‖ṽ‖ = ‖M̃‖, (N, size)"""
        back = self.back(theta)
        return torch.linalg.eigvalsh(back.mT @ self.derivatives(theta)[1] @ back)


def coefficients(objective: ExactObjective | ManyObjectives) -> tuple[Tensor, Tensor]:
    """b (…, d+1, (d+1)d) and F (…, d+1, d+1, d+1, d+1), the leading axis that of the objective: slopes at unit vectors, where no term of
    another degree is to be taken off and all entries of MΣMᵀ but one are 0."""
    covariance = objective.covariance
    p, rows = covariance.shape[-1] + 1, covariance.shape[:-2]
    alone = [1 for _ in rows]
    unit = torch.eye(p, dtype=DTYPE)
    v = unit.view(p, *alone, p).expand(p, *rows, p)
    linear = objective.gradient(v, covariance.new_zeros(p, *rows, p, p))[1][..., :-1].movedim(0, -3).flatten(-2)
    v = unit.view(p, 1, 1, *alone, p).expand(p, p, p, *rows, p).clone().requires_grad_()
    M = covariance.new_zeros(p, p, p, *rows, p, p)
    M[..., 0] = unit.view(p, 1, *alone, p)
    (slope,) = torch.autograd.grad(objective.square(v, M.requires_grad_()).sum(), M, create_graph=True)
    (mixed,) = torch.autograd.grad((slope[..., 0] * unit.view(p, *alone, p)).sum(), v)
    quartic = mixed.movedim((0, 1, 2), (-3, -2, -1)) / (4 * covariance[..., :1, :1, None, None])
    return linear.contiguous(), quartic.contiguous()


def _dot(vector: Tensor, matrix: Tensor) -> Tensor:
    """Row vectors (N, k) times one matrix (k, l) or one for each row (N, k, l)"""
    return (vector[:, None, :] @ matrix)[:, 0]
