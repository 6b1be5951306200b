"""Where many random starts end, held against theory's list of stationary points."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from numerics.atlas import Atlas
from numerics.descent import Ends, descend, random_starts
from numerics.objective import ExactObjective
from numerics.polynomial import LossPolynomial
from theory import Setting

UNCONVERGED = 0.01
"""The share of starts without an end above which a survey says nothing."""
FLAT = 1e-11
"""The curvature, relative to the greatest, below which it counts as 0: representatives are exact up to rounding."""
NORMAL = 1.959963984540054


@dataclass(frozen=True)
class Survey:
    """The ends of N starts (N, size), the number of the family of each in `atlas.families`, −1 for none, and the curvature at each family's
    representative, (families, size)."""

    polynomial: LossPolynomial
    atlas: Atlas
    curvature: Tensor
    starts: Tensor
    ends: Ends
    family: Tensor
    distance: Tensor

    def count(self, number: int) -> int:
        """The converged ends in a family; −1 for none"""
        return int((self.ends.converged & (self.family == number)).sum())

    def signature(self, number: int) -> tuple[int, int]:
        """How many eigenvalues of the Hessian at a family's representative are negative, and how many 0"""
        curvature = self.curvature[number]
        bound = FLAT * curvature.abs().max()
        return int((curvature < -bound).sum()), int((curvature.abs() <= bound).sum())

    @property
    def unconverged(self) -> int:
        """The starts without an end"""
        return int((~self.ends.converged).sum())

    @property
    def verdict(self) -> tuple[str, str]:
        """ "agrees", "contradicts" or "not converged", and why."""
        families = self.atlas.families
        for number, family in enumerate(families):
            negative, zero = self.signature(number)
            if (negative, zero) != (family.index, family.nullity):
                return "contradicts", (
                    f"the Hessian at the {family.label} has {negative} negative and {zero} zero "
                    f"eigenvalues, theory says {family.index} and {family.nullity}"
                )
            if family.kind != "saddle" and negative:
                return "contradicts", f"theory calls the {family.label} a minimum, and {negative} eigenvalues of its Hessian are negative"
        if self.count(-1):
            first = int((self.ends.converged & (self.family < 0)).nonzero()[0])
            end = self.ends.theta[first : first + 1]
            loss, share = float(self.polynomial.loss(end)), float(self.polynomial.share(end))
            return "contradicts", (
                f"{self.count(-1)} ends belong to no family; start {first} ends with loss {loss:.10g} and r/(1 + r) = {share:.6g}, "
                f"{float(self.distance[first]):.2g} from the nearest"
            )
        for number, family in enumerate(families):
            if family.is_strict_saddle and self.count(number):
                return "contradicts", f"{self.count(number)} starts end at the {family.label}, where random starts do not stay"
        if self.unconverged > UNCONVERGED * len(self.starts):
            return "not converged", f"{self.unconverged} of {len(self.starts)} starts have not converged; try another --scale"
        return "agrees", "every converged end belongs to a family that theory lists, and none is a saddle"

    def rows(self) -> list[dict[str, Any]]:
        """A dictionary for each family"""
        total = len(self.starts)
        return [
            {
                "name": family.name,
                "kind": family.kind,
                "loss": family.loss,
                "ratio": None if family.ratio is None else (family.ratio if math.isfinite(family.ratio) else "infinity"),
                "index": family.index,
                "nullity": family.nullity,
                "dimension": family.dimension,
                "count": self.count(number),
                "frequency": self.count(number) / total,
                "interval_95": list(interval(self.count(number), total)),
            }
            for number, family in enumerate(self.atlas.families)
        ]


def survey(
    setting: Setting,
    *,
    starts: int,
    scale: float,
    seed: int,
    tolerance: float = 1e-3,
    families: Sequence[Any] | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> Survey:
    """Descends from so many random starts and assigns each end; theory's own families unless others are given.

    Raises theory's SettingError where the stationary points of the setting are not known.
    """
    polynomial = LossPolynomial(ExactObjective(setting))
    atlas = Atlas(polynomial, families)
    begun = random_starts(polynomial, starts, scale=scale, seed=seed)
    ends = descend(polynomial, begun, tolerance=tolerance, progress=progress)
    curvature = polynomial.curvature(torch.stack([family.theta for family in atlas.families]))
    return Survey(polynomial, atlas, curvature, begun, ends, *atlas.assign(ends.theta))


def interval(count: int, total: int) -> tuple[float, float]:
    """Wilson's 95 % confidence interval of a frequency.

    >>> tuple(round(bound, 4) for bound in interval(5, 10))
    (0.2366, 0.7634)
    """
    share, z = count / total, NORMAL
    centre = (share + z**2 / (2 * total)) / (1 + z**2 / total)
    half = z / (1 + z**2 / total) * math.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    return (0.0 if count == 0 else centre - half), (1.0 if count == total else centre + half)
