"""Whether the optimal step of gradient descent is a stable one: in the mean square always, on almost every prompt in the limit."""

from __future__ import annotations

from functools import cache
from typing import Any

from sympy import Add, Identity, Inverse, MatMul, Mul, Trace, Transpose

from proofs.derivation import Derivation
from proofs.kernel import Statement, Step, Theorem
from proofs.language import (
    All,
    Equivalence,
    Implication,
    Invertible,
    Mean,
    Named,
    Normal,
    PositiveDefinite,
    at_least,
    equal,
    more_than,
    replaced,
)
from proofs.theorems.paper_step_size import STEP_SIZE
from proofs.theorems.vocabulary import OPTIMUM, stated
from theory.notation import B, Sigma, W, X, X_tilde, d, eta, n, nu, rho_n, sigma2, u, w, x_q
from theory.stable_step import edge_limit, left_over, mean_square_factor, trace_moment

HESSIAN = X_tilde.T * X_tilde
BEST = Named("eta_star", STEP_SIZE.args[1])
SIZE = n + d + 1
FACTOR = mean_square_factor()
FACTOR_THERE = 1 - n * BEST * (1 + sigma2 * BEST)

CLEAN = Trace(w.T * (Identity(d) - X.T * X * OPTIMUM.step) * x_q)
LEFT = Mean(CLEAN**2, X, w, x_q)
SIGNAL = Trace(Sigma * W)
WEIGHT = OPTIMUM.moment + sigma2 * Sigma
TAKEN = Trace(Sigma * Transpose(OPTIMUM.step) * WEIGHT * OPTIMUM.step)

EDGE = edge_limit(rho_n**2, nu)
GIVEN = (
    Normal(X, Identity(n), Sigma),
    Normal(w, W),
    Normal(x_q, Sigma),
    Normal(X_tilde, Identity(n), Identity(d)),
    PositiveDefinite(Sigma),
    more_than(SIGNAL + sigma2, 0),
)


def contracted(step_size: Any) -> Any:
    """E‖(I − ηX̃ᵀX̃)u‖²"""
    rest = u - step_size * HESSIAN * u
    return Mean(Trace(rest.T * rest), X_tilde)


@cache
def theorem() -> Theorem:
    """The theorem."""
    derive = Derivation()
    parts = (*_white(derive), *_general(derive), *_edge(derive))
    claim = All(*(part.conclusion for part in parts))
    derive("logic", claim, *parts, note="Collect the steps.")
    return Theorem(
        label="stable-step",
        title="The optimal step is stable in the mean square, and η(√n + √d)² is at most 2",
        source="derived here",
        statement=Statement(claim, GIVEN),
        steps=derive.steps,
        remarks=(
            "The least-squares objective of a context with white covariates has the Hessian X̃ᵀX̃. One step with η multiplies the "
            "error u by I − ηX̃ᵀX̃, and is stable iff η times its largest eigenvalue is less than 2.",
            "The step size that contracts most in the mean square is the optimal one without noise; noise makes the optimal one smaller.",
            "For any Σ and W the step B* leaves less of a task than there was, on average over the tasks, unless W = 0. A single "
            "direction in which the tasks vary little may still grow.",
            "The quotient with ρ_n is the limit of η* times the largest eigenvalue in many dimensions, ν being the noise in units "
            "of the signal: that the largest eigenvalue, divided by d, tends to (1 + ρ_n)² is the theorem of Geman, and is not part "
            "of what was checked. So the step is stable on almost every prompt then, unless there is no noise and n = d: there it "
            "is at the edge.",
            "The last two parts say that 2/η* is more than (√n + √d)² at every size. By Markov's inequality the moments of the "
            "eigenvalues bound the probability of an unstable step; docs/stable-step.md has that probability exactly.",
        ),
    )


def _white(derive: Derivation) -> tuple[Step, ...]:
    """The mean square of the error after one step with white covariates, for any step size and for the optimal one."""
    length = Trace(u.T * u)
    square = derive("gaussian-moment", equal(contracted(eta), FACTOR * length), note="The mean square of the error after one step.")
    completed = derive(
        "rational-identity",
        equal(FACTOR, 1 - n / SIZE + n * SIZE * (eta - 1 / SIZE) ** 2),
        note="A completed square about the best step size of gradient descent.",
    )
    inside = more_than(eta, 0), more_than(2, eta * SIZE)
    contracts = derive(
        "sign",
        Implication(All(*inside), more_than(1, FACTOR)),
        by=(n * eta * (2 - eta * SIZE),),
        note="A positive step size below 2/(n + d + 1) contracts.",
    )
    over = eta * SIZE - 2
    large = derive(
        "sign",
        Implication(at_least(eta * SIZE, 2), at_least(FACTOR, 1)),
        by=(n * over * Add(over, 2, evaluate=False) / SIZE,),
        note="A larger one does not,",
    )
    back = Mul(-1, eta, evaluate=False)
    negative = derive(
        "sign",
        Implication(at_least(0, eta), at_least(FACTOR, 1)),
        by=(Mul(n, back, Add(2, Mul(SIZE, back, evaluate=False), evaluate=False), evaluate=False),),
        note="and neither does one that is not positive.",
    )
    exactly = derive(
        "logic", Equivalence(All(*inside), more_than(1, FACTOR)), contracts, large, negative, note="So these are those that contract."
    )
    there = derive(
        "gaussian-moment", equal(contracted(BEST), replaced(FACTOR, {eta: BEST}) * length), note="The same for the optimal step size."
    )
    value = derive("rational-identity", equal(replaced(FACTOR, {eta: BEST}), FACTOR_THERE), note="Its factor: (n + d + 1) η* is 1 − σ²η*.")
    best = derive(
        "matrix-identity", equal(contracted(BEST), FACTOR_THERE * length), there, value, by=((0, 1), (1, length)), note="Together."
    )
    less = derive("sign", more_than(1, FACTOR_THERE), by=(n * BEST * (1 + sigma2 * BEST),), note="The optimal step contracts.")
    moments = tuple(
        derive(
            "gaussian-moment",
            equal(Mean(Trace(MatMul(*(HESSIAN,) * power)), X_tilde), stated(trace_moment(power))),
            note=f"The mean of the sum of the eigenvalues to the power {power}.",
        )
        for power in (2, 3)
    )
    return square, completed, exactly, best, less, *moments


