"""The loss of a layer whose sum holds the query's own token too.

Some papers let the query attend to itself: the sum then has n + 1 tokens, and the prediction gains the term of z_q = (x_q, 0),

    (v·z_q)(z_qᵀ M z_q) = (v_x·x_q)(x_qᵀ A x_q).

It is even in the labels and odd in x_q, as ŷ_even is, so its mean with the part of ŷ odd in the labels and with y_q vanishes. With f̄·x_q
the mean of ŷ_even over the context, what it adds to the loss is

    L⁺ − L = 2 E (f̄·x_q)(v_x·x_q)(x_qᵀAx_q) + E (v_x·x_q)²(x_qᵀAx_q)².

The first mean needs the fourth moment of a covariate, as L does, the second needs the sixth. What is known of it is decided by the law: an
elliptical one x = R T ξ has that of N(0, Σ) times E R⁶ / (d(d+2)(d+4)); independent coordinates have it coordinate by coordinate; a mixture
of Gaussians is a sum. The excess over the minimum is again a mean square, E ŷ⁺_even² + E ((Σ y_i x_i)ᵀ(B − B*)x_q)², so the minimum is that
without the query in the sum (theorems `any-even-part` and `query-in-sum`).

The sum is not divided by n; a `normalisation` of the setting divides the query's term as well.
"""

from __future__ import annotations

from functools import cache
from itertools import combinations_with_replacement
from math import prod
from typing import Any, NamedTuple

from sympy import (
    Add,
    Dummy,
    Expr,
    Identity,
    ImmutableMatrix,
    MatrixSymbol,
    Poly,
    S,
    cancel,
    collect,
    expand,
    eye,
    fraction,
    gammasimp,
    linsolve,
    oo,
    symbols,
    sympify,
)
from sympy.matrices.matrixbase import MatrixBase

from theory import notation
from theory.attention import LinearAttention
from theory.bilinear import BilinearForm
from theory.coefficients import coefficients
from theory.covariates import CovariateLaw, GaussianMixture
from theory.covariates.elliptical import Elliptical, chi_power
from theory.covariates.independent import IndependentCoordinates
from theory.errors import AttentionError, SettingError, UndefinedMoment, UnknownMoment
from theory.exact import dimension_size, exact_scalar, is_zero_matrix
from theory.loss import in_context_loss, replaced, specialise, written_out
from theory.means import sign
from theory.names import covariate_entries, covariate_law
from theory.notation import A, Q, Sigma, c, n, tau, v_x, v_y, x, x_q
from theory.responses import Linear
from theory.roots import PositiveRoot, positive_roots
from theory.setting import Setting
from theory.table import ALIASES, MEANING, Status
from theory.traces import normal_form
from theory.wick import expectation, random_vector


def query_term() -> Expr:
    """What the query's token adds to ŷ: (v_x·x_q)(x_qᵀ A x_q)."""
    return BilinearForm(v_x.T * x_q) * BilinearForm(x_q.T * A * x_q)


@cache
def general_cross_term() -> tuple[Expr, Expr]:
    """2 E ŷ_even (v_x·x_q)(x_qᵀAx_q) in the symbols of `theory.notation`, in two parts as `theory.loss.general_loss`: with the query's
    fourth moment as if Gaussian, and what each term of weight 1 and matrix Q in its fourth cumulant adds."""
    covariates = expectation(BilinearForm(v_x.T * x) * BilinearForm(x.T * A * x_q), random_vector(x, Sigma))
    given_query = n * (covariates + tau * v_y * BilinearForm(c.T * x_q))
    both = 2 * given_query * query_term()
    gaussian = expectation(both, random_vector(x_q, Sigma))
    vertex = expectation(both, random_vector(x_q, Sigma, ((S.One, Q),)), symmetric=(Q,)) - gaussian
    return gaussian, vertex


@cache
def gaussian_square() -> Expr:
    """E (v_x·x_q)²(x_qᵀAx_q)² for x_q ~ N(0, Σ), in the symbols of `theory.notation`."""
    return expectation(query_term() ** 2, random_vector(x_q, Sigma))


