"""Second routes to the Bayes risk and to what it is made of, as checks of a module `theory.bayes`: itself, or one with an error in it."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from flint import arb, fmpq
from sympy import Identity, Integer, Matrix, Rational, Trace, eye

from common.components import K1, L1, L2, L3, Case
from common.quadrature import legendre
from theory import enclosure
from theory.notation import X, d, n
from theory.wick import RandomMatrix, expectation

SIZES = [(1, 1), (1, 4), (2, 2), (2, 3), (2, 5), (2, 6), (3, 1), (3, 2), (3, 3), (3, 6), (4, 4), (4, 7), (5, 2), (5, 8), (6, 9), (6, 12)]
"""d, k: both parities of either and of k − d, k below and above d."""
FEW = [(1, 1), (1, 4), (1, 7), (2, 2), (2, 3), (2, 4), (2, 7), (3, 1), (4, 2), (3, 4), (3, 6)]
"""Those whose joint density of the eigenvalues is integrated; three of them have a smooth one for even k only."""
SHIFTS = (Rational(1, 4), Rational(7, 3))


SHORT = (("arb(int((0.7 * ctx.prec) ** 0.5) + 2)", "arb(2)"),)
"""The integral cut where its tail counts"""


# the density, exactly


@cache
def _wick(power: int) -> Any:
    return expectation(Trace((X.T * X) ** power), RandomMatrix(X, Identity(n), Identity(d)))


def wishart_moment(size: int, k: int, power: int) -> Any:
    """E tr Gᵖ for G ~ W_d(k, I), by Wick's rule."""
    return Rational(size) if power == 0 else _wick(power).subs({d: size, n: k})


def check_density(module: Any) -> None:
    """The moments of the density of the eigenvalues, up to the sixth: equality of rationals."""
    for m, N in {(min(sizes), max(sizes)) for sizes in SIZES}:
        P, Q = module.eigenvalue_polynomials(m, N)
        smooth, rough = module.weight_moments(m, N, 2 * m + 7)
        for power in range(7):
            found = sum((c * smooth[i + power] for i, c in enumerate(P.coeffs())), fmpq(0))
            found += sum((c * rough[i + power] for i, c in enumerate(Q.coeffs())), fmpq(0))
            assert Rational(int(found.p), int(found.q)) == wishart_moment(m, N, power), (m, N, power)


# the resolvent


def check_ball(ball: Any, low: Any, high: Any) -> None:
    """Whether the value in a tight ball may lie between two rationals."""
    assert ball.rel_accuracy_bits() > 40, ball
    assert not ball < arb(fmpq(int(low.p), int(low.q))), (ball, low)
    assert not ball > arb(fmpq(int(high.p), int(high.q))), (ball, high)


def check_far(module: Any) -> None:
    """Between two partial sums of Σ (−1)ᵖ E tr Gᵖ / s^(p+1), of which each is on its side of the value: nine digits and more."""
    for size, k in SIZES:
        s = Rational(100 * (size + k))
        terms = [(-1) ** power * wishart_moment(size, k, power) / s ** (power + 1) for power in range(7)]
        assert abs(terms[-1]) < sum(terms) * Rational(1, 10**6)
        check_ball(enclosure(module.ResolventMean(size, k, s)), sum(terms[:-1]), sum(terms))


def check_near(module: Any) -> None:
    """0 ≤ E tr G⁻¹ − E tr (G + s)⁻¹ ≤ s E tr G⁻², with the known moments of the inverse Wishart law; k ≥ d + 4."""
    s = Rational(1, 10**9)
    for m, N in ((1, 5), (2, 6), (2, 7), (3, 8), (3, 9), (4, 8), (4, 11), (6, 12), (7, 20)):
        first = Rational(m, N - m - 1)
        second = Rational(m * (N - 1), (N - m) * (N - m - 1) * (N - m - 3))
        check_ball(enclosure(module.ResolventMean(m, N, s)), first - s * second, first)


