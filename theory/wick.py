"""Expectations of polynomials in random matrices, with symbolic sizes.

A centred Gaussian matrix Z (p×q) is given by E[Z_ij Z_kl] = R_ik C_jl, R its row and C its column covariance. The
covariates X of a prompt have R = I_n, C = Σ; a vector has q = 1 and C = 1. Isserlis' theorem sums over the ways to pair the
factors, and to pair two factors in a trace is to rewire it:

    E tr(Z α Zᵀ β) = tr(α C) tr(β R)        E tr(Z α Z β) = tr(β R αᵀ C)        E tr(Z α) tr(Z β) = tr(α R βᵀ C)

(the other cases by transposing a word: tr(Zᵀ β) = tr(Z βᵀ)),

so a closed loop of a sample index gives n, one of a feature index d or a trace, and n and d stay symbols. Instead of
listing the (2k−1)!! pairings, one factor at a time is paired with each of the others, and equal results are merged; the number of
distinct products of traces grows like a number of partitions.

A law that is not Gaussian adds its fourth cumulant as a further vertex, at which four factors meet. Every symmetric tensor of order
four is a combination of terms K_ab K_cd + K_ac K_bd + K_ad K_bc, so a vertex is a weight and two covariances, and to let four
factors meet is to pair them twice with these. Where the rows x_i of a matrix are independent, a vertex holds four factors of one row:
its row covariance is e eᵀ for a unit vector e, and its weight counts the rows.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, NamedTuple

from sympy import Dummy, Identity, MatMul, MatrixSymbol, Trace, sympify

from theory.errors import ExpectationError
from theory.traces import Alphabet, Combination, Monomial, Polynomial, Word, add, multiply


class UnitVector(MatrixSymbol):
    """A column e with eᵀe = 1."""


class Vertex(NamedTuple):
    """A part of a fourth cumulant: weight · (R_ac C_bd R_eg C_fh + the two other pairings of the four factors).

    weight   a scalar
    rows     R, p×p
    columns  C, q×q
    """

    weight: Any
    rows: Any
    columns: Any


class RandomMatrix(NamedTuple):
    """A random matrix with E[Z_ij Z_kl] = rows_ik · columns_jl and no cumulants of odd order.

    symbol    MatrixSymbol of shape p×q
    rows      p×p covariance, any matrix expression
    columns   q×q covariance, any matrix expression
    vertices  its fourth cumulant; None if it is Gaussian. Cumulants of higher order are not known where there is one
    """

    symbol: Any
    rows: Any
    columns: Any
    vertices: tuple[Vertex, ...] | None = None


Excess = tuple[tuple[Any, Any], ...]


def random_vector(symbol: Any, covariance: Any, excess: Excess | None = None) -> RandomMatrix:
    """A column with the given covariance.

    excess  its fourth cumulant, as (weight, K) for each term weight · (K_ab K_cd + K_ac K_bd + K_ad K_bc); None if it is Gaussian
    """
    vertices = None if excess is None else tuple(Vertex(weight, K, Identity(1)) for weight, K in excess)
    return RandomMatrix(symbol, covariance, Identity(1), vertices)


def independent_rows(symbol: Any, covariance: Any, excess: Excess | None = None) -> RandomMatrix:
    """A matrix whose rows are independent copies of the vector with this covariance and this fourth cumulant.

    >>> from sympy import symbols
    >>> n, kappa = symbols("n kappa", integer=True, positive=True)
    >>> X = MatrixSymbol("X", n, 1)
    >>> expectation(Trace(X.T * X) ** 2, independent_rows(X, Identity(1), ((kappa / 3, Identity(1)),)))
    kappa*n + n**2 + 2*n
    """
    size = symbol.shape[0]
    one = UnitVector(Dummy("row"), size, 1)
    row = Identity(1) if size == 1 else MatMul(one, one.T)
    vertices = None if excess is None else tuple(Vertex(size * weight, row, K) for weight, K in excess)
    return RandomMatrix(symbol, Identity(size), covariance, vertices)


def expectation(expr: Any, *laws: RandomMatrix, symmetric: tuple[Any, ...] = ()) -> Any:
    """E[expr] over independent random matrices; every other symbol is a constant.

    expr       a scalar built from Trace and BilinearForm, or a matrix expression
    laws       the random matrices in it
    symmetric  constant matrices known to be symmetric, besides the covariances that are single symbols

    >>> from sympy import Identity, MatrixSymbol, Trace, symbols
    >>> n, d = symbols("n d", integer=True, positive=True)
    >>> X, K = MatrixSymbol("X", n, d), MatrixSymbol("K", d, d)
    >>> law = RandomMatrix(X, Identity(n), Identity(d))
    >>> expectation(Trace(X.T * X), law)
    d*n
    >>> expectation(X.T * X * K * X.T * X, law, symmetric=(K,))
    (n*Trace(K))*I + (n**2 + n)*K
    """
    expr = sympify(expr)
    covariances = [m for law in laws for pair in _covariances(law) for m in pair]
    named = [m for m in covariances if isinstance(m, MatrixSymbol)]
    alphabet = Alphabet([*symmetric, *named], [expr, *covariances, *(law.symbol for law in laws)])
    engine = _Engine(alphabet, laws)
    if not getattr(expr, "is_Matrix", False):
        return alphabet.expression(engine.expect(alphabet.scalar(expr)))
    # E[F] is read off from E[tr(F J)], in which the probe J stands exactly once in every term
    probe = MatrixSymbol(Dummy("probe"), expr.shape[1], expr.shape[0])
    result = alphabet.gradient(engine.expect(alphabet.scalar(Trace(expr * probe))), alphabet.letter(probe))
    transposed: Combination = [(p, alphabet.transposed(word)) for p, word in result]
    return alphabet.matrix_expression(transposed, expr.shape)


def _covariances(law: RandomMatrix) -> list[tuple[Any, Any]]:
    """Row and column covariance of a law and of each of its vertices."""
    return [(law.rows, law.columns), *((vertex.rows, vertex.columns) for vertex in law.vertices or ())]


class _Law(NamedTuple):
    symbol: Any
    pair: tuple[Combination, Combination]
    vertices: list[tuple[Polynomial, Combination, Combination]] | None


class _Engine:
    """Pairs random letters in closed words until none is left."""

    def __init__(self, alphabet: Alphabet, laws: tuple[RandomMatrix, ...]) -> None:
        self.alphabet = alphabet
        self.laws: dict[int, _Law] = {}
        self.ends: set[Word] = set()  # the words eᵀe of unit vectors
        for law in laws:
            p, q = getattr(law.symbol, "shape", (None, None))
            for rows, columns in _covariances(law):
                if rows.shape != (p, p) or columns.shape != (q, q):
                    raise ExpectationError(
                        f"RandomMatrix({law.symbol}): of shape {(p, q)}, it needs covariances of shapes {(p, p)} and {(q, q)}, "
                        f"got {rows.shape} and {columns.shape}."
                    )
            letter = alphabet.letter(law.symbol)
            if letter in self.laws:
                raise ExpectationError(f"expectation: two laws given for {law.symbol}; give each matrix one.")
            vertices = None
            if law.vertices is not None:
                vertices = [(alphabet.scalar(v.weight), alphabet.matrix(v.rows), alphabet.matrix(v.columns)) for v in law.vertices]
            self.laws[letter] = _Law(law.symbol, (alphabet.matrix(law.rows), alphabet.matrix(law.columns)), vertices)
            for covariance in (m for pair in _covariances(law)[1:] for m in pair):
                self.ends |= {(-alphabet.letter(e), alphabet.letter(e)) for e in covariance.atoms(UnitVector)}

    def _degree(self, live: Monomial) -> int:
        return sum(abs(k) in self.laws for word in live for k in word)

    def _split(self, monomial: Monomial) -> tuple[Monomial, Monomial]:
        live = tuple(word for word in monomial if any(abs(k) in self.laws for k in word))
        return live, tuple(word for word in monomial if word not in live)

    def expect(self, polynomial: Polynomial) -> Polynomial:
        # live monomials (those with a Gaussian letter) by degree, each with a polynomial in constants for its coefficient
        by_degree: dict[int, dict[Monomial, Polynomial]] = defaultdict(dict)

        def put(monomial: Monomial, coefficient: Polynomial) -> None:
            live, done = self._split(monomial)
            level = by_degree[self._degree(live)]
            level[live] = add([level.get(live, {}), multiply({done: 1}, coefficient)])

        for monomial, coefficient in polynomial.items():
            put(monomial, {(): coefficient})
        while any(degree > 0 for degree in by_degree):
            for live, coefficient in by_degree.pop(max(by_degree)).items():
                if coefficient:
                    for monomial, scale in self._pair_first(live).items():
                        put(monomial, multiply({(): scale}, coefficient))
        return self._ended(by_degree.get(0, {}).get((), {}))

    def _ended(self, polynomial: Polynomial) -> Polynomial:
        """The unit vectors e of vertices averaged over all p axes: eᵀe = 1, and a single eᵀKe is tr(K)/p."""
        for word in self.ends:
            e = word[1]
            parts = []
            for monomial, coefficient in polynomial.items():
                with_e = [other for other in monomial if e in other or -e in other]
                rest = tuple(other for other in monomial if other not in with_e)
                bent = [other for other in with_e if other != word]
                part: Polynomial = {rest: coefficient}
                if bent:
                    inner = bent[0][1:-1]
                    if len(bent) > 1 or e in inner or -e in inner:
                        raise ExpectationError(
                            "expectation: the fourth cumulant of independent coordinates depends on single coordinates; give the sizes as "
                            "numbers."
                        )
                    size = self.alphabet.rows(e)
                    part = multiply(multiply(part, self.alphabet.closed(inner, size)), self.alphabet.scalar(1 / size))
                parts.append(part)
            polynomial = add(parts)
        return polynomial

    def _pair_first(self, live: Monomial) -> Polynomial:
        """Pair the first random letter with every other occurrence of the same matrix, and let four of them meet in a vertex."""
        letter = next(abs(k) for k in live[0] if abs(k) in self.laws)
        symbol, pair, vertices = self.laws[letter]
        terms = [self._pair(live, letter, *pair)]
        if vertices is not None:
            degree = sum(abs(k) == letter for word in live for k in word)
            if degree > 4:
                raise ExpectationError(f"expectation: a moment of order {degree} of {symbol}, of which moments to order 4 are known.")
            if degree == 4:
                for weight, rows, columns in vertices:
                    for monomial, scale in self._pair(live, letter, rows, columns).items():
                        terms.append(multiply(self._pair(monomial, letter, rows, columns), multiply({(): scale}, weight)))
        return add(terms)

    def _pair(self, monomial: Monomial, letter: int, rows: Combination, columns: Combination) -> Polynomial:
        """The first occurrence of a letter paired with every other one, with these covariances."""
        first = next(i for i, word in enumerate(monomial) if letter in word or -letter in word)
        word, rest = monomial[first], monomial[:first] + monomial[first + 1 :]
        at = next(i for i, k in enumerate(word) if abs(k) == letter)
        if word[at] < 0:
            word = self.alphabet.transposed(word)
            at = len(word) - 1 - at
        gaussian = word[at]
        alpha = word[at + 1 :] + word[:at]
        turn = self.alphabet.transposed
        p, q = self.alphabet.rows(gaussian), self.alphabet.cols(gaussian)
        terms: list[Polynomial] = []
        for i, k in enumerate(alpha):
            before, after = alpha[:i], alpha[i + 1 :]
            if k == -gaussian:
                split = multiply(self._trace(before, columns, q), self._trace(after, rows, p))
                terms.append(multiply(split, {rest: 1}))
            elif k == gaussian:
                terms.append(multiply(self._joined(after, rows, turn(before), columns, q), {rest: 1}))
        for j, other in enumerate(rest):
            remaining: Polynomial = {rest[:j] + rest[j + 1 :]: 1}
            for i, k in enumerate(other):
                if abs(k) == gaussian:
                    beta = other[i + 1 :] + other[:i]
                    joined = self._joined(alpha, rows, turn(beta) if k > 0 else beta, columns, q)
                    terms.append(multiply(joined, remaining))
        return add(terms)

    def _trace(self, word: Word, covariance: Combination, size: Any) -> Polynomial:
        """tr(word · covariance)."""
        return add(multiply(scale, self.alphabet.closed(word + middle, size)) for scale, middle in covariance)

    def _joined(self, left: Word, rows: Combination, right: Word, columns: Combination, size: Any) -> Polynomial:
        """tr(left · rows · right · columns), left of shape q×p and right of shape p×q."""
        return add(multiply(multiply(s, t), self.alphabet.closed(left + r + right + c, size)) for s, r in rows for t, c in columns)
