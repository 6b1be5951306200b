"""The loss of a layer as a polynomial in the entries of (v_x, v_y, A, c), with exact gradients and Hessians.

Two routes that share no code with theory: the six coefficients, written out in components for whitened covariates; and any law in
coordinates (`common.coordinates`), from the moments of one and of two tokens, for every n at once.
"""

from __future__ import annotations

import operator
from functools import cache
from itertools import pairwise, product
from random import Random
from typing import Any, NamedTuple

from flint import arb, arb_mat, ctx, fmpq, fmpq_mat
from sympy import QQ, Integer, Matrix, Poly, Rational, Symbol, sympify
from sympy.polys.rings import PolyElement, ring

from common.coordinates import Law, Response, Written, gaussian
from theory import LinearAttention, notation
from theory.coefficients import Coefficients

NAMES = ("p", "q", "alpha", "beta", "gamma", "delta", "tau")
r, t = Symbol("r", positive=True), Symbol("t", positive=True)  # t = √r


class LayerLoss:
    """L at a number of dimensions. A point is the list (v_x, v_y, A by rows, c), numbers of any ring that contains ℚ."""

    def __init__(self, loss: PolyElement, parameters: list[Any], constants: int = 0) -> None:
        self.ring, self.constants, self.size = loss.ring, constants, len(parameters)
        self.loss = loss
        self.gradient = [loss.diff(gen) for gen in parameters]
        self.hessian = [[slope.diff(gen) for gen in parameters[: i + 1]] for i, slope in enumerate(self.gradient)]

    def at(self, poly: PolyElement, point: list[Any], constants: tuple[Any, ...] = ()) -> Any:
        """A polynomial at a point, monomial by monomial."""
        values = [*constants, *point]
        total = 0 * point[0]
        for monomial, coefficient in poly.terms():
            term = coefficient if type(point[0]) is not arb else arb(fmpq(int(coefficient.numerator), int(coefficient.denominator)))
            for value, power in zip(values, monomial, strict=True):
                if power:
                    term = term * value**power
            total += term
        return total

    def slopes(self, point: list[Any], constants: tuple[Any, ...] = ()) -> list[Any]:
        """∂L at a point"""
        return [self.at(part, point, constants) for part in self.gradient]

    def curvature(self, point: list[Any], constants: tuple[Any, ...] = ()) -> list[list[Any]]:
        """∂²L at a point"""
        lower = [[self.at(part, point, constants) for part in row] for row in self.hessian]
        return [[lower[max(i, j)][min(i, j)] for j in range(self.size)] for i in range(self.size)]


def _parameters(d: int, gens: list[Any]) -> tuple[list[Any], Any, list[list[Any]], list[Any]]:
    u, v, rest = gens[:d], gens[d], gens[d + 1 :]
    return u, v, [rest[i * d : (i + 1) * d] for i in range(d)], rest[d * d :]


@cache
def six(d: int) -> LayerLoss:
    """τ + p‖B‖² − 2q tr B + α|Aᵀv_x|² + β‖A‖²|v_x|² + 2γ v_y cᵀAᵀv_x + δ v_y²|c|², the coefficients as constants."""
    names = [f"x{i}" for i in range(d * d + 2 * d + 1)]
    R, *gens = ring([*NAMES, *names], QQ)
    p, q, alpha, beta, gamma, delta, tau = gens[:7]
    u, v, A, c = _parameters(d, gens[7:])
    loss, numbers = tau + R.zero, range(d)
    length = sum((entry**2 for entry in u), R.zero)
    for i in numbers:
        loss -= 2 * q * (v * A[i][i] + u[i] * c[i])
        loss += delta * v**2 * c[i] ** 2
        x = sum((A[j][i] * u[j] for j in numbers), R.zero)
        loss += alpha * x**2 + 2 * gamma * v * c[i] * x
        for j in numbers:
            loss += p * (v * A[i][j] + u[i] * c[j]) ** 2 + beta * A[i][j] ** 2 * length
    return LayerLoss(loss, gens[7:], constants=7)


