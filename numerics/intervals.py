"""Confidence intervals of what is measured on fresh prompts.

Error model. Prompts are independent draws, so the means of 64 batches of them are independent, and near normal where a batch is large: a
mean has Student's t interval with 63 degrees of freedom, a quotient of two means that of its linearisation (delta method). LEVEL is the
confidence of each interval by itself; what holds for several at once says so. Labels without a fourth moment break the model.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

from torch import Tensor

BATCHES = 64
LEVEL = 0.95


def student_quantile(degrees: int) -> float:
    """The 97.5 % point of Student's t with at least 9 degrees of freedom, within 1e-4: Fisher's expansion in 1/degrees (Abramowitz and
    Stegun 26.7.5).

    >>> round(student_quantile(9), 3), round(student_quantile(99), 3)
    (2.262, 1.984)
    """
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return math.fsum(term / degrees**power for power, term in enumerate(terms))


STUDENT = student_quantile(BATCHES - 1)


class Interval(NamedTuple):
    """An estimate, the ends of its interval at confidence LEVEL, and its standard error."""

    value: float
    low: float
    high: float
    error: float

    def over(self, unit: float) -> Interval:
        """The same in units of a known positive number"""
        return Interval(*(part / unit for part in self))

    @property
    def root(self) -> Interval:
        """Of the square root of a mean square"""
        value, low, high = (max(part, 0.0) ** 0.5 for part in self[:3])
        return Interval(value, low, high, self.error / (2 * value) if value else 0.0)


def batched(draws: Tensor) -> Tensor:
    """The means of BATCHES batches; draws (N, ...) with N a multiple of BATCHES -> (BATCHES, ...)"""
    return draws.reshape(BATCHES, -1, *draws.shape[1:]).mean(dim=1)


def mean_of(draws: Tensor) -> Interval:
    """The mean of independent draws (N,); that of draws ≥ 0 is so too.

    >>> from torch import ones
    >>> mean_of(ones(128))
    Interval(value=1.0, low=1.0, high=1.0, error=0.0)
    """
    batches = batched(draws)
    value, error = float(batches.mean()), float(batches.std()) / BATCHES**0.5
    low = value - STUDENT * error
    return Interval(value, max(low, 0.0) if bool((draws >= 0).all()) else low, value + STUDENT * error, error)


def quotient_of(above: Tensor, below: Tensor) -> Interval:
    """E a / E b from independent pairs (N,) each; 0 where all b are 0."""
    numerator, denominator = batched(above), batched(below)
    if not bool(denominator.any()):
        return Interval(0.0, 0.0, 0.0, 0.0)
    value = float(numerator.mean() / denominator.mean())
    error = float(((numerator - value * denominator) / denominator.mean()).std()) / BATCHES**0.5
    return Interval(value, value - STUDENT * error, value + STUDENT * error, error)


def normal_quantile(count: int) -> float:
    """z such that `count` intervals of ± z standard errors all hold with probability ≥ LEVEL (Bonferroni).

    >>> round(normal_quantile(1), 3), round(normal_quantile(25), 3)
    (1.96, 3.09)
    """
    return NormalDist().inv_cdf(1 - (1 - LEVEL) / (2 * count))


def norm_quantile(covariance: Tensor) -> float:
    """ρ with P(‖e‖ ≤ ρ) ≈ LEVEL for e ~ N(0, covariance): ‖e‖² as a multiple of χ² with its two first moments (Satterthwaite 1946), the
    quantile of which is Wilson and Hilferty's (1931)."""
    total, square = float(covariance.trace()), float(covariance.square().sum())
    if total == 0:
        return 0.0
    degrees = total**2 / square
    spread = 2 / (9 * degrees)
    return (total * (1 - spread + NormalDist().inv_cdf(LEVEL) * spread**0.5) ** 3) ** 0.5
