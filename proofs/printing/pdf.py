"""LaTeX compiled by latexmk, and its log read: what would mar a page is an error here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from proofs.errors import TypesettingError

PACKAGES = ("latexmk", "texlive-latex-extra")
OVERFULL = 5.0  # points by which a line may stick out

_WANTED = (
    (r"Overfull \\[hv]box \((?P<points>[\d.]+)pt too (?:wide|high)\).*", "a line sticks out of the page: {0}"),
    (r"LaTeX Warning: (?:Reference|Citation) [`'].*undefined.*", "{0}"),
    (r"Package natbib Warning: Citation [`'].*undefined.*", "{0}"),
    (r"LaTeX Warning: Label [`'].*multiply defined.*", "{0}"),
    (r"Missing character: There is no .*", "a glyph is missing: {0}"),
    (r"! LaTeX Error: Unicode character .*", "{0}"),
    (r"! .*", "{0}"),
)


def complaints(log: str) -> list[str]:
    """What a LaTeX log says of boxes that stick out, references without a target and glyphs that no font has.

    >>> complaints("Overfull \\\\hbox (17.2pt too wide) in paragraph at lines 3--4")
    ['a line sticks out of the page: Overfull \\\\hbox (17.2pt too wide) in paragraph at lines 3--4']
    >>> complaints("Overfull \\\\hbox (1.2pt too wide) in paragraph at lines 3--4")
    []
    """
    found = []
    for line in log.splitlines():
        for pattern, message in _WANTED:
            match = re.match(pattern, line.strip())
            if match:
                if float(match.groupdict().get("points") or OVERFULL + 1) > OVERFULL:
                    found.append(message.format(line.strip()))
                break
    return list(dict.fromkeys(found))


def require_latex() -> None:
    """Raises TypesettingError, naming what to install, where there is no TeX."""
    if not shutil.which("latexmk") or not shutil.which("pdflatex"):
        raise TypesettingError(f"there is no LaTeX here; on Debian: apt-get install {' '.join(PACKAGES)}")


def compiled(sources: Mapping[str, str], progress: Callable[[str], None] = lambda _: None) -> dict[str, bytes]:
    """The PDF of each .tex among the sources, by name. The other sources, such as references.bib, lie beside each.

    progress  told the name of each that is done
    """
    require_latex()
    names = [name for name in sources if name.endswith(".tex")]
    with tempfile.TemporaryDirectory(prefix="proofs-") as temporary, ThreadPoolExecutor(os.cpu_count()) as pool:

        def one(name: str) -> tuple[str, bytes]:
            folder = Path(temporary) / name.removesuffix(".tex")
            folder.mkdir()
            for other, content in sources.items():
                if other == name or not other.endswith(".tex"):
                    (folder / other).write_text(content, encoding="utf-8")
            pdf = _compile(folder, name)
            progress(name)
            return name.removesuffix(".tex") + ".pdf", pdf

        return dict(pool.map(one, names))


def _compile(folder: Path, name: str) -> bytes:
    command = ["latexmk", "-pdf", "-norc", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", name]
    quiet = {"max_print_line": "10000", "SOURCE_DATE_EPOCH": "0", "FORCE_SOURCE_DATE": "1"}  # a log with whole lines; no date in the PDF
    done = subprocess.run(
        command, cwd=folder, env=os.environ | quiet, stdin=subprocess.DEVNULL, capture_output=True, check=False, start_new_session=True
    )
    log = folder / (name.removesuffix(".tex") + ".log")
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    found = complaints(text)
    if found:
        raise TypesettingError(f"{name}: {found[0]}{_place(text, found[0])}{f' (and {len(found) - 1} more)' if len(found) > 1 else ''}")
    pdf = log.with_suffix(".pdf")
    if done.returncode or not pdf.exists():
        last = done.stdout.decode(errors="replace").strip().splitlines()[-1:] or ["no output"]
        raise TypesettingError(f"{name}: latexmk failed: {last[0]}")
    return pdf.read_bytes()


def _place(log: str, complaint: str) -> str:
    """The line of the source that an error names, where the log has it below the error."""
    below = log.partition(complaint)[2]
    line = re.search(r"^l\.(\d+) (.*)$", below, re.MULTILINE)
    return f" (line {line[1]}: {line[2].strip()})" if complaint.startswith("!") and line else ""
