"""Every covariate law and response family against routes that share no code with theory's.

Coordinates (`common.coordinates`): moments and losses monomial by monomial, exact. Enumeration: finitely many prompts, exact. Quadrature
and formulas by hand: numpy, scipy and pencil, at stated tolerances. No error model: nothing here is sampled.
"""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from functools import cache

import pytest
from common.components import evaluate
from common.coordinates import (
    Found,
    Written,
    covariate_moment,
    gaussian,
    laws,
    linear_responses,
    matrix,
    nonlinear_responses,
    response_moments,
    slanted,
    symmetric,
    written_loss,
)
from common.pairs import FAMILIES, LAWS
from common.quadrature import approximate
from common.strategies import layers, noises
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sympy import (
    Abs,
    Identity,
    Integer,
    Inverse,
    Matrix,
    MatrixSymbol,
    Rational,
    S,
    Symbol,
    Trace,
    cancel,
    cos,
    diag,
    expand,
    eye,
    pi,
    sign,
    simplify,
    sin,
    sqrt,
    symbols,
    tanh,
    zeros,
)

import theory
from theory import (
    RBF,
    CovariateLaw,
    ExpectationError,
    Gaussian,
    GaussianMixture,
    GivenKurtosis,
    Laplace,
    Linear,
    LinearAttention,
    Moments,
    PolynomialKernel,
    Rademacher,
    RandomPolynomial,
    ReLUNetwork,
    ResponseFamily,
    ScaleMixture,
    Setting,
    SettingError,
    SingleIndex,
    Sphere,
    StudentT,
    Uniform,
    global_minimiser,
    in_context_gradient,
    in_context_loss,
)
from theory.bilinear import BilinearForm
from theory.errors import HypothesisError, UndefinedMoment
from theory.loss import one_step_moments, specialise
from theory.responses.single_index import hermite, relu, t
from theory.step_size import hypotheses, paper_step_size
from theory.table import status
from theory.wick import expectation, independent_rows, random_vector

exactly = settings(
    max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.reuse, Phase.generate]
)
n, d = symbols("n d", integer=True, positive=True)
s2 = Symbol("sigma2", nonnegative=True)
half, third = Rational(1, 2), Rational(1, 3)

LINEAR_ONLY = ("moments", "mixture not reflected", "given kurtosis")
MIXTURE = ("square", "t + t²", "chaos 2")  # the others take theory seconds, and are met at d = 1 in false_claims/test_law_mutants.py


def responses(size, name):
    """The responses to meet a law with."""
    found = linear_responses(size)
    if name not in LINEAR_ONLY:
        found = found | nonlinear_responses(size, Matrix(laws(size)[name].theory.second_moment))
    return {key: r for key, r in found.items() if name != "gaussian mixture" or r.degree == 1 or key in MIXTURE[: 1 + 2 * (size == 2)]}


# a: moments


def test_every_law_and_family_is_met():
    """A law or family that is added must be added to the pairs, too."""
    exported = [getattr(theory, name) for name in theory.__all__]
    for base, instances in ((CovariateLaw, LAWS), (ResponseFamily, FAMILIES)):
        classes = {kind for kind in exported if isinstance(kind, type) and issubclass(kind, base) and kind is not base}
        assert classes == {type(build(2)) for build in instances.values()}
    assert {type(law.theory) for law in laws(2).values()} == {type(build(2)) for build in LAWS.values()}


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("name", laws(1))
def test_second_and_fourth_moment_of_the_covariates(name, size):
    law = laws(size)[name]
    Sigma = Matrix(law.theory.second_moment)
    assert Sigma == symmetric(size, lambda i, j: covariate_moment(law, i, j))
    parts = [(S.One, Sigma), *((weight, Matrix(K)) for weight, K in law.theory.excess or ())]
    for a, b, c, e in itertools.combinations_with_replacement(range(size), 4):
        found = sum(weight * (K[a, b] * K[c, e] + K[a, c] * K[b, e] + K[a, e] * K[b, c]) for weight, K in parts)
        assert found == covariate_moment(law, a, b, c, e)


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("name", laws(1))
def test_response_moments(name, size):
    law = laws(size)[name]
    for key, response in responses(size, name).items():
        order = max(4 * response.degree, 2 * response.degree + 2)
        if order > law.highest:
            with pytest.raises(UndefinedMoment, match=r"does not exist with \d+ degrees of freedom; it needs more than \d+\."):
                response.theory.moments(law.theory)
            continue
        found, expected = response.theory.moments(law.theory), response_moments(law, response)
        for moment in Found._fields:
            difference = matrix(getattr(found, moment)) - getattr(expected, moment) if moment in ("weighted", "cross") else None
            if difference is None:
                assert expand(getattr(found, moment) - getattr(expected, moment)) == 0, (key, moment)
            else:
                assert difference.applyfunc(expand).is_zero_matrix, (key, moment)
        assert found.mean == 0


@pytest.mark.parametrize("name", ["gaussian", "sphere", "laplace", "gaussian mixture", "student 9"])
def test_response_moments_in_three_dimensions(name):
    law = laws(3)[name]
    found = linear_responses(3)
    chosen = [found["linear"], found["linear, laplace task"]]
    if name != "gaussian mixture":
        chosen.append(nonlinear_responses(3, Matrix(law.theory.second_moment))["square"])
    for response in chosen:
        found, expected = response.theory.moments(law.theory), response_moments(law, response)
        assert (found.second, found.fourth, found.pair) == (expected.second, expected.fourth, expected.pair)
        assert matrix(found.weighted) == expected.weighted
        assert matrix(found.cross) == expected.cross


def test_a_mixture_takes_any_metric():
    """W that is no multiple of Σ⁻¹."""
    law, W = laws(2)["gaussian mixture"], (slanted(2) * slanted(2).T).as_immutable()
    response = nonlinear_responses(2, W.inv())["square"]
    found, expected = response.theory.moments(law.theory), response_moments(law, response)
    assert (found.second, found.fourth, found.pair) == (expected.second, expected.fourth, expected.pair)
    assert (matrix(found.weighted), matrix(found.cross)) == (expected.weighted, expected.cross)


