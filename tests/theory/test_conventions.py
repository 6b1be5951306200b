"""Each convention's (v, M) against the paper's own forward pass, as polynomials in every entry of the weights and of the prompt.

Exact, so there is no error model. The forward passes are transcribed here with the prompt matrices of the papers, tokens as columns.
"""

from dataclasses import replace
from pathlib import Path

import pytest
from sympy import Matrix, Rational, Symbol, eye, symbols, zeros

from theory import AttentionError, LinearAttention, TheoryError
from theory.conventions import CONVENTIONS, named, query_term_vanishes

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


PAPERS = {"merged": merged, "paper": mahankali, "ahn": ahn, "zhang": zhang, "vonoswald": von_oswald}


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
        assert convention.normalised == at_n[0].has(n) == (convention.name in ("ahn", "zhang"))


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


@every
def test_the_page_says_the_same(convention):
    """docs/conventions.md has a row for each convention, with its parameters, their shapes, the sum and the division."""
    page = (Path(__file__).parents[2] / "docs" / "conventions.md").read_text()
    (row,) = (line.split("|")[1:-1] for line in page.splitlines() if line.startswith(f"| `{convention.name}`"))
    cells = [cell.strip() for cell in row]
    assert cells[1] == ", ".join(f"`{name}` {convention.shape(name)}" for name in convention.names)
    assert cells[4:] == ["yes" if flag else "no" for flag in (convention.normalised, convention.query_in_sum, convention.several_heads)]
