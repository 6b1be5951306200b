"""What can be stated at all: a grammar, with shapes.

An expression is admitted if every node is of a kind that the grammar lists, exact and real; if sums, products and relations are between
terms of one sort and of matching shapes (sympy itself adds an n×d matrix to an m×d one); and if a name means one thing in all that one
`Vocabulary` has read. A law, `Normal(Z, R, C)` or `Law(Z, …)` and what is said of it, is a sort of its own: it can be assumed, and can be
no part of anything else, so a matrix has the one law that is written among the assumptions.

Kinds are compared by identity, and nothing is asked of a node before its kind is known, so that a subclass which answers every question
to its own liking gets no hearing.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from sympy import (
    Add,
    BlockMatrix,
    Eq,
    Ge,
    Gt,
    Identity,
    Integer,
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
    S,
    Symbol,
    Trace,
    Transpose,
    Tuple,
    ZeroMatrix,
)
from sympy.core.symbol import Str
from sympy.logic.boolalg import BooleanAtom
from sympy.matrices.immutable import ImmutableDenseMatrix

from proofs.errors import StatementError
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

SCALAR, MATRIX, STATEMENT, LAW = "scalar", "matrix", "statement", "law"
TERM = f"{SCALAR} or {MATRIX}"
NAME, EXPONENT, SYMBOL, VARIABLES = "name", "whole number", "matrix symbol", "matrix symbols"

# each kind, its sort, and what its arguments are; "…" repeats the one before it
_GRAMMAR: tuple[tuple[type, str, tuple[str, ...]], ...] = (
    (Symbol, SCALAR, ()),
    (Add, SCALAR, (SCALAR, "…")),
    (Mul, SCALAR, (SCALAR, "…")),
    (Pow, SCALAR, (SCALAR, EXPONENT)),
    (Trace, SCALAR, (MATRIX,)),
    (Rank, SCALAR, (MATRIX,)),
    (Mean, SCALAR, (SCALAR, VARIABLES)),
    (ConditionalMean, SCALAR, (SCALAR, MATRIX, VARIABLES)),
    (Predictor, SCALAR, (NAME, MATRIX, "…")),
    (Named, SCALAR, (NAME, SCALAR)),
    (MatrixSymbol, MATRIX, (NAME, SCALAR, SCALAR)),
    (NamedMatrix, MATRIX, (NAME, MATRIX)),
    (BlockMatrix, MATRIX, ()),
    (Identity, MATRIX, (SCALAR,)),
    (ZeroMatrix, MATRIX, (SCALAR, SCALAR)),
    (MatAdd, MATRIX, (MATRIX, "…")),
    (MatMul, MATRIX, (TERM, "…")),
    (MatPow, MATRIX, (MATRIX, EXPONENT)),
    (Inverse, MATRIX, (MATRIX, EXPONENT)),
    (Transpose, MATRIX, (MATRIX,)),
    (GradientAt, MATRIX, (SCALAR, SYMBOL, MATRIX)),
    (Expectation, MATRIX, (MATRIX, VARIABLES)),
    (Eq, STATEMENT, (TERM, TERM)),
    (Ne, STATEMENT, (TERM, TERM)),
    (Ge, STATEMENT, (SCALAR, SCALAR)),
    (Gt, STATEMENT, (SCALAR, SCALAR)),
    (Le, STATEMENT, (SCALAR, SCALAR)),
    (PositiveDefinite, STATEMENT, (MATRIX,)),
    (PositiveSemidefinite, STATEMENT, (MATRIX,)),
    (Invertible, STATEMENT, (MATRIX,)),
    (Orthogonal, STATEMENT, (MATRIX,)),
    (All, STATEMENT, (STATEMENT, "…")),
    (Any_, STATEMENT, (STATEMENT, "…")),
    (Implication, STATEMENT, (STATEMENT, STATEMENT)),
    (Equivalence, STATEMENT, (STATEMENT, STATEMENT)),
    (Normal, LAW, (SYMBOL, MATRIX, MATRIX)),
    (Law, LAW, (SYMBOL, "…")),
    (Independent, LAW, (VARIABLES, VARIABLES)),
    (SignSymmetric, LAW, (SYMBOL, "…")),
    (RotationInvariant, LAW, (MATRIX, "…")),
    (Tokens, LAW, (VARIABLES, "…")),
)
_LARGEST_EXPONENT = 64  # a power is multiplied out
_NUMBERS = (Integer, Rational, type(S.Zero), type(S.One), type(S.NegativeOne), type(S.Half))
_DOMAINS: tuple[dict[str, Any], ...] = (
    {"real": True},
    {"nonnegative": True},
    {"positive": True},
    {"integer": True, "nonnegative": True},
    {"integer": True, "positive": True},
)


class Vocabulary:
    """What each name means in a theorem, as its statements are read one by one.

    >>> n = Symbol("n", integer=True, positive=True)
    >>> Vocabulary().read(Trace(MatrixSymbol("K", n, n)))
    'scalar'
    """

    def __init__(self) -> None:
        self._meanings: dict[str, Any] = {}
        self._known: dict[int, tuple[Any, str]] = {}

    def read(self, expr: Any) -> str:
        """The sort of an expression. Raises StatementError where it is not well formed, or gives a name a second meaning."""
        found = self._known.get(id(expr))
        if found is None:
            found = self._known[id(expr)] = (expr, self._sort(expr))
        return found[1]

    def statement(self, expr: Any, *others: str) -> None:
        """Read what must be a statement, or of one of the other sorts."""
        sort = self.read(expr)
        if sort not in (STATEMENT, *others):
            raise StatementError(f"{expr} is a {sort}, where a statement is wanted.")

    def _sort(self, node: Any) -> str:
        kind = type(node)
        if _is_number(node):
            return SCALAR
        if issubclass(kind, BooleanAtom):
            raise StatementError(f"the statement evaluates to {node}: it says nothing, or nothing true; keep its two sides apart.")
        sort, wanted = next(((sort, wanted) for known, sort, wanted in _GRAMMAR if kind is known), ("", ()))
        if not sort:
            raise StatementError(f"{node} of kind {kind.__name__} is not part of the language of statements.")
        if type(node.args) is not tuple or any(hasattr(kind, attribute) for attribute in getattr(node, "__dict__", ())):
            raise StatementError(f"a {kind.__name__} was given attributes in place of those of its kind.")
        if kind is Symbol:
            self._name(node.name, node)
            if not node.is_real:
                raise StatementError(f"the symbol {node} is not declared real.")
            if not any(node == Symbol(node.name, **domain) for domain in _DOMAINS):
                raise StatementError(f"the symbol {node} must range over all reals, those ≥ 0 or > 0, or whole numbers ≥ 0 or > 0.")
        elif kind is BlockMatrix:
            if len(node.args) != 1 or type(node.args[0]) is not ImmutableDenseMatrix:
                raise StatementError("a block matrix holds its blocks in a matrix of sympy's own.")
            _check_blocks([[self._block(node.blocks[i, j]) for j in range(node.blockshape[1])] for i in range(node.blockshape[0])], node)
        else:
            self._read_arguments(node, wanted)
            check_shape(node)
        return sort

    def _read_arguments(self, node: Any, wanted: tuple[str, ...]) -> None:
        if wanted[-1] == "…":
            wanted = (*wanted[:-2], *[wanted[-2]] * max(1, len(node.args) - len(wanted) + 2))
        if len(wanted) != len(node.args):
            raise StatementError(f"a {type(node).__name__} of {len(node.args)} arguments is not part of the language of statements.")
        for argument, what in zip(node.args, wanted, strict=True):
            if what == EXPONENT:
                right = _is_number(argument) and argument.is_Integer and abs(argument.p) <= _LARGEST_EXPONENT
            elif what == NAME:
                right = type(argument) is Str
            elif what == VARIABLES:
                right = type(argument) is Tuple and all(type(z) is MatrixSymbol and self.read(z) for z in argument)
            else:
                right = self.read(argument) in what and (what != SYMBOL or type(argument) is MatrixSymbol)
            if not right:
                raise StatementError(f"{argument} stands in {node}, a {type(node).__name__}, where a {what} is wanted.")
        kind = type(node)
        if kind is MatrixSymbol:
            self._name(node.args[0].name, node)
        elif kind is Named or kind is NamedMatrix:
            self._name(node.args[0].name, node.args[1])
        elif kind is Predictor:
            self._name(node.args[0].name, tuple(argument.shape for argument in node.args[1:]))

    def _block(self, block: Any) -> Any:
        if self.read(block) != MATRIX:
            raise StatementError(f"the block {block} is not a matrix.")
        return block

    def _name(self, name: Any, meaning: Any) -> None:
        if type(name) is not str or not name.isidentifier():
            raise StatementError(f"{name!r} is not a name.")
        if self._meanings.setdefault(name, meaning) != meaning:
            raise StatementError(f"the name {name} is given to two different things.")


def check_hints(arguments: tuple[Any, ...]) -> None:
    """Numbers, words, well-formed expressions, and tuples of these: nothing that can answer differently when it is asked again."""
    for argument in arguments:
        if type(argument) is tuple:
            check_hints(argument)
        elif type(argument) is not int and type(argument) is not str:
            Vocabulary().read(argument)


def _is_number(node: Any) -> bool:
    return any(type(node) is number for number in _NUMBERS) and type(node.p) is int and type(node.q) is int


def check_shape(node: Any) -> None:
    """The shapes of the parts of one node match, as expressions."""
    kind = type(node)
    matrices = [argument for argument in node.args if getattr(argument, "is_Matrix", False)]
    shapes = [matrix.shape for matrix in matrices]
    if kind in (MatrixSymbol, Identity, ZeroMatrix):
        matching = all(size.is_integer and size.is_positive for size in node.shape)
    elif kind in (MatAdd, Eq, Ne):
        matching = len(set(shapes)) <= 1 and len(shapes) in (0, len(node.args))
    elif kind is MatMul:
        matching = bool(shapes) and all(left[1] == right[0] for left, right in pairwise(shapes))
    elif kind in (Trace, MatPow, Inverse, PositiveDefinite, PositiveSemidefinite, Invertible, Orthogonal):
        matching = shapes[0][0] == shapes[0][1]
    elif kind is GradientAt:
        matching = shapes[0] == shapes[1] and shapes[0][1] == 1
    elif kind is ConditionalMean:
        matching = shapes[0][1] == 1
    elif kind is Normal:
        matching = shapes[1:] == [(size, size) for size in shapes[0]]
    elif kind is RotationInvariant:
        symbols = [matrix.args[0] if type(matrix) is Transpose else matrix for matrix in node.args]
        matching = all(type(symbol) is MatrixSymbol for symbol in symbols) and len({shape[1] for shape in shapes}) == 1
    elif kind is Tokens:
        (rows, *tokens), shapes = node.args, [tuple(z.shape for z in group) for group in node.args]
        one = tuple((z.shape[1], 1) for z in rows)
        matching = len({z.shape[0] for z in rows}) == 1 and bool(tokens) and all(shape == one for shape in shapes[1:])
    else:
        matching = True
    if kind is Inverse and node.args[1] != -1:
        raise StatementError(f"{node} is not the inverse of {node.args[0]}.")
    if not matching:
        raise StatementError(f"the shapes in {node} do not match, or are not whole and positive: {shapes or node.shape}.")


def _check_blocks(blocks: list[list[Any]], node: Any) -> None:
    heights = [{block.shape[0] for block in row} for row in blocks]
    widths = [{block.shape[1] for block in column} for column in zip(*blocks, strict=True)]
    if any(len(sizes) > 1 for sizes in (*heights, *widths)):
        raise StatementError(f"the shapes of the blocks of {node} do not match.")
