"""The figures of a run of a model with several layers, as PNG bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Generator, Tensor, nn

from numerics.deep_config import DeepConfig, TransformerConfig
from numerics.figures import THEORY, TRAINED, png
from numerics.intervals import Interval
from numerics.lengths import AtLength, References
from numerics.samplers import PromptSampler

RIDGE = "#15803d"
OTHERS = {"least squares": ("0.55", ":"), "one step": (THEORY, "--")}
SEVERAL = (("#7c3aed", "-."), ("#b45309", (0, (1, 1))))


def draw(config: DeepConfig, metrics: Sequence[Sequence[float]], rows: Sequence[AtLength], model: nn.Module) -> dict[str, bytes]:
    """training and function; where there are several lengths, lengths and targets too."""
    heads = f", {config.heads} heads" if config.heads > 1 else ""
    width = f", width {config.width}" if isinstance(config, TransformerConfig) else ""
    kind = "transformer" if isinstance(config, TransformerConfig) else f"{config.model} attention"
    layers = f"{config.depth} layer{'s' if config.depth > 1 else ''}"
    title = f"{kind} of {layers}{width}{heads}; d = {config.dimension}, n = {config.context}, σ² = {config.noise}"
    figures = {"training": _training(title, metrics, rows), "function": _function(title, config, model)}
    if isinstance(config, TransformerConfig):
        figures["lengths"] = _lengths(title, rows)
        figures["targets"] = _targets(title, config, rows)
    return figures


def _style(name: str, rows: Sequence[AtLength]) -> tuple[Any, Any]:
    several = [other for other in rows[-1].gaps if other not in OTHERS]
    return OTHERS[name] if name in OTHERS else SEVERAL[several.index(name)]


def _curve(axes: Axes, points: Sequence[tuple[int, Interval | None]], label: str, color: Any, line: Any, **how: Any) -> None:
    """A line with its intervals, broken where there is no mean."""
    shown = [(length, interval) for length, interval in points if interval]
    holes = {length: None for length, interval in points if not interval}
    lengths = sorted([length for length, _ in shown] + list(holes))
    values = dict(shown)
    axes.plot(lengths, [values[k].value if k in values else float("nan") for k in lengths], color=color, linestyle=line, label=label, **how)
    axes.fill_between(
        lengths,
        [values[k].low if k in values and values[k].low > 0 else float("nan") for k in lengths],
        [values[k].high if k in values else float("nan") for k in lengths],
        color=color,
        alpha=0.15,
        linewidth=0,
    )


def _lengths(title: str, rows: Sequence[AtLength]) -> bytes:
    figure = Figure(figsize=(12, 5), layout="constrained")
    left, right = figure.subplots(1, 2)
    at = [row.length for row in rows]
    left.plot(at, [row.bayes.value for row in rows], color=RIDGE, linewidth=5, alpha=0.35, label="Bayes risk (ridge, right λ)")
    for name in rows[-1].gaps:
        color, line = _style(name, rows)
        points = [(row.length, _shifted(row.gaps[name], row.bayes.value)) for row in rows]
        _curve(left, points, name, color, line, linewidth=1.5, marker=".", markersize=4)
    _curve(
        left, [(row.length, _shifted(row.excess, row.bayes.value)) for row in rows], "trained model", TRAINED, "-", marker="o", markersize=4
    )
    left.set(xlabel="examples in the context", ylabel="E (ŷ − y)² − σ²", title="risk less the noise", yscale="log")
    _curve(right, [(row.length, row.excess) for row in rows], "ridge, right λ", RIDGE, "-", marker="o", markersize=4)
    for name in rows[-1].distances:
        color, line = _style(name, rows)
        _curve(right, [(row.length, row.distances[name]) for row in rows], name, color, line, linewidth=1.5, marker=".", markersize=4)
    right.set(xlabel="examples in the context", ylabel="E (ŷ − other)²", title="squared distance of the model to", yscale="log")
    for axes in (left, right):
        axes.grid(alpha=0.3, which="both", linewidth=0.5)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend(fontsize=8)
    figure.suptitle(f"At every length of the context, {title}")
    return png(figure)


def _shifted(interval: Interval | None, by: float) -> Interval | None:
    return interval and Interval(interval.value + by, interval.low + by, interval.high + by, interval.error)


def _targets(title: str, config: TransformerConfig, rows: Sequence[AtLength]) -> bytes:
    figure = Figure(figsize=(12, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for axes, values, target, name in (
        (left, [(row.length, row.relative) for row in rows], config.tolerance, "excess / (Bayes risk − σ²)"),
        (right, [(row.length, row.closer) for row in rows], config.closer, "squared distance to one step / to ridge"),
    ):
        shown = [(length, interval) for length, interval in values if interval]
        errors = torch.tensor([[i.value - i.low for _, i in shown], [i.high - i.value for _, i in shown]]).numpy()
        axes.errorbar(
            [k for k, _ in shown], [i.value for _, i in shown], yerr=errors, fmt="o", color=TRAINED, capsize=3, label="trained, 95 %"
        )
        axes.axhline(target, color=THEORY, linestyle="--", label=f"target {'at most' if axes is left else 'at least'} {target:g}")
        axes.set(xlabel="examples in the context", ylabel=name, yscale="log")
        axes.grid(alpha=0.3, which="both", linewidth=0.5)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend()
    figure.suptitle(f"How near to ridge, {title}")
    return png(figure)


def _training(title: str, metrics: Sequence[Sequence[float]], rows: Sequence[AtLength]) -> bytes:
    figure = Figure(figsize=(8, 4.4), layout="constrained")
    axes = figure.subplots()
    steps, excess = [row[0] for row in metrics], [row[2] for row in metrics]
    bayes = sum(row.bayes.value for row in rows) / len(rows)
    axes.plot(steps, excess, color=TRAINED, linewidth=2, label="excess over the Bayes risk")
    axes.axhline(bayes, color=RIDGE, linestyle="--", label="Bayes risk − σ²")
    gaps = [row.gaps["one step"] for row in rows]
    step = sum(gap.value if gap else 0.0 for gap in gaps) / len(rows)
    axes.axhline(step, color=THEORY, linestyle=":", label="excess of the best single step")
    axes.set(xlabel="step", ylabel="mean over the context lengths", yscale="log", title=title)
    axes.title.set_fontsize(9)
    axes.grid(alpha=0.3, which="both", linewidth=0.5)
    axes.legend()
    figure.suptitle("Training: E (ŷ − ridge)² on prompts that training does not see")
    return png(figure)


def _function(title: str, config: DeepConfig, model: nn.Module, panels: int = 3) -> bytes:
    """ŷ at queries along the first coordinate axis, given one fresh context each."""
    setting, n, d = config.setting, config.context, config.dimension
    sampler = PromptSampler(setting, dtype=torch.float64, device=torch.device("cpu"), generator=Generator().manual_seed(config.seed + 4))
    tuning = sampler.sequences(1 << 12)
    reference = References.fitted(setting, n, config.depth, *tuning)
    x, y = sampler.sequences(panels)
    place = 3 * float(x.square().mean()) ** 0.5 * torch.linspace(-1, 1, 121, dtype=torch.float64)
    queries = torch.zeros(len(place), d, dtype=torch.float64)
    queries[:, 0] = place
    figure = Figure(figsize=(12.5, 4.2), layout="constrained")
    parameter = next(model.parameters())
    for k, axes in enumerate(figure.subplots(1, panels)):
        context, labels = x[k, :n].expand(len(place), n, d), y[k, :n].expand(len(place), n)
        learned = _asked(model, context, labels, queries, parameter)
        axes.plot(place, learned, color=TRAINED, linewidth=4, alpha=0.5, label="trained model")
        answers = reference.answers(context, labels, queries)
        axes.plot(place, answers.ridge, color=RIDGE, linewidth=1.5, label="ridge, right λ")
        axes.plot(place, answers.others["one step"], color=THEORY, linewidth=1.2, linestyle="--", label="one step (theory)")
        axes.scatter(x[k, :n, 0], y[k, :n], s=12, color="0.6", linewidths=0, label="context, projected on this axis")
        axes.set(xlabel="t, query x = t e₁", ylabel="response", xlim=(float(place[0]), float(place[-1])))
        axes.grid(alpha=0.3, linewidth=0.5)
    axes.legend(fontsize=8)
    figure.suptitle(f"What the model has learned, three fresh contexts, {title}")
    return png(figure)


def _asked(model: nn.Module, x: Tensor, y: Tensor, query: Tensor, like: Tensor) -> Tensor:
    tokens = torch.cat([torch.cat([x, y[..., None]], -1), torch.cat([query, torch.zeros_like(query[:, :1])], -1)[:, None]], dim=1)
    with torch.no_grad():
        answer: Tensor = model(tokens.to(like)).cpu().double()
    return answer
