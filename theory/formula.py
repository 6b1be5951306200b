"""A function of one variable, read from text of which nothing is ever run: its syntax tree is walked, and what is not listed is refused."""

from __future__ import annotations

import ast
from typing import Any

import sympy
from sympy import Expr, Integer, Rational

from theory.errors import DescriptionError
from theory.means import known_functions

LONGEST, DEEPEST, LARGEST_POWER = 400, 40, 100
CONSTANTS = {"pi": sympy.pi, "E": sympy.E}
SHORT = {"abs": sympy.Abs, "max": sympy.Max, "min": sympy.Min, "sqrt": sympy.sqrt, "relu": lambda value: sympy.Max(0, value)}


def parse_formula(where: str, text: str, variable: Any) -> Expr:
    """The sympy expression in `variable` that a text such as `t*tanh(t) + t^2/2` describes. Numbers are exact: 0.1 is 1/10.

    Raises DescriptionError, naming what it did not know.
    """
    functions = {function.__name__: function for function in known_functions()} | SHORT

    def refuse(what: str) -> DescriptionError:
        known = ", ".join(sorted({*functions, *CONSTANTS, variable.name}))
        return DescriptionError(f"{where}: {what} is not allowed in {text[:60]!r}; it is made of numbers, + - * / ^ and {known}.")

    def value(node: ast.AST, depth: int) -> Expr:
        if depth > DEEPEST:
            raise refuse("so deep a formula")
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            digits = ast.get_source_segment(source, node) or ""
            try:
                number = Rational(digits.replace("_", ""))
            except (TypeError, ValueError):
                raise refuse(digits) from None
            if not number.is_finite or abs(number) > 10**12:
                raise refuse(digits)
            return number
        if isinstance(node, ast.Name):
            if node.id == variable.name:
                return variable
            if node.id in CONSTANTS:
                return CONSTANTS[node.id]
            raise refuse(node.id)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            operand = value(node.operand, depth + 1)
            return -operand if isinstance(node.op, ast.USub) else operand
        if isinstance(node, ast.BinOp):
            left, right = value(node.left, depth + 1), value(node.right, depth + 1)
            if isinstance(node.op, ast.Add):
                return left + right
            if isinstance(node.op, ast.Sub):
                return left - right
            if isinstance(node.op, ast.Mult):
                return left * right
            if isinstance(node.op, ast.Div) and right != 0:
                return left / right
            if isinstance(node.op, ast.Pow) and _is_small(left, right):
                return left**right
            raise refuse(ast.get_source_segment(source, node) or "this")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in functions and node.args and not node.keywords:
            try:
                return functions[node.func.id](*(value(arg, depth + 1) for arg in node.args))
            except TypeError:
                raise refuse(ast.get_source_segment(source, node) or node.func.id) from None
        raise refuse(ast.get_source_segment(source, node) or type(node).__name__)

    source = text.strip().replace("^", "**")
    if len(source) > LONGEST:
        raise DescriptionError(f"{where}: a formula has at most {LONGEST} characters, got {len(source)}.")
    try:
        return value(ast.parse(source, mode="eval").body, 0) + Integer(0)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise DescriptionError(f"{where}: {text[:60]!r} is not a formula such as t*tanh(t) + t^2/2.") from None


def _is_small(base: Any, exponent: Any) -> bool:
    """Whether a power is no astronomic number."""
    if not exponent.is_number or not base.is_Rational:
        return not exponent.is_number or bool(exponent.is_Rational and abs(exponent) <= LARGEST_POWER)
    return bool(exponent.is_Rational and abs(exponent) * max(int(base.p).bit_length(), int(base.q).bit_length()) <= 40 * LARGEST_POWER)
