"""Layers trained on a fixed set of tasks, and what theory says of their loss on new ones."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import torch
from sympy import Identity
from torch import Generator, Tensor

from numerics import wishart
from numerics.evaluate import DTYPE, Values, compile_expression, number, to_tensor
from numerics.models import MergedAttention, initial_model
from numerics.objective import LIFT, ExactObjective, learned_step
from numerics.samplers import PromptSampler
from numerics.source import Source, factor
from theory import Setting, notation
from theory.finite_tasks import task_loss
from theory.minimiser import gaussian_step

SLOPE = 1e-7
"""A layer counts as trained where the slope of its loss has fallen to this part of what it was."""
CHECK_PROMPTS, CHECK_BATCHES = 1 << 15, 64
"""The fresh prompts on which the loss of a trained layer is measured; the independent batches they come in"""
LAYERS = {
    "one step": "v_x = m_yx = 0 kept; the tasks as they are",
    "paired": "all of (v, M); with each task its negative",
    "free": "all of (v, M); the tasks as they are",
}
"""The kinds of layers. Of the first two theory knows the minimiser, see `theory.finite_tasks`."""
THEORY_BACKED = ("one step", "paired")


class Population:
    """A setting with tasks w ~ N(0, W), and what theory says of sets of tasks from it; float64."""

    def __init__(self, setting: Setting) -> None:
        self.setting, self.objective = setting, ExactObjective(setting)
        self.covariance = self.objective.covariance
        self.prior = factor(to_tensor(setting.response.covariance.as_explicit()))  # type: ignore[attr-defined]
        self.unit = torch.eye(len(self.covariance), dtype=DTYPE)
        self.values: Values = {
            notation.n: torch.tensor(float(setting.context_length), dtype=DTYPE),
            notation.d: torch.tensor(float(len(self.unit)), dtype=DTYPE),
            notation.sigma2: torch.tensor(number(setting.noise_variance), dtype=DTYPE),
            notation.Sigma: self.covariance,
        }
        self.source = Source(dtype=DTYPE, device=torch.device("cpu"), generator=Generator())

    def reseed(self, *seed: int) -> None:
        """A stream of random numbers for each place where some are needed."""
        digest = hashlib.sha256(repr(seed).encode()).digest()
        self.source.generator.manual_seed(int.from_bytes(digest[:8]) % 2**63)

    def tasks(self, count: int) -> Tensor:
        """w_1, …, w_T, (T, d)"""
        return self.source.normal(count, len(self.unit)) @ self.prior.mT

    def second_moments(self, count: int, sets: int) -> Tensor:
        """W_T = (1/T) Σ w wᵀ of so many sets of `count` tasks, (sets, d, d), without the tasks: T W_T is a Wishart matrix."""
        return self.prior @ wishart.whole(self.source, count, len(self.unit), sets) @ self.prior.mT / count

    def step(self, second_moment: Tensor) -> Tensor:
        """B*(W_T) for W_T of shape (..., d, d), by theory's formula"""
        evaluate = compile_expression(gaussian_step())
        shape = second_moment.shape
        of_one = torch.func.vmap(lambda W: evaluate({**self.values, notation.W: W, Identity(notation.d): self.unit}))
        result: Tensor = of_one(second_moment.reshape(-1, *shape[-2:]))
        return result.reshape(shape)

    def excess(self, step: Tensor) -> Tensor:
        """What a one-step predictor loses on new tasks beyond the best one, (...,) for steps (..., d, d); theorem `risk-under-shift`."""
        rows = step.shape[:-2]
        v = torch.zeros(*rows, len(self.unit) + 1, dtype=DTYPE)
        v[..., -1] = 1
        return self.objective.excess(v, torch.nn.functional.pad(step, (0, 1, 0, 1)))

    def loss_on(self, tasks: Tensor, v: Tensor, M: Tensor) -> Tensor:
        """The exact loss of a layer on prompts whose tasks are these (T, d)"""
        parts = {notation.v_x: v[:-1, None], notation.v_y: v[-1], notation.A: M[:-1, :-1], notation.c: M[-1, :-1, None]}
        result: Tensor = _task_loss()({**self.values, **parts, notation.w: tasks[:, :, None]}).mean()
        return result


@cache
def _task_loss() -> Callable[[Values], Tensor]:
    return compile_expression(task_loss())


