"""What a benchmark found: rows with a target, and the timings they come from; as a table, JSON, CSV and Markdown."""

from __future__ import annotations

import csv
import json
import math
import statistics
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.clock import Timing


@dataclass(frozen=True)
class Row:
    """A figure, and what it is to reach.

    what      the figure in words
    value     of wall time, where it is a ratio of times; None where it was not measured, and `note` says why
    cpu       the same ratio of CPU times, which has to reach the target too: on a busy machine it is the one to look at
    unit      "×" for ratios
    at_least  or `at_most`: the target; neither for a figure without one
    """

    what: str
    value: float | None
    unit: str = "×"
    at_least: float | None = None
    at_most: float | None = None
    cpu: float | None = None
    note: str = ""

    @property
    def reached(self) -> bool | None:
        """Whether the target holds; None without a target or a measurement."""
        if self.value is None or (self.at_least is None and self.at_most is None):
            return None
        least, most = (-math.inf if self.at_least is None else self.at_least), (math.inf if self.at_most is None else self.at_most)
        return all(least <= value <= most for value in (self.value, self.cpu) if value is not None)

    @property
    def target(self) -> str:
        if self.at_least is not None:
            return f"≥ {self.at_least:g}{self._suffix}"
        return "" if self.at_most is None else f"≤ {self.at_most:g}{self._suffix}"

    @property
    def measured(self) -> str:
        return "not measured" if self.value is None else f"{self.value:.3g}{self._suffix}"

    @property
    def of_cpu(self) -> str:
        return "" if self.cpu is None else f"{self.cpu:.3g}{self._suffix}"

    @property
    def _suffix(self) -> str:
        return self.unit if self.unit in ("", "×") else f" {self.unit}"


@dataclass(frozen=True)
class Measured:
    """One contender: median wall and CPU seconds, and peak memory in bytes where a process of its own measured it.

    group     what it was interleaved with, "d=20 n=256"
    role      "ours", "reference", "other" or "floor"
    """

    group: str
    contender: str
    role: str
    wall: float | None = None
    cpu: float | None = None
    turns: int | None = None
    peak: int | None = None
    increase: int | None = None
    note: str = ""

    @staticmethod
    def timed(group: str, contender: str, role: str, timing: Timing, note: str = "") -> Measured:
        return Measured(group, contender, role, *timing, note=note)


@dataclass
class Report:
    """All that one run of the benchmarks measured."""

    machine: str
    rows: list[Row] = field(default_factory=list)
    measured: list[Measured] = field(default_factory=list)

    def add(self, rows: list[Row], measured: list[Measured]) -> None:
        self.rows += rows
        self.measured += measured

    @property
    def missed(self) -> list[Row]:
        return [row for row in self.rows if row.reached is False]

    @property
    def busy(self) -> bool:
        """Whether other programs slowed this one: on one thread, wall time is CPU time."""
        shares = [m.wall / m.cpu for m in self.measured if m.wall and m.cpu]
        return bool(shares) and statistics.median(shares) > 1.05

    def table(self) -> list[list[str]]:
        marks = {True: "yes", False: "NO", None: ""}
        return [[row.what, row.measured, row.of_cpu, row.target, marks[row.reached], row.note] for row in self.rows]

    def contenders(self) -> list[list[str]]:
        return [
            [
                m.group,
                m.contender,
                m.role,
                milliseconds(m.wall),
                milliseconds(m.cpu),
                str(m.turns or ""),
                mebibytes(m.peak),
                mebibytes(m.increase),
                m.note,
            ]
            for m in self.measured
        ]

    def show(self, console: Console) -> None:
        for title, header, lines in self._tables():
            table = Table(title=title, caption=self.machine, title_justify="left", caption_justify="left")
            for name in header:
                table.add_column(name, justify="right" if name in NUMERIC else "left", overflow="fold")
            for line in lines:
                table.add_row(*line)
            console.print(table)

    def write(self, folder: Path) -> None:
        """results.json, results.md and one CSV for each table"""
        folder.mkdir(parents=True, exist_ok=True)
        content = {
            "machine": self.machine,
            "rows": [asdict(row) | {"reached": row.reached} for row in self.rows],
            "measured": [asdict(measured) for measured in self.measured],
        }
        (folder / "results.json").write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
        parts = [f"{self.machine}\n"]
        for title, header, lines in self._tables():
            with (folder / f"{title}.csv").open("w", newline="") as file:
                csv.writer(file).writerows([header, *lines])
            parts += [f"## {title}\n", markdown(header, lines)]
        (folder / "results.md").write_text("\n".join(parts))

    def _tables(self) -> list[tuple[str, list[str], list[list[str]]]]:
        return [("figures", FIGURES, self.table()), ("contenders", CONTENDERS, self.contenders())]


FIGURES = ["what", "measured", "CPU", "to reach", "reached", "note"]
CONTENDERS = ["together", "contender", "role", "wall ms", "CPU ms", "turns", "peak MiB", "of it above idle", "note"]
NUMERIC = {"measured", "CPU", "to reach", "wall ms", "CPU ms", "turns", "peak MiB", "of it above idle"}


def milliseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1e3:.4g}"


def mebibytes(size: int | None) -> str:
    return "" if size is None else f"{size / 2**20:.1f}"


def markdown(header: list[str], lines: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in [header, ["---"] * len(header), *lines]) + "\n"
