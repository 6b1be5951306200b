"""Where the profile of the loss rises and falls: the kind of every stationary point with v ≠ 0, and the gaps between their losses.

f(ρ) = τ − q²((d−1)/P + N/U) with P = p + βρ and U = pN + Δρ, ρ = |v_x|²/v_y². A difference quotient of f has the sign of a polynomial J
in two ratios, with J(ρ, ρ) = Q(ρ).
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from proofs.derivation import Derivation
from proofs.kernel import Statement, Step, Theorem
from proofs.language import All, Equivalence, Implication, Named, at_least, equal, more_than
from proofs.theorems.layer_landscape import GIVEN, LOSS_OF_SINGLE, LOWEST, MARGIN
from theory.notation import alpha, beta, d, delta, gamma, p, q, rho_1, rho_2, tau

EPSILON = alpha + beta


class Ratio(NamedTuple):
    """What the profile is made of at one ratio."""

    P: Any
    U: Any
    loss: Any

    @classmethod
    def at(cls, rho: Any, suffix: str) -> Ratio:
        """At ρ; the suffix tells its names from those at another ratio."""
        form = EPSILON * rho**2 - 2 * gamma * rho + delta
        P, U = Named(f"D_A{suffix}", p + beta * rho), Named(f"D_c{suffix}", p * form + MARGIN * rho)
        return cls(P, U, Named(f"F_{suffix}", tau - q**2 * ((d - 1) / P + form / U)))


ONE, TWO = Ratio.at(rho_1, "1"), Ratio.at(rho_2, "2")


def turning(one: Any, two: Any, left: Ratio, right: Ratio) -> Any:
    """J, and Q where the two ratios are one."""
    return (d - 1) * beta * left.U * right.U - MARGIN * (EPSILON * one * two - delta) * left.P * right.P


BETWEEN = Named("J", turning(rho_1, rho_2, ONE, TWO))
AT_ONE = Named("J_1", turning(rho_1, rho_1, ONE, ONE))
FAR = Named("J_infty", (d - 1) * p**2 * EPSILON - beta * MARGIN)


@cache
def theorem() -> Theorem:
    """The theorem."""
    derive = Derivation()
    margin = MARGIN.args[1]
    positive = [_positive(derive, rho, ratio) for rho, ratio in ((rho_1, ONE), (rho_2, TWO))]
    difference = derive(
        "rational-identity",
        equal(TWO.loss - ONE.loss, q**2 * (rho_2 - rho_1) * BETWEEN / (ONE.P * TWO.P * ONE.U * TWO.U)),
        *positive,
        note="The difference of the profile at two ratios.",
    )
    rises = derive(
        "equivalent-relations",
        Implication(more_than(rho_2 - rho_1, 0), Equivalence(more_than(TWO.loss, ONE.loss), more_than(BETWEEN, 0))),
        difference,
        *positive,
        by=(q**2 * (rho_2 - rho_1) / (ONE.P * TWO.P * ONE.U * TWO.U), (0, 1)),
        note="So it rises from the less to the greater ratio iff J > 0.",
    )
    early = derive(
        "sign",
        Implication(more_than(delta, EPSILON * rho_1**2), more_than(AT_ONE, 0)),
        *positive,
        by=((d - 1) * beta * ONE.U**2 + margin * (delta - EPSILON * rho_1**2) * ONE.P**2,),
        note="J_1 > 0 up to the square root of δ/(α + β).",
    )
    gap = derive(
        "rational-identity",
        equal(ONE.loss - LOWEST, q**2 / p * ((d - 1) * beta * rho_1 / ONE.P + MARGIN * rho_1 / ONE.U)),
        *positive,
        note="The gap to the global minimum.",
    )
    above = derive(
        "sign",
        more_than(ONE.loss, LOWEST),
        gap,
        *positive,
        by=(q**2 / p * ((d - 1) * beta * rho_1 / ONE.P + margin * rho_1 / ONE.U), (0, 1)),
        note="It is positive.",
    )
    short = p * (EPSILON * rho_1 - 2 * gamma) + MARGIN
    bounded = derive(
        "sign",
        Implication(
            more_than(EPSILON * rho_1, 2 * gamma),
            at_least(q**2 / p * ((d - 1) * beta * rho_1 / p + MARGIN / short), ONE.loss - LOWEST),
        ),
        *positive,
        by=(q**2 / p * ((d - 1) * beta**2 * rho_1**2 / (p * ONE.P) + margin * p * delta / (ONE.U * short)),),
        note="A bound that is simple in ρ₁.",
    )
    rest = (2 * (d - 1) * p**2 * gamma + MARGIN * p * (2 - d)) * rho_1 - (d - 1) * p**2 * delta
    end = derive(
        "rational-identity",
        equal(ONE.loss - LOSS_OF_SINGLE, q**2 * (rest - FAR * rho_1**2) / (p * ONE.P * ONE.U)),
        *positive,
        note="The gap to the loss of one direction.",
    )
    claim = All(*(step.conclusion for step in (difference, rises, early, gap, above, bounded, end)))
    derive("logic", claim, difference, rises, early, gap, above, bounded, end, note="Collect the steps.")
    return Theorem(
        label="turning-points",
        title="Where the profile of the loss rises and falls",
        source="derived here",
        statement=Statement(claim, GIVEN),
        steps=derive.steps,
        remarks=(
            "F_1 and F_2 are the profile at the ratios ρ_1 and ρ_2. J is continuous, and at ρ_2 = ρ_1 it is J_1, the quartic q_4 at "
            "|v_x|² = ρ_1 and v_y = 1: so the profile rises where J_1 > 0 and falls where J_1 < 0.",
            "A root of J_1 is a local minimum of the profile iff J_1 < 0 below and J_1 > 0 above it; else the profile goes below it. "
            "One direction, ρ_1 = ∞, is one iff J_1 < 0 for all great ρ_1, as it is for J_∞ < 0.",
            "There are spurious local minima iff J_1 < 0 for some ρ_1 > 0. The loss of one is the least value of the profile beyond the "
            "greatest ratio from which it falls, so the bound on the gap holds for it with any ρ_1 beyond.",
        ),
    )


def _positive(derive: Derivation, rho: Any, ratio: Ratio) -> Step:
    """U > 0."""
    margin = MARGIN.args[1]
    value = (p * (EPSILON * rho - gamma) ** 2 + p * margin + EPSILON * margin * rho) / EPSILON
    return derive("sign", more_than(ratio.U, 0), by=(value,), note="Positive, after completing a square.")
