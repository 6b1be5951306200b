"""Separate keys and queries have a ladder of saddles that the matrix M = W_KᵀW_Q has not, and an unused key direction leads down from each.

Keys and queries are W_K = (K_x, K_y) and W_Q = (Q_x, ·), so A = K_xᵀQ_x and c = Q_xᵀK_y. A projection Π that commutes with WΣ chooses
the directions that are learned: v_y A = ΠB*. There the loss has no linear part in any weight, and where a direction that is missing gets a
key direction of its own it is a polynomial that falls.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sympy import Identity, Inverse, MatMul, Trace, Transpose

from proofs.derivation import Derivation
from proofs.kernel import Statement, Step, Theorem
from proofs.language import All, Equivalence, Implication, Invertible, Mean, Named, NamedMatrix, equal, more_than, replaced
from proofs.theorems import one_step_loss
from proofs.theorems.vocabulary import EVEN, GAUSSIAN, LOSS, OPTIMUM, PROMPT, TARGET, one_step
from theory.notation import (
    H_K,
    H_Q,
    A,
    B,
    K_x,
    K_y,
    Pi,
    Q_x,
    Sigma,
    W,
    c,
    d,
    e_k,
    eps,
    eps_q,
    h_c,
    h_k,
    h_x,
    h_y,
    n,
    t,
    v_0,
    v_x,
    v_y,
    w,
    xi_0,
)

tau, G, H, BEST, _ = OPTIMUM

LADDER = All(
    equal(Pi * Pi, Pi),
    equal(Sigma * Pi, Pi.T * Sigma),
    equal(Pi * W, W * Pi.T),
    equal(K_x * Pi.T, K_x),
    equal(Q_x * Pi.T, Q_x),
    equal(v_0 * K_x.T * Q_x, Pi * BEST),
)
RUNG = Named("L_Pi", tau - n * Trace(Pi * BEST * Sigma * W * Sigma))
SLOPE = NamedMatrix("Gamma_Pi", G * (Pi * BEST - BEST) * Sigma)

# all weights along a line
KEYS, QUERIES = K_x + t * H_K, Q_x + t * H_Q
ON_LINE = All(equal(v_x, t * h_x), equal(v_y, v_0 + t * h_y), equal(A, KEYS.T * QUERIES), equal(c, t * QUERIES.T * h_k))
EVEN_ON_LINE = Named("yhat_even_t", replaced(EVEN.args[1], {v_x: h_x, v_y: v_0 + t * h_y, A: KEYS.T * QUERIES, c: QUERIES.T * h_k}))
STEP_ON_LINE = (v_0 + t * h_y) * KEYS.T * QUERIES + t**2 * h_x * h_k.T * QUERIES
FIRST = h_y * K_x.T * Q_x + v_0 * H_K.T * Q_x + v_0 * K_x.T * H_Q
SECOND = h_y * (H_K.T * Q_x + K_x.T * H_Q) + (v_0 + t * h_y) * H_K.T * H_Q + h_x * h_k.T * QUERIES
BEND = FIRST + t * SECOND
REST = Named(
    "S_t",
    Mean(EVEN_ON_LINE**2, *PROMPT[:4]) + n * Trace(G * BEND * Sigma * Transpose(BEND)) + 2 * n * Trace(SLOPE * Transpose(SECOND)),
)

# a key direction that is not in use, and a direction that is not learned
UNUSED = All(equal(e_k.T * K_x, 0), equal(e_k.T * Q_x, 0))
MISSING = equal(Pi * xi_0, 0)
WOKEN = Transpose(K_x + t * e_k * xi_0.T) * (Q_x + t * v_0 * e_k * xi_0.T)
IN_USE = All(equal(v_x, 0), equal(v_y, v_0), equal(A, WOKEN), equal(c, 0))
NORM, LENGTH = Trace(e_k.T * e_k), Trace(xi_0.T * Sigma * xi_0)
GROWN = Named("s_xi", v_0**2 * t**2 * NORM)
VALUE = Named("lambda_xi", Trace(xi_0.T * Sigma * W * Sigma * xi_0))
CURVATURE = ((n + 1) * VALUE + tau * LENGTH) * LENGTH
FALLEN = Named("L_xi", RUNG - 2 * n * VALUE * GROWN + n * CURVATURE * GROWN**2)

COMMUTES = equal(Pi.T * G, G * Pi)
KEYS_AT_REST, QUERIES_AT_REST = equal(K_x * SLOPE, 0), equal(Q_x * SLOPE.T, 0)


@cache
def theorem() -> Theorem:
    """The theorem."""
    derive = Derivation()
    at_line, at_woken = (
        derive(
            "specialisation",
            replaced(one_step_loss.theorem().claim, {B: step}),
            one_step_loss.theorem(),
            by=((B, step),),
            note=note,
        )
        for step, note in (
            (STEP_ON_LINE, "The loss of one step, at the step of a layer whose weights are on the line,"),
            (v_0 * WOKEN, "and at that of the layer with the new key direction."),
        )
    )
    exists = derive("logic", Invertible(H), at_line, note="In particular H is invertible, so that B* exists.")
    right, left = (
        derive("inverse", equal(product, Identity(d)), exists, by=(H,), note="The definition of the inverse.")
        for product in (MatMul(H, Inverse(H)), MatMul(Inverse(H), H))
    )
    commutes, rests = _rests(derive, exists, right, left)
    stationary = _stationary(derive, at_line, exists, right, commutes, rests)
    added = _added(derive)
    fallen, lower = _descent(derive, at_woken, exists, right, commutes)
    claim = All(stationary.conclusion, added.conclusion, fallen.conclusion, lower.conclusion)
    derive("logic", claim, stationary, added, fallen, lower, note="Collect the steps.")
    return Theorem(
        label="separate-weights",
        title="The ladder of saddles of separate keys and queries, and the way down from each",
        source="derived here; the plateaus are those of Zhang, Singh, Latham, Saxe, arXiv 2501.16265",
        statement=Statement(claim, GAUSSIAN),
        steps=derive.steps,
        remarks=(
            "At v = (0, v_0), K_x, Q_x and K_y = 0 the loss along every line in the weights is L_Π + t² S_t: the point is stationary, and "
            "L_Π, the case t = 0, is its loss. Since v is a product of W_V and h, it is stationary in these too.",
            "Such points exist for each Π with the first three properties and k ≥ d: K_x = Πᵀ and v_0 Q_x = ΠB* with rows of 0 below.",
            "A key direction that neither keys nor queries use adds t² times any column times any row to M, and nothing else: so where no "
            "width is wanting a stationary point at which the gradient in M is not 0 has a direction of descent.",
            "If ξ₀ is an eigenvector of WΣ for λ with ξ₀ᵀΣξ₀ = 1, then λ_ξ = λ, and the least loss on the curve, at "
            "s_ξ = λ/((n + 1)λ + τ), is that of the next rung, with Π + ξ₀ξ₀ᵀΣ: the gain is nλ²/((n + 1)λ + τ).",
        ),
    )


def _rests(derive: Derivation, exists: Step, right: Step, left: Step) -> tuple[Step, list[Step]]:
    """At a rung the gradient in the step is orthogonal to what keys and queries use."""
    inverse = Inverse(H)
    commutes = derive(
        "matrix-identity",
        Implication(LADDER, COMMUTES),
        by=((1, -(n + 1), W * Sigma), (2, (n + 1) * Sigma, Sigma), (1, -(n + 1) * Sigma * W), (1, -tau)),
        note="Π commutes with WΣ, so it is symmetric for G,",
    )
    turned = equal(Pi * BEST, BEST * Pi.T)
    best = derive(
        "matrix-identity",
        Implication(LADDER, turned),
        right,
        left,
        exists,
        by=(
            (0, inverse * Pi, W),
            (1, -1, Pi * inverse * W),
            (4, inverse),
            (3, (n + 1) * inverse * W, inverse * W),
            (4, -(n + 1) * inverse, Sigma * inverse * W),
        ),
        note="and for B*.",
    )
    outside = (Pi - Identity(d)) * BEST
    keys = derive(
        "matrix-identity",
        Implication(All(*LADDER.args, COMMUTES), KEYS_AT_REST),
        exists,
        by=((3, -1, SLOPE), (6, K_x, outside * Sigma), (0, K_x * G, BEST * Sigma)),
        note="So the gradient in the step vanishes on all that keys see,",
    )
    queries = derive(
        "matrix-identity",
        Implication(All(*LADDER.args, turned), QUERIES_AT_REST),
        exists,
        by=(
            (6, Q_x * Sigma, G, "T"),
            (4, -1, Sigma * (Pi - Identity(d)) * BEST.T * G),
            (1, -Q_x, (Pi - Identity(d)) * BEST.T * G),
            (0, Q_x * Sigma, BEST.T * G),
        ),
        note="and on all that queries see.",
    )
    at_rest = derive(
        "logic", Implication(LADDER, All(KEYS_AT_REST, QUERIES_AT_REST)), commutes, best, keys, queries, note="This holds at each rung."
    )
    return commutes, [at_rest]


def _level(at: int, cancels: int, first: int) -> tuple[Any, ...]:
    """That n tr(G D Σ Dᵀ) with D = ΠB* − B* is L_Π − L*; `at` counts Π² = Π, `cancels` HH⁻¹ = I and `first` the commutation."""
    gap = Pi * BEST - BEST
    return (
        (first, -n * BEST * Sigma * gap.T),
        (cancels, n * W * Sigma * gap.T * (Pi.T - Identity(d)) * Sigma),
        (at, n * BEST * Sigma * W * Sigma),
    )


def _stationary(derive: Derivation, at_line: Step, exists: Step, right: Step, commutes: Step, rests: list[Step]) -> Step:
    """The loss along a line through a rung."""
    completed = derive("logic", at_line.conclusion.args[2], at_line, note="The loss of that step as a completed square.")
    apart = derive(
        "sign-symmetry",
        equal(Mean(EVEN_ON_LINE * (one_step(STEP_ON_LINE) - TARGET), *PROMPT), 0),
        by=(w, eps, eps_q),
        note="The even part is uncorrelated with the rest of the error.",
    )
    moved = STEP_ON_LINE - BEST
    still = Pi * BEST - BEST + t * FIRST + t**2 * SECOND
    hypotheses = All(*ON_LINE.args, *LADDER.args, COMMUTES, KEYS_AT_REST, QUERIES_AT_REST)
    expanded = derive(
        "matrix-identity",
        Implication(hypotheses, equal(LOSS, RUNG + t**2 * REST)),
        *(completed, apart, right, exists),
        by=(
            (0, 1),
            (1, 2 * t),
            (8, n * Sigma * moved.T * G),
            (8, n * G * still * Sigma, "T"),
            (10, 2 * n * t * v_0 * H_Q.T),
            (11, 2 * n * t * (h_y * K_x + v_0 * H_K), "T"),
            *_level(3, 2, 9),
        ),
        note="So of what is linear in t nothing is left.",
    )
    return derive(
        "logic",
        Implication(All(*ON_LINE.args, *LADDER.args), equal(LOSS, RUNG + t**2 * REST)),
        *(expanded, commutes, *rests),
        note="A rung is stationary in all weights.",
    )


def _added(derive: Derivation) -> Step:
    """What a key direction that is not in use adds to M."""
    hypotheses = All(*UNUSED.args, equal(e_k.T * K_y, 0))
    keys = Transpose(K_x + t * e_k * h_x.T) * (Q_x + t * e_k * h_c.T)
    labels = Transpose(Q_x + t * e_k * h_c.T) * (K_y + t * h_y * e_k)
    covariates = derive(
        "matrix-identity",
        Implication(UNUSED, equal(keys, K_x.T * Q_x + t**2 * NORM * h_x * h_c.T)),
        by=((0, t, h_c.T, "T"), (1, t * h_x)),
        note="A key direction that is not in use adds a column times a row to A,",
    )
    label = derive(
        "matrix-identity",
        Implication(hypotheses, equal(labels, Q_x.T * K_y + t**2 * NORM * h_y * h_c)),
        by=((1, t * h_y, "T"), (2, t * h_c)),
        note="and a multiple of that row to c.",
    )
    return derive(
        "logic",
        Implication(hypotheses, All(covariates.conclusion.args[1], label.conclusion.args[1])),
        *(covariates, label),
        note="To M it adds any column times any row.",
    )


def _descent(derive: Derivation, at_woken: Step, exists: Step, right: Step, commutes: Step) -> tuple[Step, Step]:
    """The loss along the curve on which the missing direction is learned."""
    grown = equal(v_0 * WOKEN, Pi * BEST + GROWN * xi_0 * xi_0.T)
    learned = derive(
        "matrix-identity",
        Implication(All(*LADDER.args, *UNUSED.args), grown),
        exists,
        by=((5, 1), (6, v_0**2 * t, xi_0.T, "T"), (7, v_0 * t * xi_0)),
        note="With ξ₀ in the new key direction the step is ΠB* and a multiple of ξ₀ξ₀ᵀ.",
    )
    step = v_0 * WOKEN - BEST
    completed = derive("logic", at_woken.conclusion.args[2], at_woken, note="Its loss as a completed square.")
    reached = Pi * BEST + GROWN * xi_0 * xi_0.T - BEST
    linear = 2 * n * GROWN
    followed = derive(
        "matrix-identity",
        Implication(All(*IN_USE.args, *LADDER.args, MISSING, COMMUTES, grown), equal(LOSS, FALLEN)),
        *(completed, right, exists),
        by=(
            (0, 1),
            (10, n * Sigma * step.T * G),
            (10, n * G * reached * Sigma, "T"),
            *_level(2, 1, 9),
            (8, linear * xi_0.T * Sigma * BEST.T * G),
            (9, -linear * BEST * Sigma * xi_0 * xi_0.T),
            (1, -linear * W * Sigma * xi_0 * xi_0.T * Sigma),
        ),
        note="Along this curve the loss is a polynomial in t².",
    )
    everything = All(*IN_USE.args, *LADDER.args, *UNUSED.args, MISSING)
    fallen = derive(
        "logic", Implication(everything, equal(LOSS, FALLEN)), followed, learned, commutes, note="So it is at each rung, and each ξ₀."
    )
    positive, near = more_than(GROWN, 0), more_than(2 * VALUE, CURVATURE * GROWN)
    lower = derive(
        "equivalent-relations",
        Implication(positive, Equivalence(more_than(RUNG, FALLEN), near)),
        exists,
        by=(n * GROWN,),
        note="It is below L_Π as long as t² is small: the curve leads down from the rung wherever λ_ξ > 0.",
    )
    return fallen, lower


__all__ = ["theorem"]
