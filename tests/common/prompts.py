"""What the theorems assume of prompts, written out once more for the tests that pin it."""

from __future__ import annotations

from sympy import Identity, Trace

from proofs.language import Expectation, Independent, Law, Normal, PositiveDefinite, Tokens, equal, more_than
from theory.notation import (
    M_1,
    M_2,
    B_star,
    Sigma,
    W,
    X,
    X_test,
    d,
    eps,
    eps_q,
    eps_q_test,
    eps_test,
    n,
    n_test,
    sigma2,
    sigma2_test,
    w,
    w_test,
    x_1,
    x_2,
    x_q,
    x_q_test,
    y,
    y_1,
    y_2,
    y_q,
)

UNIT, NOISE = Identity(d), sigma2 * Identity(n)
NOISY, SIGNAL = more_than(sigma2, 0), more_than(sigma2 + Trace(Sigma * W), 0)


def laws(covariance, prior):
    return {
        Normal(X, Identity(n), covariance),
        Normal(w, prior),
        Normal(eps, NOISE),
        Normal(x_q, covariance),
        Normal(eps_q, sigma2 * Identity(1)),
    }


def laws_at_test(covariance, prior):
    return {
        Normal(X_test, Identity(n_test), covariance),
        Normal(w_test, prior),
        Normal(eps_test, sigma2_test * Identity(n_test)),
        Normal(x_q_test, covariance),
        Normal(eps_q_test, sigma2_test * Identity(1)),
    }


GENERAL = laws(Sigma, W) | {PositiveDefinite(Sigma), SIGNAL}
PARTS = {"one-step-loss", "covariate-part", "even-part", "best-step", "every-law"}
MINIMISERS = PARTS | {"general-gaussian"}
PROMPT_MEANS = {
    equal(Sigma, Expectation(x_q * x_q.T, x_q)),
    equal(M_2, Expectation(X.T * y * y.T * X, X, y)),
    equal(M_1, Expectation(X.T * y * y_q * x_q.T, X, y, x_q, y_q)),
    equal(M_2 * B_star * Sigma, M_1),
}
ANY_LAW = PROMPT_MEANS | {Law(X, y, x_q, y_q), Independent((X, y), (x_q,))}
TOKENS = Tokens((X, y), (x_1, y_1), (x_2, y_2), (x_q, y_q))
PAPER = MINIMISERS | {"ridge-correlation", "paper-step-size"}
