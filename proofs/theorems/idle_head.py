"""A head that does nothing leads down from every stationary point above the minimum.

Many heads predict the sum of what they predict, so their prediction is one step and a part even in the labels, as that of one head is.
Where the loss does not change with a common factor of the prediction (all values times t, t = 1), the mean square of the prediction is its
mean product with the query's label; that is all that a new head with the best step needs of such a point.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sympy import Trace

from proofs.derivation import Derivation
from proofs.kernel import Statement, Step, Theorem
from proofs.language import All, Equivalence, Implication, Mean, PositiveSemidefinite, equal, more_than, replaced
from proofs.theorems import any_even_part, best_step
from proofs.theorems.any_even_part import ADDED, GIVEN, loss
from proofs.theorems.vocabulary import ANY_LEAST, ANY_PREDICTION, ANY_PROMPT, ANY_TARGET, one_step
from theory.notation import M_2, A, B, B_star, Sigma, c, s, v_x, v_y, y, y_q

TOGETHER = one_step(B, y) + ADDED
STATIONARY = equal(Mean(TOGETHER * (TOGETHER - ANY_TARGET), *ANY_PROMPT), 0)
WOKEN = B + s**2 * B_star
NEW_HEAD = All(equal(v_x, 0), equal(c, 0), equal(v_y, s), equal(A, s * B_star))
LOSS, LOSS_THERE = loss(B, ADDED), loss(WOKEN, ADDED)
EXCESS, ROOM = LOSS - ANY_LEAST, Mean(ANY_TARGET**2, y_q) - ANY_LEAST


@cache
def theorem() -> Theorem:
    """The theorem."""
    derive = Derivation()
    head = derive(
        "matrix-identity",
        Implication(NEW_HEAD, equal(ANY_PREDICTION, s**2 * one_step(B_star, y))),
        note="The new head takes s² times the best step.",
    )
    product = derive(
        "independence",
        equal(Mean(one_step(B, y) * ANY_TARGET, *ANY_PROMPT), Trace(best_step.DEFINED[2].rhs * B.T)),
        note="The mean of a linear function of a matrix.",
    )
    silent = derive(
        "sign-symmetry",
        equal(Mean(ADDED * ANY_TARGET, *ANY_PROMPT), 0),
        by=(y, y_q),
        note="The part even in the labels is uncorrelated with the query's label.",
    )
    defined = derive("logic", All(best_step.DEFINED[2], best_step.NORMAL), note="By definition.")
    symmetric = derive("logic", All(PositiveSemidefinite(M_2), PositiveSemidefinite(Sigma)), best_step.theorem(), note="Both are moments.")
    premises = (product, silent, *(_excess(derive, step) for step in (B, WOKEN)), defined, symmetric)
    change = (
        (0, -2 * s**2),
        (1, -2 * s**2),
        (2, -1),
        (3, 1),
        (4, 2 * s**2 * B.T),
        (5, 2 * s**2 * (B - B_star).T + s**4 * B_star.T),
        (6, 2 * s**2),
    )
    moved = derive(
        "matrix-identity",
        Implication(STATIONARY, equal(LOSS_THERE, LOSS - 2 * s**2 * EXCESS + s**4 * ROOM)),
        *premises,
        by=change,
        note="What the new head changes, exactly.",
    )
    lower = derive(
        "equivalent-relations",
        Implication(STATIONARY, Equivalence(more_than(LOSS, LOSS_THERE), more_than(2 * EXCESS, s**2 * ROOM))),
        *premises,
        by=(s**2, *((index, -1 * factor) for index, factor in change)),
        note="So the loss falls for every small s, unless L is the minimum.",
    )
    claim = All(head.conclusion, moved.conclusion, lower.conclusion)
    derive("logic", claim, head, moved, lower, note="Collect the steps.")
    return Theorem(
        label="idle-head",
        title="A head that does nothing leads down from every stationary point above the minimum",
        source="derived here",
        statement=Statement(claim, GIVEN),
        steps=derive.steps,
        remarks=(
            "Any number of heads: their even parts add up to e, their steps to B = Σ (v_y A + v_x cᵀ) over the heads. The "
            "hypothesis holds at every stationary point, as it says that the loss does not change to first order when the values "
            "of all heads are multiplied by t, at t = 1.",
            "So a stationary point at which some head has v = 0 and M = 0 is a global minimum or a strict saddle: along s the "
            "second derivative at 0 is −4(L − L*).",
            "Heads whose values are linearly dependent hold an idle one: an invertible combination of the heads, which changes "
            "neither the prediction nor what is a strict saddle, makes one value 0. If its M is not 0, v = s e_y and M + s t B* lead down "
            "for large t (documentation on heads). So it is with more than d + 1 heads. At d + 1 independent values every combination of "
            "values and keys is within reach to first order, and the loss, a convex function of Σ v ⊗ M, is least where it is "
            "stationary. So with d + 1 heads or more every local minimum is global.",
        ),
    )


def _excess(derive: Derivation, step: Any) -> Step:
    """The loss of a step with the even part, over L*."""
    known: Any = any_even_part.theorem()
    there = replaced(known.claim, {B: step})
    if step != B:
        known = derive("specialisation", there, known, by=((B, step),), note="The same with the new head.")
    return derive("logic", there.args[1], known, note="What the loss is above L*: what the step costs and the even part.")
