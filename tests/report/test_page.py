"""The page of a run folder: what is on it, that it stands alone, and that it keeps standing whatever the files hold."""

import base64
import io
import json
import re
import shutil
import subprocess
from html import escape, unescape
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from matplotlib.image import imread, imsave
from numpy import zeros
from sympy import Rational

import numerics
import report
from numerics import capacity, compare, finite_tasks, landscape, step_sizes, sweep
from numerics import run as run_module
from numerics.deep_config import CONFIGS
from proofs.theorems import load
from proofs.verdict import judge
from report import derivation, page
from report import folder as report_folder
from report import theory as theory_section
from report.derivation import Derivation
from report.errors import ReportError
from report.folder import KINDS, LARGEST_DIMENSION, ROWS, read
from report.theory import section, theorems
from theory import global_minimiser, stationary_points
from theory.errors import UnknownMoment

CONFIG = {"dimension": 2, "context": 6, "noise": "1/4", "covariates": "isotropic", "response": "isotropic", "seed": 3}
RESULT = {
    "verdict": "agrees",
    "reason": "the trained weights are at the global minimum",
    "stationary_point": "global minimum",
    "stationary_kind": "global minimum",
    "loss_theory": 0.8173,
    "loss_trained": 0.81734,
    "relative_excess": 2.5e-05,
    "loss_sampled": 0.8151,
    "loss_sampled_standard_error": 0.0021,
    "steps": 4000,
    "device": "cpu",
    "torch": "2.9",
    "unheard": {"of": [1, 2.5, None], "too": True},
}
TABLES = [
    {
        "title": "Distances",
        "status": "measured",
        "note": "of predictions",
        "columns": ["to", "distance"],
        "rows": [["ridge", 0.125], ["one step", None]],
    },
    {"title": "Risks", "status": "theory", "note": "", "columns": ["n", "risk"], "rows": [[1, 2.5], [2, 1.25]]},
]
METRICS = "step,loss,relative_excess\n" + "".join(f"{step},{1 + 1 / step},{1 / step}\n" for step in range(1, 101))


def png(size=4):
    buffer = io.BytesIO()
    imsave(buffer, zeros((size, size, 3)))
    return buffer.getvalue()


def folder(path, *, config=CONFIG, result=RESULT, tables=TABLES, figures=("loss", "step", "odd-name"), metrics=METRICS):
    """A run folder with these files; None leaves one out."""
    path.mkdir(parents=True, exist_ok=True)
    for name, content in (("config.json", config), ("result.json", result), ("comparison.json", tables)):
        if content is not None:
            (path / name).write_text(json.dumps(content))
    if metrics is not None:
        (path / "metrics.csv").write_text(metrics)
    for name in figures:
        (path / f"{name}.png").write_bytes(png())
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return folder(tmp_path_factory.mktemp("runs") / "whole")


@pytest.fixture(scope="module")
def whole(run):
    return report.render(run)


# a page that stands alone

VOID = {"meta", "link", "img", "br", "hr"}


