"""Specialisation of a statement already proved.

A statement holds for all values of its free symbols that satisfy its assumptions; so it holds for the values named, each of the shape and
in the domain (whole, positive, …) of its symbol, provided that every assumption becomes one that is known. An assumption that is not
known becomes a hypothesis of the conclusion, "if it holds then …". All are replaced at once, shapes too; nothing is evaluated.

What a mean averages over is bound: it is neither replaced nor allowed to occur in a value; for matrices of a Law see `realisation`. A
Gaussian matrix may be renamed, everywhere, to one of which the statement does not speak; that this one has the law is checked as every
assumption is.

An auxiliary law is dropped: if the statement assumes Z Gaussian, and neither its claim nor the assumptions here mention Z, then the claim
holds without, because a Gaussian matrix with any two positive semidefinite covariances exists. Those must be known to be so.

The conclusion may abbreviate otherwise than the statement does: the two are compared without their names.

The first premise is the statement specialised, the others help to verify its assumptions. Arguments: (symbol, value) for each symbol
replaced.
"""

from __future__ import annotations

from typing import Any

from sympy import Eq, Ge, Gt, MatrixSymbol, Ne, Symbol

from proofs.algebra import Algebra
from proofs.language import (
    LAWS,
    All,
    Implication,
    Invertible,
    Normal,
    PositiveDefinite,
    PositiveSemidefinite,
    bound,
    conjuncts,
    random,
    replaced,
    substitute,
    symbols_of,
    unnamed,
)
from proofs.rules.inference import Inference, Support, need


def check(step: Inference) -> Support:
    """The first premise, at the values named."""
    need(bool(step.premises), "specialisation needs the statement that it specialises as its first premise.")
    (claim, given), *others = step.premises
    algebra = Algebra((*step.given, *(other for other, _ in others)))
    mapping = dict(step.arguments)
    laws = {fact.args[0] for fact in given if isinstance(fact, Normal)}
    fixed = bound(claim, *given) | random(given)
    symbols = symbols_of(claim, *given)
    renamed = {z: value for z, value in mapping.items() if z in laws}
    for z, value in renamed.items():
        fresh = isinstance(value, MatrixSymbol) and value.name not in symbols and list(renamed.values()).count(value) == 1
        need(fresh, f"{z} is averaged over: it can be renamed to a symbol of which the statement does not speak, and to nothing else.")
    scalars = {symbol: value for symbol, value in mapping.items() if isinstance(symbol, Symbol)}
    for symbol, value in mapping.items():
        need(isinstance(symbol, Symbol | MatrixSymbol) and symbol in symbols.values(), f"{symbol} is not a symbol of the statement.")
        need(symbol not in fixed or symbol in renamed, f"{symbol} is averaged over, and cannot be replaced.")
        caught = set() if symbol in renamed else {z.name for z in (*fixed, *renamed.values())} & symbols_of(value).keys()
        need(not caught, f"the value {value} holds {min(caught, default=None)}, which the statement averages over.")
        if isinstance(symbol, Symbol):
            need(in_domain(algebra, symbol, value), f"{value} is not known to be in the domain of {symbol}.")
            algebra.scalar(value)
        else:
            need(replaced(symbol, scalars).shape == getattr(value, "shape", None), f"{value} does not have the shape of {symbol}.")
            algebra.matrix(value)
    missing = [part for fact in given for part in conjuncts(substitute(fact, mapping)) if not entailed(algebra, step.given, part)]
    result = substitute(claim, mapping)
    kept = [part for part in missing if not _exists(algebra, part, result, step.given)]
    need(not any(isinstance(part, (Normal, *LAWS)) for part in kept), f"the law {kept} is not among the assumptions.")
    expected = result if not kept else Implication(kept[0] if len(kept) == 1 else All(*kept), result)
    need(unnamed(step.conclusion) == unnamed(expected), f"the conclusion is not what the statement becomes: {expected}.")
    return Support(algebra.licensed())  # the values exist


def _exists(algebra: Algebra, law: Any, result: Any, given: tuple[Any, ...]) -> bool:
    """Whether an assumption is the law of an auxiliary matrix, of which nothing else speaks: one with that law can be had."""
    if not isinstance(law, Normal) or law.args[0] in set(symbols_of(result, *given).values()):
        return False
    for covariance in law.args[1:]:
        algebra.matrix(covariance)  # so that what it inverts needs its licence
    return all(map(algebra.semidefinite, law.args[1:]))


def in_domain(algebra: Algebra, symbol: Any, value: Any) -> bool:
    """Whether a value is known to be one that the symbol ranges over."""
    if not getattr(value, "is_commutative", False) or getattr(value, "is_Matrix", False) or value.is_real is False:
        return False
    whole = not symbol.is_integer or bool(value.is_integer)
    if symbol.is_positive:
        return whole and algebra.positive(value)
    if symbol.is_nonnegative:
        return whole and algebra.nonnegative(value)
    return whole


def entailed(algebra: Algebra, given: tuple[Any, ...], fact: Any) -> bool:
    """Whether an assumption is known to hold."""
    if fact in given:
        return True
    if isinstance(fact, PositiveDefinite):
        return algebra.definite(fact.args[0])
    if isinstance(fact, PositiveSemidefinite):
        return algebra.semidefinite(fact.args[0])
    if isinstance(fact, Invertible):
        return algebra.invertible(fact.args[0])
    if isinstance(fact, Normal):
        law = algebra.laws.get(fact.args[0])
        return law is not None and all(algebra.same(a, b) for a, b in zip(law.args[1:], fact.args[1:], strict=True))
    if isinstance(fact, Gt):
        return algebra.positive(fact.args[0] - fact.args[1])
    if isinstance(fact, Ge):
        return algebra.nonnegative(fact.args[0] - fact.args[1])
    if isinstance(fact, Ne) and not getattr(fact.lhs, "is_Matrix", False):
        return algebra.nonzero(fact.lhs - fact.rhs)
    if isinstance(fact, Eq):
        return algebra.same(fact.lhs, fact.rhs)
    return fact in algebra.facts
