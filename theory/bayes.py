"""The Bayes risk of noisy linear regression: the least risk of any predictor, ridge's, as a function of the context length.

Given the covariates it is σ² + σ² x_qᵀ R x_q with R = (XᵀX + σ²W⁻¹)⁻¹ (theorem `ridge-is-bayes-optimal`), so over Gaussian prompts with
k examples σ² + σ² E tr ΣR. Where ΣW has one eigenvalue c besides 0, r times, that is σ² + σ² E tr (G + σ²/c)⁻¹ for a real Wishart matrix
G ~ W_r(k, I). Its mean is found from the density of the eigenvalues of G, in exact rationals, and four special functions; every formula
is derived in docs/bayes.md.
"""

from __future__ import annotations

from functools import cache
from math import factorial
from typing import Any

from flint import acb, arb, ctx, fmpq, fmpq_mat, fmpq_poly
from sympy import Expr, Integer, MatMul, Max, S, Trace, cancel
from sympy.core.basic import Basic
from sympy.matrices.matrixbase import MatrixBase
from sympy.printing.precedence import PRECEDENCE

from theory.covariates import Gaussian
from theory.errors import EnclosureError, SettingError, UnknownMoment
from theory.exact import exact_scalar, is_zero_matrix, matrix_rank
from theory.loss import symmetric_symbols
from theory.means import Enclosed, ball
from theory.responses import Linear
from theory.setting import Setting
from theory.traces import multiple_of_identity, normal_form

_MEASURE = "average σ² + σ² x_qᵀ(XᵀX + σ²W⁻¹)⁻¹x_q over drawn covariates"


def bayes_risk(setting: Setting, context_length: Any = None) -> Expr:
    """The least E (ŷ − y_q)² of any predictor that knows the setting, from k examples and the query.

    context_length  k, a whole number ≥ 0; that of the setting if it is not given
    Exact; `enclosure` gives a ball for it and `float` its value. At k = 0 it is σ² + tr ΣW for every law of the covariates and of the task
    vector. For k ≥ 1 the task vector is Gaussian, so are the covariates, and ΣW has one eigenvalue besides 0: covariates and task vectors
    isotropic, W = cΣ⁻¹, d = 1, or W of rank one. Source: derived here, docs/bayes.md.
    Raises SettingError where ridge is not known to be Bayes optimal, UnknownMoment where it is and its risk has no exact value here.

    >>> from sympy import Rational
    >>> from theory import enclosure
    >>> setting = Setting(covariates=Gaussian.isotropic(3), response=Linear.isotropic(3), noise_variance=Rational(1, 4), context_length=6)
    >>> [enclosure(bayes_risk(setting, k)).str(9, radius=False) for k in (0, 3, 6)]
    ['3.25000000', '1.11182239', '0.517990992']
    """
    response, noise, d = setting.response, setting.noise_variance, setting.dimension
    if not isinstance(response, Linear):
        raise SettingError(
            f"bayes_risk: ridge is not known to be Bayes optimal for responses of {type(response).__name__}, which are not linear; "
            "global_minimiser(setting).loss bounds the Bayes risk from above."
        )
    k = setting.context_length if context_length is None else exact_scalar("bayes_risk", "context_length", context_length, SettingError)
    if k.is_integer is False or k.is_negative:
        raise SettingError(f"bayes_risk: context_length must be a whole number ≥ 0, got {k}.")
    symmetric = symmetric_symbols(setting)
    product = MatMul(setting.covariates.second_moment, response.covariance)
    if k == 0:
        return noise + normal_form(Trace(product), symmetric=symmetric)
    if response.task is not None and not isinstance(response.task, Gaussian):
        raise SettingError(
            f"bayes_risk: ridge is not known to be Bayes optimal for task vectors of {type(response.task).__name__}, not Gaussian ones; "
            "Linear(covariance) has the risk of ridge, which bounds the Bayes risk from above."
        )
    if not isinstance(setting.covariates, Gaussian):
        law = type(setting.covariates).__name__
        raise UnknownMoment(f"bayes_risk: no exact value is known here for covariates of {law}; give Gaussian ones, or {_MEASURE}.")
    if not (k.is_Integer and d.is_Integer):
        raise UnknownMoment(f"bayes_risk: no exact value is known here for symbolic sizes, got k = {k}, d = {d}; give whole numbers.")
    if noise == 0 and k >= d:
        return S.Zero
    found = _one_eigenvalue(product, d, symmetric)
    if found is None:
        shown = normal_form(product, symmetric=symmetric)
        raise UnknownMoment(
            "bayes_risk: no exact value is known here for ΣW with different eigenvalues besides 0, got ΣW = "
            f"{shown.tolist() if isinstance(shown, MatrixBase) else shown}; give W = cΣ⁻¹, or {_MEASURE}."
        )
    c, r = found
    if noise == 0:
        return c * Max(0, r - k)
    return noise + noise * ResolventMean(r, k, noise / c) if r else noise


