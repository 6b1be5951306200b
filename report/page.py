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
from report.folder import Run, Table, read
from report.theory import section, theorems

VERDICTS = {
    "agrees": ("good", "✓", "what was measured is as the theory says, as far as it speaks of this model"),
    "other stationary point": ("fair", "◆", "training ended in another stationary point, which the theory names"),
    "not converged": ("fair", "…", "training has not reached its target, so nothing is said for or against the theory"),
    "contradicts": ("bad", "✗", "a measurement contradicts the theory"),
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
    "training": ("Training", "The loss against optimiser steps."),
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
    "shifts": ("Out of distribution", "The loss under other prompts than those of training."),
}
"""Titles and descriptions of figures, in the order in which they are shown; others follow under the names of their files."""

STATUSES = {"theory": "theory-backed", "measured": "measured only"}
PACKAGES = ("icl-theory", "torch", "numpy", "sympy", "python-flint")
_PROGRAM = ("python", "-m", "numerics.train")
_SAMPLED_ROWS = 12
_LONG = 24  # values of a list that are shown


def render(path: str | Path) -> str:
    """The run folder as one HTML page without scripts and without anything to load. Raises ReportError."""
    return rendered(read(Path(path)))


def rendered(run: Run) -> str:
    """The page of a run folder that has been read."""
    setting = run.config.setting if run.config else None
    labels = theorems(setting, run.model) if setting else ()
    found = verdicts(labels)
    known = {verdict.theorem.label for verdict in found}
    blocks = [Derivation(verdict, known).block() for verdict in found]
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            style=files("report").joinpath("templates", "report.css").read_text(encoding="utf-8"),
            name=run.path.resolve().name,
            model=run.model,
            verdict=_verdict(run),
            numbers=list(_numbers(run)),
            theory=section(setting, run) if setting else None,
            main=[block for block in blocks if block["label"] in labels],
            used=[block for block in blocks if block["label"] not in labels],
            figures=_figures(run),
            curve=_curve(run),
            tables=[_table(table) for table in run.tables],
            compared=_compared(run.comparison) if run.comparison else None,
            config=_config(run),
            command=_command(run),
            machine=list(_flat({key: value for key, value in (run.result or {}).items() if key in MACHINE})),
            here=_here(),
        )
    )


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
    if run.result is None and run.values is not None:
        means = f"the run has not ended; {shlex.join([*_PROGRAM, '--resume', '--out', str(run.path)])} continues it"
        return {"word": "unfinished", "kind": "open", "mark": "…", "means": means, "reason": ""}
    word = str((run.result or {}).get("verdict") or "measured")
    kind, mark, means = VERDICTS.get(word, ("open", "•", ""))
    return {"word": word, "kind": kind, "mark": mark, "means": means, "reason": str((run.result or {}).get("reason") or "")}


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
    for name, value in _flat(result):
        yield name, value, ""


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


def _compared(run: Run) -> dict[str, Any]:
    """What `python -m numerics.compare` wrote into a folder of its own inside that of the run."""
    tables = [_table(table) for table in run.tables]
    return {"verdict": _verdict(run), "numbers": list(_numbers(run)), "tables": tables, "figures": _figures(run)}


def _config(run: Run) -> list[tuple[str, str, str]]:
    """Option, value and meaning of everything in config.json."""
    fields = type(run.config).model_fields if run.config else {}
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
