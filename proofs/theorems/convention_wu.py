"""Wu et al.: one matrix Γ, the mean over the context, covariates N(0, H), and a prior of variance ψ² for each component."""

from __future__ import annotations

from functools import cache

from sympy import Identity, Integer, Inverse, Trace

from proofs.kernel import Theorem
from proofs.language import Named, NamedMatrix
from proofs.theorems import convention_step
from proofs.theorems.vocabulary import LABEL
from theory.notation import Gamma, H, X, d, n, psi2, sigma2, x_q

SYSTEM = (Trace(H) + sigma2 / psi2) / n * Identity(d) + (n + 1) / n * H
BEST = NamedMatrix("Gamma_star", Inverse(SYSTEM))
MOMENT = NamedMatrix("H_tilde", H * ((psi2 * Trace(H) + sigma2) / n * Identity(d) + psi2 * (n + 1) / n * H))
PREDICTION = Named("yhat", Trace(x_q.T * Gamma * X.T * LABEL) / n)
LEAST = Named("L_star", sigma2 + psi2 * Trace(H) - psi2 * Trace(H * BEST * H))


@cache
def theorem() -> Theorem:
    """The theorem."""
    return convention_step.theorem(
        label="convention-wu",
        title="Wu et al.: the risk of one matrix Γ",
        source="Wu, Zou, Chen, Braverman, Gu, Bartlett, arXiv 2310.08391; specialises one-step-loss",
        paper=convention_step.OneMatrix(
            covariance=H,
            root=Identity(d),
            prior=psi2 * Identity(d),
            definite=(H,),
            core=(),
            weights=Gamma,
            scale=1 / n,
            prediction=PREDICTION,
            system=(SYSTEM, (((Trace(H) + sigma2 / psi2) / n, Identity(d), Identity(d)), ((n + 1) / n, Identity(d), H))),
            best=BEST,
            least=LEAST,
            moment=(MOMENT, ((psi2 * (n + 1) / n, H, Identity(d)), ((psi2 * Trace(H) + sigma2) / n, Identity(d), H))),
            factor=Integer(1),
            variance=psi2 * Trace(H) + sigma2,
        ),
        remarks=(
            "The prediction is the inner product of Γ Xᵀy/n and x_q, and the excess risk that of H and (Γ − Γ*) H̃ (Γ − Γ*)ᵀ.",
            "As a layer this is v = (0, 1/n) with A = Γᵀ and c = 0, so B = Γᵀ/n, and B* = Γ*/n.",
        ),
    )
