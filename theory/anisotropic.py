"""The stationary points of the in-context loss for any Gaussian (Σ, W), preferred directions included.

In whitened coordinates, Σ^½v_x, Σ^½AΣ^½, Σ^½c, only S = Σ^½WΣ^½ is left of Σ and W, whether they commute or not (theorem `whitening`); let λ_k be its
eigenvalues, m_k times each. Off v = 0 the loss is a strictly convex quadratic in (A, c), so at given v it has one stationary point in (A, c)
and the loss there, the *profile*, is a function of the shares v_y² and ρ_k = |P_k Σ^½v_x|², P_k the eigenprojections: a quotient of
polynomials, homogeneous of degree 0. So points with v ≠ 0 are the critical points of a function on a simplex, face by face; those with v = 0
are zero predictors. With v_y = 0 the profile is a Rayleigh quotient: one eigenspace, in closed form. With v_y = 1 and one eigenspace the
critical ρ are the roots of a polynomial, with two the common zeros of two polynomials in the unit square: all are found, and certified. With
three or four they are sought by Newton's method, each certified by Krawczyk's test, but none is known to be the last; more there cannot be.

Proofs in docs/anisotropic.md; the one-direction points are the theorem `rank-one-points`. Source: derived here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from itertools import combinations, pairwise, product
from math import prod
from typing import Any, NamedTuple

from flint import acb, arb, arb_mat, ctx, fmpq
from sympy import QQ, Matrix, Poly, Rational, S, Symbol, Tuple, sqrt, sympify
from sympy.core.basic import Basic
from sympy.matrices.matrixbase import MatrixBase
from sympy.polys.matrices import DomainMatrix

from theory import notation
from theory.attention import LinearAttention
from theory.coefficients import _C, _EXCESS, _K, general_coefficients
from theory.common_zeros import Box, search
from theory.covariates import Gaussian
from theory.errors import EnclosureError, SettingError
from theory.loss import written_out
from theory.means import Enclosed, enclosure, sign
from theory.responses import Linear
from theory.roots import PositiveRoot
from theory.setting import Setting

_WHERE = "anisotropic_points"


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


class Spectrum(NamedTuple):
    """What the loss in whitened coordinates depends on: with B = v_y A + v_x cᵀ, and A_k, c_k the columns in eigenspace k,

    L = τ + Σ_k (‖B_k‖² in the metric Σ_l p_l P_l − 2 q_k tr P_k B_k) + α|Aᵀv_x|² + β‖A‖²|v_x|² + 2 v_y cᵀAᵀ(Σ_l γ_l P_l)v_x + δ v_y²|c|².

    values   λ_k, falling; sizes  m_k; p, q, gamma  one for each λ_k; alpha, beta, delta, tau
    """

    values: tuple[Any, ...]
    sizes: tuple[int, ...]
    p: tuple[Any, ...]
    q: tuple[Any, ...]
    gamma: tuple[Any, ...]
    alpha: Any
    beta: Any
    delta: Any
    tau: Any

    @property
    def dimension(self) -> int:
        """d"""
        return sum(self.sizes)

    @property
    def rank(self) -> int:
        """The rank of W"""
        return sum(size for value, size in zip(self.values, self.sizes, strict=True) if value != 0)

    @property
    def cross(self) -> tuple[Any, ...]:
        """p_k + γ_k, for the term 2 v_y c·α of a column of A"""
        return tuple(p + gamma for p, gamma in zip(self.p, self.gamma, strict=True))

    def gain(self, k: int) -> Any:
        """By which one direction in eigenspace k lowers the loss, q²/p = nλ²/((n+1)λ + τ)."""
        return self.q[k] ** 2 / self.p[k]

    def turn(self, k: int) -> Any:
        """Half the second derivative in v_y of the profile at one direction in eigenspace k with |v_x| = 1: b²(δ − γ²/(α+β)) − Σ q_j²/β over the
        other dimensions j, with b = q/p."""
        rest = self.delta - self.gamma[k] ** 2 / (self.alpha + self.beta)
        return (self.q[k] / self.p[k]) ** 2 * rest - sum(size * q**2 for q, size in self._others(k)) / self.beta

    def _others(self, k: int) -> list[tuple[Any, int]]:
        return [(q, size - (j == k)) for j, (q, size) in enumerate(zip(self.q, self.sizes, strict=True))]


class _Basis(NamedTuple):
    """S = Σ^½WΣ^½ eigenspace by eigenspace, in the coordinates of the setting: f = Σ^-½e for a unit eigenvector e, as WΣf = λf, fᵀΣf = 1.

    directions  one f of each eigenspace; projectors  Σ ffᵀ over an orthonormal basis of each
    """

    directions: tuple[Any, ...]
    projectors: tuple[Any, ...]


def spectrum(setting: Setting) -> Spectrum:
    """Of a Gaussian setting with numbers. Raises SettingError.

    >>> from sympy import diag
    >>> found = spectrum(Setting(covariates=Gaussian(diag(1, 2)), response=Linear(diag(4, 2)), noise_variance=1, context_length=3))
    >>> found.values, found.sizes, found.p
    ((4,), (2,), (75,))
    """
    return _decomposed(setting)[0]


@cache
def _decomposed(setting: Setting) -> tuple[Spectrum, _Basis]:
    if not isinstance(setting.covariates, Gaussian) or not isinstance(setting.response, Linear) or setting.response.excess is not None:
        raise SettingError(
            f"{_WHERE}: needs Gaussian covariates and linear responses with a Gaussian task vector; give Gaussian and Linear."
        )
    Sigma, W = written_out(setting.covariates.second_moment), written_out(setting.response.covariance)
    n, noise = setting.context_length, setting.noise_variance
    explicit = all(isinstance(matrix, MatrixBase) and all(entry.is_Rational for entry in matrix) for matrix in (Sigma, W))
    if not (explicit and n.is_Integer and noise.is_Rational):
        raise SettingError(
            f"{_WHERE}: needs explicit Σ and W of rationals and numbers for n and σ², got Σ = {Sigma}, W = {W}, n = {n}, σ² = {noise}; "
            "stationary_points takes symbols where W is a multiple of Σ⁻¹."
        )
    product_ = Matrix(W * Sigma)
    factors = product_.charpoly().factor_list()[1]
    unsplit = [factor.as_expr() for factor, _ in factors if factor.degree() > 1]
    if unsplit:
        raise SettingError(f"{_WHERE}: the eigenvalues of ΣW must be rational, but {unsplit[0]} has none; give (Σ, W) with rational ones.")
    if W.is_zero_matrix:
        raise SettingError(f"{_WHERE}: W is 0, so no layer predicts better than 0 does; global_minimiser lists the minimisers.")
    found = sorted(((-factor.nth(0) / factor.nth(1), size) for factor, size in factors), reverse=True)
    directions, projectors = [], []
    for value, _ in found:
        basis = Matrix.hstack(*(product_ - value * Matrix.eye(product_.rows)).nullspace())
        gram = basis.T * Sigma * basis
        directions.append((basis[:, 0] / sqrt(gram[0, 0])).as_immutable())
        projectors.append((basis * gram.inv() * basis.T).as_immutable())
    values, sizes = (tuple(part) for part in zip(*found, strict=True))
    moments = setting.moments
    shared = {
        notation.n: n,
        notation.d: product_.rows,
        notation.tau: moments.tau,
        notation.mu_4: moments.mu_4,
        notation.mu_22: moments.mu_22,
    }
    # E y²xxᵀ = τΣ + 2ΣWΣ and E yy'xx'ᵀ = ΣWΣ, of which the loss is a linear function: so each eigenspace has the coefficients of a
    # setting without a preferred direction
    each = [
        [part.xreplace(shared | {_C: moments.tau + 2 * value, _K: value, _EXCESS: S.Zero}) for part in general_coefficients()]
        for value in values
    ]
    p, q, alpha, beta, gamma, delta, tau = zip(*each, strict=True)
    return Spectrum(values, sizes, p, q, gamma, alpha[0], beta[0], delta[0], tau[0]), _Basis(tuple(directions), tuple(projectors))


# the profile


def _system(found: Spectrum, active: tuple[int, ...], shares: list[Any]) -> tuple[list[list[Any]], list[list[Any]]]:
    """M and Λ with v_y = 1: of the quadratic form of a column (α, c), and Σ_k q_k²ℓ_kℓ_kᵀ of the linear terms, so that the least value is
    −tr M⁻¹Λ. Over one unit vector in each active eigenspace, and with rows and columns scaled so that no root of a share is in it."""
    length, size = sum(shares[1:], shares[0]), len(active)
    zero = 0 * length
    M = [[zero + found.alpha * shares[j] for j in range(size)] + [zero + found.cross[k]] for k in active]
    for i, k in enumerate(active):
        M[i][i] = M[i][i] + found.p[k] + found.beta * length
    corner = sum((found.p[k] * share for k, share in zip(active, shares, strict=True)), zero)
    M.append([found.cross[k] * share for k, share in zip(active, shares, strict=True)] + [corner + found.delta])
    weights = [found.q[k] ** 2 for k in active]
    loads = [[zero + (weights[i] if j in (i, size) else 0) for j in range(size + 1)] for i in range(size)]
    last = [weight * share for weight, share in zip(weights, shares, strict=True)]
    return M, [*loads, [*last, sum(last, zero)]]


def _slope(found: Spectrum, active: tuple[int, ...], at: int, one: Any) -> tuple[list[list[Any]], list[list[Any]]]:
    """∂M and ∂Λ by the share of the active eigenspace number `at`: both are linear in the shares."""
    k, size = active[at], len(active)
    zero = 0 * one
    M = [[zero + (found.alpha if j == at else 0) + (found.beta if i == j else 0) for j in range(size)] + [zero] for i in range(size)]
    row = [zero + (found.cross[k] if j == at else 0) for j in range(size)]
    load = [[zero] * (size + 1) for _ in range(size)]
    return [*M, [*row, zero + found.p[k]]], [*load, [zero + (found.q[k] ** 2 if j in (at, size) else 0) for j in range(size + 1)]]


def _rest(found: Spectrum, active: tuple[int, ...]) -> list[tuple[int, int]]:
    """The dimensions in which no part of v_x lies: eigenspaces and their numbers, without those that have no signal."""
    counts = [(k, size - (k in active)) for k, size in enumerate(found.sizes)]
    return [(k, count) for k, count in counts if count and found.q[k] != 0]


class _Numeric:
    """The profile of the active eigenspaces in arb, at v_y = 1, with its derivatives by all K shares; shares of others are 0."""

    def __init__(self, found: Spectrum, active: tuple[int, ...]) -> None:
        self.every = tuple(range(len(found.values)))
        self.active = active
        self.rest = [(k, int(count)) for k, count in _rest(found, self.every)]  # python-flint takes a sympy Integer for a float
        self.found = Spectrum(
            found.values,
            found.sizes,
            *(tuple(map(_number, part)) for part in (found.p, found.q, found.gamma)),
            *map(_number, (found.alpha, found.beta, found.delta, found.tau)),
        )
        slopes = [_slope(self.found, self.every, k, arb(1)) for k in self.every]
        self.slopes = [(arb_mat(M), arb_mat(load)) for M, load in slopes]

    def derivatives(self, shares: list[Any], *, second: bool = True) -> tuple[list[Any], list[list[Any]]]:
        """The gradient by all shares, and the Hessian by the active ones. Raises ZeroDivisionError on boxes too large for it."""
        full = [arb(0)] * len(self.every)
        for k, share in zip(self.active, shares, strict=True):
            full[k] = share
        M, load = map(arb_mat, _system(self.found, self.every, full))
        inverse = M.inv()
        solved = inverse * load
        length = sum(shares[1:], shares[0])
        falls = [(self.found.beta * self.found.q[k] ** 2 * count, self.found.p[k] + self.found.beta * length) for k, count in self.rest]
        tail = sum((weight / across**2 for weight, across in falls), arb(0))
        moved = [inverse * M_k for M_k, _ in self.slopes]
        loaded = [inverse * load_k for _, load_k in self.slopes]
        gradient = [tail - loaded[k].trace() + (moved[k] * solved).trace() for k in self.every]
        if not second:
            return gradient, []
        bend = sum((2 * self.found.beta * weight / across**3 for weight, across in falls), arb(0))

        def entry(a: int, b: int) -> Any:
            twice = moved[a] * moved[b] + moved[b] * moved[a]
            return (moved[a] * loaded[b]).trace() + (moved[b] * loaded[a]).trace() - (twice * solved).trace() - bend

        return gradient, [[entry(a, b) for b in self.active] for a in self.active]


def _krawczyk(profile: _Numeric, box: list[Any]) -> list[Any] | None:
    """K(box) of Krawczyk for the gradient by the active shares, Y the inverse of the Hessian at the middle; None where it does not exist. Where it lies in the
    interior of the box, there is one zero in the box, and it lies in K; where they do not meet, there is none."""
    size = len(box)
    middle = [arb(side.mid()) for side in box]
    try:
        gradient, hessian = profile.derivatives(middle)
        _, range_ = profile.derivatives(box)
        Y = arb_mat([[arb(entry.mid()) for entry in row] for row in arb_mat(hessian).inv().tolist()])
    except ZeroDivisionError:
        return None
    step = Y * arb_mat([[gradient[k]] for k in profile.active])
    spread = Y * arb_mat(range_)
    return [
        middle[i] - step[i, 0] + sum(((arb(i == j) - spread[i, j]) * (box[j] - middle[j]) for j in range(size)), arb(0))
        for i in range(size)
    ]


class CriticalShare(Enclosed):
    """A coordinate of the one critical point of the profile in a box, on the interior of a face with v_y = 1.

    found   the numbers of a `Spectrum`, flattened; active  the eigenspaces
    middle, radius  of the box that holds the one point; index  which coordinate it is
    """

    is_positive = True

    def __new__(cls, found: Tuple, active: Tuple, middle: Tuple, radius: Tuple, index: Any) -> CriticalShare:
        return Basic.__new__(cls, found, active, middle, radius, sympify(index))

    index = property(lambda self: self.args[4])

    def ball(self, environment: Any, analytic: bool) -> Any:
        """The value as an acb, by Krawczyk's iteration at the precision asked for."""
        return acb(_refined(self.args[:4], ctx.prec)[int(self.index)])

    def _latex(self, printer: Any) -> str:
        return rf"\rho_{{{self.args[1][int(self.index)] + 1}}}"


