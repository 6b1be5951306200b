"""The gap between the best layer and the Bayes risk: its limit, its finite sizes, and the inequalities between them.

Exact: the equation of the limit, the distance of the one-step minimum, the largest gap. Certified: Bayes risks of finite sizes, which share
no formula with the limit, lie within the bounds and approach the limit as the correction says.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from common.altered import altered
from sympy import Identity, Matrix, Rational, S, Symbol, cancel, symbols

from theory import Gaussian, Linear, Rademacher, Setting, SettingError, UnknownMoment, bayes_risk, enclosure, gap_to_bayes, global_minimiser
from theory.gap_to_bayes import (
    bayes_bounds,
    bayes_limit,
    finite_gap,
    largest_gap,
    noise_of,
    one_step_distance,
    one_step_limit,
    proportional_gap,
    ratio_of,
)
from theory.proportions import proportions

HALF, QUARTER = Rational(1, 2), Rational(1, 4)
NOISES = (Rational(1, 100), QUARTER, S.One, S(5))
RATIOS = (Rational(1, 5), HALF, S.One, S(2), S(10))


def scaled(d, n, noise):
    """White covariates, a signal of 1."""
    return Setting(covariates=Gaussian.isotropic(d), response=Linear(Matrix.eye(d) / d), noise_variance=noise, context_length=n)


def number(expr):
    return float(enclosure(expr).mid())


def check_limit(module):
    """The equation of Marchenko and Pastur, and the two ends of it."""
    for noise in (S.Zero, *NOISES):
        for ratio in RATIOS:
            bayes = module.bayes_limit(ratio, noise)
            assert cancel(bayes * (ratio + noise + bayes) - noise - bayes).expand() == 0
            assert 0 <= bayes < 1
    assert [module.bayes_limit(ratio, 0) for ratio in (QUARTER, 1, 3)] == [Rational(3, 4), 0, 0]


def check_finite_sizes(module):
    """d (risk − limit) tends to the correction, with an error of order 1/d."""
    for noise, ratio in ((QUARTER, HALF), (QUARTER, S.One), (S.One, S(2))):
        for d in (8, 16):
            found = d * number(bayes_risk(scaled(d, int(ratio * d), noise)) - noise - module.bayes_limit(ratio, noise))
            assert abs(found - number(module.bayes_correction(ratio, noise))) < 0.2 / d


def check_bounds(module):
    """Certified Bayes risks between their bounds, which are close."""
    for d, n, noise in (
        (1, 1, QUARTER),
        (2, 5, Rational(1, 50)),
        (5, 5, Rational(1, 10)),
        (6, 3, S.One),
        (12, 12, HALF),
        (4, 20, S(3)),
        (8, 12, S(0)),
    ):
        low, high = module.bayes_bounds(scaled(d, n, noise))
        risk = enclosure(bayes_risk(scaled(d, n, noise)))
        assert enclosure(low) <= risk + 1e-12
        assert risk <= enclosure(high) + 1e-12
        assert number(high - low) < 1.5 / math.sqrt(d)


def check_largest(module):
    """The gap at its place, as an exact number; less than it beside."""
    for noise in (Rational(13, 243), QUARTER, S(3)):
        largest = module.largest_gap(noise)
        there = enclosure(module.proportional_gap(largest.ratio, noise))
        assert there.overlaps(enclosure(largest.gap))
        assert enclosure(module.bayes_limit(largest.ratio, noise)).overlaps(enclosure(largest.bayes))
        for factor in (Rational(9, 10), Rational(11, 10)):
            assert enclosure(module.proportional_gap(factor * largest.ratio, noise)) < there


CHECKS = {"limit": check_limit, "finite sizes": check_finite_sizes, "bounds": check_bounds, "largest": check_largest}


@pytest.mark.parametrize("name", CHECKS)
def test_the_gap_passes(name):
    CHECKS[name](gap_to_bayes)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("limit", "sqrt(half**2 + noise + more)", "sqrt(half**2 + 2 * noise + more)"),
        ("limit", "half = (1 - ratio - noise) / 2", "half = (1 - ratio + noise) / 2"),
        ("finite sizes", "noise * bayes**2 * (1 - bayes)", "noise * bayes**2"),
        ("finite sizes", "(noise + bayes**2) ** 2", "(noise + bayes) ** 2"),
        ("bounds", "_root(ratio + 1 / size, noise, S.Zero)", "_root(ratio - 1 / size, noise, S.Zero)"),
        ("bounds", "1 / (4 * size))", "1 / (400 * size))"),
        ("largest", "12 - 27 * (1 + noise)", "12 - 26 * (1 + noise)"),
        ("largest", "(1 + noise) * (2 - gap) / (1 + gap)", "(1 + noise) * (2 - gap)"),
        ("largest", "(1 - 2 * gap) / 3)", "(1 - gap) / 3)"),
    ],
)
def test_a_false_formula_fails(name, old, new):
    with altered(gap_to_bayes, (old, new)) as module, pytest.raises(AssertionError):
        CHECKS[name](module)


def test_the_one_step_minimum_is_its_limit_and_an_exact_distance():
    d = Symbol("d", integer=True, positive=True)
    gamma, s = symbols("gamma s", positive=True)
    for size, length, noise in ((3, 6, QUARTER), (4, 1, S(2)), (5, 5, S.Zero)):
        ratio = Rational(length, size)
        least = global_minimiser(scaled(size, length, noise)).loss
        distance = one_step_distance(size, ratio, noise)
        assert least == noise + one_step_limit(ratio, noise) + distance
        assert 0 < distance < Rational(1, 4 * size)
    assert one_step_limit(gamma, s) == (1 + s) / (1 + gamma + s)
    symbolic = one_step_distance(d, gamma, s)
    assert cancel(symbolic - gamma / ((1 + gamma + s) * (d * (1 + gamma + s) + 1))) == 0


def test_the_gap_is_a_function_of_the_bayes_risk():
    for bayes, noise in ((HALF, QUARTER), (Rational(1, 3), S(2)), (Rational(4, 5), S.Zero)):
        ratio = ratio_of(bayes, noise)
        assert bayes_limit(ratio, noise) == bayes
        assert proportional_gap(ratio, noise) == bayes * (1 - bayes) ** 2 / (noise + 2 * bayes - bayes**2)


def test_the_gap_falls_with_the_noise_and_is_small_for_few_and_for_many_examples():
    for ratio in RATIOS:
        gaps = [number(proportional_gap(ratio, noise)) for noise in (S.Zero, *NOISES)]
        assert gaps == sorted(gaps, reverse=True)
    for noise in NOISES:
        few, many = Rational(1, 200), 1000 * (1 + noise)
        assert number(proportional_gap(few, noise)) == pytest.approx(float(few**2 / (1 + noise) ** 3), rel=3e-2)
        assert number(proportional_gap(many, noise) * many) == pytest.approx(1, rel=1e-2)


def test_the_largest_gap_in_closed_form():
    assert largest_gap(0) == (HALF, 1, 0)
    for noise in NOISES:
        tau = 1 + float(noise)
        closed = 3 * math.sqrt(tau) * math.cos((math.pi + math.acos(1 / math.sqrt(tau))) / 3) - 1
        largest = largest_gap(noise)
        assert number(largest.gap) == pytest.approx(closed, rel=1e-9)
        assert number(noise_of(largest.gap)) == pytest.approx(float(noise), rel=1e-9)
    assert number(largest_gap(10**6).gap * 10**6) == pytest.approx(4 / 27, rel=1e-5)


def test_the_equation_of_finite_sizes():
    """P(T) = (1/d) E mean ρ(1 − ρ) − Var mean ρ, the left certified and the right from 2·10⁵ drawn contexts, within 6 standard errors.

    The variance is about the certified mean, so each draw is unbiased; false-alarm rate below 10⁻⁸, a seed fixed.
    """
    draws, (d, n, s) = 200_000, (3, 2, 0.25)
    X = np.random.default_rng(11).standard_normal((draws, n, d))
    rho = s / (np.linalg.eigvalsh(X.transpose(0, 2, 1) @ X).clip(0) / d + s)
    mean = rho.mean(1)
    bayes = number(bayes_risk(scaled(d, n, QUARTER))) - s
    each = (rho * (1 - rho)).mean(1) / d - (mean - bayes) ** 2
    error = each.std() / math.sqrt(draws)
    left = bayes**2 + (n / d + s - 1) * bayes - s
    assert abs(each.mean() - left) < 6 * error < 0.01 * left


def test_whitening_changes_nothing():
    Sigma = Matrix([[2, 1], [1, 3]])
    general = Setting(covariates=Gaussian(Sigma), response=Linear(Sigma.inv() * 3), noise_variance=HALF, context_length=4)
    white = Setting(covariates=Gaussian.isotropic(2), response=Linear.isotropic(2), noise_variance=Rational(1, 6), context_length=4)
    assert number(finite_gap(general)) == pytest.approx(3 * number(finite_gap(white)), rel=1e-12)
    assert proportions(general) == (2, Rational(1, 12), 6)
    assert [number(bound) for bound in bayes_bounds(general)] == pytest.approx([3 * number(bound) for bound in bayes_bounds(white)])


def test_symbols_stay():
    n, d = symbols("n d", integer=True, positive=True)
    s = Symbol("s", nonnegative=True)
    setting = Setting(covariates=Gaussian.isotropic(d), response=Linear(Identity(d)), noise_variance=s, context_length=n)
    assert proportions(setting) == (n / d, s / d, d)


@pytest.mark.parametrize(
    ("ask", "error", "words"),
    [
        (lambda: proportional_gap(-1, 0), SettingError, "ratio must be ≥ 0"),
        (lambda: proportional_gap(1, -1), SettingError, "noise must be ≥ 0"),
        (lambda: proportional_gap(0.5, 0), SettingError, "float"),
        (lambda: largest_gap(Symbol("s")), SettingError, "must be a number"),
        (lambda: finite_gap(scaled(2, Symbol("n", integer=True, positive=True), S.One)), UnknownMoment, "whole numbers"),
        (
            lambda: proportions(
                Setting(covariates=Rademacher.isotropic(2), response=Linear.isotropic(2), noise_variance=0, context_length=1)
            ),
            UnknownMoment,
            "Gaussian covariates",
        ),
        (
            lambda: proportions(
                Setting(covariates=Gaussian.isotropic(2), response=Linear(Matrix([[1, 0], [0, 2]])), noise_variance=0, context_length=1)
            ),
            UnknownMoment,
            "ΣW = cI",
        ),
        (
            lambda: proportions(
                Setting(covariates=Gaussian.isotropic(2), response=Linear(Matrix.zeros(2)), noise_variance=0, context_length=1)
            ),
            SettingError,
            "no signal",
        ),
    ],
)
def test_what_is_asked_for_in_vain(ask, error, words):
    with pytest.raises(error, match=words):
        ask()
