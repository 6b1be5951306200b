"""`stationary_points` against the loss in components: gradients, Hessians, counts of roots. Exact, or certified balls: no error model.

The loss of a layer as a polynomial in its entries, and its derivatives, come from `common.landscape`, which shares no code with theory.
"""

import random
from fractions import Fraction
from functools import cache

import pytest
import torch
from common import landscape as written
from common.coordinates import factor, laws, linear_responses, nonlinear_responses
from common.landscape import (
    DOUBLE,
    Root,
    balls,
    best_layer,
    boundaries,
    check_profile,
    coefficients_of,
    counted,
    drawn,
    in_coordinates,
    kernel_vectors,
    precision,
    predicted,
    rational_functions,
    signature,
    six,
    t,
    touching,
)
from flint import arb
from sympy import (
    QQ,
    Identity,
    Integer,
    Inverse,
    Matrix,
    MatrixSymbol,
    Poly,
    Rational,
    S,
    cancel,
    eye,
    lambdify,
    linsolve,
    oo,
    pi,
    sqrt,
    symbols,
)

from numerics.objective import ExactObjective
from theory import (
    Gaussian,
    Linear,
    LinearAttention,
    Rademacher,
    RandomPolynomial,
    ReLUNetwork,
    Setting,
    SettingError,
    Sphere,
    enclosure,
    global_minimiser,
    in_context_gradient,
    in_context_loss,
    means,
    notation,
    stationary_points,
)
from theory import landscape as module
from theory.coefficients import coefficients, general_coefficients
from theory.landscape import profile
from theory.notation import ratio

BITS = 1500


def isotropic(d, n, noise, normalisation=1):
    return Setting(
        covariates=Gaussian.isotropic(d),
        response=Linear.isotropic(d),
        noise_variance=noise,
        context_length=n,
        normalisation=normalisation,
    )


def named(families):
    return [(family.name, family.kind) for family in families]


def layer_of(family):
    return written.point(family.representative)


def exactly(values):
    return [QQ.from_sympy(value) for value in values]


def atlas_of(found, d):
    """The families of coefficients that need not be those of a setting."""
    setting = isotropic(d, 1, 0)
    families = module._Atlas(setting, found, module.Signs(found, Integer(d), True)).families()
    return [family for family in families if family.exists == S.true]


# the loss


def whitened(layer, T):
    """The point x = T z sees, as the list of `LayerLoss`."""
    A, c, u = layer.covariate_key_query, layer.label_key_query, layer.covariate_value
    return exactly([*(T.T * u), layer.label_value, *(T.T * A * T), *(T.T * c)])


def drawn_layer(d, seed):
    source = random.Random(seed)
    entries = [Rational(source.randint(-6, 6), source.randint(1, 3)) for _ in range(d * d + 2 * d + 1)]
    return LinearAttention.from_blocks(
        covariate_value=Matrix(entries[:d]),
        label_value=entries[d],
        covariate_key_query=Matrix(d, d, entries[d + 1 : d + 1 + d * d]),
        label_key_query=Matrix(entries[d + 1 + d * d :]),
    )


CASES = {}
for _d, _n, _noise, _law in (
    (1, 4, Rational(1, 3), "gaussian"),
    (2, 1, S.Zero, "gaussian"),
    (2, 9, Rational(5, 2), "sphere"),
    (2, 40, S.One, "student 9"),
    (3, 24, S.Zero, "gaussian"),
    (3, 90, Integer(4), "scale mixture"),
    (3, 90, Rational(1, 2), "sphere"),
):
    CASES[f"linear, {_law}, d={_d}, n={_n}"] = (_law, _d, _n, _noise, "linear")
for _d, _n, _name in ((1, 3, "1 − t + t²/3"), (2, 30, "cube"), (2, 3, "1 − t + t²/3"), (2, 7, "kernel 2"), (2, 100, "t + t²")):
    CASES[f"{_name}, d={_d}, n={_n}"] = ("gaussian", _d, _n, Rational(1, 2), _name)