class Checker(HTMLParser):
    """Complaints about what would be loaded, run or badly nested."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.complaints, self.open, self.ids, self.targets, self.words = [], [], set(), set(), []

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name in ("src", "href", "data", "action", "poster", "srcset", "background", "formaction", "xlink:href"):
                if value.startswith("#"):
                    self.targets.add(value[1:])
                elif not value.startswith("data:"):
                    self.complaints.append(f"{tag} loads {value}")
            if name.startswith("on"):
                self.complaints.append(f"{tag} runs {value}")
            if name == "id":
                self.complaints += [f"two things are called {value}"] * (value in self.ids)
                self.ids.add(value)
        if tag in ("script", "iframe", "object", "embed", "base", "form"):
            self.complaints.append(f"there is a {tag}")
        if tag == "img" and not dict(attrs).get("alt"):
            self.complaints.append("a picture without words")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.complaints.append(f"{tag} is closed where it is not open")

    def handle_data(self, data):
        if self.open and self.open[-1] == "style" and re.search(r"url\(|@import|expression\(", data):
            self.complaints.append("the style loads something")
        self.words.append(data)


def checked(html):
    checker = Checker()
    checker.feed(html)
    checker.close()
    checker.complaints += [f"{tag} is not closed" for tag in checker.open]
    checker.complaints += [f"no {target} to go to" for target in checker.targets - checker.ids]
    for math in re.findall(r"<math.*?</math>", html, re.DOTALL):
        try:
            ElementTree.fromstring(math)
        except ElementTree.ParseError as error:
            checker.complaints.append(f"{math[:60]}: {error}")
    return checker


def words(html):
    return " ".join(" ".join(checked(html).words).split())


@pytest.mark.parametrize(
    "bad",
    [
        '<img src="https://example.org/a.png" alt="a">',
        '<link rel="stylesheet" href="style.css">',
        "<script>1</script>",
        '<a href="#nowhere">x</a>',
        '<p onclick="x()">x</p>',
        "<style>p { background: url(a.png) }</style>",
        "<p><b>x</p>",
        "<p>",
        '<img src="data:,">',
        '<p id="a"></p><p id="a"></p>',
        "<math><mrow></math>",
    ],
)
def test_the_checker_finds(bad):
    assert checked(bad).complaints


def test_a_page_stands_alone(run, whole):
    assert checked(whole).complaints == []
    assert whole.startswith("<!DOCTYPE html>")
    assert "default-src 'none'" in whole  # and the browser holds it to that
    assert report.render(run) == whole


def test_what_is_on_the_page(whole):
    text = words(whole)
    for said in (
        "Verdict: agrees",
        "The trained weights are at the global minimum.",
        "0.8173",
        "0.8151 ± 0.0021 (1 standard error)",
        "theory-backed",
        "measured only",
        "ridge 0.125",
        "one step –",
        "unheard.of 1, 2.5, –",
        "unheard.too yes",
        "this run ended here",
        "python -m numerics.train --dimension 2 --context 6 --seed 3",
        "of the 100 rows of metrics.csv",
        "fully checked",
        "The excess is 1 at step 1 and 0.01 at step 100.",
    ):
        assert said in text, said
    headings = re.findall(r'<h2 id="(\w+)">', whole)
    assert headings == ["numbers", "setting", "theory", "derivation", "curves", "comparison", "known", "environment"]


def test_the_figures_are_the_files_in_order(whole):
    sources = re.findall(r'<img src="data:image/png;base64,([^"]*)"', whole)
    assert len(sources) == 3
    assert {base64.b64decode(source) for source in sources} == {png()}
    assert imread(io.BytesIO(base64.b64decode(sources[0]))).shape[:2] == (4, 4)
    assert re.findall(r"\((\S+\.png)\)", words(whole)) == ["loss.png", "step.png", "odd-name.png"]


def test_the_derivation_is_all_there(whole):
    theorem = load("general-gaussian")
    block = whole.partition('<section class="theorem" id="general-gaussian">')[2].partition("</section>")[0]
    assert [int(i) for i in re.findall(r'<li id="general-gaussian-(\d+)">', block)] == list(range(1, len(theorem.steps) + 1))
    for i, step in enumerate(theorem.steps, start=1):
        own = block.partition(f'<li id="general-gaussian-{i}">')[2].partition("<li id=")[0]
        used = {str(j) for j, other in enumerate(theorem.steps, start=1) if any(other is premise for premise in step.premises)}
        assert used <= set(re.findall(r'href="#general-gaussian-(\d+)"', own))
    used = derivation.verdicts(("general-gaussian",))[-1].certificate.theorems
    assert all(f'<section class="theorem" id="{label}">' in whole for label in used)  # with their own derivations


def plain(markup):
    """The letters and numbers of a formula, fractions as a/b."""
    return unescape(re.sub("<[^>]*>", "", re.sub(r"(<mfrac[^>]*>)<mn>(\d+)</mn><mn>(\d+)</mn>", r"\2/\3", markup)))


def test_the_step_and_the_minimum_are_those_of_theory(tmp_path):
    run = read(folder(tmp_path / "run"))
    said, here = section(run.config.setting, run), global_minimiser(run.config.setting)
    assert plain(said["step"]) == f"B⋆={Rational(here.step[0, 0])} ⋅ I2"
    assert plain(said["least"]).endswith(f"={here.loss}")
    assert [family["name"] for family in said["stationary"]] == [family.name for family in stationary_points(run.config.setting)]
    assert [family["here"] for family in said["stationary"]] == [True] + [False] * (len(said["stationary"]) - 1)


@pytest.mark.parametrize(
    ("changes", "labels"),
    [
        ({}, ("general-gaussian",)),
        ({"covariates": "2,1", "response": "inverse"}, ("general-gaussian",)),
        ({"covariates": "sphere"}, None),
        ({"response": "relu"}, None),
        ({"model": "transformer"}, ("ridge-is-bayes-optimal",)),
        ({"model": "linear"}, ("ridge-is-bayes-optimal",)),
    ],
)
def test_which_theorems_and_what_of_the_setting(tmp_path, changes, labels):
    run = read(folder(tmp_path / "run", config=CONFIG | changes))
    found = theorems(run.config.setting, run.model)
    assert found == labels if labels else "nonlinear-responses" in found
    said = section(run.config.setting, run)
    assert said["unknown"] == ""
    assert bool(said["bayes"]) == (run.model != "layer")
    assert bool(said["excess"]) == (changes.get("covariates") == "sphere")
    assert bool(said["unlisted"]) == ("," in changes.get("covariates", "") and changes.get("response") != "inverse")


def test_every_kind_of_config_is_known_here():
    assert set(CONFIGS) == {"layer", "transformer", "linear", "softmax"}  # a new one needs a look at its page


def test_a_run_of_several_layers(tmp_path):
    result = {**RESULT, "stationary_point": None, "verdict": "not converged"}
    html = report.render(folder(tmp_path / "deep", config={**CONFIG, "model": "transformer", "width": 8, "heads": 2}, result=result))
    text = words(html)
    assert checked(html).complaints == []
    assert "Bayes risk, mean over the context lengths 0.8173" in text
    assert "ridge-is-bayes-optimal" in text
    assert "--model transformer" in text
    assert "No predictor has a smaller mean squared error than ridge" in text


def test_the_status_is_what_the_kernel_says(tmp_path, monkeypatch):
    theorem = load("general-gaussian")
    false = theorem.restate(claim=theorem.claim.args[0])
    monkeypatch.setattr(page, "verdicts", lambda labels: (judge(false),))
    html = report.render(folder(tmp_path / "run"))
    assert "refused" in words(html)
    assert "fully checked" not in words(html)
    block = Derivation(judge(false._replace(steps=())), ()).block()
    assert (block["status"], block["certificate"]) == ("conjectured", [])


def test_used_theorems_come_first_and_once():
    labels = [verdict.theorem.label for verdict in derivation.verdicts(("ridge-is-bayes-optimal",))]
    assert labels == ["posterior", "ridge-is-bayes-optimal"]


# folders that hold less, or worse


@pytest.mark.parametrize(
    ("missing", "gone", "kept"),
    [
        ({"result": None}, ["numbers"], ["setting", "theory", "curves"]),
        ({"config": None}, ["setting", "theory", "derivation"], ["numbers", "comparison", "environment"]),
        ({"tables": None, "figures": (), "metrics": None}, ["comparison", "curves"], ["numbers", "theory"]),
        ({"config": None, "result": None, "figures": (), "metrics": None}, ["numbers", "theory", "curves"], ["comparison", "known"]),
        ({"metrics": "step,loss\n1\n"}, [], ["curves"]),
    ],
)
def test_sections_without_data_are_left_out(tmp_path, monkeypatch, missing, gone, kept):
    monkeypatch.setattr(page, "verdicts", lambda labels: (judge(load("one-step-of-gradient-descent")),) if labels else ())
    html = report.render(folder(tmp_path / "run", **missing))
    checker = checked(html)
    assert checker.complaints == []
    assert not set(gone) & checker.ids
    assert set(kept) <= checker.ids
    if missing.get("result", 1) is None and "config" not in missing:
        assert "Verdict: unfinished" in words(html)
        assert "--resume --out" in words(html)


def test_a_comparison_in_a_folder_inside(tmp_path):
    folder(tmp_path / "run" / "comparison", config=None, result={"verdict": "contradicts", "reason": "it is off"}, metrics=None)
    html = report.render(folder(tmp_path / "run", config=None, tables=None, figures=(), metrics=None))
    assert checked(html).complaints == []
    text = words(html)
    assert "Verdict: agrees" in text
    assert "Verdict: contradicts" in text
    assert html.count("data:image/png") == 3


HOSTILE = '</title></style></td><script>alert("x")</script>&amp;\'"><img src=x onerror=y> `x` {{ 7 * 7 }} \u2028'


def test_everything_from_files_is_escaped(tmp_path, monkeypatch):
    monkeypatch.setattr(page, "verdicts", lambda labels: ())
    name = HOSTILE.replace("/", "∕")
    tables = [{"title": HOSTILE, "status": HOSTILE, "note": HOSTILE, "columns": [HOSTILE], "rows": [[HOSTILE], [{HOSTILE: [HOSTILE]}]]}]
    result = {
        "verdict": HOSTILE,
        "reason": HOSTILE,
        HOSTILE: HOSTILE,
        "nested": {HOSTILE: [HOSTILE]},
        "device": HOSTILE,
        "seconds": HOSTILE,
    }
    metrics = f"step,{escape(HOSTILE).replace(',', '')}<b>\n" + "<i>,<script>\n" * 3
    html = report.render(folder(tmp_path / name, result=result, tables=tables, figures=(name,), metrics=metrics))
    assert checked(html).complaints == []
    assert words(html).count('<script>alert("x")</script>') >= 10
    assert "{{ 7 * 7 }}" in words(html)


def test_the_checker_finds_what_is_not_escaped(tmp_path, monkeypatch):
    monkeypatch.setattr(page, "verdicts", lambda labels: ())
    path = folder(tmp_path / "run", result={**RESULT, "reason": HOSTILE})
    assert checked(report.render(path)).complaints == []
    bare = page.environment().overlay(autoescape=False)
    monkeypatch.setattr(page, "environment", lambda: bare)
    assert checked(report.render(path)).complaints


def test_a_setting_without_exact_values(tmp_path, monkeypatch):
    def unknown(*_):
        raise UnknownMoment("E f² has <no> exact value here.")

    monkeypatch.setattr(theory_section, "described", unknown)
    monkeypatch.setattr(page, "verdicts", lambda labels: ())
    html = report.render(folder(tmp_path / "run"))
    assert checked(html).complaints == []
    assert "Theory has no exact values for this setting: E f² has <no> exact value here." in words(html)


DAMAGE = {
    "config cut": ("config.json", '{"dimension": 2,', "is not JSON"),
    "config binary": ("config.json", b"\xff\x00", "is not JSON"),
    "config a list": ("config.json", "[1]", "no names"),
    "config of no setting": ("config.json", json.dumps(CONFIG | {"noise": "-1"}), "noise"),
    "config of another version": ("config.json", json.dumps(CONFIG | {"unheard": 1}), "unheard"),
    "config of another model": ("config.json", json.dumps(CONFIG | {"model": "rnn"}), "model"),
    "result cut": ("result.json", '{"verdict"', "is not JSON"),
    "result a number": ("result.json", "3", "no names"),
    "result too deep": ("result.json", "[" * 100_000, "is not JSON"),
    "tables a record": ("comparison.json", '{"a": 1}', "no list of tables"),
    "tables ragged": ("comparison.json", json.dumps([TABLES[0] | {"rows": [[1, 2], [1]]}]), "no list of tables"),
    "tables without columns": ("comparison.json", '[{"title": "x", "rows": []}]', "no list of tables"),
    "metrics binary": ("metrics.csv", b"\xff\xfe", "no table"),
    "config of a model that is a list": ("config.json", json.dumps(CONFIG | {"model": []}), "model"),
    "config of a dimension that is none": ("config.json", json.dumps(CONFIG | {"dimension": [10**12]}), "dimension"),
    "config of a dimension that is not a number": ("config.json", '{"dimension": NaN}', "dimension"),
    "result nested": ("result.json", '{"a": ' + "[" * 400 + "]" * 400 + "}", "nested more than"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_file_is_named_in_one_line(tmp_path, kind):
    name, content, said = DAMAGE[kind]
    path = folder(tmp_path / "run")
    (path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(ReportError) as error:
        report.render(path)
    message = str(error.value)
    assert message.startswith(str(path / name))
    assert said in message
    assert "\n" not in message


@pytest.mark.parametrize("dimension", [33, 100_000, 10**12, 10**400, "1000000000000", 1e12])
def test_a_dimension_beyond_the_page_is_left_out_before_it_is_built(tmp_path, monkeypatch, dimension):
    def built(*_):
        raise MemoryError

    monkeypatch.setattr(report_folder, "build_config", built)
    html = report.render(folder(tmp_path / "run", config=CONFIG | {"dimension": dimension}))
    checker = checked(html)
    assert checker.complaints == []
    assert "Setting and theory are left out: d = " in words(html)
    assert {"theory", "numbers", "curves", "environment"} <= checker.ids
    assert "d, dimension of a covariate" in words(html)  # the options keep their meanings


def test_the_largest_dimension_is_built(tmp_path):
    run = read(folder(tmp_path / "run", config=CONFIG | {"dimension": LARGEST_DIMENSION}))
    assert (run.config.dimension, run.left_out) == (LARGEST_DIMENSION, "")


def test_a_context_beyond_the_page_has_no_bayes_risk(tmp_path):
    run = read(folder(tmp_path / "run", config=CONFIG | {"model": "linear", "context": 10**12}))
    assert "Left out: n is more than the 10000" in section(run.config.setting, run)["bayes"]


@pytest.mark.parametrize("odd", [[1], {"a": 1}, 3, True, 10**300, "\ud800", None])
def test_odd_values_in_a_result_are_shown(tmp_path, monkeypatch, odd):
    monkeypatch.setattr(page, "verdicts", lambda labels: ())
    names = (
        "stationary_point",
        "stationary_kind",
        "verdict",
        "reason",
        "loss_sampled",
        "loss_sampled_standard_error",
        "device",
        "families",
    )
    html = report.render(folder(tmp_path / "run", result=RESULT | dict.fromkeys(names, odd), tables=[TABLES[0] | {"title": "\udfff"}]))
    assert checked(html).complaints == []
    html.encode()  # halves of surrogate pairs are gone
    assert "this run ended here" not in html


@pytest.mark.parametrize(
    ("verdict", "kind"), [("ridge", "good"), ("another step", "fair"), ("none of these", "fair"), ("measured only", "open")]
)
def test_what_verdicts_mean(tmp_path, monkeypatch, verdict, kind):
    monkeypatch.setattr(page, "verdicts", lambda labels: ())
    html = report.render(folder(tmp_path / "run", result=RESULT | {"verdict": verdict}))
    assert f'<div class="verdict {kind}">' in html
    _, _, means = page.VERDICTS[verdict]
    assert means[1:] in words(html)


def test_every_verdict_of_the_commands_has_a_meaning():
    modules = (run_module, compare, landscape, finite_tasks)
    assert {word for module in modules for word in module.EXIT_CODES} <= set(page.VERDICTS)


def test_every_figure_that_commands_draw_has_words_of_its_own():
    drawn = set()
    for file in Path(numerics.__file__).parent.glob("*.py"):
        patterns = [r'write\("(\w+)\.png"'] + [r'"(\w+)": _\w+\(', r'\["(\w+)"\] = _\w+\('] * file.stem.endswith("figures")
        drawn |= {name for pattern in patterns for name in re.findall(pattern, file.read_text())}
    assert drawn >= {"loss", "training", "targets", "interpolation", "ends", "levels", "phase", "capacity", "step_sizes", "finite_tasks"}
    assert drawn <= set(page.FIGURES)


def test_where_there_is_no_run(tmp_path):
    (tmp_path / "file").write_text("x")
    for path, said in ((tmp_path, "holds no run"), (tmp_path / "nowhere", "is not there"), (tmp_path / "file", "is no folder")):
        with pytest.raises(ReportError, match=said):
            report.render(path)


def test_a_picture_that_is_none_is_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(page, "verdicts", lambda labels: ())
    path = folder(tmp_path / "run", figures=("loss",))
    (path / "torn.png").write_bytes(b"\x89PN")
    assert report.render(path).count("data:image/png") == 1


def test_a_run_on_a_gpu_is_read_where_there_is_none(tmp_path):
    assert read(folder(tmp_path / "run", config=CONFIG | {"device": "cuda"})).values["device"] == "cuda"


# folders of studies: sweeps, capacity studies, landscapes, phase diagrams, step sizes, finite tasks

CSV = {"Landscape": "landscape.csv", "Phase diagram": "phase.csv", "Step sizes": "step_sizes.csv", "Finite tasks": "finite_tasks.csv"}
SWEEP = {"dimension": [2], "context": [3, 9], "noise": ["1/4"], "seed": 0, "seeds": 3, "device": "cpu", "rows": None}


def rows(count, **columns):
    return {"row": list(range(count)), "dimension": [2] * count, **columns}


def swept(path, verdicts, *, ended=True):
    path.mkdir()
    (path / "sweep.json").write_text(json.dumps(SWEEP))
    pq.write_table(pa.table(rows(len(verdicts), verdict=verdicts, loss=[None] + [0.5] * (len(verdicts) - 1))), path / "results.parquet")
    if ended:
        (path / "ends.png").write_bytes(png())
    return path


def page_of(path):
    html = report.render(path)
    assert checked(html).complaints == []
    return html, words(html)


def test_a_sweep(tmp_path):
    html, text = page_of(swept(tmp_path / "sweep", ["agrees"] * 59 + ["not converged"]))
    assert "<h1>Sweep <code>" in html
    assert "Verdict: not converged The worst of 60 models: agrees 59, not converged 1." in text
    assert f"The first {ROWS} of 60 rows" in text
    assert "In all of these rows: dimension 2; verdict agrees." in text
    assert html.count("<tr><td class=number>") == ROWS
    assert "context 3, 9 n, examples in a prompt" in text
    assert "Where training ended (ends.png)" in text


def test_a_sweep_is_as_good_as_its_worst_model(tmp_path):
    verdicts = ["not converged", "contradicts", "other stationary point", "agrees"]
    assert "Verdict: contradicts" in page_of(swept(tmp_path / "all", verdicts))[1]
    assert "Verdict: other stationary point" in page_of(swept(tmp_path / "good", verdicts[2:]))[1]


def test_a_run_with_the_table_of_a_study_is_a_run(tmp_path):
    path = folder(tmp_path / "run", config=CONFIG | {"dimension": 10**12})
    (path / "landscape.csv").write_text("start\n1\n")
    html, text = page_of(path)
    assert "<h1>Run <code>" in html
    assert "landscape.csv : 1 row" in text


def test_a_sweep_that_was_killed(tmp_path):
    path = swept(tmp_path / "a sweep", ["agrees"], ended=False)
    assert f"python -m numerics.sweep --resume --out '{path}' continues it" in page_of(path)[1]
    (path / "results.parquet").unlink()
    assert "Verdict: unfinished" in page_of(path)[1]


def test_a_capacity_study(tmp_path):
    plan = [{"model": "transformer", "depth": depth, "width": 8, "dimension": 10**12} for depth in (1, 2)]
    (tmp_path / "study.json").write_text(json.dumps(plan))
    text = page_of(tmp_path)[1]
    assert "Verdict: unfinished" in text
    assert "depth 1, 2 layers" in text
    (tmp_path / "result.json").write_text(json.dumps({"verdict": "measured only", "reason": "it is nearer"}))
    text = page_of(tmp_path)[1]
    assert "Verdict: measured only It is nearer. No theorem speaks of this model" in text
    assert "left out" not in text  # of no single setting


@pytest.mark.parametrize("name", CSV)
def test_a_table_is_known_by_its_name(tmp_path, name):
    (tmp_path / CSV[name]).write_text("start,loss,end\n0,0.5,\n1,1e-300,here <b>\n")
    html, text = page_of(tmp_path)
    assert f"<h1>{name} <code>" in html
    assert "Verdict: measured There is no verdict" in text
    assert "0 0.5 – 1 1e-300 here <b>" in text


def test_records_in_a_result_are_a_table(tmp_path):
    (tmp_path / "landscape.csv").write_text("start\n1\n")
    (tmp_path / "result.json").write_text(
        json.dumps({"verdict": "agrees", "families": [{"name": "zero", "loss": 2.25}, {"count": [1, 2]}]})
    )
    assert "Families From result.json. name loss count zero 2.25 – – – 1, 2" in page_of(tmp_path)[1]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("odd.csv", b"a,b\n1\n"),
        ("odd.csv", b"\xff\xfe"),
        ("odd.csv", b'"' + b"a" * 200_000 + b'"\n'),
        ("results.parquet", b"PAR1"),
        ("odd.parquet", b""),
    ],
)
def test_a_table_that_cannot_be_read_is_left_out(tmp_path, name, content):
    (tmp_path / "phase.csv").write_text("n\n1\n")
    (tmp_path / name).write_bytes(content)
    assert f"{name} is left out: it cannot be read as a table" in page_of(tmp_path)[1]


def test_an_empty_table(tmp_path):
    (tmp_path / "phase.csv").write_text("")
    pq.write_table(pa.table({"verdict": pa.array([], pa.string())}), tmp_path / "results.parquet")
    text = page_of(tmp_path)[1]
    assert text.count("All 0 rows") == 2


def test_every_kind_is_known_by_files_of_its_own():
    marks = [mark for kind in KINDS for mark in kind.marks]
    assert len(marks) == len(set(marks))
    assert LARGEST_DIMENSION >= 20  # the literature's largest


TINY = {
    "Sweep": (sweep, ["--dimension", "2", "--steps", "3", "--batch", "8", "--workers", "0", "--device", "cpu"]),
    "Landscape": (landscape, ["--dimension", "2", "--context", "4", "--starts", "8"]),
    "Step sizes": (step_sizes, ["--dimension", "1", "--steps", "2", "--batch", "8", "--seeds", "2"]),
    "Capacity study": (
        capacity,
        ["--depth", "1", "--depth", "2", "--width", "8", "--steps", "2", "--context", "2", "--dimension", "1", "--prompts", "256"],
    ),
    "Finite tasks": (finite_tasks, ["--dimension", "2", "--context", "4", "--tasks", "2000", "--sets", "100", "--seeds", "10"]),
}


@pytest.mark.parametrize("name", [name if name == "Sweep" else pytest.param(name, marks=pytest.mark.slow) for name in TINY])
def test_what_the_commands_write(tmp_path, name):
    module, options = TINY[name]
    ended = CliRunner().invoke(module.main, [*options, "--out", str(tmp_path / "out")])
    assert ended.exit_code in (0, 3), ended.output
    html, text = page_of(tmp_path / "out")
    assert f"<h1>{name} <code>" in html
    assert "unfinished" not in text
    assert html.count("data:image/png") == len(list((tmp_path / "out").glob("*.png"))) >= 1
    assert all(not data.problem and data.rows for data in read(tmp_path / "out").data if data.name != "layers.csv")


# in a browser


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium: apt-get install chromium")
@pytest.mark.parametrize("width", [390, 1200])
def test_in_a_browser_nothing_sticks_out(tmp_path, whole, width):
    """Without scripts of its own, in a frame as wide as a phone and as a desk, with every derivation open."""
    measure = """
      const page = document.querySelector("iframe").contentDocument, out = {wide: [], flat: 0, drawn: 0};
      const room = page.documentElement.clientWidth;
      out.scroll = page.documentElement.scrollWidth - room;
      out.cut = [...page.querySelectorAll(".formula, .wide")].filter((box) => box.scrollWidth > box.clientWidth + 1).length;
      for (const box of page.querySelectorAll(".formula, .wide, table, figure, p, li, dd, code, math"))
        if (box.getBoundingClientRect().right > room + 1 && !box.parentElement.closest(".scroll, .formula, .wide"))
          out.wide.push(box.outerHTML.slice(0, 80));
      for (const math of page.querySelectorAll("math")) {
        const {width, height} = math.getBoundingClientRect();
        if (width > 1 && height > 4) out.drawn++; else out.flat++;
      }
      out.colour = getComputedStyle(page.querySelector(".verdict")).color;
      document.getElementById("out").textContent = JSON.stringify(out);
    """
    inner = escape(whole.replace("<details>", "<details open>"))
    frame = f'<iframe style="width:{width}px;height:900px;border:0" srcdoc="{inner}"></iframe><pre id="out"></pre>'
    (tmp_path / "frame.html").write_text(f"<!DOCTYPE html><meta charset=utf-8>{frame}<script>onload = () => {{{measure}}}</script>")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=8000"]
    command = ["chromium", *flags, f"--window-size={width + 100},1000", "--dump-dom", f"file://{tmp_path / 'frame.html'}"]
    dump = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
    found = json.loads(unescape(dump.rpartition('<pre id="out">')[2].partition("</pre>")[0]))
    assert found["wide"] == []
    assert found["scroll"] <= 0
    assert found["cut"] == 0 or width < 1000  # lines are broken so that a desk shows them whole
    assert found["flat"] == 0
    assert found["drawn"] == whole.count("<math")
    assert found["colour"] == "rgb(20, 108, 46)"
