"""`separate_weights` against gradients and Hessians of the exact loss in all four weights, by autograd in float64. No error model: what is
equal is so to 10⁻⁹, and eigenvalues below 10⁻⁹ of the greatest count as 0.
"""

from __future__ import annotations

import pytest
import torch
from common.altered import altered
from sympy import Integer, Matrix, Min, Rational, Symbol, diag, symbols

from numerics.evaluate import DTYPE, number
from numerics.objective import ExactObjective
from numerics.questions.separate_weights import Directions, FourWeights, descending, rung_weights
from theory import Gaussian, Linear, LinearAttention, Setting, SettingError, StudentT, global_minimiser, in_context_loss
from theory import separate_weights as module
from theory.coefficients import coefficients
from theory.separate_weights import bottleneck_minimum, gains, ladder, new_points, stays

COMMUTING = Setting(
    covariates=Gaussian(diag(1, 2, 4)), response=Linear(diag(2, Rational(1, 3), 1)), noise_variance=Rational(1, 2), context_length=5
)
SKEW = Setting(
    covariates=Gaussian(Matrix([[2, 1, 0], [1, 3, 1], [0, 1, 1]])),
    response=Linear(diag(1, Rational(1, 2), 3)),
    noise_variance=Rational(1, 4),
    context_length=7,
)
SINGULAR = Setting(covariates=Gaussian(diag(1, 2, 4)), response=Linear(diag(2, 0, 1)), noise_variance=0, context_length=4)
STUDENT = Setting(covariates=StudentT(diag(1, 3), degrees=9), response=Linear(diag(2, 1)), noise_variance=1, context_length=5)


def isotropic(d, n, noise=0):
    return Setting(covariates=Gaussian.isotropic(d), response=Linear.isotropic(d), noise_variance=noise, context_length=n)


def check_rungs(found, setting, width):
    """The loss and the number of descending directions of every rung, and that it is stationary."""
    objective = ExactObjective(setting)
    directions, weights = Directions.of(setting, objective), FourWeights(objective, width)
    for rung in found.ladder(setting, width):
        theta = rung_weights(weights, directions, rung)
        slope = torch.autograd.functional.jacobian(weights, theta)
        assert slope.norm() < 1e-9 * objective.null
        assert float(weights(theta)) == pytest.approx(number(rung.loss), rel=1e-9)
        assert descending(weights, theta) == rung.descending(width)


@pytest.mark.parametrize(
    ("setting", "width"), [(COMMUTING, 4), (SKEW, 2), (SINGULAR, 3), (STUDENT, 3), (isotropic(3, 4), 3), (isotropic(3, 4, 1), 1)]
)
def test_a_rung_is_stationary_and_has_as_many_directions_of_descent(setting, width):
    check_rungs(module, setting, width)


@pytest.mark.parametrize(
    "change",
    [
        ("(width - self.size) * sum(left, S.Zero) + exchanges", "width * sum(left, S.Zero) + exchanges"),
        ("(width - self.size) * sum(left, S.Zero) + exchanges", "(width - self.size) * sum(left, S.Zero)"),
        ("setting.context_length * R.inv() * K", "(setting.context_length + 1) * R.inv() * K"),
        ("return sign(other.value - one.value)", "return sign(one.value - other.value)"),
    ],
)
def test_the_check_of_rungs_refuses(change):
    with altered(module, change) as wrong, pytest.raises(AssertionError):
        check_rungs(wrong, COMMUTING, 3)


def test_commuting_rungs_are_diagonal_layers_exactly():
    """With Σ and W diagonal the step of a rung is a part of the diagonal of B*."""
    step, n, tau = global_minimiser(COMMUTING).step, 5, COMMUTING.moments.tau
    a = [2, Rational(2, 3), 4]
    value = [n * x**2 / ((n + 1) * x + tau) for x in a]
    order = sorted(range(3), key=lambda i: -value[i])
    assert [gain.value for gain in gains(COMMUTING)] == [value[i] for i in order]
    for rung in ladder(COMMUTING):
        kept = diag(*(step[i, i] * rung.chosen[order.index(i)] for i in range(3)))
        zero = Matrix([0, 0, 0])
        layer = LinearAttention.from_blocks(covariate_value=zero, label_value=1, covariate_key_query=kept, label_key_query=zero)
        assert in_context_loss(COMMUTING, layer) == rung.loss


