"""What a run folder holds, read once: config, result, comparison tables, metrics and figures. What is absent stays absent."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from numerics.config import RunConfig
from numerics.deep_config import build_config
from numerics.errors import ConfigError
from numerics.folder import CONFIG, METRICS, RESULT
from report.errors import ReportError

COMPARISON, COMPARED = "comparison.json", "comparison"
_PNG = b"\x89PNG\r\n\x1a\n"


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


@dataclass(frozen=True)
class Run:
    """A run folder.

    values      config.json as it is; None where there is none, as for a comparison without training
    config      the config that it describes
    result      result.json; None where the run has not ended
    figures     every PNG by its name without the suffix
    comparison  a folder inside it in which the trained model is compared
    """

    path: Path
    values: dict[str, Any] | None
    config: RunConfig | None
    result: dict[str, Any] | None
    tables: list[Table]
    metrics: Metrics | None
    figures: dict[str, bytes]
    comparison: Run | None

    @property
    def model(self) -> str:
        """The model trained: "layer" for one layer of linear self-attention."""
        return str((self.values or {}).get("model", "layer"))


def read(path: Path) -> Run:
    """The folder. Raises ReportError where it holds no run, or a file of it is damaged."""
    if not path.is_dir():
        what = "is no folder" if path.exists() else "is not there"
        raise ReportError(f"{path}: {what}; name the folder that --out of a run named.")
    try:
        values, result, tables = (_json(path / name) for name in (CONFIG, RESULT, COMPARISON))
        if values is None and result is None and tables is None:
            raise ReportError(f"{path}: holds no run: no {CONFIG}, {RESULT} or {COMPARISON}; name the folder that --out of a run named.")
        figures = {file.stem: file.read_bytes() for file in sorted(path.glob("*.png")) if not file.name.startswith(".")}
        return Run(
            path=path,
            values=_record(path / CONFIG, values),
            config=None if values is None else _config(path / CONFIG, values),
            result=_record(path / RESULT, result),
            tables=_tables(path / COMPARISON, tables),
            metrics=_metrics(path / METRICS),
            figures={name: content for name, content in figures.items() if content.startswith(_PNG)},
            comparison=read(path / COMPARED) if any((path / COMPARED / name).exists() for name in (RESULT, COMPARISON)) else None,
        )
    except OSError as error:
        raise ReportError(f"{error.filename or path}: cannot be read ({error.strerror}).") from None


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError):
        raise ReportError(f"{path}: is damaged: it is not JSON; mend it, or run again in a new folder.") from None


def _record(path: Path, value: Any) -> dict[str, Any] | None:
    if value is not None and not isinstance(value, dict):
        raise ReportError(f"{path}: is damaged: it holds no names with values; mend it, or run again in a new folder.")
    return value


def _config(path: Path, values: Any) -> RunConfig:
    """The config, on whatever device it ran: a page is written on other machines too."""
    record = _record(path, values) or {}
    try:
        return build_config({**record, "device": "auto"})
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


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
