"""The gap between the best layer and the Bayes risk: the limit n/d → γ, finite sizes beside it, and both risks sampled.

Covariates N(0, I), tasks N(0, I/d), noise σ²: the signal is 1. Given the context, task, noise and query are
integrated: with G = XᵀX the step ηI has the risk σ² + tr(I − 2ηG + η²(G² + dσ²G))/d, the posterior mean σ² + σ² tr(G/d + σ²)⁻¹/d.
"""

from __future__ import annotations

import math

import click
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter
from sympy import Matrix, Rational
from torch import Generator, Tensor

from numerics import wishart
from numerics.config import TrainConfig
from numerics.errors import ConfigError
from numerics.evaluate import number
from numerics.figures import png
from numerics.questions.answer import Answer, Check, question
from numerics.source import Source
from theory import Gaussian, Linear, Setting, bayes_risk, global_minimiser
from theory.gap_to_bayes import (
    bayes_bounds,
    bayes_correction,
    bayes_limit,
    finite_gap,
    largest_gap,
    one_step_distance,
    one_step_limit,
    proportional_gap,
)
from theory.stable_step import step_size

NUMBERS, CHUNK, MOST = 1 << 22, 1 << 12, 1 << 27
COLOURS, OWN = ("#111111", "#c2410c", "#1f6fb4", "#5b8c3a"), "#7a3b9a"
NOISES = ("0", "1/10", "1/2", "2")
SIZES = ((2, "^"), (5, "s"), (20, "o"))
"""Dimensions of the finite gaps, and their markers"""
RATIOS = ("1/5", "2/5", "3/5", "4/5", "1", "6/5", "8/5", "2", "3", "4", "8")
DRAWN_SIZES = (2, 4, 6, 10, 16, 26, 40)
FITTED, LONGEST = (5, 40), 400
"""Dimensions between which the fall of the distance to the limit is measured, and the longest context there"""


def scaled(dimension: int, context: int, noise: Rational) -> Setting:
    """White covariates and a signal of 1."""
    response = Linear(Matrix.eye(dimension) / dimension)
    return Setting(covariates=Gaussian.isotropic(dimension), response=response, noise_variance=noise, context_length=context)


