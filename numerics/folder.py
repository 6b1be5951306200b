"""Folders that survive kills, full disks and each other: written by one process at a time, each file whole or not at all."""

from __future__ import annotations

import csv
import errno
import fcntl
import hashlib
import io
import json
import logging
import os
import pickle
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from numerics.config import RunConfig
from numerics.deep_config import LAYER, build_config
from numerics.errors import ConfigError, RunFolderError

CONFIG, CHECKPOINT, METRICS, WEIGHTS, RESULT = "config.json", "checkpoint.pt", "metrics.csv", "weights.safetensors", "result.json"
PREVIOUS = "previous.pt"
"""The checkpoint before the last, for when that is damaged."""
LOCK = ".lock"
STATE = {"config", "step", "model", "optimiser", "generator", "rows", "seconds"}

log = logging.getLogger(__name__)


class Folder:
    """A folder that this process alone writes, from now to its end or to that of this object: the kernel drops the lock of a killed
    process. Raises RunFolderError where it cannot be written, or another process writes it."""

    again = "give the same command again"
    """What continues after a failed write."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
            lock = open(path / LOCK, "ab")  # noqa: SIM115
        except OSError as error:
            raise RunFolderError(f"--out {path}: cannot be written ({error.strerror}); give a folder that can.") from None
        weakref.finalize(self, lock.close)
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EACCES):
                raise RunFolderError(f"--out {path}: another process is writing it; wait for its end, or give another folder.") from None
            log.warning("--out %s: cannot be locked (%s); let no other process write it.", path, error.strerror)

    def write(self, name: str, content: bytes) -> None:
        """Write a file atomically: a kill or a full disk leaves the old one or the new one."""
        target, partial = self.path / name, self.path / f".{name}.part"
        try:
            with open(partial, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, target)
        except OSError as error:
            with suppress(OSError):
                partial.unlink()
            mend = "free space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "mend that"
            raise RunFolderError(f"{target}: cannot be written ({error.strerror}); {mend}, then {self.again}.") from None

    def write_sealed(self, name: str, content: bytes) -> None:
        """Write a file after a line with its SHA-256, for `read_sealed`."""
        self.write(name, hashlib.sha256(content).hexdigest().encode() + b"\n" + content)

    def read_sealed(self, name: str) -> bytes | None:
        """What `write_sealed` wrote; None where there is nothing or, said in a warning, where a byte has changed since."""
        path = self.path / name
        try:
            seal, _, content = path.read_bytes().partition(b"\n")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RunFolderError(f"{path}: cannot be read ({error.strerror}).") from None
        if seal == hashlib.sha256(content).hexdigest().encode():
            return content
        log.warning("%s: is damaged; what it held is computed again.", path)
        return None


class RunFolder(Folder):
    """DIR with config.json, checkpoints, metrics.csv, weights.safetensors, result.json and figures."""

    again = "continue with --resume"

    @classmethod
    def create(cls, path: Path, config: RunConfig) -> RunFolder:
        """A new run's folder; refuses one that holds anything."""
        refuse_used(path)  # before a lock is left in it
        folder = cls(path)
        refuse_used(path)  # again: another process may have come first
        folder.write(CONFIG, (config.model_dump_json(indent=2) + "\n").encode())
        return folder

    @classmethod
    def open(cls, path: Path, given: dict[str, Any], values: Mapping[str, Any] = MappingProxyType({})) -> tuple[RunFolder, RunConfig]:
        """An existing run's folder and its config, which the options given on the command line must not contradict. Where a kill came
        before there was a run, options given start it, with the other values."""
        try:
            stored = json.loads((path / CONFIG).read_text())
        except OSError as error:
            if given and isinstance(error, FileNotFoundError):
                config = build_config({**values, **given})
                return cls.create(path, config), config
            raise RunFolderError(f"--out {path}: holds no run to resume ({error.strerror}); leave out --resume to start one.") from None
        except (ValueError, RecursionError):
            raise RunFolderError(f"{path / CONFIG}: is not JSON; the run cannot be resumed, start another in a new folder.") from None
        if not isinstance(stored, dict):
            raise RunFolderError(f"{path / CONFIG}: holds no settings; the run cannot be resumed, start another in a new folder.")
        known = {"model": LAYER, **stored}
        for name, value in given.items():
            if known.get(name) != value:
                option = "--" + name.replace("_", "-")
                raise ConfigError(
                    f"{option}: the run in {path} has {known.get(name)!r}, not {value!r}; leave the option out, or start another run."
                )
        try:
            return cls(path), build_config(stored)
        except ConfigError as error:
            raise RunFolderError(f"{path / CONFIG}: is damaged ({error}); start another run in a new folder.") from None

    @cached_property
    def _config(self) -> str:
        return (self.path / CONFIG).read_text()

    def save_checkpoint(self, state: dict[str, Any]) -> None:
        """Everything that the rest of the run depends on. The checkpoint before it is kept."""
        buffer = io.BytesIO()
        torch.save({"config": self._config, **state}, buffer)
        with suppress(OSError):
            os.replace(self.path / CHECKPOINT, self.path / PREVIOUS)
        self.write_sealed(CHECKPOINT, buffer.getvalue())

    def load_checkpoint(self) -> dict[str, Any] | None:
        """The last checkpoint that is whole, or None where there is none and the run starts over."""
        for name in (CHECKPOINT, PREVIOUS):
            content = self.read_sealed(name)
            if content is not None:
                return self._state(name, content)
        return None

    def _state(self, name: str, content: bytes) -> dict[str, Any]:
        try:
            state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        except (RuntimeError, pickle.UnpicklingError):
            state = None
        if not isinstance(state, dict) or not state.keys() >= STATE:
            raise RunFolderError(f"{self.path / name}: is of another version; delete it to start the run over, nothing was changed.")
        if state.pop("config") != self._config:
            raise RunFolderError(f"{self.path / name}: does not fit the run's config.json; one of the two was changed.")
        return state

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


def refuse_used(path: Path) -> None:
    """A lock, and what a kill left half written, are nothing to keep."""
    try:
        if path.exists() and not path.is_dir():
            raise RunFolderError(f"--out {path}: is a file; give a new folder.")
        if path.exists() and any(entry.name != LOCK and entry.suffix != ".part" for entry in path.iterdir()):
            holds = "another run" if (path / CONFIG).exists() else "other files"
            raise RunFolderError(f"--out {path}: holds {holds}; give a new folder, or --resume to continue a run.")
    except OSError as error:
        raise RunFolderError(f"--out {path}: cannot be read ({error.strerror}); give a folder that can.") from None
