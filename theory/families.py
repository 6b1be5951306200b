"""The families of global minimisers in (v, M).

With B = v_y A + v_x cᵀ = B* it is left to see when ŷ_even = 0 on almost every prompt, which for Σ ≻ 0 means

    Aᵀ XᵀX v_x + v_y (yᵀy) c = 0   for almost every context.

For Gaussian covariates this splits into (v_x = 0 or A = 0) and (v_y = 0 or c = 0). Two cases are left with B* ≠ 0: c = 0, v_x = 0 with
v_y A = B*; and A = 0, v_y = 0 with v_x cᵀ = B*, which needs a B* of rank one, as every B* ≠ 0 is at d = 1. With K = 0 the minimum is that
of the zero predictor, reached in two more ways. For every law of covariates the first family is all there is if K is invertible and
d ≥ 2. Else there may be more where a quadratic form (a·x)(b·x) vanishes for almost every x (discrete covariates) or y² = κ(a·x)².
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sympy import And, Eq, Function, Identity, ImmutableMatrix, Integer, Inverse, MatMul, MatrixSymbol, Ne, S, Trace, ZeroMatrix, sympify
from sympy.logic.boolalg import Boolean
from sympy.matrices.matrixbase import MatrixBase

from theory.attention import LinearAttention
from theory.bilinear import BilinearForm
from theory.covariates import Gaussian
from theory.errors import AttentionError
from theory.exact import exact_matrix, exact_scalar, matrix_rank
from theory.loss import symmetric_symbols
from theory.means import is_nonzero
from theory.responses import Linear
from theory.setting import Setting
from theory.traces import normal_form

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


def families(setting: Setting, step: Any) -> tuple[tuple[ParameterFamily, ...], str]:
    """The families of global minimisers, B* = `step`, and a sentence on whether they are all."""
    order = _rank(setting.moments.K)
    if not order.is_number:  # Σ⁻¹KΣ⁻¹ has the rank of K, and may have a simpler form
        inverse = Inverse(setting.moments.Sigma)
        order = _rank(normal_form(MatMul(inverse, setting.moments.K, inverse), symmetric=symmetric_symbols(setting)))
    labels = setting.moments.tau
    found = [
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
    scale = _squared_slope(setting)
    if scale is not None and order == 1:
        mixed = ParameterFamily(
            "labels in values and keys",
            S.true,
            {
                "covariate_value": "v_x (default 1)",
                "label_value": "v_y, v_x² ≠ κ v_y² (default 0)",
                "last_column": "never acts (default 0)",
            },
            lambda covariate_value=S.One, label_value=S.Zero, last_column=None: _labels_in_both(
                setting, step, scale, covariate_value, label_value, last_column
            ),
        )
        return (mixed,), f"These are all: d = 1 and y² = {scale} x² for almost every token, so ŷ_even = (a v_x + {scale} v_y c) Σx² x_q."
    return tuple(family for family in found if family.conditions != S.false), _completeness(setting, order)


def _completeness(setting: Setting, order: Any) -> str:
    linear = isinstance(setting.covariates, Gaussian) and isinstance(setting.response, Linear) and setting.response.task is None
    if linear:
        return "These are all (theorem general-gaussian)."
    more = (
        "there are more only if a quadratic form (a·x)(b·x) that is not 0 vanishes for almost every covariate, as for discrete covariates, "
        "or if y² = κ(a·x)² for almost every token; neither is so for covariates with a density and responses that are not ±a·x."
    )
    if order != setting.dimension or setting.dimension == 1:
        return more[0].upper() + more[1:]
    why = "theorem minimisers-beyond-gaussian"
    if setting.response_moments.mean != 0:
        why = (
            "by the proof of minimisers-beyond-gaussian, which the kernel checks for sign-symmetric labels, with reflected-covariates in it"
        )
    all_of_them = f"these are all, for every law of covariates: K is invertible ({why})"
    return f"T{all_of_them[1:]}." if setting.dimension.is_Integer else f"For d ≥ 2 {all_of_them}; at d = 1 {more}"


def _squared_slope(setting: Setting) -> Any:
    """κ with y² = κx² for almost every token, in one dimension: E(y² − κx²)² = 0. None if there is none."""
    if setting.dimension != 1:
        return None
    moments = setting.moments
    sigma, C = (_entry(matrix) for matrix in (moments.Sigma, moments.C))
    fourth = sum(weight * 3 * _entry(K) ** 2 for weight, K in moments.fourth)
    kappa = moments.tau / sigma
    difference = moments.mu_4 - 2 * kappa * C + kappa**2 * fourth
    return kappa if difference.equals(0) else None


def _entry(matrix: Any) -> Any:
    return (matrix if isinstance(matrix, MatrixBase) else matrix.as_explicit())[0, 0]


def _labels_in_both(setting: Setting, step: Any, kappa: Any, v_x: Any, v_y: Any, last_column: Any) -> LinearAttention:
    """a v_x + κ v_y c = 0 and v_y a + v_x c = B*."""
    v_x, v_y = (
        exact_scalar("ParameterFamily.sample", name, value, AttentionError)
        for name, value in (("covariate_value", v_x), ("label_value", v_y))
    )
    determinant = v_x**2 - kappa * v_y**2
    if determinant.equals(0):
        raise AttentionError(f"ParameterFamily.sample: covariate_value² must not be {kappa} label_value², got {v_x} and {v_y}.")
    slope = _entry(step) / determinant
    return LinearAttention.from_blocks(
        covariate_value=ImmutableMatrix([[v_x * setting.normalisation]]),
        label_value=v_y * setting.normalisation,
        covariate_key_query=ImmutableMatrix([[-kappa * v_y * slope]]),
        label_key_query=ImmutableMatrix([[v_x * slope]]),
        last_column=last_column,
    )


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
    """v_x cᵀ = B* for a B* of rank one: with b = B*r ≠ 0 for some r, B* = b bᵀB* / bᵀb.

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
    size_squared = (
        (image.T * image)[0, 0]
        if isinstance(step, MatrixBase)
        else normal_form(BilinearForm(image.T * image), symmetric=symmetric_symbols(setting))
    )
    if size_squared.is_zero:
        raise AttentionError("ParameterFamily.sample: direction must not be annihilated by B*.")
    explicit = isinstance(step, MatrixBase)
    return LinearAttention.from_blocks(
        covariate_value=image * (scale * setting.normalisation),
        label_value=S.Zero,
        covariate_key_query=ImmutableMatrix.zeros(step.rows) if explicit else ZeroMatrix(size, size),
        label_key_query=step.T * image * (1 / (scale * size_squared)),
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
