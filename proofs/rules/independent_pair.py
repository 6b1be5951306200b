"""The mean of a product of the same function of two tokens is not negative.

Under Tokens(…) the tokens t and t′ are independent with one law given a random function f, so E[p(t) p(t′)] = E[E[p(t) | f]²] ≥ 0; and
for a column r, E[r(t) r(t′)ᵀ] = E[ρρᵀ] with ρ = E[r(t) | f] is positive semidefinite. The argument is p or r as it stands for one of the
tokens.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sympy import Ge, MatMul, Mul, Transpose

from proofs.algebra import Algebra
from proofs.errors import RuleError
from proofs.language import Expectation, Mean, PositiveSemidefinite, Tokens, replaced, symbols_of
from proofs.rules.inference import Inference, Support, need


def check(step: Inference) -> Support:
    """Mean(p p′) ≥ 0, or Expectation(r r′ᵀ) is positive semidefinite."""
    claim = step.conclusion
    need(isinstance(claim, Ge | PositiveSemidefinite), "the conclusion must be E[p p′] ≥ 0, or that E[r r′ᵀ] is positive semidefinite.")
    mean: Any = claim.args[0]
    (one,) = step.arguments
    algebra = step.algebra()
    if isinstance(claim, Ge):
        need(isinstance(mean, Mean) and claim.args[1] == 0, "the conclusion must be E[p p′] ≥ 0.")
    else:
        need(isinstance(mean, Expectation) and one.shape[1] == 1, "the conclusion must be that E[r r′ᵀ] is positive semidefinite.")
    variables = mean.args[1]
    for other in _others(algebra, one, set(variables)):
        product = Mul(one, other, evaluate=False) if isinstance(claim, Ge) else MatMul(one, Transpose(other))
        if algebra.same(mean, type(mean)(product, *variables)):
            return Support(algebra.licensed())
    raise RuleError(f"{mean} is not the mean of the product of {one} and the same of another token.")


def _others(algebra: Algebra, one: Any, averaged: set[Any]) -> Iterator[Any]:
    """The same function of each other token, if it speaks of one token and nothing else that is random, and both are averaged over."""
    spoken = set(symbols_of(one).values()) & (algebra.laws.keys() | algebra.blocks.keys())
    for fact in algebra.facts:
        if isinstance(fact, Tokens):
            tokens = fact.args[1:]
            for old in tokens:
                for new in tokens:
                    renamed = dict(zip(old, new, strict=True))
                    if new != old and spoken and spoken <= set(old) and spoken | {renamed[z] for z in spoken} <= averaged:
                        yield replaced(one, renamed)
