"""Every law of covariates and every response family: the moments that theory gives against draws, and training against theory.

Moments. For each pair below, 2²⁰ independent draws of a function f and two covariates x, x', in 64 batches; the mean of each monomial is
compared with theory's moment by t with 63 degrees of freedom, refused at |t| > 8 (3.4e-11 under normality). A skewness γ of a single draw
enlarges that by about exp(γ |t|³ / (3 √N)) (moderate deviations of Student's t), a factor of at most 150 for γ ≤ 30, which is asserted. So
the false-alarm rate is 5e-9 a comparison, and 5e-6 for the thousand or so of this file. Seeds are fixed; the rate is what choosing them
anew would cost. Not judged here: E f⁴ and E f²f'² of polynomials of degree ≥ 2, and E f² x xᵀ, E f f' x x'ᵀ at degree 3, with a skewness above 30:
2²⁰ draws say too little about them. Student covariates are given 33 degrees of freedom, so that every estimator has a variance.

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
from torch import Generator

import numerics.run as run
from numerics.config import TrainConfig
from numerics.errors import ConfigError
from numerics.evaluate import number, to_tensor
from numerics.folder import RunFolder
from numerics.laws import covariate_entries, response_entries
from numerics.source import Source

torch.set_num_threads(1)
Z_LIMIT, BATCHES, SIZE, SKEWNESS = 8.0, 64, 1 << 14, 30.0

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
    *((family, "isotropic") for family in RESPONSES if family != "linear"),
    ("linear:task=laplace", "sphere"),
    ("relu", "laplace"),
    ("sin", "uniform"),
    ("sin", "student-t:33"),
    ("cos", "rademacher"),
    ("rbf", "sphere"),
    ("rbf", "gaussian-mixture"),
    ("relu-network", "scale-mixture"),
    ("hermite", "given-kurtosis:5/2"),
]
POLYNOMIALS = {"hermite", "polynomial", "random-polynomial"}
NOT_JUDGED = {
    **{family: {"fourth", "pair"} for family in POLYNOMIALS},
    "monomial": {"fourth", "pair", "weighted", "cross"},
}


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


def expected(setting):
    """Theory's moments, flattened, by name."""
    moments, f = setting.moments, setting.response_moments
    d = int(setting.dimension)
    terms = [(number(weight), to_tensor(matrix.as_explicit())) for weight, matrix in moments.fourth]
    tensor = [
        sum(w * (K[a, b] * K[c, e] + K[a, c] * K[b, e] + K[a, e] * K[b, c]) for w, K in terms)
        for a, b, c, e in combinations_with_replacement(range(d), 4)
    ]
    values = {
        "covariance": to_tensor(moments.Sigma.as_explicit()).flatten(),
        "fourth of x": torch.stack(tensor),
        "weighted": to_tensor(f.weighted.as_explicit()).flatten(),
        "cross": to_tensor(f.cross.as_explicit()).flatten(),
    }
    for name in ("mean", "second", "fourth", "pair"):
        values[name] = torch.tensor([number(getattr(f, name))], dtype=torch.float64)
    return values


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


def judged(response):
    return [name for name in ("covariance", "fourth of x", "mean", "second", "fourth", "pair", "weighted", "cross")
            if name not in NOT_JUDGED.get(response, set())]  # fmt: skip


@pytest.mark.parametrize(("response", "covariates"), PAIRS)
def test_moments(response, covariates):
    means, skewness = batch_means(response, covariates)
    values = expected(config(response, covariates).setting)
    for name in judged(response):
        assert skewness[name] < SKEWNESS, (name, skewness[name])
        assert largest_deviation(means[name], values[name]) < Z_LIMIT, name


@pytest.mark.parametrize(("response", "covariates"), [("linear", "student-t"), ("relu", "laplace"), ("sin", "uniform")])
@pytest.mark.parametrize("name", ["covariance", "fourth of x", "second", "fourth", "pair", "weighted", "cross"])
def test_a_wrong_moment_is_noticed(response, covariates, name):
    """Off by a tenth."""
    means, _ = batch_means(response, covariates)
    value = expected(config(response, covariates).setting)[name]
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
    max_examples=24, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck)
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


@pytest.mark.parametrize(
    ("response", "covariates"), [("relu", "laplace"), ("sin", "student-t"), ("linear:task=rademacher", "sphere"), ("cos", "isotropic")]
)
def test_training_on_prompts_ends_at_theorys_minimum(response, covariates):
    """Fixed seeds, so repeatable on one machine; the verdict's one chance event is the test of the loss on fresh prompts (1.5e-8)."""
    result = trained(config(response, covariates, context=6, noise="1/4", steps=1500, batch=1024, objective="sampled"))
    assert result.verdict == "agrees", (result.reason, result.relative_excess, result.step_relative_error)
