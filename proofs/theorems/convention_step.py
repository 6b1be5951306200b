"""`one-step-loss` in the terms of a paper that trains one matrix, so that its prediction is one step of gradient descent."""

from __future__ import annotations

from typing import Any, NamedTuple

from sympy import Identity, Inverse, MatMul, Trace, Transpose
from sympy.core.symbol import Str

from proofs.derivation import Derivation
from proofs.kernel import Statement, Theorem
from proofs.language import (
    All,
    Equivalence,
    Invertible,
    Mean,
    Named,
    PositiveDefinite,
    at_least,
    equal,
    more_than,
    replaced,
    substitute,
)
from proofs.theorems import one_step_loss
from proofs.theorems.vocabulary import PROMPT, TARGET, laws, optimum
from theory.notation import B, Sigma, W, d, n, sigma2


class OneMatrix(NamedTuple):
    """What a paper trains, and its optimum as the paper writes it.

    covariance  Σ, with its symmetric root where the optimum is written with it, else I
    prior       W
    definite    what is assumed positive definite
    core        products that are definite too, each with its terms as a sum of such
    weights     K, with B = scale · Kᵀ
    prediction  ŷ in K
    system      S, definite, and its terms; best = root⁻¹ S⁻¹ root⁻¹
    least       the minimum
    moment      Q, definite, and its terms: L = least + factor · tr(Σ (K − best) Q (K − best)ᵀ)
    """

    covariance: Any
    root: Any
    prior: Any
    definite: tuple[Any, ...]
    core: tuple[tuple[Any, tuple[Any, ...]], ...]
    weights: Any
    scale: Any
    prediction: Any
    system: tuple[Any, tuple[Any, ...]]
    best: Any
    least: Any
    moment: tuple[Any, tuple[Any, ...]]
    factor: Any
    variance: Any


def renamed(expr: Any, **names: str) -> Any:
    """The same with other names for its abbreviations."""
    return replaced(expr, {Str(old): Str(new) for old, new in names.items()})


def theorem(label: str, title: str, source: str, paper: OneMatrix, remarks: tuple[str, ...]) -> Theorem:
    """The loss as a completed square about the paper's optimum, its only minimiser."""
    derive = Derivation()
    mapping = {Sigma: paper.covariance, W: paper.prior}
    step = MatMul(paper.scale, Transpose(paper.weights)).doit()
    there = optimum(mapping, L_star="L_star_0")  # the paper writes the minimum in other terms
    system = there.system.args[1]
    spelled_out = {there.system: system}  # H may be the paper's name for something else
    best = replaced(there.step, spelled_out)
    loss = Named("L", Mean((paper.prediction - TARGET) ** 2, *PROMPT))

    core = [derive("definiteness", PositiveDefinite(matrix), by=terms, note="A definite matrix.") for matrix, terms in paper.core]
    noisy = derive(
        "sign",
        more_than(Trace(paper.covariance * paper.prior) + sigma2, 0),
        *core,
        by=(paper.variance,),
        note="The variance of a label is positive.",
    )
    general = derive(
        "specialisation",
        replaced(renamed(substitute(one_step_loss.theorem().claim, mapping | {B: step}), L_star="L_star_0"), spelled_out),
        one_step_loss.theorem(),
        noisy,
        *core,
        by=(*mapping.items(), (B, step)),
        note="The loss of one step, in this setting and with these weights.",
    )
    inverted, terms = paper.system
    definite = derive("definiteness", PositiveDefinite(inverted), *core, by=terms, note="What the paper inverts is definite.")
    cancels = derive(
        "inverse",
        equal(MatMul(inverted, Inverse(inverted)), Identity(d)),
        definite,
        *core,
        by=(inverted,),
        note="The definition of its inverse.",
    )
    exists = derive("logic", Invertible(system), general, note="What B* inverts is invertible too.")
    undone = derive("inverse", equal(MatMul(Inverse(system), system), Identity(d)), exists, by=(system,), note="The definition of that.")
    same = derive(
        "matrix-identity",
        equal(best, paper.scale * paper.best),
        cancels,
        undone,
        exists,
        definite,
        *core,
        by=((0, -Inverse(system) * paper.prior * paper.root, Inverse(paper.root)), (1, 1, paper.scale * paper.best)),
        note="B* is the paper's optimum, up to the factor between the conventions.",
    )
    square = derive("logic", general.conclusion.args[2], general, note="The loss of one step is a completed square.")
    moment, terms = paper.moment
    deviation = paper.weights - paper.best
    excess = Trace(paper.covariance * deviation * moment * Transpose(deviation))
    completed = derive(
        "matrix-identity",
        equal(loss, paper.least + paper.factor * excess),
        square,
        same,
        exists,
        definite,
        *core,
        by=(
            (0, 1),
            (1, -n * paper.covariance * paper.prior * paper.covariance),
            (1, -n * paper.covariance * Transpose(step - best) * there.moment),
            (1, -n * there.moment * (step - paper.scale * paper.best) * paper.covariance, 1, "T"),
        ),
        note="It is this square in the paper's terms.",
    )
    weight = derive("definiteness", PositiveDefinite(moment), definite, *core, by=terms, note="Its quadratic form is definite.")
    hints = {"by": (moment, deviation, paper.covariance)}
    above, zero = (
        derive("trace-inequality", relation, weight, definite, *core, **hints, note=note)
        for relation, note in (
            (at_least(excess, 0), "A trace of two definite factors."),
            (Equivalence(equal(excess, 0), equal(paper.weights, paper.best)), "It vanishes only at the optimum."),
        )
    )
    minimum = derive(
        "sum-of-nonnegatives",
        All(at_least(loss, paper.least), Equivalence(equal(loss, paper.least), equal(excess, 0))),
        completed,
        above,
        definite,
        *core,
        by=((paper.factor, excess),),
        note="So this is the minimum.",
    )
    claim = All(
        definite.conclusion,
        completed.conclusion,
        at_least(loss, paper.least),
        Equivalence(equal(loss, paper.least), equal(paper.weights, paper.best)),
    )
    derive("logic", claim, definite, completed, minimum, zero, note="Collect the steps.")
    given = (*laws(paper.covariance, paper.prior), *map(PositiveDefinite, paper.definite))
    return Theorem(label, title, source, Statement(claim, given), derive.steps, remarks)
