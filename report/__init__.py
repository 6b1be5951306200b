"""A run folder as one HTML page that needs nothing else: `report.render`, `python -m report`."""

from report.page import render

__all__ = ["render"]
