"""What the measures of `numerics.compare` are held against: the same by loops of numpy, by scipy, or by theory's other routes.

Each check takes the module that it is to judge, so that a mutant can stand in for it. All are deterministic.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from scipy import optimize, stats
from sympy import Matrix, Rational, diag, eye
from torch import Generator

from numerics.atlas import Atlas
from numerics.config import TrainConfig
from numerics.coordinates import Coordinates
from numerics.evaluate import DTYPE
from numerics.foreign import ForeignModel
from numerics.intervals import Interval
from numerics.measures import Measures, measured
from numerics.models import MergedAttention
from numerics.objective import ExactObjective
from numerics.samplers import PromptSampler
from numerics.shifts import layer_of
from numerics.source import Source
from numerics.transformer import AttentionStack
from theory import Gaussian, Laplace, Linear, LinearAttention, Setting, global_minimiser, in_context_loss

ISOTROPIC = Setting(covariates=Gaussian.isotropic(2), response=Linear.isotropic(2), noise_variance=1, context_length=6)
STRETCHED = Setting(
    covariates=Gaussian(diag(2, 1)), response=Linear(diag(Rational(1, 2), 1)), noise_variance=Rational(1, 2), context_length=5
)
NOISY = Setting(covariates=Gaussian.isotropic(3), response=Linear.isotropic(3), noise_variance=Rational(1, 4), context_length=20)
TWO_MINIMA = Setting(covariates=Gaussian(diag(2, 1, 1)), response=Linear(diag(Rational(1, 2), 1, 1)), noise_variance=1, context_length=40)
LAWS = (
    "isotropic", "2,1", "sphere:covariance=2,1", "student-t:degrees=9", "laplace:mixing=1,0;1/2,1", "rademacher", "gaussian-mixture",
    "moments", "scale-mixture:covariance=3,1", "given-kurtosis:fourth=2",
)  # fmt: skip


def normals(*shape: int, seed: int = 0) -> torch.Tensor:
    """N(0, 1) in float64"""
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def prompts(setting: Setting, count: int, seed: int = 0) -> torch.Tensor:
    """Tokens (count, n+1, d+1)"""
    sampler = PromptSampler(setting, dtype=DTYPE, device=torch.device("cpu"), generator=Generator().manual_seed(seed))
    return sampler.tokens(count)[0]


def gradient_of(tokens: Any) -> Any:
    """Σ y_i x_i by a loop over the examples, arrays or tensors"""
    return sum(tokens[:, i, -1:] * tokens[:, i, :-1] for i in range(tokens.shape[1] - 1))


def step_model(step: Any) -> Any:
    """The function of numpy prompts that takes the step B"""
    B = np.asarray(step)
    return lambda tokens: np.einsum("pa,ab,pb->p", gradient_of(tokens), B, tokens[:, -1, :-1])


def close(found: Any, expected: Any, rtol: float = 1e-9) -> None:
    """Equal up to rounding"""
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=rtol, atol=rtol * float(np.abs(np.asarray(expected)).max()))


def check_means(module: Any) -> None:
    """Student's interval of batch means by scipy; that of nonnegative draws ends at 0."""
    draws = 3 + normals(640)
    batches = draws.numpy().reshape(64, 10).mean(1)
    found = module.mean_of(draws)
    close(found[:3], (batches.mean(), *stats.t.interval(0.95, 63, batches.mean(), stats.sem(batches))), 1e-6)
    close(found.error, stats.sem(batches))
    sparse = torch.zeros(640, dtype=DTYPE)
    sparse[3] = 1
    assert module.mean_of(sparse).low == 0 > module.mean_of(sparse - 1e-9).low


def check_quotients(module: Any) -> None:
    """A quotient of means by the jackknife over batches"""
    above, below = (3 + normals(6400)).square(), (2 + normals(6400, seed=1)).square()
    above = above + 2 * below
    found = module.quotient_of(above, below)
    a, b = above.numpy().reshape(64, -1).sum(1), below.numpy().reshape(64, -1).sum(1)
    left_out = (a.sum() - a) / (b.sum() - b)
    close(found.value, a.sum() / b.sum())
    close(found.error, (63 / 64 * ((left_out - left_out.mean()) ** 2).sum()) ** 0.5, 0.02)
    close(found.high - found.value, stats.t.ppf(0.975, 63) * found.error, 1e-6)
    close(found.value - found.low, stats.t.ppf(0.975, 63) * found.error, 1e-6)


