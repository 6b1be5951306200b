"""Theory's stationary points in numbers: which of them a point is, and the curvature that they have."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from numerics.coordinates import Coordinates
from numerics.evaluate import DTYPE
from theory import stationary_points

NEAR = 1e-6
"""What a member of a family may be off: its distance relative to the representative's norm, and r/(1 + r); and, times 1e-4, its loss
relative to E y². In a degenerate minimum the loss grows with the fourth power of the distance: at a relative gradient g it is about √g and
not g, and near^⅔ is asked for."""


@dataclass(frozen=True)
class Family:
    """A stationary family in numbers; θ and θ̃ as in `Coordinates`.

    theta        its representative θ, (size,)
    place        θ̃ of it in the gauge ‖ṽ‖ = ‖M̃‖
    ratio        r = |v_x|²/v_y², x whitened; None where v = 0
    index, nullity, dimension   as theory says
    """

    name: str
    kind: str
    loss: float
    ratio: float | None
    theta: Tensor
    place: Tensor
    index: int
    nullity: int
    dimension: int

    @property
    def label(self) -> str:
        """Its name, with the kind where a name occurs twice"""
        return self.name if self.name == self.kind else f"{self.name}, {self.kind}"

    @property
    def is_degenerate(self) -> bool:
        """Whether the Hessian vanishes in a direction out of the family"""
        return self.nullity > self.dimension

    @property
    def is_strict_saddle(self) -> bool:
        """Whether it is a saddle in which no open set of starts can end; a degenerate one traps those of one side."""
        return self.kind == "saddle" and not self.is_degenerate


class Atlas:
    """The stationary families of a setting. Raises theory's SettingError for settings whose stationary points it does not know."""

    def __init__(self, coordinates: Coordinates, families: Sequence[Any] | None = None) -> None:
        self.coordinates = coordinates
        known = stationary_points(coordinates.objective.setting) if families is None else families
        self.families = tuple(self._in_numbers(family) for family in known)

    def _in_numbers(self, family: Any) -> Family:
        layer, size = family.representative, self.coordinates.values
        v = torch.tensor([float(layer.value[i, 0]) for i in range(size)], dtype=DTYPE)
        M = torch.tensor([[float(layer.key_query[i, j]) for j in range(size)] for i in range(size)], dtype=DTYPE)
        theta = self.coordinates.flatten(v, M)
        return Family(
            name=family.name,
            kind=family.kind,
            loss=float(family.loss),
            ratio=None if family.ratio is None else float(family.ratio),
            theta=theta,
            place=self.coordinates.balanced(theta),
            index=int(family.index),
            nullity=int(family.nullity),
            dimension=int(family.dimension),
        )

    def assign(self, theta: Tensor, *, near: float = NEAR) -> tuple[Tensor, Tensor]:
        """For each of the points θ (N, size) the number of its family, −1 where it belongs to none, and the distance from the nearest.

        A family is reached by rotations and by the gauge (v, M) → (s v, M/s). Both points are brought to ‖ṽ‖ = ‖M̃‖ and the representative's
        v_x is turned onto the point's; a distance is relative to the representative's norm. The loss and r have to be the family's too.
        """
        loss = self.coordinates.objective.loss(*self.coordinates.split(theta))
        natural, share = self.coordinates.balanced(theta), self.coordinates.share(theta)
        distances, fits = [], []
        for family in self.families:
            distances.append(self._distance(natural, family))
            same_loss = (loss - family.loss).abs() <= 1e-4 * near * self.coordinates.objective.null
            same_ratio = torch.ones_like(same_loss) if family.ratio is None else (share - _share(family.ratio)).abs() <= near
            fits.append((distances[-1] <= (near ** (2 / 3) if family.is_degenerate else near)) & same_loss & same_ratio)
        apart, fitting = torch.stack(distances), torch.stack(fits)
        nearest = torch.where(fitting, apart, torch.inf).min(dim=0)
        return torch.where(fitting.any(dim=0), nearest.indices, -1), apart.amin(dim=0)

    def _distance(self, natural: Tensor, family: Family) -> Tensor:
        p, d = self.coordinates.values, self.coordinates.dimension
        if family.ratio is None:
            return self._from_zero(natural)
        here = family.place[:d]
        between = []
        for sign in (1.0, -1.0):  # the gauge s = −1
            there = sign * natural
            turn = _reflection(here, there[:, :d])
            v = torch.cat([turn @ here, family.place[d : d + 1].expand(len(there), 1)], dim=-1)
            M = family.place[p:].reshape(p, d)
            keys = torch.cat([turn @ M[:d] @ turn.mT, (turn @ M[d])[:, None, :]], dim=1)
            between.append((torch.cat([v, keys.flatten(1)], dim=-1) - there).norm(dim=-1))
        return torch.minimum(*between) / family.place.norm()

    def _from_zero(self, natural: Tensor) -> Tensor:
        """The distance from v = 0, c = 0, tr A = 0, in the gauge in which M̃ has the norm that it has at the global minimum."""
        p, d = self.coordinates.values, self.coordinates.dimension
        at = self.coordinates
        usual = float((at.root @ at.objective.step @ at.root).norm() * at.objective.null**0.5) ** 0.5  # ‖ṽ‖ = ‖M̃‖ there
        norm = natural[:, p:].norm(dim=-1)
        scale = torch.where(norm > 0, norm / usual, 1.0)[:, None]
        v, M = natural[:, :p] * scale, (natural[:, p:] / scale).unflatten(-1, (p, d))
        trace = M[:, :d].diagonal(dim1=-2, dim2=-1).sum(-1, keepdim=True) / d**0.5
        apart = torch.cat([v, M[:, d], trace], dim=-1).norm(dim=-1)
        return torch.minimum(apart, natural.norm(dim=-1)) / (2**0.5 * usual)  # v = 0, M = 0 belongs to it too


def _share(ratio: float) -> float:
    return 1.0 if math.isinf(ratio) else ratio / (1 + ratio)


def _reflection(here: Tensor, there: Tensor) -> Tensor:
    """Symmetric orthogonal matrices (N, d, d) that take the direction of `here` (d,) to those of `there` (N, d)."""
    unit = torch.eye(len(here), dtype=DTYPE)
    if here.norm() == 0:
        return unit.expand(len(there), -1, -1)
    normal = here / here.norm() - there / there.norm(dim=-1, keepdim=True).clamp(min=1e-300)
    square = normal.square().sum(-1)[:, None, None]
    return unit - torch.where(square > 0, 2 * normal[:, :, None] * normal[:, None, :] / square.clamp(min=1e-300), 0.0)
