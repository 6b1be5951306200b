"""Every stationary point of a loss without a preferred direction, in six coefficients, and what the loss is around them.

L = τ + p‖B‖² − 2q tr B + α|Aᵀv_x|² + β‖A‖²|v_x|² + 2γ v_y cᵀAᵀv_x + δ v_y²|c|² with B = v_y A + v_x cᵀ. Its expansion along a line is
written out, so that the gradient is what is linear in the direction; at given v ≠ 0 the gradient in (A, c) vanishes at one place, and there
the rest of it is a multiple of the turning polynomial Q.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sympy import Identity, Trace

from proofs.derivation import Derivation
from proofs.kernel import Statement, Step, Theorem
from proofs.language import (
    All,
    Any_,
    Equivalence,
    Implication,
    Named,
    NamedMatrix,
    at_least,
    different,
    equal,
    more_than,
    replaced,
    substitute,
    unnamed,
)
from proofs.theorems.vocabulary import STEP
from theory.notation import H_A, A, alpha, beta, c, d, delta, gamma, h_c, h_x, h_y, p, q, t, tau, v_x, v_y

MARGIN = Named("Delta", (alpha + beta) * delta - gamma**2)
R = Trace(v_x.T * v_x)
V = v_y**2
P = Named("D_A", p * V + beta * R)
FORM = (alpha + beta) * R**2 - 2 * gamma * R * V + delta * V**2
U = Named("D_c", p * FORM + MARGIN * R * V)
TURNING = Named("q_4", (d - 1) * beta * U**2 - MARGIN * ((alpha + beta) * R**2 - delta * V**2) * P**2)
PROFILE = Named("F_0", tau - q**2 * ((d - 1) * V / P + FORM / U))

IMAGE = A.T * v_x
LAYER_LOSS = Named(
    "F",
    tau
    + p * Trace(STEP.T * STEP)
    - 2 * q * Trace(STEP)
    + alpha * Trace(IMAGE.T * IMAGE)
    + beta * Trace(A.T * A) * R
    + 2 * gamma * v_y * Trace(c.T * IMAGE)
    + delta * V * Trace(c.T * c),
)
SLOPE = p * STEP - q * Identity(d)
GRADIENT = (
    NamedMatrix("G_A", 2 * (v_y * SLOPE + alpha * v_x * v_x.T * A + beta * R * A + gamma * v_y * v_x * c.T)),
    NamedMatrix("G_c", 2 * (SLOPE.T * v_x + gamma * v_y * IMAGE + delta * V * c)),
    NamedMatrix("G_x", 2 * (SLOPE * c + alpha * A * IMAGE + beta * Trace(A.T * A) * v_x + gamma * v_y * A * c)),
    Named("G_y", 2 * (Trace(SLOPE.T * A) + gamma * Trace(c.T * IMAGE) + delta * v_y * Trace(c.T * c))),
)
KEYS = (alpha + beta) * R - gamma * V
ALONG = ((alpha + beta) * p + beta * gamma) * R + (alpha * delta - gamma**2 - gamma * p) * V
LEAST_KEYS = NamedMatrix("c_0", q / U * KEYS * v_x)
LEAST_A = NamedMatrix("A_0", q * v_y / P * Identity(d) - q * v_y / (P * U) * ALONG * v_x * v_x.T)
GIVEN = (more_than((alpha + beta) * delta - gamma**2, 0),)
POSITIVE, REGULAR = more_than(P, 0), more_than(U, 0)
LEAST = All(equal(A, LEAST_A), equal(c, LEAST_KEYS))
STATIONARY = All(*(equal(part, 0) for part in GRADIENT))
NO_VALUES, NO_LABELS = equal(v_x, 0), equal(v_y, 0)
VALUES, LABELS = different(v_x, 0), different(v_y, 0)
NOTHING = All(equal(c, 0), equal(Trace(A), 0))
MINIMAL = All(equal(c, 0), equal(A, q / (p * v_y) * Identity(d)))
SINGLE = All(equal(A, 0), equal(c, q / (p * R) * v_x))
MIXED = All(*LEAST.args, equal(TURNING, 0))
LOWEST, LOSS_OF_SINGLE = tau - d * q**2 / p, tau - q**2 / p


def even_form(matrix: Any, keys: Any) -> Any:
    """α|Aᵀv_x|² + β‖A‖²|v_x|² + 2γ v_y cᵀAᵀv_x + δ v_y²|c|²"""
    image = matrix.T * v_x
    return (
        alpha * Trace(image.T * image)
        + beta * Trace(matrix.T * matrix) * R
        + 2 * gamma * v_y * Trace(keys.T * image)
        + delta * V * Trace(keys.T * keys)
    )


CASES = (
    Implication(All(NO_VALUES, NO_LABELS), Equivalence(STATIONARY, NOTHING)),
    Implication(All(NO_VALUES, LABELS), Equivalence(STATIONARY, MINIMAL)),
    Implication(All(VALUES, NO_LABELS), Equivalence(STATIONARY, SINGLE)),
    Implication(All(VALUES, LABELS), Equivalence(STATIONARY, MIXED)),
)
LEVELS = (
    Implication(All(NO_VALUES, NO_LABELS), equal(LAYER_LOSS, tau)),
    Implication(All(NO_VALUES, LABELS, *MINIMAL.args), equal(LAYER_LOSS, LOWEST)),
    Implication(All(VALUES, NO_LABELS, *SINGLE.args), equal(LAYER_LOSS, LOSS_OF_SINGLE)),
    Implication(All(VALUES, LABELS, *LEAST.args), equal(LAYER_LOSS, PROFILE)),
)
BOUNDS = (
    at_least(LAYER_LOSS, LOWEST),
    Implication(VALUES, All(POSITIVE, REGULAR, at_least(LAYER_LOSS, PROFILE))),
)


@cache
def theorem() -> Theorem:
    """The theorem."""
    derive = Derivation()
    expansion = _expansion(derive)
    length, regular = _regular(derive)
    cases = (
        _at_zero(derive),
        _at_minimum(derive),
        _in_one_direction(derive, length),
        _mixed(derive, length, regular),
    )
    even = _even(derive, length)
    levels = _levels(derive, length, regular)
    bounds = _bounds(derive, even, length, regular)
    claim = All(expansion.conclusion, *CASES, *LEVELS, *BOUNDS)
    derive("logic", claim, expansion, *cases, *levels, *bounds, note="Collect the steps.")
    return Theorem(
        label="layer-landscape",
        title="Every stationary point of a loss without a preferred direction",
        source="derived here",
        statement=Statement(claim, GIVEN),
        steps=derive.steps,
        remarks=(
            "G = (G_A, G_c, G_x, G_y) is the gradient and S_t at t = 0 half of the Hessian's form: the first part is Taylor's formula "
            "along a line.",
            "The four cases are all there are, so every stationary point is one of theirs; A and c are combinations of I, v_x v_xᵀ and "
            "v_x, so up to rotation only r = |v_x|²/v_y² is left, with q_4 = 0.",
            "At given v the loss is least at A_0, c_0, where it is F_0, a function of r alone: a stationary point with v ≠ 0 is a local "
            "minimum iff r is one of F_0, else a saddle that F_0 leaves (theorem turning-points).",
        ),
    )


def _expansion(derive: Derivation) -> Step:
    """The loss along a line."""
    moved = {v_x: v_x + t * h_x, v_y: v_y + t * h_y, A: A + t * H_A, c: c + t * h_c}
    G_A, G_c, G_x, G_y = GRADIENT
    linear = Trace(G_A.T * H_A) + Trace(G_c.T * h_c) + Trace(G_x.T * h_x) + G_y * h_y
    return derive(
        "matrix-identity",
        equal(replaced(unnamed(LAYER_LOSS), moved), LAYER_LOSS + t * linear + t**2 * _rest_of_expansion()),
        note="The loss along a line is a polynomial; what is linear in the direction is the gradient.",
    )


def _rest_of_expansion() -> Any:
    """S(t) with L(θ + tφ) = L + t⟨G, φ⟩ + t² S(t)."""

    def product(pair: Any, left: list[Any], right: list[Any]) -> Any:
        orders = [sum(pair(left[i], right[k - i]) for i in range(max(0, k - 2), min(k, 2) + 1)) for k in range(5)]
        return orders[2] + t * orders[3] + t**2 * orders[4]

    step = [STEP, v_y * H_A + h_y * A + v_x * h_c.T + h_x * c.T, h_y * H_A + h_x * h_c.T]
    image = [IMAGE, H_A.T * v_x + A.T * h_x, H_A.T * h_x]
    keys = [v_y * c, v_y * h_c + h_y * c, h_y * h_c]

    def inner(left: Any, right: Any) -> Any:
        return Trace(left.T * right)

    sizes = [[Trace(z.T * z), 2 * Trace(z.T * h), Trace(h.T * h)] for z, h in ((A, H_A), (v_x, h_x))]
    return Named(
        "S_t",
        p * product(inner, step, step)
        - 2 * q * Trace(step[2])
        + alpha * product(inner, image, image)
        + beta * product(lambda a, b: a * b, *sizes)
        + 2 * gamma * product(inner, keys, image)
        + delta * product(inner, keys, keys),
    )


def _regular(derive: Derivation) -> tuple[Step, Step]:
    """P > 0 unless v = 0, and U > 0 too."""
    epsilon, margin = alpha + beta, MARGIN.args[1]
    length = derive("trace-inequality", Equivalence(equal(R, 0), NO_VALUES), by=(Identity(1), v_x, Identity(d)), note="A length.")
    square = derive("zero-product", Equivalence(equal(V, 0), NO_LABELS), by=(1, (v_y, 2)), note="A square.")
    sizes = derive(
        "sum-of-nonnegatives",
        All(at_least(P, 0), Equivalence(equal(P, 0), All(equal(V, 0), equal(R, 0)))),
        by=((p, V), (beta, R)),
        note="D_A is a sum of nonnegative terms.",
    )
    gap = epsilon * R - gamma * V
    terms = ((p, gap**2), (p * margin, V**2), (epsilon * margin, R * V))
    complete = derive(
        "sum-of-nonnegatives",
        All(at_least(epsilon * U, 0), Equivalence(equal(epsilon * U, 0), All(*(equal(term, 0) for _, term in terms)))),
        by=terms,
        note="So is a multiple of D_c, after completing a square.",
    )
    fourth = derive("zero-product", Equivalence(equal(V**2, 0), NO_LABELS), by=(1, (v_y, 4)), note="A square.")
    same = derive("zero-product", Equivalence(equal(gap**2, 0), equal(gap, 0)), by=(1, (gap, 2)), note="A square.")
    then = derive(
        "equivalent-relations",
        Implication(NO_LABELS, Equivalence(equal(gap, 0), equal(R, 0))),
        by=(epsilon,),
        note="With v_y = 0 only one term is left.",
    )
    scaled = [
        derive("equivalent-relations", Equivalence(relation(epsilon * U, 0), relation(U, 0)), by=(epsilon,), note="ε > 0.")
        for relation in (equal, at_least)
    ]
    either = [
        derive("trichotomy", Equivalence(more_than(x, 0), All(at_least(x, 0), different(x, 0))), note="Of two real numbers.")
        for x in (P, U, R)
    ]
    longer = derive("trace-inequality", at_least(R, 0), by=(Identity(1), v_x, Identity(d)), note="A length.")
    positive = derive(
        "logic",
        All(length.conclusion, Equivalence(VALUES, more_than(R, 0))),
        *(length, longer, either[2]),
        note="It is positive unless v_x = 0.",
    )
    origin = derive("logic", Implication(Any_(VALUES, LABELS), POSITIVE), sizes, length, square, either[0], note="So D_A > 0 unless v = 0.")
    regular = derive(
        "logic",
        Implication(Any_(VALUES, LABELS), All(POSITIVE, REGULAR)),
        *(complete, fourth, same, then, *scaled, length, either[1], origin),
        note="And D_c > 0 too.",
    )
    return positive, regular


def _at_zero(derive: Derivation) -> Step:
    """With v = 0 the gradient is −2q (c, tr A)."""
    G_A, G_c, G_x, G_y = GRADIENT
    there = All(NO_VALUES, NO_LABELS)
    silent = [derive("matrix-identity", Implication(there, equal(part, 0)), note="With v = 0 this part vanishes.") for part in (G_A, G_c)]
    parts = [
        derive("equivalent-relations", Implication(there, Equivalence(equal(part, 0), relation)), by=(-2 * q,), note="One term is left.")
        for part, relation in ((G_x, NOTHING.args[0]), (G_y, NOTHING.args[1]))
    ]
    return derive("logic", CASES[0], *silent, *parts, note="The zero predictor.")


def _at_minimum(derive: Derivation) -> Step:
    """With v_x = 0 and v_y ≠ 0 the layer is one step."""
    G_A, G_c, G_x, G_y = GRADIENT
    there = All(NO_VALUES, LABELS)
    keys, step = MINIMAL.args
    solved = [
        derive("equivalent-relations", Implication(there, Equivalence(equal(part, 0), relation)), by=(scale,), note=note)
        for part, relation, scale, note in (
            (G_A, step, 2 * p * V, "Without v_x the gradient in A is that of one step,"),
            (G_c, keys, 2 * delta * V, "and that in c a multiple of c."),
        )
    ]
    rest = [
        derive("matrix-identity", Implication(All(NO_VALUES, LABELS, keys, step), equal(part, 0)), note="Then the rest vanishes too.")
        for part in (G_x, G_y)
    ]
    return derive("logic", CASES[1], *solved, *rest, note="The global minimum.")


def _in_one_direction(derive: Derivation, length: Step) -> Step:
    """With v_y = 0 and v_x ≠ 0 the matrix A is 0."""
    G_A, G_c, G_x, G_y = GRADIENT
    long = more_than(R, 0)
    matrix, keys = SINGLE.args
    image = alpha * v_x * v_x.T * A + beta * R * A
    left = derive(
        "equivalent-relations",
        Implication(NO_LABELS, Equivalence(equal(G_A, 0), equal(image, 0))),
        by=(2,),
        note="With v_y = 0 the gradient in A",
    )
    nothing = derive(
        "matrix-identity",
        Implication(All(long, equal(image, 0)), matrix),
        by=((0, 1 / (beta * R)), (0, -alpha / (beta * (alpha + beta) * R**2) * v_x * v_x.T)),
        note="is an invertible function of A.",
    )
    solved = derive(
        "equivalent-relations",
        Implication(All(long, NO_LABELS), Equivalence(equal(G_c, 0), keys)),
        by=(2 * p * R,),
        note="That in c says what c is.",
    )
    rest = [
        derive("matrix-identity", Implication(All(long, NO_LABELS, matrix, keys), equal(part, 0)), note="Then the rest vanishes too.")
        for part in (G_A, G_x, G_y)
    ]
    return derive("logic", CASES[2], left, nothing, solved, *rest, length, note="One direction.")


def _mixed(derive: Derivation, length: Step, regular: Step) -> Step:
    """At given v the gradient in (A, c) vanishes at one place, and there the rest of it is a multiple of Q."""
    *_, G_x, G_y = GRADIENT
    least = _least(derive)
    factor = 2 * q**2 / (P**2 * U**2)
    products = V * TURNING * v_x, R * TURNING * v_y
    reduced = [
        derive(
            "equivalent-relations",
            Implication(All(POSITIVE, REGULAR, *LEAST.args), Equivalence(equal(product, 0), equal(part, 0))),
            by=(1 / factor * sign,),
            note=note,
        )
        for part, product, sign, note in (
            (G_x, products[0], 1, "There the gradient in v_x is a multiple of v_y² q_4 v_x,"),
            (G_y, products[1], -1, "and that in v_y one of |v_x|² q_4 v_y."),
        )
    ]
    vanish = [
        derive("matrix-identity", Implication(equal(TURNING, 0), equal(product, 0)), by=((0, by),), note="It vanishes with q_4.")
        for product, by in zip(products, (V * v_x, R * v_y), strict=True)
    ]
    together = derive(
        "matrix-identity",
        Implication(equal(products[0], 0), equal(R * V * TURNING, 0)),
        by=((0, v_x.T),),
        note="Multiply by v_x.",
    )
    split = derive(
        "zero-product",
        Equivalence(equal(R * V * TURNING, 0), Any_(equal(R, 0), NO_LABELS, equal(TURNING, 0))),
        by=(1, (R, 1), (v_y, 2), (TURNING, 1)),
        note="A product vanishes with one of its factors.",
    )
    return derive("logic", CASES[3], least, *reduced, *vanish, together, split, length, regular, note="A mixed direction: q_4 vanishes.")


def _least(derive: Derivation) -> Step:
    """At given v the gradient in (A, c) vanishes at one place."""
    G_A, G_c, *_ = GRADIENT
    conditions = POSITIVE, REGULAR
    vanishes = [
        derive("matrix-identity", Implication(All(*conditions, *LEAST.args), equal(part, 0)), note=note)
        for part, note in ((G_A, "A_0 and c_0 solve the linear equations G_A = 0"), (G_c, "and G_c = 0."))
    ]
    hypotheses = All(*conditions, equal(G_A, 0), equal(G_c, 0))
    keys = derive(
        "matrix-identity",
        Implication(hypotheses, equal(c, LEAST_KEYS)),
        by=((1, (P + alpha * R) / (2 * U)), (0, -(p + gamma) * v_y / (2 * U), v_x, "T")),
        note="They have no other solution: c by elimination,",
    )
    factor = (alpha * (p * R + delta * V) - (p + gamma) ** 2 * V) / (2 * U)
    matrix = derive(
        "matrix-identity",
        Implication(hypotheses, equal(A, LEAST_A)),
        by=((0, 1 / (2 * P)), (0, -factor / P * v_x * v_x.T), (1, -(p + gamma) * v_y / (2 * U) * v_x, "T")),
        note="and A.",
    )
    return derive(
        "logic",
        Implication(All(*conditions), Equivalence(All(equal(G_A, 0), equal(G_c, 0)), LEAST)),
        *vanishes,
        keys,
        matrix,
        note="So they have one solution.",
    )


def _even(derive: Derivation, length: Step) -> Step:
    """The mean square of the even part is not negative, whatever A and c."""
    epsilon, margin = alpha + beta, MARGIN.args[1]
    form = even_form(A, c)
    across = (R * Identity(d) - v_x * v_x.T) * A
    sums = NamedMatrix("x_0", epsilon * A.T * v_x + gamma * v_y * c)
    squares = [
        derive("trace-inequality", at_least(Trace(K.T * K), 0), by=(Identity(K.shape[1]), K, Identity(d)), note="A sum of squares.")
        for K in (across, sums, c)
    ]
    long = derive(
        "sign",
        Implication(more_than(R, 0), at_least(form, 0)),
        *squares,
        by=(beta / R * Trace(across.T * across) + Trace(sums.T * sums) / epsilon + margin / epsilon * V * Trace(c.T * c),),
        note="Write it as a sum of squares.",
    )
    short = derive("sign", Implication(NO_VALUES, at_least(form, 0)), squares[2], by=(delta * V * Trace(c.T * c),), note="Without v_x too.")
    return derive("logic", at_least(form, 0), long, short, length, note="So it is never negative.")


def _levels(derive: Derivation, length: Step, regular: Step) -> tuple[Step, ...]:
    """The loss at each stationary point."""
    zero = derive("matrix-identity", LEVELS[0], note="The loss of the zero predictor.")
    lowest = derive("matrix-identity", LEVELS[1], note="The loss of the global minimum.")
    short = derive(
        "matrix-identity",
        Implication(All(more_than(R, 0), NO_LABELS, *SINGLE.args), LEVELS[2].args[1]),
        note="The loss of one direction.",
    )
    single = derive("logic", LEVELS[2], short, length, note="The same.")
    there = derive(
        "matrix-identity",
        Implication(All(POSITIVE, REGULAR, *LEAST.args), LEVELS[3].args[1]),
        note="The least loss at given v.",
    )
    mixed = derive("logic", LEVELS[3], there, regular, note="The same.")
    return zero, lowest, single, mixed


def _bounds(derive: Derivation, even: Step, length: Step, regular: Step) -> tuple[Step, ...]:
    """The loss is not below the global minimum, nor at given v below the profile."""
    slope = STEP - q / p * Identity(d)
    square = derive("trace-inequality", at_least(Trace(slope.T * slope), 0), by=(Identity(d), slope, Identity(d)), note="A sum of squares.")
    lowest = derive(
        "sum-of-nonnegatives",
        BOUNDS[0],
        square,
        even,
        by=((p, Trace(slope.T * slope)), (1, even.conclusion.lhs)),
        note="The loss of one step is a completed square.",
    )
    scale = P * U
    gap = scale * A - q * v_y * (U * Identity(d) - ALONG * v_x * v_x.T)
    keys = scale * c - q * P * KEYS * v_x
    moved = NamedMatrix("E_B", v_y * gap + v_x * keys.T)
    form = derive(
        "specialisation",
        substitute(even.conclusion, {A: gap, c: keys}),
        even,
        by=((A, gap), (c, keys)),
        note="The even part of the difference to A_0, c_0.",
    )
    step = derive("trace-inequality", at_least(Trace(moved.T * moved), 0), by=(Identity(d), moved, Identity(d)), note="Its step.")
    above = derive(
        "sign",
        Implication(All(POSITIVE, REGULAR), BOUNDS[1].args[1].args[2]),
        form,
        step,
        by=(p / scale**2 * Trace(moved.T * moved) + form.conclusion.lhs / scale**2,),
        note="The loss at given v is a completed square too.",
    )
    return lowest, derive("logic", BOUNDS[1], above, regular, note="So it is least at A_0, c_0.")
