"""The gap between the best layer and the Bayes risk in the limit n/d → γ_d, and the exact least loss beside it.

μ is the Bayes risk there, less the noise and in units of the signal. That it is the root of the equation below is the law of Marchenko and
Pastur, which docs/gap-to-bayes.md proves with an error at every size; what follows from the equation is checked here.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sympy import Add, Identity, Rational

from proofs.derivation import Derivation
from proofs.kernel import Statement, Step, Theorem
from proofs.language import All, Equivalence, Implication, Named, at_least, equal, more_than
from proofs.theorems import isotropic
from proofs.theorems.paper_step_size import STEP_SIZE
from proofs.theorems.vocabulary import LOSS, laws
from theory.gap_to_bayes import noise_of, one_step_limit, ratio_of
from theory.notation import A, c, d, g_0, gamma_d, mu, n, nu, sigma2, v_x, v_y

EXAMPLES = Named("gamma_d", ratio_of(mu, nu))
TOTAL = 1 + EXAMPLES + nu
ONE_STEP = Named("xi", one_step_limit(gamma_d, nu).subs(gamma_d, EXAMPLES))
GAP = ONE_STEP - mu
BELOW = nu + mu + mu * (1 - mu)
VALUE = mu * (1 - mu) ** 2 / BELOW

AT_LARGEST = equal(nu, noise_of(g_0))
CUBIC = equal(27 * g_0 * (1 + nu), 4 * (1 + g_0) ** 3)
PLACE = (1 - 2 * g_0) / 3

LEAST = d + sigma2 - n * d * STEP_SIZE
SIZES = All(equal(n, EXAMPLES * d), equal(sigma2, nu * d))
DISTANCE = EXAMPLES * d / (TOTAL * (d * TOTAL + 1))
REACHED = All(equal(v_x, 0), equal(c, 0), equal(v_y, 1), equal(A, STEP_SIZE * Identity(d)))


def kept(*terms: Any) -> Any:
    """Their sum, as it stands, so that each sign stays in sight."""
    return Add(*terms, evaluate=False)


@cache
def theorem() -> Theorem:
    """The theorem."""
    derive = Derivation()
    some = derive("sign", more_than(EXAMPLES, 0), by=(EXAMPLES,), note="There are examples, as μ is less than 1.")
    fixed = derive(
        "rational-identity", equal(mu * (EXAMPLES + nu + mu), nu + mu), note="The equation of Marchenko and Pastur, which γ_d solves."
    )
    gap = derive("rational-identity", equal(GAP, VALUE), some, note="The gap, as a function of μ and ν.")
    positive = derive("sign", more_than(ONE_STEP, mu), gap, by=(VALUE, (0, 1)), note="It is positive.")
    bounds = _bounds(derive, gap)
    largest = _largest(derive, gap)
    sizes = _sizes(derive)
    parts = (some, fixed, gap, positive, *bounds, *largest, *sizes)
    claim = All(*(part.conclusion for part in parts))
    derive("logic", claim, *parts, note="Collect the steps.")
    return Theorem(
        label="gap-to-bayes",
        title="The gap between the best layer and μ, the limit of the Bayes risk",
        source="derived here; that μ is the limit of the Bayes risk: Marchenko, Pastur 1967",
        statement=Statement(claim, (*laws(Identity(d), Identity(d)), more_than(1, mu))),
        steps=derive.steps,
        remarks=(
            "For w ~ N(0, I) the signal is d. In units of it, with γ_d examples for each dimension and noise ν, the least loss of a "
            "layer is ν + ξ up to an error below one part in four times d, and the Bayes risk tends to ν + μ. The second is not "
            "part of what was checked: it is the law of Marchenko and Pastur for the eigenvalues of XᵀX.",
            "To every γ_d > 0 and ν > 0 belongs one μ between 0 and 1. Without noise the gap tends to ½ as γ_d tends to 1; beyond, "
            "the Bayes risk tends to 0 and the gap is ξ.",
            "To every ν belongs one g₀ that is at most ½: it is ½ for ν = 0, falls as ν grows, and is attained for ν > 0.",
            "By whitening, the same holds for covariates N(0, Σ) and task vectors whose covariance is a multiple of Σ⁻¹, in units "
            "of the signal.",
        ),
    )


def _bounds(derive: Derivation, gap: Step) -> tuple[Step, ...]:
    """Three bounds on the gap; the second and third are sharp for many and for few examples."""
    rest = 1 - mu
    half = derive(
        "sign",
        more_than(Rational(1, 2), GAP),
        gap,
        by=(Rational(1, 2) * (nu + mu**2 * kept(1, rest, rest)) / BELOW, (0, -1)),
        note="It is less than half of the signal.",
    )
    many = derive(
        "sign",
        more_than(1, EXAMPLES * GAP),
        gap,
        by=(((nu + mu) * mu * kept(1, rest, rest**2) + mu * rest) / BELOW, (0, -EXAMPLES)),
        note="For many examples it is less than one part in γ_d.",
    )
    one, other = nu + mu, mu * (1 + nu)
    few = derive(
        "sign",
        more_than(EXAMPLES**2 / (1 + nu) ** 3, GAP),
        gap,
        by=(rest**2 * (nu * rest * (one**2 + one * other + other**2) + one**2 * mu * rest) / (mu**2 * (1 + nu) ** 3 * BELOW), (0, -1)),
        note="For few examples it is of second order.",
    )
    return half, many, few


def _largest(derive: Derivation, gap: Step) -> tuple[Step, ...]:
    """The largest gap at a given noise, and where it is attained."""
    cubic = derive("rational-identity", Implication(AT_LARGEST, CUBIC), note="A cubic equation for g₀.")
    square, unit = (mu - PLACE) ** 2, 1 + g_0
    scale = Rational(1, 2) * kept(2 * unit / 3, 1 - mu, 1 - mu) / BELOW
    by = (0, -1), (1, 1 / (27 * BELOW))
    above = derive(
        "sign", Implication(CUBIC, at_least(g_0, GAP)), gap, by=(square * scale, *by), note="What the gap is short of g₀ is never negative."
    )
    vanishes = derive(
        "equivalent-relations",
        Implication(CUBIC, Equivalence(equal(g_0, GAP), equal(square, 0))),
        gap,
        by=(scale, *by),
        note="It vanishes with the square,",
    )
    root = derive("zero-product", Equivalence(equal(square, 0), equal(mu - PLACE, 0)), by=(1, (mu - PLACE, 2)), note="which vanishes")
    same = derive("equivalent-relations", Equivalence(equal(mu - PLACE, 0), equal(mu, PLACE)), by=(1,), note="at one place only.")
    there = (1 + nu) * (2 - g_0) / unit
    where = derive(
        "rational-identity",
        Implication(All(CUBIC, equal(mu - PLACE, 0)), equal(EXAMPLES, there)),
        by=((0, 1 / (9 * unit * mu)), (1, (1 - nu - mu - PLACE - there) / mu)),
        note="The number of examples for each dimension there.",
    )
    largest = derive(
        "logic",
        Implication(AT_LARGEST, All(at_least(g_0, GAP), Equivalence(equal(g_0, GAP), equal(mu, PLACE)))),
        *(cubic, above, vanishes, root, same),
        note="So g₀ is the largest gap, at one place only,",
    )
    place = derive(
        "logic", Implication(All(AT_LARGEST, equal(mu, PLACE)), where.conclusion.args[1]), cubic, where, same, note="which is this."
    )
    return largest, place


def _sizes(derive: Derivation) -> tuple[Step, ...]:
    """The least loss of a layer at every size, and its distance to the limit."""
    exact = isotropic.theorem()
    bound = derive("logic", at_least(LOSS, LEAST), exact, note="The least loss of a layer, at every size,")
    attained = derive("logic", Implication(REACHED, equal(LOSS, LEAST)), exact, note="which is attained.")
    limit = derive(
        "rational-identity",
        Implication(SIZES, equal(LEAST, d * (nu + ONE_STEP) + DISTANCE)),
        note="In proportion, it is its limit and a distance.",
    )
    above = derive("sign", more_than(DISTANCE, 0), by=(DISTANCE,), note="The distance is positive,")
    room = d * kept((1 + nu - EXAMPLES) ** 2, 4 * EXAMPLES * nu) + TOTAL
    quarter = derive(
        "sign",
        more_than(Rational(1, 4), DISTANCE),
        by=(Rational(1, 4) * room / (TOTAL * (d * TOTAL + 1)),),
        note="and less than ¼ of what one coordinate of the task contributes to the signal.",
    )
    return bound, attained, limit, above, quarter
