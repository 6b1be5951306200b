"""Rational-function identity over ℚ.

Both sides are scalars built from rationals by +, ·, and division; whatever else stands in them (a trace, a rank) is an independent
variable. They are compared as elements of the field ℚ(variables), whose elements sympy keeps as coprime pairs of integer polynomials, a
normal form: equal elements are equal functions wherever no denominator vanishes. Every expression divided by is recorded as a side
condition and must be known to be ≠ 0 from the assumptions (a sum of nonnegative terms, one of them positive, is). Known scalar equations
l = r may be used with multipliers, as in `matrix_identity`: an argument is (i, P) and stands for P (l_i − r_i).
"""

from __future__ import annotations

from typing import Any

from sympy import QQ, Add, Eq, Mul, Pow, Rational

from proofs.language import Named
from proofs.rules.inference import Inference, Support, minus, need, of_kind, under_hypotheses


def check(step: Inference) -> Support:
    """left = right in ℚ(variables)."""
    conclusion, hypotheses = under_hypotheses(step.conclusion)
    equation = of_kind(conclusion, Eq, "an equation between scalars")
    known = step.equations + hypotheses
    need(not getattr(equation.lhs, "is_Matrix", False), "the two sides must be scalars.")
    for argument in step.arguments:
        index = argument[0]
        need(isinstance(index, int) and 0 <= index < len(known), f"there is no equation number {index}; there are {len(known)}.")
        need(not getattr(known[index].lhs, "is_Matrix", False), f"equation number {index} is not one between scalars.")
    extra = [Mul(factor, minus(known[i].lhs, known[i].rhs), evaluate=False) for i, factor in step.arguments]
    field = _Field((*equation.args, *extra))
    left, right, *multiples = (field.element(side) for side in (*equation.args, *extra))
    need(left - right == sum(multiples, field.field.zero), "the two sides are different rational functions.")
    algebra = step.algebra()
    for side in (*equation.args, *extra):
        algebra.scalar(side)  # what is inverted inside a trace, and the means, must exist as well
    return Support(algebra.licensed())


class _Field:
    """ℚ(variables), the variables being whatever in some expressions is not arithmetic."""

    def __init__(self, expressions: tuple[Any, ...]) -> None:
        self.variables: dict[Any, int] = {}
        for expr in expressions:
            self._collect(expr)
        self.field = QQ.frac_field(*(f"t{i}" for i in range(max(1, len(self.variables)))))

    def _collect(self, expr: Any) -> None:
        if isinstance(expr, Named):
            self._collect(expr.args[1])
        elif isinstance(expr, Add | Mul):
            for arg in expr.args:
                self._collect(arg)
        elif isinstance(expr, Pow):
            self._collect(expr.args[0])
        elif not isinstance(expr, Rational):
            self.variables.setdefault(expr, len(self.variables))

    def element(self, expr: Any) -> Any:
        """The element of the field that an expression stands for."""
        if isinstance(expr, Named):
            return self.element(expr.args[1])
        if isinstance(expr, Rational):
            return self.field.one * QQ(int(expr.p), int(expr.q))
        if isinstance(expr, Add):
            return sum(map(self.element, expr.args), self.field.zero)
        if isinstance(expr, Mul):
            total = self.field.one
            for arg in expr.args:
                total *= self.element(arg)
            return total
        if isinstance(expr, Pow):
            base, exponent = self.element(expr.args[0]), int(expr.args[1])
            if exponent < 0:
                need(base != self.field.zero, f"division by {expr.args[0]}, which is 0.")
            return base**exponent
        return self.field.gens[self.variables[expr]]
