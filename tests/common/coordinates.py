"""Laws and responses written out in coordinates: the exact route to every moment that shares no code with theory.

A random vector is a few generators of a polynomial ring over ℚ with a function that gives the mean of each monomial in them, and the
vector itself as polynomials in the generators (x = T a). A response is a polynomial in its task's generators and in x. A mean is then
taken monomial by monomial. The moments are coded here from the textbook definition of each law:

    Gaussian      E x_i m(x) = μ_i E m + Σ_j Σ_ij E ∂m/∂x_j
    uniform on a sphere, Student, scale mixtures   a Gaussian monomial of degree m times E R^m / E ρ^m, ρ the norm of a Gaussian
    independent coordinates   products of the moments of one coordinate
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import combinations_with_replacement, product
from math import factorial, prod
from typing import Any, NamedTuple

import numpy as np
from sympy import QQ, ImmutableMatrix, Integer, Matrix, Rational, S, diag, eye, sympify
from sympy.polys.rings import PolyElement, ring

from theory import (
    CovariateLaw,
    Gaussian,
    GaussianMixture,
    GivenKurtosis,
    Laplace,
    Linear,
    Moments,
    PolynomialKernel,
    Rademacher,
    RandomPolynomial,
    ResponseFamily,
    ScaleMixture,
    SingleIndex,
    Sphere,
    StudentT,
    Uniform,
)
from theory.responses.single_index import hermite, t

Exponents = tuple[int, ...]
half, third = Rational(1, 2), Rational(1, 3)


class Random(NamedTuple):
    """A random vector: `map` (rows × generators) applied to generators with the mean of each monomial."""

    map: Matrix
    moment: Callable[[Exponents], Any]


def gaussian(covariance: Any, mean: Any = None) -> Random:
    """N(μ, Σ), by Stein's identity; Σ may be singular."""
    size = covariance.rows
    centre = [sympify(m) for m in mean] if mean is not None else [S.Zero] * size

    @cache
    def moment(powers: Exponents) -> Any:
        at = next((i for i, k in enumerate(powers) if k), None)
        if at is None:
            return S.One
        rest = tuple(k - (i == at) for i, k in enumerate(powers))
        total = centre[at] * moment(rest) if centre[at] else S.Zero
        for j, k in enumerate(rest):
            if k and covariance[at, j]:
                total += covariance[at, j] * k * moment(tuple(p - (i == j) for i, p in enumerate(rest)))
        return total

    return Random(eye(size), moment)


def mixed(parts: list[tuple[Any, Random]]) -> Random:
    """One of several laws, each with its probability."""
    return Random(parts[0][1].map, lambda powers: sum((p * part.moment(powers) for p, part in parts), S.Zero))


