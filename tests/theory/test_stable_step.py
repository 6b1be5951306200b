"""Is the optimal step a stable one: the exact probability, its bounds, and the moments behind them, each by a second route.

The probability P(λ_max ≥ x) is held against the χ² law (one dimension), a hand-made integral (two dimensions), its complement in moments,
and drawn matrices. Sampled: 2·10⁵ draws of each of three Wishart matrices, the numbers beyond two thresholds against the binomial law at 6
standard deviations: false-alarm rate below 2·10⁻⁸ for the file, a seed fixed.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from common.altered import altered
from flint import arb
from sympy import Matrix, Rational, S, cancel, erfc, exp, pi, sqrt, symbols

from theory import Gaussian, Linear, Setting, SettingError, UnknownMoment, enclosure, stable_step
from theory.notation import d, eta, n
from theory.stable_step import (
    LargestEigenvalueTail,
    best_markov_bound,
    concentration_bound,
    edge_limit,
    markov_bound,
    mean_square_factor,
    step_size,
    trace_moment,
    unstable_probability,
)

DRAWS = 200_000


def white(size, length, noise=S.Zero):
    return Setting(covariates=Gaussian.isotropic(size), response=Linear.isotropic(size), noise_variance=noise, context_length=length)


def number(expr):
    return float(enclosure(expr).mid())


def check_one_dimension(module):
    """χ² with 1, 2, 3 and 4 degrees of freedom, in closed form."""
    for x in (Rational(1, 2), S(3), S(40)):
        closed = (erfc(sqrt(x / 2)), exp(-x / 2), erfc(sqrt(x / 2)) + sqrt(2 * x / pi) * exp(-x / 2), (1 + x / 2) * exp(-x / 2))
        for degrees, tail in enumerate(closed, start=1):
            found = enclosure(module.LargestEigenvalueTail(1, degrees, x))
            assert found.overlaps(enclosure(tail))
            assert float(found.rad()) < 1e-12 * float(found.mid())


def check_two_dimensions(module):
    """For W_2(3, I) the density of the eigenvalues is e^(−(a+b)/2) (a − b)/4 for a > b: P(a ≥ x) = 2e^(−x/2)(x/2) − … by hand."""
    for x in (S.One, S(6), S(20)):
        # P(a < x) = ∫∫_{b<a<x} (a − b) e^(−(a+b)/2)/4 = 1 − x e^(−x/2) − e^(−x)
        assert enclosure(module.LargestEigenvalueTail(2, 3, x)).overlaps(enclosure(x * exp(-x / 2) + exp(-x)))


def check_draws(module):
    """The number of unstable steps among drawn contexts, and of those with λ_max ≥ n + d."""
    source = np.random.default_rng(7)
    for size, length, noise in ((2, 3, S.Zero), (3, 3, S.Zero), (4, 2, Rational(1, 2))):
        X = source.standard_normal((DRAWS, length, size))
        largest = np.linalg.eigvalsh(X.transpose(0, 2, 1) @ X)[:, -1]
        edge, median = 2 * (length + size + 1 + noise), Rational(length + size)
        for x, tail in (
            (edge, module.unstable_probability(white(size, length, noise))),
            (median, module.LargestEigenvalueTail(size, length, median)),
        ):
            p = number(tail)
            assert abs(int((largest >= float(x)).sum()) - DRAWS * p) < 6 * math.sqrt(DRAWS * p * (1 - p))


def check_bounds(module):
    """Markov's and Davidson and Szarek's are above the exact probability, and less than 1 where they should be."""
    for size, length, noise in ((1, 4, S.Zero), (4, 4, S.Zero), (3, 12, S.One), (12, 3, S.Zero), (10, 10, S(40))):
        setting = white(size, length, noise)
        p = number(module.unstable_probability(setting))
        markov, power = module.best_markov_bound(setting)
        assert all(markov <= module.markov_bound(setting, k) for k in range(1, power + 3))
        assert p < min(float(markov), number(module.concentration_bound(setting)))
        assert float(markov) < 1 > number(module.concentration_bound(setting))


def check_moments(module):
    """E tr Gᵖ from the density of the eigenvalues equals Wick's rule."""
    for power in (1, 2, 3, 4):
        symbolic = module.trace_moment(power)
        for size, length in ((1, 3), (2, 2), (3, 5), (5, 2)):
            exact = module.markov_bound(white(size, length), power) / (module.step_size(white(size, length)) / 2) ** power
            assert exact == symbolic.subs({d: size, n: length})


CHECKS = {
    "one dimension": check_one_dimension,
    "two dimensions": check_two_dimensions,
    "draws": check_draws,
    "bounds": check_bounds,
    "moments": check_moments,
}


