"""Theorem 3 of the paper: for rotation-invariant prompts the global minimiser is one step of gradient descent, whatever the responses."""

from __future__ import annotations

from functools import cache
from typing import Any

from sympy import Identity, Trace, Transpose

from proofs.derivation import Derivation
from proofs.kernel import Statement, Step, Theorem
from proofs.language import (
    All,
    Equivalence,
    Expectation,
    Implication,
    Independent,
    Law,
    Mean,
    Named,
    PositiveSemidefinite,
    RotationInvariant,
    SignSymmetric,
    at_least,
    equal,
    more_than,
    substitute,
)
from proofs.theorems import every_law
from proofs.theorems.tokens import TOKENS
from proofs.theorems.vocabulary import ANY_LOSS, ANY_PREDICTION, ANY_PROMPT, ANY_TARGET, STEP
from theory.notation import M_1, M_2, A, B_star, Q, Sigma, X, c, d, n, u_star, v_x, v_y, x_1, x_2, x_q, y, y_1, y_2, y_q

KAPPA = Named("kappa", Mean(Trace(y_1) * Trace(y_2) * Trace(x_1.T * x_2), x_1, y_1, x_2, y_2) / d)
GAMMA = Named("gamma", Mean(Trace(y_1) ** 2 * Trace(x_1.T * x_1), x_1, y_1) / d)
SYSTEM = GAMMA + (n - 1) * KAPPA
ETA = Named("eta", KAPPA / SYSTEM)
LEAST = Mean(ANY_TARGET**2, y_q) - n * d * KAPPA * ETA
UNIT = Identity(d)
COVARIANCE = equal(UNIT, Expectation(x_q * x_q.T, x_q))
GIVEN = (
    Law(X, y, x_q, y_q, u_star, x_1, y_1, x_2, y_2),
    TOKENS,
    Independent((X, y, u_star), (x_q,)),
    SignSymmetric(y, y_q, u_star, y_1, y_2),
    RotationInvariant(X, x_q.T, u_star.T, x_1.T, x_2.T),
    COVARIANCE,
    more_than(GAMMA, 0),
)
SQUARE, PRODUCT = Trace(y.T * X * X.T * y), ANY_TARGET * Trace(x_q.T * X.T * y)
BEST = equal(Mean((Trace(x_q.T * u_star) - ANY_TARGET) * Trace(x_q.T * X.T * y), X, y, x_q, y_q, u_star), 0)


@cache
def theorem() -> Theorem:
    """The theorem."""
    derive = Derivation()
    pair = derive(
        "independent-pair",
        PositiveSemidefinite(Expectation(x_1 * y_1 * y_2 * x_2.T, x_1, y_1, x_2, y_2)),
        by=(x_1 * y_1,),
        note="The second moment of the mean of y₁ x₁ given the function.",
    )
    trace = derive(
        "independence",
        equal(d * KAPPA, Trace(pair.conclusion.args[0])),
        note="κ is its trace, divided by d.",
    )
    linear = derive(
        "sign", at_least(KAPPA, 0), pair, trace, by=(Trace(pair.conclusion.args[0]) / d, (0, 1 / d)), note="So κ is not negative."
    )
    positive = derive("sign", more_than(SYSTEM, 0), linear, by=(SYSTEM,), note="So the denominator of η is positive.")
    lengths = [
        derive("sum-over-tokens", equal(mean, value), note=note)
        for mean, value, note in (
            (Mean(SQUARE, X, y), n * d * SYSTEM, "Of the n² pairs of tokens n are one token twice."),
            (Mean(PRODUCT, *ANY_PROMPT), n * d * KAPPA, "The query is a token other than those of the context."),
        )
    ]
    moments = [
        _moment(derive, Expectation(X.T * y * y.T * X, X, y), (X,), n * SYSTEM, lengths[0]),
        _moment(derive, Expectation(X.T * y * y_q * x_q.T, *ANY_PROMPT), (X, Transpose(x_q)), n * KAPPA, lengths[1]),
    ]
    covariance = derive("logic", COVARIANCE, note="Assumed.")
    values = {Sigma: UNIT, M_2: n * SYSTEM * UNIT, M_1: n * KAPPA * UNIT, B_star: ETA * UNIT}
    general = derive(
        "realisation",
        substitute(every_law.CLAIM, values),
        every_law.theorem(),
        *moments,
        covariance,
        positive,
        by=((y, y_q), *values.items()),
        note="The theorem for every law, with M₂, M₁ and B* multiples of the identity.",
    )
    old = substitute(every_law.CLAIM, values)
    step, least = ETA * UNIT, equal(ANY_LOSS, LEAST)
    same = [
        derive("equivalent-relations", Equivalence(*relations), positive, by=(factor,), note=note)
        for relations, factor, note in (
            ((old.args[6].args[0], least), 1, "L* in closed form."),
            ((old.args[4], at_least(ANY_LOSS, LEAST)), 1, "The same in L ≥ L*."),
            ((old.args[5].args[1].args[1], equal(STEP, step)), n * SYSTEM, "The normal equations say B = η I."),
        )
    ]
    size = every_law.SIZE
    distance = Mean((ANY_PREDICTION - ETA * Trace(y.T * X * x_q)) ** 2, X, y, x_q)
    apart = derive(
        "equivalent-relations",
        Equivalence(old.args[6].args[1], equal(distance, 0)),
        positive,
        by=(1,),
        note="One step with η I is η yᵀX x_q.",
    )
    bound = derive("logic", at_least(ANY_LOSS, LEAST), general, *same, note="So no layer has a smaller loss.")
    minimisers = derive(
        "logic",
        Equivalence(least, All(equal(STEP, step), equal(size, 0))),
        general,
        *same,
        note="All global minimisers.",
    )
    descends = derive(
        "logic", Equivalence(least, equal(distance, 0)), general, *same, apart, note="They take one step of gradient descent."
    )
    chosen = All(equal(v_x, 0), equal(c, 0), equal(v_y, 1), equal(A, step))
    attained = derive("logic", Implication(chosen, least), general, *same, note="The minimum is attained.")
    ratio = _ratio(derive, lengths, positive, covariance)
    silent = derive(
        "equivalent-relations",
        Equivalence(equal(ETA, 0), equal(KAPPA, 0)),
        positive,
        by=(1 / SYSTEM,),
        note="η vanishes with κ.",
    )
    sign = derive("sign", at_least(ETA, 0), linear, positive, by=(KAPPA / SYSTEM,), note="η is never negative.")
    parts = (bound, minimisers, descends, attained, ratio, sign, silent)
    claim = All(*(part.conclusion for part in parts))
    derive("logic", claim, *parts, note="Collect the steps.")
    return Theorem(
        label="nonlinear-responses",
        title="Every global minimiser is one step of gradient descent, for nonlinear responses too",
        source="Mahankali, Hashimoto, Ma, arXiv 2307.03576, Theorem 3",
        statement=Statement(claim, GIVEN),
        steps=derive.steps,
        remarks=(
            "The paper has x ∼ N(0, I) and y_i = f(x_i) + ε_i, f a random function whose law is invariant under f → −f and under "
            "rotations of its argument. What is assumed here of the law of a prompt follows from that.",
            "The best linear predictor u* of y_q given the context leaves a residual that is uncorrelated with x_q times every function of "
            "the context; the ratio needs Xᵀy only.",
            "Where κ = 0 the responses have no linear part, and the best layer predicts 0.",
        ),
    )


