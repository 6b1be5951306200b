"""All global minimisers of the in-context loss for prompts of any law with a symmetry that makes part of the prediction vanish.

The theorem of which the paper's three theorems are corollaries. The prediction is a part even in the labels and one step with B = v_y A +
v_x cᵀ. A change of signs under which the law of the prompt stays as it is, the even part changes sign relative to the residual of the step,
makes the two uncorrelated; the rest is the loss of one step.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sympy import Integer, Trace, Transpose

from proofs.derivation import Derivation
from proofs.kernel import Statement, Step, Theorem
from proofs.language import All, Equivalence, Implication, Mean, SignSymmetric, at_least, equal, replaced
from proofs.theorems import best_step
from proofs.theorems.vocabulary import ANY_EVEN, ANY_LAW, ANY_LEAST, ANY_LOSS, ANY_PREDICTION, ANY_PROMPT, ANY_TARGET, STEP, one_step
from theory.notation import M_1, M_2, A, B, B_star, Sigma, X, c, v_x, v_y, x_q, y, y_q

SIZE = Mean(ANY_EVEN**2, X, y, x_q)
DISTANCE = Mean((ANY_PREDICTION - one_step(B_star, y)) ** 2, X, y, x_q)
MINIMAL = equal(ANY_LOSS, ANY_LEAST)


@cache
def theorem() -> Theorem:
    """The theorem."""
    flips = (y, y_q)
    return Theorem(
        label="every-law",
        title="All global minimisers for prompts of any law that is symmetric in the sign of the labels",
        source="derived here; its corollaries are Theorems 1, 2 and 3 of Mahankali, Hashimoto, Ma, arXiv 2307.03576",
        statement=Statement(CLAIM, (*ANY_LAW, SignSymmetric(*flips))),
        steps=steps(flips, "Under (y, y_q) → −(y, y_q) the even part stays and the other factor changes sign."),
        remarks=(
            "The part of the layer that is odd in the labels has to be a best step, and the part that is even has to be 0 on almost every "
            "prompt; no other layer is a global minimiser, and each of them takes the step B* on almost every prompt.",
            "Without the symmetry the best one-step predictor is the same (theorem best-step), and with a symmetry in the sign of the "
            "covariates instead so is all of this (theorem reflected-covariates); with neither, the even part may be correlated with "
            "the rest.",
            "Every mean here exists if E‖x‖⁴, E y⁴ and E y²‖x‖² are finite for the tokens and the query.",
        ),
    )


def claim() -> Any:
    """What follows from either symmetry."""
    square = Trace(M_2 * (STEP - B_star) * Sigma * Transpose(STEP - B_star))
    odd = one_step(STEP, y)
    return All(
        equal(ANY_PREDICTION, ANY_EVEN + odd),
        equal(ANY_LOSS, SIZE + Mean((odd - ANY_TARGET) ** 2, *ANY_PROMPT)),
        equal(ANY_LOSS, ANY_LEAST + SIZE + square),
        equal(ANY_LOSS, ANY_LEAST + DISTANCE),
        at_least(ANY_LOSS, ANY_LEAST),
        Equivalence(MINIMAL, All(equal(SIZE, 0), equal(M_2 * STEP * Sigma, M_1))),
        Equivalence(MINIMAL, equal(DISTANCE, 0)),
        Implication(All(equal(v_x, 0), equal(c, 0), equal(v_y, 1), equal(A, B_star)), MINIMAL),
    )


CLAIM = claim()


def steps(flips: tuple[Any, ...], why: str) -> tuple[Step, ...]:
    """The derivation, from the matrices whose signs are changed."""
    derive = Derivation()
    odd, best = one_step(STEP, y), one_step(B_star, y)
    gap = STEP - B_star
    square = Trace(M_2 * gap * Sigma * Transpose(gap))
    parts = derive("matrix-identity", CLAIM.args[0], note="The prediction is an even part and one step with B.")
    inside = tuple(z for z in flips if z != y_q)
    cross, apart = (
        derive("sign-symmetry", equal(Mean(ANY_EVEN * factor, *variables), 0), by=group, note=note)
        for factor, variables, group, note in (
            (odd - ANY_TARGET, ANY_PROMPT, flips, why),
            (odd - best, (X, y, x_q), inside, "So does the difference of two steps."),
        )
    )
    split = derive(
        "matrix-identity", CLAIM.args[1], cross, by=((0, 2),), note="Expand the square of the two parts; the cross term vanishes."
    )
    step = derive(
        "specialisation",
        replaced(best_step.theorem().claim, {B: STEP}),
        best_step.theorem(),
        by=((B, STEP),),
        note="The loss of one step, at the step B of the layer.",
    )
    excess = derive(
        "matrix-identity",
        CLAIM.args[2],
        split,
        step,
        by=((0, 1), (1, 1)),
        note="The excess over L* is the sum of both parts.",
    )
    distance = derive(
        "matrix-identity",
        CLAIM.args[3],
        excess,
        step,
        apart,
        by=((0, 1), (2, 1), (3, -2)),
        note="It is the mean squared distance of the prediction from that of the best step.",
    )
    semidefinite = (Sigma, gap, M_2)
    above = derive("trace-inequality", at_least(square, 0), step, by=semidefinite, note="A trace of two semidefinite factors.")
    vanishes = derive(
        "sum-of-nonnegatives",
        All(CLAIM.args[4], Equivalence(MINIMAL, All(equal(SIZE, 0), equal(square, 0)))),
        excess,
        above,
        by=((Integer(1), SIZE), (Integer(1), square)),
        note="A sum of nonnegative terms is at least 0, and 0 only if each is.",
    )
    solves = derive(
        "equivalent-relations",
        Equivalence(equal(Mean((odd - ANY_TARGET) ** 2, *ANY_PROMPT), ANY_LEAST), equal(square, 0)),
        step,
        by=(1, (0, 1)),
        note="The step is a best one where the square vanishes.",
    )
    minimisers = derive("logic", CLAIM.args[5], vanishes, solves, step, note="The equality cases of both parts.")
    almost = derive(
        "sum-of-nonnegatives",
        Equivalence(MINIMAL, equal(DISTANCE, 0)),
        distance,
        by=((Integer(1), DISTANCE),),
        note="So a minimiser takes the step B* on almost every prompt.",
    )
    chosen = CLAIM.args[7].args[0]
    reached = [
        derive("matrix-identity", Implication(chosen, equation), step, by=by, note=note)
        for equation, by, note in (
            (equal(SIZE, 0), (), "With v_x = 0 and c = 0 the even part is 0."),
            (equal(square, 0), (), "With v = (0, 1), A = B* and c = 0 the layer has B = B*."),
        )
    ]
    attained = derive("logic", CLAIM.args[7], vanishes, *reached, note="So the minimum is attained.")
    derive("logic", CLAIM, parts, split, excess, distance, vanishes, minimisers, almost, attained, note="Collect the steps.")
    return derive.steps
