"""The question `random-covariance`: theory's step and risk against sampled contexts.

Error model: prompts are independent draws, each check within a bound at a false-alarm rate of 10⁻⁶ for all of them together
(`numerics.questions.answer`). With these prompts a step of the mixture that is off by 1 % is some ten standard errors away; Wishart and
exponential covariances have heavier tails.
"""

import json

import pytest
import torch
from click.testing import CliRunner
from sympy import Rational, eye

from numerics.evaluate import number
from numerics.questions import random_covariance
from numerics.questions.random_covariance import Sampled, cases, mixture_outcomes
from numerics.source import Source
from theory.random_covariance import Mixture

ASKED = ("--dimension", "2", "--context", "16", "--degrees", "4", "--prompts", str(1 << 18))


def ask(folder, *options):
    return CliRunner().invoke(random_covariance.command, ["--out", str(folder), *options])


def test_what_is_measured_agrees_with_theory(tmp_path):
    result = ask(tmp_path, *ASKED)
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "random-covariance.json").read_text())
    assert [check["agrees"] for check in found["checks"]] == [True] * 10
    assert found["checks"][6]["error"] < 1.2e-3 * found["checks"][6]["theory"]
    assert (tmp_path / "random-covariance.png").read_bytes().startswith(b"\x89PNG")


def test_a_theory_that_is_off_by_1_percent_is_contradicted(tmp_path, monkeypatch):
    step, risk = Mixture.step, Mixture.risk
    monkeypatch.setattr(Mixture, "step", lambda mixture: Rational(101, 100) * step(mixture))
    monkeypatch.setattr(Mixture, "risk", lambda mixture, best: Rational(101, 100) * risk(mixture, best))
    result = ask(tmp_path, *ASKED)
    assert result.exit_code == 1, result.output
    found = json.loads((tmp_path / "random-covariance.json").read_text())
    agrees = {check["name"]: check["agrees"] for check in found["checks"]}
    assert not agrees["tr(B)/d, mixture of three"]
    assert not agrees["risk, mixture of three"]
    assert agrees["risk, exponential eigenvalues"]


def test_step_and_risk_are_those_of_explicit_prompts():
    """The mean over 2¹⁸ tasks, noises and queries of one context, within 6 standard errors; and the equations in a loop"""
    sampled = Sampled(cases(2, 3, Rational(1, 4))[2], context=3, noise=0.25, prompts=50, seed=1)
    ((seen, drawn),) = sampled.chunks()
    gram, target = torch.zeros(4, 4, dtype=torch.float64), torch.zeros(2, 2, dtype=torch.float64)
    for S, sigma in zip(seen, drawn, strict=True):
        gram += torch.kron(S @ S + S / 4, sigma)
        target += S @ sigma
    assert torch.allclose(sampled.fit()[0].flatten(), torch.linalg.solve(gram, target.flatten()))
    step, generator = torch.tensor([[0.1, 0.02], [-0.05, 0.2]], dtype=torch.float64), torch.Generator().manual_seed(2)
    x = torch.randn(3, 2, dtype=torch.float64, generator=generator)
    normal = torch.randn(1 << 18, 2 + 3 + 2 + 1, dtype=torch.float64, generator=generator)
    tasks, query = normal[:, :2], normal[:, 5:7] @ torch.linalg.cholesky(drawn[0]).mT
    sums = (tasks @ x.mT + normal[:, 2:5] / 2) @ x
    errors = ((sums @ step * query).sum(1) - (tasks * query).sum(1) - normal[:, 7] / 2).square()
    given = sampled._given((x.mT @ x)[None], drawn[:1], step)
    assert abs(float(errors.mean() - given[0])) < 6 * float(errors.std()) / 2**9


def test_covariances_of_rank_one_leave_the_antisymmetric_part_free():
    case = cases(2, 1, Rational(1, 4))[0]
    step, moved = Sampled(case, 20, 0.25, 4096, seed=0).fit()
    assert abs(float(step[0, 1] - step[1, 0])) < 1e-9 * float(step.trace())
    error = (moved @ torch.eye(2, dtype=torch.float64).reshape(-1) / 2).norm()
    assert abs(step.trace() / 2 - number(case.step(20).trace()) / 2) < 6 * error


def test_every_law_has_mean_one_and_the_second_moment_that_theory_has():
    """Means of 2¹⁶ draws, within 6 standard errors: a false alarm has probability 10⁻⁸ or so"""
    source = Source(dtype=torch.float64, device=torch.device("cpu"), generator=torch.Generator().manual_seed(3))
    for case in cases(3, 5, Rational(1, 4)):
        roots = case.draw(source, 1 << 16)
        drawn = roots @ roots.mT
        assert ((drawn.mean(0) - torch.eye(3)).abs() < 6 * drawn.std(0) / 2**8 + 1e-12).all(), case.name
    assert sum(mixture_outcomes(3), start=0 * eye(3)) == 3 * eye(3)
    first, second, _ = mixture_outcomes(3)
    assert first * second != second * first


@pytest.mark.parametrize(
    "wrong",
    [
        ("--dimension", "0"),
        ("--noise", "-1"),
        ("--degrees", "0"),
        ("--context", "1000000"),
        ("--dimension", "200"),
        ("--dimension", "1", "--context", "1000000000", "--degrees", "1000000"),
    ],
)
def test_bad_arguments_are_one_line(tmp_path, wrong):
    result = ask(tmp_path, *wrong)
    assert result.exit_code == 2, result.output
    assert result.output.startswith("error: ")
    assert result.output.count("\n") == 1
