"""The notation, other papers' weights, and what is proved and what is measured, from where each is kept."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import theory
from pages.markdown import html_block
from proofs.printing.mathml import MathMLScript, formula, inline, inside, prose
from proofs.printing.values import ValueWriter
from theory.conventions import CONVENTIONS
from theory.notation import NAMES, TABLE

README = Path(theory.__file__).parents[1] / "README.md"


def pages() -> dict[str, str]:
    """The files by name."""
    return {"notation.md": _notation(), "weights.md": _weights(), "proved.md": _proved()}


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{column}</th>' for column in columns)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return html_block(f'<div class="scroll"><table class="plain"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>')


def _notation() -> str:
    symbols = [
        (inline(MathMLScript().symbol(entry.symbol.name, entry.symbol)), _shape(entry.symbol), prose(entry.meaning), prose(entry.papers))
        for entry in TABLE
    ]
    names = [(inline(formula(name.text)), prose(name.meaning)) for name in NAMES]
    return f"""# Notation

From `theory/notation.py`, where every symbol is once. Code calls them by their names there, such as `sigma2` for σ².

## Symbols

{_table(("symbol", "what it is", "meaning", "in the papers"), symbols)}

## Abbreviations in statements and derivations

Their definitions stand with each theorem.

{_table(("name", "meaning"), names)}
"""


def _shape(symbol: Any) -> str:
    if not symbol.is_Matrix:
        return "whole number" if symbol.is_integer else "number"
    height, width = (inside(ValueWriter().form(size)) for size in symbol.shape)
    return "number" if symbol.shape == (1, 1) else inline(height + formula("×") + width)


def _weights() -> str:
    rows = []
    for convention in CONVENTIONS.values():
        parameters = ", ".join(f"<code>{name}</code> {escape(convention.shape(name))}" for name in convention.names)
        value, key_query = (inline(inside(ValueWriter().form(expr))) for expr in (convention.value, convention.key_query))
        marks = ["yes" if mark else "no" for mark in (convention.normalised, convention.query_in_sum, convention.several_heads)]
        rows.append((f"<code>{convention.name}</code>", escape(convention.source), parameters, value, key_query, *marks))
    v, M = (inline(formula(name)) for name in "vM")
    columns = ("name", "source", "parameters", v, M, "divided by n", "query in the sum", "several heads")
    return f"""# Weights by convention

What v and M are in the weights that each paper writes, as `theory.conventions` has it; e_y is the unit vector of the label slot.
[What each paper writes](../conventions.md) is on a page of its own.

{_table(columns, rows)}
"""


def _proved() -> str:
    """The section of the README of that name, with its links seen from here."""
    section = README.read_text().partition("## What is proved, what is measured")[2].partition("\n## ")[0]
    return "# What is proved, what is measured\n" + re.sub(r"\]\(docs/", "](../", section)
