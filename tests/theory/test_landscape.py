"""`stationary_points` against the loss in components: gradients, Hessians, counts of roots. Exact, or certified balls: no error model.

The loss of a layer as a polynomial in its entries, and its derivatives, come from `common.landscape`, which shares no code with theory.
"""

import random
from functools import cache

import pytest
import torch
from common import landscape as written
from common.coordinates import laws, linear_responses, nonlinear_responses
from common.landscape import (
    DOUBLE,
    Roots,
    balls,
    best_layer,
    coefficients_of,
    counted,
    in_coordinates,
    kernel_vectors,
    precision,
    predicted,
    rational_functions,
    sample,
    signature,
    six,
    t,
    touching,
)
from flint import arb
from sympy import QQ, Identity, Integer, Inverse, Matrix, MatrixSymbol, Poly, Rational, S, eye, oo, pi, sqrt, symbols

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
    StudentT,
    enclosure,
    global_minimiser,
    in_context_gradient,
    in_context_loss,
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
    families = module._Atlas(setting, found, module._Signs(found, Integer(d), True)).families()
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


def root_of(law, d):
    """T with Σ = TTᵀ of the laws in coordinates"""
    from common.coordinates import factor

    return factor(d)


SPECIAL = ("sphere", "student 9", "scale mixture")
CASES = {}
for _d, _n, _noise, _law in (
    (1, 4, Rational(1, 3), "gaussian"),
    (2, 1, S.Zero, "gaussian"),
    (2, 9, Rational(5, 2), "sphere"),
    (2, 40, S.One, "student 9"),
    (3, 24, S.Zero, "gaussian"),
    (3, 5, Integer(4), "scale mixture"),
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
    T = root_of(setting, d)
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
    assert {"global minimum", "zero predictor", "one direction", "mixed direction"} == {family.name for family in families}
    for family in families:
        if family.polynomial is None:
            point = exactly(layer_of(family)) if family.ratio is not oo else rational_functions(layer_of(family), ratio)
            assert all(slope == 0 for slope in loss.slopes(point)), family
            assert loss.at(loss.loss, point) == point[0] ** 0 * QQ.from_sympy(family.loss)
        else:
            entries = [entry.xreplace({family.ratio: ratio}) for entry in layer_of(family)]
            point = rational_functions(entries, ratio)
            roots = Roots(Poly(family.polynomial.as_expr(), ratio))
            slopes = loss.slopes(point)
            assert all(roots.vanishes(slope) for slope in slopes), family
            assert any(slope != 0 for slope in slopes)  # not stationary beside the root
            (value,) = rational_functions([family.loss.xreplace({family.ratio: ratio})], ratio)
            assert roots.vanishes(loss.at(loss.loss, point) - value)


NUMBERS = {
    "ReLU": Setting(covariates=Gaussian.isotropic(2), response=ReLUNetwork(Identity(2)), noise_variance=1, context_length=40),
    "random polynomial": Setting(
        covariates=Sphere(Identity(3)), response=RandomPolynomial(Identity(3), 3), noise_variance=pi, context_length=200
    ),
    "Student": Setting(covariates=StudentT(Identity(2), 7 + sqrt(2)), response=Linear.isotropic(2), noise_variance=1, context_length=11),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_stationary_where_coefficients_are_not_rational(name):
    """Every entry of the gradient in a ball of radius below 10⁻²⁵ about 0, where the sum of its terms' sizes is of order one or more."""
    setting = NUMBERS[name]
    families = stationary_points(setting)
    assert [family for family in families if family.name == "mixed direction"]
    for family in families:
        gradient = in_context_gradient(setting, family.representative)
        for entry in (*gradient.value, *gradient.key_query):
            if entry != 0:
                with precision(200):
                    ball = written.ball_of(entry, 200)
                assert ball.contains(0), family
                assert float(ball.rad()) < 1e-25
