"""The mean of a product of independent factors, and of a linear function.

E[P Q] = E[P] E[Q] for independent P and Q whose means exist, entry by entry for matrices; and the mean of a linear function of a random
matrix is that function of its mean, E tr(J P) = tr(J E[P]) for a constant J. So in each term of either side all means, of scalars and of
matrices, are written as one mean of their product, provided that no two of them average over variables that are not known to be
independent and that nothing beside them depends on what they average over; a term for which this is not so stays as it is. The two sides
are then compared in normal form. An equation between matrices K = L is read as tr(J K) = tr(J L) for a new J.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

from sympy import Eq

from proofs.algebra import ONE, Algebra, Monomial, Poly, Word, plus, scaled, times
from proofs.rules.inference import Inference, Support, need, of_kind, scalars, under_hypotheses


def check(step: Inference) -> Support:
    """left = right, each product of means a mean of a product."""
    conclusion, _ = under_hypotheses(step.conclusion)
    left, right = scalars(of_kind(conclusion, Eq, "an equation"))
    algebra = step.algebra()
    difference = plus(algebra.scalar(left), scaled(algebra.scalar(right), -1))
    need(algebra.vanishes(joined(algebra, difference)), "the two sides are not the same mean.")
    return Support(algebra.licensed())


def joined(algebra: Algebra, poly: Poly) -> Poly:
    """A polynomial with the means in each term as one."""
    return plus(*(_joined(algebra, monomial, {monomial: coefficient}) for monomial, coefficient in poly.items()))


def _joined(algebra: Algebra, monomial: Monomial, term: Poly) -> Poly:
    inner: list[Poly] = []
    outer: list[Poly] = []
    beside: set[Any] = set()
    groups: list[tuple[Any, ...]] = []
    for i in monomial:
        kind, *rest = algebra.atom(i)
        if kind == "mean":
            inner.append({rest[0]: ONE[()]})
            groups.append(rest[1])
        elif kind == "word" and any(algebra.expectation(k) for k in rest[0]):
            word, scale, own = _opened(algebra, rest[0])
            inner += [scale, algebra.closed(word, 1)]
            groups += own
            beside |= {s for k in rest[0] for s in algebra.speaks_of(k)}
        else:
            outer.append({(i,): ONE[()]})
            beside |= algebra.depends(algebra.atom(i))
    averaged = {z for group in groups for z in group}
    apart = all(algebra.independent(set(one), set(other)) for one, other in combinations(groups, 2))
    if not groups or not apart or averaged & beside:
        return term
    coefficient = term[monomial]
    mean = algebra.mean(times(*inner), tuple(sorted(averaged, key=str)))
    return scaled(times(*outer, mean), coefficient)


def _opened(algebra: Algebra, word: Word) -> tuple[Word, Poly, list[tuple[Any, ...]]]:
    """A word with the matrix whose mean a letter is in the place of the letter, the scalars beside it, and what is averaged over."""
    whole: list[int] = []
    scale, groups = ONE, []
    for k in word:
        found = algebra.expectation(k)
        if found is None:
            whole.append(k)
            continue
        monomial, core, variables = found
        whole += core
        scale = times(scale, {monomial: ONE[()]})
        groups.append(variables)
    return tuple(whole), scale, groups
