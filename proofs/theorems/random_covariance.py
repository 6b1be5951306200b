"""All global minimisers of the in-context loss where the covariance of the covariates is drawn anew for each prompt.

x_i = T x̃_i and x_q = T x̃_q with standard Gaussian x̃ and one random T for the whole prompt, of any law: Σ = TTᵀ. So the query is not
independent of the context, which the theorem for every law assumes; the normal equations are means over T of those for a fixed Σ.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sympy import Identity, Trace

from proofs.derivation import Derivation
from proofs.kernel import Statement, Step, Theorem
from proofs.language import (
    All,
    Equivalence,
    Expectation,
    Implication,
    Law,
    Mean,
    Named,
    NamedMatrix,
    at_least,
    equal,
    substitute,
)
from proofs.theorems.vocabulary import EVEN, OPTIMUM, PREDICTION, STEP, TARGET, laws, one_step
from theory.notation import A, B_star, Sigma, T, W, X, X_tilde, c, d, eps, eps_q, n, v_x, v_y, w, x_q, x_q_tilde

DRAWN = T * T.T
TAU = substitute(OPTIMUM.tau, {Sigma: DRAWN})
MOMENT = NamedMatrix("G", substitute(OPTIMUM.moment.args[1], {Sigma: DRAWN}))
ALIGNED = DRAWN * W * DRAWN
NORMAL = equal(Expectation(MOMENT * B_star * DRAWN, T), Expectation(ALIGNED, T))
WHITE = {X: X_tilde, x_q: x_q_tilde}
GIVEN = (
    *(substitute(law, WHITE) if law.args[0] in WHITE else law for law in laws(Identity(d), W)),
    Law(T),
    NORMAL,
)


def drawn(expr: Any) -> Any:
    """The same where the covariates are X = X̃Tᵀ and x_q = T x̃_q."""
    return substitute(expr, {X: X_tilde * T.T, x_q: T * x_q_tilde})


PROMPT = (X_tilde, w, eps, x_q_tilde, eps_q)
SEEN, SEEN_EVEN, SEEN_TARGET = map(drawn, (PREDICTION, EVEN, TARGET))
LOSS = Named("L", Mean((SEEN - SEEN_TARGET) ** 2, *PROMPT, T))
SIZE = Mean(SEEN_EVEN**2, *PROMPT[:4], T)
LEAST = Named("L_star", Mean(TAU, T) - n * Mean(Trace(B_star.T * ALIGNED), T))
MINIMAL = equal(LOSS, LEAST)
GAP = STEP - B_star


def step_of(step: Any) -> Any:
    """The prediction of one step."""
    return drawn(one_step(step))


DISTANCE = Mean(step_of(GAP) ** 2, *PROMPT[:4], T)
SQUARE = Mean(Trace(MOMENT * GAP * DRAWN * GAP.T), T)


@cache
def theorem() -> Theorem:
    """The theorem."""
    derive = Derivation()
    parts = derive("matrix-identity", equal(SEEN, SEEN_EVEN + step_of(STEP)), note="The prediction is an even part and one step with B.")
    cross = derive(
        "sign-symmetry",
        equal(Mean(SEEN_EVEN * (step_of(STEP) - SEEN_TARGET), *PROMPT, T), 0),
        by=(w, eps, eps_q),
        note="Under (w, ε, ε_q) → −(w, ε, ε_q) the even part stays and the other factor changes sign.",
    )
    normal = derive("logic", NORMAL, note="By definition.")
    apart, still = (_uncorrelated(derive, direction, normal) for direction in (GAP, B_star))
    variance = _averaged(derive, SEEN_TARGET**2, TAU, "The variance of a label, given Σ.")
    aligned = _averaged(
        derive, SEEN_TARGET * step_of(B_star), n * Trace(B_star.T * ALIGNED), "What the step with B* sees of the label, given Σ."
    )
    excess = derive(
        "matrix-identity",
        equal(LOSS, LEAST + SIZE + DISTANCE),
        cross,
        apart,
        still,
        *variance,
        *aligned,
        by=((0, 2), (1, 2), (2, 1), (3, 1), (4, 1), (5, -1), (6, -1)),
        note="Expand the square of the even part, the difference of the two steps, and the residual of B*.",
    )
    bound = derive(
        "sum-of-nonnegatives",
        All(at_least(LOSS, LEAST), Equivalence(MINIMAL, All(equal(SIZE, 0), equal(DISTANCE, 0)))),
        excess,
        by=((1, SIZE), (1, DISTANCE)),
        note="A sum of nonnegative terms is at least 0, and 0 only if each is.",
    )
    explicit = _averaged(
        derive, step_of(GAP) ** 2, n * Trace(MOMENT * GAP * DRAWN * GAP.T), "The mean squared difference of two steps, given Σ."
    )
    distance = derive("matrix-identity", equal(DISTANCE, n * SQUARE), *explicit, by=((0, 1), (1, 1)), note="n comes out of the mean.")
    chosen = All(equal(v_x, 0), equal(c, 0), equal(v_y, 1), equal(A, B_star))
    reached = [
        derive("matrix-identity", Implication(chosen, equal(part, 0)), note=note)
        for part, note in ((SIZE, "With v_x = 0 and c = 0 the even part is 0."), (DISTANCE, "With v = (0, 1), A = B* and c = 0 it is B*."))
    ]
    attained = derive("logic", Implication(chosen, MINIMAL), bound, *reached, note="So the minimum is attained.")
    shown = (parts, excess, bound, distance, attained)
    claim = All(*(part for step in shown for part in (step.conclusion.args if isinstance(step.conclusion, All) else (step.conclusion,))))
    derive("logic", claim, *shown, note="Collect the steps.")
    return Theorem(
        label="random-covariance",
        title="All global minimisers where each prompt has a covariance of its own",
        source="derived here; that such a layer fails is observed by Zhang, Frei, Bartlett, arXiv 2306.09927, section 4.3",
        statement=Statement(claim, GIVEN),
        steps=derive.steps,
        remarks=(
            "T may have any law under which the means exist: a finite mean of ‖T‖⁶ is enough. The normal equations are linear in B* and "
            "always have a solution, as the loss is a quadratic in B that is bounded below.",
            "In the eigenbasis of a Σ whose eigenvectors are fixed, with W diagonal there too, B* is diagonal with entries "
            "E λᵢ² wᵢ / E[(n + 1) wᵢ λᵢ³ + τ λᵢ²].",
        ),
    )


def _averaged(derive: Derivation, integrand: Any, value: Any, note: str) -> tuple[Step, Step]:
    """The mean of a polynomial of the prompt is that over Σ of its mean given Σ, and so that of the value of this."""
    variables = tuple(z for z in PROMPT if integrand.has(z))
    given = Mean(integrand, *variables)
    inner = derive("gaussian-moment", equal(given, value), note=note)
    nested = derive(
        "citation",
        equal(Mean(integrand, *variables, T), Mean(given, T)),
        by=("fubini",),
        note="Average over Σ last, of which the rest is independent.",
    )
    means = derive("monotone-mean", equal(Mean(given, T), Mean(value, T)), inner, note="The means over Σ are the same.")
    return nested, means


def _uncorrelated(derive: Derivation, direction: Any, normal: Step) -> Step:
    """The residual of B* is uncorrelated with one step in a direction."""
    product = step_of(direction) * (step_of(B_star) - SEEN_TARGET)
    fitted, wanted = NORMAL.lhs.args[0], NORMAL.rhs.args[0]
    averaged = _averaged(
        derive,
        product,
        n * (Trace(fitted * direction.T) - Trace(wanted * direction.T)),
        "The residual of B* times one step, given Σ.",
    )
    linear = [
        derive(
            "independence",
            equal(Mean(Trace(matrix * direction.T), T), Trace(Expectation(matrix, T) * direction.T)),
            note="The mean of a linear function of a matrix.",
        )
        for matrix in (fitted, wanted)
    ]
    return derive(
        "matrix-identity",
        equal(averaged[0].conclusion.lhs, 0),
        *averaged,
        *linear,
        normal,
        by=((0, 1), (1, 1), (2, n), (3, -n), (4, n * direction.T)),
        note="By the normal equations the residual of B* is uncorrelated with it.",
    )
