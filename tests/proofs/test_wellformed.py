"""The grammar of statements: kinds, sorts, shapes and names."""

import pytest
from common.statements import A, B, K, W, X, a, d, m, n, p, q, tr, u, x
from sympy import (
    BlockMatrix,
    Determinant,
    Dummy,
    Float,
    HadamardProduct,
    I,
    Identity,
    Integer,
    Inverse,
    Lt,
    MatAdd,
    MatMul,
    MatPow,
    MatrixSymbol,
    Symbol,
    Transpose,
    ZeroMatrix,
    cos,
    nan,
    oo,
    pi,
    sqrt,
    zoo,
)

from proofs.errors import StatementError
from proofs.language import (
    All,
    ConditionalMean,
    Expectation,
    GradientAt,
    Independent,
    Invertible,
    Law,
    Mean,
    Named,
    NamedMatrix,
    Normal,
    Orthogonal,
    PositiveDefinite,
    Predictor,
    Rank,
    RotationInvariant,
    SignSymmetric,
    Tokens,
    at_least,
    equal,
)
from proofs.wellformed import LAW, MATRIX, SCALAR, STATEMENT, Vocabulary


@pytest.mark.parametrize(
    ("expr", "sort"),
    [
        (p**-2 + q / 2, SCALAR),
        (tr(A * B.T) ** 2, SCALAR),
        (Mean(tr(x.T * A * x), x), SCALAR),
        (ConditionalMean(tr(x.T * a), u, x), SCALAR),
        (Predictor("f", u, X), SCALAR),
        (Rank(X), SCALAR),
        (Named("L", p + q), SCALAR),
        (A.T * Inverse(B) + K**2, MATRIX),
        (MatPow(A, -2), MATRIX),
        (p * X.T * X - Identity(d) + ZeroMatrix(d, d), MATRIX),
        (BlockMatrix([[A, u], [u.T, Identity(1)]]), MATRIX),
        (GradientAt(tr(u.T * A * u), u, x), MATRIX),
        (NamedMatrix("Q", A * B), MATRIX),
        (MatrixSymbol("Z", n + d, 3), MATRIX),
        (All(equal(A, B), at_least(p, q), PositiveDefinite(A), Invertible(A + B)), STATEMENT),
        (Normal(X, Identity(n), W), LAW),
        (Normal(u, W), LAW),
        (Expectation(x * x.T * A, x), MATRIX),
        (Orthogonal(A), STATEMENT),
        (Law(X, u), LAW),
        (Independent((X,), (u, x)), LAW),
        (SignSymmetric(X, u), LAW),
        (RotationInvariant(X, u.T), LAW),
        (Tokens((X, MatrixSymbol("y", n, 1)), (x, MatrixSymbol("z", 1, 1))), LAW),
    ],
)
def test_what_is_well_formed(expr, sort):
    assert Vocabulary().read(expr) == sort


@pytest.mark.parametrize(
    ("expr", "message"),
    [
        *((thing, "not part of the language") for thing in (Float(0.5), pi, I, oo, -oo, zoo, nan, cos(p), 1, 0.5, "p", None)),
        (sqrt(2), "whole number"),
        (p ** Symbol("k", integer=True), "whole number"),
        (Dummy("k", real=True), "not part of the language"),
        (Determinant(A), "not part of the language"),
        (HadamardProduct(A, B), "not part of the language"),
        (Lt(p, q, evaluate=False), "not part of the language"),
        (Symbol("k"), "not declared real"),
        *(
            (Symbol("k", **{domain: True}), "must range over")
            for domain in ("negative", "integer", "prime", "even", "zero", "nonzero", "rational")
        ),
        (MatAdd(X, MatrixSymbol("M", m, d)), "shapes"),
        (MatMul(X, MatrixSymbol("M", m, d)), "shapes"),
        (Transpose(MatMul(X, X)), "shapes"),
        (Inverse(MatAdd(A, X)), "shapes"),
        (Inverse(A, 3), "is not the inverse"),
        (PositiveDefinite(X), "shapes"),
        (Invertible(X), "shapes"),
        (equal(A, X), "shapes"),
        (equal(A, p), "shapes"),
        (Rank(p), "where a matrix is wanted"),
        (Mean(A, x), "where a scalar is wanted"),
        (Mean(p, q), "where a matrix symbols is wanted"),
        (Mean(p, A * B), "where a matrix symbols is wanted"),
        (ConditionalMean(p, X, x), "shapes"),
        (GradientAt(tr(A), A, B), "shapes"),
        (Expectation(p, x), "where a matrix is wanted"),
        (Expectation(A, A * B), "where a matrix symbols is wanted"),
        (Orthogonal(X), "shapes"),
        (Law(A * B), "where a matrix symbol is wanted"),
        (Law(), "0 arguments"),
        (SignSymmetric(-1 * u), "where a matrix symbol is wanted"),
        (RotationInvariant(X, u), "shapes"),
        (RotationInvariant(A * X.T), "shapes"),
        (Independent((A * B,), (u,)), "where a matrix symbols is wanted"),
        (Tokens((X,), (u, x)), "shapes"),
        (Tokens((X, u), (x,)), "shapes"),
        (Tokens((X,)), "shapes"),
        (All(Law(x), equal(p, 0)), "where a statement is wanted"),
        (GradientAt(tr(u.T * A * u), A * u, u), "where a matrix symbol is wanted"),
        (Normal(A * u, W), "where a matrix symbol is wanted"),
        (Normal(X, W, W), "shapes"),
        (Normal(u, Identity(n)), "shapes"),
        (MatrixSymbol("Z", n - 1, 1), "shapes"),
        (MatrixSymbol("Z", p, 1), "shapes"),
        (Identity(0), "shapes"),
        (BlockMatrix([[A, u], [A, u]]) * BlockMatrix([[A], [A]]), "shapes"),
        (All(), "0 arguments"),
        (All(p), "where a statement is wanted"),
        (equal(Named("d", p), d), "two different things"),
        (equal(Named("L", p), Named("L", q)), "two different things"),
        (equal(Symbol("A", real=True) * A, A), "two different things"),
        (equal(Predictor("A", u) * A, A), "two different things"),
        (equal(Predictor("f", u), Predictor("f", X)), "two different things"),
        (Named("2", p), "is not a name"),
        (Named(" ", p), "is not a name"),
    ],
)
def test_what_is_not_well_formed(expr, message):
    with pytest.raises(StatementError, match=message):
        Vocabulary().read(expr)


def test_a_name_means_one_thing_in_all_that_is_read():
    vocabulary = Vocabulary()
    vocabulary.read(Named("L", p + q))
    vocabulary.read(Named("L", p + q) * Integer(2))
    with pytest.raises(StatementError, match="two different things"):
        vocabulary.read(Named("L", p + 2 * q))
    Vocabulary().read(Named("L", p + 2 * q))
