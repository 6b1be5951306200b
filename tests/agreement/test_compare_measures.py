"""What `numerics.compare` measures of layers whose exact values theory knows, and how often its intervals hold.

Error model. Measures are means over independent prompts, in 64 batches: Student t with 63 degrees of freedom, as in `numerics.intervals`.
A measure is refused at |t| > 6.5, by chance with probability 10⁻⁸ where batch means are normal. They are somewhat skew, so seeds are fixed:
a run is repeatable on one machine, and only another generator could raise a false alarm. Power: a step that is 1 % off, and an optimum that
is, are refused by the regression and by predictions on the same prompts; other measures have standard errors of 0.2 to 3 %.

Coverage. The share of intervals, at confidence 95 %, that hold in 300 repetitions has a standard deviation of 1.3 %. It is asked to be
between 88 % and 99.5 %; with the seeds here it is 91 to 97 % at 2048 prompts.
"""

from functools import cache

import numpy as np
import pytest
import torch
from common.compared import STRETCHED, ridge_model
from sympy import Rational, diag

from numerics.effective import effective_step
from numerics.foreign import ForeignModel
from numerics.intervals import mean_of, quotient_of
from numerics.measures import measured
from numerics.models import MergedAttention
from numerics.objective import ExactObjective, learned_step
from numerics.observed import observe
from numerics.shifts import layer_of
from theory import Gaussian, Linear, Setting
from theory.bayes import bayes_risk

Z, REPEATS, GROUP = 6.5, 300, 2048
LAYER = (
    torch.tensor([0.03, -0.02, 0.5], dtype=torch.float64),
    torch.tensor([[0.22, 0.03, 0.0], [-0.02, 0.31, 0.0], [0.02, 0.03, 0.0]], dtype=torch.float64),
)
"""With a part of ŷ even in the labels, and a step that is not symmetric"""


@cache
def layer_measures():
    return measured(MergedAttention(*LAYER), STRETCHED, prompts=1 << 17, seed=0)


def holds(interval, exact):
    return abs(interval.value - exact) <= Z * interval.error


def even_share():
    """E ŷ_even² / E ŷ²: what the layer has beyond its step"""
    objective = ExactObjective(STRETCHED)
    whole, step = (float(objective.square(*layer)) for layer in (LAYER, layer_of(learned_step(*LAYER))))
    return (whole - step) / whole


def test_risks_distances_and_shares():
    """Against the exact loss, excess and E ŷ²; each is refused at 1.2 times the exact value."""
    found, objective = layer_measures(), ExactObjective(STRETCHED)
    cases = [
        (found.risk, float(objective.loss(*LAYER))),
        (found.gain, float(objective.excess(*LAYER))),
        (found.distance("one step, B* of theory").square, float(objective.excess(*LAYER))),
        (found.distance("zero predictor").square, float(objective.square(*LAYER))),
        (found.even_share, even_share()),
        (found.unexplained, even_share()),
    ]
    assert 0.001 < even_share() < 0.5
    for interval, exact in cases:
        assert holds(interval, exact), (interval, exact)
        assert not holds(interval, 1.2 * exact)
    rest = found.rest_share
    assert rest.value < 0.01 * even_share()  # there is nothing odd but the step; the regression's error is all


def test_the_effective_step_is_the_layers():
    """B = v_y M_xx + v_x m_yxᵀ entry by entry, and no entry may be off by 5 % of ‖B‖"""
    found, exact = layer_measures().effective, learned_step(*LAYER)
    assert ((found.step - exact).abs() <= Z * found.errors).all()
    for a in range(2):
        for b in range(2):
            wrong = exact.clone()
            wrong[a, b] += 0.05 * exact.norm()
            assert not ((found.step - wrong).abs() <= Z * found.errors).all()
    assert not found.contains(1.05 * exact)


def test_risks_out_of_distribution():
    """Measured on shifted prompts against the exact loss of the weights there, and of the best step where the model is that step"""
    for one in layer_measures().shifted:
        assert holds(one.risk, one.weights), one.shift.label
        assert not holds(one.risk, 1.5 * one.weights), one.shift.label
    objective = ExactObjective(STRETCHED)
    model = MergedAttention(*layer_of(objective.step))
    for one in measured(model, STRETCHED, prompts=1 << 15, seed=1).shifted:
        assert one.weights == pytest.approx(one.summed, rel=1e-12)
        assert holds(one.risk, one.summed)
        assert one.best_step <= one.summed * (1 + 1e-12)


