"""How a model aligns with one step, as von Oswald et al. (arXiv 2212.07677, section 4) report it.

For each prompt: the cosine between the sensitivities ∂ŷ/∂x_q of the model and of the step, their distance, and that of the predictions.
The step's sensitivity is Bᵀg, g = Σ y_i x_i.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from numerics.foreign import ForeignModel
from numerics.intervals import BATCHES, Interval, mean_of
from numerics.observed import split
from numerics.predictors import gradient


class Alignment(NamedTuple):
    """Means over prompts. cosine is None where no prompt has two sensitivities ≠ 0."""

    cosine: Interval | None
    sensitivity: Interval
    prediction: Interval


def align(model: ForeignModel, steps: dict[str, Tensor], tokens: Tensor) -> tuple[dict[str, Alignment], str]:
    """With each of the steps B (d, d), on tokens (a multiple of BATCHES, n+1, d+1); and how the model was differentiated."""
    slope, how = model.sensitivity(tokens, "sensitivity to the query")
    predicted = model(tokens, "sensitivity to the query")
    x, y, query = split(tokens)
    summed = gradient(x, y)
    found = {}
    for name, step in steps.items():
        direction = summed @ step
        lengths = slope.norm(dim=-1) * direction.norm(dim=-1)
        known = lengths > 0
        cosines = (slope * direction).sum(-1)[known] / lengths[known]
        usable = len(cosines) // BATCHES * BATCHES
        found[name] = Alignment(
            mean_of(cosines[:usable]) if usable else None,
            mean_of((slope - direction).norm(dim=-1)),
            mean_of((predicted - (direction * query).sum(-1)).abs()),
        )
    return found, how


def typical(tokens: Tensor, step: Tensor) -> tuple[float, float]:
    """The mean of the norm of the step's sensitivity and of the modulus of its prediction, by which differences are judged."""
    x, y, query = split(tokens)
    direction = gradient(x, y) @ step
    return float(direction.norm(dim=-1).mean()), float(torch.abs((direction * query).sum(-1)).mean())
