"""How the steps of a theorem are written down: in order, each at hand as a premise of later ones."""

from __future__ import annotations

from typing import Any

from proofs.kernel import Step, Theorem


class Derivation:
    """Collects steps.

    >>> from sympy import Symbol
    >>> from proofs.language import equal
    >>> x = Symbol("x", real=True)
    >>> derive = Derivation()
    >>> square = derive("matrix-identity", equal((x + 1) ** 2, x**2 + 2 * x + 1), note="Multiply out.")
    >>> derive.steps == (square,)
    True
    """

    def __init__(self) -> None:
        self._steps: list[Step] = []

    def __call__(self, rule: str, conclusion: Any, *premises: Step | Theorem, by: tuple[Any, ...] = (), note: str = "") -> Step:
        """The next step: a rule, what it establishes, from what, by which hints."""
        step = Step(rule, conclusion, premises, by, note)
        self._steps.append(step)
        return step

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps so far, in order."""
        return tuple(self._steps)
