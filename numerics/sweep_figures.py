"""The figures of a sweep, as PNG bytes."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Sequence
from typing import Any

from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from numerics.figures import png

ENDS = {
    "global minimum": "#1f6fb4",
    "one direction": "#c2410c",
    "mixed direction": "#7c3aed",
    "zero predictor": "0.45",
    "no listed point": "#111111",
    "not converged": "#e5c07b",
}
LARGEST, FLOOR = 8, 1e-32
"""Panels along a side at most; what an excess of 0 is drawn at"""


def draw(rows: Sequence[dict[str, Any]]) -> dict[str, bytes]:
    """excess: the relative excess loss of every model over n, a panel for each d. ends: the share of models that ended in each stationary
    point, for each d, σ² and n. Other options are pooled."""
    return {"excess": _excess(rows), "ends": _ends(rows)}


def _excess(rows: Sequence[dict[str, Any]]) -> bytes:
    dimensions, noises = _dimensions(rows), _noises(rows)
    figure = Figure(figsize=(max(5.6, 3.8 * len(dimensions) + 0.8), 5), layout="constrained")
    panels = figure.subplots(1, len(dimensions), squeeze=False, sharey=True)[0]
    shades = {noise: colormaps["viridis"](0.9 * k / max(1, len(noises) - 1)) for k, noise in enumerate(noises)}
    for ax, d in zip(panels, dimensions, strict=True):
        for k, noise in enumerate(noises):
            aside = 1.04 ** (k - (len(noises) - 1) / 2)  # so that the dots of one n do not hide each other
            minimal: dict[int, list[float]] = {}
            for row in rows:
                if (row["dimension"], row["noise"]) == (d, noise) and "relative_excess" in row:
                    value, there = max(FLOOR, row["relative_excess"]), row["stationary_point"] == "global minimum"
                    ax.plot(row["context"] * aside, value, "." if there else "x", color=shades[noise], alpha=0.5, markersize=5)
                    if there:
                        minimal.setdefault(row["context"], []).append(value)
            medians = [(n * aside, statistics.median(values)) for n, values in sorted(minimal.items())]
            ax.plot([n for n, _ in medians], [value for _, value in medians], "o-", color=shades[noise], markersize=4)
        for bound in {row["tolerance"] for row in rows if row["dimension"] == d}:
            ax.axhline(bound, color="#c2410c", linewidth=1, linestyle="--")
        contexts = sorted({row["context"] for row in rows if row["dimension"] == d})
        ax.set(xscale="log", yscale="log", title=f"d = {d}", xlabel="n, examples in a prompt")
        ticks = contexts if len(contexts) <= LARGEST else contexts[:: math.ceil(len(contexts) / LARGEST)]
        ax.set_xticks(ticks, [str(n) for n in ticks])
        ax.minorticks_off()
        ax.set_xlim(contexts[0] / 1.5, contexts[-1] * 1.5)
        ax.grid(alpha=0.3, linewidth=0.5)
    panels[0].set_ylabel("relative excess loss (L − L*) / L*")
    handles = [Line2D([], [], color=shades[noise], marker="o", markersize=4, label=f"σ² = {noise}") for noise in noises]
    handles.append(Line2D([], [], color="0.3", marker="x", linestyle="", label="ended elsewhere"))
    handles.append(Line2D([], [], color="#c2410c", linewidth=1, linestyle="--", label="counts as converged below"))
    figure.legend(handles=handles, loc="outside lower center", ncols=min(4, 1 + 2 * len(dimensions)), fontsize=9)
    figure.suptitle(f"{len(rows)} models against theory's minimum; medians of those at the global minimum joined", fontsize=11)
    return png(figure)


def _ends(rows: Sequence[dict[str, Any]]) -> bytes:
    dimensions, noises = _dimensions(rows), _noises(rows)[:LARGEST]
    contexts = sorted({row["context"] for row in rows})
    width = max(2.2, 0.45 * len(contexts) + 0.8)
    figure = Figure(figsize=(max(4.4, width * len(noises) + 0.8), 2.0 * len(dimensions) + 1.6), layout="constrained")
    panels = figure.subplots(len(dimensions), len(noises), squeeze=False, sharex=True, sharey=True)
    met = set()
    for i, d in enumerate(dimensions):
        for j, noise in enumerate(noises):
            ax = panels[i][j]
            for place, n in enumerate(contexts):
                some = [row for row in rows if (row["dimension"], row["noise"], row["context"]) == (d, noise, n)]
                counts, bottom = Counter(_end(row) for row in some), 0.0
                for name, shade in ENDS.items():
                    if counts[name]:
                        met.add(name)
                        share = counts[name] / len(some)
                        ax.bar(place, share, bottom=bottom, color=shade, width=0.8)
                        bottom += share
            ax.set_title(f"d = {d}, σ² = {noise}", fontsize=9)
            ax.set_ylim(0, 1)
            ax.set_xticks(range(len(contexts)), [str(n) for n in contexts], rotation=90 if len(contexts) > LARGEST else 0, fontsize=8)
    for ax in panels[-1]:
        ax.set_xlabel("n, examples in a prompt", fontsize=9)
    for line in panels:
        line[0].set_ylabel("share of models", fontsize=9)
    handles = [Patch(color=shade, label=name) for name, shade in ENDS.items() if name in met]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(4, 1 + len(noises)), fontsize=9)
    figure.suptitle(f"Where {len(rows)} models ended", fontsize=11)
    return png(figure)


def _end(row: dict[str, Any]) -> str:
    if row["verdict"] == "not converged":
        return "not converged"
    return row.get("stationary_point") or "no listed point"


def _dimensions(rows: Sequence[dict[str, Any]]) -> list[int]:
    return sorted({row["dimension"] for row in rows})[:LARGEST]


def _noises(rows: Sequence[dict[str, Any]]) -> list[str]:
    known = {row["noise"]: row["noise_variance"] for row in rows}
    return sorted(known, key=known.__getitem__)
