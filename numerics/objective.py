"""The exact in-context loss at float64 weights, from theory's expression; differentiable in the weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from numerics.evaluate import DTYPE, Values, compile_expression, number, to_tensor
from theory import Setting, global_minimiser, notation
from theory.loss import general_excess, general_loss

LIFT = 1e10
"""Losses are handed to torch's L-BFGS in this multiple: it drops curvature pairs with s·y ≤ 1e-10, an absolute bound, and without
its memory it stalls at a relative excess of about 1e-10."""


class ExactObjective:
    """L(v, M) of a numeric setting: v of shape (d+1,), M of shape (d+1, d+1), float64.

    minimum     min L, and `step` B*, both rounded from theory's exact values or the midpoints of its certified enclosures
    null        E y², the loss of the zero predictor
    step_scale  what errors of the step are measured by: ‖B*‖; where B* = 0, ‖βΣ⁻¹‖ with β such that the predictions of that step have
                the mean square of the labels
    """

    def __init__(self, setting: Setting) -> None:
        minimiser = global_minimiser(setting)
        moments = setting.moments
        self.setting = setting
        self.minimum = number(minimiser.loss)
        self.null = number(moments.tau)
        self.step = to_tensor(minimiser.step)
        self.covariance = to_tensor(moments.Sigma.as_explicit())
        self.cross = to_tensor(moments.K.as_explicit())
        terms = setting.covariates.excess or ()
        self._weights = torch.tensor([number(weight) for weight, _ in terms], dtype=DTYPE)
        matrices = [to_tensor(matrix.as_explicit()) for _, matrix in terms]
        self._loss, self._excess = (self._summed(parts, matrices) for parts in (general_loss(), general_excess()))
        scalars = {
            notation.n: setting.context_length,
            notation.tau: moments.tau,
            notation.mu_4: moments.mu_4,
            notation.mu_22: moments.mu_22,
        }
        self._values: dict[Any, Tensor] = {
            **{symbol: torch.tensor(number(value), dtype=DTYPE) for symbol, value in scalars.items()},
            notation.Sigma: self.covariance,
            notation.C: to_tensor(moments.C.as_explicit()),
            notation.K: self.cross,
        }
        self.step_scale = float(self.step.norm()) or self._explaining_step()

    def _summed(self, parts: tuple[Any, Any], matrices: list[Tensor]) -> Callable[[Values], Tensor]:
        """The part without the covariates' fourth cumulant, and the other for each of its terms, on a last axis, times their weights."""
        base, vertex = map(compile_expression, parts)
        if not matrices:
            return base
        stacked = {notation.Q: torch.stack(matrices)}

        def value(values: Values) -> Tensor:
            apart = {symbol: values[symbol][..., None, :, :] for symbol in (notation.v_x, notation.A)}
            return base(values) + vertex({**values, **apart, **stacked}) @ self._weights

        return value

    def _explaining_step(self) -> float:
        whitening, size = torch.linalg.inv(self.covariance), len(self.step) + 1
        zero = self._at(torch.zeros(size, dtype=DTYPE), torch.zeros(size, size, dtype=DTYPE))
        energy = self._excess(zero | {notation.B: whitening})
        return float(whitening.norm() * (self.null / energy).sqrt())

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
        """∂L/∂v and ∂L/∂M, leading axes as for the loss"""
        v, M = (t.detach().to(DTYPE).requires_grad_() for t in (v, M))
        slope_v, slope_M = torch.autograd.grad(self.loss(v, M).sum(), (v, M))
        return slope_v, slope_M

    def step_error(self, v: Tensor, M: Tensor) -> float:
        """‖B − B*‖_F in units of `step_scale`"""
        return float((learned_step(v.double(), M.double()) - self.step).norm()) / self.step_scale


def learned_step(v: Tensor, M: Tensor) -> Tensor:
    """B = v_y M_xx + v_x m_yxᵀ, (..., d, d): the part of ŷ odd in the labels is (Σ y_i x_i)ᵀ B x_q."""
    return v[..., -1, None, None] * M[..., :-1, :-1] + v[..., :-1, None] * M[..., None, -1, :-1]
