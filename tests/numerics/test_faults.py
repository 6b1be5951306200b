"""After a fault and a resume a run ends as if undisturbed: every file byte for byte, result.json but for `seconds`. The faults are real:
kill -9, a disk without room, changed bytes, a second process. Deterministic but for the moments of the kills, which must not matter."""

import json
import os
import random
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack

import pytest
from click.testing import CliRunner
from common.faults import cut, file_size_limit, filled, flipped, run, run_with_kills, small_disk

from numerics import phases
from numerics.config import TrainConfig
from numerics.errors import RunFolderError
from numerics.folder import CHECKPOINT, CONFIG, LOCK, METRICS, PREVIOUS, RESULT, WEIGHTS, Folder, RunFolder
from numerics.train import main

SAMPLED = ["--dimension", "2", "--context", "3", "--steps", "600", "--batch", "128", "--checkpoint-every", "7"]
EXACT = ["--dimension", "2", "--context", "1", "--noise", "0", "--objective", "exact", "--initialisation", "gaussian",
    "--parametrisation", "merged", "--seed", "1", "--checkpoint-every", "1"]  # fmt: skip
ENDS = (0, 3)


def command(flags, out):
    return [sys.executable, "-m", "numerics.train", *flags, "--out", str(out)]


def resume(out, *flags):
    ended = CliRunner().invoke(main, [*flags, "--resume", "--out", str(out)])
    assert ended.exit_code in ENDS, ended.stderr
    return ended


def refused(flags, *words):
    """One line on stderr and exit code 2"""
    ended = CliRunner().invoke(main, flags)
    assert ended.exit_code == 2, (ended.exception, ended.stderr)
    (line,) = ended.stderr.splitlines()
    assert line.startswith("error: ")
    assert all(word in line for word in words), line


def contents(out):
    """What a run leaves: all but lock, checkpoints and duration"""
    files = {path.name: path.read_bytes() for path in out.iterdir() if path.name not in (LOCK, CHECKPOINT, PREVIOUS)}
    result = json.loads(files.pop(RESULT))
    assert result.pop("seconds") >= 0
    return {**files, RESULT: result}


