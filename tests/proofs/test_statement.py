"""What may be claimed: only what says something, and all that does."""

import random

import pytest
from common.laws import x_1, x_2, x_q, y, y_1, y_2, y_q
from common.statements import GAUSSIAN, A, B, U, W, X, a, b, d, n, p, q, r, s, tr, u, v, x, z
from sympy import Identity, Integer, MatMul, Transpose

from proofs.errors import StatementError
from proofs.language import (
    All,
    Any_,
    Equivalence,
    Expectation,
    Implication,
    Independent,
    Law,
    Mean,
    Named,
    Normal,
    Orthogonal,
    PositiveDefinite,
    Predictor,
    RotationInvariant,
    SignSymmetric,
    Tokens,
    at_least,
    at_most,
    different,
    equal,
    more_than,
)
from proofs.outcomes import drawn, has
from proofs.statement import check_statement
from proofs.wellformed import Vocabulary

P, Q = equal(p, 0), equal(q, 0)


@pytest.mark.parametrize(
    "claim",
    [
        equal(tr((u + v).T * (u + v)), tr(u.T * u) + 2 * tr(u.T * v) + tr(v.T * v)),
        equal((p + q) ** 2, p**2 + 2 * p * q + q**2),
        equal(Named("L", (p + q) ** 2), p**2 + 2 * p * q + q**2),
        equal((p + q) * (p - q), p**2 - q**2),
        equal(tr(A * B), tr(B * A.T)),
        equal(Mean(tr(x.T * a) ** 2, x), 0),
        at_least(p**2 + q**2, 2 * p * q),
        at_least(p**2, 0),
        more_than(n, 0),
        different(p, q),
        at_most(p, p + s),
        Equivalence(P, Q),
        Implication(All(P, Q), equal(p, r)),
        Any_(P, different(q, 0)),
        All(P, at_least(q, p)),
    ],
)
def test_a_claim_that_says_something(claim):
    check_statement(claim, GAUSSIAN, Vocabulary())


@pytest.mark.parametrize(
    ("claim", "message"),
    [
        (equal(p + q, q + p), "says nothing"),
        (equal((p + q) - (q + p), r - r), "says nothing"),
        (equal((p + 1) ** 2 - p**2 - 2 * p - 1, 0), "says nothing"),
        (equal(A + B - A - B, 0), "says nothing"),
        (equal(Named("L", p * q), p * q), "says nothing"),
        (equal(Transpose(MatMul(A, B)), MatMul(B.T, A.T)), "says nothing"),
        (at_least(p, p), "says nothing"),
        (at_most(p + q, q + p), "says nothing"),
        (at_least(Integer(2), 1), "says nothing"),
        (different(Integer(2), 1), "says nothing"),
        (All(equal((p + q) ** 2, p**2 + 2 * p * q + q**2), at_least(q, q)), "says nothing"),
        (Implication(P, at_least(q, q)), "says nothing"),
        (Implication(P, All(Q, equal(r, r))), "says nothing"),
        (Equivalence(P, equal(0, p)), "true by its form"),
        (Implication(All(P, Q), Q), "true by its form"),
        (Any_(P, Q, different(q, 0)), "true by its form"),
        (Any_(at_least(p, q), more_than(q, p)), "true by its form"),
        (Implication(P, Any_(Q, P)), "true by its form"),
        (All(Q, Implication(P, P)), "true by its form"),
        (Implication(equal(n, n + 1), Q), "satisfy the hypothesis"),
        (Implication(All(P, equal(p, 1)), Q), "satisfy the hypothesis"),
        (tr(A), "is a scalar, where a statement is wanted"),
        (A, "is a matrix, where a statement is wanted"),
        (Normal(u, W), "is a law, where a statement is wanted"),
    ],
)
def test_a_claim_that_says_nothing(claim, message):
    with pytest.raises(StatementError, match=message):
        check_statement(claim, GAUSSIAN, Vocabulary())


def test_a_claim_no_stronger_than_one_assumption():
    given = (Equivalence(P, Q), at_least(r, 0))
    check_statement(Implication(P, All(Q, equal(r, 0))), given, Vocabulary())
    for claim in (Implication(P, Q), Equivalence(Q, P), at_most(0, r), Any_(at_least(r, 0), P), All(equal(r, s), Equivalence(P, Q))):
        with pytest.raises(StatementError, match=r"its (own )?assumptions"):
            check_statement(claim, given, Vocabulary())