@cache
def by_joint_density(m: int, N: int, s: Any) -> float:
    """∫ Σ 1/(λ_i + s) over the joint density ∝ Π |λ_i − λ_j| Π λ_i^((N−m−1)/2) e^(−λ_i/2), by Gauss rules; its constant likewise."""
    s, a = float(s), N - m
    if m == 1:
        t, weight = legendre(0.0, 14.0)  # λ = t²
        density, value = weight * t**a * np.exp(-(t**2) / 2), 1 / (t**2 + s)
    elif m == 2:
        # λ₁ + λ₂ = t², λ₁ − λ₂ = t² sin θ: λ₁λ₂ = (t² cos θ)²/4, dλ₁dλ₂ ∝ t³ cos θ
        (t, along), (angle, across) = legendre(0.0, 14.0), legendre(0.0, np.pi / 2)
        total, product = t[:, None] ** 2, (t[:, None] ** 2 * np.cos(angle)) ** 2 / 4
        density = along[:, None] * across * t[:, None] ** (2 * a + 3) * np.sin(angle) * np.cos(angle) ** a * np.exp(-total / 2)
        value = (total + 2 * s) / (product + s * total + s**2)
    else:
        assert m == 3, m
        assert a % 2 == 1, a
        # the least eigenvalue x and the gaps y, z: weights e^(−3x/2), e^(−y), e^(−z/2) and a polynomial
        node, weight = np.polynomial.laguerre.laggauss(64)
        x, y, z = node[:, None, None] * 2 / 3, node[:, None], node * 2
        low, middle, high = x, x + y, x + y + z
        density = weight[:, None, None] * weight[:, None] * weight * y * z * (y + z) * (low * middle * high) ** ((a - 1) // 2)
        value = 1 / (low + s) + 1 / (middle + s) + 1 / (high + s)
    return float((density * value).sum() / density.sum())


def check_middle(module: Any) -> None:
    """Against the joint density of the eigenvalues, to 10⁻⁹ (10⁻⁶ for three, where the rule is coarser)."""
    for size, k in FEW:
        for s in SHIFTS:
            expected = by_joint_density(min(size, k), max(size, k), s) + max(size - k, 0) / float(s)  # as many eigenvalues are 0
            value = float(enclosure(module.ResolventMean(size, k, s)))
            assert abs(value / expected - 1) < (1e-6 if min(size, k) == 3 else 1e-9), (size, k, s, value, expected)


# the risk


h = Rational(1, 2)
CASES = [
    Case("line", L1, K1, 16, h),
    Case("isotropic", eye(2), 2 * eye(2), 8, 3 * h),
    Case("few", L3, 2 * L3.inv().T, 2, h / 2),
    Case("many", L2, h * L2.inv().T, 9, h),
    Case("three", eye(3), eye(3), 8, h / 2),
    Case("rank one", L3, Matrix([1, -1, 2]) / 2, 12, h),
]


def check_limits(module: Any) -> None:
    """No example: the risk is E y². No noise: the limit of small noise. Many: between the bounds by convexity, and by R ≤ (XᵀX)⁻¹."""
    for case in CASES:
        setting, variance = case.setting, (case.Sigma * case.W).trace()
        assert module.bayes_risk(setting, 0) == case.noise + variance, case.name
        clean, nearly = case._replace(noise=Integer(0)).setting, case._replace(noise=Rational(1, 10**24)).setting
        for k in (1, 2, 3, 5):
            least = module.bayes_risk(clean, k)
            assert least.is_Rational
            assert abs(float(module.bayes_risk(nearly, k)) - float(least)) < 1e-9, (case.name, k)
        rank = case.K.cols
        above = enclosure(module.bayes_risk(setting, 100) - case.noise)
        check_ball(above, case.noise * rank / (100 + case.noise * rank / variance), case.noise * rank / (100 - rank - 1))


DRAWS, BATCHES, REFUSED = 400_000, 400, 7.0


def conditional_risks(case: Case, seed: int) -> np.ndarray:
    """The risk of ridge given drawn covariates, the query averaged, less σ²: σ² tr (LᵀK)(KᵀXᵀXK + σ²)⁻¹(LᵀK)ᵀ. No eigenvalue."""
    L, K = (np.array(matrix.tolist(), dtype=float) for matrix in (case.L, case.K))
    noise, rng, found = float(case.noise), np.random.default_rng(seed), []
    for _ in range(10):
        seen = rng.standard_normal((DRAWS // 10, case.n, case.d)) @ (L.T @ K)
        precision = seen.transpose(0, 2, 1) @ seen + noise * np.eye(case.K.cols)
        found.append(noise * (np.linalg.inv(precision) * (K.T @ L @ L.T @ K)).sum((1, 2)))
    return np.concatenate(found)


def t_value(draws: np.ndarray, expected: Any) -> float:
    """Student's t of the mean of the draws, from batch means."""
    means = draws.reshape(BATCHES, -1).mean(axis=1)
    return float((means.mean() - float(expected)) / (means.std(ddof=1) / BATCHES**0.5))
