"""The questions next door: a page each, as far as they are written, and the command that answers each."""

from __future__ import annotations

from pathlib import Path

from numerics.questions.__main__ import NAMES

PAGES = (
    *("query-in-sum", "heads", "separate-weights", "anisotropic", "all-positions", "random-covariance", "gap-to-bayes", "stable-step"),
)


def pages(source: Path) -> dict[str, str]:
    """The files by name; `source` is the folder of the pages written by hand."""
    written = [name for name in PAGES if (source / f"{name}.md").exists()]
    lines = [f"- {{doc}}`/{name}`" + (f": `python -m numerics.questions {name}`" if name in NAMES else "") for name in written]
    listed = "\n".join(lines)
    toctree = "\n".join(f"/{name}" for name in written)
    return {
        "questions.md": f"""# Questions next door

What a reader asks next, each with a theorem, numbers held against samples, and a figure.

{listed}

```{{toctree}}
:hidden:

{toctree}
```
"""
    }
