"""The figure of pre-training on T tasks, as PNG bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from numerics.figures import THEORY, TRAINED, png

if TYPE_CHECKING:
    from numerics.finite_tasks import Findings

MARKERS = {"one step": ("o", TRAINED, 0.92), "paired": ("s", "#5b8c3a", 1.0), "free": ("X", "#7c3aed", 1.09)}
"""Marker, colour, and a factor on T that keeps layers of one T apart"""
BOUND = "0.35"


def draw(found: Findings, title: str, *, seeds: int) -> bytes:
    """Excess against T: a fixed set on the left, one pass of SGD on the right."""
    figure = Figure(figsize=(13, 5.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    tasks = [point.tasks for point in found.points]
    mean = [point.sets_mean for point in found.points]
    left.plot(tasks, mean, color=THEORY, linewidth=1.8, label="theory: B*(W_T), mean over sets")
    low, high = ([p.sets_mean + sign * p.sets_half_width for p in found.points] for sign in (-1, 1))
    left.fill_between(tasks, low, high, color=THEORY, alpha=0.25, linewidth=0)
    left.plot(tasks, [p.leading for p in found.points], color=THEORY, linewidth=1, linestyle="--", label="theory: its limit c/T")
    if all(point.leading_free is not None for point in found.points):
        free = [point.leading_free for point in found.points]
        left.plot(tasks, free, color=MARKERS["free"][1], linewidth=1, linestyle="--", label="theory: limit (c + c_even)/T of free layers")
    for kind, (marker, color, aside) in MARKERS.items():
        own = [layer for layer in found.layers if layer.kind == kind]
        label = f"trained, {kind}" + (" (measured only)" if kind == "free" else "")
        left.plot([aside * layer.tasks for layer in own], [layer.excess for layer in own], marker, color=color, markersize=5, label=label)
    left.set(title="layers trained on a fixed set of T tasks (each point one set)")
    measured, errors = [p.sgd_mean for p in found.points], [p.sgd_half_width for p in found.points]
    below = [min(error, 0.999 * value) for error, value in zip(errors, measured, strict=True)]
    between = [expected.tasks for expected in found.curve]
    bound = "Wu et al.'s bound, its unknown constant set to 1"
    right.plot(between, [expected.bound for expected in found.curve], color=BOUND, linewidth=1.5, linestyle="--", label=bound)
    right.plot(
        between, [expected.variance for expected in found.curve], color=BOUND, linewidth=0.9, linestyle=":", label="its variance term"
    )
    if all(expected.excess is not None for expected in found.curve):
        exact = [expected.excess for expected in found.curve]
        right.plot(between, exact, color=THEORY, linewidth=1.8, label="theory: exact expectation")
    interval = f"SGD: mean of {seeds} seeds, nominal 95 % (skewed law:\ncoverage about 90 % at 100 seeds)"
    right.errorbar(tasks, measured, [below, errors], fmt="o", color=TRAINED, capsize=4, markersize=5, label=interval)
    right.set(title="one pass of SGD over T prompts, a new task in each")
    for axes in (left, right):
        axes.set(xscale="log", yscale="log", xlabel="T, tasks in pre-training", ylabel="excess loss on new tasks")
        axes.grid(alpha=0.3, which="both", linewidth=0.5)
        axes.legend(fontsize=8)
    figure.suptitle(f"Pre-training on T tasks, {title}")
    return png(figure)
