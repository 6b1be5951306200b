"""False statements next to the true ones are refused, both with the true derivation and with one changed in the same way throughout."""

from __future__ import annotations

import pytest
from common.claims import claims
from common.mutants import mutated, replacing

from proofs.errors import ProofError
from proofs.kernel import check_each
from proofs.theorems import LABELS, load

FALSE = claims("FALSE")


def mutant(label, change):
    """The theorem with a change in all of it, or as a function makes it of the theorem."""
    theorem = load(label)
    return mutated(theorem, replacing(change)) if isinstance(change, dict) else change(theorem)


@pytest.mark.usefixtures("refusals_only")
@pytest.mark.parametrize("label", FALSE)
def test_a_false_statement_is_refused(label):
    true = load(label)
    mutants = {name: mutant(label, change) for name, change in FALSE[label].items()}
    for name, theorem in mutants.items():
        assert theorem != true, f"{label}: {name} changes nothing"
    attached = {
        name: true.restate(claim=theorem.claim, given=theorem.given)
        for name, theorem in mutants.items()
        if theorem.statement != true.statement
    }
    for kind in (mutants, attached):
        granted = [name for name, result in zip(kind, check_each(kind.values()), strict=True) if not isinstance(result, ProofError)]
        assert not granted


def test_every_theorem_has_false_neighbours():
    assert set(FALSE) == set(LABELS)
    assert sum(map(len, FALSE.values())) >= 80
