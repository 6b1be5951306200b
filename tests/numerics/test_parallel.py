"""One model trained by two processes under torchrun (gloo, CPU), against one process that draws the same streams. Deterministic.

Gradients are added in another order, so weights agree within rounding, 1e-5 of the largest here after 150 steps of float32.
"""

import json
import subprocess
import sys
import time

import psutil
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file

from numerics.config import TrainConfig
from numerics.errors import ConfigError
from numerics.parallel import Processes
from numerics.run import Trainer
from numerics.train import main

FLAGS = ["--dimension", "3", "--context", "6", "--steps", "150", "--batch", "256", "--checkpoint-every", "10"]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "numerics.train"]


def together(*flags):
    return subprocess.run([*TORCHRUN, *flags], capture_output=True, text=True, timeout=120)


def assert_close(left, right):
    ours, theirs = (load_file(folder / "weights.safetensors") for folder in (left, right))
    assert ours.keys() == theirs.keys()
    for name, weight in ours.items():
        torch.testing.assert_close(weight, theirs[name], rtol=0, atol=1e-5 * float(weight.abs().max()))


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    out = tmp_path_factory.mktemp("alone") / "run"
    assert CliRunner().invoke(main, [*FLAGS, "--shards", "2", "--out", str(out)]).exit_code in (0, 3)
    return out


def test_two_processes_are_one_within_rounding(tmp_path, alone):
    out = tmp_path / "run"
    ended = together(*FLAGS, "--out", str(out))
    assert (out / "result.json").exists(), ended.stderr
    assert ended.stdout.count("verdict") == 1  # one process prints
    assert json.loads((out / "config.json").read_text())["shards"] == 2
    assert_close(out, alone)


def test_streams_are_different(tmp_path, alone):
    """A process that drew the other's stream would train on half the prompts: one stream gives another run."""
    out = tmp_path / "run"
    CliRunner().invoke(main, [*FLAGS, "--out", str(out)])
    with pytest.raises(AssertionError):
        assert_close(out, alone)


def test_killed_together_and_resumed_alone(tmp_path, alone):
    out = tmp_path / "run"
    process = psutil.Popen([*TORCHRUN, *FLAGS, "--out", str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (out / "checkpoint.pt").exists() and time.monotonic() < deadline:
        time.sleep(0.002)
    family = [process, *process.children(recursive=True)]
    for member in family:
        member.kill()
    psutil.wait_procs(family)
    assert not (out / "result.json").exists()
    ended = CliRunner().invoke(main, ["--resume", "--out", str(out)])
    assert ended.exit_code in (0, 3), ended.stderr
    assert_close(out, alone)


def test_what_two_processes_cannot_do_is_one_line(tmp_path):
    ended = together("--dimension", "2", "--shards", "3", "--batch", "300", "--out", str(tmp_path / "run"))
    assert ended.returncode
    assert [line for line in ended.stderr.splitlines() if line.startswith("error:")] == [
        "error: --shards 3: cannot be divided among 2 processes; give a multiple of them."
    ]


def test_exact_training_is_for_one_process():
    with pytest.raises(ConfigError, match="--objective exact: trains in one process; leave out torchrun"):
        Trainer(TrainConfig.build(objective="exact", shards=2), None, Processes(0, 2))


def test_a_batch_that_has_no_equal_shards():
    ended = CliRunner().invoke(main, ["--batch", "9", "--shards", "2"])
    assert (ended.exit_code, ended.stderr) == (2, "error: --batch 9: cannot be drawn in 2 equal shards; give a multiple of --shards.\n")
