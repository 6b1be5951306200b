"""Every law of covariates and every response family: the moments that theory gives against draws, and training against theory.

Moments. For each pair below, 2²⁰ independent draws of a function f and two covariates x, x', in 64 batches; the mean of each monomial is
compared with theory's moment by t with 63 degrees of freedom, refused at |t| > 8 (3.4e-11 under normality). A skewness γ of a single draw
enlarges that by about exp(γ |t|³ / (3 √N)) (moderate deviations of Student's t), a factor of at most 800 for γ ≤ 40: 3e-8 a comparison, and
below 1e-5 for the few hundred with such a γ together with the rest. Seeds are fixed; the rate is what choosing them anew would cost.
Monomials with γ > 40, as measured, are not judged: those are E f⁴, E f²f'² of unbounded f, E f² x xᵀ and E f f' x x'ᵀ for polynomials of
degree ≥ 2 and heavy tails. Which are judged at least is a list. Each family meets covariates on a sphere for that reason, and Student ones
have 33 degrees of freedom, so that every estimator has a variance. E erf⁴ takes half a minute and is left out.

Training. L-BFGS on the exact loss, deterministic: ‖B − B*‖ ≤ 1e-4 ‖B*‖ and relative excess ≤ 1e-10. The settings are derandomised.
"""

import tempfile
from functools import cache
from itertools import combinations_with_replacement
from pathlib import Path
from unittest.mock import patch

import pytest
import torch
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from sympy import Matrix
from torch import Generator

import numerics.run as run
from numerics.config import TrainConfig
from numerics.errors import ConfigError
from numerics.evaluate import number, to_tensor
from numerics.folder import RunFolder
from numerics.source import Source
from theory.names import covariate_entries, response_entries

Z_LIMIT, BATCHES, SIZE, SKEWNESS = 8.0, 64, 1 << 14, 40.0

COVARIATES = {
    "gaussian": "gaussian:2,1/2;1/2,1",
    "sphere": "sphere:2,1/2;1/2,1",
    "student-t": "student-t:33:covariance=2,1",
    "scale-mixture": "scale-mixture",
    "rademacher": "rademacher:mixing=1,0;1/2,1",
    "uniform": "uniform:mixing=1,0;1/2,1",
    "laplace": "laplace",
    "given-kurtosis": "kurtosis:5/2",
    "gaussian-mixture": "mixture:mean=1,1/2",
    "moments": "moments",
}
RESPONSES = {
    "linear": "linear:covariance=1,1/2;1/2,2",
    "relu": "relu",
    "leaky-relu": "leaky-relu",
    "sign": "sign",
    "sin": "sin",
    "cos": "cos",
    "erf": "erf",
    "abs": "abs",
    "monomial": "monomial:3",
    "hermite": "hermite:2",
    "polynomial": "polynomial:0,1,1/4",
    "single-index": "single-index:sin(t)/2:growth=1,0",
    "relu-network": "network:3",
    "rbf": "rbf:2",
    "polynomial-kernel": "polynomial-kernel:1",
    "random-polynomial": "random-polynomial",
}
SAME = {"kurtosis": "given-kurtosis", "mixture": "gaussian-mixture", "network": "relu-network"}
PAIRS = [
    *(("linear", law) for law in COVARIATES),
    *((family, "sphere:1,1") for family in RESPONSES if family not in ("linear", "erf")),
    ("erf", "isotropic"),
    ("linear:task=laplace", "uniform"),
    ("relu", "laplace"),
    ("cos", "rademacher:mixing=isotropic"),
    ("rbf", "gaussian-mixture"),
    ("relu-network", "scale-mixture"),
    ("polynomial-kernel", "isotropic"),
    ("abs", "given-kurtosis"),
]
LEFT_OUT = {"erf": {"fourth"}}
ALWAYS = {"covariance", "mean", "second"}
"""Judged for every pair; `MOSTLY` for those whose f is bounded or grows no faster than linearly, on a sphere."""
MOSTLY = {"covariance", "fourth of x", "mean", "second", "fourth", "pair", "weighted", "cross"}
TAME = {"linear", "relu", "leaky-relu", "sign", "sin", "cos", "abs", "single-index", "rbf", "polynomial-kernel"}
UNTAMED = {("monomial", "second")}


def config(response, covariates, dimension=2, **options):
    return TrainConfig.build(
        dimension=dimension,
        response=RESPONSES.get(response, response),
        covariates=COVARIATES.get(covariates, covariates),
        **{"noise": "0", "context": 4, **options},
    )


def test_every_law_has_its_turn():
    for table, entries in ((COVARIATES, covariate_entries()), (RESPONSES, response_entries())):
        lacking = entries.keys() - table.keys() - SAME.keys()
        assert not lacking, f"no draws of {', '.join(sorted(lacking))} are held against theory; give each a line in this file"


def isserlis(K, a, b, c, e):
    return K[a, b] * K[c, e] + K[a, c] * K[b, e] + K[a, e] * K[b, c]


def expected(setting, name):
    """Theory's moment, flattened."""
    moments, f = setting.moments, setting.response_moments
    if name == "covariance":
        return to_tensor(moments.Sigma.as_explicit()).flatten()
    if name == "fourth of x":
        terms = [(number(weight), to_tensor(K.as_explicit())) for weight, K in moments.fourth]
        return sum(w * torch.stack([isserlis(K, *place) for place in combinations_with_replacement(range(len(K)), 4)]) for w, K in terms)
    value = getattr(f, name)
    return to_tensor(value.as_explicit()).flatten() if name in ("weighted", "cross") else to_tensor(Matrix([value]))[:, 0]


