"""Expectations of polynomials in Gaussian matrices, with symbolic sizes.

A centred Gaussian matrix Z (p×q) is given by E[Z_ij Z_kl] = R_ik C_jl, R its row and C its column covariance. The
covariates X of a prompt have R = I_n, C = Σ; a vector has q = 1 and C = 1. Isserlis' theorem sums over the ways to pair the
factors, and to pair two factors in a trace is to rewire it:

    E tr(Z α Zᵀ β) = tr(α C) tr(β R)        E tr(Z α Z β) = tr(β R αᵀ C)        E tr(Z α) tr(Z β) = tr(α R βᵀ C)

(the other cases by transposing a word: tr(Zᵀ β) = tr(Z βᵀ)),

so a closed loop of a sample index gives n, one of a feature index d or a trace, and n and d stay symbols. Instead of
listing the (2k−1)!! pairings, one factor at a time is paired with each of the others, and equal results are merged; the number of
distinct products of traces grows like a number of partitions.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, NamedTuple

from sympy import Dummy, Identity, MatrixSymbol, Trace, sympify

from theory.errors import ExpectationError
from theory.traces import Alphabet, Combination, Monomial, Polynomial, Word, add, multiply


class GaussianMatrix(NamedTuple):
    """A centred Gaussian matrix: E[Z_ij Z_kl] = rows_ik · columns_jl.

    symbol   MatrixSymbol of shape p×q
    rows     p×p covariance, any matrix expression
    columns  q×q covariance, any matrix expression
    """

    symbol: Any
    rows: Any
    columns: Any


def gaussian_vector(symbol: Any, covariance: Any) -> GaussianMatrix:
    """A column vector with the given covariance."""
    return GaussianMatrix(symbol, covariance, Identity(1))


def expectation(expr: Any, *laws: GaussianMatrix, symmetric: tuple[Any, ...] = ()) -> Any:
    """E[expr] over independent Gaussian matrices; every other symbol is a constant.

    expr       a scalar built from Trace and BilinearForm, or a matrix expression
    laws       the Gaussian matrices in it
    symmetric  constant matrices known to be symmetric, besides the covariances that are single symbols

    >>> from sympy import Identity, MatrixSymbol, Trace, symbols
    >>> n, d = symbols("n d", integer=True, positive=True)
    >>> X, K = MatrixSymbol("X", n, d), MatrixSymbol("K", d, d)
    >>> law = GaussianMatrix(X, Identity(n), Identity(d))
    >>> expectation(Trace(X.T * X), law)
    d*n
    >>> expectation(X.T * X * K * X.T * X, law, symmetric=(K,))
    (n*Trace(K))*I + (n**2 + n)*K
    """
    expr = sympify(expr)
    covariances = [m for law in laws for m in (law.rows, law.columns) if isinstance(m, MatrixSymbol)]
    alphabet = Alphabet([*symmetric, *covariances], [expr, *(m for law in laws for m in law)])
    engine = _Engine(alphabet, laws)
    if not getattr(expr, "is_Matrix", False):
        return alphabet.expression(engine.expect(alphabet.scalar(expr)))
    # E[F] is read off from E[tr(F J)], in which the probe J stands exactly once in every term
    probe = MatrixSymbol(Dummy("probe"), expr.shape[1], expr.shape[0])
    result = alphabet.gradient(engine.expect(alphabet.scalar(Trace(expr * probe))), alphabet.letter(probe))
    transposed: Combination = [(p, alphabet.transposed(word)) for p, word in result]
    return alphabet.matrix_expression(transposed, expr.shape)


class _Engine:
    """Pairs Gaussian letters in closed words until none is left."""

    def __init__(self, alphabet: Alphabet, laws: tuple[GaussianMatrix, ...]) -> None:
        self.alphabet = alphabet
        self.laws: dict[int, tuple[Combination, Combination]] = {}
        for law in laws:
            p, q = getattr(law.symbol, "shape", (None, None))
            if law.rows.shape != (p, p) or law.columns.shape != (q, q):
                raise ExpectationError(
                    f"GaussianMatrix({law.symbol}): of shape {(p, q)}, it needs covariances of shapes {(p, p)} and {(q, q)}, "
                    f"got {law.rows.shape} and {law.columns.shape}."
                )
            letter = alphabet.letter(law.symbol)
            if letter in self.laws:
                raise ExpectationError(f"expectation: two laws given for {law.symbol}; give each matrix one.")
            self.laws[letter] = (alphabet.matrix(law.rows), alphabet.matrix(law.columns))
        self._paired: dict[Monomial, Polynomial] = {}

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
        return by_degree.get(0, {}).get((), {})

    def _pair_first(self, live: Monomial) -> Polynomial:
        """Pair the first Gaussian letter of the first word with every other occurrence of the same matrix."""
        word, rest = live[0], live[1:]
        at = next(i for i, k in enumerate(word) if abs(k) in self.laws)
        if word[at] < 0:
            word = self.alphabet.transposed(word)
            at = len(word) - 1 - at
        gaussian = word[at]
        alpha = word[at + 1 :] + word[:at]
        turn = self.alphabet.transposed
        rows, columns = self.laws[gaussian]
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
