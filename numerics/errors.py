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


class ModelError(NumericsError):
    """A model from outside that cannot be held against the theory."""


class WeightsError(NumericsError):
    """A file of weights that cannot be read, or is not in the convention it is said to be in."""
