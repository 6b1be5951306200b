"""The loss as a polynomial against theory's expression, and the flow against what is known of it. Deterministic: seeds are fixed."""

from itertools import pairwise

import pytest
import torch

from numerics.config import TrainConfig
from numerics.descent import descend, random_starts, relative_gradient
from numerics.objective import ExactObjective
from numerics.polynomial import LossPolynomial

SETTINGS = {
    "isotropic": {"dimension": 4, "context": 50},
    "one dimension": {"dimension": 1, "context": 7, "noise": "0"},
    "inverse": {"dimension": 3, "context": 9, "covariates": "2,1,1/2", "response": "inverse", "noise": "3"},
    "general": {"dimension": 2, "context": 7, "covariates": "2,1/2;1/2,1", "response": "1,3"},
    "heavy tails": {"dimension": 2, "context": 5, "covariates": "student-t:degrees=9"},
}


def polynomial_of(**values):
    return LossPolynomial(ExactObjective(TrainConfig.build(**values).setting))


@pytest.fixture(params=SETTINGS.values(), ids=SETTINGS.keys())
def polynomial(request):
    return polynomial_of(**request.param)


def weights(polynomial, count, seed=0):
    return random_starts(polynomial, count, scale=1.0, seed=seed)


def test_polynomial_is_theorys_loss(polynomial):
    """Loss, gradient and Hessian against automatic differentiation of theory's expression, to rounding."""
    theta = weights(polynomial, 5)
    objective, v_M = polynomial.objective, polynomial.split(theta)
    torch.testing.assert_close(polynomial.loss(theta), objective.loss(*v_M), rtol=1e-13, atol=0)
    expected = polynomial.flatten(*objective.gradient(*v_M))
    gradient, hessian = polynomial.derivatives(theta)
    scale = expected.norm(dim=-1, keepdim=True)
    torch.testing.assert_close(gradient / scale, expected / scale, rtol=0, atol=1e-13)
    torch.testing.assert_close(polynomial.gradient(theta), gradient, rtol=1e-14, atol=0)
    for at, found in zip(theta, hessian, strict=True):
        exact = torch.autograd.functional.hessian(lambda flat: objective.loss(*polynomial.split(flat)), at)
        torch.testing.assert_close(found / exact.norm(), exact / exact.norm(), rtol=0, atol=1e-13)


def test_coordinates(polynomial):
    """Natural coordinates lead back, keep the loss under the gauge, and measure a gradient by no unit and no gauge."""
    theta = weights(polynomial, 5)
    place, back = polynomial.balanced(theta), polynomial.back(theta)
    torch.testing.assert_close((back @ place[:, :, None])[:, :, 0], theta, rtol=1e-12, atol=1e-14)
    v, M = place[:, : polynomial.values], place[:, polynomial.values :]
    torch.testing.assert_close(v.norm(dim=-1), M.norm(dim=-1))
    other = torch.cat([-3 * theta[:, : polynomial.values], theta[:, polynomial.values :] / -3], dim=-1)
    torch.testing.assert_close(polynomial.loss(other), polynomial.loss(theta), rtol=1e-12, atol=0)
    torch.testing.assert_close(relative_gradient(polynomial, other)[0], relative_gradient(polynomial, theta)[0], rtol=1e-6, atol=0)
    torch.testing.assert_close(polynomial.share(other), polynomial.share(theta))


def test_ends_are_stationary(polynomial):
    """By theory's expression itself: ‖∇L‖·‖θ‖ / L in natural coordinates."""
    ends = descend(polynomial, weights(polynomial, 40), tolerance=1e-2)
    assert ends.converged.all()
    assert float(ends.gradient.max()) <= 1e-10
    slope = polynomial.flatten(*polynomial.objective.gradient(*polynomial.split(ends.theta)))
    slope = (polynomial.back(ends.theta).mT @ slope[:, :, None])[:, :, 0]
    size = polynomial.balanced(ends.theta).norm(dim=-1)
    assert float((slope.norm(dim=-1) * size / polynomial.loss(ends.theta)).max()) < 1e-8


