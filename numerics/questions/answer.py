"""What an answer to a question is: theory's numbers beside measured ones, and a figure; and the command that gives it."""

from __future__ import annotations

import json
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
from rich.table import Table

from numerics.errors import NumericsError
from numerics.folder import Folder
from numerics.train import OneLineErrors
from theory import TheoryError

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


def question(function: Callable[..., Answer]) -> click.Command:
    """The command that asks the function, which gets `prompts`, `seed` and the values of its own options. Its docstring is the help."""
    name = function.__module__.rpartition(".")[2].replace("_", "-")

    def run(out: Path | None, **values: Any) -> None:
        torch.set_num_threads(1)
        try:
            folder = Folder(out or Path("runs") / f"{name}-{datetime.now():%Y%m%d-%H%M%S-%f}")
            answer = function(**values)
            _write(folder, name, answer)
        except (NumericsError, TheoryError) as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(2)
        except KeyboardInterrupt:
            click.echo("interrupted; give the same command again", err=True)
            sys.exit(130)
        _print(folder, name, answer)
        sys.exit(0 if answer.agrees else 1)

    own = getattr(function, "__click_params__", [])[::-1]
    common = [
        click.Option(
            ["--prompts"], type=click.IntRange(min=1024), default=1 << 16, show_default=True, help="sampled for each measured number"
        ),
        click.Option(["--seed"], type=click.IntRange(min=0), default=0, show_default=True, help="of what is sampled"),
        click.Option(
            ["--out"], type=click.Path(path_type=Path), help="folder for the figure and the numbers [default: a new one in runs/]"
        ),
    ]
    text = (function.__doc__ or "") + "\n\n    Exit code: 0 what was measured agrees with theory; 1 it does not; 2 bad arguments."
    settings = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
    return OneLineErrors(name, params=[*own, *common], callback=run, help=text, context_settings=settings)


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
