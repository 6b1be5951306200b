"""The gap between the best one-step predictor, which is the best layer, and the Bayes risk: at every size, and where n/d → γ.

Where ΣW = cI the problem is that of white covariates with the signal tr ΣW = cd; risks are given here in units of that signal, with the
noise-to-signal ratio s = σ²/(cd). In the limit of many dimensions with n/d → γ the risks are s + ξ and s + μ,

    ξ = (1 + s)/(1 + γ + s),    μ (γ + s + μ) = s + μ,

the second by the law of Marchenko and Pastur (1967). Both have finite sizes beside them, exactly: `finite_gap`, and with inequalities that
hold at every size `bayes_bounds`. Everything is derived in docs/gap-to-bayes.md; theorem `gap-to-bayes` is what the kernel checks of it.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from sympy import Expr, Identity, MatMul, Max, Min, Rational, S, cancel, sqrt, together

from theory.bayes import bayes_risk
from theory.covariates import Gaussian
from theory.errors import SettingError
from theory.exact import dimension_size, exact_scalar
from theory.minimiser import global_minimiser
from theory.notation import d, gamma_d, n, nu
from theory.proportions import in_proportion, proportions
from theory.responses import Linear
from theory.roots import PositiveRoot
from theory.setting import Setting


class LargestGap(NamedTuple):
    """Where the gap is largest at a given noise, in the limit.

    gap    how large it is: the root g in (0, ½] of 4(1 + g)³ = 27(1 + s)g
    ratio  γ there, (1 + s)(2 − g)/(1 + g)
    bayes  μ there, (1 − 2g)/3
    """

    gap: Any
    ratio: Any
    bayes: Any


@cache
def _scaled_minimum() -> Expr:
    """The least loss of a layer less the noise, over the signal, in n, d and ν = s."""
    setting = Setting(covariates=Gaussian.isotropic(d), response=Linear(MatMul(1 / d, Identity(d))), noise_variance=nu, context_length=n)
    return cancel(together(global_minimiser(setting).loss - nu))


@cache
def _limit() -> Expr:
    """Its limit where n = γd and d → ∞."""
    return in_proportion(_scaled_minimum())


def one_step_limit(ratio: Any, noise: Any) -> Expr:
    """ξ: the limit of the least loss of a layer, less the noise, in units of the signal.

    >>> from sympy import Symbol
    >>> one_step_limit(Symbol("gamma"), Symbol("s"))
    (s + 1)/(gamma + s + 1)
    """
    ratio, noise = _checked("one_step_limit", ratio, noise)
    return _limit().subs({gamma_d: ratio, nu: noise}, simultaneous=True)


def bayes_limit(ratio: Any, noise: Any) -> Expr:
    """μ: the limit of the Bayes risk, less the noise, in units of the signal; the root in [0, 1] of μ(γ + s + μ) = s + μ.

    >>> [bayes_limit(ratio, 0) for ratio in (Rational(1, 3), 1, 2)]
    [2/3, 0, 0]
    """
    ratio, noise = _checked("bayes_limit", ratio, noise)
    return _root(ratio, noise, S.Zero)


def _root(ratio: Any, noise: Any, more: Any) -> Expr:
    """The larger root of μ² + (γ + s − 1)μ = s + more."""
    half = (1 - ratio - noise) / 2
    return half + sqrt(half**2 + noise + more)


def ratio_of(bayes: Any, noise: Any) -> Expr:
    """γ at which the limit of the Bayes risk is μ, 0 < μ ≤ 1. Raises SettingError.

    >>> ratio_of(1, 0), ratio_of(Rational(1, 2), 1)
    (0, 3/2)
    """
    where = "ratio_of"
    bayes, noise = (exact_scalar(where, name, value, SettingError) for name, value in (("bayes", bayes), ("noise", noise)))
    if bayes.is_positive is False or (1 - bayes).is_negative:
        raise SettingError(f"{where}: bayes must be > 0 and ≤ 1, in units of the signal and without the noise, got {bayes}.")
    if noise.is_negative:
        raise SettingError(f"{where}: noise must be ≥ 0, got {noise}.")
    return (1 - bayes) * (noise + bayes) / bayes


def proportional_gap(ratio: Any, noise_variance: Any) -> Expr:
    """The limit of the gap in units of the signal, where n/d → `ratio` and σ² is `noise_variance` times the signal.

    Source: derived here, docs/gap-to-bayes.md. Raises SettingError.

    >>> proportional_gap(1, 0), proportional_gap(2, Rational(1, 2))
    (1/2, 33/28 - sqrt(17)/4)
    """
    return one_step_limit(ratio, noise_variance) - bayes_limit(ratio, noise_variance)


def largest_gap(noise_variance: Any) -> LargestGap:
    """Where the limit of the gap is largest over all n/d, for a noise that is a number: algebraic numbers.

    With τ = 1 + s the largest gap is 3√τ cos((π + arccos τ^(−1/2))/3) − 1. Source: derived here, docs/gap-to-bayes.md. Raises SettingError.

    >>> largest_gap(0)
    LargestGap(gap=1/2, ratio=1, bayes=0)
    >>> float(largest_gap(Rational(13, 243)).gap) == 1 / 3
    True
    """
    noise = exact_scalar("largest_gap", "noise_variance", noise_variance, SettingError)
    if noise.free_symbols or noise.is_negative:
        raise SettingError(f"largest_gap: noise_variance must be a number ≥ 0, got {noise}; for a symbol solve 4(1 + g)³ = 27(1 + s)g.")
    gap = PositiveRoot((4, 12, 12 - 27 * (1 + noise), 4), 0) if noise else Rational(1, 2)
    return LargestGap(gap, (1 + noise) * (2 - gap) / (1 + gap), (1 - 2 * gap) / 3)


def noise_of(gap: Any) -> Expr:
    """The noise s at which the largest gap is g, 0 < g ≤ ½: that of 4(1 + g)³ = 27(1 + s)g, for any g > 0. Raises SettingError.

    >>> noise_of(Rational(1, 2)), noise_of(Rational(1, 3))
    (0, 13/243)
    """
    gap = exact_scalar("noise_of", "gap", gap, SettingError)
    if gap.is_positive is False:
        raise SettingError(f"noise_of: gap must be > 0, got {gap}; the largest gap is ½, where there is no noise.")
    return 4 * (1 + gap) ** 3 / (27 * gap) - 1


def finite_gap(setting: Setting) -> Expr:
    """The least loss of a layer less the Bayes risk at the context length of the setting: exact, certified by `enclosure`.

    In the units of the setting, not of the signal. Raises what `bayes_risk` and `global_minimiser` raise.

    >>> from theory import enclosure
    >>> one = Setting(covariates=Gaussian.isotropic(5), response=Linear.isotropic(5), noise_variance=1, context_length=5)
    >>> enclosure(finite_gap(one) / 5).str(6, radius=False)
    '0.200807'
    """
    return global_minimiser(setting).loss - bayes_risk(setting)


def one_step_distance(size: Any, ratio: Any, noise: Any) -> Expr:
    """How far the least loss of a layer is above its limit at d = `size`, in units of the signal: exact, positive, less than 1/(4d).

    Raises SettingError.

    >>> from sympy import Symbol, factor
    >>> factor(one_step_distance(d, 1, 0))
    1/(2*(2*d + 1))
    """
    size = dimension_size("one_step_distance", size, SettingError)
    ratio, noise = _checked("one_step_distance", ratio, noise)
    exact = _scaled_minimum().subs({n: ratio * size, d: size, nu: noise}, simultaneous=True)
    return cancel(together(exact - one_step_limit(ratio, noise)))


def bayes_correction(ratio: Any, noise: Any) -> Expr:
    """The limit of d (Bayes risk at d dimensions − its limit), in units of the signal: s μ²(1 − μ)/(s + μ²)², for s > 0.

    Raises SettingError.

    >>> bayes_correction(1, Rational(1, 2))
    1/9
    """
    ratio, noise = _checked("bayes_correction", ratio, noise)
    if noise.is_zero:
        raise SettingError("bayes_correction: noise must be > 0, got 0; without noise the Bayes risk is at its limit at every size.")
    bayes = bayes_limit(ratio, noise)
    return noise * bayes**2 * (1 - bayes) / (noise + bayes**2) ** 2


def bayes_bounds(setting: Setting) -> tuple[Expr, Expr]:
    """Two numbers between which the Bayes risk lies, at every size and in the units of the setting: no special function is evaluated.

    Less the noise and in units of the signal, the Bayes risk T obeys, with P(T) = T² + (γ + s − 1)T − s and γ = n/d,

        P(T) ≤ 1/(4d),    T ≥ μ at γ + 1/d,    T ≥ μ at γ where σ² ≥ 4c.

    Source: derived here, docs/gap-to-bayes.md. Raises SettingError, UnknownMoment.
    """
    ratio, noise, signal = proportions(setting)
    size = setting.dimension
    low = _root(ratio, noise, S.Zero) if (size * noise - 4).is_nonnegative else _root(ratio + 1 / size, noise, S.Zero)
    high = _root(ratio, noise, 1 / (4 * size))
    return setting.noise_variance + signal * Max(0, low), setting.noise_variance + signal * Min(1, high)


def _checked(where: str, ratio: Any, noise: Any) -> tuple[Any, Any]:
    """Both exact, γ ≥ 0 and s ≥ 0."""
    found = [exact_scalar(where, name, value, SettingError) for name, value in (("ratio", ratio), ("noise", noise))]
    for name, value in zip(("ratio", "noise"), found, strict=True):
        if value.is_negative:
            raise SettingError(f"{where}: {name} must be ≥ 0, got {value}.")
    return found[0], found[1]


__all__ = [
    "LargestGap",
    "bayes_bounds",
    "bayes_correction",
    "bayes_limit",
    "finite_gap",
    "largest_gap",
    "noise_of",
    "one_step_distance",
    "one_step_limit",
    "proportional_gap",
    "ratio_of",
]