def _one_eigenvalue(product: Any, size: Any, symmetric: Any) -> tuple[Any, Any] | None:
    """c and r where ΣW has the eigenvalue c r times and else 0, or None."""
    scale = multiple_of_identity(product, size, symmetric=symmetric)
    if scale is not None:
        return scale, Integer(0) if scale.is_zero else size
    matrix = normal_form(product, symmetric=symmetric)
    if not isinstance(matrix, MatrixBase):
        return None
    # ΣW is similar to a symmetric matrix, so (ΣW)² = c ΣW says it all, the rank with it: tr ΣW = c r
    r = Integer(matrix_rank(matrix))
    c = matrix.trace() / r
    return (c, r) if is_zero_matrix((matrix * matrix - c * matrix).applyfunc(cancel)) else None


class ResolventMean(Enclosed):
    """E tr (G + sI)⁻¹ for a real Wishart matrix G = ZᵀZ, Z of k×d independent standard normals, s > 0.

    dimension  d ≥ 1
    degrees    k ≥ 0; for k < d the k×k matrix ZZᵀ, which has the same eigenvalues besides d − k that are 0, takes the place of G
    shift      s
    Raises SettingError.

    >>> ResolventMean(3, 1, 2)
    ResolventMean(1, 3, 2) + 1
    """

    is_positive = True

    def __new__(cls, dimension: Any, degrees: Any, shift: Any) -> Any:
        d, k, s = (
            exact_scalar("ResolventMean", name, value, SettingError)
            for name, value in (("dimension", dimension), ("degrees", degrees), ("shift", shift))
        )
        if not (d.is_Integer and k.is_Integer and d >= 1 and k >= 0):
            raise SettingError(f"ResolventMean: dimension must be a whole number ≥ 1 and degrees one ≥ 0, got {d} and {k}.")
        if s.is_positive is False:
            raise SettingError(f"ResolventMean: shift must be > 0, got {s}; bayes_risk gives the limit of zero noise in closed form.")
        if k == 0:
            return d / s
        if k < d:
            return (d - k) / s + cls(k, d, s)
        return Basic.__new__(cls, d, k, s)

    dimension = property(lambda self: self.args[0])
    degrees = property(lambda self: self.args[1])
    shift = property(lambda self: self.args[2])

    def ball(self, environment: Any, analytic: bool) -> Any:
        """The value as an acb. Raises EnclosureError where s is not a number."""
        if self.shift.free_symbols:
            raise EnclosureError(f"ResolventMean: the shift must be a number to be enclosed, got {self.shift}.")
        asked = bits = ctx.prec
        try:
            while True:  # large terms cancel: so many more bits as it takes, unless s is not known so well
                ctx.prec = bits = 2 * bits
                s = ball(self.shift, {}, False).real
                value = _resolvent_mean(int(self.dimension), int(self.degrees), s)
                if value.rel_accuracy_bits() >= asked or s.rel_accuracy_bits() < bits - 16:
                    return acb(value)
        finally:
            ctx.prec = asked

    def _latex(self, printer: Any) -> str:
        law = rf"\mathcal W_{{{self.dimension}}}({self.degrees}, I)"
        shift = printer.parenthesize(self.shift, PRECEDENCE["Mul"], strict=True)
        return rf"\mathbb E_{{G \sim {law}}}\left[\operatorname{{tr}}\left(G + {shift} I\right)^{{-1}}\right]"


