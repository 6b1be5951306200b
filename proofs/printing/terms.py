"""Sums and products taken apart for writing: a term is a sign, its scalar factors and its matrix factors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sympy import Add, Identity, MatAdd, MatMul, Mul, Pow, Rational, Symbol, Trace

from proofs.language import Named, Rank
from proofs.printing.names import place

Term = tuple[bool, list[Any], list[Any]]


def terms(expr: Any) -> Iterator[Any]:
    """The terms of a sum, those of a sum inside it included: n + d + 1 + σ², single symbols before products."""
    if isinstance(expr, MatAdd):
        yield from _flat(expr)
    else:
        yield from sorted(_flat(expr), key=_rank_of_term)


def _flat(expr: Any) -> Iterator[Any]:
    for term in expr.args:
        inner = term.args[0] if is_one_by_one(term) else term
        if isinstance(inner, Add | MatAdd):
            yield from terms(inner)
        else:
            yield term


def _rank_of_term(term: Any) -> tuple[int, int]:
    if isinstance(term, Symbol):
        return (0 if term.is_integer else 2), place(term)
    return (1 if isinstance(term, Rational) else 2 if isinstance(term, Named) else 3), 0


def signed(term: Any) -> Term:
    """A term without its sign; factors 1 are dropped, and identity matrices beside other factors."""
    number = Rational(1)
    scalars: list[Any] = []
    matrices: list[Any] = []
    for factor in factors(term):
        if isinstance(factor, Rational):
            number *= factor
        else:
            (matrices if getattr(factor, "is_Matrix", False) else scalars).append(factor)
    kept = [matrix for matrix in matrices if not isinstance(matrix, Identity)]
    if not kept and matrices and (matrices[0].shape[0] != 1 or not (scalars or abs(number) != 1)):
        kept = matrices[:1]
    if abs(number) != 1 or not (scalars or kept):
        scalars.insert(0, abs(number))
    return bool(number < 0), scalars, kept


def factors(expr: Any) -> Iterator[Any]:
    """The factors of a product, those of a product inside it included."""
    if isinstance(expr, Mul | MatMul):
        for factor in expr.args:
            yield from factors(factor)
    else:
        yield expr


def is_one_by_one(expr: Any) -> bool:
    """Whether it is the trace of a 1×1 matrix, which is read as that matrix."""
    return isinstance(expr, Trace) and expr.args[0].shape == (1, 1)


def is_bilinear(expr: Any) -> bool:
    """Whether it is a product uᵀKv read as a scalar."""
    return is_one_by_one(expr) and isinstance(expr.args[0], MatMul)


def is_reciprocal(expr: Any) -> bool:
    """Whether it is a divisor."""
    return isinstance(expr, Pow) and bool(expr.args[1] < 0)


def denominator(expr: Any) -> Any:
    """What a divisor divides by."""
    base, exponent = expr.args
    return base if exponent == -1 else Pow(base, -exponent, evaluate=False)


def order(factor: Any) -> tuple[int, int]:
    """Where a scalar stands in a product: numbers, symbols as in the notation table, abbreviations, functions, sums in brackets, uᵀKv."""
    base = factor.args[0] if isinstance(factor, Pow) else factor
    if isinstance(base, Symbol):
        return 1, place(base)
    kinds = ((Rational, 0), (Named, 2), (Rank, 3), (Add, 5))
    return (6 if is_one_by_one(base) else next((kind_place for kind, kind_place in kinds if isinstance(base, kind)), 4)), 0
