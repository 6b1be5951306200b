"""What a folder holds, read once: config, result, comparison tables, metrics, data and figures. What is absent stays absent."""

from __future__ import annotations

import csv
import json
import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from numerics.config import RunConfig, TrainConfig
from numerics.deep_config import CONFIGS, LAYER, TransformerConfig, build_config
from numerics.errors import ConfigError
from numerics.folder import CONFIG, METRICS, RESULT
from numerics.table import GRID, TABLE
from report.errors import ReportError

COMPARISON, COMPARED = "comparison.json", "comparison"
ROWS = 50
"""Rows of a data file that are shown at most"""
LARGEST_DIMENSION = 32
"""Beyond this d no setting is built: its matrices fill no page that can be read, and far beyond no memory."""
_PNG = b"\x89PNG\r\n\x1a\n"
_DEEPEST = 40  # levels of a JSON file, which the page walks through by recursion


class Kind(NamedTuple):
    """What a folder is.

    marks   files by one of which it is known
    about   a sentence for the page
    plan    the file that says what was asked for, and the config that knows the options in it
    ended   a pattern of files that are there once it has ended
    again   what continues it, {} being the folder
    """

    name: str
    marks: tuple[str, ...]
    about: str
    plan: str = ""
    options: type[RunConfig] = TrainConfig
    ended: str = "*"
    again: str = "the same command again continues it"


RUN = Kind("Run", (CONFIG, RESULT, COMPARISON), "", CONFIG, again="python -m numerics.train --resume --out {} continues it")
KINDS = (
    Kind(
        "Sweep",
        (GRID, TABLE),
        "A sweep (python -m numerics.sweep): layers of linear self-attention trained at every combination of the values in its config, "
        "each held against the theory of its setting.",
        GRID,
        ended="*.png",
        again="python -m numerics.sweep --resume --out {} continues it",
    ),
    Kind(
        "Capacity study",
        ("study.json", "capacity.csv"),
        "A study of depth and width (python -m numerics.capacity): transformers trained for as many steps, and their distance to ridge. "
        "No theorem says how it falls; it is measured. The folders in cells are runs, of each of which python -m report makes a page.",
        "study.json",
        TransformerConfig,
        ended=RESULT,
    ),
    Kind(
        "Landscape",
        ("landscape.csv",),
        "Random starts (python -m numerics.landscape) from which the exact loss descends by gradient flow, each end assigned to a family "
        "of stationary points that theory lists.",
    ),
    Kind(
        "Phase diagram",
        ("phase.csv",),
        "A phase diagram (python -m numerics.landscape --phase-diagram): where descents end over n, σ² and d, beside theory's exact "
        "boundary.",
    ),
    Kind(
        "Step sizes",
        ("step_sizes.csv",),
        "Step sizes (python -m numerics.step_sizes): η = tr(BΣ)/d of trained layers as n, d and σ² vary, over theory's. The folders in "
        "cells are runs.",
    ),
    Kind(
        "Finite tasks",
        ("finite_tasks.csv",),
        "Pre-training on T tasks (python -m numerics.finite_tasks): the loss on new tasks of layers trained on a fixed set of tasks, and "
        "of one pass of SGD, against exact formulas and the bound of Wu et al.",
    ),
    RUN,
)
"""What a folder may be, the first that fits; a run where there is a config."""


class Table(NamedTuple):
    """A table of comparison.json, as {"title", "status", "note", "columns", "rows"}.

    status  "theory" or "measured"
    """

    title: str
    status: str
    note: str
    columns: list[Any]
    rows: list[list[Any]]


class Metrics(NamedTuple):
    """metrics.csv: a row for each logged step."""

    columns: list[str]
    rows: list[list[str]]

    def column(self, name: str) -> list[float]:
        """Its finite numbers, empty where there is no such column."""
        if name not in self.columns:
            return []
        return [value for row in self.rows if math.isfinite(value := _number(row[self.columns.index(name)]))]


