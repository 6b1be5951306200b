"""The command line of the questions: each module of this package that has a `command` is one."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import click

from numerics.train import OneLineErrors

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
