"""Theory's exact expressions in floats, their means by Gauss rules: quick, uncertified, and without arb."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import sympy
from scipy import stats
from scipy.special import gammaln

from theory.means import AngularMean, ChiMean, Mean, NormalMean, StudentMean

Rule = tuple[np.ndarray, np.ndarray]


@cache
def legendre(low: float, high: float, order: int = 160) -> Rule:
    """Nodes and weights on an interval"""
    nodes, weights = np.polynomial.legendre.leggauss(order)
    return (nodes + 1) * (high - low) / 2 + low, weights * (high - low) / 2


def both_sides(rule: Rule) -> Rule:
    """A rule on t > 0 and its mirror image, half the weight each: a kink at 0 falls between the two."""
    nodes, weights = rule
    return np.concatenate([-nodes, nodes]), np.concatenate([weights, weights]) / 2


@cache
def normal_rule() -> Rule:
    """For N(0, 1)"""
    nodes, weights = legendre(0.0, 12.0)
    return both_sides((nodes, 2 * weights * stats.norm.pdf(nodes)))


@cache
def chi_rule(degrees: float) -> Rule:
    """For the root of a χ² variable"""
    nodes, weights = legendre(0.0, math.sqrt(stats.chi2.isf(1e-20, degrees)))
    return nodes, weights * stats.chi.pdf(nodes, degrees)


@cache
def angular_rule(size: int) -> Rule:
    """For the latitude θ of a point uniform on the unit sphere"""
    if size == 1:
        return both_sides((np.array([math.pi / 2]), np.array([1.0])))
    nodes, weights = legendre(0.0, math.pi / 2)
    norm = math.exp(gammaln(size / 2) - gammaln((size - 1) / 2)) / math.sqrt(math.pi)
    return both_sides((nodes, 2 * norm * weights * np.cos(nodes) ** (size - 2)))


@cache
def student_rule(degrees: float) -> Rule:
    """For Student's t scaled to variance 1, t = tan a"""
    angles, weights = legendre(0.0, math.pi / 2, 400)
    nodes, scale = np.tan(angles), math.sqrt(degrees / (degrees - 2))
    return both_sides((nodes, 2 * weights * (1 + nodes**2) * scale * stats.t.pdf(scale * nodes, degrees)))


def _rule(mean: Mean) -> Rule:
    parameter = float(mean.parameter)
    if isinstance(mean, NormalMean):
        return normal_rule()
    if isinstance(mean, ChiMean):
        return chi_rule(parameter)
    if isinstance(mean, AngularMean):
        return angular_rule(int(parameter))
    assert isinstance(mean, StudentMean)
    return student_rule(parameter)


def _outermost(expr: Any) -> set[Mean]:
    return {expr} if isinstance(expr, Mean) else set().union(*map(_outermost, expr.args))


def approximate(expr: Any, bound: dict[Any, Any] | None = None) -> Any:
    """The value of an expression without free symbols (but those bound, arrays)."""
    bound = bound or {}
    expr = sympy.sympify(expr)
    names = {node: sympy.Dummy() for node in _outermost(expr)}
    values = dict(bound)
    for node, name in names.items():
        nodes, weights = _rule(node)
        inner = {symbol: value[..., None] for symbol, value in bound.items()} | {node.variable: nodes}
        values[name] = (np.broadcast_arrays(approximate(node.function, inner), nodes)[0] * weights).sum(-1)
    function = sympy.lambdify(list(values), expr.xreplace(names), modules=["scipy", "numpy"])
    return function(*values.values())
