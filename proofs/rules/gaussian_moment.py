"""Gaussian moment identity: an equation between polynomials in means of polynomials in Gaussian matrices.

Isserlis' theorem: the mean of a product of centred jointly Gaussian variables is the sum, over all ways to pair them, of the products of
the covariances of the pairs. Here the variables are the entries Z_ij of matrices with E[Z_ij Z_kl] = R_ik C_jl, and the integrand is a
sum of products of traces. Written with indices, a trace is a ring of matrices, each index shared by two neighbours. Pairing two copies of
Z joins their row indices through R and their column indices through C. What remains is again a set of rings, one for each closed path of
indices, so the mean is a sum over pairings of products of traces; a path that meets no matrix is the trace of an identity, the size n or
d of its index.

Each pairing is listed and each path is walked, with n and d as symbols, so the result holds for all n ≥ 1 and d ≥ 1 at once; no size is
sampled and no degree is bounded. Both sides are then compared in normal form (`proofs.algebra`), with distinct traces as independent
variables: agreement proves the identity for every size, an identity that holds for d ≤ 3 or n ≤ 4 only is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod
from typing import Any

from sympy import Eq, MatrixSymbol, factorial2

from proofs.algebra import ONE, Algebra, MatrixPoly, Monomial, Poly, plus, scaled, times
from proofs.errors import RuleError
from proofs.rules.independence import joined
from proofs.rules.inference import Inference, Support, need, of_kind, scalars, under_hypotheses

_MOST_PAIRINGS = 20_000
Port = tuple[int, int]  # (place of a letter, 0 for its left index and 1 for its right one)


def check(step: Inference) -> Support:
    """left = right, means replaced by their sums over pairings."""
    conclusion, _ = under_hypotheses(step.conclusion)
    left, right = scalars(of_kind(conclusion, Eq, "an equation"))
    algebra = step.algebra()
    difference = joined(algebra, plus(algebra.scalar(left), scaled(algebra.scalar(right), -1)))
    need(algebra.vanishes(without_means(algebra, difference)), "the two sides are different polynomials.")
    return Support(algebra.licensed(), ("isserlis",))


def without_means(algebra: Algebra, poly: Poly) -> Poly:
    """A polynomial with every mean taken."""
    terms = []
    for monomial, coefficient in poly.items():
        means = [i for i in monomial if algebra.atom(i)[0] == "mean"]
        rest = {tuple(i for i in monomial if i not in means): coefficient}
        terms.append(times(rest, *(_mean(algebra, *algebra.atom(i)[1:]) for i in means)))
    return plus(*terms)


def _mean(algebra: Algebra, monomial: Monomial, variables: tuple[Any, ...]) -> Poly:
    other = [z for z in variables if z not in algebra.laws]
    need(not other, f"{min(map(str, other), default=None)} is not Gaussian.")
    if any(algebra.atom(i)[0] == "mean" for i in monomial):  # first the means inside
        inner = algebra.mean(without_means(algebra, {monomial: ONE[()]}), variables)
        return without_means(algebra, inner)
    words = []
    for i in monomial:
        kind, *rest = algebra.atom(i)
        letters = [k for k in rest[0] if algebra.speaks_of(k) & set(variables)] if kind == "word" else []
        opaque = [algebra.matrix_of(k) for k in letters if not isinstance(algebra.matrix_of(k), MatrixSymbol)]
        if kind != "word" or opaque:
            raise RuleError(f"the mean of {opaque[0] if opaque else rest[-1]} is not a Gaussian moment of a polynomial.")
        words.append(rest[0])
    return _Rings(algebra, words, variables).mean()


class _Rings:
    """A product of closed words as rings of letters whose indices are joined."""

    def __init__(self, algebra: Algebra, words: list[tuple[int, ...]], variables: tuple[Any, ...]) -> None:
        self.algebra = algebra
        self.letters = [k for word in words for k in word]
        self.joined: dict[Port, Port] = {}
        start = 0
        for word in words:
            for at in range(len(word)):
                a, b = (start + at, 1), (start + (at + 1) % len(word), 0)
                self.joined[a], self.joined[b] = b, a
            start += len(word)
        self.copies = {z: [t for t, k in enumerate(self.letters) if algebra.matrix_of(k) == z] for z in variables}
        self.covariances = {z: tuple(algebra.matrix(m) for m in algebra.laws[z].args[1:]) for z in variables}

    def mean(self) -> Poly:
        """The sum over pairings."""
        number = prod(factorial2(len(places) - 1) for places in self.copies.values() if places)
        if number > _MOST_PAIRINGS:
            raise RuleError(f"a moment with {number} pairings is not listed; at most {_MOST_PAIRINGS} are.")
        total: list[Poly] = []
        for choice in product(*(list(_pairings(places)) for places in self.copies.values())):
            partner: dict[int, tuple[int, Any]] = {}
            for z, pairs in zip(self.copies, choice, strict=True):
                for s, t in pairs:
                    partner[s], partner[t] = (t, z), (s, z)
            total.append(self._walk(partner))
        return plus(*total)

    def _walk(self, partner: dict[int, tuple[int, Any]]) -> Poly:
        """The product of the traces along all closed paths of indices."""
        result, seen = ONE, set()
        for start in self.joined:
            if start in seen:
                continue
            path: MatrixPoly = {(): ONE}
            port = start
            while port not in seen:
                other, matrix = self._across(port, partner)
                path = self.algebra.product(path, matrix)
                seen |= {port, other}
                port = self.joined[other]
            size = self.algebra.matrix_of(self.letters[start[0]]).shape[(start[1] + (self.letters[start[0]] < 0)) % 2]
            result = times(result, plus(*(times(p, self.algebra.closed(word, size)) for word, p in path.items())))
        return result

    def _across(self, port: Port, partner: dict[int, tuple[int, Any]]) -> tuple[Port, MatrixPoly]:
        """Through a letter to its other index, or through a covariance to the paired copy's index of the same kind."""
        at, side = port
        letter = self.letters[at]
        if at not in partner:
            return (at, 1 - side), {(letter,) if side == 0 else self.algebra.transposed((letter,)): ONE}
        other, z = partner[at]
        kind = (side + (letter < 0)) % 2  # 0 for the row index, 1 for the column index
        return (other, (kind + (self.letters[other] < 0)) % 2), self.covariances[z][kind]


def _pairings(places: list[int]) -> Iterator[list[tuple[int, int]]]:
    """All ways to pair up places; none if their number is odd."""
    if not places:
        yield []
        return
    first, *rest = places
    for i, other in enumerate(rest):
        for pairs in _pairings(rest[:i] + rest[i + 1 :]):
            yield [(first, other), *pairs]
