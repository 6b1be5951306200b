"""The figures of a survey of the landscape, as PNG bytes."""

from __future__ import annotations

import math

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from torch import Tensor

from numerics.atlas import Family
from numerics.descent import descend
from numerics.evaluate import DTYPE
from numerics.figures import png
from numerics.polynomial import LossPolynomial
from numerics.saddle_starts import into_saddle
from numerics.survey import FLAT, Survey, interval

COLORS = {
    ("global minimum", "global minimum"): "#1f6fb4",
    ("one direction", "global minimum"): "#5fa8e0",
    ("one direction", "local minimum"): "#c2410c",
    ("one direction", "saddle"): "#f0a36b",
    ("mixed direction", "local minimum"): "#7c3aed",
    ("mixed direction", "saddle"): "#b79cf0",
    ("zero predictor", "saddle"): "0.45",
}
MARKERS = {"global minimum": "o", "local minimum": "s", "saddle": "X"}


def draw(survey: Survey, title: str, *, shown: int = 6) -> dict[str, bytes]:
    """levels, trajectories and index; `shown` trajectories into each family that starts end in."""
    return {
        "levels": _levels(survey, title),
        "trajectories": _trajectories(survey, title, shown),
        "index": _index(survey, title),
    }


def color(family: Family) -> str:
    """The colour of a family in every figure"""
    return COLORS.get((family.name, family.kind), "black")


def _levels(survey: Survey, title: str) -> bytes:
    families = sorted(survey.atlas.families, key=lambda family: family.loss)
    numbers = {id(family): number for number, family in enumerate(survey.atlas.families)}
    total, null = len(survey.starts), survey.polynomial.objective.null
    figure = Figure(figsize=(11, 0.7 * len(families) + 2.4), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    labels = []
    for row, family in enumerate(families):
        labels.append(f"{family.name}\n{family.kind}" if family.name != family.kind else family.name)
        left.plot([0, family.loss / null], [row, row], color=color(family), linewidth=1, alpha=0.5)
        left.plot(family.loss / null, row, MARKERS[family.kind], color=color(family), markersize=9)
        left.annotate(f"{family.loss:.6g}", (family.loss / null, row), (0, 9), textcoords="offset points", ha="center", fontsize=8)
        count = survey.count(numbers[id(family)])
        low, high = interval(count, total)
        share = count / total
        right.barh(row, share, color=color(family), height=0.6, xerr=[[share - low], [high - share]], capsize=3, ecolor="0.2")
        right.annotate(f"{count}", (high, row), (6, 0), textcoords="offset points", va="center", fontsize=8)
    left.set_yticks(range(len(families)), labels)
    left.set(xlabel="loss / E y²", title="loss of each family", xlim=(0, 1.12), ylim=(-0.6, len(families) - 0.3))
    right.set(xlabel="share of starts, 95 % interval (Wilson)", title=f"ends of {total} random starts", xlim=(0, 1.12))
    for axes in (left, right):
        axes.grid(alpha=0.3, linewidth=0.5)
    figure.suptitle(f"Stationary points, {title}")
    return png(figure)


def reduced_loss(polynomial: LossPolynomial, share: Tensor) -> Tensor:
    """min L over M at v in one direction with r/(1 + r) = share (N,), 0 < share < 1: a convex quadratic, solved."""
    p = polynomial.values
    natural = torch.zeros(len(share), p, dtype=DTYPE)
    natural[:, 0], natural[:, -1] = share.sqrt(), ((1 - share) * polynomial.objective.null).sqrt()
    theta = torch.cat(
        [torch.linalg.solve(polynomial.tokens, natural.mT).mT, torch.zeros(len(share), polynomial.size - p, dtype=DTYPE)], dim=-1
    )
    slope, hessian = polynomial.derivatives(theta)
    theta[:, p:] = -torch.linalg.solve(hessian[:, p:, p:], slope[:, p:])
    return polynomial.loss(theta)


def _trajectories(survey: Survey, title: str, shown: int) -> bytes:
    polynomial, null = survey.polynomial, survey.polynomial.objective.null
    reached = [number for number in range(len(survey.atlas.families)) if survey.count(number)]
    chosen = [(survey.ends.converged & (survey.family == number)).nonzero()[:shown, 0] for number in reached]
    saddles = [(family, into_saddle(survey, k)) for k, family in enumerate(survey.atlas.families) if family.kind == "saddle"]
    starts = torch.cat([survey.starts[torch.cat(chosen)], *(start for _, start in saddles if start is not None)])
    paths: list[list[tuple[float, float, float]]] = [[] for _ in starts]

    def note(index: Tensor, time: Tensor, theta: Tensor) -> None:
        columns = time.tolist(), polynomial.loss(theta).tolist(), survey.polynomial.share(theta).tolist()
        for k, *place in zip(index.tolist(), *columns, strict=True):
            paths[k].append(tuple(place))

    descend(polynomial, starts, visit=note)
    figure = Figure(figsize=(12.5, 5), layout="constrained")
    left, right = figure.subplots(1, 2)
    bottom = polynomial.objective.minimum
    top = max((place[1] for path in paths for place in path), default=null)
    ratio = torch.logspace(-4, math.log10(1e4 * null), 400, dtype=DTYPE)
    span = ratio / (1 + ratio)
    right.plot(span, reduced_loss(polynomial, span) / null, color="black", linewidth=1.2)
    families = [survey.atlas.families[number] for number, group in zip(reached, chosen, strict=True) for _ in group]
    families += [family for family, start in saddles if start is not None]
    for family, path in zip(families, paths, strict=True):
        times, losses, shares = zip(*path, strict=True)
        left.plot(times, [loss / null for loss in losses], color=color(family), **_line(family))
        right.plot(shares, [loss / null for loss in losses], color=color(family), **_line(family))
    for family in survey.atlas.families:
        left.axhline(family.loss / null, color=color(family), linewidth=0.8, linestyle="--")
        if family.ratio is not None:
            place = 1.0 if math.isinf(family.ratio) else family.ratio / (1 + family.ratio)
            right.plot(place, family.loss / null, MARKERS[family.kind], color=color(family), markersize=9, clip_on=False, zorder=5)
        else:
            right.axhline(family.loss / null, color=color(family), linewidth=0.8, linestyle="--")
    left.set(xscale="log", xlabel="time of the flow", ylabel="loss / E y²", title="loss against time")
    right.set(xlabel="r/(1 + r), the part of |Σ^½v_x|² + v_y² that v_x has", title="loss against direction of v", xlim=(-0.02, 1.02))
    for axes in (left, right):
        ceiling = 1.15 if top > 1.15 * null else top / null
        axes.set_ylim(bottom / null - 0.04 * (1.15 - bottom / null), ceiling + 0.03)
        axes.grid(alpha=0.3, linewidth=0.5)
    handles = [
        Line2D([], [], color=color(f), marker=MARKERS[f.kind], label=f.label + (" (dashed)" if f.ratio is None else ""))
        for f in survey.atlas.families
    ]
    handles.append(Line2D([], [], color="black", linewidth=1.2, label="least loss at this v (theory's loss, minimised over M)"))
    figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=9)
    figure.suptitle(
        f"Gradient flow, {title}: {shown} random starts into each family that any reaches, and one chosen start into each saddle (thick)"
    )
    return png(figure)


