"""The query's token in the sum: the loss with it, measured on prompts; its landscape; and where descent of the exact loss ends.

Error model of the measured losses: prompts are independent draws, each with a context and several queries over which it is averaged. A
squared error is a polynomial of degree six in the query's covariate and of degree four in those of the context, so its mean over some ten
thousand prompts is near normal; the difference of two losses is measured on the same prompts. Laws without a twelfth moment, for which
there is no standard error, are refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import click
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sympy import Dummy, Integer, MatrixSymbol, Rational, eye, oo, zeros
from torch import Generator, Tensor

from numerics.config import TrainConfig
from numerics.endpoint import minimise
from numerics.errors import ConfigError
from numerics.evaluate import compile_expression, number, to_tensor
from numerics.figures import png
from numerics.questions.answer import Answer, Check, question
from numerics.samplers import PromptSampler
from theory import LinearAttention, Setting, StationaryFamily, TheoryError, global_minimiser, in_context_loss, stationary_points
from theory.covariates.elliptical import Elliptical
from theory.notation import ratio, v_y
from theory.query_in_sum import QueryProfile, Turn, query_in_sum_loss, query_in_sum_profile, query_in_sum_turns

CHUNK, QUERIES, NUMBERS, MOST = 1 << 11, 96, 1 << 21, 1 << 29
"""Prompts at a time, and queries of each; numbers at a time, and at most"""
WITH, WITHOUT = "#c2410c", "#1f6fb4"
ALONG = (Rational(-1), Rational(1, 2), Rational(2))
"""Entries of v_x, along e_1, of the layers that are sampled"""
STARTS, SCALE = 4, 0.1
"""Random starts anywhere, as many near v = (0, 1), A = I, c = 0, and the size of both"""
ITERATIONS, ROUNDS = 200, 20
"""Of L-BFGS between two changes of the scale (v, M) → (sv, M/s) to |v| = |M|, and how many of those at most"""
NEAR = 1e-6
"""Relative distance of a loss from that of a family of stationary points within which descent ended there"""


class Losses(NamedTuple):
    """Mean squared errors with the query in the sum and without, their difference, and the standard errors of all three."""

    within: tuple[float, float]
    without: tuple[float, float]
    difference: tuple[float, float]


def layer_along(setting: Setting, s: Any) -> LinearAttention:
    """A = B*, c = 0, v_y = 1 and v_x = s e_1: a best layer but for v_x."""
    d = int(setting.dimension)
    return LinearAttention.from_blocks(
        covariate_value=s * eye(d)[:, 0],
        label_value=Integer(1),
        covariate_key_query=global_minimiser(setting).step,
        label_key_query=zeros(d, 1),
    )


def full_layer(setting: Setting) -> LinearAttention:
    """One in which no block is 0 and A is not symmetric."""
    d, step = int(setting.dimension), global_minimiser(setting).step
    first, last = eye(d)[:, 0], eye(d)[:, d - 1]
    return LinearAttention.from_blocks(
        covariate_value=first - last / 2 if d > 1 else first,
        label_value=Integer(1),
        covariate_key_query=step / 2 + step[0, 0] * first * last.T,
        label_key_query=step[0, 0] / 3 * first,
    )


def measured(setting: Setting, layer: LinearAttention, prompts: int, generator: Generator) -> Losses:
    """On fresh prompts, the query's term added to the sum over the context."""
    v, M = to_tensor(layer.value)[:, 0], to_tensor(layer.key_query)
    n, d = int(setting.context_length), int(setting.dimension)
    longer = replace(setting, context_length=n + QUERIES - 1)
    sampler = PromptSampler(longer, dtype=torch.float64, device=torch.device("cpu"), generator=generator)
    parts = []
    size = max(1, min(CHUNK, NUMBERS // ((n + QUERIES) * d)))
    for start in range(0, prompts, size):
        x, y = sampler.sequences(min(size, prompts - start))
        context, query = torch.cat([x, y[..., None]], dim=-1)[:, :n], x[:, n:]
        keys = query @ M[:, :d].mT  # (batch, QUERIES, d+1)
        values = context.mT @ (context @ v)[..., None]  # (batch, d+1, 1)
        error = (keys @ values)[..., 0] - y[:, n:]
        own = (query @ v[:d]) * (query * keys[..., :d]).sum(-1)
        parts.append(torch.stack([(error + own).square(), error.square(), own * (2 * error + own)]).mean(-1))
    losses = torch.cat(parts, dim=1)
    return Losses(*zip(losses.mean(1).tolist(), (losses.std(1) / prompts**0.5).tolist(), strict=True))


class ExactLoss:
    """The loss with the query in the sum as a function of θ = (v_x, v_y, A by rows, c) in float64."""

    def __init__(self, setting: Setting) -> None:
        self.dimension = d = int(setting.dimension)
        self.symbols = MatrixSymbol("v_x", d, 1), MatrixSymbol("A", d, d), MatrixSymbol("c", d, 1)
        value, keys, label_keys = self.symbols
        blocks = LinearAttention.from_blocks(covariate_value=value, label_value=v_y, covariate_key_query=keys, label_key_query=label_keys)
        self.function = compile_expression(query_in_sum_loss(setting, blocks))

    def __call__(self, theta: Tensor) -> Tensor:
        d = self.dimension
        value, label, keys, label_keys = theta.split([d, 1, d * d, d])
        return self.function(
            {self.symbols[0]: value[:, None], v_y: label[0], self.symbols[1]: keys.view(d, d), self.symbols[2]: label_keys[:, None]}
        )

    def starts(self, generator: Generator) -> Tensor:
        """θ of random layers, and of layers near v = (0, 1), A = I, c = 0: (2 STARTS, (d+1)²)"""
        d = self.dimension
        matched = torch.cat([torch.eye(d + 1, dtype=torch.float64)[d], torch.eye(d, dtype=torch.float64).flatten(), torch.zeros(d)])
        anywhere, near = torch.randn(2, STARTS, (d + 1) ** 2, generator=generator, dtype=torch.float64)
        return SCALE * torch.cat([anywhere, matched + SCALE * near])

    def descend(self, theta: Tensor) -> float:
        """The loss where descent ends"""
        value = float("inf")
        for _ in range(ROUNDS):
            theta = minimise(self, self.balanced(theta), iterations=ITERATIONS)
            before, value = value, float(self(theta))
            if before - value <= 1e-12 * value:
                break
        return value

    def balanced(self, theta: Tensor) -> Tensor:
        """The same layer with |v| = |M|"""
        values = self.dimension + 1
        scale = (theta[values:].norm() / theta[:values].norm()).sqrt()
        return torch.cat([scale * theta[:values], theta[values:] / scale])

    def member(self, profile: QueryProfile, turn: Turn) -> Tensor:
        """θ of one layer of a family, for covariates of covariance I"""
        d, label = self.dimension, 0.0 if turn.ratio == oo else 1.0
        if turn.ratio == oo:  # v = (e_1, 0) and c along it
            size, across, along, keys = 1.0, 0.0, 0.0, number((profile.keys * ratio).limit(ratio, oo))
        else:
            size = number(turn.ratio) ** 0.5
            across, along, keys = (number(part.subs(ratio, turn.ratio)) for part in (profile.across, profile.along, profile.keys))
        first = torch.eye(d, dtype=torch.float64)[0]
        A = across * torch.eye(d, dtype=torch.float64)
        A[0, 0] = along
        return torch.cat([size * first, torch.tensor([label], dtype=torch.float64), A.flatten(), keys * size * first])


@question("the query's own token in the sum")
@click.option("--dimension", type=click.IntRange(min=1, max=6), default=3, show_default=True, help="d")
@click.option("--context", type=click.IntRange(min=1, max=10_000), default=20, show_default=True, help="n")
@click.option("--noise", default="0", show_default=True, help="σ²")
@click.option("--covariates", default="isotropic", show_default=True, help="an elliptical law of covariance I, as for numerics.train")
def command(prompts: int, seed: int, **values: object) -> Answer:
    """What changes if the query's own token is in the sum?

    The loss is another polynomial, with sixth moments of the query; its minimum and its minimisers are the same, and the other stationary
    points move. Held against prompts, and against descent of the exact loss.
    """
    config = TrainConfig.build(**values, response="isotropic")
    setting, d = config.setting, config.dimension
    most = MOST // ((config.context + QUERIES) * d)
    if prompts > most:
        raise ConfigError(f"--prompts {prompts}: too many to sample with n = {config.context}, d = {d}; give at most {most}.")
    if setting.covariates.second_moment != eye(d):
        raise ConfigError(f"--covariates {config.covariates}: this question is about covariates of covariance I; give such a law.")
    try:
        profile, turns = query_in_sum_profile(setting), query_in_sum_turns(setting)
        if isinstance(setting.covariates, Elliptical):
            setting.covariates.norm_power(Integer(12))  # without which there is no standard error
    except TheoryError as error:
        mend = "give an elliptical law with moments up to order 12, such as isotropic or student-t:degrees=13"
        raise ConfigError(f"--covariates {config.covariates}: {str(error).removesuffix('.')}; {mend}.") from None
    generator = Generator().manual_seed(seed)
    title = f"d = {d}, n = {config.context}, σ² = {config.noise}"
    if config.covariates != "isotropic":
        title += f", covariates {config.covariates}"
    sampled = {s: measured(setting, layer_along(setting, s), prompts, generator) for s in ALONG}
    checks = []
    for name, layer, losses in (
        *((f"v_x = {s} e₁", layer_along(setting, s), losses) for s, losses in sampled.items()),
        ("no block 0", full_layer(setting), measured(setting, full_layer(setting), prompts, generator)),
    ):
        there, without = number(query_in_sum_loss(setting, layer)), number(in_context_loss(setting, layer))
        checks.append(Check(f"loss with the query in the sum, {name}", there, *losses.within))
        checks.append(Check(f"what the query adds, {name}", there - without, *losses.difference))
    exact, least = ExactLoss(setting), number(global_minimiser(setting).loss)
    ends = [exact.descend(start) for start in exact.starts(generator)]
    losses_known = [least, *(number(turn.loss) for turn in turns)]
    known = sum(any(abs(end / loss - 1) < NEAR for loss in losses_known) for end in ends)
    checks.append(Check("least loss where descent of the exact loss ends", least, min(ends), 0.0))
    checks.append(Check("of these ends, how many are at stationary points of theory", len(ends), known, 0.0))
    for turn in turns:
        if turn.kind == "local minimum":
            member = exact.member(profile, turn)
            near = member * (1 + 0.01 * torch.randn(member.shape, generator=generator, dtype=torch.float64))
            checks.append(Check(f"local minimum ({turn.name}), by descent from 1 % beside it", number(turn.loss), exact.descend(near), 0.0))
    families_without = stationary_points(setting)
    return Answer(
        "query-in-sum",
        title,
        f"The minimum is L* = {least:.6g} with the query's token in the sum and without, at the same layers. "
        f"Local minima above it: with, {_spurious(turns)}; without, {_spurious(families_without)}.",
        tuple(checks),
        _drawn(setting, profile, turns, families_without, sampled, title),
    )


def _spurious(found: Sequence[Turn | StationaryFamily]) -> str:
    """The local minima that are not global, with their losses."""
    said = [f"{point.name} at {number(point.loss):.6g}" for point in found if point.kind == "local minimum"]
    return ", ".join(said) or "none"


def _drawn(
    setting: Setting,
    profile: QueryProfile,
    turns: tuple[Turn, ...],
    families: tuple[StationaryFamily, ...],
    sampled: dict[Rational, Losses],
    title: str,
) -> bytes:
    figure = Figure(figsize=(12, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    points: list[Turn | StationaryFamily] = [*turns, *families]
    reach = [number(point.ratio) for point in points if point.name == "mixed direction"]
    top = 10 * max([10.0, *reach])
    grid = torch.logspace(-2, float(torch.tensor(top).log10()), 300, dtype=torch.float64)
    _profile(left, profile, turns, WITH, "with the query in the sum", grid)
    _profile(left, query_in_sum_profile(setting, weight=0), families, WITHOUT, "without", grid)
    left.set(
        xscale="log",
        xlabel="r = |v_x|² / v_y²",
        ylabel="least loss at that r",
        title="the profile: local minima of it are local minima of the loss",
    )
    path = torch.linspace(1.15 * float(ALONG[0]), 1.15 * float(ALONG[-1]), 101, dtype=torch.float64)
    s = Dummy("s", real=True)
    for function, colour, name in ((query_in_sum_loss, WITH, "within"), (in_context_loss, WITHOUT, "without")):
        curve = compile_expression(function(setting, layer_along(setting, s)))({s: path})
        right.plot(path, curve, color=colour, label="with the query in the sum" if name == "within" else "without")
        means, errors = zip(*(getattr(losses, name) for losses in sampled.values()), strict=True)
        right.errorbar(
            [float(at) for at in sampled], means, [5 * error for error in errors], fmt="o", color=colour, markersize=4, capsize=3
        )
    right.axhline(number(global_minimiser(setting).loss), color="0.4", linestyle=":", label="L*")
    right.set(
        xlabel="s",
        ylabel="E (ŷ − y_q)²",
        title="v = (s e₁, 1), A = B*, c = 0; dots: sampled, ±5 standard errors",
    )
    for axes in (left, right):
        axes.grid(alpha=0.3, linewidth=0.5, which="both")
        axes.legend(fontsize=8)
    figure.suptitle(f"The query's token in the sum: {title}")
    return png(figure)


def _profile(axes: Axes, profile: QueryProfile, points: Sequence[Turn | StationaryFamily], colour: str, name: str, grid: Tensor) -> None:
    """f(r), with the stationary points on it."""
    axes.plot(grid, compile_expression(profile.loss)({ratio: grid}), color=colour, label=name)
    for point in points:
        if point.name == "mixed direction":
            mark = "o" if point.kind == "local minimum" else "x"
            axes.plot(number(point.ratio), number(point.loss), mark, color=colour, label=f"{name}: {point.kind}")
