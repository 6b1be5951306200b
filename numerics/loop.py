"""The training loop: steps, a log, and checkpoints that hold all that the rest of a run depends on."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor, nn

from numerics.config import RunConfig
from numerics.errors import ConfigError, RunFolderError, TrainingError
from numerics.folder import CHECKPOINT, RunFolder
from numerics.parallel import ALONE, Processes


class Loop:
    """The state of a run.

    A batch is drawn in `config.shards` independent streams, which the processes divide among themselves, and each process takes the same
    step with the sum of all gradients. So a run depends on the number of streams, and on that of processes by rounding only.

    A subclass gives the optimisers of a model, the losses of a batch, the learning rate, and what is logged; it calls `restore` when it is
    complete, which continues from the folder's checkpoint.
    """

    def __init__(
        self,
        config: RunConfig,
        model: nn.Module,
        folder: RunFolder | None,
        processes: Processes = ALONE,
        *,
        device: torch.device,
        log_every: int,
    ) -> None:
        self.config, self.folder, self.processes, self.device, self.log_every = config, folder, processes, device, log_every
        if config.shards % processes.count:
            raise ConfigError(f"--shards {config.shards}: cannot be divided among {processes.count} processes; give a multiple of them.")
        self.model: Any = model.to(device)
        own = range(processes.rank, config.shards, processes.count)
        self.generators = [Generator(device=device).manual_seed(_stream_seed(config.seed, shard)) for shard in own]
        self.optimisers = self.optimisers_of(model)
        self.peaks = [[group["lr"] for group in optimiser.param_groups] for optimiser in self.optimisers]
        self.step, self.seconds = 0, 0.0
        self.rows: list[list[float]] = []

    def optimisers_of(self, model: nn.Module) -> list[torch.optim.Optimizer]:
        """The optimisers, with their peak learning rates."""
        raise TypeError(f"{type(self).__name__} defines no optimisers_of")

    def losses(self, prompts: int) -> list[Tensor]:
        """The mean loss of `prompts` fresh prompts in each of this process's streams."""
        raise TypeError(f"{type(self).__name__} defines no losses")

    def rate(self, step: int) -> float:
        """The learning rate of a step, of the first optimiser."""
        raise TypeError(f"{type(self).__name__} defines no rate")

    def log(self, loss: float) -> float:
        """Appends to `rows` and gives the number that tells how far training has come."""
        raise TypeError(f"{type(self).__name__} defines no log")

    def settled(self) -> bool:
        """Whether nothing is left to gain."""
        return False

    def clip(self) -> None:
        """Bounds the gradients, where a model needs it."""

    def advance(self) -> Tensor:
        """One step on a fresh batch; nothing in it waits for the device."""
        shards = self.config.shards
        for optimiser in self.optimisers:
            optimiser.zero_grad()
        loss = torch.stack(self.losses(self.config.batch // shards)).sum() / shards
        loss.backward()
        mean = loss.detach()
        self.processes.add([mean, *(weight.grad for weight in self.model.parameters() if weight.grad is not None)])
        self.clip()
        scale = self.rate(self.step) / self.config.peak_learning_rate
        for optimiser, peaks in zip(self.optimisers, self.peaks, strict=True):
            for group, peak in zip(optimiser.param_groups, peaks, strict=True):
                group["lr"] = peak * scale
            optimiser.step()
        return mean

    def run(self, progress: Callable[[int, float], None]) -> None:
        """Trains to the end, telling `progress` the step and the last number logged."""
        started = time.monotonic() - self.seconds
        settled = self.step > 0 and self.settled()
        while self.step < self.config.steps and not settled:
            loss = self.advance()
            self.step += 1
            last = self.step == self.config.steps
            if self.processes.first and (self.step % self.log_every == 0 or last):
                progress(self.step, self.log(float(loss.detach())))
                settled = self.settled()
            if self.step % self.config.checkpoint_every == 0 or last or settled:
                self.seconds = time.monotonic() - started
                self._save()

    def refuse_divergence(self, *losses: float) -> None:
        """Raises TrainingError where a loss is no longer finite."""
        if not all(map(math.isfinite, losses)):
            raise TrainingError(
                f"training: the loss is {losses[0]} at step {self.step}; lower --learning-rate (now {self.config.peak_learning_rate:.3g})."
            )

    def restore(self) -> None:
        """Continues from the folder's checkpoint, where there is one."""
        state = self.processes.from_first(self.folder.load_checkpoint() if self.folder else None)
        if state is None:
            return
        try:
            self.step, self.seconds, self.rows = state["step"], state["seconds"], state["rows"]
            self.model.load_state_dict(state["model"])
            for optimiser, stored in zip(self.optimisers, state["optimiser"], strict=True):
                optimiser.load_state_dict(stored)
            for generator, stream in zip(self.generators, state["generator"][self.processes.rank :: self.processes.count], strict=True):
                generator.set_state(stream)
        except (RuntimeError, ValueError, KeyError, TypeError, IndexError, AttributeError):
            where = self.folder.path / CHECKPOINT if self.folder else CHECKPOINT
            raise RunFolderError(f"{where}: does not fit the run's config.json; one of the two was changed.") from None

    def _save(self) -> None:
        drawn = self.processes.gather([generator.get_state() for generator in self.generators])
        if self.folder is None:
            return
        streams = [drawn[shard % self.processes.count][shard // self.processes.count] for shard in range(self.config.shards)]
        self.folder.save_checkpoint(
            {
                "step": self.step,
                "seconds": self.seconds,
                "rows": self.rows,
                "model": self.model.state_dict(),
                "optimiser": [optimiser.state_dict() for optimiser in self.optimisers],
                "generator": streams,
            }
        )


def _stream_seed(seed: int, shard: int) -> int:
    """The seed of a stream of prompts, apart from those of other runs, and of weights and checks"""
    return int.from_bytes(hashlib.sha256(f"prompts {seed} {shard}".encode()).digest()[:7])
