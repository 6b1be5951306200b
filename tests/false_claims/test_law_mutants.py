"""Every moment of every law and pair, perturbed one at a time, is refused by a route that shares no code with it.

Exact route: polynomial responses in coordinates (`common.coordinates`), a factor 101/100 refused by equality of rationals.

Sampled route: the other responses, against means over two tokens of a prompt drawn by the laws' own samplers, with weights under which all
moments exist (`common.weighted`); theory's expressions in floats (`common.quadrature`, to 10⁻⁶). Error model: 200 batch means, Student's t,
refused beyond the quantile at which all assertions together raise a false alarm once in 10⁵ runs (Bonferroni); the seeds are fixed, so that
a run that passes once always does. A moment is perturbed by 2.2 times the half-width of that interval: refused with certainty where
the truth is accepted. What is asserted besides is that this is a small share of the moment: COARSEST at most, MEDIAN in the middle.
"""

from __future__ import annotations

import zlib

import pytest
import torch
from common.coordinates import Found, covariate_moment, laws, linear_responses, matrix, nonlinear_responses, response_moments, symmetric
from common.pairs import FAMILIES, LAWS
from common.quadrature import approximate
from common.weighted import Weighted, draw_pairs
from scipy import stats
from sympy import Matrix, Rational, expand

from theory.errors import UndefinedMoment

MUTATED = Rational(101, 100)
PROMPTS, CHUNKS, BATCHES, RATE, COARSEST, MEDIAN = 400_000, 20, 200, 1e-5, 0.5, 0.06

EXACT = {
    "linear": "linear",
    "linear laplace": "linear, laplace task",
    "linear sphere": "linear, sphere task",
    "square": "square",
    "cube": "cube",
    "t + t²": "t + t²",
    "hermite 2": "hermite 2",
    "hermite 3": "hermite 3",
    "polynomial kernel": "kernel 2",
    "random polynomial": "chaos 2",
}
SAMPLED = [family for family in FAMILIES if family not in EXACT]
MOMENTS = ("second", "fourth", "pair", "weighted 1", "weighted 2", "cross 1", "cross 2")
LIMIT = float(stats.t.isf(RATE / (len(LAWS) * len(SAMPLED) * len(MOMENTS)) / 2, BATCHES - 1))


# exactly


def accepted_covariates(law, second, excess):
    """Whether these are the second moment and the fourth cumulant of the law, in coordinates."""
    size = second.rows
    parts = [(1, second), *excess]
    return second == symmetric(size, lambda i, j: covariate_moment(law, i, j)) and all(
        sum(weight * 3 * K[a, a] ** 2 for weight, K in parts) == covariate_moment(law, a, a, a, a) for a in range(size)
    )


@pytest.mark.parametrize("name", laws(2))
def test_moments_of_the_covariates(name):
    """Each entry of Σ, and the weight of each term of the fourth cumulant (of a Gaussian: a cumulant where there is none)."""
    law = laws(2)[name]
    second, excess = Matrix(law.theory.second_moment), [(weight, Matrix(K)) for weight, K in law.theory.excess or ()]
    assert accepted_covariates(law, second, excess)
    for entry in ((0, 0), (0, 1), (1, 1)):
        wrong = Matrix(second)
        wrong[entry] = wrong[entry[::-1]] = MUTATED * second[entry]
        assert not accepted_covariates(law, wrong, excess)
    for k, (weight, K) in enumerate(excess):
        assert not accepted_covariates(law, second, [*excess[:k], (MUTATED * weight, K), *excess[k + 1 :]])
    assert not accepted_covariates(law, second, [*excess, (Rational(1, 100), second)])


def exact_pairs():
    """Every law with every polynomial response whose moments exist; a mixture, which takes theory long, at d = 1."""
    for name in laws(1):
        size = 1 if name == "gaussian mixture" else 2
        law = laws(size)[name]
        found = linear_responses(size)
        if name not in ("moments", "mixture not reflected", "given kurtosis"):
            found = found | nonlinear_responses(size, Matrix(law.theory.second_moment))
        for family, key in EXACT.items():
            response = found.get(key)
            if response is not None and max(4 * response.degree, 2 * response.degree + 2) <= law.highest:
                yield pytest.param(law, response, id=f"{name} × {family}")


@pytest.mark.parametrize(("law", "response"), list(exact_pairs()))
def test_moments_of_polynomial_responses(law, response):
    found, expected = response.theory.moments(law.theory), response_moments(law, response)
    claims = {
        (moment, i, j): (matrix(value)[i, j] if moment in ("weighted", "cross") else value)
        for moment in Found._fields
        for value in [getattr(found, moment)]
        for i, j in (((0, 0), (law.theory.dimension - 1, law.theory.dimension - 1)) if moment in ("weighted", "cross") else ((0, 0),))
    }
    for (moment, i, j), claim in claims.items():
        truth = getattr(expected, moment)
        truth = truth[i, j] if moment in ("weighted", "cross") else truth
        assert expand(claim - truth) == 0, moment
        wrong = MUTATED * claim if truth != 0 else claim + expected.second / 100
        assert expand(wrong - truth) != 0, moment


