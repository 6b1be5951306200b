"""Many heads: exact loss against enumeration, one head's profile, the counts of spurious minima, and formulas changed that are refused."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from common.altered import altered
from sympy import Matrix, MatrixSymbol, Rational, S, Symbol, cancel, diff, expand, oo, symbols

from proofs.language import substitute, unnamed
from proofs.theorems.heads import ESSENTIAL, PARTS, terms
from theory import Gaussian, Linear, LinearAttention, Setting, enclosure, heads, stationary_points
from theory.coefficients import coefficients
from theory.errors import SettingError
from theory.heads import (
    head_profile,
    heads_with_spurious_minima,
    loss_of_heads,
    smallest_heads_without_spurious_minima,
    spurious_minima_of_heads,
    stationary_points_of_heads,
)
from theory.landscape import profile
from theory.notation import g, h, j, n, ratio, rho_1, sigma2


def setting_of(d, context, noise):
    return Setting(covariates=Gaussian.isotropic(d), response=Linear.isotropic(d), noise_variance=noise, context_length=context)


def layers_of(d, count, seed=0):
    """Layers with small whole entries."""
    draw = np.random.default_rng(seed)
    return [
        LinearAttention(
            Matrix(d + 1, 1, draw.integers(-3, 4, d + 1).tolist()), Matrix(d + 1, d + 1, draw.integers(-3, 4, (d + 1) ** 2).tolist())
        )
        for _ in range(count)
    ]


def enumerated(d, context, noise, layers):
    """E (ŷ − y_q)² with each normal variable on three points, 0 and ±√3, which have its moments up to the fifth; the query integrated."""
    size = d * context + d + (context if noise else 0)
    points = np.array(list(product((0.0, 3**0.5, -(3**0.5)), repeat=size)))
    weights = np.prod(np.where(points == 0, 2 / 3, 1 / 6), axis=1)
    x = points[:, : d * context].reshape(-1, context, d)
    w = points[:, d * context : d * context + d]
    y = np.einsum("pid,pd->pi", x, w) + (float(noise) ** 0.5 * points[:, d * context + d :] if noise else 0)
    z = np.concatenate([x, y[..., None]], axis=2)
    total = -w
    for layer in layers:
        v, M = (np.array(part.tolist(), dtype=float) for part in (layer.value, layer.key_query))
        total = total + np.einsum("pia,a,pib,bd->pd", z, v[:, 0], z, M[:, :d], optimize=True)
    return (weights * (total**2).sum(1)).sum() + float(noise)


def check_loss(module=heads):
    """The loss of one, two and three heads against enumeration: exact but for rounding."""
    for d, context, noise, count in ((1, 3, 1, 2), (2, 1, 2, 1), (2, 1, 2, 3), (2, 2, 0, 2)):
        layers = layers_of(d, count)
        exact = enumerated(d, context, noise, layers)
        assert abs(float(module.loss_of_heads(setting_of(d, context, noise), layers)) / exact - 1) < 1e-10


def check_stationary(module=heads):
    """The loss at theory's members is the family's, and its gradient vanishes: within 10⁻²⁵, with 40 digits."""
    for d, context, noise, count in ((2, 3, 0, 2), (3, 4, 1, 2)):
        setting = setting_of(d, context, noise)
        names = [
            LinearAttention(Matrix(symbols(f"v{k}_:{d + 1}")), Matrix(d + 1, d + 1, symbols(f"m{k}_:{(d + 1) ** 2}"))) for k in range(count)
        ]
        loss = loss_of_heads(setting, names)
        variables = sorted(loss.free_symbols, key=str)
        for family in module.stationary_points_of_heads(setting, count):
            here = {}
            for name, layer in zip(names, family.layers, strict=True):
                here |= dict(zip([*name.value, *name.key_query], [x.n(40) for x in (*layer.value, *layer.key_query)], strict=True))
            assert abs(loss.xreplace(here) - family.loss.n(40)) < 1e-25
            assert all(abs(diff(loss, variable).xreplace(here)) < 1e-25 for variable in variables[:: 1 + len(variables) // 8])


def test_the_loss_is_that_of_an_enumeration():
    check_loss()


def test_theory_is_stationary():
    check_stationary()


@pytest.mark.parametrize(("d", "context", "noise"), [(2, 3, 0), (3, 30, 0), (3, 10, 16), (4, 38, 277), (4, 5, 30)])
def test_one_head_is_one_head(d, context, noise):
    setting = setting_of(d, context, noise)
    found = [(family.kind, family.ratio, family.index) for family in stationary_points_of_heads(setting, 1) if family.rank == 1]
    known = [(family.kind, family.ratio, family.index) for family in stationary_points(setting) if family.ratio is not None]
    assert sorted(map(str, found)) == sorted(map(str, known))


def test_the_profile_of_one_head_is_that_of_the_landscape():
    setting = setting_of(3, n, sigma2)
    symbol = {str(symbol): symbol for symbol in profile().loss.free_symbols}
    found = coefficients(setting)
    values = {symbol[name]: getattr(found, name) for name in ("p", "q", "beta", "gamma", "delta", "tau", "epsilon")} | {symbol["d_1"]: 2}
    assert cancel(head_profile(setting, 1).loss - profile().loss.xreplace(values)) == 0


@pytest.mark.parametrize(("d", "count"), [(d, count) for d in (2, 3, 4) for count in range(1, d + 1)])
def test_the_profile_begins_at_the_minimum_and_ends_at_directions(d, count):
    setting = setting_of(d, 3, Rational(1, 2))
    loss, found = head_profile(setting, count).loss, coefficients(setting)
    assert loss.subs(ratio, 0) == found.tau - d * found.q**2 / found.p
    assert loss.limit(ratio, oo) == found.tau - count * found.q**2 / found.p
    directions = next(f for f in stationary_points_of_heads(setting, count) if f.name == "directions" and f.rank == count)
    assert directions.loss == loss.limit(ratio, oo)
    assert directions.kind == ("global minimum" if count == d else directions.kind)


def test_the_sign_of_the_turning_polynomial_is_that_of_the_slope():
    found = head_profile(setting_of(4, 3, 1), 2)
    for r in (Rational(1, 7), Rational(3), Rational(50), Rational(10**6)):
        assert (diff(found.loss, ratio).subs(ratio, r) > 0) == (found.turning.eval(r) > 0)


COUNTS = {
    (1, 5, 0): (),
    (2, 1, 0): (1,),
    (3, 1, 0): (2,),
    (3, 24, 0): (1,),
    (4, 2, 30): (2, 3),
    (5, 100, 0): (1,),
    (6, 3, 0): (5,),
    (6, 100, 10**4): (4, 5),
    (7, 7, 0): (),
}


def check_counts(module=heads):
    """Which numbers of heads have spurious minima."""
    for (d, context, noise), expected in COUNTS.items():
        assert module.heads_with_spurious_minima(setting_of(d, context, noise)) == expected


def test_which_numbers_of_heads_have_spurious_minima():
    check_counts()
    assert [smallest_heads_without_spurious_minima(setting_of(*where)) for where in COUNTS] == [1, 2, 1, 2, 1, 2, 1, 1, 1]


def test_the_condition_in_symbols_is_that_in_numbers():
    condition = spurious_minima_of_heads(setting_of(3, n, sigma2), 2)
    for context, noise in product((1, 3, 5, 30), (0, 1, 30)):
        numbers = spurious_minima_of_heads(setting_of(3, context, noise), 2)
        assert condition.subs({n: context, sigma2: noise}) == numbers


def test_from_as_many_heads_as_dimensions_there_are_none():
    for d, context in product((1, 2, 3, 4), (1, 7, 200)):
        for count in (d, d + 1, d + 3):
            assert spurious_minima_of_heads(setting_of(d, context, 1), count) == S.false


def test_two_to_d_minus_three_heads_never_have_any():
    """Q_H as a sum of products of quantities ≥ 0 and of squares, for all h ≥ 2, d ≥ h + 3, n, σ²: `terms` finds it or fails; without noise
    from d ≥ h + 2 on."""
    at = unnamed(substitute(ESSENTIAL, PARTS)).doit()
    positive = {"h": (Symbol("i", nonnegative=True), h + 2), "n": (n - 1, n + 1)}
    found = terms(at, g=(j, g + 4), **positive)
    assert found.subs({n: 1, j: 0, rho_1: 0, sigma2: 0, Symbol("i", nonnegative=True): 0}) > 0
    there = {n: 7, j: 3, rho_1: Rational(5, 3), sigma2: Rational(11, 2), Symbol("i", nonnegative=True): 2}
    assert found.subs(there).doit() == at.subs({h: 4, g: 7} | there)
    assert terms(at.xreplace({g: 3, sigma2: S.Zero}), **positive).subs({n: 1, rho_1: 0, Symbol("i", nonnegative=True): 0}) > 0
    with pytest.raises(StopIteration):
        terms(at, g=(j, g + 3), **positive)


def test_covariance_and_normalisation_are_those_of_the_setting():
    Sigma = Matrix([[2, 1], [1, 3]])
    setting = Setting(covariates=Gaussian(Sigma), response=Linear(Sigma.inv()), noise_variance=1, context_length=4, normalisation=4)
    plain = setting_of(2, 4, 1)
    for count in (1, 2):
        for family, other in zip(stationary_points_of_heads(setting, count), stationary_points_of_heads(plain, count), strict=True):
            assert abs(float(enclosure(family.loss).mid() - enclosure(other.loss).mid())) < 1e-12
            assert abs(float(loss_of_heads(setting, family.layers).n(30) - family.loss.n(30))) < 1e-12


def test_what_cannot_be_asked():
    isotropic = setting_of(3, 2, 0)
    d = Symbol("d", integer=True, positive=True)
    Sigma = MatrixSymbol("Sigma", 2, 2)
    for wrong, message in (
        (lambda: head_profile(isotropic, 4), "d ≥ 4"),
        (lambda: head_profile(isotropic, 0), "whole number"),
        (lambda: stationary_points_of_heads(setting_of(d, 2, 0), 2), "must be a number"),
        (lambda: heads_with_spurious_minima(setting_of(3, n, 0)), "spurious_minima_of_heads"),
        (lambda: loss_of_heads(isotropic, layers_of(2, 1)), "3-dimensional"),
        (
            lambda: stationary_points_of_heads(
                Setting(covariates=Gaussian(Matrix([[1, 0], [0, 2]])), response=Linear.isotropic(2), noise_variance=0, context_length=2), 2
            ),
            "W ∝ Σ⁻¹",
        ),
        (
            lambda: loss_of_heads(
                Setting(covariates=Gaussian(Sigma), response=Linear(Sigma.inv()), noise_variance=0, context_length=2), layers_of(2, 1)
            ),
            "explicit",
        ),
    ):
        with pytest.raises(SettingError, match=message):
            wrong()


ALTERED = {
    "trace term without P": (check_loss, ("found.alpha - found.beta) * P.trace() ** 2", "found.alpha) * P.trace() ** 2")),
    "labels and trace once": (check_loss, ("2 * found.gamma * s * P.trace()", "found.gamma * s * P.trace()")),
    "1.01 of β": (check_loss, ("2 * found.beta * (P * P)", "Rational(202, 100) * found.beta * (P * P)")),
    "one column of the diagonal more": (check_counts, ("_diagonal: count - 1}", "_diagonal: count}")),
    "1.05 of δ": (check_counts, ("delta * s**2\n    ((best,),)", "Rational(21, 20) * delta * s**2\n    ((best,),)")),
    "a dimension more is left": (
        check_counts,
        ("size - heads + 1, not sympify", "size - heads + 2, not sympify"),
    ),
    "no shared diagonal": (check_stationary, ("column.by_labels.xreplace(values) * keys", "2 * column.by_labels.xreplace(values) * keys")),
}


@pytest.mark.parametrize("name", ALTERED)
def test_a_changed_formula_is_refused(name):
    check, replacement = ALTERED[name]
    with altered(heads, replacement, Rational=Rational) as module, pytest.raises(AssertionError):
        check(module)


def test_a_linear_combination_of_heads_changes_nothing():
    """The loss is a function of Σ v ⊗ M: v_1 ⊗ M_1 + v_2 ⊗ M_2 = (v_1 + v_2) ⊗ M_1 + v_2 ⊗ (M_2 − M_1)."""
    setting = setting_of(2, 3, 1)
    first, second = layers_of(2, 2, seed=3)
    moved = [
        LinearAttention(first.value + second.value, first.key_query),
        LinearAttention(second.value, second.key_query - first.key_query),
    ]
    assert expand(loss_of_heads(setting, [first, second]) - loss_of_heads(setting, moved)) == 0
