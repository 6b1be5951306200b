"""Gaussian scale mixtures with finitely many variances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sympy import Expr, Integer, Max, S, exp, sqrt, sympify

from theory.covariates.elliptical import Bound, StretchedGaussian, chi_power, gaussian_exponential_mean, z
from theory.covariates.law import CovariateLaw, Term
from theory.covariates.mixture import centred_mixture
from theory.errors import SettingError
from theory.exact import exact_scalar
from theory.means import NormalMean


@dataclass(frozen=True)
class ScaleMixture(StretchedGaussian):
    """√V g with g Gaussian, V one of finitely many variances with E V = 1 after scaling, so that x has covariance Σ.

    scales  pairs (probability, variance): ((1/2, 1), (1/2, 4)), say
    """

    scales: Any = ((S.Half, Integer(1)), (S.Half, Integer(4)))

    def __post_init__(self) -> None:
        super().__post_init__()
        pairs = tuple(
            (exact_scalar("ScaleMixture", "scales", p, SettingError), exact_scalar("ScaleMixture", "scales", v, SettingError))
            for p, v in self.scales
        )
        if any(p.is_positive is False or v.is_positive is False for p, v in pairs) or sum(p for p, _ in pairs) != 1:
            raise SettingError(f"ScaleMixture: scales must be pairs (probability, variance) > 0, probabilities adding to 1, got {pairs}.")
        average = sum(p * v for p, v in pairs)
        object.__setattr__(self, "scales", tuple((p, v / average) for p, v in pairs))

    def norm_power(self, a: Any) -> Expr:
        return chi_power(a, self.dimension) * sum(p * v ** (sympify(a) / 2) for p, v in self.scales)

    def projection_mean(self, function: Any, variable: Any, bound: Bound) -> Expr:
        C, k = bound
        return sum(p * NormalMean(function.subs(variable, sqrt(v) * z), z, 0, (C * (1 + sqrt(v)) ** k, k)) for p, v in self.scales)

    def transverse(self, t: Any) -> Expr:
        density = [(p * exp(-(t**2) / (2 * v)) / sqrt(v), v) for p, v in self.scales]
        return (self.dimension - 1) * sum(w * v for w, v in density) / sum(w for w, _ in density)

    @property
    def largest_variance(self) -> Any:
        return Max(1, *(v for _, v in self.scales))

    def exponential_mean(self, term: Term) -> Expr:
        total = S.Zero
        for p, v in self.scales:
            for q, w in self.scales:
                total += p * q * gaussian_exponential_mean(term, self.dimension, (1 / v, 1 / w))
        return total

    def as_mixture(self) -> CovariateLaw | None:
        return centred_mixture([(p, v * self.covariance) for p, v in self.scales])

    def stretch(self, source: Any, white: Any) -> Any:
        return source.choice([float(p) for p, _ in self.scales], [float(v) ** 0.5 for _, v in self.scales], *white.shape[:-1], 1)
