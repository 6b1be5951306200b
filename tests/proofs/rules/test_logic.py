"""Consequence by truth tables."""

import pytest
from common.statements import A, by, granted, p, q, r, refused

from proofs.language import All, Any_, Equivalence, Implication, PositiveDefinite, at_least, at_most, different, equal, more_than

RULE = "logic"
P, Q, S = equal(p, 0), equal(q, 0), equal(r, 0)


@pytest.mark.parametrize(
    ("known", "follows", "does_not"),
    [
        ((Equivalence(P, different(q, 0)), Any_(Q, S)), Implication(different(r, 0), different(p, 0)), Implication(P, Q)),
        ((Implication(P, Q), Implication(Q, P)), Equivalence(P, Q), Equivalence(P, S)),
        ((Any_(P, Q), different(p, 0)), Q, P),
        ((Equivalence(P, Any_(Q, S)), different(r, 0)), Equivalence(P, Q), Equivalence(P, S)),
        ((Any_(P, more_than(q, r)), at_most(q, r)), P, S),
        ((Any_(P, more_than(q, r)), at_least(r, q)), equal(0, p), at_least(q, r)),
        ((Any_(PositiveDefinite(A), P), Any_(different(p, 0), Q)), Any_(PositiveDefinite(A), Q), PositiveDefinite(A)),
    ],
)
def test_consequence(known, follows, does_not):
    certificate = granted(by(RULE, follows, given=known))
    assert (certificate.citations, certificate.side_conditions) == ((), ())
    refused(by(RULE, does_not, given=known), "does not follow")


def test_atoms_are_only_what_they_are():
    """2p = 0 and p = 0 are one fact, but not by logic; nor does p > 0 give p ≥ 0."""
    refused(by(RULE, equal(2 * p, 0), given=(P, Any_(P, Q))), "does not follow")
    refused(by(RULE, Any_(at_least(p, 0), Q), given=(more_than(p, 0),)), "does not follow")


def test_hypotheses_stay():
    refused(by(RULE, Q, given=(Implication(P, Q),)), "does not follow")
    refused(by(RULE, All(P, Q), given=(Any_(P, Q),)), "does not follow")
    refused(by(RULE, Any_(P, Q), given=(Implication(P, Q), Implication(Q, P))), "does not follow")
