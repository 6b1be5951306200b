"""What the theorems speak about: the laws of a prompt, the layer's prediction, its loss, and the optimal step.

Formulas come from `theory`, which derives them; here they are only put into the language of statements, with their names.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sympy import Identity, Inverse, MatMul, Trace
from sympy.core.symbol import Str

from proofs.language import (
    Expectation,
    Independent,
    Law,
    Mean,
    Named,
    NamedMatrix,
    Normal,
    PositiveDefinite,
    equal,
    more_than,
    replaced,
    substitute,
)
from theory.bilinear import BilinearForm
from theory.loss import LABELS, prediction
from theory.minimiser import gaussian_minimum, gaussian_step
from theory.notation import M_1, M_2, A, B, B_star, Sigma, W, X, c, eps, eps_q, n, sigma2, v_x, v_y, w, x_q, y, y_q

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

QUERY = w.T * x_q + eps_q  # as a matrix; `theory` has it as a scalar
TARGET = Named("y_q", Trace(QUERY))
PREDICTION = Named("yhat", stated(prediction()))
EVEN = Named("yhat_even", Trace(v_x.T * X.T * X * A * x_q) + v_y * Trace(LABEL.T * LABEL) * Trace(c.T * x_q))
LOSS = Named("L", Mean((PREDICTION - TARGET) ** 2, *PROMPT))
STEP = NamedMatrix("B", v_y * A + v_x * c.T)


def one_step(step: Any, labels: Any = LABEL) -> Any:
    """The prediction yᵀX B x_q of one preconditioned step."""
    return Trace(labels.T * X * step * x_q)


def one_step_loss(step: Any) -> Any:
    """E (yᵀX B x_q − y_q)²"""
    return Mean((one_step(step) - TARGET) ** 2, *PROMPT)


# a prompt of any law: the labels are symbols, not functions of a task vector and noise
ANY_LAW = (
    Law(X, y, x_q, y_q),
    Independent((X, y), (x_q,)),
    equal(Sigma, Expectation(x_q * x_q.T, x_q)),
    equal(M_2, Expectation(X.T * y * y.T * X, X, y)),
    equal(M_1, Expectation(X.T * y * y_q * x_q.T, X, y, x_q, y_q)),
    equal(M_2 * B_star * Sigma, M_1),
)
ANY_PROMPT, ANY_TARGET = (X, y, x_q, y_q), Trace(y_q)
ANY_PREDICTION, ANY_EVEN = (replaced(part, {LABEL: y}) for part in (PREDICTION, EVEN))
ANY_LOSS = Named("L", Mean((ANY_PREDICTION - ANY_TARGET) ** 2, *ANY_PROMPT))
ANY_LEAST = Named("L_star", Mean(ANY_TARGET**2, y_q) - Trace(M_1 * B_star.T))


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
    inverse, prior = gaussian_step().args
    system = NamedMatrix("H", replaced(inverse.args[0], {variance: tau}))
    step = NamedMatrix("B_star", MatMul(Inverse(system), prior))
    moment = NamedMatrix("G", (n + 1) * Sigma * W * Sigma + tau * Sigma)
    return Optimum(tau, moment, system, step, Named("L_star", tau + replaced(stated(gaussian_minimum()) - variance, {B: step})))


OPTIMUM = _optimum()


def optimum(mapping: dict[Any, Any], **names: str) -> Optimum:
    """The optimum with symbols replaced and, so that both can be spoken of at once, with other names."""
    renamed = {Str(old): Str(new) for old, new in names.items()}
    return Optimum(*(replaced(substitute(part, mapping), renamed) for part in OPTIMUM))
