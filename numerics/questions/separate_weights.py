"""The four weights W_K, W_Q, W_V, h and their ladder: where gradient flow from small weights is slow, Hessians at the rungs, and the least
loss of narrow keys and queries.

No error model: everything is computed from the exact loss in float64. A plateau is a place where the flow is slowest, followed to the
stationary point beside it by Newton's method; which plateaus there are depends on the start, the loss of each must be that of a rung.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import click
import torch
from matplotlib.figure import Figure
from torch import Generator, Tensor

from numerics.config import TrainConfig
from numerics.endpoint import minimise
from numerics.errors import ConfigError
from numerics.evaluate import DTYPE, number, to_tensor
from numerics.figures import png
from numerics.objective import ExactObjective
from numerics.questions.answer import Answer, Check, question
from theory import Setting
from theory.loss import specialise
from theory.minimiser import normal_equations
from theory.separate_weights import Rung, bottleneck_minimum, ladder

SMALL = 0.02
"""Standard deviation of the weights at the start of the flow, in units in which the best layer has weights of size one"""
VALUES = 2
"""Rows of W_V: any number has the same landscape"""
STARTS, ROUNDS = 8, 8
FLAT = 1e-9
"""Eigenvalues of a Hessian below this share of the greatest count as 0"""
NEAR = 1e-6
SHOWN, LARGEST = 16, 6
ENDS = "ends of descents; one above the line is a local minimum"
SEPARATE, MERGED, THEORY = "#1f6fb4", "0.45", "#c2410c"
Function = Callable[[Tensor], Tensor]


class FourWeights:
    """The exact loss of W_K (k, d+1), W_Q (k, d), its column that never acts left out, W_V (m, d+1) and h (m,), all in one vector."""

    def __init__(self, objective: ExactObjective, width: int, values: int = VALUES) -> None:
        d = len(objective.step)
        self.objective = objective
        self.shapes = ((width, d + 1), (width, d), (values, d + 1), (values,))
        self.sizes = [torch.Size(shape).numel() for shape in self.shapes]

    def merged(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """v and M"""
        key, query, value, readout = (part.reshape(shape) for part, shape in zip(theta.split(self.sizes), self.shapes, strict=True))
        return value.T @ readout, torch.nn.functional.pad(key.T @ query, (0, 1))

    def __call__(self, theta: Tensor) -> Tensor:
        return self.objective.loss(*self.merged(theta))

    def place(self, key: Tensor, query: Tensor, v: Tensor) -> Tensor:
        """The weights with these keys and queries (rows, d+1) and (rows, d), no others in use, and W_Vᵀh = v."""
        width, values = self.shapes[0][0], self.shapes[3][0]
        rows = width - len(key)
        first = torch.eye(values, dtype=DTYPE)[0]
        scale = v.norm().sqrt()
        parts = (torch.nn.functional.pad(key, (0, 0, 0, rows)), torch.nn.functional.pad(query, (0, 0, 0, rows)))
        return torch.cat([part.reshape(-1) for part in (*parts, torch.outer(first, v / scale), scale * first)])

    def small(self, scale: float, generator: Generator) -> Tensor:
        """Gaussian weights with v_x = m_yx = 0, where the flow stays, and v_y > 0."""
        key, query, value, readout = (torch.randn(shape, dtype=DTYPE, generator=generator) for shape in self.shapes)
        key[:, -1], value[:, :-1] = 0, 0
        readout = readout * torch.sign(readout @ value[:, -1])
        size = float(self.objective.step.norm()) ** 0.25  # so that four weights of size one make the best step
        return scale * size * torch.cat([part.reshape(-1) for part in (key, query, value, readout)])


class Directions(NamedTuple):
    """The singular value decomposition of G^½B*Σ^½, brought back: B* = Σ_i left_i right_iᵀ, and n times the squares of the values."""

    left: Tensor
    right: Tensor
    gains: Tensor

    @classmethod
    def of(cls, setting: Setting, objective: ExactObjective) -> Directions:
        """The greatest first."""
        moment = to_tensor(specialise(normal_equations()[0], setting).as_explicit())
        roots = []
        for matrix in (moment, objective.covariance):
            values, vectors = torch.linalg.eigh(matrix)
            roots.append((vectors * values.sqrt()) @ vectors.T)
        left, values, right = torch.linalg.svd(roots[0] @ objective.step @ roots[1])
        back = torch.linalg.solve(roots[0], left) * values, torch.linalg.solve(roots[1], right.T)
        return cls(back[0].T, back[1].T, number(setting.context_length) * values.square())

    def chosen(self, rung: Rung) -> list[int]:
        """Directions of a rung: the first of each gain."""
        found: list[int] = []
        start = 0
        for count, gain in zip(rung.chosen, rung.gains, strict=True):
            found += range(start, start + int(count))
            start += int(gain.multiplicity)
        return found


def rung_weights(weights: FourWeights, directions: Directions, rung: Rung) -> Tensor:
    """One member of a rung: a key direction for each direction that is learned, and v = (0, 1)."""
    chosen = directions.chosen(rung)
    left, right = directions.left[chosen], directions.right[chosen]
    ratio = (right.norm(dim=1) / left.norm(dim=1)).sqrt()[:, None]
    v = torch.eye(left.shape[1] + 1, dtype=DTYPE)[-1]
    return weights.place(torch.nn.functional.pad(left * ratio, (0, 1)), right / ratio, v)


def descending(function: Function, theta: Tensor) -> int:
    """The number of negative eigenvalues of the Hessian"""
    values = torch.linalg.eigvalsh(torch.autograd.functional.hessian(function, theta))
    return int((values < -FLAT * values.abs().max()).sum())


class Path(NamedTuple):
    """Gradient flow: times, losses, lengths of the gradient, and places."""

    times: list[float]
    losses: list[float]
    speeds: list[float]
    places: list[Tensor]

    def plateaus(self) -> list[Tensor]:
        """Where the flow is slowest between two places at which it is more than three times as fast."""
        found, rising, extreme = [], True, 0
        for at, speed in enumerate(self.speeds):
            if (speed > self.speeds[extreme]) == rising:
                extreme = at
            elif rising and speed < self.speeds[extreme] / 3:
                rising, extreme = False, at
            elif not rising and speed > 3 * self.speeds[extreme]:
                found.append(self.places[extreme])
                rising, extreme = True, at
        return found

    def since(self, loss: float) -> list[float]:
        """Times from when the loss first was at most that, as shares of what was left."""
        start = next(time for time, value in zip(self.times, self.losses, strict=True) if value <= loss)
        return [(time - start) / (self.times[-1] - start) for time in self.times]


def flow(function: Function, theta: Tensor, end: float, *, tolerance: float = 1e-5, most: int = 20_000) -> Path:
    """dθ/dt = −∇L until the loss is at most `end`, by the method of Bogacki and Shampine (order 3, error by order 2)."""

    def velocity(place: Tensor) -> tuple[Tensor, float]:
        at = place.detach().requires_grad_()
        value = function(at)
        return -torch.autograd.grad(value, at)[0], float(value.detach())

    path = Path([], [], [], [])
    first, loss = velocity(theta)
    time, step = 0.0, 1e-3 * float(theta.norm() / first.norm())
    for _ in range(most):
        path.times.append(time)
        path.losses.append(loss)
        path.speeds.append(float(first.norm()))
        path.places.append(theta)
        if loss <= end:
            break
        while True:
            second, _ = velocity(theta + step / 2 * first)
            third, _ = velocity(theta + 3 / 4 * step * second)
            trial = theta + step * (2 * first + 3 * second + 4 * third) / 9
            last, value = velocity(trial)
            error = float((step * (5 * first - 6 * second - 8 * third + 9 * last) / 72).norm() / (tolerance * trial.norm()))
            used, step = step, step * min(5.0, max(0.2, 0.9 / max(error, 1e-9) ** (1 / 3)))
            if error <= 1 and value <= loss + 1e-14 * abs(loss):
                break
        theta, first, loss, time = trial, last, value, time + used
    return path


def stationary(function: Function, theta: Tensor, *, most: int = 50) -> Tensor:
    """The stationary point beside a place, by Newton's method; directions without curvature are left as they are."""
    for _ in range(most):
        at = theta.detach().requires_grad_()
        (slope,) = torch.autograd.grad(function(at), at)
        values, vectors = torch.linalg.eigh(torch.autograd.functional.hessian(function, theta))
        kept = values.abs() > 1e-6 * values.abs().max()
        step = vectors[:, kept] @ ((vectors[:, kept].T @ slope) / values[kept])
        theta = theta - step
        if float(step.norm()) < 1e-12 * float(theta.norm()):
            break
    return theta


