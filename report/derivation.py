"""A theorem with its derivation as HTML with MathML, for the template: statement, steps, and what the kernel's certificate says."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from functools import cache
from html import escape
from typing import Any

from sympy import MatrixSymbol, Symbol

from proofs.kernel import Step, Theorem
from proofs.language import LAWS, All, Implication, nodes
from proofs.printing.documents import bibliography, spoken
from proofs.printing.formula import Writer
from proofs.printing.lines import RELATION, width
from proofs.printing.mathml import ROOM, MathMLScript, display, formula, inline, inside, prose, sentence
from proofs.printing.names import Names, earlier, replacements
from proofs.printing.scopes import grouped
from proofs.printing.script import RELATED, Form
from proofs.rules.citation import FACTS
from proofs.theorems import LABELS, load
from proofs.verdict import Verdict, judged

_ITEM = 2.6  # ems that a list takes from a line
_SHORT = 0.8  # of a line: what stands in a sentence and not by itself


@cache
def verdicts(labels: tuple[str, ...]) -> tuple[Verdict, ...]:
    """These theorems, and before them those that they use in the end, each checked by the kernel."""
    used: set[str] = set()
    waiting = list(labels)
    while waiting:
        label = waiting.pop()
        if label not in used:
            used.add(label)
            waiting += [premise.label for step in load(label).steps for premise in step.premises if isinstance(premise, Theorem)]
    return tuple(judged([load(label) for label in LABELS if label in used]))


class Derivation:
    """One theorem as the template needs it.

    known  labels of the theorems on the page, to which a link leads
    """

    def __init__(self, verdict: Verdict, known: Collection[str]) -> None:
        self.verdict = verdict
        self.theorem: Theorem = verdict.theorem
        self.known = known
        self.names = Names(self.theorem)
        self.writer = Writer(MathMLScript(), self.names)

    def block(self) -> dict[str, Any]:
        """What the template prints."""
        theorem = self.theorem
        return {
            "label": theorem.label,
            "title": prose(theorem.title),
            "source": prose(theorem.source),
            "status": self.verdict.status,
            "reason": self.verdict.reason,
            "mean": self._mean(),
            "definitions": self._definitions(self.names.in_statement()),
            "symbols": self._symbols(),
            "assumptions": self._assumptions(),
            "claim": self._statement(theorem.claim, ROOM),
            "remarks": [self._remark(remark) for remark in theorem.remarks],
            "more_definitions": self._definitions(self.names.in_proof()),
            "steps": [self._step(number, step) for number, step in enumerate(theorem.steps, start=1)],
            "certificate": self._certificate(),
        }

    # formulas

    def _math(self, expr: Any) -> str:
        contents = inside(self.writer.form(expr))
        return sentence(contents) if isinstance(expr, LAWS) else inline(contents)

    def _statement(self, expr: Any, room: float) -> str:
        """A list for a conjunction, if … then … for an implication, and a formula by itself for the rest."""
        if isinstance(expr, All):
            items = "".join(f"<li>{self._statement(part, room - _ITEM)}</li>" for part in expr.args)
            return f'<ol class="parts">{items}</ol>'
        if isinstance(expr, Implication):
            condition, consequent = f"If {self._condition(expr.args[0], room)} then", self.writer.form(expr.args[1])
            if isinstance(expr.args[1], All | Implication) or width(consequent.pieces) > _SHORT * room:
                return f"<p>{condition}</p>{self._statement(expr.args[1], room)}"
            return f"<p>{condition} {inline(inside(consequent))}</p>"
        return display(self.writer.form(expr), room)

    def _condition(self, expr: Any, room: float) -> str:
        parts = expr.args if isinstance(expr, All) else (expr,)
        if any(width(self.writer.form(part).pieces) > _SHORT * room for part in parts):
            return f"</p>{display(self.writer.form(expr), room)}<p>"
        return _listed([self._math(part) for part in parts]) + ","

    def _definitions(self, abbreviations: Sequence[Any]) -> list[str]:
        """name := expression"""
        shown = []
        for node in abbreviations:
            name = self.writer.form(node)
            if node in self.names.bound:
                variable = inside(self.writer.form(self.names.bound[node]))
                left, right = self.writer.script.brackets("(", 0)
                name = Form((self.writer.script.piece(inside(name) + left + variable + right),))
            meaning = self.writer.form(node.args[1])
            sign = self.writer.script.sign(":=")._replace(price=RELATION)
            shown.append(display(Form((*name.pieces, sign, *meaning.pieces), RELATED, meaning.height)))
        return shown

    def _mean(self) -> str:
        if not self.names.uses_plain_mean():
            return ""
        return f"{inline(formula('E'))} without a subscript averages over {_listed([self._math(z) for z in self.names.random])}."

    def _symbols(self) -> str:
        """What the symbols of the statement range over."""
        kinds: dict[str, list[str]] = {}
        parts = (self.theorem.claim, *self.theorem.given)
        for symbol in self.names.ordered({node for part in parts for node in nodes(part) if isinstance(node, Symbol | MatrixSymbol)}):
            kinds.setdefault(self._kind(symbol), []).append(inside(self.writer.form(symbol)))
        return _listed([inline("<mo>,</mo>".join(symbols) + kind) for kind, symbols in kinds.items()])

    def _kind(self, symbol: Symbol | MatrixSymbol) -> str:
        if isinstance(symbol, Symbol):
            if symbol.is_integer:
                return formula("∈ {1, 2, …}" if symbol.is_positive else "∈ {0, 1, 2, …}")
            return formula("> 0" if symbol.is_positive else "≥ 0" if symbol.is_nonnegative else "∈ ℝ")
        height, breadth = (inside(self.writer.form(size)) for size in symbol.shape)
        if symbol.shape == (1, 1):
            return formula("∈ ℝ")
        size = height + formula("×") + breadth if symbol.shape[1] != 1 else height
        return f"{formula('∈')}<msup><mi>ℝ</mi><mrow>{size}</mrow></msup>"

    def _assumptions(self) -> list[str]:
        said = [
            f"{inline(formula(str(value.args[0])))} is any function with {self._math(value)} of finite second moment"
            for value in self.names.predictors()
        ]
        said += [self._math(fact) for fact in self.theorem.given]
        if self.names.gaussian and len(self.names.random) > 1:
            said.append("each Gaussian vector and matrix is independent of all else that is random")
        return said

    # the derivation

    def _step(self, number: int, step: Step) -> dict[str, Any]:
        final = step.conclusion == self.theorem.claim and number == len(self.theorem.steps)
        return {
            "number": number,
            "note": prose(step.note),
            "reason": self._reason(step),
            "conclusion": "<p>This is the claim.</p>" if final else self._statement(step.conclusion, ROOM - _ITEM),
        }

    def _reason(self, step: Step) -> str:
        """The rule in words, and what it uses."""
        words = escape(spoken(step.rule))
        if step.rule == "citation" and step.arguments:
            words = f"{escape(spoken(step.arguments[0]))}, {_cited(FACTS[step.arguments[0]].source)}"
        used = [self._referred(premise.label) for premise in step.premises if isinstance(premise, Theorem)]
        own = [f'<a href="#{self.theorem.label}-{i}">{i}</a>' for i in earlier(self.theorem, step)]
        used += [f"step{'s' if len(own) > 1 else ''} {_listed(own)}"] if own else []
        if step.rule in ("specialisation", "realisation"):
            values = [
                inline(inside(self.writer.form(symbol)) + formula("=") + inside(self.writer.form(value)))
                for symbol, value in replacements(step)
            ]
            words += f" at {_listed(values)}" if values else ""
        return words + (f", from {_listed(used)}" if used else "")

    def _referred(self, label: str) -> str:
        return f'<a href="#{label}">{label}</a>' if label in self.known else f"<code>{escape(label)}</code>"

    def _remark(self, text: str) -> str:
        parts = re.split(r"the theorem (\w+(?:-\w+)+)", text)
        return "".join(f"the theorem {self._referred(part)}" if i % 2 else prose(part) for i, part in enumerate(parts))

    def _certificate(self) -> list[tuple[str, str]]:
        certificate = self.verdict.certificate
        if certificate is None:
            return []
        symbols = {symbol.name: self._math(symbol) for symbol in self.names.symbols()}
        scope = [
            re.sub(r"@(\w+)@", lambda m: symbols[m[1]], escape(phrase))
            for phrase in grouped(certificate.scope, symbols, lambda name: f"@{name}@")
        ]
        facts = [
            f"{prose(FACTS[name].says.removesuffix('.'))} ({_cited(FACTS[name].source)})" for name in certificate.citations if name in FACTS
        ]
        rows = [
            ("Scope", "; ".join(scope)),
            ("Assumptions", ", ".join(self._math(fact) for fact in certificate.assumptions)),
            ("Facts cited", ". ".join(facts)),
            ("Shown to be allowed", ", ".join(self._math(condition) for condition in certificate.side_conditions)),
            ("Theorems used", ", ".join(self._referred(label) for label in certificate.theorems)),
            ("Taken on trust", "; ".join(prose(text) for text in certificate.admitted)),
        ]
        return [(name, text) for name, text in rows if text]


def _listed(items: Sequence[str]) -> str:
    return " and ".join([", ".join(items[:-1]), items[-1]]) if len(items) > 1 else "".join(items)


@cache
def _cited(key: str) -> str:
    """Authors and year of an entry of references.bib."""
    entry = re.search(rf"@\w+\{{{key},(.*?)\n\}}", bibliography(), re.DOTALL)
    fields = dict(re.findall(r"(\w+)\s*=\s*\{((?:[^{}]|\{[^{}]*\})*)\}", entry[1])) if entry else {}
    families = [author.split(",")[0].strip() for author in re.split(r"\s+and\s+", fields.get("author", key))]
    plain = [re.sub(r"\\.|[{}]", "", family) for family in families]
    names = f"{plain[0]} et al." if len(plain) > 3 else _listed(plain)
    return escape(f"{names} ({fields['year']})" if "year" in fields else names)