def test_the_mean_without_a_sign():
    """E f(x), the moment that tells ReLU without a sign from ReLU with one."""
    for name in ("gaussian", "sphere", "student 9", "laplace", "rademacher", "gaussian mixture"):
        law = laws(2)[name]
        W = Matrix(law.theory.second_moment).inv().as_immutable()
        world = Written(law, nonlinear_responses(2, Matrix(law.theory.second_moment))["square"], 1)
        (x,) = world.covariates
        w = world.task
        expected = world.mean((w[0] * x[0] + w[1] * x[1]) ** 2)
        assert SingleIndex(t**2, W, random_sign=False).moments(law.theory).mean == expected == 2


# b: the loss


@st.composite
def prompts(draw):
    """A law, a response, n and σ² that coordinates can do in a second, and a layer."""
    size = draw(st.sampled_from((1, 1, 2)))
    name = draw(st.sampled_from(list(laws(size))))
    law = laws(size)[name]
    quick = {key: r for key, r in responses(size, name).items() if max(4 * r.degree, 2 * r.degree + 2) <= law.highest}
    if name == "gaussian mixture":
        quick = {key: r for key, r in quick.items() if r.degree == 1 or key in ("square", "chaos 2")}
    key = draw(st.sampled_from(list(quick)))
    response = quick[key]
    most = 3 if size == 1 and response.degree == 1 else 2
    return law, response, draw(st.integers(1, most)), draw(noises), draw(layers(size))


def setting_of(law, response, length, noise):
    return Setting(covariates=law.theory, response=response.theory, noise_variance=noise, context_length=length)


@exactly
@given(prompts())
def test_loss_of_drawn_layers(drawn):
    """The loss, its excess over the minimum, and its gradient along a direction, all exactly."""
    law, response, length, noise, layer = drawn
    setting = setting_of(law, response, length, noise)
    if response.square != 1:
        return
    loss = in_context_loss(setting, layer)
    assert loss == written_loss(law, response, length, noise, layer)
    minimiser = global_minimiser(setting)
    assert minimiser.excess(layer) == loss - minimiser.loss >= 0


@settings(exactly, max_examples=5)
@given(prompts(), st.data())
def test_gradient_along_a_drawn_direction(drawn, data):
    """The loss is of degree four along a line, so its slope is (L(−2) − 8L(−1) + 8L(1) − L(2))/12 exactly."""
    law, response, length, noise, layer = drawn
    setting = setting_of(law, response, length, noise)
    other = data.draw(layers(int(setting.dimension)))

    def loss(at):
        return in_context_loss(setting, LinearAttention(layer.value + at * other.value, layer.key_query + at * other.key_query))

    gradient = in_context_gradient(setting, layer)
    slope = sum(a * b for a, b in zip([*gradient.value, *gradient.key_query], [*other.value, *other.key_query], strict=True))
    assert slope == (loss(-2) - 8 * loss(-1) + 8 * loss(1) - loss(2)) / 12


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("name", laws(1))
def test_members_of_every_family_attain_the_minimum(name, size):
    """And the minimum is where the gradient in coordinates vanishes: no step near B* is better."""
    law = laws(size)[name]
    found = linear_responses(size)
    chosen = [found["linear"], found["linear, laplace task"], found["linear, rank one"]]
    if name not in (*LINEAR_ONLY, "student 5"):
        chosen.append(nonlinear_responses(size, Matrix(law.theory.second_moment))["square"])
    for response in chosen:
        setting = setting_of(law, response, 2, third)
        minimiser = global_minimiser(setting)
        names = {family.name for family in minimiser.parameters}
        if matrix(setting.moments.K).is_zero_matrix:
            assert names == {"no values", "no keys"}
        else:
            rank_one = matrix(setting.moments.K).rank() == 1
            assert names == {"labels in the values", "labels in the keys"} if rank_one else {"labels in the values"}
        for family in minimiser.parameters:
            layer = family.sample(**({"scale": Rational(-3, 2)} if "scale" in family.free else {}))
            assert expand(minimiser.excess(layer)) == 0
            assert expand(in_context_loss(setting, layer) - minimiser.loss) == 0


def enumerated(points, tasks, length, layer):
    """The loss by adding up every prompt, all equally likely; σ² = 0."""
    v = [Fraction(int(e.p), int(e.q)) for e in layer.value]
    size = len(v) - 1
    M = [[Fraction(int(e.p), int(e.q)) for e in row] for row in layer.key_query.tolist()]
    total = count = 0
    for w in tasks:
        for drawn in itertools.product(points, repeat=length + 1):
            *context, query = drawn
            prediction = Fraction(0)
            for x in context:
                token = (*x, sum(a * b for a, b in zip(w, x, strict=True)))
                score = sum(token[a] * M[a][b] * query[b] for a in range(size + 1) for b in range(size))
                prediction += sum(a * b for a, b in zip(v, token, strict=True)) * score
            total += (prediction - sum(a * b for a, b in zip(w, query, strict=True))) ** 2
            count += 1
    return Rational(total.numerator, total.denominator) / count


@exactly
@given(st.sampled_from((1, 2)), st.sampled_from((1, 2, 3)), st.data())
def test_loss_by_enumerating_every_prompt(size, length, data):
    """±1 covariates under a linear map with ±1 tasks: finitely many prompts, no moment of any kind."""
    length = min(length, 4 - size)
    layer, T = data.draw(layers(size)), slanted(size)
    points = [tuple(Matrix(T) * Matrix(signs)) for signs in itertools.product((-1, 1), repeat=size)]
    exact = [tuple(Fraction(int(e.p), int(e.q)) for e in point) for point in points]
    setting = Setting(covariates=Rademacher(T), response=Linear.of(Rademacher.isotropic(size)), noise_variance=0, context_length=length)
    tasks = list(itertools.product((-1, 1), repeat=size))
    assert in_context_loss(setting, layer) == enumerated(exact, tasks, length, layer)


# the laws that have more minimisers than a Gaussian has


def is_listed(layer):
    """Whether a layer belongs to one of the two families of a task that is not 0."""
    values = layer.covariate_value.is_zero_matrix and layer.label_key_query.is_zero_matrix
    return values or (layer.label_value == 0 and layer.covariate_key_query.is_zero_matrix)