@cache
def _refined(place: tuple[Tuple, ...], precision: int) -> list[Any]:
    found, active, middle, radius = place
    before, ctx.prec = ctx.prec, precision + 40
    try:
        profile = _Numeric(_unflattened(found), tuple(map(int, active)))
        box = [arb(_rational(m), _rational(r)) for m, r in zip(middle, radius, strict=True)]
        for _ in range(64):
            image = _krawczyk(profile, box)
            if image is None or not all(side.overlaps(old) for side, old in zip(image, box, strict=True)):
                raise EnclosureError("CriticalShare: the box holds no certified point.")
            smaller = [side.intersection(old) for side, old in zip(image, box, strict=True)]
            done = all(new.rad() * 2 > old.rad() for new, old in zip(smaller, box, strict=True))
            box = smaller
            if done:
                break
        return box
    finally:
        ctx.prec = before


def _flattened(found: Spectrum) -> Tuple:
    return Tuple(*(Tuple(*part) if isinstance(part, tuple) else part for part in found))


def _unflattened(found: Tuple) -> Spectrum:
    return Spectrum(*(tuple(part) if isinstance(part, Tuple) else part for part in found))


def _rational(value: Any) -> Any:
    return fmpq(int(value.p), int(value.q))


def _sympy(value: Any) -> Any:
    """The exact value of an arb without a radius."""
    mantissa, exponent = value.man_exp()
    return Rational(int(mantissa)) * Rational(2) ** int(exponent)