def in_coordinates(law: Law, response: Response, n: int, noise: Any, normalisation: Any = 1) -> LayerLoss:
    """E (ŷ − y_q)², ŷ = Σ_i (v·z_i)(z_iᵀ M z_q): n times moments of one token and n(n−1) times moments of two, Σ of the query by hand."""
    world = Written(law, response, 2, 2)
    scaled = gaussian(Matrix([[noise]])).moment
    at = len(world.slices) - 2
    world.slices[at:] = [(a, b, scaled) for a, b, _ in world.slices[at:]]
    x, x_two = world.covariates
    d = len(x)
    f, f_two = (response.value(world.task, part) for part in (x, x_two))
    root = response.square  # f² is to be multiplied with it
    y, y_two = f + world.noise[0], f_two + world.noise[1]
    if root != 1:
        raise ValueError("in_coordinates: only responses without a factor")
    one, two = [*x, y], [*x_two, y_two]
    mean = cache(lambda poly: QQ.from_sympy(sympify(world.mean(poly))))
    Sigma = [[mean(x[i] * x[j]) for j in range(d)] for i in range(d)]
    size = d + 1
    R, *gens = ring([f"x{i}" for i in range(d * d + 2 * d + 1)], QQ)
    u, v, A, c = _parameters(d, gens)
    value = [entry * (1 / QQ.from_sympy(sympify(normalisation))) for entry in (*u, v)]
    key = [*A, c]
    spread = [
        [sum((key[a][i] * Sigma[i][j] * key[b][j] for i in range(d) for j in range(d)), R.zero) for b in range(size)] for a in range(size)
    ]
    loss = R.zero + mean(y**2)
    for a, b in product(range(size), repeat=2):
        for a_two, b_two in product(range(size), repeat=2):
            weight = n * mean(one[a] * one[b] * one[a_two] * one[b_two]) + n * (n - 1) * mean(one[a] * one[b] * two[a_two] * two[b_two])
            loss += weight * value[a] * value[a_two] * spread[b][b_two]
        for j in range(d):
            loss -= 2 * n * mean(one[a] * one[b] * f_two * x_two[j]) * value[a] * key[b][j]
    return LayerLoss(loss, gens)


def point(layer: LinearAttention) -> list[Any]:
    """The entries of an explicit layer, in the order of `LayerLoss`."""
    return [*layer.covariate_value, layer.label_value, *layer.covariate_key_query, *layer.label_key_query]


class Root:
    """Rational functions of t = √r at a root r of a polynomial over ℚ: its irreducible factor there, in t²."""

    def __init__(self, turning: Poly, value: arb) -> None:
        near = [factor for factor, _ in turning.set_domain(QQ).factor_list()[1] if horner(factor, value).contains(0)]
        if len(near) != 1:
            raise AssertionError("more precision, to tell the factors apart")
        self.modulus = Poly(near[0].as_expr().subs(near[0].gen, t**2), t, domain=QQ)

    def vanishes(self, value: Any) -> bool:
        """Whether a rational function of t is 0 there."""
        numerator, denominator = (Poly(part.as_expr(), t, domain=QQ) for part in (value.numer, value.denom))
        return self.modulus.gcd(denominator).degree() <= 0 and numerator.rem(self.modulus).is_zero


def horner(polynomial: Poly, value: arb) -> arb:
    """A polynomial over ℚ at a ball"""
    total = arb(0)
    for coefficient in polynomial.all_coeffs():
        total = total * value + fmpq(int(coefficient.p), int(coefficient.q))
    return total


def rational_functions(entries: list[Any], root: Any) -> list[Any]:
    """Entries in which `root` stands for r, as elements of ℚ(t)."""
    field = QQ.frac_field(t)
    return [field.from_sympy(sympify(entry).subs(root, t**2)) for entry in entries]


def balls(entries: list[Any], root: Any, ball: Any) -> list[Any]:
    """The same entries at a ball that contains r."""
    parts = [(entry.numer, entry.denom) for entry in rational_functions(entries, root)]
    return [operator.truediv(*(horner(Poly(part.as_expr(), t, domain=QQ), ball.sqrt()) for part in pair)) for pair in parts]


