"""The paper's step size as a ratio of expectations with the ridge estimate, for x ~ N(0, Σ) and w ~ N(0, Σ⁻¹).

Theorem 1 of the paper is the case Σ = I. The ratio needs σ² > 0, so that the ridge estimate exists.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sympy import Identity, Inverse, Trace

from proofs.derivation import Derivation
from proofs.kernel import Statement, Theorem
from proofs.language import All, Mean, Named, NamedMatrix, Normal, PositiveDefinite, equal, more_than, replaced
from proofs.theorems import ridge_correlation
from proofs.theorems.vocabulary import LABEL
from theory import Gaussian, Linear, Setting
from theory.notation import Sigma, W, X, d, eps, n, sigma2, w
from theory.step_size import paper_step_size as step_size

ISOTROPIC = Setting(covariates=Gaussian.isotropic(d), response=Linear.isotropic(d), noise_variance=sigma2, context_length=n)
STEP_SIZE = Named("eta", step_size(ISOTROPIC).value)


def correlation(covariance: Any) -> Any:
    """E[yᵀX ŵ], ŵ = (XᵀX + σ²Σ)⁻¹ Xᵀy"""
    ridge = NamedMatrix("w_ridge", Inverse(X.T * X + sigma2 * covariance) * X.T * LABEL)
    return Mean(Trace(LABEL.T * X * ridge), X, w, eps)


def length(inverse: Any) -> Any:
    """E[yᵀX Σ⁻¹ Xᵀy]"""
    return Mean(Trace(LABEL.T * X * X.T * LABEL if inverse == Identity(d) else LABEL.T * X * inverse * X.T * LABEL), X, w, eps)


@cache
def theorem() -> Theorem:
    """The theorem."""
    derive = Derivation()
    numerator, denominator = correlation(Sigma), length(Inverse(Sigma))
    definite = derive(
        "definiteness",
        PositiveDefinite(X.T * X + sigma2 * Sigma),
        by=((1, X, Identity(n)), (sigma2, Identity(d), Sigma)),
        note="The ridge estimate exists.",
    )
    ridge = derive(
        "specialisation",
        replaced(ridge_correlation.theorem().claim, {W: Inverse(Sigma)}),
        ridge_correlation.theorem(),
        by=((W, Inverse(Sigma)),),
        note="The correlation of the ridge estimate with Xᵀy, for W = Σ⁻¹.",
    )
    top = derive("matrix-identity", equal(numerator, n * d), ridge, definite, by=((0, 1),), note="The trace of Σ Σ⁻¹ is d.")
    bottom = derive(
        "gaussian-moment", equal(denominator, n * d * (n + d + 1 + sigma2)), note="The mean squared length of Xᵀy in the metric of Σ⁻¹."
    )
    positive = derive(
        "sign", more_than(denominator, 0), bottom, by=(n * d * (n + d + 1 + sigma2), (0, 1)), note="The denominator is positive."
    )
    ratio = derive(
        "rational-identity",
        equal(STEP_SIZE, numerator / denominator),
        top,
        bottom,
        positive,
        definite,
        by=((0, -1 / denominator), (1, 1 / (denominator * (n + d + 1 + sigma2)))),
        note="Divide.",
    )
    claim = All(positive.conclusion, ratio.conclusion)
    derive("logic", claim, positive, ratio, note="Collect the steps.")
    return Theorem(
        label="paper-step-size",
        title="The step size as a ratio of expectations with the ridge estimate",
        source="Mahankali, Hashimoto, Ma, arXiv 2307.03576, Theorems 1 and 2",
        statement=Statement(
            claim,
            (
                Normal(X, Identity(n), Sigma),
                Normal(w, Inverse(Sigma)),
                Normal(eps, sigma2 * Identity(n)),
                PositiveDefinite(Sigma),
                more_than(sigma2, 0),
            ),
        ),
        steps=derive.steps,
    )
