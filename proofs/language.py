"""The language of statements: sympy's expressions, and the few words that sympy lacks.

Every matrix and scalar is real. A free symbol is universally quantified over what its sympy assumptions say (n = 1, 2, …; σ² ≥ 0) and,
for a MatrixSymbol, over all real matrices of its shape, subject to the assumptions of the statement. A 1×1 matrix is read as the scalar
Trace(uᵀ K v). `Normal(Z, R, C)` among the assumptions declares what Mean(…, Z) averages over, and so does `Law(Z, …)` for matrices with
any joint law; each Gaussian matrix is independent of all others, and the matrices of one Law of all outside it. Relations are sympy's,
built unevaluated so that both sides are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sympy import (
    Add,
    Eq,
    Expr,
    Ge,
    Gt,
    Identity,
    Inverse,
    Le,
    MatrixSymbol,
    Mul,
    Ne,
    Pow,
    Symbol,
    Trace,
    Tuple,
    ZeroMatrix,
    sympify,
)
from sympy.core.basic import Basic
from sympy.core.relational import Relational
from sympy.core.symbol import Str
from sympy.logic.boolalg import Boolean
from sympy.matrices.expressions.matexpr import MatrixExpr

# terms


class Mean(Expr):
    """E over the random matrices `variables` of a scalar; every other symbol in it is held fixed.

    >>> from sympy import MatrixSymbol
    >>> x, u = MatrixSymbol("x", 3, 1), MatrixSymbol("u", 3, 1)
    >>> Mean(scalar(u.T * x) ** 2, x)
    Mean(Trace(u.T*x)**2, (x,))
    """

    is_commutative = True
    is_real = True

    def __new__(cls, integrand: Any, *variables: Any) -> Mean:
        if len(variables) == 1 and isinstance(variables[0], Tuple):
            variables = tuple(variables[0])
        return Basic.__new__(cls, sympify(integrand), Tuple(*sorted(set(variables), key=str)))


class Expectation(MatrixExpr):
    """E over the random matrices `variables` of a matrix, entry by entry; every other symbol in it is held fixed."""

    def __new__(cls, matrix: Any, *variables: Any) -> Expectation:
        if len(variables) == 1 and isinstance(variables[0], Tuple):
            variables = tuple(variables[0])
        return Basic.__new__(cls, matrix, Tuple(*sorted(set(variables), key=str)))

    @property
    def shape(self) -> Any:
        return self.args[0].shape


class ConditionalMean(Expr):
    """E[scalar | y], y a column that depends on the Gaussian matrices `variables`."""

    is_commutative = True
    is_real = True

    def __new__(cls, expr: Any, given: Any, *variables: Any) -> ConditionalMean:
        if len(variables) == 1 and isinstance(variables[0], Tuple):
            variables = tuple(variables[0])
        return Basic.__new__(cls, sympify(expr), sympify(given), Tuple(*sorted(set(variables), key=str)))


class Predictor(Expr):
    """f(a, b, …): any real function of matrices, universally quantified, so that Mean(f²) is finite."""

    is_commutative = True
    is_real = True

    def __new__(cls, name: Any, *arguments: Any) -> Predictor:
        return Basic.__new__(cls, Str(str(name)), *map(sympify, arguments))


class Rank(Expr):
    """The rank of a matrix."""

    is_commutative = True
    is_integer = True
    is_nonnegative = True

    def __new__(cls, matrix: Any) -> Rank:
        return Basic.__new__(cls, matrix)


class GradientAt(MatrixExpr):
    """∂(scalar)/∂u at `point`, of a scalar that is a polynomial in the column u; u is bound, as the variables of a Mean are."""

    def __new__(cls, expr: Any, symbol: Any, point: Any) -> GradientAt:
        return Basic.__new__(cls, sympify(expr), symbol, point)

    @property
    def shape(self) -> Any:
        return self.args[1].shape


class Named(Expr):
    """A scalar with a name: printed by its name, and to every rule the scalar itself."""

    is_commutative = True
    is_real = True

    def __new__(cls, name: Any, expr: Any) -> Named:
        return Basic.__new__(cls, Str(str(name)), sympify(expr))

    def doit(self, **_: Any) -> Named:
        """Itself: sympy's arithmetic leaves what is named as it is."""
        return self

    def _sympystr(self, _: Any) -> str:
        return str(self.args[0].name)


