"""Claims about `random-last-layer`."""

from __future__ import annotations

from sympy import Identity, MatMul

from common.any_law import of_any_law
from common.prompts import NOISE
from proofs.language import Expectation, Independent, Law, NamedMatrix, Normal, equal
from proofs.theorems.random_last_layer import LABELS as NETWORK_LABELS
from proofs.theorems.random_last_layer import QUERY, REALISED
from theory.notation import M_1, M_2, B_star, Phi, S, Sigma, X, eps, eps_q, phi_q, sigma2, theta, x_q

NETWORK = NamedMatrix("y", Phi * theta + eps)

PINNED = (
    {
        Law(X, x_q, Phi, phi_q),
        Independent((X, Phi), (x_q,)),
        Normal(theta, S),
        Normal(eps, NOISE),
        Normal(eps_q, sigma2 * Identity(1)),
        equal(Sigma, Expectation(x_q * x_q.T, x_q)),
        equal(M_2, Expectation(X.T * NETWORK * NETWORK.T * X, X, Phi, theta, eps)),
        equal(M_1, Expectation(X.T * NETWORK * (phi_q.T * theta + eps_q) * x_q.T, X, Phi, theta, eps, x_q, phi_q, eps_q)),
        equal(M_2 * B_star * Sigma, M_1),
    },
    set(),
    {"best-step", "every-law"},
)

FALSE = of_any_law(Normal(theta, S), REALISED.args[5].args[1].args[0].args[0]) | {
    "query's label not flipped": {MatMul(-1, QUERY): QUERY},
    "features not flipped": {MatMul(-1, NETWORK_LABELS): NETWORK_LABELS},
    "last layer of any law": {Normal(theta, S): Law(theta)},
    "features see the query": {Independent((X, Phi), (x_q,)): Independent((X,), (x_q,))},
    "M₂ without noise": {Expectation(X.T * NETWORK_LABELS * NETWORK_LABELS.T * X, X, Phi, theta, eps): Expectation(X.T * X, X)},
}
