"""False statements next to the true ones are refused, both with the true derivation and with one changed in the same way throughout."""

from __future__ import annotations

import pytest
from common.mutants import exchanging, mutated, replacing
from sympy import Ge, Identity, Inverse, Rational, Symbol, Trace

from proofs.errors import ProofError
from proofs.kernel import check_each
from proofs.language import All, Any_, Normal, PositiveDefinite, Rank, at_least, at_most, equal, more_than, replaced
from proofs.theorems import LABELS, load
from proofs.theorems.general_gaussian import in_keys, in_values
from proofs.theorems.paper_step_size import STEP_SIZE, correlation, length
from proofs.theorems.posterior import PRECISION, RIDGE, R
from proofs.theorems.risk_under_length_shift import STEP_SIZE_THERE
from proofs.theorems.risk_under_shift import TEST
from proofs.theorems.vocabulary import LOSS, OPTIMUM
from theory.notation import (
    A,
    P,
    Sigma,
    T,
    W,
    X,
    c,
    d,
    n,
    n_test,
    omega,
    sigma2,
    sigma2_test,
    u_0,
    v_x,
    v_y,
    w,
    w_tilde,
    x_q,
    y,
)

UNIT = Identity(d)
OWN_RISK = load("risk-under-shift").claim.args[2].lhs.args[1]
ETA = STEP_SIZE.args[1]
RESIDUAL = y - X * u_0
RATE = Symbol("eta", real=True)
sigma = Symbol("sigma", nonnegative=True)
SYSTEM, TAU = OPTIMUM.system.args[1], OPTIMUM.tau.args[1]
LEAST = d + sigma2 - n * d * STEP_SIZE
NO_VALUES, NO_KEYS = equal(v_x, 0), equal(A, 0)
NO_LABEL_VALUE, NO_LABEL_KEY = equal(v_y, 0), equal(c, 0)


def without(*facts):
    """The same theorem with some of its assumptions dropped."""
    return lambda theorem: theorem.restate(given=tuple(fact for fact in theorem.given if fact not in facts))


def said(old, new):
    """One word for another, throughout."""
    return lambda theorem: mutated(theorem, exchanging(old, new))


def without_hypothesis(theorem):
    """What is said of the minimisers said of every layer."""
    attained, first, *rest = theorem.claim.args
    return theorem.restate(claim=All(attained, first.args[1], *rest))


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


