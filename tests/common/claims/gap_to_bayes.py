"""Claims about `gap-to-bayes`."""

from __future__ import annotations

from sympy import Rational

from common.mutants import without
from common.prompts import PAPER, UNIT, laws
from proofs.language import Equivalence, at_least, equal, more_than
from proofs.theorems.gap_to_bayes import AT_LARGEST, DISTANCE, EXAMPLES, GAP, LEAST, ONE_STEP, PLACE, SIZES, TOTAL, VALUE
from theory.notation import d, g_0, mu, n, nu, sigma2

INSIDE = more_than(1, mu)
THERE = (1 + nu) * (2 - g_0) / (1 + g_0)

PINNED = laws(UNIT, UNIT) | {INSIDE}, {"isserlis", "fubini", "gradient"}, PAPER | {"isotropic"}

FALSE = {
    "any μ": without(INSIDE),
    "μ may be 1": {INSIDE: at_least(1, mu)},
    "gap with 1 − μ for its square": {VALUE: VALUE / (1 - mu)},
    "another equation for μ": {mu * (EXAMPLES + nu + mu): mu * (EXAMPLES + nu + 2 * mu)},
    "one step with 2γ for γ": {ONE_STEP: ONE_STEP.func("xi", (1 + nu) / (1 + 2 * EXAMPLES + nu))},
    "Bayes above one step": {more_than(ONE_STEP, mu): more_than(mu, ONE_STEP)},
    "gap below a third": {Rational(1, 2): Rational(1, 3)},
    "gap below half of one part in γ": {EXAMPLES * GAP: 2 * EXAMPLES * GAP},
    "few examples with (1 + ν)⁴": {EXAMPLES**2 / (1 + nu) ** 3: EXAMPLES**2 / (1 + nu) ** 4},
    "largest gap at less noise": {AT_LARGEST: equal(nu, 2 * g_0)},
    "largest at another μ": {PLACE: (1 - g_0) / 3},
    "largest at no μ": {Equivalence(equal(g_0, GAP), equal(mu, PLACE)): more_than(g_0, GAP)},
    "largest at n = d": {THERE: 1 + nu},
    "least loss with n + d": {LEAST: d + sigma2 - n * d / (n + d + sigma2)},
    "no distance": {DISTANCE: EXAMPLES * d / TOTAL**2},
    "distance below an eighth": {Rational(1, 4): Rational(1, 8)},
    "σ² for σ²/d": {SIZES: SIZES.func(SIZES.args[0], equal(sigma2, nu))},
}
