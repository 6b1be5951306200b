"""The command that every question shares: its table, its files, and its exit code."""

from __future__ import annotations

import json
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from numerics.errors import ConfigError
from numerics.questions import INTERRUPTED
from numerics.questions.__main__ import NAMES, main
from numerics.questions.answer import Answer, Check, question

TRUE = Check("a mean", 1.0, 1.01, 0.01)


def asked(*checks, error=None):
    """The command whose answer has these checks."""

    @question("a question of tests")
    @click.option("--dimension", type=click.IntRange(min=1), default=3)
    @click.option("--noise", default="0")
    def of_tests(dimension, noise, prompts, seed):
        """A question of tests."""
        if error:
            raise error
        return Answer("isotropic", f"d = {dimension}, {prompts} prompts, seed {seed}", "Theory says so.", checks, b"PNG")

    return of_tests


def run(command, *arguments):
    return CliRunner().invoke(command, list(arguments))


def test_what_agrees_exits_with_0_and_writes_its_numbers_and_its_figure(tmp_path):
    result = run(asked(TRUE, Check("second route", 2.0, 2.0, 0.0)), "--out", str(tmp_path), "--dimension", "4", "--seed", "7")
    assert result.exit_code == 0
    assert "Theory says so." in result.output
    (written,) = tmp_path.glob("*.json")
    found = json.loads(written.read_text())
    assert found["setting"] == "d = 4, 65536 prompts, seed 7"
    assert found["agrees"]
    assert [check["agrees"] for check in found["checks"]] == [True, True]
    (figure,) = tmp_path.glob("*.png")
    assert figure.read_bytes() == b"PNG"


@pytest.mark.parametrize(
    "wrong",
    [Check("off by 1 %", 1.0, 1.01, 0.001), Check("second route", 1.0, 1.0 + 1e-6, 0.0), Check("nothing", 1.0, float("nan"), 0.1)],
    ids=lambda check: check.name,
)
def test_what_contradicts_exits_with_1(tmp_path, wrong):
    result = run(asked(TRUE, wrong), "--out", str(tmp_path))
    assert result.exit_code == 1
    assert "CONTRADICTS" in result.output


def test_an_error_is_one_line_and_exits_with_2(tmp_path):
    for result in (
        run(asked(error=ConfigError("--dimension: too large; give a smaller one.")), "--out", str(tmp_path)),
        run(asked(TRUE), "--dimension", "0"),
        run(asked(TRUE), "--seed", str(2**63)),
        run(asked(TRUE), "--noise", "-1"),
        run(asked(TRUE), "--noise", "loud"),
        run(main, "no-such-question"),
    ):
        assert result.exit_code == 2
        assert result.output.startswith("error: ")
        assert result.output.count("\n") == 1


def test_a_noise_that_is_none_is_said_to_be_the_noise():
    assert run(asked(TRUE), "--noise", "-1").output == "error: --noise: must not be negative, got -1; give 0 or more.\n"


WHILE_IMPORTING = """
import os, runpy, signal, sys

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Interrupt())
sys.argv = ["questions", "heads"]
runpy.run_module("numerics.questions", run_name="__main__")
"""


def test_an_interrupt_is_one_line_and_exits_with_130(tmp_path):
    result = run(asked(error=KeyboardInterrupt()), "--out", str(tmp_path))
    assert (result.exit_code, result.output) == (130, f"{INTERRUPTED}\n")
    found = subprocess.run([sys.executable, "-c", WHILE_IMPORTING], capture_output=True, text=True, timeout=60, check=False)
    assert (found.returncode, found.stdout, found.stderr) == (130, "", f"{INTERRUPTED}\n")


def test_the_list_of_questions_is_not_cut():
    result = run(main, "--help")
    assert result.exit_code == 0
    assert "…" not in result.output
    assert "..." not in result.output.partition("Commands:")[2]


def test_every_question_has_help_that_names_its_options():
    assert NAMES
    for name in NAMES:
        result = run(main, name, "--help")
        assert result.exit_code == 0
        assert all(word in result.output for word in ("--prompts", "--seed", "--out", "Exit code"))