INGREDIENTS = [
    ("sphere", "t + t²", "norm_power"),
    ("student 15", "square", "norm_power"),
    ("student 15", "linear", "norm_power"),
    ("scale mixture", "square", "norm_power"),
    ("gaussian", "square", "norm_power"),
    ("rademacher", "square", "pair_mean"),
    ("uniform", "square", "coordinate_moment"),
    ("laplace", "linear", "coordinate_moment"),
    ("laplace", "square", "power_mean"),
    ("given kurtosis", "linear", "coordinate_moment"),
    *(("gaussian", family, method) for family in ("square", "kernel 2", "chaos 2") for method in ("kernel", "squares", "fourth")),
]


@pytest.mark.parametrize(("name", "family", "method"), INGREDIENTS)
def test_a_law_whose_ingredient_is_off_is_noticed(monkeypatch, name, family, method):
    """What a law or family gives, 1 % off (E a² = 1 apart, which is the unit): some moment is no longer that of the coordinates."""
    law = laws(2)[name]
    response = (linear_responses(2) | nonlinear_responses(2, Matrix(law.theory.second_moment)))[family]
    owner = next(part for part in (type(law.theory), type(response.theory)) if hasattr(part, method))
    right = getattr(owner, method)

    def off(self, *arguments):
        return right(self, *arguments) * (1 if method == "coordinate_moment" and arguments[0] <= 2 else MUTATED)

    def same():
        found, expected = response.theory.moments(law.theory), response_moments(law, response)
        return all(
            expand(matrix(a) - matrix(b)).is_zero_matrix if moment in ("weighted", "cross") else expand(a - b) == 0
            for moment in Found._fields
            for a, b in [(getattr(found, moment), getattr(expected, moment))]
        )

    assert same()
    monkeypatch.setattr(owner, method, off)
    assert not same()


# by sampling


def sampled_moments(law, family, seed):
    """Batch means of each of MOMENTS, by name."""
    source = Weighted(dtype=torch.float64, device=torch.device("cpu"), generator=torch.Generator().manual_seed(seed))
    batches = {name: [] for name in MOMENTS}
    for _ in range(CHUNKS):
        drawn = draw_pairs(law, family, source, PROMPTS // CHUNKS)
        square, x = drawn.y.square(), drawn.x
        one, two = drawn.each * square, drawn.both * drawn.y.prod(1)
        draws = {"second": one.mean(1), "fourth": (one * square).mean(1), "pair": drawn.both * square.prod(1)}
        for a in (0, 1):
            draws[f"weighted {a + 1}"] = (one * x[..., a].square()).mean(1)
            draws[f"cross {a + 1}"] = two * x[..., a].prod(1)
        for name, values in draws.items():
            batches[name].append(values.reshape(BATCHES // CHUNKS, -1).mean(1))
    return {name: torch.cat(means) for name, means in batches.items()}


def accepted(means, claim):
    """Whether a claimed moment lies within LIMIT standard errors (an absolute 10⁻⁶ where nothing varies)."""
    return abs(float(means.mean()) - claim) <= half_width(means, claim)


def half_width(means, claim):
    return LIMIT * float(means.std()) / BATCHES**0.5 + 1e-6 * max(1.0, abs(claim))


@pytest.mark.parametrize("name", [law for law in LAWS if law != "moments"])
def test_moments_of_other_responses(name):
    law, shares = LAWS[name](2), []
    for family in SAMPLED:
        response = FAMILIES[family](2)
        try:
            found = response.moments(law)
        except UndefinedMoment:
            continue
        claims = {moment: approximate(getattr(found, moment)) for moment in ("second", "fourth", "pair")}
        for moment in ("weighted", "cross"):
            claims |= {f"{moment} {a + 1}": approximate(matrix(getattr(found, moment))[a, a]) for a in (0, 1)}
        means = sampled_moments(law, response, zlib.crc32(f"{name} × {family}".encode()))
        for moment in MOMENTS:
            claim = float(claims[moment])
            assert accepted(means[moment], claim), (family, moment, float(means[moment].mean()), claim)
            step = 2.2 * half_width(means[moment], claim)
            for wrong in (claim - step, claim + step):
                assert not accepted(means[moment], wrong), (family, moment)
            shares.append(step / (abs(claim) if abs(claim) > 1e-9 else claims["weighted 1"]))
            assert shares[-1] <= COARSEST, (family, moment, shares[-1])
    assert sorted(shares)[len(shares) // 2] <= MEDIAN
