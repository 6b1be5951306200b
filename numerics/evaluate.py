"""Theory's expressions as torch functions: the formula is theory's own, never a retyped copy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, reduce
from typing import Any

import sympy
import torch
from sympy import Add, Identity, Inverse, MatAdd, MatMul, MatPow, Matrix, Mul, Pow, Rational, Trace, Transpose
from sympy.matrices.matrixbase import MatrixBase
from torch import Tensor

from numerics.errors import NumericsError
from theory import enclosure
from theory.bilinear import BilinearForm
from theory.means import Mean

DTYPE = torch.float64
Values = Mapping[Any, Tensor]

FUNCTIONS: dict[Any, Callable[[Tensor], Tensor]] = {
    sympy.exp: torch.exp,
    sympy.log: torch.log,
    sympy.sin: torch.sin,
    sympy.cos: torch.cos,
    sympy.tan: torch.tan,
    sympy.sinh: torch.sinh,
    sympy.cosh: torch.cosh,
    sympy.tanh: torch.tanh,
    sympy.asin: torch.asin,
    sympy.atan: torch.atan,
    sympy.erf: torch.erf,
    sympy.erfc: torch.erfc,
    sympy.Abs: torch.abs,
    sympy.sign: torch.sign,
    sympy.Heaviside: lambda t: (torch.sign(t) + 1) / 2,
}


@cache
def number(value: Any) -> float:
    """An exact real number as a float: a rational rounded once, any other the midpoint of its certified enclosure."""
    return float(value) if value.is_Rational else float(enclosure(value).mid())


def to_tensor(matrix: Any, device: torch.device | str = "cpu") -> Tensor:
    """An explicit sympy matrix as a float64 tensor (rounded once, here)."""
    rows, cols = (int(size) for size in matrix.shape)
    return torch.tensor([[number(matrix[i, j]) for j in range(cols)] for i in range(rows)], dtype=DTYPE, device=device)


def to_exact(matrix: Tensor) -> Matrix:
    """A matrix of floats (rows, columns) with every float as the rational that it is."""
    return Matrix([[Rational(*float(entry).as_integer_ratio()) for entry in row] for row in matrix.tolist()])


def compile_expression(expr: Any) -> Callable[[Values], Tensor]:
    """A function from {symbol: tensor} to the value of a sympy expression.

    Symbols take scalar tensors, matrix symbols take (..., rows, cols) tensors; leading axes broadcast. Repeated
    subexpressions are evaluated once a call, constants once. Raises NumericsError for a kind of node that theory does not produce.

    >>> from sympy import MatrixSymbol, Trace
    >>> K = MatrixSymbol("K", 2, 2)
    >>> compile_expression(Trace(K * K.T))({K: torch.eye(2)})
    tensor(2.)
    """
    constants: dict[Any, Any] = {}

    def value(node: Any, values: Values, memo: dict[Any, Any]) -> Any:
        if node in memo:
            return memo[node]
        result = compute(node, values, memo)
        memo[node] = result
        return result

    def compute(node: Any, values: Values, memo: dict[Any, Any]) -> Any:
        if node in values:
            return values[node]
        if node.is_number or isinstance(node, Mean | MatrixBase):
            if node not in constants:
                constants[node] = to_tensor(node) if isinstance(node, MatrixBase) else number(node)
            return constants[node]
        args = [value(arg, values, memo) for arg in node.args] if not isinstance(node, Identity) else []
        if isinstance(node, Add | MatAdd):
            return sum(args[1:], start=args[0])
        if isinstance(node, MatMul):
            scalars = [a for a, arg in zip(args, node.args, strict=True) if not arg.is_Matrix]
            product = reduce(torch.matmul, [a for a, arg in zip(args, node.args, strict=True) if arg.is_Matrix])
            return reduce(lambda p, s: p * s, scalars, product)
        if isinstance(node, Mul):
            return reduce(lambda p, s: p * s, args)
        if isinstance(node, Pow):
            return args[0] ** args[1]
        if isinstance(node, Transpose):
            return args[0].mT
        if isinstance(node, Inverse):
            return torch.linalg.inv(args[0])
        if isinstance(node, MatPow):
            return torch.linalg.matrix_power(args[0], int(node.exp))
        if isinstance(node, Trace):
            return args[0].diagonal(dim1=-2, dim2=-1).sum(-1)
        if isinstance(node, BilinearForm):
            return args[0][..., 0, 0]
        if isinstance(node, sympy.Max | sympy.Min):
            return reduce(torch.maximum if isinstance(node, sympy.Max) else torch.minimum, map(torch.as_tensor, args))
        if node.func in FUNCTIONS:
            return FUNCTIONS[node.func](args[0])
        raise NumericsError(f"evaluate: no value for {type(node).__name__} {node}; give it in the values.")

    return lambda values: value(expr, values, {})