def _moment(derive: Derivation, mean: Any, rotated: tuple[Any, ...], scale: Any, length: Step) -> Step:
    """A moment that is a multiple of the identity, by its trace."""
    integrand, variables = mean.args
    turned = derive(
        "rotation-symmetry",
        equal(mean, Mean(Trace(integrand), *variables) / d * UNIT),
        by=(Q, *rotated),
        note="It commutes with every rotation, so it is a multiple of the identity.",
    )
    return derive(
        "matrix-identity",
        equal(scale * UNIT, mean),
        turned,
        length,
        by=((0, -1), (1, -UNIT / d)),
        note="Which multiple, its trace says.",
    )


def _ratio(derive: Derivation, lengths: list[Step], positive: Step, covariance: Step) -> Step:
    """η as the paper has it."""
    aligned, length = Mean(Trace(u_star.T * X.T * y), X, y, u_star), lengths[0].conclusion.lhs
    apart = derive(
        "independence",
        equal(
            Mean(Trace(x_q.T * u_star) * Trace(x_q.T * X.T * y), X, y, x_q, u_star),
            Trace(Expectation(X.T * y * u_star.T, X, y, u_star) * COVARIANCE.rhs),
        ),
        note="The query's covariate is independent of the context, and so of u*.",
    )
    single = derive(
        "independence",
        equal(aligned, Trace(Expectation(X.T * y * u_star.T, X, y, u_star))),
        note="The mean of a linear function of a matrix.",
    )
    correlated = derive(
        "matrix-identity",
        Implication(BEST, equal(aligned, n * d * KAPPA)),
        apart,
        single,
        covariance,
        lengths[1],
        by=((0, -1), (1, 1), (2, Expectation(X.T * y * u_star.T, X, y, u_star)), (3, 1), (4, 1)),
        note="The residual of u* is uncorrelated with x_qᵀXᵀy.",
    )
    above = derive("sign", more_than(length, 0), lengths[0], positive, by=(n * d * SYSTEM, (0, 1)), note="So Xᵀy is not 0 always.")
    same = derive(
        "equivalent-relations",
        Equivalence(equal(aligned, n * d * KAPPA), equal(ETA, aligned / length)),
        lengths[0],
        positive,
        above,
        by=(-length, (0, KAPPA / SYSTEM)),
        note="Divide by the mean of ‖Xᵀy‖².",
    )
    return derive("logic", Implication(BEST, equal(ETA, aligned / length)), correlated, same, note="So η is the ratio of the paper.")
