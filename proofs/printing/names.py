"""What a theorem calls things: symbols and abbreviations by name, and no name for two things."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sympy import MatrixSymbol, Symbol

from proofs.kernel import Step, Theorem
from proofs.language import ConditionalMean, Expectation, GradientAt, Mean, Named, NamedMatrix, Normal, Predictor, nodes, random
from theory.notation import TABLE

_PLACE = {entry.symbol.name: row for row, entry in enumerate(TABLE) if isinstance(entry.symbol, Symbol | MatrixSymbol)}


class Names:
    """The names in a theorem, its statement first and then its steps.

    A name may come to mean a second thing there, as B* does when a general theorem is specialised; the second is marked B*′.
    """

    def __init__(self, theorem: Theorem) -> None:
        self._called: dict[Any, str] = {}
        self._statement = (theorem.claim, *theorem.given)
        self._proof = tuple(step.conclusion for step in theorem.steps)
        taken: dict[str, int] = {}
        bound: dict[Any, Any] = {}
        for node in (node for part in (*self._statement, *self._proof) for node in nodes(part)):
            if isinstance(node, GradientAt):
                bound[node.args[0]] = node.args[1]
            name = _name(node)
            if name is not None and node not in self._called:
                self._called[node] = name + "'" * taken.get(name, 0)
                taken[name] = taken.get(name, 0) + 1
        self.bound = bound  # an abbreviation that a gradient differentiates, and by what
        self.random = self.ordered(random(theorem.given))
        self.gaussian = any(isinstance(fact, Normal) for fact in theorem.given)

    def of(self, node: Any) -> str:
        """Its name, with a prime for each thing called so before."""
        return self._called.get(node) or str(_name(node))

    def ordered(self, symbols: Iterable[Any]) -> list[Any]:
        """Symbols in the order of the notation table."""
        return sorted(symbols, key=lambda symbol: (place(symbol), symbol.name))

    def is_everything_random(self, variables: Any) -> bool:
        """Whether these are all random matrices of the theorem; a mean over them is written without naming them each time."""
        return len(self.random) > 1 and set(variables) == set(self.random)

    def in_statement(self) -> list[Any]:
        """The abbreviations used in the statement, each after those that its definition uses."""
        return list(dict.fromkeys(node for part in self._statement for node in _abbreviations(part)))

    def in_proof(self) -> list[Any]:
        """The further abbreviations used in the steps."""
        seen = dict.fromkeys(node for part in self._proof for node in _abbreviations(part))
        stated = set(self.in_statement())
        return [node for node in seen if node not in stated]

    def symbols(self) -> list[Any]:
        """The symbols used, in the order of the notation table."""
        return self.ordered(node for node in self._called if isinstance(node, Symbol | MatrixSymbol))

    def predictors(self) -> list[Any]:
        """The values f(…) in the statement, of an arbitrary f."""
        return sorted({node for part in self._statement for node in nodes(part) if isinstance(node, Predictor)}, key=str)

    def uses_plain_mean(self) -> bool:
        """Whether some mean is written without its variables."""
        parts = (*self._statement, *self._proof)
        return any(
            isinstance(node, Mean | Expectation | ConditionalMean) and self.is_everything_random(node.args[-1])
            for part in parts
            for node in nodes(part)
        )


def earlier(theorem: Theorem, step: Step) -> list[int]:
    """The numbers of the steps that a step uses."""
    return [number for premise in step.premises for number, other in enumerate(theorem.steps, start=1) if other is premise]


def replacements(step: Step) -> list[tuple[Any, Any]]:
    """What a specialisation puts for which symbol, where it changes; a value named as the symbol is, by its definition."""
    changed = []
    for symbol, value in step.arguments[step.rule == "realisation" :]:  # there after what changes its sign
        if value != symbol:
            alike = isinstance(value, Named | NamedMatrix) and _name(value) == _name(symbol)
            changed.append((symbol, value.args[1] if alike else value))
    return changed


def place(symbol: Any) -> int:
    """The row of the notation table that a symbol stands in."""
    return _PLACE.get(symbol.name, len(_PLACE))


def _name(node: Any) -> str | None:
    if isinstance(node, Named | NamedMatrix):
        return str(node.args[0])
    return str(node.name) if isinstance(node, Symbol | MatrixSymbol) else None


def _abbreviations(expr: Any) -> Iterator[Any]:
    for arg in getattr(expr, "args", ()):
        yield from _abbreviations(arg)
    if isinstance(expr, Named | NamedMatrix):
        yield expr
