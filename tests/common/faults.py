"""Faults, for real: kill -9 at random moments, disks without room, bytes that change."""

import os
import random
import resource
import signal
import subprocess
import time
from contextlib import contextmanager, suppress

import pytest


def run(command, *, ends, kill_after=None):
    """The seconds a command ran until it ended by itself, or None if it and its children got SIGKILL after so many seconds.

    It must exit with one of `ends`, and write nothing to stderr: what a kill leaves is never damaged.
    """
    begun = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        _, said = process.communicate(timeout=kill_after)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        _, said = process.communicate()
        if process.returncode == -signal.SIGKILL:
            return None  # else it has just ended by itself
    assert process.returncode in ends, (process.returncode, said)
    assert not said, said
    return time.monotonic() - begun


def run_with_kills(command, *, ends, seconds, kills, draw: random.Random):
    """Gives a command, which starts its work or continues it, over and over, each time killed at a moment uniform over the `seconds` that
    it takes undisturbed, until it ends before its moment, or has been killed `kills` times and is let be; how many kills there were."""
    for killed in range(kills):
        if run(command, ends=ends, kill_after=draw.uniform(0, seconds)) is not None:
            return killed
    run(command, ends=ends)
    return kills


@contextmanager
def file_size_limit(limit):
    """No file can grow beyond so many bytes: the kernel refuses the write (EFBIG), for any user."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def small_disk(path, size):
    """A file system of its own with so many bytes at path; skips the test where none can be mounted."""
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)], stderr=subprocess.PIPE, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"needs root to mount a tmpfs: {mounted.stderr.strip()}")
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


@contextmanager
def filled(disk):
    """No room left on the disk: a file takes all that there was."""
    filler = disk / "filler"
    with open(filler, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
    try:
        yield
    finally:
        filler.unlink()


def cut(content, draw: random.Random):
    """Bytes without their end"""
    return content[: draw.randrange(len(content))]


def flipped(content, draw: random.Random):
    """Bytes with one bit the other way"""
    changed = bytearray(content)
    changed[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    return bytes(changed)
