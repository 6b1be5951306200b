"""How exact each pair of response and covariates is.

closed      every moment has a closed form
integral    some are one-dimensional integrals, with certified enclosures
certified   some are integrals inside integrals, enclosed likewise
undefined   a moment does not exist, or no exact value of it is known here; the reason says which
"""

from __future__ import annotations

from typing import Any, NamedTuple

from theory.covariates import CovariateLaw
from theory.errors import UndefinedMoment
from theory.means import Mean
from theory.responses import ResponseFamily


class Status(NamedTuple):
    """One of closed, integral, certified, undefined, and why."""

    mark: str
    reason: str


def status(covariates: CovariateLaw, response: ResponseFamily) -> Status:
    """How the moments of a pair are known.

    >>> from theory import Gaussian, Linear
    >>> status(Gaussian.isotropic(3), Linear.isotropic(3)).mark
    'closed'
    """
    try:
        moments = response.moments(covariates)
    except UndefinedMoment as error:
        return Status("undefined", str(error))
    names = {"second": "E f²", "fourth": "E f⁴", "pair": "E f(x)²f(x')²", "weighted": "E f² x xᵀ", "cross": "E f(x)f(x') x x'ᵀ"}
    depths = {label: _depth(getattr(moments, name)) for name, label in names.items()}
    deepest = max(depths.values())
    if deepest == 0:
        return Status("closed", "every moment has a closed form")
    inner = ", ".join(label for label, depth in depths.items() if depth == deepest)
    if deepest == 1:
        return Status("integral", f"one-dimensional integrals: {inner}")
    return Status("certified", f"integrals inside integrals: {inner}")


def _depth(expr: Any) -> int:
    """How deep means stand in means."""
    inside = max((_depth(arg) for arg in expr.args), default=0)
    return inside + isinstance(expr, Mean)


__all__ = ["Status", "status"]