@pytest.mark.parametrize("name", ["gaussian", "uniform", "laplace", "student 9", "moments"])
def test_more_minimisers_where_y_squared_is_a_multiple_of_x_squared(name):
    """d = 1, w = ±1, σ² = 0: y² = x², so v_x A = −v_y c makes the even part of ŷ vanish with nothing zero."""
    law = laws(1)[name].theory
    setting = Setting(covariates=law, response=Linear.of(Rademacher.isotropic(1)), noise_variance=0, context_length=3)
    minimiser = global_minimiser(setting)
    b = Matrix(minimiser.step)[0]
    for v_x in (Integer(2), half):  # v_y = 1: A + v_x c = B* and v_x A = −c
        c = v_x * b / (v_x**2 - 1)
        layer = LinearAttention(Matrix([v_x, 1]), Matrix([[-c / v_x, 0], [c, 0]]))
        assert minimiser.excess(layer) == 0
        assert in_context_loss(setting, layer) == minimiser.loss
        assert not is_listed(layer)
    noisy = Setting(covariates=law, response=Linear.of(Rademacher.isotropic(1)), noise_variance=Rational(1, 100), context_length=3)
    at = global_minimiser(noisy)
    b = Matrix(at.step)[0]
    assert at.excess(LinearAttention(Matrix([2, 1]), Matrix([[-b / 3, 0], [2 * b / 3, 0]]))) > 0


def test_more_minimisers_of_discrete_covariates():
    """±1 covariates in two dimensions and tasks along (1, −1): B*ᵀ x xᵀ (1, 1) = 0 for all four x, though neither factor is 0."""
    response = Linear(Matrix([[1, -1], [-1, 1]]))
    layer = {}
    for name, law in (("rademacher", Rademacher.isotropic(2)), ("gaussian", Gaussian.isotropic(2)), ("uniform", Uniform.isotropic(2))):
        setting = Setting(covariates=law, response=response, noise_variance=half, context_length=3)
        minimiser = global_minimiser(setting)
        layer[name] = LinearAttention.from_blocks(
            covariate_value=Matrix([5, 5]), label_value=1, covariate_key_query=Matrix(minimiser.step), label_key_query=zeros(2, 1)
        )
        assert not is_listed(layer[name])
        assert (minimiser.excess(layer[name]) == 0) == (name == "rademacher")


# c: Wick's rule with fourth cumulants

VERTICES = {
    "S": lambda m, tr, bil: m.X.T @ m.X,
    "S K S": lambda m, tr, bil: m.X.T @ m.X @ m.K @ m.X.T @ m.X,
    "S K^T S K": lambda m, tr, bil: m.X.T @ m.X @ m.K.T @ m.X.T @ m.X @ m.K,
    "tr S^2": lambda m, tr, bil: tr(m.X.T @ m.X @ m.X.T @ m.X),
    "tr(S)^2": lambda m, tr, bil: tr(m.X.T @ m.X) ** 2,
    "tr(SK) tr(SK^T)": lambda m, tr, bil: tr(m.X.T @ m.X @ m.K) * tr(m.X.T @ m.X @ m.K.T),
    "uSv tr(S)": lambda m, tr, bil: bil(m.u.T @ m.X.T @ m.X @ m.v) * tr(m.X.T @ m.X),
    "(uSv)^2": lambda m, tr, bil: bil(m.u.T @ m.X.T @ m.X @ m.v) ** 2,
    "wSw uSw": lambda m, tr, bil: bil(m.w.T @ m.X.T @ m.X @ m.w) * bil(m.u.T @ m.X.T @ m.X @ m.w),
    "S w w^T S": lambda m, tr, bil: m.X.T @ m.X @ m.w @ m.w.T @ m.X.T @ m.X,
    "tr(S K w w^T) wKw": lambda m, tr, bil: tr(m.X.T @ m.X @ m.K @ m.w @ m.w.T) * bil(m.w.T @ m.K @ m.w),
}


class Letters:
    """X (rows × cols), w (cols × 1), and constants, as symbols."""

    def __init__(self, rows, cols):
        self.X, self.K, self.w = MatrixSymbol("X", rows, cols), MatrixSymbol("K", cols, cols), MatrixSymbol("w", cols, 1)
        self.u, self.v = MatrixSymbol("u", cols, 1), MatrixSymbol("v", cols, 1)


@pytest.mark.parametrize("symbolic", [True, False], ids=["n a symbol", "n a number"])
@pytest.mark.parametrize(("rows", "cols"), [(1, 1), (2, 1), (1, 2), (2, 2)])
@pytest.mark.parametrize("name", ["laplace", "gaussian mixture", "student 9"])
def test_vertices_against_coordinates(name, rows, cols, symbolic):
    """Rows that are independent copies of a law, and a vector of another, in every word up to degree four in each."""
    import numpy as np

    law, task = laws(cols)[name], linear_responses(cols)["linear, rademacher task"]
    world = Written(law, task, rows)
    letters = Letters(n if symbolic else rows, cols)
    values = {"K": Matrix(cols, cols, lambda i, j: Rational(3 * i - j + 1, 2)), "u": Matrix([1, -2][:cols]), "v": Matrix([half, 3][:cols])}

    class Numbers:
        X = np.array(world.covariates, dtype=object)
        w = np.array(world.task, dtype=object)[:, None]
        K, u, v = (np.array([[world.ring(e) for e in row] for row in value.tolist()], dtype=object) for value in values.values())

    Sigma = law.theory.second_moment
    laws_ = (
        independent_rows(letters.X, Sigma, law.theory.excess),
        random_vector(letters.w, task.theory.covariance, task.theory.excess),
    )
    env = {getattr(letters, key): value.as_immutable() for key, value in values.items()} | {n: Integer(rows)}
    for key, word in VERTICES.items():
        truth = word(Numbers, np.trace, lambda form: form[0, 0])
        found = evaluate(expectation(word(letters, Trace, BilinearForm), *laws_), env)
        if isinstance(truth, np.ndarray):
            assert matrix(found).subs(n, rows) == Matrix([[world.mean(e) for e in row] for row in truth]), key
        else:
            assert expand(found) == world.mean(truth), key


def test_vertices_know_no_moment_beyond_four():
    X = MatrixSymbol("X", n, 2)
    with pytest.raises(ExpectationError, match="a moment of order 6 of X, of which moments to order 4 are known"):
        expectation(Trace((X.T * X) ** 3), independent_rows(X, eye(2), ((half, eye(2)),)))


