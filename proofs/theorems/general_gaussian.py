"""All global minimisers of the in-context loss for x ~ N(0, Σ), w ~ N(0, W).

The loss splits into a part odd and a part even under the sign flip of (w, ε). The odd part is a completed square in B = v_y A + v_x cᵀ,
the even part vanishes only where it must; both vanish together exactly at the minimisers.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sympy import Identity, Integer, Inverse, MatMul, Trace, Transpose, ZeroMatrix

from proofs.derivation import Derivation
from proofs.kernel import Statement, Step, Theorem
from proofs.language import (
    All,
    Any_,
    Equivalence,
    Implication,
    Invertible,
    Mean,
    Rank,
    at_least,
    at_most,
    different,
    equal,
    more_than,
    replaced,
)
from proofs.theorems import even_part, one_step_loss
from proofs.theorems.vocabulary import EVEN, GAUSSIAN, LABEL, LOSS, OPTIMUM, PREDICTION, PROMPT, STEP, TARGET, one_step
from proofs.theorems.vocabulary import one_step_loss as loss_of_step
from theory.notation import A, B, Sigma, W, X, c, d, eps, eps_q, n, omega, v_x, v_y, w, x_q


def in_values(step: Any) -> Any:
    """The labels enter through the values: v_x = 0, c = 0, v_y A = B."""
    return All(equal(v_x, 0), equal(c, 0), equal(v_y * A, step))


def in_keys(step: Any) -> Any:
    """The labels enter through the keys: A = 0, v_y = 0, v_x cᵀ = B."""
    return All(equal(A, 0), equal(v_y, 0), equal(v_x * c.T, step))


@cache
def theorem() -> Theorem:
    """The theorem."""
    derive = Derivation()
    _, G, H, best, least = OPTIMUM
    odd = one_step(STEP)
    even_size, odd_loss = even_part.SIZE, loss_of_step(STEP)
    minimal = equal(LOSS, least)

    # the two parts
    parts = derive("matrix-identity", equal(PREDICTION, EVEN + odd), note="The prediction is an even part and one step with B.")
    cross = derive(
        "sign-symmetry",
        equal(Mean(EVEN * (odd - TARGET), *PROMPT), 0),
        by=(w, eps, eps_q),
        note="Under (w, ε, ε_q) → −(w, ε, ε_q) the even part stays and the odd factor changes sign.",
    )
    split = derive(
        "matrix-identity",
        equal(LOSS, even_size + odd_loss),
        cross,
        by=((0, 2),),
        note="Expand the square of the two parts; the cross term vanishes.",
    )
    step_loss = derive(
        "specialisation",
        replaced(one_step_loss.theorem().claim, {B: STEP}),
        one_step_loss.theorem(),
        by=((B, STEP),),
        note="The loss of one step, at the step B of the layer.",
    )
    exists = derive("logic", Invertible(H), step_loss, note="In particular H is invertible, so that B* exists.")
    square = Trace(G * (STEP - best) * Sigma * Transpose(STEP - best))
    completed = derive("logic", equal(odd_loss, least + n * square), step_loss, note="The loss of the step B as a completed square.")
    excess = derive(
        "matrix-identity",
        equal(LOSS, least + even_size + n * square),
        split,
        completed,
        exists,
        by=((0, 1), (1, 1)),
        note="The excess over L* is the sum of both parts.",
    )

    # where both vanish
    definite = (Sigma, STEP - best, G)
    above = derive("trace-inequality", at_least(square, 0), step_loss, by=definite, note="A trace of two definite factors.")
    zero = derive(
        "trace-inequality",
        Equivalence(equal(square, 0), equal(STEP, best)),
        step_loss,
        by=definite,
        note="Its equality case: both factors are definite.",
    )
    bound = derive(
        "sum-of-nonnegatives",
        All(at_least(LOSS, least), Equivalence(minimal, All(equal(even_size, 0), equal(square, 0)))),
        excess,
        above,
        exists,
        by=((Integer(1), even_size), (n, square)),
        note="A sum of nonnegative terms is at least 0, and 0 only if each is.",
    )
    set_of_all = derive(
        "logic",
        Equivalence(minimal, All(equal(STEP, best), Any_(equal(v_x, 0), equal(A, 0)), Any_(equal(v_y, 0), equal(c, 0)))),
        bound,
        zero,
        even_part.theorem(),
        note="The equality cases of both parts.",
    )
    attained = _attained(derive, minimal, set_of_all, exists)
    implements = _implements(derive, minimal, set_of_all, exists)

    # the families
    cancels = derive("inverse", equal(MatMul(H, Inverse(H)), Identity(d)), exists, by=(H,), note="The definition of the inverse.")
    no_task = derive(
        "matrix-identity",
        Implication(equal(best, 0), equal(W, 0)),
        cancels,
        exists,
        by=((0, -1, W), (1, H)),
        note="W = H B*, so B* = 0 only for W = 0.",
    )
    cases = [
        derive("equivalent-relations", Implication(hypothesis, Equivalence(equal(STEP, best), relation)), exists, by=(factor,), note=note)
        for hypothesis, relation, factor, note in (
            (All(equal(v_x, 0), equal(v_y, 0)), equal(best, 0), -1, "With v = 0 the step B is 0."),
            (All(equal(A, 0), equal(c, 0)), equal(best, 0), -1, "With A = 0 and c = 0 the step B is 0."),
            (equal(v_x, 0), equal(v_y * A, best), 1, "With v_x = 0 the step is v_y A."),
            (equal(A, 0), equal(v_x * c.T, best), 1, "With A = 0 the step is v_x cᵀ."),
        )
    ]
    families = derive(
        "logic",
        Implication(different(W, 0), Equivalence(minimal, Any_(in_values(best), in_keys(best)))),
        set_of_all,
        no_task,
        *cases,
        note="Of the four cases two need B* = 0, so they are excluded when W ≠ 0.",
    )
    bounded = derive(
        "rank",
        Implication(equal(v_x * c.T, best), at_most(Rank(W), 1)),
        exists,
        by=(Inverse(H), W, Identity(d)),
        note="A column times a row has rank at most one, and B* has the rank of W.",
    )
    nothing = MatMul(ZeroMatrix(d, 1), c.T)
    bounded_at_zero = derive(
        "rank",
        Implication(equal(nothing, best), at_most(Rank(W), 1)),
        exists,
        by=(Inverse(H), W, Identity(d)),
        note="The same bound for v_x = 0.",
    )
    as_zero = derive(
        "equivalent-relations",
        Equivalence(equal(nothing, best), equal(best, 0)),
        exists,
        by=(-1,),
        note="The product with 0 is B* only for B* = 0.",
    )
    unique = derive(
        "logic",
        Implication(more_than(Rank(W), 1), Equivalence(minimal, in_values(best))),
        set_of_all,
        *cases,
        bounded,
        bounded_at_zero,
        as_zero,
        note="So for a W of rank two or more the labels enter through the values: unique up to the scale v_y.",
    )
    direction = All(equal(omega * omega.T, W), equal(v_x, Inverse(H) * omega), equal(c, omega))
    outer = derive(
        "matrix-identity",
        Implication(direction, equal(v_x * c.T, best)),
        exists,
        by=((0, Inverse(H)),),
        note="For W = ωωᵀ the step B* is itself a column times a row.",
    )
    second = derive(
        "logic",
        Implication(All(*direction.args, equal(A, 0), equal(v_y, 0)), minimal),
        set_of_all,
        *cases,
        outer,
        note="So there the second family is not empty.",
    )
    claim = All(
        parts.conclusion,
        split.conclusion,
        completed.conclusion,
        at_least(LOSS, least),
        set_of_all.conclusion,
        attained.conclusion,
        implements.conclusion,
        families.conclusion,
        unique.conclusion,
        second.conclusion,
    )
    shown = (parts, split, completed, bound, set_of_all, attained, implements, families, unique, second)
    derive("logic", claim, *shown, note="Collect the steps.")
    return Theorem(
        label="general-gaussian",
        title="All global minimisers for Gaussian covariates and a linear response",
        source="derived here; contains Theorems 1 and 2 of Mahankali, Hashimoto, Ma, arXiv 2307.03576",
        statement=Statement(claim, GAUSSIAN),
        steps=derive.steps,
        remarks=(
            "Where τ = 0, which means W = 0 and σ² = 0, every label is 0: see the theorem no-signal.",
            "For a W of rank two or more the minimiser is unique up to the scale (v, M) → (s v, M / s) and the last column of M, "
            "which never acts. "
            "If W has rank one, it is ωωᵀ for some ω, and the last part gives members of the second family. A singular Σ is not covered.",
        ),
    )


def _attained(derive: Derivation, minimal: Any, set_of_all: Step, exists: Step) -> Step:
    """The minimum is reached by the layer with v = (0, 1) and A = B*."""
    best = OPTIMUM.step
    chosen = All(equal(v_x, 0), equal(c, 0), equal(v_y, 1), equal(A, best))
    reached = derive(
        "matrix-identity", Implication(chosen, equal(STEP, best)), exists, note="With v = (0, 1), A = B* and c = 0 the layer has B = B*."
    )
    return derive("logic", Implication(chosen, minimal), set_of_all, reached, note="So the minimum is attained.")


def _implements(derive: Derivation, minimal: Any, set_of_all: Step, exists: Step) -> Step:
    """At a minimum the prediction is one step with B*, on every prompt."""
    best = OPTIMUM.step
    cases = [
        derive(
            "matrix-identity",
            Implication(All(equal(first, 0), equal(second, 0)), equal(PREDICTION, one_step(STEP))),
            note=f"With {first} = 0 and {second} = 0 the even part is 0 on every prompt.",
        )
        for first in (v_x, A)
        for second in (v_y, c)
    ]
    exchanged = derive(
        "equivalent-relations",
        Implication(equal(STEP, best), Equivalence(equal(PREDICTION, one_step(STEP)), equal(PREDICTION, one_step(best)))),
        exists,
        by=(1, (0, -x_q * LABEL.T * X)),
        note="Where B = B*, one step with B is one step with B*.",
    )
    return derive(
        "logic",
        Implication(minimal, equal(PREDICTION, one_step(best))),
        set_of_all,
        *cases,
        exchanged,
        note="So every minimiser takes one step with B*, on every prompt.",
    )
