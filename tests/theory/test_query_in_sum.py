"""The loss with the query's token in the sum against routes that share no code with it. Exact, or Gauss rules that are exact in degree.

`by_rule` takes means over a prompt with one example in d = 2 by product rules, each exact to the degree in which its variable stands, so it
agrees within rounding; `common.components` writes everything out in scalar components.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from common.altered import altered
from common.components import K1, K2, L1, L2, Case, Components, exact, h
from sympy import Integer, Matrix, MatrixSymbol, Rational, Symbol, diff, eye, hessian, oo, zeros

from theory import (
    Gaussian,
    GaussianMixture,
    GivenKurtosis,
    Laplace,
    Linear,
    LinearAttention,
    Moments,
    Rademacher,
    ScaleMixture,
    Setting,
    SettingError,
    Sphere,
    StudentT,
    UndefinedMoment,
    Uniform,
    UnknownMoment,
    global_minimiser,
    in_context_loss,
    notation,
    stationary_points,
)
from theory import query_in_sum as module
from theory.errors import AttentionError
from theory.query_in_sum import existence, existence_of, query_in_sum_loss, query_in_sum_profile, query_in_sum_turns

LAYER_1 = LinearAttention(Matrix([h, Rational(-2, 3)]), Matrix([[2, 5], [Rational(1, 3), 7]]))
LAYER_2 = LinearAttention(Matrix([h, -1, Rational(3, 4)]), Matrix([[1, h, 9], [-2, Rational(1, 3), 9], [h, Rational(2, 3), 9]]))
ANTISYMMETRIC = LinearAttention(LAYER_2.value, Matrix([[0, 3, 0], [-3, 0, 0], [h, 1, 0]]))
BLOCKS = LinearAttention.from_blocks(
    covariate_value=MatrixSymbol("v", 2, 1), label_value=1, covariate_key_query=MatrixSymbol("A", 2, 2), label_key_query=zeros(2, 1)
)
COVARIANCE = L2 * L2.T


class WithQuery(Components):
    """The loss with the query's token in the sum, from the definition."""

    def loss(self, layer):
        g = self.query_coefficient(layer)
        v, M = self.array(layer.value)[:-1, 0], self.array(layer.key_query)[:-1, :-1]
        term = (v @ self.x_q) * (self.x_q @ M @ self.x_q) * (1 / exact([[self.case.normalisation]])[0, 0])
        return self.mean((g @ self.x_q + term - self.w @ self.x_q - self.eps_q) ** 2)


@pytest.mark.parametrize(
    ("case", "layer"),
    [(Case("d = 1", L1, K1, 3), LAYER_1), (Case("mean", L1, K1, 2, normalisation=2), LAYER_1), (Case("d = 2", L2, K2, 1), LAYER_2)],
    ids=lambda part: getattr(part, "name", ""),
)
def test_the_loss_is_that_of_the_components(case, layer):
    here = WithQuery(case)
    assert here.poly(query_in_sum_loss(case.setting, layer)) == here.loss(layer)


def test_a_symbolic_layer_gives_a_polynomial_in_its_entries():
    setting = Case("d = 2", L2, K2, 3).setting
    layer = LinearAttention.symbolic(2)
    values = dict(zip([*layer.value, *layer.key_query], [*LAYER_2.value, *LAYER_2.key_query], strict=True))
    assert query_in_sum_loss(setting, layer).xreplace(values).expand() == query_in_sum_loss(setting, LAYER_2).expand()


# rules with weights that add to 1, exact to degree 7


def _normal():
    nodes, weights = np.polynomial.hermite_e.hermegauss(4)
    return nodes, weights / weights.sum()


def _uniform():
    nodes, weights = np.polynomial.legendre.leggauss(4)
    return nodes * 3**0.5, weights / 2


def _laplace():
    nodes, weights = np.polynomial.laguerre.laggauss(4)
    return np.concatenate([nodes, -nodes]) / 2**0.5, np.concatenate([weights, weights]) / 2


def _plane(rule, mixing):
    nodes, weights = rule
    points = np.array(list(product(nodes, nodes))) @ mixing.T
    return points, np.array([a * b for a, b in product(weights, weights)])


def _floats(matrix):
    return np.array(matrix.tolist(), dtype=float)


def _sphere():
    angles = np.arange(8) * np.pi / 4
    return 2**0.5 * np.stack([np.cos(angles), np.sin(angles)], 1) @ _floats(L2).T, np.full(8, 1 / 8)


def _mixed(parts):
    """A mixture of rules, of (probability, centre, scale, rule)."""
    return (
        np.concatenate([np.array(centre, dtype=float) + scale * points for _, centre, scale, (points, _) in parts]),
        np.concatenate([p * weights for p, _, _, (_, weights) in parts]),
    )


