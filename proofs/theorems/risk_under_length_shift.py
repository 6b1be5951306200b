"""`risk-under-shift` for standard Gaussian covariates and task: only the context length and the noise differ at test time."""

from __future__ import annotations

from functools import cache

from sympy import Identity

from proofs.derivation import Derivation
from proofs.kernel import Statement, Theorem
from proofs.language import All, Equivalence, Implication, Named, equal, substitute
from proofs.theorems import risk_under_shift
from proofs.theorems.paper_step_size import STEP_SIZE
from proofs.theorems.risk_under_shift import RISK, at_test
from proofs.theorems.vocabulary import LOSS, laws
from theory.notation import A, Sigma, Sigma_test, W, W_test, d, n, n_test, sigma2, sigma2_test

STANDARD = dict.fromkeys((Sigma, W, Sigma_test, W_test), Identity(d))
STEP_SIZE_THERE = Named("eta_test", at_test(STEP_SIZE.args[1]))


@cache
def theorem() -> Theorem:
    """The theorem."""
    derive = Derivation()
    source = risk_under_shift.theorem()
    general = derive(
        "specialisation",
        substitute(source.claim, STANDARD),
        source,
        by=tuple(STANDARD.items()),
        note="The general formula where every covariance is the identity.",
    )
    first, old, *_ = general.conclusion.args
    best = STEP_SIZE * Identity(d)
    at_best = equal(A, best)
    minimal = equal(LOSS, d + sigma2 - n * d * STEP_SIZE)
    weight = d * n_test * (n_test + d + 1 + sigma2_test)
    risk = weight * STEP_SIZE**2 - 2 * d * n_test * STEP_SIZE + d + sigma2_test
    same = [
        derive("equivalent-relations", Equivalence(*pair), by=(1,), note=note)
        for pair, note in (
            ((old.args[0], minimal), "There B* = ηI, so the minimum of the training loss is as in the isotropic theorem."),
            ((old.args[1], equal(RISK, risk)), "And the traces of the identity are d."),
            ((first.args[0].args[-1], at_best), "B* replaced by ηI in the layer that attains it."),
        )
    ]
    chosen = All(*first.args[0].args[:-1], at_best)
    attained = derive("logic", Implication(chosen, minimal), general, *same, note="So the layer with v = (0, 1), A = ηI, c = 0 is trained.")
    trained = derive("logic", Implication(minimal, equal(RISK, risk)), general, *same, note="So this is the risk of the trained layer.")
    completed = derive(
        "matrix-identity",
        equal(risk, d + sigma2_test - d * n_test * STEP_SIZE_THERE + weight * (STEP_SIZE - STEP_SIZE_THERE) ** 2),
        note="A completed square about the optimal step size of the test setting.",
    )
    claim = All(attained.conclusion, trained.conclusion, completed.conclusion)
    derive("logic", claim, attained, trained, completed, note="Collect the steps.")
    standard = laws(Identity(d), Identity(d))
    return Theorem(
        label="risk-under-length-shift",
        title="The risk of the trained layer under another length and noise",
        source="derived here",
        statement=Statement(claim, (*standard, *(at_test(fact) for fact in standard))),
        steps=derive.steps,
    )
