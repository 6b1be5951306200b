"""Stationary points for any Gaussian (Σ, W), against the loss in coordinates: gradients, Hessians, and lists found by other routes."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import pytest
from common import landscape as written
from common.altered import altered
from common.coordinates import factor, laws, linear_responses
from common.landscape import in_coordinates, signature
from flint import arb, ctx, fmpq
from sympy import QQ, Integer, Matrix, MatrixSymbol, Rational, diag, eye, sympify

import theory.anisotropic as module
import theory.anisotropic_profile as profile_module
from theory import EnclosureError, Gaussian, Linear, Setting, SettingError, Sphere, enclosure, in_context_loss, stationary_points
from theory.anisotropic import anisotropic_points, completeness, euler_balance, spectrum
from theory.common_zeros import search
from theory.means import ball

BITS = 160
half = Rational(1, 2)


def setting_of(values, n, noise, T=None, normalisation=1):
    """Σ = TTᵀ and Σ^½WΣ^½ with these eigenvalues; for T ≠ 1 the two do not commute."""
    T = eye(len(values)) if T is None else T
    W = T.T.inv() * diag(*values) * T.inv()
    return Setting(covariates=Gaussian(T * T.T), response=Linear(W), noise_variance=noise, context_length=n, normalisation=normalisation)


SETTINGS = {
    "two eigenvalues": ((4, 1), 8, 1),
    "long context": ((4, 1), 64, half),
    "two spurious minima": ((3, 2), 60, half),
    "rank one": ((2, 0), 5, 1),
    "a double eigenvalue": ((3, 3, 2), 60, half),
    "three eigenvalues": ((4, 1, Rational(1, 4)), 8, 1),
}


@cache
def case(name):
    """A setting whose Σ and W do not commute, its points, and its loss in coordinates"""
    values, n, noise = SETTINGS[name]
    d = len(values)
    setting = setting_of(tuple(map(sympify, values)), n, noise, factor(d), normalisation=3)
    W = setting.response.covariance
    found = linear_responses(d)["linear"]._replace(theory=setting.response, task=written.gaussian(W))
    law = laws(d)["gaussian"]
    assert law.theory.second_moment == setting.covariates.second_moment
    return setting, anisotropic_points(setting), in_coordinates(law, found, n, sympify(noise), 3)


@pytest.fixture(autouse=True)
def _precision():
    before, ctx.prec = ctx.prec, BITS
    yield
    ctx.prec = before


def balls(layer):
    return [ball(sympify(entry), {}, False).real for entry in written.point(layer)]


def is_stationary(loss, point):
    """Whether 0 lies in the small ball of each slope."""
    return all(slope.contains(0) and slope.rad() < 1e-20 for slope in loss.slopes(balls(point.representative)))


@pytest.mark.parametrize("name", SETTINGS)
def test_every_point_is_stationary_with_its_loss_and_its_signature(name):
    setting, points, loss = case(name)
    size = (int(setting.dimension) + 1) ** 2
    for point in points:
        assert is_stationary(loss, point), point.name
        at = balls(point.representative)
        assert loss.at(loss.loss, at).overlaps(ball(point.loss, {}, False).real), point.name
        if point.nullity is None:
            exact = [QQ.from_sympy(entry) for entry in written.point(point.representative)]
            assert signature(loss.curvature(exact))[2] == point.index
        else:
            assert signature(loss.curvature(at), point.nullity) == (size - point.index - point.nullity, point.nullity, point.index)


def test_points_with_a_wrong_coefficient_are_not_stationary(monkeypatch):
    setting, _, loss = case("two eigenvalues")
    with altered(profile_module, ("moments.tau + 2 * value", "moments.tau + value")) as wrong:
        monkeypatch.setattr(module, "decomposed", wrong.decomposed)
        assert not all(is_stationary(loss, point) for point in anisotropic_points(setting))


def test_what_the_list_holds():
    """Without a preferred direction two spurious local minima along different eigenvectors do not occur, nor do points between."""
    _, points, _ = case("two spurious minima")
    minima = [(point.name, point.eigenvalues) for point in points if point.kind == "local minimum"]
    assert minima == [("mixed direction", (3,)), ("mixed direction", (2,))]
    assert [point.index for point in points if point.name == "several directions"] == [1]
    _, points, _ = case("rank one")
    assert [point.kind for point in points if point.name == "one direction"] == ["global minimum"]


@pytest.mark.parametrize("name", SETTINGS)
def test_whitening_leaves_only_the_eigenvalues(name):
    setting, points, _ = case(name)
    values, n, noise = SETTINGS[name]
    plain = anisotropic_points(setting_of(tuple(map(sympify, values)), n, noise))
    assert [point[:2] + point[5:7] for point in map(_said, points)] == [point[:2] + point[5:7] for point in map(_said, plain)]
    for one, other in zip(points, plain, strict=True):
        assert enclosure(one.loss, BITS).overlaps(enclosure(other.loss, BITS))
        assert abs(enclosure(one.loss - other.loss + 1, BITS) - 1) < 1e-20
    assert in_context_loss(setting, points[0].representative) == points[0].loss


def _said(point):
    return point.name, point.kind, point.eigenvalues, point.ratios, point.loss, point.index, point.nullity


@pytest.mark.parametrize(("d", "n", "noise"), [(1, 5, 1), (2, 2, 1), (2, 7, 1), (3, 1, 10), (3, 24, 0), (4, 40, 1)])
def test_without_a_preferred_direction_it_is_the_other_list(d, n, noise):
    """Degenerate ones, (2, 2, 1) and (3, 1, 10), too."""
    setting = setting_of((Integer(2),) * d, n, 2 * noise)
    known = [(family.name, family.kind, family.index, family.loss) for family in stationary_points(setting)]
    found = [(point.name, point.kind, point.index, point.loss) for point in anisotropic_points(setting)]
    assert [part[:3] for part in found] == [part[:3] for part in known]
    assert all(abs(enclosure(a[3] - b[3] + 1, BITS) - 1) < 1e-20 for a, b in zip(found, known, strict=True))
    nullities = [family.nullity for family in stationary_points(setting) if family.name != "zero predictor"]
    assert [point.nullity for point in anisotropic_points(setting) if point.nullity is not None] == nullities


BALANCED = [((4, 1), 8, 1), ((3, 2), 60, half), ((3, 3, 2), 60, half), ((3, 2, 0), 12, half), ((2, 0), 5, 1), ((5, 4, 4, 1), 30, 0)]


@pytest.mark.parametrize(("values", "n", "noise"), BALANCED)
def test_the_list_adds_up_to_the_characteristic_of_the_sphere(values, n, noise):
    setting = setting_of(tuple(map(sympify, values)), n, noise)
    found, wanted = euler_balance(setting)
    assert found == wanted
    said = completeness(setting)
    distinct = len(set(values))
    assert ("the list is complete" in said) == (distinct <= 2)
    assert ("Not proved" in said) == (distinct > 2)


def test_the_count_sees_that_a_point_is_missing():
    with altered(module, ("for pair in combinations(range(self.count), 2)", "for pair in ()")) as wrong:
        found, wanted = wrong.euler_balance(setting_of((Integer(4), Integer(1)), 8, 1))
        assert found != wanted


def test_where_one_direction_becomes_a_local_minimum():
    """b²ρ against n Σ a_j² over the other eigenvalues, ρ from E(yᵀy)², E yᵀy S and E S² = n(n+2), typed here once more."""
    for values, n, noise in (((4, 1), 8, 1), ((4, 2), 8, 1), ((4, 1, 1), 40, 3), ((9, 1), 40, 0), ((5, 5), 9, 40)):
        values = tuple(map(Integer, values))
        tau = sum(values) + noise
        b = values[0] / ((n + 1) * values[0] + tau)
        square = sum(a**2 for a in values)
        rho = n * (n + 2) * (tau**2 + 2 * square) - (n * (n * tau + 2 * values[0])) ** 2 / Integer(n * (n + 2))
        point = next(point for point in anisotropic_points(setting_of(values, n, noise)) if point.name == "one direction")
        low = b**2 * rho - n * (square - values[0] ** 2)
        assert low != 0
        assert (point.kind == "local minimum") == (low > 0)
        assert point.loss == tau - n * values[0] * b


def test_the_slope_in_a_further_eigenspace_is_of_degree_four_in_its_eigenvalue():
    """So at most four of them can be stationary together."""
    found = spectrum(setting_of((Integer(4), Integer(1)), 8, 1))
    tau, n = found.tau, Integer(8)
    shares = [Rational(3), Rational(2), Rational(0)]
    values = []
    for step in range(7):
        extra = Integer(step)
        p, q, gamma = n * ((n + 1) * extra + tau), n * extra, n * (n * tau + 2 * extra)
        numbers = profile_module.Spectrum((4, 1, extra), (1, 1, 1), (*found.p, p), (*found.q, q), (*found.gamma, gamma), *found[5:])
        M, load = (Matrix(part) for part in profile_module.system_of(numbers, (0, 1, 2), shares))
        slope, load_slope = (Matrix(part) for part in profile_module.slope_of(numbers, (0, 1, 2), 2, Integer(1)))
        X = M.inv()
        across = p + found.beta * sum(shares)
        alone = q**2 * found.beta / across**2  # what the new dimension would itself add to the profile
        values.append(across**2 * ((X * slope * X * load).trace() - (X * load_slope).trace() - alone))
    differences = values
    for _ in range(4):
        differences = [b - a for a, b in pairwise(differences)]
    assert len(set(differences)) == 1
    assert differences[0] < 0  # the leading coefficient, times 4!


def test_common_zeros():
    def zeros(*polynomials):
        boxes = []
        search(list(polynomials), lambda box: sum(box.halvings) >= 20 and not boxes.append(box))
        return boxes

    circle = {(2, 0): 1, (0, 2): 1, (0, 0): fmpq(-1, 4)}
    boxes = zeros(circle, {(1, 0): 1, (0, 1): -2})
    root = arb(fmpq(1, 20)).sqrt()
    assert any(left <= 2 * root <= right and low <= root <= high for (left, right), (low, high) in (box.sides for box in boxes))
    assert all(abs(arb(box.low) - root) < 0.01 for box in boxes)
    assert zeros(circle, {(0, 0): 2, (1, 0): -1, (0, 1): -1}) == []
    with pytest.raises(EnclosureError, match="degenerate"):
        search([circle, circle], lambda box: False)


SYMBOLIC = Setting(covariates=Gaussian.isotropic(2), response=Linear(MatrixSymbol("W", 2, 2)), noise_variance=1, context_length=3)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (Setting(covariates=Sphere(eye(2)), response=Linear(diag(2, 1)), noise_variance=1, context_length=3), "Gaussian covariates"),
        (SYMBOLIC, "explicit Σ and W"),
        (setting_of((Integer(0), Integer(0)), 3, 1), "W is 0"),
        (
            Setting(covariates=Gaussian.isotropic(2), response=Linear(Matrix([[2, 1], [1, 1]])), noise_variance=1, context_length=3),
            "eigenvalues of ΣW must be rational",
        ),
    ],
)
def test_refusals(setting, message):
    with pytest.raises(SettingError, match=message) as error:
        anisotropic_points(setting)
    assert "\n" not in str(error.value)
