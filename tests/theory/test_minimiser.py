"""`global_minimiser` against brute force: the step solved from component gradients, families tried, the excess compared.

Exact: no error model. The component losses (`common.components`) share no code with Wick's rule.
"""

import itertools

import pytest
from common.components import K2, K3, L1, L2, L3, RANK_ONE, Case, Components
from common.strategies import cases, layers, matrices, nonzero_rationals
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sympy import (
    Eq,
    Identity,
    Inverse,
    Matrix,
    MatrixSymbol,
    Rational,
    S,
    Symbol,
    ZeroMatrix,
    cancel,
    diag,
    eye,
    linsolve,
    simplify,
    symbols,
    zeros,
)

from theory import (
    AttentionError,
    Gaussian,
    Linear,
    LinearAttention,
    Setting,
    global_minimiser,
    in_context_gradient,
    in_context_loss,
    notation,
)
from theory.errors import HypothesisError
from theory.loss import specialise
from theory.ridge import general_numerator
from theory.step_size import paper_step_size

exactly = settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=[Phase.explicit, Phase.reuse, Phase.generate]
)
n, d = symbols("n d", integer=True, positive=True)
s = Symbol("s", nonnegative=True)

VALUES, KEYS = "labels in the values", "labels in the keys"
NO_VALUES, NO_KEYS = "no values", "no keys"
SILENT = {"all labels 0, no covariate values", "all labels 0, no covariate keys"}
ONE_D = Matrix([[Rational(2, 3)]])

# case, the families that must exist
TABLE = [
    (Case("d=1", L1, ONE_D, 2, Rational(1, 3)), {VALUES, KEYS}),
    (Case("d=1 σ²=0", L1, ONE_D, 3, 0), {VALUES, KEYS}),
    (Case("d=1 mean", L1, ONE_D, 2, 1, 2), {VALUES, KEYS}),
    (Case("d=1 W=0", L1, zeros(1, 1), 2, 1), {NO_VALUES, NO_KEYS}),
    (Case("d=1 silent", L1, zeros(1, 1), 2, 0), SILENT),
    (Case("d=2", L2, K2, 2, Rational(1, 3)), {VALUES}),
    (Case("d=2 n=1 σ²=0", L2, K2, 1, 0), {VALUES}),
    (Case("d=2 rank one", L2, RANK_ONE, 2, 1), {VALUES, KEYS}),
    (Case("d=2 rank one along an axis", L2, Matrix([[0], [1]]), 3, 0, 3), {VALUES, KEYS}),
    (Case("d=2 W=0", L2, zeros(2, 1), 2, 1), {NO_VALUES, NO_KEYS}),
    (Case("d=2 silent", L2, zeros(2, 1), 1, 0), SILENT),
    (Case("d=3", L3, K3, 4, 2), {VALUES}),
    (Case("d=3 rank one", L3, Matrix([1, 0, -2]), 2, 1, 2), {VALUES, KEYS}),
    (Case("d=3 rank two", L3, K3[:, :2], 2, 1), {VALUES}),
]
tabled = pytest.mark.parametrize(("case", "families"), TABLE, ids=[case.name for case, _ in TABLE])


def is_stationary(setting, layer):
    gradient = in_context_gradient(setting, layer)
    return all(cancel(entry) == 0 for part in (gradient.value, gradient.key_query) for entry in part)


def test_isotropic_step():
    setting = Setting(covariates=Gaussian.isotropic(d), response=Linear.isotropic(d), noise_variance=s, context_length=n)
    assert global_minimiser(setting).step == Identity(d) * (1 / (n + d + 1 + s))
    for size in (1, 2, 3):
        explicit = Setting(
            covariates=Gaussian.isotropic(size), response=Linear.isotropic(size), noise_variance=Rational(1, 2), context_length=4
        )
        assert global_minimiser(explicit).step == eye(size) / (4 + size + 1 + Rational(1, 2))


def test_preconditioned_step():
    Sigma = MatrixSymbol("Sigma", d, d)
    setting = Setting(covariates=Gaussian(Sigma), response=Linear(Sigma.inv()), noise_variance=s, context_length=n)
    assert global_minimiser(setting).step == (1 / (n + d + 1 + s)) * Inverse(Sigma)
    case = Case("", L2, L2.inv().T, 4, Rational(1, 2))
    assert global_minimiser(case.setting).step == case.Sigma.inv() / (4 + 2 + 1 + Rational(1, 2))


