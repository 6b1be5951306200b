"""The exact in-context loss at float64 weights, from theory's expression; differentiable in the weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from numerics.evaluate import compile_expression
from theory import Setting, global_minimiser, notation
from theory.loss import general_excess, general_loss

DTYPE = torch.float64
LIFT = 1e10
"""Losses are handed to torch's L-BFGS in this multiple: it drops curvature pairs with s·y ≤ 1e-10, an absolute bound, and without
its memory it stalls at a relative excess of about 1e-10."""


def to_tensor(matrix: Any, device: torch.device | str = "cpu") -> Tensor:
    """An explicit sympy matrix as a float64 tensor (rounded once, here)."""
    rows, cols = (int(size) for size in matrix.shape)
    return torch.tensor([[float(matrix[i, j]) for j in range(cols)] for i in range(rows)], dtype=DTYPE, device=device)


class ExactObjective:
    """L(v, M) of a numeric setting: v of shape (d+1,), M of shape (d+1, d+1), float64.

    minimum   min L, and `step` B*, both rounded from theory's exact values
    """

    def __init__(self, setting: Setting) -> None:
        minimiser = global_minimiser(setting)
        self.setting = setting
        self.minimum = float(minimiser.loss)
        self.step = to_tensor(minimiser.step)
        self.covariance = to_tensor(setting.covariates.covariance.as_explicit())
        self.task_covariance = to_tensor(setting.response.covariance.as_explicit())
        self._loss = compile_expression(general_loss())
        self._excess = compile_expression(general_excess())
        self._values: dict[Any, Tensor] = {
            notation.n: torch.tensor(float(setting.context_length), dtype=DTYPE),
            notation.sigma2: torch.tensor(float(setting.noise_variance), dtype=DTYPE),
            notation.Sigma: self.covariance,
            notation.W: self.task_covariance,
        }

    def _at(self, v: Tensor, M: Tensor) -> dict[Any, Tensor]:
        v, M = v.to(DTYPE), M.to(DTYPE)
        return self._values | {
            notation.v_x: v[..., :-1, None],
            notation.v_y: v[..., -1],
            notation.A: M[..., :-1, :-1],
            notation.c: M[..., -1, :-1, None],
        }

    def loss(self, v: Tensor, M: Tensor) -> Tensor:
        """E (ŷ − y_q)²"""
        return self._loss(self._at(v, M))

    def excess(self, v: Tensor, M: Tensor) -> Tensor:
        """L(v, M) − min L, as a mean square: accurate near the minimum."""
        return self._excess(self._at(v, M) | {notation.B: learned_step(v.to(DTYPE), M.to(DTYPE)) - self.step})

    def gradient(self, v: Tensor, M: Tensor) -> tuple[Tensor, Tensor]:
        """∂L/∂v and ∂L/∂M"""
        v, M = (t.detach().to(DTYPE).requires_grad_() for t in (v, M))
        slope_v, slope_M = torch.autograd.grad(self.loss(v, M), (v, M))
        return slope_v, slope_M


def learned_step(v: Tensor, M: Tensor) -> Tensor:
    """B = v_y M_xx + v_x m_yxᵀ, (..., d, d): the part of ŷ odd in the labels is (Σ y_i x_i)ᵀ B x_q."""
    return v[..., -1, None, None] * M[..., :-1, :-1] + v[..., :-1, None] * M[..., None, -1, :-1]
