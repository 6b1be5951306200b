"""`python -m numerics.step_sizes`: the step size that training finds, against theory's, as n, d and σ² vary."""

from __future__ import annotations

import csv
import hashlib
import io
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import click
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator
from rich.console import Console
from rich.progress import track

from numerics.config import TrainConfig
from numerics.errors import NumericsError
from numerics.figures import THEORY, TRAINED, png
from numerics.folder import CONFIG, Folder, RunFolder
from numerics.objective import ExactObjective, learned_step
from numerics.run import Trainer
from numerics.train import OneLineErrors
from theory import TheoryError

SWEEPS = {"context": ("5", "10", "20", "40", "80"), "dimension": ("1", "2", "4", "8"), "noise": ("0", "1", "2", "4")}
AXES = {"context": "n, examples in a prompt", "dimension": "d, dimension of a covariate", "noise": "σ², variance of the label noise"}
STUDENT = {2: 12.71, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}
"""The 97.5 % point of Student's t for the mean of so many values."""


class Point(NamedTuple):
    """One setting: η of theory, and of as many trained layers as there are seeds."""

    sweep: str
    value: str
    theory: float
    trained: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The mean over the seeds"""
        return math.fsum(self.trained) / len(self.trained)

    @property
    def half_width(self) -> float:
        """Half of the 95 % confidence interval of the mean"""
        spread = math.sqrt(math.fsum((value - self.mean) ** 2 for value in self.trained) / (len(self.trained) - 1))
        return STUDENT[len(self.trained)] * spread / math.sqrt(len(self.trained))


def step_size(step: torch.Tensor, covariance: torch.Tensor) -> float:
    """η = tr(BΣ)/d, such that B = ηΣ⁻¹ where B is a multiple of it."""
    return float((step @ covariance).trace()) / len(step)


def measure(config: TrainConfig, cells: Path) -> tuple[float, float]:
    """η of theory and of the layer that a run trains; what the run has done is kept in `cells` and not done again."""
    path = cells / hashlib.sha256(config.model_dump_json().encode()).hexdigest()[:16]
    folder = RunFolder(path) if (path / CONFIG).exists() else RunFolder.create(path, config)
    trainer = Trainer(config, folder)
    trainer.run(lambda step, excess: None)
    v, M = (weight.detach().cpu().double() for weight in (trainer.model.value_vector(), trainer.model.key_query()))
    objective = trainer.objective
    return tuple(step_size(step, objective.covariance) for step in (objective.step, learned_step(v, M)))  # type: ignore[return-value]


def sweep(build: Callable[..., TrainConfig], seeds: int, cells: Path, console: Console) -> list[Point]:
    """Every point of every sweep; `build` takes what a sweep varies, and the seed."""
    torch.set_num_threads(1)
    places = [(name, value) for name, values in SWEEPS.items() for value in values]
    points = []
    for name, value in track(places, "training", console=console, transient=True):
        found = [measure(build(**{name: value, "seed": seed}), cells) for seed in range(seeds)]
        points.append(Point(name, value, found[0][0], tuple(trained for _, trained in found)))
    return points


def draw(points: Sequence[Point], curve: dict[str, tuple[list[float], list[float]]], title: str) -> bytes:
    """Theory's curve with the trained values on it."""
    figure = Figure(figsize=(12.5, 4.4), layout="constrained")
    for ax, (name, label) in zip(figure.subplots(1, 3), AXES.items(), strict=True):
        own = [point for point in points if point.sweep == name]
        at = [_float(point.value) for point in own]
        ax.plot(*curve[name], color=THEORY, linewidth=1.5, label="theory")
        interval = f"trained: mean of {len(own[0].trained)} seeds and its 95 % interval (Student t)"
        ax.errorbar(at, [p.mean for p in own], [p.half_width for p in own], fmt="o", color=TRAINED, capsize=4, markersize=4, label=interval)
        if name == "context":
            ax.set(xscale="log", yscale="log")
        ax.xaxis.set(major_locator=FixedLocator(at), minor_locator=NullLocator(), major_formatter=FixedFormatter([p.value for p in own]))
        ax.set(xlabel=label, ylabel="step size η")
        ax.grid(alpha=0.3, linewidth=0.5, which="both")
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=9)
    figure.suptitle(title)
    return png(figure)


def table(points: Sequence[Point]) -> bytes:
    """The numbers of the figure as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("varied", "value", "theory", "trained_mean", "half_width_95", *(f"seed_{k}" for k in range(len(points[0].trained)))))
    writer.writerows((p.sweep, p.value, p.theory, p.mean, p.half_width, *p.trained) for p in points)
    return text.getvalue().encode()


def _float(text: str) -> float:
    above, _, below = text.partition("/")
    return float(above) / float(below or 1)


def _curve(build: Callable[..., TrainConfig]) -> dict[str, tuple[list[float], list[float]]]:
    """Theory's η between the trained points too."""
    grids = {
        "context": (5, 7, 10, 14, 20, 28, 40, 57, 80),
        "dimension": range(1, 9),
        "noise": ("0", "1/2", "1", "3/2", "2", "3", "4"),
    }
    curve = {}
    for name, values in grids.items():
        objectives = [ExactObjective(build(**{name: value}).setting) for value in values]
        curve[name] = [_float(str(value)) for value in values], [step_size(o.step, o.covariance) for o in objectives]
    return curve


@click.command(cls=OneLineErrors, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--response", default="isotropic", show_default=True, help="as for numerics.train")
@click.option("--covariates", default="isotropic", show_default=True, help="as for numerics.train")
@click.option("--dimension", default=4, show_default=True, help="d where it does not vary")
@click.option("--context", default=20, show_default=True, help="n where it does not vary")
@click.option("--noise", default="1/4", show_default=True, help="σ² where it does not vary")
@click.option("--seeds", type=click.IntRange(min(STUDENT), max(STUDENT)), default=4, show_default=True, help="layers trained at each point")
@click.option("--steps", default=400, show_default=True, help="optimiser steps of each")
@click.option("--batch", default=512, show_default=True, help="prompts a step")
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/step-sizes"), show_default=True, help="folder; continues in it")
def main(out: Path, seeds: int, **fixed: object) -> None:
    """Trains layers at several n, d and σ² and draws the step size they find over theory's curve: OUT/step_sizes.png and .csv.

    η = tr(BΣ)/d with B = v_y M_xx + v_x m_yxᵀ, the number with B = ηΣ⁻¹ where there is one.
    """
    console = Console()

    def build(**varied: object) -> TrainConfig:
        values = {**fixed, "parametrisation": "merged", "checkpoint_every": 10**6, **varied}
        return TrainConfig.build(**values)

    try:
        folder = Folder(out)
        points = sweep(build, seeds, out / "cells", console)
        title = f"Step size against theory: response {fixed['response']}, covariates {fixed['covariates']}"
        folder.write("step_sizes.png", draw(points, _curve(build), title))
        folder.write("step_sizes.csv", table(points))
    except (NumericsError, TheoryError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    worst = max(points, key=lambda point: abs(point.mean - point.theory) / (abs(point.theory) or 1))
    console.print(
        f"{len(points)} points; farthest from theory at {worst.sweep} {worst.value}: {worst.mean:.4g} ± {worst.half_width:.2g} (95 %), "
        f"theory {worst.theory:.4g}. {out / 'step_sizes.png'}",
        highlight=False,
        soft_wrap=True,
    )


if __name__ == "__main__":
    main()
