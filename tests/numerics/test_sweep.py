"""`python -m numerics.sweep`: models trained together are those trained alone, whatever is killed on the way.

Seeds are fixed and every check is deterministic but for the moments of kills, which must not matter.
"""

import json
import multiprocessing
import os
import random
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest
import torch
from click.testing import CliRunner
from common.faults import cut, file_size_limit, flipped

import numerics.cluster as cluster
import numerics.many as many
import numerics.sweep as sweep
from numerics.config import TrainConfig
from numerics.grid import COMMON, VARIED, Grid
from numerics.many import Task, compute
from numerics.models import initial_model
from numerics.objective import ExactObjective
from numerics.run import BETAS, learning_rate
from numerics.table import COLUMNS, PARTS, TABLE, SweepFolder

QUICK = ["--dimension", "2", "--steps", "60", "--batch", "16", "--rows", "4"]
SMALL = [*QUICK, "--context", "3", "--context", "9", "--seeds", "12"]  # 24 rows in 6 tasks


def grid(**options):
    plain = {name: [TrainConfig.model_fields[name].default] for name in VARIED}
    return Grid.build(**{"seed": 0, "seeds": 1, "device": "cpu", "rows": None, **plain, **options})


def task(cells, seeds=1):
    """One task with rows of all these cells, each a dictionary of options"""
    full = tuple(TrainConfig.build(**cell).model_dump(exclude={"seed", "device"}) for cell in cells)
    return Task(0, full, tuple((k * seeds + seed, k, seed) for k in range(len(cells)) for seed in range(seeds)), "cpu")


def measured(rows):
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def swept(*flags):
    ended = CliRunner().invoke(sweep.main, [*map(str, flags)])
    assert isinstance(ended.exception, SystemExit) or ended.exception is None, ended.exception
    return ended


def table(out):
    """What a sweep leaves in the end, but for durations"""
    found = pq.read_table(out / TABLE)
    assert found.schema.equals(COLUMNS)
    return found.drop_columns(["seconds"]).to_pylist()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The folder of SMALL, swept in one go"""
    out = tmp_path_factory.mktemp("undisturbed") / "sweep"
    assert swept(*SMALL, "--workers", 0, "--out", out).exit_code == 3
    return out


# one tensor program


class ExactLosses:
    """Stands for a sampler: the exact loss of every row in its own setting, in place of a mean over prompts."""

    def __init__(self, config, settings, *, device, generator):
        self.objectives = [ExactObjective(setting) for setting in settings]

    def loss(self, v, M, batch):
        return torch.stack([objective.loss(*layer) for objective, *layer in zip(self.objectives, v, M, strict=True)])


MIXED = [
    {"context": 3, "noise": "0"},
    {"context": 40, "noise": "1", "initialisation": "gaussian"},
    {"context": 8, "covariates": "2,1/2", "response": "inverse", "learning_rate": 0.02},
    {"context": 8, "response": "3,1", "initial_scale": 0.5},
]


@pytest.mark.parametrize("parametrisation", ["separate", "merged"])
def test_together_as_alone(monkeypatch, parametrisation):
    """Rows of different n, σ², Σ, W, learning rate and start against a loop over models, each with its own Adam, on the same losses."""
    monkeypatch.setattr(many, "training_sampler", ExactLosses)
    cells = [{"dimension": 2, "steps": 25, "parametrisation": parametrisation, **cell} for cell in MIXED]
    rows = compute(task(cells))
    assert [(row["row"], row["context"]) for row in rows] == [(k, cell["context"]) for k, cell in enumerate(cells)]
    for row in rows:
        config = TrainConfig.build(**cells[row["row"]])
        objective = ExactObjective(config.setting)
        model = initial_model(
            parametrisation=parametrisation, initialisation=config.initialisation, dimension=2, context=config.context,
            scale=config.initial_scale, dtype=torch.float32, generator=torch.Generator().manual_seed(row["seed"]),
        )  # fmt: skip
        begun = float(objective.loss(model.value_vector().detach(), model.key_query().detach()))
        adam = torch.optim.Adam(model.parameters(), betas=BETAS)
        for step in range(config.steps):
            adam.param_groups[0]["lr"] = learning_rate(config, step)
            adam.zero_grad()
            objective.loss(model.value_vector(), model.key_query()).backward()
            adam.step()
        v, M = model.value_vector().detach(), model.key_query().detach()
        assert row["loss_trained"] == pytest.approx(float(objective.loss(v, M)), rel=1e-4)
        assert row["step_relative_error"] == pytest.approx(objective.step_error(v, M), rel=1e-3)
        assert row["relative_excess"] == pytest.approx(row["loss_trained"] / objective.minimum - 1, rel=1e-9, abs=1e-12)
        assert abs(begun - row["loss_trained"]) > 0.01 * begun  # it has moved


def test_each_model_is_trained_on_prompts_of_its_setting():
    """On the real sampler: a model trained on another's prompts would end far above its own minimum."""
    cells = [
        {"dimension": 3, "context": n, "noise": noise, "response": W, "steps": 500, "batch": 256, "tolerance": 0.01, "step_tolerance": 0.1}
        for n, noise, W in ((3, "0", "isotropic"), (40, "2", "4,1,1"), (12, "1/4", "isotropic"))
    ]
    rows = compute(task(cells, seeds=3))
    assert {row["verdict"] for row in rows} == {"agrees"}, [(row["verdict"], row["reason"]) for row in rows]


