"""Weights with which one layer of linear self-attention takes one step of (preconditioned) gradient descent, on every prompt.

von Oswald et al. (arXiv 2212.07677), Proposition 1. The context's tokens are the rows of Z = (X, y), so Σ_i z_i z_iᵀ = ZᵀZ and the layer
is ŷ = hᵀ W_V ZᵀZ W_Kᵀ W_Q z_q. The labels y are any numbers.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sympy import BlockMatrix, Identity, MatrixSymbol, Rational, Trace, ZeroMatrix

from proofs.derivation import Derivation
from proofs.kernel import Statement, Theorem
from proofs.language import All, GradientAt, Named, NamedMatrix, equal
from theory.notation import P, X, d, eta, u, u_0, x_q, y

_KEEP = BlockMatrix([[Identity(d), ZeroMatrix(d, 1)], [ZeroMatrix(1, d), ZeroMatrix(1, 1)]])
W_K = NamedMatrix("W_K", _KEEP)
W_V = NamedMatrix("W_V", BlockMatrix([[ZeroMatrix(d, d), ZeroMatrix(d, 1)], [ZeroMatrix(1, d), Identity(1)]]))
h = NamedMatrix("h", BlockMatrix([[ZeroMatrix(d, 1)], [eta * Identity(1)]]))
W_Q = NamedMatrix("W_Q", BlockMatrix([[P.T, ZeroMatrix(d, 1)], [ZeroMatrix(1, d), ZeroMatrix(1, 1)]]))
z_q = NamedMatrix("z_q", BlockMatrix([[x_q], [ZeroMatrix(1, 1)]]))
OBJECTIVE = Named("ell", Rational(1, 2) * Trace((y - X * u).T * (y - X * u)))

EXPANSION = ("gradient", MatrixSymbol("delta", d, 1), Rational(1, 2) * X.T * X)  # ℓ(p + δ) = ℓ(p) + δᵀ∇ℓ(p) + δᵀ(XᵀX/2)δ


def tokens(labels: Any) -> Any:
    """The n×(d+1) matrix of the context's tokens."""
    return BlockMatrix([[X, labels]])


def layer(labels: Any, query: Any) -> Any:
    """hᵀ W_V ZᵀZ W_Kᵀ W_Q z_q"""
    Z = NamedMatrix("Z" if labels == y else "Z_0", tokens(labels))
    return Trace(h.T * W_V * Z.T * Z * W_K.T * query * z_q)


def gradient(point: Any) -> Any:
    """∇ℓ at a point."""
    return GradientAt(OBJECTIVE, u, point)


@cache
def theorem() -> Theorem:
    """The theorem."""
    derive = Derivation()
    slope = derive(
        "citation",
        equal(gradient(u_0), X.T * (X * u_0 - y)),
        by=EXPANSION,
        note="The gradient of the least-squares objective ℓ at a point u₀.",
    )
    start = ZeroMatrix(d, 1)
    slope_at_zero = derive(
        "citation",
        equal(gradient(start), -X.T * y),
        by=EXPANSION,
        note="Its gradient at 0.",
    )
    plain = derive(
        "matrix-identity",
        equal(layer(y, W_K), Trace(x_q.T * (start - eta * gradient(start)))),
        slope_at_zero,
        by=((0, eta * x_q.T),),
        note="With W_Q = W_K the layer is one step from 0 with step size η, read at the query.",
    )
    preconditioned = derive(
        "matrix-identity",
        equal(layer(y, W_Q), Trace(x_q.T * (start - eta * P * gradient(start)))),
        slope_at_zero,
        by=((0, eta * x_q.T * P),),
        note="With P in W_Q it is one preconditioned step.",
    )
    anywhere = derive(
        "matrix-identity",
        equal(Trace(x_q.T * u_0) + layer(y - X * u_0, W_Q), Trace(x_q.T * (u_0 - eta * P * gradient(u_0)))),
        slope,
        by=((0, eta * x_q.T * P),),
        note="Fed with the residuals of u₀, it is the step from u₀.",
    )
    claim = All(plain.conclusion, preconditioned.conclusion, anywhere.conclusion)
    derive("logic", claim, plain, preconditioned, anywhere, note="Collect the steps.")
    return Theorem(
        label="one-step-of-gradient-descent",
        title="One layer of linear self-attention can take one step of gradient descent",
        source="von Oswald et al., arXiv 2212.07677, Proposition 1",
        statement=Statement(claim),
        steps=derive.steps,
        remarks=(
            "The weights W_K, W_Q, W_V and h do not depend on the prompt.",
            "The effective value is v = (0, η) and the effective key-query matrix is M = diag(Pᵀ, 0).",
        ),
    )
