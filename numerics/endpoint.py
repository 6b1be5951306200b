"""Where training ended: the stationary point of the exact loss that the trained weights lead to, and its name.

The loss is not convex in (v, M), and training does end in stationary points that are not global minima. The trained weights
are polished on the exact loss (L-BFGS, then Newton) to the stationary point of their basin. Where theory lists all stationary points
(`theory.stationary_points`: settings without a preferred direction), that point is the family whose member it is. Elsewhere it is named by
its structure in whitened coordinates, where Σ becomes I and K = E y y' x x'ᵀ becomes Σ^-½KΣ^-½ (Σ^½WΣ^½ for linear responses) with
eigenvectors e_k:

    global minimum   B = B*, ŷ_even = 0
    zero predictor   ŷ = 0 for every prompt
    one direction    v_y = 0, A = 0: a step along one e_k only
    mixed direction  v_x and m_yx along one e_k, and A diagonal in the e_k: a step, shrunk along e_k, with a part of ŷ even in the labels

This list is meant to be complete for Gaussian covariates and task vectors with linear responses; under other laws there may be more. Where
the responses have no linear part, K = 0, the zero predictor is the global minimum.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from numerics.atlas import Atlas
from numerics.coordinates import Coordinates
from numerics.evaluate import DTYPE
from numerics.objective import LIFT, ExactObjective, learned_step
from theory import Linear, Setting, TheoryError


def is_gaussian_linear(setting: Setting) -> bool:
    """Whether covariates are Gaussian and responses linear with Gaussian task vectors"""
    return setting.covariates.excess is None and isinstance(setting.response, Linear) and setting.response.excess is None


class Endpoint(NamedTuple):
    """name is None where the polished point is of no listed kind; `gap` is (loss of the weights − loss of the stationary point) / that.

    kind      "global minimum", "local minimum" or "saddle"; None where it is not known
    complete  whether the list is complete, so that a point of no listed kind contradicts the theory
    """

    name: str | None
    kind: str | None
    complete: bool
    loss: float
    gap: float
    gradient: float
    value: Tensor
    key_query: Tensor


def polish(objective: ExactObjective, v: Tensor, M: Tensor, *, iterations: int = 500) -> tuple[Tensor, Tensor, float]:
    """The stationary point of the basin of (v, M), with its relative gradient ‖∇L‖·‖θ‖ / L in the balanced gauge ‖v‖ = ‖M‖."""
    d = len(v) - 1
    v, M = v.to(DTYPE, copy=True), M.to(DTYPE, copy=True)
    M[:, -1] = 0  # never acts
    scale = (M.norm() / v.norm().clamp(min=1e-300)).sqrt().clamp(1e-6, 1e6)
    theta = torch.cat([v * scale, (M[:, :-1] / scale).flatten()])

    def split(flat: Tensor) -> tuple[Tensor, Tensor]:
        matrix = flat[d + 1 :].reshape(d + 1, d)
        return flat[: d + 1], torch.cat([matrix, torch.zeros(d + 1, 1, dtype=DTYPE)], dim=1)

    def loss(flat: Tensor) -> Tensor:
        return objective.loss(*split(flat))

    def relative(flat: Tensor) -> float:
        point = flat.detach().requires_grad_()
        value = loss(point)
        (slope,) = torch.autograd.grad(value, point)
        return float(slope.norm() * flat.norm() / value.detach().abs().clamp(min=1e-300))

    theta = minimise(loss, theta, iterations=iterations)
    if len(theta) <= 600:
        for _ in range(8):
            if relative(theta) < 1e-11:
                break
            point = theta.clone().requires_grad_()
            (slope,) = torch.autograd.grad(loss(point), point)
            curvature = torch.autograd.functional.hessian(loss, theta, vectorize=True)
            # the gauge (v, M) → (λv, M/λ) and rotations leave the Hessian singular: the step stays off its kernel
            candidate = theta - torch.linalg.pinv(curvature, rtol=1e-9, hermitian=True) @ slope
            if not torch.isfinite(candidate).all() or relative(candidate) >= relative(theta):
                break
            theta = candidate
    return *split(theta), relative(theta)


def minimise(loss: Callable[[Tensor], Tensor], theta: Tensor, *, iterations: int) -> Tensor:
    """L-BFGS with strong Wolfe line search, in float64."""
    theta = theta.clone().requires_grad_()
    optimiser = torch.optim.LBFGS(
        [theta], max_iter=iterations, history_size=50, line_search_fn="strong_wolfe", tolerance_grad=1e-13, tolerance_change=0.0
    )

    def closure() -> Tensor:
        optimiser.zero_grad()
        value = LIFT * loss(theta)
        value.backward()
        return value

    optimiser.step(closure)
    return theta.detach()


def locate(objective: ExactObjective, v: Tensor, M: Tensor) -> Endpoint:
    """The stationary point that the weights lead to."""
    v, M = v.detach().cpu(), M.detach().cpu()
    value, key_query, gradient = polish(objective, v, M)
    loss = float(objective.loss(value, key_query))
    atlas = _atlas(objective)
    name, kind = None, None
    if gradient < 1e-6:
        name, kind = _name(objective, value, key_query) if atlas is None else _listed(atlas, value, key_query)
    gap = float(objective.excess(v, M)) / objective.minimum if kind == "global minimum" else (float(objective.loss(v, M)) - loss) / loss
    complete = atlas is not None or is_gaussian_linear(objective.setting)
    return Endpoint(name, kind, complete, loss, gap, gradient, value, key_query)


def _atlas(objective: ExactObjective) -> Atlas | None:
    try:
        return Atlas(Coordinates(objective))
    except TheoryError:  # preferred directions, or a number too close to a boundary to tell
        return None


def _listed(atlas: Atlas, v: Tensor, M: Tensor, tolerance: float = 1e-4) -> tuple[str | None, str | None]:
    found, _ = atlas.assign(atlas.coordinates.flatten(v, M)[None], near=tolerance)
    if found[0] < 0:
        return None, None
    family = atlas.families[int(found[0])]
    minimal = family.kind == "global minimum"  # at d = 1 one direction is so too
    return (family.kind if minimal else family.name), family.kind


def _name(objective: ExactObjective, v: Tensor, M: Tensor, tolerance: float = 1e-4) -> tuple[str | None, str | None]:
    if float(objective.excess(v, M)) < 1e-9 * objective.minimum:
        return "global minimum", "global minimum"
    values, vectors = torch.linalg.eigh(objective.covariance)
    root = (vectors * values.sqrt()) @ vectors.mT
    v_x, v_y, A, c = root @ v[:-1], v[-1], root @ M[:-1, :-1] @ root, root @ M[-1, :-1]
    B = root @ learned_step(v, M) @ root
    optimum = root @ objective.step @ root
    if abs(float(objective.loss(v, M)) - objective.null) < 1e-7 * objective.null and B.norm() < tolerance * optimum.norm():
        return "zero predictor", "saddle" if objective.step.any() else "global minimum"
    if v_x.norm() == 0 or c.norm() == 0:
        return None, None
    axis = v_x / v_x.norm()
    prior = torch.linalg.solve(root, torch.linalg.solve(root, objective.cross).mT)
    along = (axis @ c).abs() > (1 - tolerance) * c.norm()
    eigenvector = (prior @ axis - (axis @ prior @ axis) * axis).norm() < tolerance * prior.norm()
    if not (along and eigenvector):
        return None, None
    if v_y.abs() * A.norm() < tolerance * optimum.norm() and (A.norm() * v_x.norm()) < tolerance * (v_x.norm() * c.norm()) ** 0.5:
        return "one direction", None
    commutes = (A @ prior - prior @ A).norm() < tolerance * A.norm() * prior.norm()
    invariant = (A @ axis - (axis @ A @ axis) * axis).norm() < tolerance * A.norm() and (A - A.mT).norm() < tolerance * A.norm()
    return ("mixed direction" if commutes and invariant else None), None
