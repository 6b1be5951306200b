"""When the minimiser is as unique as for Gaussian covariates: for tokens of any law, discrete ones included, if B* is invertible and d ≥ 2.

At a minimiser the even part is x_qᵀf with f = Σ_i f_i = 0 almost surely, f_i = Aᵀx_i (x_i·v_x) + v_y y_i² c; tokens share a random
function, so each f_i vanishes almost surely. With b = B*⁻ᵀc and s = (v_x·x)² − v_y² y² that says x (x·v_x) = s b: one direction only, so
for d ≥ 2 both sides vanish.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sympy import Identity, Integer, Inverse, Trace, Transpose

from proofs.derivation import Derivation
from proofs.kernel import Statement, Step, Theorem
from proofs.language import (
    All,
    Any_,
    Equivalence,
    Expectation,
    Implication,
    Independent,
    Invertible,
    Law,
    Mean,
    NamedMatrix,
    PositiveDefinite,
    PositiveSemidefinite,
    SignSymmetric,
    at_most,
    different,
    equal,
    more_than,
)
from proofs.theorems import every_law, tokens
from proofs.theorems.every_law import MINIMAL, SIZE
from proofs.theorems.general_gaussian import in_values
from proofs.theorems.tokens import OWN, SHARED, TOKENS
from proofs.theorems.vocabulary import ANY_LAW, STEP
from theory.notation import M_1, M_2, A, B_star, Sigma, X, c, d, n, v_x, v_y, x_1, x_2, x_q, y, y_1, y_2, y_q

GIVEN = (
    Law(X, y, x_q, y_q, x_1, y_1, x_2, y_2),
    TOKENS,
    Independent((X, y), (x_q,)),
    SignSymmetric(y, y_q, y_1, y_2),
    *ANY_LAW[2:],
    PositiveDefinite(Sigma),
    PositiveDefinite(OWN),
    Invertible(B_star),
)
FACTOR = NamedMatrix("f", A.T * X.T * X * v_x + v_y * Trace(y.T * y) * c)
DIRECTION = NamedMatrix("b", Transpose(Inverse(B_star)) * c)
ACROSS = NamedMatrix("P_b", Trace(DIRECTION.T * DIRECTION) * Identity(d) - DIRECTION * DIRECTION.T)
ALONG = Trace(DIRECTION.T * v_x)


def of_token(name: str, x: Any, label: Any) -> Any:
    """The summand of f for one token."""
    return NamedMatrix(name, A.T * x * x.T * v_x + v_y * Trace(label) ** 2 * c)


ONE, OTHER = of_token("f_1", x_1, y_1), of_token("f_2", x_2, y_2)
ZERO = equal(Mean(Trace(ONE.T * ONE), x_1, y_1), 0)


def averaged(integrand: Any) -> Any:
    """The mean over one token."""
    return Mean(integrand, x_1, y_1)


@cache
def theorem() -> Theorem:
    """The theorem."""
    derive = Derivation()
    general = derive(
        "realisation", every_law.CLAIM, every_law.theorem(), by=((y, y_q),), note="The theorem for every law, for a prompt of tokens."
    )
    solves = _solves(derive)
    vanishes = _vanishes(derive)
    solved = equal(A, (B_star - v_x * c.T) / v_y)
    isolated = derive(
        "equivalent-relations",
        Implication(different(v_y, 0), Equivalence(equal(STEP, B_star), solved)),
        by=(v_y,),
        note="Where v_y ≠ 0 the step says what A is.",
    )
    labelled = All(different(v_y, 0), solved)
    orthogonal = _orthogonal(derive, labelled)
    no_values = _no_values(derive, labelled)
    no_keys = _no_keys(derive)
    rank_one = derive(
        "equivalent-relations",
        Implication(equal(v_y, 0), Equivalence(equal(STEP, B_star), equal(v_x * c.T, B_star))),
        by=(1,),
        note="Where v_y = 0 the step is a column times a row.",
    )
    thin = derive(
        "rank",
        Implication(equal(v_x * c.T, B_star), at_most(d, 1)),
        by=(Identity(d), B_star, Identity(d)),
        note="So it is invertible in one dimension only.",
    )
    left = derive(
        "equivalent-relations",
        Implication(equal(v_x, 0), Equivalence(equal(STEP, B_star), equal(v_y * A, B_star))),
        by=(1,),
        note="With v_x = 0 the step is v_y A.",
    )
    silent = derive(
        "matrix-identity", Implication(All(equal(v_x, 0), equal(c, 0)), equal(SIZE, 0)), note="With v_x = 0 and c = 0 the even part is 0."
    )
    claim = Implication(more_than(d, 1), Equivalence(MINIMAL, in_values(B_star)))
    found = (*solves, *vanishes, isolated, *orthogonal, *no_values, *no_keys, rank_one, thin, left, silent)
    derive("logic", claim, general, *found, note="Collect the steps.")
    return Theorem(
        label="minimisers-beyond-gaussian",
        title="The minimiser is unique up to scale for tokens of any law",
        source="derived here",
        statement=Statement(claim, GIVEN),
        steps=derive.steps,
        remarks=(
            "Covariates may be discrete. Without one of the assumptions there are laws with further minimisers.",
            "In one dimension, if y² = κ x² almost surely: those with A v_x + κ v_y c = 0.",
            "If B* is singular, as for linear responses with a singular W: those with c = 0 and a v_x ≠ 0 for which (x·v_x) B*ᵀx = 0 "
            "almost surely, as for coordinates ±1, B* a multiple of the matrix of ones in two dimensions and v_x = (1, −1). Gaussian "
            "covariates have no such v_x unless B* = 0.",
        ),
    )


def _solves(derive: Derivation) -> tuple[Step, ...]:
    """The normal equations have one solution."""
    gap = STEP - B_star
    square = Trace(M_2 * gap * Sigma * Transpose(gap))
    moments = derive("specialisation", tokens.theorem().claim, tokens.theorem(), note="The moments of a prompt of tokens.")
    defined = derive("logic", All(*ANY_LAW[3:]), note="By definition.")
    second = derive(
        "matrix-identity", equal(M_2, n * OWN + n * (n - 1) * SHARED), moments, defined, by=((0, 1), (2, 1)), note="This is M₂."
    )
    definite = derive(
        "definiteness",
        PositiveDefinite(M_2),
        second,
        moments,
        by=((n, Identity(d), OWN), (n * (n - 1), Identity(d), SHARED)),
        note="So M₂ is definite.",
    )
    zeros = [
        derive("trace-inequality", Equivalence(equal(square, 0), relation), definite, by=(Sigma, gap, M_2), note=note)
        for relation, note in (
            (equal(M_2 * gap * Sigma, 0), "The equality case of a trace inequality."),
            (equal(STEP, B_star), "Both factors are definite."),
        )
    ]
    normal = derive(
        "equivalent-relations",
        Equivalence(equal(M_2 * gap * Sigma, 0), equal(M_2 * STEP * Sigma, M_1)),
        defined,
        by=(1, (2, -1)),
        note="The difference of two solutions of the normal equations.",
    )
    return *zeros, normal


def _vanishes(derive: Derivation) -> tuple[Step, ...]:
    """If the even part vanishes, so does the summand of each token."""
    whole = Expectation(FACTOR * FACTOR.T, X, y)
    single, mixed = Expectation(ONE * ONE.T, x_1, y_1), Expectation(ONE * OTHER.T, x_1, y_1, x_2, y_2)
    covariance = ANY_LAW[2]
    apart = derive(
        "independence",
        equal(SIZE, Trace(whole * covariance.rhs)),
        note="The even part is fᵀx_q, and the query's covariate is independent of the context.",
    )
    defined = derive("logic", covariance, note="By definition.")
    size = derive(
        "equivalent-relations",
        Equivalence(equal(SIZE, 0), equal(Trace(whole * Sigma), 0)),
        apart,
        defined,
        by=(1, (0, 1), (1, -1, whole)),
        note="The covariance of the query's covariate is Σ.",
    )
    zero = derive(
        "trace-inequality",
        Equivalence(equal(Trace(whole * Sigma), 0), equal(whole, 0)),
        by=(Sigma, Identity(d), whole),
        note="It is definite.",
    )
    trace = derive("matrix-identity", Implication(equal(whole, 0), equal(Trace(whole), 0)), by=((0, Identity(d)),), note="Take the trace.")
    split = derive(
        "sum-over-tokens",
        equal(Trace(whole), n * Trace(single) + n * (n - 1) * Trace(mixed)),
        note="Of the n² pairs of tokens n are one token twice.",
    )
    pair = derive("independent-pair", PositiveSemidefinite(mixed), by=(ONE,), note="Two tokens share a random function.")
    parts = derive(
        "sum-of-nonnegatives",
        Equivalence(equal(Trace(whole), 0), All(equal(Trace(single), 0), equal(n * (n - 1) * Trace(mixed), 0))),
        split,
        pair,
        by=((n, Trace(single)), (Integer(1), n * (n - 1) * Trace(mixed))),
        note="A sum of nonnegative terms.",
    )
    linear = derive("independence", equal(Trace(single), averaged(Trace(ONE.T * ONE))), note="The trace is the mean of f₁ᵀf₁.")
    last = derive("equivalent-relations", Equivalence(equal(Trace(single), 0), ZERO), linear, by=(1, (0, 1)), note="So f₁ vanishes.")
    return size, zero, trace, parts, last


def _weighted(derive: Derivation, weight: Any, hypothesis: Any, value: Any, by: tuple[Any, ...] = ()) -> tuple[Step, Step]:
    """f₁ vanishes almost surely, so its product with any weight has mean 0; under a hypothesis that mean is a value."""
    mean = averaged(Trace(ONE.T * weight))
    sure = derive(
        "almost-surely", Implication(ZERO, equal(mean, 0)), by=(ONE, weight), note="What vanishes almost surely does so in every product."
    )
    same = derive(
        "equivalent-relations",
        Implication(hypothesis, Equivalence(equal(mean, 0), equal(value, 0))),
        by=(1, *by),
        note="This product, multiplied out.",
    )
    return sure, same


def _orthogonal(derive: Derivation, labelled: Any) -> tuple[Step, ...]:
    """b is orthogonal to v_x."""
    inverse = Inverse(B_star)
    across = Trace(x_1.T * ACROSS * ACROSS * x_1)
    weight = v_y * inverse * (across * v_x - (1 - ALONG) * Trace(x_1.T * v_x) * ACROSS * ACROSS * x_1)
    length = averaged(Trace(y_1) ** 2 * across)
    value = ALONG * v_y**2 * length
    sure, same = _weighted(derive, weight, labelled, value)
    product = derive(
        "zero-product",
        Equivalence(equal(value, 0), Any_(equal(ALONG, 0), equal(v_y, 0), equal(length, 0))),
        by=(1, (ALONG, 1), (v_y, 2), (length, 1)),
        note="A product vanishes with one of its factors.",
    )
    form = Trace(ACROSS.T * OWN * ACROSS)
    moment = derive("independence", equal(length, form), note="The mean of a quadratic form.")
    quadratic = derive("equivalent-relations", Equivalence(equal(length, 0), equal(form, 0)), moment, by=(1, (0, 1)), note="In C:")
    nothing = derive(
        "trace-inequality", Equivalence(equal(form, 0), equal(ACROSS, 0)), by=(Identity(d), ACROSS, OWN), note="C is definite."
    )
    size = Trace(DIRECTION.T * DIRECTION)
    trace = derive(
        "matrix-identity", Implication(equal(ACROSS, 0), equal(Trace(ACROSS), 0)), by=((0, Identity(d)),), note="Take the trace."
    )
    plane = derive(
        "equivalent-relations",
        Implication(more_than(d, 1), Equivalence(equal(Trace(ACROSS), 0), equal(size, 0))),
        by=(d - 1,),
        note="It is (d − 1) ‖b‖².",
    )
    point = derive(
        "trace-inequality", Equivalence(equal(size, 0), equal(DIRECTION, 0)), by=(Identity(1), DIRECTION, Identity(d)), note="So b = 0."
    )
    alone = derive("matrix-identity", Implication(equal(DIRECTION, 0), equal(ALONG, 0)), by=((0, v_x, "T"),), note="Then bᵀv_x = 0 too.")
    return sure, same, product, quadratic, nothing, trace, plane, point, alone


def _no_values(derive: Derivation, labelled: Any) -> tuple[Step, ...]:
    """v_x = 0."""
    weight = v_y * Trace(y_1) ** 2 * Inverse(B_star) * v_x
    square, fourth = averaged(Trace(y_1) ** 2 * Trace(x_1.T * v_x) ** 2), averaged(Trace(y_1) ** 4)
    hypothesis = All(*labelled.args, equal(ALONG, 0))
    sure, same = _weighted(derive, weight, hypothesis, square, ((0, v_y**2 * fourth - square),))
    form = Trace(v_x.T * OWN * v_x)
    moment = derive("independence", equal(square, form), note="The mean of a quadratic form.")
    quadratic = derive("equivalent-relations", Equivalence(equal(square, 0), equal(form, 0)), moment, by=(1, (0, 1)), note="In C:")
    nothing = derive("trace-inequality", Equivalence(equal(form, 0), equal(v_x, 0)), by=(Identity(1), v_x, OWN), note="C is definite.")
    return sure, same, quadratic, nothing


def _no_keys(derive: Derivation) -> tuple[Step, ...]:
    """c = 0."""
    length = averaged(Trace(y_1) ** 2 * Trace(x_1.T * x_1))
    size = Trace(c.T * c)
    value = v_y * size * length
    sure, same = _weighted(derive, Trace(x_1.T * x_1) * c, equal(v_x, 0), value)
    product = derive(
        "zero-product",
        Equivalence(equal(value, 0), Any_(equal(v_y, 0), equal(size, 0), equal(length, 0))),
        by=(1, (v_y, 1), (size, 1), (length, 1)),
        note="A product vanishes with one of its factors.",
    )
    moment = derive("independence", equal(length, Trace(OWN)), note="The trace of C.")
    positive = derive("sign", different(length, 0), moment, by=(Trace(OWN), (0, 1)), note="It is positive.")
    nothing = derive("trace-inequality", Equivalence(equal(size, 0), equal(c, 0)), by=(Identity(1), c, Identity(d)), note="So c = 0.")
    return sure, same, product, positive, nothing
