"""The exact in-context loss at float64 weights, from theory's expression, of one setting or of many; differentiable in the weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from functools import cache
from typing import Any, Self

import torch
from torch import Tensor

from numerics.errors import ConfigError
from numerics.evaluate import DTYPE, Values, compile_expression, number, to_tensor
from theory import Setting, global_minimiser, notation
from theory.loss import general_excess, general_loss

LIFT = 1e10
"""Losses are handed to torch's L-BFGS in this multiple: it drops curvature pairs with s·y ≤ 1e-10, an absolute bound, and without
its memory it stalls at a relative excess of about 1e-10."""


@cache
def _compiled(derive: Callable[[], tuple[Any, Any]]) -> tuple[Any, ...]:
    """What theory derives without the covariates' fourth cumulant, and what a term of it adds"""
    return tuple(map(compile_expression, derive()))


class _Moments:
    """L(v, M) from the moments in `_values`; Q holds the matrices of the covariates' fourth cumulant, `_weights` their weights.

    Where the moments have leading axes of their own, v and M have them too, and may have more before them.
    """

    _values: dict[Any, Tensor]
    _weights: Tensor
    step: Tensor

    def _loss(self, values: Values) -> Tensor:
        return self._summed(general_loss, values)

    def _excess(self, values: Values) -> Tensor:
        return self._summed(general_excess, values)

    def _summed(self, derive: Callable[[], tuple[Any, Any]], values: Values) -> Tensor:
        base, vertex = _compiled(derive)
        total: Tensor = base(values)
        if not self._weights.shape[-1]:
            return total
        apart = {symbol: values[symbol][..., None, :, :] for symbol in (notation.v_x, notation.A, notation.Sigma)}
        added = vertex({**values, **apart, notation.n: values[notation.n][..., None]})
        return total + (added * self._weights).sum(-1)

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

    def square(self, v: Tensor, M: Tensor) -> Tensor:
        """E ŷ²: the excess if the best step were 0"""
        return self._excess(self._at(v, M) | {notation.B: learned_step(v.to(DTYPE), M.to(DTYPE))})

    def gradient(self, v: Tensor, M: Tensor) -> tuple[Tensor, Tensor]:
        """∂L/∂v and ∂L/∂M, leading axes as for the loss"""
        v, M = (t.detach().to(DTYPE).requires_grad_() for t in (v, M))
        slope_v, slope_M = torch.autograd.grad(self.loss(v, M).sum(), (v, M))
        return slope_v, slope_M


class ExactObjective(_Moments):
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
        scalars = {
            notation.n: setting.context_length,
            notation.tau: moments.tau,
            notation.mu_4: moments.mu_4,
            notation.mu_22: moments.mu_22,
        }
        self._values = {
            **{symbol: torch.tensor(number(value), dtype=DTYPE) for symbol, value in scalars.items()},
            notation.Sigma: self.covariance,
            notation.C: to_tensor(moments.C.as_explicit()),
            notation.K: self.cross,
            notation.Q: torch.stack([to_tensor(matrix.as_explicit()) for _, matrix in terms] or [self.covariance])[: len(terms)],
        }
        self.step_scale = float(self.step.norm()) or self._explaining_step()

    def _explaining_step(self) -> float:
        whitening, size = torch.linalg.inv(self.covariance), len(self.step) + 1
        zero = self._at(torch.zeros(size, dtype=DTYPE), torch.zeros(size, size, dtype=DTYPE))
        energy = self._excess(zero | {notation.B: whitening})
        return float(whitening.norm() * (self.null / energy).sqrt())

    def step_error(self, v: Tensor, M: Tensor) -> float:
        """‖B − B*‖_F in units of `step_scale`"""
        return float((learned_step(v.double(), M.double()) - self.step).norm()) / self.step_scale


class ManyObjectives(_Moments):
    """L(v, M) of R rows, each in a setting of its own, all of one dimension d: v of shape (..., R, d+1), M (..., R, d+1, d+1).

    `minimum`, `null`, `step_scale` are of shape (R,), `step`, `covariance` and `cross` (R, d, d), else as in `ExactObjective`. Equal
    settings are built once: `distinct` are the objectives, `which` (R,) says which of them a row has. Raises ConfigError.

    >>> from theory import Gaussian, Linear
    >>> law, family = Gaussian.isotropic(2), Linear.isotropic(2)
    >>> few, many = (Setting(covariates=law, response=family, noise_variance=0, context_length=n) for n in (1, 9))
    >>> objectives = ManyObjectives([few, many, few])
    >>> objectives.loss(torch.zeros(3, 3), torch.zeros(3, 3, 3)), objectives.which
    (tensor([2., 2., 2.], dtype=torch.float64), tensor([0, 1, 0]))
    """

    def __init__(self, settings: Sequence[Setting | ExactObjective]) -> None:
        number_of: dict[Setting | ExactObjective, int] = {}
        self.which = torch.tensor([number_of.setdefault(setting, len(number_of)) for setting in settings])
        self.distinct = each = tuple(one if isinstance(one, ExactObjective) else ExactObjective(one) for one in number_of)
        dimensions = sorted({len(one.step) for one in each})
        if len(dimensions) != 1:
            raise ConfigError(f"settings must be at least one, and of one dimension; got {len(each)} of dimensions {dimensions}.")
        longest = max(len(one._weights) for one in each)

        def stacked(values: Sequence[Any]) -> Tensor:
            return torch.stack([torch.as_tensor(value, dtype=DTYPE) for value in values])[self.which]

        def padded(value: Tensor) -> Tensor:
            return torch.cat([value, value.new_zeros(longest - len(value), *value.shape[1:])])

        self.minimum, self.null, self.step_scale, self.step, self.covariance, self.cross = (
            stacked([getattr(one, name) for one in each]) for name in ("minimum", "null", "step_scale", "step", "covariance", "cross")
        )
        self._weights = stacked([padded(one._weights) for one in each])
        self._values = {symbol: stacked([one._values[symbol] for one in each]) for symbol in each[0]._values if symbol != notation.Q}
        self._values[notation.Q] = stacked([padded(one._values[notation.Q]) for one in each])

    def __len__(self) -> int:
        return len(self.which)

    def rows(self, index: Tensor) -> Self:
        """The objectives of these rows"""
        chosen = copy(self)
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                setattr(chosen, name, value[index])
        chosen._values = {symbol: value[index] for symbol, value in self._values.items()}
        return chosen

    def step_error(self, v: Tensor, M: Tensor) -> Tensor:
        """‖B − B*‖_F in units of `step_scale`"""
        return (learned_step(v.double(), M.double()) - self.step).norm(dim=(-2, -1)) / self.step_scale


def learned_step(v: Tensor, M: Tensor) -> Tensor:
    """B = v_y M_xx + v_x m_yxᵀ, (..., d, d): the part of ŷ odd in the labels is (Σ y_i x_i)ᵀ B x_q."""
    return v[..., -1, None, None] * M[..., :-1, :-1] + v[..., :-1, None] * M[..., None, -1, :-1]
