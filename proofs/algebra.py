"""Normal forms over ℚ: what it means for two sides to be the same polynomial in matrices.

A scalar is a polynomial (a dict from monomials to rationals) whose atoms are symbols, closed words, reciprocals and means. A *word* is a
product of letters, +k for the k-th matrix (which may be the mean of a word) and −k for its transpose; a *closed word* is the trace of one,
the same under rotation and transposition, and cut into scalars wherever it passes through an index of size 1. A matrix is a dict from
words to polynomials. Two expressions with the same normal form agree for every size and all matrices, because each rewriting below is an
identity; nothing is claimed of two that differ (they may still agree, say for d ≤ 3).

Used on the way, and to be licensed by the caller's facts: Kᵀ = K for covariances; QᵀQ = I for orthogonal Q; K K⁻¹ = I for each matrix
inverted (`inverted`); r · (1/r) = 1 for each scalar divided by (`divisors`). This module shares no code with `theory`, whose formulas it
judges.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any

from sympy import (
    Add,
    BlockMatrix,
    Eq,
    Ge,
    Gt,
    Identity,
    Inverse,
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
    sympify,
)

from proofs.blocks import collapsed
from proofs.errors import RuleError
from proofs.language import (
    All,
    ConditionalMean,
    Expectation,
    GradientAt,
    Implication,
    Independent,
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
    conjuncts,
    free,
)
from proofs.wellformed import check_shape

Word = tuple[int, ...]
Monomial = tuple[int, ...]
Poly = dict[Monomial, Fraction]
MatrixPoly = dict[Word, Poly]

ONE: Poly = {(): Fraction(1)}
_MOST_TERMS = 20_000


def plus(*polys: Poly) -> Poly:
    """The sum."""
    total: Poly = {}
    for poly in polys:
        for monomial, coefficient in poly.items():
            total[monomial] = total.get(monomial, Fraction(0)) + coefficient
    return {monomial: coefficient for monomial, coefficient in total.items() if coefficient}


def times(*polys: Poly) -> Poly:
    """The product."""
    total = ONE
    for poly in polys:
        product: Poly = {}
        for a, p in total.items():
            for b, q in poly.items():
                key = tuple(sorted(a + b))
                product[key] = product.get(key, Fraction(0)) + p * q
            if len(product) > _MOST_TERMS:
                raise RuleError(f"a product of more than {_MOST_TERMS} terms is not multiplied out.")
        total = {monomial: coefficient for monomial, coefficient in product.items() if coefficient}
    return total


def scaled(poly: Poly, factor: Fraction | int) -> Poly:
    """A rational multiple."""
    return {monomial: coefficient * factor for monomial, coefficient in poly.items()} if factor else {}


class Algebra:
    """The normal forms of one step, under its facts (assumptions and conclusions of premises)."""

    def __init__(self, facts: Iterable[Any] = (), hypotheses: Iterable[Any] = ()) -> None:
        self._hypotheses = list(hypotheses)
        self.facts = [part for fact in (*facts, *self._hypotheses) for part in conjuncts(fact)]
        self.laws = {fact.args[0]: fact for fact in self.facts if isinstance(fact, Normal)}
        self.blocks = {z: fact.args for fact in self.facts if isinstance(fact, Law) for z in fact.args}
        covariances = [m for fact in self.facts if isinstance(fact, Normal) for m in fact.args[1:]]
        definite = [fact.args[0] for fact in self.facts if isinstance(fact, PositiveDefinite | PositiveSemidefinite)]
        self._symmetric = {m for m in (*covariances, *definite) if isinstance(m, MatrixSymbol)}
        self._orthogonal = {fact.args[0] for fact in self.facts if isinstance(fact, Orthogonal)}
        self._letters: list[tuple[Any, Any, bool]] = [(None, None, False)]  # key, matrix, symmetric
        self._letter_of: dict[Any, int] = {}
        self._inverse: dict[int, int] = {}
        self._speaks_of: dict[int, set[Any]] = {}
        self._atoms: list[Any] = []
        self._atom_of: dict[Any, int] = {}
        self._scalars: dict[Any, Poly] = {}
        self.inverted: list[Any] = []
        self.divisors: list[Any] = []

    # atoms and letters

    def _atom(self, *key: Any) -> Poly:
        at = self._atom_of.setdefault(key, len(self._atoms))
        if at == len(self._atoms):
            self._atoms.append(key)
        return {(at,): Fraction(1)}

    def atom(self, index: int) -> Any:
        """(kind, …) of an atom in a monomial; the kinds are symbol, word, reciprocal, mean, predictor and opaque."""
        return self._atoms[index]

    def _letter(self, key: Any, matrix: Any, symmetric: bool) -> int:
        found = self._letter_of.get(key)
        if found is None:
            found = self._letter_of[key] = len(self._letters)
            self._letters.append((key, matrix, symmetric))
        return found

    def matrix_of(self, letter: int) -> Any:
        """The matrix that a letter stands for, transposition apart."""
        return self._letters[abs(letter)][1]

    def speaks_of(self, letter: int) -> set[Any]:
        """The matrix symbols that a letter depends on."""
        found = self._speaks_of.get(abs(letter))
        if found is None:
            found = self._speaks_of[abs(letter)] = {s for s in free(self.matrix_of(letter)) if isinstance(s, MatrixSymbol)}
        return found

    def rows(self, letter: int) -> Any:
        """Number of rows of a signed letter."""
        return self.matrix_of(letter).shape[0 if letter > 0 else 1]

    def transposed(self, word: Word) -> Word:
        """The word of the transpose."""
        return tuple(k if self._letters[abs(k)][2] else -k for k in reversed(word))

    def _reduced(self, word: Word) -> Word:
        out: list[int] = []
        for k in word:
            if out and self._cancel(out[-1], k):
                out.pop()
            else:
                out.append(k)
        return tuple(out)

    def _cancel(self, left: int, right: int) -> bool:
        if left == -right:
            return self.matrix_of(left) in self._orthogonal
        return self._inverse.get(abs(left)) == abs(right) and (left > 0) == (right > 0)

    def closed(self, word: Word, size: Any) -> Poly:
        """tr(word); `size` is the trace of the empty word."""
        word = self._reduced(word)
        while len(word) > 1 and self._reduced((word[-1], word[0])) == ():
            word = word[1:-1]
        if not word:
            return self.scalar(size)
        cuts = [i for i, k in enumerate(word) if self.rows(k) == 1]
        if not cuts:
            turned = self.transposed(word)
            return self._atom("word", min(w[i:] + w[:i] for w in (word, turned) for i in range(len(word))))
        word = word[cuts[0] :] + word[: cuts[0]]
        ends = [at - cuts[0] for at in cuts] + [len(word)]
        pieces = [word[a:b] for a, b in itertools.pairwise(ends)]
        return times(*(self._atom("word", min(piece, self.transposed(piece))) for piece in pieces))

    def _open(self, word: Word) -> tuple[Poly, Word]:
        """A word with the scalars inside it taken out."""
        word = self._reduced(word)
        cuts = [i for i, k in enumerate(word) if self.rows(k) == 1]
        if word and self.rows(-word[-1]) == 1:
            cuts.append(len(word))
        if cuts[:1] == [0] and cuts[-1:] == [len(word)]:  # a scalar itself is left as a word
            cuts = cuts[1:-1]
        if len(cuts) < 2:
            return ONE, word
        return self.closed(word[cuts[0] : cuts[-1]], 1), word[: cuts[0]] + word[cuts[-1] :]

    # from expressions

    def scalar(self, expr: Any) -> Poly:
        """The normal form of a scalar."""
        if isinstance(expr, Rational):
            return {(): Fraction(int(expr.p), int(expr.q))} if expr else {}
        if isinstance(expr, Symbol):
            return self._atom("symbol", expr)
        if isinstance(expr, Add):
            return plus(*map(self.scalar, expr.args))
        if isinstance(expr, Mul):
            return times(*map(self.scalar, expr.args))
        if isinstance(expr, Pow):
            base, exponent = expr.args
            return times(*[self.scalar(base) if exponent > 0 else self._reciprocal(base)] * abs(int(exponent)))
        if isinstance(expr, Trace):
            check_shape(expr)
            size = expr.args[0].shape[0]
            return plus(*(times(p, self.closed(word, size)) for word, p in self.matrix(expr.args[0]).items()))
        if isinstance(expr, Named):
            return self.scalar(expr.args[1])
        if isinstance(expr, Mean):
            return self.mean(self.scalar(expr.args[0]), tuple(expr.args[1]))
        if isinstance(expr, Predictor):
            return self._atom("predictor", expr.args[0], *(self.key(self.matrix(argument)) for argument in expr.args[1:]))
        if isinstance(expr, ConditionalMean):
            return self._atom(
                "opaque", "given", self._key(self.scalar(expr.args[0])), self.key(self.matrix(expr.args[1])), expr.args[2], expr
            )
        if isinstance(expr, Rank):
            return self._atom("opaque", "rank", self.key(self.matrix(expr.args[0])), expr)
        raise RuleError(f"the normal form has no place for the scalar {expr} of kind {type(expr).__name__}.")

    def _reciprocal(self, base: Any) -> Poly:
        poly = self.scalar(base)
        if poly.keys() == {()}:
            return {(): 1 / poly[()]}
        if not self.vanishes(poly):
            self.divisors.append(base)
            return self._atom("reciprocal", self._key(poly))
        raise RuleError(f"division by {base}, which is 0.")

    def matrix(self, expr: Any) -> MatrixPoly:
        """The normal form of a matrix. Shapes are checked here as well: a rule multiplies what no statement has put together."""
        check_shape(expr)
        if expr.has(BlockMatrix):
            expr = collapsed(expr)
        if isinstance(expr, NamedMatrix):
            return self.matrix(expr.args[1])
        if isinstance(expr, MatAdd):
            return self._sum(self.matrix(term) for term in expr.args)
        if isinstance(expr, MatMul):
            total: MatrixPoly = {(): ONE}
            for factor in expr.args:
                if getattr(factor, "is_Matrix", False):
                    total = self.product(total, self.matrix(factor))
                else:
                    total = {word: times(p, self.scalar(factor)) for word, p in total.items()}
            return {word: p for word, p in total.items() if p}
        if isinstance(expr, Transpose):
            return {self.transposed(word): p for word, p in self.matrix(expr.args[0]).items()}
        if isinstance(expr, Identity):
            return {(): ONE}
        if isinstance(expr, ZeroMatrix):
            return {}
        if isinstance(expr, Inverse):
            return self._inverted(expr.args[0])
        if isinstance(expr, MatPow):
            power = self.matrix(expr.args[0]) if expr.args[1] >= 0 else self._inverted(expr.args[0])
            total = {(): ONE}
            for _ in range(abs(int(expr.args[1]))):
                total = self.product(total, power)
            return total
        if isinstance(expr, MatrixSymbol):
            return {(self._letter(expr, expr, expr.shape == (1, 1) or expr in self._symmetric),): ONE}
        if isinstance(expr, GradientAt):
            return {(self._letter(expr, expr, False),): ONE}
        if isinstance(expr, Expectation):
            return self._expected(self.matrix(expr.args[0]), tuple(expr.args[1]))
        raise RuleError(f"the normal form has no place for the matrix {expr} of kind {type(expr).__name__}.")

    def product(self, left: MatrixPoly, right: MatrixPoly) -> MatrixPoly:
        """The product of two matrices in normal form."""
        terms = []
        for a, p in left.items():
            for b, q in right.items():
                scale, word = self._open(a + b)
                terms.append({word: times(p, q, scale)})
        return self._sum(terms)

    def _sum(self, terms: Iterable[MatrixPoly]) -> MatrixPoly:
        total: MatrixPoly = {}
        for term in terms:
            for word, p in term.items():
                total[word] = plus(total.get(word, {}), p)
        return {word: p for word, p in total.items() if p}

    def _inverted(self, base: Any) -> MatrixPoly:
        if isinstance(base, NamedMatrix):
            before = len(self.inverted)
            inverse = self._inverted(base.args[1])
            if self.inverted[before:] == [base.args[1]]:
                self.inverted[before:] = [base]  # the side condition is said by name
            return inverse
        if isinstance(base, Inverse):
            self.inverted.append(base.args[0])
            return self.matrix(base.args[0])
        if isinstance(base, Transpose):
            return {self.transposed(word): p for word, p in self._inverted(base.args[0]).items()}
        if isinstance(base, MatMul):
            matrices = [m for m in base.args if getattr(m, "is_Matrix", False)]
            if all(m.shape[0] == m.shape[1] for m in matrices):
                total: MatrixPoly = {(): ONE}
                for factor in base.args:
                    total = (
                        self.product(self._inverted(factor), total)
                        if getattr(factor, "is_Matrix", False)
                        else {word: times(p, self._reciprocal(factor)) for word, p in total.items()}
                    )
                return total
        if isinstance(base, Identity):
            return {(): ONE}
        poly = self.matrix(base)
        if not poly:
            raise RuleError(f"the inverse of {base}, which is 0.")
        self.inverted.append(base)
        if poly.keys() == {()}:  # a multiple of the identity, and by a scalar that is not 0, since it is invertible
            scale = poly[()]
            return {(): {(): 1 / scale[()]} if scale.keys() == {()} else self._atom("reciprocal", self._key(scale))}
        turned = {self.transposed(word): p for word, p in poly.items()}
        key, back = ("inverse", self.key(poly)), ("inverse", self.key(turned))
        if back in self._letter_of and key != back:
            return {(-self._letter_of[back],): ONE}
        letter = self._letter(key, Inverse(base), key == back)
        if isinstance(base, MatrixSymbol):
            other = self._letter(base, base, base in self._symmetric)
            self._inverse[letter], self._inverse[other] = other, letter
        return {(letter,): ONE}

    def _key(self, poly: Poly) -> Any:
        return frozenset(poly.items())

    def key(self, matrix: MatrixPoly) -> Any:
        """A hashable form of a matrix in normal form: equal for equal matrices."""
        return frozenset((word, self._key(p)) for word, p in matrix.items())

    # means

    def depends(self, atom: Any) -> set[Any]:
        """The matrix symbols that an atom depends on."""
        kind, *rest = atom
        if kind == "symbol":
            return set()
        if kind == "word":
            return {s for k in rest[0] for s in self.speaks_of(k)}
        if kind == "reciprocal":
            return {s for monomial, _ in rest[0] for i in monomial for s in self.depends(self._atoms[i])}
        if kind == "mean":
            inside = {s for i in rest[0] for s in self.depends(self._atoms[i])}
            return (inside - set(rest[1])) | {s for z in rest[1] for m in self.covariances(z) for s in m.atoms(MatrixSymbol)}
        if kind == "predictor":
            terms = [term for argument in rest[1:] for term in argument]
            scales = {s for _, scale in terms for monomial, _ in scale for i in monomial for s in self.depends(self._atoms[i])}
            return scales | {s for word, _ in terms for k in word for s in self.speaks_of(k)}
        return set(rest[-1].atoms(MatrixSymbol))

    def covariances(self, symbol: Any) -> tuple[Any, ...]:
        """The covariances of the rows and of the columns of a Gaussian matrix; none where the law is any."""
        return tuple(self.laws[symbol].args[1:]) if symbol in self.laws else ()

    def mean(self, poly: Poly, variables: tuple[Any, ...]) -> Poly:
        """E over the variables: linear, and what does not depend on them comes out."""
        self._check_laws(variables)
        terms = []
        for monomial, coefficient in poly.items():
            bound, outside = self._split(monomial, variables)
            if not bound:
                terms.append({outside: coefficient})
                continue
            used = self._averaged(bound, (), variables)
            terms.append(times({outside: coefficient}, self._atom("mean", bound, used)))
        return plus(*terms)

    def _expected(self, matrix: MatrixPoly, variables: tuple[Any, ...]) -> MatrixPoly:
        """E of a matrix: its constant factors on both sides come out, and what is left is a letter."""
        self._check_laws(variables)
        terms = []
        for word, poly in matrix.items():
            moving = [i for i, k in enumerate(word) if self.speaks_of(k) & set(variables)]
            if not moving:
                terms.append({word: self.mean(poly, variables)})
                continue
            left, core, right = word[: moving[0]], word[moving[0] : moving[-1] + 1], word[moving[-1] + 1 :]
            for monomial, coefficient in poly.items():
                bound, outside = self._split(monomial, variables)
                letter = self._expectation(bound, core, self._averaged(bound, core, variables))
                scale, whole = self._open((*left, letter, *right))
                terms.append({whole: times({outside: coefficient}, scale)})
        return self._sum(terms)

    def _expectation(self, monomial: Monomial, core: Word, variables: tuple[Any, ...]) -> int:
        turned = self.transposed(core)
        word = min(core, turned)
        matrix = Expectation(MatMul(*(self.matrix_of(k) if k > 0 else Transpose(self.matrix_of(k)) for k in word)), *variables)
        letter = self._letter(("expectation", monomial, word, variables), matrix, core == turned)
        inside = {s for k in word for s in self.speaks_of(k)} | {s for i in monomial for s in self.depends(self._atoms[i])}
        self._speaks_of[letter] = inside - set(variables) | {
            s for z in variables for m in self.covariances(z) for s in m.atoms(MatrixSymbol)
        }
        return letter if word == core else -letter

    def expectation(self, letter: int) -> tuple[Monomial, Word, tuple[Any, ...]] | None:
        """The scalars, the word and the variables of a letter that is the mean of a matrix, transposed as the letter is."""
        key = self._letters[abs(letter)][0]
        if type(key) is not tuple or key[0] != "expectation":
            return None
        _, monomial, word, variables = key
        return monomial, word if letter > 0 else self.transposed(word), variables

    def _split(self, monomial: Monomial, variables: tuple[Any, ...]) -> tuple[Monomial, Monomial]:
        """The atoms that depend on the variables, and the others."""
        bound = tuple(i for i in monomial if self.depends(self._atoms[i]) & set(variables))
        return bound, tuple(i for i in monomial if i not in bound)

    def _averaged(self, monomial: Monomial, word: Word, variables: tuple[Any, ...]) -> tuple[Any, ...]:
        """Those of the variables on which a product depends, given that its mean over them exists and has one meaning."""
        self._integrable(monomial, set(variables))
        self._bounded_letters(word, set(variables))
        inside = {s for i in monomial for s in self.depends(self._atoms[i])} | {s for k in word for s in self.speaks_of(k)}
        for block in {self.blocks[z] for z in variables if z in self.blocks}:
            averaged, fixed = inside & set(block) & set(variables), inside & set(block) - set(variables)
            if not self.independent(averaged, fixed):
                raise RuleError(f"{min(map(str, averaged))} is averaged over, and not known to be independent of {min(map(str, fixed))}.")
        return tuple(sorted(inside & set(variables), key=str))

    def independent(self, first: set[Any], second: set[Any]) -> bool:
        """Whether two sets of random matrices are known to be independent of each other: no law, or a declaration, connects them."""
        if first & second:
            return False
        for block in {self.blocks[z] for z in first if z in self.blocks}:
            one, other = first & set(block), second & set(block)
            groups = [(set(fact.args[0]), set(fact.args[1])) for fact in self.facts if isinstance(fact, Independent)]
            if other and not any((one <= a and other <= b) or (one <= b and other <= a) for a, b in groups):
                return False
        return True

    def _check_laws(self, variables: tuple[Any, ...]) -> None:
        for z in variables:
            if z not in self.laws and z not in self.blocks:
                raise RuleError(f"the mean over {z} needs its law: an assumption Normal({z}, …).")
            others = {s for m in self.covariances(z) for s in m.atoms(MatrixSymbol)} & set(variables)
            if others:
                raise RuleError(f"the law of {z} depends on {min(map(str, others))}: take the two means one inside the other.")

    def _integrable(self, bound: Monomial, variables: set[Any]) -> None:
        """Polynomials in Gaussians, bounded inverses, and predictors of finite second moment once, or twice alone."""
        kinds = [self._atoms[i][0] for i in bound]
        predictors = kinds.count("predictor")
        if predictors > 2 or (predictors == 2 and len(kinds) > 2):
            raise RuleError("the mean need not exist: a predictor stands in it with too high a degree.")
        for i in bound:
            kind, *rest = self._atoms[i]
            if kind == "mean":
                self._integrable(tuple(j for j in rest[0] if self.depends(self._atoms[j]) & variables), variables)
            # E|E[P | outer]| ≤ E|P|, so a mean that holds a predictor has a mean, if it stands alone
            inside = kind == "mean" and self._predicts(rest[0])
            if kind in ("reciprocal", "opaque") or (inside and len(bound) > 1):
                raise RuleError(f"the mean need not exist: its integrand holds {rest[-1]}.")
            self._bounded_letters(rest[0] if kind == "word" else (), variables)

    def _bounded_letters(self, word: Word, variables: set[Any]) -> None:
        for k in word:
            matrix = self.matrix_of(k)
            if not isinstance(matrix, MatrixSymbol) and self.speaks_of(k) & variables and not self._bounded(matrix, variables):
                raise RuleError(f"the mean need not exist: {matrix} may be unbounded.")

    def _predicts(self, monomial: Monomial) -> bool:
        """Whether a predictor stands in it, however many means deep."""
        atoms = [self._atoms[i] for i in monomial]
        return any(atom[0] == "predictor" or (atom[0] == "mean" and self._predicts(atom[1])) for atom in atoms)

    def _bounded(self, inverse: Any, variables: set[Any]) -> bool:
        """(P + K)⁻¹ with P positive definite and free of the variables, K ≽ 0, has norm at most 1/λ_min(P)."""
        if not isinstance(inverse, Inverse):
            return False
        terms = inverse.args[0].args if isinstance(inverse.args[0], MatAdd) else (inverse.args[0],)
        fixed = [term for term in terms if not term.atoms(MatrixSymbol) & variables]
        moving = [term for term in terms if term.atoms(MatrixSymbol) & variables]
        return any(map(self.definite, fixed)) and all(map(self.semidefinite, (*fixed, *moving)))

    # deciding

    def vanishes(self, poly: Poly) -> bool:
        """Whether a polynomial is 0, reciprocals cleared: r · (1/r) = 1 and r ≠ 0."""
        while poly:
            at = next((i for monomial in poly for i in monomial if self._atoms[i][0] == "reciprocal"), None)
            if at is None:
                return False
            divisor = dict(self._atoms[at][1])
            highest = max(monomial.count(at) for monomial in poly)
            poly = plus(
                *(
                    times({tuple(i for i in monomial if i != at): c}, *[divisor] * (highest - monomial.count(at)))
                    for monomial, c in poly.items()
                )
            )
        return True

    def same(self, left: Any, right: Any) -> bool:
        """Whether two scalars, or two matrices, have the same normal form."""
        if getattr(left, "is_Matrix", False):
            return left.shape == right.shape and all(map(self.vanishes, self.difference(left, right).values()))
        return self.vanishes(plus(self.scalar(left), scaled(self.scalar(right), -1)))

    def _matches(self, fact: Any, expr: Any) -> bool:
        """`same`, for looking a fact up: what is inverted in a fact is the concern of whoever proved it."""
        if getattr(fact, "shape", None) != getattr(expr, "shape", None):
            return False
        inverted, divisors = len(self.inverted), len(self.divisors)
        matches = (
            self.same(fact, expr) if getattr(fact, "is_Matrix", False) else self.vanishes(plus(self._seen(fact), self._seen(expr, -1)))
        )
        del self.inverted[inverted:], self.divisors[divisors:]
        return matches

    def _seen(self, expr: Any, sign: int = 1) -> Poly:
        """± the normal form of a scalar, kept: the same few are looked up many times."""
        poly = self._scalars.get(expr)
        if poly is None:
            poly = self._scalars[expr] = self.scalar(expr)
        return scaled(poly, sign)

    def known(self, equation: Any) -> bool:
        """Whether an equation is a fact, each side in normal form."""
        facts = [fact for fact in self.facts if isinstance(fact, Eq)]
        return any(all(self._matches(*sides) for sides in zip(fact.args, equation.args, strict=True)) for fact in facts)

    def difference(self, left: Any, right: Any) -> MatrixPoly:
        """left − right of two matrices."""
        return self._sum([self.matrix(left), {word: scaled(p, -1) for word, p in self.matrix(right).items()}])

    # signs and definiteness, read from the facts

    def positive(self, expr: Any) -> bool:
        """Whether a scalar is known to be > 0."""
        return self._sign(expr) == 1

    def nonnegative(self, expr: Any) -> bool:
        """Whether a scalar is known to be ≥ 0."""
        return self._sign(expr, enough=0) is not None

    def nonzero(self, expr: Any) -> bool:
        """Whether a scalar is known to be ≠ 0."""
        expr = sympify(expr)
        if self.positive(expr) or self.positive(-expr):
            return True
        if isinstance(expr, Named):
            return self.nonzero(expr.args[1])
        if isinstance(expr, Mul):
            return all(map(self.nonzero, expr.args))
        if isinstance(expr, Pow) and self.nonzero(expr.args[0]):
            return True
        return any(isinstance(f, Ne) and not getattr(f.lhs, "is_Matrix", False) and self._matches(f.lhs - f.rhs, expr) for f in self.facts)

    def _sign(self, expr: Any, enough: int = 1) -> int | None:
        """1 for > 0, 0 for ≥ 0, None for not known; where 0 is enough, 1 is not looked for."""
        expr = sympify(expr)
        best: int | None = None
        for fact in self.facts:
            if isinstance(fact, Gt | Ge) and (best is None or best < enough) and self._matches(fact.args[0] - fact.args[1], expr):
                best = 1 if isinstance(fact, Gt) else max(best or 0, 0)
        if best is not None and best >= enough:
            return best
        if isinstance(expr, Named):
            found = self._sign(expr.args[1], enough)
        elif isinstance(expr, Rational | Symbol | Rank):
            found = 1 if expr.is_positive else 0 if expr.is_nonnegative else None
        elif isinstance(expr, Add | Mul):
            signs = [self._sign(arg, enough) for arg in expr.args]
            if isinstance(expr, Mul):
                squares = [isinstance(arg, Pow) and arg.args[1].is_even for arg in expr.args]
                signs = [0 if sign is None and square else sign for sign, square in zip(signs, squares, strict=True)]
            known = [sign for sign in signs if sign is not None]
            found = None if len(known) < len(signs) else (max if isinstance(expr, Add) else min)(known)
            least = _least(expr)
            found = found if least is None or least < 0 else max(found or 0, int(least > 0))
        elif isinstance(expr, Pow):
            base, exponent = expr.args
            sign = self._sign(base, enough if exponent > 0 else 1)
            found = sign if sign == 1 or exponent > 0 else None
            if found is None and exponent.is_even:
                found = 0 if exponent > 0 else None
        elif isinstance(expr, Mean):
            found = 0 if self.nonnegative(expr.args[0]) else None
        elif isinstance(expr, Trace):
            matrix = expr.args[0]
            found = 1 if self.definite(matrix) else 0 if matrix.shape != (1, 1) and self.semidefinite(matrix) else None
            found = 0 if found is None and matrix.shape == (1, 1) and self.semidefinite(matrix) else found
        else:
            found = None
        return best if found is None else found if best is None else max(found, best)

    def definite(self, matrix: Any) -> bool:
        """Whether a matrix is known to be positive definite."""
        if isinstance(matrix, NamedMatrix):
            return self.definite(matrix.args[1])
        if isinstance(matrix, Identity):
            return True
        if isinstance(matrix, Inverse | Transpose):
            return self.definite(matrix.args[0])
        scale, rest = _scale(matrix)
        if rest is not matrix:
            return self.positive(scale) and self.definite(rest)
        if isinstance(matrix, MatAdd) and any(map(self.definite, matrix.args)) and all(map(self.semidefinite, matrix.args)):
            return True
        if self._matches(Identity(matrix.shape[0]), matrix):
            return True
        return any(isinstance(fact, PositiveDefinite) and self._matches(fact.args[0], matrix) for fact in self.facts)

    def semidefinite(self, matrix: Any) -> bool:
        """Whether a matrix is known to be positive semidefinite: by a fact, as TᵀPT, or as a sum or a mean of such."""
        if self.definite(matrix) or isinstance(matrix, ZeroMatrix):
            return True
        if isinstance(matrix, NamedMatrix):
            return self.semidefinite(matrix.args[1])
        if isinstance(matrix, MatAdd):
            return all(map(self.semidefinite, matrix.args))
        scale, rest = _scale(matrix)
        if rest is not matrix:
            return self.nonnegative(scale) and self.semidefinite(rest)
        if any(isinstance(fact, PositiveSemidefinite) and self._matches(fact.args[0], matrix) for fact in self.facts):
            return True
        if any(isinstance(fact, Normal) and any(self._matches(m, matrix) for m in fact.args[1:]) for fact in self.facts):
            return True
        if isinstance(matrix, Expectation):
            return self.semidefinite(matrix.args[0])
        if isinstance(matrix, MatMul) and len(matrix.args) >= 2 and self._matches(matrix.args[0], Transpose(matrix.args[-1])):
            middle = matrix.args[1:-1]
            return not middle or self.semidefinite(middle[0] if len(middle) == 1 else MatMul(*middle))
        return False

    def invertible(self, matrix: Any) -> bool:
        """Whether a matrix is known to have an inverse."""
        if isinstance(matrix, NamedMatrix):
            return self.invertible(matrix.args[1])
        if self.definite(matrix):
            return True
        if isinstance(matrix, Inverse | Transpose):
            return self.invertible(matrix.args[0])
        scale, rest = _scale(matrix)
        if rest is not matrix:
            return self.nonzero(scale) and self.invertible(rest)
        if isinstance(matrix, MatMul):
            return all(m.shape[0] == m.shape[1] and self.invertible(m) for m in matrix.args)
        facts = [fact.args[0] for fact in self.facts if isinstance(fact, Invertible)]
        return any(self._matches(fact, matrix) or self._matches(Transpose(fact), matrix) for fact in facts)

    def licensed(self) -> tuple[Any, ...]:
        """The side conditions of what was inverted and divided by; raises RuleError where one is not known to hold.

        One that holds because of the hypotheses is a condition under them.
        """
        conditions: dict[Any, None] = {}
        for matrix in dict.fromkeys(self.inverted):
            need = self._condition(Invertible(matrix), self.invertible, matrix)
            if need is None:
                raise RuleError(f"{matrix} is inverted, and is not known to be invertible.")
            conditions[need] = None
        for scalar in dict.fromkeys(self.divisors):
            need = self._condition(Ne(scalar, 0, evaluate=False), self.nonzero, scalar)
            if need is None:
                raise RuleError(f"division by {scalar}, which is not known to be ≠ 0.")
            conditions[need] = None
        return tuple(conditions)

    def _condition(self, condition: Any, known: Callable[[Any], bool], subject: Any) -> Any:
        """The condition, under one hypothesis or all if it needs them; None where it is not known."""
        facts, assumed = self.facts, [part for fact in self._hypotheses for part in conjuncts(fact)]
        settled = [fact for fact in facts if fact not in assumed]
        try:
            for chosen in ([], *([part] for part in assumed), assumed):
                self.facts = [*settled, *chosen]
                if known(subject):
                    return condition if not chosen else Implication(chosen[0] if len(chosen) == 1 else All(*chosen), condition)
        finally:
            self.facts = facts
        return None


def _least(expr: Any) -> Fraction | None:
    """The least value of a linear function, with coefficients ≥ 0, of symbols for whole numbers ≥ 1 or ≥ 0."""
    if isinstance(expr, Rational):
        return Fraction(int(expr.p), int(expr.q))
    if isinstance(expr, Symbol) and expr.is_integer and expr.is_nonnegative:
        return Fraction(1 if expr.is_positive else 0)
    if isinstance(expr, Mul) and len(expr.args) == 2 and isinstance(expr.args[0], Rational) and expr.args[0] >= 0:
        factor = _least(expr.args[1])
        return None if factor is None else factor * Fraction(int(expr.args[0].p), int(expr.args[0].q))
    if isinstance(expr, Add):
        terms = [_least(term) for term in expr.args]
        return None if None in terms else sum((term for term in terms if term is not None), Fraction(0))
    return None


def _scale(matrix: Any) -> tuple[Any, Any]:
    """A matrix as scalar times rest; rest is the matrix itself where there is no scalar factor."""
    if not isinstance(matrix, MatMul):
        return 1, matrix
    scalars = [factor for factor in matrix.args if not getattr(factor, "is_Matrix", False)]
    matrices = [factor for factor in matrix.args if getattr(factor, "is_Matrix", False)]
    if not scalars:
        return 1, matrix
    return Mul(*scalars), matrices[0] if len(matrices) == 1 else MatMul(*matrices)