@cache
def case(name):
    """A setting and its loss in coordinates"""
    law, d, n, noise, response = CASES[name]
    law = laws(d)[law]
    Sigma = law.theory.second_moment
    if response == "linear":
        found = linear_responses(d)["linear"]
        inverse = Sigma.inv().as_immutable()
        found = found._replace(theory=Linear(inverse), task=written.gaussian(inverse))
    else:
        found = nonlinear_responses(d, Sigma)[response]
    setting = Setting(covariates=law.theory, response=found.theory, noise_variance=noise, context_length=n, normalisation=3)
    return setting, in_coordinates(law, found, n, noise, 3)


@pytest.mark.parametrize("name", CASES)
def test_six_coefficients_are_the_loss_in_coordinates(name):
    setting, loss = case(name)
    found, d = coefficients(setting), int(setting.dimension)
    T = factor(d)
    for seed in range(4):
        layer = drawn_layer(d, seed)
        value = loss.at(loss.loss, exactly(written.point(layer)))
        scaled = LinearAttention.from_blocks(
            covariate_value=layer.covariate_value / 3,
            label_value=layer.label_value / 3,
            covariate_key_query=layer.covariate_key_query,
            label_key_query=layer.label_key_query,
        )
        assert value == six(d).at(six(d).loss, whitened(scaled, T), tuple(exactly(found)))
        assert QQ.to_sympy(value) == in_context_loss(setting, layer)


@pytest.mark.parametrize("name", CASES)
def test_every_representative_is_stationary(name):
    setting, loss = case(name)
    families = stationary_points(setting)
    assert len(families) > 3
    for family in families:
        if family.polynomial is None:
            point = exactly(layer_of(family)) if family.ratio is not oo else rational_functions(layer_of(family), ratio)
            assert all(slope == 0 for slope in loss.slopes(point)), family
            assert loss.at(loss.loss, point) == point[0] ** 0 * QQ.from_sympy(family.loss)
        else:
            entries = [entry.xreplace({family.ratio: ratio}) for entry in layer_of(family)]
            point = rational_functions(entries, ratio)
            roots = Root(family.polynomial, enclosure(family.ratio, 200))
            slopes = loss.slopes(point)
            assert all(roots.vanishes(slope) for slope in slopes), family
            assert any(slope != 0 for slope in slopes)  # not stationary beside the root
            (value,) = rational_functions([family.loss.xreplace({family.ratio: ratio})], ratio)
            assert roots.vanishes(loss.at(loss.loss, point) - value)


NUMBERS = {
    "σ²": Setting(covariates=Sphere(Identity(3)), response=RandomPolynomial(Identity(3), 3), noise_variance=pi, context_length=200),
    "integrals": Setting(covariates=Gaussian.isotropic(2), response=ReLUNetwork(Identity(2)), noise_variance=1, context_length=40),
}


@pytest.mark.parametrize(("name", "radius"), [("σ²", 1e-90), ("integrals", 1e-5)])
def test_stationary_where_coefficients_are_not_rational(name, radius):
    """0 lies in the ball of each entry of the gradient. Integrals without a closed form are known to ten digits, the entries to fewer."""
    setting = NUMBERS[name]
    families = stationary_points(setting)
    assert len(families) > 3
    with precision(400):
        for family in families:
            gradient = in_context_gradient(setting, family.representative)
            for entry in (*gradient.value, *gradient.key_query):
                slope = means.ball(entry, {}, False).real
                assert slope.contains(0), family
                assert slope.rad() < radius


# Hessians


def hessian_at(found, d, family):
    """Exact where r is not a root of the turning polynomial, else balls."""
    constants, entries = tuple(exactly(found)), layer_of(family)
    if family.polynomial is None or family.ratio.is_Rational:
        return six(d).curvature(exactly(entries), constants)
    entries = [entry.xreplace({family.ratio: ratio}) for entry in entries]
    point = balls(entries, ratio, enclosure(family.ratio, BITS))
    return six(d).curvature(point, tuple(written.ball(value) for value in constants))


