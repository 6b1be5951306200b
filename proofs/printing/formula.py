"""Expressions of `proofs.language`, laid out for reading: one walk, written down in LaTeX, Unicode or MathML by a script.

What is read is what was checked. The walk keeps the expression's shape: it pulls signs forward, drops factors 1 and identity matrices
beside other factors, and brackets whatever binds less tightly than its surroundings; it evaluates nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sympy import (
    Add,
    BlockMatrix,
    Eq,
    Ge,
    Gt,
    Identity,
    Inverse,
    Le,
    MatAdd,
    MatMul,
    MatPow,
    MatrixSymbol,
    Mul,
    Ne,
    Pow,
    Rational,
    Symbol,
    Trace,
    Transpose,
    ZeroMatrix,
)
from sympy.matrices.immutable import ImmutableDenseMatrix

from proofs.errors import TypesettingError
from proofs.language import (
    All,
    Any_,
    ConditionalMean,
    Equivalence,
    Expectation,
    GradientAt,
    Implication,
    Independent,
    Invertible,
    Law,
    Mean,
    Named,
    NamedMatrix,
    Normal,
    Orthogonal,
    PositiveDefinite,
    PositiveSemidefinite,
    Predictor,
    Rank,
    RotationInvariant,
    SignSymmetric,
    Tokens,
)
from proofs.printing.lines import CONNECTIVE, PRODUCT, RELATION, SUM, Piece, deeper
from proofs.printing.names import Names
from proofs.printing.script import ATOM, FACTORS, LOGIC, RAISED, RELATED, TERMS, Form, Script
from proofs.printing.terms import denominator, is_bilinear, is_reciprocal, order, signed, terms

_RELATIONS = {Eq: "=", Ne: "≠", Ge: "≥", Gt: ">", Le: "≤"}


class Writer:
    """Lays out expressions in a script, with the names that one theorem gives."""

    def __init__(self, script: Script, names: Names) -> None:
        self.script = script
        self.names = names

    def form(self, expr: Any) -> Form:
        """The form of an expression."""
        for kind, layout in _LAYOUTS:
            if isinstance(expr, kind):
                return layout(self, expr)
        raise TypesettingError(f"{expr} of kind {type(expr).__name__} has no written form.")

    # parts

    def _atom(self, text: str) -> Form:
        return Form((self.script.piece(text),))

    def _in_brackets(self, form: Form, kind: str = "(", before: str = "") -> Form:
        left, right = self.script.brackets(kind, form.height)
        return Form((self.script.piece(before + left), *deeper(form.pieces), self.script.piece(right)), ATOM, form.height + 1)

    def _tight(self, expr: Any, binding: int) -> Form:
        form = self.form(expr)
        return form if form.binding >= binding else self._in_brackets(form)

    def _raised(self, base: Any, exponent: str) -> Form:
        form = self._tight(base, ATOM)
        *rest, last = form.pieces
        raised = self.script.piece(self.script.raised(last.text, exponent))
        return form._replace(pieces=(*rest, raised._replace(depth=last.depth)), binding=RAISED)

    def _joined(self, forms: Sequence[Form], sign: str, price: int, binding: int) -> Form:
        pieces = list(forms[0].pieces)
        for form in forms[1:]:
            pieces += [self.script.sign(sign)._replace(price=price), *form.pieces]
        return Form(tuple(pieces), binding, max(form.height for form in forms))

    # leaves

    def _symbol(self, expr: Any) -> Form:
        return self._atom(self.script.symbol(self.names.of(expr), expr))

    def _number(self, expr: Any) -> Form:
        if expr >= 0:
            return self.script.number(expr)
        return Form((self.script.sign("unary −"), *self.script.number(-expr).pieces), TERMS)

    def _identity(self, expr: Any) -> Form:
        if expr.shape[0] == 1:
            return self.script.number(Rational(1))
        return self._atom(self.script.function("I", (self._plain(expr.shape[0]),)))

    def _zero(self, _: Any) -> Form:
        return self.script.number(Rational(0))

    def _plain(self, expr: Any) -> str:
        return "".join(piece.text for piece in self.form(expr).pieces)

    # sums and products

    def _sum(self, expr: Any) -> Form:
        parts = [signed(term) for term in terms(expr)]
        parts.insert(0, parts.pop(next((i for i, part in enumerate(parts) if not part[0]), 0)))  # begin with a plus if there is one
        pieces: list[Piece] = []
        height = 0
        for i, (negative, scalars, matrices) in enumerate(parts):
            form = self._product(scalars, matrices)
            if form.binding < FACTORS:
                form = self._in_brackets(form)
            if i:
                pieces.append(self.script.sign("−" if negative else "+")._replace(price=SUM))
            elif negative:
                pieces.append(self.script.sign("unary −"))
            pieces += form.pieces
            height = max(height, form.height)
        return Form(tuple(pieces), TERMS, height)

    def _term(self, expr: Any) -> Form:
        negative, scalars, matrices = signed(expr)
        form = self._product(scalars, matrices)
        if not negative:
            return form
        if form.binding < FACTORS:
            form = self._in_brackets(form)
        return Form((self.script.sign("unary −"), *form.pieces), TERMS, form.height)

    def _product(self, scalars: list[Any], matrices: list[Any]) -> Form:
        """The scalars, then the matrices in order; a product of scalars with divisors is a fraction."""
        below = [denominator(factor) for factor in scalars if is_reciprocal(factor)]
        above = [factor for factor in scalars if not is_reciprocal(factor)]
        if below:
            number = next((factor for factor in above if isinstance(factor, Rational)), Rational(1))
            above = [factor for factor in above if not isinstance(factor, Rational)]
            top = [Rational(number.p)] * (number.p != 1) + above
            bottom = [Rational(number.q)] * (number.q != 1) + below
            scalar = self.script.fraction(self._juxtaposed(top, []), self._juxtaposed(bottom, []))
            return self._juxtaposed([scalar], matrices) if matrices else scalar
        return self._juxtaposed(above, matrices)

    def _juxtaposed(self, scalars: Sequence[Any], matrices: Sequence[Any]) -> Form:
        ordered = sorted(scalars, key=order) if all(not isinstance(s, Form) for s in scalars) else scalars
        alone = len(scalars) + len(matrices) == 1
        forms: list[Form] = []
        dots: list[bool] = []
        products = 0
        for factor in ordered:
            form = factor if isinstance(factor, Form) else self.form(factor)
            product = is_bilinear(factor)
            if not alone and (form.binding < FACTORS or (product and matrices)):
                form, product = self._in_brackets(form), False
            dots.append(bool(forms) and product and products > 0)
            products += product
            forms.append(form)
        for matrix in matrices:
            forms.append(self.form(matrix) if alone else self._tight(matrix, FACTORS))
            dots.append(False)
        if not forms:
            return self.script.number(Rational(1))
        if len(forms) == 1:
            return forms[0]
        pieces: list[Piece] = list(forms[0].pieces)
        dot = self.script.sign("·")
        for form, dotted in zip(forms[1:], dots[1:], strict=True):
            if dotted:
                pieces.append(dot._replace(price=PRODUCT))
                pieces += form.pieces
            else:
                first, *rest = form.pieces
                pieces += [*self._space(), first._replace(price=PRODUCT, lead=dot), *rest]
        return Form(tuple(pieces), FACTORS, max(form.height for form in forms))

    def _space(self) -> list[Piece]:
        space = self.script.sign(" ")
        return [space] if space.text else []

    def _power(self, expr: Any) -> Form:
        base, exponent = expr.args
        if exponent < 0:
            return self._product([expr], [])
        return self._raised(base, str(exponent))

    def _matrix_power(self, expr: Any) -> Form:
        return self._raised(expr.args[0], str(expr.args[1]))

    def _transpose(self, expr: Any) -> Form:
        return self._raised(expr.args[0], "T")

    def _inverse(self, expr: Any) -> Form:
        return self._raised(expr.args[0], "-1")

    def _block_matrix(self, expr: Any) -> Form:
        rows, columns = expr.blockshape
        return self.script.matrix([[self.form(expr.blocks[i, j]) for j in range(columns)] for i in range(rows)])

    def _dense_matrix(self, expr: Any) -> Form:
        return self.script.matrix([[self.form(entry) for entry in row] for row in expr.tolist()])

    # functions

    def _trace(self, expr: Any) -> Form:
        if expr.args[0].shape == (1, 1):
            return self.form(expr.args[0])
        return self._applied(self.script.function("tr"), expr.args[0])

    def _applied(self, name: str, expr: Any, kind: str = "(") -> Form:
        return self._in_brackets(self.form(expr), kind, name)._replace(binding=RAISED)

    def _mean(self, expr: Any) -> Form:
        return self._applied(self._mean_over(expr.args[1]), expr.args[0], "[")

    def _mean_over(self, variables: Any) -> str:
        averaged = [] if self.names.is_everything_random(variables) else self.names.ordered(variables)
        return self.script.function("E", [self._plain(variable) for variable in averaged])

    def _conditional_mean(self, expr: Any) -> Form:
        inner, given = self.form(expr.args[0]), self.form(expr.args[1])
        bar = self.script.sign("∣")
        both = Form((*inner.pieces, bar, *given.pieces), LOGIC, max(inner.height, given.height))
        return self._in_brackets(both, "[", self._mean_over(expr.args[2]))._replace(binding=RAISED)

    def _predictor(self, expr: Any) -> Form:
        return self._arguments(self.script.symbol(str(expr.args[0]), expr), expr.args[1:])

    def _arguments(self, name: str, arguments: Iterable[Any]) -> Form:
        comma = self.script.sign(",")
        pieces: list[Piece] = []
        height = 0
        for argument in arguments:
            form = self.form(argument)
            pieces += [*([comma] if pieces else []), *form.pieces]
            height = max(height, form.height)
        return self._in_brackets(Form(tuple(pieces), LOGIC, height), "(", name)

    def _rank(self, expr: Any) -> Form:
        return self._applied(self.script.function("rank"), expr.args[0])

    def _gradient(self, expr: Any) -> Form:
        loss, symbol, point = expr.args
        if isinstance(loss, Named):
            return self._arguments(self.script.function("∇") + self._plain(loss), [point])
        slope = self._applied(self.script.function("∇", (self._plain(symbol),)), loss)
        at = self.script.function("at", (f"{self._plain(symbol)}{self.script.sign('=').text}{self._plain(point)}",))
        return slope._replace(pieces=(*slope.pieces, self.script.piece(at)))

    # statements

    def _relation(self, expr: Any) -> Form:
        return self._joined([self.form(side) for side in expr.args], _RELATIONS[expr.func], RELATION, RELATED)

    def _definite(self, expr: Any) -> Form:
        sign = "≻" if isinstance(expr, PositiveDefinite) else "⪰"
        return self._joined([self.form(expr.args[0]), self._zero(expr)], sign, RELATION, RELATED)

    def _invertible(self, expr: Any) -> Form:
        form = self.form(expr.args[0])
        return Form((*form.pieces, self.script.sign("is invertible")), RELATED, form.height)

    def _normal(self, expr: Any) -> Form:
        matrix, rows, columns = expr.args
        name = self._symbol(matrix)
        if columns == Identity(1):
            law = self._arguments(self.script.function("N"), [ZeroMatrix(1, 1), rows])
            return self._joined([name, law], "∼", RELATION, RELATED)
        law = self._arguments(self.script.function("N"), [ZeroMatrix(1, 1), columns])
        if isinstance(rows, Identity):
            words = self.script.sign("has independent rows")
            return Form((*name.pieces, words, *law.pieces), RELATED, law.height)
        law = self._arguments(self.script.function("MN"), [ZeroMatrix(1, 1), rows, columns])
        return self._joined([name, law], "∼", RELATION, RELATED)

    def _orthogonal(self, expr: Any) -> Form:
        form = self.form(expr.args[0])
        return Form((*form.pieces, self.script.sign("is orthogonal")), RELATED, form.height)

    def _law(self, expr: Any) -> Form:
        return self._said_of([self._group(expr.args)], "have any joint law" if len(expr.args) > 1 else "has any law")

    def _independent(self, expr: Any) -> Form:
        first, second = map(self._group, expr.args)
        return Form((*first.pieces, self.script.sign("and"), *second.pieces, self.script.sign("are independent")), RELATED)

    def _sign_symmetric(self, expr: Any) -> Form:
        flipped = self._group([MatMul(-1, z) for z in expr.args])
        return self._becomes(self._group(expr.args), flipped, "keeps the law")

    def _rotation_invariant(self, expr: Any) -> Form:
        symbols = [z.args[0] if isinstance(z, Transpose) else z for z in expr.args]
        rotation = MatrixSymbol("Q", *[expr.args[0].shape[1]] * 2)
        turned = [MatMul(rotation.T, z.args[0]) if isinstance(z, Transpose) else MatMul(z, rotation) for z in expr.args]
        return self._becomes(self._group(symbols), self._group(turned), "keeps the law for orthogonal")

    def _becomes(self, before: Form, after: Form, what: str) -> Form:
        return Form((*before.pieces, self.script.sign("→"), *after.pieces, self.script.sign(what)), RELATED)

    def _tokens(self, expr: Any) -> Form:
        rows, *single = expr.args
        first = self._said_of([self._group(rows)], "has as its rows, with")
        return Form((*first.pieces, *self._said_of([self._group(group) for group in single], "tokens").pieces), RELATED)

    def _said_of(self, forms: list[Form], what: str) -> Form:
        joined = self._joined(forms, ",", CONNECTIVE, RELATED)
        return Form((*joined.pieces, self.script.sign(what)), RELATED)

    def _group(self, symbols: Iterable[Any]) -> Form:
        forms = [self.form(symbol) for symbol in symbols]
        return forms[0] if len(forms) == 1 else self._in_brackets(self._joined(forms, ",", CONNECTIVE, RELATED))

    def _connected(self, expr: Any) -> Form:
        sign = {All: "and", Any_: "or", Equivalence: "⟺"}[type(expr)]
        forms = [self._part(part) for part in expr.args]
        return self._joined(forms, sign, CONNECTIVE, LOGIC)

    def _part(self, part: Any) -> Form:
        """A part of a compound statement: its own lines begin deeper, and it stands in brackets if it is compound itself."""
        form = self.form(part)
        return self._in_brackets(form) if form.binding == LOGIC else form._replace(pieces=deeper(form.pieces))

    def _implication(self, expr: Any) -> Form:
        first, second = self._part(expr.args[0]), self._part(expr.args[1])
        return self._joined([first, second], "⟹", CONNECTIVE, LOGIC)


_LAYOUTS: tuple[tuple[Any, Callable[[Writer, Any], Form]], ...] = (
    ((Symbol, MatrixSymbol, Named, NamedMatrix), Writer._symbol),
    (Rational, Writer._number),
    (Identity, Writer._identity),
    (ZeroMatrix, Writer._zero),
    ((Add, MatAdd), Writer._sum),
    (Inverse, Writer._inverse),
    (MatPow, Writer._matrix_power),
    (Pow, Writer._power),
    ((Mul, MatMul), Writer._term),
    (Transpose, Writer._transpose),
    (BlockMatrix, Writer._block_matrix),
    (ImmutableDenseMatrix, Writer._dense_matrix),
    (Trace, Writer._trace),
    ((Mean, Expectation), Writer._mean),
    (ConditionalMean, Writer._conditional_mean),
    (Predictor, Writer._predictor),
    (Rank, Writer._rank),
    (GradientAt, Writer._gradient),
    (tuple(_RELATIONS), Writer._relation),
    ((PositiveDefinite, PositiveSemidefinite), Writer._definite),
    (Invertible, Writer._invertible),
    (Orthogonal, Writer._orthogonal),
    (Normal, Writer._normal),
    (Law, Writer._law),
    (Independent, Writer._independent),
    (SignSymmetric, Writer._sign_symmetric),
    (RotationInvariant, Writer._rotation_invariant),
    (Tokens, Writer._tokens),
    ((All, Any_, Equivalence), Writer._connected),
    (Implication, Writer._implication),
)
