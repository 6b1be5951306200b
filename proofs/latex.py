"""Expressions of `proofs.language` in LaTeX, in the notation of `theory.notation`, on lines that fit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import sympy
from sympy import MatrixSymbol, Rational, Symbol

from proofs.language import Named, NamedMatrix
from proofs.printing.formula import Writer
from proofs.printing.lines import RELATION, Line, Piece, broken, width
from proofs.printing.names import Names
from proofs.printing.script import ATOM, FACTORS, RELATED, WORDS, Form, Script
from theory.notation import NAMES, TABLE

SYMBOLS = {entry.symbol.name: entry.latex for entry in TABLE if isinstance(entry.symbol, Symbol | MatrixSymbol)}
ABBREVIATIONS = {name.name: name.latex for name in NAMES}

_SIGNS = {
    "+": "+",
    "−": "-",
    "unary −": "-",
    "·": r"\cdot",
    "=": "=",
    "≠": r"\neq",
    "≥": r"\geq",
    ">": ">",
    "≤": r"\leq",
    "≻": r"\succ",
    "⪰": r"\succeq",
    "∼": r"\sim",
    ":=": r"\coloneqq",
    "∣": r"\mid",
    "⟺": r"\iff",
    "⟹": r"\implies",
    "→": r"\to",
    ",": ",",
    " ": "",
    **{sign: rf"\text{{{words}}}" for sign, words in WORDS.items()},
}
_SIGNS["keeps the law for orthogonal"] += "Q"
_SIGNS["has independent rows"] += r"\sim"
_SPACE = {"+": 0.45, "−": 0.45, "·": 0.45, ",": 0.17, "⟺": 1.1, "⟹": 1.1}  # around a sign, in ems; 0.56 around a relation
_SIZES = ("", r"\big", r"\Big", r"\bigg", r"\Bigg")

# widths in hundredths of an em, measured in Computer Modern
_WIDE = {
    "m": 88,
    "w": 75,
    "f": 60,
    "i": 35,
    "j": 47,
    "l": 32,
    "t": 37,
    "M": 108,
    "W": 109,
    "H": 92,
    "K": 92,
    "N": 92,
    "X": 91,
    "I": 52,
    "Q": 80,
}
_WIDE |= {"(": 39, ")": 39, "[": 28, "]": 28, ",": 28, ".": 28, "|": 28, "'": 28, "+": 78, "-": 78, "=": 78, "<": 78, ">": 78, "/": 50}
_COMMANDS = {
    "quad": 100,
    "qquad": 200,
    "omega": 66,
    "infty": 100,
    "Pi": 77,
    "top": 78,
    "star": 50,
    "ell": 42,
    "nabla": 83,
    "operatorname": 17,
    "mathbb": 0,
    "mathcal": 20,
}
_COMMANDS |= {"text": 0, "mathrm": 0, "hat": 0, "big": 6, "Big": 20, "bigg": 34, "Bigg": 48, "mid": 83, "cdot": 28, "neq": 78, "geq": 78}
_COMMANDS |= {
    "leq": 78,
    "iff": 180,
    "implies": 180,
    "succ": 78,
    "succeq": 78,
    "sim": 78,
    "coloneqq": 106,
    "in": 67,
    "tfrac": 10,
    "frac": 10,
}
_TOKEN = re.compile(r"\\([A-Za-z]+) *|\\(.)|([_^])|([{}])|( +)|(.)", re.DOTALL)


def ems(latex: str) -> float:
    """An estimate of the width of a formula, in ems, on the wide side.

    >>> round(ems("x_q^{2}"), 2)
    1.42
    """
    total, scale, scales, raised = 0.0, 1.0, [1.0], False
    for command, escaped, script, brace, space, char in _TOKEN.findall(latex):
        if script:
            raised = True
            total += 0.05  # TeX's \scriptspace
            continue
        if brace == "{":
            scales.append(scale)
            scale, raised = scale * (0.72 if raised else 1.0), False
            continue
        if brace == "}":
            scale = scales.pop() if scales else 1.0
            continue
        size = scale * (0.72 if raised else 1.0)
        raised = False
        if command:
            step = _COMMANDS.get(re.sub(r"(?<=g)[lr]$", "", command), 72 if command[0].isupper() else 62)
        elif escaped:
            step = 17 if escaped == "," else 0
        elif space:
            step = 0
        else:
            step = _WIDE.get(char, 79 if char.isupper() else 54)
        total += size * step / 100
    return total


class LatexScript(Script):
    """Formulas in LaTeX with amsmath and mathtools.

    Brackets are of a fixed size, so that a line may end inside them.
    """

    def piece(self, text: str) -> Piece:
        return Piece(text, ems(text))

    def sign(self, sign: str) -> Piece:
        text = _SIGNS[sign]
        if text.startswith(r"\text"):
            return Piece(text, 0.5 * len(sign) + 0.8 + 1.4 * text.endswith("sim"))
        if sign == "unary −":
            return self.piece(text)
        return Piece(text, ems(text) + (0.0 if sign == " " else _SPACE.get(sign, 0.56)))

    def symbol(self, name: str, node: Any) -> str:
        plain = name.rstrip("'")
        table = ABBREVIATIONS if isinstance(node, Named | NamedMatrix) else SYMBOLS
        return (table.get(plain) or str(sympy.latex(Symbol(plain)))) + name[len(plain) :]

    def raised(self, base: str, exponent: str) -> str:
        if base.endswith("^2") and exponent.isdigit():  # the square of σ² is σ⁴
            return f"{base[:-1]}{{{2 * int(exponent)}}}"
        if "^" in base or re.search("'.*_", base):
            base = f"{{{{}}{base}}}"  # the {} keeps TeX from taking the group off again where it holds one accented letter
        return f"{base}^{{{chr(92) + 'top' if exponent == 'T' else exponent}}}"

    def number(self, value: Rational) -> Form:
        if value.q == 1:
            return Form((self.piece(str(value)),))
        return Form((Piece(rf"\tfrac{{{value.p}}}{{{value.q}}}", 0.4 * max(len(str(abs(value.p))), len(str(value.q))) + 0.2),), ATOM, 0)

    def fraction(self, above: Form, below: Form) -> Form:
        wide = max(width(above.pieces), width(below.pieces)) + 0.3
        return Form((Piece(rf"\frac{{{inline(above)}}}{{{inline(below)}}}", wide),), FACTORS, 2 + max(above.height, below.height))

    def brackets(self, kind: str, height: int) -> tuple[str, str]:
        size = _SIZES[min(height, len(_SIZES) - 1)]
        left, right = {"(": ("(", ")"), "[": ("[", "]")}[kind]
        return (f"{size}l{left}", f"{size}r{right}") if size else (left, right)

    def function(self, name: str, subscript: Sequence[str] = ()) -> str:
        below = f"_{{{', '.join(subscript)}}}" if subscript else ""
        words = {"E": r"\mathbb E", "tr": r"\operatorname{tr}", "rank": r"\operatorname{rank}", "∇": r"\nabla", "N": r"\mathcal N"}
        words |= {"I": "I", "MN": r"\mathcal{MN}", "at": r"\big|"}
        return words[name] + below

    def matrix(self, rows: list[list[Form]]) -> Form:
        columns = [max(width(form.pieces) for form in column) for column in zip(*rows, strict=True)]
        text = r" \\ ".join(" & ".join(inline(form) for form in row) for row in rows)
        wide = sum(columns) + len(columns) - 1 + 1.6
        return Form((Piece(rf"\begin{{pmatrix}} {text} \end{{pmatrix}}", wide),), ATOM, len(rows))


def inline(form: Form) -> str:
    """A form on one line."""
    return _text(form.pieces)


def _text(pieces: Sequence[Piece]) -> str:
    return " ".join(piece.text for piece in pieces if piece.text)


def latex(expr: Any, names: Names) -> str:
    """An expression on one line."""
    return inline(Writer(LatexScript(), names).form(expr))


def rows(form: Form, room: float, head: int = 0) -> list[str]:
    """The lines of a form that is wider than the room, with the alignment mark of `aligned`.

    Lines are aligned at the relation that follows the first `head` pieces, or else on the left.
    """
    start = width(form.pieces[:head])
    tail = form.pieces[head:]
    lines = broken(tail, room - start, 1.0)
    left = _text(form.pieces[:head])
    return [f"{left if i == 0 else ''} & {_indented(line)}".strip() for i, line in enumerate(lines)]


def _indented(line: Line) -> str:
    return rf"\hspace{{{line.indent:g}em}} {_text(line.pieces)}" if line.indent else _text(line.pieces)


def display(form: Form, room: float, end: str = "", position: str = "") -> str:
    """The body of a display of at most `room` ems, with the punctuation that ends it."""
    if width(form.pieces) <= room:
        return inline(form) + end
    lines = rows(form, room, _head(form, room))
    return "\n".join([rf"\begin{{aligned}}{position}", " \\\\\n".join(lines) + end, r"\end{aligned}"])


def _head(form: Form, room: float) -> int:
    """How many pieces stand before the relation at which the lines are aligned; 0 if they are too wide for that."""
    first = next((i for i, piece in enumerate(form.pieces) if piece.depth == 0 and piece.price == RELATION), 0)
    return first if form.binding == RELATED and width(form.pieces[:first]) <= 0.3 * room else 0
