"""The pages of the site that are generated: theorems with their derivations, tables, and the API. They are written to docs/generated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from pages import api, questions, tables, theorems
from pages.docstrings import is_field, written
from proofs.theorems import LABELS


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_config_value("checked_theorems", list(LABELS), "env", list)  # those whose status is found; tests of the site check few
    app.connect("builder-inited", _generate)
    app.connect("autodoc-process-docstring", _process)
    app.connect("autodoc-skip-member", _skip)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _generate(app: Sphinx) -> None:
    folder = Path(app.srcdir) / "generated"
    pages = theorems.pages(app.config.checked_theorems) | tables.pages() | api.pages() | questions.pages(Path(app.srcdir))
    for name, text in pages.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists() or file.read_text() != text:  # else Sphinx would read it again
            file.write_text(text)
    for file in set(folder.rglob("*.md")) - {folder / name for name in pages}:
        file.unlink()


def _process(_: Sphinx, __: str, ___: str, ____: Any, _____: Any, lines: list[str]) -> None:
    lines[:] = written(lines)


def _skip(_: Sphinx, __: str, ___: str, member: Any, skipped: bool, _____: Any) -> bool | None:
    return True if is_field(member) else None
