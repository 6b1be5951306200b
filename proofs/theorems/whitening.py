"""Whitened coordinates: the setting (Σ, W) with Σ = TTᵀ is the setting (I, TᵀWT), for every layer.

So all that is true of standard covariates and any prior carries over; with W = Σ⁻¹ the prior becomes the identity, which is why the
paper's Theorem 2 is its Theorem 1 in other coordinates.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sympy import Identity, Inverse, Trace, Transpose

from proofs.derivation import Derivation
from proofs.kernel import Statement, Theorem
from proofs.language import All, Implication, Invertible, Mean, Normal, equal, replaced
from proofs.theorems.vocabulary import laws
from theory.bilinear import BilinearForm
from theory.loss import QUERY_LABEL, prediction
from theory.notation import A, T, W, X, X_tilde, c, d, eps, eps_q, n, v_x, w, w_tilde, x_q, x_q_tilde

ERROR = (prediction() - QUERY_LABEL).replace(BilinearForm, Trace)
WHITENED = {v_x: T.T * v_x, A: T.T * A * T, c: T.T * c}


@cache
def theorem() -> Theorem:
    """The theorem."""
    derive = Derivation()
    back = Transpose(Inverse(T))
    whitened = replaced(ERROR, {X: X_tilde, w: w_tilde, x_q: x_q_tilde, **WHITENED})
    rest = [eps, eps_q]
    start = Mean(ERROR**2, X, w, x_q, *rest)
    moves = (
        (X, X_tilde * T.T, (X_tilde, w, x_q), "The rows of X̃ Tᵀ have covariance TTᵀ."),
        (x_q, T * x_q_tilde, (X_tilde, w, x_q_tilde), "So has T x̃_q."),
        (w, back * w_tilde, (X_tilde, w_tilde, x_q_tilde), "And T⁻ᵀ w̃ has covariance W."),
    )
    current: Any = start
    equations = []
    for symbol, value, variables, note in moves:
        moved = Mean(replaced(current.args[0], {symbol: value}), *variables, *rest)
        equations.append(derive("change-of-variables", equal(current, moved), by=((symbol, value),), note=note))
        current = moved
    same = derive(
        "matrix-identity",
        equal(current, Mean(whitened**2, X_tilde, w_tilde, x_q_tilde, *rest)),
        note="In these variables the layer is one with whitened parameters.",
    )
    loss = derive(
        "matrix-identity",
        equal(start, same.conclusion.rhs),
        *equations,
        same,
        by=tuple((i, 1) for i in range(4)),
        note="The two losses are equal.",
    )
    prior = derive(
        "matrix-identity",
        Implication(equal(W, Inverse(T * T.T)), equal(T.T * W * T, Identity(d))),
        note="For W = Σ⁻¹ the whitened prior is the identity.",
    )
    claim = All(loss.conclusion, prior.conclusion)
    derive("logic", claim, loss, prior, note="Together.")
    standard = (Normal(X_tilde, Identity(n), Identity(d)), Normal(w_tilde, T.T * W * T), Normal(x_q_tilde, Identity(d)))
    return Theorem(
        label="whitening",
        title="Whitened coordinates",
        source="derived here",
        statement=Statement(claim, (*laws(T * T.T, W), *standard, Invertible(T))),
        steps=derive.steps,
    )
