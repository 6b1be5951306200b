"""The paper's step size, for every law: ŷ = η (Σ y_i x_i)ᵀ Σ⁻¹ x_q with η = E[uᵀXᵀy] / E[yᵀXΣ⁻¹Xᵀy].

u is the best linear predictor of the next response given the context, u = Σ⁻¹ E[x_q y_q | context] (for linear Gaussian responses the
ridge estimate, see `theory.ridge`). With ŷ₁ = (Σ y_i x_i)ᵀ Σ⁻¹ x_q, the prediction of one step of size 1, the numerator is E ŷ₁ y_q and the
denominator E ŷ₁²: η regresses the next response on that prediction.

Theorem 3 of the paper asks for a family that is rotation-invariant and sign-symmetric. Both are read from moments, and no further than the
step needs: rotation invariance in that C = E y² x xᵀ and K = E y y' x x'ᵀ are multiples of Σ (so they are for independent coordinates too,
whose law is not rotation-invariant), sign symmetry in that E f(x) and E f(x)³ are 0. One that is not seen to be 0 counts as a failure.
"""

from __future__ import annotations

from typing import NamedTuple

from sympy import Expr, Inverse, MatMul, S, cancel, expand

from theory.errors import HypothesisError
from theory.loss import one_step_moments, specialise, symmetric_symbols
from theory.setting import Setting
from theory.traces import multiple_of_identity


class StepSize(NamedTuple):
    """η = numerator / denominator, both exact."""

    numerator: Expr
    denominator: Expr

    @property
    def value(self) -> Expr:
        """η"""
        quotient = self.numerator / self.denominator
        return cancel(quotient) if quotient.is_rational_function(*quotient.free_symbols) else quotient

    @property
    def explanation(self) -> str:
        """What η means, in a sentence."""
        if self.numerator.is_zero:
            return (
                "η = 0: E f(x) f(x') x·x' = 0, the responses have no part that is linear in x, so no step predicts better than 0 does, "
                "and the minimum is the variance E y² of a label."
            )
        return "η = E ŷ₁y_q / E ŷ₁², the regression of the next response on the prediction ŷ₁ of one step of size 1."


class Hypothesis(NamedTuple):
    """A hypothesis of Theorem 3, whether the moments bear it out, and the moment that decides."""

    name: str
    holds: bool
    witness: str


def hypotheses(setting: Setting) -> tuple[Hypothesis, ...]:
    """The hypotheses of Theorem 3, each verified from the moments of the setting. Raises UndefinedMoment where one does not exist."""
    moments, f = setting.moments, setting.response_moments
    found = [Hypothesis("finite moments", True, "E‖x‖⁴, E y⁴ and E y²‖x‖² are finite")]
    inverse = Inverse(moments.Sigma)
    for name, matrix in (("C = E y² x xᵀ", moments.C), ("K = E y y' x x'ᵀ", moments.K)):
        holds = multiple_of_identity(MatMul(inverse, matrix), setting.dimension, symmetric=symmetric_symbols(setting)) is not None
        found.append(Hypothesis("rotation invariance in C and K", holds, f"{name} is {'a multiple' if holds else 'no multiple'} of Σ"))
    odd = {"E f(x)": f.mean, "E f(x)³": f.third}
    name, value = next(((name, value) for name, value in odd.items() if expand(value) != 0), ("E f(x)", f.mean))
    found.append(Hypothesis("sign symmetry", expand(value) == 0, f"{name} is not known to be 0" if value is S.NaN else f"{name} = {value}"))
    return tuple(found)


def paper_step_size(setting: Setting) -> StepSize:
    """The paper's η: Theorems 1 and 2 for linear responses with W ∝ Σ⁻¹, Theorem 3 for every other family.

    Raises HypothesisError, naming the hypothesis that fails and what remains true.

    >>> from sympy import symbols
    >>> from theory import Gaussian, Linear
    >>> n, d, s = symbols("n d s", positive=True, integer=True)
    >>> setting = Setting(covariates=Gaussian.isotropic(d), response=Linear.isotropic(d), noise_variance=s, context_length=n)
    >>> paper_step_size(setting).value
    1/(d + n + s + 1)
    """
    failed = next((hypothesis for hypothesis in hypotheses(setting) if not hypothesis.holds), None)
    if failed is not None:
        raise HypothesisError(failed.name, failed.witness, _what_remains(failed))
    inverse = Inverse(setting.moments.Sigma)
    return StepSize(*(specialise(part, setting, step=inverse) for part in one_step_moments()))


def _what_remains(failed: Hypothesis) -> str:
    if failed.name == "sign symmetry":
        return (
            "The prompts keep their law under x → −x with the labels as they are, and with this symmetry in the place of the other the "
            "minimiser is still one step: `global_minimiser` computes it."
        )
    return "Every minimiser is still one preconditioned step, with another preconditioner than η Σ⁻¹: `global_minimiser` computes it."


__all__ = ["Hypothesis", "StepSize", "hypotheses", "paper_step_size"]
