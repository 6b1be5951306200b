"""Propositional consequence of the premises and the assumptions.

Relations are atoms; b = a is a = b, a ≠ b is its negation, a > b that of a ≤ b (reals are totally ordered), and a ≥ b is b ≤ a. The
conclusion is granted if no assignment of truth values makes the premises and the assumptions true and the conclusion false, which a
complete procedure (sympy's DPLL) decides. Distinct atoms are independent here: nothing is read into them.
"""

from __future__ import annotations

from typing import Any

from sympy import And, Dummy, Eq, Equivalent, Ge, Gt, Implies, Le, Lt, Ne, Not, Or
from sympy.logic.inference import satisfiable

from proofs.language import All, Any_, Equivalence, Implication, conjuncts
from proofs.rules.inference import Inference, Support, need


def check(step: Inference) -> Support:
    """The conclusion follows from the premises by truth tables."""
    need(follows(step.conclusion, (*step.claims, *step.given)), "it does not follow from the premises by propositional logic.")
    return Support()


def follows(conclusion: Any, facts: tuple[Any, ...]) -> bool:
    """Whether no assignment of truth values to the atoms makes the facts true and the conclusion false."""
    atoms: dict[Any, Any] = {}
    formulas = list(dict.fromkeys(_formula(part, atoms) for fact in facts for part in conjuncts(fact)))
    wanted = [_formula(part, atoms) for part in conjuncts(conclusion)]  # one by one: the negation of a conjunction is costly
    return not any(satisfiable(And(*formulas, Not(part))) for part in wanted if part not in formulas)


def _formula(statement: Any, atoms: dict[Any, Any]) -> Any:
    parts = statement.args
    if isinstance(statement, All):
        return And(*(_formula(part, atoms) for part in parts))
    if isinstance(statement, Any_):
        return Or(*(_formula(part, atoms) for part in parts))
    if isinstance(statement, Implication):
        return Implies(*(_formula(part, atoms) for part in parts))
    if isinstance(statement, Equivalence):
        return Equivalent(*(_formula(part, atoms) for part in parts))
    if isinstance(statement, Ne):
        return Not(_atom(frozenset(parts), atoms))
    if isinstance(statement, Eq):
        return _atom(frozenset(parts), atoms)
    if isinstance(statement, Le | Gt):
        atom = _atom((Le, *parts), atoms)
    elif isinstance(statement, Ge | Lt):
        atom = _atom((Le, parts[1], parts[0]), atoms)
    else:
        return _atom(statement, atoms)
    return Not(atom) if isinstance(statement, Gt | Lt) else atom


def _atom(key: Any, atoms: dict[Any, Any]) -> Any:
    return atoms.setdefault(key, Dummy())
