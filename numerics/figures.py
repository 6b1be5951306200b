"""The figures of a run, as PNG bytes."""

from __future__ import annotations

import io
from collections.abc import Sequence

import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from torch import Generator

from numerics.config import TrainConfig
from numerics.models import LinearSelfAttention
from numerics.objective import ExactObjective, learned_step
from numerics.samplers import fresh_prompts
from numerics.source import Source

TRAINED, THEORY = "#1f6fb4", "#c2410c"


def draw(
    config: TrainConfig, objective: ExactObjective, rows: Sequence[Sequence[float]], model: LinearSelfAttention, end: str | None
) -> dict[str, bytes]:
    """loss, step, predictions and function."""
    title = f"d = {config.dimension}, n = {config.context}, σ² = {config.noise}"
    if config.covariates != "isotropic" or config.response != "isotropic":
        title += f", covariates: {_short(config.covariates)}, response: {_short(config.response)}"
    return {
        "loss": _loss(title, objective, rows, end, sampled=not config.exact),
        "step": _step(title, objective, model),
        "predictions": _predictions(title, config, objective, model),
        "function": _function(title, config, objective, model),
    }


def _short(text: str) -> str:
    return text if len(text) <= 24 else text[:21] + "…"


def png(figure: Figure) -> bytes:
    """A figure as the bytes of its file."""
    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    return buffer.getvalue()


def _loss(title: str, objective: ExactObjective, rows: Sequence[Sequence[float]], end: str | None, *, sampled: bool) -> bytes:
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    steps = [row[0] for row in rows]
    if sampled:
        left.plot(steps, [row[1] for row in rows], color="0.7", linewidth=1, label="loss of a training batch")
    left.plot(steps, [row[2] for row in rows], color=TRAINED, linewidth=2, label="exact loss at the weights")
    left.axhline(objective.minimum, color=THEORY, linestyle="--", label=f"theory: L* = {objective.minimum:.5g}")
    left.set(xlabel="step", ylabel="E (ŷ − y)²", title="loss", yscale="log")
    if len(steps) > 1 and steps[-1] > 20:
        left.set_xscale("log")
        right.set_xscale("log")
    left.legend()
    floor = 1e-17
    right.plot(steps, [max(row[3], floor) for row in rows], color=TRAINED, linewidth=2, label="excess loss (L − L*) / L*")
    right.plot(steps, [max(row[4], floor) for row in rows], color="#5b8c3a", linewidth=1.5, label="error of the step ‖B − B*‖ / ‖B*‖")
    right.set(xlabel="step", ylabel="relative to theory", title=f"ended at: {end or 'no listed stationary point'}", yscale="log")
    right.legend()
    for axes in (left, right):
        axes.grid(alpha=0.3, which="both", linewidth=0.5)
    figure.suptitle(f"Training one layer of linear self-attention, {title}")
    return png(figure)


