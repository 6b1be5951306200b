"""The loss of a setting without a preferred direction, in six coefficients.

If C = E y² x xᵀ, K = E y y' x x'ᵀ and the covariates' fourth cumulant are multiples of Σ (isotropic and elliptical covariates; responses
of Theorem 3; linear responses with W ∝ Σ⁻¹), then in whitened coordinates, A for Σ^½AΣ^½, v_x for Σ^½v_x, c for Σ^½c,

    L = τ + p‖B‖² − 2q tr B + α|Aᵀv_x|² + β‖A‖²|v_x|² + 2γ v_y cᵀAᵀv_x + δ v_y²|c|²,      B = v_y A + v_x cᵀ.

The first line of terms is the loss of one step; the others are the mean square of the part of ŷ even in the labels.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from sympy import Dummy, Identity, Inverse, MatMul, Poly, cancel, factor_terms

from theory import notation
from theory.bilinear import BilinearForm
from theory.errors import SettingError
from theory.loss import general_loss, replaced, symmetric_symbols
from theory.setting import Setting
from theory.traces import multiple_of_identity, normal_form


class Coefficients(NamedTuple):
    """Of the loss, each a positive number or an expression for one; τ is E y², the loss of the layer that predicts 0."""

    p: Any
    q: Any
    alpha: Any
    beta: Any
    gamma: Any
    delta: Any
    tau: Any

    @property
    def epsilon(self) -> Any:
        """ε = α + β"""
        return self.alpha + self.beta

    @property
    def margin(self) -> Any:
        """Δ = εδ − γ² ≥ 0, with equality only for d = 1 and y² = κx²: Cauchy and Schwarz for the two terms of the even part."""
        return self.epsilon * self.delta - self.gamma**2


# multiples of Σ that C and K are, and the size of the fourth cumulant in units of Σ
MULTIPLE_C, MULTIPLE_K, MULTIPLE_EXCESS = (Dummy(name, real=True) for name in ("C", "K", "excess"))


@cache
def general_coefficients() -> Coefficients:
    """Read off the loss of the layers v = (u, v), A = aI + g uuᵀ, c = k u, a polynomial in a, g, k, v and r = |u|²."""
    a, g, k, v, r = (Dummy(name) for name in "agkvr")
    identity, u = Identity(notation.d), notation.u
    layer = {
        notation.Sigma: identity,
        notation.C: MULTIPLE_C * identity,
        notation.K: MULTIPLE_K * identity,
        notation.Q: identity,
        notation.v_x: u,
        notation.v_y: v,
        notation.A: a * identity + g * u * u.T,
        notation.c: k * u,
    }
    base, vertex = (normal_form(replaced(part, layer)).replace(BilinearForm, lambda _: r) for part in general_loss())
    loss = Poly(base + MULTIPLE_EXCESS * vertex, a, g, k, v, r)

    def of(monomial: Any) -> Any:
        return loss.coeff_monomial(monomial)

    p, epsilon = of(a**2 * v**2) / notation.d, of(g**2 * r**3)
    beta = (of(a**2 * r) - epsilon) / (notation.d - 1)
    found = (p, -of(a * v) / (2 * notation.d), epsilon - beta, beta, of(a * k * v * r) / 2 - p, of(k**2 * v**2 * r), of(1))
    return Coefficients(*(factor_terms(cancel(part)) for part in found))


def coefficients(setting: Setting) -> Coefficients:
    """The six coefficients of a setting. Raises SettingError where it has preferred directions, or no signal (K = 0).

    >>> from theory.loss import gaussian_setting
    >>> from theory import Gaussian, Linear, Setting
    >>> n, d, s = notation.n, notation.d, notation.sigma2
    >>> found = coefficients(Setting(covariates=Gaussian.isotropic(d), response=Linear.isotropic(d), noise_variance=s, context_length=n))
    >>> found.p, found.beta
    (n*(d + n + sigma2 + 1), n)
    """
    moments, size = setting.moments, setting.dimension
    symmetric = symmetric_symbols(setting)
    inverse = Inverse(moments.Sigma)

    def multiple(name: str, matrix: Any) -> Any:
        found = multiple_of_identity(MatMul(inverse, matrix), size, symmetric=symmetric)
        if found is None:
            raise SettingError(
                f"stationary_points: {name} is no multiple of Σ, so the loss has preferred directions; all stationary points "
                "are known for isotropic or elliptical covariates with responses of Theorem 3 or linear ones with W ∝ Σ⁻¹; for Gaussian "
                "covariates and linear responses see theory.anisotropic.anisotropic_points."
            )
        return found

    excess = sum(
        weight * multiple("the fourth cumulant of the covariates", matrix) ** 2 for weight, matrix in setting.covariates.excess or ()
    )
    linear = multiple("E y y' x x'ᵀ", moments.K)
    if linear == 0:
        raise SettingError(
            "stationary_points: the responses have no linear part, E y y' x x'ᵀ = 0, so no layer predicts better than 0 does; "
            "global_minimiser lists the minimisers."
        )
    values = {
        notation.n: setting.context_length,
        notation.d: size,
        notation.tau: moments.tau,
        notation.mu_4: moments.mu_4,
        notation.mu_22: moments.mu_22,
        MULTIPLE_EXCESS: excess,
        MULTIPLE_C: multiple("E y² x xᵀ", moments.C),
        MULTIPLE_K: linear,
    }
    return Coefficients(*(_tidied(part.xreplace(values)) for part in general_coefficients()))


def _tidied(value: Any) -> Any:
    return factor_terms(cancel(value)) if value.free_symbols and value.is_rational_function(*value.free_symbols) else value


__all__ = ["Coefficients", "coefficients", "general_coefficients"]