@pytest.mark.parametrize(
    ("assumption", "message"),
    [
        (more_than(p, p + 1), "contradict"),
        (All(more_than(p, q), more_than(q, p)), "contradict"),
        (All(PositiveDefinite(A), PositiveDefinite(-A)), "contradict"),
        (All(PositiveDefinite(A), equal(A, 0)), "contradict"),
        (more_than(0, s), "contradict"),
        (Normal(x, W), "one law"),
        (Normal(u, x * x.T), "restricts x"),
        (more_than(tr(x.T * x), 0), "restricts x"),
        (equal(Mean(tr(x.T * x), x), 5), "restricts x"),
        (PositiveDefinite(A + X.T * X), "restricts X"),
        (equal(Predictor("f", u), 0), "restricts a predictor"),
        (All(Normal(u, W), P), "where a statement is wanted"),
        (Implication(P, Normal(u, W)), "where a statement is wanted"),
        (tr(A), "where a statement is wanted"),
        (Law(X, u), "one law"),
        (Orthogonal(x * x.T), "restricts x"),
        (SignSymmetric(u), "matrices of one Law"),
        (Independent((x,), (z,)), "matrices of one Law"),
    ],
)
def test_an_assumption_that_cannot_be_made(assumption, message):
    claim = equal((p + b.shape[0]) ** 2, p**2 + 2 * p * d + d**2)
    check_statement(claim, GAUSSIAN, Vocabulary())
    with pytest.raises(StatementError, match=message):
        check_statement(claim, (*GAUSSIAN, assumption), Vocabulary())


LAW = (Law(U, u, v),)


@pytest.mark.parametrize(
    ("assumption", "message"),
    [
        (Law(v, b), "one law"),
        (Normal(u, W), "one law"),
        (Normal(b, u * u.T), "restricts u"),
        (equal(tr(u.T * u), 1), "restricts u"),
        (equal(u, 0), "restricts u"),
        (Implication(P, equal(tr(u.T * Expectation(v, v)), 0)), "restricts u"),
        (Independent((u,), (b,)), "matrices of one Law"),
        (Independent((u, v), (v,)), "matrices of one Law"),
        (SignSymmetric(u, b), "matrices of one Law"),
        (RotationInvariant(U, U), "matrices of one Law"),
        (equal(Mean(tr(u.T * u), u), -1), "contradict"),
        (All(more_than(p, p + 1)), "contradict"),
        (equal(Expectation(u * u.T, u), -1 * a * a.T - Identity(d)), "contradict"),
    ],
)
def test_an_assumption_about_the_matrices_of_a_law_that_cannot_be_made(assumption, message):
    claim = equal((p + b.shape[0]) ** 2, p**2 + 2 * p * d + d**2)
    for fact in (Independent((u,), (U, v)), SignSymmetric(u, v), RotationInvariant(U, u.T, v.T), equal(A, Expectation(u * u.T, u))):
        check_statement(claim, (*LAW, fact), Vocabulary())
    with pytest.raises(StatementError, match=message):
        check_statement(claim, (*LAW, assumption), Vocabulary())


def test_laws_with_the_symmetries_assumed():
    """A model of each is found, and what a law has not is seen."""
    shapes = {X: (2, 1), y: (2, 1), x_q: (1, 1), y_q: (1, 1)}
    symmetries = [Independent((X, y), (x_q,)), SignSymmetric(y, y_q), RotationInvariant(X, x_q.T)]
    for seed in range(5):
        law = drawn(random.Random(seed), shapes, symmetries)
        assert all(has(law, fact) for fact in symmetries)
    without = [drawn(random.Random(seed), shapes, []) for seed in range(20)]
    assert not all(has(law, fact) for law in without for fact in symmetries)
    plane = {z: (2, 2) if z == X else (2, 1) for z in (X, x_q)}
    assert has(drawn(random.Random(1), plane, []), RotationInvariant(X, x_q.T)) is None


def test_laws_of_tokens():
    shapes = {X: (2, 2), y: (2, 1), x_1: (2, 1), y_1: (1, 1), x_2: (2, 1), y_2: (1, 1)}
    tokens, flipped = Tokens((X, y), (x_1, y_1), (x_2, y_2)), SignSymmetric(y, y_1, y_2)
    for seed in range(5):
        law = drawn(random.Random(seed), shapes, [tokens, flipped])
        assert has(law, tokens)
        assert has(law, flipped)
        assert has(law, Independent((X,), (x_1,)))
        moved = [outcome | {x_2: outcome[x_1], y_2: outcome[y_1]} for outcome in law]
        assert not has(moved, tokens) or len({outcome[x_1] for outcome in law}) == 1
        shifted = [outcome | {y_1: ((outcome[y_1][0][0] + 1,),)} for outcome in law]
        assert not has(shifted, tokens)
        assert not has(shifted, flipped)
