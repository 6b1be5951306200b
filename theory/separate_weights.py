"""The landscape in the four weights W_K, W_Q (k×(d+1)), W_V (m×(d+1)) and h (m×1) beside that in v = W_Vᵀh and M = W_KᵀW_Q.

The loss in the weights is L(v, M) at their image. With N = ∂L/∂M, without the column that never acts, and g = ∂L/∂v a point is stationary
iff W_K N = 0, W_Q Nᵀ = 0, W_V g = 0 and h gᵀ = 0: more often than its image is. docs/separate-weights.md has the proofs, and says what is
measured only.

*The ladder.* At v_x = 0, m_yx = 0, v_y ≠ 0 the loss is a weighted low-rank problem, stationary iff G^½BΣ^½ is a part of the singular value
decomposition of G^½B*Σ^½. The squares of the singular values, times n, are the *gains*: the eigenvalues of nΣ⁻¹KG⁻¹K, G and K as in
`theory.minimiser`. A part J of them is a rung, with the loss τ − Σ_J gains. No layer of width k has a smaller loss than the rung of the k
greatest: its step B = (v_y I, v_x) M has rank ≤ k, and the rest is Eckart and Young.

*At a rung* each gain that is left out gives every idle unit (a row of W_K and W_Q that is 0) one direction of descent, and one more for
each lesser gain that is in. So each is a saddle, unless the width is used up by the greatest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cmp_to_key
from itertools import product
from typing import Any, NamedTuple

from sympy import And, Ge, Gt, ImmutableMatrix, Le, Lt, Min, Poly, S, Symbol, cancel, ceiling, diff, fraction, sympify
from sympy.logic.boolalg import Boolean
from sympy.polys.matrices import DomainMatrix

from theory.coefficients import Coefficients, coefficients
from theory.errors import SettingError
from theory.exact import exact_scalar
from theory.landscape import ACROSS, EPSILON, StationaryFamily, profile, stationary_points
from theory.loss import specialise, written_out
from theory.means import sign
from theory.minimiser import normal_equations
from theory.notation import alpha, beta, delta, gamma, p, q, ratio, tau
from theory.roots import PositiveRoot, positive_roots
from theory.setting import Setting

_MOST_RUNGS = 4096


class Gain(NamedTuple):
    """What a direction takes from the loss once it is learned, and how many directions take as much."""

    value: Any
    multiplicity: Any


@dataclass(frozen=True)
class Rung:
    """Stationary points with v_x = 0, m_yx = 0 and v_y ≠ 0 in which some of the directions are learned, and no others at all.

    gains   all that are not 0, the greatest first
    chosen  how many directions of each gain are learned; a symbol where the setting has a symbolic dimension
    null    E y², the loss of the rung without any
    """

    gains: tuple[Gain, ...]
    chosen: tuple[Any, ...]
    null: Any

    @property
    def size(self) -> Any:
        """The rank of B, W_K and W_Q"""
        return sum(self.chosen, S.Zero)

    @property
    def loss(self) -> Any:
        """τ less the gains that are chosen"""
        return self.null - sum((count * gain.value for count, gain in zip(self.chosen, self.gains, strict=True)), S.Zero)

    @property
    def dimension(self) -> Any:
        """Of the set of steps B: 0 where the gains differ, and the subspaces of each eigenspace where they do not"""
        return sum((count * (gain.multiplicity - count) for count, gain in zip(self.chosen, self.gains, strict=True)), S.Zero)

    def exists(self, width: Any) -> Boolean:
        """Whether layers with so many rows of W_K and W_Q have it"""
        counts = (And(Ge(count, 0), Le(count, gain.multiplicity)) for count, gain in zip(self.chosen, self.gains, strict=True))
        return And(Le(self.size, width), *counts)

    def descending(self, width: Any) -> Any:
        """The number of negative eigenvalues of the Hessian in the weights, W_K and W_Q having so many rows.

        Idle units, one for each gain left out; and exchanges of a direction for one of greater gain.
        """
        left = [gain.multiplicity - count for count, gain in zip(self.chosen, self.gains, strict=True)]
        exchanges = sum((count * sum(left[:at], S.Zero) for at, count in enumerate(self.chosen)), S.Zero)
        return (width - self.size) * sum(left, S.Zero) + exchanges


def gains(setting: Setting) -> tuple[Gain, ...]:
    """The gains that are not 0, the greatest first: for Gaussian covariates na²/((n+1)a + τ), a the eigenvalues of ΣW.

    Exact: rationals, or `PositiveRoot` of a polynomial. With symbols, and where a moment is no rational number, the loss must have no
    preferred direction: all gains are q²/p. Raises SettingError elsewhere.

    >>> from sympy import diag
    >>> from theory import Gaussian, Linear
    >>> gains(Setting(covariates=Gaussian(diag(1, 4, 4)), response=Linear.isotropic(3), noise_variance=1, context_length=4))
    (Gain(value=32/15, multiplicity=2), Gain(value=4/15, multiplicity=1))
    """
    size = setting.dimension
    G, R, K = (written_out(specialise(part, setting)) for part in normal_equations())
    explicit = all(isinstance(part, ImmutableMatrix) and all(entry.is_Rational for entry in part) for part in (G, R, K))
    if explicit and setting.context_length.is_Integer:
        form = setting.context_length * R.inv() * K * G.inv() * K if not K.is_zero_matrix else K
        return _eigenvalues(form)
    try:
        found = coefficients(setting)
    except SettingError:
        raise SettingError(
            "separate_weights: the gains of a loss with preferred directions are known for explicit rational moments; give numbers for "
            "Σ, W, σ² and n, or W ∝ Σ⁻¹."
        ) from None
    return (Gain(cancel(found.q**2 / found.p), size),)


def _eigenvalues(form: ImmutableMatrix) -> tuple[Gain, ...]:
    """The positive ones of a matrix similar to a covariance; all others are 0."""
    t = Symbol("t")
    characteristic = Poly([*DomainMatrix.from_Matrix(form).to_field().charpoly()], t)
    found = []
    for part, multiplicity in characteristic.factor_list()[1]:
        values = part.all_coeffs()
        if len(values) == 2:
            found += [Gain(-values[1] / values[0], sympify(multiplicity))] if values[1] != 0 else []
        else:
            found += [Gain(PositiveRoot(values, index), sympify(multiplicity)) for index in range(len(values) - 1)]

    def lesser(one: Gain, other: Gain) -> int:
        return sign(other.value - one.value)

    return tuple(sorted(found, key=cmp_to_key(lesser)))


def ladder(setting: Setting, width: Any = None) -> tuple[Rung, ...]:
    """Every stationary point of the loss in the weights with v_x = 0, m_yx = 0 and v_y ≠ 0, those of a layer of that width if it is given.

    With a symbolic dimension one rung, of a symbolic size j. The last, of all gains, is the global minimum. Raises SettingError where
    there are more than 4096, or the gains are not known.

    >>> from theory import Gaussian, Linear
    >>> setting = Setting(covariates=Gaussian.isotropic(3), response=Linear.isotropic(3), noise_variance=0, context_length=8)
    >>> [(rung.size, rung.loss, rung.descending(3)) for rung in ladder(setting)]
    [(0, 3, 9), (1, 7/3, 4), (2, 5/3, 1), (3, 1, 0)]
    """
    found, null = gains(setting), setting.moments.tau
    width = None if width is None else _width("ladder", width)
    if any(not gain.multiplicity.is_Integer for gain in found):
        return (Rung(found, (Symbol("j", integer=True, nonnegative=True),), null),)
    number = 1
    for gain in found:
        number *= int(gain.multiplicity) + 1
    if number > _MOST_RUNGS:
        raise SettingError(f"ladder: {number} rungs are more than {_MOST_RUNGS}; ask for bottleneck_minimum, or fewer dimensions.")
    counts = product(*(range(int(gain.multiplicity) + 1) for gain in found))
    rungs = (Rung(found, tuple(map(sympify, chosen)), null) for chosen in counts)
    return tuple(sorted((rung for rung in rungs if width is None or rung.exists(width) != S.false), key=lambda rung: rung.size))


def bottleneck_minimum(setting: Setting, width: Any) -> Any:
    """The least loss of a layer whose W_K and W_Q have `width` rows: τ less the greatest gains, so many of them.

    For every law of prompts that `gains` knows. From k = rank K on it is the minimum over all (v, M).

    >>> from theory import Gaussian, Linear
    >>> setting = Setting(covariates=Gaussian.isotropic(3), response=Linear.isotropic(3), noise_variance=0, context_length=8)
    >>> [bottleneck_minimum(setting, width) for width in (1, 2, 3, 4)]
    [7/3, 5/3, 1, 1]
    """
    left, loss = _width("bottleneck_minimum", width), setting.moments.tau
    for gain in gains(setting):
        used = Min(left, gain.multiplicity)
        loss, left = loss - used * gain.value, left - used
    return loss


def _width(where: str, width: Any) -> Any:
    """A whole number ≥ 1, or a symbol."""
    value = exact_scalar(where, "width", width, SettingError)
    if value.is_integer is False or value.is_positive is False:
        raise SettingError(f"{where}: width must be a whole number ≥ 1, the rows of W_K, got {value}.")
    return value


class Preimages(NamedTuple):
    """What the weights whose image is in a family of stationary points of the merged loss are: stationary always.

    family     of the merged loss
    reachable  when there are any: the width is at least the rank of M
    minima     when some of them are local minima
    saddles    when some of them are saddles
    """

    family: StationaryFamily
    reachable: Boolean
    minima: Boolean
    saddles: Boolean


def stays(setting: Setting, width: Any) -> tuple[Preimages, ...]:
    """What becomes of each family of `stationary_points` where W_K and W_Q have `width` rows k, for any number of rows of W_V.

    Minima stay minima, and saddles saddles, but for *one direction*: with κ = βΔ/(εp²) some of its weights are local minima iff
    κ > min(⌈k/2⌉, d) − 1, and some saddles iff κ < min(k, d) − 1, where in (v, M) it is a local minimum iff κ > d − 1 and a saddle if
    κ < d − 1. Where κ is equal to such a bound, that one is not decided. So with k < 2d − 1 a saddle may have weights that are local
    minima, even with k ≥ d: to leave them one must first move on the set of weights with this loss. Source: derived here.

    >>> from theory import Gaussian, Linear
    >>> setting = Setting(covariates=Gaussian.isotropic(2), response=Linear.isotropic(2), noise_variance=0, context_length=10)
    >>> for part in stays(setting, 2)[:3]:
    ...     print(part.family.name, part.family.kind, part.minima, part.saddles)
    global minimum global minimum True False
    zero predictor saddle False True
    one direction saddle True True
    """
    width, size = _width("stays", width), setting.dimension
    found = coefficients(setting)
    kappa, unit = found.beta * found.margin, found.epsilon * found.p**2
    narrow, wide = Min(ceiling(width / 2), size) - 1, Min(width, size) - 1
    answers = []
    for family in stationary_points(setting):
        settled = family.kind != "saddle"
        reachable = {"zero predictor": S.true, "one direction": sympify(Ge(width, 1))}.get(family.name, sympify(Ge(width, size)))
        if family.name == "one direction" and not settled:
            minima, saddles = _compared(kappa, narrow * unit, Gt), _compared(kappa, wide * unit, Lt)
        else:
            minima, saddles = sympify(settled), sympify(not settled)
        answers.append(Preimages(family, reachable, *(And(reachable, part) for part in (minima, saddles))))
    return tuple(answers)


def _compared(left: Any, right: Any, relation: Any) -> Boolean:
    gap = left - right
    return sympify(relation(gap, 0)) if gap.free_symbols else sympify(bool(relation(sign(gap), 0)))


@dataclass(frozen=True)
class NewPoint:
    """Stationary points in the weights with v_x ≠ 0, v_y ≠ 0 whose image is not stationary in (v, M): M is a part of what is best at v.

    name   "mixed direction": M has the direction of v_x and `rank` − 1 others; "tilted": a space of directions that is neither with v_x
           nor orthogonal to it
    rank   of M, W_K and W_Q
    ratio  r = v_x'Σv_x / v_y²
    loss   there
    tilt   cos² of the angle between v_x and the space, in whitened coordinates: 1 for a mixed direction
    """

    name: str
    rank: int
    ratio: Any
    loss: Any
    tilt: Any


def new_points(setting: Setting) -> tuple[NewPoint, ...]:
    """All of them, in a numeric setting without a preferred direction: beside the ladder, v = 0 and M = 0 there are no others.

    In whitened coordinates the best M at given v has the singular values q²N/U along v_x and q²/(p + βr) across, squared. A stationary M
    is that cut to an invariant subspace, so a mixed direction of rank j + 1 is a root of the turning polynomial with j for d − 1; where the
    two singular values agree the subspace may be tilted, and one tilt makes the loss stationary in r. Source: derived here.
    Raises SettingError where the setting has preferred directions or symbols.

    >>> from theory import Gaussian, Linear
    >>> setting = Setting(covariates=Gaussian.isotropic(2), response=Linear.isotropic(2), noise_variance=0, context_length=10)
    >>> [(point.name, point.rank, round(float(point.loss), 4)) for point in new_points(setting)]
    [('mixed direction', 1, 1.7559), ('tilted', 1, 1.545)]
    """
    found, size = coefficients(setting), setting.dimension
    if sympify(tuple(found)).free_symbols or not size.is_Integer:
        raise SettingError("new_points: needs numbers for n, d and σ²; docs/separate-weights.md has the polynomials.")
    across, along = _shares()
    points = []
    for others in range(int(size) - 1):
        loss = tau - q**2 * (others * across + along)
        for r in _positive(_at(profile().turning.subs(ACROSS, others), found)):
            points.append(NewPoint("mixed direction", others + 1, r, _at(loss, found).subs(ratio, r), S.One))
    for r in _positive(_at(fraction(cancel(across - along))[0], found)):
        share = diff(across, ratio) / (diff(across, ratio) - diff(along, ratio))
        for rank in range(1, int(size)):
            tilt = _at(rank * share, found).subs(ratio, r)
            if sign(tilt) > 0 and sign(1 - tilt) > 0 and sign(tilt - rank + size - 1) > 0:
                points.append(NewPoint("tilted", rank, r, _at(tau - q**2 * rank * across, found).subs(ratio, r), tilt))
    return tuple(points)


def _shares() -> tuple[Any, Any]:
    """1/(p + βr) and N/U, read off the profile."""
    loss = profile().loss
    return cancel(-diff(loss, ACROSS) / q**2), cancel((tau - loss.subs(ACROSS, 0)) / q**2)


def _at(expr: Any, found: Coefficients) -> Any:
    values = dict(zip((p, q, alpha, beta, gamma, delta, tau), found, strict=True))
    return sympify(expr).xreplace({**values, EPSILON: found.epsilon})


def _positive(expr: Any) -> list[Any]:
    """The positive roots of a polynomial in r."""
    polynomial = Poly(expr, ratio)
    while polynomial.eval(0) == 0:
        polynomial = polynomial.quo(Poly(ratio, ratio))
    values = polynomial.all_coeffs()
    return [PositiveRoot(values, index) for index in range(len(positive_roots(values)))]


__all__ = ["Gain", "NewPoint", "Preimages", "Rung", "bottleneck_minimum", "gains", "ladder", "new_points", "stays"]