@pytest.mark.parametrize("case", [case for case, _ in TABLE if case.d <= 2 and "silent" not in case.name], ids=lambda case: case.name)
def test_step_and_minimum_from_the_gradient_in_components(case):
    """∂/∂B of E((Σ y_i x_i)ᵀ B x_q − y_q)² = 0, solved by sympy: one solution, the step; its loss is the minimum."""
    symbols_ = symbols(f"b0:{case.d**2}")
    world = Components(case, symbols_)
    loss = world.step_loss(Matrix(case.d, case.d, symbols_))
    (solution,) = linsolve([loss.diff(world.parameters[b]).as_expr() for b in symbols_], *symbols_)
    minimiser = global_minimiser(case.setting)
    assert Matrix(case.d, case.d, solution) == Matrix(minimiser.step)
    assert loss.as_expr().subs(dict(zip(symbols_, solution, strict=True))) == minimiser.loss


@exactly
@given(cases())
def test_drawn_steps_satisfy_the_normal_equation(case):
    """((n+1) W Σ + (σ² + tr ΣW) I) B = W, written out here with plain matrices."""
    step, weight = global_minimiser(case.setting).step, case.noise + (case.Sigma * case.W).trace()
    assert ((case.n + 1) * case.W * case.Sigma + weight * eye(case.d)) * Matrix(step) == case.W
    assert Matrix(step).is_symmetric()


@tabled
def test_families_exist_exactly_where_they_should(case, families):
    found = global_minimiser(case.setting).parameters
    assert {family.name for family in found} == families
    assert all(family.conditions == S.true for family in found)


def samples(family, size):
    """Members of a family: the default, and one with every free parameter set."""
    M = Matrix(size + 1, size + 1, lambda i, j: Rational(i - 2 * j + 1, 2))
    v = Matrix([Rational(k + 1, 3) for k in range(size + 1)])
    column, r = Matrix(range(5, size + 6)), Matrix([3 * k + 1 for k in range(size)])
    free = {"scale": Rational(-3, 2), "last_column": column, "direction": r, "key_query": M, "value": v, "label_value": Rational(7, 2)}
    free["label_key_query"] = Matrix([Rational(k + 2, 5) for k in range(size)])
    yield family.sample()
    yield family.sample(**{name: free[name] for name in family.free})
    for name in family.free:
        yield family.sample(**{name: free[name]})


@tabled
def test_every_sampled_member_is_a_minimiser(case, families):
    setting = case.setting
    minimiser = global_minimiser(setting)
    for family in minimiser.parameters:
        for layer in samples(family, case.d):
            assert is_stationary(setting, layer), family.name
            assert cancel(in_context_loss(setting, layer) - minimiser.loss) == 0
            assert cancel(minimiser.excess(layer)) == 0
            if family.name in (VALUES, KEYS):
                assert Matrix(layer.step).applyfunc(cancel) == case.normalisation * Matrix(minimiser.step)


def test_scale_may_be_a_symbol():
    case = TABLE[7][0]
    scale = Symbol("scale", nonzero=True)
    for family in global_minimiser(case.setting).parameters:
        assert is_stationary(case.setting, family.sample(scale=scale))


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("normalisation", [1, 3])
def test_excess_is_loss_minus_minimum_as_polynomials(size, normalisation):
    factors = {1: (L1, ONE_D), 2: (L2, K2)}[size]
    case = Case("", *factors, 3, Rational(1, 2), normalisation)
    layer = LinearAttention.symbolic(size)
    world = Components(case, tuple(layer.value.free_symbols | layer.key_query.free_symbols))
    minimiser = global_minimiser(case.setting)
    assert world.poly(minimiser.excess(layer)) == world.loss(layer) - world.poly(minimiser.loss)


@exactly
@given(st.data())
def test_excess_of_drawn_layers(data):
    case = data.draw(cases())
    layer = data.draw(layers(case.d))
    minimiser = global_minimiser(case.setting)
    excess = minimiser.excess(layer)
    assert excess == in_context_loss(case.setting, layer) - minimiser.loss
    assert excess >= 0