# the points


def anisotropic_points(setting: Setting) -> tuple[AnisotropicPoint, ...]:
    """The stationary points of L over all (v, M) for Gaussian covariates N(0, Σ) and task vectors N(0, W), as orbits of their symmetries.

    Complete but for points with v_y ≠ 0 whose v_x has parts in three or four eigenspaces of Σ^½WΣ^½: see `completeness`. Σ, W are
    explicit and rational, as are the eigenvalues of ΣW. Raises SettingError, and EnclosureError where a point is degenerate, or too nearly so to be certified.

    >>> from sympy import diag
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
    found, _ = _decomposed(setting)
    distinct = len(found.values)
    proved = (
        "Complete, with kinds: all points with v_y = 0 or v_x = 0 (closed form), and all with v_y ≠ 0 and v_x in at most two eigenspaces of "
        "Σ^½WΣ^½ (real roots of one polynomial, common zeros of two: isolated, none missed)."
    )
    if distinct <= 2:
        return f"{proved} Σ^½WΣ^½ has {distinct} here, so the list is complete."
    balance = euler_balance(setting)
    return (
        f"{proved} v_x lies in four eigenspaces at most. Not proved: that there are no more points with v_x in three or four of the {distinct} "
        f"eigenspaces here than those listed, each certified, which Newton's method found from a grid of starts. Morse's count of the list is "
        f"{balance[0]}, and that of a complete one {balance[1]}: {'equal, as it must be' if balance[0] == balance[1] else 'points are missing'}."
    )


def euler_balance(setting: Setting) -> tuple[int, int]:
    """Σ (−1)^index χ(orbit) over the critical points of the profile on the sphere of all v, and the χ of that sphere, 1 + (−1)^d, which it equals
    for a complete list (Morse, Bott). Raises SettingError where a point is degenerate."""
    found, _ = _decomposed(setting)
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
        self.found, self.basis = _decomposed(setting)
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
        roots.sort(key=lambda root: _sympy(enclosure(root[0], 128).mid()))
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
        rest = _rest(self.found, involved)
        r = sum(ring.gens[1:], ring.gens[0])
        squares = [(ring(_exact(self.found.p[k])) + r * _exact(self.found.beta)) ** 2 for k, _ in rest]
        total = prod(squares, start=ring.one) * numerator
        for at, (k, count) in enumerate(rest):
            weight = _exact(count * self.found.beta * self.found.q[k] ** 2)
            total += determinant**2 * length * weight * prod(squares[:at] + squares[at + 1 :], start=ring.one)
        return total

    def _core(self, active: tuple[int, ...], other: int | None = None) -> tuple[list[Any], Any, Any]:
        """Numerators of the derivatives of −tr M⁻¹Λ by the shares of the active eigenspaces, or by another one that is 0; their denominator is
        the square of det M, which comes next; and the ring of polynomials in the active shares."""
        ring = QQ[_SHARES[: len(active)]].ring
        involved, shares = active, list(ring.gens)
        if other is not None:
            involved, shares = (*active, other), [*shares, ring.zero]
        M, load = (_over(ring, matrix) for matrix in _system(self.exact, involved, shares))
        adjugate, determinant = M.adj_det()
        solved = adjugate * load
        numerators = []
        for at in range(len(active)) if other is None else [len(active)]:
            slope, load_slope = (_over(ring, matrix) for matrix in _slope(self.exact, involved, at, ring.one))
            numerators.append(_trace(adjugate * slope * solved) - determinant * _trace(adjugate * load_slope))
        return numerators, determinant, ring

    def _on_face(self, pair: tuple[int, int]) -> list[AnisotropicPoint]:
        numerators, determinant, ring = self._core(pair)
        first, second = ring.gens
        angular = numerators[1] - numerators[0]
        radial = self._with_rest(first * numerators[0] + second * numerators[1], determinant, pair, ring, first + second)
        certified = _Certified(self.found, pair)
        search([_in_square(polynomial, self.scale) for polynomial in (angular, radial)], lambda box: certified.settles(*self._shares(box)))
        return [self._several(pair, place, "common zero of two polynomials, all isolated") for place in certified.places]

    def _shares(self, box: Box) -> tuple[list[Any], bool]:
        """The shares in a box twice as large, and whether they are finite."""
        (left, right), (low, high) = box.sides
        part, angle = (arb((a + b) / 2, b - a) for a, b in ((left, right), (low, high)))
        if not part < 1:
            return [], False
        length = _number(self.scale) * (1 / (1 - part) - 1)
        return [length * (1 - angle), length * angle], True

    def _inside(self, active: tuple[int, ...]) -> list[AnisotropicPoint]:
        certified = _Certified(self.found, active)
        for power, weights in product(range(-2, 6), _compositions(len(active) + 2, len(active))):
            length = _number(self.scale) * arb(4) ** power / sum(weights)
            certified.search_from([length * weight for weight in weights])
        return [self._several(active, place, "certified by Krawczyk's test; found by search") for place in certified.places]

    def _several(self, active: tuple[int, ...], place: tuple[Tuple, Tuple], certificate: str) -> AnisotropicPoint:
        box = Tuple(*map(sympify, active)), *place
        shares = tuple(CriticalShare(_flattened(self.found), *box, index) for index in range(len(active)))
        gradient, hessian = _Numeric(self.found, active).derivatives(_refined((_flattened(self.found), *box), 128))
        across = [(_sign_of(gradient[k]), self.found.sizes[k]) for k in range(self.count) if k not in active]
        signs = [*((value, 1) for value in _signs_of_form(hessian)), *across]
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
        M, load = (_over(ring, matrix) for matrix in _system(self.exact, active, list(ring.gens)))
        adjugate, determinant = M.adj_det()
        at = dict(zip(_SHARES, ratios, strict=False))

        def value(polynomial: Any) -> Any:
            return polynomial.as_expr().xreplace(at)

        X = [[entry / value(determinant) for entry in map(value, row)] for row in adjugate.to_list()]
        across = [q / (p + found.beta * sum(ratios)) for q, p in zip(found.q, found.p, strict=True)]
        loss = (
            found.tau
            - sum(count * found.q[k] * across[k] for k, count in _rest(found, active))
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


class _Certified:
    """Boxes of shares, each with one critical point of the profile of the active eigenspaces, and no two with the same."""

    def __init__(self, found: Spectrum, active: tuple[int, ...]) -> None:
        self.profile = _Numeric(found, active)
        self.boxes: list[list[Any]] = []

    @property
    def places(self) -> list[tuple[Tuple, Tuple]]:
        """Middles and radii"""
        return [(Tuple(*(_sympy(side.mid()) for side in box)), Tuple(*(_sympy(side.rad()) for side in box))) for box in self.boxes]

    def settles(self, box: list[Any], finite: bool) -> bool:
        """Whether the box holds at most one critical point, which is then among the boxes if its shares are positive."""
        image = _krawczyk(self.profile, box) if finite else None
        if image is None:
            return False
        if not all(side.overlaps(old) for side, old in zip(image, box, strict=True)):
            return True
        if not all(old.contains_interior(side) for side, old in zip(image, box, strict=True)):
            return False
        tight = image
        for _ in range(6):
            image = _krawczyk(self.profile, tight)
            if image is None:
                return False
            tight = [side.intersection(old) for side, old in zip(image, tight, strict=True)]
        if any(side < 0 for side in tight):
            return True
        if not all(side > 0 for side in tight):
            return False
        for known in self.boxes:
            if all(old.contains(side) for side, old in zip(known, box, strict=True)):
                return True
            if all(side.overlaps(old) for side, old in zip(known, tight, strict=True)):
                return False
        self.boxes.append(tight)
        return True

    def search_from(self, shares: list[Any]) -> None:
        """Newton's method, which certifies itself where it has ended."""
        for _ in range(24):
            try:
                gradient, hessian = self.profile.derivatives(shares)
                step = arb_mat(hessian).solve(arb_mat([[gradient[k]] for k in self.profile.active]))
            except ZeroDivisionError:
                return
            moved = [arb((share - step[i, 0]).mid()) for i, share in enumerate(shares)]
            if not all(share > 0 for share in moved):
                return
            near = all(abs(new - old) < old * arb(2) ** -24 for new, old in zip(moved, shares, strict=True))
            shares = moved
            if near:
                self.settles([arb(share, share * arb(2) ** -16) for share in shares], True)
                return


