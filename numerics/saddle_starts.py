"""Starts from which gradient flow runs into a saddle, or close to one: random starts never do."""

from __future__ import annotations

import torch
from torch import Tensor

from numerics.descent import descend
from numerics.survey import Survey

HALVINGS = 10
ABREAST = 17


def into_saddle(survey: Survey, number: int) -> Tensor | None:
    """A start θ (1, size) whose trajectory approaches the saddle with that number in the atlas; None where none is known.

    zero predictor   v_x = c = 0, A = aI, v_y = −a √d: on its stable manifold if Σ is a multiple of I
    one direction    v_y = 0, A = 0: stays so, and is a step along one direction
    mixed direction  on the line between a start that ends in the global minimum and one that ends in another, where the end changes
    """
    family, polynomial = survey.atlas.families[number], survey.polynomial
    d, p = polynomial.dimension, polynomial.values
    start = survey.starts[:1].clone()
    if family.name == "one direction":
        start[:, d : p + d * d] = 0
        return start
    if family.name == "zero predictor":
        covariance = polynomial.objective.covariance
        if not torch.equal(covariance, covariance[0, 0] * torch.eye(d, dtype=covariance.dtype)):
            return None
        size = start[:, p:].norm() / d**0.5
        start[:] = 0
        start[:, d] = -size * d**0.5
        start[:, p : p + d * d] = size * torch.eye(d, dtype=start.dtype).flatten()
        return start
    return _between(survey)


def _between(survey: Survey) -> Tensor | None:
    lowest = [k for k, family in enumerate(survey.atlas.families) if family.kind == "global minimum"]
    low = torch.isin(survey.family, torch.tensor(lowest))
    inside, outside = (survey.ends.converged & low).nonzero(), (survey.ends.converged & ~low & (survey.family >= 0)).nonzero()
    if not len(inside) or not len(outside):
        return None
    one, other = survey.starts[int(inside[0, 0])], survey.starts[int(outside[0, 0])]
    for _ in range(HALVINGS):
        line = torch.linspace(0, 1, ABREAST, dtype=one.dtype)[:, None]
        tried = (1 - line) * one + line * other
        family, _ = survey.atlas.assign(descend(survey.polynomial, tried[1:-1]).theta)
        changes = torch.cat([torch.tensor([True]), torch.isin(family, torch.tensor(lowest)), torch.tensor([False])])
        first = int((~changes).nonzero()[0, 0])
        one, other = tried[first - 1], tried[first]
    return one[None]
