"""A layer with H heads, ŷ = Σ_h Σ_i (v_h·z_i)(z_iᵀ M_h z_q): its stationary points, for settings without a preferred direction.

The prediction depends on T = Σ_h v_h ⊗ M_h alone, the loss is a convex quadratic in T, and in whitened coordinates a sum over the columns j
of the query: with Z_j the symmetric part of T's column, in blocks P (covariates), b/2 and s (labels),

    L = τ + Σ_j p|b|² − 2q b_j + 2β‖P‖² + (α − β)(tr P)² + 2γ s tr P + δ s².

At given values v_h of rank H the Z_j are free but for wᵀZ_jw' = 0 for all w, w' orthogonal to the values' span U. So the least loss is a
function of U, and, up to rotation, of the angle between U and the label: U = span(Y, (v_x, v_y)) with H − 1 covariate directions Y
orthogonal to v_x. The columns along Y cost nothing; those orthogonal to U see one head; in the column along v_x the heads of Y put b on
their diagonal of P, at their optimum. What is left is the loss of one head in d − H + 1 dimensions with other ε, γ, δ (`with_heads`), so
everything known of one head's profile holds for it (`theory.landscape`). Points at which the v_h are linearly dependent are those of fewer
heads with an idle one: strict saddles unless global minima. The proofs are in docs/heads.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from sympy import (
    And,
    Expr,
    ImmutableMatrix,
    Integer,
    Matrix,
    Not,
    Or,
    Piecewise,
    Poly,
    S,
    cancel,
    diff,
    expand,
    eye,
    factor_terms,
    linsolve,
    oo,
    sqrt,
    symbols,
    sympify,
    zeros,
)
from sympy.logic.boolalg import Boolean
from sympy.matrices.matrixbase import MatrixBase

from theory.attention import LinearAttention
from theory.coefficients import Coefficients, coefficients
from theory.errors import AttentionError, SettingError
from theory.exact import exact_scalar
from theory.landscape import ACROSS, EPSILON, Signs, primitive, profile
from theory.loss import written_out
from theory.means import sign
from theory.notation import alpha, beta, delta, gamma, p, q, ratio, tau
from theory.roots import PositiveRoot
from theory.setting import Setting

_diagonal = symbols("d_Y", nonnegative=True)  # H − 1, the dimensions of Y


@dataclass(frozen=True)
class HeadsFamily:
    """An orbit of stationary points with so many linearly independent values, under rotations and what does not change the prediction.

    name        "global minimum", "zero predictor", "directions" (all values without labels) or "mixed directions"
    rank        how many of the v_h are linearly independent
    kind        "global minimum", "local minimum" or "saddle"; a strict saddle wherever a head is idle
    loss        L there
    exists      sympy Boolean: when the family exists and has this kind
    ratio       r = |v_x|²/v_y² of the one value in the span that is orthogonal to all those without labels; 0 at the global minimum, ∞ for
                directions, None for the zero predictor; a symbol where it is a root of `polynomial` and the setting is symbolic
    polynomial  Q_k(r); None unless r is one of its roots
    layers      one member, a layer for each head, idle ones 0; None for a symbolic ratio, or where Σ is a symbol
    index       number of negative eigenvalues of the Hessian at that member
    """

    name: str
    rank: int
    kind: str
    loss: Any
    exists: Boolean
    ratio: Any
    polynomial: Poly | None
    layers: tuple[LinearAttention, ...] | None
    index: Any


class HeadsProfile(NamedTuple):
    """The least loss at given values of rank H, in r = `theory.notation.ratio`.

    loss          F_H(r)
    turning       Q_H(r), with the sign of F_H' for r > 0
    coefficients  of the one head in `size` = d − H + 1 dimensions whose profile it is
    """

    loss: Expr
    turning: Poly
    coefficients: Coefficients
    size: Any


class _Column(NamedTuple):
    """The even part in the column along v_x, b at its optimum: ε' a² + 2γ' a s + δ' s²; and that b, linear in a and s."""

    epsilon: Expr
    gamma: Expr
    delta: Expr
    by_values: Expr
    by_labels: Expr


