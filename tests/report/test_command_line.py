"""`python -m report`: what it writes, exit codes, one line for each error, and old pages left whole."""

import json
import os

import pytest
from click.testing import CliRunner

from numerics import train
from report import __main__ as command
from report.__main__ import main

TINY = ["--dimension", "2", "--context", "2", "--steps", "2", "--batch", "8"]


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def lines(done):
    assert isinstance(done.exception, SystemExit), done.exception
    return done.stderr.splitlines()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder as `python -m numerics.train` leaves it."""
    out = tmp_path_factory.mktemp("trained") / "run"
    assert CliRunner().invoke(train.main, [*TINY, "--out", str(out)]).exit_code == 3
    return out


def test_a_real_run(trained):
    before = sorted(os.listdir(trained))
    done = run(trained)
    assert done.exit_code == 0, done.stderr
    assert done.stdout.split() == [str(trained / "report.html")]
    page = (trained / "report.html").read_text()
    assert page.count("data:image/png") == len(list(trained.glob("*.png"))) >= 4
    result = json.loads((trained / "result.json").read_text())
    assert f"Verdict: {result['verdict']}" in page
    assert sorted(os.listdir(trained)) == sorted([*before, "report.html"])  # and nothing half written


def comparison(path, **result):
    path.mkdir()
    (path / "result.json").write_text(json.dumps({"verdict": "agrees", **result}))
    return path


def test_several_runs_of_which_one_is_none(tmp_path):
    first, second = comparison(tmp_path / "first"), comparison(tmp_path / "second")
    done = run(first, tmp_path / "nowhere", second)
    assert done.exit_code == 2
    (line,) = lines(done)
    assert line.startswith(f"error: {tmp_path / 'nowhere'}: is not there")
    assert (first / "report.html").exists()
    assert (second / "report.html").exists()


def test_out(tmp_path):
    target = tmp_path / "pages" / "one.html"
    assert run(comparison(tmp_path / "first"), "--out", target).exit_code == 0
    assert "Verdict: agrees" in target.read_text()
    assert not (tmp_path / "first" / "report.html").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [((), "RUN"), (("a", "b", "--out", "c.html"), "--out"), (("a", "--nonsense"), "--nonsense"), (("a",), "a: is not there")],
)
def test_bad_arguments(arguments, said):
    done = run(*arguments)
    assert done.exit_code == 2
    (line,) = lines(done)
    assert line.startswith("error: ")
    assert said in line


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("x")
    for target in (tmp_path, tmp_path / "file" / "page.html"):
        done = run(comparison(tmp_path / f"run{len(os.listdir(tmp_path))}"), "--out", target)
        assert done.exit_code == 2
        (line,) = lines(done)
        assert "--out" in line


def test_an_unfinished_run(tmp_path):
    path = tmp_path / "run"
    path.mkdir()
    (path / "config.json").write_text(json.dumps({"dimension": 2, "context": 3}))
    done = run(path)
    assert done.exit_code == 0
    assert "has not ended" in done.stdout
    assert "Verdict: unfinished" in (path / "report.html").read_text()


def test_half_of_a_surrogate_pair(tmp_path):
    path = comparison(tmp_path / "run", reason="\ud800", stationary_point=[1])
    assert run(path).exit_code == 0
    assert "Verdict: agrees" in (path / "report.html").read_text()


def test_a_name_that_is_no_text(tmp_path):
    path = tmp_path / os.fsdecode(b"run-\xff")
    assert run(comparison(path)).exit_code == 0
    (path / "result.json").write_text("[1]")
    done = run(path)
    assert done.exit_code == 2
    (line,) = lines(done)
    assert "holds no names with values" in line


@pytest.mark.parametrize("part", ["rendered", "replace"])
def test_a_failure_leaves_the_old_page(tmp_path, monkeypatch, part):
    path = comparison(tmp_path / "run")
    assert run(path).exit_code == 0
    before = (path / "report.html").read_bytes()
    (path / "result.json").write_text(json.dumps({"verdict": "contradicts"}))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*((command, "rendered", damaged) if part == "rendered" else (os, "replace", full)))
    done = run(path)
    assert done.exit_code == 2
    assert len(lines(done)) == 1
    assert (path / "report.html").read_bytes() == before
    assert sorted(os.listdir(path)) == ["report.html", "result.json"]


def damaged(_):
    raise command.ReportError("a file: is damaged.")
