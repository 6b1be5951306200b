"""Where a model's weights (v, M) are known: its exact loss, the stationary point that they lead to, and the way to theory's optimum."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from numerics.coordinates import Coordinates
from numerics.endpoint import Endpoint, locate
from numerics.errors import NumericsError
from numerics.evaluate import DTYPE, to_tensor
from numerics.models import LinearSelfAttention
from numerics.objective import ExactObjective
from numerics.shifts import layer_of
from numerics.transformer import AttentionStack
from theory import TheoryError

POINTS = 101
"""Of the line between two layers at which the loss is taken"""


class ExactWeights(NamedTuple):
    """Exact expectations at the weights, float64.

    loss, excess      L(v, M), and L − L* as a mean square
    step_error        ‖B − B*‖_F / ‖B*‖_F of their step
    end               the stationary point that gradient flow from them leads to
    place, line       t in [0, 1] and L − L* at (1−t)θ + tθ*, from the weights to theory's optimum, see `excess_between`, (POINTS,)
    """

    value: Tensor
    key_query: Tensor
    loss: float
    excess: float
    step_error: float
    end: Endpoint
    place: Tensor
    line: Tensor

    @property
    def hump(self) -> float:
        """How far the loss on the line rises above its two ends; 0 where it does not"""
        return max(0.0, float(self.line.max() - torch.maximum(self.line[0], self.line[-1])))


def weights_of(model: Any, context: int) -> tuple[tuple[Tensor, Tensor] | None, str | None]:
    """v (d+1,) and M (d+1, d+1), sum convention, of a model of which they are known, at a context length; or None and, where it is a linear
    layer all the same, the reason."""
    if isinstance(model, LinearSelfAttention):
        v, M = model.value_vector().detach().cpu(), model.key_query().detach().cpu()
        return (v.to(DTYPE), M.to(DTYPE)), None
    if isinstance(model, AttentionStack):
        return _of_stack(model, context)
    convert: Callable[[int], Any] | None = getattr(model, "to_theory", None)
    if convert is None:
        return None, None
    try:
        layer = convert(context)
    except (NumericsError, TheoryError) as error:
        return None, str(error)
    return (to_tensor(layer.value)[:, 0], to_tensor(layer.key_query)), None


def _of_stack(model: AttentionStack, context: int) -> tuple[tuple[Tensor, Tensor] | None, str | None]:
    if model.attention != "linear":
        return None, None
    depth, heads = model.value.shape[:2]
    if depth * heads > 1:  # ŷ of several heads is a sum of layers, and of several layers of a higher degree in the prompt
        return (
            None,
            f"it has depth {depth} and {heads} head{'s' if heads > 1 else ''}, and (v, M) are known of one layer with one head only",
        )
    v, M = model.value[0, 0, -1].detach().cpu().to(DTYPE) / context, model.key_query[0, 0].detach().cpu().to(DTYPE)
    return (v, M), None


def exact(objective: ExactObjective, v: Tensor, M: Tensor) -> ExactWeights:
    """All that is known exactly of (v, M)."""
    place, line = excess_between(objective, (v, M), layer_of(objective.step))
    return ExactWeights(
        v, M, float(objective.loss(v, M)), float(objective.excess(v, M)), objective.step_error(v, M), locate(objective, v, M), place, line
    )


def excess_between(objective: ExactObjective, start: tuple[Tensor, Tensor], end: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """t and the exact loss less L* on the line between two layers (v, M), as von Oswald et al. (arXiv 2212.07677) interpolate weights.

    A layer is the same under (v, M) → (s v, M/s), s ≠ 0. The line depends on s, so both are brought to ‖v‖ = ‖M‖ (Σ = I and the labels of
    variance 1) and to the sign at which they are nearer to each other.
    """
    at = Coordinates(objective)
    here, there = (theta * at.gauge(at.natural(theta)) for theta in (at.flatten(*start), at.flatten(*end)))
    if float(at.natural(here) @ at.natural(there)) < 0:
        here = -here
    place = torch.linspace(0, 1, POINTS, dtype=DTYPE)
    return place, objective.excess(*at.split(here + place[:, None] * (there - here)))
