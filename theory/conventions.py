"""Other papers' parametrisations of the layer: what v and M are in the weights that each paper writes, and the weights of a (v, M)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sympy import BlockMatrix, Identity, ImmutableMatrix, Integer, MatrixSymbol, Symbol, ZeroMatrix, block_collapse, sympify
from sympy.matrices.matrixbase import MatrixBase

from theory.attention import LinearAttention
from theory.errors import AttentionError
from theory.exact import exact_matrix, exact_scalar, is_zero_matrix
from theory.notation import d, k, m, n

e_y = MatrixSymbol("e_y", d + 1, 1)
"""The unit vector of the label slot, (0, …, 0, 1)."""
J_x = MatrixSymbol("J_x", d + 1, d)
"""The unit vectors of the covariates' slots, (I; 0)."""
VALUE, KEY_QUERY, STEP = MatrixSymbol("value", d + 1, 1), MatrixSymbol("key_query", d + 1, d + 1), MatrixSymbol("step", d, d)
"""v, M and B = v_y M_xx + v_x m_yxᵀ of a layer, in which the weights of the layer are written."""


@dataclass(frozen=True)
class Convention:
    """The weights of one head as a paper names them, and (v, M) in them.

    The head predicts Σ_i (v·z_i)(z_iᵀ M z_q), summed over the context, and over the query token too where `query_in_sum`. Several heads add
    their predictions, and in general no single (v, M) gives the sum.

    parameters     the weights as matrix symbols, whose names are those in files; tokens are columns, so that W z_i is a product
    value          v, a (d+1)×1 matrix expression in the parameters, `e_y`, `J_x` and the context length n
    key_query      M, a (d+1)×(d+1) matrix expression
    inverse        the parameters of one head of a layer, in `VALUE`, `KEY_QUERY`, `STEP`, `e_y`, `J_x` and n; of the many that predict the
                   same, those with widths k = m = d + 1 and zeros where nothing acts
    several_heads  whether the paper writes a sum over heads
    one_step       whether the paper's class is one step of gradient descent, so that a layer has such weights only if it takes one

    Derived here from each paper's forward pass; `docs/conventions.md` shows them side by side.

    >>> CONVENTIONS["ahn"].value, CONVENTIONS["paper"].key_query
    ((-1/n)*P.T*e_y, W_K.T*W_Q)
    >>> CONVENTIONS["ahn"].inverse, CONVENTIONS["wu"].inverse
    (((-n)*e_y*value.T, key_query), (n*step.T,))
    """

    name: str
    source: str
    parameters: tuple[MatrixSymbol, ...]
    value: Any
    key_query: Any
    inverse: tuple[Any, ...]
    query_in_sum: bool = False
    several_heads: bool = False
    one_step: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the parameters"""
        return tuple(symbol.name for symbol in self.parameters)

    @property
    def normalised(self) -> bool:
        """Whether the paper divides by the context length of the prompt at hand, so that v depends on it."""
        return bool(self.value.has(n))

    def shape(self, name: str) -> str:
        """The shape of a parameter in letters, as (d+1)×(d+1)"""
        (symbol,) = (symbol for symbol in self.parameters if symbol.name == name)
        return "×".join(f"({size})".replace(" ", "") if size.is_Add else str(size) for size in symbol.shape)

    def sizes(self, shapes: Mapping[str, tuple[int, ...]]) -> dict[Symbol, int]:
        """d, and the widths k and m where there are any, from the shapes of all parameters; AttentionError names one that does not fit.

        >>> CONVENTIONS["ahn"].sizes({"P": (3, 3), "Q": (3, 3)})
        {d: 2}
        """
        self._require(shapes)
        found: dict[Symbol, int] = {}
        for symbol in self.parameters:
            shape = tuple(shapes[symbol.name])
            for size, number in zip(symbol.shape, shape, strict=False):
                for free in size.free_symbols:
                    found.setdefault(free, int(number - (size - free)))
            if shape != tuple(size.subs(found) for size in symbol.shape) or min(found.values()) < 1:
                here = ", ".join(f"{free} = {value}" for free, value in found.items()) or "the sizes are still unknown"
                got = "×".join(map(str, shape)) or "a number"
                raise AttentionError(f"{self.name}: {symbol.name} must be {self.shape(symbol.name)}, all ≥ 1; got {got} where {here}.")
        return found

    def value_and_key_query(self, weights: Mapping[str, Any], context_length: Any) -> tuple[Any, Any]:
        """v and M of explicit exact matrices, those of one head, at a context length (which matters only where `normalised`)."""
        self._require(weights)
        given = {name: exact_matrix(self.name, name, weights[name], AttentionError) for name in self.names}
        for name, matrix in given.items():
            if not isinstance(matrix, MatrixBase):
                raise AttentionError(f"{self.name}: {name} must be an explicit matrix, got {matrix}; convert its components.")
        size = self.sizes({name: matrix.shape for name, matrix in given.items()})[d]
        values = {symbol: given[symbol.name] for symbol in self.parameters} | _explicit_frame(size) | {n: self._length(context_length)}
        return _evaluated(self.value, values), _evaluated(self.key_query, values)

    def layer(self, weights: Mapping[str, Any], context_length: Any) -> LinearAttention:
        """The layer of one head's weights. Raises AttentionError for weights of other names or shapes, and where the query token is in the
        paper's sum and its term does not vanish: no LinearAttention predicts the same.

        >>> from sympy import Matrix, eye
        >>> CONVENTIONS["ahn"].layer({"P": Matrix([[0, 0], [0, -2]]), "Q": eye(2)}, 4).value
        Matrix([
        [  0],
        [1/2]])
        """
        attention = LinearAttention(*self.value_and_key_query(weights, context_length))
        if self.query_in_sum and not query_term_vanishes(attention):
            entry, at = next((entry, at) for at, entry in enumerate(attention.covariate_value) if entry != 0)
            raise AttentionError(
                f"{self.name}: the query token is in the sum, and its term (v·z_q)(z_qᵀ M z_q) vanishes only where v_x = 0 or M_xx is "
                f"antisymmetric, but v_x[{at}] = {entry}; take v and M from value_and_key_query, and add the term."
            )
        return attention

    def weights(self, layer: LinearAttention, context_length: Any) -> dict[str, Any]:
        """One head's weights of a layer that sums over the context: they predict what it does on prompts of that length.

        Exact, of explicit matrices; for a layer in blocks, with a symbolic d, they are matrix expressions. `layer` of them is the layer
        itself, but for conventions of one step: there it has v = (0, 1) or (0, 1/n) and the same step. Raises AttentionError where the
        paper has no such weights, and says why.

        >>> from sympy import Matrix, eye
        >>> layer = LinearAttention(Matrix([0, 0, 3]), Matrix.diag(1, 2, 0))
        >>> CONVENTIONS["wu"].weights(layer, 4)["Gamma"]
        Matrix([
        [12,  0],
        [ 0, 24]])
        """
        if not isinstance(layer, LinearAttention):
            raise AttentionError(f"{self.name}: layer must be a LinearAttention, got a {type(layer).__name__}.")
        length = self._length(context_length)
        if self.query_in_sum and not query_term_vanishes(layer):
            raise AttentionError(
                f"{self.name}: the paper's sum has the query token in it, whose term (v_x·x_q)(x_qᵀ M_xx x_q) is not 0 for v_x = "
                f"{_shown(layer.covariate_value)}; only a layer with v_x = 0 or an antisymmetric M_xx has weights there."
            )
        if self.one_step and not takes_one_step(layer):
            raise AttentionError(
                f"{self.name}: the paper's class is one step of gradient descent, and this layer does more: it needs v_x = 0 or M_xx = 0, "
                f"and v_y = 0 or m_yx = 0, got v_x = {_shown(layer.covariate_value)}, v_y = {layer.label_value}, "
                f"m_yx = {_shown(layer.label_key_query)}."
            )
        frame = _explicit_frame(int(layer.dimension)) if layer.is_explicit else _block_frame(layer.dimension)
        values = {VALUE: layer.value, KEY_QUERY: layer.key_query, STEP: layer.step, n: length} | frame
        return {name: _evaluated(expr, values) for name, expr in zip(self.names, self.inverse, strict=True)}

    def _length(self, context_length: Any) -> Any:
        length = exact_scalar(self.name, "context_length", context_length, AttentionError)
        if length.is_integer is False or length.is_positive is False:
            raise AttentionError(f"{self.name}: context_length must be a whole number ≥ 1 or a symbol, got {length}.")
        return length

    def _require(self, given: Mapping[str, Any]) -> None:
        if not isinstance(given, Mapping) or set(given) != set(self.names):
            needed = ", ".join(f"{name} {self.shape(name)}" for name in self.names)
            got = (", ".join(map(str, given)) or "nothing") if isinstance(given, Mapping) else f"a {type(given).__name__}"
            raise AttentionError(f"{self.name}: needs {needed}; got {got}.")


def query_term_vanishes(attention: LinearAttention) -> bool:
    """Whether (v·z_q)(z_qᵀ M z_q) = (v_x·x_q)(x_qᵀ A x_q) is 0 for every query: a product of polynomials is 0 where one of them is."""
    A = attention.covariate_key_query
    return is_zero_matrix(attention.covariate_value) or is_zero_matrix(A + A.T)


def takes_one_step(attention: LinearAttention) -> bool:
    """Whether the part of the prediction even in the labels, (Σ (v_x·x_i) x_i)ᵀ A x_q + v_y (Σ y_i²) c·x_q, is 0 on every prompt."""
    no_values = is_zero_matrix(attention.covariate_value) or is_zero_matrix(attention.covariate_key_query)
    return no_values and (bool(attention.label_value.is_zero) or is_zero_matrix(attention.label_key_query))


def named(name: str) -> Convention:
    """The convention of a name, or AttentionError with the names that there are."""
    if not isinstance(name, str) or name not in CONVENTIONS:
        got = repr(name) if isinstance(name, str) else f"a {type(name).__name__}"
        raise AttentionError(f"convention: must be one of {', '.join(CONVENTIONS)}, got {got}.")
    return CONVENTIONS[name]


def _explicit_frame(size: int) -> dict[Any, Any]:
    """d and the unit vectors in components."""
    unit = ImmutableMatrix.eye(size + 1)
    return {d: Integer(size), e_y: unit[:, size:], J_x: unit[:, :size]}


def _block_frame(size: Any) -> dict[Any, Any]:
    """d and the unit vectors in blocks of sizes d and 1."""
    column = BlockMatrix([[ZeroMatrix(size, 1)], [ImmutableMatrix([[1]])]])
    return {d: size, e_y: column, J_x: BlockMatrix([[Identity(size)], [ZeroMatrix(1, size)]])}


def _evaluated(expr: Any, values: Mapping[Any, Any]) -> Any:
    written = expr.xreplace(values)
    if written.has(BlockMatrix):
        return block_collapse(written)
    written = written.doit()
    return written.as_explicit().as_immutable() if all(sympify(size).is_Integer for size in written.shape) else written


def _shown(matrix: Any) -> str:
    """A column in one line, shortened"""
    text = str(list(matrix)) if isinstance(matrix, MatrixBase) else str(matrix)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _mahankali() -> Convention:
    W_K, W_Q, W_V = MatrixSymbol("W_K", k, d + 1), MatrixSymbol("W_Q", k, d + 1), MatrixSymbol("W_V", m, d + 1)
    h = MatrixSymbol("h", m, 1)
    source = "Mahankali, Hashimoto, Ma, arXiv 2307.03576"
    inverse = Identity(d + 1), KEY_QUERY, e_y * VALUE.T, e_y
    return Convention("paper", source, (W_K, W_Q, W_V, h), W_V.T * h, W_K.T * W_Q, inverse)


def _merged() -> Convention:
    return Convention("merged", "this project", (VALUE, KEY_QUERY), VALUE, KEY_QUERY, (VALUE, KEY_QUERY))


def _ahn() -> Convention:
    P, Q = MatrixSymbol("P", d + 1, d + 1), MatrixSymbol("Q", d + 1, d + 1)
    # [Z_1]_(d+1),(n+1) is the label slot of the query after the layer, which starts at 0; the prediction is minus that
    return Convention("ahn", "Ahn, Cheng, Daneshmand, Sra, arXiv 2306.00297", (P, Q), -P.T * e_y / n, Q, (-n * e_y * VALUE.T, KEY_QUERY))


def _zhang() -> Convention:
    W_PV, W_KQ = MatrixSymbol("W_PV", d + 1, d + 1), MatrixSymbol("W_KQ", d + 1, d + 1)
    source = "Zhang, Frei, Bartlett, arXiv 2306.09927"
    return Convention("zhang", source, (W_PV, W_KQ), W_PV.T * e_y / n, W_KQ, (n * e_y * VALUE.T, KEY_QUERY), query_in_sum=True)


def _wu() -> Convention:
    Gamma = MatrixSymbol("Gamma", d, d)
    # the inner product of Γ Xᵀy/n and x_q is (Σ y_i x_i)ᵀ (Γᵀ/n) x_q
    source = "Wu, Zou, Chen, Braverman, Gu, Bartlett, arXiv 2310.08391"
    return Convention("wu", source, (Gamma,), e_y / n, J_x * Gamma.T * J_x.T, (n * STEP.T,), one_step=True)


def _li() -> Convention:
    W = MatrixSymbol("W", d, d)
    # x_qᵀ W Xᵀy is (Σ y_i x_i)ᵀ Wᵀ x_q
    return Convention("li", "Li, Rawat, Oymak, arXiv 2407.10005", (W,), e_y, J_x * W.T * J_x.T, (STEP.T,), one_step=True)


def _von_oswald() -> Convention:
    W_K, W_Q, W_V = MatrixSymbol("W_K", k, d + 1), MatrixSymbol("W_Q", k, d + 1), MatrixSymbol("W_V", m, d + 1)
    P = MatrixSymbol("P", d + 1, m)
    # keys and values are those of the context alone, and the prediction is minus the label slot of the query, which starts at 0
    source = "von Oswald et al., arXiv 2212.07677"
    inverse = Identity(d + 1), KEY_QUERY, -e_y * VALUE.T, Identity(d + 1)
    return Convention("vonoswald", source, (W_K, W_Q, W_V, P), -W_V.T * P.T * e_y, W_K.T * W_Q, inverse, several_heads=True)


CONVENTIONS: Mapping[str, Convention] = MappingProxyType(
    {made.name: made for made in (_merged(), _mahankali(), _ahn(), _zhang(), _von_oswald(), _wu(), _li())}
)
