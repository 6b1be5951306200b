"""The page: what a run folder holds and what theory says of it, put into the template."""

from __future__ import annotations

import base64
import math
import platform
import shlex
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from proofs.printing.mathml import formula, inline
from report.derivation import Derivation, verdicts
from report.folder import Data, Run, Table, read
from report.theory import section, theorems

VERDICTS = {
    "agrees": ("good", "✓", "what was measured is as the theory says, as far as it speaks of this model"),
    "other stationary point": ("fair", "◆", "training ended in another stationary point, which the theory names"),
    "not converged": ("fair", "…", "training has not reached its target, so nothing is said for or against the theory"),
    "contradicts": ("bad", "✗", "a measurement contradicts the theory"),
    "ridge": ("good", "✓", "the model predicts as ridge with the right λ does, the Bayes predictor: by theory none has a smaller risk"),
    "another step": ("fair", "◇", "the model takes one step of gradient descent, and not the one that theory finds optimal"),
    "none of these": ("fair", "?", "the model is none of the predictors with which it was compared; theory does not say that it must be"),
    "measured only": ("open", "•", "no theorem speaks of this model; what is shown was measured"),
    "measured": ("open", "•", "there is no verdict in this folder; what is shown was measured, and stands beside theory where it says so"),
}
"""How a verdict looks, and what it means; other verdicts are shown as they are."""

NUMBERS = {
    "stationary_point": "stationary point at the end",
    "stationary_kind": "its kind",
    "loss_theory": "least loss `L*`, theory",
    "loss_trained": "loss of the trained model",
    "relative_excess": "excess of the loss, `(L − L*) / L*`",
    "step_relative_error": "error of the step, `‖B − B*‖ / ‖B*‖`",
    "loss_stationary_point": "loss at that stationary point",
    "relative_gap": "excess over that stationary point",
    "loss_sampled": "loss on fresh prompts",
    "bayes_risk": "Bayes risk",
    "step_share": "share of the predictions that the step explains",
    "steps": "optimiser steps",
    "seconds": "seconds",
}
"""What the numbers of result.json are, in the order in which they are read; others follow under their own names."""

OF_SEVERAL_LAYERS = {
    "loss_theory": "Bayes risk, mean over the context lengths",
    "loss_trained": "Bayes risk plus the model's mean squared distance to ridge",
    "relative_excess": "excess over the Bayes risk, relative to it",
    "step_relative_error": "error of the step that the model takes at the full context, by regression",
    "worst_relative_excess": "largest excess over (Bayes risk − σ²), over the context lengths",
    "worst_relative_excess_length": "reached after so many examples",
    "least_closer": "how many times closer to ridge than to one step, at least",
    "least_closer_length": "that is after so many examples",
    "parameters": "parameters of the model",
}
"""The same for models of several layers, where it is something else."""

KINDS = {"loss_theory": "theory", "loss_sampled": "measured", "bayes_risk": "theory", "steps": "recorded", "seconds": "recorded"}
OF_A_LAYER = {
    **dict.fromkeys(("loss_trained", "relative_excess", "step_relative_error", "relative_gap"), "theory's formula at the trained weights"),
    "stationary_point": "named by theory",
    "stationary_kind": "theory",
    "loss_stationary_point": "theory",
}
OF_SEVERAL = dict.fromkeys(("loss_trained", "relative_excess", "step_relative_error", "worst_relative_excess", "least_closer"), "measured")
"""Which numbers are theory's and which are measured: in every folder, of one layer, of several."""

MACHINE = ("device", "threads", "torch", "python", "versions", "environment")
"""The keys of result.json that say where a run was trained."""

