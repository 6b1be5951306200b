"""The in-context loss L(v, M) = E (ŷ − y_q)², its gradient, and its excess over the minimum.

The prediction is a sum over tokens, ŷ = Σ_i p(x_i, y_i)·x_q, and given the function f of the prompt its tokens and the query are
independent draws from one law. So E ŷ² is n times a mean over one token and n(n−1) times one over two, and E ŷ y_q is n times a mean over a
token and the query: the loss is a polynomial in the finite list of moments `theory.setting.PromptMoments`, for every law of covariates
and responses. It is derived once with the moments as symbols; a setting and an attention layer specialise it. Nothing below is a typed-in
closed form.

Moments that couple the part of ŷ even in the labels with the rest are absent: E y x, E y³ x, E y x xᵀ, E y² y' x' vanish if the labels are
sign-symmetric given the covariates, (x, y) ~ (x, −y), and with the query's covariate beside them also if (x, y) ~ (−x, y). Every family
here has the one or the other.

The layer sums over the context (divide by `setting.normalisation` for other conventions), and the query token is not in the sum.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sympy import Expr, Inverse, MatAdd, MatMul, MatrixSymbol, S, Transpose, collect, expand, sympify
from sympy.matrices.expressions.matexpr import MatrixExpr
from sympy.matrices.matrixbase import MatrixBase

from theory.attention import LinearAttention
from theory.bilinear import BilinearForm
from theory.covariates import Gaussian
from theory.errors import AttentionError
from theory.notation import A, B, C, K, Q, Sigma, W, X, c, d, eps, eps_q, mu_4, mu_22, n, sigma2, tau, v_x, v_y, w, x, x_q, x_two
from theory.responses import Linear
from theory.setting import Setting
from theory.traces import gradient, normal_form
from theory.wick import UnitVector, expectation, random_vector

LABELS = X * w + eps
QUERY_LABEL = BilinearForm(w.T * x_q) + BilinearForm(eps_q)


def prediction() -> Expr:
    """ŷ = vᵀ (Σ_i z_i z_iᵀ) M z_q for labels Xw + ε, written in blocks: Σ z zᵀ = [[XᵀX, Xᵀy], [yᵀX, yᵀy]]."""
    S, Xy, yy = X.T * X, X.T * LABELS, LABELS.T * LABELS
    through_covariates = BilinearForm(v_x.T * S * A * x_q) + v_y * BilinearForm(Xy.T * A * x_q)
    through_labels = BilinearForm(v_x.T * Xy) + v_y * BilinearForm(yy)
    return through_covariates + through_labels * BilinearForm(c.T * x_q)


Token = tuple[Any, Any, Any]


def _token(step: Any) -> Token:
    """The term of ŷ that a token (x, y) adds, as the coefficients of 1, y and y²; `step` is B."""
    return BilinearForm(v_x.T * x) * BilinearForm(x.T * A * x_q), BilinearForm(x.T * step * x_q), v_y * BilinearForm(c.T * x_q)


def _mean(expr: Any, covariance: Any, excess: Any = None) -> Any:
    """E over a token's covariate x with this second moment, and over the query's."""
    return expectation(expr, random_vector(x, covariance, excess), random_vector(x_q, Sigma), symmetric=(C, K, Q))


def _square(token: Token) -> tuple[Expr, Expr]:
    """E (Σ_i token_i)², without and with the fourth cumulant of the covariates (a term of weight 1, K = Q)."""
    one, odd, even = map(sympify, token)
    other = [part.xreplace({x: x_two}) for part in (one, odd, even)]

    def apart(left: Any, right: Any, moment: Any = S.One) -> Any:
        laws = random_vector(x, Sigma), random_vector(x_two, Sigma), random_vector(x_q, Sigma)
        return moment * expectation(left * right, *laws)

    # y² x xᵀ has mean C, and y y' x x'ᵀ mean K: as if x, and both of x and x', had that second moment
    same = _mean(one**2, Sigma) + _mean(odd**2 + 2 * one * even, C) + mu_4 * _mean(even**2, Sigma)
    two = apart(one, other[0]) + 2 * apart(one, other[2], tau) + apart(even, other[2], mu_22) + _mean(odd**2, K)
    vertex = _mean(one**2, Sigma, ((S.One, Q),)) - _mean(one**2, Sigma)
    return n * same + n * (n - 1) * two, n * vertex


def _with_query(token: Token) -> Expr:
    """E ŷ y_q: x y and x_q y_q come from two tokens, so E x y y_q x_qᵀ = K."""
    return n * expectation(token[1].xreplace({x_q: x}), random_vector(x, K))


@cache
def general_loss() -> tuple[Expr, Expr]:
    """L(v, M) in the symbols of `theory.notation`, in two parts: with the covariates' fourth moment as if Gaussian, and what each term
    of weight 1 and matrix Q in their fourth cumulant adds."""
    token = _token(v_y * A + v_x * c.T)
    gaussian, vertex = _square(token)
    return gaussian - 2 * _with_query(token) + tau, vertex


@cache
def one_step_moments() -> tuple[Expr, Expr]:
    """E ŷ y_q and E ŷ² for the predictor ŷ = (Σ y_i x_i)ᵀ B x_q, B a free d×d matrix."""
    token = S.Zero, _token(B)[1], S.Zero
    return _with_query(token), _square(token)[0]


def general_one_step_loss() -> Expr:
    """The loss of the predictor (Σ y_i x_i)ᵀ B x_q."""
    with_label, square = one_step_moments()
    return square - 2 * with_label + tau


@cache
def general_excess() -> tuple[Expr, Expr]:
    """E (ŷ_even + (Σ y_i x_i)ᵀ D x_q)² in two parts as the loss, the symbol B standing for D = v_y A + v_x cᵀ − B*, B* the optimal step.

    The part of ŷ even in the labels is uncorrelated with all that is odd, and the odd part is (Σ y_i x_i)ᵀ (B* + D) x_q, of which
    (Σ y_i x_i)ᵀ D x_q is uncorrelated with the residual of B*. So this is L − min L, as a mean square: never negative, and without
    cancellation near the minimum.
    """
    return _square(_token(B))


def gaussian_setting() -> Setting:
    """x ~ N(0, Σ), w ~ N(0, W), with everything a symbol of `theory.notation`."""
    return Setting(covariates=Gaussian(Sigma), response=Linear(W), noise_variance=sigma2, context_length=n)


@cache
def gaussian_loss() -> Expr:
    """L(v, M) for `gaussian_setting`, in the symbols of `theory.notation`."""
    layer = LinearAttention.from_blocks(covariate_value=v_x, label_value=v_y, covariate_key_query=A, label_key_query=c)
    return in_context_loss(gaussian_setting(), layer)


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
    return _summed(general_loss(), setting, attention)


def in_context_excess(setting: Setting, attention: LinearAttention, deviation: Any) -> Expr:
    """L(v, M) − min L as a mean square, `deviation` being D = B − B* of this layer."""
    return _summed(general_excess(), setting, attention, deviation)


def in_context_gradient(setting: Setting, attention: LinearAttention) -> LinearAttention:
    """∂L/∂v and ∂L/∂M, in the shape of the parameters: its value is ∂L/∂v, its key_query ∂L/∂M (last column 0)."""
    parts = {symbol: _summed(pair, setting, attention) for symbol, pair in general_gradient().items()}
    scale = 1 / setting.normalisation  # the loss depends on v through v / normalisation
    return LinearAttention.from_blocks(
        covariate_value=written_out(normal_form(scale * parts[v_x])),
        label_value=scale * parts[v_y],
        covariate_key_query=parts[A],
        label_key_query=parts[c],
    )


@cache
def general_gradient() -> dict[Any, tuple[Any, Any]]:
    """∂L/∂v_x, ∂L/∂v_y, ∂L/∂A, ∂L/∂c in the symbols of `theory.notation`, in two parts as the loss."""
    return {symbol: tuple(gradient(part, symbol, symmetric=(Sigma, C, K, Q)) for part in general_loss()) for symbol in (v_x, v_y, A, c)}


def _summed(parts: tuple[Any, Any], setting: Setting, attention: LinearAttention | None, step: Any = None) -> Any:
    """The part without the fourth cumulant, and the other once for each of its terms."""
    base, vertex = parts
    if any(matrix.has(UnitVector) for _, matrix in setting.covariates.excess or ()):
        raise AttentionError(
            "in_context_loss: with independent coordinates the loss of a layer depends on each of them; give d as a number."
        )
    total = [specialise(base, setting, attention, step)]
    for weight, matrix in setting.covariates.excess or ():
        total.append(specialise(vertex, setting, attention, step, {Q: matrix}) * weight)
    if len(total) == 1:
        return total[0]
    if not getattr(total[0], "is_Matrix", False):
        return collect(expand(sum(total)), setting.context_length) if setting.context_length.is_Symbol else sum(total)
    return written_out(normal_form(MatAdd(*total), symmetric=symmetric_symbols(setting)))


def specialise(
    expr: Any, setting: Setting, attention: LinearAttention | None = None, step: Any = None, more: dict[Any, Any] | None = None
) -> Any:
    """An expression in the symbols of `theory.notation` at a setting, an attention layer and a matrix in place of B."""
    moments = setting.moments
    mapping: dict[Any, Any] = {
        n: setting.context_length,
        d: setting.dimension,
        Sigma: moments.Sigma,
        tau: moments.tau,
        mu_4: moments.mu_4,
        mu_22: moments.mu_22,
        C: moments.C,
        K: moments.K,
    } | (more or {})
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
    result = normal_form(replaced(expr, mapping), symmetric=symmetric_symbols(setting))
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

    for matrix in (setting.covariates.second_moment, getattr(setting.response, "covariance", None)):
        visit(matrix)
    return tuple(found)


def written_out(value: Any) -> Any:
    """An explicit matrix for a matrix expression of known size without named matrices; anything else as it is."""
    if isinstance(value, MatrixExpr) and not value.has(MatrixSymbol) and all(sympify(size).is_Integer for size in value.shape):
        return value.as_explicit().as_immutable()
    return value


def replaced(expr: Any, mapping: dict[Any, Any]) -> Any:
    """xreplace, rebuilding matrix nodes from their new arguments (whose shapes may have changed)."""
    if expr in mapping:
        return mapping[expr]
    if not expr.args or isinstance(expr, MatrixSymbol | MatrixBase):
        return expr
    args = [replaced(arg, mapping) for arg in expr.args]
    if isinstance(expr, MatMul):
        return MatMul(*args)
    if isinstance(expr, Transpose):
        return Transpose(args[0])
    return expr.func(*args)


__all__ = [
    "gaussian_loss",
    "gaussian_setting",
    "general_excess",
    "general_gradient",
    "general_loss",
    "general_one_step_loss",
    "in_context_excess",
    "in_context_gradient",
    "in_context_loss",
    "one_step_moments",
    "specialise",
]