@pytest.mark.parametrize("laws", [{"covariates": "rademacher"}, {"response": "relu"}, {"response": "linear:task=laplace"}])
def test_laws_of_every_path(laws):
    (plan,) = grid(dimension=[2], context=[4], steps=[500], seeds=3, objective=["sampled"], tolerance=[0.1], step_tolerance=[0.5],
        **{name: [text] for name, text in laws.items()}).tasks()  # fmt: skip
    assert {row["verdict"] for row in compute(plan)} == {"agrees"}


def test_exact_rows_together_as_alone():
    cells = [{"dimension": 2, "objective": "exact", "initialisation": "gaussian", **cell} for cell in MIXED]
    together = compute(task(cells, seeds=6))
    for row in together[::5]:
        alone = task(cells, seeds=6)
        (single,) = compute(alone._replace(rows=(alone.rows[row["row"]],)))
        assert (row["verdict"], row["stationary_point"]) == (single["verdict"], single["stationary_point"])
        assert row["loss_trained"] == pytest.approx(single["loss_trained"], rel=1e-10)
        assert row["loss_theory"] == ExactObjective(TrainConfig.build(**cells[row["row"] // 6]).setting).minimum
    assert {row["verdict"] for row in together} == {"agrees", "other stationary point"}


def test_a_diverged_model_harms_no_other(monkeypatch):
    monkeypatch.setattr(Task, "stream", 5)
    cell = {"dimension": 2, "context": 4, "steps": 30, "batch": 16}
    quiet = compute(task([cell, cell, cell]))
    rows = compute(task([cell, {**cell, "learning_rate": 1e30}, cell]))
    assert measured([rows[0], rows[2]]) == measured([quiet[0], quiet[2]])
    assert (rows[1]["verdict"], rows[1]["stationary_point"]) == ("not converged", None)
    assert "diverged" in rows[1]["reason"]
    assert "relative_excess" not in rows[1]


# the plan


def test_every_row_is_in_one_task():
    plan = grid(
        dimension=[2, 3], context=[5, 8, 5], noise=["0", "1"], response=["isotropic", "relu"], learning_rate=[None, 0.1], seeds=7, rows=6
    )
    tasks = plan.tasks()
    assert len(plan) == 2 * 2 * 2 * 2 * 2 * 7
    rows = sorted(row for one in tasks for row, _, _ in one.rows)
    assert rows == list(range(len(plan)))
    seen = set()
    for one in tasks:
        assert len(one.rows) <= 6
        assert len({tuple(cell[name] for name in COMMON) for cell in one.cells}) == 1
        if one.cells[0]["response"] == "relu":  # on tokens: one setting
            assert len({(cell["context"], cell["noise"]) for cell in one.cells}) == 1
        for _, cell, seed in one.rows:
            seen.add((*(one.cells[cell][name] for name in ("dimension", "context", "noise", "response", "learning_rate")), seed))
    assert len(seen) == len(plan)
    assert max(len({cell["context"] for cell in one.cells}) for one in grid(context=[5, 8]).tasks()) == 2


def test_a_task_depends_on_its_rows_alone(undisturbed):
    _, plan = SweepFolder.open(undisturbed, {}, {})
    tasks = plan.tasks()
    assert len({one.stream for one in tasks}) == len(tasks) == 6
    found = sorted((row for one in reversed(tasks) for row in compute(one)), key=lambda row: row["row"])
    assert [{name: row.get(name) for name in COLUMNS.names if name != "seconds"} for row in found] == table(undisturbed)


# the command


def test_what_a_sweep_leaves(undisturbed):
    assert {path.name for path in undisturbed.iterdir()} == {".lock", "sweep.json", PARTS, TABLE, "excess.png", "ends.png"}
    assert all((undisturbed / f"{name}.png").read_bytes().startswith(b"\x89PNG") for name in ("excess", "ends"))
    rows = pq.read_table(undisturbed / TABLE).to_pylist()
    assert [(row["row"], row["context"], row["seed"]) for row in rows] == [(k, (3, 9)[k // 12], k % 12) for k in range(24)]
    assert all((row["dimension"], row["batch"], row["steps"], row["noise_variance"]) == (2, 16, 60, 0.25) for row in rows)
    assert all(row["loss_trained"] >= row["loss_theory"] and row["seconds"] > 0 for row in rows)


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        (["agrees"], 0),
        (["agrees", "other stationary point"], 0),
        (["not converged", "agrees"], 3),
        (["agrees", "contradicts", "not converged"], 1),
    ],
)
def test_exit_codes(tmp_path, monkeypatch, verdicts, code):
    given = iter(verdicts * 24)
    monkeypatch.setattr(many, "decide", lambda *args, **how: (next(given), "for a reason"))
    ended = swept(*QUICK, "--context", 3, "--seeds", 3, "--workers", 0, "--out", tmp_path / "sweep")
    assert ended.exit_code == code
    assert all(f"{name} {3 // len(verdicts)}" in ended.stdout for name in verdicts if 3 % len(verdicts) == 0)


def test_all_models_diverged(tmp_path):
    ended = swept(*QUICK, "--context", 3, "--learning-rate", 1e30, "--workers", 0, "--out", tmp_path / "sweep")
    assert ended.exit_code == 3
    assert "diverged" in ended.stdout
    assert [row["relative_excess"] for row in table(tmp_path / "sweep")] == [None]


BAD = [
    (["--context", "0"], "--context"),
    (["--noise", "0", "--noise", "-1"], "--noise"),
    (["--dimension", "2", "--dimension", "3", "--covariates", "2,1"], "--covariates"),
    (["--response", "relu", "--sampler", "moments"], "--sampler"),
    (["--seeds", "0"], "--seeds"),
    (["--seed", str(2**63 - 1), "--seeds", "2"], "--seeds"),
    (["--rows", "0"], "--rows"),
    (["--workers", "-1"], "--workers"),
    (["--workers", "1", "--scheduler", "tcp://127.0.0.1:1"], "--workers"),
    (["--resume"], "--resume"),
    (["--threads", "2"], "--threads"),
]


@pytest.mark.parametrize(("flags", "name"), BAD)
def test_bad_arguments(tmp_path, flags, name):
    out = tmp_path / "sweep"
    refused([*flags, *(["--out", out] if flags != ["--resume"] else [])], name)
    assert not out.exists()


def refused(flags, *words):
    ended = swept(*flags)
    assert ended.exit_code == 2
    (line,) = ended.stderr.splitlines()
    assert line.startswith("error: ")
    assert all(word in line for word in words), line


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--resume", "--seeds", "13"], ["--seeds", "12"]),
        (["--resume", "--context", "3"], ["--context", "[3, 9]"]),
        (["--resume", "--rows", "5"], ["--rows", "4"]),
        (SMALL, ["--out", "--resume"]),
    ],
)
def test_another_sweep_into_the_same_folder(undisturbed, flags, words):
    before = {path: path.read_bytes() for path in undisturbed.rglob("*") if path.is_file()}
    refused([*flags, "--out", undisturbed], *words)
    assert {path: path.read_bytes() for path in undisturbed.rglob("*") if path.is_file()} == before


def test_two_sweeps_in_one_folder_at_once(tmp_path):
    out = tmp_path / "sweep"
    hold = f"from pathlib import Path; from numerics.folder import Folder; kept = Folder(Path({str(out)!r})); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        refused([*SMALL, "--workers", 0, "--out", out], str(out), "another process")
        other.communicate(b"\n")
    assert swept(*SMALL, "--workers", 0, "--out", out).exit_code == 3


@pytest.mark.parametrize("name", ["parts", "table"])
def test_no_room(tmp_path, undisturbed, monkeypatch, name):
    """The kernel refuses the first part, or the table: one line, nothing finished is lost, and with room the sweep goes on."""
    out, save = tmp_path / "sweep", {"parts": "save", "table": "save_table"}[name]
    whole = getattr(SweepFolder, save)

    def without_room(*arguments):
        with file_size_limit(16):
            return whole(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(SweepFolder, save, without_room)
        refused([*SMALL, "--workers", 0, "--out", out], "cannot be written", "--resume")
    assert not list(out.rglob("*.part"))
    assert not (out / TABLE).exists()
    assert len(list((out / PARTS).glob("*.json"))) == {"parts": 0, "table": 6}[name]
    assert swept("--resume", "--workers", 0, "--out", out).exit_code == 3
    assert table(out) == table(undisturbed)


def test_near_zero_is_the_zero_predictor(tmp_path):
    """v and M so small that all is flat there: a member of the family, whatever M is relative to v."""
    ended = swept(
        "--dimension", 3, "--context", 10, "--objective", "exact", "--initial-scale", 1e-12, "--workers", 0, "--out", tmp_path / "s"
    )
    assert ended.exit_code == 0
    assert {row["stationary_point"] for row in table(tmp_path / "s")} == {"zero predictor"}


def test_nothing_to_resume(tmp_path):
    refused(["--resume", "--out", tmp_path], "--out", "no sweep")
    (tmp_path / "sweep.json").write_text('{"dimension": [2]}')
    refused(["--resume", "--out", tmp_path], "sweep.json", "damaged")


# faults


@pytest.fixture
def counted(monkeypatch):
    """The numbers of the tasks that are computed; the one in `fatal` stops the sweep."""
    done, fatal = [], []

    def counting(one):
        if one.number in fatal:
            raise KeyboardInterrupt
        done.append(one.number)
        return compute(one)

    monkeypatch.setattr(cluster, "compute", counting)
    return done, fatal


def test_resuming_computes_what_is_left(tmp_path, undisturbed, counted, caplog):
    """Stopped after four tasks of six, with one finished task's file cut and one with a changed bit; finished, then resumed again."""
    done, fatal = counted
    out, draw = tmp_path / "sweep", random.Random(0)
    fatal.append(4)
    ended = swept(*SMALL, "--workers", 0, "--out", out)
    assert (ended.exit_code, ended.stderr) == (130, f"interrupted; 16 rows are kept, continue with --resume --out {out}\n")
    assert len(table(out)) == 16
    assert done == [0, 1, 2, 3]
    folder, plan = SweepFolder.open(out, {}, {})
    damaged = [folder.path / PARTS / f"{plan.tasks()[number].stream:014x}.json" for number in (1, 2)]
    for path, damage in zip(damaged, (cut, flipped), strict=True):
        path.write_bytes(damage(path.read_bytes(), draw))
    del folder
    fatal.clear()
    done.clear()
    assert swept("--resume", "--workers", 0, "--out", out).exit_code == 3
    assert done == [1, 2, 4, 5]
    assert len(caplog.records) == 2
    assert table(out) == table(undisturbed)
    assert swept("--resume", *SMALL, "--out", out).exit_code == 3  # no worker is started for nothing
    assert done == [1, 2, 4, 5]
    assert table(out) == table(undisturbed)


def noted(args, log):
    """A sweep in a process of its own, each task it begins a line of a log."""
    return f"""
import os, numerics.cluster as cluster
from numerics.sweep import main
compute = cluster.compute
def noting(task):
    with open({str(log)!r}, "a") as file:
        file.write(f"{{task.stream:014x}}.json\\n")
    return compute(task)
cluster.compute = noting
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
main({[*map(str, args)]!r})
"""


@pytest.mark.parametrize("kills", [5, pytest.param(50, marks=pytest.mark.slow)])
def test_kill_9_at_random_moments(tmp_path, undisturbed, kills):
    """No task that a kill found finished is begun again or its file touched; the rest as in test_faults."""
    fork = multiprocessing.get_context("forkserver")
    fork.set_forkserver_preload(["numerics.sweep"])
    draw = random.Random(1)

    def ran(out, log, seconds=None):
        """Its exit code, or None if it was killed after so many seconds"""
        child = fork.Process(target=exec, args=(noted([*SMALL, "--workers", 0, "--resume", "--out", out], log), {}))
        child.start()
        child.join(seconds)
        child.kill()
        child.join()
        return None if child.exitcode == -signal.SIGKILL else child.exitcode

    assert ran(tmp_path / "first", tmp_path / "log") == 3  # the fork server has started
    begun = time.monotonic()
    assert ran(tmp_path / "timed", tmp_path / "log") == 3
    seconds = time.monotonic() - begun
    runs = killed = 0
    while killed < kills:
        runs += 1
        out, log = tmp_path / str(runs), tmp_path / f"{runs}.log"
        ended, finished = None, {}
        while ended is None:
            last = killed == kills
            before = log.read_text().splitlines() if log.exists() else []
            ended = ran(out, log, None if last else draw.uniform(0, seconds))
            killed += ended is None
            parts = {path.name: path.stat() for path in (out / PARTS).glob("*.json")} if out.exists() else {}
            assert not finished.keys() & set((log.read_text().splitlines() if log.exists() else [])[len(before) :])
            assert all((parts[name].st_ino, parts[name].st_mtime_ns) == (stat.st_ino, stat.st_mtime_ns) for name, stat in finished.items())
            finished = parts
        assert ended == 3
        assert table(out) == table(undisturbed)


def test_a_worker_killed_in_mid_task(tmp_path, undisturbed):
    """Two worker processes on this machine, one of which gets SIGKILL while tasks are left."""
    out = tmp_path / "sweep"
    process = subprocess.Popen(
        [sys.executable, "-m", "numerics.sweep", *SMALL, "--workers", "2", "--out", str(out)],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        wait_until(lambda: list((out / PARTS).glob("*.json")) or process.poll() is not None)
        workers = [child for child in psutil.Process(process.pid).children() if "spawn_main" in " ".join(child.cmdline())]
        assert len(workers) == 2
        left = len(list((out / PARTS).glob("*.json")))
        workers[0].kill()
        assert left < 6
        _, said = process.communicate(timeout=120)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, said) == (3, "")
    assert table(out) == table(undisturbed)
    assert not any(worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE for worker in workers)


def wait_until(true, seconds=90):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextmanager
def started(*command, cwd=None, **environment):
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([sys.executable, "-m", *command], cwd=cwd, env={**os.environ, **environment}, **quiet)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory):
    """The address of a scheduler in a process of its own, which lets a task have but one worker"""
    said = tmp_path_factory.mktemp("scheduler") / "scheduler.json"
    limits = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0", "DASK_DISTRIBUTED__SCHEDULER__WORKER_SATURATION": "1.0"}
    with started("distributed.cli.dask_scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", str(said), **limits):
        wait_until(said.exists)
        wait_until(lambda: said.read_text().endswith("}"))
        yield json.loads(said.read_text())["address"]


DEADLY = """
import os, numerics.cluster as cluster, numerics.many as many
def deadly(task):
    if task.number == 2:
        os.kill(os.getpid(), 9)
    return many.compute(task)
cluster.compute = deadly
"""


@pytest.mark.slow
def test_a_task_that_kills_its_worker_on_a_cluster(tmp_path, undisturbed, scheduler):
    """It is named by its rows, all others are computed, and without it the sweep can be resumed."""
    out, preload = tmp_path / "sweep", tmp_path / "deadly.py"
    preload.write_text(DEADLY)
    with started("distributed.cli.dask_worker", scheduler, "--nthreads", "1", "--no-dashboard", "--preload", str(preload)):
        refused([*SMALL, "--scheduler", scheduler, "--out", out], "rows 8 to 11", "n = 3", "--resume")
    expected = table(undisturbed)
    assert table(out) == expected[:8] + expected[12:]
    assert swept("--resume", "--workers", 0, "--out", out).exit_code == 3
    assert table(out) == expected


def test_a_worker_without_this_package(tmp_path, scheduler):
    """What it finds under that name cannot be imported."""
    shadow = tmp_path / "path" / "numerics"
    shadow.mkdir(parents=True)
    (shadow / "__init__.py").write_text("raise ImportError")
    with started(
        "distributed.cli.dask_worker", scheduler, "--no-nanny", "--no-dashboard", cwd=shadow.parent, PYTHONPATH=str(shadow.parent)
    ):
        refused([*SMALL, "--scheduler", scheduler, "--out", tmp_path / "sweep"], "--scheduler", "cannot import this package")


def test_another_version_is_refused():
    assert "another version" in cluster.compute_as(tuple(task([{}])), "0" * 64)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense://x", "no-such-host.invalid:1"])
def test_no_scheduler(tmp_path, monkeypatch, address):
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 0.3)
    refused([*SMALL, "--scheduler", address, "--out", tmp_path / "sweep"], "--scheduler", address)


def test_slurm_as_the_docs_have_it():
    """The cluster of docs/clusters.md is made, with what it would give sbatch; no job is started."""
    jobqueue = pytest.importorskip("dask_jobqueue", reason="needs pip install dask-jobqueue")
    text = (Path(__file__).parents[2] / "docs" / "clusters.md").read_text()
    (made,) = re.findall(r"^cluster = (SLURMCluster\(.*?^\))", text, re.MULTILINE | re.DOTALL)
    with eval(made, {"SLURMCluster": jobqueue.SLURMCluster}) as slurm:
        script = slurm.job_script()
    assert "#SBATCH -t 02:00:00" in script
    assert "--nthreads 1" in script
    assert "--nworkers 16" in script
    assert "--lifetime 110m" in script
