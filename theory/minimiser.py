"""The complete set of global minimisers of the in-context loss, solved from its gradient.

By the sign flip (w, ε) → (−w, −ε) the loss is E|ŷ_even|² + E(ŷ_odd − y_q)², and ŷ_odd = (Σ y_i x_i)ᵀ B x_q with B = v_y A + v_x cᵀ
depends on the parameters through B alone. The second part is a convex quadratic in B, whose gradient is linear in B:
the solution is B*. The first part vanishes iff ŷ_even = 0 for almost every prompt, that is, as a polynomial in (X, w, ε),

    Aᵀ XᵀX v_x + v_y (yᵀy) c = 0   ⟺   Aᵀ XᵀX v_x = 0 and v_y c = 0   ⟺   (v_x = 0 or A = 0) and (v_y = 0 or c = 0)

(compare degrees in (w, ε); the last step for one row of X; yᵀy is not identically 0 unless W = 0 and σ² = 0). With B = B* ≠ 0
two cases are left: c = 0, v_x = 0 with v_y A = B*; and A = 0, v_y = 0 with v_x cᵀ = B*, which needs a B* (hence a W) of rank
one, as every W ≠ 0 is at d = 1.
With W = 0 the minimum is the zero predictor, reached in two more ways.

The theorem `general-gaussian` in `proofs` is this argument, checked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from sympy import (
    And,
    Eq,
    Expr,
    Function,
    Identity,
    ImmutableMatrix,
    Integer,
    Inverse,
    MatAdd,
    MatMul,
    MatrixSymbol,
    Ne,
    S,
    Trace,
    ZeroMatrix,
    cancel,
    expand,
    factor_terms,
    sympify,
    together,
)
from sympy.logic.boolalg import Boolean
from sympy.matrices.matrixbase import MatrixBase
from sympy.polys.matrices import DomainMatrix

from theory.attention import LinearAttention
from theory.bilinear import BilinearForm
from theory.errors import AttentionError
from theory.exact import exact_matrix, exact_scalar, is_zero_matrix, matrix_rank
from theory.loss import gaussian_setting, general_one_step_loss, in_context_excess, specialise, symmetric_symbols, written_out
from theory.means import is_nonzero
from theory.notation import B, C, K, Sigma, d, n
from theory.setting import Setting
from theory.traces import Alphabet, normal_form

rank = Function("rank", integer=True, nonnegative=True)


@dataclass(frozen=True)
class ParameterFamily:
    """One family of global minimisers in (v, M).

    name        what carries the prediction
    conditions  sympy Boolean: when the family consists of global minimisers
    free        the free parameters of `sample`, each with its meaning; all have defaults
    """

    name: str
    conditions: Boolean
    free: dict[str, str]
    build: Callable[..., LinearAttention]

    def sample(self, **free: Any) -> LinearAttention:
        """The member with the given free parameters.

        Raises AttentionError for a parameter that the family does not have.
        """
        unknown = sorted(set(free) - set(self.free))
        if unknown:
            raise AttentionError(f"{self.name}: no free parameter {unknown[0]!r}; it has {', '.join(self.free)}.")
        return self.build(**free)


@dataclass(frozen=True)
class Minimiser:
    """The global minimum of the in-context loss.

    step        d×d matrix B* with ŷ = (Σ y_i x_i)ᵀ B* x_q at every global minimiser, whatever the normalisation
    loss        the minimum
    parameters  the families that together are all global minimisers; numeric settings list those that exist
    """

    setting: Setting
    step: Any
    loss: Any
    parameters: tuple[ParameterFamily, ...]

    def excess(self, attention: LinearAttention) -> Any:
        """L(v, M) − min L as a mean square, without cancellation."""
        deviation = attention.step * (1 / self.setting.normalisation) - self.step
        return in_context_excess(self.setting, attention, deviation)


@cache
def normal_equations() -> tuple[Any, Any, Any]:
    """G, R, K in the symbols of `theory.notation`, such that the best one-step predictor (Σ y_i x_i)ᵀ B x_q solves G B R = K: read off the
    gradient of its loss in B.

    >>> normal_equations()
    ((n - 1)*K + C, Sigma, K)
    """
    alphabet = Alphabet((Sigma, C, K), [general_one_step_loss()])
    letter = alphabet.letter(B)
    left: list[tuple[Any, Any]] = []
    constant: list[tuple[Any, Any]] = []
    rights = set()
    for coefficient, word in alphabet.gradient(alphabet.scalar(general_one_step_loss()), letter):
        if letter in word:
            at = word.index(letter)
            left.append((coefficient, word[:at]))
            rights.add(word[at + 1 :])
        else:
            constant.append(({m: -k for m, k in coefficient.items()}, word))
    right = alphabet.product(rights.pop(), d)
    system, target = (alphabet.matrix_expression(part, (d, d)) for part in (left, constant))
    return _tidied(system, 1 / (2 * n)), right, _tidied(target, 1 / (2 * n))


def _tidied(matrix: Any, scale: Any = S.One) -> Any:
    """A sum of matrices with each scalar factor in lowest terms."""
    terms = matrix.args if isinstance(matrix, MatAdd) else (matrix,)
    parts = []
    for term in terms:
        scalar, rest = term.as_coeff_mmul() if hasattr(term, "as_coeff_mmul") else (S.One, term)
        parts.append(MatMul(factor_terms(cancel(scale * scalar)), rest).doit(deep=False))
    return MatAdd(*parts) if len(parts) > 1 else parts[0]


def _step(setting: Setting) -> Any:
    """B* = G⁻¹ K Σ⁻¹, with the Σ cancelled that the two sides share: (Σ⁻¹G)⁻¹ (Σ⁻¹KΣ⁻¹)."""
    G, _, K_ = normal_equations()
    shape = (setting.dimension, setting.dimension)
    target = specialise(K_, setting)
    if is_zero_matrix(target):
        return ImmutableMatrix.zeros(*map(int, shape)) if isinstance(target, MatrixBase) else ZeroMatrix(*shape)
    inverse = Inverse(setting.moments.Sigma)
    symmetric = symmetric_symbols(setting)
    system, right = (
        normal_form(MatMul(*factors), symmetric=symmetric) for factors in ((inverse, specialise(G, setting)), (inverse, target, inverse))
    )
    system, right = _collected(system), _collected(right)
    if isinstance(system, MatrixBase) and isinstance(right, MatrixBase):
        return _solve(system, right)
    return written_out(_collected(normal_form(MatMul(Inverse(system), right), symmetric=symmetric)))


def _solve(system: Any, right: Any) -> Any:
    """system⁻¹ right, exactly, over the field generated by the entries."""
    a, b = (DomainMatrix.from_Matrix(m).to_field() for m in (system, right))
    a, b = a.unify(b)
    solution = a.lu_solve(b).to_Matrix()
    return (solution.applyfunc(cancel) if solution.free_symbols else solution).as_immutable()


def _collected(matrix: Any) -> Any:
    """The matrix with its scalar factor as one fraction in lowest terms."""
    if not isinstance(matrix, MatMul):
        return matrix
    scalar, rest = matrix.as_coeff_matrices()
    return MatMul(*([] if scalar == 1 else [_tidy(scalar)]), *rest)


def _tidy(expr: Any) -> Any:
    """One fraction in lowest terms, where that is possible without touching matrices."""
    if not isinstance(expr, Expr) or expr.has(Trace, BilinearForm):
        return expr
    return cancel(together(expr))


def global_minimiser(setting: Setting) -> Minimiser:
    """The global minimum of the in-context loss over all (v, M), and all of its minimisers.

    At σ² = 0 nothing special happens to B*; where a ridge estimate is compared with it, that is its limit σ² → 0⁺ (see `theory.ridge`).
    If W = 0 and σ² = 0 every label is 0: any step gives ŷ = 0, and `step` is 0 by convention.

    >>> from sympy import symbols
    >>> from theory import Gaussian, Linear
    >>> n, d = symbols("n d", integer=True, positive=True)
    >>> s = symbols("s", nonnegative=True)
    >>> global_minimiser(
    ...     Setting(covariates=Gaussian.isotropic(d), response=Linear.isotropic(d), noise_variance=s, context_length=n)
    ... ).step
    1/(d + n + s + 1)*I
    """
    step = _step(setting)
    return Minimiser(setting, step, _minimum(setting, step), _families(setting, step))


@cache
def general_minimum() -> Expr:
    """min L in the symbols of `theory.notation`, the symbol B standing for B*.

    A quadratic at its stationary point: L(B*) = L(0) + ½ ⟨∇L(0), B*⟩, so half of the part of L that is linear in B.
    """
    alphabet = Alphabet((Sigma, C, K), [general_one_step_loss()])
    letter = alphabet.letter(B)
    loss = alphabet.scalar(general_one_step_loss())
    degree = {monomial: sum(abs(k) == letter for word in monomial for k in word) for monomial in loss}
    constant = {m: k for m, k in loss.items() if degree[m] == 0}
    linear = {m: k for m, k in loss.items() if degree[m] == 1}
    return alphabet.expression(constant) + alphabet.expression(linear) / 2


@cache
def gaussian_step() -> Any:
    """B* for `theory.loss.gaussian_setting`, in the symbols of `theory.notation`.

    >>> gaussian_step()
    ((n + 1)*W*Sigma + (sigma2 + Trace(Sigma*W))*I)**(-1)*W
    """
    return _step(gaussian_setting())


@cache
def gaussian_minimum() -> Expr:
    """min L for `theory.loss.gaussian_setting`, the symbol B standing for B*."""
    return specialise(general_minimum(), gaussian_setting())


def _minimum(setting: Setting, step: Any) -> Any:
    value = specialise(general_minimum(), setting, step=step)
    return _tidy(expand(value)) if not setting.context_length.is_Symbol else _tidy(value)


# the families


def _families(setting: Setting, step: Any) -> tuple[ParameterFamily, ...]:
    order = _rank(setting.moments.K)
    if not order.is_number:  # Σ⁻¹KΣ⁻¹ has the rank of K, and may have a simpler form
        inverse = Inverse(setting.moments.Sigma)
        order = _rank(normal_form(MatMul(inverse, setting.moments.K, inverse), symmetric=symmetric_symbols(setting)))
    labels = setting.moments.tau
    families = [
        ParameterFamily(
            "labels in the values",
            sympify(order >= 1) if order.is_number else Ne(order, 0) if order.is_positive is not True else S.true,
            {"scale": "v_y, not 0 (default 1)", "last_column": "the column of M that never acts (default 0)"},
            lambda scale=S.One, last_column=None: _labels_in_values(setting, step, scale, last_column),
        ),
        ParameterFamily(
            "labels in the keys",
            Eq(order, 1),
            {
                "scale": "factor of v_x, not 0 (default 1)",
                "direction": "any r with B* r ≠ 0; v_x is a multiple of B* r (default: a coordinate axis)",
                "last_column": "the column of M that never acts (default 0)",
            },
            lambda scale=S.One, direction=None, last_column=None: _labels_in_keys(setting, step, scale, direction, last_column),
        ),
        *_zero_families(setting, Eq(order, 0), labels),
    ]
    return tuple(family for family in families if family.conditions != S.false)


def _rank(covariance: Any) -> Any:
    """Rank of a covariance: a number or dimension where it is known, an application of `rank` where it is not."""
    if isinstance(covariance, MatrixBase):
        return Integer(matrix_rank(covariance)) if not covariance.free_symbols else rank(covariance)
    if isinstance(covariance, ZeroMatrix):
        return S.Zero
    if isinstance(covariance, Identity | Inverse):
        return sympify(covariance.shape[0])
    if isinstance(covariance, MatMul):
        scalars = [factor for factor in covariance.args if not getattr(factor, "is_Matrix", False)]
        matrices = [factor for factor in covariance.args if getattr(factor, "is_Matrix", False)]
        if any(scalar.is_zero for scalar in scalars):
            return S.Zero
        if len(matrices) == 1 and all(is_nonzero(scalar) for scalar in scalars):
            return _rank(matrices[0])
    return rank(covariance)


def _nonzero(scale: Any) -> Any:
    scale = exact_scalar("ParameterFamily.sample", "scale", scale, AttentionError)
    if scale.is_zero:
        raise AttentionError("ParameterFamily.sample: scale must not be 0, since v_y A = B* cannot hold with it.")
    return scale


def _zeros(matrix: Any) -> Any:
    rows = matrix.shape[0]
    return ImmutableMatrix.zeros(int(rows), 1) if isinstance(matrix, MatrixBase) else ZeroMatrix(rows, 1)


def _labels_in_values(setting: Setting, step: Any, scale: Any, last_column: Any) -> LinearAttention:
    scale = _nonzero(scale)
    return LinearAttention.from_blocks(
        covariate_value=_zeros(step),
        label_value=scale,
        covariate_key_query=step * (setting.normalisation / scale),
        label_key_query=_zeros(step),
        last_column=last_column,
    )


def _labels_in_keys(setting: Setting, step: Any, scale: Any, direction: Any, last_column: Any) -> LinearAttention:
    """v_x cᵀ = B* for a symmetric B* of rank one: B* = (B*r)(B*r)ᵀ / (rᵀB*r) for any r with B*r ≠ 0.

    Where Σ and W are multiples of I in a symbolic dimension, B* has rank one at d = 1 only, and the layer returned is
    one-dimensional.
    """
    scale = _nonzero(scale)
    size = sympify(step.shape[0])
    if not isinstance(step, MatrixBase) and not size.is_Integer and step.is_Matrix and not step.has(MatrixSymbol):
        # B* = β I has rank one in one dimension only
        step, size = ImmutableMatrix([[Trace(step).doit()]]).subs(size, 1), Integer(1)
    if not isinstance(step, MatrixBase) and size.is_Integer and not step.has(MatrixSymbol):
        step = step.as_explicit()
    if direction is None and isinstance(step, MatrixBase):
        axis = next(i for i in range(step.rows) if not step[i, i].is_zero)
        direction = ImmutableMatrix.eye(step.rows)[:, axis]
    elif direction is None:
        direction = MatrixSymbol("r", size, 1)
    direction = exact_matrix("ParameterFamily.sample", "direction", direction, AttentionError)
    if direction.shape != (size, 1):
        shape = "×".join(map(str, direction.shape))
        raise AttentionError(f"ParameterFamily.sample: direction must be {size}×1, got {shape}.")
    image = step * direction
    overlap = (
        (direction.T * image)[0, 0]
        if isinstance(step, MatrixBase)
        else normal_form(BilinearForm(direction.T * image), symmetric=symmetric_symbols(setting))
    )
    if overlap.is_zero:
        raise AttentionError("ParameterFamily.sample: direction must not be annihilated by B*.")
    explicit = isinstance(step, MatrixBase)
    return LinearAttention.from_blocks(
        covariate_value=image * (scale * setting.normalisation),
        label_value=S.Zero,
        covariate_key_query=ImmutableMatrix.zeros(step.rows) if explicit else ZeroMatrix(size, size),
        label_key_query=image * (1 / (scale * overlap)),
        last_column=last_column,
    )


def _zero_families(setting: Setting, no_task: Boolean, labels: Any) -> list[ParameterFamily]:
    """Ways to predict 0, the minimum if K = 0; `labels` is E y²."""
    size = setting.dimension

    def zeros(rows: Any, cols: Any) -> Any:
        return ImmutableMatrix.zeros(int(rows), int(cols)) if size.is_Integer else ZeroMatrix(rows, cols)

    default = LinearAttention.symbolic(size)

    def no_values(key_query: Any = None, label_value: Any = S.Zero) -> LinearAttention:
        if size.is_Integer:
            value = ImmutableMatrix.vstack(ImmutableMatrix.zeros(int(size), 1), ImmutableMatrix([[label_value]]))
            return LinearAttention(value, default.key_query if key_query is None else key_query)
        blocks = LinearAttention.from_blocks(
            covariate_value=zeros(size, 1),
            label_value=label_value,
            covariate_key_query=default.covariate_key_query,
            label_key_query=default.label_key_query,
        )
        return LinearAttention(blocks.value, blocks.key_query if key_query is None else key_query)

    def no_keys(value: Any = None, label_key_query: Any = None) -> LinearAttention:
        chosen = default if value is None else LinearAttention(value, default.key_query)
        return LinearAttention.from_blocks(
            covariate_value=chosen.covariate_value,
            label_value=chosen.label_value,
            covariate_key_query=zeros(size, size),
            label_key_query=zeros(size, 1) if label_key_query is None else label_key_query,
        )

    noisy, silent = And(no_task, Ne(labels, 0)), And(no_task, Eq(labels, 0))
    return [
        ParameterFamily("no values", noisy, {"key_query": "all of M"}, no_values),
        ParameterFamily("no keys", noisy, {"value": "all of v"}, no_keys),
        ParameterFamily("all labels 0, no covariate values", silent, {"key_query": "all of M", "label_value": "v_y"}, no_values),
        ParameterFamily("all labels 0, no covariate keys", silent, {"value": "all of v", "label_key_query": "c"}, no_keys),
    ]
