"""The numerator E[ŵᵀXᵀy] of the paper's step size, ŵ = (XᵀX + σ²W⁻¹)⁻¹ Xᵀy being the ridge estimate."""

from __future__ import annotations

from functools import cache

from sympy import Identity, Inverse, MatMul, Trace

from proofs.derivation import Derivation
from proofs.kernel import Statement, Theorem
from proofs.language import Mean, Normal, PositiveDefinite, equal, more_than
from proofs.theorems.vocabulary import LABEL
from theory.notation import Sigma, W, X, d, eps, n, sigma2, w

PRECISION = X.T * X + sigma2 * Inverse(W)
RIDGE = Inverse(PRECISION) * X.T * LABEL
CORRELATION = Mean(Trace(LABEL.T * X * RIDGE), X, w, eps)


@cache
def theorem() -> Theorem:
    """The theorem."""
    derive = Derivation()
    resolvent = Inverse(PRECISION)
    integrand = CORRELATION.args[0]
    inner = Mean(integrand, w, eps)
    definite = derive(
        "definiteness",
        PositiveDefinite(PRECISION),
        by=((1, X, Identity(n)), (sigma2, Identity(d), Inverse(W))),
        note="What is inverted is definite, because σ² > 0.",
    )
    nested = derive(
        "citation",
        equal(CORRELATION, Mean(inner, X)),
        definite,
        by=("fubini",),
        note="Take the mean over the task and the noise first.",
    )
    cancels = derive(
        "inverse", equal(MatMul(PRECISION, resolvent), Identity(d)), definite, by=(PRECISION,), note="The definition of the inverse."
    )
    given_covariates = derive(
        "gaussian-moment",
        equal(inner, Trace(resolvent * X.T * X * W * PRECISION)),
        definite,
        note="A quadratic form in (w, ε), X being fixed.",
    )
    simple = derive(
        "matrix-identity",
        equal(inner, Trace(X.T * X * W)),
        given_covariates,
        cancels,
        definite,
        by=((0, 1), (1, 1, X.T * X * W)),
        note="The resolvent cancels.",
    )
    averaged = derive(
        "monotone-mean", equal(Mean(inner, X), Mean(Trace(X.T * X * W), X)), simple, definite, note="Average over the covariates."
    )
    moment = derive("gaussian-moment", equal(Mean(Trace(X.T * X * W), X), n * Trace(Sigma * W)), note="XᵀX has mean nΣ.")
    claim = equal(CORRELATION, n * Trace(Sigma * W))
    derive("matrix-identity", claim, nested, averaged, moment, definite, by=((0, 1), (1, 1), (2, 1)), note="Collect the steps.")
    return Theorem(
        label="ridge-correlation",
        title="How the ridge estimate correlates with one gradient",
        source="Mahankali, Hashimoto, Ma, arXiv 2307.03576, numerator of η in Theorem 1; for general Σ and W derived here",
        statement=Statement(
            claim,
            (
                Normal(X, Identity(n), Sigma),
                Normal(w, W),
                Normal(eps, sigma2 * Identity(n)),
                PositiveDefinite(W),
                more_than(sigma2, 0),
            ),
        ),
        steps=derive.steps,
    )
