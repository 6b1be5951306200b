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
_PATIENCE = 300  # seconds for one document
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
    pool = ThreadPoolExecutor(os.cpu_count())
    with tempfile.TemporaryDirectory(prefix="proofs-") as temporary:

        def one(name: str) -> tuple[str, bytes]:
            folder = Path(temporary) / name.removesuffix(".tex")
            folder.mkdir()
            for other, content in sources.items():
                if other == name or not other.endswith(".tex"):
                    (folder / other).write_text(content, encoding="utf-8")
            pdf = _compile(folder, name)
            progress(name)
            return name.removesuffix(".tex") + ".pdf", pdf

        try:
            return dict(pool.map(one, names))
        finally:  # after a failure or Ctrl-C those not yet begun are dropped
            pool.shutdown(cancel_futures=True)


def _compile(folder: Path, name: str) -> bytes:
    command = ["latexmk", "-pdf", "-norc", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", name]
    quiet = {"max_print_line": "10000", "SOURCE_DATE_EPOCH": "0", "FORCE_SOURCE_DATE": "1"}  # a log with whole lines; no date in the PDF
    try:
        done = subprocess.run(
            command, cwd=folder, env=os.environ | quiet, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=_PATIENCE
        )
    except subprocess.TimeoutExpired:
        raise TypesettingError(f"{name}: latexmk did not finish in {_PATIENCE} s.") from None
    log = folder / (name.removesuffix(".tex") + ".log")
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    found = [said for said in complaints(text) if said.startswith("!") or not done.returncode]  # a failure has undefined references too
    if found:
        raise TypesettingError(
            f"{name}: {found[0]}{_place(found[0], text, folder / name)}{f' (and {len(found) - 1} more)' if len(found) > 1 else ''}"
        )
    pdf = log.with_suffix(".pdf")
    if done.returncode or not pdf.exists():
        last = done.stdout.decode(errors="replace").strip().splitlines()[-1:] or ["no output"]
        raise TypesettingError(f"{name}: latexmk failed: {last[0]}")
    return pdf.read_bytes()


def _place(complaint: str, log: str, source: Path) -> str:
    """The part of the document that a complaint is about: its nearest label above the line that the log names."""
    below = re.search(r"^l\.(\d+)", log.partition(complaint)[2], re.MULTILINE) if complaint.startswith("!") else None
    number = below or re.search(r"(?:lines?|input line) (\d+)", complaint)
    hint = f"; on Debian: apt-get install {' '.join(PACKAGES)}" if "not found" in complaint else ""
    if number is None:
        return hint
    above = source.read_text(encoding="utf-8").splitlines()[: int(number[1])]
    labels = [match[1] for match in (re.search(r"\\(?:label|step)\{([^}#]*)\}", line) for line in above) if match]
    return (f" [{labels[-1]}, line {number[1]}]" if labels else f" [line {number[1]}]") + hint
