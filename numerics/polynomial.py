"""The exact loss as the polynomial that it is in (v, M), for many weights at once: gradients and Hessians by matrix products.

The prediction is bilinear in v and M, so L is τ plus a term of degree (1, 1) and one of degree (2, 2). Their coefficients are derivatives
of theory's expression, taken by automatic differentiation of `ExactObjective.loss`; no formula is typed in again.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import jacfwd, jacrev

from numerics.evaluate import DTYPE
from numerics.objective import ExactObjective


class LossPolynomial:
    """L(θ), θ = (v, M without its inert last column) flattened, of shape (..., d + 1 + (d+1)d), float64.

    L = τ + b·(v ⊗ M) + ¼ T·(v ⊗ v ⊗ M ⊗ M) with b of shape (d+1, (d+1)d) and T symmetric in its first and in its last two indices.

    natural  the matrix N with θ = N θ̃, θ̃ in natural coordinates: those in which Σ = I and the labels have variance 1,
             ṽ = (Σ^½ v_x, √τ v_y), M̃_xx = Σ^½ M_xx Σ^½, m̃_yx = √τ Σ^½ m_yx
    """

    def __init__(self, objective: ExactObjective) -> None:
        self.objective = objective
        self.dimension = d = len(objective.step)
        self.values, self.size = d + 1, (d + 1) * (d + 1)
        v, M = torch.zeros(d + 1, dtype=DTYPE), torch.zeros((d + 1) * d, dtype=DTYPE)

        def loss(v: Tensor, M: Tensor) -> Tensor:
            return objective.loss(v, _with_last_column(M.reshape(d + 1, d)))

        self.linear = jacfwd(jacrev(loss, 1), 0)(v, M).mT.contiguous()
        quartic = jacfwd(jacfwd(jacfwd(jacrev(loss, 1), 1), 0), 0)(v, M).permute(2, 3, 0, 1)  # (i, j, k, l)
        p, q = self.values, self.size - self.values
        self._by_values = quartic.reshape(p * p, q * q)
        self._by_both = quartic.permute(1, 3, 0, 2).reshape(p * q, p * q)
        root = _root(objective.covariance)
        scale = torch.block_diag(torch.linalg.inv(root), torch.tensor([[objective.null**-0.5]], dtype=DTYPE))
        self.natural = torch.block_diag(scale, torch.kron(scale, torch.linalg.inv(root).contiguous()))

    def flatten(self, v: Tensor, M: Tensor) -> Tensor:
        """θ of v (..., d+1) and M (..., d+1, d+1)"""
        return torch.cat([v, M[..., :-1].flatten(-2)], dim=-1)

    def split(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """v and M of θ, the last column of M being 0"""
        v, M = theta[..., : self.values], theta[..., self.values :]
        return v, _with_last_column(M.unflatten(-1, (self.values, self.dimension)))

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

    def balanced(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Natural coordinates (N, size) in the gauge ‖ṽ‖ = ‖M̃‖, and the matrices (N, size, size) that lead from them back to θ.

        Where v or M vanishes there is no such gauge, and none is chosen.
        """
        natural = torch.linalg.solve(self.natural, theta.mT).mT
        v, M = natural[:, : self.values].norm(dim=-1), natural[:, self.values :].norm(dim=-1)
        scale = torch.where((v > 0) & (M > 0), (M / v).sqrt(), 1.0)[:, None]
        gauge = torch.cat([scale.expand(-1, self.values), (1 / scale).expand(-1, self.size - self.values)], dim=-1)
        return natural * gauge, self.natural / gauge[:, None, :]


def _with_last_column(M: Tensor) -> Tensor:
    return torch.cat([M, torch.zeros_like(M[..., :1])], dim=-1)


def _root(covariance: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(covariance)
    return (vectors * values.sqrt()) @ vectors.mT
