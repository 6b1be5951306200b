"""`python -m numerics.capacity`: how near to ridge transformers of several depths and widths come. Measured; no theorem here says it."""

from __future__ import annotations

import csv
import io
import json
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import torch
from matplotlib import colormaps
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from numerics.deep import COMPARISON, DeepTrainer, measured_model
from numerics.deep_config import TransformerConfig
from numerics.errors import ConfigError, NumericsError, RunFolderError
from numerics.figures import png
from numerics.folder import CONFIG, Folder, RunFolder, refuse_used
from numerics.intervals import Interval
from numerics.lengths import SURE
from numerics.run import EXIT_CODES
from numerics.train import OneLineErrors, option
from theory import TheoryError

DEPTHS, WIDTHS, STEPS = (1, 2, 4), (8, 16, 32), 1000
SHARED = (
    "dimension",
    "context",
    "noise",
    "covariates",
    "response",
    "heads",
    "batch",
    "learning_rate",
    "seed",
    "device",
    "threads",
    "prompts",
)
COLUMNS = ("depth", "width", "parameters", "excess", "excess_low", "excess_high", "worst_relative_excess", "least_closer", "seconds")


@dataclass(frozen=True)
class Cell:
    """One transformer. `excess` is the mean over the context lengths of E (ŷ − ridge)², `worst` the largest excess / (Bayes risk − σ²) and
    `closer` the least squared distance to one step over that to ridge."""

    depth: int
    width: int
    parameters: int
    excess: Interval
    worst: float
    closer: float
    seconds: float

    @property
    def row(self) -> tuple[Any, ...]:
        """The values of COLUMNS"""
        return (self.depth, self.width, self.parameters, *self.excess[:3], self.worst, self.closer, self.seconds)