MIXING = Matrix([[1, h], [0, 2]])
GAUSSIAN = _plane(_normal(), _floats(L2))
STUDENT = Integer(9)


def _student():
    # E V^k for the variance V = (ν − 2)/χ²_ν, k = 1, 2, 3: two equal atoms do not do it, three with a Gauss rule of these moments would; a
    # signed rule on 0, 1, 2, 4 has them too
    nu = int(STUDENT)
    moments = [1, 1, (nu - 2) / (nu - 4), (nu - 2) ** 2 / ((nu - 4) * (nu - 6))]
    variances = np.array([0.0, 1.0, 2.0, 4.0])
    weights = np.linalg.solve(np.vander(variances, 4, increasing=True).T, moments)
    return _mixed([(p, (0, 0), v**0.5, GAUSSIAN) for p, v in zip(weights, variances, strict=True)])


COMPONENTS = ((Rational(1, 3), Matrix([1, h]), COVARIANCE), (Rational(2, 3), Matrix([-1, 0]), COVARIANCE))
LAWS = {
    "gaussian": (Gaussian(COVARIANCE), GAUSSIAN),
    "uniform": (Uniform(MIXING), _plane(_uniform(), _floats(MIXING))),
    "laplace": (Laplace(MIXING), _plane(_laplace(), _floats(MIXING))),
    "rademacher": (Rademacher(MIXING), _plane((np.array([-1.0, 1.0]), np.array([0.5, 0.5])), _floats(MIXING))),
    "sphere": (Sphere(COVARIANCE), _sphere()),
    "scale mixture": (
        ScaleMixture(COVARIANCE),
        _mixed([(0.5, (0, 0), 0.4**0.5, GAUSSIAN), (0.5, (0, 0), 1.6**0.5, GAUSSIAN)]),
    ),
    "student": (StudentT(COVARIANCE, degrees=STUDENT), _student()),
    "gaussian mixture": (GaussianMixture(COMPONENTS), _mixed([(float(p), tuple(mean), 1, GAUSSIAN) for p, mean, _ in COMPONENTS])),
}


def by_rule(covariates, layer, prior, noise, normalisation):
    """E (ŷ⁺ − y_q)² for one example in d = 2, w ~ N(0, K Kᵀ) with K = `prior`."""
    points, weights = covariates
    tasks, task_weights = _plane(_normal(), _floats(prior))
    eps, eps_weights = _normal()
    v, M = _floats(layer.value)[:, 0] / normalisation, _floats(layer.key_query)
    x, q, w, e = points[:, None, None, None, :], points[None, :, None, None, :], tasks[None, None, :, None, :], eps * noise**0.5
    y = (x * w).sum(-1) + e
    token = (x @ v[:-1] + y * v[-1]) * ((x @ M[:-1, :-1] + y[..., None] * M[-1, :-1]) * q).sum(-1)
    own = (q @ v[:-1]) * ((q @ M[:-1, :-1]) * q).sum(-1)
    square = (token + own - (q * w).sum(-1)) ** 2 + noise
    return np.einsum("iqwe,i,q,w,e->", square, weights, weights, task_weights, eps_weights)


def check_laws(loss, names=tuple(LAWS)):
    for name in names:
        law, rule = LAWS[name]
        for layer, scale in ((LAYER_2, 2), (ANTISYMMETRIC, 1)):
            setting = Setting(
                covariates=law, response=Linear(K2 * K2.T), noise_variance=Rational(3, 4), context_length=1, normalisation=scale
            )
            assert abs(float(loss(setting, layer)) / by_rule(rule, layer, K2, 0.75, scale) - 1) < 1e-9, name


@pytest.mark.parametrize("name", LAWS)
def test_the_loss_of_each_law_is_that_of_a_rule_exact_in_degree(name):
    check_laws(query_in_sum_loss, (name,))


FALSE = {
    "half the cross term": ("both = 2 * given_query", "both = given_query"),
    "n + 1 tokens": ("given_query = n * (", "given_query = (n + 1) * ("),
    "labels without variance": ("tau * v_y", "v_y"),
    "keys transposed in the context": ("BilinearForm(x.T * A * x_q)", "BilinearForm(x_q.T * A * x)"),
    "no fourth cumulant": ("parts.append(weight", "parts.append(0 * weight"),
    "fourth moment of the norm": ("norm_power(sympify(6)) / chi_power(6, law.dimension)", "norm_power(sympify(4)) / chi_power(4, 2)"),
    "coordinates not mixed": ("mixing.T * value", "value"),
    "term not divided": ("value, keys = attention.covariate_value / setting.normalisation", "value, keys = attention.covariate_value"),
    "mixture about 0": ("x_q: mean + centred", "x_q: centred"),
    "sixth moment of a Gaussian coordinate": ("prod(law.coordinate_moment(power)", "prod((1, 1, 1, 1, 3, 1, 15)[power]"),
}


