"""What an answer to a question is: theory's numbers beside measured ones, and a figure; and the command that gives it."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import NormalDist
from typing import Any, NamedTuple

import click
import torch
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from numerics.errors import NumericsError
from numerics.folder import Folder
from numerics.questions import INTERRUPTED
from numerics.train import OneLineErrors
from theory import TheoryError
from theory.names import rational

FALSE_ALARM = 1e-6
"""Of all checks of one answer together (Bonferroni), means of many independent draws being near normal"""
ROUNDING = 1e-9


class Check(NamedTuple):
    """A number of theory, the same measured, and its standard error; 0 for what is computed by a second route, within ROUNDING."""

    name: str
    theory: float
    measured: float
    error: float


@dataclass(frozen=True)
class Answer:
    """What is known.

    theorem  label in `proofs` of the theorem that says it
    setting  the numbers for which it was asked, as a title
    text     what theory says, in a sentence or two
    checks   theory's numbers beside measured ones
    figure   a PNG
    """

    theorem: str
    setting: str
    text: str
    checks: tuple[Check, ...]
    figure: bytes

    @property
    def bound(self) -> float:
        """Standard errors within which every check has to be"""
        return NormalDist().inv_cdf(1 - FALSE_ALARM / (2 * len(self.checks)))

    def holds(self, check: Check) -> bool:
        """Whether the two numbers agree; NaN agrees with nothing.

        >>> answer = Answer("isotropic", "d = 1", "", (Check("mean", 1.0, 1.1, 0.03),), b"")
        >>> [answer.holds(check._replace(error=error)) for check in answer.checks for error in (0.03, 0.02, 0.0)]
        [True, False, False]
        """
        scale = max(abs(check.theory), abs(check.measured))
        return abs(check.theory - check.measured) <= self.bound * check.error + ROUNDING * scale

    @property
    def agrees(self) -> bool:
        """Whether all agree"""
        return all(map(self.holds, self.checks))


def question(short: str) -> Callable[[Callable[..., Answer]], click.Command]:
    """The command that asks a function, which gets `prompts`, `seed` and the values of its own options. Its docstring is the help.

    short  what the list of all questions says of it, in at most 60 characters
    """

    def command(function: Callable[..., Answer]) -> click.Command:
        name = function.__module__.rpartition(".")[2].replace("_", "-")

        def run(out: Path | None, **values: Any) -> None:
            try:
                if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # an exception from here on, so that the terminal is put in order
                    signal.signal(signal.SIGINT, signal.default_int_handler)
                torch.set_num_threads(1)
                folder = Folder(out or Path("runs") / f"{name}-{datetime.now():%Y%m%d-%H%M%S-%f}")
                with _spinner(name):
                    answer = function(**values)
                _write(folder, name, answer)
                _print(folder, name, answer)
            except (NumericsError, TheoryError) as error:
                click.echo(f"error: {error}", err=True)
                sys.exit(2)
            except KeyboardInterrupt:
                click.echo(INTERRUPTED, err=True)
                sys.exit(130)
            sys.exit(0 if answer.agrees else 1)

        own = getattr(function, "__click_params__", [])[::-1]
        for option in own:
            if option.name == "noise":
                option.callback = nonnegative
        text = (function.__doc__ or "") + "\n\n    Exit code: 0 what was measured agrees with theory; 1 it does not; 2 bad arguments."
        settings = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
        return OneLineErrors(name, params=[*own, *_common()], callback=run, help=text, short_help=short, context_settings=settings)

    return command


def nonnegative(context: click.Context, option: click.Parameter, given: Any) -> Any:
    """Of an option that takes a rational ≥ 0, or several: the texts as they are, or a usage error of one line that names the option."""
    for text in given if isinstance(given, tuple) else (given,):
        try:
            value = rational(option.opts[0], text)
        except TheoryError as error:
            raise click.UsageError(str(error)) from None
        if value < 0:
            raise click.UsageError(f"{option.opts[0]}: must not be negative, got {text}; give 0 or more.")
    return given


def _common() -> list[click.Option]:
    seeds = click.IntRange(min=0, max=2**63 - 1)
    folder = click.Path(path_type=Path)
    prompts = click.IntRange(min=1024)
    return [
        click.Option(["--prompts"], type=prompts, default=1 << 16, show_default=True, help="sampled for each measured number"),
        click.Option(["--seed"], type=seeds, default=0, show_default=True, help="of what is sampled"),
        click.Option(["--out"], type=folder, help="folder for the figure and the numbers [default: a new one in runs/]"),
    ]


def _spinner(name: str) -> Progress:
    """On a terminal, one line that says for how long it has been computing; elsewhere nothing."""
    console = Console(stderr=True)
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    shown = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    shown.add_task(f"{name}: computing; at the defaults it takes up to a minute", total=None)
    return shown


def _write(folder: Folder, name: str, answer: Answer) -> None:
    found = {
        "theorem": answer.theorem,
        "setting": answer.setting,
        "text": answer.text,
        "agrees": answer.agrees,
        "bound": answer.bound,
        "checks": [check._asdict() | {"agrees": answer.holds(check)} for check in answer.checks],
    }
    folder.write(f"{name}.png", answer.figure)
    folder.write(f"{name}.json", (json.dumps(found, indent=2, ensure_ascii=False) + "\n").encode())


def _print(folder: Folder, name: str, answer: Answer) -> None:
    console = Console()
    table = Table("", "theory", "measured", "standard error", "", title=f"{name}: {answer.setting}")
    for check in answer.checks:
        error = f"{check.error:.1e}" if check.error else "second route"
        table.add_row(check.name, f"{check.theory:.6g}", f"{check.measured:.6g}", error, "agrees" if answer.holds(check) else "CONTRADICTS")
    console.print(table)
    where = f"The theorem: python -m proofs show {answer.theorem}. The figure: {folder.path / f'{name}.png'}"
    console.print(f"{answer.text}\n{where}", highlight=False, soft_wrap=True, markup=False)
