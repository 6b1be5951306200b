"""Preferred directions: every listed stationary point of the exact loss, against Hessians and descents that know nothing of the list.

Only the eigenvalues of Σ^½WΣ^½ matter, so the setting asked is Σ = I, W diagonal. At each point the loss and its Hessian are computed in
float64, from the polynomial that the loss is, and the directions of descent are counted. Descents from random starts must end in minima of
the list. The loss of each minimum is also the mean over sampled prompts. Error model: prompts are independent draws, in batches; the
standard error is that of the batches' means.
"""

from __future__ import annotations

from typing import NamedTuple

import click
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from sympy import Rational, diag
from torch import Generator, Tensor

from numerics.descent import descend, random_starts
from numerics.errors import ConfigError
from numerics.evaluate import DTYPE, number, to_tensor
from numerics.figures import png
from numerics.objective import ExactObjective
from numerics.polynomial import LossPolynomial
from numerics.questions.answer import Answer, Check, nonnegative, question
from numerics.samplers import PromptSampler
from theory import Gaussian, Linear, Setting
from theory.anisotropic import AnisotropicPoint, anisotropic_points, completeness, spectrum
from theory.names import rational

LARGEST = 5
STARTS, BATCHES = 96, 64
LENGTHS = tuple(2**k for k in range(9))
NEAR = 1e-7
"""Of what the best layer gains: how far an end's loss may be from that of a listed minimum"""
FLAT = 1e-9
"""Curvatures above minus this share of the greatest count as zero: those of the symmetries are 0"""
MARKS = {"global minimum": ("*", "#111111"), "local minimum": ("o", "#c2410c"), "saddle": ("X", "#1f6fb4"), "undecided": ("D", "#888888")}


class Placed(NamedTuple):
    """A point of theory's list, its weights and what the float polynomial says of them."""

    point: AnisotropicPoint
    theta: Tensor
    loss: float
    descending: int

    @property
    def name(self) -> str:
        """With its eigenvalues and its kind"""
        along = ", ".join(map(str, self.point.eigenvalues))
        kind = "" if self.point.name == self.point.kind else f" ({self.point.kind})"
        return f"{self.point.name}{f' {along}' if along else ''}{kind}"


def placed(polynomial: LossPolynomial, points: tuple[AnisotropicPoint, ...]) -> list[Placed]:
    """Each point in float64."""
    found = []
    for point in points:
        layer = point.representative
        theta = polynomial.flatten(to_tensor(layer.value)[:, 0], to_tensor(layer.key_query))
        curvature = polynomial.curvature(theta[None])[0]
        descending = int((curvature < -FLAT * curvature.abs().max()).sum())
        found.append(Placed(point, theta, float(polynomial.loss(theta[None])), descending))
    return found


def profile(polynomial: LossPolynomial, v: Tensor) -> Tensor:
    """The least loss at given v (N, d+1), over M: one Newton step, as the loss is a quadratic in M."""
    theta = torch.cat([v, v.new_zeros(len(v), polynomial.size - polynomial.values)], dim=1)
    slope, hessian = polynomial.derivatives(theta)
    size = polynomial.values
    theta[:, size:] = -torch.linalg.solve(hessian[:, size:, size:], slope[:, size:])
    return polynomial.loss(theta)


