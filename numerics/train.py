"""`python -m numerics.train`: train a layer of linear self-attention, or a deeper model, and say where it ended, against the theory."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import click
import torch
from pydantic.fields import FieldInfo
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from numerics.config import RunConfig
from numerics.deep import DeepResult, train_deep
from numerics.deep_config import CONFIGS, LAYER, DeepConfig, build_config
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
    """An option for each field of any model's config. None stands for what is not given: the config of the model has the default."""
    fields: dict[str, dict[str, FieldInfo]] = {}
    for model, config in CONFIGS.items():
        for name, field in config.model_fields.items():
            fields.setdefault(name, {})[model] = field
    del fields["model"]
    for name, by_model in fields.items():
        first = next(iter(by_model.values()))
        only = "" if LAYER in by_model else f" (--model {', '.join(by_model)})"
        shown, text = _by_model(by_model, lambda field: field.default), _by_model(by_model, lambda field: field.description)
        default = f"  [default: {shown}]" if shown else ""
        command.params.insert(0, option(name, first, default=None, show_default=False, help=text + only + default))
    command.params[: len(fields)] = command.params[: len(fields)][::-1]
    return command


def _by_model(by_model: dict[str, FieldInfo], of: Callable[[FieldInfo], Any]) -> str:
    """What fields say, once where they all say the same, else with the models that say it; None is nothing."""
    said: dict[str, list[str]] = {}
    for model, field in by_model.items():
        if of(field) is not None:
            said.setdefault(str(of(field)), []).append(model)
    plain = len(said) == 1 and len(next(iter(said.values()))) == len(by_model)
    return "; ".join(value if plain else f"{', '.join(models)}: {value}" for value, models in said.items())


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
@click.option(
    "--model",
    type=click.Choice(list(CONFIGS)),
    show_default=LAYER,
    help="one layer of linear self-attention, whose theory is exact; a softmax transformer with MLPs and a loss at every position, held "
    "against ridge; layers of linear or softmax attention alone",
)
@click.option("--out", type=click.Path(path_type=Path), help="folder of the run [default: a new one in runs/]")
@click.option(
    "--resume",
    is_flag=True,
    help="continue the run in --out after a kill, to the same result; with options of a run, start it where there is none yet",
)
def main(out: Path | None, resume: bool, **values: Any) -> None:
    """Trains one layer of linear self-attention, or another --model, on freshly drawn prompts and holds it against the theory.

    Under torchrun the processes train one model together: torchrun --nproc-per-node 2 -m numerics.train …

    Exit code: 0 the trained model agrees with the theory, ended in another stationary point that is named, or is one of which theory does
    not speak and what it does was measured; 1 it contradicts the theory; 2 bad arguments; 3 training has not converged.
    """
    console = Console()
    folder: RunFolder | None = None
    processes = Processes.joined(cuda=values["device"] != "cpu" and torch.cuda.is_available())
    try:
        given = {name: value for name, value in values.items() if value is not None}
        if processes.first:
            folder, config = _opened(processes, out, resume, given, {"shards": processes.count})
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
) -> tuple[RunFolder, RunConfig]:
    """The run's folder and config; the latter is given to the other processes, or None where there is none."""
    config: RunConfig | None = None
    try:
        if resume:
            if out is None:
                raise ConfigError("--resume: name the run to continue with --out DIR.")
            folder, opened = RunFolder.open(out, given, values)
        else:
            opened = build_config({**values, **given})
            folder = RunFolder.create(out or _new_folder(opened), opened)
        config = opened
    finally:
        processes.from_first(config.model_dump() if config else None)
    return folder, opened


def _shared(processes: Processes) -> RunConfig:
    """The config that process 0 has opened."""
    stored = processes.from_first(None)
    if stored is None:
        sys.exit(2)  # process 0 says why
    return build_config(stored)


def _new_folder(config: RunConfig) -> Path:
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S-%f")
    kind = f"{config.model}-" if isinstance(config, DeepConfig) else ""
    return Path("runs") / f"{kind}d{config.dimension}-n{config.context}-{stamp}"


def _with_progress(console: Console, config: RunConfig, folder: RunFolder | None, processes: Processes) -> Result | DeepResult | None:
    run: Any = train_deep if isinstance(config, DeepConfig) else train
    if folder is None:
        return run(config, None, processes=processes)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("training", total=config.steps, note="excess …")
        told: dict[str, Any] = {"progress": lambda step, excess: bar.update(task, completed=step, note=f"excess {excess:.1e}")}
        if isinstance(config, DeepConfig):
            measuring = bar.add_task("measuring", total=len(config.lengths), note="context lengths")
            told["judging"] = lambda done, of: bar.update(measuring, completed=done)
        return run(config, folder, processes=processes, **told)


def _end(result: Result) -> str:
    name, kind = result.stationary_point, result.stationary_kind
    if name is None:
        return "none that the theory lists"
    return name if kind in (None, name) else f"{name}, a {kind}"


def _rows(result: Result) -> list[tuple[str, str]]:
    return [
        ("stationary point", _end(result)),
        ("minimum of the loss, theory", f"{result.loss_theory:.10g}"),
        ("exact loss of the trained weights", f"{result.loss_trained:.10g}"),
        ("relative excess loss", f"{result.relative_excess:.3g}"),
        ("relative error of the step B", f"{result.step_relative_error:.3g}"),
        ("loss on fresh prompts", f"{result.loss_sampled:.6g} ± {result.loss_sampled_standard_error:.2g} (1 standard error)"),
    ]


def _deep_rows(result: DeepResult) -> list[tuple[str, str]]:
    rows = [
        ("Bayes risk, mean over the context lengths", f"{result.loss_theory:.6g}"),
        ("risk of the trained model", f"{result.loss_trained:.6g}"),
    ]
    if result.worst_relative_excess is not None:
        place = f"after {result.worst_relative_excess_length} examples"
        rows.append(("largest excess / (Bayes risk − σ²)", f"{result.worst_relative_excess:.3g}, {place}"))
    if result.least_closer is not None:
        place = f"after {result.least_closer_length} examples"
        rows.append(("closer to ridge than to one step, least", f"{result.least_closer:.3g} times, {place}"))
    return [*rows, ("parameters", str(result.parameters))]


def _report(console: Console, folder: RunFolder, result: Result | DeepResult) -> None:
    table = Table(title="Where training ended", show_header=False)
    for name, value in (
        ("verdict", f"[bold]{result.verdict}[/]"),
        *(_deep_rows(result) if isinstance(result, DeepResult) else _rows(result)),
        ("steps, seconds of training", f"{result.steps}, {result.seconds:.1f}"),
        ("folder", str(folder.path)),
        ("as a page", f"python -m report {folder.path}"),
    ):
        table.add_row(name, value)
    console.print(table)
    console.print(f"{result.verdict}: {result.reason}.", highlight=False, soft_wrap=True)


_options(main)

if __name__ == "__main__":
    main()