@click.command(cls=OneLineErrors, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option(
    "--depth", "depths", multiple=True, type=click.IntRange(min=1), default=DEPTHS, show_default=True, help="layers; may be repeated"
)
@click.option(
    "--width",
    "widths",
    multiple=True,
    type=click.IntRange(min=1),
    default=WIDTHS,
    show_default=True,
    help="residual stream; may be repeated",
)
@click.option("--steps", type=click.IntRange(min=1), default=STEPS, show_default=True, help="optimiser steps of each transformer")
@click.option(
    "--out", type=click.Path(path_type=Path), help="folder of the study [default: a new one in runs/]; given again, it is continued"
)
def main(depths: tuple[int, ...], widths: tuple[int, ...], steps: int, out: Path | None, **values: Any) -> None:
    """Trains a transformer of every depth and width for as many steps, and measures its distance to ridge at every context length.

    Writes capacity.csv, capacity.png, comparison.json and result.json. A killed study continues when given the same command again.

    Exit code: 0 the largest transformer is surely nearer to ridge than the smallest; 3 it is not, train longer; 2 bad arguments.
    """
    console = Console()
    try:
        base = {name: value for name, value in values.items() if value is not None}
        configs = [
            TransformerConfig.build(depth=depth, width=width, steps=steps, **base)
            for depth in sorted(set(depths))
            for width in sorted(set(widths))
        ]
        if len(configs) < 2:
            raise ConfigError("--depth, --width: name one transformer only; give several to compare.")
        folder = _folder(out or Path("runs") / f"capacity-{datetime.now():%Y%m%d-%H%M%S-%f}", configs)
        cells = _measured(console, folder, configs)
    except (NumericsError, TheoryError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        click.echo("interrupted; give the same command with --out again to continue", err=True)
        sys.exit(130)
    sys.exit(_report(console, folder, configs[0], cells))


main.params = [option(name, TransformerConfig.model_fields[name]) for name in SHARED] + main.params


def _folder(path: Path, configs: list[TransformerConfig]) -> Folder:
    """The study's folder, a new one or that of the same study."""
    plan = json.dumps([config.model_dump() for config in configs], indent=2) + "\n"
    try:
        stored = (path / "study.json").read_text()
    except FileNotFoundError:
        refuse_used(path)
    except (OSError, UnicodeDecodeError) as error:
        raise RunFolderError(f"{path / 'study.json'}: cannot be read ({error}); give a new folder.") from None
    else:
        if stored != plan:
            raise ConfigError(f"--out {path}: holds another study; give its options, or a new folder.")
    folder = Folder(path)
    folder.write("study.json", plan.encode())
    return folder


def _measured(console: Console, folder: Folder, configs: list[TransformerConfig]) -> list[Cell]:
    cells = []
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("excess {task.fields[excess]}"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("training", total=sum(config.steps for config in configs), excess="…")
        for number, config in enumerate(configs):

            def progress(step: int, excess: float, done: int = number * config.steps) -> None:
                bar.update(task, completed=done + step, excess=f"{excess:.1e}")

            bar.update(task, description=f"depth {config.depth}, width {config.width}")
            path = folder.path / "cells" / f"depth-{config.depth}-width-{config.width}"
            cell = RunFolder(path) if (path / CONFIG).exists() else RunFolder.create(path, config)
            torch.set_num_threads(config.threads)
            trainer = DeepTrainer(config, cell)
            trainer.run(progress)
            cell.save_weights(trainer.model.state_dict())
            rows = measured_model(config, trainer.model, trainer.device).rows
            cells.append(
                Cell(
                    depth=config.depth,
                    width=config.width,
                    parameters=sum(weight.numel() for weight in trainer.model.parameters()),
                    excess=_mean([row.excess for row in rows]),
                    worst=max((row.relative.value for row in rows if row.relative), default=float("nan")),
                    closer=min((row.closer.value for row in rows if row.closer), default=float("nan")),
                    seconds=trainer.seconds,
                )
            )
    return cells


def _mean(intervals: list[Interval]) -> Interval:
    """The mean over the lengths; its interval holds whatever the dependence among them."""
    return Interval(*(sum(part) / len(intervals) for part in zip(*intervals, strict=True)))


def _report(console: Console, folder: Folder, config: TransformerConfig, cells: list[Cell]) -> int:
    smallest, largest = (pick(cells, key=lambda cell: (cell.depth, cell.width)) for pick in (min, max))
    gain = smallest.excess.value - largest.excess.value
    nearer = gain > SURE * (smallest.excess.error + largest.excess.error)
    verdict = "measured only" if nearer else "not converged"
    reason = (
        f"{_named(largest)} is at squared distance {largest.excess.value:.3g} from ridge, {_named(smallest)} at "
        f"{smallest.excess.value:.3g}" + ("" if nearer else "; not surely nearer, train longer (--steps)")
    )
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(cell.row for cell in cells)
    folder.write("capacity.csv", text.getvalue().encode())
    folder.write("capacity.png", draw(config, cells))
    title = f"d = {config.dimension}, n = {config.context}, σ² = {config.noise}, {config.steps} steps of {config.batch} prompts"
    rows = [
        [
            cell.depth,
            cell.width,
            cell.parameters,
            f"{cell.excess.value:.4g} ± {cell.excess.value - cell.excess.low:.2g}",
            f"{cell.worst:.3g}",
            f"{cell.closer:.3g}",
            f"{cell.seconds:.0f}",
        ]
        for cell in cells
    ]
    names = ["depth", "width", "parameters", "E (ŷ − ridge)²", "worst excess / (Bayes − σ²)", "closer to ridge than to one step", "seconds"]
    note = "The mean over the context lengths 0…n of E (ŷ − ridge)², with a 95 % interval; the worst ratios over these lengths."
    page = [{"title": f"Distance to ridge, {title}", "status": "measured", "note": note, "columns": names, "rows": rows}]
    folder.write(COMPARISON, (json.dumps(page, indent=2, ensure_ascii=False) + "\n").encode())
    folder.write("result.json", (json.dumps({"verdict": verdict, "reason": reason}, indent=2, ensure_ascii=False) + "\n").encode())
    table = Table(*names, title=f"Distance to ridge, {title}")
    for row in rows:
        table.add_row(*map(str, row))
    console.print(table)
    console.print(f"{verdict}: {reason}. {folder.path / 'capacity.png'}", highlight=False, soft_wrap=True, markup=False)
    return EXIT_CODES[verdict]


def _named(cell: Cell) -> str:
    return f"depth {cell.depth}, width {cell.width}"


def draw(config: TransformerConfig, cells: list[Cell]) -> bytes:
    """Squared distance to ridge against depth, and against the number of parameters; a line for each width."""
    figure = Figure(figsize=(12, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    widths = sorted({cell.width for cell in cells})
    for number, (width, color) in enumerate(zip(widths, colormaps["viridis"](torch.linspace(0, 0.85, len(widths)).numpy()), strict=True)):
        aside = 0.03 * (number - (len(widths) - 1) / 2)  # so that intervals of one depth do not cover each other
        own = [cell for cell in cells if cell.width == width]
        excesses = [cell.excess for cell in own]
        errors = torch.tensor([[excess.value - excess.low for excess in excesses], [excess.high - excess.value for excess in excesses]])
        for axes, places in ((left, [cell.depth + aside for cell in own]), (right, [cell.parameters for cell in own])):
            axes.errorbar(
                places,
                [excess.value for excess in excesses],
                yerr=errors.numpy(),
                color=color,
                marker="o",
                capsize=3,
                label=f"width {width}",
            )
    left.set(xlabel="depth (layers)", ylabel="E (ŷ − ridge)², mean over context lengths", yscale="log", title="depth and width")
    left.set_xticks(sorted({cell.depth for cell in cells}))
    right.set(xlabel="parameters", ylabel="E (ŷ − ridge)²", xscale="log", yscale="log", title="parameters")
    for axes in (left, right):
        axes.grid(alpha=0.3, which="both", linewidth=0.5)
        axes.legend()
    figure.suptitle(
        f"Distance to ridge of trained transformers, d = {config.dimension}, n = {config.context}, σ² = {config.noise}, "
        f"{config.steps} steps, 95 % intervals"
    )
    return png(figure)


if __name__ == "__main__":
    main()
