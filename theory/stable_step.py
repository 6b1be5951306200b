"""Is the optimal step of gradient descent a stable one: η against 2/λ_max of the prompt's Hessian.

The least-squares objective of a context, ½ Σ (u·x_i − y_i)², has the Hessian XᵀX, and gradient descent with step size η on it is stable iff
η λ_max(XᵀX) < 2. Where ΣW = cI the optimal step is ηΣ⁻¹, and in white coordinates XᵀX is a real Wishart matrix G ~ W_d(n, I): the step is
unstable with the probability P(λ_max(G) ≥ 2/η), 2/η = 2(n + d + 1 + σ²/c). Everything is derived in docs/stable-step.md; theorem
`stable-step` is what the kernel checks of it.
"""

from __future__ import annotations

from functools import cache
from math import factorial
from typing import Any

from flint import acb, arb, arb_mat, ctx
from sympy import Expr, Identity, Integer, Rational, S, Trace, cancel, exp, sqrt
from sympy.core.basic import Basic

from theory.bayes import eigenvalue_polynomials, weight_moments
from theory.bilinear import BilinearForm
from theory.covariates import Gaussian
from theory.errors import EnclosureError, SettingError, UnknownMoment
from theory.exact import exact_scalar
from theory.means import Enclosed, ball
from theory.notation import B, Sigma, W, X, d, eta, gamma_d, n, nu, sigma2, u, w, x_q
from theory.proportions import in_proportion, proportions
from theory.responses import Linear
from theory.setting import Setting
from theory.step_size import paper_step_size
from theory.wick import RandomMatrix, expectation, random_vector

_WHITE = RandomMatrix(X, Identity(n), Identity(d))


@cache
def mean_square_factor() -> Expr:
    """E‖(I − ηXᵀX)u‖² / ‖u‖² for white covariates, any u and any η: less than 1 iff 0 < η < 2/(n + d + 1).

    >>> mean_square_factor()
    d*eta**2*n + eta**2*n**2 + eta**2*n - 2*eta*n + 1
    """
    step = u - eta * X.T * X * u
    return cancel(expectation(BilinearForm(step.T * step), _WHITE).expand() / BilinearForm(u.T * u))


@cache
def left_over() -> Expr:
    """E (x_q·(w − BᵀXᵀXw))²: what is left of a task after one step with B on its clean labels, in the symbols of `theory.notation`."""
    rest = w.T * x_q - w.T * X.T * X * B * x_q
    laws = RandomMatrix(X, Identity(n), Sigma), random_vector(w, W), random_vector(x_q, Sigma)
    return expectation(BilinearForm(rest) ** 2, *laws)


def trace_moment(power: int) -> Expr:
    """E tr (XᵀX)^p for white covariates, n and d symbols. Raises SettingError for a power that is no whole number ≥ 1.

    >>> trace_moment(2)
    d**2*n + d*n**2 + d*n
    """
    return _symbolic_moment(_power("trace_moment", power))


@cache
def _symbolic_moment(power: int) -> Expr:
    return expectation(Trace((X.T * X) ** power), _WHITE)


def _power(where: str, value: Any) -> int:
    """A whole number ≥ 1."""
    power = exact_scalar(where, "power", value, SettingError)
    if not (power.is_Integer and power.is_positive):
        raise SettingError(f"{where}: power must be a whole number ≥ 1, got {power}.")
    return int(power)


def step_size(setting: Setting) -> Expr:
    """η, the optimal step in white coordinates: 1/(n + 1 + d + σ²/c), where ΣW = cI.

    >>> from theory import Gaussian, Linear
    >>> step_size(Setting(covariates=Gaussian.isotropic(3), response=Linear.isotropic(3), noise_variance=1, context_length=5))
    1/10

    Raises what `theory.proportions.proportions` raises.
    """
    size = setting.dimension
    return _white_step().subs({n: setting.context_length, d: size, sigma2: proportions(setting).noise * size}, simultaneous=True)


@cache
def _white_step() -> Expr:
    """η for Σ = W = I, in symbols."""
    white = Setting(covariates=Gaussian.isotropic(d), response=Linear.isotropic(d), noise_variance=sigma2, context_length=n)
    return paper_step_size(white).value


