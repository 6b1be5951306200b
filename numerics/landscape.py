"""`python -m numerics.landscape`: thousands of random starts descend the exact loss; which stationary points do they end in?"""

from __future__ import annotations

import csv
import io
import json
import sys
import time
from pathlib import Path
from typing import Any

import click
import torch
from click.core import ParameterSource
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from numerics import landscape_figures, phases
from numerics.config import TrainConfig
from numerics.descent import OPTIMISER
from numerics.errors import ConfigError, NumericsError
from numerics.folder import Folder
from numerics.run import EXIT_CODES
from numerics.survey import Survey, survey
from numerics.train import OneLineErrors
from theory import TheoryError

COUNT = click.IntRange(min=1, max=10**7)


@click.command(cls=OneLineErrors, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--dimension", default=4, show_default=True, help="d, dimension of a covariate")
@click.option("--context", default=200, show_default=True, help="n, examples in a prompt")
@click.option("--noise", default="1/4", show_default=True, help="σ², variance of the label noise")
@click.option("--covariates", default="isotropic", show_default=True, help="as for numerics.train, without a preferred direction")
@click.option("--response", default="isotropic", show_default=True, help="as for numerics.train")
@click.option("--starts", type=COUNT, default=None, help="random starts [default: 2000, or 16 for each cell of a phase diagram]")
@click.option("--scale", type=click.FloatRange(1e-6, 1e6), default=1.0, show_default=True, help="S, size of the starts, see below")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="seed of the starts")
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="CPU threads")
@click.option("--phase-diagram", is_flag=True, help="over n, σ² and d = 2…8 instead; continues in --out after a kill")
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/landscape"), show_default=True, help="folder, written over")
def main(out: Path, starts: int | None, scale: float, threads: int, phase_diagram: bool, **values: Any) -> None:
    """Descends the exact loss in all of (v, M) from random starts and assigns each end to a family of stationary points that theory lists.

    Starts: v ~ N(0, S²/n), M ~ N(0, S²/(n(d+1)²)), all entries independent. Descent: gradient flow, float64, nothing eliminated.

    Exit code: 0 every converged end is in a family; 1 an end is in none, or at a saddle, or a Hessian has other signs than theory says;
    2 bad arguments; 3 more than 1 % of the starts have not converged.
    """
    console = Console()
    torch.set_num_threads(threads)
    try:
        config = TrainConfig.build(**values)
        folder = Folder(out)
        if phase_diagram:
            context = click.get_current_context()
            for name in ("dimension", "context", "noise"):
                if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
                    raise ConfigError(f"--{name}: a phase diagram goes over all of its own; leave it out.")
            sys.exit(_phases(console, config, folder, starts=starts or 16, scale=scale))
        begun = time.monotonic()
        count = starts or 2000
        with Progress(*_columns("starts that have ended"), console=console, transient=True) as bar:
            task = bar.add_task("", total=count)
            found = survey(
                config.setting, starts=count, scale=scale, seed=config.seed, progress=lambda done: bar.update(task, completed=done)
            )
        _save(folder, config, found, scale=scale, seconds=time.monotonic() - begun)
        for name, figure in landscape_figures.draw(found, _title(config)).items():
            folder.write(f"{name}.png", figure)
    except (NumericsError, TheoryError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        click.echo("interrupted" + ("; the same command continues" if phase_diagram else ""), err=True)
        sys.exit(130)
    _report(console, found, config, scale=scale, out=out)
    sys.exit(EXIT_CODES[found.verdict[0]])


def _columns(text: str) -> tuple[Any, ...]:
    return TextColumn(text), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()


def _title(config: TrainConfig) -> str:
    title = f"d = {config.dimension}, n = {config.context}, σ² = {config.noise}"
    return title + "".join(f", {name}: {text}" for name in ("covariates", "response") if (text := getattr(config, name)) != "isotropic")


def _initialisation(scale: float) -> str:
    return f"v ~ N(0, S²/n), M ~ N(0, S²/(n(d+1)²)), entries independent, S = {scale:g}"


def _save(folder: Folder, config: TrainConfig, found: Survey, *, scale: float, seconds: float) -> None:
    verdict, reason = found.verdict
    result = {
        "verdict": verdict,
        "reason": reason,
        **{name: getattr(config, name) for name in ("dimension", "context", "noise", "covariates", "response", "seed")},
        "starts": len(found.starts),
        "scale": scale,
        "optimiser": OPTIMISER,
        "initialisation": _initialisation(scale),
        "unconverged": found.unconverged,
        "outside": found.count(-1),
        "largest_relative_gradient": float(found.ends.gradient[found.ends.converged].max()) if found.ends.converged.any() else None,
        "largest_distance": float(found.distance[found.ends.converged].max()) if found.ends.converged.any() else None,
        "families": found.rows(),
        "seconds": seconds,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
    folder.write("result.json", (json.dumps(result, indent=2, allow_nan=False) + "\n").encode())
    polynomial = found.polynomial
    names = [family.label for family in found.atlas.families]
    columns = (
        polynomial.loss(found.ends.theta), polynomial.share(found.ends.theta), found.ends.gradient, found.distance, found.ends.steps,
        found.ends.converged, found.family,
    )  # fmt: skip
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("start", "loss", "r_over_1_plus_r", "relative_gradient", "distance", "steps", "converged", "family"))
    for start, (*measured, converged, family) in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
        writer.writerow((start, *measured, int(converged), names[family] if family >= 0 else ""))
    folder.write("landscape.csv", text.getvalue().encode())


def _report(console: Console, found: Survey, config: TrainConfig, *, scale: float, out: Path) -> None:
    title = f"Stationary points, {_title(config)}, and the ends of {len(found.starts)} random starts"
    table = Table(title=title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, title_justify="left")
    for name in ("family", "kind", "loss", "index", "zero", "ends", "share", "95 % (Wilson)"):
        table.add_column(name, justify="left" if name in ("family", "kind") else "right")
    for row in found.rows():
        low, high = row["interval_95"]
        numbers = (str(row[name]) for name in ("index", "nullity", "count"))
        table.add_row(row["name"], row["kind"], f"{row['loss']:.7g}", *numbers, f"{row['frequency']:.3f}", f"{low:.3f}–{high:.3f}")
    if found.count(-1):
        table.add_row("[bold]none[/]", "", "", "", "", str(found.count(-1)), "", "")
    if found.unconverged:
        table.add_row("not converged", "", "", "", "", str(found.unconverged), "", "")
    console.print(table)
    verdict, reason = found.verdict
    for line in (f"optimiser: {OPTIMISER}", f"starts: {_initialisation(scale)}, seed {config.seed}", f"{verdict}: {reason}. {out}"):
        console.print(line, highlight=False, soft_wrap=True, markup=False)


def _phases(console: Console, config: TrainConfig, folder: Folder, *, starts: int, scale: float) -> int:
    if config.covariates != "isotropic" or config.response != "isotropic":
        raise ConfigError("--phase-diagram: its exact boundary is that of isotropic covariates and responses; leave these options out.")
    measured = []
    with Progress(*_columns("cells"), console=console, transient=True) as bar:
        task = bar.add_task("", total=len(phases.places()))
        for d, n, noise in phases.places():
            cell = TrainConfig.build(dimension=d, context=n, noise=noise, seed=config.seed)
            measured.append(phases.measure(cell, starts=starts, scale=scale, cells=folder.path / "cells"))
            bar.advance(task)
    folder.write("phase.png", phases.draw(measured))
    folder.write("phase.csv", phases.table(measured))
    outside, unconverged = sum(cell.outside for cell in measured), sum(cell.unconverged for cell in measured)
    stray = [cell for cell in measured if any(name in phases.PHASES and name != cell.theory for name in cell.ends)]
    total = starts * len(measured)
    verdict = "contradicts" if outside or stray else "not converged" if unconverged > 0.01 * total else "agrees"
    console.print(
        f"{verdict}: {len(measured)} cells of {starts} starts, {outside} contradictions, {unconverged} starts not converged. "
        f"{folder.path / 'phase.png'}",
        highlight=False,
        soft_wrap=True,
    )
    return EXIT_CODES[verdict]


if __name__ == "__main__":
    main()
