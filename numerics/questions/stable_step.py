"""Is the optimal step a stable one: η λ_max of a prompt's Hessian XᵀX, sampled, against 2; its law, its limit, and bounds.

Covariates N(0, I), tasks N(0, I): η = 1/(n + 1 + d + σ²). The eigenvalues are those of Wishart matrices, drawn from their exact law.
"""

from __future__ import annotations

import math

import click
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter
from sympy import Rational
from torch import Generator, Tensor

from numerics import wishart
from numerics.config import TrainConfig
from numerics.errors import ConfigError
from numerics.evaluate import number
from numerics.figures import png
from numerics.questions.answer import Answer, Check, question
from numerics.source import Source
from theory import Gaussian, Linear, Setting
from theory import notation as symbols
from theory.stable_step import (
    best_markov_bound,
    concentration_bound,
    edge_limit,
    markov_bound,
    mean_square_factor,
    step_size,
    trace_moment,
    unstable_probability,
)

NUMBERS, MOST, LOUDEST = 1 << 22, 1 << 27, 100
COLOURS = ("#111111", "#c2410c", "#1f6fb4", "#5b8c3a")
NOISES = ("0", "1/2", "2")
BANDS = ((10, 4000), (50, 400), (200, 40))
"""Dimensions of which the spread is drawn, and how many prompts for each point"""
RATIOS = ("1/5", "2/5", "7/10", "1", "3/2", "5/2", "5")
SIZES = (1, 2, 4, 8, 12, 20, 28, 40)
PLACES = (("1", "0"), ("2", "0"), ("1", "1/10"), ("1/4", "0"))
"""n/d and σ²/d at which the probability of an unstable step is drawn against d"""


def white(dimension: int, context: int, noise: Rational) -> Setting:
    """White covariates and tasks."""
    law, response = Gaussian.isotropic(dimension), Linear.isotropic(dimension)
    return Setting(covariates=law, response=response, noise_variance=noise, context_length=context)


