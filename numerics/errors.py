"""The errors of the numeric layer. On the command line each is one line and exit code 2."""

from __future__ import annotations


class NumericsError(RuntimeError):
    """Base of every error raised by `numerics`."""


class ConfigError(NumericsError):
    """An argument that describes no run."""


class RunFolderError(NumericsError):
    """A run folder that cannot be written, holds another run, or is damaged."""


class TrainingError(NumericsError):
    """Training that cannot go on."""
