"""`in_context_loss` and `in_context_gradient` against the loss written out in components, without Wick's rule.

The components come from the definition ŷ = Σ_i (v·z_i)(z_iᵀ M z_q); see `common.components`. Parameters and σ² stay symbols for
d ≤ 2, so equality is of polynomials: it holds at every (v, M). Exact: no error model.
"""

import pytest
from common.components import K1, K2, K3, L1, L2, L3, RANK_ONE, Case, Components, evaluate, s2
from common.strategies import cases, layers, nonzero_rationals
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sympy import Identity, Matrix, MatrixSymbol, Rational, Symbol, eye, symbols, zeros

from theory import Gaussian, Linear, LinearAttention, Setting, in_context_gradient, in_context_loss

exactly = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=[Phase.explicit, Phase.reuse, Phase.generate]
)
n, d = symbols("n d", integer=True, positive=True)

SYMBOLIC = [
    *(Case(f"d=1 n={k}", L1, K1, k) for k in (1, 2, 3)),
    Case("d=1 W=0", L1, zeros(1, 1), 2),
    Case("d=1 mean", L1, K1, 3, None, 3),
    *(Case(f"d=2 n={k}", L2, K2, k) for k in (1, 2, 3)),
    Case("d=2 rank one", L2, RANK_ONE, 2),
    Case("d=2 isotropic", eye(2), eye(2), 2),
    Case("d=2 mean", L2, K2, 2, None, 2),
]
by_name = pytest.mark.parametrize("case", SYMBOLIC, ids=lambda case: case.name)


def symbolic_loss(case):
    layer = LinearAttention.symbolic(case.d)
    parameters = tuple(sorted(layer.value.free_symbols | layer.key_query.free_symbols, key=str))
    world = Components(case, parameters)
    return layer, world, world.loss(layer)


@by_name
def test_loss_and_gradient_as_polynomials(case):
    layer, world, expected = symbolic_loss(case)
    assert world.poly(in_context_loss(case.setting, layer)) == expected
    gradient = in_context_gradient(case.setting, layer)
    for found, by in ((gradient.value, layer.value), (gradient.key_query, layer.key_query)):
        for entry, symbol in zip(found, by, strict=True):
            assert world.poly(entry) == expected.diff(world.parameters[symbol]), symbol


@pytest.mark.parametrize("case", [SYMBOLIC[0], SYMBOLIC[1], Case("d=2", L2, K2, 1, 2)], ids=lambda case: case.name)
def test_components_with_the_query_integrated_too(case):
    """The one step that the component loss takes by hand, E over (x_q, ε_q), agrees with taking it by moments."""
    layer = LinearAttention(Matrix(range(1, case.d + 2)), Matrix(case.d + 1, case.d + 1, lambda i, j: Rational(1 + 2 * i - j, 2)))
    world = Components(case)
    assert world.loss(layer, query_by_hand=False) == world.loss(layer) == world.poly(in_context_loss(case.setting, layer))


@pytest.mark.parametrize("length", [1, 2, 3])
def test_three_dimensions(length):
    case = Case("d=3", L3, K3, length)
    layer = LinearAttention(Matrix([1, -2, Rational(1, 2), 3]), Matrix(4, 4, lambda i, j: Rational((2 * i + 3 * j) % 5 - 2, 1 + i % 2)))
    world = Components(case)
    assert world.poly(in_context_loss(case.setting, layer)) == world.loss(layer)


@exactly
@given(st.data())
def test_drawn_settings_and_layers(data):
    case = data.draw(cases(max_d=2))
    layer = data.draw(layers(case.d))
    found = in_context_loss(case.setting, layer)
    assert found.is_Rational
    assert found == Components(case).loss(layer).as_expr()


@exactly
@given(st.data())
def test_invariances(data):
    """L(λv, M/λ) = L(v, M); the last column of M never acts; dividing the sum by m is dividing v by m."""
    case = data.draw(cases())
    layer = data.draw(layers(case.d))
    loss = in_context_loss(case.setting, layer)
    scale = data.draw(nonzero_rationals)
    assert in_context_loss(case.setting, LinearAttention(layer.value * scale, layer.key_query / scale)) == loss
    other = layer.key_query.as_mutable()
    other[:, -1] = Matrix([17, *[Rational(-1, 3)] * case.d])
    assert in_context_loss(case.setting, LinearAttention(layer.value, other)) == loss
    gradient = in_context_gradient(case.setting, layer)
    assert gradient.is_explicit
    assert gradient.key_query[:, -1].is_zero_matrix
    plain = case._replace(normalisation=1).setting
    assert in_context_loss(plain, LinearAttention(layer.value / case.normalisation, layer.key_query)) == loss


def substitute(setting, **changes):
    fields = ("covariates", "response", "noise_variance", "context_length", "normalisation")
    return Setting(**({name: getattr(setting, name) for name in fields} | changes))