@pytest.mark.parametrize("noise", [0, Rational(1, 2), 2])
@pytest.mark.parametrize("length", [1, 2, 5])
def test_completeness_in_one_dimension(length, noise):
    """loss − minimum = a positive definite form in (v_x A, v_y c, v_y A + v_x c − B*), so it is 0 exactly where all three are.

    The loss is the component one; Q is read off and shown to be positive definite, then the zero set is enumerated: v_x A = 0 and
    v_y c = 0 leave c = v_x = 0 with v_y A = B*, or A = v_y = 0 with v_x c = B* (B* ≠ 0): the two families.
    """
    case = Case("", L1, ONE_D, min(length, 3), noise)
    v, k = LinearAttention.symbolic(1).value, LinearAttention.symbolic(1).key_query
    layer = LinearAttention(v, k)
    world = Components(case, tuple(v.free_symbols | k.free_symbols))
    minimiser = global_minimiser(case.setting)
    excess = (world.loss(layer) - world.poly(minimiser.loss)).as_expr()
    forms = (v[0] * k[0, 0], v[1] * k[1, 0], v[1] * k[0, 0] + v[0] * k[1, 0] - minimiser.step[0, 0])
    unknown = symbols("q0:6")
    pairs = list(itertools.combinations_with_replacement(range(3), 2))
    ansatz = sum(q * forms[i] * forms[j] for q, (i, j) in zip(unknown, pairs, strict=True))
    equations = (excess - ansatz).expand().as_poly(*v, k[0, 0], k[1, 0]).coeffs()
    (solution,) = linsolve(equations, *unknown)
    value = dict(zip(pairs, solution, strict=True))
    Q = Matrix(3, 3, lambda i, j: value[min(i, j), max(i, j)] / (1 if i == j else 2))
    assert not Q.free_symbols
    assert Q.is_positive_definite
    assert Q[0, 2] == Q[1, 2] == 0  # even and odd parts are uncorrelated


@pytest.mark.parametrize("case", [case for case, _ in TABLE if case.d == 1], ids=lambda case: case.name)
def test_completeness_on_a_grid(case):
    """Every (v_x, v_y, A, c) of a grid that holds many minimisers: excess 0 exactly for members of the families (coded here apart)."""
    minimiser = global_minimiser(case.setting)
    b = case.normalisation * minimiser.step[0, 0]
    layer = LinearAttention.symbolic(1)
    symbolic = [*layer.value, layer.key_query[0, 0], layer.key_query[1, 0]]
    excess = minimiser.excess(layer).as_poly(*symbolic)
    found = set()
    for point in itertools.product((0, 1, -2, b, -b / 2), repeat=4):
        v_x, v_y, a, c = point
        if case.W.is_zero_matrix:
            member = (v_x == 0 or a == 0) if case.noise == 0 else (v_x == v_y == 0 or a == c == 0)
        else:
            member = (v_x == c == 0 and v_y * a == b) or (v_y == a == 0 and v_x * c == b)
        assert (excess(*point) == 0) is bool(member), point
        found.add(bool(member))
    assert found == {True, False}


CONDITIONS = [
    ("isotropic", Identity(d), Identity(d), {VALUES: S.true, KEYS: Eq(d, 1)}),
    ("isotropic, d = 3", Identity(3), Identity(3), {VALUES: S.true}),
    ("preconditioned", MatrixSymbol("Sigma", d, d), MatrixSymbol("Sigma", d, d).inv(), {VALUES: S.true, KEYS: Eq(d, 1)}),
    ("multiple", MatrixSymbol("Sigma", d, d), 3 * Identity(d), {VALUES: S.true, KEYS: Eq(d, 1)}),
]


@pytest.mark.parametrize(("covariance", "prior", "expected"), [row[1:] for row in CONDITIONS], ids=[row[0] for row in CONDITIONS])
def test_conditions_of_symbolic_settings(covariance, prior, expected):
    setting = Setting(covariates=Gaussian(covariance), response=Linear(prior), noise_variance=s, context_length=n)
    assert {family.name: family.conditions for family in global_minimiser(setting).parameters} == expected


def test_conditions_where_nothing_is_known_of_the_prior():
    """W a symbol: every family stands with a condition, those of W = 0 split by σ² = 0 too."""
    setting = Setting(covariates=Gaussian.isotropic(d), response=Linear(MatrixSymbol("W", d, d)), noise_variance=s, context_length=n)
    found = {family.name: family.conditions for family in global_minimiser(setting).parameters}
    assert set(found) == {VALUES, KEYS, NO_VALUES, NO_KEYS} | SILENT
    assert all(condition not in (S.true, S.false) for condition in found.values())
    assert all(found[name].has(s) for name in SILENT | {NO_VALUES, NO_KEYS})
    zero = Setting(covariates=Gaussian.isotropic(d), response=Linear(ZeroMatrix(d, d)), noise_variance=s, context_length=n)
    assert {family.name for family in global_minimiser(zero).parameters} == {NO_VALUES, NO_KEYS} | SILENT
    assert global_minimiser(zero).loss == s