class NamedMatrix(MatrixExpr):
    """A matrix with a name: printed by its name, and to every rule the matrix itself."""

    def __new__(cls, name: Any, expr: Any) -> NamedMatrix:
        return Basic.__new__(cls, Str(str(name)), expr)

    @property
    def shape(self) -> Any:
        return self.args[1].shape

    def doit(self, **_: Any) -> NamedMatrix:
        """Itself: sympy's arithmetic leaves what is named as it is."""
        return self

    def _sympystr(self, _: Any) -> str:
        return str(self.args[0].name)


# assumptions


class Normal(Boolean):
    """Z is a centred Gaussian matrix, E[Z_ij Z_kl] = rows_ik · columns_jl; both covariances are positive semidefinite."""

    def __new__(cls, symbol: Any, rows: Any, columns: Any = None) -> Normal:
        return Basic.__new__(cls, symbol, rows, Identity(1) if columns is None else columns)


class Law(Boolean):
    """The matrices are random, with any joint law under which each mean that is taken, term by term, exists.

    A mean over some of them is an integral over their joint law, with the others held fixed. As that is the mean given the others only if
    these are independent of those, no mean is taken otherwise of a term that depends on both.
    """

    def __new__(cls, *matrices: Any) -> Law:
        return Basic.__new__(cls, *matrices)


class Independent(Boolean):
    """The matrices of the first group are independent, together, of those of the second; all are of one Law."""

    def __new__(cls, first: Any, second: Any) -> Independent:
        return Basic.__new__(cls, Tuple(*first), Tuple(*second))


class SignSymmetric(Boolean):
    """If the signs of these are changed together, the joint law of all matrices of their Law stays as it is."""

    def __new__(cls, *matrices: Any) -> SignSymmetric:
        return Basic.__new__(cls, *matrices)


class RotationInvariant(Boolean):
    """If each Z of these becomes Z Q, the joint law of all matrices of their Law stays as it is, for every orthogonal Q.

    An argument is a matrix or, for one that becomes Qᵀ Z, its transpose.
    """

    def __new__(cls, *matrices: Any) -> RotationInvariant:
        return Basic.__new__(cls, *matrices)


class Tokens(Boolean):
    """The rows of the first group, taken together, and each further group are tokens: independent with one law, given a random function.

    Tokens((X, y), (x, z), …): the tokens are the (x_i, y_i), x_iᵀ a row of X and y_i an entry of y, then (x, z) with a column x, ….
    """

    def __new__(cls, *groups: Any) -> Tokens:
        return Basic.__new__(cls, *(Tuple(*group) for group in groups))


LAWS = (Law, Independent, SignSymmetric, RotationInvariant, Tokens)


class PositiveDefinite(Boolean):
    """K is symmetric and xᵀKx > 0 for x ≠ 0."""

    def __new__(cls, matrix: Any) -> PositiveDefinite:
        return Basic.__new__(cls, matrix)


class PositiveSemidefinite(Boolean):
    """K is symmetric and xᵀKx ≥ 0."""

    def __new__(cls, matrix: Any) -> PositiveSemidefinite:
        return Basic.__new__(cls, matrix)


class Invertible(Boolean):
    """K is square and has an inverse."""

    def __new__(cls, matrix: Any) -> Invertible:
        return Basic.__new__(cls, matrix)


class Orthogonal(Boolean):
    """Q is square and QᵀQ = I."""

    def __new__(cls, matrix: Any) -> Orthogonal:
        return Basic.__new__(cls, matrix)


# connectives; sympy's own evaluate their arguments, these keep them


class All(Boolean):
    """Each of the arguments."""


class Any_(Boolean):
    """At least one of the arguments."""


class Implication(Boolean):
    """If the first, then the second."""

    def __new__(cls, antecedent: Any, consequent: Any) -> Implication:
        return Basic.__new__(cls, antecedent, consequent)


class Equivalence(Boolean):
    """Both or neither."""

    def __new__(cls, left: Any, right: Any) -> Equivalence:
        return Basic.__new__(cls, left, right)


def scalar(matrix: Any) -> Any:
    """A 1×1 matrix expression as a scalar."""
    return Trace(matrix)


def equal(left: Any, right: Any) -> Any:
    """left = right, both sides kept; the right-hand side 0 stands for the zero matrix where the left is a matrix."""
    left, right = sympify(left), sympify(right)
    if getattr(left, "is_Matrix", False) and right == 0:
        right = ZeroMatrix(*left.shape)
    return Eq(left, right, evaluate=False)


def at_least(left: Any, right: Any) -> Any:
    """left ≥ right"""
    return Ge(left, right, evaluate=False)


def more_than(left: Any, right: Any) -> Any:
    """left > right"""
    return Gt(left, right, evaluate=False)


def at_most(left: Any, right: Any) -> Any:
    """left ≤ right"""
    return Le(left, right, evaluate=False)


