"""Every symbol of the project, once: what it means, what is assumed of it, and what the papers call it."""

from __future__ import annotations

from typing import NamedTuple

import sympy
from sympy import Basic, MatrixSymbol, Symbol

n = Symbol("n", integer=True, positive=True)
d = Symbol("d", integer=True, positive=True)
sigma2 = Symbol("sigma2", nonnegative=True)
v_y = Symbol("v_y", real=True)

Sigma = MatrixSymbol("Sigma", d, d)
W = MatrixSymbol("W", d, d)

v_x = MatrixSymbol("v_x", d, 1)
A = MatrixSymbol("A", d, d)
c = MatrixSymbol("c", d, 1)
B = MatrixSymbol("B", d, d)

X = MatrixSymbol("X", n, d)
w = MatrixSymbol("w", d, 1)
eps = MatrixSymbol("epsilon", n, 1)
x_q = MatrixSymbol("x_q", d, 1)
eps_q = MatrixSymbol("epsilon_q", 1, 1)


class Entry(NamedTuple):
    """One row of the notation table."""

    symbol: Basic
    latex: str
    meaning: str
    papers: str


def latex(expr: Basic) -> str:
    """LaTeX in the notation of the table.

    >>> latex(sigma2 * n)
    'n \\\\sigma^2'
    """
    return str(sympy.latex(expr, symbol_names={entry.symbol: entry.latex for entry in TABLE if isinstance(entry.symbol, Symbol)}))


TABLE: tuple[Entry, ...] = (
    Entry(n, "n", "context length: the number of examples in a prompt", "n (Mahankali et al.), N (Zhang et al.)"),
    Entry(d, "d", "dimension of a covariate", "d"),
    Entry(sigma2, r"\sigma^2", "variance of the label noise, ≥ 0", "σ²"),
    Entry(Sigma, r"\Sigma", "covariance of a covariate, positive definite", "Σ, Λ (Zhang et al.)"),
    Entry(W, "W", "covariance of the task vector, positive semidefinite", "I (Theorem 1), Σ⁻¹ (Theorem 2), ψ²I (Wu et al.)"),
    Entry(X, "X", "covariates of the context, one example a row (n×d)", "X"),
    Entry(w, "w", "task vector, drawn anew for each prompt", "w"),
    Entry(eps, r"\varepsilon", "label noise of the context (n×1); y = Xw + ε", "ε"),
    Entry(x_q, "x_q", "covariate of the query", "x_{n+1}, x_query"),
    Entry(eps_q, r"\varepsilon_q", "label noise of the query", "ε_{n+1}"),
    Entry(v_x, "v_x", "covariate part of the value vector v = W_Vᵀh", "first d entries of Mᵀw (Mahankali et al.)"),
    Entry(v_y, "v_y", "label part of the value vector", "its last entry"),
    Entry(A, "A", "covariate block M_xx of the key-query matrix M = W_KᵀW_Q", "W_KᵀW_Q, block (1,1)"),
    Entry(c, "c", "label row m_yx of the key-query matrix, as a column", "W_KᵀW_Q, block (2,1)"),
    Entry(B, "B", "learned step v_y A + v_x cᵀ: the part of ŷ odd in the labels is (Σ y_i x_i)ᵀ B x_q", "η·I, η·Σ⁻¹"),
)