def test_the_signatures_of_random_settings():
    source = random.Random(1)
    settings = [(3, 24, S.Zero), (2, 1, S.Zero), (1, 5, S.One), (6, 200, S.Zero), (3, 130, Integer(256)), (3, 50, Integer(256))]
    for d in (1, 2, 2, 3, 3, 4, 4, 5):
        settings.append((d, int(10 ** source.uniform(0, 2.7)), Rational(int(10 ** source.uniform(0, 3)), 10)))
    kinds = set()
    for d, n, noise in settings:
        setting = isotropic(d, n, noise)
        found = coefficients(setting)
        with precision(BITS):
            for family in stationary_points(setting):
                expected = (family.rank, family.nullity, family.index)
                assert sum(expected) == (d + 1) ** 2
                assert signature(hessian_at(found, d, family), family.nullity) == expected, (d, n, noise, family.name, family.kind)
                assert family.nullity == family.dimension  # nothing degenerate here
                kinds.add((family.name, family.kind))
    assert kinds == {
        ("global minimum", "global minimum"),
        ("zero predictor", "saddle"),
        ("one direction", "global minimum"),
        ("one direction", "local minimum"),
        ("one direction", "saddle"),
        ("mixed direction", "saddle"),
        ("mixed direction", "local minimum"),
    }


@pytest.mark.parametrize(("d", "n", "noise"), [(1, 5, S.One), (2, 7, S.One), (3, 24, S.Zero)])
def test_the_zeros_of_a_hessian_are_the_symmetries(d, n, noise):
    """So that the number of zeros that `signature` is told is a lower bound, at a mixed direction exactly modulo Q."""
    setting = isotropic(d, n, noise)
    found = coefficients(setting)
    constants = tuple(exactly(found))
    for family in stationary_points(setting)[1:]:
        entries = [entry.xreplace({family.ratio: ratio}) for entry in layer_of(family)]
        if family.name == "zero predictor":
            continue
        point = rational_functions(entries, ratio)
        hessian = six(d).curvature(point, constants)
        vectors = kernel_vectors(point, d)
        roots = Root(family.polynomial, enclosure(family.ratio, 200)) if family.polynomial else None
        for vector in vectors:
            for row in hessian:
                product = sum((a * b for a, b in zip(row, vector, strict=True)), 0 * point[0])
                assert roots.vanishes(product) if roots else product == 0
        numbers = Matrix([[field_value(entry, 2) for entry in vector] for vector in vectors])
        assert numbers.rank() == family.nullity  # at r = 4; where r is a root too, as v_x ≠ 0


def field_value(value, at):
    """An element of ℚ(t) at a number"""
    return value.as_expr().subs(t, at)


def bases(d, k):
    """One copy of each irreducible representation of the rotations of the last k axes, as lists of points."""
    size = (d + 1) ** 2
    first, rest = list(range(d - k)), list(range(d - k, d))
    u, c = (lambda i: i), (lambda i: d + 1 + d * d + i)

    def A(i, j):
        return d + 1 + d * i + j

    def unit(*terms):
        return [sum(weight for at, weight in terms if at == i) for i in range(size)]

    trivial = [unit((u(i), 1)) for i in first] + [unit((d, 1))] + [unit((A(i, j), 1)) for i in first for j in first]
    trivial += [unit(*((A(i, i), 1) for i in rest))] if rest else []
    trivial += [unit((c(i), 1)) for i in first]
    found = {"trivial": trivial}
    if rest:
        i = rest[0]
        across = [unit((A(j, i), 1)) for j in first] + [unit((A(i, j), 1)) for j in first]
        found["vector"] = [unit((u(i), 1)), *across, unit((c(i), 1))]
    if len(rest) > 1:
        i, j = rest[:2]
        found["symmetric traceless matrices"] = [unit((A(i, j), 1), (A(j, i), 1))]
        found["antisymmetric matrices"] = [unit((A(i, j), 1), (A(j, i), -1))]
    return found


@pytest.mark.parametrize(("d", "n", "noise"), [(1, 5, S.One), (2, 7, S.One), (3, 24, S.Zero), (4, 3, S.One), (4, 60, S.Zero)])
def test_the_hessian_block_by_block(d, n, noise):
    setting = isotropic(d, n, noise)
    found = coefficients(setting)
    with precision(BITS):
        for family in stationary_points(setting):
            hessian = hessian_at(found, d, family)
            spaces = bases(d, d if family.name in ("global minimum", "zero predictor") else d - 1)
            assert [block.representation for block in family.signature] == list(spaces)
            assert sum(block.dimension * len(spaces[block.representation]) for block in family.signature) == (d + 1) ** 2
            images = {
                name: [[sum((a * b for a, b in zip(row, vector, strict=True)), 0 * row[0]) for row in hessian] for vector in space]
                for name, space in spaces.items()
            }
            for block in family.signature:
                space = spaces[block.representation]
                for name, other in images.items():
                    gram = [[sum((a * b for a, b in zip(v, w, strict=True)), 0 * w[0]) for w in other] for v in space]
                    if name != block.representation:
                        assert all(entry == 0 if not isinstance(entry, arb) else entry.contains(0) for row in gram for entry in row)
                    else:
                        expected = (int(block.positive), int(block.zero), int(block.negative))
                        assert signature(gram, block.zero) == expected, (family.name, family.kind, block)