def _step(title: str, objective: ExactObjective, model: LinearSelfAttention) -> bytes:
    learned = learned_step(model.value_vector().detach().cpu().double(), model.key_query().detach().cpu().double())
    difference = learned - objective.step
    figure = Figure(figsize=(11.5, 4.2), layout="constrained")
    axes = figure.subplots(1, 3)
    bound = float(torch.maximum(learned.abs().max(), objective.step.abs().max()))
    shared = Normalize(-bound, bound)
    small = float(difference.abs().max()) or 1.0
    panels = (
        ("learned  B", learned, shared),
        ("theory  B*", objective.step, shared),
        ("difference, on its own scale", difference, Normalize(-small, small)),
    )
    for ax, (name, matrix, norm) in zip(axes, panels, strict=True):
        image = ax.imshow(matrix.numpy(), cmap="RdBu_r", norm=norm)
        ax.set(title=name, xlabel="component of the query", ylabel="component of Σ yᵢxᵢ")
        size = len(matrix)
        ticks = range(size) if size <= 10 else range(0, size, max(1, size // 5))
        ax.set_xticks(list(ticks), [str(t + 1) for t in ticks])
        ax.set_yticks(list(ticks), [str(t + 1) for t in ticks])
        if size <= 6:
            for i in range(size):
                for j in range(size):
                    dark = abs(float(matrix[i, j])) > 0.6 * float(norm.vmax or 1)
                    ax.text(j, i, f"{float(matrix[i, j]):.1e}" if norm is not shared else f"{float(matrix[i, j]) + 0.0:z.3f}", ha="center",
                            va="center", fontsize=7, color="white" if dark else "black")  # fmt: skip
        figure.colorbar(image, ax=ax, shrink=0.8)
    relative = float(difference.norm()) / objective.step_scale
    figure.suptitle(f"The step that was learned, {title}: relative error {relative:.2e}")
    return png(figure)


def _predictions(title: str, config: TrainConfig, objective: ExactObjective, model: LinearSelfAttention, prompts: int = 2000) -> bytes:
    moments, query, target = fresh_prompts(config, 3).moments(prompts)
    with torch.no_grad():
        parameter = next(model.parameters())
        predicted = model.from_moments(moments.to(parameter), query.to(parameter)).cpu().double()
    gradient = moments[:, :-1, -1]  # Σ y_i x_i
    one_step = ((gradient @ objective.step) * query[:, :-1]).sum(-1)
    figure = Figure(figsize=(9.5, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    for ax, x, label, color in (
        (left, one_step, "one step of gradient descent (theory)", THEORY),
        (right, target, "label of the query", "0.35"),
    ):
        low, high = float(torch.minimum(x.min(), predicted.min())), float(torch.maximum(x.max(), predicted.max()))
        ax.scatter(x, predicted, s=5, alpha=0.4, color=TRAINED, linewidths=0, rasterized=True)
        ax.plot([low, high], [low, high], color=color, linewidth=1.2, linestyle="--", label="equal")
        ax.set(xlabel=label, ylabel="prediction of the trained layer")
        ax.grid(alpha=0.3, linewidth=0.5)
        ax.legend(loc="upper left")
    spread = float((predicted - one_step).square().mean() / target.square().mean())
    left.set_title(f"mean square difference / E y² = {spread:.1e}")
    right.set_title(f"mean square error = {float((predicted - target).square().mean()):.4g} (L* = {objective.minimum:.4g})")
    figure.suptitle(f"{prompts} fresh prompts, {title}")
    return png(figure)


def _function(title: str, config: TrainConfig, objective: ExactObjective, model: LinearSelfAttention, panels: int = 3) -> bytes:
    """ŷ at queries along the first coordinate axis, given one fresh context each, with the function of that prompt."""
    setting, d, n = config.setting, config.dimension, config.context
    source = Source(dtype=torch.float64, device=torch.device("cpu"), generator=Generator().manual_seed(config.seed + 4))
    place = 3 * float(objective.covariance[0, 0]) ** 0.5 * torch.linspace(-1, 1, 121, dtype=torch.float64)
    queries = torch.zeros(len(place), d, dtype=torch.float64)
    queries[:, 0] = place
    x = setting.covariates.draw(source, panels, n)
    f = setting.response.draw(source, torch.cat([x, queries.expand(panels, -1, -1)], dim=1))
    y = f[:, :n] + float(setting.noise_variance) ** 0.5 * source.normal(panels, n)
    figure = Figure(figsize=(12.5, 4.2), layout="constrained")
    parameter = next(model.parameters())
    for k, ax in enumerate(figure.subplots(1, panels)):
        context = torch.cat([x[k], y[k, :, None]], dim=1)
        asked = torch.cat([queries, torch.zeros(len(place), 1, dtype=torch.float64)], dim=1)
        with torch.no_grad():
            tokens = torch.cat([context.expand(len(place), -1, -1), asked[:, None]], dim=1)
            learned = model(tokens.to(parameter)).cpu().double()
        ax.plot(place, f[k, n:], color="0.35", linewidth=1.2, label="f of this prompt")
        ax.plot(place, learned, color=TRAINED, linewidth=4, alpha=0.5, label="trained layer")
        ax.plot(place, queries @ objective.step.mT @ (y[k] @ x[k]), color=THEORY, linewidth=1.2, linestyle="--", label="one step (theory)")
        ax.scatter(x[k, :, 0], y[k], s=12, color="0.6", linewidths=0, label="context, on this axis")
        ax.set(xlabel="t, query x = t e₁", ylabel="response", xlim=(float(place[0]), float(place[-1])))
        ax.grid(alpha=0.3, linewidth=0.5)
    ax.legend(fontsize=8)
    figure.suptitle(f"What the layer has learned, three fresh contexts, {title}")
    return png(figure)
