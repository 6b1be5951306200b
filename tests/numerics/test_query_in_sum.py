"""`python -m numerics.questions query-in-sum`: what it measures is theory's, and it finds out a theory that is wrong.

Sampled means are of independent prompts, bounded on a sphere, so near normal: an assertion |t| < 6 fails by chance with probability 2·10⁻⁹.
The standard errors of the loss with the query in the sum and of what it adds are below 0.095 % here, so a theory that is 1 % off has
|t| > 6 but for a chance below 10⁻⁵.
"""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from sympy import Matrix, Rational, eye
from torch import Generator

from numerics.questions import query_in_sum as module
from numerics.questions.query_in_sum import command, layer_along, measured
from theory import Linear, LinearAttention, Setting, Sphere, in_context_loss
from theory.query_in_sum import query_in_sum_loss

SMALL = ["--dimension", "2", "--context", "5", "--prompts", "2048"]
SPHERE = Setting(covariates=Sphere(eye(2)), response=Linear.isotropic(2), noise_variance=Rational(1, 4), context_length=2)
LAYERS = {
    "labels": layer_along(SPHERE, Rational(2)),
    "covariates": LinearAttention(Matrix([2, 0, 0]), Matrix([[1, 0, 0], [1, 1, 0], [0, 0, 0]])),
}


@pytest.mark.parametrize("name", LAYERS)
def test_the_measured_losses_are_theorys(name, monkeypatch):
    monkeypatch.setattr(module, "QUERIES", 2)
    layer = LAYERS[name]
    found = measured(SPHERE, layer, 1 << 20, Generator().manual_seed(1))
    there, without = float(query_in_sum_loss(SPHERE, layer)), float(in_context_loss(SPHERE, layer))
    for theory, (mean, error) in zip((there, without, there - without), found, strict=True):
        assert abs(mean - theory) < 6 * error
    for theory, (mean, error) in ((there, found.within), (there - without, found.difference)):
        assert abs(mean - 1.01 * theory) > 6 * error


def run(*options):
    return CliRunner().invoke(command, [*SMALL, *options])


def test_the_question_is_answered(tmp_path):
    result = run("--out", str(tmp_path))
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "query-in-sum.json").read_text())
    assert (found["theorem"], found["agrees"]) == ("query-in-sum", True)
    assert "with, mixed direction at" in found["text"]
    assert (tmp_path / "query-in-sum.png").stat().st_size > 10_000


def test_a_theory_without_the_querys_term_is_found_out(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "query_in_sum_loss", in_context_loss)
    result = run("--out", str(tmp_path))
    assert result.exit_code == 1
    found = json.loads((tmp_path / "query-in-sum.json").read_text())
    wrong = {check["name"] for check in found["checks"] if not check["agrees"]}
    assert {"what the query adds, v_x = 2 e₁", "what the query adds, no block 0"} <= wrong


def test_what_takes_too_long_to_sample_is_refused(tmp_path):
    for options in (("--context", "1000000"), ("--dimension", "100"), ("--context", "10000", "--prompts", "65536")):
        result = run(*options, "--out", str(tmp_path))
        assert result.exit_code == 2
        assert options[-2] in result.output
        assert result.output.count("\n") == 1


@pytest.mark.parametrize(
    ("covariates", "message"),
    [
        ("2,1", "of covariance I"),
        ("uniform", "elliptical ones"),
        ("student-t:degrees=6", "‖x‖^6 does not exist"),
        ("student-t:degrees=9", "‖x‖^12 does not exist"),
    ],
)
def test_a_law_of_which_it_cannot_speak_is_refused(covariates, message, tmp_path):
    result = run("--covariates", covariates, "--out", str(tmp_path))
    assert result.exit_code == 2
    assert message in result.output
    assert result.output.startswith(f"error: --covariates {covariates}: ")
    assert result.output.count("\n") == 1
