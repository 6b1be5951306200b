"""Prompts against their law.

Both forms of a batch agree up to rounding. Sampled means: z = (mean − expectation) / standard error, from 64 batches of 1024 prompts, so
t with 63 degrees of freedom; |z| > 6.5 has probability 1.5e-8 (two-sided), under 4e-6 for all 200 or so comparisons together. Seeds are
fixed, so a pass is repeatable; the rate is what choosing them anew would cost.
"""

import pytest
import torch
from sympy import Matrix, Rational, eye
from torch import Generator

from numerics.samplers import CHUNK, PromptSampler
from numerics.source import factor
from theory import Gaussian, Linear, LinearAttention, Setting, global_minimiser, in_context_loss

Z_LIMIT, BATCHES, SIZE = 6.5, 64, 1024
h = Rational(1, 2)


def setting(Sigma, W, noise, n):
    return Setting(covariates=Gaussian(Sigma), response=Linear(W), noise_variance=noise, context_length=n)


CASES = {
    "isotropic": setting(eye(3), eye(3), Rational(1, 4), 6),
    "general": setting(Matrix([[2, h], [h, 1]]), Matrix([[1, h], [h, 3]]), 2, 5),
    "rank one, no noise": setting(Matrix([[2, h], [h, 1]]), Matrix([[1, -2], [-2, 4]]), 0, 4),
    "one dimension": setting(Matrix([[3]]), Matrix([[h]]), 1, 3),
    "no noise": setting(eye(2), eye(2), 0, 1),
}
by_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def sampler(case, seed=0, dtype=torch.float64):
    return PromptSampler(case, dtype=dtype, device=torch.device("cpu"), generator=Generator().manual_seed(seed))


def dense(matrix):
    return torch.tensor([[float(entry) for entry in row] for row in matrix.as_explicit().tolist()], dtype=torch.float64)


@by_case
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_both_forms_are_the_same_prompts(case, dtype):
    tokens, target = sampler(case, dtype=dtype).tokens(50)
    prompts = sampler(case, dtype=dtype).moments(50)
    context = tokens[:, :-1].double()
    bound = 200 * torch.finfo(dtype).eps
    moments = context.mT @ context
    assert ((prompts.moments.double() - moments).norm(dim=(1, 2)) <= bound * moments.norm(dim=(1, 2))).all()
    assert torch.equal(prompts.query, tokens[:, -1])
    assert torch.equal(prompts.target, target)
    assert (tokens[:, -1, -1] == 0).all()
    assert tokens.shape == (50, int(case.context_length) + 1, int(case.dimension) + 1)


def test_both_forms_across_chunks():
    case = setting(eye(2), eye(2), 1, 2000)
    batch = CHUNK // 6000 + 5
    tokens, _ = sampler(case).tokens(batch)
    prompts = sampler(case).moments(batch)
    torch.testing.assert_close(prompts.moments, tokens[:, :-1].mT @ tokens[:, :-1], rtol=1e-11, atol=1e-9)


def test_without_noise_labels_are_linear_in_the_covariates():
    case = CASES["rank one, no noise"]
    tokens, target = sampler(case).tokens(20)
    w = torch.linalg.lstsq(tokens[:, :-1, :-1], tokens[:, :-1, -1:]).solution
    torch.testing.assert_close((tokens[:, -1, None, :-1] @ w)[:, 0, 0], target, rtol=1e-9, atol=1e-9)
    assert w[:, :, 0] @ torch.tensor([2.0, 1.0], dtype=torch.float64) == pytest.approx(torch.zeros(20), abs=1e-7)  # W = (1,−2)(1,−2)ᵀ


@by_case
def test_factor(case):
    for law in (case.covariates.covariance, case.response.covariance):
        F = factor(dense(law))
        torch.testing.assert_close(F @ F.mT, dense(law), rtol=1e-14, atol=1e-14)


def assert_mean(samples, expected):
    """samples (BATCHES, k): means of independent batches of k quantities."""
    error = samples.std(0) / len(samples) ** 0.5
    off = (samples.mean(0) - expected).abs()
    assert (off <= Z_LIMIT * error + 1e-12).all(), (off / error).max()
    return error


@by_case
def test_moments_of_the_law(case):
    """E z = 0, E x xᵀ = Σ, E x y = 0 over tasks, E y² = tr ΣW + σ², E y_1 y_2 = 0, E x_q y_q = 0, E y_q y_1 x_1 = ΣWx_q … in the mean."""
    draw, means = sampler(case, seed=7), []
    Sigma, W, d = dense(case.covariates.covariance), dense(case.response.covariance), int(case.dimension)
    energy = float((Sigma @ W).trace()) + float(case.noise_variance)
    for _ in range(BATCHES):
        tokens, target = draw.tokens(SIZE)
        x, y, q = tokens[:, 0, :-1], tokens[:, 0, -1], tokens[:, -1, :-1]
        correlation = (target * y)[:, None, None] * q[:, :, None] * x[:, None, :]  # E = Σ W Σ
        parts = [tokens[:, 0], target[:, None], x[:, :, None] * x[:, None], q[:, :, None] * q[:, None], x[:, :, None] * q[:, None],
                 x * y[:, None], (y * y)[:, None], (target**2)[:, None], correlation]  # fmt: skip
        means.append(torch.cat([part.mean(0).flatten() for part in parts]))
    zeros = torch.zeros(d * d, dtype=torch.float64)
    expected = [torch.zeros(d + 2, dtype=torch.float64), Sigma.flatten(), Sigma.flatten(), zeros, zeros[:d],
                torch.tensor([energy, energy], dtype=torch.float64), (Sigma @ W @ Sigma).flatten()]  # fmt: skip
    assert_mean(torch.stack(means), torch.cat(expected))


@by_case
@pytest.mark.parametrize("where", ["minimum", "elsewhere"])
def test_mean_loss_is_theorys(case, where):
    d = int(case.dimension)
    if where == "minimum":
        layer = global_minimiser(case).parameters[0].sample()
    else:
        layer = LinearAttention(
            Matrix([Rational(1, 5 + i) for i in range(d + 1)]), Matrix(d + 1, d + 1, lambda i, j: Rational((2 * i + j) % 3 - 1, 4))
        )
    v, M = dense(layer.value)[:, 0], dense(layer.key_query)
    draw, means = sampler(case, seed=11), []
    for _ in range(BATCHES):
        prompts = draw.moments(SIZE)
        means.append((((v @ prompts.moments) * (prompts.query @ M.T)).sum(-1) - prompts.target).square().mean())
    exact = float(in_context_loss(case, layer))
    error = assert_mean(torch.stack(means)[:, None], exact)
    if where == "minimum":
        assert 6 * error < 0.2 * exact
