"""Inequalities read off the signs of their parts."""

import pytest
from common.statements import GAUSSIAN, A, B, by, d, granted, n, p, q, refused, s, tr, u, x, z
from sympy import Add, Inverse, MatAdd, MatMul, Mul, Ne, Rational

from proofs.language import (
    All,
    Equivalence,
    Implication,
    Mean,
    Named,
    PositiveDefinite,
    PositiveSemidefinite,
    at_least,
    different,
    equal,
    more_than,
)

RULE = "sign"


@pytest.mark.parametrize(
    ("relation", "value"),
    [
        (more_than(n + s, 0), n + s),
        (at_least(s * n, 0), s * n),
        (at_least(p**2 + 1, 1), p**2),
        (more_than(p**2 + n, 0), p**2 + n),
        (different(n + d, 0), n + d),
        (at_least(n - 1, 0), n - 1),
        (at_least(n * (n - 1) * s, 0), n * (n - 1) * s),
        (more_than(n + 2 * d - 2, 0), n + 2 * d - 2),
    ],
)
def test_signs(relation, value):
    certificate = granted(by(RULE, relation, value))
    assert (certificate.citations, certificate.side_conditions) == ((), ())


@pytest.mark.parametrize(
    ("relation", "value"),
    [
        (more_than(s, 0), s),
        (at_least(p, 0), p),
        (at_least(-s, 0), -s),
        (more_than(n - 1, 0), n - 1),
        (at_least(n - 2, 0), n - 2),
        (at_least(s - 1, 0), s - 1),
        (at_least(1 - n, 0), 1 - n),
        (more_than(p**2, 0), p**2),
        (at_least(p * q, 0), p * q),
        (at_least(p**3, 0), p**3),
        (different(p, 0), p),
        (different(n - d, 0), n - d),
        (at_least(tr(A), 0), tr(A)),
    ],
)
def test_signs_not_known(relation, value):
    refused(by(RULE, relation, value), "is not known")


def test_the_value_is_the_gap():
    refused(by(RULE, more_than(p, 0), n), "is not n")
    refused(by(RULE, more_than(n, Rational(1, 10**20)), n), "is not n")
    granted(by(RULE, more_than(p, q), n, (0, d / d), known=(equal(p - q, n),)))


def test_matrices():
    granted(by(RULE, more_than(tr(A), 0), tr(A), given=(PositiveDefinite(A),)))
    refused(by(RULE, more_than(tr(A), 0), tr(A), given=(PositiveSemidefinite(A),)), "is not known")
    granted(by(RULE, different(A, 0), given=(PositiveDefinite(A),)))
    refused(by(RULE, different(A, 0), given=(PositiveSemidefinite(A),)), "not known to be positive definite")
    refused(by(RULE, different(A, B), given=(PositiveDefinite(A), PositiveDefinite(B))), "only K ≠ 0")


def test_what_cancels_must_exist():
    refused(by(RULE, at_least(3 / p**2, 0), 3 / p**2), "division by p|not known")
    certificate = granted(by(RULE, at_least(3 / n**2, 0), 3 / n**2))
    assert certificate.side_conditions == (Ne(n, 0, evaluate=False),)
    unit = tr(MatMul(A, Inverse(A)))
    granted(by(RULE, more_than(unit, 0), unit, given=(PositiveDefinite(A),)))
    refused(by(RULE, more_than(unit, 0), unit), "A is inverted|not known")
    hidden = MatAdd(B, Inverse(A), MatMul(-1, Inverse(A)))
    refused(by(RULE, different(hidden, 0), given=(PositiveDefinite(B),)), "A is inverted")


@pytest.mark.parametrize(
    ("hypothesis", "relation", "value"),
    [
        (more_than(p, 0), more_than(p * n, 0), p * n),
        (at_least(p, q), at_least(n * p, n * q), n * (p - q)),
        (different(p, 0), different(p**3, 0), p**3),
        (different(p, 0), different(n * Named("y", p), 0), n * Named("y", p)),
        (All(more_than(p, 0), at_least(q, 0)), more_than(p + q, 0), p + q),
        (All(more_than(p, 0), more_than(q, 0)), more_than(p / q, 0), p / q),
        (equal(p, n), more_than(p * q**2 + p, 0), n * q**2 + n),
        (All(equal(p, 3 * q), equal(q, n)), more_than(p, 0), 3 * n),
        (PositiveDefinite(A), more_than(tr(A), 0), tr(A)),
        (at_least(p, n), more_than(p, 0), Add(p - n, n, evaluate=False)),
    ],
)
def test_hypotheses_are_used(hypothesis, relation, value):
    granted(by(RULE, Implication(hypothesis, relation), value))
    refused(by(RULE, relation, value), "is not known|is not n|is not 3")


