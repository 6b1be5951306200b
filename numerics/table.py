"""The folder of a sweep, and its table."""

from __future__ import annotations

import io
import json
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from numerics.errors import ConfigError, RunFolderError
from numerics.folder import Folder, refuse_used
from numerics.grid import Grid
from numerics.many import Task

GRID, TABLE, PARTS = "sweep.json", "results.parquet", "parts"

COLUMNS = pa.schema(
    [
        ("row", pa.int64()),
        ("dimension", pa.int32()),
        ("context", pa.int64()),
        ("noise", pa.string()),
        ("noise_variance", pa.float64()),
        ("covariates", pa.string()),
        ("response", pa.string()),
        ("parametrisation", pa.string()),
        ("initialisation", pa.string()),
        ("initial_scale", pa.float64()),
        ("objective", pa.string()),
        ("batch", pa.int64()),
        ("learning_rate", pa.float64()),
        ("seed", pa.int64()),
        ("verdict", pa.string()),
        ("reason", pa.string()),
        ("stationary_point", pa.string()),
        ("stationary_kind", pa.string()),
        ("loss_theory", pa.float64()),
        ("loss_trained", pa.float64()),
        ("relative_excess", pa.float64()),
        ("step_relative_error", pa.float64()),
        ("loss_stationary_point", pa.float64()),
        ("relative_gap", pa.float64()),
        ("tolerance", pa.float64()),
        ("step_tolerance", pa.float64()),
        ("steps", pa.int64()),
        ("seconds", pa.float64()),
        ("device", pa.string()),
        ("torch", pa.string()),
    ]
)
"""As in result.json of `numerics.train`. Null are batch and learning_rate on the exact loss, what was not measured of a diverged model,
the name of a point of no listed kind, and a kind that is not known. seconds: the row's share of its task, on its worker."""


class SweepFolder(Folder):
    """DIR with sweep.json, a file in parts/ for each finished task, results.parquet and figures."""

    again = "continue with --resume"

    @classmethod
    def create(cls, path: Path, grid: Grid) -> SweepFolder:
        """A new sweep's folder; refuses one that holds anything."""
        refuse_used(path)
        folder = cls(path)
        refuse_used(path)  # another process may have come first
        folder.write(GRID, (json.dumps(grid.plain(), indent=2) + "\n").encode())
        return folder

    @classmethod
    def open(cls, path: Path, given: dict[str, Any], values: dict[str, Any]) -> tuple[SweepFolder, Grid]:
        """An existing sweep's folder and grid, which options given must not contradict. Where a kill came before there was one, options
        given start it, with the other values."""
        try:
            stored = json.loads((path / GRID).read_text())
            stored_options = dict(stored)
        except OSError as error:
            if given and isinstance(error, FileNotFoundError):
                grid = Grid.build(**values)
                return cls.create(path, grid), grid
            raise RunFolderError(f"--out {path}: holds no sweep to resume ({error.strerror}); leave out --resume to start one.") from None
        except (ValueError, TypeError):
            raise RunFolderError(f"{path / GRID}: is damaged; start another sweep in a new folder.") from None
        for name, value in given.items():
            if stored.get(name) != value:
                option = "--" + name.replace("_", "-")
                has = stored.get(name)
                raise ConfigError(f"{option}: the sweep in {path} has {has!r}, not {value!r}; leave it out, or start another sweep.")
        try:
            return cls(path), Grid.build(**stored_options)
        except (ConfigError, TypeError, KeyError) as error:
            raise RunFolderError(f"{path / GRID}: is damaged ({error}); start another sweep in a new folder.") from None

    @cached_property
    def parts(self) -> Folder:
        """The folder of finished tasks"""
        folder = Folder(self.path / PARTS)
        folder.again = self.again
        return folder

    def save(self, task: Task, rows: list[dict[str, Any]]) -> None:
        """The rows of a finished task"""
        self.parts.write_sealed(_part(task), json.dumps(rows, allow_nan=False).encode())

    def load(self, task: Task) -> list[dict[str, Any]] | None:
        """The rows of a task if it is finished and its file is whole"""
        content = self.parts.read_sealed(_part(task))
        return None if content is None else json.loads(content)

    def save_table(self, rows: list[dict[str, Any]]) -> None:
        """results.parquet, in the order of the grid"""
        buffer = io.BytesIO()
        table = pa.Table.from_pylist(sorted(rows, key=lambda row: int(row["row"])), schema=COLUMNS)
        pq.write_table(table, buffer)
        self.write(TABLE, buffer.getvalue())


def _part(task: Task) -> str:
    """By content: another plan's part is never taken for a task's."""
    return f"{task.stream:014x}.json"