def _general(derive: Derivation) -> tuple[Step, ...]:
    """What the optimal step leaves of a task, for any Σ and W."""
    tau, G, H, best, _ = OPTIMUM
    definite = derive(
        "definiteness",
        PositiveDefinite(G),
        by=((n + 1, Sigma, W), (tau, Identity(d), Sigma)),
        note="For any Σ and W: G is definite, because τ > 0 and Σ ≻ 0.",
    )
    invertible = derive("definiteness", Invertible(H), definite, by=(Sigma,), note="ΣH = G, so H is invertible and B* exists.")
    cancels = derive("inverse", equal(MatMul(H, Inverse(H)), Identity(d)), invertible, by=(H,), note="The definition of the inverse.")
    normal = derive(
        "matrix-identity", equal(G * best, Sigma * W), cancels, invertible, by=((0, Sigma, W),), note="B* solves the normal equation."
    )
    quadratic = derive(
        "gaussian-moment", equal(LEFT, replaced(stated(left_over()), {B: best})), invertible, note="What a step leaves, a quadratic in it."
    )
    taken = derive(
        "matrix-identity",
        equal(SIGNAL, LEFT + n * TAKEN),
        quadratic,
        normal,
        invertible,
        by=((0, -1), (1, -2 * n * Sigma * best.T)),
        note="By the normal equation, what it takes away.",
    )
    above = derive(
        "trace-inequality", at_least(TAKEN, 0), definite, invertible, by=(Sigma, best, WEIGHT), note="A trace of two definite factors."
    )
    zero = derive(
        "trace-inequality",
        Equivalence(equal(TAKEN, 0), equal(best, 0)),
        definite,
        invertible,
        by=(Sigma, best, WEIGHT),
        note="It vanishes only with the step.",
    )
    less = derive(
        "sum-of-nonnegatives",
        All(at_least(SIGNAL, LEFT), Equivalence(equal(SIGNAL, LEFT), equal(TAKEN, 0))),
        taken,
        above,
        invertible,
        by=((n, TAKEN),),
        note="So no more is left than there was.",
    )
    strict = derive("logic", Equivalence(equal(SIGNAL, LEFT), equal(best, 0)), less, zero, note="And less, unless there is no step.")
    bound = derive("logic", at_least(SIGNAL, LEFT), less, note="In short.")
    return taken, bound, strict


def _edge(derive: Derivation) -> tuple[Step, ...]:
    """The edge of stability in the limit, and 2/η* beside it at every size."""
    total = 1 + rho_n**2 + nu
    gap = (1 - rho_n) ** 2
    squares = derive(
        "sum-of-nonnegatives",
        All(
            at_least(2 * total, (1 + rho_n) ** 2),
            Equivalence(equal(2 * total, (1 + rho_n) ** 2), All(equal(gap, 0), equal(nu, 0))),
        ),
        by=((1, gap), (2, nu)),
        note="A square and the noise are what the edge is short of 2.",
    )
    same = tuple(
        derive("equivalent-relations", Equivalence(old, new), by=(total,), note=note)
        for old, new, note in (
            (at_least(2 * total, (1 + rho_n) ** 2), at_least(2, EDGE), "Divided by a positive number."),
            (equal(2 * total, (1 + rho_n) ** 2), equal(2, EDGE), "The same for the equality."),
        )
    )
    root = derive("zero-product", Equivalence(equal(gap, 0), equal(1 - rho_n, 0)), by=(1, (1 - rho_n, 2)), note="The square vanishes")
    one = derive("equivalent-relations", Equivalence(equal(1 - rho_n, 0), equal(rho_n, 1)), by=(-1,), note="where n = d.")
    stable = derive("logic", at_least(2, EDGE), squares, *same, note="The step is never beyond the edge in the limit,")
    marginal = derive(
        "logic",
        Equivalence(equal(2, EDGE), All(equal(rho_n, 1), equal(nu, 0))),
        *(squares, *same, root, one),
        note="and at it where n = d without noise, only.",
    )
    beyond = derive("sign", more_than(2 / BEST, n + d), by=(n + d + 2 + 2 * sigma2,), note="At every size: 2/η* is more than n + d,")
    past = derive(
        "sign",
        more_than((2 / BEST - (n + d)) ** 2, 4 * n * d),
        by=((n - d) ** 2 + (2 + 2 * sigma2) ** 2 + 2 * (2 + 2 * sigma2) * (n + d),),
        note="and by more than 2√(nd).",
    )
    return stable, marginal, beyond, past