def test_a_vertex_that_sees_a_single_row_is_refused():
    X, N = MatrixSymbol("X", n, 2), MatrixSymbol("N", 2, n)
    with pytest.raises(ExpectationError, match="single"):
        expectation(Trace(X * N) ** 4, independent_rows(X, eye(2), ((half, eye(2)),)))


# d: what is no polynomial, against quadrature


@cache
def hermite_rule(order=120):
    """Nodes and weights of Gauss–Hermite for a standard normal."""
    import numpy as np

    nodes, weights = np.polynomial.hermite_e.hermegauss(order)
    return nodes, weights / math.sqrt(2 * math.pi)


def radial_rule(law, size, order=70):
    """Nodes and weights for the norm R of a whitened elliptical covariate, by its density, scipy's quadrature nodes."""
    import numpy as np
    from scipy import stats

    def chi(scale=1.0):
        x, weight = np.polynomial.legendre.leggauss(order)
        top = math.sqrt(stats.chi2.isf(1e-18, size))
        x, weight = (x + 1) * top / 2, weight * top / 2
        return scale * x, weight * stats.chi.pdf(x, size)

    if isinstance(law, Sphere):
        return np.array([math.sqrt(size)]), np.array([1.0])
    if isinstance(law, Gaussian):
        return chi()
    if isinstance(law, ScaleMixture):
        parts = [(float(p), *chi(math.sqrt(float(v)))) for p, v in law.scales]
        return np.concatenate([nodes for _, nodes, _ in parts]), np.concatenate([p * weights for p, _, weights in parts])
    # Student: R²/d is (ν−2)/ν times an F variable; with R = tan a the integrand is smooth on [0, π/2]
    nu = float(law.degrees)
    a, weight = np.polynomial.legendre.leggauss(2 * order)
    a, weight = (a + 1) * math.pi / 4, weight * math.pi / 4
    nodes = np.tan(a)
    scale = size * (nu - 2) / nu
    return nodes, weight * (1 + nodes**2) * 2 * nodes / scale * stats.f.pdf(nodes**2 / scale, size, nu)


def angular_rule(size, order=60):
    """Nodes and weights for the cosine of two independent directions."""
    import numpy as np
    from scipy.special import gammaln

    if size == 1:
        return np.array([-1.0, 1.0]), np.array([0.5, 0.5])
    x, weight = np.polynomial.legendre.leggauss(order)
    halves = [((x - 1) * math.pi / 4, weight), ((x + 1) * math.pi / 4, weight)]  # a kink at 0 falls between the two
    theta = np.concatenate([nodes for nodes, _ in halves])
    weights = np.concatenate([w for _, w in halves]) * math.pi / 4
    norm = math.exp(gammaln(size / 2) - gammaln((size - 1) / 2)) / math.sqrt(math.pi)
    return np.sin(theta), weights * norm * np.cos(theta) ** (size - 2)


def kappa_gamma(law, phi, size):
    """κ = E y y' x·x'/d and γ = E y² |x|²/d of f(x) = φ(w·x), whitened, by quadrature over (ρ, R, u): ρ = |w|, w·x = ρ R u."""
    import numpy as np

    R, R_weight = radial_rule(law, size)
    u, u_weight = angular_rule(size)
    rho, rho_weight = radial_rule(Gaussian.isotropic(size), size)
    value = phi(rho[:, None, None] * R[None, :, None] * u[None, None, :])
    slope = np.einsum("prq,r,q,r,q->p", value, R, u, R_weight, u_weight)  # E t φ given ρ
    gamma = np.einsum("prq,r,p,r,q->", value**2, R**2, rho_weight, R_weight, u_weight)
    return float((slope**2 * rho_weight).sum() / size), float(gamma / size)


def of_theory(law, response):
    """κ and γ from theory's moments, Σ = I."""
    found = response.moments(law)
    size = int(law.dimension)
    return tuple(float(approximate(matrix(value)[0, 0])) for value in (found.cross, found.weighted)), size


def numpy_functions():
    import numpy as np
    from scipy.special import erf as erf_

    return {
        "relu": lambda x: np.maximum(x, 0),
        "leaky relu": lambda x: np.where(x > 0, x, x / 10),
        "abs": np.abs,
        "sign": np.sign,
        "sin": np.sin,
        "cos": np.cos,
        "erf": erf_,
        "t + tanh": lambda x: x + np.tanh(x),
        "cube": lambda x: x**3,
    }


QUADRATURE = [
    *((law, name, size) for law in ("gaussian", "sphere") for name in numpy_functions() for size in (1, 2, 3, 5)),
    *(("scale mixture", name, size) for name in numpy_functions() for size in (2, 3)),
    *(("student 15", name, size) for name in ("relu", "leaky relu", "abs", "sign", "erf", "t + tanh", "cube") for size in (1, 2, 3)),
    *(("student 15", name, 2) for name in ("sin", "cos")),
    *(("student 5", name, 2) for name in ("relu", "sign", "erf")),
]


@pytest.mark.parametrize(("law", "size"), sorted({(law, size) for law, _, size in QUADRATURE}))
def test_single_index_against_quadrature(law, size):
    """Tolerance 1e-7 (1e-5 for Student, whose tails converge slowly), relative to γ: both moments of which η is made."""
    tolerance = 1e-5 if law.startswith("student") else 1e-7
    for name in (name for law_, name, size_ in QUADRATURE if (law_, size_) == (law, size)):
        covariates, response = LAWS[law](size), FAMILIES[name](size)
        (kappa, gamma), _ = of_theory(covariates, response)
        expected = kappa_gamma(covariates, numpy_functions()[name], size)
        assert abs(gamma - expected[1]) <= tolerance * gamma, name
        assert abs(kappa - expected[0]) <= tolerance * gamma, name


