"""The question `separate-weights`: its flow against the known solution, its plateaus, and its answer; that it notices a wrong theory."""

from __future__ import annotations

import json

import pytest
import torch
from click.testing import CliRunner

from numerics.evaluate import DTYPE
from numerics.questions import separate_weights as module
from numerics.questions.separate_weights import Path, flow
from theory.separate_weights import Rung

SMALL = ("--dimension", "2", "--context", "6", "--key-width", "2")


def test_the_flow_of_a_quadratic_is_exponential():
    rates = torch.tensor([1.0, 3.0], dtype=DTYPE)
    path = flow(lambda x: (rates * x.square()).sum() / 2, torch.ones(2, dtype=DTYPE), 1e-4, tolerance=1e-7)
    for time, place in zip(path.times, path.places, strict=True):
        assert torch.allclose(place, torch.exp(-rates * time), rtol=1e-5, atol=1e-7)


def test_plateaus_lie_between_two_fast_places():
    speeds = [1.0, 5.0, 1.0, 0.1, 0.2, 4.0, 1.0, 0.5, 2.0, 0.01]
    path = Path([], [], speeds, [torch.tensor(float(at)) for at in range(len(speeds))])
    assert [float(place) for place in path.plateaus()] == [3.0, 7.0]


def test_the_answer(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "STARTS", 3)
    result = CliRunner().invoke(module.command, [*SMALL, "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "separate-weights.json").read_text())
    names = [check["name"] for check in found["checks"]]
    assert found["agrees"]
    assert sum("directions of descent" in name for name in names) == 4
    assert "plateau 1 of the flow: the nearest rung" in names
    assert (tmp_path / "separate-weights.png").read_bytes()[:4] == b"\x89PNG"


def test_a_wrong_count_of_descending_directions_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "STARTS", 1)
    right = Rung.descending
    monkeypatch.setattr(Rung, "descending", lambda self, width: right(self, width) + (self.size == 1))
    result = CliRunner().invoke(module.command, [*SMALL, "--out", str(tmp_path)])
    assert result.exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--dimension", "7", "--covariates", "isotropic"), "--dimension"),
        (("--response", "monomial:2", "--covariates", "2,1,1"), "linear part"),
    ],
)
def test_bad_arguments_are_one_line(arguments, said):
    result = CliRunner().invoke(module.command, list(arguments))
    assert result.exit_code == 2
    assert said in result.output
    assert result.output.count("\n") == 1
