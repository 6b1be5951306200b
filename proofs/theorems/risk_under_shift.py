"""The risk at test time of the predictor learned for (n, Σ, W, σ²), on prompts of another length, noise, covariance and prior."""

from __future__ import annotations

from functools import cache
from typing import Any

from sympy import Identity, Trace, Transpose
from sympy.core.symbol import Str

from proofs.derivation import Derivation
from proofs.kernel import Statement, Theorem
from proofs.language import (
    All,
    Equivalence,
    Invertible,
    PositiveDefinite,
    PositiveSemidefinite,
    at_least,
    equal,
    more_than,
    replaced,
    substitute,
)
from proofs.theorems import one_step_loss
from proofs.theorems.vocabulary import GAUSSIAN, OPTIMUM, optimum
from proofs.theorems.vocabulary import one_step_loss as loss_of_step
from theory.notation import B, Sigma, Sigma_test, W, W_test, d, n, n_test, sigma2, sigma2_test

SHIFT = {n: n_test, sigma2: sigma2_test, Sigma: Sigma_test, W: W_test}
NAMES = {"tau": "tau_test", "G": "G_test", "H": "H_test", "B_star": "B_test", "L_star": "L_test"}
TRAINED, TEST = OPTIMUM, optimum(SHIFT, **NAMES)


def at_test(expr: Any) -> Any:
    """A statement about the training setting, said of the test setting."""
    return replaced(substitute(expr, SHIFT), {Str(old): Str(new) for old, new in NAMES.items()})


RISK = replaced(at_test(loss_of_step(B)), {B: TRAINED.step})
ASSUMPTIONS = (
    *(at_test(fact) for fact in GAUSSIAN),
    PositiveDefinite(Sigma),
    PositiveSemidefinite(W),
    more_than(Trace(Sigma * W) + sigma2, 0),
)


@cache
def theorem() -> Theorem:
    """The theorem."""
    derive = Derivation()
    tau, G, _, best, least = TEST
    step = TRAINED.step
    definite = derive(
        "definiteness",
        PositiveDefinite(TRAINED.moment),
        by=((n + 1, Sigma, W), (TRAINED.tau, Identity(d), Sigma)),
        note="In the training setting G is definite, because τ > 0 and Σ ≻ 0.",
    )
    exists = derive("definiteness", Invertible(TRAINED.system), definite, by=(Sigma,), note="ΣH = G, so H is invertible and B* exists.")
    quadratic = derive(
        "gaussian-moment",
        equal(RISK, n_test * Trace(G * step * Sigma_test * step.T) - 2 * n_test * Trace(step * Sigma_test * W_test * Sigma_test) + tau),
        exists,
        note="The loss of the step B* at test time, a quadratic in it.",
    )
    special = derive(
        "specialisation",
        replaced(at_test(one_step_loss.theorem().claim), {B: step}),
        one_step_loss.theorem(),
        exists,
        by=(*SHIFT.items(), (B, step)),
        note="The same as a completed square about the optimal step of the test setting.",
    )
    square = Trace(G * (step - best) * Sigma_test * Transpose(step - best))
    completed = equal(RISK, least + n_test * square)
    exact = Equivalence(equal(RISK, least), equal(step, best))
    claim = All(quadratic.conclusion, completed, at_least(RISK, least), exact)
    derive(
        "logic", claim, quadratic, special, note="So the excess is a mean square, 0 only where both settings have the same optimal step."
    )
    return Theorem(
        label="risk-under-shift",
        title="The risk of the trained predictor under another length, noise, covariance and prior",
        source="derived here; shifts of length and covariates are studied by Zhang, Frei, Bartlett, arXiv 2306.09927",
        statement=Statement(claim, ASSUMPTIONS),
        steps=derive.steps,
    )
