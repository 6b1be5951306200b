"""One pass of SGD over T prompts, a new task in each, as Wu et al. (arXiv 2310.08391) train the matrix Γ of ŷ = x_qᵀ Γ Xᵀy/n."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from numerics.errors import ConfigError
from numerics.evaluate import DTYPE, compile_expression, to_tensor
from numerics.samplers import PromptSampler
from numerics.task_sets import Population
from theory import notation
from theory.finite_tasks import SGDRecursion, sgd_recursion
from theory.minimiser import normal_equations

SHARE = 0.25
CHUNK = 1 << 16
"""Prompts drawn at a time"""


class Schedule(NamedTuple):
    """The step sizes of Wu et al.: γ_t = γ_0/2^ℓ, ℓ = ⌊(t−1)/T_eff⌋, T_eff = T/log₂T; the paper leaves the base of the logarithm open."""

    first: float
    tasks: int

    @property
    def effective_tasks(self) -> float:
        """T_eff"""
        return self.tasks / max(1.0, math.log2(self.tasks))

    def phases(self) -> list[tuple[float, int]]:
        """(γ, the number of steps with it)"""
        found: list[tuple[float, int]] = []
        begun = 0
        while begun < self.tasks:
            end = min(self.tasks, math.ceil((len(found) + 1) * self.effective_tasks))
            found.append((self.first / 2 ** len(found), end - begun))
            begun = end
        return found

    def step_sizes(self) -> Tensor:
        """γ_1, …, γ_T"""
        return torch.cat([torch.full((count,), gamma, dtype=DTYPE) for gamma, count in self.phases()])


class Expected(NamedTuple):
    """Of one pass of SGD over T tasks: the exact expectation of its excess, None where the covariates are not isotropic, and the terms of
    Wu et al.'s bound without its constant, with the numbers in them."""

    tasks: int
    excess: float | None
    bias: float
    variance: float
    effective_dimension: float
    effective_tasks: float

    @property
    def bound(self) -> float:
        """The bound with its constant set to 1"""
        return self.bias + self.variance