def _line(family: Family) -> dict[str, float]:
    return {"linewidth": 2.2, "alpha": 1.0, "zorder": 4} if family.kind == "saddle" else {"linewidth": 1.0, "alpha": 0.8}


def _index(survey: Survey, title: str) -> bytes:
    families = survey.atlas.families
    figure = Figure(figsize=(3.0 * len(families) + 0.8, 4.4), layout="constrained")
    panels: list[Axes] = list(figure.subplots(1, len(families), squeeze=False)[0])
    for number, (ax, family, curvature) in enumerate(zip(panels, families, survey.curvature, strict=True)):
        values, bound = (curvature / curvature.abs().max()).tolist(), FLAT
        for rank, value in enumerate(values, 1):
            kind = "#c2410c" if value < -bound else "0.6" if abs(value) <= bound else "#1f6fb4"
            ax.plot([rank, rank], [0, value], color=kind, linewidth=1)
            ax.plot(rank, value if abs(value) > bound else 0, "o", color=kind, markersize=4)
        ax.axhline(0, color="black", linewidth=0.6)
        ax.set_yscale("symlog", linthresh=1e-4, linscale=0.6)
        ax.set_ylim(-2, 2)
        negative, zero = survey.signature(number)
        ax.set_title(f"{family.name}\n{family.kind}" if family.name != family.kind else f"{family.name}\n", fontsize=10)
        ax.set_xlabel(f"index {negative}, zero {zero}, positive {len(values) - negative - zero}", fontsize=9)
        ax.grid(alpha=0.3, linewidth=0.5)
        if ax is not panels[0]:
            ax.set_yticklabels([])
    panels[0].set_ylabel("eigenvalue of the Hessian / greatest modulus")
    handles = [
        Line2D([], [], color=shade, marker="o", label=name)
        for shade, name in (("#c2410c", "negative"), ("0.6", "zero: rotations, gauge, A with tr A = 0"), ("#1f6fb4", "positive"))
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=9)
    figure.suptitle(f"Curvature at each stationary point (gauge ‖v‖ = ‖M‖), {title}")
    return png(figure)