def least(weights: FourWeights, generator: Generator) -> list[float]:
    """Where descents from random starts end, in the slice v_x = m_yx = 0 and outside it by turns."""
    ends = []
    for start in range(STARTS):
        theta = weights.small(0.5, generator)
        if start % 2:
            theta = theta + 0.5 * float(theta.norm()) / len(theta) ** 0.5 * torch.randn(len(theta), dtype=DTYPE, generator=generator)
        value = float("inf")
        for _ in range(ROUNDS):
            theta = minimise(weights, theta, iterations=200)
            before, value = value, float(weights(theta))
            if before - value <= 1e-13 * value:
                break
        ends.append(value)
    return ends


@question("W_K, W_Q, W_V and h apart: a ladder of saddles")
@click.option("--dimension", type=click.IntRange(min=1, max=LARGEST), default=3, show_default=True, help="d; Hessians at all rungs")
@click.option("--context", default=20, show_default=True, help="n")
@click.option("--noise", default="0", show_default=True, help="σ²")
@click.option("--covariates", help="law of x, as for numerics.train  [default: …,4,2,1, of which the gains differ]")
@click.option("--response", default="isotropic", show_default=True, help="law of f, as for numerics.train")
@click.option("--key-width", type=click.IntRange(min=1), help="k, rows of W_K and W_Q  [default: d + 1]")
def command(prompts: int, seed: int, key_width: int | None, dimension: int, covariates: str | None, **values: object) -> Answer:
    """What do separate W_K, W_Q, W_V and h change?

    New saddles: a ladder in which only some directions are learned, each with as many directions of descent as theory counts. Gradient flow
    from small weights rests on them; that of the merged (v, M) does not. Keys and queries narrower than d learn the greatest gains. The
    loss is exact, nothing is sampled: --prompts has no effect.
    """
    del prompts
    law = covariates or ",".join(str(2**power) for power in reversed(range(dimension)))
    config = TrainConfig.build(dimension=dimension, covariates=law, **values)
    setting, d = config.setting, config.dimension
    width = key_width or d + 1
    objective = ExactObjective(setting)
    rungs = ladder(setting, width)
    if not rungs[-1].size:
        raise ConfigError(f"--response {config.response}: no layer predicts better than 0 does; give a response with a linear part.")
    directions, weights = Directions.of(setting, objective), FourWeights(objective, width)
    generator = Generator().manual_seed(seed)
    checks = [
        Check(f"gain {at}", number(gain), float(value), 0.0)
        for at, (gain, value) in enumerate(zip(_each_gain(rungs[-1]), directions.gains, strict=False), 1)
    ]
    for rung in rungs[:SHOWN]:
        theta, name = rung_weights(weights, directions, rung), _name(directions.chosen(rung))
        checks.append(Check(f"loss of the rung {name}", number(rung.loss), float(weights(theta)), 0.0))
        checks.append(Check(f"directions of descent at the rung {name}", float(rung.descending(width)), descending(weights, theta), 0.0))
    bottom = number(bottleneck_minimum(setting, width))
    end = bottom + NEAR * (objective.null - bottom)
    separate = flow(weights, weights.small(SMALL, generator), end)
    visited = [float(weights(stationary(weights, place))) for place in separate.plateaus()]
    levels = torch.tensor([number(rung.loss) for rung in rungs], dtype=DTYPE)
    for at, loss in enumerate(visited, 1):
        checks.append(Check(f"plateau {at} of the flow: the nearest rung", float(levels[(levels - loss).abs().argmin()]), loss, 0.0))
    ends = {k: least(FourWeights(objective, k), generator) for k in range(1, d + 1)}
    for k, found in ends.items():
        checks.append(Check(f"least loss of width {k}, of {STARTS} descents", number(bottleneck_minimum(setting, k)), min(found), 0.0))
    title = f"d = {d}, n = {config.context}, σ² = {config.noise}, covariates {config.covariates}, response {config.response}, k = {width}"
    rests = f"{len(visited)} time{'s' * (len(visited) != 1)}"
    return Answer(
        "separate-weights",
        title,
        f"{len(rungs)} kinds of rungs, from the loss {objective.null:.6g} of the zero predictor to {bottom:.6g}; the flow from small "
        f"weights rested {rests} on its way. Theory's losses and counts are exact; which rungs a flow visits is measured.",
        tuple(checks),
        _drawn(setting, weights, separate, rungs, directions, ends, generator, title),
    )