def test_a_mean_over_the_context_has_the_averaged_risk():
    """A model that divides by the length of its context"""
    objective = ExactObjective(STRETCHED)
    B = 5 * objective.step.numpy()

    def model(tokens):
        gradient = np.einsum("pi,pia->pa", tokens[:, :-1, -1], tokens[:, :-1, :-1]) / (tokens.shape[1] - 1)
        return np.einsum("pa,ab,pb->p", gradient, B, tokens[:, -1, :-1])

    found = measured(model, STRETCHED, prompts=1 << 15, seed=2)
    lengths = [one for one in found.shifted if one.shift.kind == "length"]
    assert len(lengths) == 3
    for one in lengths:
        assert holds(one.risk, one.averaged)
    assert not holds(lengths[-1].risk, lengths[-1].summed)


def test_one_per_cent_in_the_optimum_is_seen():
    """Against a B* that is 1 % off: by the regression for a model that is a step, and by its risk, paired with that of B*."""
    objective = ExactObjective(STRETCHED)
    seen = observe(ForeignModel(MergedAttention(*layer_of(objective.step))), objective, prompts=1 << 14, seed=3)
    found = effective_step(seen.gradient, seen.query, seen.prediction)
    assert found.contains(objective.step, 1e-9)
    for factor in (0.99, 1.01):
        assert not found.contains(factor * objective.step, 1e-9)
        assert found.distance(factor * objective.step).over(objective.step_scale).low == pytest.approx(0.01, rel=1e-6)
        apart = mean_of((seen.prediction - factor * seen.optimum).square())
        assert apart.low > 0.9e-4 * (objective.null - objective.minimum)


@cache
def repeated():
    """Whether intervals held, in each of the repetitions: of ridge, whose step is B* and whose risk is the Bayes risk, and of the layer"""
    setting = Setting(
        covariates=Gaussian(diag(2, 1)), response=Linear(diag(Rational(1, 2), 1)), noise_variance=1, context_length=12
    )  # whitened, it is isotropic
    objective = ExactObjective(setting)
    root = np.diag(np.sqrt([2.0, 1.0]))

    def ridge(tokens):
        white = tokens.copy()
        white[..., :-1] = tokens[..., :-1] @ np.linalg.inv(root)
        return ridge_model(1.0)(white)

    bayes, exact, loss = float(bayes_risk(setting)), learned_step(*LAYER), float(objective.loss(*LAYER))
    whole, step = (float(objective.square(*layer)) for layer in (LAYER, layer_of(exact)))
    ridges, layers = (
        observe(ForeignModel(model), objective, prompts=REPEATS * GROUP, seed=seed)
        for seed, model in enumerate((ridge, MergedAttention(*LAYER)))
    )
    rows = []
    for group in torch.arange(REPEATS * GROUP).split(GROUP):
        predicted, flipped, target, gradient, query = (part[group] for part in ridges[:5])
        found = effective_step(gradient, query, predicted)
        risk = mean_of((predicted - target).square())
        row = {"risk of ridge": risk.low <= bayes <= risk.high, "region of B": found.contains(objective.step)}
        z = (found.step - objective.step) / found.errors
        row |= {f"entry {a}{b} of B": bool(z[a, b].abs() <= 1.96) for a in range(2) for b in range(2)}
        row["‖B − B*‖"] = found.distance(objective.step).low == 0
        predicted, flipped, target, gradient, query = (part[group] for part in layers[:5])
        even = quotient_of(((predicted + flipped) / 2).square(), predicted.square())
        risk = mean_of((predicted - target).square())
        row |= {"even share": even.low <= (whole - step) / whole <= even.high, "risk of the layer": risk.low <= loss <= risk.high}
        rows.append(row)
    return {name: sum(row[name] for row in rows) / REPEATS for name in rows[0]}


def test_coverage():
    covered = repeated()
    for name, share in covered.items():
        assert 0.88 <= share <= 0.995, (name, share, covered)
