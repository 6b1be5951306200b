"""Theory's stationary points in numbers: which of them a point is, and the curvature that they have."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from numerics.evaluate import DTYPE
from numerics.polynomial import LossPolynomial
from theory import stationary_points

NEAR, SAME_LOSS, SAME_RATIO, FLAT = 1e-6, 1e-10, 1e-6, 1e-11
"""What a member of a family may be off: its distance from the family relative to its norm, its loss relative to E y², and r/(1 + r). And the
curvature, relative to the greatest, below which it counts as 0: representatives are exact up to rounding."""


@dataclass(frozen=True)
class Family:
    """A stationary family in natural coordinates (see `LossPolynomial`).

    theta        its representative, (size,)
    ratio        r = |v_x|²/v_y², x whitened; None where v = 0
    curvature    eigenvalues of the Hessian there in the gauge ‖ṽ‖ = ‖M̃‖, rising
    index, nullity, dimension   as theory says
    """

    name: str
    kind: str
    loss: float
    ratio: float | None
    theta: Tensor
    curvature: Tensor
    index: int
    nullity: int
    dimension: int

    @property
    def label(self) -> str:
        """Its name, with the kind where a name occurs twice"""
        return self.name if self.name == self.kind else f"{self.name}, {self.kind}"

    @property
    def strict_saddle(self) -> bool:
        """Whether some curvature is negative, so that no open set of starts ends here."""
        return self.index > 0

    @property
    def measured_index(self) -> tuple[int, int]:
        """Index and nullity of the Hessian as computed here"""
        bound = FLAT * self.curvature.abs().max()
        return int((self.curvature < -bound).sum()), int((self.curvature.abs() <= bound).sum())


class Atlas:
    """The stationary families of a setting. Raises theory's SettingError for settings whose stationary points it does not know."""

    def __init__(self, polynomial: LossPolynomial, families: Sequence[Any] | None = None) -> None:
        self.polynomial = polynomial
        known = stationary_points(polynomial.objective.setting) if families is None else families
        self.families = tuple(self._in_numbers(family) for family in known)

    def _in_numbers(self, family: Any) -> Family:
        layer, size = family.representative, self.polynomial.values
        v = torch.tensor([float(layer.value[i, 0]) for i in range(size)], dtype=DTYPE)
        M = torch.tensor([[float(layer.key_query[i, j]) for j in range(size)] for i in range(size)], dtype=DTYPE)
        theta = self.polynomial.flatten(v, M)[None]
        natural, back = self.polynomial.balanced(theta)
        _, hessian = self.polynomial.derivatives(theta)
        return Family(
            name=family.name,
            kind=family.kind,
            loss=float(family.loss),
            ratio=None if family.ratio is None else float(family.ratio),
            theta=natural[0],
            curvature=torch.linalg.eigvalsh(back.mT @ hessian @ back)[0],
            index=int(family.index),
            nullity=int(family.nullity),
            dimension=int(family.dimension),
        )

    def assign(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """For each of the points θ (N, size) the number of its family, −1 where it belongs to none, and the distance from the nearest.

        A family is reached by rotations and by the gauge (v, M) → (s v, M/s). Both points are brought to ‖ṽ‖ = ‖M̃‖ and the representative's
        v_x is turned onto the point's; a distance is relative to the representative's norm. The loss and r have to be the family's too.
        """
        loss = self.polynomial.loss(theta)
        natural, _ = self.polynomial.balanced(theta)
        share = self.share(theta)
        distances, fits = [], []
        for family in self.families:
            distances.append(self._distance(natural, family))
            same_loss = (loss - family.loss).abs() <= SAME_LOSS * self.polynomial.objective.null
            same_ratio = torch.ones_like(same_loss) if family.ratio is None else (share - _share(family.ratio)).abs() <= SAME_RATIO
            fits.append((distances[-1] <= NEAR) & same_loss & same_ratio)
        apart, fitting = torch.stack(distances), torch.stack(fits)
        nearest = torch.where(fitting, apart, torch.inf).min(dim=0)
        return torch.where(fitting.any(dim=0), nearest.indices, -1), apart.amin(dim=0)

    def share(self, theta: Tensor) -> Tensor:
        """r/(1 + r) of points θ (N, size): the part of |Σ^½ v_x|² + v_y² that v_x has"""
        natural = torch.linalg.solve(self.polynomial.natural, theta.mT).mT
        across, label = natural[:, : self.polynomial.dimension].norm(dim=-1), natural[:, self.polynomial.dimension]
        scale = torch.maximum(across, label.abs()).clamp(min=1e-300)  # v may be anywhere on its gauge orbit
        return (across / scale).square() / ((across / scale).square() + (label / scale).square() / self.polynomial.objective.null)

    def _distance(self, natural: Tensor, family: Family) -> Tensor:
        p, d = self.polynomial.values, self.polynomial.dimension
        if family.ratio is None:
            return self._from_zero(natural)
        here = family.theta[:d]
        between = []
        for sign in (1.0, -1.0):  # the gauge s = −1
            there = sign * natural
            turn = _reflection(here, there[:, :d])
            v = torch.cat([turn @ here, family.theta[d : d + 1].expand(len(there), 1)], dim=-1)
            M = family.theta[p:].reshape(p, d)
            keys = torch.cat([turn @ M[:d] @ turn.mT, (turn @ M[d])[:, None, :]], dim=1)
            between.append((torch.cat([v, keys.flatten(1)], dim=-1) - there).norm(dim=-1))
        return torch.minimum(*between) / family.theta.norm()

    def _from_zero(self, natural: Tensor) -> Tensor:
        """The distance from v = 0, c = 0, tr A = 0, in the gauge in which M̃ has the norm that it has at the global minimum."""
        p, d = self.polynomial.values, self.polynomial.dimension
        usual = next(family.theta for family in self.families if family.ratio == 0)
        norm = natural[:, p:].norm(dim=-1)
        scale = torch.where(norm > 0, norm / usual[p:].norm(), 1.0)[:, None]
        v, M = natural[:, :p] * scale, (natural[:, p:] / scale).unflatten(-1, (p, d))
        trace = M[:, :d].diagonal(dim1=-2, dim2=-1).sum(-1, keepdim=True) / d**0.5
        return torch.cat([v, M[:, d], trace], dim=-1).norm(dim=-1) / usual.norm()


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
