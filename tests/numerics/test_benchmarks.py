"""What the benchmarks compare with computes the right thing: nothing here is timed.

Sampled losses: z = (mean − exact loss) / standard error from 64 batches, so t with 63 degrees of freedom; |z| > 6.5 has probability 1.5e-8
(two-sided), under 1e-7 for the three draws together.
"""

import math
import sys
from pathlib import Path

import pytest
import torch
from sympy import expand

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks import by_hand, symbolic, training
from benchmarks.convergence import Run, Schedule
from benchmarks.report import Measured, Report, Row
from numerics.config import TrainConfig
from numerics.models import SeparateAttention
from numerics.objective import ExactObjective
from theory import notation

FORMS = by_hand.REFERENCE | by_hand.OTHERS


def random_weights(d, dtype=torch.float64):
    torch.manual_seed(0)
    shapes = [(d + 1, d + 1)] * 3 + [(d + 1,)]
    return tuple(torch.randn(*shape, dtype=dtype) / (d + 1) for shape in shapes)


@pytest.mark.parametrize("name", FORMS)
def test_every_form_is_the_layer(name):
    z, target = torch.randn(7, 6, 4, dtype=torch.float64), torch.randn(7, dtype=torch.float64)
    z[:, -1, -1] = 0
    weights = random_weights(3)
    model = SeparateAttention(*weights)
    parameters = tuple(weight.clone().requires_grad_() for weight in weights)
    ours, theirs = model(z), FORMS[name](z.mT.contiguous() if name in by_hand.COLUMNS else z, parameters)
    torch.testing.assert_close(theirs, ours)
    slopes = torch.autograd.grad((theirs - target).square().mean(), parameters)
    for slope, expected in zip(slopes, torch.autograd.grad((ours - target).square().mean(), list(model.parameters())), strict=True):
        torch.testing.assert_close(slope, expected)


@pytest.mark.parametrize("name", ["gram", "scores", "fresh"])
def test_the_mean_loss_is_the_exact_one(name):
    d, n, noise = 3, 6, 0.5
    objective = ExactObjective(TrainConfig.build(dimension=d, context=n, noise="1/4").setting)
    weights = random_weights(d, torch.float32)
    W_Q, W_K, W_V, h = (weight.double() for weight in weights)
    step, _ = by_hand.training_step(name, weights, n=n, noise=noise, batch=2048, learning_rate=0.0)
    losses = torch.tensor([float(step().detach()) for _ in range(64)], dtype=torch.float64)
    z = (losses.mean() - objective.loss(h @ W_V, W_K.T @ W_Q)) / (losses.std() / 8)
    assert abs(z) < 6.5


@pytest.mark.parametrize("columns", [False, True])
def test_tokens_drawn_in_place(columns):
    d, n = 3, 400
    for noise in (0.0, 0.5):
        draw = by_hand.Drawn(d, n, noise, 50, columns=columns)
        z, target = draw()
        z, w = z.mT if columns else z, draw.tasks.reshape(50, d, 1)
        residual = z[:, :-1, d] - (z[:, :-1, :d] @ w)[..., 0]
        assert float(residual.std()) == pytest.approx(noise, abs=0.02)  # 8 standard errors of 0.0025
        assert (z[:, -1, d] == 0).all()
        if noise == 0:
            torch.testing.assert_close(target, (z[:, -1, :d] * w[..., 0]).sum(-1))


@pytest.mark.parametrize(
    ("make", "name"), [(training.hand_written, name) for name in FORMS] + [(training.ours, name) for name in training.OURS]
)
def test_a_step_moves_every_weight_at_the_rate_given(make, name):
    """The first step of Adam is the learning rate times the sign of the gradient."""
    step, weights = make(name, 3, 5, 64, learning_rate=1e-4)
    before = [weight.clone() for weight in weights]
    for expected, weight in zip(training.weights(training.initial(3, 5, 0)), before, strict=True):
        assert torch.equal(weight, expected)
    step(0.01)
    for old, new in zip(before, weights, strict=True):
        assert float((new - old).abs().max()) == pytest.approx(0.01, rel=1e-3)


def test_pairings_one_by_one():
    n, d = notation.n, notation.d
    assert expand(symbolic.by_pairings(2) - n * d * (n + d + 1)) == 0
    for k in range(1, 5):
        found = symbolic.by_pairings(k)
        assert found.subs({n: 1, d: 1}) == math.prod(range(1, 2 * k, 2))
        assert expand(found - symbolic.by_rewiring(k)) == 0


@pytest.mark.parametrize(
    ("excess", "steps"),
    [([0.5, 0.1, 0.009, 0.002], 3), ([0.5, 0.009, 0.02, 0.002], 4), ([0.001], 1), ([0.5, 0.02], math.inf), ([math.nan], math.inf)],
)
def test_settled_is_for_good(excess, steps):
    run = Run([1.0] * len(excess), [2.0] * len(excess), excess)
    assert run.steps == steps
    assert run.until_settled(run.wall) == steps
    assert run.until_settled(run.cpu) == 2 * steps


def test_the_schedule_falls_to_zero():
    for shape in ("cosine", "line"):
        rates = [Schedule(1, 100, 0.02, shape, (0.9, 0.99)).rate(i) for i in range(100)]
        assert rates == sorted(rates, reverse=True)
        assert rates[0] == pytest.approx(0.02, rel=0.01)
        assert sum(rates) == pytest.approx(1.0)
        assert 0 < rates[-1] < 2e-4


def test_a_target_holds_on_the_clock_and_in_cpu_time(tmp_path):
    assert Row("ratio", 2.0, at_least=2.0, cpu=2.1).reached is True
    assert Row("ratio", 2.0, at_least=2.0, cpu=1.9).reached is False
    assert Row("ratio", 1.2, at_most=1.1).reached is False
    assert Row("ratio", None, at_least=2.0).reached is None
    report = Report("a machine")
    report.add(
        [Row("ratio | of two", 1.2, at_most=1.1), Row("floor", 3.0, "GFLOP/s")], [Measured("d=5", "gram", "reference", 0.25, 0.25, 3)]
    )
    assert [row.what for row in report.missed] == ["ratio | of two"]
    report.write(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"results.json", "results.md", "figures.csv", "contenders.csv"}
    assert "1.2×,,≤ 1.1×,NO" in (tmp_path / "figures.csv").read_text()