@cache
def _column() -> _Column:
    """Solved from 2β(a² + (H−1)b²) + (α−β)(a + (H−1)b)² + 2γ s(a + (H−1)b) + δs²."""
    a, b, s = symbols("a b s")
    trace = a + _diagonal * b
    form = 2 * beta * (a**2 + _diagonal * b**2) + (EPSILON - 2 * beta) * trace**2 + 2 * gamma * s * trace + delta * s**2
    ((best,),) = linsolve([cancel(diff(form, b) / (2 * _diagonal))], b)
    rest = Poly(cancel(form.subs(b, best)), a, s)
    slope = Poly(best, a, s)
    found = (rest.coeff_monomial(a**2), rest.coeff_monomial(a * s) / 2, rest.coeff_monomial(s**2))
    return _Column(*(cancel(part) for part in (*found, slope.coeff_monomial(a), slope.coeff_monomial(s))))


def with_heads(found: Coefficients, heads: Any) -> Coefficients:
    """The coefficients of the one head in d − H + 1 dimensions whose profile is that of H heads in d dimensions. Raises SettingError.

    >>> from theory.coefficients import Coefficients
    >>> with_heads(Coefficients(6, 2, 6, 2, 10, 40, 3), 1) == Coefficients(6, 2, 6, 2, 10, 40, 3)
    True
    """
    count = exact_scalar("with_heads", "heads", heads, SettingError)
    if count.is_integer is False or count.is_positive is False:
        raise SettingError(f"with_heads: heads must be a whole number ≥ 1 or a symbol, got {count}.")
    values = dict(zip((p, q, alpha, beta, gamma, delta, tau), found, strict=True)) | {EPSILON: found.epsilon, _diagonal: count - 1}
    column = _column()
    epsilon, keys, labels = (_tidied(part.xreplace(values)) for part in (column.epsilon, column.gamma, column.delta))
    solved = (count - 1) * sympify(found.q) ** 2 / found.p
    return found._replace(alpha=_tidied(epsilon - found.beta), gamma=keys, delta=labels, tau=found.tau - solved)


def head_profile(setting: Setting, heads: int) -> HeadsProfile:
    """The profile F_H of H ≤ d heads. Raises SettingError where the loss has preferred directions, or d is not a number, or H > d.

    >>> from theory import Gaussian, Linear, Setting
    >>> setting = Setting(covariates=Gaussian.isotropic(2), response=Linear.isotropic(2), noise_variance=0, context_length=1)
    >>> loss = head_profile(setting, 2).loss
    >>> loss.subs(ratio, 0), loss.limit(ratio, oo)
    (3/2, 3/2)
    """
    heads = _count("head_profile", heads)
    found, size = _checked(setting, "head_profile")
    if heads > size:
        raise SettingError(
            f"head_profile: values of {heads} heads with a profile need d ≥ {heads}, got d = {size}; with more heads every "
            "local minimum is global."
        )
    return _profile(found, size, heads)


def stationary_points_of_heads(setting: Setting, heads: int) -> tuple[HeadsFamily, ...]:
    """Every stationary point of the loss of H heads, as families: those with as many independent values, then those with fewer.

    With numbers those that exist, with n or σ² a symbol one for each branch and kind, `exists` being the exact condition for both. Raises
    SettingError as `head_profile` does (H may be greater than d).

    >>> from theory import Gaussian, Linear, Setting
    >>> setting = Setting(covariates=Gaussian.isotropic(3), response=Linear.isotropic(3), noise_variance=0, context_length=1)
    >>> [(family.name, family.rank, family.kind) for family in stationary_points_of_heads(setting, 2) if family.kind != "saddle"]
    [('global minimum', 1, 'global minimum'), ('directions', 2, 'local minimum')]
    """
    heads = _count("stationary_points_of_heads", heads)
    found, size = _checked(setting, "stationary_points_of_heads")
    return _Families(setting, found, size, heads).all()


