"""A layer with many heads: theory's stationary points against where gradient flow of the exact loss ends.

The loss is a quadratic in T = Σ_h v_h ⊗ M_h. Its coefficients are those of the loss of one head (`numerics.polynomial`), which has them
symmetrised; a head's formula is not typed in again, and theory's formulas for heads are not used. Starts are random, and beside theory's
stationary points; each end has to be a local minimum of theory's list.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple, Self, cast

import click
import torch
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from sympy import S, Symbol, oo
from torch import Tensor

from numerics.config import TrainConfig
from numerics.descent import descend, random_starts
from numerics.evaluate import DTYPE, compile_expression, number
from numerics.figures import png
from numerics.objective import ExactObjective
from numerics.polynomial import LossPolynomial, coefficients
from numerics.questions.answer import Answer, Check, question
from theory import Setting
from theory.heads import (
    HeadsFamily,
    head_profile,
    heads_with_spurious_minima,
    smallest_heads_without_spurious_minima,
    stationary_points_of_heads,
)
from theory.notation import ratio

LARGEST = 5
NEAR = 1e-8
"""Share of the loss within which an end's loss is that of a family"""
CONTEXTS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 40, 50, 64, 80, 100, 128, 160, 200, 256, 400, 640, 1000)
SHADES = {"none": "#e8e6e1", "directions": "#6b4fa0", "mixed directions": "#b79fd8"}
MARKS = {"global minimum": "o", "local minimum": "s", "saddle": "x"}