@pytest.mark.parametrize("name", CHECKS)
def test_the_step_passes(name):
    CHECKS[name](stable_step)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("one dimension", "alpha = arb(N - m - 1) / 2\n    weight", "alpha = arb(N - m) / 2\n    weight"),
        ("one dimension", "1 - _all_below", "_all_below"),
        ("two dimensions", "ends[j] * mass - 2 * gammas[a + j]", "ends[j] * mass - gammas[a + j]"),
        ("draws", "ends[i] * ends[j] - 2", "-2"),
        ("draws", "length, 2 / step_size(setting))", "length, 2 / step_size(setting) - 1)"),
        ("draws", ".noise * size}", ".noise}"),
        ("bounds", "exp(-(margin**2) / 2)", "exp(-4 * margin**2)"),
        ("bounds", "(step_size(setting) / 2) ** power", "(step_size(setting) / 3) ** power"),
        ("moments", "mu[k + power]", "mu[k + power - 1]"),
    ],
)
def test_a_false_formula_fails(name, old, new):
    with altered(stable_step, (old, new)) as module, pytest.raises(AssertionError):
        CHECKS[name](module)


def test_the_mean_square_factor_at_explicit_sizes():
    """In components: E (1 − ηx²)² in one dimension, and a diagonal entry of E (I − ηXᵀX)² in two, n = 1."""
    factor = mean_square_factor()
    assert cancel(factor.subs({n: 1, d: 1}) - (1 - 2 * eta + 3 * eta**2)) == 0
    assert cancel(factor.subs({n: 1, d: 2}) - (1 - 2 * eta + 3 * eta**2 + eta**2)) == 0
    best = 1 / (n + d + 1)
    assert cancel(factor.diff(eta).subs(eta, best)) == 0
    assert cancel(factor.subs(eta, 2 * best)) == 1


def test_the_edge_in_the_limit():
    assert edge_limit(1, 0) == 2
    for ratio in (Rational(1, 9), S(4), S(25)):
        assert edge_limit(ratio, 0) == edge_limit(1 / ratio, 0) < 2
    assert edge_limit(1, Rational(1, 2)) == Rational(8, 5)
    gamma, s = symbols("gamma s", positive=True)
    assert cancel(edge_limit(gamma, s) - (1 + sqrt(gamma)) ** 2 / (1 + gamma + s)) == 0


def test_the_concentration_bound_falls_exponentially_away_from_the_edge():
    rates = [-math.log(number(concentration_bound(white(size, 4 * size)))) / size for size in (100, 400, 1600)]
    limit = (math.sqrt(10) - 3) ** 2 / 2
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] == pytest.approx(limit, rel=0.02)


def test_whitening_changes_nothing():
    Sigma = Matrix([[2, 1], [1, 3]])
    general = Setting(covariates=Gaussian(Sigma), response=Linear(Sigma.inv() * 3), noise_variance=Rational(1, 2), context_length=4)
    assert step_size(general) == step_size(white(2, 4, Rational(1, 6)))
    assert unstable_probability(general) == unstable_probability(white(2, 4, Rational(1, 6)))


def test_rows_and_columns_may_be_exchanged():
    assert LargestEigenvalueTail(3, 5, 7) == LargestEigenvalueTail(5, 3, 7)
    assert enclosure(LargestEigenvalueTail(3, 5, S(200))) < arb(10) ** -30


@pytest.mark.parametrize(
    ("ask", "error", "words"),
    [
        (lambda: LargestEigenvalueTail(0, 1, 1), SettingError, "whole numbers"),
        (lambda: LargestEigenvalueTail(1, 1, 0), SettingError, "threshold must be > 0"),
        (lambda: markov_bound(white(1, 1), 0), SettingError, "power"),
        (lambda: unstable_probability(white(d, n)), UnknownMoment, "symbolic sizes"),
        (lambda: best_markov_bound(white(d, n)), UnknownMoment, "symbolic sizes"),
        (
            lambda: step_size(
                Setting(covariates=Gaussian.isotropic(2), response=Linear(Matrix([[1, 0], [0, 2]])), noise_variance=0, context_length=1)
            ),
            UnknownMoment,
            "ΣW = cI",
        ),
    ],
)
def test_what_is_asked_for_in_vain(ask, error, words):
    with pytest.raises(error, match=words):
        ask()


def test_symbolic_sizes():
    assert trace_moment(3).subs({n: 2, d: 1}) == 48
    assert cancel(markov_bound(white(d, n), 1) - n * d / (2 * (n + d + 1))) == 0
    assert step_size(white(d, n)) == 1 / (n + d + 1)
