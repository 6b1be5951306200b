"""Identities of noncommutative polynomials, modulo known equations."""

import pytest
from common.statements import (
    GAUSSIAN,
    STANDARD,
    A,
    B,
    I_d,
    K,
    Sigma,
    W,
    X,
    a,
    b,
    by,
    d,
    granted,
    inferred,
    m,
    n,
    p,
    q,
    r,
    refused,
    tr,
    u,
    v,
    x,
)
from sympy import (
    BlockMatrix,
    Float,
    Identity,
    Integer,
    Inverse,
    MatAdd,
    MatMul,
    MatrixSymbol,
    Rational,
    Trace,
    ZeroMatrix,
)

from proofs.errors import RuleError
from proofs.language import (
    All,
    Expectation,
    Implication,
    Independent,
    Invertible,
    Law,
    Mean,
    Named,
    Orthogonal,
    PositiveSemidefinite,
    equal,
)

RULE = "matrix-identity"


def test_a_polynomial_identity():
    square = tr((u + v).T * (u + v))
    assert granted(by(RULE, equal(square, tr(u.T * u) + 2 * tr(u.T * v) + tr(v.T * v)))).side_conditions == ()
    for false in (tr(u.T * u) + tr(u.T * v) + tr(v.T * v), tr(u.T * u) - 2 * tr(u.T * v) + tr(v.T * v)):
        refused(by(RULE, equal(square, false)), "different normal forms")
    refused(by(RULE, equal(square, tr(u.T * u) + 2 * tr(u.T * v) + tr(v.T * v) + Rational(1, 10**20))), "It fails at")


@pytest.mark.parametrize(
    ("left", "true", "false"),
    [
        (tr(A * B * K), tr(B * K * A), tr(B * A * K)),
        (tr(A * B), tr(B.T * A.T), tr(A.T * B)),
        ((A + B) * (A + B), A * A + A * B + B * A + B * B, A * A + 2 * A * B + B * B),
        (tr((A * B).T * K), tr(K * B.T * A.T), tr(K * A.T * B.T)),
        (tr(a * b.T * u * v.T), tr(a.T * v) * tr(b.T * u), tr(a.T * u) * tr(b.T * v)),
        (tr((I_d + A) * B), tr(B) + tr(A * B), 1 + tr(A * B)),
    ],
)
def test_words(left, true, false):
    granted(by(RULE, equal(left, true)))
    refused(by(RULE, equal(left, false)), "different normal forms|shapes")


ROW = MatrixSymbol("h", 1, d)
NUMBER, OTHER = MatrixSymbol("k", 1, 1), MatrixSymbol("l", 1, 1)


@pytest.mark.parametrize(
    ("word", "true", "false"),
    [
        (u * v.T * v, tr(v.T * v) * u, tr(u.T * v) * v),
        (v.T * v * u.T, tr(v.T * v) * u.T, tr(u.T * v) * v.T),
        (u * v.T * a, tr(a.T * v) * u, tr(u.T * v) * a),
        (v.T * A * a * u.T, tr(a.T * A.T * v) * u.T, tr(v.T * A.T * a) * u.T),
        (A * u * v.T * K * a, tr(v.T * K * a) * A * u, tr(v.T * a) * A * K * u),
        (u * v.T * a * b.T, tr(v.T * a) * u * b.T, tr(v.T * b) * u * a.T),
        (u * v.T * a * b.T * v, tr(v.T * a) * tr(b.T * v) * u, tr(v.T * b) * tr(a.T * v) * A * u),
        ((u * v.T * a).T, tr(a.T * v) * u.T, tr(a.T * u) * v.T),
        (X * u * v.T * a, tr(v.T * a) * X * u, tr(v.T * u) * X * a),
        (ROW * u * ROW, tr(ROW * u) * ROW, tr(ROW * u) * u.T),
        (u * NUMBER, tr(NUMBER) * u, u),
        (NUMBER * u.T, tr(NUMBER) * u.T, tr(NUMBER) ** 2 * u.T),
        (u * NUMBER.T * OTHER, tr(NUMBER) * tr(OTHER) * u, tr(NUMBER) ** 2 * u),
        (u * (v.T * a + NUMBER), tr(v.T * a) * u + tr(NUMBER) * u, tr(v.T * a) * u),
        (u.T * v, v.T * u, v.T * v),
        (tr(u * v.T * a * b.T), tr(v.T * a) * tr(b.T * u), tr(v.T * b) * tr(a.T * u)),
    ],
)
def test_scalars_inside_columns_and_rows(word, true, false):
    if word != u.T * v:  # as a matrix a scalar stays as it is written
        granted(by(RULE, equal(word, true)))
    refused(by(RULE, equal(word, false)), "different normal forms")


