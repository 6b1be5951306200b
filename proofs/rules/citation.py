"""Citation of a fact from the pinned list below, and of nothing else.

Each fact is a schema: a function decides whether premises and conclusion are an instance of it, so a citation cannot carry a claim that
the cited fact does not make. The list is short on purpose: measure theory and calculus that lie outside polynomial algebra, never a
statement about attention. Arguments: the name of the fact, and what the instance needs.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any, NamedTuple

from sympy import Eq, MatAdd, MatrixSymbol, Trace

from proofs.algebra import plus, scaled
from proofs.language import ConditionalMean, GradientAt, Mean, Normal, Predictor, bound, conjuncts, free, nodes, replaced
from proofs.rules.inference import Inference, Support, minus, need, of_kind


class Fact(NamedTuple):
    """A fact that may be cited: what it says, where it is proved (a key of references.bib), and what an instance of it is."""

    says: str
    source: str
    instance: Callable[[Inference], Support] | None


def check(step: Inference) -> Support:
    """The conclusion is an instance of the fact named."""
    name = step.arguments[0] if step.arguments else None
    fact = FACTS.get(name) if isinstance(name, str) else None
    if fact is None or fact.instance is None:
        need(False, f"{name!r} is not on the list of facts that may be cited: {', '.join(k for k, f in FACTS.items() if f.instance)}.")
        return Support()
    return fact.instance(step)._replace(citations=(str(name),))


def _fubini(step: Inference) -> Support:
    """E[P] = E[E[P | outer variables]], for a P whose mean exists."""
    equation = of_kind(step.conclusion, Eq, "Mean(P; U, V) = Mean(Mean(P; V); U)")
    whole: Any = of_kind(equation.lhs, Mean, "Mean(P; U, V) = Mean(Mean(P; V); U)")
    outer: Any = of_kind(equation.rhs, Mean, "Mean(P; U, V) = Mean(Mean(P; V); U)")
    inner: Any = of_kind(outer.args[0], Mean, "Mean(P; U, V) = Mean(Mean(P; V); U)")
    first, second = set(inner.args[1]), set(outer.args[1])
    need(whole.args[0] == inner.args[0], "the two integrands differ.")
    need(not first & second and first | second == set(whole.args[1]), "the variables of the two means are not those of the one.")
    algebra = step.algebra()
    algebra.scalar(whole)  # refused unless the integrand is integrable, and no law depends on another variable
    spoken = free(whole.args[0])
    need(algebra.independent(first & spoken, second & spoken), "the variables of the two means are not known to be independent.")
    return Support(algebra.licensed())


def _conditional(step: Inference) -> Support:
    """h(y) = E[g | y] iff E[(g − h(y)) f(y)] = 0 for every f(y) of finite second moment; no assumption can restrict an f (`statement`)."""
    equation = of_kind(step.conclusion, Eq, "E[g | y] = h(y)")
    conditional: Any = of_kind(equation.lhs, ConditionalMean, "E[g | y] = h(y)")
    known = [part for claim in step.claims for part in conjuncts(claim)]
    premise: Any = next((part for part in known if isinstance(part, Eq) and isinstance(part.lhs, Mean) and part.rhs == 0), None)
    need(premise is not None, "a premise Mean((g − h(y)) f(y)) = 0 is needed.")
    _, name, *rest = step.arguments
    g, y, variables = conditional.args
    h = equation.rhs
    need(isinstance(name, Predictor) and not rest and name.args[1:].count(y) == 1, "f must be a predictor of y.")
    fixed = [argument for argument in name.args[1:] if argument != y]
    need(not any(argument.atoms(MatrixSymbol) & set(variables) for argument in fixed), "besides y, f may depend on what is fixed only.")
    need(not any(isinstance(node, Predictor) for part in (g, h, y) for node in nodes(part)), "g, h and y must not depend on f.")
    need(tuple(premise.lhs.args[1]) == tuple(variables), "the mean of the premise is over other variables.")
    seen = replaced(h, {y: MatrixSymbol("y_given", *y.shape)})
    need(not seen.atoms(MatrixSymbol) & set(variables), f"{h} is not a function of {y} as it stands.")
    algebra = step.algebra()
    algebra.scalar(Mean(g**2 + h**2, *variables))  # finite second moments, and a law for each variable
    need(set(variables) <= algebra.laws.keys(), "a variable is not Gaussian.")
    covariances = [matrix for z in variables for matrix in algebra.laws[z].args[1:]]
    # with a density, two continuous versions that agree almost surely agree everywhere
    need(all(map(algebra.definite, covariances)), "a covariance is not known to be definite.")
    gap = plus(algebra.scalar(premise.lhs), scaled(algebra.scalar(Mean((g - h) * name, *variables)), -1))
    need(algebra.vanishes(gap), "the premise is not that g − h(y) is orthogonal to f(y).")
    return Support(algebra.licensed())


def _gradient(step: Inference) -> Support:
    """If ℓ(p + δ) − ℓ(p) is δᵀg plus a quadratic form in δ, then g is the gradient of ℓ at p."""
    equation = of_kind(step.conclusion, Eq, "GradientAt(ℓ, u, p) = g")
    gradient: Any = of_kind(equation.lhs, GradientAt, "GradientAt(ℓ, u, p) = g")
    need(len(step.arguments) == 3, "the arguments must be the fact, δ and H.")
    _, delta, curvature = step.arguments
    loss, u, point = gradient.args
    outside = {s for expr in (equation.rhs, point, curvature) for s in expr.atoms(MatrixSymbol)}
    need(not any(u in fact.atoms(MatrixSymbol) for fact in step.given if isinstance(fact, Normal)), f"a law depends on {u}.")
    need(u not in outside, f"{u} is bound by the gradient: it must not stand in the point, in g or in H.")
    need(u not in bound(loss) and not bound(loss) & outside, "the objective averages over a symbol of the expansion.")
    new = isinstance(delta, MatrixSymbol) and delta.shape == u.shape and delta not in outside | loss.atoms(MatrixSymbol)
    need(new, "δ must be a new column of the shape of u.")
    moved, still = (replaced(loss, {u: at}, evaluate=False) for at in (MatAdd(point, delta), point))
    expansion = minus(minus(moved, still), Trace(delta.T * equation.rhs) + Trace(delta.T * curvature * delta))
    algebra = step.algebra()
    need(algebra.vanishes(algebra.scalar(expansion)), "ℓ(p + δ) − ℓ(p) is not δᵀg + δᵀHδ.")
    return Support(algebra.licensed())


FACTS: MappingProxyType[str, Fact] = MappingProxyType(
    {
        "isserlis": Fact("The mean of a product of centred jointly Gaussian variables is a sum over pairings.", "isserlis1918", None),
        "fubini": Fact(
            "The mean over two independent groups of variables is the mean over one of the mean over the other.", "williams1991", _fubini
        ),
        "conditional-expectation": Fact(
            "E[g | y] is the function of y that leaves g − h(y) orthogonal to every function of y.", "williams1991", _conditional
        ),
        "gradient": Fact("The gradient of a quadratic polynomial is the linear part of its expansion.", "magnus2019", _gradient),
    }
)
