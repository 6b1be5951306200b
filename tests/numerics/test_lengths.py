"""What is measured at each context length, on predictors whose distances are known.

Error model: means of 64 independent batches; a check at 6.5 standard errors fails by chance once in 10⁷.
"""

import dataclasses
import math

import pytest
import torch
from sympy import eye

from numerics.deep import decide, tables
from numerics.deep_config import build_config
from numerics.errors import TrainingError
from numerics.intervals import Interval
from numerics.lengths import References, known_bayes, measure, moments_of_least_squares
from numerics.objective import ExactObjective
from numerics.predictors import gradient_descent, least_squares, ridge
from numerics.samplers import PromptSampler
from theory import Gaussian, Linear, Setting

Z = 6.5
CONFIG = build_config({"model": "transformer", "dimension": 2, "context": 4, "noise": "1/2", "prompts": 4096})
SETTING = CONFIG.setting


def normal_equations(x, y, noise=0.5):
    """Ridge at every length, from the explicit inverse"""
    columns = []
    for k in range(x.shape[1]):
        precision = x[:, :k].mT @ x[:, :k] + noise * torch.eye(x.shape[2], dtype=x.dtype)
        columns.append((x[:, k, None] @ torch.linalg.inv(precision) @ x[:, :k].mT @ y[:, :k, None])[:, 0, 0])
    return torch.stack(columns, 1)


def measured(predict, setting=SETTING, lengths=range(5), prompts=4096):
    return measure(predict, setting, lengths, steps=3, prompts=prompts, seed=1)


def off_by(delta):
    return lambda x, y: normal_equations(x, y) + delta * x[..., 0]


def test_ridge_itself():
    rows = measured(normal_equations).rows
    assert max(row.excess.value for row in rows) < 1e-20
    for row in rows:
        assert abs(row.consistent.value) < Z * row.consistent.error
    assert decide(CONFIG, rows, [])[0] == "agrees"


def test_a_known_distance():
    """E (δ x_q1)² = δ², whatever the context"""
    rows = measured(off_by(0.1)).rows
    for row in rows:
        assert abs(row.excess.value - 0.01) < Z * row.excess.error
        assert row.relative.value == pytest.approx(row.excess.value / row.bayes.value)
        assert row.certified
        for name, gap in row.gaps.items():
            if gap and math.isfinite(gap.error):
                assert abs(row.distances[name].value - gap.value - 0.01) < Z * (row.distances[name].error + gap.error)
    assert decide(CONFIG, rows, [])[0] == "not converged"  # at n = 1 one step is too near to ridge for this distance


def test_close_enough():
    rows = measured(off_by(0.003)).rows
    assert decide(CONFIG, rows, [])[0] == "agrees"
    stricter = CONFIG.model_copy(update={"closer": 1e6})
    verdict, reason = decide(stricter, rows, [])
    assert verdict == "not converged"
    assert "closer to ridge" in reason
    verdict, reason = decide(CONFIG.model_copy(update={"tolerance": 1e-6}), rows, [])
    assert verdict == "not converged"
    assert "after 0 examples the excess" in reason


def test_one_step_is_at_no_distance_from_itself_and_has_theorys_risk():
    steps = [ExactObjective(build_config({**CONFIG.model_dump(), "context": k}).setting) for k in range(1, 5)]

    def predict(x, y):
        columns = [torch.zeros_like(y[:, 0])]
        columns += [((x[:, :k].mT @ y[:, :k, None])[..., 0] @ steps[k - 1].step * x[:, k]).sum(-1) for k in range(1, 5)]
        return torch.stack(columns, 1)

    found = measured(predict, prompts=1 << 14)
    for row in found.rows[1:]:
        assert row.distances["one step"].value < 1e-20
        assert row.closer.value < 1e-18
        # the exact minimum of the pre-training loss, by another derivation than the Bayes risk's
        assert abs(row.risk.value - steps[row.length - 1].minimum) < Z * row.risk.error
        difference = 0.5 + row.bayes.value + row.gaps["one step"].value - steps[row.length - 1].minimum
        assert abs(difference) < Z * row.gaps["one step"].error
    assert found.step_relative_error < 1e-8
    assert decide(CONFIG, found.rows, [])[0] == "not converged"


