"""Covariates uniform on a sphere or an ellipsoid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sympy import Dummy, Expr, S, besseli, diff, exp, gamma, sin, sqrt, sympify

from theory.covariates.elliptical import Bound, StretchedGaussian, angular_mean, theta
from theory.covariates.law import Term, u
from theory.means import AngularMean


@dataclass(frozen=True)
class Sphere(StretchedGaussian):
    """Uniform on the ellipsoid xᵀΣ⁻¹x = d: for Σ = I on the sphere of radius √d.

    >>> from sympy import Identity, symbols
    >>> d = symbols("d", integer=True, positive=True)
    >>> Sphere(Identity(d)).excess
    ((d/(d + 2) - 1, I),)
    """

    def norm_power(self, a: Any) -> Expr:
        return self.dimension ** (sympify(a) / 2)

    def projection_mean(self, function: Any, variable: Any, bound: Bound) -> Expr:
        return AngularMean(function.subs(variable, sqrt(self.dimension) * sin(theta)), theta, self.dimension)

    def transverse(self, t: Any) -> Expr:
        return self.dimension - t**2

    def exponential_mean(self, term: Term) -> Expr:
        d, j = self.dimension, term.angle.as_powers_dict().get(u, S.Zero) if term.angle != 1 else S.Zero
        if term.angle != u**j:
            raise self.undefined(term, "not a power of u times an exponential")
        outside = d ** ((term.a + term.b) / 2) * exp((term.alpha + term.beta) * d)
        if term.gamma == 0:
            return outside * angular_mean(term.angle, d)
        # E exp(κu) = Γ(d/2) (2/κ)^(d/2−1) I_{d/2−1}(κ), even in κ
        kappa, order = Dummy(positive=True), d / 2 - 1
        generating = gamma(d / 2) * (2 / kappa) ** order * besseli(order, kappa)
        sign = -1 if (term.gamma * d).is_negative and j % 2 else 1
        return outside * sign * diff(generating, kappa, j).subs(kappa, abs(term.gamma) * d)

    def stretch(self, source: Any, white: Any) -> Any:
        return (int(self.dimension) / (white * white).sum(-1)[..., None]) ** 0.5
