"""What `check` says of a theorem, as one of four words: conjectured, refused, checked, fully checked."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from proofs.errors import ProofError
from proofs.kernel import Certificate, Theorem, check
from proofs.theorems import load


class Verdict(NamedTuple):
    """A theorem with what checking it gave.

    certificate  None where it is refused or has no steps
    reason       why it is refused, in one line
    seconds      that the check took
    """

    theorem: Theorem
    status: str
    certificate: Certificate | None
    reason: str
    seconds: float


def judge(theorem: Theorem) -> Verdict:
    """Checks a theorem.

    >>> judge(load("one-step-of-gradient-descent")).status
    'fully checked'
    """
    started = time.perf_counter()
    if not theorem.steps:
        return Verdict(theorem, "conjectured", None, "", 0.0)
    try:
        certificate = check(theorem)
    except ProofError as error:
        return Verdict(theorem, "refused", None, " ".join(str(error).split()), time.perf_counter() - started)
    return Verdict(theorem, certificate.status, certificate, "", time.perf_counter() - started)


def judged(labels: Iterable[str]) -> Iterator[Verdict]:
    """The verdicts on the theorems with these labels, one after another."""
    for label in labels:
        yield judge(load(label))