class HeadsPolynomial:
    """L(θ) for θ (N, H(d+1)²), each head's v and M without its last column flattened, one head after the other; Σ = I.

    Has what `numerics.descent` asks of a polynomial.
    """

    def __init__(self, one: LossPolynomial, heads: int) -> None:
        self.one, self.heads, self.objective, self.gain = one, heads, one.objective, one.gain
        self.values, self.dimension, self.size = one.values, one.dimension, one.size * heads
        linear, quartic = coefficients(one.objective)
        self._linear = linear.view(self.values, self.values, self.dimension)
        # E S_ab S_cd, from its means with b and d exchanged: three pairs of indices, in three equations
        self._pairs = quartic.permute(0, 2, 1, 3) + quartic.permute(0, 2, 3, 1) - quartic

    def rows(self, index: Tensor) -> Self:
        """The same: there is one setting"""
        return self

    def split(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """v (N, H, d+1) and M (N, H, d+1, d)"""
        each = theta.unflatten(-1, (self.heads, self.one.size))
        return each[..., : self.values], each[..., self.values :].unflatten(-1, (self.values, self.dimension))

    def _slope(self, v: Tensor, M: Tensor) -> tuple[Tensor, Tensor]:
        """T and half of ∂²L/∂T² applied to it, both (N, d+1, d+1, d)"""
        T = torch.einsum("nha,nhbj->nabj", v, M)
        return T, torch.einsum("abcd,ncdj->nabj", self._pairs, T)

    def loss(self, theta: Tensor) -> Tensor:
        """L, (N,)"""
        T, slope = self._slope(*self.split(theta))
        return self.objective.null + ((self._linear + slope) * T).flatten(1).sum(-1)

    def gradient(self, theta: Tensor) -> Tensor:
        """∂L/∂θ, (N, size)"""
        v, M = self.split(theta)
        total = self._linear + 2 * self._slope(v, M)[1]
        by_value = torch.einsum("nabj,nhbj->nha", total, M)
        by_keys = torch.einsum("nabj,nha->nhbj", total, v)
        return torch.cat([by_value, by_keys.flatten(-2)], dim=-1).flatten(1)

    def derivatives(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """∂L/∂θ and ∂²L/∂θ², (N, size, size)"""
        v, M = self.split(theta)
        count, heads, p, d = len(theta), self.heads, self.values, self.dimension
        total = self._linear + 2 * self._slope(v, M)[1]
        unit = torch.eye(d, dtype=DTYPE)
        hessian = theta.new_zeros(count, heads, self.one.size, heads, self.one.size)
        hessian[:, :, :p, :, :p] = 2 * torch.einsum("abcd,nhbj,nkdj->nhakc", self._pairs, M, M)
        keys = 2 * torch.einsum("abcd,nha,nkc->nhbkd", self._pairs, v, v)
        hessian[:, :, p:, :, p:] = torch.einsum("nhbkd,ij->nhbikdj", keys, unit).reshape(count, heads, p * d, heads, p * d)
        mixed = 2 * torch.einsum("abcd,nhbj,nkc->nhakdj", self._pairs, M, v)
        mixed += torch.einsum("nadj,hk->nhakdj", total, torch.eye(heads, dtype=DTYPE))
        mixed = mixed.reshape(count, heads, p, heads, p * d)
        hessian[:, :, :p, :, p:] = mixed
        hessian[:, :, p:, :, :p] = mixed.permute(0, 3, 4, 1, 2)
        return self.gradient(theta), hessian.reshape(count, self.size, self.size)

    def back(self, theta: Tensor) -> Tensor:
        """From natural coordinates of each head in its gauge ‖ṽ‖ = ‖M̃‖ (N, size, size)"""
        each = self.one.back(theta.reshape(-1, self.one.size)).view(len(theta), self.heads, self.one.size, self.one.size)
        total = theta.new_zeros(len(theta), self.heads, self.one.size, self.heads, self.one.size)
        for h in range(self.heads):
            total[:, h, :, h, :] = each[:, h]
        return total.reshape(len(theta), self.size, self.size)

    def share(self, theta: Tensor) -> Tensor:
        """r/(r + E y²) of the values' span: how far the label is from it, (N,)"""
        v, _ = self.split(theta)
        scale = torch.ones(self.values, dtype=DTYPE)
        scale[-1] = self.objective.null**0.5
        basis, sizes, _ = torch.linalg.svd((v * scale).mT, full_matrices=False)
        known = torch.where(sizes > 1e-6 * sizes.amax(-1, keepdim=True), basis[:, -1, :].square(), 0.0)
        return (1 - known.sum(-1)).clamp(0, 1)

    def at(self, family: HeadsFamily) -> Tensor:
        """θ of theory's member of a family, (size,)"""
        parts = []
        for layer in family.layers or ():
            keys = [number(layer.key_query[i, j]) for i in range(self.values) for j in range(self.dimension)]
            parts.append(torch.tensor([*map(number, layer.value), *keys], dtype=DTYPE))
        return torch.cat(parts)


class Found(NamedTuple):
    """What came out for one number of heads: theory's families, and of each end its loss, its share and its family's place (−1: none)."""

    heads: int
    families: tuple[HeadsFamily, ...]
    losses: Tensor
    shares: Tensor
    places: Tensor


def explored(setting: Setting, one: LossPolynomial, heads: int, starts: int, seed: int) -> Found:
    """Gradient flow from random starts and from some beside each of theory's stationary points."""
    families = stationary_points_of_heads(setting, heads)
    polynomial = HeadsPolynomial(one, heads)
    random = random_starts(one, starts * heads, scale=1.0, seed=seed).view(starts, polynomial.size)
    members = torch.stack([polynomial.at(family) for family in families])
    generator = torch.Generator().manual_seed(seed + 1)
    size = random.square().mean().sqrt()
    beside = members + 1e-2 * size * torch.randn(members.shape, dtype=DTYPE, generator=generator)
    ends = descend(cast(Any, polynomial), torch.cat([random, beside]))
    losses = polynomial.loss(ends.theta)
    listed = torch.tensor([number(family.loss) for family in families], dtype=DTYPE)
    distance, places = (losses[:, None] - listed).abs().min(-1)
    minima = torch.tensor([family.kind != "saddle" for family in families])
    off = (distance > NEAR * one.objective.null) | ~minima[places] | ~ends.converged
    return Found(heads, families, losses, polynomial.share(ends.theta), torch.where(off, -1, places))


def checked(found: Found) -> list[Check]:
    """No end is off the list, and the losses agree where ends were found."""
    checks = [Check(f"H = {found.heads}: ends off the list, of {len(found.places)}", 0.0, float((found.places < 0).sum()), 0.0)]
    for place, family in enumerate(found.families):
        here = found.losses[found.places == place]
        if len(here) and (family.kind == "local minimum" or family.name == "global minimum"):
            checks.append(
                Check(f"H = {found.heads}: loss of the {family.kind}, {len(here)} ends", number(family.loss), float(here.mean()), 0.0)
            )
    return checks


@question("H heads: which spurious minima are left")
@click.option(
    "--dimension", type=click.IntRange(min=1, max=LARGEST), default=3, show_default=True, help="d; d + 1 heads have (d + 1)³ weights"
)
@click.option("--context", type=click.IntRange(min=1, max=CONTEXTS[-1]), default=2, show_default=True, help="n")
@click.option("--noise", default="1", show_default=True, help="σ²")
@click.option("--starts", type=click.IntRange(min=1), default=24, show_default=True, help="random starts for each number of heads")
def command(prompts: int, seed: int, starts: int, **values: object) -> Answer:
    """With H heads the minimum does not change; what becomes of the spurious minima?

    Theory's stationary points for H = 1, …, d + 1 heads, held against the ends of gradient flow of the exact loss from random starts and
    from starts beside each stationary point. No prompts are sampled.
    """
    config = TrainConfig.build(**values)
    setting = config.setting
    one = LossPolynomial(ExactObjective(setting))
    found = [explored(setting, one, heads, starts, seed) for heads in range(1, config.dimension + 2)]
    checks = [check for part in found for check in checked(part)]
    spurious, least = heads_with_spurious_minima(setting), smallest_heads_without_spurious_minima(setting)
    title = f"d = {config.dimension}, n = {config.context}, σ² = {config.noise}"
    text = (
        f"Spurious minima with {_listed(spurious)} here; the least number without any is {least}, and from H = d on there are none. "
        "An idle head makes every stationary point above the minimum a strict saddle, so more heads remove the spurious minima of few; "
        "but they may have some of their own."
    )
    return Answer("heads", title, text, tuple(checks), _drawn(setting, found, title))


def _listed(numbers: tuple[int, ...]) -> str:
    if not numbers:
        return "no number of heads"
    return f"{' and '.join(map(str, numbers))} head{'s' * (numbers != (1,))}"


def _drawn(setting: Setting, found: list[Found], title: str) -> bytes:
    figure = Figure(figsize=(12, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    _profiles(left, setting, found)
    _phases(right, setting)
    figure.suptitle(f"H heads: {title}; $F_H$ is the least loss of H heads at given values")
    return png(figure)


def _profiles(axes: Any, setting: Setting, found: list[Found]) -> None:
    """F_H over r/(r + E y²), theory's stationary points of rank H on it, and the random starts' ends."""
    size, null = int(setting.dimension), number(setting.moments.tau)
    shares = torch.linspace(0, 1, 401, dtype=DTYPE)[:-1]
    for part in found[:size]:
        profile = compile_expression(head_profile(setting, part.heads).loss)
        (line,) = axes.plot(shares, profile({ratio: null * shares / (1 - shares)}), label=f"$F_{part.heads}$")
        for family in part.families:
            if family.rank == part.heads:
                r = family.ratio
                at = 1.0 if r == oo else number(r) / (number(r) + null)
                axes.plot([at], [number(family.loss)], MARKS[family.kind], color=line.get_color(), markersize=7, fillstyle="none")
        ends = part.places >= 0
        axes.plot(part.shares[ends], part.losses[ends], ".", color=line.get_color(), markersize=4)
    axes.set(xlabel="r / (r + E y²), r = |v_x|² / v_y²", ylabel="$F_H$, the least loss at given values", title="the profile of H heads")
    marks = [Line2D([], [], linestyle="", marker=mark, color="#444444", fillstyle="none", label=kind) for kind, mark in MARKS.items()]
    dot = Line2D([], [], linestyle="", marker=".", color="#444444", label="end of gradient flow")
    handles = [*axes.get_legend_handles_labels()[0], *marks, dot]
    axes.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=4, frameon=False)


def _phases(axes: Any, setting: Setting) -> None:
    """For which n and H there are spurious minima, by theory, and which."""
    n, size = Symbol("n", integer=True, positive=True), int(setting.dimension)
    kinds = list(SHADES)
    table = torch.zeros(size, len(CONTEXTS))
    for row in range(size):
        families = [f for f in stationary_points_of_heads(replace(setting, context_length=n), row + 1) if f.kind == "local minimum"]
        for column, context in enumerate(CONTEXTS):
            names = [family.name for family in families if family.exists.subs(n, context) == S.true]
            table[row, column] = kinds.index(names[0]) if names else 0
    axes.imshow(table.tolist(), origin="lower", aspect="auto", cmap=ListedColormap(list(SHADES.values())), vmin=0, vmax=2)
    ticks = range(0, len(CONTEXTS), 3)
    axes.set_xticks(list(ticks), [str(CONTEXTS[k]) for k in ticks])
    axes.set_yticks(range(size), [str(h + 1) for h in range(size)])
    axes.set(xlabel="n", ylabel="H", title=f"spurious minima, d = {size}, σ² = {setting.noise_variance}")
    handles = [Patch(color=shade, label=name) for name, shade in SHADES.items()]
    axes.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3, frameon=False)