@pytest.mark.parametrize("setting", [COMMUTING, SKEW, SINGULAR, STUDENT, isotropic(3, 4)])
def test_the_last_rung_is_the_global_minimum_and_narrow_layers_reach_the_best_of_theirs(setting):
    least, size = number(global_minimiser(setting).loss), int(setting.dimension)
    assert number(ladder(setting)[-1].loss) == pytest.approx(least, rel=1e-12)
    for width in range(1, size + 2):
        levels = [number(rung.loss) for rung in ladder(setting, width)]
        assert min(levels) == pytest.approx(number(bottleneck_minimum(setting, width)), rel=1e-12)
        still = [rung for rung in ladder(setting, width) if rung.descending(width) == 0]
        assert all(number(rung.loss) == pytest.approx(min(levels), rel=1e-12) for rung in still)


def test_no_narrow_layer_is_better():
    """Random layers with M of rank 1 and 2, v_x and m_yx not 0, at their best scale: never below the bound, which the best reach."""
    objective, generator = ExactObjective(SKEW), torch.Generator().manual_seed(3)
    for width in (1, 2):
        bound = number(bottleneck_minimum(SKEW, width))
        for _ in range(50):
            v = torch.randn(4, dtype=DTYPE, generator=generator)
            keys, queries = (torch.randn(width, 4, dtype=DTYPE, generator=generator) for _ in range(2))
            M = keys.T @ queries
            zero, one, two = (float(objective.loss(s * v, M)) for s in (0.0, 1.0, 2.0))
            square, linear = (two - 2 * one + zero) / 2, (4 * one - two - 3 * zero) / 2
            assert zero - linear**2 / (4 * square) >= bound


def test_symbolic_settings_at_numbers():
    n, d, k = symbols("n d k", integer=True, positive=True)
    noise = Symbol("s", nonnegative=True)
    setting = Setting(covariates=Gaussian.isotropic(d), response=Linear.isotropic(d), noise_variance=noise, context_length=n)
    (rung,) = ladder(setting)
    (j,) = rung.chosen
    at = {n: 5, d: 3, noise: Rational(1, 2), k: 2}
    here = isotropic(3, 5, Rational(1, 2))
    assert bottleneck_minimum(setting, k).subs(at) == bottleneck_minimum(here, 2)
    for other in ladder(here, 2):
        mapping = at | {j: other.size}
        assert (rung.loss.subs(mapping), rung.descending(k).subs(mapping)) == (other.loss, other.descending(2))
        assert rung.dimension.subs(mapping) == other.dimension
    assert bool(rung.exists(k).subs(at | {j: 3})) is False
    assert bottleneck_minimum(setting, k).has(Min)


# what becomes of stationary points of the merged loss


def one_direction(setting, width, queries):
    """Weights whose image is the family "one direction": W_Q of rank `queries`, W_K of rank width + 1 − queries; the kernels as close as
    they can be to each other."""
    found, d = coefficients(setting), int(setting.dimension)
    key, query = torch.zeros(width, d + 1, dtype=DTYPE), torch.zeros(width, d, dtype=DTYPE)
    query[0, 0], key[0, d] = number(found.q / found.p), 1.0
    for i in range(1, queries):
        query[i, i] = 1.0
    for i in range(width - queries):
        key[queries + i, i] = 1.0
    v = torch.eye(d + 1, dtype=DTYPE)[0]
    weights = FourWeights(ExactObjective(setting), width, values=1)
    return weights, weights.place(key, query, v)


def check_one_direction(found, setting, width):
    """Of the weights over one direction, the Hessians of those with the least and the most freedom."""
    part = next(part for part in found.stays(setting, width) if part.family.name == "one direction")
    d = int(setting.dimension)
    counts = []
    for queries in range(max(1, width - d), min(d, width) + 1):
        weights, theta = one_direction(setting, width, queries)
        assert torch.autograd.functional.jacobian(weights, theta).norm() < 1e-9 * weights.objective.null
        counts.append(descending(weights, theta))
    assert bool(part.minima) == (min(counts) == 0)
    return bool(part.minima), bool(part.saddles)


@pytest.mark.parametrize(
    ("d", "n", "noise", "width", "expected"),
    [
        (2, 10, 0, 2, (True, True)),  # no bottleneck, and yet some weights over the saddle are local minima
        (2, 10, 0, 3, (False, True)),
        (2, 1, 2, 2, (True, False)),
        (3, 2, 0, 4, (True, True)),
        (3, 2, 0, 5, (False, True)),
        (4, 4, 0, 4, (True, True)),
        (4, 4, 0, 1, (True, False)),
    ],
)
def test_one_direction(d, n, noise, width, expected):
    assert check_one_direction(module, isotropic(d, n, noise), width) == expected


@pytest.mark.parametrize(("wrong", "d", "n", "width"), [("width", 2, 10, 2), ("(width / 2)", 4, 10, 3)])
def test_the_check_of_one_direction_refuses(wrong, d, n, width):
    with altered(module, ("ceiling(width / 2)", wrong)) as other, pytest.raises(AssertionError):
        check_one_direction(other, isotropic(d, n), width)


