"""`python -m proofs`: list, check, show, typeset and picture the theorems."""

from __future__ import annotations

import io
import os
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Column, Table
from rich.text import Text

from proofs.errors import LabelError, ProofError, TypesettingError
from proofs.graph import SUFFIXES, graph, written
from proofs.printing.documents import documents
from proofs.printing.folder import staging, write_file, write_folder
from proofs.printing.names import Names
from proofs.printing.pdf import compiled, require_latex
from proofs.printing.scopes import grouped
from proofs.printing.setting import THEOREMS, setting_document
from proofs.text import Page, spelled
from proofs.theorems import LABELS, load
from proofs.verdict import Verdict, judge, judged
from theory import Setting, TheoryError
from theory.names import covariate_law, rational, response_family
from theory.table import markdown, named_pairs, table

_STYLES = {"fully checked": "green", "checked": "yellow", "conjectured": "cyan", "refused": "bold red"}
_PIPED_WIDTH = 120  # columns where the output is no terminal, and COLUMNS is not set


class _OneLineErrors(click.Group):
    """A command whose errors are one line each; a reader that goes away, or Ctrl-C, ends it quietly."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        for stream in (sys.stdout, sys.stderr):  # where σ cannot be written, \u03c3 is
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        try:
            super().main(*args, **{**kwargs, "standalone_mode": False})
            sys.stdout.flush()
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.format_message())
            sys.exit(2)
        except click.ClickException as error:
            _fail(error.format_message(), 2)
        except (LabelError, TypesettingError) as error:
            _fail(str(error), 2)
        except ProofError as error:
            _fail(str(error), 1)
        except click.exceptions.Exit as end:
            sys.exit(end.exit_code)
        except (click.Abort, KeyboardInterrupt):
            sys.exit(130)
        except OSError as error:  # the reader is gone, the disk is full, a name is too long
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that flushing at exit does not fail again
            if isinstance(error, BrokenPipeError):
                sys.exit(141)
            _fail(str(error), 2)


def _fail(message: str, code: int) -> None:
    click.echo(f"error: {' '.join(message.split())}", err=True)
    sys.exit(code)


@click.group(cls=_OneLineErrors, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
def main() -> None:
    """The theorems: each is an object whose steps a small kernel checks, and what is printed is printed from that object.

    Exit code: 0 done; 1 a theorem asked for is refused, or `check` finds one not fully checked; 2 bad arguments, or LaTeX is missing
    or fails.
    """


def _labels(_: Any, __: Any, values: Sequence[str]) -> tuple[str, ...]:
    """The labels asked for, in their order, or all; each must be one."""
    for value in values:
        load(value)
    return tuple(dict.fromkeys(values)) or LABELS


_some = click.argument("labels", metavar="[LABEL]...", nargs=-1, callback=_labels)
_out = click.option(
    "--out", type=click.Path(path_type=Path), default=Path("build/proofs"), show_default=True, metavar="DIR", help="folder to write to"
)


@main.command("list")
def list_theorems() -> None:
    """Every theorem: label, status, scope and source. The status is found by checking."""
    console = _console()
    for verdict in judged([load(label) for label in LABELS]):
        console.print(_headed(verdict, LABELS), soft_wrap=True)
        for words in ("; ".join(_scope(verdict)) or verdict.reason, verdict.theorem.source):
            console.print(Text(textwrap.indent(textwrap.fill(words, console.width - 4), "    ")), soft_wrap=True)


def _headed(verdict: Verdict, labels: Sequence[str], more: str = "") -> Text:
    """A line that begins with label and status, in columns."""
    label = f"{verdict.theorem.label:<{max(map(len, labels))}}  "
    return Text.assemble(label, (f"{verdict.status:<13}" if more else verdict.status, _STYLES[verdict.status]), more)


def _scope(verdict: Verdict) -> list[str]:
    if verdict.certificate is None:
        return []
    names = {symbol.name for symbol in Names(verdict.theorem).symbols()}
    phrases = [phrase.partition(" of shape ")[0] for phrase in verdict.certificate.scope]  # `show` says the shapes
    return grouped(phrases, names, spelled)


@main.command()
@_some
def check(labels: tuple[str, ...]) -> None:
    """Checks theorems, all if none is named: status, number of steps and seconds of each.

    Exit code 0 only if all of them are fully checked.
    """
    console = _console()
    failed = 0
    for verdict in judged([load(label) for label in labels]):
        steps = f"{len(verdict.theorem.steps)} step{'s' if len(verdict.theorem.steps) != 1 else ' '}"
        console.print(_headed(verdict, labels, f"  {steps:>9}  {verdict.seconds:6.2f} s"), soft_wrap=True)
        if verdict.reason:
            click.echo(f"error: {verdict.reason}", err=True)
        failed += verdict.status != "fully checked"
    sys.exit(1 if failed else 0)


@main.command()
@click.argument("label")
def show(label: str) -> None:
    """The derivation of one theorem, to read in a terminal, with what checking it found."""
    console = _console()
    verdict = judge(load(label))
    headings = {"Notation", "Assumptions", "Claim", "Proof", "What was checked"}
    for number, line in enumerate(Page(verdict, min(console.width, 120)).lines()):
        console.print(Text(line, "bold" if number == 0 or line in headings else ""), soft_wrap=True)
    if verdict.status == "refused":
        raise ProofError(verdict.reason)


@main.command()
@_some
@_out
def latex(labels: tuple[str, ...], out: Path) -> None:
    """LaTeX: a self-contained LABEL.tex for each theorem, and icl-theory.tex with all of them if none is named."""
    for path in write_folder(out, _documents(labels, out)):
        click.echo(path)


@main.command()
@_some
@_out
def pdf(labels: tuple[str, ...], out: Path) -> None:
    """The same documents, compiled. Their logs must be clean: no line that sticks out, no undefined reference, no missing glyph."""
    require_latex()
    sources = _documents(labels, out)
    with _progress("compiling", sum(name.endswith(".tex") for name in sources)) as done:
        pages = compiled(sources, done)
    for path in write_folder(out, pages):
        click.echo(path)


def _documents(labels: tuple[str, ...], out: Path) -> dict[str, str]:
    """The sources; whether they can be written is found out before the theorems are checked, which takes longer."""
    with staging(out, folder=True):
        pass
    return documents(list(_judged(labels)), article=labels == LABELS)


@main.command("graph")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("build/proofs/theorems.svg"),
    show_default=True,
    metavar="FILE",
    help=f"file to write; its suffix, one of {', '.join(SUFFIXES)}, says how",
)
def draw(out: Path) -> None:
    """The dependency graph: which theorem is used in the proof of which, and what each cites."""
    if out.suffix not in SUFFIXES:
        raise TypesettingError(f"--out: the suffix of {out} must be one of {', '.join(SUFFIXES)}, which says what to write.")
    with staging(out, folder=False):
        pass
    write_file(out, written(graph(list(_judged(LABELS))), out.suffix))
    click.echo(out)


def _covariates_and_response(command: Any) -> Any:
    """The options that name a setting, as `python -m numerics.train` takes them."""
    for option in (
        click.option("--noise", default="1/4", show_default=True, help="σ², variance of the label noise: 0, 1/4 or 0.25"),
        click.option("--context", type=click.IntRange(1), default=20, show_default=True, help="n, examples in a prompt"),
        click.option("--response", default="linear", show_default=True, help="a family: relu, sin, rbf:length=2, …"),
        click.option("--covariates", default="gaussian", show_default=True, help="a law: sphere, student-t:degrees=7, 2,1,1/2, …"),
        click.option("--dimension", type=click.IntRange(1), default=3, show_default=True, help="d, dimension of a covariate"),
    ):
        command = option(command)
    return command


@main.command("setting")
@_covariates_and_response
@click.option("--tex", is_flag=True, help="write the LaTeX and do not compile it")
@_out
def one_setting(dimension: int, covariates: str, response: str, context: int, noise: str, tex: bool, out: Path) -> None:
    """One setting: its moments, the loss, all global minimisers, the step size, and the theorems they rest on, as setting.pdf."""
    if not tex:
        require_latex()
    try:
        law = covariate_law(covariates, dimension)
        setting = Setting(
            covariates=law, response=response_family(response, law), noise_variance=rational("--noise", noise), context_length=context
        )
        _ = setting.moments
        with staging(out, folder=True):
            pass
        sources = setting_document(setting, list(_judged(THEOREMS)))
    except TheoryError as error:
        raise click.UsageError(str(error)) from None
    for path in write_folder(out, sources if tex else compiled(sources)):
        click.echo(path)


@main.command()
@click.option("--dimension", type=click.IntRange(1), default=3, show_default=True, help="d, dimension of a covariate")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Markdown file to write; without it the table is shown")
def laws(dimension: int, out: Path | None) -> None:
    """How exactly each pair of responses and covariates is known: closed, integral, certified or undefined, with the reason."""
    covariates, responses = named_pairs()
    with _progress("pairs", len(covariates) * len(responses)) as done:
        pairs = table(dimension, lambda: done(""))
    if out is not None:
        write_file(out, markdown(pairs, dimension).encode())
        click.echo(out)
        return
    grid = Table(*(Column(name, overflow="fold") for name in ("response", *covariates)), box=SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)
    for name in responses:
        grid.add_row(name, *(pairs[name, law].mark for law in covariates))
    _console().print(grid)


def _judged(labels: Sequence[str]) -> Iterator[Verdict]:
    """The verdicts, with a bar for the commands that print nothing meanwhile."""
    with _progress("checking", len(labels)) as done:
        for verdict in judged([load(label) for label in labels]):
            done(verdict.theorem.label)
            yield verdict


@contextmanager
def _progress(words: str, total: int) -> Iterator[Any]:
    """A bar on stderr, if that is a terminal; what it yields is told each thing that is done."""
    console = Console(stderr=True)
    columns = (TextColumn(words), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[name]}"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(words, total=total, name="")
        yield lambda name: bar.update(task, advance=1, name=name)


def _console() -> Console:
    console = Console(highlight=False)
    return console if console.is_terminal or "COLUMNS" in os.environ else Console(highlight=False, width=_PIPED_WIDTH)


if __name__ == "__main__":
    main(prog_name="python -m proofs")
