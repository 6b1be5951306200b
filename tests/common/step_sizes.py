"""What is false of the step size of the paper's theorems."""

from __future__ import annotations

from sympy import Rational, Symbol

from proofs.language import Any_, at_least, equal, more_than
from proofs.theorems.general_gaussian import in_keys, in_values
from proofs.theorems.paper_step_size import STEP_SIZE
from proofs.theorems.vocabulary import LOSS
from theory.notation import A, c, d, n, omega, sigma2

ETA = STEP_SIZE.args[1]
LEAST = d + sigma2 - n * d * STEP_SIZE
sigma = Symbol("sigma", nonnegative=True)


def step_sizes(metric):
    """What is false of Theorem 1 and of Theorem 2 alike."""
    families = Any_(in_values(STEP_SIZE * metric), in_keys(STEP_SIZE * metric))
    return {
        "η with n + d": {ETA: 1 / (n + d + sigma2)},
        "η with n + d + 2": {ETA: 1 / (n + d + 2 + sigma2)},
        "η with n": {ETA: 1 / (n + 1 + sigma2)},
        "η with σ for σ²": {ETA: 1 / (n + d + 1 + sigma)},
        "η with σ⁴ for σ²": {ETA: 1 / (n + d + 1 + sigma2**2)},
        "η without σ²": {ETA: 1 / (n + d + 1)},
        "η off by 10⁻²⁰": {ETA: ETA + Rational(1, 10**20)},
        "η for d ≤ 3 only": {ETA: ETA + (d - 1) * (d - 2) * (d - 3)},
        "η for n ≤ 4 only": {ETA: ETA + (n - 1) * (n - 2) * (n - 3) * (n - 4)},
        "minimum without d": {LEAST: d + sigma2 - n * STEP_SIZE},
        "minimum with twice the noise": {LEAST: LEAST + sigma2},
        "minimum never attained": {at_least(LOSS, LEAST): more_than(LOSS, LEAST)},
        "unique for d = 1 too": {more_than(d, 1): at_least(d, 1)},
        "one family only": {families: in_values(STEP_SIZE * metric)},
        "a second family in every dimension": {equal(omega * omega.T, metric): equal(c, omega)},
        "attained with twice the step": {equal(A, STEP_SIZE * metric): equal(A, 2 * STEP_SIZE * metric)},
    }
