"""Training on a GPU, where there is one."""

from __future__ import annotations

import math

import pytest
import torch

from numerics.config import TrainConfig
from numerics.deep import train_deep
from numerics.deep_config import build_config
from numerics.folder import RunFolder
from numerics.moments import MomentSampler
from numerics.objective import ExactObjective
from numerics.run import Trainer, train

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device on this machine")


@needs_cuda
def test_trains_on_cuda_and_resumes_there(tmp_path):
    """A run on the GPU reaches the global minimum, and its checkpoint continues to the same weights."""
    config = TrainConfig.build(dimension=2, context=5, steps=2000, device="cuda")
    result = train(config, RunFolder.create(tmp_path / "run", config))
    assert (result.verdict, result.device) == ("agrees", "cuda")
    folder, stored = RunFolder.open(tmp_path / "run", {})
    assert train(stored, folder).loss_trained == result.loss_trained


@needs_cuda
@pytest.mark.parametrize("sampler", ["moments", "tokens"])
def test_a_step_on_cuda_never_waits_for_the_device(tmp_path, sampler):
    """Prompts are drawn where the weights are, and nothing in a step is read on the host."""
    config = TrainConfig.build(dimension=4, context=10, device="cuda", sampler=sampler)
    trainer = Trainer(config, RunFolder.create(tmp_path / "run", config))
    trainer.advance()  # the first allocates
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        loss = trainer.advance()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert loss.device.type == "cuda"


@needs_cuda
def test_moments_on_cuda_have_the_mean_of_theory():
    """z of 64 batches, t with 63 degrees of freedom: |z| > 6.5 by chance of 1.5e-8."""
    setting = TrainConfig.build(dimension=3, context=5).setting
    device = torch.device("cuda")
    sampler = MomentSampler(setting, dtype=torch.float64, device=device, generator=torch.Generator(device).manual_seed(0))
    v, M = torch.full((4,), 0.3, dtype=torch.float64), 0.1 * torch.eye(4, dtype=torch.float64)
    losses = torch.stack([sampler.loss(v.to(device), M.to(device), 4096) for _ in range(64)]).cpu()
    assert abs(losses.mean() - ExactObjective(setting).loss(v, M)) < 6.5 * losses.std() / 8


def test_auto_takes_the_gpu_where_there_is_one():
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert TrainConfig.build(device="auto").torch_device.type == expected


@needs_cuda
@pytest.mark.parametrize("model", ["transformer", "linear", "softmax"])
def test_deep_models(tmp_path, model):
    """The larger configuration of the literature, a few steps of it"""
    size = {"depth": 12, "heads": 8, "width": 256} if model == "transformer" else {"depth": 3}
    config = build_config({"model": model, "dimension": 8, "context": 20, "steps": 20, "prompts": 1024, "device": "cuda", **size})
    result = train_deep(config, RunFolder.create(tmp_path / "run", config))
    assert result.device.startswith("cuda")
    assert result.verdict in ("agrees", "not converged")
    assert math.isfinite(result.loss_trained)
