"""Each convention's (v, M) against the paper's own forward pass, as polynomials in every entry of the weights and of the prompt; both
conversions; and each paper's minimiser, as the conversion gives it, against the closed form that the paper states, which is typed here.

Exact, so there is no error model. The forward passes are transcribed here with the prompt matrices of the papers, tokens as columns.
"""

from dataclasses import replace
from pathlib import Path

import pytest
from sympy import ImmutableMatrix, Integer, Matrix, MatrixSymbol, Rational, Symbol, ZeroMatrix, diag, eye, root, sqrt, symbols, zeros

from proofs.theorems import LABELS
from theory import AttentionError, Gaussian, Linear, LinearAttention, Setting, TheoryError, global_minimiser, in_context_loss, notation
from theory.conventions import CONVENTIONS, KEY_QUERY, STEP, named, query_term_vanishes
from theory.covariates import Uniform
from theory.paper_minimisers import SETTINGS, THEOREMS, minimiser, table

d, n = symbols("d n", integer=True, positive=True)
WIDTHS = {"k": 2, "m": 1}


def entries(name, rows, columns):
    return Matrix(rows, columns, lambda i, j: Symbol(f"{name}_{i}_{j}"))


def mahankali(weights, Z):
    context, query = Z[:, :-1], Z[:, -1]
    scores = (weights["W_K"] * context).T * (weights["W_Q"] * query)
    return (weights["h"].T * (weights["W_V"] * context) * scores)[0]


def merged(weights, Z):
    columns = [Z[:, i] for i in range(Z.cols)]
    return sum(weights["value"].dot(z) * z.dot(weights["key_query"] * columns[-1]) for z in columns[:-1])


def ahn(weights, Z):
    length = Z.cols - 1
    mask = Matrix.diag(eye(length), zeros(1, 1))
    after = Z + weights["P"] * Z * mask * (Z.T * weights["Q"] * Z) / length
    return -after[Z.rows - 1, length]


def zhang(weights, E):
    length = E.cols - 1
    f = E + weights["W_PV"] * E * (E.T * weights["W_KQ"] * E) / length
    return f[E.rows - 1, length]


def von_oswald(weights, e):
    context, query = e[:, :-1], e[:, -1]
    V, K, q = weights["W_V"] * context, weights["W_K"] * context, weights["W_Q"] * query
    return -(query + weights["P"] * V * K.T * q)[e.rows - 1, 0]


def wu(weights, Z):
    X, y, query = Z[:-1, :-1].T, Z[-1, :-1].T, Z[:-1, -1]
    return (weights["Gamma"] * X.T * y / X.rows).dot(query)


def li(weights, Z):
    X, Y, query = Z[:-1, :-1].T, Z[-1, :-1].T, Z[:-1, -1]
    return (query.T * weights["W"] * X.T * Y)[0]


PAPERS = {"merged": merged, "paper": mahankali, "ahn": ahn, "zhang": zhang, "vonoswald": von_oswald, "wu": wu, "li": li}


def weights_of(convention, dimension):
    """Every weight a symbol of its own"""
    values = {**WIDTHS, "d": dimension}
    return {
        symbol.name: entries(
            symbol.name, *(int(size.subs({free: values[free.name] for free in size.free_symbols})) for size in symbol.shape)
        )
        for symbol in convention.parameters
    }


def prompt(dimension, length):
    Z = entries("z", dimension + 1, length + 1)
    Z[dimension, length] = 0
    return Z


def predicted(value, key_query, Z, *, with_query):
    tokens = [Z[:, i] for i in range(Z.cols if with_query else Z.cols - 1)]
    return sum((value.T * z)[0] * (z.T * key_query * Z[:, -1])[0] for z in tokens)


def agrees(convention, dimension, length):
    weights, Z = weights_of(convention, dimension), prompt(dimension, length)
    value, key_query = convention.value_and_key_query(weights, length)
    ours = predicted(value, key_query, Z, with_query=convention.query_in_sum)
    return (ours - PAPERS[convention.name](weights, Z)).expand() == 0


every = pytest.mark.parametrize("convention", CONVENTIONS.values(), ids=list(CONVENTIONS))


@every
@pytest.mark.parametrize(("dimension", "length"), [(1, 1), (1, 3), (2, 2)])
def test_the_prediction_is_the_papers(convention, dimension, length):
    assert agrees(convention, dimension, length)


