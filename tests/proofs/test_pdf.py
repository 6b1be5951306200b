"""Compiled documents, and what their logs must not hold."""

import os
import re
import shutil
import subprocess

import pytest
from click.testing import CliRunner
from common.checked import verdict, verdicts
from sympy.core.relational import Relational

import proofs.__main__ as command_line
from proofs.errors import TypesettingError
from proofs.language import nodes
from proofs.latex import LatexScript, ems, inline
from proofs.printing.documents import documents
from proofs.printing.formula import Writer
from proofs.printing.lines import width
from proofs.printing.names import Names
from proofs.printing.pdf import compiled, complaints
from proofs.theorems import LABELS, load

needs_latex = pytest.mark.skipif(
    not (shutil.which("latexmk") and shutil.which("pdflatex")), reason="needs LaTeX: apt-get install latexmk texlive-latex-extra"
)

SMALL = r"\documentclass{article}\begin{document}\section{One}\label{sec:one}" + "\n%s\n" + r"\end{document}"


@needs_latex
def test_every_document_compiles_with_a_clean_log(monkeypatch, tmp_path):
    monkeypatch.setattr(command_line, "judged", lambda theorems: (v for v in verdicts() if v.theorem in theorems))
    result = CliRunner().invoke(command_line.main, ["pdf", "--out", str(tmp_path / "new" / "pdf")])
    assert result.exit_code == 0, result.stderr
    assert {path.name for path in (tmp_path / "new" / "pdf").iterdir()} == {"icl-theory.pdf", *(f"{label}.pdf" for label in LABELS)}
    assert all(path.read_bytes().startswith(b"%PDF") for path in (tmp_path / "new" / "pdf").iterdir())


@needs_latex
def test_the_same_document_gives_the_same_bytes():
    sources = {"small.tex": SMALL % r"\pdftrailerid{}Text."}
    assert compiled(sources) == compiled(sources)


@needs_latex
@pytest.mark.parametrize(
    ("body", "said"),
    [
        (r"\[ " + "a + " * 60 + r"b \]", r"sticks out of the page: Overfull .*\[sec:one, line"),
        (r"See \ref{sec:none}.", r"Reference `sec:none'.*undefined"),
        (r"See \cite{nobody}.", r"Citation `nobody'.*undefined"),
        (r"\label{sec:one}", r"Label `sec:one' multiply defined"),
        (r"\symbol{200}", r"a glyph is missing: Missing character"),
        ("漢", r"Unicode character"),
        (r"$x", r"small.tex: ! .*\[sec:one, line"),
        (r"\nosuchcommand", r"Undefined control sequence"),
        (r"\end{document", r"small.tex: "),
    ],
    ids=["overlong", "reference", "citation", "label", "glyph", "unicode", "error", "command", "end"],
)
def test_a_flaw_is_named_with_its_place(body, said):
    with pytest.raises(TypesettingError, match=said) as error:
        compiled({"small.tex": SMALL % body})
    assert "\n" not in str(error.value)


@needs_latex
def test_a_tool_that_fails_is_named_and_not_what_follows_from_it(monkeypatch, tmp_path):
    (tmp_path / "bibtex").write_text("#!/bin/sh\nexit 3\n")
    (tmp_path / "bibtex").chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(TypesettingError, match=r"small.tex: latexmk failed: .*bibtex"):
        compiled({"small.tex": SMALL % r"\cite{x}\bibliographystyle{plain}\bibliography{r}", "r.bib": "@misc{x, title={X}}"})


@needs_latex
def test_a_missing_package_names_what_to_install():
    with pytest.raises(TypesettingError, match=r"nosuch.sty.*apt-get install latexmk texlive-latex-extra"):
        compiled({"small.tex": r"\documentclass{article}\usepackage{nosuch}\begin{document}x\end{document}"})


@needs_latex
@pytest.mark.parametrize("before", [None, "old"])
def test_a_failure_leaves_nothing_half_written(monkeypatch, tmp_path, before):
    """A good document beside a bad one: neither is written, and what was there stays."""
    out = tmp_path / "out"
    if before:
        out.mkdir()
        (out / "a.pdf").write_text(before)
    monkeypatch.setattr(command_line, "documents", lambda *_, **__: {"a.tex": SMALL % "Good.", "b.tex": SMALL % r"\nosuchcommand"})
    result = CliRunner().invoke(command_line.main, ["pdf", "one-step-loss", "--out", str(out)])
    assert result.exit_code == 2
    assert re.fullmatch(r"error: b\.tex: .*Undefined control sequence.*\n", result.stderr)
    assert [path.name for path in tmp_path.rglob("*")] == (["out", "a.pdf"] if before else [])
    if before:
        assert (out / "a.pdf").read_text() == before


def test_a_log_line_by_line():
    log = "\n".join(
        [
            r"Overfull \hbox (4.99pt too wide) in paragraph at lines 1--2",
            r"Overfull \hbox (5.01pt too wide) detected at line 7",
            r"Underfull \hbox (badness 10000) in paragraph at lines 1--2",
            "LaTeX Warning: Reference `x' on page 1 undefined on input line 9.",
            "LaTeX Warning: Reference `x' on page 1 undefined on input line 9.",
            "Missing character: There is no ^^c8 in font cmr10!",
        ]
    )
    assert [re.sub(r"[^a-zA-Z0-9. ]", "", said)[:40] for said in complaints(log)] == [
        "a line sticks out of the page Overfull h",
        "LaTeX Warning Reference x on page 1 unde",
        "a glyph is missing Missing character The",
    ]


@needs_latex
def test_estimated_widths_are_those_that_tex_measures(tmp_path):
    """Never less than 2 % below, so that lines fit; and seldom much above, so that they are filled."""
    formulas = {}
    for label in LABELS:
        theorem = load(label)
        writer = Writer(LatexScript(), Names(theorem))
        for node in (node for step in theorem.steps for node in nodes(step.conclusion) if isinstance(node, Relational)):
            form = writer.form(node)
            formulas[inline(form)] = width(form.pieces)
    lines = [rf"\setbox0\hbox{{$\displaystyle {tex}$}}\typeout{{WIDTH \the\wd0}}" for tex in formulas]
    preamble = r"\documentclass[11pt]{article}\usepackage{amsmath,amssymb,mathtools}\begin{document}"
    (tmp_path / "w.tex").write_text("\n".join([preamble, *lines, r"\end{document}"]))
    subprocess.run(["pdflatex", "-interaction=batchmode", "w.tex"], cwd=tmp_path, check=True, capture_output=True)
    measured = [float(points) / 10.95 for points in re.findall(r"WIDTH ([\d.]+)pt", (tmp_path / "w.log").read_text())]
    assert len(measured) == len(formulas) > 100
    ratios = sorted(estimate / true for estimate, true in zip(formulas.values(), measured, strict=True))
    assert ratios[0] > 0.98
    assert ratios[len(ratios) // 2] < 1.15
    assert ratios[-1] < 1.4
    assert ems("x") > 0


@needs_latex
def test_a_conjecture_compiles():
    sources = documents([verdict("posterior")._replace(theorem=load("posterior")._replace(steps=()), certificate=None)], article=False)
    assert set(compiled(sources)) == {"posterior.pdf"}