@pytest.mark.parametrize(("d", "n", "noise"), [(2, 7, 1), (4, 60, 0), (6, 200, 2)])
def test_hessians_by_automatic_differentiation(d, n, noise):
    """In float64: relative error of the matrix ≤ 10⁻¹⁰, some 10⁵ roundings of 10⁻¹⁶."""
    setting = isotropic(d, n, Integer(noise))
    found, objective = coefficients(setting), ExactObjective(setting)

    def loss(flat):
        v, A, c = flat[: d + 1], flat[d + 1 : d + 1 + d * d].reshape(d, d), flat[d + 1 + d * d :]
        M = torch.cat([torch.cat([A, c[None]]), torch.zeros(d + 1, 1, dtype=flat.dtype)], dim=1)
        return objective.loss(v, M)

    for family in stationary_points(setting):
        expected = torch.tensor([[float(entry) for entry in row] for row in hessian_at(found, d, family)], dtype=torch.float64)
        at = torch.tensor([float(entry) for entry in layer_of(family)], dtype=torch.float64)
        hessian = torch.autograd.functional.hessian(loss, at)
        assert (hessian - expected).norm() <= 1e-10 * expected.norm(), family.name


# the profile


@pytest.mark.parametrize("index", range(12))
def test_the_profile_is_the_least_loss_at_given_values(index):
    check_profile(module, index)


# how many roots


def test_signs_count_the_roots():
    seen = set()
    for found, size in (*drawn(), *boundaries()):
        expected = counted(found, size)
        assert predicted(module, found, size) == expected, (found, size)
        p, _, _, beta, gamma, delta, _ = found
        epsilon, Delta = found.epsilon, found.margin
        T = 4 * epsilon * delta * p**2 - (Delta - 2 * gamma * p) ** 2
        order = (2 * gamma * p - Delta) * (beta**2 * delta + epsilon * p**2) + 4 * beta * delta * epsilon * p**2
        falls, lead = epsilon * p**2 + beta * (2 * gamma * p - Delta), (size - 1) * p**2 * epsilon - beta * Delta
        seen.add((expected, order > 0, T > 0, falls > 0, lead > 0))
    assert {counts for counts, *_ in seen} == {(0, False, False), (1, True, False), (1, False, True), (2, False, False)}
    assert len(seen) > 15
    for at in range(1, 5):
        assert {row[at] for row in seen} == {True, False}


def test_the_critical_values_of_the_ratio():
    """Res_r(h, κU² − W) is a multiple of (Tκ + e)³ − 27εδp²z²κ, h the numerator of (W/U²)'/2 without U, at random rational coefficients."""
    source = random.Random(2)
    r, kappa = symbols("r kappa")
    for _ in range(20):
        p, beta, gamma, delta, epsilon, Delta = (Rational(source.randint(1, 30), source.randint(1, 9)) for _ in range(6))
        U = Poly(p * (epsilon * r**2 - 2 * gamma * r + delta) + Delta * r, r)
        top, side = Poly(epsilon * r**2 - delta, r), Poly(p + beta * r, r)
        W = top * side**2
        h = (Poly(epsilon * r, r) * side + beta * top) * U - top * side * U.diff(r)
        assert W.diff(r) * U - 2 * W * U.diff(r) == 2 * side * h
        assert h.degree() <= 3
        falls = epsilon * p**2 + beta * (2 * gamma * p - Delta)
        assert h.coeff_monomial(r**3) == -epsilon * falls
        found = Poly(h.resultant(Poly(kappa * U.as_expr() ** 2 - W.as_expr(), r)), kappa).monic()
        T = 4 * epsilon * delta * p**2 - (Delta - 2 * gamma * p) ** 2
        e, z = epsilon * p**2 - beta**2 * delta, falls + beta**2 * delta
        cubic = Poly((T * kappa + e) ** 3 - 27 * epsilon * delta * p**2 * z**2 * kappa, kappa)
        assert found == cubic.monic()
        w = (2 * gamma * p - Delta) * (beta**2 * delta + epsilon * p**2) + 4 * beta * delta * epsilon * p**2
        assert w**2 == 4 * epsilon * delta * p**2 * z**2 - e**2 * T