@pytest.mark.parametrize(
    ("hypothesis", "relation", "value"),
    [
        (at_least(p, 0), more_than(p, 0), p),
        (different(p, 0), more_than(p, 0), p),
        (at_least(p, 0), different(p, 0), p),
        (more_than(q, 0), more_than(p, 0), p),
        (more_than(p, 0), more_than(-p, 0), -p),
        (more_than(0, p), at_least(p, 0), p),
        (more_than(p, q), more_than(q, p), q - p),
        (at_least(p, 0), at_least(p - 1, 0), p - 1),
        (more_than(p * q, 0), more_than(p, 0), p),
        (PositiveSemidefinite(A), more_than(tr(A), 0), tr(A)),
        (Equivalence(more_than(p, 0), more_than(q, 0)), more_than(p, 0), p),
    ],
)
def test_hypotheses_say_no_more_than_they_do(hypothesis, relation, value):
    refused(by(RULE, Implication(hypothesis, relation), value), "is not known")


def test_an_equation_as_a_hypothesis():
    granted(by(RULE, Implication(equal(p**2, q), at_least(q, 0)), p**2, (0, -n / n)))
    refused(by(RULE, Implication(equal(p**2, q), at_least(q, 0)), p**2), "is not p")
    refused(by(RULE, Implication(equal(p**2, q), at_least(-q, 0)), p**2, (0, -n / n)), "is not p")
    refused(by(RULE, Implication(equal(p, 3), more_than(p - 3, 0)), n), "is not n|says nothing")


def test_a_sign_that_rests_on_a_hypothesis_is_a_condition_under_it():
    certificate = granted(by(RULE, Implication(more_than(q, 0), at_least(p**2 / q, 0)), p**2 / q))
    assert certificate.side_conditions == (Implication(more_than(q, 0), Ne(q, 0, evaluate=False)),)
    refused(by(RULE, Implication(at_least(q, 0), at_least(p**2 / q, 0)), p**2 / q), "is not known|division by q")
    refused(by(RULE, Implication(equal(q, 0), at_least(p**2 / q, 0)), p**2), "division by|which is 0|no numbers")


def test_a_hypothesis_of_one_outcome_is_none_of_a_mean():
    """xᵀu > 0 for one x says nothing of the mean over all x."""
    over = Mean(tr(x.T * u), x)
    refused(by(RULE, Implication(more_than(tr(x.T * u), 0), at_least(over, 0)), over, given=GAUSSIAN), "is not known")
    weighted = Mean(tr(z.T * u) * tr(x.T * x), x)
    granted(
        by(
            RULE,
            Implication(more_than(tr(A * u * u.T), 0), at_least(Mean(tr(A * u * u.T) * tr(x.T * x), x), 0)),
            Mean(tr(A * u * u.T) * tr(x.T * x), x),
            given=GAUSSIAN,
        )
    )
    refused(by(RULE, Implication(more_than(tr(z.T * u), 0), at_least(weighted, 0)), weighted, given=GAUSSIAN), "is not known")


def test_a_premise_under_a_hypothesis_is_none_without_it():
    known = (Implication(more_than(q, 0), more_than(p, 0)),)
    refused(by(RULE, more_than(p + n, 0), p + n, known=known), "is not known")


@pytest.mark.parametrize("relation", [more_than, at_least, different])
def test_fewer_facts_where_less_is_asked(relation):
    """What is ≥ 0 by one fact and > 0 by another is both, in either order."""
    facts = at_least(p, q), more_than(p, q)
    for given in (facts, facts[::-1]):
        granted(by(RULE, relation(n * p, n * q), n * (p - q), given=given))
    refused(by(RULE, relation(q, p), q - p, given=facts[:1]), "is not known")


@pytest.mark.parametrize(
    ("relation", "value", "fact"),
    [
        (at_least(1 / p, 0), 1 / p, at_least(p, 0)),
        (at_least(1 / p**3, 0), 1 / p**3, at_least(p, 0)),
        (different(p / q, 0), p / q, different(p, 0)),
        (different(p + q, 0), p + q, All(different(p, 0), different(q, 0))),
        (different(Named("y", p + q), 0), Named("y", p + q), different(p, 0)),
        (more_than(n / p**2, 0), n / p**2, at_least(p**2, 0)),
    ],
)
def test_a_reciprocal_has_a_sign_only_where_it_exists(relation, value, fact):
    refused(by(RULE, relation, value, given=tuple(fact.args) if isinstance(fact, All) else (fact,)), "is not known")


def test_powers_and_names_of_what_is_not_0():
    for value in (p**2, p**3, 1 / p, Mul(n, p**-2), Named("y", p**3)):
        granted(by(RULE, different(value, 0), value, given=(different(p, 0),)))
        refused(by(RULE, more_than(value, 0), value, given=(different(p, 0),)), "is not known")
