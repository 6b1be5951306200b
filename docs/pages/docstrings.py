"""The docstrings of this repository, which are plain text, as reStructuredText.

A paragraph is a paragraph, whatever characters it holds; words in backticks are code. An indented block is a formula, kept as it is. Lines
of the form `name  meaning`, two spaces or more between, are a list of definitions; a doctest is one.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

_ITEM = re.compile(r"(\S+(?: \S+)*?) {2,}(\S.*)")


def written(lines: Sequence[str]) -> list[str]:
    """A docstring, without its common indentation, in reStructuredText.

    >>> written(["The loss L* of a layer:", "", "    L = τ + |v|²", "", "n  context length"])
    ['The loss L\\\\* of a layer:', '', '::', '', '    L = τ + |v|²', '', 'n', '    context length', '']
    """
    result: list[str] = []
    for filled, group in groupby(textwrap.dedent("\n".join(lines)).splitlines(), key=lambda line: bool(line.strip())):
        if filled:
            result += _block(list(group))
    return result


def is_field(member: Any) -> bool:
    """Whether a member is the field of a named tuple, which its class explains."""
    return type(member).__name__ == "_tuplegetter"


def _block(lines: list[str]) -> Iterator[str]:
    """Lines without a blank one among them."""
    if lines[0].lstrip().startswith(">>>"):
        yield from (*textwrap.dedent("\n".join(lines)).splitlines(), "")
        return
    shallow = textwrap.dedent("\n".join(lines)).splitlines()
    items = [_ITEM.fullmatch(line) for line in shallow if not line.startswith(" ")]
    if all(items):
        yield from _definitions(shallow)
    elif lines[0].startswith(" "):
        yield from _literal(lines)
    elif re.match(r"(- |\d+\. )", lines[0]):
        yield from _list(lines)
    else:
        text = [line for line in lines if not line.startswith(" ")]
        count = len(text) if lines[: len(text)] == text else len(lines)  # a formula may follow without a blank line
        yield from (_escaped(" ".join(line.strip() for line in lines[:count])), "")
        if lines[count:]:
            yield from _literal(lines[count:])


def _literal(lines: list[str]) -> Iterator[str]:
    yield from ("::", "", *("    " + line for line in textwrap.dedent("\n".join(lines)).splitlines()), "")


def _definitions(lines: list[str]) -> Iterator[str]:
    for line in lines:
        item = _ITEM.fullmatch(line)
        if item and not line.startswith(" "):
            yield from (_escaped(item[1]), "    " + _escaped(item[2]))
        else:
            yield "    " + _escaped(line.strip())
    yield ""


def _list(lines: list[str]) -> Iterator[str]:
    """Items, each on lines that follow its mark with an indentation."""
    for line in lines:
        mark, text = re.fullmatch(r"(\s+|- |\d+\. |)(.*)", line).groups()  # type: ignore[union-attr]
        yield (mark if mark.strip() else "   " if re.match(r"\d", lines[0]) else "  ") + _escaped(text)
    yield ""


def _escaped(text: str) -> str:
    """Plain text in which `words in backticks` are code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # a backtick that closes nothing
        return re.sub(r"([\\*_|`])", r"\\\1", text)
    plain = (re.sub(r"([\\*_|])", r"\\\1", part) if i % 2 == 0 else f"``{part.strip()}``" for i, part in enumerate(parts))
    result = "".join(plain)
    return "\\" + result if re.match(r"(\.\. |[-+=:>] ?|::)", result) else result


__all__ = ["is_field", "written"]
