"""Every code block of README.md and docs/*.md runs, page by page and from top to bottom, each page in a folder of its own.

python  a doctest where it has `>>>` (those of the README run by --doctest-glob, with the names of the whole page), else a script; the
        blocks of a page share their names
sh      line by line; each must exit with 0, or with what a comment in it says, as in `# exits with 2`
text    no code, as the {toctree} of the site

Comments in the source of a page, just before a block, say what is not run, of the whole block or of the lines that hold some words:

    <!-- slow -->                             with --slow only
    <!-- needs (latexmk): proofs pdf -->      where that program is; `cuda`: where torch sees a GPU
    <!-- not run (reason): words; words -->   never

A block of any other kind, an indented block that looks like code, and a comment that marks nothing fail. Of commands that are not run
here, and of those in the text, the options are parsed.
"""

from __future__ import annotations

import doctest
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import click
import pytest
import torch
from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
PAGES = {path.relative_to(ROOT).as_posix(): path for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))}
LANGUAGES = ("python", "sh", "text", "{toctree}")
MARKER = re.compile(r"<!-- (slow|needs|not run)(?: \(([^)]*)\))?(?:: (.*?))? -->")
CODE = re.compile(
    r"\s*(>>> |\$ |import \w|from \w+(\.\w+)* import |def \w+\(|class \w+[(:]|(\S*/)?(python3?|pip|torchrun|dask|pytest) |make \w+$)"
)
PLACEHOLDER = re.compile(r"[A-Z]{2,}|…|\.\.\.")
OURS = ("numerics", "proofs", "report", "theory", "benchmarks")
TIMEOUT = 600


class Mark(NamedTuple):
    """What a comment says: of the lines that hold one of the words, or of the whole block."""

    kind: str
    detail: str
    words: tuple[str, ...]


class Piece(NamedTuple):
    """What is run at once: a block of Python, or a line of a block of commands."""

    page: str
    line: int
    language: str
    text: str
    marks: tuple[Mark, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.page}:{self.line}"


def parsed(page, text):
    """The pieces of a page, and what is wrong with its blocks."""
    pieces, complaints = [], []
    comments: list[str] = []
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type == "html_block":
            comments += re.findall(r"<!--.*?-->", token.content, re.DOTALL)
            continue
        if token.type in ("fence", "code_block"):
            found, wrong = _block(page, token, comments)
            pieces += found
            complaints += wrong
        else:
            complaints += [f"{page}: {comment} stands before no block" for comment in comments if MARKER.fullmatch(comment)]
        comments = []
    return pieces, complaints


def _block(page, token, comments):
    language, line = token.info.strip(), token.map[0] + 1
    lines = token.content.splitlines()
    where = f"{page}:{line}"
    marks = [MARKER.fullmatch(comment) for comment in comments]
    wrong = [f"{where}: {comment} is no mark" for comment, mark in zip(comments, marks, strict=True) if not mark]
    marks = [Mark(m[1], m[2] or "", tuple(filter(None, (m[3] or "").split("; ")))) for m in marks if m]
    for mark in marks:
        wrong += [f"{where}: no line holds {words!r}" for words in mark.words if words not in token.content]
        if mark.kind != "slow" and not mark.detail:
            wrong.append(f"{where}: {mark.kind} says no reason")
    if token.type == "code_block" or language in ("text", "{toctree}"):
        wrong += [f"{where}: code that is not run: {text.strip()}" for text in lines if CODE.match(text)]
        return [], wrong
    if language not in LANGUAGES:
        return [], [*wrong, f"{where}: a block of {language or 'no language'} is not run; {', '.join(LANGUAGES)} are known"]
    if language == "python":
        return [Piece(page, line, language, token.content, tuple(marks))], wrong
    return list(_commands(page, line, token.content, marks)), wrong


def _commands(page, line, text, marks):
    """A piece for each command; a line that ends with \\ goes on."""
    whole = ""
    for number, part in enumerate(text.splitlines(), start=line + 1):
        whole += part
        if whole.endswith("\\"):
            whole = whole[:-1]
            continue
        if whole.strip() and not whole.lstrip().startswith("#"):
            own = tuple(mark for mark in marks if not mark.words or any(words in whole for words in mark.words))
            yield Piece(page, number, "sh", whole, own)
        whole = ""


PARSED = {page: parsed(page, path.read_text()) for page, path in PAGES.items()}
MARKED = [piece for pieces, _ in PARSED.values() for piece in pieces if piece.marks]


@pytest.mark.parametrize("page", PAGES)
def test_no_block_escapes(page):
    assert not PARSED[page][1]


# running


def expected(line):
    """The exit code that a comment in a command says."""
    said = re.search(r"#.*exits with (\d+)", line)
    return int(said[1]) if said else 0


def environment(folder):
    """Commands are those of this interpreter, also as .venv/bin/python."""
    link = folder / ".venv"
    if not link.exists():
        link.symlink_to(sys.prefix)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return os.environ | {"PATH": path, "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg", "COLUMNS": "120"}


