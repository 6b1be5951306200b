"""LaTeX documents: one for each theorem, that stands on its own, and one article with them all."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from sympy import MatrixSymbol, Symbol

from proofs.errors import ProofError
from proofs.kernel import Step, Theorem
from proofs.language import LAWS, All, Implication, Named, NamedMatrix, nodes
from proofs.latex import ABBREVIATIONS, LatexScript, display, inline, rows
from proofs.printing.formula import Writer
from proofs.printing.lines import RELATION, width
from proofs.printing.names import Names, earlier, replacements
from proofs.printing.prose import prose
from proofs.printing.scopes import grouped
from proofs.printing.script import RELATED, Form
from proofs.rules import RULES
from proofs.rules.citation import FACTS
from proofs.verdict import Verdict
from theory.notation import NAMES, TABLE

ROOM = 38.0  # ems on a line
_ITEM = 2.6  # ems that a list takes from it
ARTICLE = "icl-theory"


def documents(verdicts: Sequence[Verdict], *, article: bool) -> dict[str, str]:
    """The files by name: LABEL.tex for each theorem, references.bib, and icl-theory.tex for an article with all of them."""
    for verdict in verdicts:
        if verdict.status == "refused":
            raise ProofError(f"{verdict.theorem.label} is refused, so it is not typeset: {verdict.reason}")
    templates = environment()
    made = {}
    for verdict in verdicts:
        used = _premises(verdict.theorem)
        known = {verdict.theorem.label, *(theorem.label for theorem in used)}
        page = _Page(verdict.theorem, known, verdict)
        others = [_Page(theorem, known) for theorem in used]
        made[f"{verdict.theorem.label}.tex"] = templates.get_template("standalone.tex.j2").render(
            theorem=page.block(), used=[other.block() for other in others], symbols=_notation([page, *others])
        )
    if article:
        known = {verdict.theorem.label for verdict in verdicts}
        pages = [_Page(verdict.theorem, known, verdict) for verdict in verdicts]
        made[f"{ARTICLE}.tex"] = templates.get_template("article.tex.j2").render(
            theorems=[page.block() for page in pages],
            symbols=_notation(pages),
            rules=_rules_used(verdicts),
            facts=_facts_cited(verdicts),
        )
    return made | {"references.bib": bibliography()}


def _in_words(formula: str) -> str:
    """A formula with its words outside the mathematics, where a line can end."""
    return re.sub(r"\\text\{([^}]*)\}", r"$\1$", formula).replace("$$", "")


@cache
def bibliography() -> str:
    """references.bib"""
    return files("proofs").joinpath("templates", "references.bib").read_text(encoding="utf-8")


@cache
def environment() -> Environment:
    """The templates."""
    return Environment(
        loader=PackageLoader("proofs", "templates"),
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<<",
        variable_end_string=">>",
        comment_start_string="<#",
        comment_end_string="#>",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )


class _Page:
    """One theorem as the templates need it."""

    def __init__(self, theorem: Theorem, known: set[str], verdict: Verdict | None = None) -> None:
        self.theorem = theorem
        self.verdict = verdict
        self.known = known  # the labels that can be referred to by number
        self.names = Names(theorem)
        self.writer = Writer(LatexScript(), self.names)

    def block(self) -> dict[str, Any]:
        """What theorem.tex.j2 prints."""
        theorem, verdict = self.theorem, self.verdict
        certificate = verdict.certificate if verdict else None
        kind = "theorem" if theorem.steps else "conjecture"
        return {
            "kind": kind,
            "label": theorem.label,
            "ref": rf"\cref{{thm:{theorem.label}}}",
            "title": prose(theorem.title),
            "head": _sourced(theorem.source) if verdict else f"{prose(theorem.title)}; {_sourced(theorem.source)}",
            "mean": self._mean(),
            "definitions": self._definitions(self.names.in_statement()),
            "more_definitions": self._definitions(self.names.in_proof()),
            "domain": self._domain(),
            "statement": self.statement(theorem.claim, ROOM, "."),
            "remarks": [self._remark(remark) for remark in theorem.remarks],
            "steps": [self._step(number, step) for number, step in enumerate(theorem.steps, start=1)],
            "status": verdict.status if verdict else "",
            "count": f" in {len(theorem.steps)} step{'s' if len(theorem.steps) > 1 else ''}" if certificate else "",
            "box": self._box(),
        }

    # formulas

    def math(self, expr: Any) -> str:
        """A formula in a line of text."""
        formula = f"${inline(self.writer.form(expr))}$"
        return _in_words(formula) if isinstance(expr, LAWS) else formula

    def statement(self, expr: Any, room: float, end: str) -> str:
        """A statement as text: a list for a conjunction, if … then … for an implication, and a display for the rest."""
        if isinstance(expr, All):
            items = [r"\item " + self._item(part, room - _ITEM, end if part is expr.args[-1] else ";") for part in expr.args]
            return "\n".join([r"\begin{enumerate}", *items, r"\end{enumerate}"])
        if isinstance(expr, Implication):
            return f"If {self._condition(expr.args[0], room)}, then {self.statement(expr.args[1], room, end)}"
        return "\\[\n" + display(self.writer.form(expr), room, end) + "\n\\]"

    def _item(self, expr: Any, room: float, end: str) -> str:
        if isinstance(expr, All):
            return self.statement(expr, room, end)
        if isinstance(expr, Implication):
            condition = f"if {self._condition(expr.args[0], room)}, then "
            consequent = self.writer.form(expr.args[1])
            if isinstance(expr.args[1], All | Implication) or width(consequent.pieces) > 0.8 * room:
                return condition + self.statement(expr.args[1], room, end)
            return condition + f"${inline(consequent)}${end}"
        return rf"$\displaystyle {display(self.writer.form(expr), room, end, '[t]')}$"

    def _condition(self, expr: Any, room: float) -> str:
        parts = expr.args if isinstance(expr, All) else (expr,)
        forms = [self.writer.form(part) for part in parts]
        if any(width(form.pieces) > 0.8 * room for form in forms):
            return "\\[\n" + display(self.writer.form(expr), room) + "\n\\]"
        return _listed([f"${inline(form)}$" for form in forms])

    def _definitions(self, abbreviations: Sequence[Any]) -> list[str]:
        """The lines of an alignment: name := expression."""
        lines = []
        for node in abbreviations:
            name = self.writer.form(node)
            if node in self.names.bound:
                variable = inline(self.writer.form(self.names.bound[node]))
                name = Form((self.writer.script.piece(f"{inline(name)}({variable})"),))
            head = (*name.pieces, self.writer.script.sign(":=")._replace(price=RELATION))
            form = self.writer.form(node.args[1])
            lines += rows(Form((*head, *form.pieces), RELATED, form.height), ROOM, len(name.pieces))
        return lines

    def _mean(self) -> str:
        if not self.names.uses_plain_mean():
            return ""
        return rf"$\mathbb E$ without a subscript averages over ${', '.join(inline(self.writer.form(z)) for z in self.names.random)}$"

    def _domain(self) -> str:
        """For all …, and under which assumptions."""
        parts = (self.theorem.claim, *self.theorem.given)
        shapes: dict[str, list[str]] = {}
        for symbol in self.names.ordered({node for part in parts for node in nodes(part) if isinstance(node, Symbol | MatrixSymbol)}):
            shapes.setdefault(self._kind(symbol), []).append(inline(self.writer.form(symbol)))
        said = [f"${', '.join(symbols)} {kind}$" for kind, symbols in shapes.items()]
        said += [f"a function ${value.args[0]}$ with {self.math(value)} of finite second moment" for value in self.names.predictors()]
        text = f"Let {_listed(said)}. " if said else ""
        if self.theorem.given:
            text += f"Suppose that {_listed([self.math(fact) for fact in self.theorem.given])}"
            independent = self.names.gaussian and len(self.names.random) > 1
            text += ", each Gaussian vector and matrix being independent of all else that is random. " if independent else ". "
        return f"{text}Then"

    def _kind(self, symbol: Any) -> str:
        if isinstance(symbol, Symbol):
            if symbol.is_integer:
                return r"\in \{1, 2, \dots\}" if symbol.is_positive else r"\in \{0, 1, 2, \dots\}"
            return "> 0" if symbol.is_positive else r"\geq 0" if symbol.is_nonnegative else r"\in \mathbb R"
        height, breadth = (inline(self.writer.form(size)) for size in symbol.shape)
        size = r" \times ".join([height, breadth]) if breadth != "1" else height
        return r"\in \mathbb R" + (f"^{{{size}}}" if size != "1" else "")

    # the derivation

    def _step(self, number: int, step: Step) -> dict[str, str]:
        final = step.conclusion == self.theorem.claim and number == len(self.theorem.steps)
        return {
            "label": f"step:{self.theorem.label}:{number}",
            "note": prose(step.note),
            "reason": self._reason(step),
            "conclusion": "This is the claim." if final else self._concluded(step.conclusion),
        }

    def _concluded(self, expr: Any) -> str:
        """A conclusion below the note: an implication that fits one line is displayed, a longer one begins a line of its own."""
        if isinstance(expr, Implication) and width(self.writer.form(expr).pieces) > ROOM:
            return "\n\\noindent " + self.statement(expr, ROOM, ".")
        if isinstance(expr, Implication):
            return "\\[\n" + display(self.writer.form(expr), ROOM, ".") + "\n\\]"
        return self.statement(expr, ROOM, ".")

    def _reason(self, step: Step) -> str:
        """The rule in words, and what it uses."""
        words = spoken(step.rule)
        if step.rule == "citation" and step.arguments:
            words = rf"{spoken(step.arguments[0])} \cite{{{FACTS[step.arguments[0]].source}}}"
        own = earlier(self.theorem, step)
        theorems = [self._referred(premise.label) for premise in step.premises if isinstance(premise, Theorem)]
        used = theorems + ([rf"\cref{{{','.join(f'step:{self.theorem.label}:{i}' for i in own)}}}"] if own else [])
        if step.rule in ("specialisation", "realisation") and theorems:
            at = [rf"${inline(self.writer.form(symbol))} = {inline(self.writer.form(value))}$" for symbol, value in replacements(step)]
            words, used = f"{used[0]} at {_listed(at)}" if at else used[0], used[1:]
            return words + (f", by {_listed(used)}" if used else "")
        return words + (f"; {_listed(used)}" if used else "")

    def _referred(self, *labels: str) -> str:
        known = ",".join(f"thm:{label}" for label in labels if label in self.known)
        others = [rf"\texttt{{{label}}}" for label in labels if label not in self.known]
        return ", ".join([rf"\cref{{{known}}}"] * bool(known) + others)

    def _remark(self, text: str) -> str:
        """Prose in which `the theorem some-label` is a reference."""
        parts = re.split(r"the theorem (\w+(?:-\w+)+)", text)
        return "".join(self._referred(part) if i % 2 else prose(part) for i, part in enumerate(parts))

    def _box(self) -> list[tuple[str, str]]:
        certificate = self.verdict.certificate if self.verdict else None
        if certificate is None:
            return [("Status", "no derivation yet")]
        symbols = {symbol.name: inline(self.writer.form(symbol)) for symbol in self.names.symbols()}
        phrases = grouped(certificate.scope, symbols, lambda name: f"@{name}@")
        scope = "; ".join(re.sub(r"@(\w+)@", lambda m: f"${symbols[m[1]]}$", _prose_around(phrase)) for phrase in phrases)
        given = ", ".join(self.math(fact) for fact in certificate.assumptions)
        facts = [_fact(name) for name in certificate.citations if name in FACTS]
        sides = [self.math(condition) for condition in certificate.side_conditions]
        theorems = self._referred(*certificate.theorems)
        rows = [("Scope", scope), ("Assumptions", given), ("Facts cited", ". ".join(facts)), ("Shown to be allowed", ", ".join(sides))]
        rows += [("Theorems used", theorems), ("Taken on trust", "; ".join(prose(text) for text in certificate.admitted))]
        return [(name, f"{text}.") for name, text in rows if text]


def spoken(name: str) -> str:
    """A rule or a fact in words."""
    proper = {"gaussian-moment": "Gaussian moments", "isserlis": "Isserlis", "fubini": "Fubini"}
    return proper.get(name, name.replace("-", " "))


def _fact(name: str) -> str:
    """What a fact says, and where it is proved."""
    return rf"{prose(FACTS[name].says.removesuffix('.'))}~\cite{{{FACTS[name].source}}}"


def _prose_around(phrase: str) -> str:
    """Prose in which @name@ stays as it is."""
    return "".join(part if i % 2 else prose(part) for i, part in enumerate(re.split(r"(@\w+@)", phrase)))


def _listed(items: Sequence[str]) -> str:
    return " and ".join([", ".join(items[:-1]), items[-1]]) if len(items) > 1 else "".join(items)


def _sourced(source: str) -> str:
    """A source with its arXiv number as a citation."""
    keys = {number: key for key, number in re.findall(r"@\w+\{(\w+),(?:(?!\n@).)*?eprint\s*=\s*\{([\d.]+)\}", bibliography(), re.DOTALL)}
    parts = re.split(r",? arXiv (\d{4}\.\d{5})", source)
    return "".join(
        (rf"~\cite{{{keys[part]}}}" if part in keys else f", arXiv {part}") if i % 2 else prose(part) for i, part in enumerate(parts)
    )


def _premises(theorem: Theorem) -> list[Theorem]:
    found = [premise for step in theorem.steps for premise in step.premises if isinstance(premise, Theorem)]
    return list({premise.label: premise for premise in found}.values())


def _notation(pages: Sequence[_Page]) -> list[tuple[str, str, str]]:
    """The rows of the notation table for what the pages use."""
    symbols = {symbol.name for page in pages for symbol in page.names.symbols()}
    names = {
        str(node.args[0])
        for page in pages
        for node in (*page.names.in_statement(), *(page.names.in_proof() if page.verdict else ()))
        if isinstance(node, Named | NamedMatrix)
    }
    rows = [(e.latex, prose(e.meaning), _credited(e.papers)) for e in TABLE if getattr(e.symbol, "name", None) in symbols]
    said = {row[0] for row in rows}
    return rows + [(ABBREVIATIONS[e.name], prose(e.meaning), "") for e in NAMES if e.name in names and ABBREVIATIONS[e.name] not in said]


def _credited(papers: str) -> str:
    """Prose in which "Name et al." cites the paper with that first author."""
    keys = {family: key for key, family in re.findall(r"@\w+\{(\w+),\s*author\s*=\s*\{([^,]+),", bibliography())}
    return re.sub(r"(\w+) et al\.", lambda m: m[0] + (rf"~\cite{{{keys[m[1]]}}}" if m[1] in keys else ""), prose(papers))


def _facts_cited(verdicts: Sequence[Verdict]) -> list[tuple[str, str]]:
    cited = {fact for verdict in verdicts if verdict.certificate for fact in verdict.certificate.citations}
    return [(spoken(name), _fact(name)) for name in FACTS if name in cited]


def _rules_used(verdicts: Sequence[Verdict]) -> list[tuple[str, str]]:
    used = {step.rule for verdict in verdicts for step in verdict.theorem.steps}
    return [(spoken(name), prose(_explained(name))) for name in RULES if name in used]


def _explained(rule: str) -> str:
    """What the rule's own docstring says first."""
    document = sys.modules[RULES[rule].__module__].__doc__ or ""
    return " ".join(document.split("\n\n")[0].split())
