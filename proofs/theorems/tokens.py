"""The moments M₁ and M₂ of a prompt whose tokens are independent with one law, given a random function."""

from __future__ import annotations

from functools import cache

from sympy import Identity

from proofs.derivation import Derivation
from proofs.kernel import Statement, Theorem
from proofs.language import All, Expectation, Law, NamedMatrix, PositiveSemidefinite, Tokens, equal
from theory.notation import X, d, n, x_1, x_2, x_q, y, y_1, y_2, y_q

TOKENS = Tokens((X, y), (x_1, y_1), (x_2, y_2), (x_q, y_q))
OWN = NamedMatrix("C", Expectation(x_1 * y_1 * y_1.T * x_1.T, x_1, y_1))
SHARED = NamedMatrix("K", Expectation(x_1 * y_1 * y_2 * x_2.T, x_1, y_1, x_2, y_2))


@cache
def theorem() -> Theorem:
    """The theorem."""
    derive = Derivation()
    second = derive(
        "sum-over-tokens",
        equal(Expectation(X.T * y * y.T * X, X, y), n * OWN + n * (n - 1) * SHARED),
        note="Of the n² pairs of tokens n are one token twice.",
    )
    first = derive(
        "sum-over-tokens",
        equal(Expectation(X.T * y * y_q * x_q.T, X, y, x_q, y_q), n * SHARED),
        note="The query is a token other than those of the context.",
    )
    shared = derive(
        "independent-pair",
        PositiveSemidefinite(SHARED.args[1]),
        by=(x_1 * y_1,),
        note="It is the second moment of the mean of y₁ x₁ given the function.",
    )
    named = derive("definiteness", PositiveSemidefinite(SHARED), shared, by=((1, Identity(d), SHARED),), note="With its name.")
    own = derive("definiteness", PositiveSemidefinite(OWN), by=((1, Identity(d), OWN),), note="A mean of squares.")
    claim = All(second.conclusion, first.conclusion, named.conclusion, own.conclusion)
    derive("logic", claim, second, first, named, own, note="Collect the steps.")
    return Theorem(
        label="tokens",
        title="The moments of a prompt of tokens that share a random function",
        source="derived here",
        statement=Statement(claim, (Law(X, y, x_q, y_q, x_1, y_1, x_2, y_2), TOKENS)),
        steps=derive.steps,
        remarks=("So for tokens the normal equations of the best step say (C + (n − 1) K) B Σ = K.",),
    )
