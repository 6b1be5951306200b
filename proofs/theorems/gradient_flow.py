"""Gradient flow of the loss from v_x = 0 and c = 0: from v_y² > ‖A‖² it reaches the global minimum exponentially fast."""

from __future__ import annotations

from functools import cache
from typing import Any

from sympy import Identity, Trace, Transpose

from proofs.derivation import Derivation
from proofs.kernel import Statement, Theorem
from proofs.language import All, Implication, Named, NamedMatrix, at_least, equal
from proofs.theorems.layer_landscape import GRADIENT, LAYER_LOSS, LOWEST
from theory.notation import A, c, d, p, q, v_x, v_y

MATCHED = All(equal(v_x, 0), equal(c, 0))
EXCESS = Named("X_0", LAYER_LOSS - LOWEST)
RESIDUAL = NamedMatrix("E_0", v_y * A - q / p * Identity(d))


@cache
def theorem() -> Theorem:
    """The theorem."""
    derive = Derivation()
    G_A, G_c, G_x, G_y = GRADIENT
    stays = [
        derive("matrix-identity", Implication(MATCHED, equal(part, 0)), note="These parts of the gradient vanish there, so the flow stays.")
        for part in (G_x, G_c)
    ]
    conserved = derive(
        "matrix-identity",
        Implication(MATCHED, equal(v_y * G_y, Trace(G_A.T * A))),
        note="The two sides are half the speeds of v_y² and of ‖A‖², up to sign: their difference is conserved.",
    )
    square = derive(
        "matrix-identity",
        Implication(MATCHED, equal(EXCESS, p * Trace(RESIDUAL.T * RESIDUAL))),
        note="The excess loss is a square.",
    )
    size = Trace(G_A.T * G_A) + G_y**2
    factors = [
        derive("trace-inequality", at_least(Trace(K.T * K), 0), by=(Identity(d), K, Identity(d)), note="A sum of squares.")
        for K in (A, RESIDUAL)
    ]
    alignment = Trace(Transpose(RESIDUAL) * A)
    steep = derive(
        "sign",
        Implication(MATCHED, at_least(size, 4 * p * V_LESS * EXCESS)),
        *factors,
        by=(4 * p**2 * alignment**2 + 4 * p**2 * Trace(A.T * A) * Trace(RESIDUAL.T * RESIDUAL),),
        note="The gradient is at least as steep as the excess loss is great.",
    )
    pushed = [
        derive("matrix-identity", Implication(MATCHED, equal(*sides)), note=note)
        for sides, note in (
            ((-G_y, 2 * q * Trace(A) - 2 * p * v_y * Trace(A.T * A)), "The speed of v_y,"),
            ((-Trace(G_A), 2 * v_y * (d * q - p * v_y * Trace(A))), "and that of tr A."),
        )
    ]
    shown = (*stays, conserved, square, steep, *pushed)
    claim = All(*(step.conclusion for step in shown))
    derive("logic", claim, *shown, note="Collect the steps.")
    return Theorem(
        label="gradient-flow",
        title="Gradient flow from v_x = 0 and c = 0: what it conserves, and how steep the loss is",
        source="derived here; the flow of Zhang, Frei, Bartlett, arXiv 2306.09927, without their balanced start",
        statement=Statement(claim),
        steps=derive.steps,
        remarks=(
            "Along the flow, the speeds being minus the gradient, v_y² − ‖A‖² is constant and the excess loss X_0 has the speed −‖G‖². If "
            "the constant is ω > 0 then X_0 falls at least as fast as e^(−4pωt), by Gronwall's lemma, to 0.",
            "A start with v_y tr A ≥ 0, not both 0, reaches the global minimum too: v_y and tr A keep their signs, and tr A cannot fall "
            "to 0. Of those with v_y tr A < 0 and v_y² ≤ ‖A‖² some run into the zero predictor: for A = aI those with v_y² = d a².",
        ),
    )


V_LESS: Any = v_y**2 - Trace(A.T * A)
