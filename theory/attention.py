"""The layer's parameters, as far as its prediction depends on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sympy import BlockMatrix, ImmutableMatrix, Integer, MatrixSymbol, Symbol, Transpose, ZeroMatrix, sympify
from sympy.matrices.matrixbase import MatrixBase

from theory import notation
from theory.bilinear import BilinearForm
from theory.errors import AttentionError
from theory.exact import dimension_size, exact_matrix, exact_scalar


@dataclass(frozen=True)
class LinearAttention:
    """One layer of linear self-attention, ŷ = Σ_i (v·z_i)(z_iᵀ M z_q), tokens z_i = (x_i, y_i), query token (x_q, 0).

    value      (d+1)×1, v = W_Vᵀh = (v_x, v_y)
    key_query  (d+1)×(d+1), M = W_KᵀW_Q; its last column never acts, because the query's label slot is 0

    Both explicit, or block matrices with blocks of sizes d and 1 (see `from_blocks`). Raises AttentionError.

    >>> from sympy import Matrix, eye
    >>> layer = LinearAttention(Matrix([0, 0, 2]), eye(3))
    >>> layer.step
    Matrix([
    [2, 0],
    [0, 2]])
    """

    value: Any
    key_query: Any

    def __post_init__(self) -> None:
        for name in ("value", "key_query"):
            matrix = exact_matrix("LinearAttention", name, getattr(self, name), AttentionError)
            if isinstance(matrix, MatrixSymbol) and all(sympify(size).is_Integer for size in matrix.shape):
                matrix = matrix.as_explicit()
            object.__setattr__(self, name, matrix)
        rows = sympify(self.value.shape[0])
        if self.value.shape[1] != 1 or (rows - 2).is_negative:
            raise AttentionError(f"LinearAttention: value must be a (d+1)×1 column with d ≥ 1, got {_shape(self.value)}.")
        if self.key_query.shape != (rows, rows):
            raise AttentionError(
                f"LinearAttention: value has {rows} rows, so key_query must be {rows}×{rows}, got {_shape(self.key_query)}."
            )
        explicit = [isinstance(m, MatrixBase) for m in (self.value, self.key_query)]
        blocks = [
            isinstance(m, BlockMatrix) and m.rowblocksizes == [rows - 1, 1] and m.colblocksizes == cols
            for m, cols in ((self.value, [1]), (self.key_query, [rows - 1, 1]))
        ]
        if not all(explicit) and not all(blocks):
            raise AttentionError(
                "LinearAttention: value and key_query must both be explicit matrices, or both block matrices with blocks of "
                "sizes d and 1; LinearAttention.from_blocks builds the latter."
            )

    @classmethod
    def from_blocks(
        cls, *, covariate_value: Any, label_value: Any, covariate_key_query: Any, label_key_query: Any, last_column: Any = None
    ) -> LinearAttention:
        """From v_x (d×1), v_y, A = M_xx (d×d) and c = m_yx as a column (d×1); the last column of M is 0 unless given,
        as a (d+1)×1 matrix, or as a pair of a d×1 and a 1×1 matrix where the blocks are named."""
        where = "LinearAttention.from_blocks"
        covariate_value = exact_matrix(where, "covariate_value", covariate_value, AttentionError)
        covariate_key_query = exact_matrix(where, "covariate_key_query", covariate_key_query, AttentionError)
        label_key_query = exact_matrix(where, "label_key_query", label_key_query, AttentionError)
        label_value = exact_scalar(where, "label_value", label_value, AttentionError)
        parts = (covariate_value, covariate_key_query, label_key_query)
        if all(isinstance(part, MatrixBase) for part in parts):
            size = covariate_key_query.rows
            if covariate_value.shape != (size, 1) or label_key_query.shape != (size, 1) or covariate_key_query.cols != size:
                raise AttentionError(
                    "LinearAttention.from_blocks: needs covariate_value d×1, covariate_key_query d×d, label_key_query d×1, got "
                    + ", ".join(map(_shape, parts))
                    + "."
                )
            column = ImmutableMatrix.zeros(size + 1, 1) if last_column is None else last_column
            if getattr(column, "shape", None) != (size + 1, 1):
                raise AttentionError(f"LinearAttention.from_blocks: last_column must be {size + 1}×1, got {_shape(column)}.")
            left = ImmutableMatrix.vstack(covariate_key_query.as_immutable(), label_key_query.T.as_immutable())
            return cls(
                ImmutableMatrix.vstack(covariate_value.as_immutable(), ImmutableMatrix([[label_value]])),
                ImmutableMatrix.hstack(left, ImmutableMatrix(column)),
            )
        size = covariate_key_query.shape[0]
        upper: Any = ZeroMatrix(size, 1)
        corner: Any = ImmutableMatrix([[0]])
        if last_column is not None:
            if not isinstance(last_column, tuple) or [getattr(part, "shape", None) for part in last_column] != [(size, 1), (1, 1)]:
                raise AttentionError(f"{where}: with named blocks last_column must be a pair of a {size}×1 and a 1×1 matrix.")
            upper, corner = last_column
        return cls(
            BlockMatrix([[covariate_value], [ImmutableMatrix([[label_value]])]]),
            BlockMatrix([[covariate_key_query, upper], [Transpose(label_key_query), corner]]),
        )

    @classmethod
    def symbolic(cls, dimension: Any) -> LinearAttention:
        """Every parameter a symbol: components for a number of dimensions, blocks for a symbol."""
        size = dimension_size("LinearAttention.symbolic", dimension, AttentionError)
        if isinstance(size, Integer):
            k = int(size)
            names = [f"v_{i + 1}" for i in range(k)] + ["v_y"]
            value = ImmutableMatrix(k + 1, 1, [Symbol(name, real=True) for name in names])
            label = [*map(str, range(1, k + 1)), "y"]
            entries = [Symbol(f"m_{a}_{b}", real=True) for a in label for b in label]
            return cls(value, ImmutableMatrix(k + 1, k + 1, entries))
        sized = {
            symbol: MatrixSymbol(symbol.name, size, symbol.shape[1].subs(notation.d, size))
            for symbol in (notation.v_x, notation.A, notation.c)
        }
        return cls.from_blocks(
            covariate_value=sized[notation.v_x],
            label_value=notation.v_y,
            covariate_key_query=sized[notation.A],
            label_key_query=sized[notation.c],
            last_column=(MatrixSymbol("b", size, 1), ImmutableMatrix([[Symbol("m_y_y", real=True)]])),
        )

    @classmethod
    def from_weights(cls, *, query: Any, key: Any, value: Any, readout: Any) -> LinearAttention:
        """From W_Q, W_K (k×(d+1)), W_V (m×(d+1)) and the read-out h (m×1): v = W_Vᵀh, M = W_KᵀW_Q."""
        parts = {"query": query, "key": key, "value": value, "readout": readout}
        q, k, v, h = (exact_matrix("LinearAttention.from_weights", name, part, AttentionError) for name, part in parts.items())
        if q.shape != k.shape or v.shape[1] != q.shape[1] or h.shape != (v.shape[0], 1):
            raise AttentionError(
                "LinearAttention.from_weights: needs query and key k×(d+1), value m×(d+1), readout m×1, got "
                + ", ".join(f"{name} {_shape(part)}" for name, part in parts.items())
                + "."
            )
        return cls(v.T * h, k.T * q)

    @property
    def dimension(self) -> Any:
        """d"""
        return sympify(self.value.shape[0]) - 1

    @property
    def is_explicit(self) -> bool:
        """Whether the parameters are written out in components."""
        return isinstance(self.value, MatrixBase)

    @property
    def covariate_value(self) -> Any:
        """v_x, d×1"""
        return self.value[:-1, :] if self.is_explicit else self.value.blocks[0, 0]

    @property
    def label_value(self) -> Any:
        """v_y, a scalar"""
        return _entry(self.value[-1, 0] if self.is_explicit else self.value.blocks[1, 0])

    @property
    def covariate_key_query(self) -> Any:
        """A = M_xx, d×d"""
        return self.key_query[:-1, :-1] if self.is_explicit else self.key_query.blocks[0, 0]

    @property
    def label_key_query(self) -> Any:
        """c = m_yx as a column, d×1"""
        if self.is_explicit:
            return self.key_query[-1, :-1].T
        row = self.key_query.blocks[1, 0]
        return row.arg if isinstance(row, Transpose) else row.T

    @property
    def step(self) -> Any:
        """B = v_y A + v_x cᵀ, d×d: the part of ŷ that is odd in the labels is (Σ y_i x_i)ᵀ B x_q (sum convention)."""
        return self.label_value * self.covariate_key_query + self.covariate_value * self.label_key_query.T


def _entry(block: Any) -> Any:
    if isinstance(block, MatrixBase):
        return block[0, 0]
    return BilinearForm(block) if getattr(block, "is_Matrix", False) else block


def _shape(matrix: Any) -> str:
    shape = getattr(matrix, "shape", None)
    return f"{shape[0]}×{shape[1]}" if shape else type(matrix).__name__
