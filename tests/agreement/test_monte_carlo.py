"""The exact layer against prompts drawn with plain numpy.

Error model. Each assertion averages N = 2·10⁵ independent prompts (10⁶ for the loss) and compares the mean with theory by a
two-sided test, the standard error taken from 400 batch means: t with 399 degrees of freedom, refused at |t| > 7. Under normality
P(|t| > 7) ≈ 10⁻¹¹. The draws are polynomials of Gaussians, hence skew: for a skewness γ of a single prompt the tail grows by about
exp(γ |t|³ / (3 √N)) (moderate deviations of Student's t), a factor ≤ 2300 for γ ≤ 30 (for γ ≤ 60 at N = 10⁶). So the false-alarm rate
is ≤ 10⁻⁷ for each assertion, ≤ 10⁻⁵ for this file. The settings are chosen so that γ is that small (n not small, and small label keys
where ŷ² is averaged), and draws that are far beyond are not judged. Seeds are drawn by Hypothesis, anew in each run.
Power: a theory off by 1 % is refused, which is tested too, where the expected |t| is at least 12.5 (missed with probability < 10⁻⁷).
"""

import numpy as np
import pytest
from common.components import K2, L1, L2, L3, Case
from common.strategies import layers, seeds
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from sympy import Matrix, Rational, diag, eye

from theory import LinearAttention, global_minimiser, in_context_loss
from theory.step_size import paper_step_size

PROMPTS, BATCHES, REFUSED = 200_000, 400, 7.0
sampled = settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate])
once = settings(sampled, max_examples=1)
h = Rational(1, 2)

CASES = [
    Case("d=1", L1, Matrix([[h]]), 10, 1, 10),
    Case("d=2 mean", L2 / 2, K2 / 2, 8, h, 8),
    Case("d=2 rank one", L2 / 2, Matrix([[h], [-1]]), 12, 1, 12),
    Case("d=3 mean", L3 / 2, eye(3), 10, 1, 10),
]
LONG = Case("long", L2, L2.inv().T, 20, 1)  # n ≫ d, so that XᵀX varies little: the powerful setting


def floats(matrix):
    return np.array(Matrix(matrix).tolist(), dtype=float)


def prompts(case, rng, count=PROMPTS):
    """X, y, w, x_q, y_q of `count` prompts, drawn from the definition."""
    L, K, sigma = floats(case.L), floats(case.K), float(case.noise) ** 0.5
    X = rng.standard_normal((count, case.n, case.d)) @ L.T
    w = rng.standard_normal((count, case.K.cols)) @ K.T
    y = np.einsum("pia,pa->pi", X, w) + sigma * rng.standard_normal((count, case.n))
    x_q = rng.standard_normal((count, case.d)) @ L.T
    return X, y, w, x_q, np.einsum("pa,pa->p", x_q, w) + sigma * rng.standard_normal(count)


def t_value(draws, expected=0.0):
    """Student's t of the mean of the draws against `expected`, from batch means."""
    means = draws.reshape(BATCHES, -1).mean(axis=1)
    return (means.mean() - expected) / (means.std(ddof=1) / BATCHES**0.5)


def skewness(draws):
    """γ, as sampled."""
    centred = draws - draws.mean()
    return (centred**3).mean() / (centred**2).mean() ** 1.5


def agrees(draws, expected=0.0):
    assert abs(skewness(draws)) < 60, "too skew for the error model; a sampled γ this far above 30 means a setting badly chosen"
    return abs(t_value(draws, expected)) <= REFUSED


@pytest.mark.parametrize("case", [CASES[0], *CASES[2:]], ids=lambda case: case.name)
@once
@given(data=st.data(), seed=seeds)
def test_loss(case, data, seed):
    """E (ŷ − y_q)² at a drawn layer, ŷ = Σ_i (v·z_i)(z_iᵀ M z_q) by running the layer."""
    layer = data.draw(layers(case.d))
    layer = LinearAttention(layer.value, diag(eye(case.d), Rational(1, 4)) * layer.key_query)
    X, y, _, x_q, y_q = prompts(case, np.random.default_rng(seed), 5 * PROMPTS)
    v, M = floats(layer.value)[:, 0], floats(layer.key_query)
    query = x_q @ M[:, :-1].T  # M z_q, the query's label slot being 0
    scores = (X @ query[:, :-1, None])[:, :, 0] + y * query[:, -1:]  # z_iᵀ M z_q
    prediction = ((X @ v[:-1] + y * v[-1]) * scores).sum(axis=1) / float(case.normalisation)
    error = (prediction - y_q) ** 2
    assume(skewness(error) < 60)
    assert agrees(error, float(in_context_loss(case.setting, layer)))


