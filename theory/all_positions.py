"""One layer for contexts of every length: the best step for a random length, and so for the loss averaged over all positions.

A prompt of length k is one of length n whose examples have weights: 1 for the first k, 0 for the others, or 1/k if the layer takes means.
So let the examples have random weights p_1, …, p_n, independent of all else, ŷ = (Σ p_i y_i x_i)ᵀ B x_q. Of two tokens, the mean of
y y' x x'ᵀ is C if they are one and K if not, hence

    E L = Σp² tr((C − K) BΣBᵀ) + (Σp)² tr(K BΣBᵀ) − 2 Σp tr(K B) + τ,

each sum standing for its mean: that of a fixed length with k and k² replaced. It is least at B = (E Σp / E Σp²) B̃, B̃ the best step of a
fixed *effective length* ñ = E (Σp)² / E Σp², which is Kish's effective sample size: at most n, by Cauchy–Schwarz. The theorems
`all-positions` and `random-weights` in `proofs` say so for Gaussian prompts and the whole layer.

    sums      p = 1, …, 1, 0, …     ñ = E k² / E k, the mean length seen by an example: at least E k. Positions 1…n or 0…n: (2n + 1)/3
    means     p = 1/k, …, 1/k, 0, … ñ = 1 / E(1/k), the harmonic mean length: at most E k. Positions 1…n: n / H_n

All of it is derived here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

from sympy import Dummy, Expr, MatMul, S, cancel, expand, factor, harmonic, summation, sympify
from sympy.matrices.matrixbase import MatrixBase

from theory.errors import SettingError
from theory.exact import exact_matrix, exact_scalar
from theory.loss import gaussian_setting, one_step_moments, replaced, specialise, symmetric_symbols, written_out
from theory.minimiser import general_minimum, global_minimiser
from theory.notation import B, n, tau
from theory.setting import Setting
from theory.traces import normal_form


class Weights(NamedTuple):
    """Three moments of random weights p_i on the examples of a context.

    total          E Σ p_i
    total_squared  E (Σ p_i)²
    squares        E Σ p_i²

    >>> from sympy import Rational
    >>> Weights.positions(n).effective_length, Weights.positions(n, mean=True).effective_length
    (2*n/3 + 1/3, n/harmonic(n))
    >>> Weights.lengths({5: Rational(1, 2), 10: Rational(1, 2)}).effective_length
    25/3
    """

    total: Any
    total_squared: Any
    squares: Any

    @classmethod
    def lengths(cls, probabilities: Mapping[int, Any], *, mean: bool = False) -> Weights:
        """Of a random length, {k: its probability}; `mean` if the layer divides by the length, which then must not be 0."""
        where = "Weights.lengths"
        if not isinstance(probabilities, Mapping):
            raise SettingError(f"{where}: probabilities must be a dict {{length: its probability}}, got a {type(probabilities).__name__}.")
        exact = {k: exact_scalar(where, f"the probability of {k}", p, SettingError) for k, p in probabilities.items()}
        least = 1 if mean else 0
        for k, p in exact.items():
            if type(k) is not int or k < least:
                raise SettingError(f"{where}: a length must be a whole number ≥ {least}{' for means' if mean else ''}, got {k!r}.")
            if p.is_negative:
                raise SettingError(f"{where}: the probability of {k} must be ≥ 0, got {p}.")
        whole = sum(exact.values(), S.Zero)
        if whole != 1:
            raise SettingError(f"{where}: the probabilities must add up to 1, got {whole}; divide each by it.")
        return cls.moments(*(sum((p * S(k) ** power for k, p in exact.items()), S.Zero) for power in ((-1,) if mean else (1, 2))))

    @classmethod
    def moments(cls, *moments: Any) -> Weights:
        """Of a random length k: E k and E k² for sums, or E 1/k alone for means.

        >>> from sympy import Rational
        >>> Weights.moments(3, 12).effective_length, Weights.moments(Rational(1, 4)).effective_length
        (4, 4)
        """
        given = [exact_scalar("Weights.moments", "a moment", value, SettingError) for value in moments]
        if len(given) not in (1, 2) or any(value.is_positive is False for value in given):
            raise SettingError(f"Weights.moments: needs E k and E k², or E 1/k, all > 0; got {', '.join(map(str, given)) or 'nothing'}.")
        if len(given) == 2:
            if (given[1] - given[0] ** 2).is_negative:
                raise SettingError(f"Weights.moments: E k² must be ≥ (E k)² = {given[0] ** 2}, got {given[1]}.")
            return cls(given[0], given[1], given[0])
        return cls(S.One, S.One, given[0])

    @classmethod
    def positions(cls, last: Any, *, first: int = 1, mean: bool = False) -> Weights:
        """Of a length uniform on first, …, last (a number or a symbol), first being 0 or 1."""
        end = exact_scalar("Weights.positions", "last", last, SettingError)
        if type(first) is not int or first not in (0, 1) or (mean and first == 0) or end.is_positive is False or end.is_integer is False:
            raise SettingError(f"Weights.positions: the lengths are 1…n or, for sums, 0…n with a whole n ≥ 1; got {first}…{end}.")
        if mean:
            return cls.moments(harmonic(end) / end)
        k = Dummy("k", integer=True)
        return cls.moments(*(factor(summation(k**power, (k, first, end))) / (end + 1 - first) for power in (1, 2)))

    @property
    def effective_length(self) -> Expr:
        """ñ = E (Σp)² / E Σp²"""
        return expand(cancel(self.total_squared / self.squares))


@cache
def _parts() -> tuple[Expr, Expr, Expr]:
    """What multiplies E Σp, E (Σp)² and E Σp² in E ŷ y_q and E ŷ², B a free matrix."""
    with_label, square = (expand(moment) for moment in one_step_moments())
    return with_label.coeff(n), square.coeff(n, 2), square.coeff(n, 1)


def averaged_loss(setting: Setting, weights: Weights, step: Any) -> Any:
    """E (ŷ − y_q)² of ŷ = (Σ p_i y_i x_i)ᵀ B x_q; what the setting says of the context length plays no part.

    step  B, an exact d×d matrix
    Raises SettingError for weights or a step of another kind.

    >>> from sympy import Identity, MatrixSymbol, symbols
    >>> from theory import Gaussian, Linear
    >>> d, n = symbols("d n", integer=True, positive=True)
    >>> s = symbols("s", nonnegative=True)
    >>> here = Setting(covariates=Gaussian.isotropic(d), response=Linear.isotropic(d), noise_variance=s, context_length=n)
    >>> best = averaged_minimiser(here, Weights.positions(n))
    >>> best
    1/(d + 2*n/3 + s + 4/3)*I
    >>> (averaged_loss(here, Weights.positions(n), best) - averaged_minimum(here, Weights.positions(n))).simplify()
    0
    """
    weights = _checked("averaged_loss", weights)
    step = exact_matrix("averaged_loss", "step", step, SettingError)
    if any((size - setting.dimension).is_zero is False for size in map(sympify, step.shape)):
        raise SettingError(f"averaged_loss: step must be {setting.dimension}×{setting.dimension}, got {step.shape[0]}×{step.shape[1]}.")
    with_label, pairs, own = _parts()
    average = weights.total_squared * pairs + weights.squares * own - 2 * weights.total * with_label + tau
    return specialise(average, setting, step=step)


def averaged_minimiser(setting: Setting, weights: Weights) -> Any:
    """B with the least averaged loss: (E Σp / E Σp²) times the best step of the effective length. Raises SettingError."""
    weights = _checked("averaged_minimiser", weights)
    if weights.squares.is_zero:
        raise SettingError("averaged_minimiser: every step is a minimiser where E Σ p_i² = 0, as no example is seen; give some a weight.")
    fixed = _fixed(replace(setting, context_length=n))
    at_length = (
        replaced(fixed, {n: weights.effective_length}) if not isinstance(fixed, MatrixBase) else fixed.subs(n, weights.effective_length)
    )
    scale = cancel(weights.total / weights.squares)
    return written_out(normal_form(MatMul(scale, at_length), symmetric=symmetric_symbols(setting)))


@cache
def _fixed(setting: Setting) -> Any:
    return global_minimiser(setting).step


def averaged_minimum(setting: Setting, weights: Weights) -> Any:
    """The least averaged loss, τ − E Σp · tr(K B) at its minimiser. Raises SettingError."""
    weights = _checked("averaged_minimum", weights)
    return specialise(general_minimum(), setting, step=averaged_minimiser(setting, weights), more={n: weights.total})


def price(setting: Setting, probabilities: Mapping[int, Any], *, mean: bool = False) -> Any:
    """What one layer for all lengths costs against a layer tuned to each: the averaged minimum minus the mean of the minima.

    >>> from sympy import Rational
    >>> from theory import Gaussian, Linear
    >>> here = Setting(covariates=Gaussian.isotropic(1), response=Linear.isotropic(1), noise_variance=0, context_length=1)
    >>> price(here, {1: Rational(1, 2), 2: Rational(1, 2)})
    1/132
    """
    weights = Weights.lengths(probabilities, mean=mean)
    tuned = (p * averaged_minimum(setting, Weights.lengths({k: 1})) if k else p * setting.moments.tau for k, p in probabilities.items())
    return expand(averaged_minimum(setting, weights) - sum(tuned, S.Zero))


def _checked(where: str, weights: Any) -> Weights:
    """Three exact moments, none of them negative."""
    if not isinstance(weights, Weights):
        raise SettingError(f"{where}: weights must be Weights, such as Weights.positions(n), got a {type(weights).__name__}.")
    found = Weights(*(exact_scalar(where, f"weights.{name}", value, SettingError) for name, value in weights._asdict().items()))
    if any(value.is_negative for value in found):
        raise SettingError(f"{where}: the moments of the weights must be ≥ 0, got {', '.join(map(str, found))}.")
    return found


@cache
def summed_loss() -> Expr:
    """Σ_{k=1}^n of the losses of one step on contexts of length k, for x ~ N(0, Σ) and w ~ N(0, W), in the symbols of `theory.notation`."""
    return expand(n * averaged_loss(gaussian_setting(), Weights.positions(n), B))


__all__ = ["Weights", "averaged_loss", "averaged_minimiser", "averaged_minimum", "price", "summed_loss"]
