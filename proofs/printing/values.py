"""Values of `theory` in MathML: what the language of proofs lacks, and the page of a setting."""

from __future__ import annotations

from html import escape
from typing import Any

from sympy import Expr, Function, Identity, MatMul, Max, Min, NumberSymbol, Pow, Trace
from sympy.logic.boolalg import And, Or
from sympy.matrices.matrixbase import MatrixBase

from proofs.errors import TypesettingError
from proofs.kernel import Statement, Theorem
from proofs.language import All
from proofs.printing.formula import Writer
from proofs.printing.lines import PRODUCT, RELATION
from proofs.printing.mathml import MathMLScript, display, element, formula, inline, inside, named, prose
from proofs.printing.names import Names
from proofs.printing.script import LOGIC, RAISED, Form
from proofs.printing.setting import Typesetter, digits
from theory.bilinear import BilinearForm
from theory.errors import EnclosureError
from theory.means import Enclosed


class ValueWriter(Writer):
    """Lays out values of the exact layer, with what the language of proofs lacks: roots, functions, numbers such as π."""

    script: MathMLScript

    def __init__(self) -> None:
        nothing = Statement(All(), ())
        super().__init__(MathMLScript(), Names(Theorem("", "", "", nothing)))

    def written(self, value: Any) -> Form:
        """The form of a value, in which uᵀKv reads as in the theorems."""
        found = value.atoms(BilinearForm)
        return self.form(value.xreplace({form: Trace(form.form) for form in found}) if found else value)

    def form(self, expr: Any) -> Form:
        if isinstance(expr, Expr) and not expr.is_Matrix and expr.has(Enclosed):
            return self._decimal(expr)
        if isinstance(expr, MatrixBase):
            return self._explicit(expr.as_immutable())
        if isinstance(expr, Pow) and expr.exp.is_Rational and expr.exp.q == 2 and expr.exp > 0:
            root = self.script.root(self.form(expr.base))
            return root if expr.exp.p == 1 else self._atom_raised(root, str(expr.exp.p))
        if isinstance(expr, NumberSymbol):
            return self._atom(formula({"Pi": "π", "Exp1": "e"}.get(type(expr).__name__, str(expr))))
        if isinstance(expr, Function | Max | Min):
            return self._arguments(named(type(expr).__name__.lower()), expr.args)._replace(binding=RAISED)
        if isinstance(expr, And | Or):
            return self._joined([self.form(part) for part in expr.args], "and" if isinstance(expr, And) else "or", RELATION, LOGIC)
        try:
            return super().form(expr)
        except TypesettingError:
            return self._as_sympy(expr)

    def _decimal(self, expr: Any) -> Form:
        """An integral has no shorter name than its value."""
        try:
            return self._atom(formula(digits(expr)))
        except EnclosureError:
            return self._as_sympy(expr)

    def _as_sympy(self, expr: Any) -> Form:
        return self._atom(element("mtext", escape(str(expr))))

    def _explicit(self, matrix: Any) -> Form:
        """I_d and diag(…) where it is one."""
        size = matrix.rows
        if matrix.is_square and size > 1 and matrix.is_diagonal():
            diagonal = [matrix[i, i] for i in range(size)]
            same = len(set(diagonal)) == 1
            return super().form(MatMul(diagonal[0], Identity(size))) if same else self._arguments(named("diag"), diagonal)
        return super().form(matrix)

    def _atom_raised(self, form: Form, exponent: str) -> Form:
        return Form((self.script.piece(self.script.raised(inside(form), exponent)),), RAISED, form.height)


class MathMLTypesetter(Typesetter):
    """The page of a setting in MathML and HTML; formulas are the contents of a <math> element."""

    def expression(self, value: Any) -> str:
        return inside(ValueWriter().written(value))

    def bracketed(self, formula: str) -> str:
        return element("mrow", element("mo", "("), formula, element("mo", ")"))

    def sum(self, value: Expr) -> str:
        """Lines end between terms."""
        form = ValueWriter().written(value)
        pieces = [piece._replace(price=None) if piece.price == PRODUCT else piece for piece in form.pieces]
        return display(form._replace(pieces=tuple(pieces)))

    def formula(self, text: str) -> str:
        return formula(text)

    def inline(self, formula: str) -> str:
        return inline(formula)

    def prose(self, text: str) -> str:
        return prose(text)
