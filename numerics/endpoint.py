"""Where training ended: the stationary point of the exact loss that the trained weights lead to, and its name.

The loss is not convex in (v, M), and training does end in stationary points that are not global minima. The trained weights
are polished on the exact loss (`descent`: gradient flow, then Newton) to the stationary point of their basin. Where theory lists all
stationary points (`theory.stationary_points`: settings without a preferred direction), that point is the family whose member it is.
Elsewhere it is named by its structure in whitened coordinates, where Σ becomes I and K = E y y' x x'ᵀ becomes Σ^-½KΣ^-½ (Σ^½WΣ^½ for linear
responses) with eigenvectors e_k:

    global minimum   B = B*, ŷ_even = 0
    zero predictor   ŷ = 0 for every prompt
    one direction    v_y = 0, A = 0: a step along one e_k only
    mixed direction  v_x and m_yx along one e_k, and A diagonal in the e_k: a step, shrunk along e_k, with a part of ŷ even in the labels

There are more: for Gaussian covariates and linear responses `theory.anisotropic` has those with v_x along several e_k, saddles as far as is
known. Where the responses have no linear part, K = 0, the zero predictor is the global minimum.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from numerics.atlas import Atlas
from numerics.coordinates import Coordinates
from numerics.descent import descend
from numerics.evaluate import DTYPE
from numerics.objective import LIFT, ExactObjective, ManyObjectives, learned_step
from numerics.polynomial import LARGEST, LossPolynomial
from theory import TheoryError

HESSIAN_ENTRIES = 1 << 22
"""Of the Hessians of rows polished together: 32 MiB"""
LBFGS_STEPS = 500
MINIMAL = 1e-11
"""The excess, in units of the minimum and of what the best layer gains, at which weights are at the global minimum, whatever rounding
leaves of their gradient"""


class Endpoint(NamedTuple):
    """name is None where the polished point is of no listed kind; `gap` is (loss of the weights − loss of the stationary point) / that.

    kind      "global minimum", "local minimum" or "saddle"; None where it is not known
    complete  whether the list is complete, so that a point of no listed kind contradicts the theory; not asked of a global minimum
    """

    name: str | None
    kind: str | None
    complete: bool
    loss: float
    gap: float
    gradient: float
    value: Tensor
    key_query: Tensor


class Polished(NamedTuple):
    """Stationary points (v, M) of R rows, their relative `gradient` (R,), whether it is as small as asked for, and the `steps` taken."""

    value: Tensor
    key_query: Tensor
    gradient: Tensor
    converged: Tensor
    steps: Tensor


def polish(
    objectives: ManyObjectives, v: Tensor, M: Tensor, *, tolerance: float = 1e-2, progress: Callable[[int], None] = lambda done: None
) -> Polished:
    """Where gradient flow from v (R, d+1), M (R, d+1, d+1) ends, to machine precision; `tolerance` is the error of a step of the flow.

    progress is called with the number of rows that have ended. Beyond dimension polynomial.LARGEST rows are polished one by one, by L-BFGS.
    """
    at = Coordinates(objectives)
    theta = at.flatten(v.detach().cpu().to(DTYPE), M.detach().cpu().to(DTYPE))
    if at.dimension > LARGEST:
        found = []
        for row in range(len(theta)):
            found.append(_by_lbfgs(Coordinates(objectives.distinct[int(objectives.which[row])]), theta[row]))
            progress(row + 1)
        places, gradient = torch.stack([place for place, _ in found]), torch.tensor([size for _, size in found], dtype=DTYPE)
        return Polished(*at.split(places), gradient, gradient < 1e-9, torch.full((len(found),), LBFGS_STEPS))

    def progress_from(ended: int) -> Callable[[int], None]:
        return lambda done: progress(ended + done)

    parts = []
    for rows in torch.arange(len(theta)).split(max(1, HESSIAN_ENTRIES // at.size**2)):
        polynomial = LossPolynomial(objectives.rows(rows))
        parts.append(descend(polynomial, theta[rows], tolerance=tolerance, progress=progress_from(int(rows[0]))))
    places, gradient, converged, steps = (torch.cat(part) for part in zip(*parts, strict=True))
    return Polished(*at.split(places), gradient, converged, steps)


def _by_lbfgs(at: Coordinates, theta: Tensor) -> tuple[Tensor, float]:
    """The stationary point of the basin of θ, with its relative gradient ‖∇L‖·‖θ‖ / L in the balanced gauge ‖v‖ = ‖M‖."""
    theta = theta * at.gauge(theta)

    def loss(flat: Tensor) -> Tensor:
        return torch.as_tensor(at.objective.loss(*at.split(flat)))

    def relative(flat: Tensor) -> float:
        point = flat.detach().requires_grad_()
        value = loss(point)
        (slope,) = torch.autograd.grad(value, point)
        return float(slope.norm() * flat.norm() / value.detach().abs().clamp(min=1e-300))

    theta = minimise(loss, theta, iterations=LBFGS_STEPS)
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
    return theta, relative(theta)


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
    return locate_many(ManyObjectives([objective]), v[None], M[None])[0]


def locate_many(objectives: ManyObjectives, v: Tensor, M: Tensor) -> list[Endpoint]:
    """The stationary points that R weights lead to, v of shape (R, d+1), M (R, d+1, d+1), each in its own setting."""
    v, M = v.detach().cpu(), M.detach().cpu()
    value, key_query, gradient, _, _ = polish(objectives, v, M)
    start, excess = objectives.loss(v, M), objectives.excess(v, M)
    loss, left = objectives.loss(value, key_query), objectives.excess(value, key_query)
    atlases: dict[int, Atlas | None] = {}
    found = []
    for row, which in enumerate(objectives.which.tolist()):
        objective, here = objectives.distinct[which], (value[row], key_query[row])
        name, kind, complete = None, None, True
        if left[row] <= MINIMAL * min(objective.minimum, objective.null - objective.minimum):
            name = kind = "global minimum"
        elif gradient[row] < 1e-6:
            if which not in atlases:
                atlases[which] = _atlas(objective)
            atlas = atlases[which]
            name, kind = _name(objective, *here) if atlas is None else _listed(atlas, *here)
            complete = atlas is not None
        above = excess[row] / objective.minimum if kind == "global minimum" else (start[row] - loss[row]) / loss[row]
        found.append(Endpoint(name, kind, complete, float(loss[row]), float(above), float(gradient[row]), *here))
    return found


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
