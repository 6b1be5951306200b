"""The question `stable-step`: theory's probability and moments against sampled spectra.

Error model: prompts are independent draws, each check within a bound at a false-alarm rate of 10⁻⁶ for all of them together
(`numerics.questions.answer`). With these prompts a mean-square factor off by 1 % is some ten standard errors away, a probability off by
15 % more than six.
"""

import json

import pytest
import torch
from click.testing import CliRunner
from sympy import Rational

from numerics.questions import stable_step
from numerics.questions.stable_step import spectra, white

ASKED = ("--dimension", "3", "--context", "5", "--prompts", str(1 << 17))


@pytest.fixture
def _no_figure(monkeypatch):
    monkeypatch.setattr(stable_step, "_figure", lambda: b"")


def ask(folder, *options):
    return CliRunner().invoke(stable_step.command, ["--out", str(folder), *options])


def test_what_is_measured_agrees_with_theory(tmp_path, monkeypatch):
    monkeypatch.setattr(stable_step, "BANDS", ((4, 50),))
    monkeypatch.setattr(stable_step, "RATIOS", ("1",))
    monkeypatch.setattr(stable_step, "SIZES", (1, 4))
    result = ask(tmp_path, *ASKED)
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "stable-step.json").read_text())
    assert [check["agrees"] for check in found["checks"]] == [True] * 7
    assert found["checks"][1]["error"] < 1.2e-3 * found["checks"][1]["theory"]
    assert (tmp_path / "stable-step.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.usefixtures("_no_figure")
@pytest.mark.parametrize(
    ("name", "factor", "place"), [("mean_square_factor", Rational(101, 100), 1), ("unstable_probability", Rational(115, 100), 0)]
)
def test_a_theory_that_is_off_is_contradicted(tmp_path, monkeypatch, name, factor, place):
    true = getattr(stable_step, name)
    monkeypatch.setattr(stable_step, name, lambda *arguments: factor * true(*arguments))
    result = ask(tmp_path, *ASKED)
    assert result.exit_code == 1, result.output
    found = json.loads((tmp_path / "stable-step.json").read_text())
    assert [number for number, check in enumerate(found["checks"]) if not check["agrees"]] == [place]


def test_the_spectra_are_those_of_contexts():
    """Mean and mean square of the eigenvalues over explicit contexts with rows N(0, I), within 6 standard errors"""
    drawn = spectra(white(2, 3, Rational(0)), 1 << 14, seed=3)
    x = torch.randn(1 << 14, 3, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    other = torch.linalg.eigvalsh(x.mT @ x) / 6
    for mine, theirs in ((drawn[:, 1], other[:, 1]), (drawn[:, 0], other[:, 0]), (drawn[:, 1] ** 2, other[:, 1] ** 2)):
        error = ((mine.var() + theirs.var()) / (1 << 14)).sqrt()
        assert abs(mine.mean() - theirs.mean()) < 6 * error


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--noise", "-1"), "--noise"),
        (("--noise", "1000000"), "--noise"),
        (("--context", "0"), "--context"),
        (("--prompts", str(1 << 40)), "too many to sample"),
    ],
)
def test_bad_values_are_one_line(tmp_path, options, words):
    result = ask(tmp_path, *options)
    assert result.exit_code == 2
    assert words in result.output
    assert result.output.startswith("error: ")
    assert result.output.count("\n") == 1
