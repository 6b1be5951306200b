"""A 1×1 matrix expression read as a scalar, as sympy's Trace reads a square one."""

from __future__ import annotations

from typing import Any

from sympy import Expr, sympify

from theory.errors import TheoryError


class BilinearForm(Expr):
    """The scalar uᵀ K v, held as the 1×1 matrix expression u.T*K*v.

    >>> from sympy import MatrixSymbol, symbols
    >>> d = symbols("d", integer=True, positive=True)
    >>> u, K = MatrixSymbol("u", d, 1), MatrixSymbol("K", d, d)
    >>> BilinearForm(u.T * K * u)
    u.T*K*u

    Raises TheoryError if the expression is not 1×1.
    """

    is_commutative = True
    is_real = True

    def __new__(cls, form: Any) -> BilinearForm:
        form = sympify(form)
        if not getattr(form, "is_Matrix", False) or form.shape != (1, 1):
            shape = getattr(form, "shape", "a scalar")
            raise TheoryError(f"BilinearForm: needs a 1×1 matrix expression uᵀKv, got {shape}.")
        return Expr.__new__(cls, form)

    @property
    def form(self) -> Any:
        """The 1×1 matrix expression."""
        return self.args[0]

    def _sympystr(self, printer: Any) -> str:
        return printer._print(self.form)

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        body = printer._print(self.form)
        return body if exp is None else rf"\left({body}\right)^{{{exp}}}"

    precedence = 45  # below a product's, so that n*(u.T*K*v) keeps its brackets when printed