FOUR = ("gaussian", "uniform", "sphere", "gaussian mixture")


def test_the_module_unchanged_is_accepted():
    with altered(module) as unchanged:
        check_laws(unchanged.query_in_sum_loss, FOUR)


@pytest.mark.parametrize("name", FALSE)
def test_a_formula_changed_is_refused(name):
    with altered(module, FALSE[name]) as wrong, pytest.raises(AssertionError):
        check_laws(wrong.query_in_sum_loss, FOUR)


# where it exists


def setting_of(law, noise=Rational(3, 4), context=3):
    return Setting(covariates=law, response=Linear.isotropic(law.dimension), noise_variance=noise, context_length=context)


def test_without_a_sixth_moment_the_loss_is_infinite_unless_the_term_vanishes():
    heavy = setting_of(StudentT(COVARIANCE, degrees=6))
    with pytest.raises(UndefinedMoment, match="infinite where v_x ≠ 0 and A \\+ Aᵀ ≠ 0") as refusal:
        query_in_sum_loss(heavy, LAYER_2)
    assert not isinstance(refusal.value, UnknownMoment)
    assert "\n" not in str(refusal.value)
    for value, key_query in ((ANTISYMMETRIC.value, ANTISYMMETRIC.key_query), (Matrix([0, 0, 2]), LAYER_2.key_query)):
        layer = LinearAttention(value, key_query)
        assert query_in_sum_loss(heavy, layer) == in_context_loss(heavy, layer)


def test_what_is_not_known_to_order_six_is_refused():
    moments = Moments(eye(2), ((Rational(1, 2), eye(2) / 2), (Rational(1, 2), 3 * eye(2) / 2)))
    with pytest.raises(UnknownMoment, match="Moments is not known to order six"):
        query_in_sum_loss(setting_of(moments), LAYER_2)
    with pytest.raises(UndefinedMoment, match="of order 6 is needed"):
        query_in_sum_loss(setting_of(GivenKurtosis(eye(2))), LAYER_2)
    with pytest.raises(AttentionError, match="in components"):
        query_in_sum_loss(setting_of(Rademacher(eye(2))), BLOCKS)


def test_for_which_laws_the_loss_exists():
    marks = {name: status.mark for name, status in existence(1).items()}
    assert {name for name, mark in marks.items() if mark != "closed"} == {"moments", "given-kurtosis"}
    assert (marks["moments"], marks["given-kurtosis"]) == ("not known", "undefined")
    assert [existence_of(StudentT(eye(1), degrees=nu)).mark for nu in (5, 6, Rational(13, 2))] == ["undefined", "undefined", "closed"]


# its minimum


@pytest.mark.parametrize("law", [Gaussian(COVARIANCE), Rademacher(MIXING), StudentT(COVARIANCE, degrees=7)], ids=str)
def test_the_minimum_is_that_without_the_query(law):
    setting = setting_of(law)
    least = global_minimiser(setting)
    best = LinearAttention(Matrix([0, 0, 2]), Matrix.diag(least.step / 2, 0))
    assert query_in_sum_loss(setting, best) == in_context_loss(setting, best) == least.loss
    for layer in (LAYER_2, ANTISYMMETRIC):
        assert query_in_sum_loss(setting, layer) > least.loss


def test_a_rank_one_task_keeps_its_second_family():
    setting = Setting(covariates=Gaussian(COVARIANCE), response=Linear(Matrix([[1, 2], [2, 4]])), noise_variance=1, context_length=3)
    least = global_minimiser(setting)
    assert len(least.parameters) == 2
    for family in least.parameters:
        layer = family.sample()
        assert query_in_sum_loss(setting, layer) == least.loss


def test_where_labels_have_one_size_the_minimisers_move():
    """d = 1, x = ±1, w = ±1 and no noise: ŷ⁺_even = ((n + 1) a v_x + n v_y c) x_q, and ŷ_even = n (a v_x + v_y c) x_q."""
    n = 3
    one = Rademacher(eye(1))
    setting = Setting(covariates=one, response=Linear.of(one), noise_variance=0, context_length=n)
    least = global_minimiser(setting).loss

    def losses(a, ratio):
        """Of the layer v = (1/2, 1), c = ratio · a v_x, with B = a + v_x c = 1/n."""
        assert a + ratio * a * h**2 == Rational(1, n)
        layer = LinearAttention(Matrix([h, 1]), Matrix([[a, 0], [ratio * a * h, 0]]))
        return query_in_sum_loss(setting, layer) - least, in_context_loss(setting, layer) - least

    there, here = losses(h, -Rational(n + 1, n)), losses(Rational(4, 9), Integer(-1))
    assert (there[0], here[1]) == (0, 0)
    assert min(there[1], here[0]) > 0


