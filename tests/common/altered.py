"""A module with pieces of its text replaced: what a check must refuse."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any


@cache
def _source(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")


@contextmanager
def altered(module: Any, *replacements: tuple[str, str], **names: Any) -> Iterator[Any]:
    """The module anew, each piece of text replaced where it occurs, which is once; `names` are defined in it from the start."""
    source = _source(module.__file__)
    for old, new in replacements:
        assert source.count(old) == 1, old
        source = source.replace(old, new)
    other = types.ModuleType(module.__name__ + "_altered")
    vars(other).update(names)
    sys.modules[other.__name__] = other  # dataclasses look for it there
    try:
        exec(compile(source, "altered", "exec"), vars(other))
        yield other
    finally:
        sys.modules.pop(other.__name__, None)