def run(pieces, folder):
    """Runs pieces in order; what went wrong, or nothing."""
    names = {"__name__": "__main__"}
    for piece in pieces:
        if piece.language == "sh":
            done = subprocess.run(
                ["bash", "-c", piece.text], cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=TIMEOUT
            )
            if done.returncode != expected(piece.text):
                return f"{piece.name}: {piece.text.strip()} exits with {done.returncode}\n{done.stdout[-1500:]}{done.stderr[-1500:]}"
        elif ">>>" in piece.text:
            test = doctest.DocTestParser().get_doctest(piece.text, names, piece.name, piece.page, piece.line)
            said = io.StringIO()
            if doctest.DocTestRunner().run(test, out=said.write, clear_globs=False).failed:
                return said.getvalue()
            names.update(test.globs)
        else:
            exec(compile(piece.text, piece.name, "exec"), names)
    return ""


def is_doctest_of_readme(piece):
    return piece.page == "README.md" and piece.language == "python" and ">>>" in piece.text


def test_the_readme_is_a_doctest():
    """What is left out below."""
    pyproject = (ROOT / "pyproject.toml").read_text()
    assert re.search(r'testpaths = \["README\.md"', pyproject)
    assert "--doctest-glob=*.md" in pyproject


@pytest.mark.parametrize("page", [page for page, (pieces, _) in PARSED.items() if any(not piece.marks for piece in pieces)])
def test_blocks_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    wrong = run([piece for piece in PARSED[page][0] if not piece.marks and not is_doctest_of_readme(piece)], tmp_path)
    assert not wrong, wrong


def lacking(mark):
    """Why a piece with that mark does not run here, or nothing."""
    if mark.kind == "not run":
        return f"not run: {mark.detail}"
    if mark.kind == "needs" and not (torch.cuda.is_available() if mark.detail == "cuda" else shutil.which(mark.detail)):
        return f"needs {mark.detail}"
    return ""


@pytest.mark.parametrize(
    "piece",
    [pytest.param(piece, marks=[pytest.mark.slow] * any(m.kind == "slow" for m in piece.marks), id=piece.name) for piece in MARKED],
)
def test_marked_blocks_run(piece, tmp_path, monkeypatch):
    for mark in piece.marks:
        if lacking(mark):
            pytest.skip(lacking(mark))
    monkeypatch.chdir(tmp_path)
    wrong = run([piece], tmp_path)
    assert not wrong, wrong


# options


def complaint(command):
    """What is wrong with the options of a command, or nothing."""
    with suppress(ValueError):  # no command: a quotation mark without its like
        words = shlex.split(command, comments=True)
        for place, word in enumerate(words):
            if word == "-m" and len(words) > place + 1 and words[place + 1].split(".")[0] in OURS:
                return _of_module(words[place + 1], words[place + 2 :])
            if re.fullmatch(r"(benchmarks|numerics)/\w+\.py", word) and place and "python" in words[place - 1]:
                return _of_source(ROOT / word, words[place + 1 :])
    return ""


def _of_module(name, words):
    try:
        module = import_module(name)
        command = module.main if hasattr(module, "main") else import_module(f"{name}.__main__").main
    except (ImportError, AttributeError):
        file = ROOT / f"{name.replace('.', '/')}.py"
        runs = file.exists() and '__name__ == "__main__"' in file.read_text()
        return _of_source(file, words) if runs else f"there is no command python -m {name}"
    if not isinstance(command, click.Command):
        return _of_source(Path(module.__file__), words)
    context = click.Context(command, info_name=name)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        if PLACEHOLDER.fullmatch(words[0]):
            return ""
        inner = command.get_command(context, words[0])
        if inner is None:
            return f"{name} has no {words[0]}"
        context, command, words = click.Context(inner, parent=context, info_name=words[0]), inner, words[1:]
    unknown = [word for word in _options(words) if word not in options_of(command)]
    if unknown:
        return f"{name} has no {', '.join(unknown)}"
    if any(PLACEHOLDER.search(word) for word in words) or isinstance(command, click.Group) or not words:
        return ""
    try:
        command.make_context(name, list(words), parent=context.parent)
    except click.exceptions.Exit:  # of --help
        return ""
    except click.ClickException as error:
        return "" if isinstance(error, click.MissingParameter) else error.format_message()
    return ""


def _of_source(file, words):
    if not file.exists():
        return f"there is no {file.name}"
    unknown = [word for word in _options(words) if f'"{word}"' not in file.read_text()]
    return f"{file.name} has no {', '.join(unknown)}" if unknown else ""


def _options(words):
    return [word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)]


def options_of(command):
    """Every option of a command, as it is written."""
    return {"--help", "-h"} | {word for option in command.params for word in (*option.opts, *option.secondary_opts)}


