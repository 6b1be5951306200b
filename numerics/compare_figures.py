"""The figures of a comparison, as PNG bytes."""

from __future__ import annotations

from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from numerics.comparison_tables import PERCENT
from numerics.exact_weights import ExactWeights
from numerics.figures import THEORY, TRAINED, png
from numerics.intervals import Interval
from numerics.measures import OPTIMUM, OWN, RIDGE, Measures
from numerics.shifts import Shifted

SHOWN = 2000
"""Prompts in a scatter"""
FLOOR = 1e-16
OTHER, BEST = "#5b8c3a", "0.35"


def draw(found: Measures, title: str) -> dict[str, bytes]:
    """effective_step, distances, compared_predictions, shifts and, where the weights are known, interpolation."""
    pictures = {
        "effective_step": _step(found, title),
        "distances": _distances(found, title),
        "compared_predictions": _predictions(found, title),
        "shifts": _shifts(found, title),
    }
    if found.weights is not None:
        pictures["interpolation"] = _interpolation(found.weights, found.objective.minimum, title)
    return pictures


def _step(found: Measures, title: str) -> bytes:
    effective, optimum = found.effective, found.objective.step
    figure = Figure(figsize=(13, 4.2), layout="constrained")
    axes = figure.subplots(1, 3, width_ratios=(1, 1, 1.5))
    bound = float(torch.maximum(effective.step.abs().max(), optimum.abs().max())) or 1.0
    for ax, name, matrix in ((axes[0], "effective B of the model", effective.step), (axes[1], "B* of theory", optimum)):
        image = ax.imshow(matrix.numpy(), cmap="RdBu_r", norm=Normalize(-bound, bound))
        size = len(matrix)
        ticks = list(range(0, size, max(1, size // 5)))
        ax.set(title=name, xlabel="component of the query", ylabel="component of Σ yᵢxᵢ")
        ax.set_xticks(ticks, [str(t + 1) for t in ticks])
        ax.set_yticks(ticks, [str(t + 1) for t in ticks])
        figure.colorbar(image, ax=ax, shrink=0.8)
    difference = (effective.step - optimum).flatten() / found.objective.step_scale
    half = effective.half_width.flatten() / found.objective.step_scale
    diagonal = torch.eye(len(optimum), dtype=torch.bool).flatten()
    place = torch.arange(len(difference), dtype=torch.float64)
    for which, color, name in ((diagonal, TRAINED, "on the diagonal"), (~diagonal, OTHER, "off the diagonal")):
        if which.any():
            axes[2].errorbar(
                place[which], difference[which], half[which], fmt="o", color=color, markersize=3, capsize=2, linewidth=1, label=name
            )
    axes[2].axhline(0, color=THEORY, linewidth=1, linestyle="--", label="theory")
    axes[2].set(xlabel="entry, row by row", ylabel="(B − B*) / ‖B*‖", title=f"intervals hold for all entries at once ({PERCENT})")
    axes[2].margins(y=0.3)
    axes[2].legend(fontsize=8, loc="upper center", ncols=3)
    axes[2].grid(alpha=0.3, linewidth=0.5)
    off = effective.distance(optimum).over(found.objective.step_scale)
    figure.suptitle(f"The step that the model implements, {title}: ‖B − B*‖ / ‖B*‖ = {off.value:.2e} [{off.low:.2e}, {off.high:.2e}]")
    return png(figure)


def _distances(found: Measures, title: str) -> bytes:
    ordered = sorted(found.distances, key=lambda distance: -distance.relative.value)
    figure = Figure(figsize=(9.5, 0.45 * len(ordered) + 1.8), layout="constrained")
    ax = figure.subplots()
    values = [max(distance.relative.value, FLOOR) for distance in ordered]
    for row, (distance, value) in enumerate(zip(ordered, values, strict=True)):
        color = THEORY if distance.name == OPTIMUM else OTHER if distance.name == RIDGE else BEST if distance.name == OWN else TRAINED
        low, high = max(distance.relative.low, FLOOR), max(distance.relative.high, FLOOR)
        ax.plot([FLOOR / 10, value], [row, row], color=color, linewidth=1, alpha=0.4)
        ax.errorbar(value, row, xerr=[[max(0.0, value - low)], [max(0.0, high - value)]], fmt="o", color=color, capsize=3, markersize=5)
        below = "≤ " if distance.relative.value < FLOOR else ""
        ax.annotate(f"{below}{value:.2g}", (value, row), (0, 6), textcoords="offset points", ha="center", fontsize=8)
    names = [distance.label + ("\nnearest member found" if distance.tried else "") for distance in ordered]
    ax.set_yticks(range(len(ordered)), names, fontsize=9)
    ax.set_xscale("log")
    ax.set_xlim(min(values) / (max(values) / min(values)) ** 0.06 / 3, max(values) * 5)
    ax.set_ylim(-0.6, len(ordered) - 0.3)
    ax.set(xlabel=f"E (ŷ − ŷ')² / E ŷ*², with {PERCENT} intervals")
    ax.grid(alpha=0.3, axis="x", linewidth=0.5)
    figure.suptitle(f"Distance of the model's predictions, {title}")
    return png(figure)


def _predictions(found: Measures, title: str) -> bytes:
    seen = found.observed
    panels = [
        ("one step with B* (theory)", seen.optimum, THEORY),
        ("one step with its effective B", seen.prediction - found.effective.residual, BEST),
    ]
    if seen.ridge is not None:
        panels.append(("ridge with the right λ", seen.ridge, OTHER))
    panels.append(("label of the query", seen.target, "0.6"))
    figure = Figure(figsize=(3.6 * len(panels) + 0.4, 4.2), layout="constrained")
    y = seen.prediction[:SHOWN]
    every = torch.cat([y, *(x[:SHOWN] for _, x, _ in panels)]).abs()
    limit = float(every.quantile(0.999)) * 1.1 or 1.0
    for ax, (name, x, color) in zip(figure.subplots(1, len(panels), sharex=True, sharey=True), panels, strict=True):
        ax.scatter(x[:SHOWN], y, s=5, alpha=0.4, color=TRAINED, linewidths=0, rasterized=True)
        ax.plot([-limit, limit], [-limit, limit], color=color, linewidth=1.2, linestyle="--", label="equal")
        ax.set(xlabel=name, title=f"E (difference)² / E y² = {float((x - seen.prediction).square().mean() / found.objective.null):.2e}")
        ax.title.set_fontsize(9)
        ax.set(xlim=(-limit, limit), ylim=(-limit, limit))
        ax.grid(alpha=0.3, linewidth=0.5)
        ax.legend(loc="upper left", fontsize=8)
    figure.axes[0].set_ylabel("prediction of the model")
    figure.suptitle(f"{len(y)} fresh prompts (0.1 % of the values may lie outside), {title}")
    return png(figure)


def _shifts(found: Measures, title: str) -> bytes:
    figure = Figure(figsize=(12, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    here = next(one for one in found.shifted if one.shift.kind == "scale" and one.shift.value == 1)
    n = int(found.setting.context_length)
    lengths = sorted([here, *(one for one in found.shifted if one.shift.kind == "length")], key=lambda one: one.shift.value)
    scales = [one for one in found.shifted if one.shift.kind == "scale"]
    _risks(left, scales, [one.shift.value for one in scales], averaged=False)
    places = [one.shift.value * n for one in lengths]
    _risks(right, lengths, places, averaged=True)
    left.set(xlabel="a, covariates scaled x → a x in context and query", ylabel="E (ŷ − y_q)²", yscale="log", title="scaled inputs")
    right.set(xlabel="context length at test time", xscale="log", yscale="log", title=f"other lengths (the setting has n = {n})")
    names = FixedFormatter([f"{round(place)}" for place in places])
    right.xaxis.set(major_locator=FixedLocator(places), minor_locator=NullLocator(), major_formatter=names)
    handles = {label: handle for ax in (left, right) for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=3, fontsize=9)
    figure.suptitle(f"Out of distribution, {title}")
    return png(figure)


def _risks(ax: Axes, shifted: list[Shifted], places: list[float], *, averaged: bool) -> None:
    lines: list[tuple[str, list[float | None], str, dict[str, Any]]] = [
        ("theory: one step with B*, summed", [one.summed for one in shifted], THEORY, {"linewidth": 4, "alpha": 0.45}),
        ("theory: the model's weights", [one.weights for one in shifted], TRAINED, {}),
        ("theory: the best step there", [one.best_step for one in shifted], BEST, {"linestyle": ":"}),
        ("theory: the Bayes risk there", [one.bayes for one in shifted], OTHER, {"linestyle": ":"}),
    ]
    if averaged:
        lines.insert(
            1, ("theory: one step with B*, averaged over the context", [one.averaged for one in shifted], THEORY, {"linestyle": "--"})
        )
    for label, values, color, how in lines:
        known = [(place, value) for place, value in zip(places, values, strict=True) if value is not None]
        if known:
            ax.plot(*zip(*known, strict=True), color=color, label=label, zorder=2, **({"linewidth": 1.4} | how))
    points: list[tuple[float, Interval]] = [(place, one.risk) for place, one in zip(places, shifted, strict=True) if one.risk is not None]
    if points:
        middle = [risk.value for _, risk in points]
        below, above = (
            [abs(end - value) for end, value in zip(ends, middle, strict=True)]
            for ends in zip(*((r.low, r.high) for _, r in points), strict=True)
        )
        ax.errorbar(
            [place for place, _ in points], middle, [below, above], fmt="o", color=TRAINED, markersize=4, capsize=4,
            label=f"measured risk of the model, {PERCENT} interval", zorder=3,
        )  # fmt: skip
    refused = [place for place, one in zip(places, shifted, strict=True) if one.risk is None]
    for k, place in enumerate(refused):
        ax.axvline(place, color="0.7", linewidth=1, linestyle="-.", label="the model refuses" if k == 0 else None)
    ax.grid(alpha=0.3, linewidth=0.5, which="both")


def _interpolation(weights: ExactWeights, minimum: float, title: str) -> bytes:
    figure = Figure(figsize=(7.5, 4.4), layout="constrained")
    ax = figure.subplots()
    line = minimum + weights.line
    ax.plot(weights.place, line, color=TRAINED, linewidth=2, label="exact loss on the line")
    ax.axhline(minimum, color=THEORY, linestyle="--", linewidth=1.2, label=f"theory: L* = {minimum:.6g}")
    ax.plot(0, float(line[0]), "o", color=TRAINED, label=f"the model's weights: L* + {float(weights.line[0]):.3g}")
    ax.plot(1, float(line[-1]), "s", color=THEORY, label="theory's weights")
    top, bottom = float(line.max()), minimum
    margin = 0.15 * (top - bottom) if top - bottom > 1e-9 * top else 1e-3 * top
    ax.set(ylim=(bottom - margin, top + margin), xlabel="t, from the model's weights to theory's", ylabel="E (ŷ − y_q)²")
    ax.ticklabel_format(axis="y", useOffset=False)
    ax.grid(alpha=0.3, linewidth=0.5)
    ax.legend(fontsize=9)
    hump = "no hump" if weights.hump <= 1e-9 * top else f"a hump of {weights.hump:.3g}"
    figure.suptitle(f"Weight interpolation in one gauge, {title}: {hump}")
    return png(figure)
