"""`general-gaussian` in the terms of papers whose weights are a whole layer: what their theorems share.

The prompt matrix has the tokens as columns, the query last: E of Zhang et al., printed Z₀ as Ahn et al. have it, since E is the mean. The
paper's loss L is that of the layer (v, M) that its weights are, L₀.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from sympy import BlockMatrix, Identity, Inverse, MatMul, Trace, ZeroMatrix

from proofs.derivation import Derivation
from proofs.kernel import Step
from proofs.language import Equivalence, Implication, Mean, Named, NamedMatrix, PositiveDefinite, at_least, equal, substitute
from proofs.theorems import general_gaussian
from proofs.theorems.convention_step import renamed
from proofs.theorems.vocabulary import LABEL, LOSS, PROMPT, TARGET, Optimum, optimum
from theory.notation import Sigma, W, X, d, n, sigma2, x_q

NAMES = {"L": "L_layer", "yhat": "yhat_layer"}
LEAST = {"L_star": "L_star_0"}
E = NamedMatrix("E", BlockMatrix([[X.T, x_q], [LABEL.T, ZeroMatrix(1, 1)]]))
LABEL_SLOT = NamedMatrix("u_y", BlockMatrix([[ZeroMatrix(d, 1)], [Identity(1)]]))
QUERY_COLUMN = NamedMatrix("u_q", BlockMatrix([[ZeroMatrix(n, 1)], [Identity(1)]]))


def loss_of(prediction: Any) -> Any:
    """E (ŷ − y_q)² of a prediction."""
    return Named("L", Mean((prediction - TARGET) ** 2, *PROMPT))


def of_layer(expr: Any, mapping: dict[Any, Any]) -> Any:
    """What `general-gaussian` says, of the layer with the paper's weights. Where W is given the minimum is written anew: another name."""
    return renamed(substitute(expr, mapping), **NAMES, **(LEAST if W in mapping else {}))


def optimum_of(mapping: dict[Any, Any]) -> Optimum:
    """B* and the minimum of that setting, in the terms of the layer."""
    return optimum({symbol: mapping[symbol] for symbol in (Sigma, W) if symbol in mapping}, **LEAST)


def specialised(derive: Derivation, mapping: dict[Any, Any], *premises: Step) -> Step:
    """All global minimisers, of the layer with the paper's weights."""
    source = general_gaussian.theorem()
    return derive(
        "specialisation",
        of_layer(source.claim, mapping),
        source,
        *premises,
        by=tuple(mapping.items()),
        note="All global minimisers, of the layer (v, M) that the paper's weights are.",
    )


def translated(derive: Derivation, pairs: Iterable[tuple[Any, Any, tuple[Any, ...]]], *premises: Step, note: str) -> list[Step]:
    """Relations of the layer's parameters, each as one of the paper's weights: (old, new, hints)."""
    return [derive("equivalent-relations", Equivalence(old, new), *premises, by=hints, note=note) for old, new, hints in pairs]


def preconditioner(covariance: Any) -> Any:
    """Γ = (1 + 1/n) Σ + (tr Σ + σ²)/n I"""
    return NamedMatrix("Gamma", (n + 1) / n * covariance + (Trace(covariance) + sigma2) / n * Identity(d))


class Setting(NamedTuple):
    """The steps that a paper with the mean over the context and w ~ N(0, I) starts from.

    definite  Γ ≻ 0
    cancels   Γ Γ⁻¹ = I
    general   all global minimisers of the layer
    same      B* = Γ⁻¹/n
    exists    what B* inverts is definite
    bound     L ≥ L* in the paper's terms
    minimal   L₀ = L₀* ⟺ L = L*
    """

    definite: Step
    cancels: Step
    general: Step
    same: Step
    exists: Step
    bound: Step
    minimal: Step


def _if(under: Any, statement: Any) -> Any:
    return statement if under is None else Implication(under, statement)


def least(covariance: Any) -> Any:
    """L* = tr Σ + σ² − tr(Σ Γ⁻¹ Σ)"""
    return Named("L_star", Trace(covariance) + sigma2 - Trace(covariance * Inverse(preconditioner(covariance)) * covariance))


def standard_task(derive: Derivation, mapping: dict[Any, Any], covariance: Any, loss: Any, under: Any = None) -> Setting:
    """What holds for w ~ N(0, I), with n B* = Γ⁻¹; of the paper's weights under a hypothesis, where one is needed."""
    there, Gamma, minimum = optimum_of(mapping), preconditioner(covariance), least(covariance)
    terms = (((n + 1) / n, Identity(d), covariance), ((Trace(covariance) + sigma2) / n, Identity(d), Identity(d)))
    definite = derive("definiteness", PositiveDefinite(Gamma), by=terms, note="A sum of definite matrices, so Γ has an inverse.")
    cancels = derive("inverse", equal(MatMul(Gamma, Inverse(Gamma)), Identity(d)), definite, by=(Gamma,), note="The definition of it.")
    general = specialised(derive, mapping)
    exists = derive(
        "definiteness",
        PositiveDefinite(there.system),
        by=((n + 1, Identity(d), covariance), (there.tau, Identity(d), Identity(d))),
        note="What B* inverts is definite too.",
    )
    undone = derive(
        "inverse", equal(MatMul(Inverse(there.system), there.system), Identity(d)), exists, by=(there.system,), note="The same for it."
    )
    same = derive(
        "matrix-identity",
        equal(there.step, 1 / n * Inverse(Gamma)),
        cancels,
        undone,
        exists,
        definite,
        by=((0, -Inverse(there.system)), (1, 1 / n, Inverse(Gamma))),
        note="So n B* = Γ⁻¹.",
    )
    closed = derive(
        "matrix-identity",
        equal(there.loss, minimum),
        same,
        exists,
        definite,
        by=((0, -n * covariance * covariance),),
        note="The minimum with Γ.",
    )
    old = of_layer(LOSS, mapping)
    relations = [
        derive(
            "equivalent-relations",
            _if(under, Equivalence(relation(old, there.loss), relation(loss, minimum))),
            closed,
            by=(1, (0, -1)),
            note=note,
        )
        for relation, note in ((at_least, "The loss of the paper's weights is that of the layer."), (equal, "The same where it is least."))
    ]
    bound = derive("logic", _if(under, at_least(loss, minimum)), general, relations[0], note="So L* is the minimum.")
    return Setting(definite, cancels, general, same, exists, bound, relations[1])
