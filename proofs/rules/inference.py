"""What a rule is given, and what it gives back."""

from __future__ import annotations

from typing import Any, NamedTuple

from sympy import Eq, MatrixSymbol, Symbol

from proofs.algebra import Algebra
from proofs.errors import RuleError
from proofs.language import ConditionalMean, Implication, Mean, conjuncts, nodes, replaced


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

    def algebra(self) -> Algebra:
        """Normal forms under the assumptions and the conclusions of the premises."""
        return Algebra((*self.given, *self.claims))


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


def averaged(expr: Any) -> set[Any]:
    """The Gaussian matrices that some mean in the expression averages over: bound there, so never to be replaced."""
    return {z for node in nodes(expr) if isinstance(node, Mean | ConditionalMean) for z in node.args[-1]}


def under_hypotheses(conclusion: Any) -> tuple[Any, list[Any]]:
    """What is left to show of an implication, and the equations assumed in it.

    Hypotheses of the form symbol = value (the value free of the symbol) are used up: the value is put in place of the symbol.
    """
    hypotheses: list[Any] = []
    if isinstance(conclusion, Implication):
        antecedent, conclusion = conclusion.args
        hypotheses = [part for part in conjuncts(antecedent) if isinstance(part, Eq)]
    left = []
    for hypothesis in hypotheses:
        symbol, value = hypothesis.args
        if isinstance(symbol, Symbol | MatrixSymbol) and symbol not in value.atoms(Symbol, MatrixSymbol) | averaged(conclusion):
            conclusion = replaced(conclusion, {symbol: value})
        else:
            left.append(hypothesis)
    return conclusion, left
