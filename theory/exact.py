"""What enters the exact layer: exact scalars and matrices, checked, with errors that name the argument and the mend."""

from __future__ import annotations

from typing import Any

from sympy import Expr, Float, Identity, Integer, MatrixSymbol, ZeroMatrix, nan, sympify, zoo
from sympy.core.sympify import SympifyError
from sympy.matrices.expressions.matexpr import MatrixExpr
from sympy.matrices.matrixbase import MatrixBase
from sympy.polys.matrices import DomainMatrix

from theory.errors import TheoryError

_FLOAT = "floats are not exact; pass Rational('0.25') or Rational(1, 4) instead of 0.25"


def exact_scalar(where: str, name: str, value: Any, error: type[TheoryError]) -> Any:
    """A real sympy scalar, or an error naming the argument."""
    if isinstance(value, bool) or value is None:
        raise error(f"{where}: {name} must be an exact number or symbol, got {value!r}.")
    if isinstance(value, float):
        raise error(f"{where}: {name} = {value!r} is a float; {_FLOAT}.")
    if isinstance(value, str):
        raise error(f"{where}: {name} must be an exact number or symbol, got the string {value!r}.")
    try:
        expr = sympify(value)
    except (SympifyError, TypeError):
        raise error(f"{where}: {name} must be an exact number or symbol, got {value!r}.") from None
    if not isinstance(expr, Expr) or getattr(expr, "is_Matrix", False):
        raise error(f"{where}: {name} must be an exact number or symbol, got a {type(value).__name__}.")
    if expr.has(Float):
        raise error(f"{where}: {name} = {expr} holds a float; {_FLOAT}.")
    if expr.has(nan, zoo) or expr.is_finite is False or expr.is_extended_real is False:
        raise error(f"{where}: {name} must be a finite real number, got {expr}.")
    return expr


def exact_matrix(where: str, name: str, value: Any, error: type[TheoryError]) -> Any:
    """A matrix expression, or an explicit matrix made immutable, with exact entries."""
    if isinstance(value, MatrixBase):
        for i in range(value.rows):
            for j in range(value.cols):
                exact_scalar(where, f"{name}[{i}, {j}]", value[i, j], error)
        return value.as_immutable()
    if isinstance(value, MatrixExpr):
        if value.has(Float):
            raise error(f"{where}: {name} = {value} holds a float; {_FLOAT}.")
        return value
    raise error(f"{where}: {name} must be a sympy Matrix or matrix expression, got {type(value).__name__}.")


def covariance_matrix(where: str, value: Any, error: type[TheoryError], *, definite: bool) -> Any:
    """A covariance: square, symmetric, and positive (semi)definite as far as its entries decide it.

    Matrices of rationals are decided exactly, by the signs of the characteristic polynomial's coefficients; symbols are
    taken at their word.
    """
    matrix = exact_matrix(where, "covariance", value, error)
    if matrix.shape[0] != matrix.shape[1]:
        raise error(f"{where}: covariance must be square, got {matrix.shape[0]}×{matrix.shape[1]}.")
    if matrix.shape[0] == 0:
        raise error(f"{where}: covariance must have a dimension ≥ 1, got 0×0.")
    kind = "positive definite" if definite else "positive semidefinite"
    sized = all(sympify(size).is_Integer for size in matrix.shape)
    if sized and not isinstance(matrix, MatrixBase | Identity) and not matrix.has(MatrixSymbol):
        matrix = matrix.as_explicit().as_immutable()
    if not isinstance(matrix, MatrixBase):
        scale, _ = (Integer(0), None) if isinstance(matrix, ZeroMatrix) else matrix.as_coeff_mmul()
        if scale.is_negative or (definite and scale.is_zero):
            raise error(f"{where}: covariance must be {kind}, got {matrix}, a multiple by {scale}.")
        return matrix
    for i in range(matrix.rows):
        for j in range(i):
            if (matrix[i, j] - matrix[j, i]).equals(0) is False:
                raise error(f"{where}: covariance must be symmetric, but [{i}, {j}] = {matrix[i, j]} ≠ {matrix[j, i]} = [{j}, {i}].")
    if not matrix.free_symbols and _is_definite(matrix, strictly=definite) is False:
        raise error(f"{where}: covariance must be {kind}, got {matrix.tolist()}, which has {_witness(matrix, definite)}.")
    return matrix


def _is_definite(matrix: Any, *, strictly: bool) -> bool | None:
    if not all(entry.is_Rational for entry in matrix):
        return matrix.is_positive_definite if strictly else matrix.is_positive_semidefinite
    # det(t − K) = Σ (−1)^k e_k t^(d−k), e_k the elementary symmetric functions of the (real) eigenvalues: these are all ≥ 0
    # iff every e_k ≥ 0, and all > 0 iff every e_k > 0
    coefficients = DomainMatrix.from_Matrix(matrix).to_field().charpoly()
    signed = [value * (-1) ** k for k, value in enumerate(coefficients)]
    return all(value > 0 for value in signed) if strictly else all(value >= 0 for value in signed)


def _witness(matrix: Any, definite: bool) -> str:
    for i in range(matrix.rows):
        if matrix[i, i].is_negative or (definite and matrix[i, i].is_zero):
            return f"the diagonal entry [{i}, {i}] = {matrix[i, i]}"
    return f"determinant {matrix.det()} and an eigenvalue {'≤' if definite else '<'} 0"


def matrix_rank(matrix: Any) -> int:
    """Rank of an explicit matrix without symbols, exact."""
    if all(entry.is_Rational for entry in matrix):
        return int(DomainMatrix.from_Matrix(matrix).to_field().rank())
    return int(matrix.rank())


def dimension_size(where: str, value: Any, error: type[TheoryError]) -> Any:
    """A whole number ≥ 1, or a symbol not known to be anything else."""
    size = exact_scalar(where, "dimension", value, error)
    if size.is_integer is False or size.is_positive is False:
        raise error(f"{where}: dimension must be a whole number ≥ 1 or a symbol, got {size}.")
    return size


def is_zero_matrix(matrix: Any) -> bool:
    """Whether a matrix is known to be 0."""
    return isinstance(matrix, ZeroMatrix) or (isinstance(matrix, MatrixBase) and bool(matrix.is_zero_matrix))


__all__ = ["covariance_matrix", "dimension_size", "exact_matrix", "exact_scalar", "is_zero_matrix", "matrix_rank"]