def draws(setting, source, size):
    """The monomials of which these are the means."""
    x = setting.covariates.draw(source, size, 2)
    f = setting.response.draw(source, x)
    d, first, other = x.shape[-1], x[:, 0], x[:, 1]
    y, z = f[:, :1], f[:, 1:]
    return {
        "covariance": (first[:, :, None] * first[:, None]).flatten(1),
        "fourth of x": torch.stack([first[:, list(index)].prod(1) for index in combinations_with_replacement(range(d), 4)], dim=1),
        "weighted": (y**2)[..., None].mul(first[:, :, None] * first[:, None]).flatten(1),
        "cross": (y * z)[..., None].mul(first[:, :, None] * other[:, None]).flatten(1),
        "mean": y,
        "second": y**2,
        "fourth": y**4,
        "pair": y**2 * z**2,
    }


@cache
def batch_means(response, covariates):
    """name -> (64, k) means of independent batches, and the largest skewness of a draw."""
    setting = config(response, covariates).setting
    source = Source(dtype=torch.float64, device=torch.device("cpu"), generator=Generator().manual_seed(7))
    parts, powers = {}, {}
    for _ in range(BATCHES):
        for name, value in draws(setting, source, SIZE).items():
            parts.setdefault(name, []).append(value.mean(0))
            powers.setdefault(name, []).append(torch.stack([(value**k).mean(0) for k in (1, 2, 3)]))
    skewness = {}
    for name, moments in powers.items():
        one, two, three = torch.stack(moments).mean(0)
        variance = two - one**2
        skewness[name] = float(((three - 3 * one * two + 2 * one**3).abs() / variance.clamp(min=1e-12) ** 1.5).max())
    return {name: torch.stack(part) for name, part in parts.items()}, skewness


def largest_deviation(means, value):
    """|t| of the worst entry; an entry that does not vary must be exact up to rounding."""
    error = means.std(0) / BATCHES**0.5
    off = (means.mean(0) - value).abs()
    return float(torch.where(off < 1e-9 * (1 + value.abs()), 0.0, off / error.clamp(min=1e-300)).max())


@pytest.mark.parametrize(("response", "covariates"), PAIRS)
def test_moments(response, covariates):
    means, skewness = batch_means(response, covariates)
    setting = config(response, covariates).setting
    judged = {name for name in means if skewness[name] <= SKEWNESS} - LEFT_OUT.get(response, set())
    wanted = MOSTLY if response in TAME and covariates.startswith("sphere") else ALWAYS
    assert wanted - judged <= {name for family, name in UNTAMED if family == response}
    for name in judged:
        assert largest_deviation(means[name], expected(setting, name)) < Z_LIMIT, name


@pytest.mark.parametrize(("response", "covariates"), [("linear", "sphere"), ("relu", "sphere:1,1"), ("rbf", "sphere:1,1")])
@pytest.mark.parametrize("name", sorted(MOSTLY - {"mean"}))
def test_a_wrong_moment_is_noticed(response, covariates, name):
    """Off by a tenth."""
    means, _ = batch_means(response, covariates)
    value = expected(config(response, covariates).setting, name)
    assert largest_deviation(means[name], value) < Z_LIMIT
    for factor in (0.9, 1.1):
        assert largest_deviation(means[name], factor * value) > Z_LIMIT


# training


def trained(config):
    with (
        tempfile.TemporaryDirectory() as out,
        patch("numerics.figures.draw", lambda *args: {}),
        patch.object(run, "CHECK_PROMPTS", 1 << 12),
    ):
        return run.train(config, RunFolder.create(Path(out) / "run", config))


LAWS = ["isotropic", "gaussian:2,1/2;1/2,1", "sphere", "student-t:9", "scale-mixture", "rademacher", "uniform", "laplace",
        "laplace:mixing=1,0;1/2,1", "kurtosis:5", "mixture", "moments"]  # fmt: skip
FAMILIES = ["linear", "linear:covariance=1,1/2;1/2,3", "linear:task=rademacher", "relu", "leaky-relu", "sign", "sin", "cos", "abs",
            "monomial:3", "hermite:3", "polynomial", "network:4", "rbf", "polynomial-kernel", "random-polynomial"]  # fmt: skip


@settings(
    max_examples=20, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck)
)
@given(
    response=st.sampled_from(FAMILIES),
    covariates=st.sampled_from(LAWS),
    context=st.integers(1, 40),
    noise=st.sampled_from(("0", "1/4", "2")),
    seed=st.integers(0, 1000),
)
def test_exact_training_ends_at_theorys_minimum(response, covariates, context, noise, seed):
    try:
        drawn = config(response, covariates, context=context, noise=noise, seed=seed, objective="exact")
    except ConfigError:
        assume(False)
    result = trained(drawn)
    assert result.verdict == "agrees", (result.reason, result.relative_excess, result.step_relative_error)
    assert result.step_relative_error <= 1e-4
    assert result.relative_excess <= 1e-10


@pytest.mark.parametrize(("response", "covariates"), [("relu", "laplace"), ("sign", "scale-mixture"), ("linear:task=rademacher", "sphere")])
def test_training_on_prompts_ends_at_theorys_minimum(response, covariates):
    """Fixed seeds, so repeatable on one machine; the verdict's one chance event is the test of the loss on fresh prompts (1.5e-8)."""
    result = trained(config(response, covariates, context=6, noise="1/4", steps=1500, batch=512, objective="sampled"))
    assert result.verdict == "agrees", (result.reason, result.relative_excess, result.step_relative_error)
