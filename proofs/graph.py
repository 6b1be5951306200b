"""The dependency graph: which theorem is used in the proof of which, and what each cites."""

from __future__ import annotations

import io
import json
import textwrap
from collections.abc import Sequence
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, NamedTuple

from proofs.errors import TypesettingError
from proofs.kernel import Theorem
from proofs.rules.citation import FACTS
from proofs.verdict import Verdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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
    return [
        fact for fact in certificate.citations if fact in FACTS and (fact in named or (fact == "isserlis" and "gaussian-moment" in rules))
    ]


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
        looks = f'fillcolor="{COLOURS.get(node.status, _FACT)}", tooltip={json.dumps(node.title, ensure_ascii=False)}'
        looks += ", shape=ellipse, fontsize=10" if node.status == "cited" else ""
        lines.append(f'  "{node.label}" [{looks}];')
    lines += [f'  "{edge.source}" -> "{edge.target}"{_style(pictured, edge)};' for edge in pictured.edges]
    return "\n".join([*lines, "}", ""])


def _style(pictured: Graph, edge: Edge) -> str:
    return " [style=dotted]" if any(node.label == edge.source and node.status == "cited" for node in pictured.nodes) else ""


Bend = tuple[str, str, int]  # where the edge between two labels passes a column


def layers(pictured: Graph) -> list[list[str | Bend]]:
    """Columns, each theorem to the right of all that it uses; an edge over several columns bends in each, so that it passes no box.

    >>> nodes = tuple(Node(label, "", "checked") for label in "abc")
    >>> layers(Graph(nodes, (Edge("a", "b"), Edge("b", "c"), Edge("a", "c"))))
    [['a'], ['b', ('a', 'c', 1)], ['c']]
    """
    column = _columns(pictured)
    order: list[list[str | Bend]] = [[] for _ in range(max(column.values(), default=-1) + 1)]
    for label, place in column.items():
        order[place].append(label)
    left: dict[str | Bend, list[str | Bend]] = {}
    right: dict[str | Bend, list[str | Bend]] = {}
    for edge in pictured.edges:
        way = _way(edge, column)
        for i, bend in enumerate(way[1:-1], start=column[edge.source] + 1):
            order[i].append(bend)
        for one, other in pairwise(way):
            right.setdefault(one, []).append(other)
            left.setdefault(other, []).append(one)
    best = [list(places) for places in order]
    for sweep in range(24):  # by the mean height of the neighbours on one side, then on the other
        near = left if sweep % 2 == 0 else right
        for places in order if sweep % 2 == 0 else reversed(order):
            height = {place: i - len(others) / 2 for others in order for i, place in enumerate(others)}
            mean = {place: sum(height[o] for o in near[place]) / len(near[place]) if place in near else height[place] for place in places}
            places.sort(key=mean.__getitem__)
        if _crossings(order, right) < _crossings(best, right):
            best = [list(places) for places in order]
    return best


def _columns(pictured: Graph) -> dict[str, int]:
    sources: dict[str, list[str]] = {node.label: [] for node in pictured.nodes}
    targets: dict[str, list[str]] = {node.label: [] for node in pictured.nodes}
    for edge in pictured.edges:
        sources[edge.target].append(edge.source)
        targets[edge.source].append(edge.target)
    column: dict[str, int] = {}

    def place(label: str) -> int:
        if label not in column:
            column[label] = 1 + max((place(source) for source in sources[label]), default=-1)
        return column[label]

    for label in sources:
        place(label)
    for label in sources:  # what uses nothing stands just before what uses it first
        if not sources[label] and targets[label]:
            column[label] = min(column[target] for target in targets[label]) - 1
    return column


def _way(edge: Edge, column: dict[str, int]) -> list[str | Bend]:
    bends = [(edge.source, edge.target, i) for i in range(column[edge.source] + 1, column[edge.target])]
    return [edge.source, *bends, edge.target]


def _crossings(order: list[list[str | Bend]], right: dict[str | Bend, list[str | Bend]]) -> int:
    place = {label: i for places in order for i, label in enumerate(places)}
    lines = [[(place[one], place[other]) for one in places for other in right.get(one, ())] for places in order]
    return sum((a[0] - b[0]) * (a[1] - b[1]) < 0 for between in lines for a, b in combinations(between, 2))


