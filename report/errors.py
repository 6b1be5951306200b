"""The error of the reports. On the command line it is one line and exit code 2."""

from __future__ import annotations


class ReportError(RuntimeError):
    """A folder that cannot be rendered."""
