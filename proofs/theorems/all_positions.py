"""The loss of one step averaged over the positions 1, …, n of a context: a completed square about the best step of length (2n + 1)/3.

A sum over positions is not part of the language, so it is given by its differences: S_n, a polynomial with the factor n, grows from n − 1
to n by the loss at length n.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sympy import Identity, Inverse, MatMul, S, Trace, Transpose

from proofs.derivation import Derivation
from proofs.kernel import Statement, Step, Theorem
from proofs.language import (
    All,
    Equivalence,
    Implication,
    Invertible,
    Named,
    NamedMatrix,
    PositiveDefinite,
    at_least,
    equal,
    replaced,
    substitute,
)
from proofs.theorems.paper_step_size import STEP_SIZE
from proofs.theorems.random_weights import quadratic
from proofs.theorems.vocabulary import GAUSSIAN, OPTIMUM, one_step_loss
from theory.all_positions import Weights
from theory.notation import B, Sigma, W, d, n

POSITIONS = Weights.positions(n)
LENGTH = Named("n_tilde", POSITIONS.effective_length)
TAU = OPTIMUM.tau
SYSTEM = NamedMatrix("H", substitute(OPTIMUM.system.args[1], {n: LENGTH}))
BEST = NamedMatrix("B_star", MatMul(Inverse(SYSTEM), W))
MOMENT = NamedMatrix("G", substitute(OPTIMUM.moment.args[1], {n: LENGTH}))
LEAST = Named("L_star", TAU - POSITIONS.total * Trace(BEST * Sigma * W * Sigma))
TOTAL = Named("S_n", n * quadratic(B, *POSITIONS))
BEFORE = Named("S_n_1", substitute(TOTAL.args[1], {n: n - 1}))
AVERAGE = TOTAL / n
STEP_SIZE_HERE = Named("eta_tilde", substitute(STEP_SIZE.args[1], {n: LENGTH}))


@cache
def theorem() -> Theorem:
    """The theorem."""
    derive = Derivation()
    loss = derive(
        "gaussian-moment",
        equal(one_step_loss(B), quadratic(B, n, n**2, n)),
        note="The loss of one step at length n, a quadratic in B.",
    )
    summed = derive(
        "matrix-identity",
        equal(TOTAL - BEFORE, one_step_loss(B)),
        loss,
        by=((0, -1),),
        note="So S_n is the sum of the losses at the lengths 1, …, n.",
    )
    definite = derive(
        "definiteness",
        PositiveDefinite(MOMENT),
        by=((LENGTH + 1, Sigma, W), (TAU, Identity(d), Sigma)),
        note="G is definite, because τ > 0 and Σ ≻ 0.",
    )
    exists = derive("definiteness", Invertible(SYSTEM), definite, by=(Sigma,), note="ΣH = G, so H is invertible and B* exists.")
    cancels = derive(
        "inverse", equal(MatMul(SYSTEM, Inverse(SYSTEM)), Identity(d)), exists, by=(SYSTEM,), note="The definition of the inverse."
    )
    normal = derive(
        "matrix-identity",
        equal(MOMENT * BEST, Sigma * W),
        cancels,
        exists,
        by=((0, Sigma, W),),
        note="B* solves the normal equation of the quadratic.",
    )
    gap = B - BEST
    square = Trace(MOMENT * gap * Sigma * Transpose(gap))
    weight = POSITIONS.total
    completed = derive(
        "matrix-identity",
        equal(AVERAGE, LEAST + weight * square),
        normal,
        exists,
        by=((0, 2 * weight * B * Sigma, 1, "T"), (0, -weight * BEST * Sigma, 1, "T")),
        note="Complete the square.",
    )
    above = derive(
        "trace-inequality", at_least(square, 0), definite, exists, by=(Sigma, gap, MOMENT), note="A trace of two definite factors."
    )
    zero = derive(
        "trace-inequality",
        Equivalence(equal(square, 0), equal(B, BEST)),
        definite,
        exists,
        by=(Sigma, gap, MOMENT),
        note="It vanishes only with B − B*.",
    )
    minimum = derive(
        "sum-of-nonnegatives",
        All(at_least(AVERAGE, LEAST), Equivalence(equal(AVERAGE, LEAST), equal(square, 0))),
        completed,
        above,
        exists,
        by=((weight, square),),
        note="So L* is the minimum.",
    )
    compared = _compared(derive)
    claim = All(
        summed.conclusion,
        exists.conclusion,
        completed.conclusion,
        at_least(AVERAGE, LEAST),
        Equivalence(equal(AVERAGE, LEAST), equal(B, BEST)),
        *(step.conclusion for step in compared),
    )
    derive("logic", claim, summed, exists, completed, minimum, zero, *compared, note="Collect the steps.")
    return Theorem(
        label="all-positions",
        title="The loss averaged over all positions of the context: the best step is that of a context of length (2n + 1)/3",
        source="derived here",
        statement=Statement(claim, GAUSSIAN),
        steps=derive.steps,
        remarks=(
            "S_n has the factor n, so S₀ = 0, and by the first part S_n = L₁ + … + L_n. A prediction before the first example adds τ to "
            "the sum whatever B is: with the positions 0, …, n the best step is the same.",
            "For a long context the step is 3/2 of the one for the fixed length n. What holds for one step holds for the whole layer, and "
            "for a length of any law: see the theorem random-weights.",
        ),
    )


def _compared(derive: Derivation) -> tuple[Step, ...]:
    """With standard Gaussian covariates and tasks: the step size, beside that of the fixed length n."""
    standard = dict.fromkeys((Sigma, W), Identity(d))
    variance = substitute(TAU.args[1], standard)
    system = substitute(replaced(SYSTEM.args[1], {TAU: variance}), standard)
    definite = derive(
        "definiteness",
        PositiveDefinite(system),
        by=((LENGTH + 1, Identity(d), Identity(d)), (variance, Identity(d), Identity(d))),
        note="With Σ = W = I the matrix H is a positive multiple of the identity.",
    )
    step: Any = derive(
        "matrix-identity",
        Implication(All(*(equal(symbol, value) for symbol, value in standard.items())), equal(BEST, STEP_SIZE_HERE * Identity(d))),
        definite,
        note="So there the best step is a multiple of the identity.",
    )
    gap = (n - 1) * STEP_SIZE_HERE * STEP_SIZE / 3
    larger = derive(
        "sign", at_least(STEP_SIZE_HERE, STEP_SIZE), by=(gap,), note="It is at least the step size for the fixed length n, because ñ ≤ n."
    )
    same = derive(
        "equivalent-relations",
        Equivalence(equal(STEP_SIZE_HERE, STEP_SIZE), equal(n, S.One)),
        by=(STEP_SIZE_HERE * STEP_SIZE / 3,),
        note="And they are the same for a context of one example only.",
    )
    return step, larger, same