@pytest.mark.parametrize("kind", ["isotropic", "preconditioned"])
def test_symbolic_member_is_stationary(kind):
    Sigma = Identity(d) if kind == "isotropic" else MatrixSymbol("Sigma", d, d)
    prior = Identity(d) if kind == "isotropic" else Sigma.inv()
    setting = Setting(covariates=Gaussian(Sigma), response=Linear(prior), noise_variance=s, context_length=n)
    minimiser = global_minimiser(setting)
    layer = minimiser.parameters[0].sample()
    gradient = in_context_gradient(setting, layer)
    assert simplify(gradient.label_value) == 0
    scalar, _ = (
        gradient.covariate_key_query.as_coeff_Mul()
        if gradient.covariate_key_query.is_ZeroMatrix
        else gradient.covariate_key_query.as_coeff_matrices()
    )
    assert gradient.covariate_key_query.is_ZeroMatrix or simplify(scalar) == 0
    assert simplify(in_context_loss(setting, layer) - minimiser.loss) == 0
    known = d + s - n * d / (n + d + 1 + s)
    assert simplify(minimiser.loss - known) == 0


STEPS = [
    ("isotropic", Identity(d), Identity(d), Identity(d)),
    ("preconditioned", MatrixSymbol("Sigma", d, d), MatrixSymbol("Sigma", d, d).inv(), MatrixSymbol("Sigma", d, d).inv()),
    ("explicit", L2 * L2.T, (L2 * L2.T).inv(), (L2 * L2.T).inv()),
    ("explicit, multiple", L3 * L3.T, 5 * (L3 * L3.T).inv(), (L3 * L3.T).inv()),
    ("wide prior", Identity(d), 3 * Identity(d), Identity(d)),
    ("d = 1", Matrix([[2]]), Matrix([[3]]), Matrix([[Rational(1, 2)]])),
]


@pytest.mark.parametrize(("covariance", "prior", "preconditioner"), [row[1:] for row in STEPS], ids=[row[0] for row in STEPS])
def test_paper_step_size_is_the_step(covariance, prior, preconditioner):
    setting = Setting(covariates=Gaussian(covariance), response=Linear(prior), noise_variance=s, context_length=n)
    eta, step = paper_step_size(setting).value, global_minimiser(setting).step
    if isinstance(preconditioner, Matrix):
        assert (Matrix(step) - eta * preconditioner).applyfunc(cancel).is_zero_matrix
    else:
        scalar, rest = step.as_coeff_matrices()
        assert cancel(scalar - eta) == 0
        assert rest == [preconditioner]


@pytest.mark.parametrize(
    ("covariance", "prior"),
    [(L2 * L2.T, eye(2)), (MatrixSymbol("Sigma", d, d), Identity(d)), (eye(2), diag(1, 2)), (eye(2), diag(1, 0))],
)
def test_paper_step_size_refused(covariance, prior):
    setting = Setting(covariates=Gaussian(covariance), response=Linear(prior), noise_variance=s, context_length=n)
    with pytest.raises(HypothesisError, match="rotation invariance"):
        paper_step_size(setting)


def test_without_a_task_the_paper_step_size_is_0():
    setting = Setting(covariates=Gaussian(eye(2)), response=Linear(zeros(2, 2)), noise_variance=s + 1, context_length=n)
    assert paper_step_size(setting).value == 0
    assert "no part that is linear" in paper_step_size(setting).explanation


def test_the_ridge_estimate_gives_the_numerator_of_the_paper_step_size():
    setting = Setting(covariates=Gaussian(MatrixSymbol("Sigma", d, d)), response=Linear(MatrixSymbol("Sigma", d, d).inv()),
                      noise_variance=s, context_length=n)  # fmt: skip
    numerator = general_numerator().xreplace({notation.W: notation.Sigma.inv()}).doit()
    assert cancel(specialise(numerator, setting) - paper_step_size(setting).numerator) == 0


@exactly
@given(st.data())
def test_direction_is_free_up_to_what_the_step_annihilates(data):
    case = TABLE[7][0]
    family = next(f for f in global_minimiser(case.setting).parameters if f.name == KEYS)
    direction, scale = data.draw(matrices(2, 1)), data.draw(nonzero_rationals)
    if (RANK_ONE.T * direction)[0] == 0:
        with pytest.raises(AttentionError, match="direction"):
            family.sample(direction=direction, scale=scale)
    else:
        assert is_stationary(case.setting, family.sample(direction=direction, scale=scale))
