"""`python -m numerics.train`: train one layer of linear self-attention and say where it ended, against the theory."""

from __future__ import annotations

import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import click
import torch
from click.core import ParameterSource
from pydantic.fields import FieldInfo
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from numerics.config import TrainConfig
from numerics.errors import ConfigError, NumericsError
from numerics.folder import RunFolder
from numerics.parallel import Processes
from numerics.run import EXIT_CODES, Result, train
from theory import TheoryError


def option(name: str, field: FieldInfo, **how: Any) -> click.Option:
    """The command-line option of a config field: name, type, default and help are the field's own, unless `how` says otherwise."""
    kinds = [kind for kind in get_args(field.annotation) if kind is not type(None)] or [field.annotation]
    if get_origin(field.annotation) is Literal:
        kind: Any = click.Choice(list(get_args(field.annotation)))
    else:
        kind = kinds[0]
    own = {"type": kind, "default": field.default, "show_default": field.default is not None, "help": field.description}
    return click.Option([f"--{name.replace('_', '-')}"], **(own | how))


def _options(command: click.Command) -> click.Command:
    command.params = [option(name, field) for name, field in TrainConfig.model_fields.items()] + command.params
    return command


class OneLineErrors(click.Command):
    """A command whose usage errors are one line, as all its other errors are."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().main(*args, **{**kwargs, "standalone_mode": False})
        except click.ClickException as error:
            click.echo(f"error: {error.format_message()}", err=True)
            sys.exit(2)
        except click.Abort:
            sys.exit(130)
        except OSError as error:  # of stdout, such as a log on a full disk: those of the folder are RunFolderErrors
            sys.stdout = open(os.devnull, "w")  # else it is flushed, and fails, once more  # noqa: SIM115
            click.echo(f"error: stdout: cannot be written ({error.strerror}); what was reached is in the folder of the run.", err=True)
            sys.exit(2)


@click.command(cls=OneLineErrors, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--out", type=click.Path(path_type=Path), help="folder of the run [default: a new one in runs/]")
@click.option(
    "--resume",
    is_flag=True,
    help="continue the run in --out after a kill, to the same result; with options of a run, start it where there is none yet",
)
def main(out: Path | None, resume: bool, **values: Any) -> None:
    """Trains one layer of linear self-attention on freshly drawn prompts and holds it against the theory.

    Under torchrun the processes train one model together: torchrun --nproc-per-node 2 -m numerics.train …

    Exit code: 0 the trained layer agrees with the theory, or ended in another stationary point that is named; 1 it contradicts
    the theory; 2 bad arguments; 3 training has not converged.
    """
    console = Console()
    folder: RunFolder | None = None
    processes = Processes.joined(cuda=values["device"] != "cpu" and torch.cuda.is_available())
    try:
        context = click.get_current_context()
        given = {name: value for name, value in values.items() if context.get_parameter_source(name) is not ParameterSource.DEFAULT}
        if "shards" not in given:
            values["shards"] = processes.count
        if processes.first:
            folder, config = _opened(processes, out, resume, given, values)
        else:
            config = _shared(processes)
        result = _with_progress(console, config, folder, processes)
    except (NumericsError, TheoryError) as error:
        if processes.first:
            click.echo(f"error: {error}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        click.echo("interrupted" + (f"; continue with --resume --out {folder.path}" if folder else ""), err=True)
        sys.exit(130)
    processes.leave()
    if folder is not None and result is not None:
        _report(console, folder, result)
        sys.exit(EXIT_CODES[result.verdict])


def _opened(
    processes: Processes, out: Path | None, resume: bool, given: dict[str, Any], values: dict[str, Any]
) -> tuple[RunFolder, TrainConfig]:
    """The run's folder and config; the latter is given to the other processes, or None where there is none."""
    config: TrainConfig | None = None
    try:
        if resume:
            if out is None:
                raise ConfigError("--resume: name the run to continue with --out DIR.")
            folder, opened = RunFolder.open(out, given, values)
        else:
            opened = TrainConfig.build(**values)
            folder = RunFolder.create(out or _new_folder(opened), opened)
        config = opened
    finally:
        processes.from_first(config.model_dump() if config else None)
    return folder, opened


def _shared(processes: Processes) -> TrainConfig:
    """The config that process 0 has opened."""
    stored = processes.from_first(None)
    if stored is None:
        sys.exit(2)  # process 0 says why
    return TrainConfig.build(**stored)


def _new_folder(config: TrainConfig) -> Path:
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S-%f")
    return Path("runs") / f"d{config.dimension}-n{config.context}-{stamp}"


def _with_progress(console: Console, config: TrainConfig, folder: RunFolder | None, processes: Processes) -> Result | None:
    if folder is None:
        return train(config, None, processes=processes)
    columns = (TextColumn("training"), BarColumn(), MofNCompleteColumn(), TextColumn("excess {task.fields[excess]}"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("training", total=config.steps, excess="…")
        return train(
            config, folder, processes=processes, progress=lambda step, excess: bar.update(task, completed=step, excess=f"{excess:.1e}")
        )


def _end(result: Result) -> str:
    name, kind = result.stationary_point, result.stationary_kind
    if name is None:
        return "none that the theory lists"
    return name if kind in (None, name) else f"{name}, a {kind}"


def _report(console: Console, folder: RunFolder, result: Result) -> None:
    table = Table(title="Where training ended", show_header=False)
    for name, value in (
        ("verdict", f"[bold]{result.verdict}[/]"),
        ("stationary point", _end(result)),
        ("minimum of the loss, theory", f"{result.loss_theory:.10g}"),
        ("exact loss of the trained weights", f"{result.loss_trained:.10g}"),
        ("relative excess loss", f"{result.relative_excess:.3g}"),
        ("relative error of the step B", f"{result.step_relative_error:.3g}"),
        ("loss on fresh prompts", f"{result.loss_sampled:.6g} ± {result.loss_sampled_standard_error:.2g} (1 standard error)"),
        ("steps, seconds of training", f"{result.steps}, {result.seconds:.1f}"),
        ("folder", str(folder.path)),
    ):
        table.add_row(name, value)
    console.print(table)
    console.print(f"{result.verdict}: {result.reason}.", highlight=False, soft_wrap=True)


_options(main)

if __name__ == "__main__":
    main()
