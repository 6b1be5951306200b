"""The risk at test time of the layer trained for (n, Σ, W, σ²), on prompts of another length, noise, covariance and prior."""

from __future__ import annotations

from functools import cache
from typing import Any

from sympy import Identity, Trace, Transpose
from sympy.core.symbol import Str

from proofs.derivation import Derivation
from proofs.kernel import Statement, Theorem
from proofs.language import All, Equivalence, Implication, Invertible, Mean, Named, PositiveDefinite, at_least, equal, replaced, substitute
from proofs.theorems import general_gaussian, one_step_loss
from proofs.theorems.vocabulary import GAUSSIAN, LOSS, OPTIMUM, PREDICTION, PROMPT, STEP, TARGET, optimum
from proofs.theorems.vocabulary import one_step_loss as loss_of_step
from theory.notation import (
    A,
    B,
    Sigma,
    Sigma_test,
    W,
    W_test,
    X_test,
    c,
    d,
    eps_q_test,
    eps_test,
    n,
    n_test,
    sigma2,
    sigma2_test,
    v_x,
    v_y,
    w_test,
    x_q_test,
)

PROMPT_SHIFT = dict(zip(PROMPT, (X_test, w_test, eps_test, x_q_test, eps_q_test), strict=True))
SHIFT = {n: n_test, sigma2: sigma2_test, Sigma: Sigma_test, W: W_test, **PROMPT_SHIFT}
OPTIMA = {"tau": "tau_test", "G": "G_test", "H": "H_test", "B_star": "B_test", "L_star": "L_test"}
NAMES = OPTIMA | {"y": "y_test", "y_q": "y_q_test", "yhat": "yhat_test"}
TRAINED, TEST = OPTIMUM, optimum(SHIFT, **OPTIMA)


def at_test(expr: Any) -> Any:
    """A statement about the training setting, said of the test setting."""
    return replaced(substitute(expr, SHIFT), {Str(old): Str(new) for old, new in NAMES.items()})


def risk_of_step(step: Any) -> Any:
    """The risk at test time of one step with B."""
    return replaced(at_test(loss_of_step(B)), {B: step})


RISK = at_test(Mean((PREDICTION - TARGET) ** 2, *PROMPT))
ASSUMPTIONS = (*GAUSSIAN, *(at_test(fact) for fact in GAUSSIAN))


@cache
def theorem() -> Theorem:
    """The theorem."""
    derive = Derivation()
    tau, G, _, best, least = TEST
    step = TRAINED.step
    minimal = equal(LOSS, TRAINED.loss)
    general = general_gaussian.theorem()
    trained = derive("logic", _minimisers(minimal), general, note="The minimisers of the training loss.")
    chosen = All(equal(v_x, 0), equal(c, 0), equal(v_y, 1), equal(A, step))
    attained = derive("logic", Implication(chosen, minimal), general, note="One of them: v = (0, 1), A = B* and c = 0.")
    definite = derive(
        "definiteness",
        PositiveDefinite(TRAINED.moment),
        by=((n + 1, Sigma, W), (TRAINED.tau, Identity(d), Sigma)),
        note="In the training setting G is definite, because τ > 0 and Σ ≻ 0.",
    )
    exists = derive("definiteness", Invertible(TRAINED.system), definite, by=(Sigma,), note="ΣH = G, so H is invertible and B* exists.")
    takes_a_step = [
        derive(
            "matrix-identity",
            Implication(All(equal(first, 0), equal(second, 0)), equal(RISK, risk_of_step(STEP))),
            note=f"With {first} = 0 and {second} = 0 the layer takes one step with B on test prompts too, whatever their length.",
        )
        for first in (v_x, A)
        for second in (v_y, c)
    ]

    def quadratic(of: Any) -> Any:
        return n_test * Trace(G * of * Sigma_test * of.T) - 2 * n_test * Trace(of * Sigma_test * W_test * Sigma_test) + tau

    rho = Named("rho", quadratic(step))
    layer = derive("gaussian-moment", equal(risk_of_step(STEP), quadratic(STEP)), note="The risk of that step, a quadratic in it.")
    formula = derive(
        "equivalent-relations",
        Implication(equal(STEP, step), Equivalence(equal(RISK, risk_of_step(STEP)), equal(RISK, rho))),
        layer,
        exists,
        by=(
            1,
            (0, -1),
            (1, -n_test * Sigma_test * STEP.T * G),
            (1, -n_test * G * step * Sigma_test, 1, "T"),
            (1, 2 * n_test * Sigma_test * W_test * Sigma_test),
        ),
        note="With B = B*, the quadratic is that of B*.",
    )
    closed = derive(
        "logic",
        Implication(minimal, equal(RISK, rho)),
        trained,
        *takes_a_step,
        formula,
        note="So this is the risk of every layer that minimises the training loss.",
    )
    special = derive(
        "specialisation",
        replaced(at_test(one_step_loss.theorem().claim), {B: step}),
        one_step_loss.theorem(),
        exists,
        by=(*SHIFT.items(), (B, step)),
        note="The loss of one step at test time is a completed square about the optimal step there.",
    )
    risk = risk_of_step(step)
    explicit = derive("gaussian-moment", equal(risk, rho), exists, note="The risk of one step with B* is the same quadratic.")
    square = least + n_test * Trace(G * (step - best) * Sigma_test * Transpose(step - best))
    value = derive("logic", equal(risk, square), special, note="As a completed square.")
    completed = derive(
        "matrix-identity", equal(rho, square), explicit, value, exists, special, by=((0, -1), (1, 1)), note="So they are equal."
    )
    same = [
        derive("equivalent-relations", Equivalence(*pair), explicit, exists, special, by=(1, (0, 1)), note=note)
        for pair, note in (
            ((at_least(risk, least), at_least(rho, least)), "The risk of one step with B*, replaced in the inequality."),
            ((equal(risk, least), equal(rho, least)), "The same in the equality case."),
        )
    ]
    exact = All(at_least(rho, least), Equivalence(equal(rho, least), equal(step, best)))
    bound = derive("logic", exact, special, *same, note="No other step has a smaller risk at test time than the optimal one there.")
    claim = All(attained.conclusion, closed.conclusion, completed.conclusion, *exact.args)
    derive("logic", claim, attained, closed, completed, bound, note="Collect the steps.")
    return Theorem(
        label="risk-under-shift",
        title="The risk of the trained layer under another length, noise, covariance and prior",
        source="derived here; shifts of length and covariates are studied by Zhang, Frei, Bartlett, arXiv 2306.09927",
        statement=Statement(claim, ASSUMPTIONS),
        steps=derive.steps,
    )


def _minimisers(minimal: Any) -> Any:
    """The part of the general theorem that says what the minimisers are."""
    return next(part for part in general_gaussian.theorem().claim.args if isinstance(part, Equivalence) and part.args[0] == minimal)