_STEP, _BREADTH, _ROW = 3.3, 2.2, 0.8  # inches


def _centres(pictured: Graph) -> tuple[dict[str | Bend, tuple[float, float]], float, float]:
    """Where everything stands, and the size of the picture; bends take less room than boxes."""
    columns = layers(pictured)
    room = [[_ROW if isinstance(place, str) else 0.45 * _ROW for place in places] for places in columns]
    tall = max(map(sum, room), default=_ROW)
    centre = {}
    for i, places in enumerate(columns):
        top = tall / 2 + sum(room[i]) / 2
        for place, height in zip(places, room[i], strict=True):
            centre[place] = (_STEP * i + _BREADTH / 2 + 0.3, top - height / 2)
            top -= height
    return centre, _STEP * max(len(columns) - 1, 0) + _BREADTH + 0.6, tall


def _picture(pictured: Graph, kind: str) -> bytes:
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"svg.hashsalt": "proofs", "font.family": "DejaVu Sans"}):
        centre, wide, tall = _centres(pictured)
        figure = Figure(figsize=(wide, tall + 0.6))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set_xlim(0, wide)
        axes.set_ylim(-0.6, tall)
        nodes = {node.label: node for node in pictured.nodes}
        column = _columns(pictured)
        for edge in pictured.edges:
            _draw_edge(axes, [centre[place] for place in _way(edge, column)], cited=nodes[edge.source].status == "cited")
        for node in pictured.nodes:
            _draw_node(axes, centre[node.label], node)
        _draw_legend(axes, {node.status for node in pictured.nodes})
        out = io.BytesIO()
        dated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
        figure.savefig(out, format=kind, dpi=120, metadata=dated.get(kind))
        return out.getvalue()


def _draw_edge(axes: Axes, way: list[tuple[float, float]], *, cited: bool) -> None:
    """A curve from the right side of the first box, straight past each column that it bends in, to the left side of the last."""
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    half = _BREADTH / 2 + 0.04
    points = [(way[0][0] + half, way[0][1])]
    codes = [Path.MOVETO]
    for x, y in way[1:]:
        (x0, y0), end = points[-1], x - half
        middle = (x0 + end) / 2
        points += [(middle, y0), (middle, y), (end, y)]
        codes += [Path.CURVE4] * 3
        if (x, y) != way[-1]:
            points.append((x + half, y))
            codes.append(Path.LINETO)
    colour, width, line = ("#8a8a99", 0.8, ":") if cited else ("#333333", 1.1, "-")
    arrow = FancyArrowPatch(path=Path(points, codes), arrowstyle="-|>", mutation_scale=9, linewidth=width, linestyle=line, color=colour)
    arrow.set_fill(False)
    axes.add_patch(arrow)


def _draw_node(axes: Axes, centre: tuple[float, float], node: Node) -> None:
    from matplotlib.patches import FancyBboxPatch

    cited = node.status == "cited"
    (x, y), breadth, height = centre, _BREADTH, 0.36 if cited else 0.5
    box = FancyBboxPatch((x - breadth / 2, y - height / 2), breadth, height, boxstyle="round,pad=0.03", zorder=2)
    box.set(facecolor=COLOURS.get(node.status, _FACT), edgecolor="#555555", linestyle="--" if node.status == "conjectured" else "-")
    axes.add_patch(box)
    words = "\n".join(textwrap.wrap(node.label.replace("-", "- "), 22)).replace("- ", "-")
    axes.text(x, y, words, ha="center", va="center", fontsize=8.5 if cited else 10, style="italic" if cited else "normal", zorder=3)


def _draw_legend(axes: Axes, shown: set[str]) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    entries: list[Patch | Line2D] = [
        Patch(facecolor=colour, edgecolor="#555555", label=status) for status, colour in COLOURS.items() if status in shown
    ]
    entries.append(Line2D([], [], color="#333333", label="used in the proof of"))
    if "cited" in shown:
        entries += [
            Patch(facecolor=_FACT, edgecolor="#555555", label="cited fact"),
            Line2D([], [], color="#8a8a99", linestyle=":", label="cited in the proof of"),
        ]
    axes.legend(handles=entries, loc="lower left", ncol=len(entries), frameon=False, fontsize=9)
