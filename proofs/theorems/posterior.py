"""Given the context, the task vector is the ridge estimate plus an independent Gaussian deviation."""

from __future__ import annotations

from functools import cache
from typing import Any

from sympy import Identity, Inverse, MatMul, Trace

from proofs.derivation import Derivation
from proofs.kernel import Statement, Step, Theorem
from proofs.language import All, Mean, NamedMatrix, Normal, PositiveDefinite, Predictor, equal, more_than
from proofs.theorems.vocabulary import LABEL, TARGET
from theory.notation import W, X, d, eps, eps_q, n, r, sigma2, w, x_q, y_tilde

PRECISION = X.T * X + sigma2 * Inverse(W)
R = NamedMatrix("R", Inverse(PRECISION))
RIDGE = NamedMatrix("w_ridge", R * X.T * LABEL)
ESTIMATE = Trace(x_q.T * RIDGE)
ANY = Predictor("f", X, LABEL, x_q)

TASK = (Normal(w, W), Normal(eps, sigma2 * Identity(n)), Normal(eps_q, sigma2 * Identity(1)))
AUXILIARY = (Normal(r, sigma2 * R), Normal(y_tilde, X * W * X.T + sigma2 * Identity(n)))


@cache
def theorem() -> Theorem:
    """The theorem."""
    derive = Derivation()
    cancels = derive("inverse", equal(MatMul(R, PRECISION), Identity(d)), by=(PRECISION,), note="The definition of the resolvent R.")
    shrinks = derive(
        "matrix-identity",
        equal(W - R * X.T * X * W, sigma2 * R),
        cancels,
        by=((0, Identity(d) * -1, W),),
        note="By the definition of the resolvent.",
    )
    gain = R * X.T
    rest = Identity(n) - X * gain
    variance = X * W * X.T + sigma2 * Identity(n)
    covariances = [
        derive("matrix-identity", equation, shrinks, by=multipliers, note=note)
        for equation, multipliers, note in (
            (
                equal(sigma2 * R + gain * variance * gain.T, W),
                ((0, -1, X.T * X * R), (0, -1, Identity(d), "T")),
                "The covariance of r + R Xᵀỹ is that of w.",
            ),
            (
                equal(gain * variance * rest.T - sigma2 * R * X.T, 0),
                ((0, Identity(d), X.T, "T"), (0, -1, X.T * rest)),
                "The covariance of r + R Xᵀỹ with the residual ỹ − X(r + R Xᵀỹ) is 0.",
            ),
            (
                equal(rest * variance * rest.T + sigma2 * X * R * X.T, sigma2 * Identity(n)),
                ((0, X, X.T * rest),),
                "The covariance of the residual is that of ε.",
            ),
        )
    ]
    change = ((w, r + gain * y_tilde), (eps, y_tilde - X * r - X * gain * y_tilde))
    orthogonal = _orthogonal(
        derive,
        Mean((Trace(x_q.T * w) - ESTIMATE) * ANY, w, eps),
        Mean(Trace(x_q.T * r) * Predictor("f", X, y_tilde, x_q), r, y_tilde),
        covariances,
        change,
        (r,),
    )
    estimate = Trace(x_q.T * gain * y_tilde)
    uncorrelated = _orthogonal(
        derive,
        Mean((TARGET - ESTIMATE) * (ESTIMATE - ANY), w, eps, eps_q),
        Mean((Trace(x_q.T * r) + Trace(eps_q)) * (estimate - Predictor("f", X, y_tilde, x_q)), r, y_tilde, eps_q),
        covariances,
        change,
        (r, eps_q),
    )
    claim = All(orthogonal.conclusion, uncorrelated.conclusion)
    derive("logic", claim, orthogonal, uncorrelated, note="Collect the steps.")
    return Theorem(
        label="posterior",
        title="The error of the ridge estimate is orthogonal to every function of the context",
        source="textbook Bayesian linear regression, derived here",
        statement=Statement(claim, (*TASK, *AUXILIARY, PositiveDefinite(W), more_than(sigma2, 0))),
        steps=derive.steps,
        remarks=(
            "Here r and ỹ are auxiliary variables of the proof, of which the claim does not speak; what uses this theorem drops them.",
        ),
    )


def _orthogonal(
    derive: Derivation, mean: Any, changed: Any, covariances: list[Step], change: tuple[Any, ...], flipped: tuple[Any, ...]
) -> Step:
    """A mean vanishes, because after the change of variables it is odd in the deviation."""
    exchanged = derive(
        "change-of-variables",
        equal(mean, changed),
        *covariances,
        by=change,
        note="Put w = r + R Xᵀỹ and ε = ỹ − Xw: jointly Gaussian with the same covariances, and y becomes ỹ.",
    )
    vanishes = derive("sign-symmetry", equal(changed, 0), by=flipped, note="The deviation is independent of ỹ and symmetric.")
    return derive("matrix-identity", equal(mean, 0), exchanged, vanishes, by=((0, 1), (1, 1)), note="So the mean on the left vanishes too.")
