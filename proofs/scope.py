"""For which values a statement was proved, read off its symbols and assumptions."""

from __future__ import annotations

from typing import Any

from sympy import Eq, Gt, MatrixSymbol, Symbol

from proofs.language import (
    Expectation,
    Invertible,
    Normal,
    Orthogonal,
    PositiveDefinite,
    PositiveSemidefinite,
    bound,
    conjuncts,
    random,
    symbols_of,
)


def scope(claim: Any, given: tuple[Any, ...]) -> tuple[str, ...]:
    """One phrase for each free symbol of the claim.

    >>> from sympy import Symbol
    >>> scope(Symbol("s", nonnegative=True) + Symbol("n", integer=True, positive=True), ())
    ('all n = 1, 2, 3, …', 'all s ≥ 0')
    """
    facts = [part for fact in given for part in conjuncts(fact)]
    averaged = random(given) | bound(claim)
    defined = {fact.args[0] for fact in facts if isinstance(fact, Eq) and isinstance(fact.args[1], Expectation)}
    definite = {fact.args[0] for fact in facts if isinstance(fact, PositiveDefinite)}
    covariances = {matrix for fact in facts if isinstance(fact, Normal) for matrix in fact.args[1:]}
    semidefinite = {fact.args[0] for fact in facts if isinstance(fact, PositiveSemidefinite)} | covariances
    invertible = {fact.args[0] for fact in facts if isinstance(fact, Invertible)}
    positive = {fact.args[0] for fact in facts if isinstance(fact, Gt) and fact.args[1] == 0}
    orthogonal = {fact.args[0] for fact in facts if isinstance(fact, Orthogonal)}
    kinds = (
        *(("positive definite", definite), ("positive semidefinite", semidefinite)),
        *(("invertible", invertible), ("orthogonal", orthogonal)),
    )
    phrases = []
    for name, symbol in sorted(symbols_of(claim, *given).items(), key=lambda item: (isinstance(item[1], MatrixSymbol), item[0])):
        if symbol in averaged | defined:
            continue
        if isinstance(symbol, Symbol):
            whole = "= 1, 2, 3, …" if symbol.is_positive else "= 0, 1, 2, …"
            real = "> 0" if symbol.is_positive or symbol in positive else "≥ 0" if symbol.is_nonnegative else "real"
            phrases.append(f"all {name} {whole}" if symbol.is_integer else f"all {name} {real}" if real != "real" else f"all real {name}")
        else:
            kind = next((word for word, matrices in kinds if symbol in matrices), "real")
            phrases.append(f"all {kind} {name} of shape {symbol.shape[0]}×{symbol.shape[1]}")
    return tuple(phrases)
