"""`general-gaussian` where the optimal step is a multiple η of one matrix: Theorems 1 and 2 of the paper share this derivation."""

from __future__ import annotations

from typing import Any

from sympy import Identity, MatMul, Trace, ZeroMatrix

from proofs.derivation import Derivation
from proofs.kernel import Statement, Step, Theorem
from proofs.language import (
    All,
    Any_,
    Equivalence,
    GradientAt,
    Implication,
    PositiveDefinite,
    at_least,
    at_most,
    different,
    equal,
    more_than,
    replaced,
    substitute,
)
from proofs.theorems import general_gaussian, paper_step_size
from proofs.theorems.general_gaussian import in_keys, in_values
from proofs.theorems.one_step_of_gradient_descent import EXPANSION, OBJECTIVE
from proofs.theorems.paper_step_size import STEP_SIZE, correlation, length
from proofs.theorems.vocabulary import LABEL, LOSS, PREDICTION, laws, one_step, optimum
from theory.notation import A, Sigma, W, X, c, d, n, omega, sigma2, u, v_x, v_y, x_q, y


def theorem(label: str, title: str, source: str, covariance: Any, prior: Any) -> Theorem:
    """For x ~ N(0, Σ) and w ~ N(0, Σ⁻¹): every global minimiser is one step with η Σ⁻¹."""
    derive = Derivation()
    mapping = {Sigma: covariance, W: prior}
    there = optimum(mapping)
    step = STEP_SIZE * prior
    least = d + sigma2 - n * d * STEP_SIZE
    general = derive(
        "specialisation",
        substitute(general_gaussian.theorem().claim, mapping),
        general_gaussian.theorem(),
        by=tuple(mapping.items()),
        note="All minimisers, in this setting.",
    )
    definite = derive(
        "definiteness",
        PositiveDefinite(there.system),
        by=((n + 1 + there.tau, Identity(d), Identity(d)),),
        note="Here H is a positive multiple of the identity.",
    )
    best = derive(
        "matrix-identity", equal(there.step, step), definite, note="So the optimal step is η times the covariance of the task vector."
    )
    minimum = derive("matrix-identity", equal(there.loss, least), definite, note="The minimum in closed form.")
    same = [
        derive("equivalent-relations", Equivalence(*pair), best, minimum, definite, by=(1,), note=note)
        for pair, note in (
            ((equal(LOSS, there.loss), equal(LOSS, least)), "L* replaced by its closed form in L = L*."),
            ((at_least(LOSS, there.loss), at_least(LOSS, least)), "The same in L ≥ L*."),
            ((equal(v_y * A, there.step), equal(v_y * A, step)), "B* replaced by its closed form in the first family."),
            ((equal(v_x * c.T, there.step), equal(v_x * c.T, step)), "The same in the second family."),
            ((equal(PREDICTION, one_step(there.step)), equal(PREDICTION, one_step(step))), "The same in the prediction."),
        )
    ]
    something = derive("sign", different(prior, 0), note="The covariance of the task vector is definite, so it is not 0.")
    bound = derive("logic", at_least(LOSS, least), general, *same, note="So no layer has a smaller loss.")
    implements = derive(
        "logic",
        Implication(equal(LOSS, least), equal(PREDICTION, one_step(step))),
        general,
        *same,
        note="Every minimiser takes one step with this step size, on every prompt.",
    )
    descends = _descends(derive, prior, least, implements)
    families = derive(
        "logic",
        Equivalence(equal(LOSS, least), Any_(in_values(step), in_keys(step))),
        general,
        something,
        *same,
        note="There are two families of minimisers.",
    )
    attained = _attained(derive, step, least, families)
    thin = derive(
        "rank",
        Implication(equal(v_x * c.T, step), at_most(d, 1)),
        by=(step, Identity(d), Identity(d)),
        note="A column times a row has rank at most one, so it is invertible in one dimension only.",
    )
    unique = derive(
        "logic",
        Implication(more_than(d, 1), Equivalence(equal(LOSS, least), in_values(step))),
        families,
        thin,
        note="So for d ≥ 2 the minimiser is unique up to the scale v_y.",
    )
    second = _second(derive, prior, step, least, families)
    ratio = _ratio(derive, covariance)
    parts = (bound, attained, implements, descends, families, unique, second, ratio)
    claim = All(*(part.conclusion for part in parts))
    derive("logic", claim, *parts, note="Collect the steps.")
    remarks = (
        "In sums, yᵀX x_q is Σ_i y_i x_i·x_q. The objective ℓ is half the squared error on the context, and the step starts from 0.",
        "The minimiser is unique up to the scale (v, M) → (s v, M / s) and the last column of M, which never acts, if d ≥ 2. "
        "In one dimension it is not: with Σ⁻¹ = ω², a number, the last but one part gives a minimiser of the second family.",
    )
    return Theorem(label, title, source, Statement(claim, _assumptions(covariance, prior)), derive.steps, remarks)


