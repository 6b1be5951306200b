"""Where the law of Σ prefers no direction the best step is a multiple of the identity, and a longer context helps only up to a limit."""

from __future__ import annotations

from functools import cache
from typing import Any

from sympy import Identity, MatMul, S, Trace

from proofs.derivation import Derivation
from proofs.kernel import Statement, Theorem
from proofs.language import All, Equivalence, Expectation, Implication, Law, Mean, Named, at_least, equal, more_than, substitute
from proofs.theorems import random_covariance
from proofs.theorems.random_covariance import DISTANCE, DRAWN, LOSS, NORMAL, SIZE
from theory.notation import A, B_star, T, W, c, d, eta, n, sigma2, v_x, v_y

UNIT = Identity(d)
TWICE, THRICE = (MatMul(*(T, T.T) * power) for power in (2, 3))
TRACE = Mean(Trace(DRAWN), T)
SQUARE = Named("xi_2", Mean(Trace(TWICE), T))
CUBE = Named("xi_3", Mean(Trace(THRICE), T))
PRODUCT = Named("xi_12", Mean(Trace(DRAWN) * Trace(TWICE), T))
SYSTEM = (n + 1) * CUBE + PRODUCT + sigma2 * SQUARE
LEAST = TRACE + sigma2 - n * eta * SQUARE
SCALE = Named("zeta", SQUARE / CUBE)
REST = UNIT - SCALE * DRAWN
FLOOR = Named("L_infty", Mean(Trace(MatMul(REST.T, T, T.T, REST)), T))
MINIMAL = equal(LOSS, LEAST)
STEP_SIZE = equal(eta, SQUARE / SYSTEM)
MULTIPLES = (
    equal(Expectation(TWICE, T), SQUARE / d * UNIT),
    equal(Expectation(THRICE, T), CUBE / d * UNIT),
    equal(Expectation(MatMul(Trace(DRAWN), TWICE), T), PRODUCT / d * UNIT),
)
VALUES = {W: UNIT, B_star: eta * UNIT}
GIVEN = (
    *(substitute(fact, VALUES) for fact in random_covariance.GIVEN if fact not in (Law(T), NORMAL)),
    Law(T),
    *MULTIPLES,
    more_than(CUBE, 0),
    STEP_SIZE,
)


def at_unit(expr: Any) -> Any:
    """A statement about any prior and any B*, said of W = I and ηI."""
    return substitute(expr, VALUES)


@cache
def theorem() -> Theorem:
    """The theorem."""
    derive = Derivation()
    known = derive("logic", All(*MULTIPLES, STEP_SIZE), note="Assumed.")
    product = derive("sign", at_least(PRODUCT, 0), by=(PRODUCT,), note="A mean of products of traces of semidefinite matrices.")
    square = derive("sign", at_least(SQUARE, 0), by=(SQUARE,), note="A mean of squares.")
    positive = derive("sign", more_than(SYSTEM, 0), product, square, by=(SYSTEM,), note="So what η divides by is positive.")
    fits = derive(
        "matrix-identity",
        at_unit(NORMAL),
        known,
        positive,
        by=((0, eta * sigma2 - 1), (1, eta * (n + 1)), (2, eta), (3, SYSTEM / d * UNIT)),
        note="ηI solves the normal equations.",
    )
    general = derive(
        "specialisation",
        Implication(at_unit(NORMAL), at_unit(random_covariance.theorem().claim)),
        random_covariance.theorem(),
        by=tuple(VALUES.items()),
        note="All minimisers for any B* that does.",
    )
    old, distance = at_unit(equal(LOSS, random_covariance.LEAST)), at_unit(DISTANCE)
    same = [
        derive("equivalent-relations", Equivalence(*pair), by=(1,), note=note)
        for pair, note in (
            ((old, MINIMAL), "L* in closed form."),
            ((at_least(*old.args), at_least(LOSS, LEAST)), "The same in L ≥ L*."),
        )
    ]
    bound = derive("logic", at_least(LOSS, LEAST), fits, general, *same, note="So no layer has a smaller loss.")
    minimisers = derive(
        "logic",
        Equivalence(MINIMAL, All(equal(SIZE, 0), equal(distance, 0))),
        fits,
        general,
        *same,
        note="All global minimisers take the step ηI on almost every prompt.",
    )
    chosen = All(equal(v_x, 0), equal(c, 0), equal(v_y, 1), equal(A, eta * UNIT))
    attained = derive("logic", Implication(chosen, MINIMAL), fits, general, *same, note="The minimum is attained.")
    floor = derive(
        "matrix-identity",
        equal(FLOOR, TRACE - SQUARE**2 / CUBE),
        note="Multiply out.",
    )
    above = derive("sign", at_least(FLOOR, 0), by=(FLOOR,), note="It is the mean of a trace of semidefinite matrices.")
    rest = SQUARE**2 * (CUBE + PRODUCT + sigma2 * SQUARE) / (CUBE * SYSTEM)
    falls = derive(
        "matrix-identity",
        equal(LEAST, sigma2 + FLOOR + rest),
        floor,
        known,
        positive,
        by=((0, -1), (4, -n * SQUARE)),
        note="What is left beside σ² and L_∞ falls with n as 1/n.",
    )
    never = derive(
        "sum-of-nonnegatives",
        at_least(LEAST, sigma2 + FLOOR),
        falls,
        product,
        square,
        positive,
        by=((S.One, rest),),
        note="So the risk is never below σ² + L_∞.",
    )
    parts = (bound, minimisers, attained, floor, above, falls, never)
    claim = All(*(part.conclusion for part in parts))
    derive("logic", claim, *parts, note="Collect the steps.")
    return Theorem(
        label="random-covariance-isotropic",
        title="With a covariance of its own in each prompt one step of gradient descent is best, and its risk has a floor",
        source="derived here; exponential eigenvalues are an example of Zhang, Frei, Bartlett, arXiv 2306.09927, section 4.3",
        statement=Statement(claim, GIVEN),
        steps=derive.steps,
        remarks=(
            "The three means are multiples of the identity if the law of Σ is invariant under rotations, or only under permutations of the "
            "coordinates and changes of their signs: Σ = diag(λ) with independent λᵢ of one law is of the second kind.",
            "L_∞ = E tr Σ(I − ζΣ)² is 0 only if Σ is almost surely 1/ζ times a projection. For every other law of Σ the risk stays above "
            "σ² by L_∞, however long the context: with one step a layer cannot invert a covariance that is new to it.",
        ),
    )
