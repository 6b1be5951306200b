"""Polynomials in traces and bilinear forms: the algebra in which losses, moments and gradients are written.

A *word* is a product of matrices, held as a tuple of signed letters: +k for the k-th matrix of an alphabet, −k for its
transpose. A *closed* word is the trace of a product, read cyclically and up to transposition; a bilinear form uᵀKv is the
closed word that passes once through an index of size 1. So one kind of object covers both, and a trace of a product that
passes through two such indices falls apart into two bilinear forms. Scalars are letters of shape 1×1.

A polynomial maps monomials (sorted tuples of closed words) to rational coefficients. Equality of expressions up to
cyclic rotation, transposition, K K⁻¹ = I and ordering of factors is then equality of dictionaries.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from sympy import Add, Expr, Identity, Integer, MatAdd, MatMul, MatPow, Mul, Pow, Rational, S, Trace, Transpose, ZeroMatrix, cancel, sympify
from sympy.matrices.expressions.inverse import Inverse
from sympy.matrices.expressions.matexpr import MatrixSymbol
from sympy.matrices.matrixbase import MatrixBase

from theory.bilinear import BilinearForm
from theory.errors import TheoryError
from theory.exact import is_zero_matrix

Word = tuple[int, ...]
Monomial = tuple[Word, ...]
Polynomial = dict[Monomial, Any]
Combination = list[tuple[Polynomial, Word]]

ONE: Polynomial = {(): 1}


def add(polynomials: Iterable[Polynomial]) -> Polynomial:
    """The sum, without terms that cancel."""
    total: Polynomial = {}
    for polynomial in polynomials:
        for monomial, coefficient in polynomial.items():
            total[monomial] = total.get(monomial, 0) + coefficient
    return {monomial: coefficient for monomial, coefficient in total.items() if coefficient}


def multiply(left: Polynomial, right: Polynomial) -> Polynomial:
    """The product."""
    if left is ONE or right is ONE:
        return right if left is ONE else left
    product: Polynomial = {}
    for a, p in left.items():
        for b, q in right.items():
            key = tuple(sorted(a + b))
            product[key] = product.get(key, 0) + p * q
    return {monomial: coefficient for monomial, coefficient in product.items() if coefficient}


class Alphabet:
    """The letters of a computation: matrices and scalars, with their shapes and symmetries.

    `symmetric` lists matrices with Kᵀ = K; explicit matrices and their inverses are looked at instead. `spelling` lists the
    expressions to come: closed words are spelt from their alphabetically first letter, whatever is met first.
    """

    def __init__(self, symmetric: Iterable[Any] = (), spelling: Iterable[Any] = ()) -> None:
        self._symmetric = set(symmetric)
        self._id: dict[Any, int] = {}
        self.symbols: list[Any] = [None]
        self._shape: list[tuple[Any, Any]] = [(None, None)]
        self._self_transposed: list[bool] = [False]
        self._inverse: dict[int, int] = {}
        named = {symbol for expr in spelling for symbol in expr.atoms(MatrixSymbol)}
        for symbol in sorted(named, key=lambda symbol: symbol.name, reverse=True):
            self.letter(symbol)

    # letters and words

    def letter(self, symbol: Any) -> int:
        """The letter of a matrix or of a scalar expression."""
        known = self._id.get(symbol)
        if known is not None:
            return known
        matrix = getattr(symbol, "is_Matrix", False)
        self.symbols.append(symbol)
        self._shape.append(symbol.shape if matrix else (S.One, S.One))
        base = symbol.arg if isinstance(symbol, Inverse) else symbol
        if not matrix or symbol.shape == (1, 1) or base in self._symmetric:
            self._self_transposed.append(True)
        else:
            self._self_transposed.append(isinstance(base, MatrixBase) and base.rows == base.cols and base.is_symmetric(simplify=False))
        self._id[symbol] = new = len(self.symbols) - 1
        if isinstance(symbol, Inverse):
            other = self.letter(symbol.arg)
            self._inverse[new], self._inverse[other] = other, new
        return new

    def rows(self, letter: int) -> Any:
        """Size of the first index of a signed letter."""
        return self._shape[abs(letter)][letter < 0]

    def cols(self, letter: int) -> Any:
        """Size of the second index of a signed letter."""
        return self._shape[abs(letter)][letter > 0]

    def transposed(self, word: Word) -> Word:
        """The word of the transposed product."""
        return tuple(k if self._self_transposed[abs(k)] else -k for k in reversed(word))

    def reduced(self, word: Word) -> Word:
        """The word with every K K⁻¹ cancelled."""
        if not self._inverse:
            return word
        out: list[int] = []
        for k in word:
            if out and self._inverse.get(abs(out[-1])) == abs(k) and (out[-1] > 0) == (k > 0):
                out.pop()
            else:
                out.append(k)
        return tuple(out)

    def closed(self, word: Word, dimension: Any) -> Polynomial:
        """tr(word) as a polynomial; `dimension` is the trace of the empty word."""
        word = self.reduced(word)
        while len(word) > 1 and self.reduced((word[-1], word[0])) == ():
            word = word[1:-1]
        if not word:
            return self.scalar(dimension)
        cuts = [i for i, k in enumerate(word) if self.rows(k) == 1]
        if not cuts:
            turned = self.transposed(word)
            double, back = word + word, turned + turned
            size = len(word)
            return {(max(max(double[i : i + size], back[i : i + size]) for i in range(size)),): 1}
        word = word[cuts[0] :] + word[: cuts[0]]
        ends = [i - cuts[0] for i in cuts[1:]] + [len(word)]
        pieces, start = [], 0
        for end in ends:
            piece = word[start:end]
            pieces.append(max(piece, self.transposed(piece)))
            start = end
        return {tuple(sorted(pieces)): 1}

    # from sympy

    def scalar(self, expr: Any) -> Polynomial:
        """A scalar sympy expression as a polynomial; what is not a trace or a bilinear form becomes a letter."""
        expr = sympify(expr)
        if expr.is_Rational:
            return {(): int(expr) if expr.is_Integer else Fraction(int(expr.p), int(expr.q))} if expr else {}
        if isinstance(expr, Add):
            return add(self.scalar(term) for term in expr.args)
        if isinstance(expr, Mul):
            total = ONE
            for factor in expr.args:
                total = multiply(total, self.scalar(factor))
            return total
        if isinstance(expr, Pow) and expr.exp.is_Integer and expr.exp > 0:
            base = self.scalar(expr.base)
            total = ONE
            for _ in range(int(expr.exp)):
                total = multiply(total, base)
            return total
        if isinstance(expr, Trace | BilinearForm):
            inner = expr.args[0]
            return add(multiply(p, self.closed(word, inner.shape[0])) for p, word in self.matrix(inner))
        return {((self.letter(expr),),): 1}

    def matrix(self, expr: Any) -> Combination:
        """A matrix expression as a combination of words with scalar polynomials for coefficients."""
        if isinstance(expr, MatAdd):
            return [term for part in expr.args for term in self.matrix(part)]
        if isinstance(expr, MatMul):
            total: Combination = [(ONE, ())]
            for factor in expr.args:
                if getattr(factor, "is_Matrix", False):
                    right = self.matrix(factor)
                    total = [(multiply(p, q), self.reduced(a + b)) for p, a in total for q, b in right]
                else:
                    scale = self.scalar(factor)
                    total = [(multiply(p, scale), a) for p, a in total]
            return total
        if isinstance(expr, Transpose):
            return [(p, self.transposed(word)) for p, word in self.matrix(expr.arg)]
        if isinstance(expr, Identity):
            return [(ONE, ())]
        if isinstance(expr, ZeroMatrix) or (isinstance(expr, MatrixBase) and expr.is_zero_matrix):
            return []
        if isinstance(expr, Inverse | MatPow):
            return self._power(expr.args[0], expr.args[1])
        if (
            isinstance(expr, MatrixBase)
            and expr.rows == expr.cols > 1
            and expr.is_diagonal()
            and all(entry == 1 for entry in expr.diagonal())
        ):
            return [(ONE, ())]
        if isinstance(expr, MatrixBase) and expr.shape == (1, 1):
            return [(self.scalar(expr[0, 0]), ())]
        if isinstance(expr, MatrixSymbol | MatrixBase):
            return [(ONE, (self.letter(expr.as_immutable() if isinstance(expr, MatrixBase) else expr),))]
        raise TheoryError(f"traces: cannot read {type(expr).__name__} {expr}; use products, sums, transposes and powers.")

    def _power(self, base: Any, exponent: Any) -> Combination:
        if not exponent.is_Integer:
            raise TheoryError(f"traces: the power {base}**{exponent} is not a whole one.")
        if exponent >= 0:
            return self.matrix(MatMul(*[base] * int(exponent))) if exponent else [(ONE, ())]
        factors = self.matrix(base)
        if len(factors) == 1:
            coefficient, word = factors[0]
            scale = self.expression(coefficient)
            inverse = tuple(self._inverse_letter(k) for k in reversed(word))
            return self._repeat([(self.scalar(1 / scale), inverse)], -int(exponent))
        return self._repeat([(ONE, (self.letter(Inverse(base)),))], -int(exponent))

    def _repeat(self, factor: Combination, times: int) -> Combination:
        (coefficient, word), total = factor[0], ONE
        for _ in range(times):
            total = multiply(total, coefficient)
        return [(total, word * times)]

    def _inverse_letter(self, letter: int) -> int:
        symbol = self.symbols[abs(letter)]
        if abs(letter) in self._inverse:
            found = self._inverse[abs(letter)]
        elif isinstance(symbol, MatrixBase):
            found = self.letter(symbol.inv().as_immutable())
            self._inverse[found], self._inverse[abs(letter)] = abs(letter), found
        else:
            found = self.letter(Inverse(symbol))
        return found if letter > 0 else -found

    # to sympy

    def product(self, word: Word, size: Any) -> Any:
        """The word as a sympy matrix expression; explicit neighbours are multiplied out. `size` is for the empty word."""
        if not word:
            return Identity(size)
        factors: list[Any] = []
        for k in word:
            symbol = self.symbols[abs(k)]
            factor = symbol if k > 0 else (symbol.T if isinstance(symbol, MatrixBase) else Transpose(symbol))
            if factors and isinstance(factors[-1], MatrixBase) and isinstance(factor, MatrixBase):
                factors[-1] = factors[-1] * factor
            else:
                factors.append(factor)
        if len(factors) == 1:
            return factors[0]
        return MatMul(*factors).doit(deep=False) if len(set(factors)) < len(factors) else MatMul(*factors)

    def _closed_expression(self, word: Word) -> Any:
        first = self.symbols[abs(word[0])]
        if len(word) == 1 and not getattr(first, "is_Matrix", False):
            return first
        product = self.product(word, None)
        if isinstance(product, MatrixBase):
            return product.trace()
        return BilinearForm(product) if product.shape == (1, 1) else Trace(product)

    def expression(self, polynomial: Polynomial) -> Expr:
        """The polynomial as a sympy expression."""
        memo: dict[Word, Any] = {}
        terms = []
        for monomial, coefficient in polynomial.items():
            for word in monomial:
                if word not in memo:
                    memo[word] = self._closed_expression(word)
            terms.append(Mul(_rational(coefficient), *(memo[word] for word in monomial)))
        return Add(*terms)

    def matrix_expression(self, combination: Combination, shape: tuple[Any, Any]) -> Any:
        """The combination as a sympy matrix expression, equal words collected."""
        collected: dict[Word, Polynomial] = {}
        for coefficient, word in combination:
            word = self.reduced(word)
            collected[word] = add([collected.get(word, {}), coefficient])
        terms = [(self.expression(p), self.product(word, shape[0])) for word, p in collected.items() if p]
        if not terms:
            return ZeroMatrix(*shape)
        if any(isinstance(m, MatrixBase) for _, m in terms):
            terms = [(scale, m.as_explicit() if isinstance(m, Identity) else m) for scale, m in terms]
        if all(isinstance(m, MatrixBase) for _, m in terms):
            total = terms[0][0] * terms[0][1]
            for scale, m in terms[1:]:
                total += scale * m
            return total.as_immutable()
        parts = [m if scale == 1 else MatMul(scale, *(m.args if isinstance(m, MatMul) else (m,))) for scale, m in terms]
        return parts[0] if len(parts) == 1 else MatAdd(*parts)

    # calculus

    def gradient(self, polynomial: Polynomial, letter: int) -> Combination:
        """∂/∂K of a polynomial, of the shape of K: from tr(K α) comes αᵀ for every place where K stands."""
        terms: Combination = []
        for monomial, coefficient in polynomial.items():
            for i, word in enumerate(monomial):
                rest = {monomial[:i] + monomial[i + 1 :]: coefficient}
                for j, k in enumerate(word):
                    if abs(k) == letter:
                        around = word[j + 1 :] + word[:j]
                        terms.append((rest, self.transposed(around) if k > 0 else around))
        return terms


def _rational(value: Any) -> Any:
    if isinstance(value, Fraction):
        return Rational(value.numerator, value.denominator)
    return Integer(value)


def normal_form(expr: Any, *, symmetric: Iterable[Any] = ()) -> Any:
    """An expression rewritten as a sum of products of traces and bilinear forms; explicit matrices are multiplied out.

    >>> from sympy import Matrix, MatrixSymbol, Trace
    >>> K, L = MatrixSymbol("K", 2, 2), MatrixSymbol("L", 2, 2)
    >>> normal_form(Trace(K * L) - Trace(L.T * K.T))
    0
    >>> normal_form(Trace(K * L).xreplace({K: Matrix([[1, 2], [3, 4]]), L: Matrix([[0, 1], [1, 0]])}))
    5
    """
    expr = sympify(expr)
    alphabet = Alphabet(symmetric, [expr])
    if getattr(expr, "is_Matrix", False):
        return alphabet.matrix_expression(alphabet.matrix(expr), expr.shape)
    return alphabet.expression(alphabet.scalar(expr))


def multiple_of_identity(matrix: Any, size: Any, *, symmetric: Iterable[Any] = ()) -> Any:
    """The scalar s with matrix = s I in the normal form, or None.

    >>> from sympy import Matrix, MatrixSymbol
    >>> K = MatrixSymbol("K", 2, 2)
    >>> multiple_of_identity(3 * K * K.inv(), 2), multiple_of_identity(Matrix([[1, 0], [0, 2]]), 2)
    (3, None)
    """
    symmetric = tuple(symmetric)
    product = normal_form(matrix, symmetric=symmetric)
    scale = product[0, 0] if isinstance(product, MatrixBase) else Trace(product).doit() / size
    difference = normal_form(product - scale * Identity(size), symmetric=symmetric)
    if isinstance(difference, MatrixBase):
        difference = difference.applyfunc(cancel)
    return scale if is_zero_matrix(difference) else None


def gradient(expr: Any, symbol: Any, *, symmetric: Iterable[Any] = ()) -> Any:
    """∂expr/∂symbol of a scalar expression, of the symbol's shape; a symmetric symbol is refused.

    >>> from sympy import MatrixSymbol, Trace
    >>> K, L = MatrixSymbol("K", 2, 2), MatrixSymbol("L", 2, 2)
    >>> gradient(Trace(K * L * K.T), K)
    K*L + K*L.T
    """
    symmetric = set(symmetric)
    if symbol in symmetric:
        raise TheoryError(f"gradient: {symbol} is symmetric, its entries are not independent.")
    alphabet = Alphabet(symmetric, [expr])
    polynomial = alphabet.scalar(expr)
    combination = alphabet.gradient(polynomial, alphabet.letter(symbol))
    if getattr(symbol, "is_Matrix", False):
        return alphabet.matrix_expression(combination, symbol.shape)
    return alphabet.expression(add(p for p, _ in combination))


__all__ = ["Alphabet", "Polynomial", "Word", "add", "gradient", "multiple_of_identity", "multiply", "normal_form"]
