"""The stationary points of the in-context loss for any Gaussian (Σ, W), preferred directions included.

In whitened coordinates, Σ^½v_x, Σ^½AΣ^½, Σ^½c, only S = Σ^½WΣ^½ is left of Σ and W, whether they commute or not (theorem `whitening`); let
λ_k be its eigenvalues, m_k times each. Off v = 0 the loss is a strictly convex quadratic in (A, c), so at given v it has one stationary
point in (A, c) and the loss there, the *profile*, is a function of the shares v_y² and ρ_k = |P_k Σ^½v_x|², P_k the eigenprojections: a
quotient of polynomials, homogeneous of degree 0. So points with v ≠ 0 are the critical points of a function on a simplex, face by face;
those with v = 0 are zero predictors.

* v_y = 0: the profile is a Rayleigh quotient. Its critical points lie in one eigenspace and are in closed form.
* v_y = 1, one eigenspace: the critical ρ are the roots of a polynomial, all isolated.
* Two eigenspaces: the common zeros of two polynomials in the unit square, all isolated.
* Three or four: sought by Newton's method, each certified by Krawczyk's test; none is known to be the last.
* More than four: none.

Proofs in docs/anisotropic.md; the one-direction points are the theorem `rank-one-points`. Source: derived here.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, pairwise, product
from math import prod
from typing import Any

from flint import arb, fmpq
from sympy import QQ, Poly, Symbol, Tuple, sqrt, sympify
from sympy.polys.matrices import DomainMatrix

from theory.anisotropic_profile import (
    Certified,
    CriticalShare,
    NumericProfile,
    Spectrum,
    decomposed,
    flattened,
    rational_of,
    refined,
    rest_of,
    sign_of,
    signs_of_form,
    slope_of,
    spectrum,
    system_of,
    to_arb,
)
from theory.attention import LinearAttention
from theory.common_zeros import Box, search
from theory.errors import EnclosureError, SettingError
from theory.means import enclosure, sign
from theory.roots import PositiveRoot
from theory.setting import Setting


@dataclass(frozen=True)
class AnisotropicPoint:
    """A stationary point, up to its symmetries: (v, M) → (sv, M/s), reflections, and rotations within an eigenspace of S.

    name            "global minimum", "zero predictor", "one direction" (v_y = 0, A = 0), "mixed direction" (v_x in one eigenspace) or
                    "several directions"
    kind            "global minimum", "local minimum", "saddle", or "undecided" where the Hessian has a further zero eigenvalue, no negative
                    one, and higher orders are not known
    eigenvalues     λ_k of the eigenspaces in which v_x lies
    ratios          ρ_k = |P_kΣ^½v_x|²/v_y² for these, v_x the sum of one vector in each; empty where v_y = 0 or v_x = 0
    loss            L there, exact
    index, nullity  numbers of negative and zero eigenvalues of the Hessian over (v, A, c); for the zero predictor, nullity is None, as
                    its set has parts of several dimensions
    representative  one member
    certificate     how it is known
    """

    name: str
    kind: str
    eigenvalues: tuple[Any, ...]
    ratios: tuple[Any, ...]
    loss: Any
    index: int
    nullity: int | None
    representative: LinearAttention
    certificate: str


# the points


def anisotropic_points(setting: Setting) -> tuple[AnisotropicPoint, ...]:
    """The stationary points of L over all (v, M) for Gaussian covariates N(0, Σ) and task vectors N(0, W), as orbits of symmetries.

    Complete but for points with v_y ≠ 0 whose v_x has parts in three or four eigenspaces of Σ^½WΣ^½: see `completeness`. Σ, W are
    explicit and rational, as are the eigenvalues of ΣW. Raises SettingError, and EnclosureError where a point is degenerate, or too
    nearly so to be certified.

    >>> from sympy import diag
    >>> from theory import Gaussian, Linear
    >>> setting = Setting(covariates=Gaussian.isotropic(2), response=Linear(diag(4, 1)), noise_variance=1, context_length=8)
    >>> for point in anisotropic_points(setting):
    ...     print(point.name, point.eigenvalues, point.kind, enclosure(point.loss).str(6, radius=False))
    global minimum () global minimum 2.41905
    zero predictor () saddle 6.00000
    one direction (4,) local minimum 2.95238
    one direction (1,) saddle 5.46667
    mixed direction (4,) saddle 4.51660
    several directions (4, 1) saddle 3.95417
    """
    return _Points(setting).all()


def completeness(setting: Setting) -> str:
    """What is proved about the list of `anisotropic_points`, and what is not."""
    found, _ = decomposed(setting)
    distinct = len(found.values)
    proved = (
        "Complete, with kinds: all points with v_y = 0 or v_x = 0 (closed form), and all with v_y ≠ 0 and v_x in at most two eigenspaces "
        "of Σ^½WΣ^½ (real roots of one polynomial, common zeros of two: isolated, none missed)."
    )
    if distinct <= 2:
        return f"{proved} Σ^½WΣ^½ has {distinct} here, so the list is complete."
    balance = euler_balance(setting)
    return (
        f"{proved} v_x lies in four eigenspaces at most. Not proved: that there are no more points with v_x in three or four of the "
        f"{distinct} eigenspaces here than those listed, each certified, which Newton's method found from a grid of starts. Morse's count "
        f"of the list is {balance[0]}, and that of a complete one {balance[1]}: "
        f"{'equal, as it must be' if balance[0] == balance[1] else 'points are missing'}."
    )


def euler_balance(setting: Setting) -> tuple[int, int]:
    """Σ (−1)^index χ(orbit) over the critical points of the profile on the sphere of all v, and the χ of that sphere, 1 + (−1)^d, which it
    equals for a complete list (Morse, Bott). Raises SettingError where a point is degenerate."""
    found, _ = decomposed(setting)
    total = 0
    for point in anisotropic_points(setting):
        if point.name == "zero predictor":
            continue
        active = [found.values.index(value) for value in point.eigenvalues]
        normal = 1 + sum(found.sizes[k] - 1 for k in active)
        if point.nullity != normal:
            raise SettingError("euler_balance: a point of the setting is degenerate; change a number of it.")
        spheres = [1 + (-1) ** (found.sizes[k] - 1) for k in active]  # χ of a sphere of dimension m − 1
        total += (-1) ** point.index * prod(spheres) * (1 if point.name == "one direction" else 2)
    if found.rank < found.dimension:  # v_x in the kernel of W: the profile is greatest there
        total += (-1) ** (found.rank + 1) * (1 + (-1) ** (found.sizes[-1] - 1))
    return total, 1 + (-1) ** found.dimension


class _Points:
    """The points of one setting."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.found, self.basis = decomposed(setting)
        self.count = len(self.found.values)
        self.scale = self.found.tau
        self.exact = Spectrum(
            self.found.values,
            self.found.sizes,
            *(tuple(map(_exact, part)) if isinstance(part, tuple) else _exact(part) for part in self.found[2:]),
        )

    def all(self) -> tuple[AnisotropicPoint, ...]:
        signals = [k for k in range(self.count) if self.found.values[k] != 0]
        faces = [active for size in range(3, min(self.count, 4) + 1) for active in combinations(range(self.count), size)]
        return (
            self._minimum(),
            self._zero(),
            *(self._one_direction(k) for k in signals),
            *(point for k in range(self.count) for point in self._on_axis(k)),
            *(point for pair in combinations(range(self.count), 2) for point in self._on_face(pair)),
            *(point for active in faces for point in self._inside(active)),
        )

    # closed form

    def _minimum(self) -> AnisotropicPoint:
        found = self.found
        step = sum((q / p * projector for q, p, projector in zip(found.q, found.p, self.basis.projectors, strict=True)), self._empty)
        loss = found.tau - sum(size * found.gain(k) for k, size in enumerate(found.sizes))
        layer = self._layer(0 * self.basis.directions[0], 1, step, 0 * self.basis.directions[0])
        return AnisotropicPoint("global minimum", "global minimum", (), (), loss, 0, 1, layer, "closed form")

    @property
    def _empty(self) -> Any:
        return 0 * self.basis.projectors[0]

    def _zero(self) -> AnisotropicPoint:
        none = 0 * self.basis.directions[0]
        layer = self._layer(none, 0, self._empty, none)
        return AnisotropicPoint("zero predictor", "saddle", (), (), self.found.tau, self.found.rank + 1, None, layer, "closed form")

    def _one_direction(self, k: int) -> AnisotropicPoint:
        found, turn = self.found, sign(self.found.turn(k))
        index = sum(found.sizes[:k]) + (turn < 0)
        # where the second derivative in v_y vanishes, reflections leave the axis of v_x to decide
        low = turn > 0 or (turn == 0 and self._rises_from_infinity(k))
        kind = "saddle" if sum(found.sizes[:k]) or not low else "global minimum" if found.rank == 1 else "local minimum"
        direction = self.basis.directions[k]
        layer = self._layer(direction, 0, self._empty, found.q[k] / found.p[k] * direction)
        loss = found.tau - found.gain(k)
        return AnisotropicPoint(
            "one direction", kind, (found.values[k],), (), loss, index, found.sizes[k] + (turn == 0), layer, "closed form"
        )

    def _rises_from_infinity(self, k: int) -> bool:
        turning = self._turning((k,))
        return bool(turning.LC() < 0)

    # v_y = 1

    def _on_axis(self, k: int) -> list[AnisotropicPoint]:
        turning = self._turning((k,))
        roots = []
        for factor, times in turning.sqf_list()[1]:
            count = factor.count_roots(0, None) - (factor.eval(0) == 0)
            roots += [(PositiveRoot(factor.all_coeffs(), index), factor, times) for index in range(count)]
        roots.sort(key=lambda root: rational_of(enclosure(root[0], 128).mid()))
        before, points = 1, []  # the profile rises from the global minimum
        for root, factor, times in roots:
            after = before * (-1) ** times
            across = [(self._across(k, other, root, factor), self.found.sizes[other]) for other in range(self.count) if other != k]
            signs = [(after if times == 1 else 0, 1), *across]
            lowest = (before, after) == (-1, 1)
            points.append(self._mixed((k,), (root,), signs, lowest, "root of a polynomial, all isolated"))
            before = after
        return points

    def _across(self, k: int, other: int, root: Any, factor: Poly) -> int:
        """The sign of the derivative of the profile by another share, at a root of the factor on an axis."""
        slope = self._turning((k,), other)
        common = slope.gcd(factor)
        if common.degree() > 0:
            try:  # the factor has no double roots, so this is one of the common part or of the rest
                sign(factor.quo(common).as_expr().subs(_SHARES[0], root))
            except EnclosureError:
                pass
            else:
                return 0
        return sign(slope.as_expr().subs(_SHARES[0], root))

    def _turning(self, active: tuple[int, ...], other: int | None = None) -> Poly:
        """On an axis, a polynomial with the sign of the derivative of the profile by its share, or by another one that is 0."""
        numerators, determinant, ring = self._core(active, other)
        involved = active if other is None else (*active, other)
        return Poly(self._with_rest(numerators[0], determinant, involved, ring, ring.one).as_expr(), _SHARES[0], domain=QQ)

    def _with_rest(self, numerator: Any, determinant: Any, involved: tuple[int, ...], ring: Any, length: Any) -> Any:
        """numerator/determinant² + length · Σ m q²β/(p + βr)² over the dimensions without a part of v_x, times all denominators."""
        rest = rest_of(self.found, involved)
        r = sum(ring.gens[1:], ring.gens[0])
        squares = [(ring(_exact(self.found.p[k])) + r * _exact(self.found.beta)) ** 2 for k, _ in rest]
        total = prod(squares, start=ring.one) * numerator
        for at, (k, count) in enumerate(rest):
            weight = _exact(count * self.found.beta * self.found.q[k] ** 2)
            total += determinant**2 * length * weight * prod(squares[:at] + squares[at + 1 :], start=ring.one)
        return total

    def _core(self, active: tuple[int, ...], other: int | None = None) -> tuple[list[Any], Any, Any]:
        """Numerators of the derivatives of −tr M⁻¹Λ by the shares of the active eigenspaces, or by another one that is 0; their denominator
        is the square of det M, which comes next; and the ring of polynomials in the active shares."""
        ring = QQ[_SHARES[: len(active)]].ring
        involved, shares = active, list(ring.gens)
        if other is not None:
            involved, shares = (*active, other), [*shares, ring.zero]
        M, load = (_over(ring, matrix) for matrix in system_of(self.exact, involved, shares))
        adjugate, determinant = M.adj_det()
        solved = adjugate * load
        numerators = []
        for at in range(len(active)) if other is None else [len(active)]:
            slope, load_slope = (_over(ring, matrix) for matrix in slope_of(self.exact, involved, at, ring.one))
            numerators.append(_trace(adjugate * slope * solved) - determinant * _trace(adjugate * load_slope))
        return numerators, determinant, ring

    def _on_face(self, pair: tuple[int, int]) -> list[AnisotropicPoint]:
        numerators, determinant, ring = self._core(pair)
        first, second = ring.gens
        angular = numerators[1] - numerators[0]
        radial = self._with_rest(first * numerators[0] + second * numerators[1], determinant, pair, ring, first + second)
        certified = Certified(self.found, pair)
        search([_in_square(polynomial, self.scale) for polynomial in (angular, radial)], lambda box: certified.settles(*self._shares(box)))
        return [self._several(pair, place, "common zero of two polynomials, all isolated") for place in certified.places]

    def _shares(self, box: Box) -> tuple[list[Any], bool]:
        """The shares in a box twice as large, and whether they are finite."""
        (left, right), (low, high) = box.sides
        part, angle = (arb((a + b) / 2, b - a) for a, b in ((left, right), (low, high)))
        if not part < 1:
            return [], False
        length = to_arb(self.scale) * (1 / (1 - part) - 1)
        return [length * (1 - angle), length * angle], True

    def _inside(self, active: tuple[int, ...]) -> list[AnisotropicPoint]:
        certified = Certified(self.found, active)
        for power, weights in product(range(-2, 6), _compositions(len(active) + 2, len(active))):
            length = to_arb(self.scale) * arb(4) ** power / sum(weights)
            certified.search_from([length * weight for weight in weights])
        return [self._several(active, place, "certified by Krawczyk's test; found by search") for place in certified.places]

    def _several(self, active: tuple[int, ...], place: tuple[Tuple, Tuple], certificate: str) -> AnisotropicPoint:
        box = Tuple(*map(sympify, active)), *place
        shares = tuple(CriticalShare(flattened(self.found), *box, index) for index in range(len(active)))
        gradient, hessian = NumericProfile(self.found, active).derivatives(refined((flattened(self.found), *box), 128))
        across = [(sign_of(gradient[k]), self.found.sizes[k]) for k in range(self.count) if k not in active]
        signs = [*((value, 1) for value in signs_of_form(hessian)), *across]
        return self._mixed(active, shares, signs, True, certificate)

    def _mixed(
        self, active: tuple[int, ...], ratios: tuple[Any, ...], signs: list[tuple[int, int]], lowest: bool, certificate: str
    ) -> AnisotropicPoint:
        """signs  of the second derivatives of the profile, each with its dimension; lowest  that it is least where one of them is 0"""
        found = self.found
        index, degenerate = (sum(size for value, size in signs if value == wanted) for wanted in (-1, 0))
        flat_across = any(value == 0 for value, _ in signs[1:])
        kind = "saddle" if index or not lowest else "undecided" if flat_across else "local minimum"
        nullity = 1 + sum(found.sizes[k] - 1 for k in active) + degenerate
        loss, layer = self._least(active, ratios)
        name = "mixed direction" if len(active) == 1 else "several directions"
        return AnisotropicPoint(name, kind, tuple(found.values[k] for k in active), ratios, loss, index, nullity, layer, certificate)

    def _least(self, active: tuple[int, ...], ratios: tuple[Any, ...]) -> tuple[Any, LinearAttention]:
        """The least loss at given v with v_y = 1, and the layer."""
        found, last = self.found, len(active)
        ring = QQ[_SHARES[:last]].ring
        M, load = (_over(ring, matrix) for matrix in system_of(self.exact, active, list(ring.gens)))
        adjugate, determinant = M.adj_det()
        at = dict(zip(_SHARES, ratios, strict=False))

        def value(polynomial: Any) -> Any:
            return polynomial.as_expr().xreplace(at)

        X = [[entry / value(determinant) for entry in map(value, row)] for row in adjugate.to_list()]
        across = [q / (p + found.beta * sum(ratios)) for q, p in zip(found.q, found.p, strict=True)]
        loss = (
            found.tau
            - sum(count * found.q[k] * across[k] for k, count in rest_of(found, active))
            - value(_trace(adjugate * load)) / value(determinant)
        )
        f = [self.basis.directions[k] for k in active]
        A = sum((weight * projector for weight, projector in zip(across, self.basis.projectors, strict=True)), self._empty)
        keys = values = 0 * f[0]
        for j, k in enumerate(active):
            root, weight = sqrt(ratios[j]), found.q[k]
            A -= across[k] * f[j] * f[j].T
            for i in range(last):
                A += weight * sqrt(ratios[i]) / root * (X[i][j] + ratios[j] * X[i][last]) * f[i] * f[j].T
            keys += weight / root * (X[last][j] + ratios[j] * X[last][last]) * f[j]
            values += root * f[j]
        return loss, self._layer(values, 1, A, keys)

    def _layer(self, values: Any, label_value: Any, A: Any, keys: Any) -> LinearAttention:
        scale = self.setting.normalisation
        return LinearAttention.from_blocks(
            covariate_value=scale * values, label_value=scale * label_value, covariate_key_query=A, label_key_query=keys
        )


