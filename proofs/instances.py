"""Statements at numbers: exact instances, as models of assumptions and as witnesses against claims.

This is what the words of `proofs.language` mean, computed in components at small sizes. It is never evidence *for* a claim: the kernel
uses an instance to see that assumptions do not contradict each other, and to say at which numbers a refused claim fails.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

from sympy import (
    QQ,
    Add,
    BlockMatrix,
    Eq,
    Ge,
    Gt,
    Identity,
    Inverse,
    Le,
    Lt,
    MatAdd,
    MatMul,
    MatPow,
    MatrixSymbol,
    Mul,
    Ne,
    Pow,
    Rational,
    Symbol,
    Trace,
    Transpose,
    ZeroMatrix,
    factorial2,
)
from sympy.polys.matrices import DomainMatrix
from sympy.polys.rings import PolyElement, ring

from proofs.language import (
    LAWS,
    All,
    Any_,
    Equivalence,
    Expectation,
    GradientAt,
    Implication,
    Invertible,
    Law,
    Mean,
    Named,
    NamedMatrix,
    Normal,
    Orthogonal,
    PositiveDefinite,
    PositiveSemidefinite,
    Predictor,
    Rank,
    bound,
    conjuncts,
    nodes,
    symbols_of,
)
from proofs.outcomes import Outcome, drawn, has

Matrix = list[list[Any]]
_LARGEST = 400  # entries of a matrix in an instance
_MOST_TERMS = 1_000_000  # of a product, before like terms are collected


class Undecided(Exception):
    """The expression has no value that this module can compute."""


class Instance:
    """Values for symbols, the laws of the Gaussian matrices, and the equally likely outcomes of those of each Law."""

    def __init__(self, values: dict[Any, Any], laws: dict[Any, Any]) -> None:
        self.values, self.laws = values, laws
        self.outcomes: dict[tuple[Any, ...], list[Outcome]] = {}
        self._normals: list[Any] = []  # generators of the ring in which means are computed, not yet used
        self._variance: dict[int, Any] = {}
        self.stop: float | None = None  # when to give up, on the clock of time.monotonic

    def holds(self, statement: Any) -> bool:
        """The truth of a statement."""
        args = statement.args
        if isinstance(statement, All):
            return all(map(self.holds, args))
        if isinstance(statement, Any_):
            return any(map(self.holds, args))
        if isinstance(statement, Implication):
            return not self.holds(args[0]) or self.holds(args[1])
        if isinstance(statement, Equivalence):
            return self.holds(args[0]) == self.holds(args[1])
        if isinstance(statement, PositiveDefinite | PositiveSemidefinite):
            pivots = _ldl(self.matrix(args[0]))
            return pivots is not None and (isinstance(statement, PositiveSemidefinite) or all(p > 0 for p in pivots[1]))
        if isinstance(statement, Normal):
            return all(_ldl(self.matrix(m)) is not None for m in args[1:])
        if isinstance(statement, Invertible):
            matrix = self.matrix(args[0])
            return _rank(matrix) == len(matrix)
        if isinstance(statement, Orthogonal):
            matrix = self.matrix(args[0])
            return _times([list(row) for row in zip(*matrix, strict=True)], matrix) == self.matrix(Identity(args[0].shape[0]))
        if isinstance(statement, Law):
            return bool(self.outcomes[args])
        if isinstance(statement, LAWS):
            members = {node for node in nodes(statement) if isinstance(node, MatrixSymbol)}
            decided = has(next(outcomes for block, outcomes in self.outcomes.items() if members <= set(block)), statement)
            if decided is None:
                raise Undecided(str(statement))
            return decided
        left, right = (self.matrix(a) if getattr(a, "is_Matrix", False) else self.number(a) for a in args)
        compare = {
            Eq: lambda: left == right,
            Ne: lambda: left != right,
            Ge: lambda: left >= right,
            Gt: lambda: left > right,
            Le: lambda: left <= right,
            Lt: lambda: left < right,
        }
        return next(test() for kind, test in compare.items() if isinstance(statement, kind))

    def number(self, expr: Any) -> Any:
        """The value of a scalar: a rational, or inside a mean a polynomial in independent normals."""
        if self.stop is not None and time.monotonic() > self.stop:
            raise Undecided("time is up")
        if isinstance(expr, Rational):
            return QQ(int(expr.p), int(expr.q))
        if isinstance(expr, Symbol):
            return self.values[expr]
        if isinstance(expr, Add):
            return sum(map(self.number, expr.args), QQ(0))
        if isinstance(expr, Mul):
            total = QQ(1)
            for arg in expr.args:
                factor = self.number(arg)
                if _terms(total) * _terms(factor) > _MOST_TERMS:
                    raise Undecided(f"{expr} is too large")
                total = total * factor
            return total
        if isinstance(expr, Pow):
            base, exponent = self.number(expr.args[0]), int(expr.args[1])
            if exponent < 0 and (isinstance(base, PolyElement) or base == 0):
                raise Undecided(f"1/({expr.args[0]})")
            if exponent > 1 and _terms(base) ** exponent > _MOST_TERMS:
                raise Undecided(f"{expr} is too large")
            return base**exponent
        if isinstance(expr, Named):
            return self.number(expr.args[1])
        if isinstance(expr, Trace):
            matrix = self.matrix(expr.args[0])
            return sum((matrix[i][i] for i in range(len(matrix))), QQ(0))
        if isinstance(expr, Rank):
            return QQ(_rank(self.matrix(expr.args[0])))
        if isinstance(expr, Predictor):  # any function will do for a witness
            entries = [entry for arg in expr.args[1:] for row in self.matrix(arg) for entry in row]
            return sum(((i + 1) * entry for i, entry in enumerate(entries)), QQ(1))
        if isinstance(expr, Mean):
            return self._mean(expr.args[0], tuple(expr.args[1]))[0][0]
        raise Undecided(str(expr))

    def matrix(self, expr: Any) -> Matrix:
        """The value of a matrix, as a list of rows."""
        if isinstance(expr, MatrixSymbol):
            return [list(row) for row in self.values[expr]]
        if isinstance(expr, NamedMatrix):
            return self.matrix(expr.args[1])
        if isinstance(expr, Identity | ZeroMatrix):
            rows, cols = (int(self.number(size)) for size in expr.shape)
            one = QQ(isinstance(expr, Identity))
            return [[one if i == j else QQ(0) for j in range(cols)] for i in range(rows)]
        if isinstance(expr, Transpose):
            return [list(row) for row in zip(*self.matrix(expr.args[0]), strict=True)]
        if isinstance(expr, MatAdd):
            terms = [self.matrix(term) for term in expr.args]
            return [[sum(entries, QQ(0)) for entries in zip(*rows, strict=True)] for rows in zip(*terms, strict=True)]
        if isinstance(expr, MatMul):
            scale, total = QQ(1), None
            for factor in expr.args:
                if getattr(factor, "is_Matrix", False):
                    total = self.matrix(factor) if total is None else _times(total, self.matrix(factor))
                else:
                    scale = scale * self.number(factor)
            return [[scale * entry for entry in row] for row in total or []]
        if isinstance(expr, Inverse | MatPow):
            base, exponent = self.matrix(expr.args[0]), int(expr.args[1])
            base = _inverse(base) if exponent < 0 else base
            total = self.matrix(Identity(expr.shape[0]))
            for _ in range(abs(exponent)):
                total = _times(total, base)
            return total
        if isinstance(expr, BlockMatrix):
            grid = [[self.matrix(expr.blocks[i, j]) for j in range(expr.blockshape[1])] for i in range(expr.blockshape[0])]
            return [[entry for line in lines for entry in line] for row in grid for lines in zip(*row, strict=True)]
        if isinstance(expr, GradientAt):
            return self._gradient(*expr.args)
        if isinstance(expr, Expectation):
            return self._mean(expr.args[0], tuple(expr.args[1]))
        raise Undecided(str(expr))

    def solved(self, equation: Any, known: set[Any]) -> dict[Any, Matrix]:
        """The value of Z that solves P Z Q = K, if one factor only is an unknown symbol and the others are invertible."""
        factors, wanted = equation.lhs.args, self.matrix(equation.rhs)
        unknown = [i for i, factor in enumerate(factors) if isinstance(factor, MatrixSymbol) and factor not in known]
        others = [self.matrix(factor) for i, factor in enumerate(factors) if i not in unknown and getattr(factor, "is_Matrix", False)]
        if len(unknown) != 1 or len(others) + 1 < len(factors) or any(len(m) != len(m[0]) or _rank(m) < len(m) for m in others):
            return {}
        (at,) = unknown
        for i, matrix in enumerate(others):
            wanted = _times(_inverse(matrix), wanted) if i < at else wanted
        for i, matrix in reversed(list(enumerate(others))):
            wanted = _times(wanted, _inverse(matrix)) if i >= at else wanted
        return {factors[at]: wanted}

    def _gradient(self, scalar: Any, symbol: Any, point: Any) -> Matrix:
        """The linear part of the scalar at point + t, t_1, t_2, … being the generators of a ring."""
        if self._variance:
            raise Undecided("a gradient inside a mean")
        at = self.matrix(point)
        directions = ring([f"t{i}" for i in range(len(at))], QQ)[1:]
        outer = self.values
        self.values = {**outer, symbol: [[row[0] + t] for row, t in zip(at, directions, strict=True)]}
        try:
            value = self.number(scalar)
        finally:
            self.values = outer
        return [[value.coeff(t) if isinstance(value, PolyElement) else QQ(0)] for t in directions]

    def _mean(self, integrand: Any, variables: tuple[Any, ...]) -> Matrix:
        """The mean of a matrix, or of a scalar as one of size 1×1."""
        block = next((block for block in self.outcomes if set(block) & set(variables)), None)
        if block is None:
            return self._gaussian_mean(integrand, variables)
        own = [z for z in variables if z in block]
        others = tuple(z for z in variables if z not in block)
        outer, total = self.values, None
        outcomes = self.outcomes[block]
        try:
            for outcome, count in Counter(tuple(outcome[z] for z in own) for outcome in outcomes).items():
                self.values = outer | dict(zip(own, outcome, strict=True))
                share = [[entry * QQ(count, len(outcomes)) for entry in row] for row in self._mean(integrand, others)]
                total = share if total is None else [[a + b for a, b in zip(*rows, strict=True)] for rows in zip(total, share, strict=True)]
        finally:
            self.values = outer
        return total or []

    def _gaussian_mean(self, integrand: Any, variables: tuple[Any, ...]) -> Matrix:
        outermost = not self._variance
        if outermost:
            inside = {z for node in nodes(integrand) if isinstance(node, Mean | Expectation) for z in node.args[1]}
            gaussian = {z for z in {*variables, *inside} if z in self.laws}
            sizes = [int(self.number(z.shape[0])) * int(self.number(z.shape[1])) for z in gaussian]
            self._normals = list(ring([f"g{i}" for i in range(sum(sizes))], QQ)[1:])
        outer, start = self.values, len(self._variance)
        self.values = dict(outer)
        try:
            for z in variables:
                self.values[z] = self._sample(z)
            own = {i: self._variance[i] for i in range(start, len(self._variance))}
            value = self.matrix(integrand) if getattr(integrand, "is_Matrix", False) else [[self.number(integrand)]]
            return [[_expected(entry, own) for entry in row] for row in value]
        finally:
            self.values = outer
            if outermost:
                self._variance = {}

    def _sample(self, symbol: Any) -> Matrix:
        """L_R G L_Cᵀ, G of independent normals."""
        if symbol not in self.laws:
            raise Undecided(f"the law of {symbol}")
        factors = [_ldl(self.matrix(m)) for m in self.laws[symbol].args[1:]]
        if factors[0] is None or factors[1] is None:
            raise Undecided(f"the law of {symbol}")
        (left, row_pivots), (right, column_pivots) = factors  # type: ignore[misc]
        normals: Matrix = []
        for p in row_pivots:
            normals.append([])
            for q in column_pivots:
                at = len(self._variance)
                if at >= len(self._normals):
                    raise Undecided("a mean inside a mean")
                self._variance[at] = p * q
                normals[-1].append(self._normals[at])
        return _times(_times(left, normals), [list(row) for row in zip(*right, strict=True)])


def _terms(value: Any) -> int:
    return len(value) if isinstance(value, PolyElement) else 1


def _expected(value: Any, variance: dict[int, Any]) -> Any:
    if not isinstance(value, PolyElement):
        return value
    total = value.ring.zero
    for monomial, coefficient in value.terms():
        if any(monomial[i] % 2 for i in variance):
            continue
        rest = list(monomial)
        for i, v in variance.items():
            if monomial[i]:
                coefficient = coefficient * int(factorial2(monomial[i] - 1)) * v ** (monomial[i] // 2)
                rest[i] = 0
        total += value.ring.from_dict({tuple(rest): coefficient})
    return total.coeff(1) if total.is_ground else total


def _times(left: Matrix, right: Matrix) -> Matrix:
    return [[sum((a * b for a, b in zip(row, column, strict=True)), QQ(0)) for column in zip(*right, strict=True)] for row in left]


def _domain_matrix(matrix: Matrix) -> DomainMatrix:
    if any(isinstance(entry, PolyElement) for row in matrix for entry in row):
        raise Undecided("a random matrix")
    return DomainMatrix([[QQ.convert(entry) for entry in row] for row in matrix], (len(matrix), len(matrix[0])), QQ)


def _rank(matrix: Matrix) -> int:
    return int(_domain_matrix(matrix).rank())


def _inverse(matrix: Matrix) -> Matrix:
    if _rank(matrix) < len(matrix):
        raise Undecided("the inverse of a singular matrix")
    return [list(row) for row in _domain_matrix(matrix).inv().to_dense().rep.to_list()]


def _ldl(matrix: Matrix) -> tuple[Matrix, list[Any]] | None:
    """L and D with K = L D Lᵀ, L unit lower triangular, D ≥ 0; None unless K is positive semidefinite."""
    _domain_matrix(matrix)
    size = len(matrix)
    if any(matrix[i][j] != matrix[j][i] for i in range(size) for j in range(i)):
        return None
    left = [[QQ(int(i == j)) for j in range(size)] for i in range(size)]
    pivots: list[Any] = []
    rest = [list(row) for row in matrix]
    for k in range(size):
        pivot = rest[k][k]
        if pivot < 0 or (pivot == 0 and any(rest[i][k] != 0 for i in range(k, size))):
            return None
        pivots.append(pivot)
        for i in range(k + 1, size):
            left[i][k] = rest[i][k] / pivot if pivot else QQ(0)
        for i in range(k + 1, size):
            for j in range(k + 1, size):
                rest[i][j] = rest[i][j] - left[i][k] * pivot * left[j][k]
    return left, pivots


def instances(given: tuple[Any, ...], *statements: Any, seed: int = 0, tries: int = 300, stop: float | None = None) -> Iterator[Instance]:
    """Instances at which the assumptions hold, small ones first; the same ones every time, until the time to stop."""
    rng = random.Random(seed)
    largest = 3 if any(isinstance(node, Mean | Expectation) for statement in (*given, *statements) for node in nodes(statement)) else 6
    symbols = symbols_of(*given, *statements)
    scalars = [s for s in symbols.values() if isinstance(s, Symbol)]
    matrices = [s for s in symbols.values() if isinstance(s, MatrixSymbol)]
    sizes = {s for m in matrices for size in m.shape for s in size.free_symbols}
    parts = [part for fact in given for part in conjuncts(fact)]
    laws = {part.args[0]: part for part in parts if isinstance(part, Normal)}
    blocks = [part.args for part in parts if isinstance(part, Law)]
    orthogonal = {part.args[0] for part in parts if isinstance(part, Orthogonal)}
    covariances = {m for part in parts if isinstance(part, PositiveDefinite | PositiveSemidefinite | Normal) for m in part.args}
    for attempt in range(tries):
        if stop is not None and time.monotonic() > stop:
            return
        values: dict[Any, Any] = {}
        for place, s in enumerate(sorted(scalars, key=str)):
            if s in sizes:
                values[s] = QQ(1 + rng.randrange(largest if attempt % 10 == 9 else 3) if attempt % 3 else 1 + attempt % 2)
            elif s.is_integer:
                values[s] = QQ(rng.randrange(1, 9) ** (2 if (attempt + place) % 4 == 3 else 1))  # now and then one far beyond the others
            else:
                low = 1 if s.is_positive else 0 if s.is_nonnegative else -3
                values[s] = QQ(rng.randrange(low, 5), rng.randrange(1, 4))
        instance = Instance(values, laws)
        for m in sorted(matrices, key=str):
            rows, cols = (int(instance.number(size)) for size in m.shape)
            if rows * cols > _LARGEST:
                return
            spread = rng.choice((1, 2, 2, 3, 3))  # a matrix of zeros satisfies many an equation
            entries = [[QQ(rng.randrange(1 - spread, spread)) for _ in range(cols)] for _ in range(rows)]
            if m in covariances and rows == cols:
                entries = _times(entries, [list(row) for row in zip(*entries, strict=True)])
                if attempt % 2 == 0:
                    entries = [[entry + (i == j) for j, entry in enumerate(row)] for i, row in enumerate(entries)]
            if m in orthogonal and rows == cols:
                entries = _orthogonal(rng, rows)
            values[m] = entries
        for block in blocks:
            shapes = {z: (int(instance.number(z.shape[0])), int(instance.number(z.shape[1]))) for z in block}
            instance.outcomes[block] = drawn(rng, shapes, [part for part in parts if isinstance(part, LAWS) and _speaks_of(part, block)])
        if not all(instance.outcomes.values()):  # a law with too many outcomes
            continue
        instance.stop = stop
        try:
            for part in parts:
                if isinstance(part, Eq) and isinstance(part.lhs, MatrixSymbol):
                    values[part.lhs] = instance.matrix(part.rhs)
                elif isinstance(part, Eq) and isinstance(part.lhs, Symbol) and part.lhs not in sizes:
                    values[part.lhs] = instance.number(part.rhs)
                elif isinstance(part, Eq) and isinstance(part.lhs, MatMul):
                    values |= instance.solved(part, {other.args[0] for other in parts if isinstance(other, Eq)})
            if all(map(instance.holds, parts)) and all(_in_domain(s, values[s]) for s in scalars):
                yield instance
        except Undecided:
            continue


def _speaks_of(fact: Any, block: tuple[Any, ...]) -> bool:
    return any(node in block for node in nodes(fact))


def _orthogonal(rng: random.Random, size: int) -> Matrix:
    """A product of reflections I − 2vvᵀ/‖v‖², and of the identity if there are none."""
    total = [[QQ(int(i == j)) for j in range(size)] for i in range(size)]
    for _ in range(rng.randrange(3)):
        v = [QQ(rng.randrange(-2, 3)) for _ in range(size)]
        length = sum((entry**2 for entry in v), QQ(0))
        if length:
            reflection = [[QQ(int(i == j)) - 2 * v[i] * v[j] / length for j in range(size)] for i in range(size)]
            total = _times(total, reflection)
    return total


def _in_domain(symbol: Any, value: Any) -> bool:
    return (
        (not symbol.is_positive or value > 0)
        and (not symbol.is_nonnegative or value >= 0)
        and (not symbol.is_integer or value.denominator == 1)
        and (not symbol.is_negative or value < 0)
    )


def witness(claim: Any, given: tuple[Any, ...], seconds: float = 1.0) -> str | None:
    """Numbers at which the assumptions hold and a part of the claim does not, in words; None if none was found in time."""
    stop = time.monotonic() + seconds
    cheapest_first = sorted(conjuncts(claim), key=lambda part: sum(isinstance(node, Mean) for node in nodes(part)))
    searches = [(part, instances((*given, *_hypotheses(part)), part, stop=stop)) for part in cheapest_first]
    while searches and time.monotonic() < stop:
        for part, search in list(searches):
            instance = next(search, None)
            if instance is None:
                searches.remove((part, search))
                continue
            try:
                if not instance.holds(part):
                    return _describe(instance, part)
            except Undecided:
                continue
    return None


def _hypotheses(part: Any) -> tuple[Any, ...]:
    return tuple(conjuncts(part.args[0])) if isinstance(part, Implication) else ()


def _describe(instance: Instance, part: Any) -> str:
    shown = [s for name, s in sorted(symbols_of(part).items()) if s not in bound(part)]
    text = ", ".join(f"{s} = {_text(instance.values[s])}" for s in shown)
    instance.stop = None
    sides = part.args[1] if isinstance(part, Implication) else part
    if isinstance(sides, Eq | Ne | Ge | Gt | Le | Lt):
        left, right = (instance.matrix(a) if getattr(a, "is_Matrix", False) else instance.number(a) for a in sides.args)
        text += f": the left side is {_text(left)}, the right side {_text(right)}"
    return text


def _text(value: Any) -> str:
    return "[" + ", ".join(_text(entry) for entry in value) + "]" if isinstance(value, list) else str(value)
