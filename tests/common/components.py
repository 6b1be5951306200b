"""The slow, independent route: everything written out in scalar components, moments taken monomial by monomial.

Shares no code with `theory.wick`, `theory.traces` or `theory.loss`. A prompt is written in independent standard Gaussians,
x_i = L z_i, w = K t, ε = σ e, so Σ = L Lᵀ and W = K Kᵀ, and E Π g_i^{k_i} = Π (k_i − 1)!! (0 for an odd k_i). Exact rationals throughout.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sympy import (
    QQ,
    Add,
    Identity,
    Matrix,
    MatrixBase,
    MatrixSymbol,
    Mul,
    Pow,
    Rational,
    Symbol,
    Trace,
    Transpose,
    ZeroMatrix,
    eye,
    factorial2,
    sympify,
)
from sympy.matrices.expressions import Inverse, MatAdd, MatMul, MatPow
from sympy.polys.rings import PolyElement, ring

from theory import Gaussian, Linear, LinearAttention, Setting
from theory.bilinear import BilinearForm


def gaussian_mean(poly: PolyElement, standard: range) -> PolyElement:
    """E poly over the standard Gaussian generators numbered by `standard`; the other generators are constants."""
    total = poly.ring.zero
    for monomial, coefficient in poly.terms():
        powers = [monomial[i] for i in standard]
        if all(k % 2 == 0 for k in powers):
            rest = tuple(0 if i in standard else k for i, k in enumerate(monomial))
            moment = 1
            for k in powers:
                moment *= int(factorial2(k - 1)) if k else 1
            total += poly.ring.from_dict({rest: coefficient * moment})
    return total


def exact(matrix: Any) -> np.ndarray:
    """A sympy matrix (or nested list) of rationals as an object array."""
    matrix = Matrix(matrix)
    return np.array([[QQ.from_sympy(sympify(entry)) for entry in row] for row in matrix.tolist()], dtype=object).reshape(matrix.shape)


def evaluate(expr: Any, env: dict[Any, Any]) -> Any:
    """A sympy expression in traces and bilinear forms at explicit matrices and sizes, by plain recursion."""
    if expr in env:
        return env[expr]
    if isinstance(expr, MatrixBase):
        return Matrix(expr)
    if isinstance(expr, Trace):
        return evaluate(expr.arg, env).trace()
    if isinstance(expr, BilinearForm):
        return evaluate(expr.form, env)[0, 0]
    if isinstance(expr, Identity):
        return eye(int(evaluate(expr.shape[0], env)))
    if isinstance(expr, ZeroMatrix):
        return Matrix.zeros(*(int(evaluate(size, env)) for size in expr.shape))
    if isinstance(expr, Transpose):
        return evaluate(expr.arg, env).T
    if isinstance(expr, Inverse):
        return evaluate(expr.arg, env).inv()
    if isinstance(expr, MatPow | Pow):
        return evaluate(expr.args[0], env) ** evaluate(expr.args[1], env)
    if isinstance(expr, MatMul | Mul):
        total = sympify(1)
        for factor in expr.args:
            total = total * evaluate(factor, env)
        return total
    if isinstance(expr, MatAdd | Add):
        first, *others = (evaluate(term, env) for term in expr.args)
        for other in others:
            first = first + other
        return first
    if isinstance(expr, MatrixSymbol):
        raise KeyError(expr)
    return sympify(expr)


class Case(NamedTuple):
    """A setting with rational factors: Σ = L Lᵀ, W = K Kᵀ (K may have fewer columns than rows, so W any rank)."""

    name: str
    L: Matrix
    K: Matrix
    n: int
    noise: Any = None  # σ²; None: the symbol s2
    normalisation: Any = 1

    @property
    def d(self) -> int:
        return self.L.rows

    @property
    def Sigma(self) -> Matrix:
        return self.L * self.L.T

    @property
    def W(self) -> Matrix:
        return self.K * self.K.T

    @property
    def setting(self) -> Setting:
        return Setting(
            covariates=Gaussian(self.Sigma),
            response=Linear(self.W),
            noise_variance=s2 if self.noise is None else self.noise,
            context_length=self.n,
            normalisation=self.normalisation,
        )


s2 = Symbol("s2", nonnegative=True)
h = Rational(1, 2)
L1, L2, L3 = Matrix([[3 * h]]), Matrix([[1, 0], [h, 2]]), Matrix([[1, 0, 0], [h, 2, 0], [-1, Rational(1, 3), 1]])
K1, K2, K3 = Matrix([[Rational(2, 3)]]), Matrix([[2, 1], [0, h]]), Matrix([[1, 0, -1], [h, 1, 0], [0, Rational(1, 3), 2]])
RANK_ONE = Matrix([[1], [-2]])


class Components:
    """E over a prompt of a Case, with the layer's parameters (and σ², if symbolic) as further generators."""

    def __init__(self, case: Case, parameters: tuple[Symbol, ...] = ()) -> None:
        d, n, r = case.d, case.n, case.K.cols
        names = [f"z{i}_{a}" for i in range(n) for a in range(d)] + [f"t{a}" for a in range(r)] + [f"e{i}" for i in range(n)]
        names += [f"q{a}" for a in range(d)] + ["eq"]
        sigma = Symbol("sigma_")
        self.ring, *gens = ring([*map(Symbol, names), sigma, *parameters, s2], QQ)
        self.case, self.standard = case, range(len(names))
        at = n * d
        self.parameters = dict(zip(parameters, gens[len(names) + 1 :], strict=False))
        self.sigma, self.s2 = gens[len(names)], gens[-1]
        self.noise = self.s2 if case.noise is None else self.ring(QQ.from_sympy(sympify(case.noise)))
        self.X = np.array(gens[:at], dtype=object).reshape(n, d) @ exact(case.L).T
        self.w = exact(case.K) @ np.array(gens[at : at + r], dtype=object)
        eps = np.array(gens[at + r : at + r + n], dtype=object) * self.sigma
        self.y = self.X @ self.w + eps
        self.x_q = exact(case.L) @ np.array(gens[at + r + n : at + r + n + d], dtype=object)
        self.eps_q = gens[len(names) - 1] * self.sigma

    def mean(self, poly: PolyElement) -> PolyElement:
        """E poly, σ^{2k} read as (σ²)^k."""
        moment, total = gaussian_mean(poly, self.standard), self.ring.zero
        at = len(self.standard)
        for monomial, coefficient in moment.terms():
            assert monomial[at] % 2 == 0
            rest = (*monomial[:at], 0, *monomial[at + 1 :])
            power = monomial[at] // 2
            total += self.ring.from_dict({rest: coefficient}) * (self.noise**power if power else 1)
        return total

    def array(self, matrix: Any) -> np.ndarray:
        """A matrix of rationals and parameters as an array of ring elements."""
        matrix = Matrix(matrix)
        return np.array([self.poly(entry) for entry in matrix], dtype=object).reshape(matrix.shape)

    def poly(self, expr: Any) -> PolyElement:
        """A sympy polynomial in the parameters and s2 as a ring element."""
        return self.ring.from_expr(sympify(expr).expand())

    def query_coefficient(self, layer: LinearAttention) -> np.ndarray:
        """g with ŷ = g·x_q, from the definition ŷ = Σ_i (v·z_i)(z_iᵀ M z_q) / normalisation, z_q = (x_q, 0)."""
        v, M = self.array(layer.value), self.array(layer.key_query)
        tokens = np.concatenate([self.X, self.y[:, None]], axis=1)
        g = sum((tokens[i] @ M[:, :-1]) * (tokens[i] @ v[:, 0]) for i in range(self.case.n))
        return g * (1 / QQ.from_sympy(sympify(self.case.normalisation)))

    def squared_error(self, g: np.ndarray, *, query_by_hand: bool) -> PolyElement:
        """E (g·x_q − y_q)²; by hand: E over (x_q, ε_q) of it is (g − w)ᵀ Σ (g − w) + σ²."""
        if query_by_hand:
            white = exact(self.case.L).T @ (g - self.w)
            return sum((self.mean(part**2) for part in white), self.noise)
        return self.mean((g @ self.x_q - self.w @ self.x_q - self.eps_q) ** 2)

    def loss(self, layer: LinearAttention, *, query_by_hand: bool = True) -> PolyElement:
        """The in-context loss as a polynomial in the parameters and s2."""
        return self.squared_error(self.query_coefficient(layer), query_by_hand=query_by_hand)

    def step_loss(self, step: Any) -> PolyElement:
        """The loss of ŷ = (Σ y_i x_i)ᵀ B x_q."""
        return self.squared_error((self.y @ self.X) @ self.array(step), query_by_hand=True)