def check_quantiles(module: Any) -> None:
    """Bonferroni's by scipy; the norm's where it is that of χ²"""
    for count in (1, 4, 25):
        close(module.normal_quantile(count), stats.norm.ppf(1 - 0.05 / (2 * count)))
    for k in (1, 4, 25, 400):
        close(module.norm_quantile(4 * torch.eye(k, dtype=DTYPE)), 2 * stats.chi2.ppf(0.95, k) ** 0.5, 0.015)
    assert module.norm_quantile(torch.zeros(2, 2, dtype=DTYPE)) == 0


def check_regression(module: Any) -> None:
    """B and its covariance (HC3) from the textbook's matrices, row by row"""
    g, x = normals(600, 2) @ torch.tensor([[2.0, 0.3], [0.0, 0.5]], dtype=DTYPE), 3 * normals(600, 2, seed=1)
    predicted = (g @ torch.tensor([[1.0, 2.0], [-1.0, 0.5]], dtype=DTYPE) * x).sum(-1) + normals(600, seed=2) * g[:, 0] * x[:, 1]
    found = module.effective_step(g, x, predicted)
    rows = np.array([np.outer(a, b).ravel() for a, b in zip(g.numpy(), x.numpy(), strict=True)])
    entries, *_ = np.linalg.lstsq(rows, predicted.numpy(), rcond=None)
    inverse = np.linalg.inv(rows.T @ rows)
    hat = np.diag(rows @ inverse @ rows.T)
    residual = predicted.numpy() - rows @ entries
    covariance = inverse @ (rows.T @ np.diag((residual / (1 - hat)) ** 2) @ rows) @ inverse
    close(found.step.flatten(), entries)
    close(found.covariance, covariance)
    close(found.residual, residual)
    errors = np.sqrt(np.diag(covariance)).reshape(2, 2)
    close(found.errors, errors)
    close(found.half_width, stats.norm.ppf(1 - 0.05 / 8) * errors)
    for share, inside in ((0.99, True), (1.01, False)):
        other = found.step.clone()
        other[1, 0] -= share * found.half_width[1, 0]
        assert found.contains(other) == inside
    far = found.distance(found.step + 1)
    reach = (stats.chi2.rvs(1, size=(4, 20000), random_state=0).T @ np.linalg.eigvalsh(covariance)) ** 0.5
    close(far.value, 2.0)
    close((far.value - far.low, far.high - far.value), (np.quantile(reach, 0.95),) * 2, 0.05)
    assert found.distance(found.step).low == 0


def check_scaled_laws(module: Any) -> None:
    """The scaled law draws a times what the law draws from the same numbers, and has a² its covariance."""
    for text in LAWS:
        law = TrainConfig.build(dimension=2, covariates=text).setting.covariates
        scaled = module.scaled(law, Rational(3, 2))
        drawn = [
            one.draw(Source(dtype=DTYPE, device=torch.device("cpu"), generator=Generator().manual_seed(1)), 50, 3) for one in (law, scaled)
        ]
        close(drawn[1], 1.5 * drawn[0])
        assert (scaled.second_moment.as_explicit() - Rational(9, 4) * law.second_moment.as_explicit()).is_zero_matrix


