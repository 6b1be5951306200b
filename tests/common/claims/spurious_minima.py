"""Claims about `spurious-minima`."""

from __future__ import annotations

from sympy import Eq, Rational

from proofs.kernel import Statement, Step
from proofs.language import All, Implication, at_least, equal, more_than, substitute, unnamed
from proofs.theorems import spurious_minima as spurious
from theory.notation import d, n, rho_1, sigma2

NINTH = (5 * d + sigma2) ** 2 / 9

PINNED = set(), set(), set()


def read_off(relation, common=spurious.COMMON, **bounds):
    """The relation instead of the claim, with its gap written out as the theorem does it."""
    hypothesis, conclusion = relation.args
    gap = unnamed(conclusion.gts) - unnamed(conclusion.lts)
    for part in hypothesis.args if isinstance(hypothesis, All) else (hypothesis,):
        gap = substitute(gap, {part.lhs: part.rhs}) if isinstance(part, Eq) else gap
    step = Step("sign", relation, (), (spurious.bounded(gap, common, **bounds),))
    return lambda theorem: theorem._replace(statement=Statement(relation), steps=(step,))


def falls(ratio, *hypotheses):
    """J₁ < 0 at a ratio."""
    return Implication(All(*hypotheses, equal(rho_1, ratio)), more_than(0, spurious.TURNING))


FALSE = {
    "two dimensions, at 2(d + σ²)": read_off(falls(2 * (d + sigma2), equal(d, 2)), n=(1, n - 1)),
    "two dimensions, at 5(d + σ²)": read_off(falls(5 * (d + sigma2), equal(d, 2)), n=(1, n - 1)),
    "three dimensions": read_off(falls(3 * (d + sigma2), equal(d, 3)), n=(1, n - 1)),
    "any context": read_off(falls(2 * (d + sigma2), at_least(d, 2)), d=(2, d - 2), n=(1, n - 1)),
    "a ninth for a sixth": read_off(falls(2 * (d + sigma2), at_least(d, 2), at_least(n, NINTH)), d=(2, d - 2), n=(NINTH, n - NINTH)),
    "long contexts at (d + σ²)": read_off(
        falls(d + sigma2, at_least(d, 2), at_least(n, spurious.FEW)), d=(2, d - 2), n=(spurious.FEW, n - spurious.FEW)
    ),
    "without noise, with n ≥ 3d²": read_off(
        falls(Rational(7, 4) * d + 1, equal(sigma2, 0), at_least(d, 2), at_least(n, 3 * d**2)), d=(2, d - 2), n=(3 * d**2, n - 3 * d**2)
    ),
    "one direction a saddle in d = 4": read_off(Implication(at_least(d, 4), more_than(spurious.FAR, 0)), n**3, d=(4, d - 4), n=(1, n - 1)),
    "one direction a minimum": {more_than(spurious.FAR, 0): more_than(0, spurious.FAR)},
    "none with n ≤ 5d²": {at_least(d * (d - 3), n): at_least(5 * d**2, n)},
    "none with n ≤ 5d², written out": read_off(
        Implication(All(equal(sigma2, 0), at_least(d, 4), at_least(5 * d**2, n)), more_than(spurious.TURNING, 0)), d=(4, d - 4)
    ),
    "some with n ≤ d(d − 3)": {more_than(spurious.TURNING, 0): more_than(0, spurious.TURNING)},
    "none in two dimensions": {more_than(0, spurious.TURNING): more_than(spurious.TURNING, 0)},
}