_SHARES = tuple(Symbol(f"rho_{k + 1}", positive=True) for k in range(16))


def _exact(value: Any) -> Any:
    return QQ.from_sympy(value)


def _number(value: Any) -> Any:
    return arb(fmpq(int(value.p), int(value.q)))


def _over(ring: Any, matrix: list[list[Any]]) -> DomainMatrix:
    return DomainMatrix([[ring(entry) for entry in row] for row in matrix], (len(matrix), len(matrix)), ring.to_domain())


def _trace(matrix: DomainMatrix) -> Any:
    rows = matrix.to_list()
    return sum((rows[i][i] for i in range(1, len(rows))), rows[0][0])


def _in_square(polynomial: Any, scale: Any) -> dict[tuple[int, int], Any]:
    """A polynomial in two shares with ρ₁ = s p(1−θ)/(1−p), ρ₂ = s pθ/(1−p), times a power of 1 − p, as one in p and θ without the factors p, 1 − p, θ,
    1 − θ."""
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


def _sign_of(value: Any) -> int:
    if value.contains(0):
        raise EnclosureError(f"{_WHERE}: a second derivative is {value}, too near to 0 to tell its sign; change a number of the setting.")
    return 1 if value > 0 else -1


def _signs_of_form(form: list[list[Any]]) -> list[int]:
    """Of a symmetric matrix, by Gauss with the greatest pivot on the diagonal."""
    if not form:
        return []
    pivot = max(range(len(form)), key=lambda k: _sympy(form[k][k].abs_lower()))
    head, rest = form[pivot][pivot], [k for k in range(len(form)) if k != pivot]
    return [_sign_of(head), *_signs_of_form([[form[i][j] - form[i][pivot] * form[pivot][j] / head for j in rest] for i in rest])]


__all__ = ["AnisotropicPoint", "CriticalShare", "Spectrum", "anisotropic_points", "completeness", "euler_balance", "spectrum"]
