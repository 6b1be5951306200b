"""Training on a GPU, where there is one."""

from __future__ import annotations

import pytest
import torch

from numerics.config import TrainConfig
from numerics.folder import RunFolder
from numerics.run import train

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device on this machine")


@needs_cuda
def test_trains_on_cuda_and_resumes_there(tmp_path):
    """A run on the GPU reaches the global minimum, and its checkpoint continues to the same weights."""
    config = TrainConfig.build(dimension=2, context=5, steps=2000, device="cuda")
    result = train(config, RunFolder.create(tmp_path / "run", config))
    assert (result.verdict, result.device) == ("agrees", "cuda")
    folder, stored = RunFolder.open(tmp_path / "run", {})
    assert train(stored, folder).loss_trained == result.loss_trained


def test_auto_takes_the_gpu_where_there_is_one():
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert TrainConfig.build(device="auto").torch_device.type == expected
