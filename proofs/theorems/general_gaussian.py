"""All global minimisers of the in-context loss for x ~ N(0, Σ), w ~ N(0, W).

A corollary of the theorem for every law: the normal equations of the best step have one solution, and the part of the prediction even in
the labels vanishes only where it must.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sympy import Identity, Inverse, MatMul, Trace, Transpose, ZeroMatrix

from proofs.derivation import Derivation
from proofs.kernel import Statement, Step, Theorem
from proofs.language import (
    All,
    Any_,
    Equivalence,
    Expectation,
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
from proofs.theorems import even_part, every_law, one_step_loss
from proofs.theorems.vocabulary import (
    ANY_EVEN,
    ANY_LEAST,
    ANY_LOSS,
    ANY_PREDICTION,
    ANY_PROMPT,
    ANY_TARGET,
    EVEN,
    GAUSSIAN,
    LABEL,
    LOSS,
    OPTIMUM,
    PREDICTION,
    PROMPT,
    QUERY,
    STEP,
    TARGET,
    one_step,
)
from proofs.theorems.vocabulary import one_step_loss as loss_of_step
from theory.notation import M_1, M_2, A, B, B_star, Sigma, W, X, c, d, eps, eps_q, n, omega, v_x, v_y, w, x_q, y, y_q


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
    odd_loss = loss_of_step(STEP)
    minimal = equal(LOSS, least)

    # from the theorem for every law
    step_loss = derive(
        "specialisation",
        replaced(one_step_loss.theorem().claim, {B: STEP}),
        one_step_loss.theorem(),
        by=((B, STEP),),
        note="The loss of one step, at the step B of the layer.",
    )
    exists = derive("logic", Invertible(H), step_loss, note="In particular H is invertible, so that B* exists.")
    cancels = derive("inverse", equal(MatMul(H, Inverse(H)), Identity(d)), exists, by=(H,), note="The definition of the inverse.")
    realised = _realised(derive, exists, cancels)
    parts, split = (derive("logic", fact, realised, note=note) for fact, note in zip(realised.conclusion.args, _PARTS, strict=False))
    raw = realised.conclusion.args[4].rhs
    closed = derive("gaussian-moment", equal(raw, least), exists, note="The variance of a label is τ.")
    same = [
        derive("equivalent-relations", Equivalence(old(LOSS, raw), old(LOSS, least)), closed, exists, by=(1, (0, -1)), note=note)
        for old, note in ((equal, "L* in closed form."), (at_least, "The same in L ≥ L*."))
    ]
    square = Trace(G * (STEP - best) * Sigma * Transpose(STEP - best))
    completed = derive("logic", equal(odd_loss, least + n * square), step_loss, note="The loss of the step B as a completed square.")
    bound = derive("logic", at_least(LOSS, least), realised, *same, note="So L* is the minimum.")

    # where it is reached
    solutions = realised.conclusion.args[5].args[1].args[1]
    vanishes = [
        derive(
            "trace-inequality",
            Equivalence(equal(square, 0), relation),
            step_loss,
            by=(Sigma, STEP - best, G),
            note=note,
        )
        for relation, note in (
            (equal(G * (STEP - best) * Sigma, 0), "The equality case of a trace inequality."),
            (equal(STEP, best), "Both factors are definite."),
        )
    ]
    solves = derive(
        "equivalent-relations",
        Equivalence(equal(G * (STEP - best) * Sigma, 0), solutions),
        cancels,
        exists,
        by=(1 / n, (0, -Sigma, W * Sigma)),
        note="B* solves the normal equations.",
    )
    set_of_all = derive(
        "logic",
        Equivalence(minimal, All(equal(STEP, best), Any_(equal(v_x, 0), equal(A, 0)), Any_(equal(v_y, 0), equal(c, 0)))),
        realised,
        *same,
        *vanishes,
        solves,
        even_part.theorem(),
        note="The normal equations have one solution; the even part vanishes where it must.",
    )
    attained = _attained(derive, minimal, set_of_all, exists)
    implements = _implements(derive, minimal, set_of_all, exists)

    # the families
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


_PARTS = ("The prediction is an even part and one step with B.", "The two parts are uncorrelated.")


def _realised(derive: Derivation, exists: Step, cancels: Step) -> Step:
    """The theorem for every law, for labels y = Xw + ε."""
    _, G, _, best, _ = OPTIMUM
    second, first = n * G, n * Sigma * W * Sigma
    moments = [
        derive("gaussian-moment", equal(value, mean), note=note)
        for value, mean, note in (
            (Sigma, Expectation(x_q * x_q.T, x_q), "The moments of a prompt: of the query's covariate,"),
            (second, Expectation(X.T * LABEL * LABEL.T * X, X, w, eps), "of the context's Xᵀy,"),
            (first, Expectation(X.T * LABEL * QUERY * x_q.T, *PROMPT), "and of both."),
        )
    ]
    normal = derive(
        "matrix-identity",
        equal(second * best * Sigma, first),
        cancels,
        exists,
        by=((0, n * Sigma, W * Sigma),),
        note="B* solves the normal equations, because G = ΣH.",
    )
    step = one_step(STEP, y)
    said = {
        ANY_LOSS: LOSS,
        ANY_LEAST: Mean(TARGET**2, w, x_q, eps_q) - Trace(first * best.T),
        every_law.SIZE: even_part.SIZE,
        every_law.DISTANCE: Mean((PREDICTION - one_step(best)) ** 2, X, w, eps, x_q),
        Mean((step - ANY_TARGET) ** 2, *ANY_PROMPT): loss_of_step(STEP),
        ANY_PREDICTION: PREDICTION,
        ANY_EVEN: EVEN,
    }
    values = {y: LABEL, M_2: second, M_1: first, B_star: best}
    return derive(
        "realisation",
        replaced(every_law.CLAIM, said | values),
        every_law.theorem(),
        *moments,
        normal,
        exists,
        by=((w, eps, eps_q), *(values | {y_q: QUERY}).items()),
        note="The theorem for every law: y and y_q are functions of the task vector and the noise, and change their signs with them.",
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