class Data(NamedTuple):
    """The first rows of another CSV or Parquet file.

    length    all its rows
    verdicts  how many rows have each verdict, in a table of runs
    problem   why it cannot be shown, else empty
    """

    name: str
    columns: list[str]
    rows: list[list[Any]]
    length: int
    verdicts: dict[str, int]
    problem: str = ""


@dataclass(frozen=True)
class Run:
    """A run folder, or that of a study.

    values      what was asked for: config.json as it is, or the values of each option of a study; None where it is not there
    config      the config that it describes; None where that is left out
    result      result.json; None where there is none (yet)
    figures     every PNG by its name without the suffix
    comparison  a folder inside it in which the trained model is compared
    kind        what the folder is
    ended       whether all that its command writes is there
    left_out    why config.json describes no setting on the page, else empty
    """

    path: Path
    values: dict[str, Any] | None
    config: RunConfig | None
    result: dict[str, Any] | None
    tables: list[Table]
    metrics: Metrics | None
    figures: dict[str, bytes]
    comparison: Run | None
    data: tuple[Data, ...] = ()
    kind: Kind = RUN
    ended: bool = True
    left_out: str = ""

    @property
    def model(self) -> str:
        """The model trained: "layer" for one layer of linear self-attention."""
        return str((self.values or {}).get("model", LAYER)) if self.kind is RUN else LAYER

    @property
    def options(self) -> type[RunConfig]:
        """The config that knows the options in `values`."""
        return CONFIGS.get(self.model, TrainConfig) if self.kind is RUN else self.kind.options


def read(path: Path) -> Run:
    """The folder. Raises ReportError where it holds no run or study, or a file of it is damaged."""
    if not path.is_dir():
        what = "is no folder" if path.exists() else "is not there"
        raise ReportError(f"{path}: {what}; name the folder that --out of a run named.")
    try:
        kind = RUN if (path / CONFIG).exists() else next((k for k in KINDS if any((path / mark).exists() for mark in k.marks)), None)
        if kind is None:
            raise ReportError(
                f"{path}: holds no run: no {CONFIG}, {RESULT} or {COMPARISON}, and no file of a study; name the folder that --out of a run "
                "named."
            )
        plan = _json(path / kind.plan) if kind.plan else None
        values = _record(path / kind.plan, _merged(path / kind.plan, plan) if isinstance(plan, list) and kind is not RUN else plan)
        result = _record(path / RESULT, _json(path / RESULT))
        left_out = _too_large(values) if kind is RUN else ""
        figures = {file.stem: file.read_bytes() for file in sorted(path.glob("*.png")) if not file.name.startswith(".")}
        return Run(
            path=path,
            values=values,
            config=None if values is None or kind is not RUN or left_out else _config(path / CONFIG, values),
            result=result,
            tables=_tables(path / COMPARISON, _json(path / COMPARISON)),
            metrics=_metrics(path / METRICS),
            figures={name: content for name, content in figures.items() if content.startswith(_PNG)},
            comparison=read(path / COMPARED) if any((path / COMPARED / name).exists() for name in (RESULT, COMPARISON)) else None,
            data=tuple(map(_data, sorted(file for end in ("*.csv", "*.parquet") for file in path.glob(end) if _is_data(file)))),
            kind=kind,
            ended=result is not None or values is None if kind is RUN else any(path.glob(kind.ended)),
            left_out=left_out,
        )
    except OSError as error:
        raise ReportError(f"{error.filename or path}: cannot be read ({error.strerror}).") from None


def _json(path: Path) -> Any:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError):
        raise ReportError(f"{path}: is damaged: it is not JSON; mend it, or run again in a new folder.") from None
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            part for outer in level if isinstance(outer, dict | list) for part in (outer.values() if isinstance(outer, dict) else outer)
        ]
    if level:
        raise ReportError(f"{path}: is damaged: it is nested more than {_DEEPEST} levels deep; mend it, or run again in a new folder.")
    return value