def query_in_sum_loss(setting: Setting, attention: LinearAttention) -> Expr:
    """E (ŷ⁺ − y_q)² over prompts of the setting, ŷ⁺ the prediction with the query's token in the sum.

    Symbolic and explicit as `theory.in_context_loss`, which it is where the term vanishes: for v_x = 0, and for A + Aᵀ = 0. Raises
    UndefinedMoment where E‖x‖⁶ = ∞ and the term does not vanish (then the loss is infinite), UnknownMoment where the law is not known to
    order six, AttentionError where the dimensions differ.

    >>> from sympy import Matrix, eye
    >>> from theory import Gaussian, Linear
    >>> setting = Setting(covariates=Gaussian.isotropic(1), response=Linear.isotropic(1), noise_variance=0, context_length=1)
    >>> layer = LinearAttention(Matrix([1, 0]), Matrix([[1, 0], [0, 0]]))
    >>> in_context_loss(setting, layer), query_in_sum_loss(setting, layer)
    (4, 25)
    """
    loss = in_context_loss(setting, attention)
    if term_vanishes(attention):
        return loss
    total = loss + query_in_sum_cost(setting, attention)
    return collect(expand(total), setting.context_length) if setting.context_length.is_Symbol else expand(total)


def query_in_sum_cost(setting: Setting, attention: LinearAttention) -> Expr:
    """L⁺ − L: what the query's token in the sum adds to the loss; it can be negative. Raises as `query_in_sum_loss`."""
    gaussian, vertex = general_cross_term()
    parts = [specialise(gaussian, setting, attention)]
    for weight, matrix in setting.covariates.excess or ():
        parts.append(weight * specialise(vertex, setting, attention, None, {Q: matrix}))
    return Add(*parts, query_square(setting, attention))


def term_vanishes(attention: LinearAttention) -> bool:
    """Whether the query's term is 0 for every covariate: v_x = 0, or A antisymmetric."""
    keys = attention.covariate_key_query
    return bool(is_zero_matrix(attention.covariate_value) or is_zero_matrix(written_out(normal_form(keys + keys.T))))


def query_square(setting: Setting, attention: LinearAttention) -> Expr:
    """E (v_x·x)²(xᵀAx)², the mean square of the query's term, from the sixth moment of the covariates."""
    law = setting.covariates
    if isinstance(law, Elliptical):
        try:
            weight = gammasimp(law.norm_power(sympify(6)) / chi_power(6, law.dimension))
        except UndefinedMoment as error:
            raise UndefinedMoment(
                f"query_in_sum_loss: the loss is infinite where v_x ≠ 0 and A + Aᵀ ≠ 0, as there is no sixth moment. {error} Give a layer "
                "with v_x = 0 or A + Aᵀ = 0, for which the query's term vanishes."
            ) from None
        return weight * specialise(gaussian_square(), setting, attention)
    if not attention.is_explicit:
        raise AttentionError(
            f"query_in_sum_loss: {type(law).__name__} covariates need a layer in components; give it as explicit matrices, or by "
            "LinearAttention.symbolic(d) with a number d."
        )
    value, keys = attention.covariate_value / setting.normalisation, attention.covariate_key_query
    if isinstance(law, IndependentCoordinates):
        mixing = written_out(law.mixing)
        return _square_by_coordinates(law, mixing.T * value, mixing.T * keys * mixing)
    if isinstance(law, GaussianMixture):
        return Add(*(p * _square_about(mean, covariance, value, keys) for p, mean, covariance in law.components))
    raise UnknownMoment(f"query_in_sum_loss: {type(law).__name__} is not known to order six, which v_x ≠ 0 with A + Aᵀ ≠ 0 needs.")


def _square_by_coordinates(law: IndependentCoordinates, value: MatrixBase, keys: MatrixBase) -> Expr:
    """The mean square of the cubic form (value·a)(aᵀ keys a) in independent symmetric coordinates a."""
    size = value.rows
    cubic = dict.fromkeys(combinations_with_replacement(range(size), 3), S.Zero)
    for i in range(size):
        for j in range(size):
            for k in range(size):
                cubic[tuple(sorted((i, j, k)))] += value[i] * keys[j, k]
    total = S.Zero
    for left, one in cubic.items():
        for right, other in cubic.items():
            powers = [(left + right).count(i) for i in {*left, *right}]
            if all(power % 2 == 0 for power in powers):
                total += one * other * prod(law.coordinate_moment(power) for power in powers)
    return expand(total)


