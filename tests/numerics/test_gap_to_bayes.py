"""The question `gap-to-bayes`: theory's risks against sampled contexts.

Error model: prompts are independent draws, each check within a bound at a false-alarm rate of 10⁻⁶ for all of them together
(`numerics.questions.answer`). With these prompts a risk off by 1 % is some ten standard errors away.
"""

import json

import pytest
import torch
from click.testing import CliRunner
from sympy import Rational

from numerics.questions import gap_to_bayes
from numerics.questions.gap_to_bayes import distances, given, ridge, scaled
from theory.gap_to_bayes import bayes_correction

ASKED = ("--dimension", "3", "--context", "4", "--prompts", str(1 << 16))


@pytest.fixture
def _no_figure(monkeypatch):
    monkeypatch.setattr(gap_to_bayes, "_figure", lambda *_: b"")


def ask(folder, *options):
    return CliRunner().invoke(gap_to_bayes.command, ["--out", str(folder), *options])


def test_what_is_measured_agrees_with_theory(tmp_path, monkeypatch):
    monkeypatch.setattr(gap_to_bayes, "NOISES", ("1/2",))
    monkeypatch.setattr(gap_to_bayes, "SIZES", ((2, "s"),))
    monkeypatch.setattr(gap_to_bayes, "DRAWN_SIZES", (2, 4))
    result = ask(tmp_path, *ASKED)
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "gap-to-bayes.json").read_text())
    assert [check["agrees"] for check in found["checks"]] == [True] * 5
    assert found["checks"][1]["error"] < 1.5e-3 * found["checks"][1]["theory"]
    assert (tmp_path / "gap-to-bayes.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.usefixtures("_no_figure")
@pytest.mark.parametrize(("name", "contradicted"), [("bayes_risk", "Bayes risk"), ("finite_gap", "gap")])
def test_a_theory_that_is_off_is_contradicted(tmp_path, monkeypatch, name, contradicted):
    true = getattr(gap_to_bayes, name)
    monkeypatch.setattr(gap_to_bayes, name, lambda *arguments: Rational(103, 100) * true(*arguments))
    result = ask(tmp_path, *ASKED)
    assert result.exit_code == 1, result.output
    found = json.loads((tmp_path / "gap-to-bayes.json").read_text())
    assert contradicted in [check["name"] for check in found["checks"] if not check["agrees"]]


@pytest.mark.usefixtures("_no_figure")
def test_without_noise(tmp_path):
    result = ask(tmp_path, "--dimension", "4", "--context", "2", "--noise", "0", "--prompts", "4096")
    assert result.exit_code == 0, result.output
    assert "at its limit at every size" in result.output


def test_the_risks_given_a_context_are_means_over_task_noise_and_query():
    """In matrices: the risk of ηI and of the posterior mean, as traces"""
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(4, 3, dtype=torch.float64, generator=generator)
    gram, unit, noise, eta = x.mT @ x, torch.eye(3, dtype=torch.float64), 0.3, 0.11
    eigenvalues = torch.linalg.eigvalsh(gram)
    left = unit - eta * gram
    step = noise + (left @ left).trace() / 3 + noise * eta**2 * gram.trace()
    assert torch.allclose(given(eigenvalues, eta, noise), step)
    resolvent = torch.linalg.inv(gram + noise * 3 * unit)
    assert torch.allclose(ridge(eigenvalues, noise, 3), noise + noise * resolvent.trace())


def test_the_distance_to_the_limit_falls_as_theory_says():
    found = distances(Rational(1, 2), Rational(1, 4))
    assert sorted(found) == [6, 40]
    assert found[40] * 40 == pytest.approx(float(bayes_correction(Rational(1, 2), Rational(1, 4))), rel=0.03)
    assert scaled(2, 1, Rational(1)).response.covariance.trace() == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [(("--noise", "-1"), "noise"), (("--dimension", "0"), "--dimension"), (("--prompts", str(1 << 40)), "too many to sample")],
)
def test_bad_values_are_one_line(tmp_path, options, words):
    result = ask(tmp_path, *options)
    assert result.exit_code == 2
    assert words in result.output
    assert result.output.startswith("error: ")
    assert result.output.count("\n") == 1
