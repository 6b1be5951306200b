"""Expressions of `proofs.language` and formulas in Unicode in MathML, of the elements that browsers draw (MathML Core).

What is written here are the contents of a <math> element, which `display` and `inline` put around them. Nothing is taken from LaTeX: a
symbol is spelled as in the terminal, and read as a formula in Unicode.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from html import escape
from typing import Any
from xml.etree import ElementTree

from sympy import Rational

from proofs.printing.lines import RELATION, Line, Piece, broken, width
from proofs.printing.prose import written
from proofs.printing.script import ATOM, FACTORS, RELATED, WORDS, Form, Script
from proofs.text import TextScript

ROOM = 42.0  # ems on a line
_NARROWEST = 14.0  # ems of the narrowest line, on a phone inside a list
_SMALL = 0.8  # the size of what is raised or lowered
_SIZES = (1.0, 1.2, 1.8, 2.4, 3.0)  # ems of brackets around something as high
_FUNCTIONS = {"E": "𝔼", "N": "𝒩", "MN": "ℳ𝒩"}
_WORDS = ("if", "and", "or", "iff")
_RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿᵈᵏᵀ", "0123456789+−ndkT", strict=True))
_LOWERED = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋ₙᵢⱼₖₜ", "0123456789+−nijkt", strict=True))
_ACCENTS = {"\u0302": "^", "\u0303": "~", "\u0304": "¯"}
_INFIX = set("+−±⋅×⊗∘/:;")
_RELATIONS = set("=≠≥≤><≈∈→↦⟺⟹⇔⇒≻⪰∼∝⊥∪∩⊆≡≔|∣")
_OPENING, _CLOSING = "([{⟨", ")]}⟩"
_OPENS = _RELATIONS | _INFIX | {*_OPENING, ",", "·"}  # a sign after one of these belongs to what follows


def element(tag: str, *inside: str, **attributes: str) -> str:
    """<tag attributes>inside</tag>"""
    given = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return f"<{tag}{given}>{''.join(inside)}</{tag}>"


def _row(inside: str) -> str:
    """One element."""
    return inside if len(_parsed(inside)) == 1 else element("mrow", inside)


def _operator(char: str) -> str:
    """A sign of a formula, with the space that it has between two operands, whatever stands beside it."""
    if char in _OPENING + _CLOSING + "‖":
        return element("mo", char, stretchy="false")
    if char in "|∣":
        return element("mo", "|", form="infix", stretchy="false", lspace="0.25em", rspace="0.25em")
    if char in "+−±":
        return element("mo", char, form="infix")
    return element("mo", escape(char))


class MathMLScript(Script):
    """Formulas in MathML."""

    def piece(self, text: str) -> Piece:
        return Piece(text, ems(text))

    def sign(self, sign: str) -> Piece:
        if sign in WORDS:
            words = element("mtext", WORDS[sign].replace(" ", "\N{NO-BREAK SPACE}"))
            after = {"has independent rows": _operator("∼"), "keeps the law for orthogonal": element("mi", "Q")}
            return self.piece(words + after.get(sign, ""))
        if sign == "unary −":
            return self.piece(element("mo", "−", form="prefix"))
        return self.piece("" if sign == " " else _operator({"·": "⋅", ":=": "≔"}.get(sign, sign)))

    def symbol(self, name: str, node: Any) -> str:
        return _row(formula(TextScript().symbol(name, node)))

    def raised(self, base: str, exponent: str) -> str:
        if base.startswith("<msup>") and base.endswith("<mn>2</mn></msup>") and exponent.isdigit():  # the square of σ² is σ⁴
            return base.replace("<mn>2</mn></msup>", f"<mn>{2 * int(exponent)}</mn></msup>")
        mark = _exponent(exponent)
        if base.startswith("<msub>"):
            return base.replace("<msub>", "<msubsup>", 1).removesuffix("</msub>") + mark + "</msubsup>"
        return element("msup", _row(base), mark)

    def number(self, value: Rational) -> Form:
        if value.q == 1:
            return Form((self.piece(element("mn", str(value))),))
        parts = element("mn", str(value.p)), element("mn", str(value.q))
        return Form((self.piece(element("mfrac", *parts, displaystyle="false")),), ATOM, 0)

    def fraction(self, above: Form, below: Form) -> Form:
        text = element("mfrac", element("mrow", inside(above)), element("mrow", inside(below)))
        return Form((self.piece(text),), FACTORS, 2 + max(above.height, below.height))

    def root(self, form: Form) -> Form:
        """A square root."""
        return Form((self.piece(element("msqrt", inside(form))),), ATOM, form.height + 1)

    def brackets(self, kind: str, height: int) -> tuple[str, str]:
        left, right = ("(", ")") if kind == "(" else ("[", "]")
        if height == 0:
            return _operator(left), _operator(right)
        size = f"{_SIZES[min(height, len(_SIZES) - 1)]}em"
        sized = {"stretchy": "true", "symmetric": "true", "minsize": size, "maxsize": size}
        return element("mo", left, form="prefix", **sized), element("mo", right, form="postfix", **sized)

    def function(self, name: str, subscript: Sequence[str] = ()) -> str:
        head = element("mo", "|", form="postfix", stretchy="false") if name == "at" else named(name)
        return element("msub", head, _row(element("mo", ",").join(subscript))) if subscript else head

    def matrix(self, rows: list[list[Form]]) -> Form:
        cells = ["".join(element("mtd", inside(form)) for form in row) for row in rows]
        table = element("mtable", *(element("mtr", row) for row in cells))
        return Form((self.piece(element("mrow", element("mo", "("), table, element("mo", ")"))),), ATOM, len(rows))


def named(name: str) -> str:
    """The name of a function, a little apart from what stands before it if it is a word."""
    word = element("mi", escape(_FUNCTIONS.get(name, name)))
    return word if len(name) == 1 or name in _FUNCTIONS else f'<mspace width="0.17em"/>{word}'


def _exponent(exponent: str) -> str:
    if exponent == "T":
        return element("mi", "T", mathvariant="normal")
    if exponent.startswith("-"):
        return element("mrow", element("mo", "−", form="prefix"), element("mn", exponent[1:]))
    return element("mn", exponent)


# widths


@cache
def ems(text: str) -> float:
    """An estimate of the width of MathML, in ems.

    >>> round(ems("<msup><mi>x</mi><mn>2</mn></msup>"), 2)
    1.15
    """
    return sum(_width(node) for node in _parsed(text))


def _parsed(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(f"<mrow>{text}</mrow>")


def _width(node: ElementTree.Element) -> float:
    parts = [_width(child) for child in node]
    if node.tag in ("msub", "msup"):
        return parts[0] + _SMALL * parts[1]
    if node.tag == "msubsup":
        return parts[0] + _SMALL * max(parts[1:])
    if node.tag == "mover":
        return parts[0]
    if node.tag == "mfrac":
        return (_SMALL if node.get("displaystyle") else 1.0) * max(parts) + 0.2
    if node.tag == "mtable":
        rows = [[_width(cell) for cell in row] for row in node]
        return sum(map(max, zip(*rows, strict=True))) + 0.8 * len(rows[0])
    if len(node):
        return sum(parts) + (0.8 if node.tag == "msqrt" else 0.0)
    letters = sum(_letter(char) for char in node.text or "")
    if node.tag != "mo" or node.get("form") == "prefix":
        return letters
    return letters + (0.56 if node.text in _RELATIONS else 0.45 if node.text in _INFIX else 0.17 if node.text == "," else 0.0)


def _letter(char: str) -> float:
    """In the widest of the usual fonts."""
    if char in "⟺⟹⇔⇒≔":
        return 1.5
    if char in _RELATIONS | _INFIX or char in "mwMW𝔼𝒩ℳ":
        return 0.9
    return 0.4 if char in "ijlt.,'′|()[] \N{NO-BREAK SPACE}" else 0.78 if char.isupper() else 0.64


# formulas in Unicode


_LETTER = r"[A-Za-zΑ-ω]"
_TOKEN = re.compile(
    "|".join(
        (
            r"(?P<number>\d+(?:\.\d+(?:e[+-]?\d+)?)?…?|[½¼¾])",
            rf"(?P<word>(?<!{_LETTER})(?:[A-Za-z]{{2,}}(?=\()|N(?=\()|(?:E|tr|rank|diag|vec|{'|'.join(_WORDS)})(?!{_LETTER})))",
            rf"(?P<sub>_(?:\{{[^}}]*\}}|(?:{_LETTER}|[0-9∞])+)|[{''.join(_LOWERED)}]+)",
            rf"(?P<sup>\^(?:\{{[^}}]*\}}|\([^)]*\)|\w)|[{''.join(_RAISED)}]+)",
            rf"(?P<star>(?<={_LETTER})\*)",
            r"(?P<prime>['′]+)",
            f"(?P<accent>[{''.join(_ACCENTS)}])",
            r"(?P<space>\s+)",
            "(?P<one>.)",
        )
    ),
    re.DOTALL,
)
_ACCENTED = re.compile(f"([A-Za-z][{''.join(_ACCENTS)}])")


def formula(text: str) -> str:
    """A formula in Unicode as MathML, without <math>.

    >>> formula("σ² ≥ 0")
    '<msup><mi>σ</mi><mn>2</mn></msup><mo>≥</mo><mn>0</mn>'
    >>> formula("x̃_q")
    '<msub><mover accent="true"><mi>x</mi><mo>~</mo></mover><mi>q</mi></msub>'
    >>> formula("B*")
    '<msub><mi>B</mi><mo>⋆</mo></msub>'
    """
    text = re.sub(r"Σ(?=_\{?[ijk]|\s+\w_[ijk])", "∑", text)
    parts = _ACCENTED.split(unicodedata.normalize("NFD", text))  # every other one a letter with an accent of mathematics
    return "".join(_formula_items("".join(part if i % 2 else unicodedata.normalize("NFC", part) for i, part in enumerate(parts))))


def _formula_items(text: str) -> list[str]:
    items: list[list[Any]] = []  # each a base, what is lowered, what is raised
    before = ""
    for match in _TOKEN.finditer(text):
        kind, token = str(match.lastgroup), match[0]
        if kind == "space":
            continue
        if kind in ("sub", "sup", "star", "prime", "accent") and not items:
            items.append([element("mrow"), "", ""])
        if kind == "sub":
            items[-1][1] += _script(token, "_", _LOWERED)
        elif kind == "sup":
            items[-1][2] += _script(token, "^", _RAISED)
        elif kind == "star":
            items[-1][1] += element("mo", "⋆")
        elif kind == "prime":
            items[-1][2] += element("mo", "′" * len(token))
        elif kind == "accent":
            items[-1][0] = element("mover", items[-1][0], element("mo", _ACCENTS[token]), accent="true")
        elif token in "-−+" and (not items or before in _OPENS):
            items.append([element("mo", token.replace("-", "−"), form="prefix"), "", ""])
        else:
            items.append([_token(kind, token), "", ""])
        before = token
    return [_scripted(*item) for item in items]


def _token(kind: str, token: str) -> str:
    if kind == "number":
        return element("mn", token)
    if kind == "word" and token in _WORDS:
        return element("mtext", f"\N{NO-BREAK SPACE}{token}\N{NO-BREAK SPACE}")
    if kind == "word":
        return named(token)
    if token.isalnum():
        return element("mi", token)
    return _operator({"-": "−", "~": "∼", "*": "⋆", "·": "⋅"}.get(token, token))


def _scripted(base: str, below: str, above: str) -> str:
    if below and above:
        return element("msubsup", base, _row(below), _row(above))
    if below or above:
        return element("msub" if below else "msup", base, _row(below or above))
    return base


def _script(token: str, mark: str, small: dict[str, str]) -> str:
    """What is raised or lowered: letters that belong together are one name."""
    if token.startswith(mark):
        token = token[1:]
        token = token[1:-1] if token[0] in "{(" else token
        return element("mi", token) if re.fullmatch(r"[A-Za-zΑ-ω∞]+[0-9]?", token) else "".join(_formula_items(token))
    plain = "".join(small[char] for char in token)
    return _exponent(plain.replace("−", "-")) if re.fullmatch(r"−?\d+|T", plain) else "".join(_formula_items(plain.replace("−T", "−ᵀ")))


# whole formulas


def inside(form: Form) -> str:
    """A form on one line, without <math>."""
    return "".join(piece.text for piece in form.pieces)


def inline(contents: str) -> str:
    """A formula in a line of text; a long one scrolls by itself where the line is shorter."""
    math = element("math", _row(contents))
    return math if ems(contents) <= _NARROWEST else f'<span class="wide">{math}</span>'


def sentence(contents: str) -> str:
    """A formula whose words stand between its parts, such as the law of something: the words outside <math>, where a line can end."""
    parts = re.split("<mtext>(.*?)</mtext>", contents)
    return "".join(part.replace("\N{NO-BREAK SPACE}", " ") if i % 2 else inline(part) if part else "" for i, part in enumerate(parts))


def display(form: Form, room: float = ROOM) -> str:
    """A formula by itself, on lines of at most `room` ems; they are aligned at the first relation, or on the left."""
    if width(form.pieces) <= room:
        return displayed(inside(form))
    head = _head(form, room)
    first, tail = form.pieces[:head], form.pieces[head:]
    lines = broken(tail, room - width(first), 1.0)
    left = "".join(piece.text for piece in first)
    rows = [element("mtr", element("mtd", left if i == 0 else ""), element("mtd", _line(line))) for i, line in enumerate(lines)]
    return displayed(f'<mtable displaystyle="true" class="lines">{"".join(rows)}</mtable>')


def displayed(contents: str) -> str:
    """A formula by itself, in a box that scrolls where the page is narrower."""
    return f'<div class="formula"><math display="block">{_row(contents)}</math></div>'


def _line(line: Line) -> str:
    indent = f'<mspace width="{line.indent:g}em"/>' if line.indent else ""
    return indent + "".join(piece.text for piece in line.pieces)


def _head(form: Form, room: float) -> int:
    """How many pieces stand before the relation at which the lines are aligned; 0 if they are too wide for that."""
    first = next((i for i, piece in enumerate(form.pieces) if piece.depth == 0 and piece.price == RELATION), 0)
    return first if form.binding == RELATED and width(form.pieces[:first]) <= 0.3 * room else 0


def prose(text: str) -> str:
    """Sentences with Unicode mathematics in them as HTML, everything else escaped.

    >>> prose("if d ≥ 2 & so on")
    'if <math><mrow><mi>d</mi><mo>≥</mo><mn>2</mn></mrow></math> &amp; so on'
    """
    return written(text, plain=escape, mathematics=lambda span: inline(formula(span)), code=lambda part: f"<code>{escape(part)}</code>")