def unlisted(polynomial: LossPolynomial, points: list[Placed], seed: int) -> tuple[int, dict[str, int]]:
    """How many of the descents from random starts did not end in a minimum of the list, and how many in which."""
    starts = torch.cat([random_starts(polynomial, STARTS // 2, scale=scale, seed=seed) for scale in (1.0, 4.0)])
    ends = descend(polynomial, starts)
    losses = polynomial.loss(ends.theta)
    minima = [place for place in points if place.point.kind in ("global minimum", "local minimum")]
    gaps = torch.stack([(losses - place.loss).abs() for place in minima], dim=1) / float(polynomial.gain)
    gap, nearest = gaps.min(1)
    listed = ends.converged & (gap < NEAR)
    counts = {place.name: int((listed & (nearest == at)).sum()) for at, place in enumerate(minima)}
    return int((~listed).sum()), counts


def sampled_loss(setting: Setting, polynomial: LossPolynomial, theta: Tensor, prompts: int, seed: int) -> tuple[float, float]:
    """The mean loss on prompts, and its standard error."""
    sampler = PromptSampler(setting, dtype=DTYPE, device=torch.device("cpu"), generator=Generator().manual_seed(seed))
    v, M = polynomial.split(theta)
    losses = torch.stack([sampler.loss(v, M, prompts // BATCHES) for _ in range(BATCHES)])
    return float(losses.mean()), float(losses.std()) / BATCHES**0.5


@question("where training ends with preferred directions")
@click.option(
    "--eigenvalue",
    multiple=True,
    default=("4", "2", "1/4"),
    show_default=True,
    callback=nonnegative,
    help=f"of Σ^½WΣ^½; once for each dimension, {LARGEST} at most",
)
@click.option("--context", type=click.IntRange(min=1), default=40, show_default=True, help="n")
@click.option("--noise", default="1/2", show_default=True, help="σ²")
def command(prompts: int, seed: int, eigenvalue: tuple[str, ...], context: int, noise: str) -> Answer:
    """Where can training end if the covariates or the prior have preferred directions?

    Lists the stationary points of the exact loss, with their losses and kinds, and says for which the list is proved complete. Compared
    are the loss at each and the number of its directions of descent, where descents from random starts end, and the losses of the
    minima on sampled prompts.
    """
    values = sorted((rational("--eigenvalue", text) for text in eigenvalue), reverse=True)
    if not values[0]:
        raise ConfigError("--eigenvalue: all are 0, so no layer predicts better than 0 does; give one that is positive.")
    if len(values) > LARGEST:
        raise ConfigError(f"--eigenvalue: points are listed up to d = {LARGEST} here, got {len(values)} eigenvalues; give fewer.")
    setting = setting_of(values, context, rational("--noise", noise))
    polynomial = LossPolynomial(ExactObjective(setting))
    points = placed(polynomial, anisotropic_points(setting))
    checks = []
    for place in points:
        checks.append(Check(f"loss: {place.name}", number(place.point.loss), place.loss, 0.0))
        checks.append(Check(f"directions of descent: {place.name}", place.point.index, place.descending, 0.0))
    missed, counts = unlisted(polynomial, points, seed)
    checks.append(Check(f"ends of {STARTS} descents that are not on the list", 0, missed, 0.0))
    for place in points:
        if place.point.kind in ("global minimum", "local minimum"):
            checks.append(
                Check(f"loss on prompts: {place.name}", place.loss, *sampled_loss(setting, polynomial, place.theta, prompts, seed))
            )
    title = f"eigenvalues {', '.join(map(str, values))}, n = {context}, σ² = {noise}"
    ended = "; ".join(f"{count} in {name}" for name, count in counts.items())
    text = f"{completeness(setting)} Descents ended: {ended}."
    return Answer("rank-one-points", title, text, tuple(checks), png(_figure(setting, values, polynomial, points, title)))


def setting_of(values: list[Rational], context: int, noise: Rational) -> Setting:
    """Σ = I and W diagonal."""
    return Setting(covariates=Gaussian.isotropic(len(values)), response=Linear(diag(*values)), noise_variance=noise, context_length=context)


def critical_scale(values: list[Rational], context: int, noise: Rational) -> float:
    """The number s with which all eigenvalues but the greatest are to be multiplied for its one direction to be degenerate, between a local
    minimum below and a saddle above; 1 or more where it is not reached, by bisection on theory's exact sign."""

    def is_low(scale: Rational) -> bool:
        return bool(spectrum(setting_of([values[0], *(scale * value for value in values[1:])], context, noise)).turn(0) > 0)

    low, high = Rational(0), values[0] / values[1]
    if is_low(high):
        return float(high)
    for _ in range(9):
        middle = (low + high) / 2
        low, high = (middle, high) if is_low(middle) else (low, middle)
    return float(low + high) / 2


def _figure(setting: Setting, values: list[Rational], polynomial: LossPolynomial, points: list[Placed], title: str) -> Figure:
    panels = 1 + (len(set(values)) > 1) + bool(len(values) > 1 and values[1] > 0)
    figure = Figure(figsize=(5 * panels + (panels == 1), 4.8), layout=ConstrainedLayoutEngine(wspace=0.06))
    axes = list(figure.subplots(1, panels, squeeze=False)[0])
    _axes_of_profile(axes.pop(0), values, polynomial, points)
    if len(set(values)) > 1:
        _plane(axes.pop(0), values, polynomial, points)
    if axes:
        _threshold(axes.pop(0), setting, values)
    figure.suptitle(f"Preferred directions: {title}")
    return figure


def _scaled(polynomial: LossPolynomial, share: Tensor, directions: Tensor) -> Tensor:
    """v with this share of |v_x|² in |v_x|² + τ v_y², v_x along unit vectors"""
    return torch.cat([share.sqrt()[:, None] * directions, (1 - share).sqrt()[:, None] / polynomial.objective.null**0.5], dim=1)


def _share(polynomial: LossPolynomial, place: Placed) -> float:
    natural = polynomial.natural(place.theta)[: polynomial.values].square()
    return float(natural[:-1].sum() / natural.sum())


def _axes_of_profile(axes: Axes, values: list[Rational], polynomial: LossPolynomial, points: list[Placed]) -> None:
    share = torch.linspace(0, 1, 201, dtype=DTYPE)
    for value in sorted(set(values), reverse=True):
        direction = torch.eye(len(values), dtype=DTYPE)[values.index(value)].expand(len(share), -1)
        axes.plot(
            share, profile(polynomial, _scaled(polynomial, share, direction)), label=f"$v_x$ along the eigenvector of {value}", zorder=1
        )
    shown = set()
    for place in points:
        if len(place.point.eigenvalues) < 2 and place.point.name != "zero predictor":
            marker, colour = MARKS[place.point.kind]
            label = place.point.kind if place.point.kind not in shown else None
            shown.add(place.point.kind)
            axes.scatter(_share(polynomial, place), place.loss, marker=marker, color=colour, s=60, label=label, zorder=2)
    axes.set_xlabel(r"$|v_x|^2 / (|v_x|^2 + \tau v_y^2)$")
    axes.set_ylabel("least loss at given $v$")
    axes.set_title("along eigenvectors")
    axes.legend(fontsize=8)


def _plane(axes: Axes, values: list[Rational], polynomial: LossPolynomial, points: list[Placed]) -> None:
    """The profile in a quarter of a disc: its radius is the root of the share, its angle that of v_x between two eigenvectors."""
    pair = sorted(set(values), reverse=True)[:2]
    radius, angle = torch.meshgrid(torch.linspace(0, 1, 60, dtype=DTYPE), torch.linspace(0, torch.pi / 2, 60, dtype=DTYPE), indexing="ij")
    directions = angle.new_zeros(angle.numel(), len(values))
    for value, part in zip(pair, (angle.cos(), angle.sin()), strict=True):
        directions[:, values.index(value)] = part.flatten()
    level = profile(polynomial, _scaled(polynomial, radius.flatten().square(), directions)).view(radius.shape)
    minimum = float(polynomial.objective.minimum)
    height = ((level - minimum) / (polynomial.objective.null - minimum)).clamp(min=0).sqrt()
    filled = axes.contourf(radius * angle.cos(), radius * angle.sin(), height, levels=30, cmap="viridis", zorder=0)
    bar = axes.figure.colorbar(filled, ax=axes, shrink=0.75)
    bar.ax.set_title(r"$\sqrt{\frac{L - L^*}{\tau - L^*}}$", fontsize=13, pad=10)
    for place in points:
        if place.point.name == "zero predictor" or not set(place.point.eigenvalues) <= set(pair):
            continue
        marker, colour = MARKS[place.point.kind]
        root = _share(polynomial, place) ** 0.5
        v_x = polynomial.natural(place.theta)[: polynomial.dimension].abs()
        v_x = v_x / v_x.norm().clamp(min=1e-300)
        at = [root * float(v_x[values.index(value)]) for value in pair]
        axes.scatter(at[0], at[1], marker=marker, color=colour, s=70, edgecolors="white", linewidths=0.6, zorder=2, clip_on=False)
    axes.set_xlabel(f"part of $v_x$ along the eigenvector of {pair[0]}")
    axes.set_ylabel(f"along that of {pair[1]}")
    axes.set_aspect("equal")
    axes.set_title("between two eigenvectors")


def _threshold(axes: Axes, setting: Setting, values: list[Rational]) -> None:
    lengths = sorted({*LENGTHS, int(setting.context_length)})
    scales = [critical_scale(values, length, setting.noise_variance) for length in lengths]
    top = float(values[0] / values[1])
    axes.plot(lengths, scales, color="#111111")
    axes.fill_between(lengths, 0, scales, color="#c2410c", alpha=0.25, label="local minimum")
    axes.fill_between(lengths, scales, top, color="#1f6fb4", alpha=0.25, label="saddle")
    axes.plot(int(setting.context_length), 1, "k+", markersize=12, label="the setting asked")
    axes.set_xscale("log", base=2)
    axes.set_ylim(0, top)
    axes.set_xlabel("context length $n$")
    axes.set_ylabel("factor of all eigenvalues but the greatest")
    axes.set_title("one direction along the greatest eigenvalue")
    axes.legend(fontsize=8)
