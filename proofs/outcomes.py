"""Finite laws with the symmetries that are assumed of them, so that means over matrices of a Law are sums.

A law is a list of equally likely outcomes, each with the values of all matrices of one Law. It is made closed under the changes of sign
that are assumed (a rotation in one dimension is one), and from tokens drawn independently given one of a few functions where that is
assumed; `has` then decides each assumption by counting, so that what is made wrongly is no model.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from itertools import product
from typing import Any

from sympy import QQ, Transpose

from proofs.language import Independent, RotationInvariant, SignSymmetric, Tokens

Matrix = tuple[tuple[Any, ...], ...]
Outcome = dict[Any, Matrix]
HIDDEN = "function"  # where an outcome says which function its tokens were drawn with
_MOST = 1_500  # outcomes of a law


def drawn(rng: random.Random, shapes: dict[Any, tuple[int, int]], facts: list[Any]) -> list[Outcome]:
    """A law of matrices of these shapes, at random, in which the facts should hold; empty where there would be too many outcomes."""
    turned = [_symbols(fact) for fact in facts if isinstance(fact, SignSymmetric | RotationInvariant)]
    flips: list[frozenset[Any]] = [frozenset()]
    for own in turned:
        flips += [flip ^ own for flip in flips]
    tokens = next((fact for fact in facts if isinstance(fact, Tokens)), None)
    if tokens is not None:
        return _tokens(rng, shapes, flips, [tuple(group) for group in tokens.args])
    apart = next((fact.args for fact in facts if isinstance(fact, Independent)), (tuple(shapes), ()))
    base = [[_random(rng, shapes, group) for _ in range(rng.randrange(1, 3))] for group in apart]
    first, second = ([_flipped(outcome, flip) for outcome in outcomes for flip in flips] for outcomes in base)
    rest = [z for z in shapes if z not in (*apart[0], *apart[1])]
    pairs = [one | other | _random(rng, shapes, rest) for one, other in product(first, second)]
    return [_flipped(pair, flip) for pair in pairs for flip in flips]


def _tokens(rng: random.Random, shapes: dict[Any, tuple[int, int]], flips: list[frozenset[Any]], groups: list[Any]) -> list[Outcome]:
    """The first part of a token is drawn from a few points, the others are a function of it, drawn before."""
    rows, *single = groups
    size = shapes[rows[0]][0]
    base = [_random(rng, shapes, single[0][:1]) for _ in range(rng.randrange(1, 3))]
    points = list(dict.fromkeys(_frozen(_flipped(point, flip)) for point in base for flip in flips))
    functions = []
    for _ in range(rng.randrange(1, 4)):
        values = {point: _random(rng, shapes, single[0][1:]) for point in points}
        for flip in flips:
            changed = {}
            for point, value in values.items():
                whole = _flipped(dict(point) | value, flip)
                changed[_frozen({z: whole[z] for z in single[0][:1]})] = whole
            functions.append([changed[point] for point in points])
    extra = {z: QQ(rng.randrange(-2, 3), rng.randrange(1, 3)) for z in shapes if not any(z in group for group in groups)}
    if len(functions) * len(points) ** (size + len(single)) > _MOST:
        return []
    outcomes = []
    for number, function in enumerate(functions):
        for choice in product(function, repeat=size + len(single)):
            outcome: Outcome = {HIDDEN: ((QQ(number),),)}
            for z, part in zip(rows, single[0], strict=True):
                outcome[z] = tuple(tuple(entry for (entry,) in token[part]) for token in choice[:size])
            for group, token in zip(single, choice[size:], strict=True):
                outcome |= {z: token[part] for z, part in zip(group, single[0], strict=True)}
            for z, scale in extra.items():
                outcome[z] = _correlation(outcome, rows, shapes[z], scale)
            outcomes.append(outcome)
    return outcomes


def _correlation(outcome: Outcome, rows: Any, shape: tuple[int, int], scale: Any) -> Matrix:
    """A multiple of Xᵀy, or a constant where the shape is another."""
    left, right = outcome[rows[0]], outcome[rows[-1]]
    if shape != (len(left[0]), len(right[0])):
        return ((QQ(0),) * shape[1],) * shape[0]
    return tuple(
        tuple(scale * sum((a[i] * b[j] for a, b in zip(left, right, strict=True)), QQ(0)) for j in range(shape[1])) for i in range(shape[0])
    )


def has(outcomes: list[Outcome], fact: Any) -> bool | None:
    """Whether a law has what is assumed of it; None where counting does not tell."""
    if isinstance(fact, Independent):
        return _factorises(outcomes, fact.args)
    if isinstance(fact, Tokens):
        (rows, *single), parts = fact.args, []
        for outcome in outcomes:
            tokens = [tuple((row,) for row in z) for z in zip(*(outcome[z] for z in rows), strict=True)]
            flat = [tuple(tuple((entry,) for entry in row[0]) for row in token) for token in tokens]
            parts.append((outcome[HIDDEN], [*flat, *(tuple(outcome[z] for z in group) for group in single)]))
        return all(_alike([tokens for f, tokens in parts if f == function]) for function in {f for f, _ in parts})
    if isinstance(fact, RotationInvariant):
        last = fact.args[0]
        turned = outcomes[0][last.args[0]] if isinstance(last, Transpose) else outcomes[0][last][0]
        if len(turned) > 1:
            return None  # no finite law but that of 0 is invariant under all rotations of a plane
    own = _symbols(fact)
    return Counter(map(_seen, outcomes)) == Counter(_seen(_flipped(outcome, own)) for outcome in outcomes)


def _alike(draws: list[list[Any]]) -> bool:
    """Whether the tokens are independent with one law: all choices of as many equally likely ones."""
    whole = Counter(map(tuple, draws))
    law = Counter(tokens[0] for tokens in draws)
    length = len(draws[0])
    for choice in product(law, repeat=length):
        expected = len(draws)
        for token in choice:
            expected = QQ(expected) * QQ(law[token], len(draws))
        if whole[choice] != expected:
            return False
    return True


def _factorises(outcomes: list[Outcome], groups: tuple[Any, ...]) -> bool:
    pairs = [tuple(tuple(outcome[z] for z in group) for group in groups) for outcome in outcomes]
    both, first, second = Counter(pairs), Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    return all(both[a, b] * len(pairs) == first[a] * second[b] for a in first for b in second)


def _symbols(fact: Any) -> frozenset[Any]:
    return frozenset(z.args[0] if isinstance(z, Transpose) else z for z in fact.args)


def _random(rng: random.Random, shapes: dict[Any, tuple[int, int]], symbols: Iterable[Any]) -> Outcome:
    return {z: tuple(tuple(QQ(rng.randrange(-1, 3)) for _ in range(shapes[z][1])) for _ in range(shapes[z][0])) for z in symbols}


def _flipped(outcome: Outcome, flip: frozenset[Any]) -> Outcome:
    return {z: tuple(tuple(-entry for entry in row) for row in value) if z in flip else value for z, value in outcome.items()}


def _frozen(outcome: Outcome) -> Any:
    return tuple(outcome.items())


def _seen(outcome: Outcome) -> Any:
    return tuple((z, value) for z, value in outcome.items() if z != HIDDEN)