def signature(hessian: list[list[Any]], nullity: int | None = None) -> tuple[int, int, int]:
    """(positive, zero, negative) eigenvalues of a symmetric matrix: all roots of its characteristic polynomial are real, so Descartes'
    rule is exact. For balls, `nullity` zeros are known beforehand, and every other coefficient must have a certain sign."""
    exact = not isinstance(hessian[0][0], arb)
    matrix = fmpq_mat([[_fraction(entry) for entry in row] for row in hessian]) if exact else arb_mat(hessian)
    coefficients = list(matrix.charpoly().coeffs()) if exact else arb_coefficients(matrix)
    zero = next(i for i, coefficient in enumerate(coefficients) if coefficient != 0) if exact else nullity
    signs = []
    for coefficient in coefficients[zero:]:
        if not exact and coefficient.contains(0):
            raise AssertionError(f"{zero} zeros, and {coefficient} may be 0: more precision, or another zero")
        signs.append(1 if coefficient > 0 else -1 if coefficient < 0 else 0)
    signs = [sign for sign in signs if sign]
    positive = sum(a != b for a, b in pairwise(signs))
    return positive, zero, len(hessian) - zero - positive


def arb_coefficients(matrix: arb_mat) -> list[arb]:
    """Of the characteristic polynomial, from the constant up."""
    found = matrix.charpoly()
    return [found[i] for i in range(matrix.nrows() + 1)]


def _fraction(value: Any) -> fmpq:
    value = Rational(value) if not hasattr(value, "numerator") else value
    return fmpq(int(value.numerator), int(value.denominator))


def kernel_vectors(entries: list[Any], d: int) -> list[list[Any]]:
    """The directions in which a symmetry moves a point: (v, M) → (s v, M/s), and the rotations of two axes."""
    u, v, A, c = _parameters(d, entries)
    found = [[*u, v, *(-a for row in A for a in row), *(-a for a in c)]]
    for i in range(d):
        for j in range(i):
            turn = [[(a == i and b == j) - (a == j and b == i) for b in range(d)] for a in range(d)]
            turned = [sum((turn[a][b] * u[b] for b in range(d)), 0 * v) for a in range(d)]
            keys = [sum((turn[a][b] * c[b] for b in range(d)), 0 * v) for a in range(d)]
            matrix = [sum((turn[a][k] * A[k][b] - A[a][k] * turn[k][b] for k in range(d)), 0 * v) for a in range(d) for b in range(d)]
            found.append([*turned, 0 * v, *matrix, *keys])
    return found


def turning(found: Coefficients, size: Any) -> Poly:
    """(d−1)β(pN + Δr)² − Δ(εr² − δ)(p + βr)², N = εr² − 2γr + δ"""
    p, _, alpha, beta, gamma, delta, _ = found
    epsilon = alpha + beta
    Delta = epsilon * delta - gamma**2
    N = Poly(epsilon * r**2 - 2 * gamma * r + delta, r)
    return (size - 1) * beta * (p * N + Delta * r) ** 2 - Delta * Poly(epsilon * r**2 - delta, r) * Poly(p + beta * r, r) ** 2


class Count(NamedTuple):
    """Distinct positive roots of the turning polynomial, whether it ends below 0, and whether it touches 0 without a change of sign."""

    roots: int
    ends_low: bool
    touches: bool


def counted(found: Coefficients, size: Any) -> Count:
    """By Sturm's theorem."""
    Q = turning(found, size)
    roots, low = Q.count_roots(0, None), Q.LC() < 0
    return Count(roots, bool(low), roots == 1 and not low)


def predicted(module: Any, found: Coefficients, size: Any) -> Count:
    """By the signs of `theory.landscape`."""
    signs = module.Signs(found, size, True)
    low, twice, touches = (bool(case) for case in (signs.ends_low, signs.twice, signs.touches))
    assert low + twice + touches <= 1
    return Count(1 if low or touches else 2 if twice else 0, low, touches)


