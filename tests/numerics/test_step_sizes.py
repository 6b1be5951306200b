"""`python -m numerics.step_sizes`: theory's column is the known η, and a second call continues in the folder. Deterministic."""

import csv

import pytest
from click.testing import CliRunner

from numerics.step_sizes import SWEEPS, Point, main

TINY = ["--steps", "2", "--batch", "8", "--seeds", "2", "--dimension", "2", "--context", "5", "--noise", "1"]


def test_sweep(tmp_path):
    ended = CliRunner().invoke(main, [*TINY, "--out", str(tmp_path)])
    assert ended.exit_code == 0, ended.output
    rows = list(csv.DictReader((tmp_path / "step_sizes.csv").open()))
    assert [(row["varied"], row["value"]) for row in rows] == [(name, value) for name, values in SWEEPS.items() for value in values]
    for row in rows:
        at = {"context": 5, "dimension": 2, "noise": 1} | {row["varied"]: float(row["value"])}
        assert float(row["theory"]) == pytest.approx(1 / (at["context"] + at["dimension"] + 1 + at["noise"]), rel=1e-12)
    assert (tmp_path / "step_sizes.png").read_bytes().startswith(b"\x89PNG")
    before = (tmp_path / "step_sizes.csv").read_bytes()
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "cells").rglob("*")}
    assert CliRunner().invoke(main, [*TINY, "--out", str(tmp_path)]).exit_code == 0
    assert (tmp_path / "step_sizes.csv").read_bytes() == before
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "cells").rglob("*")} == made


def test_interval():
    """Student's t at 95 %: 1 ± 3.182 · √(2/3) / √4 for the values 0, 1, 1, 2."""
    point = Point("noise", "0", 1.0, (0.0, 1.0, 1.0, 2.0))
    assert (point.mean, point.half_width) == (1.0, pytest.approx(3.182 * (2 / 3) ** 0.5 / 2))


@pytest.mark.parametrize(("option", "value"), [("--response", "hermit"), ("--noise", "-1"), ("--seeds", "1"), ("--batch", "0")])
def test_bad_arguments(tmp_path, option, value):
    ended = CliRunner().invoke(main, [*TINY, option, value, "--out", str(tmp_path / "out")])
    assert ended.exit_code == 2
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"error: {option}") or option in line
    assert not list(tmp_path.glob("out/*.csv"))