# d, n, σ² at which the leading coefficient of Q is 0
BOUNDARY = [(2, 2, S.One), (3, 1, Integer(10)), (3, 16, Integer(43)), (4, 5, Integer(88)), (4, 38, Integer(277))]


def test_which_critical_value_is_the_maximum():
    """At p = r = 1 with Δ from h(1) = 0: 2Tκ − e, thrice κg' at the root κ = W/U² of g = Tκ + e − 3(Z²κ)^⅓, has the sign of w for ε > δ."""
    beta, gamma, delta, epsilon, Delta = symbols("beta gamma delta epsilon Delta", positive=True)
    falls = epsilon + beta * (2 * gamma - Delta)
    h = -epsilon * falls + 3 * beta * delta * epsilon + 3 * delta * epsilon + delta * (Delta - beta * delta - 2 * gamma)
    T, e = 4 * epsilon * delta - (Delta - 2 * gamma) ** 2, epsilon - beta**2 * delta
    U, W = epsilon - 2 * gamma + delta + Delta, (epsilon - delta) * (1 + beta) ** 2
    w = (2 * gamma - Delta) * (beta**2 * delta + epsilon) + 4 * beta * delta * epsilon
    ((at,),) = linsolve([h], Delta)
    factor_of_w = 3 * (1 + beta) ** 2 * (epsilon - delta) ** 3 / ((beta * epsilon + delta) * (beta * delta + epsilon))
    assert cancel((2 * T * W - e * U**2 - factor_of_w * w).subs(Delta, at)) == 0


def test_the_conditions_of_the_symbolic_atlas():
    n, d = symbols("n d", integer=True, positive=True)
    s = symbols("s", nonnegative=True)
    families = stationary_points(isotropic(d, n, s))
    source = random.Random(3)
    settings = [(1, 1, S.Zero), (2, 1, S.Zero), (2, 1, S.One), (3, 23, S.Zero), (3, 24, S.Zero), (4, 52, S.Zero), (4, 53, S.Zero)]
    settings += [(3, size, Integer(256)) for size in (104, 105, 166, 167, 252, 253)] + BOUNDARY
    while len(settings) < 200:
        noise = source.choice((S.Zero, Rational(int(10 ** source.uniform(0, 4)), 7)))
        settings.append((source.choice((1, 2, 2, 3, 3, 3, 4, 5, 8)), int(10 ** source.uniform(0, 3)), noise))
    kinds = set()
    conditions = [lambdify((n, d, s), family.exists, "math") for family in families]
    for at, (size, length, noise) in enumerate(settings):
        values = {n: length, d: size, s: noise}
        numbers = (length, size, Fraction(int(noise.p), int(noise.q)))  # exact: the conditions compare polynomials over ℤ
        exist = [family for family, condition in zip(families, conditions, strict=True) if condition(*numbers)]
        setting = isotropic(size, length, noise)
        roots = [family for family in exist if family.name == "mixed direction"]
        expected = counted(coefficients(setting), Integer(size))
        assert len(roots) == expected.roots
        assert [family.kind for family in exist if family.name == "one direction"] == [
            "global minimum" if size == 1 else "local minimum" if expected.ends_low else "saddle"
        ]
        kinds.add(tuple(named(exist)))
        if at < 50:
            numeric = stationary_points(setting)
            assert named(numeric) == named(exist)
            for family, other in zip(exist, numeric, strict=True):
                assert family.dimension.subs(values) == other.dimension
                if at in (0, 1, 4, 13):  # not often: conditions of a thousand terms in these
                    counts = [part.subs(values) for part in (family.index, family.nullity, family.rank)]
                    assert counts == [other.index, other.nullity, other.rank]
                if other.polynomial is None:
                    assert family.loss.subs(values) == other.loss
                else:
                    ours = Poly(family.polynomial.as_expr().subs(values), ratio)
                    assert ours.rem(other.polynomial).is_zero if size == 1 else ours.monic() == other.polynomial.monic()
    assert len(kinds) == 4


