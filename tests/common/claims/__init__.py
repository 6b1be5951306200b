"""What is said of a theorem, one file each, named as the theorem is: what it rests on, and its false neighbours.

PINNED  (assumptions, facts cited, labels of the theorems used), all sets
FALSE   {name: change}, a change being a dict for `replacing`, or a function of the theorem
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any


def claims(table: str) -> dict[str, Any]:
    """That table of every file here, by label."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))
    return {name.replace("_", "-"): getattr(import_module(f"common.claims.{name}"), table) for name in names}
