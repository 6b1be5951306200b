"""A run's folder: what is in it is written whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import os
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import torch
from safetensors.torch import save
from torch import Tensor

from numerics.config import TrainConfig
from numerics.errors import ConfigError, RunFolderError

CONFIG, CHECKPOINT, METRICS, WEIGHTS, RESULT = "config.json", "checkpoint.pt", "metrics.csv", "weights.safetensors", "result.json"


class RunFolder:
    """DIR with config.json, checkpoint.pt, metrics.csv, weights.safetensors, result.json and figures."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, path: Path, config: TrainConfig) -> RunFolder:
        """A new run's folder; refuses one that holds anything."""
        folder = cls(path)
        try:
            if path.exists() and not path.is_dir():
                raise RunFolderError(f"--out {path}: is a file; give a new folder.")
            # what a kill left half written is nothing to keep
            if path.exists() and any(entry.suffix != ".part" for entry in path.iterdir()):
                holds = "another run" if (path / CONFIG).exists() else "other files"
                raise RunFolderError(f"--out {path}: holds {holds}; give a new folder, or --resume to continue a run.")
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunFolderError(f"--out {path}: cannot be written ({error.strerror}); give a folder that can.") from None
        folder.write(CONFIG, (config.model_dump_json(indent=2) + "\n").encode())
        return folder

    @classmethod
    def open(cls, path: Path, given: dict[str, Any]) -> tuple[RunFolder, TrainConfig]:
        """An existing run's folder and its config, which the options given on the command line must not contradict."""
        try:
            stored = json.loads((path / CONFIG).read_text())
        except OSError as error:
            raise RunFolderError(f"--out {path}: holds no run to resume ({error.strerror}); leave out --resume to start one.") from None
        except ValueError:
            raise RunFolderError(f"{path / CONFIG}: is not JSON; the run cannot be resumed, start another in a new folder.") from None
        if not isinstance(stored, dict):
            raise RunFolderError(f"{path / CONFIG}: holds no settings; the run cannot be resumed, start another in a new folder.")
        for name, value in given.items():
            if stored.get(name) != value:
                option = "--" + name.replace("_", "-")
                raise ConfigError(
                    f"{option}: the run in {path} has {stored.get(name)!r}, not {value!r}; leave the option out, or start another run."
                )
        try:
            return cls(path), TrainConfig.build(**stored)
        except ConfigError as error:
            raise RunFolderError(f"{path / CONFIG}: is damaged ({error}); start another run in a new folder.") from None

    def write(self, name: str, content: bytes) -> None:
        """Write a file atomically: a kill leaves the old one or the new one."""
        target, partial = self.path / name, self.path / f".{name}.part"
        try:
            with open(partial, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, target)
        except OSError as error:
            raise RunFolderError(f"{target}: cannot be written ({error.strerror}).") from None

    def save_checkpoint(self, state: dict[str, Any]) -> None:
        """Everything that the rest of the run depends on."""
        buffer = io.BytesIO()
        torch.save(state, buffer)
        self.write(CHECKPOINT, buffer.getvalue())

    def load_checkpoint(self) -> dict[str, Any] | None:
        """The last checkpoint, or None where the run was stopped before its first."""
        path = self.path / CHECKPOINT
        if not path.exists():
            return None
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            if isinstance(state, dict) and {"step", "model", "optimiser", "generator", "rows", "seconds"} <= state.keys():
                return state
        except (OSError, RuntimeError, ValueError, EOFError, KeyError, pickle.UnpicklingError, BadZipFile):
            pass
        raise RunFolderError(f"{path}: is not a whole checkpoint; delete it to start the run over, nothing was changed.")

    def save_metrics(self, columns: Sequence[str], rows: Sequence[Sequence[float]]) -> None:
        """metrics.csv, a row a logged step, floats in full."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
        self.write(METRICS, text.getvalue().encode())

    def save_weights(self, weights: dict[str, Tensor]) -> None:
        """weights.safetensors"""
        self.write(WEIGHTS, save({name: weight.contiguous().cpu() for name, weight in weights.items()}))

    def save_result(self, result: dict[str, Any]) -> None:
        """result.json"""
        self.write(RESULT, (json.dumps(result, indent=2, allow_nan=False) + "\n").encode())
