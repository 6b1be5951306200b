"""A run that is killed and resumed ends as if it had not been: files byte for byte, result.json but for `seconds`. Deterministic."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner
from safetensors.torch import load_file

from numerics.train import main

SAMPLED = ["--dimension", "2", "--context", "3", "--steps", "400", "--batch", "128", "--checkpoint-every", "7"]
EXACT = ["--dimension", "2", "--context", "1", "--noise", "0", "--objective", "exact", "--initialisation", "gaussian",
    "--parametrisation", "merged",
         "--seed", "1", "--checkpoint-every", "1"]  # fmt: skip
SAME = ("config.json", "weights.safetensors", "metrics.csv")
runs = pytest.mark.parametrize("flags", [SAMPLED, EXACT], ids=["sampled", "exact"])


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folders = {}

    def folder(flags):
        if tuple(flags) not in folders:
            folders[tuple(flags)] = out = tmp_path_factory.mktemp("whole") / "run"
            assert CliRunner().invoke(main, [*flags, "--out", str(out)]).exit_code in (0, 3)
        return folders[tuple(flags)]

    return folder


def assert_same(found, expected):
    for name in SAME:
        assert (found / name).read_bytes() == (expected / name).read_bytes(), name
    results = [json.loads((folder / "result.json").read_text()) for folder in (found, expected)]
    assert all(result.pop("seconds") >= 0 for result in results)
    assert results[0] == results[1]


def assert_whole(out):
    """Every file under its final name can be read."""
    for path in out.iterdir():
        if path.name.endswith(".json"):
            json.loads(path.read_text())
        elif path.name.endswith(".safetensors"):
            load_file(path)
        elif path.name.endswith(".png"):
            assert path.read_bytes().endswith(b"IEND\xaeB`\x82")


def resume(out):
    ended = CliRunner().invoke(main, ["--resume", "--out", str(out)])
    assert ended.exit_code in (0, 3), ended.stderr


@pytest.mark.parametrize(("flags", "awaited"), [(SAMPLED, "checkpoint.pt"), (SAMPLED, "config.json"), (EXACT, "checkpoint.pt")])
def test_sigkill_and_resume(tmp_path, uninterrupted, flags, awaited):
    out = tmp_path / "run"
    process = subprocess.Popen(
        [sys.executable, "-m", "numerics.train", *flags, "--out", str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while not (out / awaited).exists() and time.monotonic() < deadline:
        time.sleep(0.001)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (out / "result.json").exists()
    assert_whole(out)
    resume(out)
    assert_same(out, uninterrupted(flags))


class Killed(BaseException):
    """Stands for a kill at an exact place."""


@pytest.mark.parametrize("flags", [EXACT], ids=["exact"])
@pytest.mark.parametrize(
    ("name", "times"), [("checkpoint.pt", 1), ("checkpoint.pt", 3), ("weights.safetensors", 1), ("metrics.csv", 1), ("result.json", 1)]
)
def test_killed_while_writing(tmp_path, uninterrupted, monkeypatch, flags, name, times):
    """Between a partial file and its final name: the old file, or none, is left, and the rest of the run is the same."""
    out, replace, seen = tmp_path / "run", os.replace, []

    def replaced(source, target):
        seen.append(os.path.basename(target))
        if seen.count(name) == times:
            raise Killed
        replace(source, target)

    with monkeypatch.context() as patched, pytest.raises(Killed):  # noqa: PT012
        patched.setattr(os, "replace", replaced)
        CliRunner().invoke(main, [*flags, "--out", str(out)], catch_exceptions=False)
    assert (out / name).exists() == (times > 1)
    assert_whole(out)
    resume(out)
    assert_same(out, uninterrupted(flags))


@runs
def test_resuming_a_finished_run_changes_nothing(tmp_path, uninterrupted, flags):
    expected = uninterrupted(flags)
    before = {path.name: path.read_bytes() for path in expected.iterdir()}
    resume(expected)
    assert {path.name: path.read_bytes() for path in expected.iterdir()} == before