def test_a_wrong_bayes_risk_contradicts(monkeypatch):
    right = known_bayes(SETTING, 2)

    def wrong(setting, length):
        return type(right)(*(part * (1.2 if length == 2 else 1.0) for part in known_bayes(setting, length)))

    monkeypatch.setattr("numerics.lengths.known_bayes", wrong)
    verdict, reason = decide(CONFIG, measured(off_by(0.003), prompts=1 << 15).rows, [])
    assert verdict == "contradicts"
    assert "after 2 examples" in reason


def test_a_predictor_that_cheats_contradicts():
    """It has seen the label, and does better than the Bayes risk."""
    rows = measured(lambda x, y: 0.7 * normal_equations(x, y) + 0.3 * y).rows
    assert decide(CONFIG, rows, [])[0] == "contradicts"


def test_means_that_do_not_exist_are_left_out():
    rows = measured(off_by(0.1)).rows
    assert [row.length for row in rows if row.gaps["least squares"]] == [4]  # d = 2, n − d = 2: a mean without variance
    assert math.isnan(rows[4].gaps["least squares"].error)
    assert rows[0].closer is None
    for table in tables(CONFIG, rows):
        assert {len(row) for row in table["rows"]} == {len(table["columns"])}
        assert len(table["rows"]) == 5


def test_tuned_steps_are_the_best_of_a_grid():
    """And GD++ is nearer to ridge than as many plain steps."""
    x, y = (torch.randn(4096, 5, *tail, dtype=torch.float64, generator=torch.Generator().manual_seed(3)) for tail in ((2,), ()))
    y = (x * torch.randn(4096, 1, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(4))).sum(-1) + 0.5**0.5 * y
    reference = References.fitted(SETTING, 4, 3, x, y)
    ridge = normal_equations(x, y)[:, 4]

    def off(rate):
        w = torch.zeros(4096, 2, dtype=torch.float64)
        for _ in range(3):
            w = w + rate * (x[:, :4].mT @ (y[:, :4] - (x[:, :4] @ w[..., None])[..., 0])[..., None])[..., 0]
        return float(((w * x[:, 4]).sum(-1) - ridge).square().mean())

    assert off(reference.rate) <= min(off(0.01 * step) for step in range(1, 60)) * (1 + 1e-6)
    others = reference.answers(x[:, :4], y[:, :4], x[:, 4]).others
    assert (others["3 steps of GD++"] - ridge).square().mean() < 0.5 * (others["3 steps"] - ridge).square().mean()


@pytest.mark.parametrize(("scale", "length"), [(100.0, 4), (1.0, 300)])
def test_rates_are_tuned_in_their_own_units(scale, length):
    """At every scale of the covariates and every length the tuned rate does as well as the best of a fine grid."""
    sampler = PromptSampler(
        Setting(covariates=Gaussian(int(scale) ** 2 * eye(2)), response=Linear.isotropic(2), noise_variance=1, context_length=length),
        dtype=torch.float64,
        device=torch.device("cpu"),
        generator=torch.Generator().manual_seed(0),
    )
    x, y = sampler.sequences(2048)
    reference = References.fitted(sampler.setting, length, 3, x, y)
    context, labels, query = x[:, :length], y[:, :length], x[:, length]
    ridge = reference.answers(context, labels, query).ridge
    largest = torch.linalg.eigvalsh(context.mT @ context).amax(-1).mean()

    def off(rate):
        return float((gradient_descent(context, labels, query, rate=rate, count=3) - ridge).square().mean())

    assert off(reference.rate) <= min(off(0.02 * step / largest) for step in range(1, 100)) * (1 + 1e-6)


def test_least_squares_has_moments_where_wishart_matrices_have_inverses():
    assert [moments_of_least_squares(k, 3, 0.25) for k in range(1, 9)] == [1, 0, 0, 0, 1, 1, 2, 2]
    assert moments_of_least_squares(3, 3, 0) == 2