@cache
def eigenvalue_polynomials(m: int, N: int) -> tuple[Any, Any]:
    """P and Q, rational, in the density of the eigenvalues of G ~ W_m(N, I), N ≥ m ≥ 1, which integrates to m:

        ρ(x) = xᵃ e^(−x) P(x) + w(x) Q(x) u(x),    a = N − m,    w(x) = x^((a−1)/2) e^(−x/2),
        u(x) = 1 / ∫ w for odd m,    u(x) = ∫ sgn(y − x) w(y) dy for even m.

    >>> eigenvalue_polynomials(1, 4)
    (0, 1)
    """
    a = N - m
    size = m + m % 2
    # skew products of w and η_j = (x^j w)', bordered by their integrals, 1 (in units of ∫ w) and 0, where m is odd
    skew = [[fmpq(0)] * size for _ in range(size)]
    for j in range(1, m):
        skew[0][j] = fmpq(-2 * factorial(a - 1 + j))
        for i in range(1, j):
            skew[i][j] = fmpq((j - i) * factorial(a - 2 + i + j))
    if m % 2:
        skew[0][m] = fmpq(1)
    inverse = fmpq_mat([[skew[i][j] - skew[j][i] for j in range(size)] for i in range(size)]).inv()
    basis = [fmpq_poly([1]), *(fmpq_poly([0] * (j - 1) + [fmpq(a - 1, 2) + j, fmpq(-1, 2)]) for j in range(1, m))]

    def row(j: int) -> Any:
        return sum((inverse[j, i] * basis[i] for i in range(m)), fmpq_poly([0]))

    P = sum((fmpq_poly([0] * (j - 1) + [-2]) * row(j) for j in range(1, m)), fmpq_poly([0]))
    return P, row(m if m % 2 else 0)


def weight_moments(m: int, N: int, count: int) -> tuple[list[Any], list[Any]]:
    """∫ x^c xᵃ e^(−x) dx and ∫ x^c w(x) u(x) dx for c < `count`, rational, in the notation of `eigenvalue_polynomials`."""
    a = N - m
    smooth = [fmpq(factorial(a + c)) for c in range(count)]
    rough = [fmpq(m % 2)]
    for c in range(1, count):
        rough.append((a - 1 + 2 * c) * rough[-1] - (0 if m % 2 else 4 * factorial(a - 1 + c)))
    return smooth, rough


def _resolvent_mean(m: int, N: int, s: Any) -> Any:
    """∫ ρ(x) / (x + s) dx as an arb, N ≥ m ≥ 1 and s > 0."""
    a = N - m
    smooth, rough = weight_moments(m, N, 2 * m)
    P, Q = eigenvalue_polynomials(m, N)
    transform = (s / 2).hypgeom_u(1, arb(3 - a) / 2) / 2 if m % 2 else _even_transform(a, s)
    return _over_shift(P, smooth, _gamma_transform(a, s), s) + _over_shift(Q, rough, transform, s)


def _over_shift(polynomial: Any, moments: list[Any], transform: Any, s: Any) -> Any:
    """∫ p(x) / (x + s) dμ from the moments of μ and its transform ∫ dμ / (x + s): p(x) = (x + s) q(x) + p(−s)."""
    total = carry = arb(0)
    for coefficient, moment in reversed(list(zip(polynomial.coeffs(), moments, strict=False))):
        total += carry * moment  # the coefficient of q
        carry = coefficient - s * carry
    return total + carry * transform


def _gamma_transform(a: int, s: Any) -> Any:
    """∫ xᵃ e^(−x) / (x + s) dx, x > 0"""
    return factorial(a) * s.hypgeom_u(1, 1 - a)


def _even_transform(a: int, s: Any) -> Any:
    """∬ w(x) w(y) sgn(y − x) / (x + s) dx dy, up from a = 0 or 1 by a recursion: by parts in y, and x = (x + s) − s."""
    value = 4 * _gamma_transform(0, s) - 2 * _gamma_transform(0, s / 2) if a % 2 else _error_function_integral(s)
    for b in range(2 + a % 2, a + 1, 2):
        value = 4 * _gamma_transform(b - 1, s) - (b - 1) * s * value
    return value


def _error_function_integral(s: Any) -> Any:
    """2√π ∫ e^(−t²) (1 − 2 erf t) / (t² + s/2) dt, t > 0: the transform at a = 0, x = 2t²."""
    half = s / 2
    top = arb(int((0.7 * ctx.prec) ** 0.5) + 2)  # e^(−top²) < 2^(−prec)

    def integrand(t: Any, analytic: bool) -> Any:
        square = t * t
        return (-square).exp() * (1 - 2 * t.erf()) / (square + half)

    tail = arb.pi().sqrt() / 2 * top.erfc() / (top * top + half)  # |1 − 2 erf t| ≤ 1
    return 2 * arb.pi().sqrt() * (acb.integral(integrand, acb(0), acb(top)).real + arb(0, tail.upper()))
