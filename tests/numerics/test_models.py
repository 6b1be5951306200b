"""The torch layer against its definition, written out as a double loop, and against theory at its exact rational weights.

Deterministic: seeded float64, tolerances from rounding only.
"""

import pytest
import torch
from sympy import Matrix, Rational
from torch import Generator

from numerics.models import MergedAttention, SeparateAttention, initial_model
from numerics.objective import ExactObjective, learned_step
from numerics.samplers import PromptSampler
from theory import Gaussian, Linear, Setting, in_context_loss

SETTINGS = [
    Setting(covariates=Gaussian.isotropic(1), response=Linear.isotropic(1), noise_variance=0, context_length=1),
    Setting(
        covariates=Gaussian(Matrix([[2, Rational(1, 2)], [Rational(1, 2), 1]])),
        response=Linear(Matrix([[1, -2], [-2, 4]])),
        noise_variance=Rational(1, 4),
        context_length=5,
    ),
    Setting(covariates=Gaussian.isotropic(3), response=Linear.isotropic(3), noise_variance=2, context_length=7),
]
settings = pytest.mark.parametrize("setting", SETTINGS, ids=lambda s: f"d={s.dimension}")
both = pytest.mark.parametrize("parametrisation", ["merged", "separate"])


def gaussian(parametrisation, setting, *, seed=0, initialisation="gaussian", scale=1.0):
    return initial_model(
        parametrisation=parametrisation,
        initialisation=initialisation,
        dimension=int(setting.dimension),
        context=int(setting.context_length),
        scale=scale,
        dtype=torch.float64,
        generator=Generator().manual_seed(seed),
    )


def prompts(setting, seed=1, batch=6):
    def sampler():
        return PromptSampler(setting, dtype=torch.float64, device=torch.device("cpu"), generator=Generator().manual_seed(seed))

    return sampler().tokens(batch)[0], sampler().moments(batch)


def by_definition(model, tokens):
    """ŷ = hᵀ Σ_i W_V z_i (W_K z_i)ᵀ (W_Q z_q), component by component, the query token not in the sum."""
    if isinstance(model, SeparateAttention):
        W_Q, W_K, W_V, h = (w.tolist() for w in (model.W_Q, model.W_K, model.W_V, model.h))
    else:  # W_K = I, W_Q = M, and h = e_1 with W_V's first row v
        size = len(model.v)
        W_K, W_Q, h = torch.eye(size).tolist(), model.M.tolist(), [1.0] + [0.0] * (size - 1)
        W_V = [model.v.tolist()] + [[0.0] * size] * (size - 1)
    out = []
    for prompt in tokens.tolist():
        *context, query = prompt
        total, size = 0.0, len(query)
        for z in context:
            score = sum(W_K[j][k] * z[k] * W_Q[j][m] * query[m] for j in range(size) for k in range(size) for m in range(size))
            total += score * sum(h[j] * W_V[j][k] * z[k] for j in range(size) for k in range(size))
        out.append(total)
    return torch.tensor(out, dtype=torch.float64)


@settings
@both
@torch.no_grad()
def test_forward_is_the_definition(setting, parametrisation):
    model = gaussian(parametrisation, setting)
    tokens, given = prompts(setting)
    expected = by_definition(model, tokens)
    torch.testing.assert_close(model(tokens), expected, rtol=1e-11, atol=1e-12)
    torch.testing.assert_close(model.from_moments(given.moments, given.query), expected, rtol=1e-11, atol=1e-12)
    assert (tokens[:, -1, -1] == 0).all()
    doubled = tokens.clone()
    doubled[:, -1] *= 2  # linear in the query: it is in no sum of squares
    torch.testing.assert_close(model(doubled), 2 * model(tokens), rtol=1e-13, atol=0)
    torch.testing.assert_close(model(torch.cat([tokens[:, :-1].flip(1), tokens[:, -1:]], 1)), expected, rtol=1e-11, atol=1e-12)


@settings
@both
@torch.no_grad()
def test_theory_at_the_exact_weights(setting, parametrisation):
    model = gaussian(parametrisation, setting, scale=1.5)
    layer, objective = model.to_theory(), ExactObjective(setting)
    v, M = model.value_vector(), model.key_query()
    if isinstance(model, SeparateAttention):
        torch.testing.assert_close(v, torch.einsum("j,jk->k", model.h, model.W_V), rtol=1e-13, atol=1e-15)
        torch.testing.assert_close(M, torch.einsum("jk,jm->km", model.W_K, model.W_Q), rtol=1e-13, atol=1e-15)
    merged = MergedAttention(v, M).to_theory()
    assert (merged.value, merged.key_query) == (layer.value, layer.key_query)
    assert layer.value.T.tolist()[0] == [Rational(*x.as_integer_ratio()) for x in v.tolist()]
    exact = in_context_loss(setting, layer)
    assert exact.is_Rational
    assert float(objective.loss(v, M)) == pytest.approx(float(exact), rel=1e-12)
    assert float(objective.excess(v, M)) + objective.minimum == pytest.approx(float(exact), rel=1e-12)


@settings
@torch.no_grad()
def test_gauge_and_the_column_that_never_acts(setting):
    model, objective = gaussian("merged", setting), ExactObjective(setting)
    tokens, _ = prompts(setting)
    v, M = model.v.detach(), model.M.detach()
    other = M.clone()
    other[:, -1] += 17.0
    for value, key_query in ((v * 3.7, M / 3.7), (-v, -M), (v, other)):
        torch.testing.assert_close(MergedAttention(value, key_query)(tokens), model(tokens), rtol=1e-11, atol=1e-12)
        torch.testing.assert_close(objective.loss(value, key_query), objective.loss(v, M), rtol=1e-12, atol=0)
        torch.testing.assert_close(learned_step(value, key_query), learned_step(v, M), rtol=1e-12, atol=1e-15)


@settings
@both
@pytest.mark.parametrize("seed", range(5))
@torch.no_grad()
def test_initialisations(setting, parametrisation, seed):
    model = gaussian(parametrisation, setting, seed=seed, initialisation="matched")
    v, M = model.value_vector(), model.key_query()
    assert (v[:-1] == 0).all()
    assert (M[-1, :-1] == 0).all()
    assert v[-1].abs() > M[:-1, :-1].norm() > 0
    random = gaussian(parametrisation, setting, seed=seed)
    assert all((weight != 0).all() for weight in (random.value_vector(), random.key_query(), *random.parameters()))
    again = gaussian(parametrisation, setting, seed=seed)
    assert all(torch.equal(a, b) for a, b in zip(random.parameters(), again.parameters(), strict=True))
