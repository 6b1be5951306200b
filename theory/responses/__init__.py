"""Response families, one file each. A family gives its dimension and the law of its task."""

from theory.responses.linear import Linear

__all__ = ["Linear"]
