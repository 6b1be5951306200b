"""Where the lines of a long formula end: before a relation, a connective, a + or −, or at worst between two factors.

A formula is a sequence of pieces. Some may begin a line, at a price: the deeper inside brackets, the dearer. The cheapest way to fit the
width is a shortest path, as in TeX's paragraphs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

CONNECTIVE, RELATION, SUM, PRODUCT = 2, 6, 10, 45  # what it costs to begin a line there, in brackets of depth 0
_DEEPER = 30  # what each further bracket adds
_LINE = 25  # what a line costs
_BURIED = 120  # what it adds to end a line inside brackets, with a relation outside them in the middle of the line
_NOWHERE = 1_000
_OVER = 10_000  # what a unit of overflow costs


class Piece(NamedTuple):
    """A part of a formula that stays on one line.

    text    as it is written
    width   in units of the script: ems for LaTeX, characters for the terminal
    price   of beginning a line with it; None: no line begins here
    depth   of the brackets around it
    lead    a sign written before it if a line begins here
    """

    text: str
    width: float
    price: int | None = None
    depth: int = 0
    lead: Piece | None = None


class Line(NamedTuple):
    """One line: how far it is indented, and its pieces."""

    indent: float
    pieces: tuple[Piece, ...]


def width(pieces: Sequence[Piece]) -> float:
    """The width of the pieces side by side."""
    return sum(piece.width for piece in pieces)


def deeper(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """The same pieces inside one more bracket."""
    return tuple(piece._replace(depth=piece.depth + 1) for piece in pieces)


def broken(pieces: Sequence[Piece], room: float, unit: float) -> list[Line]:
    """The pieces on lines of at most `room`; a line that begins at depth k is indented by k + 1 units, a connective's by none.

    >>> a, plus_b = Piece("a", 1), Piece("+b", 2, SUM)
    >>> [len(line.pieces) for line in broken([a, plus_b, plus_b, plus_b], 6, 1)]
    [3, 1]
    """
    starts = [0, *(i for i, piece in enumerate(pieces) if i and piece.price is not None)]
    ends = [*starts[1:], len(pieces)]
    before = [0.0]
    for piece in pieces:
        before.append(before[-1] + piece.width)

    def indent(start: int) -> float:
        piece = pieces[start]
        return 0.0 if start == 0 or (piece.price == CONNECTIVE and piece.depth == 0) else (piece.depth + 1) * unit

    def lead(start: int) -> float:
        sign = pieces[start].lead
        return sign.width if start and sign else 0.0

    best: dict[int, tuple[float, int]] = {len(pieces): (0.0, 0)}  # from a start on: the cost, and where its first line ends
    for index in reversed(range(len(starts))):
        start = starts[index]
        choices = []
        shallowest = _NOWHERE  # the shallowest relation inside the line
        for end in ends[index:]:
            used = indent(start) + lead(start) + before[end] - before[start]
            cost = _LINE + _OVER * max(0.0, used - room) + best[end][0]
            if end < len(pieces):
                cost += (pieces[end].price or 0) + _DEEPER * pieces[end].depth + (_BURIED if shallowest < pieces[end].depth else 0)
                cost += 10 * (max(0.0, room - used) / room) ** 2
            choices.append((cost, end))
            if end < len(pieces) and pieces[end].price == RELATION:
                shallowest = min(shallowest, pieces[end].depth)
            if used > room:
                break
        best[start] = min(choices)
    lines, start = [], 0
    while start < len(pieces):
        end = best[start][1]
        chunk = list(pieces[start:end])
        if start and chunk[0].lead:
            chunk[0] = chunk[0]._replace(text=f"{chunk[0].lead.text.strip()} {chunk[0].text}")
        lines.append(Line(indent(start), tuple(chunk)))
        start = end
    return lines
