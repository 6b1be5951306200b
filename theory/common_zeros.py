"""All common zeros of two polynomials in the open unit square: none is missed, and each is certified.

In Bernstein's basis of a box the values of a polynomial lie between its least and its greatest coefficient, so a box in which all have one
sign holds no zero. Boxes are halved (de Casteljau's scheme, exact integers) until each is empty in this sense, or a certificate that the
caller supplies says that it holds at most one common zero, and which.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import comb
from typing import Any, NamedTuple

from flint import arb, fmpq, fmpz

from theory.errors import EnclosureError

Coefficients = list[list[Any]]
DEPTH = 120
"""Halvings after which a box that is still undecided is given up: it is then of size 2⁻⁶⁰"""


class Box(NamedTuple):
    """[left, left + 2⁻ᵃ] × [low, low + 2⁻ᵇ]"""

    left: Any
    low: Any
    halvings: tuple[int, int]

    @property
    def sides(self) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
        """The two intervals"""
        width, height = (fmpq(1, 1 << k) for k in self.halvings)
        return (self.left, self.left + width), (self.low, self.low + height)


def search(polynomials: list[dict[tuple[int, int], Any]], settles: Callable[[Box], bool]) -> int:
    """Halves the unit square until every box either holds no common zero of the polynomials or is settled; the number of boxes seen.

    polynomials  {(i, j): coefficient of xⁱyʲ}, exact rationals
    settles      whether a box holds at most one common zero, which the caller then knows
    Raises EnclosureError where a box can be neither excluded nor settled: near a degenerate zero, or one on an edge.

    >>> circle, line = {(2, 0): 1, (0, 2): 1, (0, 0): fmpq(-1, 4)}, {(1, 0): 1, (0, 1): -2}
    >>> left = []
    >>> seen = search([circle, line], lambda box: box.halvings == (5, 5) and not left.append(box))
    >>> [(box.left, box.low) for box in left]
    [(7/16, 7/32), (7/16, 3/16), (13/32, 7/32)]
    """
    waiting = [(Box(fmpq(0), fmpq(0), (0, 0)), [_bernstein(polynomial) for polynomial in polynomials])]
    seen = 0
    while waiting:
        box, forms = waiting.pop()
        seen += 1
        if any(_has_one_sign(form) for form in forms) or settles(box):
            continue
        across, up = box.halvings
        if across + up >= DEPTH:
            near = ", ".join(arb(value).str(6, radius=False) for value in (box.left, box.low))
            raise EnclosureError(f"common_zeros: a zero near ({near}) is degenerate or on an edge, and cannot be certified.")
        if across <= up:
            halves = [_halved(form) for form in forms]
            middle = box.left + fmpq(1, 1 << (across + 1))
            waiting += [
                (Box(left, box.low, (across + 1, up)), [half[side] for half in halves]) for side, left in enumerate((box.left, middle))
            ]
        else:
            halves = [(_transposed(low), _transposed(high)) for low, high in (_halved(_transposed(form)) for form in forms)]
            middle = box.low + fmpq(1, 1 << (up + 1))
            waiting += [
                (Box(box.left, low, (across, up + 1)), [half[side] for half in halves]) for side, low in enumerate((box.low, middle))
            ]
    return seen


def _bernstein(polynomial: dict[tuple[int, int], Any]) -> Coefficients:
    """The coefficients in Bernstein's basis on the unit square, times one positive number that makes them whole."""
    degrees = [max(powers[axis] for powers in polynomial) for axis in (0, 1)]
    form = [[fmpq(0)] * (degrees[1] + 1) for _ in range(degrees[0] + 1)]
    for (i, j), value in polynomial.items():
        form[i][j] = fmpq(value)
    form = _transposed([_raised(row) for row in _transposed([_raised(row) for row in form])])
    scale = fmpz(1)
    for row in form:
        for value in row:
            scale = scale.lcm(value.q)
    return [[(value * scale).p for value in row] for row in form]


def _raised(powers: list[Any]) -> list[Any]:
    """Σ aₖ xᵏ in Bernstein's basis: the i-th coefficient is Σₖ aₖ C(i, k)/C(N, k)"""
    top = len(powers) - 1
    return [sum((fmpq(comb(i, k), comb(top, k)) * powers[k] for k in range(i + 1)), fmpq(0)) for i in range(top + 1)]


def _halved(form: Coefficients) -> tuple[Coefficients, Coefficients]:
    """Of the two halves along the first axis, both times 2^degree."""
    top = len(form) - 1
    left, right, row = [], [], form
    for level in range(top + 1):
        left.append([value << (top - level) for value in row[0]])
        right.append([value << (top - level) for value in row[-1]])
        row = [[a + b for a, b in zip(one, two, strict=True)] for one, two in pairwise(row)]
    return left, right[::-1]


def _transposed(form: Coefficients) -> Coefficients:
    return [list(column) for column in zip(*form, strict=True)]


def _has_one_sign(form: Coefficients) -> bool:
    return all(value > 0 for row in form for value in row) or all(value < 0 for row in form for value in row)


__all__ = ["Box", "search"]
