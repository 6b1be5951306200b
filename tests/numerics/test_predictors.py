"""The reference predictors, against routes that share no code with them: explicit inverses, steps taken one by one, tokens transformed."""

import numpy as np
import pytest
import torch

from numerics.predictors import (
    corrected_filter,
    descent_filter,
    gradient_descent,
    least_squares,
    one_step,
    ridge,
    spectrum,
)

SHAPES = [(n, d) for d in (1, 2, 4) for n in (0, 1, 3, 6)]


def prompts(n, d, batch=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    drawn = (torch.randn(*shape, dtype=torch.float64, generator=generator) for shape in ((batch, n, d), (batch, n), (batch, d)))
    return tuple(drawn)


def prior(d, seed=1):
    root = np.random.default_rng(seed).normal(size=(d, d))
    return root @ root.T + 0.1 * np.eye(d)


@pytest.mark.parametrize(("n", "d"), SHAPES)
@pytest.mark.parametrize("noise", [0.25, 2.0])
def test_ridge_is_the_penalised_minimiser(n, d, noise):
    x, y, query = prompts(n, d)
    W = prior(d)
    found = ridge(x, y, query, noise=noise, prior=torch.tensor(W))
    for k in range(len(x)):
        X = x[k].numpy()
        estimate = np.linalg.solve(X.T @ X + noise * np.linalg.inv(W), X.T @ y[k].numpy())
        assert float(found[k]) == pytest.approx(float(estimate @ query[k].numpy()), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(("n", "d"), SHAPES)
def test_ridge_without_noise_is_the_limit(n, d):
    x, y, query = prompts(n, d)
    W = torch.tensor(prior(d))
    # consistent labels: with n > d those of noise have no limit in common with the interpolant's
    y = (x @ torch.ones(d, 1, dtype=torch.float64))[..., 0]
    assert torch.allclose(ridge(x, y, query, noise=0, prior=W), ridge(x, y, query, noise=1e-9, prior=W), rtol=1e-5, atol=1e-6)


def test_ridge_with_a_singular_prior_sees_its_range_alone():
    x, y, query = prompts(4, 2)
    W = torch.tensor([[2.0, 0.0], [0.0, 0.0]], dtype=torch.float64)
    alone = ridge(x[..., :1], y, query[:, :1], noise=0.5, prior=W[:1, :1])
    assert torch.allclose(ridge(x, y, query, noise=0.5, prior=W), alone)


@pytest.mark.parametrize(("n", "d"), SHAPES)
def test_least_squares_is_that_of_lapack(n, d):
    x, y, query = prompts(n, d)
    found = least_squares(x, y, query)
    for k in range(len(x)):
        estimate = np.linalg.lstsq(x[k].numpy(), y[k].numpy(), rcond=None)[0] if n else np.zeros(d)
        assert float(found[k]) == pytest.approx(float(estimate @ query[k].numpy()), rel=1e-8, abs=1e-10)


def test_one_step_is_the_sum_over_examples():
    x, y, query = prompts(3, 2)
    B = torch.tensor([[1.0, 2.0], [-1.0, 0.5]], dtype=torch.float64)
    by_hand = sum(y[:, i] * torch.einsum("bd,de,be->b", x[:, i], B, query) for i in range(3))
    assert torch.allclose(one_step(x, y, query, B), by_hand)


@pytest.mark.parametrize(("n", "d"), SHAPES)
@pytest.mark.parametrize("count", [1, 2, 5])
def test_gradient_descent_step_by_step(n, d, count):
    x, y, query = prompts(n, d)
    W, rate = torch.tensor(prior(d)), 0.03
    w = torch.zeros(len(x), d, dtype=torch.float64)
    for _ in range(count):
        residual = y - (x @ w[..., None])[..., 0]
        w = w + rate * (x.mT @ residual[..., None])[..., 0] @ W
    assert torch.allclose(gradient_descent(x, y, query, rate=rate, count=count, prior=W), (w * query).sum(-1))


@pytest.mark.parametrize(("n", "d"), SHAPES)
@pytest.mark.parametrize("count", [1, 2, 4])
def test_gd_plus_plus_on_tokens(n, d, count):
    """Every token is transformed by every layer, as von Oswald et al. construct it: x_j ← x_j − γ Σ_i x_i x_iᵀx_j, and at once the residual
    r_j ← r_j − η Σ_i r_i x_iᵀx_j, for the examples and for the query, whose residual is minus the prediction."""
    x, y, query = prompts(n, d)
    rate, correction = 0.05, 0.02
    inputs, residuals = torch.cat([x, query[:, None]], 1), torch.cat([y, torch.zeros(len(y), 1, dtype=y.dtype)], 1)
    for _ in range(count):
        scores = inputs @ inputs[:, :-1].mT
        moved = inputs - correction * scores @ inputs[:, :-1]
        residuals = residuals - rate * (scores @ residuals[:, :-1, None])[..., 0]
        inputs = moved
    found = spectrum(x, y, query).predict(lambda values: corrected_filter(values, rate, correction, count))
    assert torch.allclose(found, -residuals[:, -1])


@pytest.mark.parametrize("noise", [0.0, 1e-30, 1e-16, 1e-10])
def test_ridge_with_little_noise_and_few_examples(noise):
    """An eigenvalue that is rounding is none: at n < d ridge is the interpolant of least norm in this limit."""
    x, y, query = prompts(2, 4)
    assert torch.allclose(ridge(x, y, query, noise=noise), least_squares(x, y, query), rtol=1e-7)


def test_filters_at_a_zero_eigenvalue():
    zero = torch.zeros(1, dtype=torch.float64)
    assert float(descent_filter(zero, 0.1, 7)) == pytest.approx(0.7)
    assert float(corrected_filter(zero, 0.1, 0.3, 7)) == pytest.approx(0.7)
