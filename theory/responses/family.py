"""What the exact layer asks of a response family: a finite list of moments, for a covariate law.

A prompt's function f is drawn anew for each prompt; its moments are over f and independent covariates x, x'. A family whose f is, given
the covariates, seen through their norms r, s and their cosine u in the metric of its task vectors gives the conditional moments as
expressions in r, s, u; the covariate law takes the rest of the mean.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from sympy import Expr, S, sympify

from theory.covariates.law import CovariateLaw, r, s, u


@dataclass(frozen=True, kw_only=True)
class ResponseMoments:
    """The moments of f(x) that the loss of a layer depends on, and those by which its symmetry is judged.

    mean      E f(x)
    third     E f(x)³, 0 as the mean if the family is sign-symmetric
    mixed     0 if no moment couples the part of ŷ even in the labels with the rest: E f x, E f x xᵀ(·)x, E f³ x and E f² f(x') x', which
              all vanish if (f, x) ~ (−f, x) or (f, x) ~ (f, −x). Anything else, and the setting is refused: its loss is not known here
    second    E f(x)²
    fourth    E f(x)⁴
    pair      E f(x)² f(x')², x and x' independent, f the same
    weighted  C = E f(x)² x xᵀ, d×d
    cross     K = E f(x) f(x') x x'ᵀ, d×d
    """

    mean: Any
    third: Any
    mixed: Any
    second: Any
    fourth: Any
    pair: Any
    weighted: Any
    cross: Any


class ResponseFamily(ABC):
    """The law of the function f of a prompt."""

    @property
    @abstractmethod
    def dimension(self) -> Any:
        """d"""

    @abstractmethod
    def moments(self, law: CovariateLaw) -> ResponseMoments:
        """The moments for these covariates. Raises UndefinedMoment where one does not exist or has no exact value."""

    @abstractmethod
    def draw(self, source: Any, covariates: Any) -> Any:
        """f at the covariates (batch, count, d) of each prompt, an array (batch, count), from `numerics.source`"""


class KernelFamily(ResponseFamily):
    """A family whose conditional moments given the covariates are functions of their norms r, s and their cosine u.

    covariance  the metric W of the norms, r² = xᵀWx: the covariance of its task vectors
    """

    covariance: Any

    @property
    def dimension(self) -> Any:
        return sympify(self.covariance.shape[0])

    @abstractmethod
    def kernel(self) -> Expr:
        """E f(x) f(x') given x, x'"""

    @abstractmethod
    def squares(self) -> Expr:
        """E f(x)² f(x')² given x, x'"""

    @abstractmethod
    def fourth(self) -> Expr:
        """E f(x)⁴ given x"""

    def average(self) -> Expr:
        """E f(x) given x: 0 unless the family says otherwise"""
        return S.Zero

    def cubed(self) -> Expr:
        """E f(x)³ given x: 0 unless the family says otherwise"""
        return S.Zero

    def moments(self, law: CovariateLaw) -> ResponseMoments:
        kernel, metric, average, cubed = self.kernel(), self.covariance, self.average(), self.cubed()
        variance = kernel.subs({s: r, u: 1}, simultaneous=True)
        return ResponseMoments(
            mean=law.mean(average, metric),
            third=law.mean(cubed, metric),
            mixed=S.Zero if average == cubed == 0 or law.reflected else S.NaN,
            second=law.mean(variance, metric),
            fourth=law.mean(self.fourth(), metric),
            pair=law.mean(self.squares(), metric),
            weighted=law.weighted(variance, metric),
            cross=law.cross(kernel, metric),
        )


__all__ = ["KernelFamily", "ResponseFamily", "ResponseMoments", "r", "s", "u"]
