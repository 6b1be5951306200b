"""The responses of a network whose first layer has Gaussian weights do not change their law if the covariates are rotated.

The network sees the covariates through XW₁ᵀ and W₁x_q only; what it does with them, how deep and wide it is and with which activations, is
in the function g and in the other weights χ, both any.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sympy import Identity

from proofs.derivation import Derivation
from proofs.kernel import Statement, Theorem
from proofs.language import Law, Mean, Normal, Orthogonal, Predictor, equal
from theory.notation import S_1, W_1, Q, X, chi, d, n, x_q

GIVEN = (
    Normal(X, Identity(n), Identity(d)),
    Normal(x_q, Identity(d)),
    Normal(W_1, S_1, Identity(d)),
    Law(chi),
    Orthogonal(Q),
)


def average(covariates: Any, query: Any) -> Any:
    """The mean of any function of the covariates of a prompt and of a network's responses to those drawn."""
    return Mean(Predictor("g", covariates, query, X * W_1.T, W_1 * x_q, chi), X, x_q, W_1, chi)


@cache
def theorem() -> Theorem:
    """The theorem."""
    derive = Derivation()
    claim = equal(average(X, x_q), average(X * Q, Q.T * x_q))
    derive(
        "rotation-symmetry",
        claim,
        by=(Q, X, x_q.T, W_1),
        note="Put XQ, Qᵀx_q and W₁Q for X, x_q and W₁, which have the same law: XW₁ᵀ and W₁x_q stay as they are.",
    )
    return Theorem(
        label="random-first-layer",
        title="A network with a random first layer is invariant under rotations of the covariates",
        source="derived here; assumed in Mahankali, Hashimoto, Ma, arXiv 2307.03576, Theorem 3",
        statement=Statement(claim, GIVEN),
        steps=derive.steps,
        remarks=(
            "With y and y_q any functions of XW₁ᵀ, W₁x_q and χ, this is the rotation invariance of the law of the prompt (X, x_q, y, y_q).",
        ),
    )