_SHARES = tuple(Symbol(f"rho_{k + 1}", positive=True) for k in range(16))


def _exact(value: Any) -> Any:
    return QQ.from_sympy(value)


def _over(ring: Any, matrix: list[list[Any]]) -> DomainMatrix:
    return DomainMatrix([[ring(entry) for entry in row] for row in matrix], (len(matrix), len(matrix)), ring.to_domain())


def _trace(matrix: DomainMatrix) -> Any:
    rows = matrix.to_list()
    return sum((rows[i][i] for i in range(1, len(rows))), rows[0][0])


def _in_square(polynomial: Any, scale: Any) -> dict[tuple[int, int], Any]:
    """A polynomial in two shares with ρ₁ = s p(1−θ)/(1−p), ρ₂ = s pθ/(1−p), times a power of 1 − p, as one in p and θ without the
    factors p, 1 − p, θ, 1 − θ."""
    square = QQ[Symbol("p"), Symbol("theta")].ring
    p, theta = square.gens
    degree = max(sum(powers) for powers in polynomial.monoms())
    total = square.zero
    for (i, j), value in polynomial.terms():
        total += (p ** (i + j) * (1 - p) ** (degree - i - j) * (1 - theta) ** i * theta**j) * (value * _exact(scale) ** (i + j))
    for factor in (p, 1 - p, theta, 1 - theta):
        quotient, remainder = divmod(total, factor)
        while not remainder:
            total = quotient
            quotient, remainder = divmod(total, factor)
    return {powers: fmpq(int(value.numerator), int(value.denominator)) for powers, value in total.terms()}


def _compositions(total: int, parts: int) -> list[tuple[int, ...]]:
    """Of a whole number into positive parts."""
    cuts = combinations(range(1, total), parts - 1)
    return [tuple(b - a for a, b in pairwise((0, *cut, total))) for cut in cuts]


__all__ = ["AnisotropicPoint", "Spectrum", "anisotropic_points", "completeness", "euler_balance", "spectrum"]