class TaskSetPrompts(PromptSampler):
    """Prompts whose task vector is one of a fixed set (T, d), all equally likely."""

    def __init__(self, setting: Setting, tasks: Tensor, generator: Generator) -> None:
        super().__init__(setting, dtype=DTYPE, device=torch.device("cpu"), generator=generator, path="moments")
        self.tasks = tasks

    def _tasks_and_queries(self, batch: int) -> tuple[Tensor, Tensor, Tensor]:
        _, queries, _ = super()._tasks_and_queries(batch)
        tasks = self.tasks[torch.randint(len(self.tasks), (batch,), generator=self.source.generator)]
        return tasks, queries, (tasks * queries[:, :-1]).sum(-1) + self.noise * self.source.normal(batch)


class TrainedLayer(NamedTuple):
    """A layer trained on the exact loss of a set. `step_error` is ‖B − B*(W_T)‖/‖B*(W_T)‖; `even` is √(E ŷ_even²/E y²) on new tasks;
    `predicted` the excess of B*(W_T); `z` how many standard errors the loss on fresh prompts of the set is from the exact one."""

    kind: str
    tasks: int
    excess: float
    predicted: float
    step_error: float
    even: float
    z: float
    converged: bool


def train_layer(population: Population, tasks: Tensor, kind: str) -> TrainedLayer:
    """Trains a layer on the exact loss of these tasks (T, d) by L-BFGS. A `kind` is one of LAYERS."""
    setting, generator = population.setting, population.source.generator
    d = tasks.shape[-1]
    shown = torch.cat([tasks, -tasks]) if kind == "paired" else tasks
    start = initial_model(
        parametrisation="merged", initialisation="matched", dimension=d, context=int(setting.context_length), scale=1.0, dtype=DTYPE,
        generator=generator,
    )  # fmt: skip
    model = MergedAttention(start.value_vector().detach(), start.key_query().detach())
    free_v, free_M = torch.ones(d + 1, dtype=DTYPE), torch.ones(d + 1, d + 1, dtype=DTYPE)
    with torch.no_grad():
        if kind == "one step":
            free_v[:-1], free_M[-1] = 0, 0
        else:  # off v_x = m_yx = 0, which a paired set has to bring back
            model.v[:-1] += 0.1 * model.v[-1].abs() * population.source.normal(d)
            model.M[-1, :-1] += 0.1 * model.M[:-1, :-1].norm() / d * population.source.normal(d)
    optimiser = torch.optim.LBFGS(
        model.parameters(), max_iter=400, history_size=50, line_search_fn="strong_wolfe", tolerance_grad=0.0, tolerance_change=0.0
    )

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = LIFT * population.loss_on(shown, model.v * free_v, model.M * free_M)
        loss.backward()
        return loss

    closure()
    steepest = _slope(model)
    for _ in range(3):
        optimiser.step(closure)
        closure()
        if _slope(model) <= SLOPE * steepest:
            break
    v, M = (model.v * free_v).detach(), (model.M * free_M).detach()
    best = population.step(tasks.mT @ tasks / len(tasks))
    step = learned_step(v, M)
    even = population.objective.excess(v, M) - population.excess(step)
    return TrainedLayer(
        kind=kind,
        tasks=len(tasks),
        excess=float(population.objective.excess(v, M)),
        predicted=float(population.excess(best)),
        step_error=float((step - best).norm() / best.norm()),
        even=(max(float(even), 0.0) / population.objective.null) ** 0.5,
        z=_sampled_z(population, shown, v, M),
        converged=_slope(model) <= SLOPE * steepest,
    )


def _slope(model: MergedAttention) -> float:
    return float(torch.cat([weight.grad.flatten() for weight in (model.v, model.M) if weight.grad is not None]).norm())


def _sampled_z(population: Population, tasks: Tensor, v: Tensor, M: Tensor) -> float:
    """How many standard errors the loss on fresh prompts of the set is from the exact one: t, CHECK_BATCHES − 1 degrees of freedom"""
    prompts = TaskSetPrompts(population.setting, tasks, population.source.generator)
    losses = torch.stack([prompts.loss(v, M, CHECK_PROMPTS // CHECK_BATCHES) for _ in range(CHECK_BATCHES)])
    return float((losses.mean() - population.loss_on(tasks, v, M)) / losses.std() * CHECK_BATCHES**0.5)