def sampled(setting: Setting, prompts: int, seed: int) -> Tensor:
    """The risks of the optimal step and of the posterior mean given each of so many contexts (prompts, 2)."""
    size, length, noise = int(setting.dimension), int(setting.context_length), float(setting.noise_variance)
    eta = number(step_size(setting))
    source = Source(dtype=torch.float64, device=torch.device("cpu"), generator=Generator().manual_seed(seed))
    rows = []
    chunk = max(1, min(CHUNK, NUMBERS // size**2))
    for start in range(0, prompts, chunk):
        eigenvalues = torch.linalg.eigvalsh(wishart.whole(source, length, size, min(chunk, prompts - start)))
        rows.append(torch.stack([given(eigenvalues, eta, noise), ridge(eigenvalues, noise, min(length, size))], dim=1))
    return torch.cat(rows)


def given(eigenvalues: Tensor, eta: float, noise: float) -> Tensor:
    """The risk of the step η given the eigenvalues of G, (..., d)."""
    size = eigenvalues.shape[-1]
    return noise + (1 - 2 * eta * eigenvalues + eta**2 * (eigenvalues**2 + size * noise * eigenvalues)).mean(-1)


def ridge(eigenvalues: Tensor, noise: float, rank: int) -> Tensor:
    """The risk of the posterior mean; without noise it is what the context does not see of the task, G having this rank."""
    size = eigenvalues.shape[-1]
    if noise == 0:
        return torch.full_like(eigenvalues[..., 0], (size - rank) / size)
    return noise + (noise / (eigenvalues.clamp(min=0) / size + noise)).mean(-1)


@question("the best layer against the Bayes risk, n/d → γ")
@click.option("--dimension", type=click.IntRange(min=1, max=60), default=10, show_default=True, help="d where risks are sampled")
@click.option("--context", type=click.IntRange(min=1, max=400), default=10, show_default=True, help="n where risks are sampled")
@click.option("--noise", default="1/4", show_default=True, help="σ², the signal E (w·x)² being 1")
def command(dimension: int, context: int, noise: str, prompts: int, seed: int) -> Answer:
    """How far is the best layer from the Bayes risk, as a function of n/d and σ²?

    In the limit of many dimensions the gap has a closed form. Exact finite sizes approach it as 1/d; both risks are held against prompts.
    """
    variance = TrainConfig.build(dimension=dimension, context=context, noise=noise).setting.noise_variance
    if prompts * dimension > MOST:
        raise ConfigError(f"--prompts {prompts}: too many to sample with d = {dimension}; give at most {MOST // dimension}.")
    setting, ratio = scaled(dimension, context, variance), Rational(context, dimension)
    drawn = sampled(setting, prompts, seed)
    drawn = torch.cat([drawn, drawn[:, :1] - drawn[:, 1:]], dim=1)
    means, errors = drawn.mean(0).tolist(), (drawn.std(0) / math.sqrt(prompts)).tolist()
    least, bayes, gap = map(number, (global_minimiser(setting).loss, bayes_risk(setting), finite_gap(setting)))
    low, high = map(number, bayes_bounds(setting))
    limit = number(one_step_limit(ratio, variance))
    checks = (
        Check("least loss of a layer", least, means[0], errors[0]),
        Check("Bayes risk", bayes, means[1], errors[1]),
        Check("gap", gap, means[2], errors[2]),
        Check("least loss, from its limit", number(variance) + limit + number(one_step_distance(dimension, ratio, variance)), least, 0.0),
        Check("Bayes risk, kept within its bounds", bayes, min(max(bayes, low), high), 0.0),
    )
    largest = largest_gap(variance)
    return Answer(
        "gap-to-bayes",
        f"d = {dimension}, n = {context}, σ² = {noise}, signal 1",
        f"Where n/d tends to {ratio} the gap tends to {number(proportional_gap(ratio, variance)):.6g} of the signal. "
        f"The largest at this noise is {number(largest.gap):.6g}, at n/d = {number(largest.ratio):.6g}. {_approach(ratio, variance)}",
        checks,
        _figure(setting, noise, (means[2], errors[2])),
    )


def distances(ratio: Rational, noise: Rational) -> dict[int, float]:
    """The Bayes risk less its limit at sizes d with a whole n = γd, exactly."""
    limit = noise + bayes_limit(ratio, noise)
    sizes = sorted({ratio.q * -(-size // ratio.q) for size in FITTED})
    return {size: number(bayes_risk(scaled(size, int(ratio * size), noise)) - limit) for size in sizes if ratio * size <= LONGEST}


def _approach(ratio: Rational, noise: Rational) -> str:
    """How the Bayes risk approaches its limit, in words."""
    if noise == 0:
        return "Without noise the Bayes risk is at its limit at every size."
    found = distances(ratio, noise)
    theory = f"theory: {number(bayes_correction(ratio, noise)):.4g}/d"
    if len(found) < 2:
        return f"The Bayes risk is above its limit by, {theory}."
    (first, last) = min(found), max(found)
    slope = math.log(found[last] / found[first]) / math.log(last / first)
    return f"From d = {first} to {last} its distance to the limit falls as d^{slope:.3f}, to {found[last] * last:.4g}/d; {theory}."


def _figure(setting: Setting, noise: str, dot: tuple[float, float]) -> bytes:
    figure = Figure(figsize=(12.5, 5), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    grid = [Rational(round(10 ** (0.02 * k) * 1000), 1000) for k in range(-65, 81)]
    for text, colour in (*zip(NOISES, COLOURS, strict=False), (noise, OWN)):
        own = colour == OWN
        variance = Rational(text)
        left.plot(
            list(map(float, grid)),
            [number(proportional_gap(ratio, variance)) for ratio in grid],
            color=colour,
            linestyle="--" if own else "-",
            linewidth=1.4,
            label=f"limit, σ² = {text}",
        )
        for size, marker in SIZES:
            whole = [Rational(text) * size for text in RATIOS if (Rational(text) * size).is_Integer] if not own else []
            gaps = [number(finite_gap(scaled(size, int(n), variance))) for n in whole]
            left.plot([float(n / size) for n in whole], gaps, marker, color=colour, markersize=4.5, fillstyle="none", linestyle="none")
        largest = largest_gap(variance)
        left.plot([number(largest.ratio)], [number(largest.gap)], "x", color=colour, markersize=8)
    for size, marker in SIZES:
        left.plot([], [], marker, color="0.4", markersize=4.5, fillstyle="none", label=f"d = {size}, exact")
    left.plot([], [], "x", color="0.4", markersize=8, linestyle="none", label="largest")
    place = float(setting.context_length / setting.dimension)
    left.errorbar([place], [dot[0]], [2 * dot[1]], fmt="D", color=OWN, markersize=6, capsize=3, label=f"d = {setting.dimension}, sampled")
    left.set(
        xscale="log", xlabel="n/d, examples for each dimension", ylabel="least loss of a layer − Bayes risk, signal 1", title="the gap"
    )
    variance = setting.noise_variance
    for ratio, colour in zip((Rational(1, 2), Rational(1), Rational(2)), COLOURS[1:], strict=False):
        above = [number(one_step_distance(size, ratio, variance)) for size in DRAWN_SIZES]
        right.plot(DRAWN_SIZES, above, color=colour, linewidth=1.2, label=f"least loss, n/d = {ratio}")
        if variance:
            limit = variance + bayes_limit(ratio, variance)
            found = [number(bayes_risk(scaled(size, int(ratio * size), variance)) - limit) for size in DRAWN_SIZES]
            right.plot(DRAWN_SIZES, found, "o", color=colour, markersize=4, label=f"Bayes risk, n/d = {ratio}")
            first = number(bayes_correction(ratio, variance))
            right.plot(DRAWN_SIZES, [first / size for size in DRAWN_SIZES], color=colour, linestyle=":", linewidth=1)
    right.set(xscale="log", yscale="log")
    right.xaxis.set(major_locator=FixedLocator(DRAWN_SIZES), minor_locator=NullLocator(), major_formatter=StrMethodFormatter("{x:.0f}"))
    right.set(xlabel="d", ylabel="distance to the limit", title=f"at σ² = {noise}; dotted: theory's c/d")
    for axes in (left, right):
        axes.grid(alpha=0.3, linewidth=0.5, which="both")
        axes.legend(fontsize=8)
    figure.suptitle("The gap between the best layer and the Bayes risk")
    return png(figure)
