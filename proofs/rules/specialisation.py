"""Specialisation of a statement already proved.

A statement holds for all values of its free symbols that satisfy its assumptions; so it holds for the values named, each of the shape and
in the domain (whole, positive, …) of its symbol, provided that every assumption becomes one that is known. An assumption that
is not known becomes a hypothesis of the conclusion, "if it holds then …". Scalars are replaced first, shapes with them; nothing is
evaluated.
What a mean averages over is bound: it is neither replaced nor allowed to occur in a value.

The first premise is the statement specialised, the others help to verify its assumptions. Arguments: (symbol, value) for each
symbol replaced.
"""

from __future__ import annotations

from typing import Any

from sympy import Eq, Ge, Gt, MatrixSymbol, Ne, Symbol

from proofs.algebra import Algebra
from proofs.language import (
    All,
    Implication,
    Invertible,
    Normal,
    PositiveDefinite,
    PositiveSemidefinite,
    check_well_formed,
    conjuncts,
    replaced,
    substitute,
    symbols_of,
)
from proofs.rules.inference import Inference, Support, averaged, need


def check(step: Inference) -> Support:
    """The first premise, at the values named."""
    need(bool(step.premises), "specialisation needs the statement that it specialises as its first premise.")
    (claim, given), *others = step.premises
    algebra = Algebra((*step.given, *(other for other, _ in others)))
    mapping = dict(step.arguments)
    bound = averaged(claim) | {fact.args[0] for fact in given if isinstance(fact, Normal)}
    free = set(symbols_of(claim, *given).values())
    scalars = {symbol: value for symbol, value in mapping.items() if isinstance(symbol, Symbol)}
    for symbol, value in mapping.items():
        need(isinstance(symbol, Symbol | MatrixSymbol) and symbol in free, f"{symbol} is not a symbol of the statement.")
        need(symbol not in bound, f"{symbol} is averaged over, and cannot be replaced.")
        check_well_formed(value)
        need(not bound & set(symbols_of(value).values()), f"the value {value} holds a symbol that the statement averages over.")
        if isinstance(symbol, Symbol):
            need(in_domain(algebra, symbol, value), f"{value} is not known to be in the domain of {symbol}.")
            algebra.scalar(value)
        else:
            need(replaced(symbol, scalars).shape == getattr(value, "shape", None), f"{value} does not have the shape of {symbol}.")
            algebra.matrix(value)
    conditions = algebra.licensed()  # the values exist
    sized = {z: replaced(z, scalars) for z in bound}
    need(len(set(sized.values())) == len(sized), "two averaged symbols become one.")
    missing = [part for fact in given for part in conjuncts(substitute(fact, mapping)) if not entailed(algebra, step.given, part)]
    need(not any(isinstance(part, Normal) for part in missing), f"the law {missing} is not among the assumptions.")
    result = substitute(claim, mapping)
    expected = result if not missing else Implication(missing[0] if len(missing) == 1 else All(*missing), result)
    need(step.conclusion == expected, f"the conclusion is not what the statement becomes: {expected}.")
    return Support(conditions)


def in_domain(algebra: Algebra, symbol: Any, value: Any) -> bool:
    """Whether a value is known to be one that the symbol ranges over."""
    if not getattr(value, "is_commutative", False) or getattr(value, "is_Matrix", False) or value.is_real is False:
        return False
    whole = not symbol.is_integer or bool(value.is_integer)
    if symbol.is_positive:
        return whole and algebra.positive(value)
    if symbol.is_nonnegative:
        return whole and algebra.nonnegative(value)
    return whole and symbol.is_zero is None and symbol.is_negative is None and symbol.is_nonzero is None and symbol.is_nonpositive is None


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