def stretched(covariance: Any, factor: Callable[[int], Any]) -> Random:
    """√V g, g ~ N(0, Σ), with E V^j = factor(j)."""
    white = gaussian(covariance)
    return Random(white.map, lambda powers: white.moment(powers) * factor(sum(powers) // 2) if sum(powers) % 2 == 0 else S.Zero)


def independent(T: Any, one: Callable[[int], Any]) -> Random:
    """T a, the coordinates of a symmetric with E a^k = one(k), k even."""
    return Random(Matrix(T), lambda powers: S.Zero if any(k % 2 for k in powers) else prod((sympify(one(k)) for k in powers), start=S.One))


def student_scale(nu: int) -> Callable[[int], Any]:
    """E ((ν−2)/χ²_ν)^j"""
    return lambda j: prod((Rational(nu - 2, nu - 2 * i) for i in range(1, j + 1)), start=S.One)


def sphere_scale(d: int) -> Callable[[int], Any]:
    """d^j / E (χ²_d)^j"""
    return lambda j: prod((Rational(d, d + 2 * i) for i in range(j)), start=S.One)


class Law(NamedTuple):
    """A law of theory, and the same law in coordinates."""

    theory: CovariateLaw
    random: Random
    highest: int = 99  # the order of the highest moment that exists or is known


def factor(d: int) -> Matrix:
    """A rational T that is no multiple of an orthogonal matrix, for d ≤ 3"""
    return Matrix([[Rational(3, 2), 0, 0], [half, 2, 0], [-1, third, 1]])[:d, :d]


def slanted(d: int) -> Matrix:
    """A T with no zero above the diagonal either"""
    return Matrix([[1, half, -1], [-third, 2, half], [1, 1, 3]])[:d, :d]


@cache
def laws(d: int) -> dict[str, Law]:
    """Every covariate law at dimension d ≤ 3, with a Σ that is not diagonal."""
    L, T = factor(d), slanted(d)
    Sigma = (L * L.T).as_immutable()
    centre = ImmutableMatrix([1, -half, 2][:d])
    components = ((third, centre, Sigma), (third, -centre, Sigma), (third, 0 * centre, eye(d).as_immutable()))
    crooked = ((Rational(1, 4), centre, Sigma), (Rational(3, 4), 2 * centre, eye(d).as_immutable()))
    scales = ((Rational(1, 4), Integer(3)), (Rational(3, 4), half))
    average = Rational(9, 8)
    other = (Sigma + eye(d)).as_immutable()
    second = (third * Sigma + 2 * third * other).as_immutable()

    def mixture(parts: Any) -> Law:
        return Law(GaussianMixture(parts), mixed([(p, gaussian(K, m)) for p, m, K in parts]))

    return {
        "gaussian": Law(Gaussian(Sigma), gaussian(Sigma)),
        "sphere": Law(Sphere(Sigma), stretched(Sigma, sphere_scale(d))),
        "student 5": Law(StudentT(Sigma, Integer(5)), stretched(Sigma, student_scale(5)), 4),
        "student 9": Law(StudentT(Sigma), stretched(Sigma, student_scale(9)), 8),
        "student 15": Law(StudentT(Sigma, Integer(15)), stretched(Sigma, student_scale(15)), 14),
        "scale mixture": Law(ScaleMixture(Sigma, scales), mixed([(p, gaussian(Sigma * v / average)) for p, v in scales])),
        "rademacher": Law(Rademacher(T), independent(T, lambda k: 1)),
        "uniform": Law(Uniform(T), independent(T, lambda k: Rational(3 ** (k // 2), k + 1))),
        "laplace": Law(Laplace(T), independent(T, lambda k: Rational(factorial(k), 2 ** (k // 2)))),
        "given kurtosis": Law(GivenKurtosis(T, Rational(5, 2)), independent(T, lambda k: Rational(5, 2) ** (k // 2 - 1) if k else 1), 4),
        "gaussian mixture": mixture(components),
        "mixture not reflected": mixture(crooked)._replace(highest=4),
        "moments": Law(
            Moments(second, ((third, Sigma), (2 * third, other))), mixed([(third, gaussian(Sigma)), (2 * third, gaussian(other))]), 4
        ),
    }


class Response(NamedTuple):
    """A family of theory, its task in coordinates, and f(x) as a function of the task's and the covariate's polynomials.

    square  what f² is to be multiplied with (1/6 for He₃/√6, say)
    degree  of f in x
    """

    theory: ResponseFamily
    task: Random
    value: Callable[[list[Any], list[Any]], Any]
    degree: int
    square: Any = S.One


def _dot(w: list[Any], x: list[Any]) -> Any:
    return sum((a * b for a, b in zip(w, x, strict=True)), 0 * x[0])


def _polynomial(coefficients: list[Any]) -> Callable[[list[Any], list[Any]], Any]:
    def value(w: list[Any], x: list[Any]) -> Any:
        s = _dot(w, x)
        return sum((QQ.from_sympy(sympify(a)) * s**k for k, a in enumerate(coefficients)), 0 * s)

    return value


def _chaos(d: int, weights: dict[int, Any], W: Any) -> tuple[Random, Callable[[list[Any], list[Any]], Any]]:
    """Σ_j Σ_{i_1…i_j} g_{i_1…i_j} x_{i_1} ⋯ x_{i_j}, E g_I g_J = weights[j] Π W_{i j}: kernel Σ_j weights[j] (xᵀWx')^j."""
    tuples = [index for j in weights for index in product(range(d), repeat=j)]
    covariance = Matrix(
        len(tuples),
        len(tuples),
        lambda a, b: (
            weights[len(tuples[a])] * prod((W[i, j] for i, j in zip(tuples[a], tuples[b], strict=True)), start=S.One)
            if len(tuples[a]) == len(tuples[b])
            else 0
        ),
    )

    def value(g: list[Any], x: list[Any]) -> Any:
        return sum((a * prod((x[i] for i in index), start=x[0] ** 0) for a, index in zip(g, tuples, strict=True)), 0 * x[0])

    return gaussian(covariance), value


def _single(phi: Any, coefficients: list[Any], W: Any, square: Any = S.One, **options: Any) -> Response:
    return Response(SingleIndex(phi, W, **options), gaussian(W), _polynomial(coefficients), len(coefficients) - 1, square)


def _kernel(family: ResponseFamily, d: int, weights: dict[int, Any], W: Any) -> Response:
    return Response(family, *_chaos(d, weights, W), max(weights))


def linear_responses(d: int) -> dict[str, Response]:
    """Linear responses, for any covariates: W no multiple of Σ⁻¹, of rank one, and task vectors of other laws."""
    K = slanted(d)
    W = (K * K.T).as_immutable()
    column = Matrix([1, -2, 3][:d])
    found = {"linear": Response(Linear(W), gaussian(W), _dot, 1)}
    found["linear, rank one"] = Response(Linear((column * column.T).as_immutable()), gaussian(column * column.T), _dot, 1)
    for name in ("sphere", "student 5", "rademacher", "laplace", "given kurtosis", "gaussian mixture"):
        law = laws(d)[name]
        found[f"linear, {name} task"] = Response(Linear.of(law.theory), law.random, _dot, 1)
    return found


def nonlinear_responses(d: int, Sigma: Any) -> dict[str, Response]:
    """Nonlinear polynomial responses with W = Σ⁻¹ or a multiple of it."""
    W = Sigma.inv().as_immutable()
    wide = (2 * third * W).as_immutable()
    sixth = Rational(1, 6)
    return {
        "square": _single(t**2, [0, 0, 1], W),
        "cube": _single(t**3, [0, 0, 0, 1], wide),
        "t + t²": _single(t + t**2, [0, 1, 1], wide),
        "1 − t + t²/3": _single(1 - t + t**2 / 3, [1, -1, third], W),
        "hermite 2": _single(hermite(2), [-1, 0, 1], W, half),
        "hermite 3": _single(hermite(3), [0, -3, 0, 1], W, sixth),
        "kernel 1": _kernel(PolynomialKernel(wide, 1, half), d, {0: half, 1: S.One}, wide),
        "kernel 2": _kernel(PolynomialKernel(wide, 2, 3), d, {0: Rational(9, 2), 1: Integer(3), 2: half}, wide),
        "chaos 1": _kernel(RandomPolynomial(W, 1), d, {1: S.One}, W),
        "chaos 2": _kernel(RandomPolynomial(wide, 2), d, {2: half}, wide),
    }


class Written:
    """A prompt of `tokens` covariates and a task in one ring, with means."""

    def __init__(self, law: Law, response: Response, tokens: int, noises: int = 0) -> None:
        groups = [law.random] * tokens + [response.task] + [gaussian(eye(1))] * noises
        sizes = [group.map.cols for group in groups]
        self.ring, *gens = ring([f"g{i}" for i in range(sum(sizes))], QQ)
        starts = [sum(sizes[:i]) for i in range(len(groups))]
        self.slices = [(start, start + size, cache(group.moment)) for start, size, group in zip(starts, sizes, groups, strict=True)]
        vectors = [
            [
                sum((QQ.from_sympy(sympify(m)) * g for m, g in zip(row, gens[a:b], strict=True)), self.ring.zero)
                for row in group.map.tolist()
            ]
            for (a, b, _), group in zip(self.slices, groups, strict=True)
        ]
        self.covariates, self.task = vectors[:tokens], vectors[tokens]
        self.noise = [vector[0] for vector in vectors[tokens + 1 :]]

    def mean(self, poly: PolyElement) -> Rational:
        """E poly over everything"""
        total = S.Zero
        for monomial, coefficient in self.ring(poly).terms():
            value = QQ.to_sympy(coefficient)
            for a, b, moment in self.slices:
                if value == 0:
                    break
                value *= moment(monomial[a:b])
            total += value
        return total


class Found(NamedTuple):
    """The moments of a pair, each as its independent entries."""

    second: Any
    fourth: Any
    pair: Any
    weighted: Matrix
    cross: Matrix


def response_moments(law: Law, response: Response) -> Found:
    """E f², E f⁴, E f²f'², E f² x xᵀ, E f f' x x'ᵀ, all monomial by monomial."""
    world = Written(law, response, 2)
    x, y = world.covariates
    f, g = response.value(world.task, x), response.value(world.task, y)
    square, d = f**2, len(x)
    return Found(
        second=response.square * world.mean(square),
        fourth=response.square**2 * world.mean(square**2),
        pair=response.square**2 * world.mean(square * g**2),
        weighted=response.square * symmetric(d, lambda i, j: world.mean(square * x[i] * x[j])),
        cross=response.square * symmetric(d, lambda i, j: world.mean(f * g * x[i] * y[j])),
    )


def symmetric(d: int, entry: Callable[[int, int], Any]) -> Matrix:
    """A symmetric matrix from its entries on and above the diagonal."""
    values = {(i, j): entry(i, j) for i, j in combinations_with_replacement(range(d), 2)}
    return Matrix(d, d, lambda i, j: values[min(i, j), max(i, j)])


def covariate_moment(law: Law, *indices: int) -> Rational:
    """E x_i x_j …"""
    response = Response(Linear(diag(1)), gaussian(eye(1)), _dot, 1)
    world = Written(law, response, 1)
    return world.mean(prod((world.covariates[0][i] for i in indices), start=world.ring.one))


def written_loss(law: Law, response: Response, n: int, noise: Any, layer: Any) -> Rational:
    """E (ŷ − y_q)² with ŷ = Σ_i (v·z_i)(z_iᵀ M z_q), from the definition, σ² = noise read off from the powers of a unit noise.

    √σ² is not rational: ε_i enters as a generator e_i of variance σ², so only its moments are scaled.
    """
    world = Written(law, response, n + 1, n)
    rational = lambda value: QQ.from_sympy(sympify(value))  # noqa: E731
    v = [rational(entry) for entry in layer.value]
    M = [[rational(entry) for entry in row] for row in layer.key_query.tolist()]
    *context, query = world.covariates
    labels = [response.value(world.task, x) + e for x, e in zip(context, world.noise, strict=True)]
    scaled = gaussian(Matrix([[noise]])).moment
    at = len(world.slices) - n
    world.slices[at:] = [(a, b, scaled) for a, b, _ in world.slices[at:]]
    d = len(query)
    prediction = world.ring.zero
    for x, y in zip(context, labels, strict=True):
        token = [*x, y]
        value = sum((a * b for a, b in zip(v, token, strict=True)), world.ring.zero)
        scores = sum((token[a] * M[a][b] * query[b] for a in range(d + 1) for b in range(d)), world.ring.zero)
        prediction += value * scores
    residual = prediction - response.value(world.task, query)
    return world.mean(residual**2) + noise


def matrix(value: Any) -> Matrix:
    """An explicit matrix for a matrix expression of theory."""
    return Matrix(value.as_explicit() if hasattr(value, "as_explicit") else np.array(value))
