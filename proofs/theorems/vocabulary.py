"""What the theorems speak about: the laws of a prompt, the layer's prediction, its loss, and the optimal step.

Formulas come from `theory`, which derives them; here they are only put into the language of statements, with their names.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sympy import Identity, Inverse, MatMul, Trace
from sympy.core.symbol import Str

from proofs.language import Mean, Named, NamedMatrix, Normal, PositiveDefinite, more_than, replaced, substitute
from theory.bilinear import BilinearForm
from theory.loss import LABELS, QUERY_LABEL, prediction
from theory.minimiser import general_minimum, general_step
from theory.notation import A, B, Sigma, W, X, c, eps, eps_q, n, sigma2, v_x, v_y, w, x_q

PROMPT = (X, w, eps, x_q, eps_q)
LABEL = NamedMatrix("y", LABELS)


def stated(expr: Any) -> Any:
    """An expression of `theory` in the language of statements, where a 1×1 matrix is read as its trace."""
    return replaced(expr.replace(BilinearForm, Trace), {LABELS: LABEL, LABELS.T: LABEL.T})


def laws(covariance: Any, prior: Any) -> tuple[Any, ...]:
    """Covariates N(0, Σ), task vector N(0, W), noise of variance σ²; the query likewise."""
    noise = sigma2 * Identity(n), sigma2 * Identity(1)
    return Normal(X, Identity(n), covariance), Normal(w, prior), Normal(eps, noise[0]), Normal(x_q, covariance), Normal(eps_q, noise[1])


# τ, the variance of a label, is positive unless every label is 0
GAUSSIAN = (*laws(Sigma, W), PositiveDefinite(Sigma), more_than(Trace(Sigma * W) + sigma2, 0))

TARGET = Named("y_q", stated(QUERY_LABEL))
PREDICTION = Named("yhat", stated(prediction()))
EVEN = Named("yhat_even", Trace(v_x.T * X.T * X * A * x_q) + v_y * Trace(LABEL.T * LABEL) * Trace(c.T * x_q))
LOSS = Named("L", Mean((PREDICTION - TARGET) ** 2, *PROMPT))
STEP = NamedMatrix("B", v_y * A + v_x * c.T)


def one_step(step: Any) -> Any:
    """The prediction yᵀX B x_q of one preconditioned step."""
    return Trace(LABEL.T * X * step * x_q)


def one_step_loss(step: Any) -> Any:
    """E (yᵀX B x_q − y_q)²"""
    return Mean((one_step(step) - TARGET) ** 2, *PROMPT)


class Optimum(NamedTuple):
    """The optimal step B* = H⁻¹ W with its minimum L*, the variance τ of a label, and G = E[Xᵀy yᵀX] / n = Σ H."""

    tau: Any
    moment: Any
    system: Any
    step: Any
    loss: Any


def _optimum() -> Optimum:
    variance = Trace(Sigma * W) + sigma2
    tau = Named("tau", variance)
    inverse, prior = general_step().args
    system = NamedMatrix("H", replaced(inverse.args[0], {variance: tau}))
    step = NamedMatrix("B_star", MatMul(Inverse(system), prior))
    moment = NamedMatrix("G", (n + 1) * Sigma * W * Sigma + tau * Sigma)
    return Optimum(tau, moment, system, step, Named("L_star", tau + replaced(stated(general_minimum()) - variance, {B: step})))


OPTIMUM = _optimum()


def optimum(mapping: dict[Any, Any], **names: str) -> Optimum:
    """The optimum with symbols replaced and, so that both can be spoken of at once, with other names."""
    renamed = {Str(old): Str(new) for old, new in names.items()}
    return Optimum(*(replaced(substitute(part, mapping), renamed) for part in OPTIMUM))
