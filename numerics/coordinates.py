"""The weights (v, M) of a layer as one vector, and the coordinates in which layers of different settings can be compared."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from numerics.objective import ExactObjective, ManyObjectives


class Coordinates:
    """θ = (v, M without its inert last column) flattened, of shape (..., size), size = d + 1 + (d+1)d, float64.

    Natural coordinates θ̃ are those in which Σ = I and the labels have variance 1: ṽ = (Σ^½ v_x, √τ v_y), M̃_xx = Σ^½ M_xx Σ^½,
    m̃_yx = √τ Σ^½ m_yx. For R objectives θ is of shape (..., R, size), row r in the setting of row r.
    """

    def __init__(self, objective: ExactObjective | ManyObjectives) -> None:
        self.objective: Any = objective
        self.dimension = d = objective.step.shape[-1]
        self.values, self.size = d + 1, (d + 1) * (d + 1)
        values, vectors = torch.linalg.eigh(objective.covariance)
        self.root = (vectors * values.sqrt()[..., None, :]) @ vectors.mT
        self.tokens = self.root.new_zeros(*self.root.shape[:-2], d + 1, d + 1)
        self.tokens[..., :d, :d], self.tokens[..., d, d] = self.root, objective.null**0.5

    def flatten(self, v: Tensor, M: Tensor) -> Tensor:
        """θ of v (..., d+1) and M (..., d+1, d+1)"""
        return torch.cat([v, M[..., :-1].flatten(-2)], dim=-1)

    def split(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """v and M of θ, the last column of M being 0"""
        v, M = theta[..., : self.values], theta[..., self.values :].unflatten(-1, (self.values, self.dimension))
        return v, torch.cat([M, torch.zeros_like(M[..., :1])], dim=-1)

    def natural(self, theta: Tensor) -> Tensor:
        """θ̃ of θ"""
        v, M = self.split(theta)
        return torch.cat([(v[..., None, :] @ self.tokens)[..., 0, :], (self.tokens @ M[..., :-1] @ self.root).flatten(-2)], dim=-1)

    def gauge(self, natural: Tensor) -> Tensor:
        """The factors (..., size) by which θ̃ comes to ‖ṽ‖ = ‖M̃‖ without a change of the prediction; 1 where v or M vanishes."""
        v, M = natural[..., : self.values].norm(dim=-1), natural[..., self.values :].norm(dim=-1)
        scale = torch.where((v > 0) & (M > 0), (M / v).sqrt(), 1.0)[..., None]
        return torch.cat([scale.expand(*v.shape, self.values), (1 / scale).expand(*v.shape, self.size - self.values)], dim=-1)

    def balanced(self, theta: Tensor) -> Tensor:
        """θ̃ in the gauge ‖ṽ‖ = ‖M̃‖"""
        natural = self.natural(theta)
        return natural * self.gauge(natural)

    def share(self, theta: Tensor) -> Tensor:
        """r/(1 + r), r = |Σ^½ v_x|²/v_y²: the part of |Σ^½ v_x|² + v_y² that v_x has"""
        natural = self.natural(theta)
        across, label = natural[..., : self.dimension].norm(dim=-1), natural[..., self.dimension].abs()
        scale = torch.maximum(across, label).clamp(min=1e-300)  # v may be anywhere on its gauge orbit
        return (across / scale).square() / ((across / scale).square() + (label / scale).square() / self.objective.null)
