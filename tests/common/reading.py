"""Formulas at numbers, by two routes: the expression itself, and what a reader makes of its printed form.

A mean is read as 1.7 times its integrand, a predictor as 2.3, and a gradient at p as p + 1: opaque, but the same for both.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp

from proofs.language import Expectation, GradientAt, Mean, Named, NamedMatrix, Predictor, Rank

SIZES = {"n": 3, "d": 2, "n_t": 4, "k": 4, "m": 5}


def size(expr: Any) -> int:
    """A size at numbers."""
    return int(expr.subs({symbol: SIZES[symbol.name] for symbol in expr.free_symbols}))


def value(expr: Any) -> Any:
    """The expression at numbers that depend on its symbols' names."""
    if isinstance(expr, sp.Symbol):
        return float(SIZES[expr.name]) if expr.name in SIZES else 0.5 + _random(expr.name).random()
    if isinstance(expr, sp.MatrixSymbol):
        return _random(expr.name).normal(size=tuple(map(size, expr.shape))) + (
            3 * np.eye(size(expr.shape[0])) if expr.shape[0] == expr.shape[1] else 0
        )
    if isinstance(expr, sp.Rational):
        return float(expr)
    if isinstance(expr, Named | NamedMatrix):
        return value(expr.args[1])
    if isinstance(expr, sp.Identity):
        return np.eye(size(expr.shape[0]))
    if isinstance(expr, sp.ZeroMatrix):
        return np.zeros(tuple(map(size, expr.shape)))
    if isinstance(expr, Predictor):
        return 2.3
    if isinstance(expr, Mean | Expectation):
        return 1.7 * value(expr.args[0])
    if isinstance(expr, GradientAt):
        return value(expr.args[2]) + 1
    if isinstance(expr, sp.BlockMatrix):
        rows, columns = expr.blockshape
        return np.block([[value(expr.blocks[i, j]) for j in range(columns)] for i in range(rows)])
    values = [value(arg) for arg in expr.args]
    if isinstance(expr, sp.Add | sp.MatAdd):
        return sum(values[1:], values[0])
    if isinstance(expr, sp.Mul | sp.MatMul):
        total = values[0]
        for factor in values[1:]:
            total = total @ factor if np.ndim(total) and np.ndim(factor) else total * factor
        return total
    if isinstance(expr, sp.Transpose):
        return values[0].T
    if isinstance(expr, sp.Inverse):
        return np.linalg.inv(values[0])
    if isinstance(expr, sp.Pow | sp.MatPow):
        return _power(values[0], int(values[1]))
    if isinstance(expr, sp.Trace):
        return float(np.trace(values[0]))
    if isinstance(expr, Rank):
        return float(np.linalg.matrix_rank(values[0]))
    raise TypeError(f"{type(expr).__name__} has no value here")


def _random(name: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(name.encode()))


def _power(base: Any, exponent: int) -> Any:
    return np.linalg.matrix_power(base, exponent) if np.ndim(base) else base**exponent


class Reader:
    """Reads a formula in Unicode with the usual precedence; products by juxtaposition, from left to right; a 1×1 matrix is a scalar."""

    _SIGNS = re.compile(r"\s*([+−·/()\[\],]|[ᵀ]|[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+|½|¼|\d+)")
    _DIGITS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")

    def __init__(self, text: str, known: dict[str, Any]) -> None:
        self.known = dict(sorted(known.items(), key=lambda item: -len(item[0])))
        self.text = text
        self.tokens = self._split(text)

    def read(self) -> Any:
        """The value of the whole text."""
        total = self._sum()
        if self.tokens:
            raise ValueError(f"{self.text}: not read from {self.tokens} on")
        return _scalar(total)

    def _split(self, text: str) -> list[tuple[str, Any]]:
        found: list[tuple[str, Any]] = []
        while text.strip():
            text = text.strip()
            mean = re.match(r"E(_\{[^}]*\}|_.)?(?=\[)", text)
            name = next((name for name in self.known if text.startswith(name)), None)
            word = re.match(r"tr(?=\()|rank(?=\()|∇ℓ(?=\()|[efg](?=\()|I_[nd]|I_\{n_t\}", text)
            sign = self._SIGNS.match(text)
            if mean:
                found.append(("mean", None))
                text = text[mean.end() :]
            elif word:
                found.append(("word", word[0]))
                text = text[word.end() :]
            elif name:
                found.append(("value", self.known[name]))
                text = text[len(name) :]
            elif sign:
                found.append(("sign", sign[1]))
                text = text[sign.end() :]
            else:
                raise ValueError(f"{self.text}: not read from {text!r} on")
        return found

    def _next(self, *signs: str) -> str | None:
        if self.tokens and self.tokens[0][0] == "sign" and self.tokens[0][1] in signs:
            return str(self.tokens.pop(0)[1])
        return None

    def _sum(self) -> Any:
        total = -self._product() if self._next("−") else self._product()
        while sign := self._next("+", "−"):
            term = self._product()
            total = _plus(total, term if sign == "+" else -term)
        return total

    def _product(self) -> Any:
        total = self._factor()
        while self.tokens and not (self.tokens[0][0] == "sign" and self.tokens[0][1] in ("+", "−", ")", "]", ",")):
            if self._next("·"):
                continue
            total = total / self._factor() if self._next("/") else _times(total, self._factor())
        return total

    def _factor(self) -> Any:
        kind, what = self.tokens.pop(0)
        if kind == "value":
            total: Any = what
        elif kind == "mean":
            total = 1.7 * self._bracket("[", "]")
        elif kind == "word":
            total = self._word(what)
        elif what == "(":
            total = self._sum()
            self._close(")")
        else:
            total = {"½": 0.5, "¼": 0.25}.get(what) or float(what)
        while self.tokens and self.tokens[0][0] == "sign" and re.fullmatch("ᵀ|[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+", self.tokens[0][1]):
            mark = self.tokens.pop(0)[1]
            total = np.transpose(total) if mark == "ᵀ" else _power(_scalar(total), int(mark.translate(self._DIGITS)))
        return total

    def _word(self, word: str) -> Any:
        if word.startswith("I_"):
            return np.eye(SIZES[word[2:].strip("{}")])
        if word in ("e", "f", "g"):
            self._arguments()
            return 2.3
        inner = self._bracket("(", ")")
        functions: dict[str, Callable[[Any], Any]] = {"tr": np.trace, "rank": np.linalg.matrix_rank, "∇ℓ": lambda p: _column(p) + 1}
        return functions[word](inner)

    def _arguments(self) -> None:
        self._close("(")
        self._sum()
        while self._next(","):
            self._sum()
        self._close(")")

    def _bracket(self, left: str, right: str) -> Any:
        self._close(left)
        inner = self._sum()
        self._close(right)
        return inner

    def _close(self, sign: str) -> None:
        if self._next(sign) is None:
            raise ValueError(f"{self.text}: {sign} is missing before {self.tokens[:3]}")


def _column(point: Any) -> Any:
    return point if np.ndim(point) else np.full((SIZES["d"], 1), point)


def _scalar(total: Any) -> Any:
    return float(total[0, 0]) if np.shape(total) == (1, 1) else total


def _plus(left: Any, right: Any) -> Any:
    left, right = _scalar(left), _scalar(right)
    if np.ndim(left) != np.ndim(right) and not (np.all(left == 0) or np.all(right == 0)):
        raise ValueError("a scalar is added to a matrix")
    return left + right


def _times(left: Any, right: Any) -> Any:
    left, right = _scalar(left), _scalar(right)
    return left @ right if np.ndim(left) and np.ndim(right) else left * right
