"""Where the tasks of a sweep run: in this process, on worker processes of this machine, or on the Dask cluster at an address."""

from __future__ import annotations

import ctypes
import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import dask
import torch
from dask.system import CPU_COUNT
from distributed import Client, KilledWorker, LocalCluster, as_completed

from numerics.errors import ConfigError, TrainingError
from numerics.many import Task, compute

Rows = list[dict[str, Any]]
CONNECT_SECONDS = 10
DASK = {
    "distributed.scheduler.allowed-failures": 3,  # of the workers that a task was on, then it counts as their killer
    "distributed.scheduler.worker-saturation": 1.0,  # a worker holds the task it computes and no other, which would share the blame
    "distributed.worker.preload": ["import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)"],  # Ctrl-C is for the client
}


def computed(tasks: Sequence[Task], *, workers: int | None, scheduler: str | None) -> Iterator[tuple[Task, Rows]]:
    """Each task with its rows, in the order in which they are done.

    A task whose worker is lost is computed again on another. Raises ConfigError where there is no cluster with this package, and, once
    all others are done, TrainingError for tasks that lost one worker after another.
    """
    if workers == 0 and scheduler is None:
        yield from ((task, compute(task)) for task in tasks)
        return
    # one process for each CPU that this one may use, or for the GPU
    usual = 1 if tasks[0].device != "cpu" and torch.cuda.is_available() else CPU_COUNT
    where = "--workers" if scheduler is None else f"--scheduler {scheduler}"
    with _client(min(workers or usual, len(tasks)), scheduler) as client:
        run, version = _by_value(), source_version()
        waiting = {client.submit(run, tuple(task), version, pure=False, key=f"sweep-{task.stream:014x}"): task for task in tasks}
        deadly = []
        for future in as_completed(list(waiting)):
            task = waiting.pop(future)  # and with it what the cluster holds of it
            try:
                rows = future.result()
            except KilledWorker:
                deadly.append(task)
            except (CancelledError, OSError):
                raise TrainingError(f"{where}: the connection is lost; continue with --resume.") from None
            else:
                if isinstance(rows, str):
                    raise ConfigError(f"{where}: a worker {rows}")
                yield task, rows
    if deadly:
        named = "; ".join(map(_named, deadly[:3])) + (f"; and {len(deadly) - 3} tasks more" if len(deadly) > 3 else "")
        raise TrainingError(f"workers died again and again under {named}; give them more memory, then continue with --resume.")


@contextmanager
def _client(workers: int, scheduler: str | None) -> Iterator[Client]:
    if scheduler is None:
        with (
            dask.config.set(DASK),
            LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                dashboard_address=None,
                memory_limit=None,  # workers killed for their share of the memory would be no help
                silence_logs=logging.CRITICAL,
            ) as cluster,
            Client(cluster) as client,
        ):
            yield client
        return
    try:
        client = Client(scheduler, timeout=CONNECT_SECONDS)
    except (OSError, ValueError, ImportError):
        raise ConfigError(f"--scheduler {scheduler}: no Dask scheduler answers; give the address that `dask scheduler` prints.") from None
    with client:
        yield client


def _by_value() -> Callable[[tuple[Any, ...], str], Rows | str]:
    """What workers call: pickled by value, so that one without this package can say so. Errors come as text: a client that cannot unpickle
    an exception waits for ever."""

    def run(plain: tuple[Any, ...], version: str) -> Rows | str:
        try:
            from numerics.cluster import compute_as

            return compute_as(plain, version)
        except ImportError as error:
            return f"cannot import this package ({error}); install the version of the client there."
        except Exception as error:
            logging.getLogger("distributed.worker").exception("a task of a sweep failed")
            return f"failed with {type(error).__name__}: {error}"

    return run


def compute_as(plain: tuple[Any, ...], version: str) -> Rows | str:
    """The rows of a task, or what keeps this worker from computing them: sources other than the caller's."""
    if version != source_version():
        return "has another version of this package; install the version of the client there."
    _keep_memory()
    return compute(Task(*plain))


@cache
def _keep_memory() -> None:
    """Dask has glibc return freed memory at once; taken anew at every step it costs page faults, and a fifth of the time."""
    with suppress(OSError, AttributeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(-1, 1 << 30)  # M_TRIM_THRESHOLD
        mallopt(-3, 1 << 25)  # M_MMAP_THRESHOLD


@cache
def source_version() -> str:
    """A hash of the sources on which results depend"""
    digest = hashlib.sha256()
    for package in ("numerics", "theory"):
        spec = find_spec(package)
        for folder in (spec.submodule_search_locations if spec else None) or ():
            for path in sorted(Path(folder).rglob("*.py")):
                digest.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def _named(task: Task) -> str:
    """The rows of a task, for people"""
    cells = sorted({(cell["dimension"], cell["context"], cell["noise"]) for cell in task.cells})
    shown = ", ".join(f"d = {d}, n = {n}, σ² = {noise}" for d, n, noise in cells[:3]) + (", …" if len(cells) > 3 else "")
    numbers = [row for row, _, _ in task.rows]
    return f"rows {min(numbers)} to {max(numbers)} ({shown})"
