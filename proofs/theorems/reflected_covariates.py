"""The minimisers without a symmetry in the labels, for prompts whose law is symmetric in the sign of the covariates."""

from __future__ import annotations

from functools import cache

from proofs.kernel import Statement, Theorem
from proofs.language import SignSymmetric
from proofs.theorems import every_law
from proofs.theorems.vocabulary import ANY_LAW
from theory.notation import X, x_q


@cache
def theorem() -> Theorem:
    """The theorem."""
    flips = (X, x_q)
    return Theorem(
        label="reflected-covariates",
        title="All global minimisers for prompts of any law that is symmetric in the sign of the covariates",
        source="derived here",
        statement=Statement(every_law.CLAIM, (*ANY_LAW, SignSymmetric(*flips))),
        steps=every_law.steps(flips, "Under (X, x_q) → −(X, x_q) the even part changes sign and the other factor stays."),
        remarks=(
            "An example is y = ReLU(w·x) with symmetric covariates, w Gaussian and no random sign: the labels are never negative, but "
            "changing the signs of the covariates and of w together keeps the law of the prompt.",
        ),
    )