def spurious_minima_of_heads(setting: Setting, heads: int) -> Boolean:
    """Whether H heads have local minima that are not global ones: for numbers true or false, else the exact condition."""
    heads = _count("spurious_minima_of_heads", heads)
    found, size = _checked(setting, "spurious_minima_of_heads")
    if heads >= size:
        return S.false
    signs = Signs(with_heads(found, heads), size - heads + 1, not sympify(tuple(found)).free_symbols)
    return Or(signs.ends_low, signs.twice)


def smallest_heads_without_spurious_minima(setting: Setting) -> int:
    """The smallest H for which every local minimum is global; of a numeric setting. More heads than that may have spurious minima again.

    >>> from theory import Gaussian, Linear, Setting
    >>> setting = Setting(covariates=Gaussian.isotropic(3), response=Linear.isotropic(3), noise_variance=0, context_length=24)
    >>> smallest_heads_without_spurious_minima(setting)
    2
    """
    numbers = heads_with_spurious_minima(setting)
    return next(heads for heads in range(1, len(numbers) + 2) if heads not in numbers)


def heads_with_spurious_minima(setting: Setting) -> tuple[int, ...]:
    """All H with spurious minima; of a numeric setting. There are none with H ≥ d.

    >>> from theory import Gaussian, Linear, Setting
    >>> setting = Setting(covariates=Gaussian.isotropic(3), response=Linear.isotropic(3), noise_variance=0, context_length=1)
    >>> heads_with_spurious_minima(setting)
    (2,)
    """
    found, size = _checked(setting, "heads_with_spurious_minima")
    if sympify(tuple(found)).free_symbols:
        raise SettingError("heads_with_spurious_minima: n and σ² must be numbers; spurious_minima_of_heads gives the condition in symbols.")
    return tuple(heads for heads in range(1, int(size)) if spurious_minima_of_heads(setting, heads) == S.true)


def loss_of_heads(setting: Setting, layers: Sequence[LinearAttention]) -> Expr:
    """E (ŷ − y_q)² of the sum of the layers' predictions, for d a number; the layers may hold symbols.

    Raises AttentionError for layers that are none, SettingError as `head_profile` does.

    >>> from theory import Gaussian, Linear, Setting, in_context_loss
    >>> setting = Setting(covariates=Gaussian.isotropic(2), response=Linear.isotropic(2), noise_variance=0, context_length=1)
    >>> layer = LinearAttention(Matrix([1, 2, 3]), Matrix(3, 3, range(9)))
    >>> loss_of_heads(setting, [layer]) == in_context_loss(setting, layer)
    True
    """
    if not isinstance(layers, Sequence):
        raise AttentionError(f"loss_of_heads: layers must be a list of LinearAttention, one a head, got a {type(layers).__name__}.")
    for index, layer in enumerate(layers):
        if not isinstance(layer, LinearAttention):
            raise AttentionError(f"loss_of_heads: layers[{index}] must be a LinearAttention, got a {type(layer).__name__}.")
    found, size = _checked(setting, "loss_of_heads")
    if any(layer.dimension != size for layer in layers):
        raise SettingError(f"loss_of_heads: the setting is {size}-dimensional; a layer in d dimensions has a (d+1)×1 value.")
    root = _root(setting)
    if root is None:
        raise SettingError("loss_of_heads: Σ must be an explicit matrix, got a symbol.")
    heads = [
        (
            root.T * Matrix(written_out(layer.covariate_value)) / setting.normalisation,
            layer.label_value / setting.normalisation,
            root.T * Matrix(written_out(layer.covariate_key_query)) * root,
            root.T * Matrix(written_out(layer.label_key_query)),
        )
        for layer in layers
    ]
    total = sympify(found.tau)
    for j in range(int(size)):
        T = zeros(int(size) + 1, int(size) + 1)
        for u, v, A, c in heads:
            T += Matrix([*u, v]) * Matrix([*A[:, j], c[j]]).T
        Z = (T + T.T) / 2
        P, b, s = Z[:-1, :-1], 2 * Z[:-1, -1], Z[-1, -1]
        total += found.p * (b.T * b)[0] - 2 * found.q * b[j] + 2 * found.beta * (P * P).trace()
        total += (found.alpha - found.beta) * P.trace() ** 2 + 2 * found.gamma * s * P.trace() + found.delta * s**2
    return expand(total)


