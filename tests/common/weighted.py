"""Two tokens of a prompt drawn from heavier tails than the law's, with weights, so that every moment of the estimators exists.

    normal   τg in place of g, τ > 1: the weight τ exp(−(τ²−1) g²/2) times any polynomial in the draw is bounded
    Laplace  likewise, τ exp(−√2 (τ−1)|g|)
    χ²_ν     (Student covariates, ‖x‖² = (ν−2)‖g‖²/c): χ²_μ with μ = ν − 2(k+1) > 0, |y| growing like ‖x‖^k. The weight is a constant times
             c^((ν−μ)/2) = c^(k+1), and y²‖x‖² ≤ const (1 + 1/c)^(k+1) in c: their product is at most const (1+c)^(k+1), of which every
             moment under χ²_μ exists. With E y⁴ finite, as theory asks, ν > 4k (or ν > 4), so μ > 0.

The tails of a network's many normals are made heavier by less, lest the product of their weights vary much.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from sympy import Poly

from numerics.source import Source
from theory import Linear, PolynomialKernel, RandomPolynomial, ReLUNetwork, SingleIndex, Sphere
from theory.responses.single_index import t


class Weighted(Source):
    """Draws from heavier tails, and the logarithm of density over proposal of what was drawn since `reset`, a tensor (batch, 1 or 2)."""

    stretch, degrees_less = 1.0, 0.0

    def reset(self, stretch: float, degrees_less: float = 0.0) -> None:
        self.stretch, self.degrees_less, self.log_weight = stretch, degrees_less, torch.zeros(1, 1, dtype=self.dtype)

    def _weigh(self, log_weight: Any) -> None:
        parts = log_weight.flatten(2)
        self.log_weight = self.log_weight + parts @ parts.new_ones(parts.shape[-1])

    def normal(self, *shape: int) -> Any:
        drawn = super().normal(*shape)
        if self.stretch != 1:
            self._weigh(math.log(self.stretch) - (self.stretch**2 - 1) / 2 * drawn**2)
        return self.stretch * drawn

    def laplace(self, *shape: int) -> Any:
        drawn = super().laplace(*shape)
        if self.stretch != 1:
            self._weigh(math.log(self.stretch) - (self.stretch - 1) * drawn.abs())
        return self.stretch * drawn

    def chi_square(self, degrees: float, *shape: int) -> Any:
        less = degrees - self.degrees_less
        drawn = super().chi_square(less, *shape)
        if less != degrees:
            constant = math.lgamma(less / 2) - math.lgamma(degrees / 2) - (degrees - less) / 2 * math.log(2)
            self._weigh(constant + (degrees - less) / 2 * drawn.log())
        return drawn


def growth(family: Any) -> int:
    """k with |f(x)| ≤ C (1 + ‖x‖)^k"""
    if isinstance(family, SingleIndex):
        phi = family.activation
        return int(Poly(phi, t).degree()) if phi.is_polynomial(t) else int(family.growth[1])
    if isinstance(family, PolynomialKernel | RandomPolynomial):
        return int(family.degree)
    return int(isinstance(family, Linear | ReLUNetwork))


class Draws(NamedTuple):
    """Two tokens of each prompt, and the density of what was drawn over the density it was drawn from.

    x       (batch, 2, d)
    y       (batch, 2), without noise
    token   (batch, 2), of each covariate
    task    (batch,) or (1,), of the response given the covariates
    """

    x: Any
    y: Any
    token: Any
    task: Any

    @property
    def both(self) -> Any:
        """The weight of what depends on both tokens, (batch,)"""
        return self.task * self.token.prod(dim=1)

    @property
    def each(self) -> Any:
        """The weight of what depends on one token and the response, (batch, 2)"""
        return self.task[:, None] * self.token


def draw_pairs(law: Any, family: Any, source: Weighted, count: int, *, plain: bool = False) -> Draws:
    """Two tokens of `count` prompts; `plain`: with all weights 1."""
    d, k = int(law.dimension), growth(family)
    source.reset(1.0 if plain or isinstance(law, Sphere) else (1 + (k + 1) / d) ** 0.5, 0.0 if plain else 2.0 * (k + 1))
    x = law.draw(source, count, 2)
    token = source.log_weight.exp().expand(count, 2)
    normals = int(family.width) * (d + 1) if isinstance(family, ReLUNetwork) else d
    source.reset(1.0 if plain else (1 + (k + isinstance(family, ReLUNetwork)) / normals) ** 0.5)
    y = family.draw(source, x)
    return Draws(x, y, token, source.log_weight.exp().prod(dim=1))
