"""The command line of the questions: each module of this package that has a `command` is one."""

from __future__ import annotations

import os
import signal
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from numerics.questions import INTERRUPTED


def _leave(*_: object) -> NoReturn:
    os.write(2, f"{INTERRUPTED}\n".encode())
    os._exit(130)


if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # the imports take seconds, and an exception amid them may come out as any other; when a question begins, it is an exception again
    signal.signal(signal.SIGINT, _leave)

import click  # noqa: E402

from numerics.train import OneLineErrors  # noqa: E402

NAMES = sorted(path.stem.replace("_", "-") for path in Path(__file__).parent.glob("[a-z]*.py") if path.stem != "answer")


class _Questions(OneLineErrors, click.Group):
    """Imports a question when it is asked."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return NAMES

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in NAMES:
            return None
        command: click.Command = import_module(f"numerics.questions.{name.replace('-', '_')}").command
        return command


@click.command(cls=_Questions, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
def main() -> None:
    """The questions next door: each prints what theory says beside what was measured, and draws it."""


if __name__ == "__main__":
    main(prog_name="python -m numerics.questions")
