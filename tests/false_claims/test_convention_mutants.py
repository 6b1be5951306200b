"""A convention with one thing wrong predicts something else than the paper's forward pass, on weights that are all nonzero.

Deterministic: random weights and prompts of fixed seeds, the true conventions to 1e-12 and each mutant off by 1 % or more. What mutants
do to the exact loss of trained weights is in `agreement/test_conventions_trained.py`.
"""

from dataclasses import replace

import pytest
import torch
from common import loops
from sympy import Matrix, MatrixSymbol, Rational, diag

from numerics.evaluate import to_tensor
from numerics.weights import ImportedAttention
from theory import LinearAttention
from theory.conventions import CONVENTIONS, KEY_QUERY, STEP, J_x, e_y
from theory.notation import d, n

FIRST = Matrix([1, *[0] * (loops.SIZE - 1)])
LENGTHS = (1, 4, 9)


def off(convention, *, context):
    """How far the convention's model is from the paper's forward pass, relative."""
    weights = loops.LOOPS[convention.name].random(seed=7)
    columns = {symbol.name for symbol in convention.parameters if symbol.shape[1] == 1}
    shaped = {
        name: (weight[:, None] if name in columns else weight)[None if weight.ndim < 3 else slice(None)] for name, weight in weights.items()
    }
    return loops.difference(ImportedAttention(convention, shaped), convention.name, weights, context=context, seed=context)


def weight(made, name):
    (symbol,) = (symbol for symbol in made.parameters if symbol.name == name)
    return symbol


def back(convention):
    """How far the weights of a layer, computed by the convention's inverse, are from the layer in the paper's own forward pass."""
    v, M = LAYERS[convention.one_step or convention.query_in_sum]
    layer = LinearAttention(v, M)
    weights = {name: to_tensor(matrix) for name, matrix in convention.weights(layer, 4).items()}
    flat = {name: weight[:, 0] if name in ("value", "h") else weight for name, weight in weights.items()}
    x, y, _ = loops.draw(64, 4, torch.Generator().manual_seed(1))
    expected = loops.merged({"value": to_tensor(v)[:, 0], "key_query": to_tensor(M)}, x, y)
    return float((loops.LOOPS[convention.name].forward(flat, x, y) - expected).norm() / expected.norm())


def mutants():
    for made in CONVENTIONS.values():
        yield made, "sign of v", replace(made, value=-made.value)
        yield made, "Mᵀ for M", replace(made, key_query=made.key_query.T)
        if not made.one_step:  # there the query's own term is 0
            yield made, "the query in the sum or out", replace(made, query_in_sum=not made.query_in_sum)
        yield made, "2v", replace(made, value=2 * made.value)
        yield made, "1/n dropped or added", replace(made, value=made.value * (n if made.normalised else 1 / n))
        if made.normalised:
            yield made, "n + 1 for n", replace(made, value=made.value * n / (n + 1))
    ahn, zhang, oswald, paper = (CONVENTIONS[name] for name in ("ahn", "zhang", "vonoswald", "paper"))
    yield ahn, "first row of P", replace(ahn, value=-weight(ahn, "P").T * FIRST / n)
    yield ahn, "last column of P", replace(ahn, value=-weight(ahn, "P") * e_y / n)
    yield ahn, "P and Q exchanged", replace(ahn, value=-weight(ahn, "Q").T * e_y / n, key_query=weight(ahn, "P"))
    yield zhang, "first row of W_PV", replace(zhang, value=weight(zhang, "W_PV").T * FIRST / n)
    yield zhang, "last column of W_PV", replace(zhang, value=weight(zhang, "W_PV") * e_y / n)
    yield oswald, "first row of P", replace(oswald, value=-weight(oswald, "W_V").T * weight(oswald, "P").T * FIRST)
    for made in (paper, oswald):
        yield made, "W_Q for W_K", replace(made, key_query=weight(made, "W_Q").T * weight(made, "W_Q"))
        yield made, "keys and queries exchanged", replace(made, key_query=weight(made, "W_Q").T * weight(made, "W_K"))


def wrong_inverses():
    for made in CONVENTIONS.values():
        first, *rest = made.inverse
        yield made, "sign", replace(made, inverse=(-first, *rest))
        yield (
            made,
            "transposed",
            replace(made, inverse=tuple(expr.xreplace({KEY_QUERY: KEY_QUERY.T, STEP: STEP.T}) for expr in made.inverse)),
        )
        yield made, "1/n for n, or n added", replace(made, inverse=(first / n**2 if first.has(n) else n * first, *rest))
        if made.one_step:
            yield (
                made,
                "the step without v_y",
                replace(made, inverse=tuple(expr.xreplace({STEP: J_x.T * KEY_QUERY * J_x}) for expr in made.inverse)),
            )


MUTANTS, WRONG_INVERSES = list(mutants()), list(wrong_inverses())
ENTRIES = Matrix(loops.SIZE, loops.SIZE, lambda i, j: Rational((7 * i + 3 * j) % 11 + 1, 10))
LAYERS = {
    False: (ENTRIES[:, 0], ENTRIES),
    True: (Matrix([0] * (loops.SIZE - 1) + [Rational(7, 3)]), diag(ENTRIES[:-1, :-1], 1)),
}
"""Any layer, and one with v_x = m_yx = 0"""


@pytest.mark.parametrize("name", CONVENTIONS)
def test_truth_is_accepted(name):
    assert max(off(CONVENTIONS[name], context=context) for context in LENGTHS) < 1e-12


@pytest.mark.parametrize(("made", "wrong"), [row[::2] for row in MUTANTS], ids=[f"{row[0].name}: {row[1]}" for row in MUTANTS])
def test_mutant_is_refused(made, wrong):
    assert (wrong.value, wrong.key_query, wrong.query_in_sum) != (made.value, made.key_query, made.query_in_sum)
    assert max(off(wrong, context=context) for context in LENGTHS) > 0.01


@pytest.mark.parametrize("name", CONVENTIONS)
def test_the_weights_of_a_layer_predict_what_it_does(name):
    assert back(CONVENTIONS[name]) < 1e-12


@pytest.mark.parametrize(
    ("made", "wrong"), [row[::2] for row in WRONG_INVERSES], ids=[f"{row[0].name}: {row[1]}" for row in WRONG_INVERSES]
)
def test_a_wrong_inverse_predicts_something_else(made, wrong):
    assert wrong.inverse != made.inverse
    assert back(wrong) > 0.01


def test_only_the_last_column_of_m_never_acts():
    """A change of M that the query's label slot hides is no mutant: it is the same model."""
    ahn = CONVENTIONS["ahn"]
    hidden = replace(ahn, key_query=ahn.key_query + MatrixSymbol("P", d + 1, d + 1) * e_y * e_y.T)
    assert off(hidden, context=4) < 1e-12