def _square_about(mean: MatrixBase, covariance: MatrixBase, value: MatrixBase, keys: MatrixBase) -> Expr:
    """The same for x ~ N(mean, covariance)."""
    centred = MatrixSymbol(Dummy("g"), mean.rows, 1)
    term = replaced(query_term(), {v_x: value.as_immutable(), A: keys.as_immutable(), x_q: mean + centred})
    return expand(expectation(term**2, random_vector(centred, covariance)))


@cache
def gaussian_query_cost() -> Expr:
    """L⁺ − L for x ~ N(0, Σ), in the symbols of `theory.notation`, τ = E y²."""
    return general_cross_term()[0] + gaussian_square()


def existence(dimension: int = 2) -> dict[str, Status]:
    """Whether the loss exists for every layer: by the name of each law of the repository, with its default parameters, a status marked as
    in `theory.table`. Raises SettingError for a dimension that is no whole number ≥ 1."""
    size = dimension_size("existence", dimension, SettingError)
    if not size.is_Integer:
        raise SettingError(f"existence: dimension must be a number, got {size}; laws by name have one.")
    return {name: existence_of(covariate_law(name, int(size))) for name in covariate_entries() if name not in ALIASES}


def existence_of(law: CovariateLaw) -> Status:
    """The same for one law in a number of dimensions. Raises SettingError for another."""
    if not isinstance(law, CovariateLaw):
        raise SettingError(f"existence_of: law must be a covariate law such as Gaussian(...), got a {type(law).__name__}.")
    if not sympify(law.dimension).is_Integer:
        raise SettingError(f"existence_of: the dimension of the law must be a number, got {law.dimension}.")
    try:
        setting = Setting(covariates=law, response=Linear.isotropic(law.dimension), noise_variance=0, context_length=1)
        query_in_sum_loss(setting, LinearAttention(ImmutableMatrix.ones(law.dimension + 1, 1), eye(law.dimension + 1)))
    except UnknownMoment as error:
        return Status("not known", str(error))
    except UndefinedMoment as error:
        return Status("undefined", str(error))
    return Status("closed", MEANING["closed"])


class QueryProfile(NamedTuple):
    """The least loss at a given v with the query in the sum, for a setting without a preferred direction.

    across, along, keys  A = across · Σ⁻¹ on what is orthogonal to v_x, and `along` on v_x, c = keys · v_x, at v_y = 1 as in
                         `theory.landscape.Profile`
    loss                 f(r), r = v_x'Σv_x / v_y²: the loss there
    turning              a polynomial in r with the sign of f' for r > 0
    """

    across: Expr
    along: Expr
    keys: Expr
    loss: Expr
    turning: Poly


class Turn(NamedTuple):
    """A family of stationary points with v_x ≠ 0.

    name   "mixed direction" for a root of f', "one direction" for r = ∞
    kind   "global minimum", "local minimum" or "saddle"
    ratio  r, exact
    loss   f(r)
    """

    name: str
    kind: str
    ratio: Any
    loss: Any


@cache
def _general_reduced_cost() -> tuple[Expr, Expr, Expr]:
    """The three parts of L⁺ − L at v = (u, 1), A = b(I − uu'/r) + a uu'/r, c = k u, for Σ = Q = I and r = |u|²: cross term, its vertex,
    and the mean square of the query's term; τ and n stay symbols."""
    identity, u = Identity(notation.d), notation.u
    layer = {
        Sigma: identity,
        Q: identity,
        v_x: u,
        v_y: S.One,
        A: _across * identity + (_along - _across) / notation.ratio * u * u.T,
        c: _keys * u,
    }
    parts = (*general_cross_term(), gaussian_square())
    cross, vertex, square = (expand(normal_form(replaced(part, layer)).replace(BilinearForm, lambda _: notation.ratio)) for part in parts)
    return cross, vertex, square


_across, _along, _keys = symbols("b a k", real=True)


