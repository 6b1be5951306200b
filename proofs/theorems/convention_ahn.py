"""Ahn, Cheng, Daneshmand, Sra: weights P and Q, the mean over the context, covariates N(0, Σ), w ~ N(0, I). Their Theorem 1."""

from __future__ import annotations

from functools import cache

from sympy import BlockMatrix, Identity, Inverse, MatMul, Trace, ZeroMatrix

from proofs.derivation import Derivation
from proofs.kernel import Statement, Theorem
from proofs.language import (
    All,
    Any_,
    Equivalence,
    Implication,
    Named,
    NamedMatrix,
    Orthogonal,
    PositiveDefinite,
    at_most,
    different,
    equal,
    more_than,
)
from proofs.theorems.convention_layer import (
    LABEL_SLOT,
    QUERY_COLUMN,
    E,
    least,
    loss_of,
    of_layer,
    optimum_of,
    preconditioner,
    standard_task,
    translated,
)
from proofs.theorems.general_gaussian import in_keys, in_values
from proofs.theorems.vocabulary import laws
from theory.notation import A, Lambda, P_xx, P_xy, Q_xx, Q_xy, Sigma, U, W, c, d, n, p_x, p_y, q_yx, q_yy, sigma2, v_x, v_y

P = NamedMatrix("P", BlockMatrix([[P_xx, P_xy], [p_x.T, p_y * Identity(1)]]))
Q = NamedMatrix("Q", BlockMatrix([[Q_xx, Q_xy], [q_yx.T, q_yy * Identity(1)]]))
MASK = NamedMatrix("M_n", BlockMatrix([[Identity(n), ZeroMatrix(n, 1)], [ZeroMatrix(1, n), ZeroMatrix(1, 1)]]))
AFTER = NamedMatrix("Z_1", E + 1 / n * P * E * MASK * E.T * Q * E)
PREDICTION = Named("yhat", -Trace(LABEL_SLOT.T * AFTER * QUERY_COLUMN))
LOSS = loss_of(PREDICTION)
LEAST = least(Sigma)
GAMMA = preconditioner(Sigma)
LAYER = {W: Identity(d), v_x: -1 / n * p_x, v_y: -p_y / n, A: Q_xx, c: q_yx}
MINIMAL = equal(LOSS, LEAST)
BEST = MatMul(-1, Inverse(GAMMA))
IN_VALUES = All(equal(p_x, 0), equal(q_yx, 0), equal(p_y * Q_xx, BEST))
IN_KEYS = All(equal(Q_xx, 0), equal(p_y, 0), equal(p_x * q_yx.T, BEST))
PAPER = All(equal(p_x, 0), equal(p_y, 1), equal(q_yx, 0), equal(Q_xx, BEST))
EIGENBASIS = All(Orthogonal(U), equal(U * Lambda * U.T, Sigma))


@cache
def theorem() -> Theorem:
    """The theorem."""
    derive = Derivation()
    there = optimum_of(LAYER)
    start = standard_task(derive, LAYER, Sigma, LOSS)
    proved = start.same, start.exists, start.definite
    values, keys = (of_layer(family(there.step), LAYER) for family in (in_values, in_keys))
    (no_x, _, step), (_, no_y, outer) = values.args, keys.args
    same = translated(
        derive,
        (
            (no_x, equal(p_x, 0), (-1 / n,)),
            (no_y, equal(p_y, 0), (-1 / n,)),
            (step, equal(p_y * Q_xx, BEST), (-1 / n, (0, -1))),
            (outer, equal(p_x * q_yx.T, BEST), (-1 / n, (0, -1))),
        ),
        *proved,
        note="The layer's parameters in the paper's weights.",
    )
    something = derive("sign", different(Identity(d), 0), note="The covariance of the task vector is not 0.")
    families = derive(
        "logic",
        Equivalence(MINIMAL, Any_(IN_VALUES, IN_KEYS)),
        start.general,
        start.minimal,
        something,
        *same,
        note="So there are two families of minimisers.",
    )
    thin = derive(
        "rank",
        Implication(equal(p_x * q_yx.T, BEST), at_most(d, 1)),
        start.definite,
        by=(Identity(d), BEST, Identity(d)),
        note="A column times a row is invertible in one dimension only.",
    )
    unique = derive(
        "logic",
        Implication(more_than(d, 1), Equivalence(MINIMAL, IN_VALUES)),
        families,
        thin,
        note="For d ≥ 2 only the first: unique up to the scale p_y, and the blocks that never act.",
    )
    chosen = derive(
        "matrix-identity", Implication(PAPER, equal(p_y * Q_xx, BEST)), start.definite, note="The paper's weights are in the first family."
    )
    attained = derive("logic", Implication(PAPER, MINIMAL), families, chosen, note="So they are a global minimiser.")
    eigenvalues = (n + 1) / n * Lambda + (Trace(Sigma) + sigma2) / n * Identity(d)
    diagonal = derive(
        "matrix-identity",
        Implication(EIGENBASIS, equal(Inverse(GAMMA) * U * eigenvalues, U)),
        start.cancels,
        start.definite,
        by=((0, 1, U, "T"), (1, (n + 1) / n * Inverse(GAMMA), U)),
        note="In the eigenvectors of Σ the preconditioner Γ⁻¹ is diagonal if Λ is.",
    )
    shown = (start.definite, start.bound, families, unique, attained, diagonal)
    claim = All(*(step.conclusion for step in shown))
    derive("logic", claim, *shown, note="Collect the steps.")
    return Theorem(
        label="convention-ahn",
        title="Ahn, Cheng, Daneshmand, Sra: all global minimisers (P, Q)",
        source="Ahn, Cheng, Daneshmand, Sra, arXiv 2306.00297, Theorem 1; specialises general-gaussian",
        statement=Statement(claim, (*laws(Sigma, Identity(d)), PositiveDefinite(Sigma))),
        steps=derive.steps,
        remarks=(
            "Their Theorem 1 is the case σ² = 0 of the last two parts: P is 1 in its last entry and 0 elsewhere, Q is −Γ⁻¹ in its "
            "covariate block and 0 elsewhere.",
            "As a layer these weights are v = −(p_x, p_y)/n and M = Q. Other rows of P and the last column of Q do not act.",
        ),
    )
