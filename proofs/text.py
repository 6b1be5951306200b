"""Theorems in the terminal: expressions of `proofs.language` in Unicode, and a derivation to read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from sympy import Rational

from proofs.kernel import Step, Theorem
from proofs.language import All, Named, NamedMatrix
from proofs.printing.formula import Writer
from proofs.printing.lines import Piece, broken
from proofs.printing.names import Names, earlier, replacements
from proofs.printing.prose import GREEK
from proofs.printing.scopes import grouped
from proofs.printing.script import ATOM, FACTORS, RAISED, TERMS, WORDS, Form, Script
from proofs.rules.citation import FACTS
from proofs.verdict import Verdict
from theory.notation import NAMES

_GREEK = {name.removeprefix("var"): letter for letter, name in GREEK.items()}
_SIGNS = {"unary −": "−", " ": " ", ",": ", ", **WORDS}
_SIGNS["keeps the law for orthogonal"] += "Q"
_SIGNS["has independent rows"] += " ∼ "
_RAISED = str.maketrans("0123456789-T", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻ᵀ")
_ABBREVIATIONS = {name.name: name.text for name in NAMES}


class TextScript(Script):
    """Formulas in Unicode."""

    def piece(self, text: str) -> Piece:
        return Piece(text, len(text))

    def sign(self, sign: str) -> Piece:
        return self.piece(_SIGNS.get(sign, f" {sign} "))

    def symbol(self, name: str, node: Any) -> str:
        plain = name.rstrip("'")
        primes = "′" * (len(name) - len(plain))
        if isinstance(node, Named | NamedMatrix) and plain in _ABBREVIATIONS:
            return _ABBREVIATIONS[plain] + primes
        return spelled(plain) + primes

    def raised(self, base: str, exponent: str) -> str:
        if base.endswith("²") and exponent.isdigit():  # the square of σ² is σ⁴
            return base[:-1] + str(2 * int(exponent)).translate(_RAISED)
        mark = exponent.translate(_RAISED)
        return f"({base}){mark}" if base[-1:] in "⁰¹²³⁴⁵⁶⁷⁸⁹" else base + mark

    def number(self, value: Rational) -> Form:
        half = {(1, 2): "½", (1, 4): "¼", (3, 4): "¾"}.get((value.p, value.q))
        return Form((self.piece(half or str(value)),), ATOM if half or value.q == 1 else TERMS)

    def fraction(self, above: Form, below: Form) -> Form:
        top = above.pieces if above.binding >= FACTORS else (self.piece("("), *above.pieces, self.piece(")"))
        simple = below.binding >= RAISED
        bottom = below.pieces if simple else (self.piece("("), *below.pieces, self.piece(")"))
        return Form((*top, self.piece(" / "), *bottom), TERMS)

    def brackets(self, kind: str, height: int) -> tuple[str, str]:
        return ("(", ")") if kind == "(" else ("[", "]")

    def function(self, name: str, subscript: Sequence[str] = ()) -> str:
        if name == "at":
            return f"|_{{{subscript[0]}}}"
        below = subscript[0] if len(subscript) == 1 and len(subscript[0]) == 1 else f"{{{','.join(subscript)}}}"
        return f"{name}_{below}" if subscript else name

    def matrix(self, rows: list[list[Form]]) -> Form:
        return Form((self.piece("[" + "; ".join(", ".join(line(form) for form in row) for row in rows) + "]"),))


def spelled(name: str) -> str:
    """A symbol's name with its Greek letters.

    >>> spelled("sigma2_t"), spelled("epsilon_q"), spelled("v_x")
    ('σ²_t', 'ε_q', 'v_x')
    >>> spelled("u_0"), spelled("B_star")
    ('u₀', 'B*')
    >>> spelled("x_q_tilde")
    'x̃_q'
    """
    if name.endswith("_tilde"):
        plain = spelled(name.removesuffix("_tilde"))
        return f"{plain[0]}\N{COMBINING TILDE}{plain[1:]}"
    if name.endswith("_star"):
        return spelled(name.removesuffix("_star")) + "*"
    if name.endswith("_0"):
        return spelled(name.removesuffix("_0")) + "₀"
    match = re.fullmatch(r"([A-Za-z]+)(\d*)(_\w+)?", name)
    if match is None:
        return name
    letter = _GREEK.get(match[1])
    return f"{letter}{match[2].translate(_RAISED)}{match[3] or ''}" if letter else name


def line(form: Form) -> str:
    """A form on one line."""
    return "".join(piece.text for piece in form.pieces)


def text(expr: Any, names: Names) -> str:
    """An expression on one line."""
    return line(Writer(TextScript(), names).form(expr))


class Page:
    """A theorem with its verdict, as lines of at most `breadth` characters."""

    def __init__(self, verdict: Verdict, breadth: int) -> None:
        self.verdict = verdict
        self.theorem: Theorem = verdict.theorem
        self.names = Names(self.theorem)
        self.writer = Writer(TextScript(), self.names)
        self.breadth = breadth

    def lines(self) -> Iterator[str]:
        """The statement, the steps, and what the certificate says."""
        theorem = self.theorem
        yield from self._wrapped(theorem.title, 0)
        yield from self._wrapped(f"{theorem.label} · {theorem.source}", 0)
        if self.names.uses_plain_mean():
            yield from self._heading("Notation")
            yield f"  E without a subscript averages over {', '.join(self._line(z) for z in self.names.random)}"
        elif self.names.in_statement():
            yield from self._heading("Notation")
        yield from self._definitions(self.names.in_statement())
        if theorem.given or self.names.predictors():
            yield from self._heading("Assumptions")
            for value in self.names.predictors():
                yield from self._wrapped(f"{value.args[0]} is any function with {self._line(value)} of finite second moment", 2)
            for fact in theorem.given:
                yield from self._formula(self.writer.form(fact), 2)
            if self.names.gaussian and len(self.names.random) > 1:
                yield from self._wrapped("each Gaussian vector and matrix is independent of all else that is random", 2)
        yield from self._heading("Claim")
        yield from self._statement(theorem.claim, 2)
        for remark in theorem.remarks:
            yield from self._wrapped(f"Remark. {remark}", 2)
        if theorem.steps:
            yield from self._heading("Proof")
            yield from self._definitions(self.names.in_proof())
            for number, step in enumerate(theorem.steps, start=1):
                yield from self._step(number, step)
        yield from self._heading("What was checked")
        yield from self._certificate()

    def _heading(self, words: str) -> Iterator[str]:
        yield ""
        yield words

    def _line(self, expr: Any) -> str:
        return line(self.writer.form(expr))

    def _formula(self, form: Form, indent: int, head: str = "") -> Iterator[str]:
        room = max(20, self.breadth - indent - len(head))
        for i, row in enumerate(broken(form.pieces, room, 2)):
            start = " " * indent + (head if i == 0 else " " * len(head))
            yield start + " " * int(row.indent) + "".join(piece.text for piece in row.pieces).strip()

    def _statement(self, expr: Any, indent: int) -> Iterator[str]:
        if isinstance(expr, All):
            for number, part in enumerate(expr.args, start=1):
                head = f"({_roman(number)}) "
                if isinstance(part, All):
                    yield " " * indent + head
                    yield from self._statement(part, indent + 4)
                else:
                    yield from self._formula(self.writer.form(part), indent, head)
        else:
            yield from self._formula(self.writer.form(expr), indent)

    def _definitions(self, abbreviations: Sequence[Any]) -> Iterator[str]:
        for node in abbreviations:
            bound = self.names.bound.get(node)
            name = self._line(node) + (f"({self._line(bound)})" if bound is not None else "")
            yield from self._formula(self.writer.form(node.args[1]), 2, f"{name} := ")

    def _step(self, number: int, step: Step) -> Iterator[str]:
        used = [str(number) for number in earlier(self.theorem, step)]
        used += [premise.label for premise in step.premises if isinstance(premise, Theorem)]
        rule = step.rule
        if rule == "citation" and step.arguments:
            rule += f" of {step.arguments[0]}"
        if rule in ("specialisation", "realisation"):
            values = [f"{self._line(symbol)} = {self._line(value)}" for symbol, value in replacements(step)]
            rule += f" at {', '.join(values)}" if values else ""
        yield ""
        yield from self._wrapped(f"{number}. {step.note} [{rule}{'; from ' + ', '.join(used) if used else ''}]", 2, 5)
        if number == len(self.theorem.steps) and step.conclusion == self.theorem.claim:
            yield "       This is the claim."
        else:
            yield from self._statement(step.conclusion, 7)

    def _certificate(self) -> Iterator[str]:
        certificate = self.verdict.certificate
        yield f"  status: {self.verdict.status}" + (f" in {len(self.theorem.steps)} steps" if certificate else "")
        if self.verdict.reason:
            yield from self._wrapped(self.verdict.reason, 2)
        if certificate is None:
            return
        symbols = {symbol.name: self._line(symbol) for symbol in self.names.symbols()}
        yield from self._wrapped("scope: " + "; ".join(grouped(certificate.scope, symbols, symbols.__getitem__)), 2)
        facts = [f"{name}: {FACTS[name].says} [{FACTS[name].source}]" for name in certificate.citations if name in FACTS]
        given = [", ".join(self._line(fact) for fact in certificate.assumptions)]
        sides = [", ".join(self._line(condition) for condition in certificate.side_conditions)]
        groups = (("assumptions", given), ("fact cited", facts), ("shown to be allowed", sides))
        for name, items in (*groups, ("theorems used", [", ".join(certificate.theorems)]), ("taken on trust", list(certificate.admitted))):
            for item in filter(None, items):
                yield from self._wrapped(f"{name}: {item}", 2)

    def _wrapped(self, words: str, indent: int, hang: int | None = None) -> Iterator[str]:
        room = max(20, self.breadth)
        current = " " * indent
        for word in words.split():
            if len(current) + len(word) + 1 > room and current.strip():
                yield current.rstrip()
                current = " " * (indent + 2 if hang is None else hang)
            current += word + " "
        yield current.rstrip()


def _roman(number: int) -> str:
    ones = ("", "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix")
    return "x" * (number // 10) + ones[number % 10]
