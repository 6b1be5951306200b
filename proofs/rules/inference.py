"""What a rule is given, and what it gives back."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

from sympy import Add, Eq, MatAdd, MatMul, MatrixSymbol, Mul, Symbol, Trace

from proofs.algebra import Algebra
from proofs.errors import RuleError
from proofs.language import Implication, bound, conjuncts, free, random, replaced, symbols_of


class Inference(NamedTuple):
    """One step as a rule sees it.

    conclusion  what is claimed
    premises    (claim, given) of each premise, in order: steps and theorems that are already proved
    given       the assumptions of the theorem
    arguments   hints, such as multipliers; a rule trusts none of them
    """

    conclusion: Any
    premises: tuple[tuple[Any, tuple[Any, ...]], ...]
    given: tuple[Any, ...]
    arguments: tuple[Any, ...]

    @property
    def claims(self) -> tuple[Any, ...]:
        """The conclusions of the premises."""
        return tuple(claim for claim, _ in self.premises)

    @property
    def equations(self) -> list[Any]:
        """The equations among the conclusions of the premises, in order."""
        return [part for claim in self.claims for part in conjuncts(claim) if isinstance(part, Eq)]

    def algebra(self) -> Algebra:
        """Normal forms under the assumptions, the conclusions of the premises and the hypotheses of an implication to be shown.

        A hypothesis speaks of free symbols; of one that a mean averages over it would be a fact about one outcome, so it is left out.
        """
        antecedent = self.conclusion.args[:1] if isinstance(self.conclusion, Implication) else ()
        averaged = random(self.given) | bound(self.conclusion, *self.claims)
        hypotheses = [part for whole in antecedent for part in conjuncts(whole) if not free(part) & averaged]
        return Algebra((*self.given, *self.claims), hypotheses)


class Support(NamedTuple):
    """That a step is granted, and what it rests on."""

    side_conditions: tuple[Any, ...] = ()
    citations: tuple[str, ...] = ()
    admitted: tuple[str, ...] = ()


def need(condition: bool, message: str) -> None:
    """Refuse the step unless the condition holds."""
    if not condition:
        raise RuleError(message)


def of_kind(expr: Any, kind: type, wanted: str) -> Any:
    """The expression, or a refusal that says what was wanted."""
    need(isinstance(expr, kind), f"the conclusion must be {wanted}, got {expr}.")
    return expr


def scalars(equation: Any) -> tuple[Any, Any]:
    """The two sides of an equation; of one between matrices K = L, which holds iff tr(J K) = tr(J L) for all J, these traces."""
    left, right = equation.args
    if not getattr(left, "is_Matrix", False):
        return left, right
    taken = symbols_of(equation)
    name = next(name for name in ("J" + "_" * i for i in itertools.count()) if name not in taken)
    any_matrix = MatrixSymbol(name, *reversed(left.shape))
    return Trace(MatMul(any_matrix, left)), Trace(MatMul(any_matrix, right))


def minus(left: Any, right: Any) -> Any:
    """left − right, of two scalars or two matrices. Nothing cancels, so what either side divides by or inverts stays in sight."""
    if getattr(left, "is_Matrix", False):
        return MatAdd(left, MatMul(-1, right))
    return Add(left, Mul(-1, right, evaluate=False), evaluate=False)


def under_hypotheses(conclusion: Any) -> tuple[Any, list[Any]]:
    """What is left to show of an implication, and the equations assumed in it.

    Hypotheses of the form symbol = value (the value free of the symbol) are used up: the value is put in place of the symbol, unless
    either is bound in the conclusion: a hypothesis speaks of free symbols only. Nothing is evaluated, so what is divided by stays in sight.
    """
    hypotheses: list[Any] = []
    if isinstance(conclusion, Implication):
        antecedent, conclusion = conclusion.args
        hypotheses = [part for part in conjuncts(antecedent) if isinstance(part, Eq)]
    left = []
    for hypothesis in hypotheses:
        symbol, value = hypothesis.args
        inside = value.atoms(Symbol, MatrixSymbol)
        if isinstance(symbol, Symbol | MatrixSymbol) and symbol not in inside and not bound(conclusion) & {symbol, *inside}:
            conclusion = replaced(conclusion, {symbol: value}, evaluate=False)
        else:
            left.append(hypothesis)
    return conclusion, left