@by_name
def test_symbolic_loss_specialises(case):
    """Symbols for n, σ² and every parameter, then numbers = numbers from the start."""
    layer = LinearAttention.symbolic(case.d)
    numbers = {
        symbol: Rational(k + 1, 1 + k % 3) * (-1) ** k
        for k, symbol in enumerate(sorted(layer.value.free_symbols | layer.key_query.free_symbols, key=str))
    }
    setting = case.setting
    general = in_context_loss(substitute(setting, context_length=n), layer).subs({n: case.n, s2: Rational(1, 3)} | numbers)
    numeric = substitute(setting, noise_variance=Rational(1, 3))
    assert general == in_context_loss(numeric, LinearAttention(layer.value.subs(numbers), layer.key_query.subs(numbers)))


def blocks(size):
    sized = {name: MatrixSymbol(name, size, cols) for name, cols in (("v_x", 1), ("A", size), ("c", 1))}
    v_y = Symbol("v_y", real=True)
    layer = LinearAttention.from_blocks(
        covariate_value=sized["v_x"], label_value=v_y, covariate_key_query=sized["A"], label_key_query=sized["c"]
    )
    return layer, sized, v_y


def _env(case, sized, v_y):
    """Numbers for every symbol, and the same layer explicit."""
    v_x, A = Matrix(range(1, case.d + 1)), Matrix(case.d, case.d, lambda i, j: Rational(2 * i - j + 1, 3))
    c = Matrix([Rational(k - 1, 2) for k in range(case.d)])
    env = {
        sized["v_x"]: v_x,
        sized["A"]: A,
        sized["c"]: c,
        v_y: Rational(-2, 3),
        n: Rational(case.n),
        d: Rational(case.d),
        s2: Rational(1, 3),
    }
    return env, LinearAttention.from_blocks(covariate_value=v_x, label_value=Rational(-2, 3), covariate_key_query=A, label_key_query=c)


@pytest.mark.parametrize("kind", ["isotropic", "general", "preconditioned", "normalised"])
@pytest.mark.parametrize("case", [SYMBOLIC[2], SYMBOLIC[6], Case("d=3", L3, K3, 4)], ids=lambda case: case.name)
def test_named_matrices_against_explicit(kind, case):
    """Σ, W, A, v_x, c as named matrices of symbolic size, evaluated afterwards = explicit matrices from the start."""
    Sigma, W = MatrixSymbol("Sigma", d, d), MatrixSymbol("W", d, d)
    covariates, response, L, K = {
        "isotropic": (Identity(d), Identity(d), eye(case.d), eye(case.d)),
        "general": (Sigma, W, case.L, case.K),
        "preconditioned": (Sigma, Sigma.inv(), case.L, case.L.inv().T),
        "normalised": (Sigma, 3 * Identity(d), case.L, None),
    }[kind]
    prior = 3 * eye(case.d) if K is None else K * K.T
    norm = 5 if kind == "normalised" else 1
    symbolic = Setting(covariates=Gaussian(covariates), response=Linear(response), noise_variance=s2, context_length=n, normalisation=norm)
    explicit = Setting(
        covariates=Gaussian(L * L.T), response=Linear(prior), noise_variance=Rational(1, 3), context_length=case.n, normalisation=norm
    )
    layer, sized, v_y = blocks(d)
    env, same = _env(case, sized, v_y)
    env |= {Sigma: L * L.T, W: prior}
    assert evaluate(in_context_loss(symbolic, layer), env) == in_context_loss(explicit, same)
    found, expected = in_context_gradient(symbolic, layer), in_context_gradient(explicit, same)
    for name in ("covariate_value", "label_value", "covariate_key_query", "label_key_query"):
        assert evaluate(getattr(found, name), env) == getattr(expected, name), name


def test_from_weights_is_the_attention_formula():
    """ŷ = Σ_i (hᵀW_V z_i)(z_iᵀ W_Kᵀ W_Q z_q), for k = 1 < d + 1 heads' width and m = 2 values."""
    q, k, v, h = Matrix([[1, 2, 0]]), Matrix([[0, -1, 3]]), Matrix([[1, 0, 2], [Rational(1, 2), 1, 1]]), Matrix([2, -1])
    layer = LinearAttention.from_weights(query=q, key=k, value=v, readout=h)
    z, z_q = Matrix([1, 4, -2]), Matrix([3, 5, 0])
    assert (layer.value.T * z)[0] * (z.T * layer.key_query * z_q)[0] == (h.T * v * z)[0] * ((k * z).T * (q * z_q))[0]


def test_zero_layer_costs_the_variance_of_the_label():
    layer = LinearAttention(zeros(3, 1), zeros(3, 3))
    case = SYMBOLIC[6]
    assert in_context_loss(case.setting, layer) == (case.Sigma * case.W).trace() + s2
