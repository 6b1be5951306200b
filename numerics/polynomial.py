"""The exact loss as the polynomial that it is in (v, M), for many weights at once: gradients and Hessians by matrix products.

The prediction is bilinear in v and M, so L is τ plus a term of degree (1, 1) and one of degree (2, 2). Their coefficients are derivatives
of theory's expression, taken by automatic differentiation of `ExactObjective.loss`; no formula is typed in again.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import jacfwd, jacrev

from numerics.coordinates import Coordinates
from numerics.errors import ConfigError
from numerics.evaluate import DTYPE
from numerics.objective import ExactObjective

LARGEST = 12


class LossPolynomial(Coordinates):
    """L(θ), with θ as in `Coordinates`.

    L = τ + b·(v ⊗ M) + ¼ T·(v ⊗ v ⊗ M ⊗ M) with b of shape (d+1, (d+1)d) and T symmetric in its first and in its last two indices. T has
    (d+1)⁴d² entries, so d is at most LARGEST. `gain` is E y² − L*. Raises ConfigError.
    """

    def __init__(self, objective: ExactObjective) -> None:
        super().__init__(objective)
        d = self.dimension
        if d > LARGEST:
            raise ConfigError(f"dimension must be at most {LARGEST} here, got {d}: the loss as a polynomial has (d+1)⁴d² coefficients.")
        self.gain = objective.null - objective.minimum
        v, M = torch.zeros(d + 1, dtype=DTYPE), torch.zeros((d + 1) * d, dtype=DTYPE)

        def loss(v: Tensor, M: Tensor) -> Tensor:
            return objective.loss(*self.split(torch.cat([v, M])))

        self.linear = jacfwd(jacrev(loss, 1), 0)(v, M).mT.contiguous()
        quartic = jacfwd(jacfwd(jacfwd(jacrev(loss, 1), 1), 0), 0)(v, M).permute(2, 3, 0, 1)  # (i, j, k, l)
        p, q = self.values, self.size - self.values
        self._by_values = quartic.reshape(p * p, q * q)
        self._by_both = quartic.permute(1, 3, 0, 2).reshape(p * q, p * q)
        across, label = (torch.linalg.inv(matrix).contiguous() for matrix in (self.root, self.tokens))
        self._from_natural = torch.block_diag(label, torch.kron(label, across))

    def _paired(self, theta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """v, M, and T·(v ⊗ M) with its first and third index free, (N, d+1, (d+1)d)"""
        v, M = theta[:, : self.values], theta[:, self.values :]
        return v, M, ((v[:, :, None] * M[:, None, :]).flatten(1) @ self._by_both).reshape(-1, *self.linear.shape)

    def loss(self, theta: Tensor) -> Tensor:
        """L, for θ of shape (N, size)"""
        v, M, paired = self._paired(theta)
        return self.objective.null + torch.einsum("ni,nik,nk->n", v, self.linear + paired / 4, M)

    def gradient(self, theta: Tensor) -> Tensor:
        """∂L/∂θ, (N, size)"""
        return self._gradient(*self._paired(theta))

    def _gradient(self, v: Tensor, M: Tensor, paired: Tensor) -> Tensor:
        slope = self.linear + paired / 2
        return torch.cat([(slope @ M[:, :, None])[:, :, 0], (v[:, None, :] @ slope)[:, 0]], dim=-1)

    def derivatives(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """∂L/∂θ, (N, size), and ∂²L/∂θ², (N, size, size)"""
        v, M, paired = self._paired(theta)
        p, q = self.linear.shape
        mixed = self.linear + paired
        hessian = theta.new_empty(len(theta), self.size, self.size)
        hessian[:, :p, :p] = ((M[:, :, None] * M[:, None, :]).flatten(1) @ self._by_values.mT).reshape(-1, p, p) / 2
        hessian[:, p:, p:] = ((v[:, :, None] * v[:, None, :]).flatten(1) @ self._by_values).reshape(-1, q, q) / 2
        hessian[:, :p, p:], hessian[:, p:, :p] = mixed, mixed.mT
        return self._gradient(v, M, paired), hessian

    def back(self, theta: Tensor) -> Tensor:
        """The matrices (N, size, size) that lead from natural coordinates in the gauge ‖ṽ‖ = ‖M̃‖ back to θ (N, size)"""
        return self._from_natural / self.gauge(self.natural(theta))[:, None, :]

    def curvature(self, theta: Tensor) -> Tensor:
        """The eigenvalues, rising, of the Hessian in natural coordinates in the gauge ‖ṽ‖ = ‖M̃‖, (N, size)"""
        back = self.back(theta)
        return torch.linalg.eigvalsh(back.mT @ self.derivatives(theta)[1] @ back)