def test_a_column_past_a_row_is_another_column():
    refused(by(RULE, equal(u * v.T * v, v * v.T * u)), "different normal forms")
    refused(by(RULE, equal(u * v.T, v * u.T)), "different normal forms")
    refused(by(RULE, equal(v.T * v * u.T, u.T * v * v.T)), "different normal forms")
    refused(by(RULE, equal(A * u * v.T * v, u * v.T * A * v)), "different normal forms")
    granted(by(RULE, equal(u * v.T * a * b.T * v, u * b.T * v * v.T * a)))


def test_what_cancels_inside_a_scalar_must_exist():
    claim = equal(MatMul(u, v.T, Inverse(A), A, a), tr(v.T * a) * u)
    assert granted(by(RULE, claim, given=(Invertible(A),))).side_conditions == (Invertible(A),)
    refused(by(RULE, claim), "A is inverted")
    granted(by(RULE, equal(u * v.T * K.T * K * a, tr(v.T * a) * u), given=(Orthogonal(K),)))
    refused(by(RULE, equal(u * v.T * K * K * a, tr(v.T * a) * u), given=(Orthogonal(K),)), "different normal forms")


def test_a_scalar_taken_out_is_still_averaged():
    over, y = Expectation(u * x.T * x, x), MatrixSymbol("y", d, 1)
    granted(by(RULE, equal(over, Mean(tr(x.T * x), x) * u), given=GAUSSIAN))
    refused(by(RULE, equal(over, tr(x.T * x) * u), given=GAUSSIAN), "different normal forms|restricts|free")
    refused(by(RULE, equal(over, tr(Expectation(x, x).T * Expectation(x, x)) * u), given=GAUSSIAN), "different normal forms")
    granted(by(RULE, equal(Expectation(A * x * x.T * u * x.T, x), A * Expectation(tr(x.T * u) * x * x.T, x)), given=GAUSSIAN))
    refused(
        by(RULE, equal(Expectation(x * x.T * u, x), Mean(tr(x.T * u), x) * Expectation(x, x)), given=GAUSSIAN), "different normal forms"
    )
    refused(
        by(RULE, equal(Expectation(x * x.T * x, x), Mean(tr(x.T * x), x) * Expectation(x, x)), given=GAUSSIAN), "different normal forms"
    )
    refused(by(RULE, equal(Expectation(x * x.T * x * u.T, x), Expectation(x, x) * u.T), given=GAUSSIAN), "different normal forms")
    granted(by(RULE, equal(Expectation(x * u.T * y, x), tr(u.T * y) * Expectation(x, x)), given=(Law(x, y), Independent((x,), (y,)))))
    refused(by(RULE, equal(Expectation(u * y.T * x, x), Mean(tr(y.T * x), x) * u), given=(Law(x, y),)), "not known to be independent")
    unbounded = Expectation(u * v.T * Inverse(x * x.T + A) * v, x)
    refused(by(RULE, equal(unbounded, 2 * unbounded - tr(v.T * v) * u), given=(*GAUSSIAN, Invertible(A))), "may be unbounded")


def test_symmetry_is_only_known_of_covariances():
    known = (PositiveSemidefinite(Sigma), PositiveSemidefinite(W))
    granted(by(RULE, equal((W * Sigma).T, Sigma * W), given=known))
    refused(by(RULE, equal(W * Sigma, Sigma * W), given=known), "different normal forms")
    refused(by(RULE, equal((A * B).T, B * A)), "different normal forms")


def test_true_for_small_sizes_only():
    """At d = 1 every matrix is symmetric, and a trace squared is the trace of a square."""
    refused(by(RULE, equal(A.T, A)), "different normal forms")
    refused(by(RULE, equal(tr(A) ** 2, tr(A * A))), "different normal forms")
    one = MatrixSymbol("k", 1, 1)
    granted(by(RULE, equal(tr(one) ** 2, tr(one * one))))


def test_modulo_equations():
    granted(by(RULE, equal(p * p, q * q), (0, p + q), known=(equal(p, q),)))
    refused(by(RULE, equal(p * p, q * q), (0, p), known=(equal(p, q),)), "different normal forms")
    refused(by(RULE, equal(p * p, q * q), (1, p + q), known=(equal(p, q),)), "no equation number 1")
    granted(by(RULE, equal(K * A, K * B), (0, K), known=(equal(A, B),)))
    refused(by(RULE, equal(A * K, K * B), (0, K), known=(equal(A, B),)), "different normal forms")
    granted(by(RULE, equal(tr(A.T), tr(I_d)), (0, I_d, "T"), known=(equal(A, I_d),)))


def test_a_multiplier_that_divides_by_zero():
    """(q − r)⁻¹ (q − r) is not 1 where q = r."""
    refused(by(RULE, equal(p, p + 1), (0, -1 / (q - r)), known=(equal(q, r),)), "division by q - r")
    refused(by(RULE, equal(A, A + I_d), (0, -I_d / (q - r)), known=(equal(q, r),)), "division by q - r|cannot read")