def _each_gain(rung: Rung) -> list[object]:
    return [gain.value for gain in rung.gains for _ in range(int(gain.multiplicity))]


def _name(chosen: list[int]) -> str:
    return "{" + ", ".join(str(at + 1) for at in chosen) + "}"


def _drawn(
    setting: Setting,
    weights: FourWeights,
    separate: Path,
    rungs: tuple[Rung, ...],
    directions: Directions,
    ends: dict[int, list[float]],
    generator: Generator,
    title: str,
) -> bytes:
    objective, d = weights.objective, len(weights.objective.step)
    v, M = weights.merged(separate.places[0])

    def merged_loss(theta: Tensor) -> Tensor:
        return objective.loss(theta[: d + 1], torch.nn.functional.pad(theta[d + 1 :].reshape(d + 1, d), (0, 1)))

    minimum = objective.minimum + NEAR * (objective.null - objective.minimum)
    together = flow(merged_loss, torch.cat([v, M[:, :-1].reshape(-1)]), minimum)
    figure = Figure(figsize=(12, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    for rung in rungs:
        chosen = directions.chosen(rung)
        left.axhline(number(rung.loss), color=THEORY, linewidth=0.8, linestyle="--", alpha=0.7)
        left.annotate(
            _name(chosen), (1.0, number(rung.loss)), (4, 0), xycoords=("axes fraction", "data"), textcoords="offset points",
            va="center", fontsize=8, color=THEORY,
        )  # fmt: skip
    for path, colour, label in ((separate, SEPARATE, "W_K, W_Q, W_V, h apart"), (together, MERGED, "merged: v and M")):
        left.plot(path.since(objective.null - 0.01 * (objective.null - objective.minimum)), path.losses, color=colour, label=label)
    left.plot([], [], color=THEORY, linestyle="--", label="rungs: the directions that are learned")
    left.set(
        xlim=(-0.1, 1.02),
        xlabel="time since 1 % was gained, as a share of the rest",
        ylabel="E (ŷ − y_q)²",
        title="gradient flow from small weights",
    )
    widths = list(ends)
    right.plot(widths, [number(bottleneck_minimum(setting, k)) for k in widths], "o-", color=THEORY, label="theory: the k greatest gains")
    for k, found in ends.items():
        right.plot([k + 0.08] * len(found), found, "_", color=SEPARATE, markersize=12, label=ENDS if k == 1 else None)
    right.set(xlabel="k, rows of W_K and W_Q", ylabel="E (ŷ − y_q)²", title="the least loss of narrow keys and queries", xticks=widths)
    for axes, columns in ((left, 3), (right, 1)):
        axes.grid(alpha=0.3, linewidth=0.5)
        axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=columns, frameon=False)
    figure.suptitle(f"Separate weights: {title}", fontsize=10)
    return png(figure)


__all__ = ["Directions", "FourWeights", "Path", "command", "descending", "flow", "least", "rung_weights", "stationary"]