def query_in_sum_profile(setting: Setting, *, weight: Any = 1) -> QueryProfile:
    """f(r) and the sign of f', for elliptical covariates with the responses of `theory.coefficients`; `weight` is that of the query's token
    in the sum, 0 for the loss without it.

    At v ≠ 0 the loss is a strictly convex quadratic in (A, c), and the scale (v, M) → (sv, M/s) and rotations are symmetries still, so the
    stationary points are those of f on [0, ∞], with the kinds that they have there, and the ones with v = 0, as in `theory.landscape`. The
    ends are as without the query: r = 0 is the global minimum, at r = ∞ (v_y = 0, A = 0) and at v = 0 the query's term vanishes.
    Raises SettingError for other settings and for a weight that is no number, UndefinedMoment where the sixth moment does not exist.
    """
    weight = exact_scalar("query_in_sum_profile", "weight", weight, SettingError)
    if weight.free_symbols:
        raise SettingError(f"query_in_sum_profile: weight must be a number, got {weight}; the roots of a polynomial are counted.")
    law, d = setting.covariates, setting.dimension
    if not isinstance(law, Elliptical):
        raise SettingError(
            f"query_in_sum_profile: {type(law).__name__} covariates have preferred directions in their sixth moment; give elliptical ones."
        )
    found = coefficients(setting)
    if sympify((*found, setting.context_length, d)).free_symbols:
        raise SettingError("query_in_sum_profile: the setting must be given in numbers, as the roots of a polynomial are counted.")
    if sign(found.margin) == 0:
        raise SettingError(
            "query_in_sum_profile: y² is a multiple of x² for almost every token, so that A and c are not unique at given v."
        )
    r, a, b, k = notation.ratio, _along, _across, _keys
    sixth = gammasimp(law.norm_power(sympify(6)) / chi_power(6, d))
    fourth = sum((weight for weight, _ in law.excess or ()), S.Zero)
    cross, vertex, square = _general_reduced_cost()
    cost = (weight * (cross + fourth * vertex) + weight**2 * sixth * square).xreplace(
        {n: setting.context_length, notation.d: d, tau: found.tau}
    )
    across = found.p * b**2 - 2 * found.q * b + found.beta * r * b**2
    along = found.p * (a + k * r) ** 2 - 2 * found.q * (a + k * r)
    even = r * (found.epsilon * a**2 + 2 * found.gamma * k * a + found.delta * k**2)
    numbers = {n: setting.context_length, notation.d: d, tau: found.tau}
    total = expand(found.tau + (d - 1) * across + along + even + cost.xreplace(numbers))
    unknown = (a, k) if d == 1 else (a, k, b)
    (solution,) = linsolve([total.diff(z) for z in unknown], *unknown)
    best = {b: S.Zero} | dict(zip(unknown, solution, strict=True))
    loss = cancel(total.subs(best))
    numerator, denominator = fraction(cancel(loss.diff(r)))  # the denominator, of a continuous function, has no root r > 0
    return QueryProfile(best[b], best[a], best[k], loss, Poly(numerator * sign(denominator.subs(r, 1)), r))


def query_in_sum_turns(setting: Setting) -> tuple[Turn, ...]:
    """Every family of stationary points with v_x ≠ 0, in the order of r. Raises as `query_in_sum_profile`; EnclosureError where a
    root of f' is a double one, or too close to one to tell.

    >>> from theory import Gaussian, Linear
    >>> setting = Setting(covariates=Gaussian.isotropic(3), response=Linear.isotropic(3), noise_variance=0, context_length=18)
    >>> [(turn.name, turn.kind) for turn in query_in_sum_turns(setting)]
    [('mixed direction', 'saddle'), ('mixed direction', 'local minimum'), ('one direction', 'saddle')]
    """
    found = query_in_sum_profile(setting)
    powers = found.turning.all_coeffs()
    turns = []
    for index in range(len(positive_roots(powers))):
        r = PositiveRoot(powers, index)
        rising = sign(found.turning.diff().as_expr().subs(notation.ratio, r)) > 0
        turns.append(Turn("mixed direction", "local minimum" if rising else "saddle", r, found.loss.subs(notation.ratio, r)))
    low = "global minimum" if setting.dimension == 1 else "local minimum" if sign(found.turning.LC()) < 0 else "saddle"
    return (*turns, Turn("one direction", low, oo, found.loss.limit(notation.ratio, oo)))


__all__ = [
    "QueryProfile",
    "Turn",
    "existence",
    "existence_of",
    "gaussian_query_cost",
    "gaussian_square",
    "general_cross_term",
    "query_in_sum_cost",
    "query_in_sum_loss",
    "query_in_sum_profile",
    "query_in_sum_turns",
    "query_square",
    "query_term",
    "term_vanishes",
]