FALSE = {
    "isotropic": step_sizes(UNIT) | {"ratio upside down": {correlation(UNIT): length(UNIT), length(UNIT): correlation(UNIT)}},
    "preconditioned": step_sizes(Inverse(Sigma))
    | {
        "Σ for Σ⁻¹": {Inverse(Sigma): Sigma},
        "step without preconditioner": {STEP_SIZE * Inverse(Sigma): STEP_SIZE * UNIT},
        "prior Σ": {Normal(w, Inverse(Sigma)): Normal(w, Sigma)},
        "any Σ": without(PositiveDefinite(Sigma)),
    },
    "general-gaussian": {
        "n for n + 1": {SYSTEM: replaced(SYSTEM, {n + 1: n})},
        "n + 2 for n + 1": {SYSTEM: replaced(SYSTEM, {n + 1: n + 2})},
        "σ² dropped": {TAU: Trace(Sigma * W)},
        "tr W for tr ΣW": {TAU: sigma2 + Trace(W)},
        "W Σ transposed": {SYSTEM: replaced(SYSTEM, {(n + 1) * W * Sigma: (n + 1) * Sigma * W})},
        "W on the left": {OPTIMUM.step.args[1]: W * Inverse(OPTIMUM.system)},
        "minimum with twice the gain": {OPTIMUM.loss.args[1]: 2 * OPTIMUM.loss.args[1] - OPTIMUM.tau},
        "labels in the keys never": {Any_(NO_LABEL_VALUE, NO_LABEL_KEY): NO_LABEL_KEY},
        "covariates' values always 0": {Any_(NO_VALUES, NO_KEYS): NO_VALUES},
        "both blocks 0": {Any_(NO_VALUES, NO_KEYS): All(NO_VALUES, NO_KEYS)},
        "unique for rank one too": {more_than(Rank(W), 1): at_least(Rank(W), 1), at_most(Rank(W), 1): at_most(Rank(W), 0)},
        "second family without H": {equal(v_x, Inverse(OPTIMUM.system) * omega): equal(v_x, omega)},
        "all labels may be 0": without(more_than(TAU, 0)),
        "any Σ": without(PositiveDefinite(Sigma)),
    },
    "one-step-of-gradient-descent": {
        "ascent": lambda theorem: theorem.restate(claim=replaced(theorem.claim, {-RATE: RATE})),
        "ℓ without ½": {Rational(1, 2): Rational(1)},
        "P not transposed": {P.T: P},
        "residuals with the wrong sign": {RESIDUAL: X * u_0 + y},
        "step from another point": {x_q.T * u_0: 2 * x_q.T * u_0},
    },
    "ridge-is-bayes-optimal": {
        "λ = 2σ²": {PRECISION: X.T * X + 2 * sigma2 * Inverse(W)},
        "λ = σ² W": {PRECISION: X.T * X + sigma2 * W},
        "least squares": {PRECISION: X.T * X},
        "no noise in the Bayes risk": {sigma2 + sigma2 * Trace(x_q.T * R * x_q): sigma2 * Trace(x_q.T * R * x_q)},
        "strictly better than all": said(Ge, more_than),
        "best is worst": said(Ge, at_most),
        "no noise": without(more_than(sigma2, 0)),
        "task not Gaussian": lambda theorem: theorem.restate(given=tuple(fact for fact in theorem.given if w not in fact.args)),
        "estimate doubled": {RIDGE.args[1]: 2 * RIDGE.args[1]},
    },
    "paper-step-size": {
        "η with n + d": {ETA: 1 / (n + d + sigma2)},
        "ridge with Σ⁻¹ for Σ": {sigma2 * Sigma: sigma2 * Inverse(Sigma)},
        "denominator without Σ⁻¹": {length(Inverse(Sigma)): length(UNIT)},
        "numerator nd²": {n * d: n * d**2},
        "no noise": without(more_than(sigma2, 0)),
    },
    "risk-under-shift": {
        "the training moment at test": {TEST.moment.args[1]: OPTIMUM.moment.args[1]},
        "the training noise at test": {TEST.tau.args[1]: OPTIMUM.tau.args[1]},
        "one optimum for both": {TEST.step.args[1]: OPTIMUM.step.args[1]},
        "never worse": said(Ge, at_most),
        "twice the quadratic part": {OWN_RISK: OWN_RISK + n_test * Trace(TEST.moment)},
        "for every layer": without_hypothesis,
    },
    "risk-under-length-shift": {
        "η_t with n": {STEP_SIZE_THERE.args[1]: 1 / (n + d + 1 + sigma2_test)},
        "n + d for n + d + 1": {n_test + d + 1 + sigma2_test: n_test + d + sigma2_test},
        "η with σ for σ²": {ETA: 1 / (n + d + 1 + sigma)},
        "for every layer": without_hypothesis,
    },
    "covariate-part": {
        "without the context": {Trace(v_x.T * X.T * X * A * x_q): Trace(v_x.T * A * x_q)},
        "both must be 0": said(Any_, All),
        "n + 2 for n + 1": {n + 1: n + 2},
    },
    "even-part": {
        "n for n + 1": {n + 1: n},
        "both must be 0": said(Any_, All),
        "one is enough": said(All, Any_),
    },
    "whitening": {
        "T for Tᵀ": {T.T: T},
        "any T": lambda theorem: theorem.restate(given=theorem.given[:-1]),
        "prior TWTᵀ": {Normal(w_tilde, T.T * W * T): Normal(w_tilde, T * W * T.T)},
    },
    "one-step-loss": {"n for n + 1": {n + 1: n}, "n + 2 for n + 1": {n + 1: n + 2}, "never above": said(Ge, at_most)},
    "posterior": {
        "covariance R": {sigma2 * R: R},
        "no noise in ỹ": {X * W * X.T + sigma2 * Identity(n): X * W * X.T},
    },
    "no-signal": {"only values": {Any_(NO_VALUES, NO_KEYS): NO_VALUES}, "both must be 0": said(Any_, All)},
    "ridge-correlation": {"tr W for tr ΣW": {Trace(Sigma * W): Trace(W)}, "λ = 2σ²": {PRECISION: X.T * X + 2 * sigma2 * Inverse(W)}},
    "in-context-loss": {"n + 1 for n": {n**2: (n + 1) ** 2}, "σ⁴ for σ²": {sigma2**2: sigma2}, "c for Σc": {c.T * Sigma * c: c.T * c}},
}


def mutant(label, change):
    """The theorem with a change in all of it, or as a function makes it of the theorem."""
    theorem = load(label)
    return mutated(theorem, replacing(change)) if isinstance(change, dict) else change(theorem)


@pytest.mark.parametrize("label", FALSE)
def test_a_false_statement_is_refused(label):
    true = load(label)
    mutants = {name: mutant(label, change) for name, change in FALSE[label].items()}
    for name, theorem in mutants.items():
        assert theorem != true, f"{label}: {name} changes nothing"
    attached = {
        name: true.restate(claim=theorem.claim, given=theorem.given)
        for name, theorem in mutants.items()
        if theorem.statement != true.statement
    }
    for kind in (mutants, attached):
        granted = [name for name, result in zip(kind, check_each(kind.values()), strict=True) if not isinstance(result, ProofError)]
        assert not granted


def test_every_theorem_has_false_neighbours():
    assert set(FALSE) == set(LABELS)
    assert sum(map(len, FALSE.values())) >= 80
