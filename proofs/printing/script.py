"""What is the same in every script, and what a script must say: LaTeX is one, Unicode another, MathML a third."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

from sympy import Rational

from proofs.printing.lines import Piece

LOGIC, RELATED, TERMS, FACTORS, RAISED, ATOM = range(6)  # how tightly a form binds

WORDS = {
    "and": " and ",
    "or": " or ",
    "is invertible": " is invertible",
    "is orthogonal": " is orthogonal",
    "has independent rows": " has independent rows",
    "has any law": " has any law",
    "have any joint law": " have any joint law",
    "are independent": " are independent",
    "keeps the law": " keeps the joint law",
    "keeps the law for orthogonal": " keeps the joint law for every orthogonal ",
    "has as its rows, with": " has rows that, with ",
    "tokens": ", are independent with one law given a random function",
}
"""The signs that are words, with the spaces around them."""


class Form(NamedTuple):
    """A formula, or a part of one: its pieces, how tightly it binds, and how tall its brackets must be."""

    pieces: tuple[Piece, ...]
    binding: int = ATOM
    height: int = 0


class Script(ABC):
    """How pieces are written: LaTeX, Unicode or MathML."""

    @abstractmethod
    def piece(self, text: str) -> Piece:
        """Something that stays on one line."""

    @abstractmethod
    def sign(self, sign: str) -> Piece:
        """A sign between two forms, with the space around it: + − = ≠ ≥ > ≤ ⟺ ∼ · and words."""

    @abstractmethod
    def symbol(self, name: str, node: Any) -> str:
        """A symbol or an abbreviation."""

    @abstractmethod
    def raised(self, base: str, exponent: str) -> str:
        """A base with T, −1 or a whole number as its exponent."""

    @abstractmethod
    def number(self, value: Rational) -> Form:
        """A number ≥ 0."""

    @abstractmethod
    def fraction(self, above: Form, below: Form) -> Form:
        """One form over another."""

    @abstractmethod
    def brackets(self, kind: str, height: int) -> tuple[str, str]:
        """( or [, as tall as what they hold."""

    @abstractmethod
    def function(self, name: str, subscript: Sequence[str] = ()) -> str:
        """E, tr, rank, ∇, N, I, with a subscript."""

    @abstractmethod
    def matrix(self, rows: list[list[Form]]) -> Form:
        """A matrix by its blocks."""
