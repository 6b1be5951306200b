"""The question `anisotropic`: theory's list against Hessians, descents and sampled prompts.

The float routes have no error but rounding. Error model of the sampled losses: batches of independent prompts, all checks together within
a false-alarm rate of 10⁻⁶ (`numerics.questions.answer`). The mutants below are exact: a list without one of its minima, an index and a
loss that are wrong.
"""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from click.testing import CliRunner
from sympy import Integer, Rational

from numerics.evaluate import number, to_tensor
from numerics.objective import ExactObjective
from numerics.polynomial import LossPolynomial
from numerics.questions import anisotropic
from theory.anisotropic import anisotropic_points

ASKED = ("--eigenvalue", "4", "--eigenvalue", "1", "--context", "8", "--noise", "1", "--prompts", "4096")


@pytest.fixture(autouse=True)
def _little_to_do(monkeypatch):
    monkeypatch.setattr(anisotropic, "STARTS", 24)
    monkeypatch.setattr(anisotropic, "LENGTHS", (2, 32))


def ask(folder, *options):
    return CliRunner().invoke(anisotropic.command, ["--out", str(folder), *options])


def test_what_is_measured_agrees_with_theory(tmp_path):
    result = ask(tmp_path, *ASKED)
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "anisotropic.json").read_text())
    names = [check["name"] for check in found["checks"]]
    assert "loss: several directions 4, 1 (saddle)" in names
    assert "loss on prompts: one direction 4 (local minimum)" in names
    assert "so the list is complete" in found["text"]
    assert (tmp_path / "anisotropic.png").read_bytes().startswith(b"\x89PNG")


def changed(change):
    return lambda setting: tuple(new for point in anisotropic_points(setting) for new in change(point))


MUTANTS = {
    "a minimum is missing": lambda point: () if point.kind == "local minimum" else (point,),
    "a saddle is called a minimum": lambda point: (replace(point, index=0) if point.kind == "saddle" else point,),
    "a loss is off by 1 %": lambda point: (replace(point, loss=point.loss * Rational(101, 100)),),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_wrong_list_is_contradicted(tmp_path, monkeypatch, name):
    monkeypatch.setattr(anisotropic, "anisotropic_points", changed(MUTANTS[name]))
    monkeypatch.setattr(anisotropic, "_figure", lambda *_: anisotropic.Figure())
    assert ask(tmp_path, *ASKED).exit_code == 1


def test_the_profile_is_the_loss_of_the_layers_on_the_list():
    setting = anisotropic.setting_of([Integer(3), Integer(2)], 60, Rational(1, 2))
    polynomial = LossPolynomial(ExactObjective(setting))
    points = [point for point in anisotropic_points(setting) if point.name != "zero predictor"]
    v = torch.stack([to_tensor(point.representative.value)[:, 0] for point in points])
    losses = anisotropic.profile(polynomial, v)
    torch.testing.assert_close(losses, torch.tensor([number(point.loss) for point in points], dtype=torch.float64), rtol=1e-9, atol=0)


def test_one_eigenvalue_and_one_that_is_zero_have_figures_too(tmp_path):
    for options in (("--eigenvalue", "2"), ("--eigenvalue", "2", "--eigenvalue", "0")):
        result = ask(tmp_path / options[-1], *options, "--context", "5", "--prompts", "1024")
        assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    "options", [("--eigenvalue", "x"), ("--eigenvalue", "-1"), ("--eigenvalue", "0"), ("--noise", "-1"), ("--eigenvalue", "1") * 6]
)
def test_bad_options_are_one_line(tmp_path, options):
    result = ask(tmp_path, *options)
    assert result.exit_code == 2
    assert result.output.startswith(f"error: {options[0]}: ")
    assert result.output.count("\n") == 1