def _count(where: str, heads: Any) -> int:
    """A whole number ≥ 1."""
    count = exact_scalar(where, "the number of heads", heads, SettingError)
    if not (count.is_Integer and count.is_positive):
        raise SettingError(f"{where}: the number of heads must be a whole number ≥ 1, got {count}.")
    return int(count)


def _checked(setting: Setting, where: str) -> tuple[Coefficients, Integer]:
    """The coefficients and the dimension."""
    size = setting.dimension
    if not size.is_Integer:
        raise SettingError(f"{where}: the dimension must be a number, got {size}; n and σ² may be symbols.")
    found = coefficients(setting)
    full = with_heads(found, size).margin
    if sign(full) == 0 if not sympify(full).free_symbols else expand(full) == 0:
        raise SettingError(f"{where}: y² is a multiple of |x|² for almost every token, so that heads can cancel in more ways.")
    return found, size


def _profile(found: Coefficients, size: Integer, heads: int) -> HeadsProfile:
    one, left = with_heads(found, heads), size - heads + 1
    values = dict(zip((p, q, alpha, beta, gamma, delta, tau), one, strict=True)) | {EPSILON: one.epsilon, ACROSS: left - 1}
    # where one dimension is left the rest of Q is a square
    turning = delta - EPSILON * ratio**2 if left == 1 else profile().turning
    return HeadsProfile(profile().loss.xreplace(values), primitive(turning.xreplace(values)), one, left)