def test_phases_of_the_gaussian_setting():
    """The figures of docs/landscape.md"""
    n, d = symbols("n d", integer=True, positive=True)
    s, share = symbols("s C", positive=True)
    turns = module._Turns.of(coefficients(isotropic(d, n, s)), d)
    values = [lambdify((d, n, s), turn, "math") for turn in turns]
    assert turns.order == 1  # positive factors are dropped

    def phase(size, length, noise):
        lead, falls, _, cubic, early = (value(size, length, noise) for value in values)
        if lead < 0 or (lead == 0 and falls > 0):
            return "one"
        return "mixed" if lead > 0 and falls > 0 and (cubic < 0 or early < 0) else "none"

    def changes(size, noise, lengths):
        found = [(length, phase(size, length, noise)) for length in lengths]
        return [now for now, before in zip(found, [(0, None), *found], strict=False) if now[1] != before[1]]

    assert changes(3, 256, range(1, 1000)) == [(1, "one"), (105, "mixed"), (167, "none"), (253, "mixed")]
    assert changes(3, 4096, range(1, 3000)) == [(1, "one"), (1695, "mixed")]
    for size, first in {3: 24, 4: 53, 5: 89, 6: 134, 8: 246, 10: 391}.items():
        assert changes(size, 0, range(1, 2 * first)) == [(1, "none"), (first, "mixed")]
    for size, first in {50: 10002, 100: 40015}.items():
        assert (phase(size, first - 1, 0), phase(size, first, 0)) == ("none", "mixed")
    for noise in (0, 1, 2, 5, 10, 100):
        last = {0: 1, 1: 2}.get(noise, noise)
        assert changes(2, noise, range(1, 300)) == [(1, "one"), (last + 1, "mixed")]
    assert all(phase(size, length, noise) == "one" for noise in (10**9,) for size, length in ((3, 1), (3, 99), (4, 3)))
    assert phase(4, 2, 10**9) == "none"
    beyond_five = Poly(turns.lead.subs({n: n + 1, d: d + 5}, simultaneous=True), n, d, s)
    assert all(coefficient.is_positive for coefficient in beyond_five.coeffs())
    cubic, early = (Poly(turn.subs(s, 0).subs(n, share * d**2), d).LC() for turn in (turns.cubic, turns.early))
    assert (cubic - share**5 * (share - 4) ** 2 * (2 * share + 1)).expand() == 0
    assert (early + share**5 * (share**2 - 16)).expand() == 0


# degenerate points


@pytest.mark.parametrize(("d", "n", "noise"), BOUNDARY)
def test_one_direction_where_the_leading_coefficient_is_zero(d, n, noise):
    """The profile is flat to second order at r = ∞: one zero more than symmetries; the sign of f' for great r says which kind."""
    setting = isotropic(d, n, noise)
    found = coefficients(setting)
    Q = written.turning(found, Integer(d))
    assert Q.degree() < 4
    families = stationary_points(setting)
    single = families[2]
    assert (single.name, single.dimension, single.nullity) == ("one direction", d, d + 1)
    assert signature(hessian_at(found, d, single)) == (single.rank, single.nullity, single.index) == (d**2 + d, d + 1, 0)
    assert (single.kind == "local minimum") == (Q.LC() < 0)
    roots = [family for family in families if family.name == "mixed direction"]
    assert len(roots) == Q.count_roots(0, None)
    with precision(BITS):
        for family in roots:
            assert signature(hessian_at(found, d, family), family.nullity) == (family.rank, family.nullity, family.index)
    # f on the way to ∞
    far = [level(found, d, Integer(10) ** power) for power in (6, 7, 8)]
    assert (single.kind == "local minimum") == (far[0] > far[1] > far[2] > single.loss)
    assert (single.kind == "saddle") == (far[0] < far[1] < far[2] < single.loss)


