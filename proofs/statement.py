"""What a statement must be before anything is proved of it: well formed, satisfiable in its assumptions, and saying something."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from sympy import Eq, MatrixSymbol, Ne
from sympy.core.relational import Relational

from proofs.algebra import ONE, Algebra, plus, scaled
from proofs.errors import RuleError, StatementError
from proofs.instances import instances
from proofs.language import (
    LAWS,
    All,
    Any_,
    Equivalence,
    Implication,
    Law,
    Normal,
    Predictor,
    conjuncts,
    free,
    nodes,
    symbols_of,
    unnamed,
)
from proofs.rules.logic import follows
from proofs.wellformed import LAW, Vocabulary

_PATIENCE = 5  # seconds in which to find numbers that satisfy a hypothesis


def check_statement(claim: Any, given: tuple[Any, ...], vocabulary: Vocabulary) -> None:
    """Raises StatementError unless the statement is well formed, says something, and its assumptions have a model."""
    if type(given) is not tuple:
        raise StatementError(f"the assumptions must be a tuple, got a {type(given).__name__}.")
    vocabulary.statement(claim)
    for fact in given:
        vocabulary.statement(fact, LAW)
    _check_assumptions(given)
    if claim in given or any(part in given for part in conjuncts(claim)):
        raise StatementError("the claim is among its own assumptions.")
    if next(instances(given, claim, stop=time.monotonic() + _PATIENCE), None) is None:
        raise StatementError("no numbers were found that satisfy the assumptions: they may contradict each other.")
    reached: set[Any] = set()
    for part in conjuncts(claim):
        if follows(part, ()):
            raise StatementError(f"the claim {part} says nothing: it is true by its form.")
        if any(follows(part, (fact,)) for fact in given):
            raise StatementError(f"the claim {part} says no more than one of its assumptions.")
        for consequent in _says_something(part, given, reached):
            reached.add(consequent)


def _check_assumptions(given: tuple[Any, ...]) -> None:
    """A random matrix has one law. Of a Gaussian one nothing else is assumed; of those of a Law, symmetries and facts about means.

    No assumption restricts an outcome, nor a predictor, which is any function. A matrix may be defined as a mean.
    """
    blocks = [fact.args for fact in given if isinstance(fact, Law)]
    gaussian = {fact.args[0] for fact in given if isinstance(fact, Normal)}
    laws = [fact.args[0] for fact in given if isinstance(fact, Normal)] + [z for block in blocks for z in block]
    if len(laws) != len(set(laws)):
        raise StatementError("a random matrix must have one law.")
    for fact in given:
        if isinstance(fact, Law):
            continue
        if isinstance(fact, LAWS):
            members = [node for node in nodes(fact) if isinstance(node, MatrixSymbol)]
            if len(members) != len(set(members)) or not any(set(members) <= set(block) for block in blocks):
                raise StatementError(f"the assumption {fact} must speak of the matrices of one Law, of each once.")
            continue
        defines = isinstance(fact, Eq) and isinstance(fact.args[0], MatrixSymbol)
        restricted = free(fact) & set(laws) | (set() if defines else set(symbols_of(fact).values()) & gaussian)
        if isinstance(fact, Normal):
            restricted = set(symbols_of(*fact.args[1:]).values()) & set(laws)
        if restricted:
            raise StatementError(f"the assumption {fact} restricts {min(map(str, restricted))}, which has a law already.")
        if any(isinstance(node, Predictor) for node in nodes(fact)):
            raise StatementError(f"the assumption {fact} restricts a predictor, which stands for any function.")


def _says_something(part: Any, given: tuple[Any, ...], reached: set[Any]) -> Iterator[Any]:
    """Yields what an implication shows to be satisfiable.

    A hypothesis is satisfiable if there are numbers at which it holds, or if an earlier conjunct of the claim derives it from one that is.
    """
    whole, hypotheses = part, given
    while isinstance(part, Implication):
        hypothesis, part = part.args
        hypotheses = (*hypotheses, hypothesis)
        if hypothesis not in reached and next(instances(hypotheses, part, stop=time.monotonic() + _PATIENCE), None) is None:
            raise StatementError(f"no numbers were found that satisfy the hypothesis {hypothesis}.")
    if part is not whole:
        yield from conjuncts(part)
    for relation in _relations(whole):
        if _evident(relation):
            raise StatementError(f"the relation {relation} says nothing: it holds or fails by evaluation, at {relation.args[0].doit()}.")


def _relations(statement: Any) -> Iterator[Any]:
    """The relations that a statement is made of, however deep."""
    if isinstance(statement, Relational):
        yield statement
    elif isinstance(statement, All | Any_ | Implication | Equivalence):
        for part in statement.args:
            yield from _relations(part)


def _evident(relation: Any) -> bool:
    """Whether the two sides are one expression, or are numbers (for an equation: 0 = 0 or two different ones), once they are evaluated."""
    left, right = (unnamed(side).doit() for side in relation.args)
    if left == right:
        return True
    algebra = Algebra()
    try:
        forms: list[Any] = [algebra.matrix(side) if getattr(side, "is_Matrix", False) else algebra.scalar(side) for side in relation.args]
    except RuleError:
        return False
    if isinstance(relation, Eq | Ne):
        numbers = not getattr(relation.args[0], "is_Matrix", False) and all(form.keys() <= ONE.keys() for form in forms)
        return not any(forms) or numbers
    return plus(forms[0], scaled(forms[1], -1)).keys() <= ONE.keys()
