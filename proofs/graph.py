"""The dependency graph: which theorem is used in the proof of which, and what each cites."""

from __future__ import annotations

import io
import json
import textwrap
from collections.abc import Sequence
from typing import NamedTuple

from proofs.errors import TypesettingError
from proofs.kernel import Theorem
from proofs.rules.citation import FACTS
from proofs.verdict import Verdict

SUFFIXES = (".svg", ".png", ".pdf", ".dot", ".json")

# a colour for each status, told apart by lightness too
COLOURS = {"fully checked": "#b7dfb9", "checked": "#fbe7a1", "conjectured": "#ffffff", "refused": "#e58a80"}
_FACT = "#e4e4ec"


class Node(NamedTuple):
    """A theorem or a cited fact: its label, its words, and its status, which is "cited" for a fact."""

    label: str
    title: str
    status: str


class Edge(NamedTuple):
    """`source` is used in the proof of `target`."""

    source: str
    target: str


class Graph(NamedTuple):
    """Theorems and facts, and the edges that the steps of the theorems are read off from."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def graph(verdicts: Sequence[Verdict]) -> Graph:
    """The graph of these theorems, and of what they use.

    An edge is a premise of some step, or a fact that a step cites; what is used by way of another theorem has no edge of its own.
    """
    nodes = {verdict.theorem.label: Node(verdict.theorem.label, verdict.theorem.title, verdict.status) for verdict in verdicts}
    edges: dict[Edge, None] = {}
    for verdict in verdicts:
        theorem = verdict.theorem
        for step in theorem.steps:
            for premise in step.premises:
                if isinstance(premise, Theorem):
                    nodes.setdefault(premise.label, Node(premise.label, premise.title, verdict.status))
                    edges[Edge(premise.label, theorem.label)] = None
        for fact in _cited(verdict):
            nodes.setdefault(fact, Node(fact, FACTS[fact].says, "cited"))
            edges[Edge(fact, theorem.label)] = None
    return Graph(tuple(nodes.values()), tuple(edges))


def _cited(verdict: Verdict) -> list[str]:
    """The facts that the theorem's own steps cite: those of its certificate that no theorem used brings along, or that a step names."""
    theorem, certificate = verdict.theorem, verdict.certificate
    if certificate is None:
        return []
    rules = {step.rule for step in theorem.steps}
    named = {step.arguments[0] for step in theorem.steps if step.rule == "citation"}
    return [fact for fact in certificate.citations if fact in FACTS and (fact in named or (fact == "isserlis" and "gaussian-moment" in rules))]


def written(pictured: Graph, suffix: str) -> bytes:
    """The graph in the format that a file's suffix names: a picture, Graphviz's dot, or JSON."""
    if suffix == ".json":
        parts = {"nodes": [node._asdict() for node in pictured.nodes], "edges": [edge._asdict() for edge in pictured.edges]}
        return (json.dumps(parts, ensure_ascii=False, indent=2) + "\n").encode()
    if suffix == ".dot":
        return _dot(pictured).encode()
    if suffix in SUFFIXES:
        return _picture(pictured, suffix[1:])
    raise TypesettingError(f"--out: the graph is written as {', '.join(SUFFIXES)}, not as {suffix or 'a file without a suffix'!r}.")


def _dot(pictured: Graph) -> str:
    lines = ["digraph theorems {", "  rankdir=LR;", '  node [shape=box, style="filled,rounded"];']
    for node in pictured.nodes:
        shape = ", shape=ellipse, fontsize=10" if node.status == "cited" else ""
        lines.append(f'  "{node.label}" [fillcolor="{COLOURS.get(node.status, _FACT)}", tooltip={json.dumps(node.title, ensure_ascii=False)}{shape}];')
    lines += [f'  "{edge.source}" -> "{edge.target}"{_style(pictured, edge)};' for edge in pictured.edges]
    return "\n".join([*lines, "}", ""])


def _style(pictured: Graph, edge: Edge) -> str:
    return " [style=dotted]" if any(node.label == edge.source and node.status == "cited" for node in pictured.nodes) else ""


