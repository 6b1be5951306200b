"""Products, sums and transposes of block matrices, multiplied out block by block."""

from __future__ import annotations

from typing import Any

from sympy import BlockMatrix, MatAdd, MatMul, Transpose

from proofs.errors import RuleError
from proofs.language import NamedMatrix

Grid = list[list[Any]]


def collapsed(expr: Any) -> Any:
    """A matrix expression without block matrices, where its blocks multiply to a single one.

    >>> from sympy import MatrixSymbol, ZeroMatrix, Identity
    >>> x = MatrixSymbol("x", 3, 1)
    >>> collapsed(BlockMatrix([[x], [Identity(1)]]).T * BlockMatrix([[x], [ZeroMatrix(1, 1)]]))
    (I*0 + x.T*x)
    """
    grid = blocks(expr)
    if len(grid) != 1 or len(grid[0]) != 1:
        raise RuleError(f"{expr} is a matrix of {len(grid)}×{len(grid[0])} blocks; compare its blocks one by one.")
    return grid[0][0]


def blocks(expr: Any) -> Grid:
    """The blocks of a matrix expression; one that holds no block matrix is its own single block."""
    if isinstance(expr, NamedMatrix) and expr.has(BlockMatrix):
        return blocks(expr.args[1])
    if isinstance(expr, BlockMatrix):
        return [[expr.blocks[i, j] for j in range(expr.blockshape[1])] for i in range(expr.blockshape[0])]
    if not expr.has(BlockMatrix):
        return [[expr]]
    if isinstance(expr, Transpose):
        inner = blocks(expr.args[0])
        return [[Transpose(inner[i][j]) for i in range(len(inner))] for j in range(len(inner[0]))]
    if isinstance(expr, MatAdd):
        grids = [blocks(term) for term in expr.args]
        if len({tuple(tuple(block.shape for block in row) for row in grid) for grid in grids}) > 1:
            raise RuleError(f"the blocks of the terms of {expr} do not match.")
        return [[MatAdd(*(g[i][j] for g in grids)) for j in range(len(grids[0][0]))] for i in range(len(grids[0]))]
    if isinstance(expr, MatMul):
        scalars = [factor for factor in expr.args if not getattr(factor, "is_Matrix", False)]
        total: Grid | None = None
        for factor in expr.args:
            if getattr(factor, "is_Matrix", False):
                grid = blocks(factor)
                total = grid if total is None else _times(total, grid, expr)
        return [[MatMul(*scalars, block) for block in row] for row in total or []]
    raise RuleError(f"{type(expr).__name__} of a block matrix is not multiplied out.")


def _times(left: Grid, right: Grid, expr: Any) -> Grid:
    if len(left[0]) != len(right) or any(a.shape[1] != b[0].shape[0] for a, b in zip(left[0], right, strict=True)):
        raise RuleError(f"the blocks of the factors of {expr} do not match.")
    inner = range(len(right))
    return [[MatAdd(*(MatMul(row[k], right[k][j]) for k in inner)) for j in range(len(right[0]))] for row in left]