def assert_same(found, expected):
    found, expected = contents(found), contents(expected)
    assert found.keys() == expected.keys()
    assert [name for name in found if found[name] != expected[name]] == []


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The folder of an undisturbed run in a process of its own, and its seconds"""
    known = {}

    def made(flags):
        if tuple(flags) not in known:
            out = tmp_path_factory.mktemp("undisturbed") / "run"
            known[tuple(flags)] = out, run(command(flags, out), ends=ENDS)
        return known[tuple(flags)]

    return made


@pytest.mark.parametrize("kills", [5, pytest.param(50, marks=pytest.mark.slow)])
def test_kill_9_at_random_moments(tmp_path, undisturbed, kills):
    """From the first import to the last figure, at most five times in a run, until there have been so many."""
    expected, seconds = undisturbed(SAMPLED)
    draw = random.Random(0)
    while kills:
        out = tmp_path / str(len(list(tmp_path.iterdir())))
        kills -= run_with_kills([*command(SAMPLED, out), "--resume"], ends=ENDS, seconds=seconds, kills=min(5, kills), draw=draw)
        assert_same(out, expected)


class Killed(BaseException):
    """Stands for a kill at an exact place."""


PLACES = [(CONFIG, 1), (CHECKPOINT, 1), (PREVIOUS, 1), (CHECKPOINT, 3), (PREVIOUS, 3), (WEIGHTS, 1), (METRICS, 1), (RESULT, 1)]


def test_killed_between_a_file_and_its_name(tmp_path, undisturbed, monkeypatch):
    """One kill after another, each before a file gets its name; the old file, or none, is left, and the next process goes on from there."""
    out, replace = tmp_path / "run", os.replace
    for name, times in PLACES:
        seen, old = [], {path.name: path.read_bytes() for path in out.iterdir()} if out.exists() else {}

        def replaced(source, target, name=name, times=times, seen=seen):
            seen.append(os.path.basename(target))
            if seen.count(name) == times:
                raise Killed
            replace(source, target)

        with monkeypatch.context() as patched, pytest.raises(Killed):  # noqa: PT012
            patched.setattr(os, "replace", replaced)
            CliRunner().invoke(main, [*EXACT, "--resume", "--out", str(out)], catch_exceptions=False)
        if times == 1 and name not in old:
            assert not (out / name).exists()
    resume(out)
    assert_same(out, undisturbed(EXACT)[0])


def copied(run, tmp_path):
    return shutil.copytree(run, tmp_path / "run")


@pytest.mark.parametrize("flags", [SAMPLED, EXACT], ids=["sampled", "exact"])
def test_resuming_a_finished_run_changes_nothing(tmp_path, undisturbed, flags):
    out = copied(undisturbed(flags)[0], tmp_path)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    resume(out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


@pytest.mark.parametrize(("damage", "damaged"), [(cut, (CHECKPOINT,)), (flipped, (CHECKPOINT, PREVIOUS))], ids=["last", "both"])
def test_damaged_files_are_made_again(tmp_path, undisturbed, caplog, damage, damaged):
    """The run goes on from the checkpoint before the last, or starts over, and says so; all other files but config.json are damaged too."""
    out, draw = copied(undisturbed(EXACT)[0], tmp_path), random.Random(1)
    for path in out.iterdir():
        if path.name not in (CONFIG, LOCK, *{CHECKPOINT, PREVIOUS}.difference(damaged)):
            path.write_bytes(damage(path.read_bytes(), draw))
    resume(out)
    assert [record.getMessage() for record in caplog.records] == [
        f"{out / name}: is damaged; what it held is computed again." for name in damaged
    ]
    assert_same(out, undisturbed(EXACT)[0])


def test_no_damage_to_a_checkpoint_goes_unseen(tmp_path, undisturbed):
    """torch.load alone accepts two of three such files."""
    out, draw = copied(undisturbed(SAMPLED)[0], tmp_path), random.Random(2)
    folder, whole = RunFolder(out), (out / CHECKPOINT).read_bytes()
    assert folder.load_checkpoint()["step"] == 600
    (out / CHECKPOINT).write_bytes(whole[:-1])
    assert folder.load_checkpoint()["step"] == 595  # the one before
    (out / PREVIOUS).unlink()
    for damage in (cut, flipped):
        for _ in range(300):
            (out / CHECKPOINT).write_bytes(damage(whole, draw))
            assert folder.load_checkpoint() is None
    for content in (b"", b"\n", whole[:64], whole[:65], whole + b"\0", b"x" + whole):
        (out / CHECKPOINT).write_bytes(content)
        assert folder.load_checkpoint() is None


@pytest.fixture(params=["file size limit", "full disk"])
def disk(request, tmp_path):
    """A folder, and what takes all room from it"""
    with ExitStack() as stack:
        if request.param == "file size limit":
            yield tmp_path, lambda: file_size_limit(16)
        else:
            path = stack.enter_context(small_disk(tmp_path / "disk", 4 << 20))
            yield path, lambda: filled(path)


def test_no_room(undisturbed, monkeypatch, disk):
    """The room goes when a file is to be written: one line says which, what was there stays whole, and with room the run goes on."""
    (path, no_room), write = disk, RunFolder.write
    out, end = path / "run", RunFolder(undisturbed(EXACT)[0]).load_checkpoint()["step"]
    for name, times, left, step in (
        (CONFIG, 1, set(), None),
        (CHECKPOINT, 1, {CONFIG}, None),
        (CHECKPOINT, 3, {CONFIG, PREVIOUS}, 2),
        (WEIGHTS, 1, {CONFIG, PREVIOUS, CHECKPOINT}, end),
    ):
        seen = []

        def written(folder, file, content, name=name, times=times, seen=seen):
            seen.append(file)
            if seen.count(name) < times:
                return write(folder, file, content)
            with no_room():
                return write(folder, file, content)

        with monkeypatch.context() as patched:
            patched.setattr(RunFolder, "write", written)
            refused([*EXACT, "--resume", "--out", str(out)], str(out / name), "cannot be written", "--resume")
        assert seen.count(name) == times
        assert {file.name for file in out.iterdir()} == {LOCK} | left
        if step:
            assert RunFolder(out).load_checkpoint()["step"] == step
    resume(out)
    assert_same(out, undisturbed(EXACT)[0])


def test_two_processes_in_one_folder(tmp_path, undisturbed):
    """The second is refused while the first runs, leaves it undisturbed, and may go on when it has been killed."""
    out = tmp_path / "run"
    first = subprocess.Popen(command(SAMPLED, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while not (out / CHECKPOINT).exists() and time.monotonic() < deadline:
            time.sleep(0.001)
        refused([*SAMPLED, "--resume", "--out", str(out)], str(out), "another process")
        refused([*SAMPLED, "--out", str(out)], str(out), "another run")
        assert first.poll() is None
    finally:
        first.kill()
        first.wait()
    resume(out, *SAMPLED)
    assert_same(out, undisturbed(SAMPLED)[0])


def test_a_race_for_a_new_folder(tmp_path):
    """Of eight processes that create the same folder at once, one gets it, and the others are told."""
    config = TrainConfig.build()

    def attempt(path, go, result, end):
        os.read(go, 1)
        try:
            folder = RunFolder.create(path, config)
        except RunFolderError as error:
            os.write(result, b"n" if "another" in str(error) else b"?")
            return
        os.write(result, b"y")
        os.read(end, 1)  # holds the folder until all have tried
        del folder

    for k in range(10):
        pipes = {name: os.pipe() for name in ("go", "result", "end")}
        children = []
        for _ in range(8):
            child = os.fork()
            if not child:
                try:
                    attempt(tmp_path / str(k), pipes["go"][0], pipes["result"][1], pipes["end"][0])
                except BaseException:
                    os.write(pipes["result"][1], b"?")
                os._exit(0)
            children.append(child)
        os.write(pipes["go"][1], bytes(8))
        outcomes = sorted(os.read(pipes["result"][0], 1) for _ in children)
        os.write(pipes["end"][1], bytes(8))
        for child in children:
            os.waitpid(child, 0)
        for pair in pipes.values():
            for descriptor in pair:
                os.close(descriptor)
        assert outcomes == [b"n"] * 7 + [b"y"]


def test_another_process_comes_and_goes_before_the_lock(tmp_path, monkeypatch):
    """The folder was free when first looked at, and the lock is free too."""
    out, start = tmp_path / "run", Folder.__init__

    def late(folder, path):
        monkeypatch.undo()
        RunFolder.create(path, TrainConfig.build(seed=1))
        start(folder, path)

    monkeypatch.setattr(Folder, "__init__", late)
    with pytest.raises(RunFolderError, match="another run"):
        RunFolder.create(out, TrainConfig.build(seed=2))
    assert RunFolder.open(out, {})[1].seed == 1


def test_a_damaged_cell_of_a_phase_diagram_is_measured_again(tmp_path):
    config, draw = TrainConfig.build(dimension=2, context=3, noise="1"), random.Random(3)
    cell = phases.measure(config, starts=4, scale=1.0, cells=tmp_path)
    (file,) = (path for path in tmp_path.iterdir() if path.name != LOCK)
    whole = file.read_bytes()
    for damage in (cut, flipped):
        file.write_bytes(damage(whole, draw))
        assert phases.measure(config, starts=4, scale=1.0, cells=tmp_path) == cell
        assert file.read_bytes() == whole