def spectra(setting: Setting, prompts: int, seed: int) -> Tensor:
    """η times the eigenvalues of XᵀX, increasing, of so many prompts (prompts, d)."""
    size, length, eta = int(setting.dimension), int(setting.context_length), number(step_size(setting))
    source = Source(dtype=torch.float64, device=torch.device("cpu"), generator=Generator().manual_seed(seed))
    chunk = max(1, NUMBERS // size**2)
    starts = range(0, prompts, chunk)
    drawn = [torch.linalg.eigvalsh(wishart.whole(source, length, size, min(chunk, prompts - start))) for start in starts]
    return eta * torch.cat(drawn)


@question("is the optimal step of gradient descent a stable one?")
@click.option("--dimension", type=click.IntRange(min=1, max=60), default=10, show_default=True, help="d where prompts are sampled")
@click.option("--context", type=click.IntRange(min=1, max=400), default=10, show_default=True, help="n where prompts are sampled")
@click.option("--noise", default="0", show_default=True, help="σ² ≤ 100, tasks being N(0, I)")
def command(dimension: int, context: int, noise: str, prompts: int, seed: int) -> Answer:
    """Is the optimal step of gradient descent a stable one: is η λ_max(XᵀX) < 2?

    In the mean square always. On a single prompt it is unstable with a probability that is known exactly; for many dimensions that tends to
    0, unless n = d without noise.
    """
    variance = TrainConfig.build(dimension=dimension, context=context, noise=noise).setting.noise_variance
    if variance > LOUDEST:
        raise ConfigError(f"--noise {noise}: the best of Markov's bounds takes a moment whose order grows with σ²; give at most {LOUDEST}.")
    if prompts * dimension > MOST:
        raise ConfigError(f"--prompts {prompts}: too many to sample with d = {dimension}; give at most {MOST // dimension}.")
    setting = white(dimension, context, variance)
    drawn = spectra(setting, prompts, seed)
    exact = unstable_probability(setting)
    markov, power = best_markov_bound(setting)
    bounds = number(markov), number(concentration_bound(setting))
    chance = number(exact)
    sizes = {symbols.n: context, symbols.d: dimension, symbols.eta: step_size(setting)}
    first, second, third = (number((symbols.eta**p * trace_moment(p)).subs(sizes)) for p in (1, 2, 3))
    checks = (
        _binomial("P(η λ_max ≥ 2)", chance, drawn[:, -1] >= 2),
        # an eigenvector of XᵀX has no preferred direction, so the mean of (1 − ηλ)² is that of ‖(I − ηXᵀX)u‖²
        _mean("E ‖(I − ηXᵀX)u‖²/‖u‖²", number(mean_square_factor().subs(sizes)), ((1 - drawn) ** 2).mean(1)),
        *(_mean(f"E tr (ηXᵀX)^{p}", moment, (drawn**p).sum(1)) for p, moment in enumerate((first, second, third), start=1)),
        Check("E tr (ηXᵀX/2)³, two routes", third / 8, number(markov_bound(setting, 3)), 0.0),
        Check("P, kept below its bounds", chance, min(chance, *bounds), 0.0),
    )
    edge = edge_limit(Rational(context, dimension), variance / dimension)
    return Answer(
        "stable-step",
        f"d = {dimension}, n = {context}, σ² = {noise}",
        f"η = {step_size(setting)}. The step is unstable on a prompt with probability {chance:.4g}; bounds: {bounds[0]:.4g} (Markov, "
        f"moment of order {power}), {bounds[1]:.4g} (Davidson and Szarek). In proportion, η λ_max tends to {number(edge):.6g}.",
        checks,
        _figure(),
    )


def _mean(name: str, theory: float, values: Tensor) -> Check:
    return Check(name, theory, float(values.mean()), float(values.std()) / math.sqrt(len(values)))


def _binomial(name: str, chance: float, events: Tensor) -> Check:
    """The error is that of a binomial law; of a chance so small that none is expected, one event is not held against theory."""
    return Check(name, chance, float(events.double().mean()), max(math.sqrt(chance * (1 - chance) / len(events)), 1 / len(events)))


def _figure() -> bytes:
    figure = Figure(figsize=(12.5, 5), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    _edges(left)
    _chances(right)
    for axes in (left, right):
        axes.grid(alpha=0.3, linewidth=0.5, which="both")
        axes.legend(fontsize=8)
    figure.suptitle("Is the optimal step of gradient descent a stable one?")
    return png(figure)


def _edges(axes: Axes) -> None:
    """The limit of η λ_max against n/d, and the spread of samples without noise."""
    grid = [Rational(round(10 ** (0.04 * k) * 1000), 1000) for k in range(-30, 31)]
    for text, colour in zip(NOISES, COLOURS, strict=False):
        limits = [number(edge_limit(ratio, Rational(text))) for ratio in grid]
        axes.plot(list(map(float, grid)), limits, color=colour, linewidth=1.4, label=f"limit, σ²/d = {text}")
    for shift, (size, prompts) in enumerate(BANDS):
        colour = ("#9a9a9a", "#6b6b6b", "#2a2a2a")[shift]
        for text in RATIOS:
            largest = spectra(white(size, int(Rational(text) * size), Rational(0)), prompts, seed=shift)[:, -1]
            low, middle, high = largest.quantile(torch.tensor([0.05, 0.5, 0.95], dtype=torch.float64)).tolist()
            place = float(Rational(text)) * 1.06 ** (shift - 1)
            label = f"d = {size}: 5 %, median, 95 %" if text == RATIOS[0] else None
            axes.errorbar(
                [place], [middle], [[middle - low], [high - middle]], fmt="o", color=colour, markersize=3.5, capsize=2.5, label=label
            )
    axes.axhline(2, color=COLOURS[3], linestyle="--", linewidth=1.2, label="the edge of stability")
    axes.set(
        xscale="log",
        xlabel="n/d, examples for each dimension",
        ylabel="η λ_max(XᵀX)",
        title="the largest eigenvalue",
    )


def _chances(axes: Axes) -> None:
    """The exact probability of an unstable step against d, and Markov's bound."""
    for (ratio, noise), colour in zip(PLACES, COLOURS, strict=True):
        sizes = [size for size in SIZES if (Rational(ratio) * size).is_Integer]
        settings = [white(size, int(Rational(ratio) * size), Rational(noise) * size) for size in sizes]
        label = f"n/d = {ratio}, σ²/d = {noise}"
        axes.plot(sizes, [number(unstable_probability(setting)) for setting in settings], "o-", color=colour, markersize=4, label=label)
        axes.plot(sizes, [number(best_markov_bound(setting)[0]) for setting in settings], color=colour, linestyle=":", linewidth=1.2)
    axes.set(xscale="log", yscale="log", title="exact; dotted: the best of Markov's bounds")
    axes.xaxis.set(major_locator=FixedLocator(SIZES), minor_locator=NullLocator(), major_formatter=StrMethodFormatter("{x:.0f}"))
    axes.set(xlabel="d", ylabel="P(the step is unstable)")
