"""A page for each theorem, with its derivation in MathML, a table of them all, and the graph of what rests on what.

Every formula is written from the theorem object, by the printer that `python -m report` uses.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pages.markdown import escaped, html_block
from proofs.graph import graph, written
from proofs.kernel import Theorem
from proofs.theorems import LABELS, load
from proofs.verdict import Verdict, judged
from report.derivation import Derivation

NOT_CHECKED = "not checked for this page"
_TEMPLATES = Path(__file__).parents[1] / "templates"


def pages(checked: Collection[str]) -> dict[str, str]:
    """The files by name; the kernel checks the theorems that are named, and what they use."""
    verdicts = _verdicts(checked)
    blocks = [Derivation(verdict, LABELS).block() for verdict in verdicts]
    theorems = [verdict.theorem for verdict in verdicts]
    found = {f"theorems/{block['label']}.md": _page(block, theorem, theorems) for block, theorem in zip(blocks, theorems, strict=True)}
    return found | {"theorems/index.md": _contents(blocks), "theorems/graph.md": _pictured(verdicts)}


def _verdicts(checked: Collection[str]) -> list[Verdict]:
    found = iter(judged([load(label) for label in LABELS if label in checked]))
    return [next(found) if label in checked else Verdict(load(label), NOT_CHECKED, None, "", 0.0) for label in LABELS]


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=False, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )


def _page(block: dict[str, Any], theorem: Theorem, theorems: Sequence[Theorem]) -> str:
    text = (
        _environment()
        .get_template("theorem.md.j2")
        .render(
            block=block,
            title=escaped(theorem.title),
            rests_on=[label for label in LABELS if label in _premises(theorem)],
            used_by=[other.label for other in theorems if theorem.label in _premises(other)],
            html_block=html_block,
        )
    )
    return re.sub(r'href="#([\w-]+)"', lambda m: f'href="{m[1]}.html"' if m[1] in LABELS else m[0], text)


def _premises(theorem: Theorem) -> set[str]:
    """The theorems that its own steps use."""
    return {premise.label for step in theorem.steps for premise in step.premises if isinstance(premise, Theorem)}


def _contents(blocks: Sequence[dict[str, Any]]) -> str:
    """The table of `python -m proofs list`."""
    rows = []
    for block in blocks:
        scope = dict(block["certificate"]).get("Scope", "")
        scope = re.sub(r" of shape .*?(?=;|$)", "", scope)
        rows.append(
            f'<tr><th scope="row"><a href="{block["label"]}.html">{block["label"]}</a><br>{block["title"]}</th>'
            f"<td>{block['status']}</td><td>{scope}</td><td>{block['source']}</td></tr>"
        )
    head = "".join(f'<th scope="col">{name}</th>' for name in ("theorem", "status", "scope", "source"))
    table = f'<div class="scroll"><table class="theorems"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
    listed = "\n".join(f"{block['label']} <{block['label']}>" for block in blocks)
    return f"""# Theorems

Each is an object whose steps a small kernel checks; its page is written from that object, and its status is what the kernel found when
this site was built. A theorem stands after those that it uses; [the graph](graph.md) shows what rests on what.

{html_block(table)}

```{{toctree}}
:hidden:

graph
{listed}
```
"""


def _pictured(verdicts: Sequence[Verdict]) -> str:
    return f"""# What rests on what

An arrow leads from what is used to the proof that uses it. Each box of a theorem links to its page. `python -m proofs graph --out FILE`
writes the same as SVG, PDF, Graphviz's dot or JSON.

{html_block(f'<div class="picture">{_linked(verdicts)}</div>')}
"""


def _linked(verdicts: Sequence[Verdict]) -> str:
    """The picture, in which the words of each theorem are a link."""
    pictured = graph(verdicts)
    svg = written(pictured, ".svg").decode()
    svg = svg[svg.index("<svg") :]
    for number, node in enumerate(pictured.nodes, start=1):  # matplotlib numbers what is written in the order in which it is drawn
        if node.label in LABELS:
            start = svg.index(f'<g id="text_{number}">')
            end = svg.index(f'<g id="text_{number + 1}">')
            cut = start + _length_of_group(svg[start:end])
            svg = f'{svg[:start]}<a href="{node.label}.html" aria-label="{node.label}">{svg[start:cut]}</a>{svg[cut:]}'
    return re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)


def _length_of_group(svg: str) -> int:
    """Where the first <g> ends."""
    depth = 0
    for tag in re.finditer(r"<(/?)g\b[^>]*?(/?)>", svg):
        depth += -1 if tag[1] else 0 if tag[2] else 1
        if depth == 0:
            return tag.end()
    raise ValueError("the picture of the graph is no whole SVG")
