"""Hypothesis strategies for exact settings and layers."""

from __future__ import annotations

from hypothesis import strategies as st
from sympy import Matrix, Rational

from common.components import Case
from theory import LinearAttention

small_rationals = st.builds(Rational, st.integers(-4, 4), st.integers(1, 3))
nonzero_rationals = small_rationals.filter(bool)
noises = st.builds(Rational, st.integers(0, 5), st.integers(1, 3))
seeds = st.integers(0, 2**32 - 1)


def matrices(rows: int, cols: int) -> st.SearchStrategy[Matrix]:
    """rows×cols rational matrices"""
    return st.lists(small_rationals, min_size=rows * cols, max_size=rows * cols).map(lambda entries: Matrix(rows, cols, entries))


@st.composite
def lower_triangles(draw: st.DrawFn, d: int) -> Matrix:
    """Invertible d×d lower triangular matrices: the Cholesky factors of the rational-factored positive definite ones."""
    L = draw(matrices(d, d))
    return Matrix(d, d, lambda i, j: L[i, j] if i > j else 0) + Matrix.diag(
        *(draw(st.sampled_from((1, 2, Rational(1, 2)))) for _ in range(d))
    )


@st.composite
def cases(draw: st.DrawFn, max_d: int = 3, max_n: int = 3) -> Case:
    """Settings with Σ = L Lᵀ, W = K Kᵀ of any rank, σ² ≥ 0."""
    d = draw(st.integers(1, max_d))
    K = draw(matrices(d, draw(st.integers(1, d))))
    return Case("drawn", draw(lower_triangles(d)), K, draw(st.integers(1, max_n)), draw(noises), draw(st.sampled_from((1, 2, 3))))


def layers(d: int) -> st.SearchStrategy[LinearAttention]:
    """Layers with rational parameters"""
    return st.builds(LinearAttention, matrices(d + 1, 1), matrices(d + 1, d + 1))
