"""Li, Rawat, Oymak: one matrix W, the sum over the context, covariates N(0, Σ_x) and a prior N(0, Σ_β)."""

from __future__ import annotations

from functools import cache

from sympy import Identity, Integer, Inverse, Trace

from proofs.kernel import Theorem
from proofs.language import Named, NamedMatrix
from proofs.theorems import convention_step
from proofs.theorems.vocabulary import LABEL
from theory.notation import R_x, Sigma_beta, W_a, X, d, n, sigma2, x_q

COVARIANCE = R_x * R_x
WHITENED = NamedMatrix("A", R_x * Sigma_beta * R_x)
VARIANCE = Named("M", Trace(WHITENED) + sigma2)
SYSTEM = (n + 1) * Identity(d) + VARIANCE * Inverse(WHITENED)
BEST = NamedMatrix("W_star", Inverse(R_x) * Inverse(SYSTEM) * Inverse(R_x))
MOMENT = R_x * ((n + 1) * WHITENED + VARIANCE * Identity(d)) * R_x
PREDICTION = Named("yhat", Trace(x_q.T * W_a * X.T * LABEL))
LEAST = Named("L_star", VARIANCE - n * Trace(WHITENED * Inverse(SYSTEM)))


@cache
def theorem() -> Theorem:
    """The theorem."""
    return convention_step.theorem(
        label="convention-li",
        title="Li, Rawat, Oymak: the loss of one matrix W",
        source="Li, Rawat, Oymak, arXiv 2407.10005; specialises one-step-loss",
        paper=convention_step.OneMatrix(
            covariance=COVARIANCE,
            root=R_x,
            prior=Sigma_beta,
            definite=(R_x, Sigma_beta),
            core=((COVARIANCE, ((Integer(1), R_x, Identity(d)),)), (WHITENED, ((Integer(1), R_x, Sigma_beta),))),
            weights=W_a,
            scale=Integer(1),
            prediction=PREDICTION,
            system=(SYSTEM, ((n + 1, Identity(d), Identity(d)), (VARIANCE, Identity(d), Inverse(WHITENED)))),
            best=BEST,
            least=LEAST,
            moment=(MOMENT, ((n + 1, R_x, WHITENED), (VARIANCE, R_x, Identity(d)))),
            factor=n,
            variance=VARIANCE,
        ),
        remarks=(
            "The covariance of a covariate is Σ_x = R_x², so R_x is Σ_x^(1/2).",
            "As a layer this is v = (0, 1) with A = Wᵀ and c = 0, so B = Wᵀ, and B* = W*.",
            "For a singular Σ_β the same optimum is R_x⁻¹ ((n + 1) A + M I)⁻¹ A R_x⁻¹: see the theorem one-step-loss.",
        ),
    )