def kernel_sums(law, size, kernel):
    """E k x·x'/d, E k(x, x)|x|²/d and E k² by quadrature over (R, S, u)."""
    import numpy as np

    R, R_weight = radial_rule(law, size, 80)
    u, u_weight = angular_rule(size, 80)
    value = kernel(R[:, None, None], R[None, :, None], u[None, None, :])
    weight = R_weight[:, None, None] * R_weight[None, :, None] * u_weight[None, None, :]
    cross = (value * R[:, None, None] * R[None, :, None] * u * weight).sum() / size
    variance = kernel(R, R, np.ones_like(R))
    return cross, (variance * R**2 * R_weight).sum() / size, (value**2 * weight).sum(), (variance * R_weight).sum()


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("law", ["gaussian", "sphere", "scale mixture", "student 9"])
def test_kernels_against_quadrature(law, size):
    """RBF and the two-layer ReLU network, every moment. Tolerance as above."""
    import numpy as np

    tolerance = 1e-5 if law.startswith("student") else 1e-7
    covariates = LAWS[law](size)
    kernels = {
        "rbf": lambda r, s, u: np.exp(-(r**2 + s**2 - 2 * r * s * u) / 2),
        "relu network": lambda r, s, u: r * s * (np.sqrt(np.clip(1 - u**2, 0, 1)) + u * (np.pi - np.arccos(u))) / (2 * np.pi),
    }
    for name, kernel in kernels.items():
        found = FAMILIES[name](size).moments(covariates)
        cross, weighted, square, variance = kernel_sums(covariates, size, kernel)
        expected = {"second": variance, "cross": cross, "weighted": weighted}
        if name == "rbf":
            expected |= {"fourth": 3, "pair": variance**2 + 2 * square}
        else:  # m = 4 units: 3/m E relu²relu'² + (1 − 1/m)(k_xx k_x'x' + 2 k²) with E relu²relu'² = r²s²(1 + 2u²)/4 + odd
            R, weight = radial_rule(covariates, size, 80)
            u, u_weight = angular_rule(size, 80)
            r2, r4 = (R**2 * weight).sum(), (R**4 * weight).sum()
            equal = r2**2 * ((1 + 2 * u**2) * u_weight).sum() / 4
            expected |= {"pair": 3 * equal / 4 + 3 / 4 * (variance**2 + 2 * square)}
            expected |= {"fourth": 3 / 4 * (3 / 2) * r4 + 3 / 4 * 3 * r4 / 4}
        for moment, value in expected.items():
            entry = getattr(found, moment)
            entry = matrix(entry)[0, 0] if moment in ("cross", "weighted") else entry
            assert abs(float(approximate(entry)) - value) <= tolerance * max(abs(value), 0.1), (name, moment)


def bivariate(phi, r, s, u):
    """E φ(w·x)² φ(w·x')² by a two-dimensional Gauss–Hermite rule."""
    nodes, weights = hermite_rule()
    first, second = nodes[:, None], nodes[None, :]
    return float(
        (weights[:, None] * weights[None, :] * phi(r * first) ** 2 * phi(s * (u * first + math.sqrt(1 - u * u) * second)) ** 2).sum()
    )


@pytest.mark.parametrize("name", ["sin", "cos", "cube", "hermite 3"])
def test_conditional_moments_against_a_gaussian_rule(name):
    """E φ(a)² φ(b)² and E φ(a)⁴ for jointly Gaussian a, b, at a few norms and cosines; 1e-9."""
    import numpy as np

    functions = {**numpy_functions(), "hermite 3": lambda x: (x**3 - 3 * x) / math.sqrt(6)}
    family = FAMILIES[name](2)
    r, s, u = (symbol for symbol in (theory.covariates.law.r, theory.covariates.law.s, theory.covariates.law.u))
    for at in ((half, third, Rational(2, 5)), (Integer(1), Rational(3, 2), Rational(-4, 5)), (Integer(2), half, S.Zero)):
        values = dict(zip((r, s, u), at, strict=True))
        numbers = [float(value) for value in at]
        expected = bivariate(functions[name], *numbers)
        assert abs(float(family.squares().subs(values)) - expected) <= 1e-9 * expected
        nodes, weights = hermite_rule()
        fourth = float((weights * functions[name](np.asarray(numbers[0] * nodes)) ** 4).sum())
        assert abs(float(family.fourth().subs(values)) - fourth) <= 1e-9 * fourth


def coordinate_rule(name, order=200):
    """Nodes and weights of one coordinate of a law with independent coordinates."""
    import numpy as np

    x, weight = np.polynomial.legendre.leggauss(order)
    if name == "rademacher":
        return np.array([-1.0, 1.0]), np.array([0.5, 0.5])
    if name == "uniform":
        return math.sqrt(3) * x, weight / 2
    nodes, weights = np.polynomial.laguerre.laggauss(100)  # ∫₀^∞ e^(−v) h(v/√2) dv, both signs
    return np.concatenate([-nodes, nodes]) / math.sqrt(2), np.concatenate([weights, weights]) / 2


@pytest.mark.parametrize("name", ["rademacher", "uniform", "laplace"])
def test_independent_coordinates_against_quadrature(name):
    """RBF, sin and cos at d = 1 and 2 by a rule for each coordinate difference; 1e-8 (1e-5 for Laplace, whose density has a kink)."""
    import numpy as np

    a, w = coordinate_rule(name)
    tolerance = 1e-5 if name == "laplace" else 1e-8
    first, second = a[:, None], a[None, :]
    both = w[:, None] * w[None, :]

    def one(power, scale=1.0):  # E (ab)^power exp(−scale (a−b)²/2) for one pair of coordinates
        return float((both * (first * second) ** power * np.exp(-scale * (first - second) ** 2 / 2)).sum())

    def own(power, scale):  # E a^power exp(−scale a²/2)
        return float((w * a**power * np.exp(-scale * a**2 / 2)).sum())

    for size in (1, 2):
        law = LAWS[name](size)
        k, k2, slope = one(0) ** size, one(0, 2.0) ** size, one(1) * one(0) ** (size - 1)
        found = FAMILIES["rbf"](size).moments(law)
        expected = {"second": 1, "fourth": 3, "pair": 1 + 2 * k2, "weighted": 1, "cross": slope}
        for moment, value in expected.items():
            entry = getattr(found, moment)
            entry = matrix(entry)[0, 0] if moment in ("cross", "weighted") else entry
            assert abs(float(approximate(entry)) - value) <= tolerance * value, moment
        # E sin(w·x)² = (1 − E e^(−2|x|²))/2; E sin sin' = (E e^(−|x−x'|²/2) − E e^(−|x+x'|²/2))/2, of which the second has cross −slope
        e2 = own(0, 4.0) ** size
        weighted = (1 - own(2, 4.0) * own(0, 4.0) ** (size - 1)) / 2
        for response, flip in (("sin", 1), ("cos", -1)):
            found = FAMILIES[response](size).moments(law)
            values = {
                "second": (1 - flip * e2) / 2,
                "weighted": weighted if flip == 1 else 1 - weighted,
                "cross": slope if flip == 1 else 0,
                # sin²sin'² = (1 − cos 2a)(1 − cos 2b)/4
                "pair": (1 - flip * 2 * e2 + one(0, 4.0) ** size) / 4,
                "fourth": (3 - flip * 4 * e2 + own(0, 16.0) ** size) / 8,
            }
            for moment, value in values.items():
                entry = getattr(found, moment)
                entry = matrix(entry)[0, 0] if moment in ("cross", "weighted") else entry
                assert abs(float(approximate(entry)) - value) <= tolerance, (response, moment)
        assert k > 0