class OnePass:
    """Wu et al.'s setting: ŷ = x_qᵀ Γ z, z = Xᵀy/n, tasks N(0, I), a new one in each prompt, one pass of SGD from Γ_0 = 0.

    share    γ_0 tr(H) tr(H̃), in the paper 1/c with c > 1 not given; by default SHARE, or half of what is stable where that is less
    moment   H̃ = E z zᵀ = G/n
    optimum  Γ* = nB*ᵀ

    Raises ConfigError where the tasks are not N(0, I), or γ_0 is known to be too large.
    """

    def __init__(self, population: Population, share: float | None = None) -> None:
        self.population = population
        if not torch.allclose(population.prior @ population.prior.mT, population.unit, rtol=0, atol=1e-12):
            raise ConfigError("one pass of SGD: tasks must be N(0, I), as in the paper; give the response isotropic.")
        objective, weighted = population.objective, population.setting.moments.C
        values = {notation.n: population.values[notation.n], notation.K: objective.cross, notation.C: to_tensor(weighted.as_explicit())}
        self.n = float(population.setting.context_length)
        self.moment = compile_expression(normal_equations()[0])(values) / self.n
        self.optimum = self.n * objective.step.mT
        unit = float(population.covariance.trace() * self.moment.trace())
        largest = math.inf
        self.isotropic = torch.equal(population.covariance, population.unit)
        if self.isotropic:
            self.recursion = SGDRecursion(*(float(compile_expression(part)(population.values)) for part in sgd_recursion()))
            largest = float(2 * unit * self.recursion.curvature / self.recursion.spread)
        self.share = min(SHARE, largest / 2) if share is None else share
        if self.share >= largest:
            raise ConfigError(f"--step-size {self.share:g}: E‖Γ_t − Γ*‖² grows without bound from {largest:.3g} on; give a smaller one.")
        self.first = self.share / unit

    def schedule(self, tasks: int) -> Schedule:
        """Of a pass over so many tasks"""
        return Schedule(self.first, tasks)

    def expected(self, tasks: int) -> Expected:
        """What theory and paper say of T tasks. Theorem 4.1 of arXiv 2310.08391 bounds the expected excess, up to an absolute constant that
        the paper does not give, by a bias ⟨H H̃, (Π_t (1 − γ_t H H̃) Γ*)²⟩ and a variance (ψ² tr H + σ²) D_eff/T_eff, with H = Σ, ψ² = 1 and
        D_eff = Σ_ij min{1, T_eff² γ_0² λ_i² λ̃_j²}, λ and λ̃ the eigenvalues of H and H̃."""
        schedule = self.schedule(tasks)
        size, vectors = torch.linalg.eigh(self.population.covariance)  # H, H̃ and Γ* commute, as W = I
        moment, optimum = ((vectors.mT @ matrix @ vectors).diagonal() for matrix in (self.moment, self.optimum))
        kept = torch.ones_like(size)
        for gamma, count in schedule.phases():
            kept *= (1 - gamma * size * moment) ** count
        dimension = (schedule.effective_tasks * schedule.first * torch.outer(size, moment)).square().clamp(max=1).sum()
        return Expected(
            tasks=tasks,
            excess=self._recursion(schedule) if self.isotropic else None,
            bias=float((size * moment * (kept * optimum) ** 2).sum()),
            variance=self.population.objective.null * float(dimension) / schedule.effective_tasks,
            effective_dimension=float(dimension),
            effective_tasks=schedule.effective_tasks,
        )

    def _recursion(self, schedule: Schedule) -> float:
        """E Δ(Γ_T): theory's recursion is affine in (a, s), so that a phase of it is a power of a matrix."""
        d = len(self.population.unit)
        h, spread, coupling, source, optimum = self.recursion
        state = torch.tensor([-d * optimum, d * optimum**2, 1.0], dtype=DTYPE)
        for gamma, count in schedule.phases():
            once = torch.tensor(
                [[1 - gamma * h, 0, 0], [gamma**2 * coupling, 1 - 2 * gamma * h + gamma**2 * spread, gamma**2 * source], [0, 0, 1]],
                dtype=DTYPE,
            )
            state = torch.linalg.matrix_power(once, count) @ state
        return float(h * state[1])

    def excess(self, weights: Tensor) -> Tensor:
        """Δ(Γ) for Γ (..., d, d)"""
        return self.population.excess(weights.mT / self.n)

    def run(self, tasks: Sequence[int], seeds: int, progress: Callable[[int], None] = lambda step: None) -> Tensor:
        """Δ(Γ_T) of one pass over T tasks for each T, and each seed: (len(tasks), seeds). All T of a seed see the same prompts."""
        d, last = len(self.population.unit), max(tasks)
        sampler = PromptSampler(
            self.population.setting, dtype=DTYPE, device=torch.device("cpu"), generator=self.population.source.generator, path="moments"
        )
        gammas = torch.zeros(last, len(tasks), 1, dtype=DTYPE)  # 0 once a pass has ended
        for row, count in enumerate(tasks):
            gammas[:count, row, 0] = self.schedule(count).step_sizes()
        weights = torch.zeros(len(tasks), seeds, d * d, dtype=DTYPE)
        size = max(1, CHUNK // seeds)
        for begun in range(0, last, size):
            steps = min(size, last - begun)
            moments, query, target = sampler.moments(steps * seeds)
            features = (query[:, :-1, None] * (moments[:, None, :-1, -1] / self.n)).view(steps, seeds, d * d)
            for gamma, feature, label in zip(gammas[begun : begun + steps], features, target.view(steps, seeds), strict=True):
                residual = (weights * feature).sum(-1) - label
                weights.addcmul_(feature, (gamma * residual)[..., None], value=-1)
            progress(begun + steps)
        return self.excess(weights.view(len(tasks), seeds, d, d))