def _assumptions(covariance: Any, prior: Any) -> tuple[Any, ...]:
    free = () if covariance == Identity(d) else (PositiveDefinite(covariance),)
    return (*laws(covariance, prior), *free)


def _descends(derive: Derivation, metric: Any, least: Any, implements: Step) -> Step:
    """The prediction at a minimum, as a step of gradient descent from 0."""
    start = ZeroMatrix(d, 1)
    slope = GradientAt(replaced(OBJECTIVE, {y: LABEL}), u, start)
    downhill = derive(
        "citation",
        equal(slope, MatMul(-1, X.T, LABEL)),
        by=EXPANSION,
        note="The gradient of the least-squares objective at 0.",
    )
    step = one_step(STEP_SIZE * metric)
    descended = Trace(x_q.T * (start - STEP_SIZE * metric * slope))
    same = derive(
        "equivalent-relations",
        Equivalence(equal(PREDICTION, step), equal(PREDICTION, descended)),
        downhill,
        by=(1, (0, MatMul(-STEP_SIZE, x_q.T, metric))),
        note="One step with η Σ⁻¹ is one step of (preconditioned) gradient descent from 0, read at the query.",
    )
    return derive(
        "logic",
        Implication(equal(LOSS, least), equal(PREDICTION, descended)),
        implements,
        same,
        note="So every minimiser takes one step of (preconditioned) gradient descent.",
    )


def _attained(derive: Derivation, step: Any, least: Any, families: Step) -> Step:
    """The minimum is reached by the layer with v = (0, 1) and A = η Σ⁻¹."""
    chosen = All(equal(v_x, 0), equal(c, 0), equal(v_y, 1), equal(A, step))
    reached = derive(
        "matrix-identity", Implication(chosen, equal(v_y * A, step)), note="With v_y = 1 the first family has A equal to the step."
    )
    return derive("logic", Implication(chosen, equal(LOSS, least)), families, reached, note="So the minimum is attained.")


def _second(derive: Derivation, metric: Any, step: Any, least: Any, families: Step) -> Step:
    """In one dimension the second family is not empty."""
    direction = All(equal(omega * omega.T, metric), equal(v_x, STEP_SIZE * omega), equal(c, omega))
    outer = derive(
        "matrix-identity",
        Implication(direction, equal(v_x * c.T, step)),
        by=((0, STEP_SIZE * Identity(d)),),
        note="Where the covariance of the task vector is a column times a row, which means d = 1, so is the step.",
    )
    return derive(
        "logic",
        Implication(All(*direction.args, equal(A, 0), equal(v_y, 0)), equal(LOSS, least)),
        families,
        outer,
        note="So there the second family is not empty.",
    )


def _ratio(derive: Derivation, covariance: Any) -> Step:
    """η as the paper has it, under σ² > 0 so that the ridge estimate exists."""
    source = paper_step_size.theorem()
    noisy = more_than(sigma2, 0)
    mapping = {Sigma: covariance} if covariance != Sigma else {}
    known = substitute(source.claim, mapping)
    special = derive(
        "specialisation", Implication(noisy, known), source, by=tuple(mapping.items()), note="The step size is the paper's ratio."
    )
    if not mapping:
        return special
    numerator, denominator = correlation(covariance), length(covariance)
    clean = more_than(denominator, 0), equal(STEP_SIZE, numerator / denominator)
    same = [
        derive(
            "equivalent-relations", Implication(hypothesis, Equivalence(old, new)), by=(1,), note="The identity matrices change nothing."
        )
        for hypothesis, old, new in zip((noisy, All(noisy, *known.args[:1], clean[0])), known.args, clean, strict=True)
    ]
    return derive("logic", Implication(noisy, All(*clean)), special, *same, note="So the step size is the paper's ratio.")