# e: closed forms, symmetries, symbols


def step_size(law, response, **changes):
    options = {"noise_variance": s2, "context_length": n} | changes
    return paper_step_size(Setting(covariates=law, response=response, **options)).value


BY_HAND = [
    # κ and γ at Σ = W = I: η = κ / (γ + σ² + (n−1) κ)
    ("linear", Linear.isotropic(d), 1 / (n + d + 1 + s2)),
    ("relu", SingleIndex.isotropic(relu, d), 1 / (n + 2 * d + 3 + 4 * s2)),  # κ = ¼, γ = (d+2)/2
    ("abs", SingleIndex.isotropic(Abs(t), d), S.Zero),
    ("square", SingleIndex.isotropic(t**2, d), S.Zero),
    ("kernel 1", PolynomialKernel.isotropic(d, 1, 3), 1 / (n - 1 + d + 2 + 3 + s2)),  # f = √3 g₀ + w·x: κ = 1, γ = 3 + d + 2
    ("chaos 2", RandomPolynomial.isotropic(d, 2), S.Zero),
]


@pytest.mark.parametrize(("response", "expected"), [row[1:] for row in BY_HAND], ids=[row[0] for row in BY_HAND])
def test_step_sizes_by_hand(response, expected):
    assert simplify(step_size(Gaussian.isotropic(d), response) - expected) == 0


def test_the_step_size_of_sign():
    """κ = E |t| |t'|… = (2/π) E[t-slope]²: for sign(w·x), x ~ N(0, I): E[sign(w·x) x | w] = √(2/π) w/|w|, so κ = 2/(π d), γ = 1."""
    for size in (1, 2, 3, 7):
        found = step_size(Gaussian.isotropic(size), SingleIndex.isotropic(sign(t), size))
        assert simplify(found - 2 / (pi * size * (1 + s2) + 2 * (n - 1))) == 0


def test_the_step_size_of_cube():
    """E[(w·x)³ x | w] = 3 |w|² w: κ = 9 E|w|⁶/d = 9 (d+2)(d+4); γ = E (w·x)⁶|x|²/d = 15 E|w|⁶ (d+6)/d = 15 (d+2)(d+4)(d+6)."""
    found = step_size(Gaussian.isotropic(d), SingleIndex.isotropic(t**3, d))
    both = (d + 2) * (d + 4)
    assert simplify(found - 9 * both / (15 * both * (d + 6) + s2 + 9 * (n - 1) * both)) == 0


def test_the_step_size_on_the_sphere():
    """|x|² = d: γ = E y² = d, κ = 1 for linear responses."""
    assert simplify(step_size(Sphere(Identity(d)), Linear.isotropic(d)) - 1 / (n - 1 + d + s2)) == 0
    assert simplify(step_size(Rademacher.isotropic(d), Linear.isotropic(d)) - 1 / (n - 1 + d + s2)) == 0


def test_the_step_size_of_independent_coordinates():
    """γ = E (w·x)²|x|²/d = d − 1 + E a⁴."""
    for law, fourth in ((Uniform, Rational(9, 5)), (Laplace, Integer(6))):
        assert simplify(step_size(law.isotropic(d), Linear.isotropic(d)) - 1 / (n - 1 + d - 1 + fourth + s2)) == 0


@pytest.mark.parametrize("law", [name for name in LAWS if name != "gaussian mixture"])
def test_symbols_specialise_to_numbers(law):
    """η with n, d, σ² as symbols, numbers put in afterwards, against the setting made from numbers. Pairs without a closed form at a
    symbolic d are passed over, and counted."""
    compared = 0
    for name, family in FAMILIES.items():
        try:
            whole = raw_step_size(LAWS[law](d), family(d), s2, n)
        except (UndefinedMoment, ExpectationError):
            continue
        for size in (1, 3):
            number = raw_step_size(LAWS[law](size), family(size), third, 4)
            put = whole.subs({d: size, n: 4, s2: third})
            difference = cancel(put - number) if put.is_Rational and number.is_Rational else put - number
            if difference != 0:
                a, b = (float(approximate(part)) for part in (put, number))
                assert abs(a - b) <= 1e-8 * max(abs(b), 1e-3), (name, size)
            compared += 1
    assert compared >= {"moments": 6, "given kurtosis": 10}.get(law, 15)


def raw_step_size(law, response, noise, length):
    """κ / (γ + σ² + (n−1) κ) without the hypotheses of Theorem 3."""
    setting = Setting(covariates=law, response=response, noise_variance=noise, context_length=length)
    numerator, denominator = (specialise(part, setting, step=Inverse(law.second_moment)) for part in one_step_moments())
    return numerator / denominator


