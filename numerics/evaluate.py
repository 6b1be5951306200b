"""Theory's expressions as torch functions: the formula is theory's own, never a retyped copy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import torch
from sympy import Add, Identity, Inverse, MatAdd, MatMul, MatPow, Mul, Pow, Trace, Transpose
from torch import Tensor

from numerics.errors import NumericsError
from theory.bilinear import BilinearForm

Values = Mapping[Any, Tensor]


def compile_expression(expr: Any) -> Callable[[Values], Tensor]:
    """A function from {symbol: tensor} to the value of a sympy expression.

    Symbols take scalar tensors, matrix symbols take (..., rows, cols) tensors; leading axes broadcast. Repeated
    subexpressions are evaluated once a call. Raises NumericsError for a kind of node that theory does not produce.

    >>> from sympy import MatrixSymbol, Trace
    >>> K = MatrixSymbol("K", 2, 2)
    >>> compile_expression(Trace(K * K.T))({K: torch.eye(2)})
    tensor(2.)
    """

    def value(node: Any, values: Values, memo: dict[Any, Any]) -> Any:
        if node in memo:
            return memo[node]
        result = compute(node, values, memo)
        memo[node] = result
        return result

    def compute(node: Any, values: Values, memo: dict[Any, Any]) -> Any:
        if node in values:
            return values[node]
        if node.is_Number:
            return float(node)
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
        raise NumericsError(f"evaluate: no value for {type(node).__name__} {node}; give it in the values.")

    return lambda values: value(expr, values, {})
