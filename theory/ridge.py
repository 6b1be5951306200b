"""The ridge estimate, and the paper's formula for the step size as a ratio of expectations with it.

Given the context, the task vector has posterior mean ŵ = (XᵀX + σ²W⁻¹)⁻¹Xᵀy, the ridge estimate. At σ² = 0 it means its
limit σ² → 0⁺, the minimum-norm interpolant in the metric of W⁻¹ (for W ∝ I the pseudo-inverse, X⁺y); every identity below
holds in that limit too.

The paper's step size for ŷ = η (Σ y_i x_i)ᵀ P x_q is η = E[ŵᵀXᵀy] / E[yᵀX P Xᵀy], P = I in Theorem 1 and, by whitened
coordinates, P = Σ⁻¹ in Theorem 2.
"""

from __future__ import annotations

from typing import NamedTuple

from sympy import Expr, Identity, Inverse, MatMul, Trace, cancel
from sympy.matrices.expressions.matexpr import MatrixSymbol

from theory import wick
from theory.bilinear import BilinearForm
from theory.errors import SettingError
from theory.exact import is_zero_matrix
from theory.loss import LABELS, LAWS, specialise, symmetric_symbols
from theory.notation import Sigma, W, X, d, sigma2
from theory.setting import Setting
from theory.traces import Alphabet, Combination, Polynomial, add, multiply, normal_form

_RESOLVENT = MatrixSymbol("R", d, d)


class StepSize(NamedTuple):
    """η = numerator / denominator, both exact."""

    numerator: Expr
    denominator: Expr

    @property
    def value(self) -> Expr:
        """η"""
        return cancel(self.numerator / self.denominator)


def general_numerator() -> Expr:
    """E[ŵᵀXᵀy] for W invertible, in the symbols of `theory.notation`.

    Given X, the expectation over (w, ε) is a trace with the resolvent R = (XᵀX + σ²W⁻¹)⁻¹; R XᵀX = I − σ² R W⁻¹ removes the
    resolvent, and Wick's rule over X does the rest.

    >>> general_numerator()
    n*Trace(Sigma*W)
    """
    context, task, noise = LAWS[:3]
    given_x = wick.expectation(BilinearForm(LABELS.T * X * _RESOLVENT * X.T * LABELS), task, noise, symmetric=(_RESOLVENT,))
    return wick.expectation(_without_resolvent(given_x), context, symmetric=(W,))


def _without_resolvent(expr: Expr) -> Expr:
    """Replace R XᵀX by I − σ² R W⁻¹ in every closed word, as long as there is one."""
    alphabet = Alphabet((W, _RESOLVENT), [expr])
    r, x, w_inverse = alphabet.letter(_RESOLVENT), alphabet.letter(X), alphabet.letter(Inverse(W))
    pattern = (r, -x, x)
    replacement: Combination = [({(): 1}, ()), (alphabet.scalar(-sigma2), (r, w_inverse))]
    polynomial = alphabet.scalar(expr)
    while True:
        found = next(((m, i, turned) for m in polynomial for i, word in enumerate(m) if (turned := _match(alphabet, word, pattern))), None)
        if found is None:
            break
        monomial, index, rest = found
        coefficient = polynomial.pop(monomial)
        others: Polynomial = {monomial[:index] + monomial[index + 1 :]: coefficient}
        new = [multiply(multiply(scale, alphabet.closed(middle + rest[0], d)), others) for scale, middle in replacement]
        polynomial = add([polynomial, *new])
    result = alphabet.expression(polynomial)
    if result.has(_RESOLVENT):
        raise SettingError("ridge: the resolvent does not cancel; the prior of the ridge estimate is not that of the setting.")
    return result


def _match(alphabet: Alphabet, word: tuple[int, ...], pattern: tuple[int, ...]) -> tuple[tuple[int, ...]] | None:
    """What is left of a cyclic word after the pattern, boxed, or None where the pattern does not occur."""
    for turned in (word, alphabet.transposed(word)):
        for i in range(len(turned)):
            rotated = turned[i:] + turned[:i]
            if rotated[: len(pattern)] == pattern:
                return (rotated[len(pattern) :],)
    return None


def paper_step_size(setting: Setting) -> StepSize:
    """The paper's η for settings whose optimal step is a multiple of Σ⁻¹: Theorem 1 (Σ, W ∝ I) and Theorem 2 (W ∝ Σ⁻¹).

    Raises SettingError where W Σ is not a multiple of the identity (the optimal step is then not η Σ⁻¹).

    >>> from sympy import symbols
    >>> from theory import Gaussian, Linear
    >>> n, d, s = symbols("n d s", positive=True, integer=True)
    >>> setting = Setting(covariates=Gaussian.isotropic(d), response=Linear.isotropic(d), noise_variance=s, context_length=n)
    >>> paper_step_size(setting).value
    1/(d + n + s + 1)
    """
    covariance, prior = setting.covariates.covariance, setting.response.covariance
    product = normal_form(MatMul(prior, covariance), symmetric=symmetric_symbols(setting))
    scale = Trace(product).doit() / setting.dimension
    difference = normal_form(product - scale * Identity(setting.dimension), symmetric=symmetric_symbols(setting))
    if not is_zero_matrix(difference) or scale.is_zero:
        raise SettingError("paper_step_size: needs W Σ = a nonzero multiple of I (Theorems 1 and 2); else use global_minimiser.")
    denominator = wick.expectation(BilinearForm(LABELS.T * X * Inverse(Sigma) * X.T * LABELS), *LAWS[:3])
    return StepSize(specialise(general_numerator(), setting), specialise(denominator, setting))
