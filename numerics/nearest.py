"""The member of a stationary family that predicts most like a model.

A family is an orbit under rotations (x whitened); what singles a member out is one direction, that of v_x. It is tried along each
eigenvector of the model's effective step, with either sign, which is that of the part of ŷ even in the labels; the best of these 2d is
then turned until the distance falls no more. So what is found is a nearest member near an eigenvector, on prompts of its own; the distance
is measured on others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from numerics.atlas import Family
from numerics.coordinates import Coordinates
from numerics.endpoint import minimise

TURNS = 60
"""Iterations of L-BFGS on the direction"""


class Member(NamedTuple):
    """A member (v, M) of a family, and how many were tried before one was turned"""

    family: Family
    value: Tensor
    key_query: Tensor
    tried: int


def prediction_of(v: Tensor, M: Tensor, tokens: Tensor) -> Tensor:
    """ŷ = Σ (v·z_i)(z_iᵀ M z_q) of the layer v (d+1,), M (d+1, d+1) on tokens (batch, n+1, d+1) -> (batch,), differentiable"""
    context, query = tokens[:, :-1], tokens[:, -1]
    return ((context @ v) * torch.einsum("bik,bk->bi", context, query @ M.mT)).sum(-1)


def member(coordinates: Coordinates, family: Family, direction: Tensor) -> tuple[Tensor, Tensor]:
    """v and M of the member whose v_x, whitened, has this direction (d,), differentiable in it.

    In every family A is a multiple of the identity on what is orthogonal to v_x, another on v_x, and c is along v_x (x whitened).
    """
    d, root = coordinates.dimension, coordinates.root
    v, M = coordinates.split(family.theta)
    theirs, keys, A = root @ v[:-1], root @ M[-1, :-1], root @ M[:-1, :-1] @ root
    size = theirs.norm()
    axis, unit = theirs / size, direction / direction.norm()
    along = axis @ A @ axis
    across = (A.trace() - along) / (d - 1) if d > 1 else torch.zeros_like(along)
    projector = unit[:, None] * unit
    turned = across * (torch.eye(d, dtype=v.dtype) - projector) + along * projector
    back = torch.linalg.inv(root)
    value = torch.cat([back @ unit * size, v[-1:]])
    rows = torch.cat([back @ turned @ back, (back @ unit * (axis @ keys))[None]])
    return value, torch.cat([rows, torch.zeros_like(rows[:, :1])], dim=1)


def nearest(coordinates: Coordinates, families: Sequence[Family], step: Tensor, tokens: Tensor, prediction: Tensor) -> list[Member]:
    """The nearest member found of each family with v_x ≠ 0, to predictions (batch,) on tokens (batch, n+1, d+1)."""
    root, unit = coordinates.root, coordinates.objective.null
    whitened = root @ step @ root
    axes = torch.linalg.eigh((whitened + whitened.mT) / 2)[1].mT
    found = []
    for family in families:

        def apart(direction: Tensor, family: Family = family) -> Tensor:
            return (prediction_of(*member(coordinates, family, direction), tokens) - prediction).square().mean() / unit

        best = min((*axes, *-axes), key=lambda direction: float(apart(direction)))
        turned = minimise(apart, best, iterations=TURNS)
        chosen = turned if bool(torch.isfinite(turned).all()) and float(apart(turned)) <= float(apart(best)) else best
        found.append(Member(family, *member(coordinates, family, chosen), 2 * len(axes)))
    return found