@pytest.mark.parametrize("size", [3, 4, 7])
@pytest.mark.parametrize("side", [-1, 0, 1])
def test_one_direction_where_two_coefficients_are_zero_or_nearly(size, side):
    """(d−1)p²ε = βΔ, and Q's next coefficient < 0, 0 or > 0: p = β = 1, Δ = (d−1)ε, 2γ = (d−2)ε (1 + side/1000)."""
    epsilon = Integer(2)
    gamma = (size - 2) * epsilon / 2 * (1 + Rational(side, 1000))
    found = coefficients_of(1, 1, gamma, ((size - 1) * epsilon + gamma**2) / epsilon, epsilon)
    Q = written.turning(found, Integer(size))
    assert Q.degree() == (3 if side else 2)
    single = next(family for family in atlas_of(found, size) if family.name == "one direction")
    assert single.kind == ("local minimum" if side == 1 else "saddle")
    assert (Q.LC() < 0) == (side == 1)
    assert signature(hessian_at(found, size, single)) == (single.rank, single.nullity, single.index) == (size**2 + size, size + 1, 0)


@pytest.mark.parametrize("row", DOUBLE)
def test_a_double_root(row):
    """One mixed direction, a saddle with a zero more than symmetries and no negative eigenvalue: the profile rises on both sides."""
    found, size = touching(*row)
    assert size.is_Integer
    d = int(size)
    Q = written.turning(found, size)
    assert Q.eval(1) == Q.diff().eval(1) == 0 != Q.diff().diff().eval(1)
    *_, single, mixed = atlas_of(found, d)
    assert (single.kind, mixed.name, mixed.kind) == ("saddle", "mixed direction", "saddle")
    assert enclosure(mixed.ratio, 200).contains(1)
    entries = exactly([entry.xreplace({mixed.ratio: S.One}) for entry in layer_of(mixed)])
    constants = tuple(exactly(found))
    assert all(slope == 0 for slope in six(d).slopes(entries, constants))
    hessian = six(d).curvature(entries, constants)
    assert signature(hessian) == (mixed.rank, mixed.nullity, mixed.index) == (d**2 + d, d + 1, 0)
    loss = mixed.loss.xreplace({mixed.ratio: S.One})
    assert level(found, d, Rational(9, 10)) < loss < level(found, d, Rational(11, 10))  # so a saddle: lower points as near as you like
    assert level(found, d, Rational(999, 1000)) < loss < level(found, d, Rational(1001, 1000))
    # a little more or less of β κ: none, or two
    for share, twice in ((Rational(1001, 1000), False), (Rational(999, 1000), True)):
        signs = module.Signs(found, 1 + (size - 1) * share, True)
        assert (signs.twice == S.true) == twice
        assert signs.touches == S.false


def level(found, d, r):
    """The least loss at v_x = √r e_1, v_y = 1, by the components: at v_x = r' and t² = r only even powers of t occur."""
    field = QQ.frac_field(t)
    value = six(d).at(six(d).loss, best_layer(found, d, field.from_sympy(t)), tuple(exactly(found)))
    return field.to_sympy(value).subs(t, sqrt(r))


# kinds, by curves


@pytest.mark.parametrize(("d", "n", "noise"), [(1, 5, S.One), (2, 1, S.Zero), (3, 24, S.Zero), (3, 50, Integer(256)), (4, 60, S.Zero)])
def test_descent_from_every_saddle_and_none_from_minima(d, n, noise):
    setting = isotropic(d, n, noise)
    found = coefficients(setting)
    p, q, tau = found.p, found.q, found.tau
    families = stationary_points(setting)
    for family in families:
        loss = family.loss
        if family.name == "zero predictor":
            for size, sign in ((Rational(1, 1000), 1), (Rational(1, 10**6), 1), (Rational(1, 1000), -1)):
                entries = [*[S.Zero] * d, size, *(sign * size * entry for entry in eye(d)), *[S.Zero] * d]
                change = six(d).at(six(d).loss, exactly(entries), tuple(exactly(found))) - QQ.from_sympy(tau)
                assert change == exactly([p * d * size**4 - 2 * q * d * sign * size**2])[0]
                assert (change < 0) == (sign == 1)
        elif family.name == "one direction":
            beside = [level(found, d, Integer(10) ** power) - loss for power in (7, 9)]
            assert all((change < 0) == (family.kind == "saddle") for change in beside)
            assert all((change > 0) == (family.kind != "saddle") for change in beside)
        elif family.name == "mixed direction":
            for step in (Rational(1, 10**4), Rational(1, 10**6)):
                for factor in (1 - step, 1 + step):
                    change = enclosure(level(found, d, factor * family.ratio) - loss, 200)
                    assert change < 0 if family.kind == "saddle" else change > 0
    minima = [family for family in families if family.kind != "saddle"]
    assert minima[0].loss == global_minimiser(setting).loss
    # over the minimum of the line, local minima and saddles in the order of r
    losses = [float(enclosure(family.loss).mid()) for family in families]
    assert losses[0] == min(losses)
    mixed = [value for family, value in zip(families, losses, strict=True) if family.name == "mixed direction"]
    assert mixed == sorted(mixed, reverse=True)
    assert all(value > losses[0] for family, value in zip(families, losses, strict=True) if family.kind != "global minimum")
    assert all(value < losses[1] for value in losses[:1] + losses[2:])


