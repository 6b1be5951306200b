"""Every stationary point of the in-context loss over all (v, M), for a setting without a preferred direction.

Off v = 0 the loss is a strictly convex quadratic in (A, c), so at given v it has one stationary point in (A, c). There, in whitened
coordinates, the loss depends on r = |v_x|²/v_y² alone: it is the *profile* f(r), 0 ≤ r ≤ ∞. A point with v ≠ 0 is stationary iff (A, c) is
least at its v, and r = 0, r = ∞ or f'(r) = 0; one with v = 0 iff c = 0 and tr A = 0. By rotation A and c are combinations of Σ⁻¹,
v_xv_xᵀ and v_x. The Hessian has the signs of that quadratic, all +, and of the profile, so the kind of a point is that of r for f.

The sign of f' is that of a quartic Q, the *turning polynomial*: Q > 0 up to r = √(δ/ε), and beyond that Q = 0 where

    κ = W/U²,   κ = (d−1)β/Δ,   W = (εr² − δ)(p + βr)²,   U = p(εr² − 2γr + δ) + Δr > 0.

(W/U²)' has the sign of a cubic that is > 0 and rising at √(δ/ε), so that it vanishes once beyond if its leading coefficient is < 0, and
never if not. So W/U² rises to one maximum κ* and falls to its limit β²/(p²ε), or only rises: Q has at most two roots, and signs of
polynomials say how many (`_Turns`). The proofs are in docs/landscape.md; the theorem `stationary-points` of `proofs` has the completeness,
and the difference of the profile at two ratios, from which the kinds are read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple

from sympy import (
    Add,
    And,
    Eq,
    Expr,
    Ge,
    Gt,
    Identity,
    ImmutableMatrix,
    Inverse,
    Lt,
    MatrixSymbol,
    Min,
    Mul,
    Not,
    Or,
    Piecewise,
    Poly,
    S,
    ZeroMatrix,
    cancel,
    diff,
    expand,
    factor,
    factor_terms,
    fraction,
    linsolve,
    oo,
    sqrt,
    symbols,
    sympify,
)
from sympy.logic.boolalg import Boolean
from sympy.matrices.matrixbase import MatrixBase

from theory.attention import LinearAttention
from theory.coefficients import Coefficients, coefficients
from theory.errors import SettingError
from theory.loss import written_out
from theory.means import sign
from theory.notation import alpha, beta, delta, gamma, p, q, ratio, tau
from theory.roots import PositiveRoot
from theory.setting import Setting

EPSILON, ACROSS = symbols("epsilon d_1", positive=True)  # α + β and d − 1


class Block(NamedTuple):
    """The Hessian on one irreducible representation of the symmetries of a stationary point.

    representation  its name; `vector` of the rotations that fix v_x, and so on
    dimension       of the representation: what each of the following counts for
    positive, zero, negative  numbers of eigenvalues
    """

    representation: str
    dimension: Any
    positive: Any
    zero: Any
    negative: Any


@dataclass(frozen=True)
class StationaryFamily:
    """One orbit, or for the zero predictor one set of orbits, of stationary points under rotation and (v, M) → (s v, M/s).

    name            "global minimum", "zero predictor", "one direction", "mixed direction"
    kind            "global minimum", "local minimum" or "saddle"
    loss            L there
    exists          sympy Boolean: when the family exists and has this kind
    representative  one member; with symbolic d the direction v_x is the symbol u, any with u'Σu equal to `ratio` (to 1 where that is ∞)
    ratio           r = v_x'Σv_x / v_y², None where v = 0; where it is a root of `polynomial` and the setting is symbolic, a symbol
    polynomial      Q(r), at d = 1 without a square factor; None unless r is one of its roots: the least positive one for a saddle, the
                    next for a local minimum
    dimension       of the family in the space of (v, M) without the column of M that never acts
    signature       of the Hessian there, block by block
    """

    name: str
    kind: str
    loss: Any
    exists: Boolean
    representative: LinearAttention
    ratio: Any
    polynomial: Poly | None
    dimension: Any
    signature: tuple[Block, ...]

    @property
    def index(self) -> Any:
        """The number of negative eigenvalues of the Hessian."""
        return self._total("negative")

    @property
    def nullity(self) -> Any:
        """The number of zero eigenvalues: the dimension of the family, and one more where the profile is degenerate."""
        return self._total("zero")

    @property
    def rank(self) -> Any:
        """The number of positive eigenvalues."""
        return self._total("positive")

    def _total(self, kind: str) -> Any:
        # the sizes expanded alone: a count may be a Piecewise whose condition is a polynomial of a thousand terms
        return sum((expand(block.dimension) * getattr(block, kind) for block in self.signature), S.Zero)


class Profile(NamedTuple):
    """What is least at a given v, in the symbols p, …, τ, ε = α + β, d₁ = d − 1 and r, at v_y = 1.

    across, along  A = across · Σ⁻¹ on what is orthogonal to v_x, and `along` on v_x
    keys           c = keys · v_x
    loss           f(r)
    turning        Q(r): f' = q² Q / (p + βr)²U²
    """

    across: Expr
    along: Expr
    keys: Expr
    loss: Expr
    turning: Expr


@cache
def profile() -> Profile:
    """Solved from the loss of the layers with v_y = 1 in which A is a on what is orthogonal to v_x and b on v_x, and c = k v_x."""
    a, b, k = symbols("a b k")
    r = ratio
    orthogonal = p * a**2 - 2 * q * a + beta * r * a**2
    parallel = p * (b + k * r) ** 2 - 2 * q * (b + k * r) + r * (EPSILON * b**2 + 2 * gamma * k * b + delta * k**2)
    ((best_a,),) = linsolve([diff(orthogonal, a)], a)
    ((best_b, best_k),) = linsolve([diff(parallel, b), diff(parallel, k)], b, k)
    gains = [cancel(-part.subs({a: best_a, b: best_b, k: best_k}) / q**2) for part in (orthogonal, parallel)]
    loss = tau - q**2 * (ACROSS * gains[0] + gains[1])
    (one, P), (N, U) = map(fraction, gains)
    turning = ACROSS * one * diff(P, r) * U**2 - (diff(N, r) * U - N * diff(U, r)) * P**2
    return Profile(cancel(best_a), cancel(best_b), cancel(best_k), loss, turning)


class _Turns(NamedTuple):
    """Polynomials whose signs count the positive roots of Q.

    lead   of Q: (d−1)p²ε − βΔ, the sign of κ − lim W/U²
    falls  W/U² has a maximum κ* iff this is > 0
    order  κ* is the greatest critical value of W/U² iff this is ≥ 0; the others are not ≥ β²/(p²ε) for r > 0
    cubic  Π(κ − κᵢ) over the critical values κᵢ, times a positive number: (Tκ + e)³ − 27εδp²z²κ, times Δ³
    early  T³κ² − εδp²z², times Δ²: < 0 iff κ lies before the least of that convex function of κ, so before its greater root
    """

    lead: Any
    falls: Any
    order: Any
    cubic: Any
    early: Any

    @classmethod
    def of(cls, found: Coefficients, size: Any) -> _Turns:
        """Of a setting in so many dimensions."""
        p, _, _, beta, gamma, delta, _ = found
        epsilon, Delta = (_factored(part) for part in (found.epsilon, found.margin))
        kappa = (size - 1) * beta  # times 1/Δ
        T = 4 * epsilon * delta * p**2 - (Delta - 2 * gamma * p) ** 2
        e = epsilon * p**2 - beta**2 * delta
        falls = epsilon * p**2 + beta * (2 * gamma * p - Delta)
        z = falls + beta**2 * delta
        w = (2 * gamma * p - Delta) * (beta**2 * delta + epsilon * p**2) + 4 * beta * delta * epsilon * p**2
        T, e, falls, z, w = (_factored(part) for part in (T, e, falls, z, w))
        weight = epsilon * delta * p**2 * z**2
        cubic = factor_terms(T * kappa + e * Delta) ** 3 - 27 * weight * kappa * Delta**2
        lead = _factored((size - 1) * p**2 * epsilon - beta * Delta)
        return cls(*(_essential(part, Delta) for part in (lead, falls, w, cubic, T**3 * kappa**2 - weight * Delta**2)))


def _factored(value: Any) -> Any:
    return factor(value) if value.free_symbols and value.is_rational_function(*value.free_symbols) else value


def _essential(value: Any, positive: Any) -> Any:
    """The value without factors known to be > 0."""
    if not value.free_symbols:
        return value
    known = {base for base, _ in (part.as_base_exp() for part in Mul.make_args(positive))}
    kept = [part for part in Mul.make_args(factor_terms(value)) if not (part.is_positive or part.as_base_exp()[0] in known)]
    return Mul(*kept)


def stationary_points(setting: Setting) -> tuple[StationaryFamily, ...]:
    """Every stationary point of L over all (v, M), as families.

    With symbols in the setting one family per branch and kind, `exists` being the exact condition for both. With numbers the families that
    exist; degenerate ones are decided too. Raises SettingError where the loss has preferred directions, or no layer predicts better than 0
    does; EnclosureError where an irrational number is on a boundary, or too close to one to tell.

    >>> from theory import Gaussian, Linear
    >>> setting = Setting(covariates=Gaussian.isotropic(3), response=Linear.isotropic(3), noise_variance=0, context_length=24)
    >>> [(family.name, family.kind, family.index) for family in stationary_points(setting)]  # doctest: +NORMALIZE_WHITESPACE
    [('global minimum', 'global minimum', 0), ('zero predictor', 'saddle', 4), ('one direction', 'saddle', 1),
     ('mixed direction', 'saddle', 1), ('mixed direction', 'local minimum', 0)]
    """
    found, size = coefficients(setting), setting.dimension
    numeric = not sympify(tuple(found)).free_symbols and not size.free_symbols
    if sign(found.margin) == 0 if numeric else expand(found.margin) == 0:
        raise SettingError(
            "stationary_points: y² is a multiple of x² for almost every token, so that the even part of the prediction can vanish in more "
            "ways; global_minimiser lists the minimisers."
        )
    signs = Signs(found, size, numeric)
    families = tuple(family for family in _Atlas(setting, found, signs).families() if family.exists != S.false)
    return tuple(replace(family, exists=S.true) for family in families) if numeric else families


class Signs:
    """Which case it is: each a sympy Boolean, true or false for numbers."""

    def __init__(self, found: Coefficients, size: Any, numeric: bool) -> None:
        self.numeric = numeric
        lead, falls, order, cubic, early = _Turns.of(found, size)
        self.flat = self.of(lead, Eq)
        self.line = Eq(size, 1)
        # Q < 0 for all great r: f decreases towards r = ∞; W/U² exceeds κ at some one point and stays above it
        self.ends_low = Or(self.of(lead, Lt), And(self.flat, self.of(falls, Gt)))
        turns = And(self.of(lead, Gt), self.of(falls, Gt))
        greatest, late = self.of(order, Ge), self.of(early, Ge)
        self.twice = And(turns, Or(And(greatest, Or(self.of(cubic, Lt), Not(late))), And(Not(greatest), self.of(cubic, Gt), Not(late))))
        self.touches = And(turns, self.of(cubic, Eq), Or(And(greatest, late), And(Not(greatest), Not(late))))

    def of(self, value: Any, relation: Any) -> Boolean:
        """value > 0, ≥ 0, < 0 or = 0; decided for numbers, and for polynomials with positive coefficients in symbols ≥ 0."""
        if not value.free_symbols:
            return sympify(bool(relation(sign(value), 0)))
        known = _known_sign(value) if len(Add.make_args(value)) > 2 else None  # the long ones are sums of two products
        return relation(value, 0) if known is None else sympify(bool(relation(known, 0)))


def _known_sign(value: Any) -> int | None:
    """±1 where all coefficients in s − 1 for whole s ≥ 1, and in s for s ≥ 0, have that sign and the constant one is not 0."""
    free = sorted(value.free_symbols, key=str)
    if not value.is_polynomial(*free) or not all(s.is_nonnegative for s in free):
        return None
    shifted = Poly(value.subs({s: s + 1 for s in free if s.is_integer and s.is_positive}, simultaneous=True), *free)
    positive = [c.is_positive for c in shifted.coeffs()]
    if shifted.coeff_monomial(1) == 0 or None in positive or len(set(positive)) > 1:
        return None
    return 1 if positive[0] else -1


class _Atlas:
    """The families of one setting."""

    def __init__(self, setting: Setting, found: Coefficients, signs: Signs) -> None:
        self.setting, self.signs = setting, signs
        self.size = setting.dimension
        self.values = dict(zip((p, q, alpha, beta, gamma, delta, tau), found, strict=True)) | {
            EPSILON: found.epsilon,
            ACROSS: self.size - 1,
        }
        # for d = 1 the rest of Q is a square of p + βr
        turning = delta - EPSILON * ratio**2 if self.size == 1 else profile().turning
        self.polynomial = primitive(self.at(turning))

    def at(self, expr: Any, r: Any = ratio) -> Any:
        """An expression of `profile` at the setting's numbers."""
        return sympify(expr).xreplace(self.values).subs(ratio, r)

    def families(self) -> tuple[StationaryFamily, ...]:
        """All, in the order of r."""
        d, signs = self.size, self.signs
        least = self.at(tau - d * q**2 / p)
        single = self.at(tau - q**2 / p)
        family = StationaryFamily
        return (
            family("global minimum", "global minimum", least, S.true, self._global(), S.Zero, None, S.One, self._at_minimum()),
            family("zero predictor", "saddle", self.at(tau), S.true, self._zero(), None, None, d**2 - 1, self._at_zero()),
            *(
                family("one direction", kind, single, exists, self._one_direction(), oo, None, d, self._around(*profile_signs))
                for kind, exists, *profile_signs in (
                    ("global minimum", signs.line, 1, 0, 0),
                    ("local minimum", And(Not(signs.line), signs.ends_low), *_degenerate(1, 0, signs.flat)),
                    ("saddle", Not(signs.ends_low), *_degenerate(0, 1, signs.flat)),
                )
            ),
            *(
                family("mixed direction", kind, *self._mixed(index, exists), d, self._around(*profile_signs))
                for kind, index, exists, *profile_signs in (
                    ("saddle", 0, Or(signs.ends_low, signs.twice, signs.touches), *_degenerate(0, 1, signs.touches)),
                    ("local minimum", 1, signs.twice, 1, 0, 0),
                )
            ),
        )

    def _mixed(self, index: int, exists: Boolean) -> tuple[Any, Boolean, LinearAttention, Any, Poly]:
        numeric = self.signs.numeric and exists == S.true
        r = PositiveRoot(self.polynomial.all_coeffs(), index) if numeric else ratio
        found = profile()
        a, b, k = (self.at(part, r) for part in (found.across, found.along, found.keys))
        return self.at(found.loss, r), exists, self._layer(r, 1, a, (b - a) / r, k), r, self.polynomial

    # representatives

    def _layer(self, length: Any, label_value: Any, across: Any, along: Any, keys: Any) -> LinearAttention:
        """v = (u, v_y), A = across Σ⁻¹ + along uu', c = keys u, with u'Σu = length."""
        Sigma, scale = self.setting.moments.Sigma, self.setting.normalisation
        Sigma = written_out(Sigma)
        if isinstance(Sigma, MatrixBase):
            u: Any = ImmutableMatrix.zeros(Sigma.rows, 1).as_mutable()
            u[0] = sqrt(length / Sigma[0, 0])
            u = u.as_immutable()
            square = ImmutableMatrix(Sigma.rows, Sigma.rows, lambda i, j: length / Sigma[0, 0] if i == j == 0 else S.Zero)
            inverse: Any = Sigma.inv()
        else:
            u = MatrixSymbol("u", self.size, 1) if length != 0 else ZeroMatrix(self.size, 1)
            square, inverse = u * u.T, Inverse(Sigma) if not isinstance(Sigma, Identity) else Sigma
        return LinearAttention.from_blocks(
            covariate_value=scale * u,
            label_value=scale * label_value,
            covariate_key_query=across * inverse + along * square,
            label_key_query=keys * u,
        )

    def _global(self) -> LinearAttention:
        return self._layer(S.Zero, 1, self.at(q / p), S.Zero, S.Zero)

    def _zero(self) -> LinearAttention:
        return self._layer(S.Zero, 0, S.Zero, S.Zero, S.Zero)

    def _one_direction(self) -> LinearAttention:
        return self._layer(S.One, 0, S.Zero, S.Zero, self.at(q / p))

    # Hessians

    def _at_minimum(self) -> tuple[Block, ...]:
        # (v_y, tr A): one is the scale; (v_x, c); the rest of A
        return self._blocks(self.size, (1, 1, 0), (2, 0, 0), (1, 0, 0))

    def _at_zero(self) -> tuple[Block, ...]:
        # −2q (v_y tr A + c'v_x), which does not see the rest of A
        return self._blocks(self.size, (1, 0, 1), (1, 0, 1), (0, 1, 0))

    def _around(self, positive: Any, zero: Any, negative: Any) -> tuple[Block, ...]:
        """At a v_x ≠ 0: all of (A, c) is +, the scale and the rotations of v_x are 0, and one direction has the sign of the profile."""
        d = self.size
        # with a symbolic d the traceless matrices in d − 1 dimensions count −1 at d = 1, for the entry of A that is not there
        both = Min(d, 2) if d.is_Integer else 2
        return self._blocks(d - 1, (both + 1 + positive, 1 + zero, negative), (3, 1, 0), (1, 0, 0))

    def _blocks(self, k: Any, trivial: Any, vector: Any, matrices: Any) -> tuple[Block, ...]:
        """Of the rotations in k dimensions."""
        blocks = (
            Block("trivial", S.One, *map(sympify, trivial)),
            Block("vector", k, *map(sympify, vector)),
            Block("symmetric traceless matrices", (k - 1) * (k + 2) / 2, *map(sympify, matrices)),
            Block("antisymmetric matrices", k * (k - 1) / 2, *map(sympify, matrices)),
        )
        return tuple(block for block in blocks if block.dimension != 0 and not (k == 0 and block.representation != "trivial"))


def _degenerate(positive: int, negative: int, condition: Boolean) -> tuple[Any, Any, Any]:
    """The signs of the profile's second derivative, 0 under the condition."""
    if condition == S.false:
        return positive, 0, negative
    chosen = [Piecewise((0, condition), (value, True)) for value in (positive, negative)]
    return chosen[0], Piecewise((1, condition), (0, True)), chosen[1]


def primitive(expr: Any) -> Poly:
    """The polynomial in r without a factor known to be positive."""
    polynomial = Poly(expr, ratio)
    content, rest = Poly(polynomial.clear_denoms()[1], ratio).primitive()
    return rest if content.is_positive else polynomial


__all__ = ["Block", "Profile", "StationaryFamily", "profile", "stationary_points"]
