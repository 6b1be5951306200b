"""Theorems with something in them changed, in the claim alone or all through the derivation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sympy.core.basic import Basic

from proofs.kernel import Statement, Step, Theorem
from proofs.language import All, rebuilt, replaced

Change = Callable[[Any], Any]


def replacing(mapping: dict[Any, Any]) -> Change:
    """The change that puts one thing in the place of another, everywhere."""
    return lambda expr: replaced(expr, mapping) if isinstance(expr, Basic) else expr


def exchanging(old: type, new: Callable[..., Any]) -> Change:
    """The change that says one word in the place of another, everywhere."""

    def change(expr: Any) -> Any:
        if not isinstance(expr, Basic) or not expr.args:
            return expr
        args = [change(arg) for arg in expr.args]
        return new(*args) if isinstance(expr, old) else rebuilt(expr, args)

    return change


def mutated(theorem: Theorem, change: Change) -> Theorem:
    """The theorem with its claim, its assumptions and every step changed alike: what a consistent but wrong derivation would be."""
    steps: dict[int, Step] = {}

    def deep(value: Any) -> Any:
        return tuple(map(deep, value)) if isinstance(value, tuple) else change(value)

    for step in theorem.steps:
        premises = tuple(steps.get(id(premise), premise) for premise in step.premises)
        steps[id(step)] = step._replace(conclusion=change(step.conclusion), premises=premises, arguments=deep(step.arguments))
    statement = Statement(change(theorem.claim), tuple(change(fact) for fact in theorem.given))
    return theorem._replace(statement=statement, steps=tuple(steps.values()))


def without(*facts):
    """The same theorem with some of its assumptions dropped."""
    return lambda theorem: theorem.restate(given=tuple(fact for fact in theorem.given if fact not in facts))


def said(old, new):
    """One word for another, throughout."""
    return lambda theorem: mutated(theorem, exchanging(old, new))


def inside(named, old, new):
    """What a name stands for, with one expression for another in it."""
    return {named.args[1]: replaced(named.args[1], {old: new})}


def without_hypothesis(theorem):
    """What is said of the minimisers said of every layer."""
    attained, first, *rest = theorem.claim.args
    return theorem.restate(claim=All(attained, first.args[1], *rest))
