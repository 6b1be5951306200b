"""Formulas of `theory.bayes` changed one at a time are refused by the checks that accept them (`common.bayes`).

Exact checks and Gauss rules have no error model. Sampled check: the error model of `theory/test_bayes.py` (false-alarm ≤ 10⁻¹⁰ for each
assertion); where the risk less the noise is 1 % off, the expected |t| is at least 12.5 (missed with probability < 10⁻⁷).
"""

import pytest
from common.altered import altered
from common.bayes import (
    CASES,
    REFUSED,
    SHORT,
    check_density,
    check_far,
    check_limits,
    check_middle,
    check_near,
    conditional_risks,
    t_value,
)
from common.strategies import seeds
from flint import arb
from hypothesis import HealthCheck, Phase, given, settings
from sympy import Rational, eye

from theory import bayes, enclosure
from theory.bayes import ResolventMean, bayes_risk
from theory.errors import TheoryError

DENSITY = {
    "exponent: (a + 1)/2 in the weight": ("fmpq(a - 1, 2) + j", "fmpq(a, 2) + j"),
    "exponent: a + 1 in the products": ("a = N - m\n    size", "a = N - m + 1\n    size"),
    "sgn: against w alone": ("fmpq(-2 * factorial(a - 1 + j))", "fmpq(2 * factorial(a - 1 + j))"),
    "sgn: among the derivatives": ("(j - i) * factorial", "(i - j) * factorial"),
    "products: (a − 1 + i + j)!": ("factorial(a - 2 + i + j)", "factorial(a - 1 + i + j)"),
    "basis: + x/2": ("fmpq(-1, 2)])", "fmpq(1, 2)])"),
    "border: sign": ("skew[0][m] = fmpq(1)", "skew[0][m] = fmpq(-1)"),
    "P: sign": ("[-2]) * row(j)", "[2]) * row(j)"),
    "Q: sign": ("return P, row(", "return P, -row("),
    "Q: the odd row always": ("row(m if m % 2 else 0)", "row(m - 1 + m % 2)"),
    "moments: (a + c + 1)!": ("factorial(a + c))", "factorial(a + c + 1))"),
    "moments: sign": ("rough[-1] - (0", "rough[-1] + (0"),
    "moments: 2 for 4": ("else 4 * factorial", "else 2 * factorial"),
    "moments: a for a − 1": ("(a - 1 + 2 * c)", "(a + 2 * c)"),
}

RESOLVENT = {
    "k for k + 1": ("Basic.__new__(cls, d, k, s)", "Basic.__new__(cls, d, k + 1, s)"),
    "no (d − k)/s": ("return (d - k) / s + cls", "return cls"),
    "d/s for (d − k)/s": ("return (d - k) / s + cls", "return d / s + cls"),
    "no dual": ("(d - k) / s + cls(k, d, s)", "(d - k) / s + cls(k, k, s)"),
    "U: exponent": ("hypgeom_u(1, 1 - a)", "hypgeom_u(1, 2 - a)"),
    "odd: exponent": ("arb(3 - a) / 2) / 2", "arb(4 - a) / 2) / 2"),
    "odd: s for s/2": ("(s / 2).hypgeom_u(1, arb", "s.hypgeom_u(1, arb"),
    "odd: 1 for 1/2": (" / 2) / 2 if m % 2", " / 2) if m % 2"),
    "even: sign of the second": ("4 * _gamma_transform(0, s) - 2", "4 * _gamma_transform(0, s) + 2"),
    "even: sign of sgn": ("else _even_transform(a, s)", "else -_even_transform(a, s)"),
    "recursion: sign": ("- (b - 1) * s * value", "+ (b - 1) * s * value"),
    "recursion: b for b − 1": ("- (b - 1) * s * value", "- b * s * value"),
    "error function: once": ("1 - 2 * t.erf()", "1 - t.erf()"),
    "error function: √π": ("return 2 * arb.pi().sqrt()", "return arb.pi().sqrt()"),
    "error function: 1.0001": ("return 2 * arb", "return arb(10001) / 5000 * arb"),
    "division: p(s)": ("carry = coefficient - s", "carry = coefficient + s"),
    "division: no remainder": ("return total + carry * transform", "return total"),
    "no rough part": (" + _over_shift(Q, rough, transform, s)", ""),
}

