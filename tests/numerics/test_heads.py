"""The question about heads: its polynomial against theory's loss, theory's stationary points, and the command."""

from __future__ import annotations

import json

import pytest
import torch
from click.testing import CliRunner
from common.altered import altered
from sympy import Matrix, Rational

from numerics.evaluate import number
from numerics.objective import ExactObjective
from numerics.polynomial import LossPolynomial
from numerics.questions import heads
from numerics.questions.heads import command, explored
from theory import Gaussian, Linear, LinearAttention, Setting
from theory.heads import loss_of_heads, stationary_points_of_heads


def setting_of(d, context, noise):
    return Setting(covariates=Gaussian.isotropic(d), response=Linear.isotropic(d), noise_variance=noise, context_length=context)


def polynomial_of(setting, count, module=heads):
    return module.HeadsPolynomial(LossPolynomial(ExactObjective(setting)), count)


def check_polynomial(module=heads):
    """The loss is theory's, and its derivatives are those of automatic differentiation: rounding apart."""
    setting = setting_of(2, 3, 1)
    polynomial = polynomial_of(setting, 2, module)
    theta = torch.randn(3, polynomial.size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    v, M = polynomial.split(theta)
    for k in range(len(theta)):
        layers = [
            LinearAttention(
                Matrix([Rational(float(x)) for x in v[k, h]]),
                Matrix([[*(Rational(float(x)) for x in row), 0] for row in M[k, h]]),
            )
            for h in range(2)
        ]
        assert abs(float(polynomial.loss(theta)[k]) / float(loss_of_heads(setting, layers)) - 1) < 1e-12
    gradient, hessian = polynomial.derivatives(theta)
    one = theta[0].clone().requires_grad_()
    (slope,) = torch.autograd.grad(polynomial.loss(one[None]).sum(), one)
    assert torch.allclose(gradient[0], slope, rtol=1e-10, atol=1e-10)
    second = torch.autograd.functional.hessian(lambda x: polynomial.loss(x[None]).sum(), theta[0])
    assert torch.allclose(hessian[0], second, rtol=1e-10, atol=1e-8)


def test_the_polynomial_is_the_loss_of_theory():
    check_polynomial()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("quartic.permute(0, 2, 3, 1) - quartic", "quartic.permute(0, 2, 3, 1)"),
        ('2 * torch.einsum("abcd,nhbj,nkdj->nhakc"', '2.02 * torch.einsum("abcd,nhbj,nkdj->nhakc"'),
        ("self._linear + 2 * self._slope(v, M)[1]\n        by_value", "self._linear + self._slope(v, M)[1]\n        by_value"),
    ],
    ids=["means not taken apart", "Hessian 1 % off", "half the slope"],
)
def test_a_changed_polynomial_is_refused(old, new):
    with altered(heads, (old, new)) as module, pytest.raises(AssertionError):
        check_polynomial(module)


@pytest.mark.parametrize(("d", "context", "noise", "count"), [(2, 3, 0, 3), (3, 4, 1, 2), (3, 2, 1, 3), (4, 2, 30, 2)])
def test_every_family_is_stationary_and_has_its_loss_and_index(d, context, noise, count):
    setting = setting_of(d, context, noise)
    polynomial = polynomial_of(setting, count)
    for family in stationary_points_of_heads(setting, count):
        theta = polynomial.at(family)[None]
        gradient, hessian = polynomial.derivatives(theta)
        curvature = torch.linalg.eigvalsh(hessian[0])
        assert abs(float(polynomial.loss(theta)) - number(family.loss)) < 1e-12 * number(setting.moments.tau)
        assert float(gradient.abs().max()) < 1e-10
        assert int((curvature < -1e-9 * curvature.max()).sum()) == family.index


def test_ends_are_on_the_list_and_a_spurious_minimum_holds_what_starts_beside_it():
    setting = setting_of(2, 2, 1)
    one = LossPolynomial(ExactObjective(setting))
    for count in (1, 2, 3):
        found = explored(setting, one, count, 6, 0)
        assert (found.places >= 0).all()
        reached = {found.families[place].kind for place in found.places.tolist()}
        assert reached == ({"global minimum", "local minimum"} if count == 1 else {"global minimum"})


def test_the_command(tmp_path):
    result = CliRunner().invoke(command, ["--dimension", "2", "--context", "2", "--starts", "3", "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "heads.json").read_text())
    assert found["theorem"] == "heads"
    assert "Spurious minima with 1 head here; the least number without any is 2" in found["text"]
    assert (tmp_path / "heads.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--dimension", "7"], "--dimension"),
        (["--dimension", "1000"], "--dimension"),
        (["--noise", "-1"], "noise"),
        (["--context", "0"], "--context"),
        (["--context", "1000000"], "--context"),
    ],
)
def test_bad_values_are_one_line(tmp_path, arguments, says):
    result = CliRunner().invoke(command, [*arguments, "--out", str(tmp_path)])
    assert result.exit_code == 2
    assert says in result.output
    assert len(result.output.strip().splitlines()) == 1
