"""Writing files so that nothing is ever half written: all of them into a new folder, and then each into its place."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from proofs.errors import TypesettingError


@contextmanager
def staging(target: Path, *, folder: bool) -> Iterator[Path]:
    """A new empty folder beside `target`, or in it if it is a folder, gone afterwards; parents are made if they are missing.

    folder  whether the target is to be a folder, and not a file. Raises TypesettingError where nothing can be written there.
    """
    try:
        if target.exists() and target.is_dir() != folder:
            raise TypesettingError(f"--out: {target} is a {'file; name a folder' if folder else 'folder; name a file'}.")
        existing = next(place for place in (target, *target.absolute().parents) if place.exists())
        if existing != target and not existing.is_dir():
            raise TypesettingError(f"--out: {existing} is a file, so {target} cannot be written; name another place.")
        if not os.access(existing, os.W_OK):
            raise TypesettingError(f"--out: {existing} is not writable; name another place.")
        place = target if target.is_dir() else target.absolute().parent  # the same file system, so that a file can be moved as a whole
        made = _made(place)
        temporary = Path(tempfile.mkdtemp(prefix=".proofs-", dir=place))
    except OSError as error:
        raise TypesettingError(f"--out: {target} cannot be written: {error.strerror or error}.") from None
    try:
        yield temporary
    except OSError as error:
        raise TypesettingError(f"--out: {target} cannot be written: {error.strerror or error}.") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        for empty in made:  # by a failure
            with suppress(OSError):  # not empty, or gone
                empty.rmdir()


def _made(folder: Path) -> list[Path]:
    """Makes a folder with its parents; those that did not exist, the innermost first."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing


def write_folder(target: Path, contents: Mapping[str, str | bytes]) -> list[Path]:
    """Writes the files into a folder, each replaced as a whole."""
    with staging(target, folder=True) as temporary:
        for name, content in contents.items():
            (temporary / name).write_bytes(content.encode() if isinstance(content, str) else content)
        target.mkdir(exist_ok=True)
        for name in contents:
            os.replace(temporary / name, target / name)
    return [target / name for name in contents]


def write_file(target: Path, content: bytes) -> None:
    """Writes one file, replaced as a whole."""
    with staging(target, folder=False) as temporary:
        (temporary / target.name).write_bytes(content)
        os.replace(temporary / target.name, target)
