"""Means of sums over the tokens of a context, as means over a few tokens.

Under Tokens((X, y), (x, z), …) the rows of (X, y) and the further tokens are independent with one law given a random function, hence
exchangeable: the joint law of distinct ones depends on their number only. Each product KᵀL of two of the matrices X, y is a sum over the
rows, XᵀX = Σ_i x_i x_iᵀ. In a product of s such sums the rows may agree or not: it is the sum over all ways to partition the s sums into
b classes of the terms in which the rows are equal within a class and different between classes, n(n − 1)⋯(n − b + 1) terms of equal mean,
that of b distinct tokens none of which stands in the product already. Tokens that are left are renamed in the order of the assumption that
comes first in normal form. Both sides are brought to this form, means of products written as in `independence`, and compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from typing import Any

from sympy import Eq

from proofs.algebra import ONE, Algebra, Monomial, Poly, Word, plus, scaled, times
from proofs.language import Tokens
from proofs.rules.independence import joined
from proofs.rules.inference import Inference, Support, need, of_kind, scalars, under_hypotheses

Place = tuple[int, int]  # a word, and in it the place of the transposed matrix of a sum


def check(step: Inference) -> Support:
    """left = right, each mean one over single tokens."""
    conclusion, _ = under_hypotheses(step.conclusion)
    left, right = scalars(of_kind(conclusion, Eq, "an equation"))
    algebra = step.algebra()
    groups = [[tuple(group) for group in fact.args] for fact in algebra.facts if isinstance(fact, Tokens)]
    need(len(groups) == 1, "one assumption Tokens(…) is needed.")
    difference = joined(algebra, plus(algebra.scalar(left), scaled(algebra.scalar(right), -1)))
    need(algebra.vanishes(_by_token(algebra, difference, groups[0])), "the two sides are not the same sums over tokens.")
    return Support(algebra.licensed())


def _by_token(algebra: Algebra, poly: Poly, groups: list[tuple[Any, ...]]) -> Poly:
    terms = []
    for monomial, coefficient in poly.items():
        factors: list[Poly] = []
        for i in monomial:
            kind, *rest = algebra.atom(i)
            factors.append(_mean(algebra, rest[0], rest[1], groups) if kind == "mean" else {(i,): ONE[()]})
        terms.append(scaled(times(*factors), coefficient))
    return plus(*terms)


def _mean(algebra: Algebra, monomial: Monomial, variables: tuple[Any, ...], groups: list[tuple[Any, ...]]) -> Poly:
    rows, *tokens = groups
    members = {z for group in groups for z in group}
    if not members & set(variables):
        return algebra.mean({monomial: ONE[()]}, variables)
    block = algebra.blocks[rows[0]]
    need(set(variables) & set(block) <= members, "the mean is over more of the Law than its tokens.")
    words = []
    for i in monomial:
        kind, *rest = algebra.atom(i)
        need(kind == "word", "the mean is not that of a polynomial.")
        words.append(rest[0])
    sums = list(_sums(algebra, words, rows))
    used = {z for word in words for k in word for z in algebra.speaks_of(k)}
    need(used & set(block) <= set(variables), "some of the tokens are held fixed.")
    spare = [token for token in tokens if not used & set(token)]
    kept = [token for token in tokens if used & set(token)]
    others = tuple(z for z in variables if z not in members)
    size = rows[0].shape[0]
    total = []
    for classes in _partitions(sums):
        need(len(classes) <= len(spare), f"a mean over {len(classes)} further tokens needs as many in the assumption.")
        single = [list(word) for word in words]
        factor = ONE
        for number, (token, places) in enumerate(zip(spare, classes, strict=False)):
            factor = times(factor, algebra.scalar(size - number))
            for word, at in places:
                following = (at + 1) % len(words[word])
                single[word][at] = _column(algebra, words[word][at], rows, token)
                (single[word][following],) = algebra.transposed((_column(algebra, words[word][following], rows, token),))
        named = [*kept, *spare[: len(classes)]]
        total.append(times(factor, _renamed(algebra, single, named, tokens, others)))
    return plus(*total)


def _sums(algebra: Algebra, words: list[Word], rows: tuple[Any, ...]) -> Iterator[Place]:
    """Where two of the matrices are multiplied over their rows; refused if one stands otherwise."""
    for number, word in enumerate(words):
        cyclic = algebra.rows(word[0]) != 1
        here = [k for k in word if algebra.matrix_of(k) in rows]
        need(2 * sum(k < 0 for k in here) == len(here), "a matrix of tokens stands in the mean otherwise than in a sum over its rows.")
        for at, k in enumerate(word):
            following = word[(at + 1) % len(word)]
            if algebra.matrix_of(k) in rows and k < 0:
                summed = (cyclic or at + 1 < len(word)) and following > 0 and algebra.matrix_of(following) in rows
                need(summed, f"{algebra.matrix_of(k)} stands in the mean otherwise than in a sum over its rows.")
                yield number, at


def _column(algebra: Algebra, letter: int, rows: tuple[Any, ...], token: tuple[Any, ...]) -> int:
    """The column of a token that is a row of the matrix of a letter."""
    ((word, _),) = algebra.matrix(token[rows.index(algebra.matrix_of(letter))]).items()
    return word[0]


def _renamed(algebra: Algebra, words: list[list[int]], named: list[Any], tokens: list[Any], others: tuple[Any, ...]) -> Poly:
    """The mean with its tokens called so that its normal form comes first."""
    forms = []
    for chosen in permutations(tokens, len(named)):
        change = {a: b for old, new in zip(named, chosen, strict=True) for a, b in zip(old, new, strict=True)}
        renamed = [tuple(_moved(algebra, k, change) for k in word) for word in words]
        variables = tuple({z for token in chosen for z in token} | set(others))
        forms.append(algebra.mean(times(*(algebra.closed(word, 1) for word in renamed)), variables))
    return min(forms, key=lambda poly: sorted(poly.items()))


def _moved(algebra: Algebra, letter: int, change: dict[Any, Any]) -> int:
    new = change.get(algebra.matrix_of(letter))
    if new is None:
        return letter
    ((word, _),) = algebra.matrix(new).items()
    return word[0] if letter > 0 else algebra.transposed(word)[0]


def _partitions(items: list[Place]) -> Iterator[list[list[Place]]]:
    """All ways to divide places into classes."""
    if not items:
        yield []
        return
    first, *rest = items
    for classes in _partitions(rest):
        yield [[first], *classes]
        for i, group in enumerate(classes):
            yield [*classes[:i], [first, *group], *classes[i + 1 :]]
