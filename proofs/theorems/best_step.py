"""The loss of a predictor (Σ y_i x_i)ᵀ B x_q on prompts of any law, with no symmetry assumed: a completed square in B."""

from __future__ import annotations

from functools import cache

from sympy import Identity, Integer, Inverse, Trace, Transpose

from proofs.derivation import Derivation
from proofs.kernel import Statement, Theorem
from proofs.language import All, Equivalence, Implication, Mean, PositiveDefinite, PositiveSemidefinite, at_least, equal
from proofs.theorems.vocabulary import ANY_LAW, ANY_LEAST, ANY_PROMPT, ANY_TARGET, one_step
from theory.notation import M_1, M_2, B, B_star, Sigma, X, d, x_q, y, y_q

DEFINED = ANY_LAW[2:5]
NORMAL = ANY_LAW[5]


@cache
def theorem() -> Theorem:
    """The theorem."""
    derive = Derivation()
    covariance, second, first = (equation.rhs for equation in DEFINED)
    defined = derive("logic", All(*DEFINED, NORMAL), note="By definition.")
    prediction, gap = one_step(B, y), B - B_star
    loss = Mean((prediction - ANY_TARGET) ** 2, *ANY_PROMPT)
    square = Trace(M_2 * gap * Sigma * Transpose(gap))
    size = derive(
        "independence",
        equal(Mean(prediction**2, X, y, x_q), Trace(second * B * covariance * B.T)),
        note="The query's covariate is independent of the context.",
    )
    product = derive(
        "independence",
        equal(Mean(prediction * ANY_TARGET, *ANY_PROMPT), Trace(first * B.T)),
        note="The mean of a linear function of a matrix.",
    )
    quadratic = derive(
        "matrix-identity",
        equal(loss, Trace(M_2 * B * Sigma * B.T) - 2 * Trace(M_1 * B.T) + Mean(ANY_TARGET**2, y_q)),
        size,
        product,
        defined,
        by=((0, 1), (1, -2), (2, -1, B.T * second * B), (3, -1, B * Sigma * B.T), (4, 2, B.T)),
        note="The loss, a quadratic in B.",
    )
    semidefinite = [
        derive("definiteness", PositiveSemidefinite(symbol), defined, by=((1, Identity(d), mean),), note="A mean of squares.")
        for symbol, mean in ((M_2, second), (Sigma, covariance))
    ]
    completed = derive(
        "matrix-identity",
        equal(loss, ANY_LEAST + square),
        quadratic,
        defined,
        *semidefinite,
        by=((0, 1), (4, 2, B.T), (4, -1, B_star.T)),
        note="Complete the square, by the normal equations.",
    )
    above = derive(
        "trace-inequality", at_least(square, 0), *semidefinite, by=(Sigma, gap, M_2), note="A trace of two semidefinite factors."
    )
    vanishes = derive(
        "trace-inequality",
        Equivalence(equal(square, 0), equal(M_2 * gap * Sigma, 0)),
        *semidefinite,
        by=(Sigma, gap, M_2),
        note="Its equality case.",
    )
    solves = derive(
        "equivalent-relations",
        Equivalence(equal(M_2 * gap * Sigma, 0), equal(M_2 * B * Sigma, M_1)),
        defined,
        by=(1, (3, -1)),
        note="The difference of two solutions.",
    )
    bound = derive(
        "sum-of-nonnegatives",
        All(at_least(loss, ANY_LEAST), Equivalence(equal(loss, ANY_LEAST), equal(square, 0))),
        completed,
        above,
        by=((Integer(1), square),),
        note="So no step has a smaller loss.",
    )
    minimisers = derive(
        "logic",
        Equivalence(equal(loss, ANY_LEAST), equal(M_2 * B * Sigma, M_1)),
        bound,
        vanishes,
        solves,
        note="The best steps are the solutions of the normal equations.",
    )
    distance = derive(
        "independence",
        equal(Mean((prediction - one_step(B_star, y)) ** 2, X, y, x_q), Trace(second * gap * covariance * Transpose(gap))),
        note="The mean squared distance of two steps.",
    )
    apart = derive(
        "matrix-identity",
        equal(square, Mean((prediction - one_step(B_star, y)) ** 2, X, y, x_q)),
        distance,
        defined,
        by=((0, -1), (1, 1, Transpose(gap) * second * gap), (2, 1, gap * Sigma * Transpose(gap))),
        note="It is the square that was completed.",
    )
    definite = All(PositiveDefinite(M_2), PositiveDefinite(Sigma))
    explicit = derive(
        "matrix-identity",
        Implication(definite, equal(B_star, Inverse(M_2) * M_1 * Inverse(Sigma))),
        defined,
        by=((3, Inverse(M_2), Inverse(Sigma)),),
        note="Where both second moments are definite there is one solution.",
    )
    claim = All(
        *(step.conclusion for step in semidefinite),
        completed.conclusion,
        apart.conclusion,
        at_least(loss, ANY_LEAST),
        minimisers.conclusion,
        explicit.conclusion,
    )
    derive("logic", claim, *semidefinite, completed, apart, bound, minimisers, explicit, note="Collect the steps.")
    return Theorem(
        label="best-step",
        title="The best preconditioned step for prompts of any law",
        source="derived here",
        statement=Statement(claim, ANY_LAW),
        steps=derive.steps,
        remarks=(
            "Every mean here exists if E‖x‖⁴, E y⁴ and E y²‖x‖² are finite for the tokens and the query. The normal equations M₂ B Σ = M₁ "
            "always have a solution: the loss is a quadratic in B that is bounded below.",
            "No symmetry is assumed. It is needed for the layer of attention, whose prediction has a second part; if that part is "
            "correlated with the residual y_q − yᵀX B* x_q, then the best layer is better than the best step.",
        ),
    )
