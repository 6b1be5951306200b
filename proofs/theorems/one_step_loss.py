"""The loss of a predictor (Σ y_i x_i)ᵀ B x_q is a completed square in B, for any matrix B."""

from __future__ import annotations

from functools import cache

from sympy import Identity, Inverse, MatMul, Trace, Transpose

from proofs.derivation import Derivation
from proofs.kernel import Statement, Theorem
from proofs.language import All, Equivalence, Invertible, PositiveDefinite, at_least, equal
from proofs.theorems.vocabulary import GAUSSIAN, OPTIMUM, one_step_loss
from theory.notation import B, Sigma, W, d, n


@cache
def theorem() -> Theorem:
    """The theorem."""
    derive = Derivation()
    tau, G, H, best, least = OPTIMUM
    loss = one_step_loss(B)
    quadratic = derive(
        "gaussian-moment",
        equal(loss, n * Trace(G * B * Sigma * B.T) - 2 * n * Trace(B * Sigma * W * Sigma) + tau),
        note="The loss of the one-step predictor, a quadratic in B.",
    )
    definite = derive(
        "definiteness",
        PositiveDefinite(G),
        by=((n + 1, Sigma, W), (tau, Identity(d), Sigma)),
        note="Its quadratic form is definite, because τ > 0 and Σ ≻ 0.",
    )
    invertible = derive("definiteness", Invertible(H), definite, by=(Sigma,), note="ΣH = G, so H is invertible and B* exists.")
    cancels = derive("inverse", equal(MatMul(H, Inverse(H)), Identity(d)), invertible, by=(H,), note="The definition of the inverse.")
    normal = derive(
        "matrix-identity",
        equal(G * best, Sigma * W),
        cancels,
        invertible,
        by=((0, Sigma, W),),
        note="B* solves the normal equation of the quadratic.",
    )
    deviation = B - best
    square = Trace(G * deviation * Sigma * Transpose(deviation))
    completed = derive(
        "matrix-identity",
        equal(loss, least + n * square),
        quadratic,
        normal,
        invertible,
        by=((0, 1), (1, 2 * n * B * Sigma, 1, "T"), (1, -n * best * Sigma, 1, "T")),
        note="Complete the square.",
    )
    above = derive(
        "trace-inequality", at_least(square, 0), definite, invertible, by=(Sigma, deviation, G), note="A trace of two definite factors."
    )
    zero = derive(
        "trace-inequality",
        Equivalence(equal(square, 0), equal(B, best)),
        definite,
        invertible,
        by=(Sigma, deviation, G),
        note="Both factors are definite, so it vanishes only with B − B*.",
    )
    minimum = derive(
        "sum-of-nonnegatives",
        All(at_least(loss, least), Equivalence(equal(loss, least), equal(square, 0))),
        completed,
        above,
        invertible,
        by=((n, square),),
        note="So L* is the minimum.",
    )
    claim = All(
        definite.conclusion,
        invertible.conclusion,
        completed.conclusion,
        at_least(loss, least),
        Equivalence(equal(loss, least), equal(B, best)),
    )
    derive("logic", claim, definite, invertible, completed, minimum, zero, note="Collect the steps.")
    return Theorem(
        label="one-step-loss",
        title="The loss of one preconditioned step",
        source="derived here",
        statement=Statement(claim, GAUSSIAN),
        steps=derive.steps,
    )