def test_loss_never_rises(polynomial):
    last = {}

    def visit(index, time, theta):
        for k, loss in zip(index.tolist(), polynomial.loss(theta).tolist(), strict=True):
            assert loss <= last.get(k, torch.inf) * (1 + 1e-13)
            last[k] = loss

    descend(polynomial, weights(polynomial, 10), visit=visit)
    assert len(last) == 10


def test_it_is_the_flow():
    """Against explicit Runge–Kutta of order 4 in tiny steps, up to a time by which the loss has fallen by half; and ‖v‖² − ‖M‖² is kept."""
    polynomial = polynomial_of(dimension=2, context=5)
    start, end = weights(polynomial, 1, seed=3), 0.05
    theta, steps = start, 1000
    h = end / steps
    for _ in range(steps):
        k1 = -polynomial.gradient(theta)
        k2 = -polynomial.gradient(theta + h / 2 * k1)
        k3 = -polynomial.gradient(theta + h / 2 * k2)
        k4 = -polynomial.gradient(theta + h * k3)
        theta = theta + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    path = []
    descend(polynomial, start, tolerance=1e-6, visit=lambda index, time, theta: path.append((float(time), theta.clone())))
    (t0, before), (t1, after) = next(pair for pair in pairwise(path) if pair[1][0] > end)
    share = (end - t0) / (t1 - t0)
    torch.testing.assert_close(before + share * (after - before), theta, rtol=1e-3, atol=1e-4)
    p = polynomial.values
    kept = [float(theta[0, :p].square().sum() - theta[0, p:].square().sum()) for time, theta in path if time < 1]
    assert max(kept) - min(kept) < 1e-3 * abs(kept[0])


@pytest.mark.parametrize("noise", ["0", "5"])
def test_flow_with_no_covariate_value(noise):
    """u = c = 0 and v² > ‖A‖²: to the global minimum, the excess at most E(0) exp(−4p(v² − ‖A‖²)t), p the coefficient of ‖B‖²."""
    d, n = 3, 12
    polynomial = polynomial_of(dimension=d, context=n, noise=noise)
    start = weights(polynomial, 20)
    v, M = polynomial.split(start)
    v[:, :-1], M[:, -1] = 0, 0
    sizes = M.flatten(1).norm(dim=-1)
    v[:, -1] = torch.copysign(1.2 * sizes, v[:, -1])
    start = polynomial.flatten(v, M)
    rate = 4 * n * (n + d + 1 + float(noise)) * (v[:, -1].square() - sizes.square())
    excess = polynomial.loss(start) - polynomial.objective.minimum

    def visit(index, time, theta):
        bound = excess[index] * torch.exp(-rate[index] * time)
        # the method follows the flow to within its tolerance, the loss is known to rounding
        assert (polynomial.loss(theta) - polynomial.objective.minimum <= 1.01 * bound + 1e-8).all()

    ends = descend(polynomial, start, tolerance=1e-4, visit=visit)
    torch.testing.assert_close(
        polynomial.loss(ends.theta), torch.full((20,), polynomial.objective.minimum, dtype=torch.float64), rtol=1e-12, atol=0
    )


def test_what_does_not_converge_is_reported():
    polynomial = polynomial_of(dimension=2, context=5)
    ends = descend(polynomial, weights(polynomial, 8), steps=3)
    assert not ends.converged.any()
    assert torch.isfinite(ends.gradient).all()
    assert (ends.gradient > 1e-10).all()


def test_what_rounding_keeps_from_the_target_ends_too():
    """A long context without noise: curvatures differ so much that the gradient is known to some 1e-11."""
    polynomial = polynomial_of(dimension=3, context=10**6, noise="0")
    ends = descend(polynomial, weights(polynomial, 8), target=1e-12, tolerance=1e-2)
    assert not ends.converged.all()
    assert (ends.steps < 500).all()
    assert float(ends.gradient.max()) < 1e-9


def test_where_no_step_gains_anything():
    """Labels even in x: L* = E y², and the gradient is measured by E y² instead of what the best layer gains."""
    polynomial = polynomial_of(dimension=2, context=5, response="monomial:degree=2")
    assert polynomial.objective.minimum == polynomial.objective.null == float(polynomial.gain)
    ends = descend(polynomial, weights(polynomial, 8), tolerance=1e-2)
    assert ends.converged.all()
    assert float((polynomial.loss(ends.theta) / polynomial.objective.null).max()) < 1 + 1e-12
