"""A statement about matrices of any law, for matrices that are functions of other random ones.

A statement under Law(Z, …) holds for every joint law with the symmetries that are assumed of it; so it holds where each Z is φ_Z(U), a
polynomial in random matrices U. A mean over some Z becomes the mean over the U that stand in their φ_Z. What is assumed of the Z is
verified:

    Independent         the groups have functions of independent U
    SignSymmetric       changing the signs of the U named, which keeps their law (see `sign_symmetry`), changes those of the φ_Z listed, and
                        of no other

The other symbols are replaced at the same time, and the other assumptions must be known, as in `specialisation`; the conclusion may
abbreviate otherwise, and order its sums and products otherwise. The first premise is the statement, the others help to verify its
assumptions. Arguments: the U whose signs are changed, then (symbol, value) for each symbol replaced; a Z that is not replaced stands for
itself.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

from sympy import Add, Eq, MatAdd, MatMul, MatrixSymbol, Mul, Symbol

from proofs.algebra import Algebra
from proofs.language import (
    LAWS,
    Expectation,
    Independent,
    Law,
    Mean,
    Normal,
    SignSymmetric,
    conjuncts,
    free,
    random,
    rebuilt,
    replaced,
    symbols_of,
    unnamed,
)
from proofs.rules.inference import Inference, Support, need
from proofs.rules.sign_symmetry import check_flips
from proofs.rules.specialisation import entailed, in_domain


def check(step: Inference) -> Support:
    """The first premise, at the functions named."""
    need(bool(step.premises) and bool(step.arguments), "realisation needs a statement, what changes its sign, and values.")
    (claim, given), *others = step.premises
    flips, *pairs = step.arguments
    facts = [part for fact in given for part in conjuncts(fact)]
    members = [z for fact in facts if isinstance(fact, Law) for z in fact.args]
    need(
        bool(members) and not any(isinstance(fact, Normal) for fact in facts), "the statement must be about a Law, and no Gaussian matrix."
    )
    algebra = Algebra((*step.given, *(other for other, _ in others)))
    mapping = dict(pairs)
    values = {z: mapping.get(z, z) for z in members}
    sources = {z: free(value) & random(step.given) for z, value in values.items()}
    _check_values(step, algebra, mapping, values, sources)
    everything = tuple(set().union(*sources.values()))
    blocks = [set().union(*(sources[z] for z in fact.args)) for fact in facts if isinstance(fact, Law)]
    need(
        all(algebra.independent(*pair) for pair in combinations(blocks, 2)), "the values of different Laws are not known to be independent."
    )
    for fact in facts:
        if isinstance(fact, Independent):
            groups = [set().union(*(sources[z] for z in group)) for group in fact.args]
            need(algebra.independent(*groups), f"{fact} is not known of the values.")
        elif isinstance(fact, SignSymmetric):
            need(bool(flips) and set(flips) <= set(everything), "what changes its sign must be random, and stand in the values.")
            check_flips(algebra, set(flips), everything)
            for z, value in values.items():
                flipped = replaced(value, {u: MatMul(-1, u) for u in flips})
                need(algebra.same(flipped, MatMul(-1, value) if z in fact.args else value), f"{fact} is not known of the values.")
        elif not isinstance(fact, Law):
            need(not isinstance(fact, LAWS), f"{fact} is not verified of functions.")
            realised = _realised(fact, mapping, sources)
            known = isinstance(realised, Eq) and algebra.known(realised)
            need(known or entailed(algebra, step.given, realised), f"the assumption {realised} is not known.")
    expected = _realised(claim, mapping, sources)
    need(_form(unnamed(step.conclusion)) == _form(unnamed(expected)), f"the conclusion is not what the statement becomes: {expected}.")
    return Support(algebra.licensed())


def _check_values(step: Inference, algebra: Algebra, mapping: dict[Any, Any], values: dict[Any, Any], sources: dict[Any, Any]) -> None:
    """Refuse values of another shape or domain, that are not polynomials, or that a mean would capture."""
    claim, given = step.premises[0]
    symbols = symbols_of(claim, *given)
    everything = {u for own in sources.values() for u in own}
    sizes = {symbol: value for symbol, value in mapping.items() if isinstance(symbol, Symbol)}
    clash = {u.name for u in everything if u not in values} & symbols.keys()
    need(not clash, f"the statement speaks of {min(clash, default=None)} already.")
    for symbol, value in mapping.items():
        need(
            isinstance(symbol, Symbol | MatrixSymbol) and symbols.get(symbol.name) == symbol, f"{symbol} is not a symbol of the statement."
        )
        if symbol not in values:
            caught = {z.name for z in {*values, *everything}} & symbols_of(value).keys()
            need(not caught, f"the value {value} holds {min(caught, default=None)}, which is averaged over.")
        if isinstance(symbol, Symbol):
            need(in_domain(algebra, symbol, value), f"{value} is not known to be in the domain of {symbol}.")
            algebra.scalar(value)
        else:
            need(replaced(symbol, sizes).shape == getattr(value, "shape", None), f"{value} does not have the shape of {symbol}.")
            algebra.matrix(value)
    for z, value in values.items():
        need(z not in sources[z] or value == z, f"the value of {z} is a function of {z}.")
        need(value != z or z in sources[z], f"{z} has no law.")
        for word, scale in algebra.matrix(value).items():
            atoms = [algebra.atom(i) for monomial in scale for i in monomial]
            letters = [
                k for k in (*word, *(k for kind, *rest in atoms if kind == "word" for k in rest[0])) if algebra.speaks_of(k) & everything
            ]
            plain = all(kind == "word" or not algebra.depends((kind, *rest)) & everything for kind, *rest in atoms)
            need(plain and all(isinstance(algebra.matrix_of(k), MatrixSymbol) for k in letters), f"{value} is not a polynomial.")


def _realised(expr: Any, mapping: dict[Any, Any], sources: dict[Any, Any]) -> Any:
    """The expression with all symbols replaced, each mean over the sources of what it averaged over."""
    if expr in mapping:
        return mapping[expr]
    if not expr.args:
        return expr
    if isinstance(expr, Mean | Expectation):
        inner, variables = expr.args
        need(set(variables) <= sources.keys(), f"{expr} averages over what is not of the Law.")
        averaged = set().union(*(sources[z] for z in variables))
        fixed = set().union(*(sources[z] for z in free(inner) & sources.keys() if z not in variables))
        need(not averaged & fixed, f"{expr} would average over a part of what it holds fixed.")
        return type(expr)(_realised(inner, mapping, sources), *averaged)
    args = [_realised(arg, mapping, sources) for arg in expr.args]
    return expr if all(a is b for a, b in zip(args, expr.args, strict=True)) else rebuilt(expr, args)


def _form(expr: Any) -> Any:
    """The same for expressions that differ in the order and the brackets of sums and of products of scalars."""
    if not expr.args:
        return expr
    args = [_form(arg) for arg in expr.args]
    if isinstance(expr, Add | Mul | MatAdd):
        kind = type(expr)
        inner = [part for arg in args for part in (arg[1:] if isinstance(arg, tuple) and arg[0] is kind else (arg,))]
        return kind, *sorted(inner, key=repr)
    return type(expr), *args
