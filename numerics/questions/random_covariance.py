"""A covariance drawn anew for each prompt: the best step and its risk, held against prompts; and what no context length mends.

Σ and the context's covariates are sampled; over task, noise and query the squared error is integrated. With S = Σ x_i x_iᵀ a step B
has, given both, the risk tr Σ + σ² − 2 tr(BᵀSΣ) + tr(Bᵀ(S² + σ²S)BΣ). The best step is the one with the least mean of this over
prompts, its standard error as in `all_positions`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

import click
import torch
from matplotlib.figure import Figure
from sympy import Rational, eye
from torch import Generator, Tensor

from numerics.config import TrainConfig
from numerics.errors import ConfigError
from numerics.evaluate import number, to_tensor
from numerics.figures import png
from numerics.questions.answer import Answer, Check, question
from numerics.source import Source, factor
from theory import Gaussian, Linear, Setting, global_minimiser
from theory.random_covariance import Mixture, TraceMoments, isotropic_floor, isotropic_risk, isotropic_step

CHUNK, NUMBERS, MOST = 1 << 13, 1 << 18, 1 << 29
COLOURS = ("#c2410c", "#1f6fb4", "#5b8c3a")
LARGEST = 10
SINGULAR = 1e-10
"""Eigenvalues of the normal equations below this share of the greatest count as 0"""
LONG = 10**12
"""A context so long that its risk is the limit within rounding"""


class Case(NamedTuple):
    """A law of Σ of mean I, with W = I.

    name   what it is called
    draw   (source, batch) -> (batch, d, m) matrices T with TTᵀ = Σ
    step   n -> theory's best step, explicit
    risk   n -> its risk
    floor  what of the risk is left above σ² for n → ∞
    """

    name: str
    draw: Callable[[Source, int], Tensor]
    step: Callable[[int], Any]
    risk: Callable[[int], Any]
    floor: Any


def cases(dimension: int, degrees: int, noise: Any) -> tuple[Case, ...]:
    """Wishart, exponential eigenvalues, and a mixture of three matrices that do not commute."""
    outcomes = mixture_outcomes(dimension)
    roots = torch.stack([factor(to_tensor(matrix)) for matrix in outcomes])

    @cache
    def mixture(n: int) -> Mixture:
        return Mixture.of([(Rational(1, 3), m) for m in outcomes], prior=eye(dimension), noise_variance=noise, context_length=n)

    @cache
    def best(n: int) -> Any:
        return mixture(n).step()

    def isotropic(name: str, draw: Callable[[Source, int], Tensor], moments: TraceMoments) -> Case:
        return Case(
            name,
            draw,
            lambda n: isotropic_step(moments, noise, n) * eye(dimension),
            lambda n: isotropic_risk(moments, noise, n),
            isotropic_floor(moments),
        )

    return (
        isotropic(
            f"Wishart, {degrees} degree{'s' * (degrees > 1)}",
            lambda source, batch: source.normal(batch, dimension, degrees) / degrees**0.5,
            TraceMoments.wishart(dimension, degrees),
        ),
        isotropic(
            "exponential eigenvalues",
            lambda source, batch: torch.diag_embed((source.chi_square(2, batch, dimension) / 2).sqrt()),
            TraceMoments.exponential(dimension),
        ),
        Case(
            "mixture of three",
            lambda source, batch: roots[(3 * source.uniform(0, 1, batch)).long()],
            best,
            lambda n: mixture(n).risk(best(n)),
            mixture(1).floor(),
        ),
    )


def mixture_outcomes(dimension: int) -> tuple[Any, ...]:
    """Three matrices of mean I; for d ≥ 2 they do not commute.

    >>> [matrix.tolist() for matrix in mixture_outcomes(2)]
    [[[3/2, 0], [0, 1/2]], [[1, 1/2], [1/2, 1]], [[1/2, -1/2], [-1/2, 3/2]]]
    """
    half = Rational(1, 2)
    first, second = eye(dimension), eye(dimension)
    first[0, 0] += half
    if dimension > 1:
        first[1, 1] -= half
        second[0, 1] = second[1, 0] = half
    return first, second, 3 * eye(dimension) - first - second


class Sampled:
    """Prompts of one case, every time the same."""

    def __init__(self, case: Case, context: int, noise: float, prompts: int, seed: int) -> None:
        self.case, self.context, self.noise, self.prompts, self.seed = case, context, noise, prompts, seed

    def chunks(self) -> Iterator[tuple[Tensor, Tensor]]:
        """S and Σ, each (batch, d, d)."""
        source = Source(dtype=torch.float64, device=torch.device("cpu"), generator=Generator().manual_seed(self.seed))
        size = max(1, min(CHUNK, NUMBERS // self.context))
        for start in range(0, self.prompts, size):
            root = self.case.draw(source, min(size, self.prompts - start))
            x = source.normal(len(root), self.context, root.shape[-1]) @ root.mT
            yield x.mT @ x, root @ root.mT

    def fit(self) -> tuple[Tensor, Tensor]:
        """The step with the least mean risk (d, d), and how much each prompt moves its entries, row by row (prompts, d²).

        Where there are several, the least one: with Σ of rank one the antisymmetric part of a step never acts.
        """
        seen, drawn = (torch.cat(parts) for parts in zip(*self.chunks(), strict=True))
        size, system = seen.shape[1], seen @ seen + self.noise * seen
        gram = torch.einsum("pac,pbd->abcd", system, drawn).reshape(size**2, size**2)
        inverse = torch.linalg.pinv(gram, rtol=SINGULAR, hermitian=True)
        step = (inverse @ torch.einsum("pac,pcb->ab", seen, drawn).flatten()).view(size, size)
        return step, ((seen - system @ step) @ drawn).flatten(1) @ inverse

    def risk(self, step: Tensor) -> tuple[float, float]:
        """The mean risk of one step, and its standard error."""
        each = torch.cat([self._given(seen, drawn, step) for seen, drawn in self.chunks()])
        return float(each.mean()), float(each.std()) / self.prompts**0.5

    def _given(self, seen: Tensor, drawn: Tensor, step: Tensor) -> Tensor:
        left = torch.eye(len(step), dtype=torch.float64) - 2 * step.mT @ seen + step.mT @ (seen @ seen + self.noise * seen) @ step
        return (left @ drawn).diagonal(dim1=1, dim2=2).sum(1) + self.noise


@question("a covariance of its own in each prompt")
@click.option("--dimension", type=click.IntRange(min=1, max=LARGEST), default=3, show_default=True, help="d")
@click.option("--context", type=click.IntRange(min=1), default=20, show_default=True, help="n")
@click.option("--noise", default="1/4", show_default=True, help="σ²")
@click.option(
    "--degrees", type=click.IntRange(min=1, max=100), default=6, show_default=True, help="k: a Wishart Σ is the mean of k outer products"
)
def command(dimension: int, context: int, noise: str, degrees: int, prompts: int, seed: int) -> Answer:
    """Which step is best if each prompt has a covariance of its own, and how good is it?

    One that solves a linear system of means over Σ. Its risk does not fall to σ² as the context grows, unless Σ is a fixed multiple of a
    projection. Held against sampled prompts.
    """
    variance = TrainConfig.build(dimension=dimension, context=context, noise=noise).setting.noise_variance
    if prompts * context * (dimension + degrees) > MOST:
        most = MOST // (prompts * (dimension + degrees))
        mend = f"give at most --context {most}, or fewer prompts" if most else f"give at most {MOST // (dimension + degrees)} prompts"
        raise ConfigError(f"--prompts {prompts} --context {context}: too many tokens to sample; {mend}.")
    compared, checks, dots = cases(dimension, degrees, variance), [], []
    for number_of, case in enumerate(compared):
        sampled = Sampled(case, context, float(variance), prompts, seed + number_of)
        best = case.step(context)
        fitted, moved = sampled.fit()
        flat = torch.eye(dimension, dtype=torch.float64).reshape(-1) / dimension
        error = float((moved @ flat).norm())
        checks.append(Check(f"tr(B)/d, {case.name}", number(best.trace()) / dimension, float(flat @ fitted.reshape(-1)), error))
        if not best.is_diagonal():
            checks.append(Check(f"B₁₂, {case.name}", number(best[0, 1]), float(fitted[0, 1]), float(moved[:, 1].norm())))
        risk, error = sampled.risk(to_tensor(best))
        checks.append(Check(f"risk, {case.name}", number(case.risk(context)), risk, error))
        checks.append(Check(f"risk for n → ∞, {case.name}", number(variance + case.floor), number(case.risk(LONG)), 0.0))
        dots.append((risk, error))
    exponential = TraceMoments.exponential(dimension)
    return Answer(
        "random-covariance",
        f"d = {dimension}, n = {context}, σ² = {noise}, W = I",
        "The risk of the best step stays above σ² by "
        + ", ".join(f"{number(case.floor):.4g} ({case.name})" for case in compared)
        + f", however long the context. With exponential eigenvalues nB tends to {exponential.square / exponential.cube} I.",
        tuple(checks),
        _drawn(compared, dimension, context, variance, dots),
    )


def _drawn(compared: tuple[Case, ...], dimension: int, context: int, noise: Any, dots: list[tuple[float, float]]) -> bytes:
    figure = Figure(figsize=(12, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    grid = sorted({1, 2, 4, 8, 16, 32, 64, 256, 2048, context})
    fixed = [
        global_minimiser(
            Setting(covariates=Gaussian.isotropic(dimension), response=Linear.isotropic(dimension), noise_variance=noise, context_length=n)
        )
        for n in grid
    ]
    left.plot(grid, [number(best.loss) for best in fixed], color="#111111", label="fixed Σ = I")
    right.plot(
        grid, [n * number(best.step.as_explicit()[0, 0]) for n, best in zip(grid, fixed, strict=True)], color="#111111", label="fixed Σ = I"
    )
    for case, colour, (risk, error) in zip(compared, COLOURS, dots, strict=True):
        left.plot(grid, [number(case.risk(n)) for n in grid], color=colour, label=f"{case.name}, mean I")
        left.axhline(number(noise + case.floor), color=colour, linestyle=":", linewidth=1.2)
        left.errorbar([context], [risk], [2 * error], fmt="o", color=colour, capsize=3, markersize=5)
        right.plot(grid, [n * number(case.step(n).trace()) / dimension for n in grid], color=colour, label=case.name)
    left.axhline(number(noise), color="#111111", linestyle=":", linewidth=1.2)
    left.set(
        xscale="log",
        yscale="log",
        xlabel="n, examples in a prompt",
        ylabel="risk E (ŷ − y)²",
        title="risk of the best step; dotted: limits, dots: sampled ± 2 s.e.",
    )
    right.set(xscale="log", xlabel="n, examples in a prompt", ylabel="n tr(B)/d", title="the best step")
    for axes in (left, right):
        axes.grid(alpha=0.3, linewidth=0.5, which="both")
        axes.legend(fontsize=8)
    figure.suptitle(f"A covariance of its own in each prompt: d = {dimension}, σ² = {noise}")
    return png(figure)