def different(left: Any, right: Any) -> Any:
    """left ≠ right; 0 as for `equal`."""
    return Ne(left, equal(left, right).rhs, evaluate=False)


def conjuncts(statement: Any) -> Iterator[Any]:
    """The parts of a conjunction, one by one."""
    if isinstance(statement, All):
        for part in statement.args:
            yield from conjuncts(part)
    else:
        yield statement


# substitution


def substitute(expr: Any, mapping: dict[Any, Any]) -> Any:
    """Replace symbols everywhere and all at once, shapes included; nothing is evaluated that `rebuilt` keeps."""
    return replaced(expr, {symbol: sympify(value) for symbol, value in mapping.items()})


def replaced(expr: Any, mapping: dict[Any, Any], *, evaluate: bool = True) -> Any:
    """One pass of replacement, rebuilding every node from its new arguments."""
    if not mapping:
        return expr
    if expr in mapping:
        return mapping[expr]
    if not expr.args:
        return expr
    args = [replaced(arg, mapping, evaluate=evaluate) for arg in expr.args]
    return expr if all(a is b for a, b in zip(args, expr.args, strict=True)) else rebuilt(expr, args, evaluate=evaluate)


def unnamed(expr: Any) -> Any:
    """The same without abbreviations: what a name stands for in its place, nothing evaluated."""
    if isinstance(expr, Named | NamedMatrix):
        return unnamed(expr.args[1])
    args = [unnamed(arg) for arg in expr.args]
    return expr if all(a is b for a, b in zip(args, expr.args, strict=True)) else rebuilt(expr, args, evaluate=False)


def rebuilt(node: Any, args: list[Any], *, evaluate: bool = True) -> Any:
    """A node of the same kind with other arguments; relations and products of matrices stay unevaluated, and on request all does."""
    if isinstance(node, Relational) or (isinstance(node, Add | Mul | Pow) and not evaluate):
        return node.func(*args, evaluate=False)
    if isinstance(node, Inverse):
        return Inverse(args[0])
    return node.func(*args)


# reading


def nodes(expr: Any) -> Iterator[Any]:
    """Every node, an argument that is not a sympy object included."""
    yield expr
    if isinstance(expr, Basic):
        for arg in expr.args:
            yield from nodes(arg)


def symbols_of(*statements: Any) -> dict[str, Any]:
    """The symbols by name, those in shapes and laws included."""
    return {node.name: node for statement in statements for node in nodes(statement) if isinstance(node, Symbol | MatrixSymbol)}


def bound(*statements: Any) -> set[Any]:
    """What some mean averages over, or some gradient differentiates by: bound there, so never to be replaced."""
    found: set[Any] = set()
    for node in (node for statement in statements for node in nodes(statement)):
        if isinstance(node, Mean | Expectation | ConditionalMean):
            found |= set(node.args[-1])
        elif isinstance(node, GradientAt):
            found.add(node.args[1])
    return found


def free(expr: Any) -> set[Any]:
    """The symbols that an expression speaks of, without those that a mean or a gradient binds."""
    if isinstance(expr, Symbol | MatrixSymbol):
        return {expr, *(symbol for size in getattr(expr, "shape", ()) for symbol in size.free_symbols)}
    if isinstance(expr, GradientAt):
        scalar, symbol, point = expr.args
        return free(scalar) - {symbol} | free(point)
    inside = {symbol for arg in expr.args if isinstance(arg, Basic) for symbol in free(arg)}
    return inside - set(expr.args[-1]) if isinstance(expr, Mean | Expectation | ConditionalMean) else inside


def random(given: Iterable[Any]) -> set[Any]:
    """The matrices that the assumptions declare random."""
    facts = [part for fact in given for part in conjuncts(fact)]
    gaussian = {fact.args[0] for fact in facts if isinstance(fact, Normal)}
    return gaussian | {z for fact in facts if isinstance(fact, Law) for z in fact.args}


__all__ = [
    "LAWS",
    "All",
    "Any_",
    "ConditionalMean",
    "Equivalence",
    "Expectation",
    "GradientAt",
    "Implication",
    "Independent",
    "Invertible",
    "Law",
    "Mean",
    "Named",
    "NamedMatrix",
    "Normal",
    "Orthogonal",
    "PositiveDefinite",
    "PositiveSemidefinite",
    "Predictor",
    "Rank",
    "RotationInvariant",
    "SignSymmetric",
    "Tokens",
    "at_least",
    "at_most",
    "bound",
    "conjuncts",
    "different",
    "equal",
    "free",
    "more_than",
    "nodes",
    "random",
    "scalar",
    "substitute",
    "unnamed",
]
