"""What a sweep computes: the product of all values of each option, a row for each seed, cut into tasks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

from numerics.config import TrainConfig
from numerics.errors import ConfigError
from numerics.many import Task
from theory import Linear

VARIED = tuple(name for name in TrainConfig.model_fields if name not in ("seed", "device", "threads", "shards", "checkpoint_every"))
"""The options that take several values"""
DEFAULTS = {"batch": 256}
"""Where a sweep's defaults are not those of `numerics.train`: an eighth of the prompts, after which models still agree"""
SETTING = ("dimension", "covariates", "response", "noise")
COMMON = ("dimension", "parametrisation", "objective", "sampler", "query", "steps", "batch")
"""What the models of one tensor program share"""
PROMPTS, ROWS = 1 << 14, 64
"""Prompts a step in a task, which is as many as the cache holds, and models where no prompts are drawn"""


@dataclass(frozen=True)
class Grid:
    """The options of a sweep, which settle its tasks and so its results, but for the machine.

    values  for each name in VARIED all its values
    rows    models in a task at most; None: as many as a step of PROMPTS prompts has
    """

    values: dict[str, list[Any]]
    seed: int
    seeds: int
    device: str
    rows: int | None

    @classmethod
    def build(cls, *, seed: Any, seeds: Any, device: Any, rows: Any, **values: Any) -> Grid:
        """Validated, or a ConfigError; repeated values count once."""
        if seed + seeds > 2**63:
            raise ConfigError(f"--seeds: seeds go up to 2⁶³ − 1, got {seeds} from {seed} on.")
        grid = cls({name: list(dict.fromkeys(values[name])) for name in VARIED}, seed, seeds, device, rows)
        _ = grid.cells
        return grid

    def plain(self) -> dict[str, Any]:
        """For JSON, and back by `build`"""
        return {**self.values, "seed": self.seed, "seeds": self.seeds, "device": self.device, "rows": self.rows}

    def __len__(self) -> int:
        return len(self.cells) * self.seeds

    @cached_property
    def cells(self) -> list[TrainConfig]:
        """A config for each combination of values, the last option first to change."""
        known: set[Any] = set()
        cells = []
        for combination in product(*self.values.values()):
            values = dict(zip(self.values, combination, strict=True))
            facts = {("setting", *(values[name] for name in (*SETTING, "sampler", "query"))), *values.items()}
            # to build a setting takes 10 ms, and whether there is one does not depend on n
            cells.append(TrainConfig(**values) if facts <= known else TrainConfig.build(**values))
            known |= facts
        return cells

    def tasks(self) -> list[Task]:
        """Every row in one task, those of a task alike in COMMON."""
        groups: dict[Any, list[int]] = {}
        mixing: dict[Any, bool] = {}
        for number, cell in enumerate(self.cells):
            laws = (cell.dimension, cell.covariates, cell.response, cell.sampler, cell.objective)
            if laws not in mixing:
                mixing[laws] = _mixes(cell)
            apart = () if mixing[laws] else tuple(getattr(cell, name) for name in (*SETTING, "context"))
            groups.setdefault((tuple(getattr(cell, name) for name in COMMON), apart), []).append(number)
        return list(self._cut(list(groups.values())))

    def _cut(self, groups: list[list[int]]) -> Iterator[Task]:
        number = 0
        for cells in groups:
            rows = [(cell * self.seeds + k, cell, self.seed + k) for cell in cells for k in range(self.seeds)]
            first = self.cells[cells[0]]
            size = self.rows or (ROWS if first.objective == "exact" else max(1, min(256, PROMPTS // first.batch)))
            for start in range(0, len(rows), size):
                part = rows[start : start + size]
                place = {cell: k for k, cell in enumerate(dict.fromkeys(cell for _, cell, _ in part))}
                plain = tuple(self.cells[cell].model_dump(exclude={"seed", "device"}) for cell in place)
                yield Task(number, plain, tuple((row, place[cell], seed) for row, cell, seed in part), self.device)
                number += 1


def _mixes(cell: TrainConfig) -> bool:
    """Whether one program takes models of different settings: of the exact loss, or on prompts drawn by moments with Gaussian tasks."""
    response = cell.setting.response
    return cell.objective == "exact" or (cell.by_moments and isinstance(response, Linear) and response.task is None)
