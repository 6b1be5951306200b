"""The responses of a network whose last layer has Gaussian weights are symmetric in sign, whatever its other layers are.

y = Φθ + ε and y_q = φ_qᵀθ + ε_q: the hidden features Φ and φ_q are any functions of the covariates and of the other weights, so the
number of layers, their widths and their activations are in the joint law of (X, x_q, Φ, φ_q), which is any.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sympy import Identity, MatMul, Trace

from proofs.derivation import Derivation
from proofs.kernel import Statement, Theorem
from proofs.language import All, Expectation, Independent, Law, Mean, Named, NamedMatrix, Normal, Predictor, equal, replaced
from proofs.theorems import every_law
from proofs.theorems.vocabulary import ANY_EVEN, ANY_LAW, ANY_LEAST, ANY_LOSS, ANY_PREDICTION, ANY_PROMPT, ANY_TARGET, STEP, one_step
from theory.notation import M_1, M_2, B_star, Phi, S, X, eps, eps_q, n, phi_q, sigma2, theta, x_q, y, y_q

LABELS, QUERY = NamedMatrix("y", Phi * theta + eps), phi_q.T * theta + eps_q
WEIGHTS = (theta, eps, eps_q)
DEFINED = (
    equal(M_2, Expectation(X.T * LABELS * LABELS.T * X, X, Phi, theta, eps)),
    equal(M_1, Expectation(X.T * LABELS * QUERY * x_q.T, X, x_q, Phi, phi_q, *WEIGHTS)),
)
GIVEN = (
    Law(X, x_q, Phi, phi_q),
    Independent((X, Phi), (x_q,)),
    Normal(theta, S),
    Normal(eps, sigma2 * Identity(n)),
    Normal(eps_q, sigma2 * Identity(1)),
    ANY_LAW[2],
    *DEFINED,
    ANY_LAW[5],
)


def realised() -> Any:
    """The theorem for every law, of the labels of the network."""
    labels = {y: LABELS}
    prediction, even = (replaced(part, labels) for part in (ANY_PREDICTION, ANY_EVEN))
    target = Trace(QUERY)
    everything = (X, x_q, Phi, phi_q, *WEIGHTS)
    step = one_step(STEP, y)
    context = (X, x_q, Phi, theta, eps)
    return replaced(
        every_law.CLAIM,
        {
            ANY_LOSS: Named("L", Mean((prediction - target) ** 2, *everything)),
            ANY_LEAST: Named("L_star", Mean(target**2, phi_q, theta, eps_q) - Trace(M_1 * B_star.T)),
            every_law.SIZE: Mean(even**2, *context),
            every_law.DISTANCE: Mean((prediction - one_step(B_star, LABELS)) ** 2, *context),
            Mean((step - ANY_TARGET) ** 2, *ANY_PROMPT): Mean((one_step(STEP, LABELS) - target) ** 2, *everything),
            ANY_PREDICTION: prediction,
            ANY_EVEN: even,
            **labels,
        },
    )


REALISED = realised()


@cache
def theorem() -> Theorem:
    """The theorem."""
    derive = Derivation()

    def mean(sign: int) -> Any:
        return Mean(Predictor("g", X, x_q, MatMul(sign, LABELS), MatMul(sign, QUERY)), X, x_q, Phi, phi_q, *WEIGHTS)

    symmetric = derive(
        "sign-symmetry",
        equal(mean(1), mean(-1)),
        by=WEIGHTS,
        note="The weights of the last layer and the noise are Gaussian, so their signs can be changed together.",
    )
    defined = derive("logic", All(*DEFINED), note="By definition.")
    general = derive(
        "realisation",
        REALISED,
        every_law.theorem(),
        defined,
        by=(WEIGHTS, (y, LABELS), (y_q, QUERY)),
        note="So the theorem for every law holds for these responses.",
    )
    claim = All(symmetric.conclusion, *REALISED.args[3:])
    derive("logic", claim, symmetric, general, note="Collect the steps.")
    return Theorem(
        label="random-last-layer",
        title="All global minimisers for the responses of a network with a random last layer",
        source="derived here; the symmetry is assumed in Mahankali, Hashimoto, Ma, arXiv 2307.03576, Theorem 3",
        statement=Statement(claim, GIVEN),
        steps=derive.steps,
        remarks=(
            "The first part says that the law of the prompt is symmetric in the sign of the labels: g is any function of it.",
            "A fully connected network of any depth, width and activation is one whose last layer is linear, so it has this form.",
        ),
    )
