"""Routes to the formulas of `theory.finite_tasks` that share none of its derivation: cubature, and Gaussian moments term by term."""

from itertools import product

import torch
from sympy import Matrix, Poly, Rational, S, Symbol, diff, factorial2, sqrt, symbols

from numerics.evaluate import compile_expression
from theory import LinearAttention, global_minimiser, notation
from theory.finite_tasks import task_loss


def leading_by_cubature(setting, root):
    """c of `leading_excess` for W = root·rootᵀ: the mean over one task of the excess of B* + D, D = dB*(W + tδ)/dt at t = 0, δ = wwᵀ − W.

    It is of degree 4 in w, for which the product rule with nodes 0, ±√3 of weights 2/3, 1/6 is exact.
    """
    Sigma, W, n, noise = setting.covariates.covariance, setting.response.covariance, setting.context_length, setting.noise_variance
    t, d = Symbol("t"), int(setting.dimension)
    best = global_minimiser(setting)
    total = S.Zero
    for node in product((-1, 0, 1), repeat=d):
        weight = S.One
        for sign in node:
            weight *= Rational(1, 6) if sign else Rational(2, 3)
        w = sqrt(3) * root * Matrix(node)
        prior = W + t * (w * w.T - W)
        system = (n + 1) * Sigma * prior * Sigma + ((Sigma * prior).trace() + noise) * Sigma
        slope = diff(system.inv() * Sigma * prior, t).subs(t, 0)
        step = (best.step + slope).expand()
        layer = LinearAttention.from_blocks(
            covariate_value=Matrix.zeros(d, 1), label_value=1, covariate_key_query=step, label_key_query=Matrix.zeros(d, 1)
        )
        total += weight * best.excess(layer)
    return total


def even_excess_by_cubature(population):
    """E ℓᵀQ⁻¹ℓ over w ~ N(0, I), of degree 6 in w, for which the product rule of Gauss and Hermite with 4 nodes is exact."""
    squares = (3 - 6**0.5, 3 + 6**0.5)
    nodes = [(sign * square**0.5, 1 / (4 * square)) for square in squares for sign in (-1, 1)]
    places, weights = (
        torch.tensor(list(product(part, repeat=len(population.unit))), dtype=torch.float64) for part in zip(*nodes, strict=True)
    )
    slopes, curvature = even_derivatives(population, places)
    return float(0.5 * torch.einsum("t,ti,ij,tj->", weights.prod(-1), slopes, torch.linalg.inv(curvature), slopes))


def even_derivatives(population, tasks):
    """At v = (0, 1) and M_xx = B*, by automatic differentiation in (v_x, m_yx): the slopes of the loss of each task (T, 2d), and the
    Hessian of the loss of the prior."""
    d, step = len(population.unit), population.objective.step
    loss_given_task = compile_expression(task_loss())

    def layer(even):
        v = torch.cat([even[:d], torch.ones(1, dtype=even.dtype)])
        rows = [torch.cat([step, torch.zeros(d, 1, dtype=even.dtype)], 1), torch.cat([even[d:], torch.zeros(1, dtype=even.dtype)])[None]]
        return v, torch.cat(rows)

    def losses(even):
        v, M = layer(even)
        parts = {notation.v_x: v[:-1, None], notation.v_y: v[-1], notation.A: M[:-1, :-1], notation.c: M[-1, :-1, None]}
        return loss_given_task({**population.values, **parts, notation.w: tasks[:, :, None]})

    zero = torch.zeros(2 * d, dtype=torch.float64)
    curvature = torch.autograd.functional.hessian(lambda even: population.objective.loss(*layer(even)), zero)
    return torch.func.jacfwd(losses)(zero), curvature


def scalar_sgd(n, noise_variance, gammas):
    """E (Γ_t − Γ*)² after these steps for d = 1, exactly: every Gaussian moment term by term."""
    x, e = symbols(f"x:{n}"), symbols(f"e:{n}")
    w, query, label, gamma, weight = symbols("w query label gamma weight")
    noise = sqrt(noise_variance)
    normals = (*x, *e, w, query, label)
    z = sum(a * (a * w + noise * b) for a, b in zip(x, e, strict=True)) / n

    def mean(expr):
        total = S.Zero
        for powers, coefficient in Poly(expr, *normals).terms():
            if all(power % 2 == 0 for power in powers):
                for power in powers:
                    coefficient *= factorial2(power - 1)
                total += coefficient
        return total

    following = weight - gamma * (query * weight * z - query * w - noise * label) * query * z
    first, second = (Poly(mean((following**power).expand()), weight) for power in (1, 2))
    optimum = mean((z * w).expand()) / mean((z**2).expand())
    moments = [S.One, S.Zero, S.Zero]
    for value in gammas:
        new = [sum(coefficient.subs(gamma, value) * moments[power] for (power,), coefficient in poly.terms()) for poly in (first, second)]
        moments = [S.One, *new]
    return moments[2] - 2 * optimum * moments[1] + optimum**2


def recursion_sgd(recursion, d, n, noise_variance, gammas):
    """The same by `sgd_recursion`, in exact arithmetic, at any d"""
    at = {notation.n: n, notation.d: d, notation.sigma2: noise_variance}
    h, spread, coupling, source, optimum = (part.subs(at) for part in recursion)
    a, s = -d * optimum, d * optimum**2
    for gamma in gammas:
        a, s = (1 - gamma * h) * a, (1 - 2 * gamma * h + gamma**2 * spread) * s + gamma**2 * (coupling * a + source)
    return s


def triangle():
    """Three tasks that sum to 0, of one length, without their negatives"""
    return torch.tensor([[1.0, 0.0], [-0.5, 0.75**0.5], [-0.5, -(0.75**0.5)]], dtype=torch.float64)
