"""`python -m report`: a run folder as one HTML page, RUN/report.html."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from numerics.train import OneLineErrors
from proofs.errors import TypesettingError
from proofs.printing.folder import write_file
from report.errors import ReportError
from report.folder import read
from report.page import rendered

REPORT = "report.html"


@click.command(cls=OneLineErrors, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help=f"file to write, for one RUN [default: RUN/{REPORT}]")
def main(runs: tuple[Path, ...], out: Path | None) -> None:
    """Writes each run folder as one HTML page that needs nothing else: no network, no scripts.

    Setting, theory with its derivation, curves, comparison, environment, verdict. Of a run that has not ended, what is there. A folder of
    numerics.sweep, landscape, step_sizes, capacity or finite_tasks is one too: what it is, verdict, tables, data, figures.

    Exit code: 0 all pages are written; 2 bad arguments, a folder without a run, a damaged file, or a page that cannot be written.
    """
    if out is not None and len(runs) > 1:
        raise click.UsageError(f"--out: is one file, and {len(runs)} runs are named; leave it out, or name one run.")
    failed = False
    for path in runs:
        try:
            run = read(path)
            target = out or path / REPORT
            write_file(target, rendered(run).encode())
        except (ReportError, TypesettingError) as error:
            click.echo(_said(f"error: {error}"), err=True)
            failed = True
            continue
        unfinished = "" if run.ended else " (the run has not ended)"
        click.echo(_said(f"{target}{unfinished}"))
    sys.exit(2 if failed else 0)


def _said(line: str) -> str:
    """With a mark for what is no character, such as a byte in the name of a file."""
    return line.encode(errors="replace").decode()


if __name__ == "__main__":
    main(prog_name="python -m report")
