"""The in-context loss L(v, M) = E (ŷ − y_q)², its gradient, and its excess over the minimum.

Each is derived once, from the layer's definition by Wick's rule, with every ingredient a symbol (n, d, σ², Σ, W, v_x, v_y, A, c);
a setting and an attention layer specialise it. Nothing below is a typed-in closed form.

The layer sums over the context (divide by `setting.normalisation` for other conventions), and the query token is not in the sum.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sympy import Expr, Identity, Inverse, MatAdd, MatMul, MatrixSymbol, Transpose, collect, expand, sympify
from sympy.matrices.expressions.matexpr import MatrixExpr
from sympy.matrices.matrixbase import MatrixBase

from theory import wick
from theory.attention import LinearAttention
from theory.bilinear import BilinearForm
from theory.errors import AttentionError
from theory.notation import A, B, Sigma, W, X, c, d, eps, eps_q, n, sigma2, v_x, v_y, w, x_q
from theory.setting import Setting
from theory.traces import gradient, normal_form

LAWS = (
    wick.GaussianMatrix(X, Identity(n), Sigma),
    wick.gaussian_vector(w, W),
    wick.gaussian_vector(eps, sigma2 * Identity(n)),
    wick.gaussian_vector(x_q, Sigma),
    wick.gaussian_vector(eps_q, sigma2 * Identity(1)),
)

LABELS = X * w + eps
QUERY_LABEL = BilinearForm(w.T * x_q) + BilinearForm(eps_q)
_FLIP = {w: -w, eps: -eps}


def prediction() -> Expr:
    """ŷ = vᵀ (Σ_i z_i z_iᵀ) M z_q, written in blocks: Σ z zᵀ = [[XᵀX, Xᵀy], [yᵀX, yᵀy]]."""
    S, Xy, yy = X.T * X, X.T * LABELS, LABELS.T * LABELS
    through_covariates = BilinearForm(v_x.T * S * A * x_q) + v_y * BilinearForm(Xy.T * A * x_q)
    through_labels = BilinearForm(v_x.T * Xy) + v_y * BilinearForm(yy)
    return through_covariates + through_labels * BilinearForm(c.T * x_q)


def one_step_prediction() -> Expr:
    """(Σ y_i x_i)ᵀ B x_q"""
    return BilinearForm(LABELS.T * X * B * x_q)


@cache
def general_loss() -> Expr:
    """L(v, M) in the symbols of `theory.notation`."""
    return wick.expectation((prediction() - QUERY_LABEL) ** 2, *LAWS)


@cache
def general_gradient() -> dict[Any, Any]:
    """∂L/∂v_x, ∂L/∂v_y, ∂L/∂A, ∂L/∂c in the symbols of `theory.notation`."""
    return {symbol: gradient(general_loss(), symbol, symmetric=(Sigma, W)) for symbol in (v_x, v_y, A, c)}


@cache
def general_one_step_loss() -> Expr:
    """The loss of the predictor (Σ y_i x_i)ᵀ B x_q, B a free d×d matrix."""
    return wick.expectation((one_step_prediction() - QUERY_LABEL) ** 2, *LAWS)


@cache
def general_excess() -> Expr:
    """E (ŷ_even + (Σ y_i x_i)ᵀ D x_q)², the symbol B standing for D = v_y A + v_x cᵀ − B*, B* the optimal step.

    The part of ŷ even under (w, ε) → (−w, −ε) is uncorrelated with all that is odd, and the odd part is (Σ y_i x_i)ᵀ (B* + D) x_q,
    of which (Σ y_i x_i)ᵀ D x_q is uncorrelated with the residual of B*. So this is L − min L, as a mean square: never negative,
    and without cancellation near the minimum.
    """
    prompt_prediction = prediction()
    even = (prompt_prediction + prompt_prediction.xreplace(_FLIP)) / 2
    return wick.expectation((even + one_step_prediction()) ** 2, *LAWS)


def in_context_loss(setting: Setting, attention: LinearAttention) -> Expr:
    """E (ŷ − y_q)² over prompts of the setting.

    Symbolic sizes give an expression in traces and bilinear forms, collected in n; explicit matrices are multiplied out, and
    exact numbers give an exact Rational. Raises AttentionError where the dimensions differ.

    >>> from sympy import Matrix, Rational, eye
    >>> from theory import Gaussian, Linear
    >>> setting = Setting(covariates=Gaussian.isotropic(2), response=Linear.isotropic(2), noise_variance=0, context_length=1)
    >>> in_context_loss(setting, LinearAttention(Matrix([0, 0, Rational(1, 4)]), eye(3)))
    3/2
    """
    return specialise(general_loss(), setting, attention)


def in_context_gradient(setting: Setting, attention: LinearAttention) -> LinearAttention:
    """∂L/∂v and ∂L/∂M, in the shape of the parameters: its value is ∂L/∂v, its key_query ∂L/∂M (last column 0)."""
    parts = {symbol: specialise(expr, setting, attention) for symbol, expr in general_gradient().items()}
    scale = 1 / setting.normalisation  # the loss depends on v through v / normalisation
    return LinearAttention.from_blocks(
        covariate_value=written_out(normal_form(scale * parts[v_x])),
        label_value=scale * parts[v_y],
        covariate_key_query=parts[A],
        label_key_query=parts[c],
    )


def specialise(expr: Any, setting: Setting, attention: LinearAttention | None = None, step: Any = None) -> Any:
    """An expression in the symbols of `theory.notation` at a setting, an attention layer and a matrix in place of B."""
    mapping: dict[Any, Any] = {
        n: setting.context_length,
        d: setting.dimension,
        sigma2: setting.noise_variance,
        Sigma: setting.covariates.covariance,
        W: setting.response.covariance,
    }
    if attention is not None:
        if attention.dimension != setting.dimension:
            raise AttentionError(
                f"in_context_loss: the setting is {setting.dimension}-dimensional, the attention layer {attention.dimension}-dimensional; "
                "an attention layer in d dimensions has a (d+1)×1 value."
            )
        mapping |= {
            v_x: attention.covariate_value / setting.normalisation,
            v_y: attention.label_value / setting.normalisation,
            A: attention.covariate_key_query,
            c: attention.label_key_query,
        }
    if step is not None:
        mapping[B] = step
    explicit = any(isinstance(value, MatrixBase) for value in mapping.values())
    mapping = {key: value.as_immutable() if isinstance(value, MatrixBase) else value for key, value in mapping.items()}
    if explicit:  # I, 0 and their multiples are written out, so that only named matrices stay symbolic
        mapping = {key: written_out(value) for key, value in mapping.items()}
    result = normal_form(_replace(expr, mapping), symmetric=symmetric_symbols(setting))
    if explicit:
        result = written_out(result)
    scalar = not getattr(result, "is_Matrix", False)
    return collect(expand(result), setting.context_length) if scalar and setting.context_length.is_Symbol else result


def symmetric_symbols(setting: Setting) -> tuple[MatrixSymbol, ...]:
    """The named matrices of a setting that are symmetric because they, their inverse or a multiple is a covariance."""
    found: list[MatrixSymbol] = []

    def visit(covariance: Any) -> None:
        if isinstance(covariance, MatrixSymbol):
            found.append(covariance)
        elif isinstance(covariance, Inverse):
            visit(covariance.arg)
        elif isinstance(covariance, MatAdd) and not covariance.has(Transpose):
            for term in covariance.args:
                visit(term)
        elif isinstance(covariance, MatMul):
            matrices = [factor for factor in covariance.args if getattr(factor, "is_Matrix", False)]
            if len(matrices) == 1:
                visit(matrices[0])

    visit(setting.covariates.covariance)
    visit(setting.response.covariance)
    return tuple(found)


def written_out(value: Any) -> Any:
    """An explicit matrix for a matrix expression of known size without named matrices; anything else as it is."""
    if isinstance(value, MatrixExpr) and not value.has(MatrixSymbol) and all(sympify(size).is_Integer for size in value.shape):
        return value.as_explicit().as_immutable()
    return value


def _replace(expr: Any, mapping: dict[Any, Any]) -> Any:
    """xreplace, rebuilding matrix nodes from their new arguments (whose shapes may have changed)."""
    if expr in mapping:
        return mapping[expr]
    if not expr.args or isinstance(expr, MatrixSymbol | MatrixBase):
        return expr
    args = [_replace(arg, mapping) for arg in expr.args]
    if isinstance(expr, MatMul):
        return MatMul(*args)
    if isinstance(expr, Transpose):
        return Transpose(args[0])
    return expr.func(*args)


__all__ = [
    "general_excess",
    "general_gradient",
    "general_loss",
    "general_one_step_loss",
    "in_context_gradient",
    "in_context_loss",
    "specialise",
]
