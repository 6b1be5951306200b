"""One step and anything even in the labels: the least loss is that of the best step, whatever the even part.

What an architecture adds to one step (another head, the query token in the sum) is often a function that does not change when all labels
change sign. Under the symmetry of the theorem for every law no such addition helps: it is uncorrelated with the residual of the step, so
its mean square is what it costs.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sympy import Integer, Trace, Transpose

from proofs.derivation import Derivation
from proofs.kernel import Statement, Step, Theorem
from proofs.language import All, Equivalence, Mean, Predictor, SignSymmetric, at_least, equal, replaced
from proofs.theorems import best_step
from proofs.theorems.vocabulary import ANY_LAW, ANY_LEAST, ANY_PROMPT, ANY_TARGET, one_step
from theory.notation import M_1, M_2, B, B_star, Sigma, X, x_q, y, y_q

GIVEN = (*ANY_LAW, SignSymmetric(y, y_q))
ADDED = Predictor("e", X, y * y.T, x_q)


def size(added: Any) -> Any:
    """E e²"""
    return Mean(added**2, X, y, x_q)


def loss(step: Any, added: Any) -> Any:
    """E (yᵀX B x_q + e − y_q)²"""
    return Mean((one_step(step, y) + added - ANY_TARGET) ** 2, *ANY_PROMPT)


@cache
def theorem() -> Theorem:
    """The theorem."""
    derive = Derivation()
    parts = add(derive, B, ADDED, "The addition sees the labels through yyᵀ only, and stays")
    claim = All(
        *(part for step in parts for part in (step.conclusion.args[:1] if isinstance(step.conclusion, All) else (step.conclusion,)))
    )
    derive("logic", claim, *parts, note="Collect the steps.")
    return Theorem(
        label="any-even-part",
        title="Nothing that is even in the labels helps a step",
        source="derived here",
        statement=Statement(claim, GIVEN),
        steps=derive.steps,
        remarks=(
            "The function e is any: the sum over the heads of their even parts, the term that the query's own token adds, or the output "
            "of anything that sees the covariates and the products of labels. So the minimum over a family of such predictors is L* "
            "if the family holds a best step with e = 0 on almost every prompt.",
            "If E e² is infinite, so is the loss, as that of the step is finite.",
        ),
    )


def add(derive: Derivation, step: Any, added: Any, why: str) -> tuple[Step, Step, Step, Step]:
    """The derivation for a step and an addition, which may be a formula: how the loss splits, its excess over L*, that L* is its least
    value, and when it is reached. `why` begins a sentence that says why the addition stays when the labels change sign."""
    total, alone, gap = loss(step, added), loss(step, Integer(0)), step - B_star
    square = Trace(M_2 * gap * Sigma * Transpose(gap))
    minimal = equal(total, ANY_LEAST)
    cross = derive(
        "sign-symmetry",
        equal(Mean(added * (one_step(step, y) - ANY_TARGET), *ANY_PROMPT), 0),
        by=(y, y_q),
        note=f"{why} when (y, y_q) becomes −(y, y_q); the residual of the step changes sign.",
    )
    split = derive(
        "matrix-identity",
        equal(total, alone + size(added)),
        cross,
        by=((0, 2),),
        note="Expand the square of the two parts; the cross term vanishes.",
    )
    best = derive(
        "specialisation",
        replaced(best_step.theorem().claim, {B: step}),
        best_step.theorem(),
        by=() if step == B else ((B, step),),
        note="The loss of one step.",
    )
    excess = derive(
        "matrix-identity",
        equal(total, ANY_LEAST + size(added) + square),
        split,
        best,
        by=((0, 1), (1, 1)),
        note="The excess over L* is the sum of both parts.",
    )
    above = derive("trace-inequality", at_least(square, 0), best, by=(Sigma, gap, M_2), note="A trace of two semidefinite factors.")
    least = derive(
        "sum-of-nonnegatives",
        All(at_least(total, ANY_LEAST), Equivalence(minimal, All(equal(size(added), 0), equal(square, 0)))),
        excess,
        above,
        by=((Integer(1), size(added)), (Integer(1), square)),
        note="A sum of nonnegative terms is at least 0, and 0 only if each is.",
    )
    solves = derive(
        "equivalent-relations",
        Equivalence(equal(alone, ANY_LEAST), equal(square, 0)),
        best,
        by=(1, (0, 1)),
        note="The step is a best one where the square vanishes.",
    )
    minimisers = derive(
        "logic",
        Equivalence(minimal, All(equal(size(added), 0), equal(M_2 * step * Sigma, M_1))),
        least,
        solves,
        best,
        note="The equality cases of both parts.",
    )
    return split, excess, least, minimisers
