"""The processes of one run: a single one, or those that torchrun starts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, distributed


@dataclass(frozen=True)
class Processes:
    """This process's number and how many there are; number 0 alone writes and prints."""

    rank: int = 0
    count: int = 1

    @classmethod
    def joined(cls, *, cuda: bool) -> Processes:
        """The processes that torchrun has started, connected by NCCL or gloo; a single one where it has not."""
        if "TORCHELASTIC_RUN_ID" not in os.environ:
            return cls()
        if not distributed.is_initialized():
            if cuda:
                torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
            distributed.init_process_group("nccl" if cuda else "gloo")
        return cls(distributed.get_rank(), distributed.get_world_size())

    @property
    def first(self) -> bool:
        """Whether this process writes and prints."""
        return self.rank == 0

    def add(self, tensors: Sequence[Tensor]) -> None:
        """Replaces each tensor by its sum over the processes, in one message."""
        if self.count == 1:
            return
        whole = torch.cat([tensor.reshape(-1) for tensor in tensors])
        distributed.all_reduce(whole)
        for tensor, part in zip(tensors, whole.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))

    def gather(self, value: Any) -> list[Any]:
        """What each process gave, in the order of their numbers."""
        values = [value] * self.count
        if self.count > 1:
            distributed.all_gather_object(values, value)
        return values

    def from_first(self, value: Any) -> Any:
        """What process 0 gave."""
        if self.count > 1:
            shared = [value]
            distributed.broadcast_object_list(shared)
            return shared[0]
        return value

    def leave(self) -> None:
        """Waits for the others and disconnects."""
        if self.count > 1:
            distributed.barrier()
            distributed.destroy_process_group()


ALONE = Processes()