class _Families:
    """The families of one setting and one number of heads."""

    def __init__(self, setting: Setting, found: Coefficients, size: Integer, heads: int) -> None:
        self.setting, self.found, self.size, self.heads = setting, found, size, heads
        self.numeric = not sympify(tuple(found)).free_symbols

    def all(self) -> tuple[HeadsFamily, ...]:
        """Those that exist, or may."""
        tau, least = self.found.tau, self.found.tau - self.size * sympify(self.found.q) ** 2 / self.found.p
        rows = [
            HeadsFamily("global minimum", 1, "global minimum", least, S.true, S.Zero, None, self._members(1, S.Zero), S.Zero),
            *(row for rank in range(min(self.heads, int(self.size)), 0, -1) for row in self._of_rank(rank)),
            HeadsFamily("zero predictor", 0, "saddle", tau, S.true, None, None, self._members(0, None), self._idle(0)),
        ]
        return tuple(row for row in rows if row.exists != S.false)

    def _idle(self, rank: int) -> Integer:
        """Negative eigenvalues that the idle heads add: the gradient in Σ v ⊗ M, not 0, has the rank d + 1 − k."""
        return Integer(self.heads - rank) * (self.size + 1 - rank)

    def _of_rank(self, rank: int) -> list[HeadsFamily]:
        """Stationary with `rank` heads; saddles of more, unless global minima."""
        found = _profile(self.found, self.size, rank)
        signs = Signs(found.coefficients, found.size, self.numeric)
        busy = sympify(rank == self.heads)
        loss = self.found.tau - rank * sympify(self.found.q) ** 2 / self.found.p
        idle = self._idle(rank)
        ends_low = And(signs.ends_low, busy)
        directions = (
            (("global minimum", S.true, S.Zero),)
            if rank == self.size
            else (
                ("local minimum", ends_low, S.Zero),
                ("saddle", Not(ends_low), _where(Not(Or(signs.ends_low, signs.flat)), Integer(rank)) + idle),
            )
        )
        layers = self._members(rank, oo)
        rows = [HeadsFamily("directions", rank, kind, loss, exists, oo, None, layers, index) for kind, exists, index in directions]
        first = Or(signs.ends_low, signs.twice, signs.touches)
        for root, kind, exists, index in (
            (0, "saddle", first, _where(Not(signs.touches), S.One) + idle),
            (1, "local minimum", And(signs.twice, busy), S.Zero),
            (1, "saddle", And(signs.twice, Not(busy)), idle),
        ):
            if exists != S.false:
                r = PositiveRoot(found.turning.all_coeffs(), root) if self.numeric else ratio
                layers = self._members(rank, r) if self.numeric else None
                there = found.loss.subs(ratio, r)
                rows.append(HeadsFamily("mixed directions", rank, kind, there, exists, r, found.turning, layers, index))
        return rows

    def _members(self, rank: int, r: Any) -> tuple[LinearAttention, ...] | None:
        """A layer for each head: v and M in whitened coordinates, then in those of the setting."""
        found, size, root = self.found, int(self.size), _root(self.setting)
        if root is None:
            return None
        step = sympify(found.q) / found.p
        layers = []
        if r == 0:
            layers.append((zeros(size, 1), S.One, step * eye(size), zeros(size, 1)))
        elif r == oo:
            layers.extend((_unit(size, i), S.Zero, zeros(size, size), step * _unit(size, i)) for i in range(rank))
        elif r is not None:
            one, column, last = with_heads(found, rank), _column(), _unit(size, rank - 1)
            values = dict(zip((p, q, alpha, beta, gamma, delta), one, strict=False)) | {EPSILON: one.epsilon, ratio: r}
            across, along, keys = (sympify(part).xreplace(values) for part in profile()[:3])
            values = dict(zip((p, q, alpha, beta, gamma, delta), found, strict=False)) | {
                EPSILON: found.epsilon,
                _diagonal: Integer(rank - 1),
            }
            shared = sqrt(r) * (column.by_values.xreplace(values) * along + column.by_labels.xreplace(values) * keys)
            for i in range(rank - 1):
                layers.append((_unit(size, i), S.Zero, shared * _unit(size, i) * last.T, step * _unit(size, i)))
            rest = sum((_unit(size, j) * _unit(size, j).T for j in range(rank, size)), zeros(size, size))
            layers.append((sqrt(r) * last, S.One, across * rest + along * last * last.T, keys * sqrt(r) * last))
        layers.extend((zeros(size, 1), S.Zero, zeros(size, size), zeros(size, 1)) for _ in range(self.heads - len(layers)))
        inverse = root.inv()
        scale = self.setting.normalisation
        return tuple(
            LinearAttention.from_blocks(
                covariate_value=ImmutableMatrix(scale * inverse.T * u),
                label_value=scale * v,
                covariate_key_query=ImmutableMatrix(inverse.T * A * inverse),
                label_key_query=ImmutableMatrix(inverse.T * c),
            )
            for u, v, A, c in layers
        )


def _root(setting: Setting) -> Matrix | None:
    """R with Σ = R Rᵀ, for an explicit Σ."""
    Sigma = written_out(setting.moments.Sigma)
    return Matrix(Sigma).cholesky(hermitian=False) if isinstance(Sigma, MatrixBase) else None


def _unit(size: int, i: int) -> Matrix:
    return eye(size)[:, i]


def _where(condition: Boolean, value: Integer) -> Any:
    """The value, and 0 where the condition does not hold."""
    return Piecewise((value, condition), (S.Zero, True))


def _tidied(value: Any) -> Any:
    value = sympify(value)
    return factor_terms(cancel(value)) if value.free_symbols and value.is_rational_function(*value.free_symbols) else value


__all__ = [
    "HeadsFamily",
    "HeadsProfile",
    "head_profile",
    "heads_with_spurious_minima",
    "loss_of_heads",
    "smallest_heads_without_spurious_minima",
    "spurious_minima_of_heads",
    "stationary_points_of_heads",
    "with_heads",
]
