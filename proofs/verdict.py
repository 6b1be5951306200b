"""What `check` says of a theorem, as one of four words: conjectured, refused, checked, fully checked."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from proofs.kernel import Certificate, Theorem, check_each


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

    >>> from proofs.theorems import load
    >>> judge(load("one-step-of-gradient-descent")).status
    'fully checked'
    """
    return next(judged((theorem,)))


def judged(theorems: Sequence[Theorem]) -> Iterator[Verdict]:
    """The verdicts on theorems, one after another; what several of them use is checked once, and timed with the first."""
    results = check_each(theorems)
    for theorem in theorems:
        started = time.perf_counter()
        result = next(results)
        seconds = time.perf_counter() - started
        if isinstance(result, Certificate):
            yield Verdict(theorem, result.status, result, "", seconds)
        elif not theorem.steps:
            yield Verdict(theorem, "conjectured", None, "", seconds)
        else:
            yield Verdict(theorem, "refused", None, " ".join(str(result).split()), seconds)
