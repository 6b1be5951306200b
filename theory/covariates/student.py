"""Multivariate Student covariates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sympy import Expr, Integer, S, Symbol, cos, gamma, rf, sympify

from theory.covariates.elliptical import Bound, StretchedGaussian, chi_power, gaussian_exponential_mean, theta
from theory.covariates.law import Term
from theory.errors import SettingError, UndefinedMoment
from theory.exact import exact_scalar
from theory.means import AngularMean, ChiMean, StudentMean


@dataclass(frozen=True)
class StudentT(StretchedGaussian):
    """Multivariate Student, scaled to covariance Σ; E‖x‖^a exists for a < ν.

    degrees  ν > 2; the loss of a layer needs ν > 4
    """

    degrees: Any = Integer(9)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "degrees", exact_scalar("StudentT", "degrees", self.degrees, SettingError))
        if (self.degrees - 2).is_positive is False:
            raise SettingError(f"StudentT: degrees must be > 2, so that there is a covariance, got {self.degrees}.")

    def norm_power(self, a: Any) -> Expr:
        a, nu = sympify(a), self.degrees
        if (nu - a).is_positive is False:
            raise UndefinedMoment(f"StudentT: E‖x‖^{a} does not exist with {nu} degrees of freedom; it needs more than {a}.")
        mixing = ((nu - 2) / 2) ** (a / 2) * (1 / rf(nu / 2 - a / 2, a / 2) if (a / 2).is_integer else gamma((nu - a) / 2) / gamma(nu / 2))
        return chi_power(a, self.dimension) * mixing

    def projection_mean(self, function: Any, variable: Any, bound: Bound) -> Expr:
        C, k = bound
        if (self.degrees - k).is_positive is False:
            raise UndefinedMoment(f"StudentT: a moment of order {k} does not exist with {self.degrees} degrees of freedom.")
        return StudentMean(function, variable, self.degrees, (C, k))

    def transverse(self, t: Any) -> Expr:
        return (self.dimension - 1) * (self.degrees - 2 + t**2) / (self.degrees - 1)

    def exponential_mean(self, term: Term) -> Expr:
        # x̃ = √(ν−2) g / ρ with ρ² ~ χ²_ν: the Gaussian mean at each ρ, σ, and an integral over both
        if not self.degrees.is_Integer:
            raise self.undefined(term, "its mixture over two radii needs whole degrees of freedom")
        rho, c, d = Symbol("rho", positive=True), self.degrees - 2, self.dimension
        if term.gamma == 0 and term.overlap is not None and term.overlap[2] == 0:  # the two covariates apart
            mean = S.One
            for power, slope in ((term.a, term.alpha), (term.b, term.beta)):
                one = term._replace(a=power, b=S.Zero, alpha=slope, beta=S.Zero)
                mean *= ChiMean(gaussian_exponential_mean(one, d, (rho**2 / c, S.One)), rho, self.degrees)
            return mean
        if term.overlap not in ((0, 0, 0), (0, 0, 1)) or not term.alpha == term.beta == -abs(term.gamma) / 2:
            raise self.undefined(term, "its integral over two radii is known for exp(−t‖x ± x'‖²/2) and its first moment only")
        # in polar coordinates ρ² = t²(1 + sin θ)/2, σ² = t²(1 − sin θ)/2: t ~ χ_2ν, θ with density cos^(ν−1) θ; the precisions are
        # p = ρ²/c and q = σ²/c, and (p − 2α)(q − 2β) − γ² = t² (t² cos² θ/(4c²) + |γ|/c)
        root = rho * cos(theta) / (2 * c)
        reduced = root**2 + abs(term.gamma) / c
        inner = root**d * reduced ** (-d / 2)
        if term.overlap[2]:
            inner *= d * term.gamma / (rho**2 * reduced)
        return ChiMean(AngularMean(inner, theta, self.degrees + 1), rho, 2 * self.degrees)

    def stretch(self, source: Any, white: Any) -> Any:
        nu = float(self.degrees)
        return ((nu - 2) / source.chi_square(nu, *white.shape[:-1], 1)) ** 0.5