def test_a_multiplier_of_another_shape():
    """tr of I_d (N − I_n) is no number; read word by word it would say tr N = d."""
    N = MatrixSymbol("N", n, n)
    granted(by(RULE, equal(tr(N), n), (0, Identity(n)), known=(equal(N, Identity(n)),)))
    refused(by(RULE, equal(tr(N), d), (0, I_d), known=(equal(N, Identity(n)),)), "shapes")


def test_a_hint_with_a_float():
    refused(by(RULE, equal(p * p, q * q), (0, Float(1.0) * (p + q)), known=(equal(p, q),)), "Float")


def test_what_cancels_must_exist():
    same = (equal(p, q),)
    granted(by(RULE, equal(1 / (n + 1) + p, 1 / (n + 1) + q), (0, Integer(1)), known=same))
    refused(by(RULE, equal(1 / (n - 1) + p, 1 / (n - 1) + q), (0, Integer(1)), known=same), "division by n - 1")
    cancelled = MatAdd(A, Inverse(B), MatMul(-1, Inverse(B)), K)
    assert inferred(RULE, equal(cancelled, MatAdd(A, K)), given=(Invertible(B),)).side_conditions == (Invertible(B),)
    with pytest.raises(RuleError, match="B is inverted"):
        inferred(RULE, equal(cancelled, MatAdd(A, K)))


def test_the_inverse_of_an_inverse_must_exist():
    twice = equal(Trace(MatMul(Inverse(MatMul(Inverse(A), B)), B)), tr(A))
    certificate = granted(by(RULE, twice, given=(Invertible(A), Invertible(B))))
    assert set(certificate.side_conditions) == {Invertible(A), Invertible(B)}
    refused(by(RULE, twice, given=(Invertible(B),)), "A is inverted")


def test_hypotheses_are_replaced_where_they_are_free():
    granted(by(RULE, Implication(equal(u, v), equal(tr(u.T * a), tr(v.T * a)))))
    claim = equal(Mean(tr(u.T * x), x), Mean(tr(x.T * x), x))
    refused(by(RULE, Implication(equal(u, x), claim), given=STANDARD), "different normal forms")


def test_a_hypothesis_hides_no_division():
    granted(by(RULE, Implication(equal(p, n), equal(p / n * q, q))))
    refused(by(RULE, Implication(equal(p, r), equal(p / r * q, q))), "division by r")


def test_block_matrices():
    column, row = BlockMatrix([[A], [B]]), BlockMatrix([[A.T, B.T]])
    left = BlockMatrix([[K, ZeroMatrix(d, d)], [ZeroMatrix(d, d), I_d]])
    granted(by(RULE, equal(MatMul(left, column), BlockMatrix([[K * A], [B]]))))
    refused(by(RULE, equal(MatMul(left, column), BlockMatrix([[A * K], [B]]))), "different normal forms")
    granted(by(RULE, equal(tr(row * column), tr(A.T * A + B.T * B))))


def test_blocks_of_different_sizes_do_not_add():
    upper = BlockMatrix([[Identity(n), ZeroMatrix(n, d)], [ZeroMatrix(d, n), ZeroMatrix(d, d)]])
    low = BlockMatrix([[ZeroMatrix(n, n), ZeroMatrix(n, d)], [ZeroMatrix(d, n), Identity(d)]])
    moved = BlockMatrix([[ZeroMatrix(d, d), ZeroMatrix(d, n)], [ZeroMatrix(n, d), Identity(n)]])
    whole = BlockMatrix([[Identity(n), ZeroMatrix(n, d)], [ZeroMatrix(d, n), Identity(d)]])
    granted(by(RULE, equal(MatAdd(upper, low), whole)))
    refused(by(RULE, equal(MatAdd(upper, moved), whole)), "do not match")


def test_shapes_are_checked():
    M = MatrixSymbol("M", m, d)
    granted(by(RULE, equal(tr(X * MatrixSymbol("M", d, n)), tr(MatrixSymbol("M", d, n) * X))))
    refused(by(RULE, equal(Trace(MatMul(X, M)), Trace(MatMul(M, X)))), "shapes")
    refused(by(RULE, equal(MatAdd(X, M), MatAdd(M, X, X) - X)), "shapes")


def test_names_are_transparent_and_conjuncts_are_checked_one_by_one():
    L = Named("L", (p + q) ** 2)
    granted(by(RULE, All(equal(L, p**2 + 2 * p * q + q**2), equal(L - p**2, q * (2 * p + q)))))
    refused(by(RULE, All(equal(L, p**2 + 2 * p * q + q**2), equal(L - p**2, q * (p + q)))), "different normal forms")