def _record(path: Path, value: Any) -> dict[str, Any] | None:
    if value is not None and not isinstance(value, dict):
        raise ReportError(f"{path}: is damaged: it holds no names with values; mend it, or run again in a new folder.")
    return value


def _merged(path: Path, configs: list[Any]) -> dict[str, Any]:
    """The values that each option takes in the configs of a study, one value by itself."""
    merged: dict[str, list[Any]] = {}
    for config in configs:
        for name, value in (_record(path, config) or {}).items():
            if value not in merged.setdefault(name, []):
                merged[name].append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in merged.items()}


def _too_large(values: dict[str, Any] | None) -> str:
    """Why a setting is not built, from its config alone: to build it is what fills the memory."""
    dimension = _number((values or {}).get("dimension", 0))
    if dimension <= LARGEST_DIMENSION or math.isnan(dimension):  # what is no number is refused as a config
        return ""
    return f"d = {dimension:g} is more than the {LARGEST_DIMENSION} up to which a page shows matrices."


def _config(path: Path, values: dict[str, Any]) -> RunConfig:
    """The config, on whatever device it ran: a page is written on other machines too."""
    try:
        return build_config({**values, "device": "auto"})
    except ConfigError as error:
        raise ReportError(f"{path}: is damaged, or of another version ({error}); mend it, or run again in a new folder.") from None


def _tables(path: Path, value: Any) -> list[Table]:
    if value is None:
        return []
    try:
        tables = [Table(str(t["title"]), str(t.get("status", "")), str(t.get("note") or ""), list(t["columns"]), t["rows"]) for t in value]
        whole = all(isinstance(row, list) and len(row) == len(table.columns) for table in tables for row in table.rows)
    except (TypeError, KeyError, AttributeError):
        whole = False
    if not whole:
        raise ReportError(f"{path}: is damaged: it is no list of tables with title, columns and rows as wide; write it again.")
    return tables


def _metrics(path: Path) -> Metrics | None:
    try:
        rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    except FileNotFoundError:
        return None
    except (csv.Error, UnicodeDecodeError):
        raise ReportError(f"{path}: is damaged: it is no table of comma-separated values; run again in a new folder.") from None
    if len(rows) < 2 or any(len(row) != len(rows[0]) for row in rows):
        return None
    return Metrics(rows[0], rows[1:])


def _is_data(path: Path) -> bool:
    return path.name != METRICS and not path.name.startswith(".") and path.is_file()


def _data(path: Path) -> Data:
    """The first rows of a file that may be anyone's: one that cannot be read is left out, and said to be."""
    try:
        return _parquet(path) if path.suffix == ".parquet" else _comma_separated(path)
    except (csv.Error, ValueError, OSError, pa.ArrowException):
        return Data(path.name, [], [], 0, {}, "cannot be read as a table")


def _comma_separated(path: Path) -> Data:
    with path.open(encoding="utf-8", newline="") as file:
        records = csv.reader(file)
        columns = next(records, [])
        rows: list[list[Any]] = []
        count = 0
        for count, record in enumerate(records, start=1):
            if len(record) != len(columns):
                raise ValueError(f"row {count} is not as wide as the first")
            if count <= ROWS:
                rows.append([_cell(text) for text in record])
    return Data(path.name, columns, rows, count, {})


def _parquet(path: Path) -> Data:
    file = pq.ParquetFile(path)
    columns, count = file.schema_arrow.names, file.metadata.num_rows
    first = next(file.iter_batches(batch_size=ROWS), None)
    rows = [] if first is None else [list(row) for row in zip(*(column.to_pylist() for column in first.columns), strict=True)]
    verdicts = Counter(map(str, file.read(columns=["verdict"]).column(0).to_pylist())) if "verdict" in columns else Counter[str]()
    return Data(path.name, columns, rows, count, dict(verdicts))


def _cell(text: str) -> int | float | str | None:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text or None


def _number(value: Any) -> float:
    try:
        return float(value)
    except (ValueError, TypeError):
        return math.nan
    except OverflowError:  # an integer too large for a float
        return math.inf
