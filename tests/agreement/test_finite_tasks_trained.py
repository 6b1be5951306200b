"""Layers trained on a fixed set of tasks take the step B*(W_T), where theory says so, and elsewhere do not.

Trained: L-BFGS on the exact loss of the set from random starts; deterministic, ‖B − B*(W_T)‖ ≤ 1e-6 ‖B*(W_T)‖, and B*(W) is at least
1 % away. Sampled: with f_B = (Σ y_i x_i)ᵀ B x_q on prompts whose tasks are those of the set, E f_P (f_B − y_q) = 0 at B = B*(W_T) for
every P; means of 64 batches, |z| > 6.5 has probability 1.5e-8 (Student t, 63 degrees of freedom); B*(W) and 1.1 B*(W_T) are further off.
"""

import pytest
import torch
from common.finite_tasks import even_derivatives, triangle

from numerics.config import TrainConfig
from numerics.run import Z_LIMIT
from numerics.task_sets import Population, TaskSetPrompts, train_layer

SETTINGS = {
    "isotropic": {"dimension": 3, "context": 7},
    "plane": {"dimension": 2, "context": 3},
    "tilted": {"dimension": 2, "context": 5, "covariates": "2,1;1,3", "noise": "1"},
}


def population(name, seed):
    made = Population(TrainConfig.build(**SETTINGS[name]).setting)
    made.reseed(seed)
    return made


@pytest.mark.parametrize("kind", ["one step", "paired"])
@pytest.mark.parametrize(("name", "count"), [("isotropic", 2), ("isotropic", 20), ("tilted", 1), ("tilted", 20)])
def test_a_trained_layer_takes_the_best_step_of_its_set(name, count, kind):
    chosen = population(name, count)
    layer = train_layer(chosen, chosen.tasks(count), kind)
    assert layer.converged
    assert layer.step_error <= 1e-6
    assert layer.excess == pytest.approx(layer.predicted, rel=1e-5)
    assert layer.even <= 1e-5
    assert abs(layer.z) < Z_LIMIT


def test_it_is_not_the_step_of_the_prior():
    chosen = population("isotropic", 20)
    tasks = chosen.tasks(20)
    best = chosen.step(tasks.mT @ tasks / 20)
    assert (chosen.objective.step - best).norm() > 0.01 * best.norm()


def test_a_free_layer_on_tasks_without_their_negatives_leaves_one_step():
    chosen = population("isotropic", 8)
    layer = train_layer(chosen, chosen.tasks(8), "free")
    assert layer.converged
    assert layer.even > 1e-2
    assert layer.step_error > 1e-3


def test_a_triangle_of_tasks_has_no_use_for_the_even_part():
    chosen = population("tilted", 5)
    root = torch.linalg.inv(torch.linalg.cholesky(chosen.covariance)).mT
    layer = train_layer(chosen, triangle() @ root.mT, "free")  # wᵀΣw = 1 for each of its tasks
    assert layer.step_error <= 1e-6
    assert layer.even <= 1e-5


def test_a_free_layer_on_many_tasks_loses_what_its_expansion_says():
    chosen, count = population("plane", 7), 20_000
    tasks = chosen.tasks(count)
    layer = train_layer(chosen, tasks, "free")
    slopes, curvature = even_derivatives(chosen, tasks)
    slope = slopes.mean(0)
    added = float(0.5 * slope @ torch.linalg.solve(curvature, slope))
    assert added > 0.1 * layer.predicted
    assert layer.excess - layer.predicted == pytest.approx(added, rel=0.1)  # the next order, some T^−½ = 0.7 % of the whole


@pytest.mark.parametrize("name", ["isotropic", "tilted"])
def test_sampled_prompts_of_a_set_are_stationary_along_its_best_step(name):
    chosen = population(name, 11)
    tasks = chosen.tasks(4)
    best = chosen.step(tasks.mT @ tasks / 4)
    prompts = TaskSetPrompts(chosen.setting, tasks, torch.Generator().manual_seed(12)).moments(1 << 18)

    def predicted(step):
        return torch.einsum("bi,ij,bj->b", prompts.moments[:, :-1, -1], step, prompts.query[:, :-1])

    def z(step, direction):
        means = (predicted(direction) * (predicted(step) - prompts.target)).view(64, -1).mean(1)
        return float(means.mean() / means.std() * 8)

    towards = chosen.objective.step - best
    assert max(abs(z(best, best)), abs(z(best, towards))) < Z_LIMIT
    assert z(chosen.objective.step, towards) > Z_LIMIT
    assert z(1.1 * best, best) > Z_LIMIT
