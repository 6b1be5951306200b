"""One layer for contexts of every length: the best step for the loss averaged over the positions, measured on prompts.

A prompt gives a prediction at each length k = 1, …, n, of the label of example k + 1, and each length has its weight. The losses of
theory's steps are means over prompts. The best step is measured as the one that solves the mean over prompts of the normal equations given
S_k = Σ_{i≤k} x_i x_iᵀ: over task, noise and query the squared error is integrated, so that far fewer prompts are needed. Error model:
prompts are independent draws; the standard error is that of the equations' residuals at the solution ("sandwich"), the bias of order
1/prompts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple, cast

import click
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from sympy import Rational
from torch import Generator, Tensor

from numerics.config import TrainConfig
from numerics.errors import ConfigError
from numerics.evaluate import number, to_tensor
from numerics.figures import png
from numerics.moments import has_moments
from numerics.questions.answer import Answer, Check, question
from numerics.samplers import PromptSampler
from theory import Linear, Setting
from theory.all_positions import Weights, averaged_loss, averaged_minimiser, averaged_minimum

CHUNK, NUMBERS, MOST = 1 << 12, 1 << 20, 1 << 28
COLOURS = ("#111111", "#c2410c", "#1f6fb4", "#5b8c3a")


class Case(NamedTuple):
    """A law of lengths.

    name           what the figure calls it
    probabilities  {k: probability of length k}
    mean           whether the layer divides by the length
    """

    name: str
    probabilities: Mapping[int, Rational]
    mean: bool = False

    @property
    def weights(self) -> Weights:
        """Its moments"""
        return Weights.lengths(self.probabilities, mean=self.mean)


def cases(context: int) -> tuple[Case, ...]:
    """The laws of lengths up to n that are compared: n itself, uniform for sums and for means, and a geometric one for sums.

    >>> [case.weights.effective_length for case in cases(2)[:3]]
    [2, 5/3, 4/3]
    """
    uniform = {k: Rational(1, context) for k in range(1, context + 1)}
    ratio = Rational(context, context + 4)
    powers = {k: ratio**k for k in uniform}
    whole = sum(powers.values())
    return (
        Case("length n", {context: Rational(1)}),
        Case("positions 1…n, sums", uniform),
        Case("positions 1…n, means", uniform, mean=True),
        Case("geometric length ≤ n, sums", {k: p / whole for k, p in powers.items()}),
    )


def step_size(setting: Setting, case: Case, covariance: Tensor) -> float:
    """tr(BΣ)/d of the best step."""
    best = to_tensor(averaged_minimiser(setting, case.weights).as_explicit())
    return float((best @ covariance).trace()) / len(covariance)


class Sampled:
    """Prompts of which every position is a prediction."""

    def __init__(self, setting: Setting, prompts: int, seed: int) -> None:
        self.setting, self.prompts, self.seed = setting, prompts, seed
        self.context = int(setting.context_length)
        self._lengths = torch.arange(1, self.context + 1, dtype=torch.float64)

    def chunks(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Covariates (batch, n+1, d) and labels (batch, n+1), every time the same."""
        generator = Generator().manual_seed(self.seed)
        sampler = PromptSampler(self.setting, dtype=torch.float64, device=torch.device("cpu"), generator=generator)
        size = max(1, min(CHUNK, NUMBERS // (self.context * int(self.setting.dimension) ** 2)))
        for start in range(0, self.prompts, size):
            yield sampler.sequences(min(size, self.prompts - start))

    def fit(self, case: Case, direction: Tensor) -> tuple[float, float]:
        """tr(JB) for the B that solves E[Σ_k p_k (S_k W S_k + σ² S_k)] B = E[Σ_k p_k S_k W], and its standard error."""
        prior = to_tensor(cast(Linear, self.setting.response).covariance.as_explicit())
        noise, weights = float(self.setting.noise_variance), self._weights(case)
        once, twice = (weights / self._lengths**power if case.mean else weights for power in (1, 2))
        squares, aligned = [], []
        for x, _ in self.chunks():
            seen = (x[:, :-1, :, None] * x[:, :-1, None, :]).cumsum(1)
            squares.append(torch.einsum("k,bkij->bij", twice, seen @ prior @ seen + noise * seen))
            aligned.append(torch.einsum("k,bkij->bij", once, seen @ prior))
        system, target = torch.cat(squares), torch.cat(aligned)
        step = torch.linalg.solve(system.mean(0), target.mean(0))
        along = (torch.linalg.solve(system.mean(0).mT, direction.mT).mT @ (target - system @ step)).diagonal(dim1=1, dim2=2).sum(1)
        return float((direction @ step).trace()), float(along.std()) / self.prompts**0.5

    def losses(self, step: Tensor, case: Case) -> tuple[Tensor, Tensor, Tensor]:
        """The mean squared error of one step at each length and its standard error, both (n,), and what it is in each prompt, averaged over
        the lengths (prompts,)."""
        weights, averages = self._weights(case), []
        total, squares = torch.zeros(2, self.context, dtype=torch.float64)
        for x, y in self.chunks():
            sums = (y[..., None] * x)[:, :-1].cumsum(1) / (self._lengths[:, None] if case.mean else 1)
            errors = ((sums @ step * x[:, 1:]).sum(-1) - y[:, 1:]).square()
            total += errors.sum(0)
            squares += errors.square().sum(0)
            averages.append(errors @ weights)
        mean = total / self.prompts
        return mean, (squares / self.prompts - mean.square()).clamp(min=0).sqrt() / self.prompts**0.5, torch.cat(averages)

    def _weights(self, case: Case) -> Tensor:
        return torch.tensor([number(case.probabilities.get(k, Rational(0))) for k in range(1, self.context + 1)], dtype=torch.float64)


@question("one layer for contexts of every length")
@click.option("--dimension", type=click.IntRange(min=1, max=20), default=3, show_default=True, help="d")
@click.option("--context", type=click.IntRange(min=1, max=400), default=20, show_default=True, help="n, the longest context")
@click.option("--noise", default="1/4", show_default=True, help="σ²")
@click.option("--covariates", default="isotropic", show_default=True, help="Σ: isotropic, or a matrix")
@click.option("--response", default="isotropic", show_default=True, help="W: isotropic, inverse (Σ⁻¹), or a matrix")
def command(prompts: int, seed: int, **values: object) -> Answer:
    """Which step is best if the loss is averaged over all positions of the context, or its length is random?

    That of one fixed effective length: E k² / E k for sums over the context, 1 / E(1/k) for means. Held against all positions of
    sampled prompts.
    """
    config = TrainConfig.build(**values)
    setting, context = config.setting, config.context
    if not has_moments(setting):
        raise ConfigError(
            f"--covariates {config.covariates} --response {config.response}: measured here for Gaussian covariates and linear responses "
            "only; give matrices."
        )
    most = MOST // (context * config.dimension**2)
    if prompts > most:
        raise ConfigError(f"--prompts {prompts}: too many to sample with n = {context}, d = {config.dimension}; give at most {most}.")
    covariance = to_tensor(setting.covariates.second_moment.as_explicit())
    sampled, compared = Sampled(setting, prompts, seed), cases(context)
    checks: list[Check] = []
    for case in compared:
        measured, error = sampled.fit(case, covariance / config.dimension)
        checks.append(Check(f"step tr(BΣ)/d, {case.name}", step_size(setting, case, covariance), measured, error))
    at_lengths = {}
    for case in compared[1:3]:
        best = averaged_minimiser(setting, case.weights)
        each, errors, averages = sampled.losses(to_tensor(best.as_explicit()), case)
        at_lengths[case.name] = each, errors
        mean, error = float(averages.mean()), float(averages.std()) / prompts**0.5
        minimum = number(averaged_minimum(setting, case.weights))
        checks.append(Check(f"averaged loss, {case.name}", minimum, mean, error))
        again = sum(p * averaged_loss(setting, Weights.lengths({k: 1}, mean=case.mean), best) for k, p in case.probabilities.items())
        checks.append(Check(f"the same, length by length, {case.name}", minimum, number(again), 0.0))
    title = f"d = {config.dimension}, n = {context}, σ² = {config.noise}"
    if (config.covariates, config.response) != ("isotropic", "isotropic"):
        title += f", covariates {config.covariates}, response {config.response}"
    lengths = [f"{case.name}: ñ = {number(case.weights.effective_length):.4g}" for case in compared]
    return Answer(
        "random-weights",
        title,
        "The best step is that of one effective length ñ, however the length varies. " + "; ".join(lengths) + ".",
        tuple(checks),
        _drawn(setting, compared, covariance, checks, at_lengths, title),
    )


def _drawn(
    setting: Setting,
    compared: tuple[Case, ...],
    covariance: Tensor,
    checks: list[Check],
    at_lengths: dict[str, tuple[Tensor, Tensor]],
    title: str,
) -> bytes:
    figure = Figure(figsize=(12, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    context = int(setting.context_length)
    lengths = range(1, context + 1)
    least = [number(averaged_minimum(setting, Weights.lengths({k: 1}))) for k in lengths]
    for case, colour in zip(compared[:3], COLOURS, strict=False):
        best = averaged_minimiser(setting, case.weights)
        risks = [number(averaged_loss(setting, Weights.lengths({k: 1}, mean=case.mean), best)) for k in lengths]
        left.plot(lengths, [risk / floor for risk, floor in zip(risks, least, strict=True)], color=colour, label=f"best for {case.name}")
        if case.name in at_lengths:
            means, errors = (part / torch.tensor(least, dtype=torch.float64) for part in at_lengths[case.name])
            label = f"{case.name}, sampled ± 2 s.e."
            left.errorbar(lengths, means, 2 * errors, fmt="o", color=colour, markersize=3.5, capsize=2, linewidth=1, label=label)
    left.xaxis.set_major_locator(MaxNLocator(integer=True))
    left.set(
        xlabel="k, examples before the prediction",
        ylabel="loss at length k / least loss at length k",
        title="what one step for all lengths costs",
    )
    grid = sorted({1, 2, 3, 5, 8, 12, 20, 32, 50, 80, context})
    for at, (case, colour) in enumerate(zip(compared, COLOURS, strict=True)):
        curve = []
        for n in grid:
            here = replace(setting, context_length=n)
            curve.append(step_size(here, cases(n)[at], covariance) * (1 if case.mean else n))
        right.plot(grid, curve, color=colour, label=case.name)
        right.plot([context], [checks[at].measured * (1 if case.mean else context)], "o", color=colour, markersize=5)
    right.set(
        xscale="log",
        xlabel="n, the longest context",
        ylabel="n tr(BΣ)/d for sums, tr(BΣ)/d for means",
        title="the best step; dots: measured",
    )
    for axes in (left, right):
        axes.grid(alpha=0.3, linewidth=0.5, which="both")
        axes.legend(fontsize=8)
    figure.suptitle(f"One layer for all lengths: {title}")
    return png(figure)
