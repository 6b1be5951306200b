"""Positive roots of polynomials as exact numbers: isolated with certainty, evaluated on demand to a ball that contains them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flint import acb_poly, arb, ctx, fmpq, fmpq_poly, fmpz_poly
from sympy import Integer, Tuple, sympify
from sympy.core.basic import Basic

from theory.errors import EnclosureError
from theory.means import Enclosed, ball


class PositiveRoot(Enclosed):
    """A positive real root of a polynomial.

    coefficients  from the highest power down: exact real numbers without free symbols
    index         0 for the least positive root, 1 for the next; a multiple root counts once

    >>> from sympy import sqrt
    >>> abs(PositiveRoot((1, 0, -2), 0).n(30) - sqrt(2).n(30)) < 10**-28
    True
    """

    is_positive = True

    def __new__(cls, coefficients: Sequence[Any], index: Any) -> PositiveRoot:
        return Basic.__new__(cls, Tuple(*map(sympify, coefficients)), Integer(index))

    coefficients = property(lambda self: self.args[0])
    index = property(lambda self: self.args[1])

    def ball(self, environment: Any, analytic: bool) -> Any:
        """The value as an acb. Raises EnclosureError where balls of the coefficients do not tell the roots apart."""
        roots = positive_roots(self.coefficients, ctx.prec)
        if len(roots) <= self.index:
            raise EnclosureError(f"PositiveRoot: the polynomial has only {len(roots)} positive roots.")
        return roots[int(self.index)]

    def _latex(self, printer: Any) -> str:
        return rf"r_{{{self.index + 1}}}"


def positive_roots(coefficients: Sequence[Any], precision: int = 53) -> list[Any]:
    """Balls with exactly one positive root each, in order, and with all of them. Raises EnclosureError."""
    exact = all(value.is_Rational for value in coefficients)
    # the distinct roots of a rational polynomial are told apart at some precision
    for bits in (precision * 2**k for k in range(8 if exact else 1)):
        before, ctx.prec = ctx.prec, bits
        try:
            found = _rational(coefficients) if exact else _isolated(acb_poly([ball(x, {}, False) for x in reversed(coefficients)]))
            near = [root for root in found if root.imag.contains(0)]
            # the polynomial is real, so a root whose mirror image lies in no other ball is its own mirror image
            apart = not any(root.conjugate().overlaps(other) for root in near for other in found if other is not root)
            if apart and not any(root.real.contains(0) for root in near):
                return sorted((root for root in near if root.real > 0), key=lambda root: fmpq(*_fraction(root.real.mid())))
        finally:
            ctx.prec = before
    raise EnclosureError("positive_roots: the coefficients are not known well enough to tell the roots apart.")


def _rational(coefficients: Sequence[Any]) -> list[Any]:
    polynomial = fmpq_poly([fmpq(int(value.p), int(value.q)) for value in reversed(coefficients)])
    isolated: Any = fmpz_poly(list(polynomial.numer())).complex_roots()
    return [root for root, _ in isolated]


def _fraction(value: Any) -> tuple[int, int]:
    mantissa, exponent = value.man_exp()
    return (int(mantissa) << max(int(exponent), 0)), 1 << max(-int(exponent), 0)


def _isolated(polynomial: Any) -> list[Any]:
    """All complex roots, as sharply as the coefficients allow."""
    bits = ctx.prec - 16
    while bits > 8:
        try:
            return list(polynomial.roots(tol=arb(2) ** -bits))
        except ValueError:
            bits = bits * 3 // 4
    raise EnclosureError("positive_roots: the coefficients are not known well enough to tell the roots apart.")


__all__ = ["PositiveRoot", "positive_roots"]