def layers(pictured: Graph) -> list[list[str]]:
    """Labels in columns, each to the right of all that it uses; in a column, ordered so that edges cross little.

    >>> nodes = tuple(Node(label, "", "checked") for label in "abc")
    >>> layers(Graph(nodes, (Edge("a", "b"), Edge("b", "c"), Edge("a", "c"))))
    [['a'], ['b'], ['c']]
    """
    below: dict[str, list[str]] = {node.label: [] for node in pictured.nodes}
    above: dict[str, list[str]] = {node.label: [] for node in pictured.nodes}
    for edge in pictured.edges:
        below[edge.target].append(edge.source)
        above[edge.source].append(edge.target)
    column: dict[str, int] = {}

    def place(label: str) -> int:
        if label not in column:
            column[label] = 1 + max((place(source) for source in below[label]), default=-1)
        return column[label]

    for label in below:
        place(label)
    for label, sources in below.items():  # what uses nothing stands just before what uses it first
        if not sources and above[label]:
            column[label] = min(column[target] for target in above[label]) - 1
    order = [[label for label in below if column[label] == i] for i in range(max(column.values(), default=-1) + 1)]
    for sweep in range(8):
        height = {label: (i + 0.5) / len(labels) for labels in order for i, label in enumerate(labels)}
        near = below if sweep % 2 == 0 else above
        for labels in order:
            labels.sort(key=lambda label: sum(height[o] for o in near[label]) / len(near[label]) if near[label] else height[label])
    return order


def _picture(pictured: Graph, kind: str) -> bytes:
    import matplotlib

    with matplotlib.rc_context({"svg.hashsalt": "proofs", "svg.fonttype": "none", "font.family": "DejaVu Sans"}):
        from matplotlib.figure import Figure
        from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

        columns = layers(pictured)
        nodes = {node.label: node for node in pictured.nodes}
        tall = max(map(len, columns), default=1)
        step, breadth, row = 3.4, 2.3, 0.95
        figure = Figure(figsize=(step * len(columns) + 0.4, row * tall + 0.9))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set_xlim(-0.2, step * len(columns) + 0.2)
        axes.set_ylim(-0.9, row * tall)
        centre = {}
        for i, labels in enumerate(columns):
            for j, label in enumerate(labels):
                centre[label] = (step * i + breadth / 2 + 0.3, row * (tall - (tall - len(labels)) / 2 - j - 0.5))
        for edge in pictured.edges:
            cited = nodes[edge.source].status == "cited"
            (x0, y0), (x1, y1) = centre[edge.source], centre[edge.target]
            start, end = (x0 + breadth / 2 + 0.05, y0), (x1 - breadth / 2 - 0.05, y1)
            axes.add_patch(
                FancyArrowPatch(
                    start, end, arrowstyle="-|>", mutation_scale=9, shrinkA=0, shrinkB=0, linewidth=0.7 if cited else 1.1,
                    linestyle=":" if cited else "-", color="#8a8a99" if cited else "#333333", zorder=1,
                    connectionstyle=f"arc3,rad={0.08 if y1 > y0 else -0.08 if y1 < y0 else 0}",
                )
            )  # fmt: skip
        for label, (x, y) in centre.items():
            node = nodes[label]
            colour = COLOURS.get(node.status, _FACT)
            words = "\n".join(textwrap.wrap(label.replace("-", "- "), 20)).replace("- ", "-")
            box = FancyBboxPatch(
                (x - breadth / 2, y - 0.27), breadth, 0.54, boxstyle="round,pad=0.03", facecolor=colour, edgecolor="#555555",
                linewidth=0.8, linestyle="--" if node.status == "conjectured" else "-", zorder=2,
            )  # fmt: skip
            axes.add_patch(box)
            axes.text(x, y, words, ha="center", va="center", fontsize=9 if node.status == "cited" else 10, zorder=3,
                      style="italic" if node.status == "cited" else "normal")  # fmt: skip
        _legend(axes, {node.status for node in pictured.nodes})
        out = io.BytesIO()
        metadata = {"Date": None} if kind == "svg" else {"CreationDate": None} if kind == "pdf" else None
        figure.savefig(out, format=kind, dpi=120, metadata=metadata)
        return out.getvalue()


def _legend(axes: object, shown: set[str]) -> None:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    assert isinstance(axes, Axes)
    entries: list[Patch | Line2D] = [Patch(facecolor=colour, edgecolor="#555555", label=status) for status, colour in COLOURS.items() if status in shown]
    entries.append(Line2D([], [], color="#333333", label="used in the proof of"))
    if "cited" in shown:
        entries += [Patch(facecolor=_FACT, edgecolor="#555555", label="cited fact"), Line2D([], [], color="#8a8a99", linestyle=":", label="cited in the proof of")]
    axes.legend(handles=entries, loc="lower left", ncol=len(entries), frameon=False, fontsize=9)