REFUSED = [
    ("relu without a sign", Gaussian.isotropic(2), SingleIndex.isotropic(relu, 2, random_sign=False), "sign symmetry"),
    ("relu without a sign, sphere", Sphere(eye(2)), SingleIndex.isotropic(relu, 2, random_sign=False), "sign symmetry"),
    ("t + t² without a sign", Laplace.isotropic(2), SingleIndex.isotropic(t + t**2, 2, random_sign=False), "sign symmetry"),
    ("cos without a sign", Sphere(eye(2)), SingleIndex.isotropic(cos(t), 2, random_sign=False), "sign symmetry"),
    (
        "He₂ without a sign at d = 1, of mean 0",
        Gaussian.isotropic(1),
        SingleIndex.isotropic(hermite(2), 1, random_sign=False),
        "sign symmetry",
    ),
    ("abs without a sign, symbolic", Gaussian.isotropic(d), SingleIndex.isotropic(Abs(t), d, random_sign=False), "sign symmetry"),
    (
        "t tanh without a sign",
        Gaussian.isotropic(2),
        SingleIndex.isotropic(t * tanh(t), 2, growth=(1, 1), random_sign=False),
        "sign symmetry",
    ),
    ("W no multiple of Σ⁻¹", Gaussian(diag(1, 2)), Linear.isotropic(2), "rotation invariance"),
    ("W no multiple of Σ⁻¹, relu", Laplace(diag(1, 2)), SingleIndex.isotropic(relu, 2), "rotation invariance"),
    ("mixture with means", LAWS["gaussian mixture"](2), FAMILIES["square"](2), "rotation invariance"),
    ("tasks that are not isotropic", Gaussian.isotropic(2), Linear.of(LAWS["gaussian mixture"](2)), "rotation invariance"),
]


