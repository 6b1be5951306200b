"""`risk-under-shift` for standard Gaussian covariates and task: only the context length and the noise differ at test time."""

from __future__ import annotations

from functools import cache

from sympy import Identity

from proofs.derivation import Derivation
from proofs.kernel import Statement, Theorem
from proofs.language import All, Named, equal, replaced, substitute
from proofs.theorems import risk_under_shift
from proofs.theorems.paper_step_size import STEP_SIZE
from proofs.theorems.risk_under_shift import at_test
from proofs.theorems.vocabulary import laws, one_step_loss
from theory.notation import B, Sigma, Sigma_test, W, W_test, d, n_test, sigma2_test

STANDARD = dict.fromkeys((Sigma, W, Sigma_test, W_test), Identity(d))
STEP_SIZE_THERE = Named("eta_test", 1 / (n_test + d + 1 + sigma2_test))
RISK = replaced(at_test(one_step_loss(B)), {B: STEP_SIZE * Identity(d)})


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
    weight = d * n_test * (n_test + d + 1 + sigma2_test)
    quadratic = derive(
        "matrix-identity",
        equal(RISK, weight * STEP_SIZE**2 - 2 * d * n_test * STEP_SIZE + d + sigma2_test),
        general,
        by=((0, 1),),
        note="There B* = ηI, and the traces are powers of d.",
    )
    completed = derive(
        "matrix-identity",
        equal(RISK, d + sigma2_test - d * n_test * STEP_SIZE_THERE + weight * (STEP_SIZE - STEP_SIZE_THERE) ** 2),
        quadratic,
        by=((0, 1),),
        note="Complete the square about the optimal step size of the test setting.",
    )
    claim = All(quadratic.conclusion, completed.conclusion)
    derive("logic", claim, quadratic, completed, note="Collect the steps.")
    return Theorem(
        label="risk-under-length-shift",
        title="The risk of the trained predictor under another length and noise",
        source="derived here",
        statement=Statement(claim, tuple(at_test(fact) for fact in laws(Identity(d), Identity(d)))),
        steps=derive.steps,
    )