RISK = {
    "no noise of the query": ("return noise + noise * ResolventMean", "return noise * ResolventMean"),
    "no σ²": ("return noise + noise * ResolventMean", "return noise + ResolventMean"),
    "σ² for σ²/c": ("k, noise / c)", "k, noise)"),
    "cσ² for σ²/c": ("k, noise / c)", "k, noise * c)"),
    "d for the rank": ("c = matrix.trace() / r", "c = matrix.trace() / size"),
    "Σ forgotten": ("MatMul(setting.covariates.second_moment, response.covariance)", "MatMul(1, response.covariance)"),
    "W forgotten": ("MatMul(setting.covariates.second_moment, response.covariance)", "MatMul(1, setting.covariates.second_moment)"),
    "d − k − 1 without noise": ("Max(0, r - k)", "Max(0, r - k - 1)"),
    "1 for c without noise": ("return c * Max", "return Max"),
    "no tr ΣW": ("return noise + normal_form(Trace(product), symmetric=symmetric)", "return noise"),
}

once = settings(max_examples=1, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate])


def accepted(check, module):
    try:
        check(module)
    except (AssertionError, TheoryError, ZeroDivisionError):
        return False
    return True


def test_the_truth_is_accepted():
    with altered(bayes) as unchanged:
        assert all(accepted(check, unchanged) for check in (check_density, check_far, check_near, check_middle, check_limits))


@pytest.mark.parametrize("change", DENSITY.values(), ids=DENSITY)
def test_a_wrong_density_is_refused(change):
    with altered(bayes, change) as wrong:
        assert not accepted(check_density, wrong)


@pytest.mark.parametrize("check", [check_middle, check_far])
@pytest.mark.parametrize("change", RESOLVENT.values(), ids=RESOLVENT)
def test_a_wrong_resolvent_is_refused(change, check):
    with altered(bayes, change) as wrong:
        assert not accepted(check, wrong)


@pytest.mark.parametrize("change", RISK.values(), ids=RISK)
def test_a_wrong_risk_is_refused(change):
    with altered(bayes, change) as wrong:
        assert not accepted(check_limits, wrong)


def test_a_tail_left_out_is_seen():
    value = bayes._error_function_integral(arb(1) / 2)
    with altered(bayes, *SHORT) as right, altered(bayes, *SHORT, (" + arb(0, tail.upper())", "")) as wrong:
        assert right._error_function_integral(arb(1) / 2).overlaps(value)
        assert not wrong._error_function_integral(arb(1) / 2).overlaps(value)


def false_risks(case):
    """The risk less the noise, wrong in some way, each at least 1 % off"""
    scale = (case.Sigma * case.W).trace() / case.K.cols
    rank, k, noise = case.K.cols, case.n, case.noise
    above = bayes_risk(case.setting) - noise
    found = {
        "1 % more": above * Rational(101, 100),
        "1 % less": above * Rational(99, 100),
        "k − 1 for k": bayes_risk(case.setting, k - 1) - noise,
        "k + 1 for k": bayes_risk(case.setting, k + 1) - noise,
    }
    if scale != 1:
        found["Σ and W forgotten"] = noise * ResolventMean(rank, k, noise)
    if case.Sigma != eye(case.d):
        found["Σ forgotten"] = noise * ResolventMean(rank, k, noise / (case.W.trace() / rank))
    if k < rank:
        found["no (d − k)/s"] = noise * ResolventMean(k, rank, noise / scale)
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@once
@given(seed=seeds)
def test_a_risk_that_is_off_is_refused(case, seed):
    draws = conditional_risks(case, seed)
    for name, value in false_risks(case).items():
        assert abs(t_value(draws, enclosure(value).mid())) > REFUSED, name