def edge_limit(ratio: Any, noise: Any) -> Expr:
    """The limit of ηλ_max(XᵀX) where n/d → γ and σ² = s · signal: (1 + √γ)²/(1 + γ + s), at most 2, and 2 only at γ = 1 without noise.

    >>> edge_limit(1, 0), edge_limit(4, 0), edge_limit(1, 1)
    (2, 9/5, 4/3)
    """
    ratio, noise = (exact_scalar("edge_limit", name, x, SettingError) for name, x in (("ratio", ratio), ("noise", noise)))
    if ratio.is_negative or noise.is_negative:
        raise SettingError(f"edge_limit: ratio and noise must be ≥ 0, got {ratio} and {noise}.")
    scaled = in_proportion((d * _white_step()).subs(sigma2, nu * d))
    return scaled.subs({gamma_d: ratio, nu: noise}, simultaneous=True) * (1 + sqrt(ratio)) ** 2


def unstable_probability(setting: Setting) -> Expr:
    """P(ηλ_max(XᵀX) ≥ 2): the probability that the optimal step is unstable on a prompt, exactly, for sizes that are numbers.

    Source: derived here, docs/stable-step.md. Raises SettingError, UnknownMoment.

    >>> from theory import Gaussian, Linear, enclosure
    >>> two = Setting(covariates=Gaussian.isotropic(2), response=Linear.isotropic(2), noise_variance=0, context_length=3)
    >>> enclosure(unstable_probability(two)).str(9, radius=False)
    '0.0297511703'
    """
    size, length = _numbers(setting)
    return LargestEigenvalueTail(size, length, 2 / step_size(setting))


def markov_bound(setting: Setting, power: int) -> Expr:
    """E tr (ηXᵀX)^p / 2^p ≥ P(ηλ_max ≥ 2), exact; symbolic sizes where p is small. Raises SettingError, UnknownMoment.

    >>> from theory import Gaussian, Linear
    >>> markov_bound(Setting(covariates=Gaussian.isotropic(d), response=Linear.isotropic(d), noise_variance=0, context_length=n), 2)
    d*n/(4*d + 4*n + 4)
    """
    power = _power("markov_bound", power)
    size, length = setting.dimension, setting.context_length
    if size.is_Integer and length.is_Integer:
        moment = _numeric_moment(int(size), int(length), power)
    else:
        moment = trace_moment(power).subs({d: size, n: length}, simultaneous=True)
    return cancel(moment * (step_size(setting) / 2) ** power)


def best_markov_bound(setting: Setting) -> tuple[Expr, int]:
    """The least of these bounds over all p, and its p. E tr (ηXᵀX/2)^p is convex in p, so it is the last before they grow."""
    _numbers(setting)
    power, best = 1, markov_bound(setting, 1)
    while (following := markov_bound(setting, power + 1)) < best:
        power, best = power + 1, following
    return best, power


def concentration_bound(setting: Setting) -> Expr:
    """exp(−t²/2) ≥ P(ηλ_max ≥ 2) with t = √(2/η) − √n − √d, which is positive at every size.

    λ_max(XᵀX) < (√n + √d + t)² with probability more than 1 − exp(−t²/2): Davidson, Szarek (2001), Theorem II.13.
    """
    margin = sqrt(2 / step_size(setting)) - sqrt(setting.context_length) - sqrt(setting.dimension)
    return exp(-(margin**2) / 2)


