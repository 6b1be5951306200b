"""Settings in proportion: what the risks of white covariates and tasks depend on besides d, and limits n/d → γ, d → ∞."""

from __future__ import annotations

from typing import Any, NamedTuple

from sympy import Expr, MatMul, Poly, Trace, cancel, fraction

from theory.covariates import Gaussian
from theory.errors import SettingError, UnknownMoment
from theory.loss import symmetric_symbols
from theory.notation import d, gamma_d, n
from theory.responses import Linear
from theory.setting import Setting
from theory.traces import multiple_of_identity, normal_form


class Proportions(NamedTuple):
    """What the risks of a setting depend on, besides d.

    ratio   n/d
    noise   s = σ²/signal
    signal  tr ΣW, the unit in which risks are measured
    """

    ratio: Any
    noise: Any
    signal: Any


def proportions(setting: Setting) -> Proportions:
    """n/d, the noise and the signal of a setting with Gaussian covariates and task vectors and ΣW = cI.

    >>> from sympy import Matrix
    >>> law, response = Gaussian(Matrix([[2, 0], [0, 1]])), Linear(Matrix([[3, 0], [0, 6]]))
    >>> proportions(Setting(covariates=law, response=response, noise_variance=4, context_length=5))
    Proportions(ratio=5/2, noise=1/3, signal=12)

    Raises SettingError where there is no signal, UnknownMoment where ΣW is no multiple of I.
    """
    response, size = setting.response, setting.dimension
    if not isinstance(response, Linear) or not isinstance(response.task, Gaussian | None) or not isinstance(setting.covariates, Gaussian):
        raise UnknownMoment("proportions: this is derived for Gaussian covariates and w·x with Gaussian w; give Gaussian and Linear.")
    product = MatMul(setting.covariates.second_moment, response.covariance)
    symmetric = symmetric_symbols(setting)
    if multiple_of_identity(product, size, symmetric=symmetric) is None:
        raise UnknownMoment("proportions: this is derived for ΣW = cI, got another ΣW; give W = cΣ⁻¹.")
    signal = normal_form(Trace(product), symmetric=symmetric)
    if signal == 0:
        raise SettingError("proportions: ΣW = 0 leaves no signal, and every gap is 0; give a W that is not 0.")
    return Proportions(setting.context_length / size, cancel(setting.noise_variance / signal), signal)


def in_proportion(expr: Any) -> Expr:
    """The limit of a rational function of n and d where n = γ_d d and d → ∞: the quotient of the coefficients of the highest power of d.

    >>> in_proportion(n / (n + d + 1))
    gamma_d/(gamma_d + 1)
    """
    above, below = (Poly(part, d) for part in fraction(cancel(expr.subs(n, gamma_d * d))))
    return cancel(above.coeff_monomial(d ** below.degree()) / below.LC())


__all__ = ["Proportions", "in_proportion", "proportions"]
