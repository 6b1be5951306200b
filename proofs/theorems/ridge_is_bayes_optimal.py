"""The ridge estimate is the mean of the task vector given the context, and no predictor has smaller risk.

Claim 1: what a learner of noisy linear regression should learn (Akyürek et al., arXiv 2211.15661). The covariates of the context and of
the query are fixed, unless a mean is taken over them: the risk is smallest for each of them, so it is smallest on average.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sympy import Identity, Integer, MatMul, Trace

from proofs.derivation import Derivation
from proofs.kernel import Statement, Theorem
from proofs.language import All, ConditionalMean, Equivalence, Mean, PositiveDefinite, at_least, equal, more_than
from proofs.theorems import posterior
from proofs.theorems.posterior import ANY, ESTIMATE, PRECISION, RIDGE, R
from proofs.theorems.vocabulary import LABEL, PROMPT, TARGET, laws
from theory.notation import Sigma, W, X, d, eps, eps_q, sigma2, u, w, x_q

GIVEN = (*laws(Sigma, W), PositiveDefinite(W), more_than(sigma2, 0))


def risk(predictor: Any, *variables: Any) -> Any:
    """E (y_q − predictor)²"""
    return Mean((TARGET - predictor) ** 2, *variables)


def penalised(estimate: Any) -> Any:
    """‖y − Xu‖² + σ² uᵀW⁻¹u"""
    return Trace((LABEL - X * estimate).T * (LABEL - X * estimate)) + sigma2 * Trace(estimate.T * W.inv() * estimate)


@cache
def theorem() -> Theorem:
    """The theorem."""
    derive = Derivation()
    within = (w, eps, eps_q)
    cancels = derive("inverse", equal(MatMul(PRECISION, R), Identity(d)), by=(PRECISION,), note="The definition of the resolvent R.")
    smallest = derive(
        "matrix-identity",
        equal(penalised(u), penalised(RIDGE) + Trace((u - RIDGE).T * PRECISION * (u - RIDGE))),
        cancels,
        by=((0, 2 * X.T * LABEL * (u - RIDGE).T),),
        note="The penalised squared error as a completed square in u.",
    )
    apart = Trace((u - RIDGE).T * PRECISION * (u - RIDGE))
    convex = (Identity(1), u - RIDGE, PRECISION)
    above = derive("trace-inequality", at_least(apart, 0), by=convex, note="A quadratic form of a definite matrix.")
    alone = derive("trace-inequality", Equivalence(equal(apart, 0), equal(u, RIDGE)), by=convex, note="Its equality case.")
    least = derive(
        "sum-of-nonnegatives",
        All(at_least(penalised(u), penalised(RIDGE)), Equivalence(equal(penalised(u), penalised(RIDGE)), equal(apart, 0))),
        smallest,
        above,
        by=((Integer(1), apart),),
        note="So the ridge estimate minimises the penalised squared error.",
    )
    ridge = All(at_least(penalised(u), penalised(RIDGE)), Equivalence(equal(penalised(u), penalised(RIDGE)), equal(u, RIDGE)))
    unique = derive("logic", ridge, least, alone, note="It is the only minimiser.")
    source = posterior.theorem()
    orthogonal = derive(
        "specialisation", source.claim, source, note="The error of the ridge estimate is orthogonal to every function of the context."
    )
    conditional = derive(
        "citation",
        equal(ConditionalMean(Trace(x_q.T * w), LABEL, w, eps), ESTIMATE),
        orthogonal,
        by=("conditional-expectation", ANY),
        note="So it is the conditional mean, for each query.",
    )
    # the risk of any predictor
    best, other, gap = risk(ESTIMATE, *within), risk(ANY, *within), Mean((ESTIMATE - ANY) ** 2, *within)
    split = derive(
        "matrix-identity",
        equal(other, best + gap),
        orthogonal,
        by=((1, 2),),
        note="The risk of any predictor is that of ridge, and its mean squared distance from it.",
    )
    bound = derive(
        "sum-of-nonnegatives",
        All(at_least(other, best), Equivalence(equal(other, best), equal(gap, 0))),
        split,
        by=((Integer(1), gap),),
        note="So no predictor has smaller risk.",
    )
    value = derive(
        "gaussian-moment",
        equal(
            best,
            Trace(x_q.T * (Identity(d) - R * X.T * X) * W * (Identity(d) - X.T * X * R) * x_q)
            + sigma2 * Trace(x_q.T * R * X.T * X * R * x_q)
            + sigma2,
        ),
        note="The Bayes risk: what the prior and the noise leave.",
    )
    shrinks = derive(
        "matrix-identity",
        equal(W - W * X.T * X * R, sigma2 * R),
        cancels,
        by=((0, -W, Identity(d)),),
        note="By the definition of the resolvent.",
    )
    bayes = derive(
        "matrix-identity",
        equal(best, sigma2 + sigma2 * Trace(x_q.T * R * x_q)),
        value,
        shrinks,
        by=((0, 1), (1, x_q * x_q.T * (Identity(d) - R * X.T * X))),
        note="The Bayes risk is the noise, and σ² times a quadratic form of the resolvent.",
    )
    # on average over the covariates
    averaged = derive(
        "monotone-mean", equal(Mean(other, X, x_q), Mean(best + gap, X, x_q)), split, note="The mean of this over the covariates."
    )
    distance = (ESTIMATE - ANY) ** 2
    whole = [
        derive(
            "citation",
            equal(Mean(integrand, *PROMPT), Mean(Mean(integrand, *within), X, x_q)),
            by=("fubini",),
            note=f"{what} over prompts: first the mean within a prompt.",
        )
        for integrand, what in (
            ((TARGET - ANY) ** 2, "The risk of the predictor"),
            ((TARGET - ESTIMATE) ** 2, "The risk of the ridge estimate"),
            (distance, "The mean squared distance"),
        )
    ]
    far = Mean(distance, *PROMPT)
    over_prompts = derive(
        "matrix-identity",
        equal(risk(ANY, *PROMPT), risk(ESTIMATE, *PROMPT) + far),
        averaged,
        *whole,
        by=((0, 1), (1, 1), (2, -1), (3, -1)),
        note="So the risks over prompts differ by the mean squared distance too.",
    )
    everywhere = derive(
        "sum-of-nonnegatives",
        All(
            at_least(risk(ANY, *PROMPT), risk(ESTIMATE, *PROMPT)),
            Equivalence(equal(risk(ANY, *PROMPT), risk(ESTIMATE, *PROMPT)), equal(far, 0)),
        ),
        over_prompts,
        by=((Integer(1), far),),
        note="So no predictor has smaller risk over prompts, and only those equal to it almost everywhere have the same.",
    )
    parts = (unique, conditional, split, bound, bayes, everywhere)
    claim = All(*(part for step in parts for part in (step.conclusion.args if isinstance(step.conclusion, All) else (step.conclusion,))))
    derive("logic", claim, *parts, note="Collect the steps.")
    return Theorem(
        label="ridge-is-bayes-optimal",
        title="The ridge estimate is Bayes optimal",
        source="textbook; the target of learning in Akyürek et al., arXiv 2211.15661",
        statement=Statement(claim, GIVEN),
        steps=derive.steps,
        remarks=(
            "The covariates X and x_q are independent of (w, ε), so conditioning on them is holding them fixed. "
            "A singular prior and σ² = 0, where the ridge estimate is a limit, are not covered.",
        ),
    )
