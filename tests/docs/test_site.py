"""The site: it builds without a warning, needs no network, holds every theorem and public name, and its links lead somewhere.

It is built once, with few theorems checked: checking them all is the task of tests/proofs. With --slow, all are.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup

import theory
from proofs.kernel import Theorem
from proofs.rules.citation import FACTS
from proofs.theorems import LABELS, load
from theory.conventions import CONVENTIONS
from theory.notation import NAMES, TABLE

ROOT = Path(__file__).parents[2]
CHECKED = ("posterior", "isotropic")
"""The second rests on others, which are checked with it."""


def build(source, out, *options):
    """What `make docs` does, and the complaints of Sphinx."""
    command = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going", *options, source, out]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}, timeout=900)


def copied(folder):
    """The sources without what was generated before, so that no two builds write to one folder."""
    shutil.copytree(ROOT / "docs", folder, ignore=shutil.ignore_patterns("generated", "__pycache__"))
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Built by whichever process comes first; the others wait."""
    here = tmp_path_factory.getbasetemp()
    folder = (here.parent if "PYTEST_XDIST_WORKER" in os.environ else here) / "site"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complaints").exists():
            done = build(copied(folder / "docs"), folder / "out", "-D", f"checked_theorems={','.join(CHECKED)}")
            (folder / "complaints").write_text(done.stderr if done.returncode else "")
    complaints = (folder / "complaints").read_text()
    assert not complaints, complaints
    return folder / "out"


class Pages(dict):
    """Each page as it is parsed. pytest shows the arguments of a test that fails, and writing all pages out takes minutes."""

    def __repr__(self):
        return f"{len(self)} pages"


@pytest.fixture(scope="module")
def pages(site):
    return Pages({path.relative_to(site).as_posix(): BeautifulSoup(path.read_text(), "html.parser") for path in site.rglob("*.html")})


def remote(soup):
    """What a page loads from elsewhere: links that a reader follows are no such thing."""
    loaded = [node.get(name) for name in ("src", "srcset", "data", "poster") for node in soup.find_all(attrs={name: True})]
    loaded += [node.get("href") for node in soup.find_all(["link", "image", "use"])]
    loaded += re.findall(r"(?:url\(|@import\s+)['\"]?([^'\")]+)", " ".join(node.text for node in soup.find_all("style")))
    return [address for address in loaded if address and re.match(r"(https?:)?//", address)]


def anchors(soup):
    return {node["id"] for node in soup.find_all(id=True)} | {node["name"] for node in soup.find_all("a", attrs={"name": True})}


def broken(pages, site):
    """Links inside the site that lead nowhere."""
    found = {name: anchors(soup) for name, soup in pages.items()}
    wrong = []
    for name, soup in pages.items():
        for node in soup.find_all(href=True):
            address = urlsplit(node["href"])
            if address.scheme or address.netloc:
                continue
            target = (site / name).parent / unquote(address.path) if address.path else site / name
            page = os.path.relpath(target, site)
            if not target.exists():
                wrong.append(f"{name}: {node['href']} is not there")
            elif address.fragment and page in found and unquote(address.fragment) not in found[page]:
                wrong.append(f"{name}: {node['href']} has no such place")
    return wrong


def test_every_link_leads_somewhere(pages, site):
    assert len(pages) > len(LABELS)
    assert not broken(pages, site)