FIGURES = {
    "loss": (
        "Training",
        "Loss against optimiser steps with the minimum of the theory; beside it the excess loss and the error of the step.",
    ),
    "training": (
        "Training",
        "The mean squared distance to ridge, which is the excess over the Bayes risk, against optimiser steps, with the Bayes risk less "
        "the noise and the excess of the best single step.",
    ),
    "step": ("The learned step", "Three matrices as pictures: the learned step B, the optimal step B*, and their difference."),
    "predictions": ("Predictions on fresh prompts", "The trained layer against one step with B*, and against the labels."),
    "function": (
        "What was learned",
        "Predictions along one axis of the query, for three fresh contexts, beside the function of the prompt.",
    ),
    "lengths": ("At every context length", "Loss and squared distances to the references at each number of examples in the context."),
    "targets": ("Targets", "What is asked of the run at each context length, and what was reached."),
    "effective_step": ("The step that the model implements", "The effective step, the optimal step, and their difference with intervals."),
    "distances": ("Distances", "Squared distances of the predictions to those of the references, with intervals."),
    "compared_predictions": ("Predictions compared", "Predictions of the model against those of the references."),
    "shifts": (
        "Out of distribution",
        "The risk with covariates scaled by a factor and with other context lengths than that of the setting, of the model and of the "
        "references.",
    ),
    "interpolation": (
        "Weight interpolation",
        "The exact loss on the line from the trained weights to a global minimiser in the same gauge, and whether it rises between.",
    ),
    "excess": (
        "Excess of every model",
        "The relative excess loss of each model of the sweep against the context length, a panel for each d.",
    ),
    "ends": ("Where training ended", "The share of models that ended in each stationary point, for each d, noise and context length."),
    "levels": (
        "Stationary points and ends",
        "The loss of each family of stationary points, and the share of random starts that end in it.",
    ),
    "trajectories": (
        "Gradient flow",
        "Loss against time, and against the direction of v: some random starts, and one chosen start into each saddle.",
    ),
    "index": ("Curvature", "The eigenvalues of the Hessian at each stationary point: how many are negative, zero and positive."),
    "phase": (
        "Phase diagram",
        "The share of random starts that end in a local minimum over the context length and the noise, a panel for each d, with theory's "
        "exact boundaries.",
    ),
    "step_sizes": ("Step sizes", "The step size of trained layers on theory's curve, against n, d and the noise, with intervals."),
    "capacity": (
        "Depth and width",
        "The squared distance of trained transformers to ridge against depth and against the number of parameters, a line for each width.",
    ),
    "finite_tasks": (
        "Pre-training on T tasks",
        "The excess loss on new tasks against T. Left: layers trained on a fixed set of tasks, with the mean over sets of the best step. "
        "Right: one pass of SGD with nominal 95 % intervals (the law is skewed: coverage is about 90 % at 100 seeds), its exact "
        "expectation where it is known, and the bound of Wu et al. with its constant set to 1.",
    ),
}
"""Titles and descriptions of figures, in the order in which they are shown; others follow under the names of their files."""

STATUSES = {"theory": "theory-backed", "measured": "measured only"}
PACKAGES = ("icl-theory", "torch", "numpy", "sympy", "python-flint")
_PROGRAM = ("python", "-m", "numerics.train")
_WORST = ("agrees", "other stationary point", "not converged", "contradicts")  # a sweep is as good as its worst model
_SAMPLED_ROWS = 12
_LONG = 24  # values of a list that are shown


def render(path: str | Path) -> str:
    """A run folder, or that of a study, as one HTML page without scripts and without anything to load. Raises ReportError."""
    return rendered(read(Path(path)))


def rendered(run: Run) -> str:
    """The page of a run folder that has been read."""
    setting = run.config.setting if run.config else None
    labels = theorems(setting, run.model) if setting else ()
    found = verdicts(labels)
    known = {verdict.theorem.label for verdict in found}
    blocks = [Derivation(verdict, known).block() for verdict in found]
    page = (
        environment()
        .get_template("report.html.j2")
        .render(
            style=files("report").joinpath("templates", "report.css").read_text(encoding="utf-8"),
            name=run.path.resolve().name,
            kind=run.kind.name,
            about=run.kind.about,
            left_out=run.left_out,
            model=run.model,
            verdict=_verdict(run),
            numbers=list(_numbers(run)),
            theory=section(setting, run) if setting else None,
            main=[block for block in blocks if block["label"] in labels],
            used=[block for block in blocks if block["label"] not in labels],
            figures=_figures(run),
            curve=_curve(run),
            tables=[_table(table) for table in (*run.tables, *_records(run))],
            data=[_data(data) for data in run.data],
            compared=_compared(run.comparison) if run.comparison else None,
            config=_config(run),
            plan=run.kind.plan,
            command=_command(run),
            machine=list(_flat({key: value for key, value in (run.result or {}).items() if key in MACHINE})),
            here=_here(),
        )
    )
    return page.encode(errors="replace").decode()  # JSON can hold halves of surrogate pairs, which are no characters


