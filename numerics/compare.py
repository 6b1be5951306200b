"""`python -m numerics.compare`: hold anyone's model against the theory: which predictor is it, and what does it do beyond one step?

>>> from theory import Gaussian, Linear, Setting
>>> setting = Setting(covariates=Gaussian.isotropic(2), response=Linear.isotropic(2), noise_variance=1, context_length=6)
>>> def step(prompts):  # (batch, n+1, d+1), the query last
...     return 0.1 * ((prompts[:, :-1, -1:] * prompts[:, :-1, :-1]).sum(1) * prompts[:, -1, :-1]).sum(-1)
>>> verify(step, setting, prompts=2048).verdict  # 1/(n + d + 1 + σ²) = 0.1
'agrees'
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import torch
from rich import box
from rich.console import Console, Group
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text
from safetensors import SafetensorError
from safetensors.torch import load_file

from numerics import compare_figures, weights
from numerics.comparison_tables import Cell, Part, parts
from numerics.config import RunConfig, TrainConfig
from numerics.deep import trained_model
from numerics.deep_config import build_config
from numerics.errors import ConfigError, NumericsError, RunFolderError
from numerics.folder import CONFIG, WEIGHTS, Folder
from numerics.judgement import EXIT_CODES, TOLERANCE, broken_symmetry, decide
from numerics.measures import OPTIMUM, RIDGE, Measures, measured
from numerics.models import MergedAttention
from numerics.train import OneLineErrors, option
from theory import Setting, TheoryError
from theory.conventions import CONVENTIONS

SETTING = ("dimension", "context", "noise", "covariates", "response")


@dataclass(frozen=True)
class Comparison:
    """A model held against the theory.

    verdict  "agrees": the optimal one step of theory; "ridge": the Bayes predictor, with λ = σ²; "other stationary point": named in
             the reason; "another step"; "none of these"; "contradicts": what the theory says cannot be
    reason   a sentence
    tables   each labelled as theory or measured, with its error model
    result   the numbers in short, as result.json has them
    measures everything in full
    """

    verdict: str
    reason: str
    tables: tuple[Part, ...]
    result: dict[str, Any]
    title: str = field(repr=False)
    measures: Measures = field(repr=False, compare=False)

    def table(self) -> Group:
        """All tables but the long ones, for a rich console"""
        shown: list[Any] = []
        for part in self.tables:
            if not part.long:
                shown += [_printable(part), Text(part.note, style="dim"), Text("")]
        return Group(*shown)

    def save(self, folder: Path | str | Folder) -> None:
        """Writes result.json, comparison.json and the figures as PNG into a folder, over what it has of these. Raises RunFolderError."""
        into = folder if isinstance(folder, Folder) else Folder(Path(folder))
        into.write("result.json", (json.dumps(self.result, indent=2, allow_nan=False) + "\n").encode())
        content = json.dumps([part.plain() for part in self.tables], indent=2, allow_nan=False, ensure_ascii=False)
        into.write("comparison.json", (content + "\n").encode())
        for name, figure in compare_figures.draw(self.measures, self.title).items():
            into.write(f"{name}.png", figure)


def verify(
    model: Callable[..., Any],
    setting: Setting,
    *,
    prompts: int | None = None,
    seed: int = 0,
    tolerance: float = TOLERANCE,
    title: str | None = None,
    progress: Callable[[str, int, int], None] = lambda stage, done, of: None,
) -> Comparison:
    """Holds a model against the theory of a numeric setting, on fresh prompts.

    model      a torch.nn.Module, given tensors on its own device and in its own dtype, or a function of float64 numpy arrays. Prompts are
               (batch, n+1, d+1), the query last with 0 in its label slot; it returns predictions (batch,) or (batch, 1)
    prompts    how many (default: 2¹⁶, fewer where they are long); intervals shrink as its root
    tolerance  root mean square difference from a predictor, relative to E ŷ*², at which the model is that predictor

    Raises ModelError for a model that fails, depends on chance or on other prompts; ConfigError; theory's errors where the setting has no
    known optimum.
    """
    begun = time.monotonic()
    found = measured(model, setting, prompts=prompts, seed=seed, progress=progress)
    verdict, reason = decide(found, tolerance)
    shown = title or f"d = {setting.dimension}, n = {setting.context_length}, σ² = {setting.noise_variance}"
    result = _result(found, verdict, reason, tolerance, time.monotonic() - begun)
    return Comparison(verdict, reason, parts(found), result, shown, found)


def _result(found: Measures, verdict: str, reason: str, tolerance: float, seconds: float) -> dict[str, Any]:
    objective, known = found.objective, found.weights
    off = found.effective.distance(objective.step).over(objective.step_scale)
    broken = broken_symmetry(found, tolerance)
    relative = {name: distance.relative.value for name in (OPTIMUM, RIDGE) if (distance := found.distance(name))}
    return {
        "verdict": verdict,
        "reason": reason,
        "stationary_point": _stationary_point(found, verdict),
        "loss_theory": objective.minimum,
        "loss_trained": known.loss if known else None,
        "relative_excess": known.excess / objective.minimum if known and objective.minimum else None,
        "step_relative_error": known.step_error if known else off.value,
        "step_relative_error_interval": [off.low, off.high],
        "loss_sampled": found.risk.value,
        "loss_sampled_standard_error": found.risk.error,
        "bayes_risk": found.bayes,
        "step_share": found.step_share.value,
        "even_share": found.even_share.value,
        "relative_distance_to_optimum": relative[OPTIMUM],
        "relative_distance_to_ridge": relative.get(RIDGE),
        "nearest_ridge": found.beside_ridge.parameter if found.beside_ridge else None,
        "broken_symmetry": broken.name if broken else None,
        "tolerance": tolerance,
        "prompts": found.prompts,
        "seed": found.seed,
        "seconds": seconds,
        "torch": torch.__version__,
    }


def _stationary_point(found: Measures, verdict: str) -> str | None:
    if verdict == "agrees":
        return "global minimum"
    if verdict == "other stationary point":
        return min((d for d in found.distances if d.stationary), key=lambda distance: distance.relative.value).label
    return found.weights.end.name if found.weights else None


def _printable(part: Part) -> Table:
    table = Table(title=f"{part.title} ({part.status})", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, title_justify="left")
    for number, name in enumerate(part.columns):
        table.add_column(name, justify="right" if number else "left", overflow="fold")
    for row in part.rows:
        table.add_row(*map(_shown, row))
    return table


def _shown(cell: Cell) -> str:
    return "" if cell is None else f"{cell:.5g}" if isinstance(cell, float) else str(cell)


def _setting_options(command: click.Command) -> click.Command:
    own = []
    for name in SETTING:
        field_ = TrainConfig.model_fields[name]
        usual = "that of the weights" if name == "dimension" else field_.default
        own.append(option(name, field_, default=None, show_default=False, help=f"{field_.description} [default: {usual}]"))
    command.params = [*command.params[:3], *own, *command.params[3:]]
    return command


@click.command(cls=OneLineErrors, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--weights", "file", type=click.Path(path_type=Path), help="weights of one layer: .safetensors, .npz, or a torch state dict")
@click.option("--convention", type=click.Choice(sorted(CONVENTIONS)), help="the parametrisation of --weights")
@click.option("--run", type=click.Path(path_type=Path), help="a run folder of numerics.train instead, with its setting")
@click.option("--prompts", type=click.IntRange(min=1), help="fresh prompts [default: 65536, fewer where they are long]")
@click.option(
    "--tolerance",
    type=click.FloatRange(0, 1, min_open=True),
    help="relative difference that counts as none [default: 0.005; for --run what the run itself counts as converged]",
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="seed of the prompts")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="folder for result.json, comparison.json and figures, written over [default: none; for --run its subfolder comparison]",
)
def main(
    file: Path | None, convention: str | None, run: Path | None, prompts: int | None, tolerance: float | None, seed: int, out: Path | None,
    **values: Any,
) -> None:  # fmt: skip
    """Holds a model against the theory of in-context learning on fresh prompts of a setting: the one step it implements, how much of its
    prediction that explains, its distance to the optimum, to ridge and to other stationary points, its risk out of distribution.

    Exit code: 0 it is the optimal step, ridge (the Bayes predictor), or another stationary point that is named; 1 it contradicts the
    theory; 2 bad arguments; 3 it is another step, or none of these.
    """
    console = Console()
    torch.set_num_threads(1)
    given = {name: value for name, value in values.items() if value is not None}
    try:
        model, config = _of_run(run, file, convention, given) if run else _of_weights(file, convention, given)
        if run is not None:
            out = out or run / "comparison"
            if isinstance(config, TrainConfig):
                tolerance = tolerance or max(TOLERANCE, config.step_target)
        folder = Folder(out) if out else None
        with Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console, transient=True
        ) as bar:
            task = bar.add_task("fresh prompts", total=1)
            compared = verify(
                model, config.setting, prompts=prompts, seed=seed, tolerance=tolerance or TOLERANCE, title=_title(config),
                progress=lambda stage, done, of: bar.update(task, description=stage, completed=done, total=of),
            )  # fmt: skip
        if folder is not None:
            compared.save(folder)
    except (NumericsError, TheoryError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        sys.exit(130)
    console.print(compared.table())
    where = f" {folder.path}" if folder else ""
    console.print(f"{compared.verdict}: {compared.reason}.{where}", highlight=False, soft_wrap=True, markup=False)
    sys.exit(EXIT_CODES[compared.verdict])


def _title(config: RunConfig) -> str:
    title = f"d = {config.dimension}, n = {config.context}, σ² = {config.noise}"
    return title + "".join(f", {name}: {text}" for name in ("covariates", "response") if (text := getattr(config, name)) != "isotropic")


def _of_weights(file: Path | None, convention: str | None, given: dict[str, Any]) -> tuple[Any, RunConfig]:
    if file is None or convention is None:
        missing = "--weights FILE, or --run DIR," if file is None else "--convention"
        raise ConfigError(
            f"{missing} must be given; a model of your own is compared from Python, by numerics.compare.verify(model, setting)."
        )
    model = weights.load(file, convention)
    if model.unused:
        click.echo(f"note: {file}: {', '.join(model.unused)} have no place in the convention {convention}, and are left out.", err=True)
    config = TrainConfig.build(**{"dimension": model.dimension, **given})
    if config.dimension != model.dimension:
        raise ConfigError(f"--dimension {config.dimension}: the weights in {file} are for d = {model.dimension}; leave the option out.")
    return model, config


def _of_run(run: Path, file: Path | None, convention: str | None, given: dict[str, Any]) -> tuple[Any, RunConfig]:
    """The model that a run has trained, and the run's config"""
    for name, value in {"weights": file, "convention": convention, **given}.items():
        if value is not None:
            raise ConfigError(
                f"--{name}: --run has its own; leave it out, or give --weights {run / WEIGHTS} --convention merged with a setting."
            )
    try:
        config = build_config(json.loads((run / CONFIG).read_text()) | {"device": "cpu"})
        if not isinstance(config, TrainConfig):
            return trained_model(run)[1], config
        trained = load_file(run / WEIGHTS)
        return MergedAttention(trained["value"], trained["key_query"]), config
    except OSError as error:
        raise RunFolderError(f"--run {run}: cannot be read ({error.strerror or error}); give the folder of a finished run.") from None
    except (ValueError, TypeError, KeyError, AttributeError, SafetensorError, ConfigError) as error:
        raise RunFolderError(f"--run {run}: is damaged ({type(error).__name__}: {error}); give the folder of a finished run.") from None


_setting_options(main)

if __name__ == "__main__":
    main()
