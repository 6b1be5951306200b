"""Specialisation: values in the domain, assumptions kept, nothing captured."""

import pytest
from common.statements import A, B, I_d, I_n, Sigma, U, X, by, d, granted, n, p, q, refused, s, t, theorem, tr, u, z
from sympy import Identity, Integer, MatAdd, MatrixSymbol, Rational, ZeroMatrix

from proofs.kernel import Step
from proofs.language import (
    Implication,
    Mean,
    Normal,
    PositiveDefinite,
    PositiveSemidefinite,
    at_least,
    equal,
    more_than,
    substitute,
)

RULE = "specialisation"
SQUARE = by("matrix-identity", equal((p + q) ** 2, p**2 + 2 * p * q + q**2))
LAW = (Normal(X, I_n, Sigma),)
SECOND = by("gaussian-moment", equal(Mean(tr(U * X.T * X * U.T), X), n * tr(U * Sigma * U.T)), given=LAW)


def at(base, *mapping, given=(), of=()):
    """A theorem at some values, the conclusion as it should be."""
    return by(RULE, substitute(base.claim, dict(mapping)), *mapping, given=given, of=(base, *of))


def test_values():
    certificate = granted(at(SQUARE, (p, n + s), (q, tr(A))))
    assert certificate.theorems == ("example",)
    granted(at(SQUARE, (p, q), (q, p)))
    refused(by(RULE, equal((p + n) ** 2, p**2 + 2 * p * n + n), (q, n), of=(SQUARE,)), "is not what the statement becomes")
    refused(at(SQUARE, (t, n)), "is not a symbol of the statement")
    refused(at(SQUARE, (p, 1 / q)), "division by q")
    granted(at(SQUARE, (p, 1 / n)))


@pytest.mark.parametrize(
    ("symbol", "inside", "outside"),
    [(n, 2 * n + 1, n - 1), (n, Integer(3), Rational(1, 2)), (n, n * d, s), (s, n * t, p), (s, p**2, -t), (n, Integer(2), -Integer(2))],
)
def test_domains(symbol, inside, outside):
    base = by("matrix-identity", equal((symbol + q) ** 2, symbol**2 + 2 * symbol * q + q**2))
    granted(at(base, (symbol, inside)))
    refused(at(base, (symbol, outside)), "not known to be in the domain")


def test_sizes_and_shapes():
    X3 = MatrixSymbol("X", 3, d)
    three = (Normal(X3, Identity(3), Sigma),)
    base = by("gaussian-moment", equal(Mean(tr(X.T * X) * tr(Sigma), X), n * tr(Sigma) ** 2), given=LAW)
    granted(at(base, (n, Integer(3)), given=three))
    refused(at(base, (n, Integer(3)), given=LAW), "is given to two different things")
    refused(at(base, (n, Integer(3)), given=(Normal(X3, 2 * Identity(3), Sigma),)), "not among the assumptions")
    refused(at(SECOND, (U, I_d), given=LAW), "shape")


def test_what_is_averaged_over_is_neither_replaced_nor_caught():
    flat = by("gaussian-moment", equal(Mean(tr(U.T * X), X), 0), given=LAW)
    granted(at(flat, (U, 2 * U), given=LAW))
    refused(by(RULE, equal(Mean(tr(U.T * X), X), 0 * n), (X, 2 * X), given=LAW, of=(flat,)), "is averaged over")
    refused(at(flat, (U, X), given=LAW), "which the statement averages over")
    X3 = MatrixSymbol("X", 3, d)
    refused(at(flat, (n, Integer(3)), (U, X3), given=(Normal(X3, Identity(3), Sigma),)), "which the statement averages over")


def test_an_assumption_becomes_a_hypothesis():
    base = by(
        "definiteness",
        PositiveSemidefinite(u * u.T + A),
        (Integer(1), u.T, Identity(1)),
        (Integer(1), I_d, A),
        given=(PositiveSemidefinite(A),),
    )
    granted(at(base, (A, B), given=(PositiveSemidefinite(B),)))
    granted(at(base, (A, u * u.T)))
    refused(at(base, (A, B)), "what the statement becomes")
    granted(by(RULE, Implication(PositiveSemidefinite(B), PositiveSemidefinite(u * u.T + B)), (A, B), of=(base,)))
    refused(
        by(RULE, Implication(PositiveSemidefinite(A), PositiveSemidefinite(u * u.T + B)), (A, B), of=(base,)), "what the statement becomes"
    )


def test_a_premise_does_not_vouch_for_itself():
    """A theorem among its own helpers, used as if without its assumption."""
    base = by("definiteness", PositiveDefinite(MatAdd(A, ZeroMatrix(d, d))), (Integer(1), I_d, A), given=(PositiveDefinite(A),))
    granted(by(RULE, Implication(PositiveDefinite(A), base.claim), of=(base,)))
    refused(by(RULE, base.claim, of=(base, base)), "which is not assumed")


def test_values_are_put_in_all_at_once():
    base = by("sum-of-nonnegatives", at_least(s + tr(B.T * B), 0), (Integer(1), s), (Integer(1), tr(B.T * B)))
    given = (PositiveSemidefinite(B),)
    granted(by(RULE, at_least(tr(B) + tr(A.T * A), 0), (s, tr(B)), (B, A), of=(base,), given=given))
    refused(by(RULE, at_least(tr(A) + tr(A.T * A), 0), (s, tr(B)), (B, A), of=(base,), given=given), "what the statement becomes")


def test_an_auxiliary_law_is_dropped():
    """The covariance of z is positive semidefinite whatever z is needed for."""
    base = theorem(
        at_least(tr(Sigma), 0),
        Step("sum-of-nonnegatives", at_least(tr(Sigma), 0), (), ((Integer(1), tr(Sigma)),)),
        given=(Normal(z, Sigma),),
    )
    granted(at(base, (Sigma, A), given=(PositiveSemidefinite(A),)))
    refused(at(base, (Sigma, A)), "not among the assumptions")
    refused(at(base, (Sigma, -A), given=(PositiveSemidefinite(A),)), "not among the assumptions")


def test_other_premises_vouch():
    base = by("sum-of-nonnegatives", at_least(t * s + q, q), (t, s), given=(more_than(t, 0),))
    square = Step(RULE, at_least(n * s + q, q), (base,), ((t, n),))
    granted(theorem(square.conclusion, square))
    refused(at(base, (t, s)), "what the statement becomes")