@cache
def environment() -> Environment:
    """The template; what comes from files is escaped, what is written here is not."""
    made = Environment(
        loader=PackageLoader("report", "templates"), autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    made.filters["math"] = lambda text: Markup(inline(formula(text)))
    return made


def _with_math(text: str) -> Markup:
    """Words of this module with formulas between backquotes."""
    return Markup("").join(Markup(inline(formula(part))) if i % 2 else part for i, part in enumerate(text.split("`")))


def _verdict(run: Run) -> dict[str, str]:
    if not run.ended:
        means = f"the run has not ended; {run.kind.again.format(shlex.quote(str(run.path)))}"
        return {"word": "unfinished", "kind": "open", "mark": "…", "means": means, "reason": ""}
    counts = {word: count for data in run.data if run.kind.name == "Sweep" for word, count in data.verdicts.items()}
    if counts:
        worst = max(counts, key=lambda word: _WORST.index(word) if word in _WORST else -1)
        said = ", ".join(f"{word} {count}" for word, count in counts.items())
        return _worded(worst, f"the worst of {sum(counts.values())} models: {said}")
    return _worded(str((run.result or {}).get("verdict") or "measured"), str((run.result or {}).get("reason") or ""))


def _worded(word: str, reason: str) -> dict[str, str]:
    kind, mark, means = VERDICTS.get(word, ("open", "•", ""))
    return {"word": word, "kind": kind, "mark": mark, "means": means, "reason": reason}


def _numbers(run: Run) -> Iterator[tuple[str, str, str]]:
    """Name (markup where it is one of ours), value and kind of each number of the result."""
    result = dict(run.result or {})
    for name in ("verdict", "reason", *MACHINE):
        result.pop(name, None)
    error = result.pop("loss_sampled_standard_error", None)
    several = run.config is not None and run.model != "layer"
    labels = NUMBERS | (OF_SEVERAL_LAYERS if several else {})
    kinds = KINDS | (OF_SEVERAL if several else OF_A_LAYER if run.config is not None else {})
    for name, words in labels.items():
        value = result.pop(name, None)
        if value is not None:
            spread = f" ± {shown(error)} (1 standard error)" if name == "loss_sampled" and error is not None else ""
            yield _with_math(words), shown(value) + spread, kinds.get(name, "")
    for name, value in _flat({name: value for name, value in result.items() if not _is_records(value)}):
        yield name, value, ""


def _is_records(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(part, Mapping) for part in value)


def _records(run: Run) -> Iterator[Table]:
    """The lists of records in result.json, each as a table."""
    for name, records in (run.result or {}).items():
        if _is_records(records):
            columns = list(dict.fromkeys(key for record in records for key in record))
            rows = [[record.get(key) for key in columns] for record in records]
            yield Table(name.replace("_", " ").capitalize(), "", "From result.json.", [key.replace("_", " ") for key in columns], rows)


def _flat(record: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """The values of a record by name, those of records inside it as outer.inner."""
    for key, value in record.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{name}.")
        elif value is not None:
            yield name.replace("_", " "), shown(value)


def shown(value: Any) -> str:
    """A value of a JSON file for reading.

    >>> shown(0.00268748), shown(None), shown([1, 2.5]), shown(True), shown(1234567.0)
    ('0.00268748', '–', '1, 2.5', 'yes', '1234567')
    """
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.7g}" if math.isfinite(value) else "not a number" if math.isnan(value) else "∞" if value > 0 else "−∞"
    if isinstance(value, list):
        return ", ".join(map(shown, value[:_LONG])) + (f", … ({len(value)} values)" if len(value) > _LONG else "")
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {shown(part)}" for key, part in value.items())
    return str(value)


def _figures(run: Run) -> list[dict[str, str]]:
    """The pictures as data URIs, in the order of FIGURES."""
    order = [name for name in FIGURES if name in run.figures] + [name for name in run.figures if name not in FIGURES]
    made = []
    for name in order:
        words = name.replace("_", " ").replace("-", " ")
        title, alt = FIGURES.get(name, (words.capitalize(), f"Figure: {words}."))
        ended = _ended(run) if name == "loss" else ""
        uri = f"data:image/png;base64,{base64.b64encode(run.figures[name]).decode('ascii')}"
        made.append({"title": title, "alt": f"{alt} {ended}".strip(), "uri": uri, "file": f"{name}.png"})
    return made


def _ended(run: Run) -> str:
    """The first and the last point of the training curve, in words."""
    steps, excess = (run.metrics.column(name) for name in ("step", "relative_excess")) if run.metrics else ([], [])
    if not steps or not excess:
        return ""
    return f"The excess is {excess[0]:.2g} at step {steps[0]:.0f} and {excess[-1]:.2g} at step {steps[-1]:.0f}."


def _curve(run: Run) -> dict[str, Any] | None:
    """Some rows of the metrics, spread evenly in the logarithm of the step."""
    if run.metrics is None:
        return None
    count = len(run.metrics.rows)
    places = sorted({round(count ** (i / (_SAMPLED_ROWS - 1))) - 1 for i in range(_SAMPLED_ROWS)})
    rows = [[_short(cell) for cell in run.metrics.rows[place]] for place in places]
    return {"columns": [name.replace("_", " ") for name in run.metrics.columns], "rows": rows, "count": count}


def _short(text: str) -> str:
    try:
        return shown(float(text))
    except ValueError:
        return text


def _table(table: Table) -> dict[str, Any]:
    numeric = [all(row[i] is None or isinstance(row[i], int | float) for row in table.rows) for i in range(len(table.columns))]
    return {
        "title": table.title,
        "status": STATUSES.get(table.status, table.status),
        "note": table.note,
        "columns": [shown(column) for column in table.columns],
        "rows": [[shown(cell) for cell in row] for row in table.rows],
        "numeric": numeric,
    }


def _data(data: Data) -> dict[str, Any]:
    """The rows of a data file, with columns of one value taken out and named."""
    if data.problem:
        return {"name": data.name, "problem": data.problem}
    several = len(data.rows) > 1
    constant = [i for i in range(len(data.columns)) if several and all(row[i] == data.rows[0][i] for row in data.rows)]
    varied = [i for i in range(len(data.columns)) if i not in constant]
    rows = [[row[i] for i in varied] for row in data.rows]
    made = _table(Table(data.name, "", "", [data.columns[i].replace("_", " ") for i in varied], rows))
    alike = [(data.columns[i].replace("_", " "), shown(data.rows[0][i])) for i in constant]
    return made | {"name": data.name, "problem": "", "count": data.length, "alike": alike}


def _compared(run: Run) -> dict[str, Any]:
    """What `python -m numerics.compare` wrote into a folder of its own inside that of the run."""
    tables = [_table(table) for table in (*run.tables, *_records(run))]
    return {"verdict": _verdict(run), "numbers": list(_numbers(run)), "tables": tables, "figures": _figures(run)}


def _config(run: Run) -> list[tuple[str, str, str]]:
    """Option, value and meaning of everything that was asked for."""
    fields = run.options.model_fields
    return [
        (name, "default" if value is None else shown(value), (fields[name].description or "") if name in fields else "")
        for name, value in (run.values or {}).items()
    ]


def _command(run: Run) -> str:
    """The command that trains the same run: the options that differ from their defaults."""
    if run.config is None or run.values is None:
        return ""
    fields = type(run.config).model_fields
    words = list(_PROGRAM)
    for name, value in run.values.items():
        if value is not None and (name == "model" or value != fields[name].default):
            words += [f"--{name.replace('_', '-')}", str(value)]
    return shlex.join(words)


def _here() -> list[tuple[str, str]]:
    """What the page was written with."""
    rows = [("Python", platform.python_version()), ("system", f"{platform.system()} {platform.machine()}")]
    for package in PACKAGES:
        try:
            rows.append((package, version(package)))
        except PackageNotFoundError:  # run from a checkout that is not installed
            continue
    return rows