def test_no_page_loads_anything_from_elsewhere(pages, site):
    assert not {name: remote(soup) for name, soup in pages.items() if remote(soup)}
    for style in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import\s+)['\"]?(https?:)?//", style.read_text()), style.name


def test_the_table_has_every_theorem_and_links_to_it(pages):
    table = pages["generated/theorems/index.html"].find("table", class_="theorems")
    listed = [row.th.a for row in table.tbody.find_all("tr")]
    assert [link.text for link in listed] == list(LABELS)
    assert [link["href"] for link in listed] == [f"{label}.html" for label in LABELS]
    cells = {row.th.a.text: [cell.text for cell in row.find_all("td")] for row in table.tbody.find_all("tr")}
    for label in CHECKED:
        assert cells[label][0] == "fully checked"
        assert cells[label][1]  # its scope
    assert {cells[label][0] for label in LABELS if label not in CHECKED} == {"not checked for this page"}


@pytest.mark.parametrize("label", LABELS)
def test_every_theorem_has_a_page_with_its_derivation(pages, label):
    soup, theorem = pages[f"generated/theorems/{label}.html"], load(label)
    assert theorem.title in soup.h1.text
    steps = soup.select("ol.steps > li")
    assert [step["id"] for step in steps] == [f"{label}-{i}" for i in range(1, len(theorem.steps) + 1)]
    assert all(step.find("math") or "This is the claim" in step.text for step in steps)
    used = {premise.label for step in theorem.steps for premise in step.premises if isinstance(premise, Theorem)}
    linked = {link["href"] for link in soup.select("article a[href$='.html']")}
    assert {f"{other}.html" for other in used} <= linked


def test_a_checked_theorem_says_what_the_kernel_granted(pages):
    facts = {name.text: name.find_next("dd") for name in pages["generated/theorems/isotropic.html"].select("dl.facts > dt")}
    assert {"Scope", "Assumptions", "Facts cited", "Theorems used"} <= set(facts)
    assert facts["Theorems used"].find("a", href="general-gaussian.html")
    assert any(fact.says.split()[0] in facts["Facts cited"].text for fact in FACTS.values())


def test_the_graph_links_each_box_to_its_theorem(pages):
    links = pages["generated/theorems/graph.html"].select("svg a")
    assert {link["href"] for link in links} == {f"{label}.html" for label in LABELS}
    for link in links:  # matplotlib writes the words of a group in a comment
        words = re.sub(r"\s", "", "".join(part for part in link.find("g").contents if type(part).__name__ == "Comment"))
        assert words == link["aria-label"] == link["href"].removesuffix(".html")


def test_the_tables_are_whole(pages):
    notation = pages["generated/notation.html"].find_all("table")
    assert [len(table.tbody.find_all("tr")) for table in notation] == [len(TABLE), len(NAMES)]
    assert len(pages["generated/weights.html"].table.tbody.find_all("tr")) == len(CONVENTIONS)
    proved = pages["generated/proved.html"]
    assert proved.find("a", href="../landscape.html")
    assert "Measured" in proved.table.text


CALLERS = {
    "numerics.compare": ("verify", "Comparison"),
    "numerics.config": ("TrainConfig",),
    "numerics.run": ("train",),
    "numerics.weights": ("load",),
    "numerics.evaluate": ("number",),
    "numerics.samplers": ("PromptSampler",),
    "numerics.source": ("Source",),
    "numerics.errors": ("NumericsError",),
    "proofs.theorems": ("load",),
    "proofs.kernel": ("check", "Theorem", "Theorem.restate", "Certificate", "Statement", "Step"),
    "proofs.verdict": ("judge",),
    "proofs.errors": ("ProofError",),
    "report": ("render",),
}
"""What the README and callers outside the repository rely on."""
NAMED = [f"{module}.{name}" for module, names in ({"theory": theory.__all__} | CALLERS).items() for name in names]


@pytest.mark.parametrize("name", NAMED)
def test_every_public_name_is_documented(pages, name):
    (described,) = [node for page in pages if page.startswith("generated/api/") for node in pages[page].find_all("dt", id=name)]
    assert described.find_next("dd").text.strip()


def test_docstrings_keep_their_formulas_and_their_doctests(pages):
    moments = pages["generated/api/theory.html"].find("dt", id="theory.LinearAttention").find_next("dd")
    assert "ŷ = Σ_i (v·z_i)(z_iᵀ M z_q)" in moments.text
    assert ">>> layer = LinearAttention(" in moments.find("pre").text
    assert moments.find("dl").dt.text == "value"


def test_every_module_is_listed_in_one_line(pages):
    listed = {item.code.text: item.text for item in pages["generated/api/modules.html"].select("article li") if item.code}
    for package in ("theory", "numerics", "proofs", "report"):
        for file in (ROOT / package).rglob("*.py"):
            name = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            assert listed[name].removeprefix(name).strip(": "), name


def test_every_command_says_its_options(pages):
    text = pages["generated/api/commands.html"].find("article").text
    for words in ("Usage: python -m numerics.train", "--objective", "Usage: python -m proofs check", "Usage: python -m report"):
        assert words in text


@pytest.mark.slow
def test_the_whole_site_builds_with_every_theorem_fully_checked(tmp_path):
    done = build(copied(tmp_path / "docs"), tmp_path / "out")
    assert done.returncode == 0, done.stderr
    table = BeautifulSoup((tmp_path / "out/generated/theorems/index.html").read_text(), "html.parser").find("table", class_="theorems")
    assert {row.td.text for row in table.tbody.find_all("tr")} == {"fully checked"}


# what is broken is found

BARE = 'project = "bare"\nextensions = ["myst_parser"]\nhtml_theme = "basic"\nmyst_heading_anchors = 3\n'


def bare(folder, text):
    """A site of one page, with the settings on which links depend."""
    folder.mkdir()
    (folder / "conf.py").write_text(BARE)
    (folder / "index.md").write_text(f"# Bare\n\n{text}\n")
    return folder


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[there](#bare)", None),
        ("[nowhere](nowhere.md)", "nowhere"),
        ("[no such place](#no-such-place)", "no-such-place"),
        ("```{toctree}\nnowhere\n```", "nonexisting document"),
        ("```{no-such-directive}\n```", "no-such-directive"),
    ],
)
def test_a_warning_fails_the_build(text, complaint, tmp_path):
    done = build(bare(tmp_path / "docs", text), tmp_path / "out")
    assert (done.returncode == 0) == (complaint is None)
    assert complaint is None or complaint in done.stderr


@pytest.mark.parametrize(
    ("html", "words"),
    [
        ('<a href="here.html#there">x</a><p id="there">y</p>', None),
        ('<a href="gone.html">x</a>', "is not there"),
        ('<a href="#gone">x</a>', "has no such place"),
        ('<link rel="stylesheet" href="gone.css">', "is not there"),
    ],
)
def test_a_link_that_leads_nowhere_is_found(html, words, tmp_path):
    (tmp_path / "here.html").write_text(html)
    found = broken({"here.html": BeautifulSoup(html, "html.parser")}, tmp_path)
    assert any(words in wrong for wrong in found) if words else not found


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ('<a href="https://arxiv.org">x</a><img src="here.png"><script src="_static/a.js"></script>', False),
        ('<img src="https://example.org/a.png">', True),
        ('<script src="//cdn.example.org/mathjax.js"></script>', True),
        ('<link rel="stylesheet" href="https://fonts.example.org/css">', True),
        ("<style>@import 'https://fonts.example.org/css';</style>", True),
        ("<style>body { background: url(https://example.org/a.png) }</style>", True),
    ],
)
def test_a_page_that_loads_something_is_found(html, found):
    assert bool(remote(BeautifulSoup(html, "html.parser"))) == found