@pytest.mark.parametrize(("law", "response", "hypothesis"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_theorem_three_names_the_hypothesis_that_fails(law, response, hypothesis):
    setting = Setting(covariates=law, response=response, noise_variance=1, context_length=3)
    with pytest.raises(HypothesisError, match=f"needs {hypothesis}.*: .*global_minimiser.? computes it") as caught:
        paper_step_size(setting)
    assert "\n" not in str(caught.value)
    minimiser = global_minimiser(setting)  # which exists all the same, and is a minimum
    family = minimiser.parameters[0]
    if law.dimension.is_Integer:
        layer = family.sample(**({"key_query": eye(int(law.dimension) + 1)} if "key_query" in family.free else {}))
        assert float(approximate(minimiser.excess(layer))) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("phi", [t, t**3 - t, sin(t), sign(t), 2 * t])
def test_an_odd_response_needs_no_random_sign(phi):
    setting = Setting(
        covariates=Gaussian.isotropic(2), response=SingleIndex.isotropic(phi, 2, random_sign=False), noise_variance=1, context_length=3
    )
    assert all(hypothesis.holds for hypothesis in hypotheses(setting))
    signed = Setting(covariates=Gaussian.isotropic(2), response=SingleIndex.isotropic(phi, 2), noise_variance=1, context_length=3)
    assert paper_step_size(setting) == paper_step_size(signed)


@pytest.mark.parametrize("name", ["gaussian", "sphere", "student 9", "scale mixture", "rademacher"])
def test_an_even_response_has_exactly_no_linear_part(name):
    """K = 0 exactly, and not a difference of integrals that no enclosure can tell from 0."""
    response = SingleIndex.isotropic(t * tanh(t), 2, growth=(1, 1))
    assert matrix(response.moments(LAWS[name](2)).cross).is_zero_matrix
    setting = Setting(covariates=LAWS[name](2), response=response, noise_variance=1, context_length=3)
    assert paper_step_size(setting).value == 0
    assert "no part that is linear" in paper_step_size(setting).explanation


def test_an_undefined_moment_is_named():
    setting = Setting(covariates=StudentT(eye(2), 5), response=FAMILIES["square"](2), noise_variance=1, context_length=3)
    for ask in (hypotheses, paper_step_size, global_minimiser):
        with pytest.raises(UndefinedMoment, match=r"StudentT: E‖x‖\^8 does not exist with 5 degrees of freedom; it needs more than 8"):
            ask(setting)
    with pytest.raises(UndefinedMoment, match=r"E‖x‖\^4 does not exist with 3 degrees of freedom"):
        global_minimiser(Setting(covariates=StudentT(eye(2), 3), response=Linear.isotropic(2), noise_variance=1, context_length=3))


def test_edge_cases():
    """d = 1, n = 1, σ² = 0 for every law: the minimum is E y² (1 − κ²…): 0 ≤ min L ≤ E y²."""
    for law, build in LAWS.items():
        setting = Setting(covariates=build(1), response=Linear.isotropic(1), noise_variance=0, context_length=1)
        minimiser = global_minimiser(setting)
        second = build(1).second_moment[0, 0]
        fourth = covariate_moment_of(build(1))
        assert minimiser.step[0, 0] == second / fourth, law  # E w² x⁴ B σ = E w² σ²
        assert 0 <= minimiser.loss < second


def covariate_moment_of(law):
    """E x⁴ at d = 1 from theory's own Σ and fourth cumulant, for the one-line formula above."""
    second = law.second_moment[0, 0]
    return 3 * second**2 + 3 * sum(weight * matrix(K)[0, 0] ** 2 for weight, K in law.excess or ())


def test_status_of_a_few_pairs():
    for law, family, mark in (
        ("gaussian", "relu", "closed"),
        ("gaussian", "relu network", "integral"),
        ("gaussian", "t + tanh", "certified"),
        ("laplace", "rbf", "integral"),
        ("student 5", "square", "undefined"),
        ("moments", "relu", "not known"),
    ):
        assert status(LAWS[law](2), FAMILIES[family](2)).mark == mark


# f: bad input

x = Symbol("x", real=True)
BAD = [
    ("sphere: Σ singular", lambda: Sphere(zeros(2, 2)), "covariance"),
    ("sphere: Σ a float", lambda: Sphere(0.5 * eye(2)), "float"),
    ("student: ν = 2", lambda: StudentT(eye(2), 2), "degrees"),
    ("student: ν a float", lambda: StudentT(eye(2), 9.0), "float"),
    ("student: ν a string", lambda: StudentT(eye(2), "9"), "degrees"),
    ("student: Σ indefinite", lambda: StudentT(Matrix([[1, 2], [2, 1]])), "covariance"),
    ("scale mixture: probabilities", lambda: ScaleMixture(eye(2), ((half, 1), (third, 4))), "scales"),
    ("scale mixture: negative variance", lambda: ScaleMixture(eye(2), ((half, 1), (half, -4))), "scales"),
    ("scale mixture: a float", lambda: ScaleMixture(eye(2), ((0.5, 1), (half, 4))), "float"),
    ("rademacher: T singular", lambda: Rademacher(Matrix([[1, 1], [1, 1]])), "mixing"),
    ("rademacher: T not square", lambda: Rademacher(zeros(2, 3)), "mixing"),
    ("uniform: T a named matrix", lambda: Uniform(MatrixSymbol("T", d, d)), "mixing"),
    ("laplace: T a list", lambda: Laplace([[1]]), "mixing"),
    ("laplace: T a float", lambda: Laplace(Matrix([[0.5]])), "float"),
    ("laplace: d = 0", lambda: Laplace.isotropic(0), "dimension"),
    ("kurtosis < 1", lambda: GivenKurtosis(eye(2), half), "fourth"),
    ("kurtosis a float", lambda: GivenKurtosis(eye(2), 2.5), "float"),
    ("mixture: probabilities", lambda: GaussianMixture([(half, zeros(2, 1), eye(2)), (third, zeros(2, 1), eye(2))]), "probabilities"),
    ("mixture: a probability < 0", lambda: GaussianMixture([(-half, zeros(2, 1), eye(2)), (3 * half, zeros(2, 1), eye(2))]), "probability"),
    ("mixture: empty", lambda: GaussianMixture([]), "probabilities"),
    ("mixture: mean 3×1", lambda: GaussianMixture([(S.One, zeros(3, 1), eye(2))]), "mean"),
    ("mixture: two dimensions", lambda: GaussianMixture([(half, zeros(2, 1), eye(2)), (half, zeros(1, 1), eye(1))]), "dimension"),
    ("mixture: Σ singular", lambda: GaussianMixture([(S.One, zeros(2, 1), zeros(2, 2))]), "covariance"),
    ("mixture: Σ named", lambda: GaussianMixture([(S.One, zeros(2, 1), MatrixSymbol("Sigma", 2, 2))]), "covariance"),
    ("mixture: a float", lambda: GaussianMixture([(1.0, zeros(2, 1), eye(2))]), "float"),
    ("moments: shapes", lambda: Moments(eye(2), ((S.One, eye(3)),)), "fourth"),
    ("moments: a float", lambda: Moments(eye(2), ((0.5, eye(2)),)), "float"),
    ("moments: K indefinite", lambda: Moments(eye(2), ((S.One, diag(1, -1)),)), "covariance"),
    ("task: not a law", lambda: Linear.of(eye(2)), "task"),
    ("task: not symmetric", lambda: Linear.of(laws(2)["mixture not reflected"].theory), "−w"),
    ("task: moments alone", lambda: Linear.of(LAWS["moments"](2)), "−w"),
    ("φ of another symbol", lambda: SingleIndex.isotropic(x**2, 2), "activation"),
    ("φ of two symbols", lambda: SingleIndex.isotropic(t * x, 2), "activation"),
    ("φ constant", lambda: SingleIndex.isotropic(S.One, 2), "activation"),
    ("φ foreign", lambda: SingleIndex.isotropic(theory_gamma(t), 2, growth=(1, 1)), "activation"),
    ("φ with a float", lambda: SingleIndex.isotropic(0.5 * t, 2), "activation"),
    ("φ of unknown growth", lambda: SingleIndex.isotropic(t * tanh(t) / (1 + t**2), 2), "growth"),
    ("growth violated", lambda: SingleIndex.isotropic(t * tanh(t), 2, growth=(1, 0)), "growth"),
    ("growth violated at 0", lambda: SingleIndex.isotropic(cos(t), 2, growth=(half, 0)), "growth"),
    ("growth negative", lambda: SingleIndex.isotropic(cos(t), 2, growth=(1, -1)), "growth"),
    ("growth not whole", lambda: SingleIndex.isotropic(cos(t), 2, growth=(1, half)), "growth"),
    ("φ with a pole", lambda: SingleIndex.isotropic(1 / t, 2, growth=(1, 0)), "growth"),
    ("φ complex on the left", lambda: SingleIndex.isotropic(sqrt(t), 2, growth=(1, 1)), "growth"),
    ("φ complex by a root", lambda: SingleIndex.isotropic(t**third, 2, growth=(10, 1)), "growth"),
    ("single index: d = 0", lambda: SingleIndex.isotropic(t, 0), "dimension"),
    ("single index: W indefinite", lambda: SingleIndex(t, diag(1, -1)), "covariance"),
    ("rbf: length 0", lambda: RBF.isotropic(2, 0), "length"),
    ("rbf: length negative", lambda: RBF.isotropic(2, -1), "length"),
    ("rbf: length a float", lambda: RBF.isotropic(2, 0.5), "float"),
    ("rbf: W singular", lambda: RBF(diag(1, 0)), "covariance"),
    ("kernel: degree 0", lambda: PolynomialKernel.isotropic(2, 0), "degree"),
    ("kernel: degree 3/2", lambda: PolynomialKernel.isotropic(2, 3 * half), "degree"),
    ("kernel: offset negative", lambda: PolynomialKernel.isotropic(2, 2, -1), "offset"),
    ("random polynomial: degree a float", lambda: RandomPolynomial.isotropic(2, 2.0), "degree"),
    ("network: width 0", lambda: ReLUNetwork.isotropic(2, 0), "width"),
    ("network: width 3/2", lambda: ReLUNetwork.isotropic(2, 3 * half), "width"),
    ("network: width a float", lambda: ReLUNetwork.isotropic(2, 4.0), "float"),
]


def theory_gamma(argument):
    """A function that nothing encloses here."""
    from sympy import zeta

    return zeta(2 + argument**2)


@pytest.mark.parametrize(("build", "named"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_input_is_refused_by_name(build, named):
    with pytest.raises(SettingError) as caught:
        build()
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_other_covariates_than_the_task_s_metric_are_refused():
    """Independent coordinates and nonlinear responses ask for W = ω²Σ⁻¹, and say so."""
    with pytest.raises(UndefinedMoment, match="W = ω²Σ⁻¹"):
        SingleIndex.isotropic(t**2, 2).moments(Laplace(slanted(2)))


def test_a_covariance_in_the_coordinates_is_what_it_says():
    """The route itself: Stein's identity against double factorials."""
    assert [gaussian(eye(1)).moment((k,)) for k in (0, 2, 4, 6)] == [1, 1, 3, 15]
    assert gaussian(Matrix([[2, 1], [1, 1]])).moment((2, 2)) == 2 * 1 + 2 * 1
    assert gaussian(eye(1), [2]).moment((3,)) == 8 + 3 * 2
