"""Zhang, Frei, Bartlett: weights W^PV and W^KQ, the mean over the context, covariates N(0, Λ), w ~ N(0, I). The limit of their flow."""

from __future__ import annotations

from functools import cache

from sympy import BlockMatrix, Identity, Inverse, Trace

from proofs.derivation import Derivation
from proofs.kernel import Statement, Theorem
from proofs.language import All, Equivalence, Implication, Named, NamedMatrix, PositiveDefinite, different, equal
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
from proofs.theorems.vocabulary import STEP, laws
from theory.notation import KQ_11, KQ_12, KQ_21, KQ_22, PV_11, PV_12, PV_21, PV_22, A, Lambda, Sigma, W, c, d, n, s, v_x, v_y

W_PV = NamedMatrix("W_PV", BlockMatrix([[PV_11, PV_12], [PV_21.T, PV_22 * Identity(1)]]))
W_KQ = NamedMatrix("W_KQ", BlockMatrix([[KQ_11, KQ_12], [KQ_21.T, KQ_22 * Identity(1)]]))
AFTER = NamedMatrix("E_1", E + 1 / n * W_PV * E * E.T * W_KQ * E)
PREDICTION = Named("yhat", Trace(LABEL_SLOT.T * AFTER * QUERY_COLUMN))
LOSS = loss_of(PREDICTION)
LEAST = least(Lambda)
GAMMA = preconditioner(Lambda)
ROW = equal(PV_21, 0)
LAYER = {Sigma: Lambda, W: Identity(d), v_x: 1 / n * PV_21, v_y: PV_22 / n, A: KQ_11, c: KQ_21}
MINIMAL = equal(LOSS, LEAST)
STEP_IS_BEST, NO_LABEL_KEY = equal(PV_22 * KQ_11, Inverse(GAMMA)), equal(KQ_21, 0)
BALANCED = equal(PV_22**2, Trace(KQ_11.T * KQ_11))
LIMIT = All(equal(s**4, Trace(Inverse(GAMMA) * Inverse(GAMMA))), equal(KQ_11, 1 / s * Inverse(GAMMA)), NO_LABEL_KEY)


@cache
def theorem() -> Theorem:
    """The theorem."""
    derive = Derivation()
    there = optimum_of(LAYER)
    start = standard_task(derive, LAYER, Lambda, LOSS, under=ROW)
    stepped = derive(
        "equivalent-relations",
        Implication(ROW, Equivalence(equal(of_layer(STEP, LAYER), there.step), STEP_IS_BEST)),
        start.same,
        start.exists,
        start.definite,
        by=(1 / n, (0, -1)),
        note="The layer's step in the paper's weights.",
    )
    same = translated(
        derive,
        ((equal(1 / n * PV_21, 0), ROW, (1 / n,)), (equal(PV_22 / n, 0), equal(PV_22, 0), (1 / n,))),
        note="The layer's v in the paper's weights.",
    )
    something = derive("sign", different(Inverse(GAMMA), 0), start.definite, note="A definite matrix is not 0,")
    vanishing = derive(
        "equivalent-relations",
        Implication(equal(PV_22, 0), Equivalence(STEP_IS_BEST, equal(Inverse(GAMMA), 0))),
        start.definite,
        by=(-1,),
        note="so the labels enter through the values.",
    )
    minimisers = derive(
        "logic",
        Implication(ROW, Equivalence(MINIMAL, All(STEP_IS_BEST, NO_LABEL_KEY))),
        start.general,
        start.minimal,
        stepped,
        *same,
        something,
        vanishing,
        note="These are all global minimisers with this row 0.",
    )
    scaled = derive(
        "equivalent-relations",
        Implication(equal(PV_22, s), Equivalence(STEP_IS_BEST, LIMIT.args[1])),
        start.definite,
        by=(s,),
        note="At a given last entry of W^PV the other block is known,",
    )
    balance = derive(
        "equivalent-relations",
        Implication(All(equal(PV_22, s), LIMIT.args[1]), Equivalence(BALANCED, LIMIT.args[0])),
        start.definite,
        by=(1 / s**2,),
        note="and the two are balanced where the entry is a fourth root.",
    )
    limit = derive(
        "logic",
        Implication(All(ROW, equal(PV_22, s)), Equivalence(All(MINIMAL, BALANCED), LIMIT)),
        minimisers,
        scaled,
        balance,
        note="So one balanced global minimiser has a positive last entry: the limit of the paper's flow.",
    )
    shown = (start.definite, start.bound, minimisers, limit)
    claim = All(*(step.conclusion for step in shown))
    derive("logic", claim, *shown, note="Collect the steps.")
    return Theorem(
        label="convention-zhang",
        title="Zhang, Frei, Bartlett: the balanced global minimiser, where their gradient flow ends",
        source="Zhang, Frei, Bartlett, arXiv 2306.09927, Theorem 4.1; specialises general-gaussian",
        statement=Statement(claim, (*laws(Lambda, Identity(d)), PositiveDefinite(Lambda))),
        steps=derive.steps,
        remarks=(
            "The query token is in the paper's sum; where the covariate part of the last row of W^PV is 0, its term is 0. The paper's flow "
            "starts with this and the label row of W^KQ at 0, and keeps them so. Without noise, σ² = 0, this is the paper's setting.",
            "There the loss depends on the product of the last entry of W^PV and the covariate block of W^KQ alone, so the flow conserves "
            "the difference of their squared norms, which is 0 at its start: what is balanced stays so.",
            "As a layer these weights are v = (0, 1/n times the last entry of W^PV) and M = W^KQ.",
        ),
    )
