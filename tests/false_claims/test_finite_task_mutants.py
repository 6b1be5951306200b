"""Formulas for finite task sets changed one at a time are refused by the checks that accept them: exact, or deterministic.

`theory.finite_tasks` is run with one piece of its text replaced and held against the routes of `common.finite_tasks`.
"""

import pytest
import torch
from common.altered import altered
from common.finite_tasks import even_excess_by_cubature, leading_by_cubature, recursion_sgd, scalar_sgd
from sympy import Matrix, Rational

from numerics.config import TrainConfig
from numerics.evaluate import compile_expression
from numerics.finite_tasks import STEP_TOLERANCE, Findings
from numerics.one_pass import OnePass
from numerics.task_sets import Population, train_layer
from theory import Gaussian, Linear, Setting, finite_tasks

SHEAR = Matrix([[1, 0], [Rational(1, 2), 1]])
TILTED = Setting(
    covariates=Gaussian(Matrix([[2, 1], [1, 3]])), response=Linear(SHEAR * SHEAR.T), noise_variance=Rational(1, 4), context_length=7
)
GAMMAS = [Rational(1, 50), Rational(1, 100)]

LEADING = {
    "no mean of δ": ("deviation = {W: w * w.T - W,", "deviation = {W: w * w.T,"),
    "the noise varies too": ("sigma2: S.Zero}", "sigma2: sigma2}"),
    "G does not vary": ("- replaced(system, deviation) * B * right", "- 0 * system * B * right"),
    "the other sign": ("replaced(target, deviation) - replaced", "replaced(target, deviation) + replaced"),
    "1.01": ("n * Trace(G_INVERSE * residual", "Rational(101, 100) * n * Trace(G_INVERSE * residual"),
    "no Σ⁻¹": ("residual * Inverse(right) * residual.T", "residual * residual.T"),
}
EVEN = {
    "n + d for n + d + 1": ("best = global_minimiser(isotropic).step", "best = 1 / (n + d + sigma2) * Identity(d)"),
    "no cross term": ("[across / 2, other]", "[0, other]"),
    "1.01 of the slope": ("xc: 0, cc: 0}) / 2", "xc: 0, cc: 0}) * Rational(101, 200)"),
    "one task for its square": ("(polynomial * ww)", "polynomial"),
}
SGD = {
    "d + 1 for d + 2 in spread": ("spread=factor((d + 2)", "spread=factor((d + 1)"),
    "d + 1 for d + 2 in coupling": ("coupling=factor(cancel(2 * (d + 2)", "coupling=factor(cancel(2 * (d + 1)"),
    "half the coupling": ("coupling=factor(cancel(2 * (d + 2)", "coupling=factor(cancel((d + 2)"),
    "the other sign of u": ("(optimum * fourth - mixed)", "(mixed - optimum * fourth)"),
    "no label noise of the query": ("+ Mul(d, sigma2, energy)", ""),
    "one w·z": ("- 2 * optimum * mixed + task", "- optimum * mixed + task"),
    "1.01 of the source": ("+ task) + Mul", "+ Rational(101, 100) * task) + Mul"),
}


@pytest.fixture
def mutant(request):
    """The module with a piece of its text replaced"""
    with altered(finite_tasks, request.param, Rational=Rational) as module:
        yield module


def population(**values):
    made = Population(TrainConfig.build(**values).setting)
    made.reseed(1)
    return made


@pytest.fixture(scope="module")
def right():
    """What the mutants are held against, and what the true formulas give"""
    two = population(dimension=2, context=3, noise="1")
    return leading_by_cubature(TILTED, SHEAR), (two, even_excess_by_cubature(two)), scalar_sgd(1, Rational(1, 4), GAMMAS)


def leads(module, value):
    return module.leading_excess(TILTED) == value


def adds(module, two, value):
    return abs(float(compile_expression(module.leading_even_excess())(two.values)) - value) < 1e-9 * value


def recurs(module, value):
    return recursion_sgd(module.sgd_recursion(), 1, 1, Rational(1, 4), GAMMAS) == value


def test_the_formulas_pass(right):
    assert leads(finite_tasks, right[0])
    assert adds(finite_tasks, *right[1])
    assert recurs(finite_tasks, right[2])


@pytest.mark.parametrize("mutant", LEADING.values(), ids=LEADING, indirect=True)
def test_false_limits_are_refused(mutant, right):
    assert not leads(mutant, right[0])


@pytest.mark.parametrize("mutant", EVEN.values(), ids=EVEN, indirect=True)
def test_false_even_parts_are_refused(mutant, right):
    assert not adds(mutant, *right[1])


@pytest.mark.parametrize("mutant", SGD.values(), ids=SGD, indirect=True)
def test_false_recursions_are_refused(mutant, right):
    assert not recurs(mutant, right[2])


def test_a_trained_layer_refuses_the_step_of_the_prior(monkeypatch):
    two, steps = population(dimension=2, context=5), Population.step
    tasks = two.tasks(20)

    def verdict(step):
        monkeypatch.setattr(Population, "step", step)
        return Findings((), (train_layer(two, tasks, "one step"),), ()).verdict[0]

    assert verdict(steps) == "agrees"
    assert verdict(lambda self, moment: steps(self, self.prior @ self.prior.mT)) == "contradicts"  # W for W_T
    assert verdict(lambda self, moment: (1 + 2 * STEP_TOLERANCE) * steps(self, moment)) == "contradicts"

    def without_one(self, moment):  # n + tr for n + 1 + tr in G
        d = len(moment)
        inner = 5 * moment + (0.25 + moment.trace()) * torch.eye(d, dtype=moment.dtype)
        return torch.linalg.solve(inner, moment)

    assert verdict(without_one) == "contradicts"


def test_the_excess_falls_as_one_over_T_and_not_as_its_root():
    two = population(dimension=2, context=5)
    means = [float(two.excess(two.step(two.second_moments(count, 1 << 14))).mean()) for count in (10**3, 10**5)]
    slope = torch.tensor(means).log10().diff() / 2
    assert abs(slope + 1) < 0.02  # seeds are fixed; a standard error of the slope is 0.003
    assert abs(slope + 0.5) > 0.4


def test_a_bound_without_its_dimension_does_not_hold_for_all_dimensions():
    def last_ratios(bound):
        found = [OnePass(population(dimension=d, context=10)).expected(10**7) for d in (2, 8, 32)]
        return [each.excess / bound(each) for each in found]

    whole = last_ratios(lambda each: each.bound)
    without = last_ratios(lambda each: each.bias + each.variance / each.effective_dimension)
    assert max(whole) < 3 * min(whole)
    assert without[2] > 10 * without[1] > 50 * without[0]