@every
def test_another_prediction_is_not(convention):
    assert not agrees(replace(convention, value=-convention.value), 1, 2)
    assert not agrees(replace(convention, key_query=convention.key_query.T), 2, 1)
    if not convention.one_step:  # there the query's own term is 0
        assert not agrees(replace(convention, query_in_sum=not convention.query_in_sum), 1, 2)


def test_mahankalis_weights_are_those_of_the_layer():
    convention = CONVENTIONS["paper"]
    weights = weights_of(convention, 2)
    layer = LinearAttention.from_weights(query=weights["W_Q"], key=weights["W_K"], value=weights["W_V"], readout=weights["h"])
    assert convention.layer(weights, n) == layer


def test_the_length_of_the_prompt():
    """Where a paper divides by n the same weights are another layer at another length, and n may be a symbol."""
    for convention in CONVENTIONS.values():
        weights = weights_of(convention, 1)
        at_two, at_six, at_n = (convention.value_and_key_query(weights, length) for length in (2, 6, n))
        assert at_two[1] == at_six[1] == at_n[1]
        assert at_two[0] == (3 if convention.normalised else 1) * at_six[0]
        assert at_n[0].subs(n, 6) == at_six[0]
        assert convention.normalised == at_n[0].has(n) == (convention.name in ("ahn", "zhang", "wu"))


def test_the_query_in_the_sum():
    """zhang's layer exists where (v_x·x)(xᵀAx) = 0 for all x: v_x = 0, or A antisymmetric."""
    convention, corner = CONVENTIONS["zhang"], Matrix.diag(0, 0, 3)
    full = Matrix(3, 3, range(9))
    antisymmetric = Matrix([[0, 1, 5], [-1, 0, 2], [3, 1, 7]])
    for W_PV, W_KQ in ((corner, full), (full, antisymmetric), (full, zeros(3, 3))):
        layer = convention.layer({"W_PV": W_PV, "W_KQ": W_KQ}, 4)
        assert query_term_vanishes(layer)
        assert layer.value == W_PV[2, :].T / 4
        Z = prompt(2, 4)
        ours = predicted(layer.value, layer.key_query, Z, with_query=False)
        assert (ours - zhang({"W_PV": W_PV, "W_KQ": W_KQ}, Z)).expand() == 0
    with pytest.raises(AttentionError, match=r"v_x\[0\] = 3/2") as caught:
        convention.layer({"W_PV": full, "W_KQ": full}, 4)
    assert "\n" not in str(caught.value)
    assert CONVENTIONS["merged"].layer({"value": full[:, 0], "key_query": full}, 4).dimension == 2


def ahn_layer(**changes):
    return CONVENTIONS["ahn"].layer({"P": eye(3), "Q": eye(3)} | changes, changes.pop("length", 4))


def paper_layer(**changes):
    return CONVENTIONS["paper"].layer({"W_K": zeros(2, 4), "W_Q": zeros(2, 4), "W_V": zeros(1, 4), "h": zeros(1, 1)} | changes, 4)


BAD = [
    ("another name", lambda: ahn_layer(R=eye(3)), "P (d+1)×(d+1), Q (d+1)×(d+1)"),
    ("a name missing", lambda: CONVENTIONS["ahn"].layer({"P": eye(3)}, 4), "needs P (d+1)×(d+1), Q (d+1)×(d+1); got P"),
    ("nothing", lambda: CONVENTIONS["merged"].layer({}, 4), "got nothing"),
    ("Q smaller", lambda: ahn_layer(Q=eye(2)), "Q must be (d+1)×(d+1), all ≥ 1; got 2×2 where d = 2"),
    ("P not square", lambda: ahn_layer(P=zeros(3, 2)), "P must be (d+1)×(d+1)"),
    ("d = 0", lambda: ahn_layer(P=eye(1), Q=eye(1)), "got 1×1 where d = 0"),
    ("W_Q of another width", lambda: paper_layer(W_Q=zeros(3, 4)), "W_Q must be k×(d+1), all ≥ 1; got 3×4 where k = 2, d = 3"),
    ("W_V of another dimension", lambda: paper_layer(W_V=zeros(1, 3)), "W_V must be m×(d+1)"),
    ("h a row", lambda: paper_layer(W_V=zeros(2, 4), h=zeros(1, 2)), "h must be m×1"),
    ("a float", lambda: ahn_layer(P=0.5 * eye(3)), "Rational("),
    ("a list", lambda: ahn_layer(P=[[1]]), "P must be a sympy Matrix"),
    ("a named matrix", lambda: ahn_layer(P=CONVENTIONS["ahn"].parameters[0]), "P must be an explicit matrix"),
    ("no convention", lambda: named("olsson"), "merged, paper, ahn, zhang, vonoswald"),
    *(
        (f"n = {length}", lambda length=length: CONVENTIONS["ahn"].layer({"P": eye(3), "Q": eye(3)}, length), "context_length")
        for length in (0, -1, Rational(3, 2), 2.0, "4", None)
    ),
]


