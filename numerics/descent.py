"""Gradient flow of the exact loss in all of (v, M), from many starts at once, to where it ends.

dθ/dt = −∇L(θ) in the entries of v and M (the last column of M, which never acts, apart), integrated by the linearly implicit Runge–Kutta
method ROS2 of Verwer, Spee, Blom and Hundsdorfer (SIAM J. Sci. Comput. 20, 1999; order 2, L-stable, γ = 1 + 1/√2) with the Hessian as its
Jacobian. A step is kept where its error is within `tolerance` of ‖θ‖, the matrix I + γhH is positive definite, and the loss has not risen.
As a start nears its end h grows without bound and the steps become Newton's, so that one rule follows the flow at first and converges
quadratically at last; where H has a negative eigenvalue h is bounded, so that no step jumps to a saddle.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from numerics.evaluate import DTYPE
from numerics.polynomial import LossPolynomial

GAMMA = 1 + 0.5**0.5
FLAT = 1e-10
"""Curvatures below this share of the greatest are taken for it: the gauge and rotations have none."""
ATTEMPTS = 20
"""Newton steps at an end, after which only rounding can still keep its gradient from the target"""
OPTIMISER = "gradient flow in (v, M): linearly implicit Runge–Kutta (ROS2), loss never rising, Newton steps at the end; float64"


class Ends(NamedTuple):
    """Where N starts ended. `theta` (N, size); `gradient`, the relative gradient; `converged`; `steps` taken."""

    theta: Tensor
    gradient: Tensor
    converged: Tensor
    steps: Tensor


def random_starts(polynomial: LossPolynomial, count: int, *, scale: float, seed: int) -> Tensor:
    """θ (count, size): entries of v with standard deviation scale/√n, of M with scale/(√n (d+1)), as `numerics.train` starts the merged
    layer with --initialisation gaussian."""
    generator = torch.Generator().manual_seed(seed)
    width = scale / float(polynomial.objective.setting.context_length) ** 0.5
    theta = width * torch.randn(count, polynomial.size, dtype=DTYPE, generator=generator)
    theta[:, polynomial.values :] /= polynomial.values
    return theta


def relative_gradient(polynomial: LossPolynomial, theta: Tensor) -> tuple[Tensor, Tensor]:
    """(∇Lᵀ|H|⁻¹∇L / (E y² − L*))^½ of each θ (N, size), and the Newton step |H|⁻¹∇L.

    H is the Hessian in natural coordinates in the gauge ‖ṽ‖ = ‖M̃‖, |H| has the absolute values of its eigenvalues, those below FLAT of the
    greatest raised to that. So the gradient is measured in coordinates in which every curvature is 1, half its square is the share
    that a Newton step would gain of all that the best layer gains over the zero predictor, whatever the gauge and the units of the prompt.
    """
    slope, hessian = polynomial.derivatives(theta)
    back = polynomial.back(theta)
    slope = (back.mT @ slope[:, :, None])[:, :, 0]
    values, vectors = torch.linalg.eigh(back.mT @ hessian @ back)
    curvature = values.abs()
    curvature = torch.maximum(curvature, FLAT * curvature.amax(-1, keepdim=True))
    along = (vectors.mT @ slope[:, :, None])[:, :, 0]
    step = (back @ (vectors @ (along / curvature)[:, :, None]))[:, :, 0]
    return ((along.square() / curvature).sum(-1) / polynomial.gain).sqrt(), step


def descend(
    polynomial: LossPolynomial,
    starts: Tensor,
    *,
    target: float = 1e-10,
    tolerance: float = 1e-3,
    steps: int = 3000,
    progress: Callable[[int], None] = lambda done: None,
    visit: Callable[[Tensor, Tensor, Tensor], None] = lambda index, time, theta: None,
) -> Ends:
    """Follows the flow from `starts` (N, size), all in one setting or each in its own, until the relative gradient is at most `target`, for
    `steps` steps at most.

    progress is called with the number of starts that have ended, visit after each step with the indices of those under way, their times
    and places. An end that did not converge is marked so.
    """
    theta = starts.to(DTYPE, copy=True)
    gradient, taken = torch.full((len(theta),), torch.inf, dtype=DTYPE), torch.zeros(len(theta), dtype=torch.long)
    attempts = torch.zeros_like(taken)
    index, here = torch.arange(len(theta)), polynomial
    slope, hessian = here.derivatives(theta)
    h = 0.1 / hessian.norm(dim=(-2, -1)).clamp(min=1e-300)
    time = torch.zeros_like(h)
    for _ in range(steps):
        if not len(index):
            break
        now = theta[index]
        trial, error, decrement, possible = _ros2(here, now, slope, hessian, h)
        middle, last = here.gradient((now + trial) / 2), here.gradient(trial)
        # Simpson's rule is exact for the cubic that the slope of the loss is along a line, and free of cancellation
        rise = (((slope + 4 * middle + last) / 6) * (trial - now)).sum(-1)
        relative = error / (tolerance * now.norm(dim=-1)).clamp(min=1e-300)
        kept = possible & (relative <= 1) & (rise <= torch.finfo(DTYPE).eps * here.objective.null)
        time = time + torch.where(kept, h, 0)
        h = h * torch.where(possible, (0.9 / relative.sqrt().clamp(min=1e-8)).clamp(0.2, 8.0), 0.25)
        h = torch.where(possible & (relative <= 1) & ~kept, h.clamp(max=0.25 * h), h)
        now = torch.where(kept[:, None], trial, now)
        theta[index], taken[index] = now, taken[index] + 1
        visit(index, time, now)
        newton = (h * hessian.norm(dim=(-2, -1)) > 1 / FLAT) & (decrement <= 1e-16 * here.gain)
        near = newton | (decrement <= target**2 * here.gain) | (slope == 0).all(-1)
        done = torch.zeros_like(near)
        if near.any():
            place, measured = _polished(here.rows(near), now[near])
            theta[index[near]], gradient[index[near]] = place, measured
            attempts[index[near]] += 1
            done[near] = (measured <= target) | (attempts[index[near]] >= ATTEMPTS)
        stuck = h < 1e-300
        under_way = ~(done | stuck)
        if not under_way.all():
            index, h, time, here = index[under_way], h[under_way], time[under_way], here.rows(under_way)
        progress(len(theta) - len(index))
        if len(index):
            slope, hessian = here.derivatives(theta[index])
    if len(index):
        gradient[index], _ = relative_gradient(here, theta[index])
    return Ends(theta, gradient, gradient <= target, taken)


def _ros2(polynomial: LossPolynomial, theta: Tensor, slope: Tensor, hessian: Tensor, h: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The place after a step h, its error, ∇Lᵀ(H + I/γh)⁻¹∇L, and whether I + γhH is positive definite."""
    unit = torch.eye(theta.shape[-1], dtype=DTYPE)
    factor, info = torch.linalg.cholesky_ex(hessian + unit / (GAMMA * h)[:, None, None])
    factor = torch.where((info == 0)[:, None, None], factor, unit)
    # with κ = h k of the method's stages k: (I/γh + H) κ = (h f − …)/(γh)
    first = -torch.cholesky_solve(slope[:, :, None], factor)[:, :, 0] / GAMMA
    later = polynomial.gradient(theta + first)
    right = -later / GAMMA - 2 * first / (GAMMA * h)[:, None]
    second = torch.cholesky_solve(right[:, :, None], factor)[:, :, 0]
    decrement = -GAMMA * (slope * first).sum(-1)
    return theta + 1.5 * first + 0.5 * second, 0.5 * (first + second).norm(dim=-1), decrement, info == 0


def _polished(polynomial: LossPolynomial, theta: Tensor, *, most: int = 4) -> tuple[Tensor, Tensor]:
    """Newton steps as long as they lower the relative gradient."""
    measured, step = relative_gradient(polynomial, theta)
    for _ in range(most):
        tried = theta - step
        smaller, next_step = relative_gradient(polynomial, tried)
        better = smaller < measured
        if not better.any():
            break
        theta = torch.where(better[:, None], tried, theta)
        measured = torch.where(better, smaller, measured)
        step = torch.where(better[:, None], next_step, torch.zeros_like(step))
    return theta, measured