# its landscape


def turn_layer(profile, ratio):
    """In d = 2 at v = (√r, 0, 1)."""
    along, across, keys = (part.subs(notation.ratio, ratio) for part in (profile.along, profile.across, profile.keys))
    return Matrix([ratio**h, 0, 1]), Matrix([[along, 0, 0], [0, across, 0], [keys * ratio**h, 0, 0]])


@pytest.mark.parametrize(
    ("law", "context", "kinds"),
    [
        (Gaussian(eye(2)), 3, ["saddle", "local minimum"]),
        (Gaussian(eye(2)), 5, ["saddle", "local minimum", "saddle"]),
        (StudentT(eye(2), degrees=8), 40, None),
    ],
    ids=["gaussian, short", "gaussian, long", "student"],
)
def test_a_turn_is_a_stationary_point_of_its_kind(law, context, kinds):
    """Gradient and Hessian of the loss in the 9 entries that act, at the turn, in floats of 30 digits."""
    setting = setting_of(law, noise=0, context=context)
    layer = LinearAttention.symbolic(2)
    free = [*layer.value, *layer.key_query[:, :2]]
    loss = query_in_sum_loss(setting, layer)
    gradient, curvature = [diff(loss, z) for z in free], hessian(loss, free)
    profile, turns = query_in_sum_profile(setting), query_in_sum_turns(setting)
    assert kinds is None or [turn.kind for turn in turns] == kinds
    for turn in turns:
        if turn.ratio == oo:
            value, key_query = Matrix([1, 0, 0]), Matrix([[0, 0, 0], [0, 0, 0], [global_minimiser(setting).step[0, 0], 0, 0]])
        else:
            value, key_query = turn_layer(profile, turn.ratio.n(30))
        at = dict(zip(free, [*value, *key_query[:, :2]], strict=True))
        assert abs(loss.subs(at) - turn.loss.n(30)) < 1e-20
        assert all(abs(part.subs(at)) < 1e-20 for part in gradient)
        spectrum = np.linalg.eigvalsh(_floats(curvature.subs(at)))
        tiny = 1e-9 * spectrum[-1]
        assert (spectrum < -tiny).any() == (turn.kind == "saddle")


def test_with_the_query_spurious_minima_come_at_shorter_contexts():
    """d = 3 without noise: a mixed direction is a local minimum from n = 18 on, and from 24 on without the query."""
    law = Gaussian.isotropic(3)

    def spurious(found):
        return {point.name for point in found if point.kind == "local minimum"}

    for context, here, without in ((3, {"one direction"}, set()), (17, set(), set()), (18, {"mixed direction"}, set())):
        setting = setting_of(law, noise=0, context=context)
        assert (spurious(query_in_sum_turns(setting)), spurious(stationary_points(setting))) == (here, without)
    setting = setting_of(law, noise=0, context=24)
    assert spurious(query_in_sum_turns(setting)) == spurious(stationary_points(setting)) == {"mixed direction"}


def test_with_no_weight_on_the_query_the_profile_is_the_one_without_it():
    for law, noise, context in ((Gaussian(eye(2)), 0, 5), (Sphere(COVARIANCE), Rational(3, 4), 4), (Gaussian(eye(1)), 1, 4)):
        prior = law.second_moment.inv()
        setting = Setting(covariates=law, response=Linear(prior), noise_variance=noise, context_length=context)
        profile = query_in_sum_profile(setting, weight=0)
        mixed = [point for point in stationary_points(setting) if point.name == "mixed direction"]
        assert mixed
        for point in mixed:
            assert abs(profile.loss.subs(notation.ratio, point.ratio.n(30)) - point.loss.n(30)) < 1e-25
            assert abs(profile.turning.as_expr().subs(notation.ratio, point.ratio.n(30)) / profile.turning.LC()) < 1e-20


def test_a_setting_without_such_a_landscape_is_refused():
    for law, message in ((Rademacher(eye(2)), "preferred directions"), (StudentT(eye(2), degrees=6), "does not exist")):
        with pytest.raises(SettingError, match=message):
            query_in_sum_turns(setting_of(law))
    d = Symbol("d", integer=True, positive=True)
    with pytest.raises(SettingError, match="in numbers"):
        query_in_sum_turns(setting_of(Gaussian.isotropic(d)))
