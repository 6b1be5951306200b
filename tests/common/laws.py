"""Prompts and tokens of any law, for the tests of the rules that speak of them."""

from __future__ import annotations

from sympy import MatrixSymbol

from common.statements import X, d, n
from proofs.language import Independent, Law, RotationInvariant, SignSymmetric, Tokens

y = MatrixSymbol("y", n, 1)
x_q, x_1, x_2, x_3 = (MatrixSymbol(name, d, 1) for name in ("x_q", "x_1", "x_2", "x_3"))
y_q, y_1, y_2, y_3 = (MatrixSymbol(name, 1, 1) for name in ("y_q", "y_1", "y_2", "y_3"))
Q = MatrixSymbol("Q", d, d)

ANY = (
    Law(X, y, x_q, y_q),
    Independent((X, y), (x_q,)),
    SignSymmetric(y, y_q),
    RotationInvariant(X, x_q.T),
)
SAMPLE = (Law(X, y, x_1, y_1, x_2, y_2), Tokens((X, y), (x_1, y_1), (x_2, y_2)))
