"""Random weights on the examples of a context, of which a random length is one kind: all global minimisers of the averaged loss.

The layer sees the tokens of a context through D, any random matrix: D = diag(1, …, 1, 0, …, 0) is a context that ends early, and
D = k^(−1/2) diag(1, …, 1, 0, …, 0) one of which the layer takes means. Given D the loss of one step is a quadratic in B that depends on D
through three traces; so its mean is that of a fixed length, with three moments in the place of n and n².
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sympy import Identity, Inverse, MatMul, Trace, Transpose

from proofs.derivation import Derivation
from proofs.kernel import Statement, Step, Theorem
from proofs.language import (
    All,
    Equivalence,
    Implication,
    Invertible,
    Law,
    Mean,
    Named,
    NamedMatrix,
    PositiveDefinite,
    at_least,
    equal,
    more_than,
    replaced,
    substitute,
)
from proofs.theorems.vocabulary import EVEN, GAUSSIAN, LABEL, OPTIMUM, PREDICTION, PROMPT, STEP, TARGET, one_step
from theory.notation import A, D, Sigma, W, X, c, d, eps, eps_q, n, v_x, v_y, w, x_q

WEIGHTS = D.T * D
TOTAL = Named("pi_1", Mean(Trace(WEIGHTS), D))
TOTAL_SQUARED = Named("pi_2", Mean(Trace(WEIGHTS) ** 2, D))
SQUARES = Named("pi_3", Mean(Trace(WEIGHTS * WEIGHTS), D))
LENGTH = Named("n_tilde", TOTAL_SQUARED / SQUARES)
TAU = OPTIMUM.tau
SYSTEM = NamedMatrix("H", substitute(OPTIMUM.system.args[1], {n: LENGTH}))
BEST = NamedMatrix("B_star", MatMul(TOTAL / SQUARES, Inverse(SYSTEM), W))
MOMENT = NamedMatrix("G", substitute(OPTIMUM.moment.args[1], {n: LENGTH}))
LEAST = Named("L_star", TAU - TOTAL * Trace(BEST * Sigma * W * Sigma))
GIVEN = (*GAUSSIAN, Law(D), more_than(SQUARES, 0))


def weighted(expr: Any) -> Any:
    """The same on a context that the layer sees through D."""
    return replaced(expr, {LABEL: MatMul(D, LABEL), X: D * X})


SEEN, SEEN_EVEN = (Named(part.args[0], weighted(part.args[1])) for part in (PREDICTION, EVEN))
SEEN_STEP = weighted(one_step(STEP))
VARIABLES = (*PROMPT, D)
LOSS = Named("L", Mean((SEEN - TARGET) ** 2, *VARIABLES))
STEP_LOSS = Mean((SEEN_STEP - TARGET) ** 2, *VARIABLES)
SIZE = Mean(SEEN_EVEN**2, X, w, eps, x_q, D)
MINIMAL = equal(LOSS, LEAST)


def quadratic(step: Any, total: Any, total_squared: Any, squares: Any) -> Any:
    """The loss of one step, given three moments of the weights."""
    size = Trace(Sigma * step * Sigma * step.T)
    aligned = Trace(Sigma * W * Sigma * step * Sigma * step.T)
    return (total_squared + squares) * aligned + squares * TAU * size - 2 * total * Trace(step * Sigma * W * Sigma) + TAU


@cache
def theorem() -> Theorem:
    """The theorem."""
    derive = Derivation()
    parts = derive("matrix-identity", equal(SEEN, SEEN_EVEN + SEEN_STEP), note="The prediction is an even part and one step with B.")
    cross = derive(
        "sign-symmetry",
        equal(Mean(SEEN_EVEN * (SEEN_STEP - TARGET), *VARIABLES), 0),
        by=(w, eps, eps_q),
        note="Under (w, ε, ε_q) → −(w, ε, ε_q) the even part stays and the other factor changes sign.",
    )
    split = derive(
        "matrix-identity",
        equal(LOSS, SIZE + STEP_LOSS),
        cross,
        by=((0, 2),),
        note="Expand the square of the two parts; the cross term vanishes.",
    )
    averaged = _averaged(derive)
    square, completed, exists, positive, definite = _completed(derive, averaged)
    excess = derive(
        "matrix-identity",
        equal(LOSS, LEAST + SIZE + SQUARES * square),
        split,
        completed,
        exists,
        positive,
        by=((0, 1), (1, 1)),
        note="The excess over L* is the sum of both parts.",
    )
    above = derive(
        "trace-inequality",
        at_least(square, 0),
        definite,
        exists,
        positive,
        by=(Sigma, STEP - BEST, MOMENT),
        note="A trace of two definite factors.",
    )
    vanishes = derive(
        "trace-inequality",
        Equivalence(equal(square, 0), equal(STEP, BEST)),
        definite,
        exists,
        positive,
        by=(Sigma, STEP - BEST, MOMENT),
        note="It vanishes only with B − B*.",
    )
    bound = derive(
        "sum-of-nonnegatives",
        All(at_least(LOSS, LEAST), Equivalence(MINIMAL, All(equal(SIZE, 0), equal(square, 0)))),
        excess,
        above,
        exists,
        positive,
        by=((1, SIZE), (SQUARES, square)),
        note="A sum of nonnegative terms is at least 0, and 0 only if each is.",
    )
    minimisers = derive(
        "logic", Equivalence(MINIMAL, All(equal(SIZE, 0), equal(STEP, BEST))), bound, vanishes, note="All global minimisers."
    )
    attained = _attained(derive, minimisers, exists, positive)
    length = _length(derive, positive)
    claim = All(
        parts.conclusion,
        split.conclusion,
        excess.conclusion,
        at_least(LOSS, LEAST),
        minimisers.conclusion,
        attained.conclusion,
        *length.conclusion.args,
    )
    derive("logic", claim, parts, split, excess, bound, minimisers, attained, length, note="Collect the steps.")
    return Theorem(
        label="random-weights",
        title="Contexts of random length, or with random weights on their examples: the best step is that of one effective length",
        source="derived here",
        statement=Statement(claim, GIVEN),
        steps=derive.steps,
        remarks=(
            "If DᵀD is the diagonal matrix of weights p₁, …, p_n then ŷ is the layer's prediction with token i counted pᵢ times, and "
            "π₁ = E Σp, π₂ = E (Σp)², π₃ = E Σp². With p = (1, …, 1, 0, …, 0) the context has a random length k, and ñ = E k² / E k, the "
            "mean length seen by an example; with p = (1/k, …, 1/k, 0, …, 0) the layer takes means, and ñ = 1 / E(1/k), the harmonic mean.",
            "ñ is Kish's effective sample size. By the last parts it is at most n, and at least π₁² / π₃: for sums, at least the mean "
            "length, so that the best step is smaller than that of a fixed length with the same mean.",
        ),
    )


def _averaged(derive: Derivation) -> Step:
    """The loss of one step, averaged over D last."""
    integrand = STEP_LOSS.args[0]
    given_weights = Mean(integrand, *PROMPT)
    nested = derive(
        "citation",
        equal(STEP_LOSS, Mean(given_weights, D)),
        by=("fubini",),
        note="The weights are independent of the prompt: average over them last.",
    )
    at_weights = quadratic(STEP, Trace(WEIGHTS), Trace(WEIGHTS) ** 2, Trace(WEIGHTS * WEIGHTS))
    inner = derive("gaussian-moment", equal(given_weights, at_weights), note="The loss given the weights, a quadratic in B.")
    means = derive("monotone-mean", equal(Mean(given_weights, D), Mean(at_weights, D)), inner, note="So the means are the same.")
    return derive(
        "matrix-identity",
        equal(STEP_LOSS, quadratic(STEP, TOTAL, TOTAL_SQUARED, SQUARES)),
        nested,
        means,
        by=((0, 1), (1, 1)),
        note="The mean is linear.",
    )


def _completed(derive: Derivation, averaged: Step) -> tuple[Any, Step, Step, Step, Step]:
    """The square, the step in which it is completed, that B* exists, that ñ is not negative, and that G is definite."""
    positive = derive(
        "sign", at_least(LENGTH, 0), by=(LENGTH,), note="The effective length is a mean of squares, divided by a positive number."
    )
    definite = derive(
        "definiteness",
        PositiveDefinite(MOMENT),
        positive,
        by=((LENGTH + 1, Sigma, W), (TAU, Identity(d), Sigma)),
        note="G is definite, because τ > 0 and Σ ≻ 0.",
    )
    exists = derive("definiteness", Invertible(SYSTEM), definite, positive, by=(Sigma,), note="ΣH = G, so H is invertible and B* exists.")
    cancels = derive(
        "inverse",
        equal(MatMul(SYSTEM, Inverse(SYSTEM)), Identity(d)),
        exists,
        positive,
        by=(SYSTEM,),
        note="The definition of the inverse.",
    )
    normal = derive(
        "matrix-identity",
        equal(SQUARES * MOMENT * BEST, TOTAL * Sigma * W),
        cancels,
        exists,
        positive,
        by=((0, TOTAL * Sigma, W),),
        note="B* solves the normal equation of the quadratic.",
    )
    gap = STEP - BEST
    square = Trace(MOMENT * gap * Sigma * Transpose(gap))
    completed = derive(
        "matrix-identity",
        equal(STEP_LOSS, LEAST + SQUARES * square),
        averaged,
        normal,
        exists,
        positive,
        by=((0, 1), (1, 2 * STEP * Sigma, 1, "T"), (1, -BEST * Sigma, 1, "T")),
        note="Complete the square.",
    )
    return square, completed, exists, positive, definite


def _attained(derive: Derivation, minimisers: Step, exists: Step, positive: Step) -> Step:
    chosen = All(equal(v_x, 0), equal(c, 0), equal(v_y, 1), equal(A, BEST))
    reached = [
        derive("matrix-identity", Implication(chosen, equation), exists, positive, by=by, note=note)
        for equation, by, note in (
            (equal(SIZE, 0), (), "With v_x = 0 and c = 0 the even part is 0."),
            (equal(STEP, BEST), ((0, 1),), "With v = (0, 1), A = B* and c = 0 the layer has B = B*."),
        )
    ]
    return derive("logic", Implication(chosen, MINIMAL), minimisers, *reached, note="So the minimum is attained.")


def _length(derive: Derivation, positive: Step) -> Step:
    """That ñ is at most n, when it is n, and at least π₁² / π₃."""
    spread = WEIGHTS - Trace(WEIGHTS) / n * Identity(n)
    unequal = Mean(Trace(MatMul(Transpose(spread), spread)), D)
    most = derive(
        "sum-of-nonnegatives",
        All(at_least(n, LENGTH), Equivalence(equal(n, LENGTH), equal(unequal, 0))),
        by=((n / SQUARES, unequal),),
        note="Cauchy–Schwarz: the squared distance of DᵀD from the nearest multiple of the identity.",
    )
    least = derive(
        "sign",
        at_least(LENGTH, TOTAL**2 / SQUARES),
        by=(Mean((Trace(WEIGHTS) - TOTAL) ** 2, D) / SQUARES,),
        note="The variance of the sum of the weights.",
    )
    return derive("logic", All(*most.conclusion.args, least.conclusion), most, least, note="The bounds of the effective length.")
