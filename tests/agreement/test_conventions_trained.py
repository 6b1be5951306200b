"""Weights trained in each paper's own parametrisation by loops that share no code with the project, imported and held against the theory.

Predictions: the imported model against the loop's own forward pass on fresh prompts of several lengths, to 1e-10 relative; no error model.

Exact loss: theory's formula at the trained weights is above theory's minimum, by little. A loop sees 77,000 prompts and its seed is
fixed, so that on one machine the outcome is always the same; over 40 runs (8 seeds of each loop) the largest relative excess was 0.011
and the largest error of the step 0.06, against the limits EXCESS and STEP. A wrong import (the mutants below) is off by 20 EXCESS or more.
"""

from dataclasses import replace

import pytest
from common import loops
from sympy import Matrix, Rational, diag

from numerics.objective import ExactObjective
from numerics.weights import ImportedAttention, load
from theory import Gaussian, Linear, Setting, in_context_loss
from theory.conventions import CONVENTIONS, e_y
from theory.notation import n

EXCESS, STEP = 0.03, 0.15
KINDS = {"merged": "npz", "paper": "safetensors", "ahn": "pth", "zhang": "pt", "vonoswald": "bin"}
SETTING = Setting(
    covariates=Gaussian(diag(*map(Rational, loops.COVARIANCE))),
    response=Linear.isotropic(len(loops.COVARIANCE)),
    noise_variance=Rational(loops.NOISE),
    context_length=loops.CONTEXT,
)
every = pytest.mark.parametrize("name", loops.LOOPS)


@pytest.fixture(scope="module")
def objective():
    return ExactObjective(SETTING)


@pytest.fixture
def imported(tmp_path):
    def make(name):
        path = tmp_path / f"w.{KINDS[name]}"
        loops.save(path, loops.trained(name))
        return load(path, name)

    return make


def excess(objective, model):
    return float(objective.excess(model.value_at(loops.CONTEXT)[0], model.key_query[0])) / objective.minimum


@every
def test_predictions(imported, name):
    model = imported(name)
    for context in (1, 3, loops.CONTEXT, 4 * loops.CONTEXT):
        assert loops.difference(model, name, loops.trained(name), context=context, seed=context) < 1e-10


@every
def test_the_trained_weights_are_near_the_global_minimum(imported, objective, name):
    model = imported(name)
    value, key_query = model.value_at(loops.CONTEXT)[0], model.key_query[0]
    assert 0 <= excess(objective, model) < EXCESS
    assert objective.step_error(value, key_query) < STEP
    # theory's own path from the saved weights, in rationals
    exact = in_context_loss(SETTING, model.to_theory(loops.CONTEXT))
    assert exact.is_Rational
    assert float(exact) == pytest.approx(objective.minimum * (1 + excess(objective, model)), rel=1e-9)


MUTANTS = [
    ("ahn", "sign", lambda made: replace(made, value=-made.value)),
    ("ahn", "no 1/n", lambda made: replace(made, value=made.value * n)),
    ("ahn", "first row", lambda made: replace(made, value=-made.parameters[0].T * Matrix([1, 0, 0, 0]) / n)),
    ("zhang", "no 1/n", lambda made: replace(made, value=made.value * n)),
    ("zhang", "sign", lambda made: replace(made, value=-made.value)),
    ("vonoswald", "sign", lambda made: replace(made, value=-made.value)),
    ("vonoswald", "no P", lambda made: replace(made, value=-made.parameters[2].T * e_y)),
]


@pytest.mark.parametrize(("name", "change"), [(row[0], row[2]) for row in MUTANTS], ids=[" ".join(row[:2]) for row in MUTANTS])
def test_a_wrong_import_is_far_from_the_minimum(objective, name, change):
    weights = {key: weight[None] for key, weight in loops.trained(name).items()}
    assert excess(objective, ImportedAttention(CONVENTIONS[name], weights)) < EXCESS
    assert excess(objective, ImportedAttention(change(CONVENTIONS[name]), weights)) > 20 * EXCESS