def check_risks_elsewhere(module: Any) -> None:
    """Closed forms under shift in exact rationals, the mean over the context by theory's own normalisation; the step is not symmetric."""
    setting = Setting(
        covariates=Gaussian(Matrix([[2, 1], [1, 2]])), response=Linear(Matrix([[1, 0], [0, 3]])), noise_variance=1, context_length=4
    )
    step = global_minimiser(setting).step
    objective = ExactObjective(setting)
    model = ForeignModel(step_model(objective.step))
    found = {one.shift.label: one for one in module.measure(model, objective, weights=lambda n: None, prompts=64, seed=0)}
    assert set(found) == {"x → 1/2 x", "as trained", "x → 3/2 x", "x → 2 x", "n = 2", "n = 8", "n = 16"}

    def exact(a: Any, n: int, B: Any, normalisation: Any = 1) -> float:
        there = Setting(
            covariates=Gaussian(a**2 * Matrix([[2, 1], [1, 2]])), response=Linear(Matrix([[1, 0], [0, 3]])), noise_variance=1,
            context_length=n, normalisation=normalisation,
        )  # fmt: skip
        return float(in_context_loss(there, LinearAttention(Matrix([0, 0, 1]), diag(B, 0)))), float(global_minimiser(there).loss)

    for label, a, n in (("x → 1/2 x", Rational(1, 2), 4), ("as trained", 1, 4), ("x → 2 x", 2, 4), ("n = 2", 1, 2), ("n = 16", 1, 16)):
        risk, best = exact(a, n, step)
        averaged, _ = exact(a, n, 4 * step, normalisation=n)
        close((found[label].summed, found[label].averaged, found[label].best_step), (risk, averaged, best))
        assert abs(found[label].risk.value - risk) < 1.0 * risk  # 64 prompts: of the right size