def test_predictions_that_are_not_finite():
    with pytest.raises(TrainingError, match="not finite on 4096 of 4096"):
        measured(lambda x, y: torch.full_like(y, math.nan))


def test_nothing_that_is_not_a_number_agrees():
    rows = measured(off_by(0.003)).rows
    lost = Interval(math.nan, math.nan, math.nan, math.nan)
    for name in ("relative", "closer", "consistent"):
        broken = [dataclasses.replace(row, **{name: lost}) for row in rows]
        assert decide(CONFIG, broken, [])[0] != "agrees"


@pytest.mark.parametrize("noise", ["0", "1/10000000000000000"])
def test_ridge_and_zero_contradict_nothing_without_noise(noise):
    config = build_config({"model": "transformer", "dimension": 3, "context": 6, "noise": noise, "prompts": 4096})
    for predict in (lambda x, y: torch.zeros_like(y), lambda x, y: normal_equations(x, y, float(config.setting.noise_variance) + 1e-13)):
        rows = measure(predict, config.setting, config.lengths, steps=2, prompts=4096, seed=1).rows
        assert decide(config, rows, [])[0] != "contradicts"


def test_where_one_step_is_ridge_nothing_is_asked_to_be_closer():
    """After one example of constant norm ridge is one step."""
    config = build_config({"model": "transformer", "dimension": 2, "context": 2, "covariates": "sphere", "prompts": 4096})
    found = measure(lambda x, y: normal_equations(x, y, 0.25) + 0.003 * x[..., 0], config.setting, range(3), steps=2, prompts=4096, seed=1)
    assert found.rows[1].gaps["one step"].value < 1e-20
    assert found.rows[1].closer.value < 2
    assert decide(config, found.rows, [])[0] == "agrees"


def test_one_linear_layer_is_judged_by_theory():
    config = build_config({"model": "linear", "depth": 1, "dimension": 2, "context": 4, "noise": "1/2", "prompts": 4096})
    step = ExactObjective(config.setting).step

    def of(share):
        """A share of one step, the rest of ridge"""

        def predict(x, y):
            one = ((x[:, :4].mT @ y[:, :4, None])[..., 0] @ step * x[:, 4]).sum(-1)
            return (share * one + (1 - share) * normal_equations(x, y)[:, 4])[:, None]

        rows = measure(predict, config.setting, config.lengths, steps=1, prompts=4096, seed=1).rows
        return decide(config, rows, [])[0]

    assert of(1.0) == "agrees"
    assert of(0.8) == "contradicts"
    assert of(1.5) == "not converged"


def test_without_certificate_the_bayes_risk_is_measured():
    config = build_config({"model": "transformer", "dimension": 2, "context": 4, "covariates": "2,1/2", "prompts": 4096})
    row = measure(lambda x, y: torch.zeros_like(y), config.setting, range(5), steps=2, prompts=4096, seed=1).rows[3]
    assert not row.certified
    assert 0 < row.bayes.low < row.bayes.value < row.bayes.high < 2.5
    assert abs(row.consistent.value) < Z * row.consistent.error


def test_least_squares_does_not_know_the_prior():
    """In another metric than the prior's, also with fewer examples than dimensions"""
    config = build_config({"model": "transformer", "dimension": 3, "context": 6, "response": "4,1,1/4", "prompts": 4096})
    for length in (1, 6):
        sampler = PromptSampler(config.setting, dtype=torch.float64, device=torch.device("cpu"), generator=torch.Generator().manual_seed(0))
        x, y = sampler.sequences(64)
        context = x[:, :length], y[:, :length], x[:, length]
        found = References.fitted(config.setting, length, 2, x, y).answers(*context)
        assert torch.allclose(found.others["least squares"], least_squares(*context))
        assert torch.allclose(found.ridge, ridge(*context, noise=0.25, prior=torch.tensor([4.0, 1.0, 0.25]).double().diag()))