@pytest.mark.parametrize(("build", "words"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_refused(build, words):
    with pytest.raises(TheoryError) as caught:
        build()
    assert type(caught.value) is AttentionError
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


# back


def prediction(layer, Z):
    return predicted(layer.value, layer.key_query, Z, with_query=False).expand()


def layer_for(convention, dimension):
    """A layer with every entry a symbol that has weights in the convention."""
    layer = LinearAttention(entries("v", dimension + 1, 1), entries("m", dimension + 1, dimension + 1))
    if not (convention.one_step or convention.query_in_sum):
        return layer
    return LinearAttention.from_blocks(
        covariate_value=zeros(dimension, 1),
        label_value=layer.label_value,
        covariate_key_query=layer.covariate_key_query,
        label_key_query=zeros(dimension, 1) if convention.one_step else layer.label_key_query,
        last_column=layer.key_query[:, -1],
    )


@every
@pytest.mark.parametrize("dimension", [1, 2])
def test_there_and_back(convention, dimension):
    """layer → weights → layer is the layer itself; of conventions of one step, one that predicts the same."""
    layer = layer_for(convention, dimension)
    weights = convention.weights(layer, n)
    assert list(weights) == list(convention.names)
    assert convention.sizes({name: matrix.shape for name, matrix in weights.items()})[notation.d] == dimension
    again = convention.layer(weights, n)
    if convention.one_step:
        assert again.step == layer.step
        assert prediction(again, prompt(dimension, 2)) == prediction(layer, prompt(dimension, 2))
    else:
        assert again == layer
    Z = prompt(dimension, 2)
    assert (PAPERS[convention.name](convention.weights(layer, 2), Z) - prediction(layer, Z)).expand() == 0


@every
def test_back_and_there(convention):
    """weights → layer → weights predict the same; where the convention is injective they are the same."""
    weights = weights_of(convention, 2)
    if convention.query_in_sum:
        weights["W_PV"][-1, :-1] = zeros(1, 2)
    again = convention.weights(convention.layer(weights, 2), 2)
    assert (again == weights) == (convention.name in ("merged", "wu", "li"))
    Z = prompt(2, 2)
    forward = PAPERS[convention.name]
    assert (forward(again, Z) - forward(weights, Z)).expand() == 0


@every
def test_a_wrong_inverse_does_not_come_back(convention):
    layer = layer_for(convention, 2)
    wrong = replace(convention, inverse=(*convention.inverse[:-1], 2 * convention.inverse[-1]))
    assert convention.layer(wrong.weights(layer, n), n).step != layer.step
    transposed = [expr.xreplace({KEY_QUERY: KEY_QUERY.T, STEP: STEP.T}) for expr in convention.inverse]
    assert convention.layer(replace(convention, inverse=tuple(transposed)).weights(layer, n), n).step != layer.step


def test_the_second_family_is_one_step_too():
    """Labels in the keys: A = 0, v_y = 0 has Γ = n c v_xᵀ."""
    layer = LinearAttention(Matrix([1, 2, 0]), Matrix([[0, 0, 1], [0, 0, 1], [3, 4, 1]]))
    for name, scale in (("wu", n), ("li", 1)):
        (weight,) = CONVENTIONS[name].weights(layer, n).values()
        assert weight == scale * Matrix([3, 4]) * Matrix([[1, 2]])
        again = CONVENTIONS[name].layer(CONVENTIONS[name].weights(layer, 3), 3)
        assert prediction(again, prompt(2, 3)) == prediction(layer, prompt(2, 3))


ONE, FULL = Matrix([0, 0, 1]), Matrix(3, 3, range(1, 10))
NO_WEIGHTS = [
    ("zhang", LinearAttention(Matrix([1, 0, 1]), FULL), "query token"),
    ("zhang", LinearAttention.symbolic(d), "query token"),
    ("wu", LinearAttention(ONE, FULL), "m_yx = [7, 8]"),
    ("li", LinearAttention(Matrix([2, 0, 0]), FULL), "v_x = [2, 0]"),
    ("li", LinearAttention.symbolic(d), "one step"),
]


@pytest.mark.parametrize(("name", "layer", "words"), NO_WEIGHTS)
def test_layers_without_weights(name, layer, words):
    with pytest.raises(AttentionError) as caught:
        CONVENTIONS[name].weights(layer, 4)
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"{name}: ")
    assert len(str(caught.value).splitlines()) == 1
    with pytest.raises(AttentionError, match="context_length"):
        CONVENTIONS[name].weights(LinearAttention(ONE, zeros(3, 3)), 0)


def test_an_antisymmetric_layer_has_weights_with_the_query_in_the_sum():
    layer = LinearAttention(Matrix([1, 2, 3]), Matrix([[0, 1, 5], [-1, 0, 2], [3, 1, 7]]))
    assert CONVENTIONS["zhang"].layer(CONVENTIONS["zhang"].weights(layer, 4), 4) == layer


@every
def test_of_blocks_with_a_symbolic_dimension(convention):
    """Matrix expressions, which at numbers are the weights of the numbers."""
    A, c = MatrixSymbol("A", d, d), MatrixSymbol("c", d, 1)
    several = convention.name not in ("wu", "li")
    symbolic = LinearAttention.from_blocks(
        covariate_value=ZeroMatrix(d, 1), label_value=5, covariate_key_query=A, label_key_query=c if several else ZeroMatrix(d, 1)
    )
    numbers = {A: Matrix([[1, 2], [3, 4]]), c: Matrix([5, 6])}
    explicit = LinearAttention.from_blocks(
        covariate_value=zeros(2, 1), label_value=5, covariate_key_query=numbers[A], label_key_query=numbers[c] if several else zeros(2, 1)
    )
    there = {A: MatrixSymbol("A", 2, 2), c: MatrixSymbol("c", 2, 1)}
    for name, matrix in convention.weights(symbolic, 3).items():
        at_two = matrix.subs(d, 2)
        assert (
            at_two.subs({there[key]: ImmutableMatrix(value) for key, value in numbers.items()}).as_explicit()
            == convention.weights(explicit, 3)[name]
        ), name


# each paper's minimiser


ROTATION = Matrix([[3, -4], [4, 3]]) / 5
EIGENVALUES = (Integer(2), Rational(1, 3))
COVARIANCE = ROTATION * diag(*EIGENVALUES) * ROTATION.T
ROOT = Matrix([[2, 1], [1, 1]])
PRIOR = Matrix([[3, 1], [1, 2]])
N = Integer(7)


def setting(covariates, prior=None, noise=0):
    response = Linear.isotropic(2) if prior is None else Linear(prior)
    return Setting(covariates=covariates, response=response, noise_variance=noise, context_length=N)


def corner(block, entry):
    return Matrix.diag(block, Matrix([[entry]]))


def stated_by_ahn():
    """Theorem 1: P = e eᵀ, Q = −U diag(1 / ((n+1)/n λ_i + Σ_k λ_k / n)) Uᵀ in its first block."""
    inverse = diag(*(1 / ((N + 1) / N * value + sum(EIGENVALUES) / N) for value in EIGENVALUES))
    return setting(Gaussian(COVARIANCE)), {"P": corner(zeros(2), 1), "Q": corner(-ROTATION * inverse * ROTATION.T, 0)}


def stated_by_wu():
    """Γ* = ((tr H + σ²/ψ²)/N I + (N+1)/N H)⁻¹"""
    noise, psi2 = Rational(1, 2), Rational(3, 4)
    inverse = (COVARIANCE.trace() + noise / psi2) / N * eye(2) + (N + 1) / N * COVARIANCE
    return setting(Gaussian(COVARIANCE), psi2 * eye(2), noise), {"Gamma": inverse.inv()}


def stated_by_li():
    """W* = Σ_x^(−1/2) ((n+1) I + M A⁻¹)⁻¹ Σ_x^(−1/2), A = Σ_x^(1/2) Σ_β Σ_x^(1/2), M = tr A + σ²"""
    noise = Rational(1, 2)
    A = ROOT * PRIOR * ROOT
    inner = (N + 1) * eye(2) + (A.trace() + noise) * A.inv()
    return setting(Gaussian(ROOT**2), PRIOR, noise), {"W": ROOT.inv() * inner.inv() * ROOT.inv()}


def stated_by_zhang():
    """W^KQ = [tr Γ⁻²]^(−1/4) diag(Γ⁻¹, 0), W^PV = [tr Γ⁻²]^(1/4) diag(0, 1), Γ = (1 + 1/N) Λ + tr(Λ)/N I"""
    inverse = ((1 + 1 / N) * COVARIANCE + COVARIANCE.trace() / N * eye(2)).inv()
    size = root((inverse**2).trace(), 4)
    return setting(Gaussian(COVARIANCE)), {"W_PV": corner(zeros(2), size), "W_KQ": corner(inverse / size, 0)}


def construction(eta):
    """W_K = W_Q = diag(I, 0), W_V = diag(0, −1), P = (η/N) I"""
    keep = corner(eye(2), 0)
    return {"W_K": keep, "W_Q": keep, "W_V": corner(zeros(2), -1), "P": eta / N * eye(3)}


def stated_by_von_oswald():
    """The construction with the best η for x ~ N(0, I)."""
    return setting(Gaussian.isotropic(2)), construction(N / (N + 2 + 1))


STATED = {"ahn": stated_by_ahn, "wu": stated_by_wu, "li": stated_by_li, "zhang": stated_by_zhang, "vonoswald": stated_by_von_oswald}


def same_weights(name, here, stated):
    if name == "vonoswald":  # of all heads that are one layer the paper's has an I for the label in no place where it acts
        here, stated = (vars(CONVENTIONS[name].layer(weights, N)) for weights in (here, stated))
    return all(gap.equals(0) for key, matrix in stated.items() for gap in here[key] - matrix)


@pytest.mark.parametrize("name", STATED)
def test_the_minimiser_is_the_one_that_the_paper_states(name):
    here, stated = STATED[name]()
    weights = minimiser(name, here)
    assert set(weights) == set(CONVENTIONS[name].names) == set(stated)
    assert same_weights(name, weights, stated)
    layer = CONVENTIONS[name].layer(stated, N)
    assert (in_context_loss(here, layer) - global_minimiser(here).loss).equals(0)
    # and nothing 1 % beside it
    for key in stated:
        beside = stated | {key: stated[key] * Rational(101, 100)}
        assert not same_weights(name, weights, beside)


def test_the_limit_of_the_flow_is_balanced():
    weights = minimiser("zhang", stated_by_zhang()[0])
    assert (weights["W_PV"][2, 2] ** 2 - (weights["W_KQ"].T * weights["W_KQ"]).trace()).equals(0)


def test_von_oswalds_own_covariates():
    """x uniform on [−1, 1]^d: η = N E x² / (E x⁴ + (d − 1 + N − 1)(E x²)²) by hand, with E x² = 1/3 and E x⁴ = 1/5."""
    here = setting(Uniform(eye(2) / sqrt(3)))
    eta = N * Rational(1, 3) / (Rational(1, 5) + (2 - 1 + N - 1) * Rational(1, 9))
    assert same_weights("vonoswald", minimiser("vonoswald", here), construction(eta))


def test_without_signal_the_minimiser_predicts_0():
    for name in CONVENTIONS:
        layer = CONVENTIONS[name].layer(minimiser(name, setting(Gaussian(COVARIANCE), zeros(2), 1)), N)
        assert layer.step == zeros(2)


def test_the_setting_may_take_the_mean():
    here, _ = stated_by_ahn()
    assert minimiser("ahn", replace(here, normalisation=N)) == minimiser("ahn", here)


def test_the_theorems_are_there():
    assert set(THEOREMS) == set(CONVENTIONS) == set(SETTINGS)
    assert set(THEOREMS.values()) <= set(LABELS)


def test_the_page_says_the_same():
    """docs/conventions.md has the tables of `python -m theory.paper_minimisers`."""
    page = (Path(__file__).parents[2] / "docs" / "conventions.md").read_text()
    for part in table().split("\n\n"):
        assert part in page