def test_weights_that_are_local_minima_over_a_saddle():
    """Descent from 0.1 % beside them comes back to their loss, from above. Other weights over the same saddle have a way down."""
    setting = isotropic(2, 10)
    saddle = number(stays(setting, 2)[2].family.loss)
    weights, theta = one_direction(setting, 2, 1)
    rate = 1 / float(torch.linalg.eigvalsh(torch.autograd.functional.hessian(weights, theta)).max())
    place = theta + 1e-3 * torch.randn(len(theta), dtype=DTYPE, generator=torch.Generator().manual_seed(0))
    losses = []
    for _ in range(300):
        place = place.detach().requires_grad_()
        loss = weights(place)
        losses.append(float(loss.detach()))
        place = place - rate * torch.autograd.grad(loss, place)[0]
    assert losses[0] > saddle * (1 + 1e-6)
    assert saddle * (1 - 1e-12) < losses[-1] < saddle * (1 + 1e-7)
    key = torch.tensor([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0]], dtype=DTYPE)
    query = torch.tensor([[number(coefficients(setting).q / coefficients(setting).p), 0.0], [0.0, 0.0]], dtype=DTYPE)
    other = weights.place(key, query, torch.tensor([1.0, 0.0, 0.0], dtype=DTYPE))
    assert float(weights(other)) == pytest.approx(saddle, rel=1e-12)
    assert descending(weights, other) == 1


@pytest.mark.parametrize(("d", "n", "noise"), [(2, 10, 0), (3, 30, 0)])
def test_new_points_are_stationary_and_no_minima(d, n, noise):
    setting = isotropic(d, n, noise)
    found, objective = coefficients(setting), ExactObjective(setting)
    p, q, alpha, beta, gamma, delta, _ = (number(Integer(part)) for part in found)
    points = new_points(setting)
    assert {point.name for point in points} == {"mixed direction", "tilted"}
    weights = FourWeights(objective, d)
    for point in points:
        r = number(point.ratio)
        u = torch.zeros(d, dtype=DTYPE)
        u[0] = r**0.5
        # the best M at v = (u, 1), cut to a space of directions
        form = torch.zeros(d + 1, d + 1, dtype=DTYPE)
        form[:d, :d] = (p + beta * r) * torch.eye(d, dtype=DTYPE) + alpha * torch.outer(u, u)
        form[:d, d] = form[d, :d] = (p + gamma) * u
        form[d, d] = p * r + delta
        best = torch.linalg.solve(form, q * torch.cat([torch.eye(d, dtype=DTYPE), u[None]]))
        tilt = number(point.tilt)
        axis = torch.zeros(d, dtype=DTYPE)
        axis[0], axis[-1] = tilt**0.5, (1 - tilt) ** 0.5
        space = torch.outer(axis, axis)
        space[range(1, point.rank), range(1, point.rank)] += 1
        left, values, right = torch.linalg.svd(best @ space, full_matrices=False)
        root = values[: point.rank].sqrt()[:, None]
        v = torch.cat([u, torch.ones(1, dtype=DTYPE)])
        theta = weights.place(root * left.T[: point.rank], root * right[: point.rank], v)
        assert torch.autograd.functional.jacobian(weights, theta).norm() < 1e-9 * objective.null
        assert float(weights(theta)) == pytest.approx(number(point.loss), rel=1e-9)
        assert descending(weights, theta) >= (d - point.rank) ** 2
        # not stationary for the merged loss
        slopes = objective.gradient(v, torch.nn.functional.pad(best @ space, (0, 1)))
        assert max(float(slope.norm()) for slope in slopes) > 1e-3 * objective.null


LONG = Symbol("n", integer=True, positive=True)
MANY = Setting(covariates=Gaussian(diag(*range(1, 14))), response=Linear.isotropic(13), noise_variance=0, context_length=3)
LOPSIDED = Setting(covariates=Gaussian(diag(1, 2)), response=Linear.isotropic(2), noise_variance=0, context_length=LONG)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: ladder(isotropic(2, 3), 0), "width must be a whole number"),
        (lambda: bottleneck_minimum(isotropic(2, 3), Rational(3, 2)), "width must be a whole number"),
        (lambda: stays(COMMUTING, 2), "preferred directions"),
        (lambda: new_points(isotropic(2, LONG)), "needs numbers"),
        (lambda: gains(LOPSIDED), "explicit rational moments"),
        (lambda: ladder(MANY), "rungs are more than"),
    ],
)
def test_errors(call, said):
    with pytest.raises(SettingError, match=said) as refusal:
        call()
    assert "\n" not in str(refusal.value)