# other settings


def test_named_matrices_and_a_normalisation():
    n, d = symbols("n d", integer=True, positive=True)
    Sigma = MatrixSymbol("Sigma", d, d)
    named_setting = Setting(covariates=Gaussian(Sigma), response=Linear(Inverse(Sigma)), noise_variance=0, context_length=n)
    families = stationary_points(named_setting)
    plain = stationary_points(isotropic(d, n, 0))
    assert [(family.name, family.kind, family.exists, family.loss) for family in families] == [
        (family.name, family.kind, family.exists, family.loss) for family in plain
    ]
    layer = families[0].representative
    assert layer.covariate_key_query == global_minimiser(named_setting).step / layer.label_value
    mean = Setting(covariates=Gaussian.isotropic(3), response=Linear.isotropic(3), noise_variance=0, context_length=24, normalisation=24)
    for family, other in zip(stationary_points(mean), stationary_points(isotropic(3, 24, 0)), strict=True):
        assert (family.kind, family.loss, family.ratio) == (other.kind, other.loss, other.ratio)
        assert family.representative.value == 24 * other.representative.value
        assert family.representative.key_query == other.representative.key_query


def test_in_one_dimension_one_direction_is_a_minimiser():
    families = stationary_points(isotropic(1, 5, 1))
    assert named(families) == [
        ("global minimum", "global minimum"),
        ("zero predictor", "saddle"),
        ("one direction", "global minimum"),
        ("mixed direction", "saddle"),
    ]
    assert families[0].loss == families[2].loss == global_minimiser(isotropic(1, 5, 1)).loss
    found = coefficients(isotropic(1, 5, 1))
    assert abs(families[3].ratio.n(40) - sqrt(found.delta / found.epsilon).n(40)) < 10**-38


WITHOUT = {
    "Σ alone": (Gaussian(Matrix([[2, 0], [0, 1]])), Linear.isotropic(2), "preferred directions"),
    "independent coordinates": (Rademacher(eye(2)), Linear.isotropic(2), "preferred directions"),
    "no linear part": (Gaussian.isotropic(2), RandomPolynomial(eye(2), 2), "no linear part"),
    "y² = x²": (Gaussian.isotropic(1), Linear.of(Rademacher(eye(1))), "multiple of x²"),
}


@pytest.mark.parametrize("name", WITHOUT)
def test_refusals(name):
    covariates, response, message = WITHOUT[name]
    setting = Setting(covariates=covariates, response=response, noise_variance=0, context_length=3)
    with pytest.raises(SettingError, match=message):
        stationary_points(setting)


def test_coefficients_of_the_gaussian_setting():
    n, d = symbols("n d", integer=True, positive=True)
    s = symbols("s", nonnegative=True)
    m = d + s
    expected = (n * (n + d + 1 + s), n, n * (n + 1), n, n * (n * m + 2), n * (n + 2) * (m**2 + 2 * d), m)
    assert all((ours - theirs).expand() == 0 for ours, theirs in zip(coefficients(isotropic(d, n, s)), expected, strict=True))
    assert general_coefficients().p.has(notation.n)
    assert profile() is profile()
