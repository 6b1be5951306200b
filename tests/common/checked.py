"""The verdicts on all theorems, found once in a test process."""

from __future__ import annotations

from functools import cache

from proofs.theorems import LABELS, load
from proofs.verdict import Verdict, judged


@cache
def verdicts() -> tuple[Verdict, ...]:
    """In the order of LABELS."""
    return tuple(judged([load(label) for label in LABELS]))


def verdict(label: str) -> Verdict:
    """The verdict on one theorem, with those it uses checked and no others."""
    return next(judged([load(label)]))
