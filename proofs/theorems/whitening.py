"""Whitened coordinates: the setting (Σ, W) with Σ = TTᵀ is the setting (I, TᵀWT), for every layer.

So all that is true of standard covariates and any prior carries over; with W = Σ⁻¹ the prior becomes the identity, which is why the
paper's Theorem 2 is its Theorem 1 in other coordinates.
"""

from __future__ import annotations

from functools import cache

from sympy import Identity, Inverse, Trace, Transpose

from proofs.derivation import Derivation
from proofs.kernel import Statement, Theorem
from proofs.language import All, Implication, Invertible, Mean, Named, Normal, equal, replaced
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
    rest = [eps, eps_q]
    whitened = Named("e_tilde", replaced(ERROR, {X: X_tilde, w: w_tilde, x_q: x_q_tilde, **WHITENED}))
    moves = (
        ("e_1", X, X_tilde * T.T, (X_tilde, w, x_q), "Put X = X̃Tᵀ: its rows have covariance TTᵀ."),
        ("e_2", x_q, T * x_q_tilde, (X_tilde, w, x_q_tilde), "Put x_q = T x̃_q, which has covariance TTᵀ too."),
        ("e_3", w, Transpose(Inverse(T)) * w_tilde, (X_tilde, w_tilde, x_q_tilde), "Put w = T⁻ᵀ w̃, which has covariance W."),
    )
    error = Named("e", ERROR)
    losses = [Mean(error**2, X, w, x_q, *rest)]
    equations = []
    for name, symbol, value, variables, note in moves:
        error = Named(name, replaced(error.args[1], {symbol: value}))
        losses.append(Mean(error**2, *variables, *rest))
        equations.append(derive("change-of-variables", equal(*losses[-2:]), by=((symbol, value),), note=note))
    losses.append(Mean(whitened**2, X_tilde, w_tilde, x_q_tilde, *rest))
    same = derive("matrix-identity", equal(*losses[-2:]), note="In these variables the layer is one with whitened parameters.")
    loss = derive(
        "matrix-identity",
        equal(losses[0], losses[-1]),
        *equations,
        same,
        by=tuple((i, 1) for i in range(4)),
        note="So the two losses are equal.",
    )
    prior = derive(
        "matrix-identity",
        Implication(equal(W, Inverse(T * T.T)), equal(T.T * W * T, Identity(d))),
        note="For W = Σ⁻¹ the whitened prior is the identity.",
    )
    claim = All(loss.conclusion, prior.conclusion)
    derive("logic", claim, loss, prior, note="Collect the steps.")
    standard = (Normal(X_tilde, Identity(n), Identity(d)), Normal(w_tilde, T.T * W * T), Normal(x_q_tilde, Identity(d)))
    return Theorem(
        label="whitening",
        title="Whitened coordinates",
        source="derived here",
        statement=Statement(claim, (*laws(T * T.T, W), *standard, Invertible(T))),
        steps=derive.steps,
    )