def check_interpolation(module: Any) -> None:
    """The ends are those of the weights and of theory, in the middle is the mean of balanced weights, and the gauge does not matter."""
    objective = ExactObjective(STRETCHED)
    v, M = torch.tensor([0.1, -0.2, 0.4], dtype=DTYPE), 0.2 * torch.eye(3, dtype=DTYPE) + 0.05 * normals(3, 3)
    found = module.exact(objective, v, M)
    assert found.place[0] == 0
    assert found.place[-1] == 1
    close(found.line[0], float(objective.excess(v, M)))
    close(found.excess, float(objective.excess(v, M)))
    close(found.loss, float(objective.loss(v, M)))
    assert abs(float(found.line[-1])) < 1e-12
    at = Coordinates(objective)
    ours, theirs = (at.balanced(at.flatten(*layer)) for layer in ((v, M), module.layer_of(objective.step)))
    assert float(ours @ theirs) > 0  # at this sign they are nearer
    middle = (ours + theirs) / 2
    natural = torch.stack([at.natural(row) for row in torch.eye(at.size, dtype=DTYPE)], dim=1)
    close(found.line[len(found.line) // 2], float(objective.excess(*at.split(torch.linalg.solve(natural, middle)))))
    for scale in (-1.0, 7.0, -0.01):
        close(module.exact(objective, scale * v, M / scale).line, found.line, 1e-7)
    for line, hump in (([1.0, 3.0, 2.0], 1.0), ([3.0, 4.0, 1.0], 1.0), ([2.0, 1.0, 3.0], 0.0)):
        assert found._replace(line=torch.tensor(line)).hump == hump


def check_members(module: Any) -> None:
    """Every member of every family has the family's loss, no gradient, and v_x where it is asked for; a turned one is found."""
    objective = ExactObjective(TWO_MINIMA)
    at = Coordinates(objective)
    families = [family for family in Atlas(at).families if family.ratio]  # v_x ≠ 0
    assert {(f.name, f.kind) for f in families} == {
        ("one direction", "saddle"), ("mixed direction", "saddle"), ("mixed direction", "local minimum")
    }  # fmt: skip
    tokens = prompts(TWO_MINIMA, 512)
    for family in families:
        for seed in (1, 2):
            direction = normals(3, seed=seed)
            v, M = module.member(at, family, direction)
            close(float(objective.loss(v, M)), family.loss)
            slopes = torch.cat([slope.flatten() for slope in objective.gradient(v, M)])
            assert float(slopes.norm()) < 1e-7 * objective.null * (1 + float(torch.cat([v, M.flatten()]).norm()))
            close(at.root @ v[:-1] / (at.root @ v[:-1]).norm(), direction / direction.norm())
            predicted = module.prediction_of(v, M, tokens)
            looped = sum((tokens[:, i] @ v) * ((tokens[:, i] @ M) * tokens[:, -1]).sum(-1) for i in range(tokens.shape[1] - 1))
            close(predicted, looped)
            step = v[-1] * M[:-1, :-1] + torch.outer(v[:-1], M[-1, :-1]) + 0.01 * objective.step_scale * normals(3, 3, seed=3)
            (found,) = module.nearest(at, [family], step, tokens, predicted)
            assert float((module.prediction_of(found.value, found.key_query, tokens) - predicted).square().mean()) < 1e-12
            assert found.tried == 6


def check_alignment(module: Any) -> None:
    """Cosines and differences prompt by prompt; a step has its own sensitivity Bᵀg."""
    tokens, own, other = prompts(STRETCHED, 128), normals(2, 2), normals(2, 2, seed=1)
    found, how = module.align(ForeignModel(step_model(own)), {"own": own, "other": other}, tokens)
    assert how == "central differences"
    close(found["own"].cosine.value, 1.0)
    assert found["own"].sensitivity.value < 1e-7
    assert found["own"].prediction.value < 1e-12
    rows = []
    for g, x in zip(gradient_of(tokens).numpy(), tokens[:, -1, :-1].numpy(), strict=True):
        ours, theirs = own.numpy().T @ g, other.numpy().T @ g
        rows.append(
            (ours @ theirs / np.linalg.norm(ours) / np.linalg.norm(theirs), np.linalg.norm(ours - theirs), abs((ours - theirs) @ x))
        )
    close([part.value for part in found["other"]], np.mean(rows, axis=0), 1e-6)
    sizes = [
        (np.linalg.norm(other.numpy().T @ g), abs(g @ other.numpy() @ x))
        for g, x in zip(gradient_of(tokens).numpy(), tokens[:, -1, :-1].numpy(), strict=True)
    ]
    close(module.typical(tokens, other), np.mean(sizes, axis=0))


def check_symmetries(module: Any) -> None:
    """Exact where a model has the symmetry, of the known size where it has not"""
    at = Coordinates(ExactObjective(STRETCHED))
    tokens = prompts(STRETCHED, 512)
    inverse = torch.linalg.inv(at.objective.covariance).numpy()

    def of(model: Any) -> dict[str, Any]:
        found = module.symmetries(ForeignModel(model), at, tokens, 0)
        return dict(zip(("order", "rotations", "sign"), found, strict=True))

    symmetric = of(step_model(0.1 * inverse))  # (Σ y x)ᵀ Σ⁻¹ x_q knows no direction
    assert all(one.change < 1e-12 for one in symmetric.values())
    assert of(step_model(np.diag([0.1, 0.3])))["rotations"].change > 0.1
    step = step_model(0.1 * inverse)
    even = of(lambda tokens: step(tokens) + (tokens[:, :-1, -1] ** 2).mean(1))["sign"]
    odd, rest = step(tokens.numpy()), (tokens[:, :-1, -1].numpy() ** 2).mean(1)
    close(even.change, (4 * (rest**2).mean() / ((odd + rest) ** 2).mean()) ** 0.5)
    assert even.prompt == int(np.argmax(rest))
    close((even.before, even.after), (odd[even.prompt] + rest[even.prompt], odd[even.prompt] - rest[even.prompt]))
    first = of(lambda tokens: step(tokens) + tokens[:, 0, -1])
    assert first["order"].change > 0.1 > 1e-12 > first["sign"].change
    anisotropic = Coordinates(
        ExactObjective(Setting(covariates=Gaussian(diag(2, 1)), response=Linear(eye(2)), noise_variance=1, context_length=5))
    )
    found = module.symmetries(ForeignModel(step), anisotropic, tokens, 0)
    assert found[1].change is None


def check_observed(module: Any) -> None:
    """Every column again from the tokens, by numpy; labels and noise from the Bayes risk of ridge"""
    setting = Setting(covariates=Gaussian(diag(2, 1)), response=Linear(diag(1, 2)), noise_variance=Rational(1, 2), context_length=5)
    objective = ExactObjective(setting)
    wild = np.array([[0.3, 0.2], [-0.1, 0.4]])
    told: list[int] = []
    seen = module.observe(
        ForeignModel(lambda tokens: step_model(wild)(tokens) + (tokens[:, :-1, -1] ** 2).mean(1)), objective, prompts=64_000, seed=4,
        progress=lambda done, of: told.append(done),
    )  # fmt: skip
    assert told[-1] == 64_000
    assert len(told) > 1
    tokens = seen.tokens.numpy()
    assert tokens.shape == (module.KEPT, 6, 3)
    x, y, query, first = tokens[:, :-1, :-1], tokens[:, :-1, -1], tokens[:, -1, :-1], slice(0, len(tokens))
    gradient = np.asarray(gradient_of(tokens))
    even = (y**2).mean(1)
    close(seen.query[first], query)
    close(seen.gradient[first], gradient)
    close(seen.prediction[first], step_model(wild)(tokens) + even)
    close(seen.flipped[first], even - step_model(wild)(tokens))
    close(seen.optimum[first], step_model(np.array(global_minimiser(setting).step.tolist(), dtype=float))(tokens))
    gram = np.swapaxes(x, 1, 2) @ x
    for column, penalty in ((seen.ridge, 0.5 * np.diag([1.0, 0.5])), (seen.least_squares, np.zeros((2, 2)))):
        task = np.linalg.solve(gram + penalty, gradient[:, :, None])[:, :, 0]
        close(column[first], (task * query).sum(1), 1e-6)
    error = (seen.ridge - seen.target).square()
    left = 0.5 * np.einsum("pa,pab,pb->p", query, np.linalg.inv(gram + 0.5 * np.diag([1.0, 0.5])), query)
    close(seen.left[first], left, 1e-6)
    risk = 0.5 + float(left.mean())
    assert abs(float(error.mean()) - risk) < 0.05 * risk  # 64,000 prompts: about eight standard errors
    other = module.observe(ForeignModel(step_model(wild)), objective, prompts=256, seed=5)
    assert not torch.equal(other.target[:64], seen.target[:64])
    task = np.linalg.solve(gram + seen.parameter * np.diag([1.0, 0.5]), gradient[:, :, None])[:, :, 0]
    close(seen.fitted[first], (task * query).sum(1), 1e-6)


def check_ridge_bayes(module: Any) -> None:
    """For Gaussian task vectors alone"""
    setting = Setting(covariates=Gaussian(diag(2, 1)), response=Linear(diag(1, 2)), noise_variance=Rational(1, 2), context_length=5)
    assert module.is_ridge_bayes(setting)
    assert not module.is_ridge_bayes(replace(setting, response=Linear.of(Laplace.isotropic(2))))


def check_nearest_ridge(module: Any) -> None:
    """λ̂ by scipy's minimiser from numpy's solve on the same prompts, and where it is known"""
    prior = torch.diag(torch.tensor([0.5, 1.0], dtype=DTYPE))
    tokens = torch.cat([part for part, _ in module.drawn(STRETCHED, 7, 3, 512)]).numpy()

    def fitted(model: Any) -> float:
        return float(module.nearest_ridge(ForeignModel(model), STRETCHED, prior, prompts=512, seed=7))

    def of(penalty: float) -> Any:
        return ridge_model(penalty * np.diag([2.0, 1.0]))

    for penalty in (1e-3, 0.5, 40.0):
        close(fitted(of(penalty)), penalty, 1e-4)
    assert fitted(of(0.0)) == 0

    def mixed(tokens: Any) -> Any:
        return 0.9 * of(0.2)(tokens) + 0.1 * tokens[:, 0, -1]

    found = optimize.minimize_scalar(lambda log: ((of(np.exp(log))(tokens) - mixed(tokens)) ** 2).mean(), bounds=(-6, 6), method="bounded")
    close(fitted(mixed), np.exp(found.x), 1e-3)


def check_beside_ridge(module: Any) -> None:
    """Quotients again by numpy, with squares cut at E y²; no interval to least squares without a variance, no distance without a mean"""
    model = off(ridge_model(0.1), 0.2)
    found = module.measured(model, replace(STRETCHED, response=Linear.isotropic(2)), prompts=1024, seed=0)
    seen, beside, null = found.observed, found.beside_ridge, found.objective.null
    assert found.bayes is None  # so that it is measured
    square, best, fitted, least = (
        (seen.prediction - other).square().numpy() for other in (seen.ridge, seen.optimum, seen.fitted, seen.least_squares)
    )
    assert least.max() > 1.1 * null
    assert beside.parameter == seen.parameter
    close(beside.excess.value, square.sum() / seen.left.sum())
    close(beside.closer.value, best.sum() / square.sum())
    close(beside.to_nearest.value, square.sum() / np.minimum(fitted, null).sum())
    close(beside.to_least_squares.value, square.sum() / np.minimum(least, null).sum())
    distance = found.distance(module.LEAST)
    close(distance.square.value, least.mean())
    assert np.isnan((distance.square.low, distance.square.high, distance.relative.error)).all()
    assert found.without_mean == ()
    assert not np.isnan(found.distance(module.NEAREST).square.low)
    heavy = torch.full((6400,), 1e-3, dtype=DTYPE)
    heavy[0] = 1e4
    assert module.mean_of(heavy).low == 0
    assert 0.8e-3 < module.bounded_mean(heavy, 1.0).low < 1.0e-3
    assert module.bounded_mean(heavy, 1.0).high == module.mean_of(heavy).high
    fewer = module.measured(ridge_model(0.0), replace(ISOTROPIC, context_length=3), prompts=1024, seed=0)
    assert fewer.without_mean == (module.LEAST, module.NEAREST)
    assert fewer.distance(module.LEAST) is None is fewer.distance(module.NEAREST)
    known = module.measured(model, ISOTROPIC, prompts=1024, seed=0)
    square = (known.observed.prediction - known.observed.ridge).square()
    close(known.beside_ridge.excess.value, float(square.mean()) / (known.bayes - 1))
    assert not np.isnan(known.distance(module.LEAST).square.low)
    spread = module.measured(model, replace(ISOTROPIC, response=Linear.of(Laplace.isotropic(2))), prompts=1024, seed=0)
    assert spread.beside_ridge.excess is None


def check_stack(module: Any) -> None:
    """One linear layer with one head is the layer of its (v, M), at any context length; nothing else is."""
    torch.manual_seed(0)
    stack = AttentionStack(attention="linear", dimension=2, depth=1, heads=1).double()
    with torch.no_grad():
        stack.value.normal_()
        stack.key_query.normal_()
    for n in (1, 5, 9):
        tokens = prompts(replace(STRETCHED, context_length=n), 32)
        known, reason = module.weights_of(stack, n)
        assert reason is None
        close(MergedAttention(*known)(tokens).detach(), stack(tokens).detach())
    for depth, heads in ((2, 1), (1, 2)):
        known, reason = module.weights_of(AttentionStack(attention="linear", dimension=2, depth=depth, heads=heads), 5)
        assert known is None
        assert f"depth {depth} and {heads} head" in reason
    assert module.weights_of(AttentionStack(attention="softmax", dimension=2, depth=1, heads=1), 5) == (None, None)


def check_foreign(module: Any) -> None:
    """What is no function of the prompt is refused, and what is one is not."""
    tokens = prompts(ISOTROPIC, 64)
    step = step_model(0.1 * np.eye(2))
    calls = iter(range(100))

    def writing(tokens: Any) -> Any:
        tokens[:, 0, 0] += 1
        return step(tokens)

    def spoilt(tokens: Any) -> Any:
        predicted = np.array(step(tokens))
        predicted[2] = np.nan
        return predicted

    refused = {
        "changes": lambda tokens: step(tokens) + 1e-6 * next(calls),
        "of the batch": lambda tokens: step(tokens) + 1e-6 * tokens.sum(),
        "of the place": lambda tokens: step(tokens) + 1e-6 * np.arange(len(tokens)),
        "writes": writing,
        "not finite": spoilt,
        "of a wrong shape": lambda tokens: np.stack([step(tokens)] * 2, axis=1),
        "of the transposed shape": lambda tokens: step(tokens)[None],
        "raises": lambda tokens: step(tokens[0]),
    }
    for name, model in refused.items():
        with pytest.raises(module.ModelError) as raised:
            module.ForeignModel(model).try_out(tokens)
        assert "\n" not in str(raised.value), name
        assert ("asked again" in str(raised.value)) == (name == "changes")
    for model in (step, lambda tokens: step(tokens)[:, None], lambda tokens: list(step(tokens)), lambda tokens: step(tokens) * (1 + 1e-12)):
        module.ForeignModel(model).try_out(tokens)
        close(module.ForeignModel(model)(tokens, "here"), step(tokens))
    slopes, how = module.ForeignModel(step).sensitivity(tokens, "here")
    assert how == "central differences"
    close(slopes, 0.1 * gradient_of(tokens), 1e-7)
    layer = MergedAttention(*layer_of(torch.tensor([[0.1, 0.2], [0.0, 0.1]], dtype=DTYPE)))
    slopes, how = module.ForeignModel(layer).sensitivity(tokens, "here")
    assert how == "automatic differentiation"
    close(slopes, gradient_of(tokens) @ torch.tensor([[0.1, 0.2], [0.0, 0.1]], dtype=DTYPE))
    assert module.ForeignModel(layer.float()).dtype == torch.float32
    close(module.ForeignModel(layer)(tokens, "here"), layer.double()(tokens).detach(), 1e-6)


@cache
def measures(name: str) -> Measures:
    """Of a model with a known answer, on few prompts"""
    step = np.asarray(ExactObjective(ISOTROPIC).step)
    spread = Setting(covariates=Gaussian.isotropic(2), response=Linear.of(Laplace.isotropic(2)), noise_variance=1, context_length=6)
    models: dict[str, tuple[Setting, Any]] = {
        "optimal": (ISOTROPIC, step_model(step)),
        "1 % more": (ISOTROPIC, step_model(1.01 * step)),
        "ridge": (ISOTROPIC, ridge_model(1.0)),
        "little": (ISOTROPIC, step_model(0.03 * step)),
        "near ridge, not near enough to the step": (ISOTROPIC, lambda tokens: 0.9 * ridge_model(1.0)(tokens)),
        "far from ridge, farther from the step": (NOISY, lambda tokens: 0.95 * ridge_model(0.25)(tokens)),
        "between": (ISOTROPIC, lambda tokens: (ridge_model(1.0)(tokens) + step_model(step)(tokens)) / 2),
        "ridge for Laplace": (spread, ridge_model(1.0)),
        "least squares": (NOISY, ridge_model(0.0)),
        "least squares, as many examples as dimensions": (replace(ISOTROPIC, context_length=2), ridge_model(0.0)),
        "ridge, half of λ": (NOISY, ridge_model(0.5 * 0.25)),
        "ridge, thrice λ": (NOISY, ridge_model(3 * 0.25)),
        "near ridge": (NOISY, off(ridge_model(0.25), 0.03)),
        "near ridge, twice λ": (NOISY, off(ridge_model(2 * 0.25), 0.03)),
        "near least squares": (NOISY, off(ridge_model(0.0), 0.07)),
        "near ridge, no Bayes risk": (replace(NOISY, covariates=Gaussian(diag(2, 1, 1))), off(ridge_model(0.25), 0.03)),
        "zero": (ISOTROPIC, lambda tokens: np.zeros(len(tokens))),
        "with an even part": (ISOTROPIC, lambda tokens: step_model(step)(tokens) + 0.1 * (tokens[:, :-1, -1] ** 2).mean(1)),
        "first example": (ISOTROPIC, lambda tokens: step_model(step)(tokens) + 0.1 * tokens[:, 0, -1]),
        "layer": (ISOTROPIC, MergedAttention(*layer_of(torch.from_numpy(step)))),
    }
    setting, model = models[name]
    return measured(model, setting, prompts=2048, seed=0)


def ridge_model(penalty: Any) -> Any:
    """Ridge by numpy's solve, a function of numpy prompts; σ² for w ~ N(0, I), or σ²W⁻¹"""

    def model(tokens: Any) -> Any:
        x = tokens[:, :-1, :-1]
        gram = np.swapaxes(x, 1, 2) @ x + penalty * np.eye(x.shape[2])
        return (np.linalg.solve(gram, np.asarray(gradient_of(tokens))[:, :, None])[:, :, 0] * tokens[:, -1, :-1]).sum(-1)

    return model


def off(model: Any, size: float) -> Any:
    """The model with an error that no λ removes, as a trained one has"""
    return lambda tokens: model(tokens) + size * np.sin(3 * tokens[:, 0, -1] + 5 * tokens[:, -1, 0])


REASONS = {
    "ridge": "it is ridge, the Bayes predictor",
    "ridge for Laplace": "it is ridge with λ = 1 σ², which is not the Bayes predictor here",
    "least squares": "it is least squares",
    "least squares, as many examples as dimensions": "the nearest ridge has λ = 0 (least squares)",
    "ridge, half of λ": "it is ridge with λ = 0.5 σ²",
    "ridge, thrice λ": "it is ridge with λ = 3 σ²",
    "near ridge": "it comes near ridge, the Bayes predictor",
    "near ridge, twice λ": "it comes near ridge, but with λ = ",
    "near least squares": "it comes near ridge, but not surely nearer to it than to least squares",
    "first example": "the order of the examples",
    "with an even part": "the sign of the labels",
}
VERDICTS = {
    "optimal": "agrees",
    "1 % more": "another step",
    "ridge": "ridge",
    "little": "another step",
    "near ridge, not near enough to the step": "none of these",
    "far from ridge, farther from the step": "none of these",
    "between": "none of these",
    "ridge for Laplace": "none of these",
    "least squares": "none of these",
    "least squares, as many examples as dimensions": "none of these",
    "ridge, half of λ": "none of these",
    "ridge, thrice λ": "none of these",
    "near ridge": "ridge",
    "near ridge, twice λ": "none of these",
    "near least squares": "none of these",
    "near ridge, no Bayes risk": "ridge",
    "zero": "other stationary point",
    "with an even part": "none of these",
    "first example": "none of these",
    "layer": "agrees",
}


def check_verdicts(module: Any) -> None:
    """The models with known answers, and measurements that the theory says cannot be"""
    for name, verdict in VERDICTS.items():
        found, reason = module.decide(measures(name))
        assert found == verdict, (name, found, reason)
        assert REASONS.get(name, "") in reason, (name, reason)
    near = measures("near ridge")
    assert near.beside_ridge is not None
    for what, value, verdict in (  # ± 4 standard errors of 0.01 of the value
        ("excess", 0.095, "ridge"), ("excess", 0.097, "none of these"), ("closer", 32.0, "ridge"), ("closer", 31.0, "none of these"),
        ("to_nearest", 1.9, "ridge"), ("to_nearest", 1.95, "none of these"),
        ("to_least_squares", 0.95, "ridge"), ("to_least_squares", 0.97, "none of these"),
    ):  # fmt: skip
        beside = replace(near.beside_ridge, **{what: Interval(value, value, value, 0.01 * value)})
        assert module.decide(replace(near, beside_ridge=beside))[0] == verdict, (what, value)
    assert "equivariant" not in module.decide(measures("optimal"))[1]
    whole = measures("layer")
    assert whole.weights is not None
    error = whole.risk.error
    for bayes, verdict in ((whole.risk.value + 6.4 * error, "agrees"), (whole.risk.value + 6.6 * error, "contradicts")):
        assert module.decide(replace(whole, bayes=bayes))[0] == verdict
    for loss, verdict in ((whole.risk.value + 6.4 * error, "agrees"), (whole.risk.value + 6.6 * error, "contradicts")):
        assert module.decide(replace(whole, weights=whole.weights._replace(loss=loss)))[0] == verdict
    below = whole.weights._replace(loss=whole.objective.minimum * (1 - 1e-6))
    assert module.decide(replace(whole, weights=below))[0] == "contradicts"


def accepts(check: Any, module: Any) -> bool:
    """Whether a module passes a check"""
    try:
        check(module)
    except (AssertionError, ArithmeticError, RuntimeError, ValueError, pytest.fail.Exception):
        return False
    return True
