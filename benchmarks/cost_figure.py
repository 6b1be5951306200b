"""The figure: step time and peak memory against context length."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, StrMethodFormatter

from benchmarks.report import Measured

MARK = "cost against n"
STYLE = {
    "ours": {"linestyle": "-", "marker": "o", "linewidth": 2.5},
    "reference": {"linestyle": "-", "marker": "s"},
    "other": {"linestyle": "--", "marker": "^"},
}
LABELS = {
    "integrated": "this project: moments drawn, not tokens",
    "gram": "by hand: Gram matrix, tokens as rows",
    "columns": "by hand: Gram matrix, tokens as columns",
    "scores": "by hand: scores first, tokens as columns",
    "fresh": "by hand: Gram matrix, new memory each step",
    "vectors": "by hand: values and scores, tokens as rows",
    "projected": "by hand: queries, keys, values in full",
    "attention": "by hand: (n+1)×(n+1) attention",
    "vmap": "by hand: vmap over prompts",
}


def draw(measured: list[Measured], path: Path, caption: str) -> None:
    """Log-log, a line for each contender, from what `steps.cost_against_context` measured."""
    points = [m for m in measured if m.note == MARK]
    lengths = sorted({_length(m) for m in points})
    figure = Figure(figsize=(13, 6), layout="constrained")
    panels = figure.subplots(1, 2)
    for i, (name, label) in enumerate(LABELS.items()):
        own = sorted((m for m in points if m.contender == name), key=_length)
        if not own:
            continue
        look = STYLE[own[0].role] | {"color": f"C{i}", "label": label}
        panels[0].plot([_length(m) for m in own], [m.wall * 1e3 for m in own], **look)
        weighed = [m for m in own if m.peak]
        if weighed:
            panels[1].plot([_length(m) for m in weighed], [m.peak / 2**20 for m in weighed], **look)
    for panel, title, unit in zip(
        panels, ("wall time of one training step", "peak memory of the whole process"), ("ms", "MiB"), strict=True
    ):
        panel.set(xscale="log", yscale="log", xlabel="context length n", ylabel=unit, title=title)
        panel.set_xticks(lengths, [f"{n:,}" for n in lengths])
        panel.xaxis.set_minor_locator(NullLocator())
        panel.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        panel.grid(True, alpha=0.4)
    panels[1].set_yticks([250, 500, 1000, 2000, 4000])
    panels[1].yaxis.set_minor_locator(NullLocator())
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=9)
    figure.suptitle(f"d = 20. {caption}\nLines end where a step takes many seconds or gigabytes.", fontsize=10)
    figure.savefig(path, dpi=150)


def _length(measured: Measured) -> int:
    return int(measured.group.rpartition("n=")[2])
