"""Two relations whose gaps are proportional."""

from common.statements import A, B, K, by, granted, n, p, q, r, refused, s
from sympy import Integer, Rational

from proofs.language import Equivalence, at_least, different, equal, more_than

RULE = "equivalent-relations"


def test_equations_and_inequalities():
    certificate = granted(by(RULE, Equivalence(at_least(n * p, n * q), at_least(p, q)), n))
    assert (certificate.citations, certificate.side_conditions) == ((), ())
    granted(by(RULE, Equivalence(equal(n * p, n * q), equal(q, p)), -n))
    granted(by(RULE, Equivalence(different(n * p, q), different(p, q / n)), n))
    granted(by(RULE, Equivalence(equal(n * A, n * B), equal(A, B)), n))
    granted(by(RULE, Equivalence(more_than(p + r, q + r), more_than(p, q)), Integer(1)))


def test_the_factor():
    for claim, factor in (
        (Equivalence(at_least(-p, -q), at_least(p, q)), -Integer(1)),
        (Equivalence(at_least(s * p, s * q), at_least(p, q)), s),
        (Equivalence(more_than(r * p, r * q), more_than(p, q)), r),
    ):
        refused(by(RULE, claim, factor), "not known to be > 0")
    refused(by(RULE, Equivalence(equal(s * p, s * q), equal(p, q)), s), "not known to be ≠ 0")
    refused(by(RULE, Equivalence(equal(n * p, n * q), equal(p, q)), n + 1), "not proportional")
    refused(by(RULE, Equivalence(equal(p, q), equal(p, q + Rational(1, 10**20))), Integer(1)), "not proportional")
    refused(by(RULE, Equivalence(at_least(p, q), at_least(q, p)), Integer(1)), "not proportional")


def test_relations_of_one_kind():
    refused(by(RULE, Equivalence(at_least(n * p, n * q), more_than(p, q)), n), "of one kind")
    refused(by(RULE, Equivalence(equal(n * A, n * B), equal(p, q)), n), "both be about")


def test_modulo_an_equation():
    known = (equal(r, n),)
    granted(by(RULE, Equivalence(equal(r * p, q), equal(n * p, q)), Integer(1), (0, p), known=known))
    refused(by(RULE, Equivalence(equal(r * p, q), equal(n * p, q)), Integer(1), known=known), "not proportional")
    zero = (0, 1 / (r - n))
    refused(by(RULE, Equivalence(equal(p, q), equal(p + 1, q)), Integer(1), zero, known=known), "division by|not proportional")


def test_what_cancels_must_exist():
    claim = Equivalence(equal(1 / (n - 1) + p, 1 / (n - 1)), equal(p, 0))
    refused(by(RULE, claim, Integer(1)), "division by n - 1")
    granted(by(RULE, Equivalence(equal(1 / (n + 1) + p, 1 / (n + 1)), equal(p, 0)), Integer(1)))
    refused(by(RULE, Equivalence(equal(K * A, K * B), equal(A, B)), Integer(1)), "not proportional")
