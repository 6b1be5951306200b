"""`python -m proofs`: what each command prints, and how it ends on bad input."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner
from common.checked import verdicts
from rich.cells import cell_len

import proofs.__main__ as command_line
from proofs.__main__ import main
from proofs.language import equal
from proofs.printing import folder
from proofs.theorems import LABELS, load
from proofs.verdict import judge
from theory.notation import d, n

QUICK = ("one-step-of-gradient-descent", "posterior")


def run(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)))


@pytest.fixture
def known_verdicts(monkeypatch):
    """Commands take the verdicts that this test process has found already."""
    found = {verdict.theorem.label: verdict for verdict in verdicts()}
    monkeypatch.setattr(command_line, "judged", lambda theorems: (found[theorem.label] for theorem in theorems))


@pytest.fixture
def a_false_theorem(monkeypatch):
    false = load("posterior").restate(claim=equal(n, d))
    monkeypatch.setattr(command_line, "load", lambda label: false if label == "posterior" else load(label))


@pytest.fixture
def a_conjecture(monkeypatch):
    bare = load("posterior")._replace(steps=())
    monkeypatch.setattr(command_line, "load", lambda label: bare if label == "posterior" else load(label))


def one_line(result, code=2):
    assert result.exit_code == code
    assert re.fullmatch(r"error: .*\n", result.stderr)
    assert "Traceback" not in result.output
    return result.stderr


# what works


@pytest.mark.parametrize("arguments", [["--help"], *([name, "--help"] for name in ("list", "check", "show", "latex", "pdf", "graph"))])
def test_help(arguments):
    result = run(*arguments)
    assert result.exit_code == 0
    assert "Usage:" in result.stdout


def test_without_a_command_the_commands_are_named():
    result = run()
    assert result.exit_code == 2
    assert "graph" in result.stdout


def test_list(known_verdicts):
    result = run("list")
    assert result.exit_code == 0
    for label in LABELS:
        assert re.search(rf"^{label} +fully checked$", result.stdout, re.MULTILINE)
    assert "σ² ≥ 0" in result.stdout
    assert "2307.03576" in result.stdout
    assert max(map(cell_len, result.stdout.splitlines())) <= 120


@pytest.mark.parametrize("command", [["list"], ["show", "posterior"]])
def test_a_narrow_terminal(known_verdicts, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "60")
    assert max(map(cell_len, run(*command).stdout.splitlines())) <= 60


def test_check(known_verdicts):
    result = run("check")
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == len(LABELS)
    assert result.stderr == ""


def test_check_one_prints_status_steps_and_seconds():
    result = run("check", "posterior")
    assert result.exit_code == 0
    assert re.fullmatch(rf"posterior +fully checked +{len(load('posterior').steps)} steps +\d+\.\d\d s\n", result.stdout)


def test_check_fails_if_one_is_refused(a_false_theorem):
    result = run("check", *QUICK)
    assert result.exit_code == 1
    assert re.search("^one-step-of-gradient-descent +fully checked", result.stdout, re.MULTILINE)
    assert re.search("^posterior +refused", result.stdout, re.MULTILINE)
    assert re.fullmatch("error: posterior: .*It fails at.*\n", result.stderr)


def test_check_fails_on_a_conjecture(a_conjecture):
    result = run("check", "posterior")
    assert result.exit_code == 1
    assert "conjectured" in result.stdout


@pytest.mark.parametrize("label", QUICK)
def test_show_has_the_whole_derivation(label):
    result = run("show", label)
    theorem = load(label)
    assert result.exit_code == 0
    for number, step in enumerate(theorem.steps, start=1):
        (at,) = re.findall(rf"^  {number}\. ", result.stdout, re.MULTILINE)
        assert at
        assert " ".join(step.note.split()[:3]) in result.stdout
        assert step.rule in result.stdout
    assert f"status: fully checked in {len(theorem.steps)} steps" in " ".join(result.stdout.split())
    assert max(map(cell_len, result.stdout.splitlines())) <= 120


def test_show_defines_what_it_names_and_says_what_it_cites():
    shown = " ".join(run("show", "one-step-of-gradient-descent").stdout.split())
    assert "ℓ(u) := ½ (yᵀ − uᵀ Xᵀ) (y − X u)" in shown
    assert "hᵀ W_V Zᵀ Z W_Kᵀ W_Q z_q = −η x_qᵀ P ∇ℓ(0)" in shown
    assert "The gradient of a quadratic polynomial is the linear part of its expansion. [magnus2019]" in shown
    assert "all real P of shape d×d" in shown


def test_show_a_refused_theorem(a_false_theorem):
    result = run("show", "posterior")
    assert "status: refused" in result.stdout
    assert one_line(result, code=1)


def test_latex_writes_a_folder_and_only_it(tmp_path):
    result = run("latex", *QUICK, "--out", tmp_path / "a" / "b")
    assert result.exit_code == 0
    assert {path.name for path in (tmp_path / "a" / "b").iterdir()} == {*(f"{label}.tex" for label in QUICK), "references.bib"}
    assert len(list(tmp_path.rglob("*"))) == 5
    assert result.stdout.splitlines() == [
        str(tmp_path / "a" / "b" / name) for name in (*(f"{label}.tex" for label in QUICK), "references.bib")
    ]


def test_latex_of_all_has_the_article(known_verdicts, tmp_path):
    assert run("latex", "--out", tmp_path).exit_code == 0
    assert {path.name for path in tmp_path.iterdir()} == {*(f"{label}.tex" for label in LABELS), "references.bib", "icl-theory.tex"}


def test_latex_of_a_refused_theorem_writes_nothing(a_false_theorem, tmp_path):
    assert "posterior is refused" in one_line(run("latex", "posterior", "--out", tmp_path / "out"), code=1)
    assert list(tmp_path.iterdir()) == []


def test_graph(known_verdicts, tmp_path):
    result = run("graph", "--out", tmp_path / "g.json")
    assert result.exit_code == 0
    assert {node["status"] for node in json.loads((tmp_path / "g.json").read_text())["nodes"]} == {"fully checked", "cited"}


# what does not


def test_an_unknown_label_suggests_the_nearest():
    for command in (["check"], ["show"], ["latex"], ["pdf"]):
        assert "did you mean isotropic?" in one_line(run(*command, "isotropc"))
    assert "did you mean isotropic?" in one_line(run("check", "posterior", "isotropc"))


@pytest.mark.parametrize(
    "arguments", [["nosuch"], ["check", "--nosuch"], ["show"], ["show", *QUICK], ["graph", "isotropic"], ["latex", "--out"]]
)
def test_bad_arguments(arguments):
    one_line(run(*arguments))


@pytest.mark.parametrize(
    "command",
    [
        "latex",
        pytest.param(
            "pdf", marks=pytest.mark.skipif(not shutil.which("latexmk"), reason="needs LaTeX: apt-get install latexmk texlive-latex-extra")
        ),
    ],
)
def test_out_is_a_file(tmp_path, command):
    file = tmp_path / "file"
    file.write_text("old")
    assert "--out" in one_line(run(command, "posterior", "--out", file))
    assert "--out" in one_line(run(command, "posterior", "--out", file / "below"))
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("out", ["/proc/nosuch/out", "/dev/null/out", "a" * 300])
def test_out_cannot_be_made(out):
    assert "--out" in one_line(run("latex", "posterior", "--out", out))
    assert "--out" in one_line(run("graph", "--out", f"{out}.svg"))


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_out_is_not_writable(tmp_path):
    tmp_path.chmod(0o500)
    assert "not writable" in one_line(run("latex", "posterior", "--out", tmp_path / "out"))


@pytest.mark.parametrize("name", ["g.bmp", "g", "g.svg.txt"])
def test_a_graph_of_an_unknown_kind(tmp_path, name):
    assert ".svg, .png, .pdf, .dot, .json" in one_line(run("graph", "--out", tmp_path / name))
    assert list(tmp_path.iterdir()) == []


def test_a_graph_onto_a_folder(known_verdicts, tmp_path):
    (tmp_path / "g.svg").mkdir()
    assert "is a folder" in one_line(run("graph", "--out", tmp_path / "g.svg"))


def test_without_latex_the_packages_are_named_and_nothing_is_written(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", "")
    assert "apt-get install latexmk texlive-latex-extra" in one_line(run("pdf", "posterior", "--out", tmp_path / "out"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("failing", ["replace", "mkdir"])
def test_a_disk_that_fails_leaves_no_scraps(monkeypatch, tmp_path, failing):
    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder.os, "replace", fail) if failing == "replace" else monkeypatch.setattr(folder.tempfile, "mkdtemp", fail)
    assert "No space left on device" in one_line(run("latex", "posterior", "--out", tmp_path / "a" / "out"))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert not any(path.name.startswith(".") for path in tmp_path.rglob("*"))


def process(*arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "proofs", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def test_a_reader_that_goes_away():
    running = process("show", "posterior")
    running.stdout.close()
    assert running.stderr.read() == ""
    assert running.wait(timeout=60) != 0


def test_an_encoding_without_greek():
    """What cannot be written is escaped."""
    running = process("show", "posterior", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    shown, errors = running.communicate(timeout=60)
    assert (running.returncode, errors) == (0, "")
    assert r"\u03c3\xb2" in shown


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("label", ["posterior", "in-context-loss"])  # long and short: what is left is written at exit
def test_a_full_disk(label):
    with open("/dev/full", "w") as full:
        running = subprocess.run([sys.executable, "-m", "proofs", "show", label], stdout=full, stderr=subprocess.PIPE, text=True)
    assert running.returncode == 2
    assert re.fullmatch("error: .*No space left.*\n", running.stderr)


def test_an_interruption_is_quiet(tmp_path):
    listening = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}  # the tests may run where it is ignored
    running = process("latex", "--out", str(tmp_path / "out"), **listening)
    time.sleep(3)
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=60)
    assert "Traceback" not in errors
    assert running.returncode in (130, 0)  # 0 on a machine that is done in 3 s
    assert running.returncode == 0 or list(tmp_path.iterdir()) == []


def test_a_verdict_is_what_check_says():
    assert judge(load("posterior")).certificate.status == "fully checked"


def test_one_setting_as_latex(tmp_path, known_verdicts):
    done = run("setting", "--covariates", "student-t:degrees=7", "--response", "relu:random_sign=off", "--tex", "--out", str(tmp_path))
    assert done.exit_code == 0, done.output
    page = (tmp_path / "setting.tex").read_text()
    assert "StudentT (covariance" in page
    assert "there is no sign symmetry" in page
    assert r"\texttt{nonlinear-responses}" in page


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--covariates", "spher"), "did you mean sphere"),
        (("--response", "monomial", "--covariates", "student-t"), "does not exist with 9 degrees of freedom"),
        (("--noise", "-1"), "noise_variance must be ≥ 0"),
        (("--dimension", "0"), "0 is not in the range"),
    ],
)
def test_a_setting_that_is_none(options, words):
    assert words in one_line(run("setting", *options, "--tex"))