def coefficients_of(p: Any, beta: Any, gamma: Any, delta: Any, epsilon: Any) -> Coefficients:
    """With some q and τ"""
    return Coefficients(*map(Rational, (p, 1, epsilon - beta, beta, gamma, delta, 10**9)))


def touching(epsilon: Any, gamma: Any, delta: Any) -> tuple[Coefficients, Any] | None:
    """p = 1, and β and a number of dimensions, rarely whole, at which Q has a double root at r = 1, where that is possible."""
    Delta = epsilon * delta - gamma**2
    U, slope = epsilon - 2 * gamma + delta + Delta, 2 * epsilon - 2 * gamma + Delta
    below = (2 * epsilon - delta) * U - (epsilon - delta) * slope
    beta = ((epsilon - delta) * slope - epsilon * U) / below if below else 0
    if Delta <= 0 or epsilon <= delta or not 0 < beta < epsilon:
        return None
    size = 1 + Delta * (epsilon - delta) * (1 + beta) ** 2 / (beta * U**2)
    return coefficients_of(1, beta, gamma, delta, epsilon), size


Row = tuple[Coefficients, Any]


def _number(random: Random, low: float, high: float) -> Rational:
    return Rational(int(1000 * 10 ** random.uniform(low, high)) + 1, 1000)


def _gamma_below(random: Random, product: Any) -> Rational:
    share = random.choice((random.random(), random.random() ** 4, 1 - random.random() ** 4))
    return Rational(int(1000 * float(product) ** 0.5 * share) + 1, 1000)


@cache
def drawn() -> tuple[Row, ...]:
    """1000 random six-tuples and sizes"""
    random, found = Random(0), []
    while len(found) < 1000:
        p, alpha, beta, delta = (_number(random, -1.5, 1.5) for _ in range(4))
        gamma = _gamma_below(random, (alpha + beta) * delta)
        if (alpha + beta) * delta > gamma**2:
            found.append((coefficients_of(p, beta, gamma, delta, alpha + beta), Integer(random.choice((1, 2, 3, 5, 9)))))
    return tuple(found)


@cache
def boundaries() -> tuple[Row, ...]:
    """At and 0.1 % beside a double root, a leading coefficient 0, the two greatest critical values of W/U² equal."""
    random, nearly = Random(1), (Rational(1), Rational(999, 1000), Rational(1001, 1000))
    edges: list[Row] = [edge for row in DOUBLE if (edge := touching(*row))]
    while len(edges) < 50:
        epsilon, delta = _number(random, -1, 1), _number(random, -1, 1)
        edge = touching(epsilon, _gamma_below(random, epsilon * delta), delta)
        if edge:
            edges.append(edge)
    while len(edges) < 80:  # (d−1)p²ε = βΔ
        beta, gamma, epsilon, p = (_number(random, -1, 1) for _ in range(4))
        coefs = coefficients_of(p, beta, gamma, gamma**2 / epsilon * (1 + _number(random, -2, 1)), epsilon + beta)
        if coefs.margin > 0:
            edges.append((coefs, 1 + beta * coefs.margin / (p**2 * coefs.epsilon)))
    found = [(coefs, 1 + (size - 1) * share) for coefs, size in edges for share in nearly]
    # lead = 0, and falls = 0 or 0.1 % beside: p = β = 1, Δ = (d−1)ε, 2γ = (d−2)ε
    for size, epsilon, share in product((3, 4, 7), (Rational(3, 2), Integer(2), Integer(9)), nearly):
        gamma = (size - 2) * epsilon / 2 * share
        found.append((coefficients_of(1, 1, gamma, ((size - 1) * epsilon + gamma**2) / epsilon, epsilon), Integer(size)))
    # p = β = 1; (Tκ + e)³ = 27εδz²κ has a double root at κ = e/2T, beside which there are two about e/2T
    closely = [(share, 1 + side * Rational(1, 10**6)) for share in nearly[1:] for side in (-1, 0, 1)]
    for (epsilon, gamma, delta), (share, nudge) in product(MEETING, [*closely, *((nearly[0], near) for near in nearly[1:])]):
        coefs = coefficients_of(1, 1, gamma * nudge, delta, epsilon)
        T = 4 * epsilon * delta - (coefs.margin - 2 * coefs.gamma) ** 2
        found.append((coefs, 1 + (epsilon - delta) / (2 * T) * share * coefs.margin))
    return tuple(found)


