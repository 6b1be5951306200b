"""The question `all-positions`: theory's step and averaged loss against sampled prompts.

Error model: prompts are independent draws, each check within a bound at a false-alarm rate of 10⁻⁶ for all of them together
(`numerics.questions.answer`). With these prompts a step that is off by 1 % is some ten standard errors away.
"""

import json

import pytest
import torch
from click.testing import CliRunner
from sympy import Rational

from numerics.config import TrainConfig
from numerics.questions import all_positions
from theory.all_positions import Weights, averaged_minimiser

ASKED = ("--dimension", "2", "--context", "4", "--prompts", str(1 << 18))


def ask(folder, *options):
    return CliRunner().invoke(all_positions.command, ["--out", str(folder), *options])


def test_what_is_measured_agrees_with_theory(tmp_path):
    result = ask(tmp_path, *ASKED)
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "all-positions.json").read_text())
    assert [check["agrees"] for check in found["checks"]] == [True] * 8
    assert all(check["error"] < 1.5e-3 * check["theory"] for check in found["checks"][:2])
    assert (tmp_path / "all-positions.png").read_bytes().startswith(b"\x89PNG")


def test_a_theory_that_is_off_by_1_percent_is_contradicted(tmp_path, monkeypatch):
    monkeypatch.setattr(all_positions, "averaged_minimiser", lambda *setting: Rational(101, 100) * averaged_minimiser(*setting))
    result = ask(tmp_path, *ASKED)
    assert result.exit_code == 1
    found = json.loads((tmp_path / "all-positions.json").read_text())
    assert not any(check["agrees"] for check in found["checks"][:2])


def test_the_normal_equations_are_those_of_an_explicit_loop():
    setting = TrainConfig.build(dimension=2, context=3, covariates="2,1/2", response="1,1/2;1/2,2", noise="1/2").setting
    sampled = all_positions.Sampled(setting, 100, seed=1)
    case = all_positions.Case("two lengths", {1: Rational(1, 4), 3: Rational(3, 4)}, mean=True)
    prior = torch.tensor([[1, 0.5], [0.5, 2]], dtype=torch.float64)
    ((x, _),) = sampled.chunks()
    system, target = torch.zeros(2, 2, dtype=torch.float64), torch.zeros(2, 2, dtype=torch.float64)
    for prompt in x:
        for k, weight in ((1, 0.25), (3, 0.75)):
            seen = prompt[:k].mT @ prompt[:k] / k
            system += weight * (seen @ prior @ seen + 0.5 * seen / k)
            target += weight * seen @ prior
    direction = torch.tensor([[1, 2], [-1, 0.5]], dtype=torch.float64)
    value, error = sampled.fit(case, direction)
    assert value == pytest.approx(float((direction @ torch.linalg.solve(system, target)).trace()), rel=1e-10)
    assert error > 0


def test_the_laws_of_lengths_that_are_compared():
    for case in all_positions.cases(7):
        assert sum(case.probabilities.values()) == 1
        assert case.weights == Weights.lengths(case.probabilities, mean=case.mean)


@pytest.mark.parametrize(
    "wrong",
    [
        ("--context", "1000000000000"),
        ("--dimension", "100"),
        ("--prompts", "10000000"),
        ("--context", "0"),
        ("--noise", "-1"),
        ("--response", "no-such"),
        ("--covariates", "student-t:degrees=9"),
        ("--response", "relu"),
    ],
)
def test_bad_arguments_are_one_line(tmp_path, wrong):
    result = ask(tmp_path, *wrong)
    assert result.exit_code == 2, result.output
    assert result.output.startswith("error: ")
    assert result.output.count("\n") == 1