class LargestEigenvalueTail(Enclosed):
    """P(λ_max(G) ≥ x) for a real Wishart matrix G = ZᵀZ, Z of n×d independent standard normals.

    dimension  d ≥ 1
    degrees    n ≥ 1; the two may be exchanged
    threshold  x > 0
    Raises SettingError.
    """

    is_positive = True

    def __new__(cls, dimension: Any, degrees: Any, threshold: Any) -> Any:
        d, n, x = (
            exact_scalar("LargestEigenvalueTail", name, value, SettingError)
            for name, value in (("dimension", dimension), ("degrees", degrees), ("threshold", threshold))
        )
        if not (d.is_Integer and n.is_Integer and d >= 1 and n >= 1):
            raise SettingError(f"LargestEigenvalueTail: dimension and degrees must be whole numbers ≥ 1, got {d} and {n}.")
        if x.is_positive is False:
            raise SettingError(f"LargestEigenvalueTail: threshold must be > 0, got {x}; the probability is 1 there.")
        return Basic.__new__(cls, min(d, n), max(d, n), x)

    dimension = property(lambda self: self.args[0])
    degrees = property(lambda self: self.args[1])
    threshold = property(lambda self: self.args[2])

    def ball(self, environment: Any, analytic: bool) -> Any:
        """The value as an acb. Raises EnclosureError where x is not a number."""
        if self.threshold.free_symbols:
            raise EnclosureError(f"LargestEigenvalueTail: the threshold must be a number to be enclosed, got {self.threshold}.")
        asked = bits = ctx.prec
        try:
            while True:  # determinants cancel: so many more bits as it takes, unless x is not known so well
                ctx.prec = bits = 2 * bits
                x = ball(self.threshold, {}, False).real
                value = 1 - _all_below(int(self.dimension), int(self.degrees), x)
                if value.rel_accuracy_bits() >= asked or x.rel_accuracy_bits() < bits - 16:
                    return acb(value)
        finally:
            ctx.prec = asked

    def _latex(self, printer: Any) -> str:
        law = rf"\mathcal W_{{{self.dimension}}}({self.degrees}, I)"
        return rf"\mathbb P_{{G \sim {law}}}\left(\lambda_{{\max}}(G) \ge {printer._print(self.threshold)}\right)"


def _all_below(m: int, N: int, x: Any) -> Any:
    """P(λ_max < x) as an arb, N ≥ m: the quotient of de Bruijn's Pfaffians over (0, x) and (0, ∞), see docs/stable-step.md."""
    alpha = arb(N - m - 1) / 2
    weight = x**alpha * (-x / 2).exp()
    whole = {k: arb(factorial(k - 1)) for k in range(1, N + m)}
    part = {k: value * x.gamma_lower(arb(k), regularized=1) for k, value in whole.items()}
    mass = arb(2) ** (alpha + 1) * (alpha + 1).gamma()
    below = _skew(m, N, part, mass * (x / 2).gamma_lower(alpha + 1, regularized=1), [x**j * weight for j in range(m)])
    return (below.det() / _skew(m, N, whole, mass, [arb(0)] * m).det()).sqrt()


def _skew(m: int, N: int, gammas: dict[int, Any], mass: Any, ends: list[Any]) -> Any:
    """The skew products of w and the (x^j w)' over an interval (0, x), bordered by their integrals where m is odd.

    gammas  k: ∫ y^(k−1) e^(−y) dy
    mass    ∫ w
    ends    x^j w(x)
    """
    a = N - m
    alpha = arb(a - 1) / 2
    size = m + m % 2
    upper = [[arb(0)] * size for _ in range(size)]
    for j in range(1, m):
        upper[0][j] = ends[j] * mass - 2 * gammas[a + j]
        for i in range(1, j):
            upper[i][j] = ends[i] * ends[j] - 2 * (alpha + i) * gammas[a + i + j - 1] + gammas[a + i + j]
    if m % 2:
        for i in range(m):
            upper[i][m] = ends[i] if i else mass
    return arb_mat([[upper[i][j] - upper[j][i] for j in range(size)] for i in range(size)])


def _numeric_moment(d: int, n: int, power: int) -> Any:
    """E tr Gᵖ for G ~ W_d(n, I), from the density of its eigenvalues."""
    m, N = min(d, n), max(d, n)
    polynomials = eigenvalue_polynomials(m, N)
    moments = weight_moments(m, N, 2 * m + power)
    total = sum(c * mu[k + power] for p, mu in zip(polynomials, moments, strict=True) for k, c in enumerate(p.coeffs()))
    return Rational(int(total.p), int(total.q)) if total else S.Zero


def _numbers(setting: Setting) -> tuple[Any, Any]:
    """d and n, which must be numbers."""
    size, length = setting.dimension, setting.context_length
    if not (isinstance(size, Integer) and isinstance(length, Integer)):
        raise UnknownMoment(
            f"stable_step: no exact value is known here for symbolic sizes, got n = {length}, d = {size}; give whole numbers."
        )
    return size, length


__all__ = [
    "LargestEigenvalueTail",
    "best_markov_bound",
    "concentration_bound",
    "edge_limit",
    "left_over",
    "markov_bound",
    "mean_square_factor",
    "step_size",
    "trace_moment",
    "unstable_probability",
]