def every_option():
    """Of all commands, and of the tests."""
    found = {"--slow"}
    waiting = [
        import_module(f"{path.relative_to(ROOT).with_suffix('').as_posix().replace('/', '.')}").main
        for package in OURS
        for path in (ROOT / package).rglob("*.py")
        if re.search(r"^@click\.(command|group)\(.*\n(.*\n)*?def main\(", path.read_text(), re.MULTILINE)
    ]
    while waiting:
        command = waiting.pop()
        found |= options_of(command)
        if isinstance(command, click.Group):
            context = click.Context(command)
            waiting += [command.get_command(context, name) for name in command.list_commands(context)]
    return found


def in_text(text) -> Iterator[str]:
    """What a page has between backticks in its sentences."""
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        for child in token.children or ():
            if child.type == "code_inline":
                yield child.content


@pytest.mark.parametrize("page", PAGES)
def test_commands_have_these_options(page):
    commands = [*in_text(PAGES[page].read_text()), *(piece.text for piece in PARSED[page][0] if piece.language == "sh")]
    assert not [f"{command}: {wrong}" for command in commands if (wrong := complaint(command))]


def test_options_in_the_text_are_options_of_some_command():
    known = every_option()
    for page, path in PAGES.items():
        for code in in_text(path.read_text()):
            words = code.split()
            if words and re.fullmatch(r"--[a-z][a-z-]*", words[0].partition("=")[0]):
                assert words[0].partition("=")[0] in known, f"{page}: no command has {code}"


@pytest.mark.parametrize("piece", [pytest.param(p, id=p.name) for p in MARKED if p.language == "python"])
def test_python_that_is_not_run_is_python(piece):
    compile(piece.text, piece.name, "exec")


# what is broken is found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("```\npython -m proofs list\n```\n", "no language"),
        ("```bash\nls\n```\n", "a block of bash"),
        ("Text:\n\n    python -m proofs list\n", "code that is not run"),
        ("Text:\n\n    >>> 1 + 1\n", "code that is not run"),
        ("- a list:\n\n  ```console\n  ls\n  ```\n", "a block of console"),
        ("```text\nfrom theory import Setting\n```\n", "code that is not run"),
        ("<!-- not run: proofs -->\n```sh\npython -m proofs list\n```\n", "says no reason"),
        ("<!-- slow: proofs show -->\n```sh\npython -m proofs list\n```\n", "no line holds"),
        ("<!-- sloww -->\n```sh\nls\n```\n", "is no mark"),
        ("<!-- slow -->\n\nText.\n\n```sh\nls\n```\n", "stands before no block"),
    ],
)
def test_a_block_that_would_escape_is_found(text, words):
    assert any(words in wrong for wrong in parsed("page.md", text)[1])


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("```sh\ntrue\n```\n", True),
        ("```sh\nfalse\n```\n", False),
        ("```sh\nfalse    # exits with 1\n```\n", True),
        ("```sh\ntrue    # exits with 1\n```\n", False),
        ("```sh\ntouch here\ntest \\\n  -e here\n```\n", True),
        ("```sh\ntrue && \\\n  false\n```\n", False),
        ("```sh\ntest $(.venv/bin/python -c 'print(3)') = $(python -c 'print(3)')\n```\n", True),
        ("```python\n>>> a = 1\n\n```\n\n```python\n>>> a\n1\n```\n", True),
        ("```python\n>>> a = 1\n\n```\n\n```python\n>>> a\n2\n```\n", False),
        ('```sh\necho 5 > five\n```\n```python\na = open("five").read()\n```\n```python\n>>> int(a)\n5\n```\n', True),
    ],
)
def test_what_a_page_claims_is_held_against_what_happens(text, runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pieces, wrong = parsed("page.md", text)
    assert not wrong
    assert (run(pieces, tmp_path) == "") == runs


def test_a_script_that_raises_fails(tmp_path):
    with pytest.raises(ZeroDivisionError):
        run(parsed("page.md", "```python\n1 / 0\n```\n")[0], tmp_path)


def test_marks_are_of_the_lines_that_they_name():
    text = "<!-- slow: list; pdf -->\n<!-- needs (latexmk): pdf -->\n```sh\nproofs list\nproofs show\nproofs pdf\n```\n"
    assert [[mark.kind for mark in piece.marks] for piece in parsed("page.md", text)[0]] == [["slow"], [], ["slow", "needs"]]
    assert lacking(Mark("needs", "no-such-program", ())) == "needs no-such-program"
    assert lacking(Mark("needs", Path(sys.executable).name, ())) == ""


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("python -m numerics.train --dimensions 3", "has no --dimensions"),
        ("python -m numerics.train --dimension three", "not a valid integer"),
        ("python -m proofs graphs", "has no graphs"),
        ("python -m proofs show no-such-theorem --out DIR", "has no --out"),
        ("python -m numerics.trains", "there is no command"),
        ("torchrun --nproc-per-node 2 -m numerics.train --bathc 8", "has no --bathc"),
        ("python benchmarks/no_such.py", "there is no no_such.py"),
    ],
)
def test_a_command_with_wrong_options_is_found(command, words):
    assert words in complaint(command)