# ε, γ, δ at which `touching` gives whole dimensions
DOUBLE = tuple(
    tuple(map(Rational, row))
    for row in (("10", "6", "4"), ("20", "14", "10"), ("24", "9", "4"), ("2", "1/2", "1/2"), ("8", "7/2", "2"), ("6", "4/3", "4/3"))
)
# ε, γ, δ with (2γ − Δ)(δ + ε) + 4δε = 0
MEETING = tuple(
    tuple(map(Rational, row))
    for row in (
        ("8", "4/3", "1"),
        ("13", "9/2", "3"),
        ("15", "5/2", "1"),
        ("15", "5", "3"),
        ("33/2", "7/2", "3/2"),
        ("11", "11/2", "5"),
        ("25", "44/3", "11"),
    )
)


def best_layer(found: Coefficients, d: int, root: Any) -> list[Any]:
    """v_x = root · e_1, v_y = 1 and the (A, c) with ∂L/∂(A, c) = 0, for a root of any field that contains the coefficients."""
    p, q, alpha, beta, gamma, delta, _ = (QQ.from_sympy(value) for value in found)
    one, zero = root**0, 0 * root
    r = root**2
    # ∂L/∂A_11 and ∂L/∂c_1
    a, b, c = p + (alpha + beta) * r, (p + gamma) * root, p * r + delta
    determinant = a * c - b**2
    corner, key = q * (c - b * root) / determinant, q * (a * root - b) / determinant
    A = [corner if i == j == 0 else q / (p + beta * r) if i == j else zero for i in range(d) for j in range(d)]
    return [root, *[zero] * (d - 1), one, *A, key, *[zero] * (d - 1)]


def precision(bits: int) -> Any:
    """A context with so many bits of arb."""
    return ctx.workprec(bits)


def ball(value: Any) -> arb:
    """A rational number as a ball"""
    return arb(fmpq(int(value.numerator), int(value.denominator)))


def check_profile(module: Any, index: int) -> None:
    """As functions of t = √r: A, c, f and Q of `profile`, and the slopes of L left over, which are multiples of Q."""
    found, size = [row for row in drawn() if row[1] < 4][7 * index]
    d = int(size)
    field = QQ.frac_field(t)
    root = field.from_sympy(t)
    constants = tuple(QQ.from_sympy(value) for value in found)
    at = best_layer(found, d, root)
    slopes = six(d).slopes(at, constants)
    assert all(slope == 0 for slope in slopes[d + 1 :])
    symbols = [getattr(notation, name) for name in NAMES]
    values = dict(zip(symbols, found, strict=True)) | {module.EPSILON: found.epsilon, module.ACROSS: size - 1, notation.ratio: t**2}
    across, along, keys, loss, turns = (field.from_sympy(part.subs(values)) for part in module.profile())
    assert at[d + 1] == along
    assert at[-d] == keys * root
    assert d == 1 or at[2 * d + 2] == across
    assert six(d).at(six(d).loss, at, constants) == loss
    assert turns == field.from_sympy(turning(found, size).as_expr().subs(r, t**2))
    p, q, _, beta, gamma, delta, _ = constants
    epsilon, Delta = QQ.from_sympy(found.epsilon), QQ.from_sympy(found.margin)
    P, U = p + beta * root**2, p * (epsilon * root**4 - 2 * gamma * root**2 + delta) + Delta * root**2
    assert slopes[0] == 2 * q**2 * turns * root / (P * U) ** 2
    assert slopes[d] == -2 * q**2 * turns * root**2 / (P * U) ** 2
    assert loss.diff(root) == 2 * root * q**2 * turns / (P * U) ** 2