def step_gradient(case, rng, step, *, count=PROMPTS):
    """½ ⟨∇_B of the one-step loss, B⟩ prompt by prompt, the mean over (w, ε, x_q, ε_q) given X taken by hand.

    With S = XᵀX: E[Xᵀy yᵀX | X] = S W S + σ² S and E[Xᵀy wᵀ | X] = S W.
    """
    L, W, sigma2 = floats(case.L), floats(case.W), float(case.noise)
    X = rng.standard_normal((count, case.n, case.d)) @ L.T
    S = X.transpose(0, 2, 1) @ X
    SW = S @ W
    gradient = ((SW @ S + sigma2 * S) @ step - SW) @ (L @ L.T)
    return np.einsum("pab,ab->p", gradient, step), gradient


@pytest.mark.parametrize("case", [CASES[0], CASES[1], CASES[3], LONG], ids=lambda case: case.name)
@sampled
@given(seed=seeds)
def test_the_sampled_gradient_vanishes_at_the_step(case, seed):
    """Every component, at the step as evaluated from theory."""
    step = floats(global_minimiser(case.setting).step)
    _, gradient = step_gradient(case, np.random.default_rng(seed), step)
    for a in range(case.d):
        for b in range(case.d):
            assert agrees(gradient[:, a, b]), (a, b)


@pytest.mark.parametrize("case", [CASES[0], CASES[1]], ids=lambda case: case.name)
@sampled
@given(seed=seeds)
def test_the_gradient_without_anything_by_hand(case, seed):
    """⟨∇_B, B⟩ / 2 = (ŷ − y_q) ŷ at B*, from raw prompts."""
    step = floats(global_minimiser(case.setting).step)
    X, y, _, x_q, y_q = prompts(case, np.random.default_rng(seed))
    prediction = np.einsum("pi,pia,ab,pb->p", y, X, step, x_q, optimize=True)
    assert agrees((prediction - y_q) * prediction)


@once
@given(seed=seeds)
def test_a_step_off_by_one_per_cent_is_detected(seed):
    step = floats(global_minimiser(LONG.setting).step)
    for factor in (0.99, 1.01):
        along, _ = step_gradient(LONG, np.random.default_rng(seed), factor * step)
        assert np.sign(t_value(along)) == np.sign(factor - 1)
        assert not agrees(along)


def ridge_products(case, rng, count=PROMPTS):
    """ŵᵀXᵀy and yᵀXXᵀy, ŵ by numpy: (XᵀX + σ² W⁻¹)⁻¹ Xᵀy, and the pseudo-inverse at σ² = 0."""
    X, y, *_ = prompts(case, rng, count)
    Xy = np.einsum("pia,pi->pa", X, y)
    if case.noise == 0:
        estimate = np.einsum("pai,pi->pa", np.linalg.pinv(X), y)
    else:
        estimate = np.linalg.solve(X.transpose(0, 2, 1) @ X + float(case.noise) * np.linalg.inv(floats(case.W)), Xy[:, :, None])[:, :, 0]
    return (estimate * Xy).sum(axis=1), (Xy @ np.linalg.inv(floats(case.Sigma)) * Xy).sum(axis=1)


RIDGE = [
    Case("d=2", eye(2), eye(2), 3, h),
    Case("σ²=0, n<d", eye(3), eye(3), 2, 0),
    Case("σ²=0, n>d", eye(2), eye(2), 4, 0),
    Case("preconditioned", L2, L2.inv().T, 3, h),
]


@pytest.mark.parametrize("case", RIDGE, ids=lambda case: case.name)
@sampled
@given(seed=seeds)
def test_ridge_ratio(case, seed):
    """η = E[ŵᵀXᵀy] / E[yᵀXΣ⁻¹Xᵀy] as E[ŵᵀXᵀy − η yᵀXΣ⁻¹Xᵀy] = 0, and each expectation by itself."""
    size = paper_step_size(case.setting)
    above, below = ridge_products(case, np.random.default_rng(seed), 50_000 if case.noise == 0 else PROMPTS)
    assert agrees(above - float(size.value) * below)
    assert agrees(above, float(size.numerator))
    assert agrees(below, float(size.denominator))


@once
@given(seed=seeds)
def test_a_ridge_ratio_off_by_one_per_cent_is_detected(seed):
    """The truth is accepted and 0.99 and 1.01 times it are refused, on the same draws."""
    case = Case("long", eye(2), eye(2), 20, 1)
    above, below = ridge_products(case, np.random.default_rng(seed), 2 * PROMPTS)
    eta = float(paper_step_size(case.setting).value)
    assert [agrees(above - factor * eta * below) for factor in (0.99, 1.0, 1.01)] == [False, True, False]
