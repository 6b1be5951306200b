"""`python -m numerics.sweep`: train many models at once, over settings, hyperparameters and seeds, and hold each against the theory."""

from __future__ import annotations

import statistics
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from numerics import sweep_figures
from numerics.cluster import Rows, computed
from numerics.config import TrainConfig, refuse_missing_device
from numerics.errors import ConfigError, NumericsError
from numerics.grid import DEFAULTS, VARIED, Grid
from numerics.run import EXIT_CODES
from numerics.table import TABLE, SweepFolder
from numerics.train import OneLineErrors, option
from theory import TheoryError

SHOWN = 40
"""Lines of the summary at most"""


def _options(command: click.Command) -> click.Command:
    """The options of `numerics.train`, each of which may be given several times."""
    several = []
    for name in VARIED:
        field = TrainConfig.model_fields[name]
        default = DEFAULTS.get(name, field.default)
        several.append(option(name, field, default=[default], show_default=default is not None, multiple=True))
    command.params = several + command.params
    return command


@click.command(cls=OneLineErrors, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--seeds", type=click.IntRange(min=1), default=1, show_default=True, help="models of each combination")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="the first seed")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True, help="where a worker trains")
@click.option("--rows", type=click.IntRange(min=1), help="models in a task at most [default: 16384 prompts a step]; more suit a GPU")
@click.option(
    "--workers", type=click.IntRange(min=0), help="processes, a thread each; 0: this one [default: as many as CPUs, 1 with a GPU]"
)
@click.option("--scheduler", help="address of a running Dask scheduler, whose workers compute instead, e.g. tcp://10.0.0.1:8786")
@click.option("--out", type=click.Path(path_type=Path), help="folder of the sweep [default: a new one in runs/]")
@click.option("--resume", is_flag=True, help="continue the sweep in --out after a kill; what is finished is not computed again")
def main(workers: int | None, scheduler: str | None, out: Path | None, resume: bool, **values: Any) -> None:
    """Trains a model for every combination of the options' values and every seed, many in one tensor program.

    Every option of a model can be given several times: --context 10 --context 20 --noise 0 --noise 1/4 --seeds 20 trains 80 models.

    Exit code: 0 every model agrees with the theory, or ended in another stationary point that is named; 1 one contradicts the
    theory; 2 bad arguments, or rows that could not be computed; 3 one has not converged.
    """
    console = Console()
    folder: SweepFolder | None = None
    finished: Rows = []
    try:
        if workers is not None and scheduler is not None:
            raise ConfigError("--workers: an existing cluster has its own; leave it out, or --scheduler.")
        if scheduler is None:
            refuse_missing_device(values["device"])
        folder, grid = _opened(out, resume, values)
        try:
            _compute(console, folder, grid, finished, workers=workers, scheduler=scheduler)
        finally:
            if finished:
                folder.save_table(finished)
    except (NumericsError, TheoryError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        kept = f"; {len(finished)} rows are kept, continue with --resume --out {folder.path}" if folder else ""
        click.echo("interrupted" + kept, err=True)
        sys.exit(130)
    for name, figure in sweep_figures.draw(finished).items():
        folder.write(f"{name}.png", figure)
    _report(console, folder, grid, finished)
    sys.exit(max((EXIT_CODES[row["verdict"]] for row in finished), key=(0, 3, 1).index))


def _opened(out: Path | None, resume: bool, values: dict[str, Any]) -> tuple[SweepFolder, Grid]:
    context = click.get_current_context()
    plain = {name: list(value) if name in VARIED else value for name, value in values.items()}
    if not resume:
        grid = Grid.build(**plain)
        return SweepFolder.create(out or Path("runs") / f"sweep-{datetime.now():%Y%m%d-%H%M%S-%f}", grid), grid
    if out is None:
        raise ConfigError("--resume: name the sweep to continue with --out DIR.")
    given = {name: value for name, value in plain.items() if context.get_parameter_source(name) is not ParameterSource.DEFAULT}
    return SweepFolder.open(out, given, plain)


def _compute(console: Console, folder: SweepFolder, grid: Grid, finished: Rows, *, workers: int | None, scheduler: str | None) -> None:
    """Adds to `finished` the rows that are, then each that comes to be."""
    left = []
    for task in grid.tasks():
        known = folder.load(task)
        if known is None:
            left.append(task)
        else:
            finished += known
    if not left:
        return
    columns = (TextColumn("models"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, speed_estimate_period=3600) as bar:
        shown = bar.add_task("", total=len(grid), completed=len(finished))
        for task, rows in computed(left, workers=workers, scheduler=scheduler):
            folder.save(task, rows)
            finished += rows
            bar.advance(shown, len(rows))


def _report(console: Console, folder: SweepFolder, grid: Grid, rows: Rows) -> None:
    varied = [name for name in VARIED if len(grid.values[name]) > 1 and name in rows[0]] or ["dimension", "context", "noise"]
    verdicts = [name for name in EXIT_CODES if any(row["verdict"] == name for row in rows)]
    groups: dict[tuple[Any, ...], Rows] = {}
    for row in sorted(rows, key=lambda row: int(row["row"])):
        groups.setdefault(tuple(row[name] for name in varied), []).append(row)
    table = Table(title="Where training ended", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, title_justify="left")
    for name in (*varied, "models", *verdicts, "median excess", "largest", "median error of B"):
        table.add_column(name.replace("_", " "), justify="right")
    for key, some in list(groups.items())[:SHOWN]:
        counts = Counter(row["verdict"] for row in some)
        excess, error = _numbers(some, "relative_excess"), _numbers(some, "step_relative_error")
        spread = [f"{statistics.median(excess):.2g}", f"{max(excess):.2g}", f"{statistics.median(error):.2g}"] if excess else ["–"] * 3
        table.add_row(*map(str, key), str(len(some)), *(str(counts[name]) for name in verdicts), *spread)
    console.print(table)
    if len(groups) > SHOWN:
        console.print(f"and {len(groups) - SHOWN} more in {TABLE}")
    ends = Counter(row["stationary_point"] or "none" for row in rows)
    for line in (
        "stationary points: " + ", ".join(f"{name} {count}" for name, count in ends.most_common()),
        "verdicts: " + ", ".join(f"{name} {sum(row['verdict'] == name for row in rows)}" for name in verdicts),
        *(f"{row['verdict']}: {_where(row)}: {row['reason']}." for row in _first_of_each(rows)),
        f"{sum(row['seconds'] for row in rows):.0f} seconds of workers. {folder.path / TABLE}",
    ):
        console.print(line, highlight=False, soft_wrap=True, markup=False)


def _numbers(rows: Rows, name: str) -> list[float]:
    return [row[name] for row in rows if name in row]


def _first_of_each(rows: Rows) -> Rows:
    """A row of each verdict that asks for a look"""
    first = {row["verdict"]: row for row in sorted(rows, key=lambda row: -int(row["row"]))}
    return [first[name] for name in ("contradicts", "not converged") if name in first]


def _where(row: dict[str, Any]) -> str:
    return f"d = {row['dimension']}, n = {row['context']}, σ² = {row['noise']}, seed {row['seed']}"


_options(main)

if __name__ == "__main__":
    main()
