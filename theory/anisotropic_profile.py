"""The least loss at given v, for any Gaussian (Σ, W): what it depends on, its derivatives in arb, and certified critical points of it.

The profile at v_y = 1, in the shares ρ_k of the eigenspaces, is τ − Σ m q_k²/(p_k + βr) − tr M⁻¹Λ, r = Σ ρ_k: M and Λ are linear in the
shares, so that its derivatives are traces of products of M⁻¹ and constant matrices. Source: derived here, docs/anisotropic.md.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from flint import acb, arb, arb_mat, ctx, fmpq
from sympy import Matrix, Rational, S, Tuple, sqrt, sympify
from sympy.core.basic import Basic
from sympy.matrices.matrixbase import MatrixBase

from theory import notation
from theory.coefficients import MULTIPLE_C, MULTIPLE_EXCESS, MULTIPLE_K, general_coefficients
from theory.covariates import Gaussian
from theory.errors import EnclosureError, SettingError
from theory.loss import written_out
from theory.means import Enclosed
from theory.responses import Linear
from theory.setting import Setting

_WHERE = "anisotropic_points"


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
        """Half the second derivative in v_y of the profile at one direction in eigenspace k with |v_x| = 1: b²(δ − γ²/(α+β)) − Σ q_j²/β
        over the other dimensions j, with b = q/p."""
        rest = self.delta - self.gamma[k] ** 2 / (self.alpha + self.beta)
        return (self.q[k] / self.p[k]) ** 2 * rest - sum(size * q**2 for q, size in self._others(k)) / self.beta

    def _others(self, k: int) -> list[tuple[Any, int]]:
        return [(q, size - (j == k)) for j, (q, size) in enumerate(zip(self.q, self.sizes, strict=True))]


class Basis(NamedTuple):
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
    return decomposed(setting)[0]


@cache
def decomposed(setting: Setting) -> tuple[Spectrum, Basis]:
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
        [
            part.xreplace(shared | {MULTIPLE_C: moments.tau + 2 * value, MULTIPLE_K: value, MULTIPLE_EXCESS: S.Zero})
            for part in general_coefficients()
        ]
        for value in values
    ]
    p, q, alpha, beta, gamma, delta, tau = zip(*each, strict=True)
    return Spectrum(values, sizes, p, q, gamma, alpha[0], beta[0], delta[0], tau[0]), Basis(tuple(directions), tuple(projectors))


def system_of(found: Spectrum, active: tuple[int, ...], shares: list[Any]) -> tuple[list[list[Any]], list[list[Any]]]:
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


def slope_of(found: Spectrum, active: tuple[int, ...], at: int, one: Any) -> tuple[list[list[Any]], list[list[Any]]]:
    """∂M and ∂Λ by the share of the active eigenspace number `at`: both are linear in the shares."""
    k, size = active[at], len(active)
    zero = 0 * one
    M = [[zero + (found.alpha if j == at else 0) + (found.beta if i == j else 0) for j in range(size)] + [zero] for i in range(size)]
    row = [zero + (found.cross[k] if j == at else 0) for j in range(size)]
    load = [[zero] * (size + 1) for _ in range(size)]
    return [*M, [*row, zero + found.p[k]]], [*load, [zero + (found.q[k] ** 2 if j in (at, size) else 0) for j in range(size + 1)]]


def rest_of(found: Spectrum, active: tuple[int, ...]) -> list[tuple[int, int]]:
    """The dimensions in which no part of v_x lies: eigenspaces and their numbers, without those that have no signal."""
    counts = [(k, size - (k in active)) for k, size in enumerate(found.sizes)]
    return [(k, count) for k, count in counts if count and found.q[k] != 0]


class NumericProfile:
    """The profile of the active eigenspaces in arb, at v_y = 1, with its derivatives by all K shares; shares of others are 0."""

    def __init__(self, found: Spectrum, active: tuple[int, ...]) -> None:
        self.every = tuple(range(len(found.values)))
        self.active = active
        self.rest = [(k, int(count)) for k, count in rest_of(found, self.every)]  # python-flint takes a sympy Integer for a float
        self.found = Spectrum(
            found.values,
            found.sizes,
            *(tuple(map(to_arb, part)) for part in (found.p, found.q, found.gamma)),
            *map(to_arb, (found.alpha, found.beta, found.delta, found.tau)),
        )
        slopes = [slope_of(self.found, self.every, k, arb(1)) for k in self.every]
        self.slopes = [(arb_mat(M), arb_mat(load)) for M, load in slopes]

    def derivatives(self, shares: list[Any], *, second: bool = True) -> tuple[list[Any], list[list[Any]]]:
        """The gradient by all shares, and the Hessian by the active ones. Raises ZeroDivisionError on boxes too large for it."""
        full = [arb(0)] * len(self.every)
        for k, share in zip(self.active, shares, strict=True):
            full[k] = share
        M, load = map(arb_mat, system_of(self.found, self.every, full))
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


def _krawczyk(profile: NumericProfile, box: list[Any]) -> list[Any] | None:
    """K(box) of Krawczyk for the gradient by the active shares, Y the inverse of the Hessian at the middle; None where it does not exist.
    Where K lies in the interior of the box, there is one zero in the box, and it lies in K; where they do not meet, there is none."""
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
        return acb(refined(self.args[:4], ctx.prec)[int(self.index)])

    def _latex(self, printer: Any) -> str:
        return rf"\rho_{{{self.args[1][int(self.index)] + 1}}}"


@cache
def refined(place: tuple[Tuple, ...], precision: int) -> list[Any]:
    found, active, middle, radius = place
    before, ctx.prec = ctx.prec, precision + 40
    try:
        profile = NumericProfile(_unflattened(found), tuple(map(int, active)))
        box = [arb(to_fmpq(m), to_fmpq(r)) for m, r in zip(middle, radius, strict=True)]
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


def flattened(found: Spectrum) -> Tuple:
    return Tuple(*(Tuple(*part) if isinstance(part, tuple) else part for part in found))


def _unflattened(found: Tuple) -> Spectrum:
    return Spectrum(*(tuple(part) if isinstance(part, Tuple) else part for part in found))


def to_fmpq(value: Any) -> Any:
    return fmpq(int(value.p), int(value.q))


def rational_of(value: Any) -> Any:
    """The exact value of an arb without a radius."""
    mantissa, exponent = value.man_exp()
    return Rational(int(mantissa)) * Rational(2) ** int(exponent)


class Certified:
    """Boxes of shares, each with one critical point of the profile of the active eigenspaces, and no two with the same."""

    def __init__(self, found: Spectrum, active: tuple[int, ...]) -> None:
        self.profile = NumericProfile(found, active)
        self.boxes: list[list[Any]] = []

    @property
    def places(self) -> list[tuple[Tuple, Tuple]]:
        """Middles and radii"""
        return [
            (Tuple(*(rational_of(side.mid()) for side in box)), Tuple(*(rational_of(side.rad()) for side in box))) for box in self.boxes
        ]

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


def to_arb(value: Any) -> Any:
    return arb(fmpq(int(value.p), int(value.q)))


def sign_of(value: Any) -> int:
    if value.contains(0):
        raise EnclosureError(f"{_WHERE}: a second derivative is {value}, too near to 0 to tell its sign; change a number of the setting.")
    return 1 if value > 0 else -1


def signs_of_form(form: list[list[Any]]) -> list[int]:
    """Of a symmetric matrix, by Gauss with the greatest pivot on the diagonal."""
    if not form:
        return []
    pivot = max(range(len(form)), key=lambda k: rational_of(form[k][k].abs_lower()))
    head, rest = form[pivot][pivot], [k for k in range(len(form)) if k != pivot]
    return [sign_of(head), *signs_of_form([[form[i][j] - form[i][pivot] * form[pivot][j] / head for j in rest] for i in rest])]


__all__ = [
    "Basis",
    "Certified",
    "CriticalShare",
    "NumericProfile",
    "Spectrum",
    "decomposed",
    "flattened",
    "rational_of",
    "refined",
    "rest_of",
    "sign_of",
    "signs_of_form",
    "slope_of",
    "spectrum",
    "system_of",
    "to_arb",
]
