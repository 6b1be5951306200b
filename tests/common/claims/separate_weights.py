"""Claims about `separate-weights`."""

from __future__ import annotations

from common.mutants import mutated, replacing, without
from common.prompts import GENERAL, SIGNAL
from proofs.language import PositiveDefinite, equal
from proofs.theorems.separate_weights import (
    FALLEN,
    GROWN,
    LADDER,
    LENGTH,
    MISSING,
    NORM,
    QUERIES,
    REST,
    RUNG,
    VALUE,
    tau,
)
from proofs.theorems.vocabulary import OPTIMUM
from theory.notation import K_x, Q_x, Sigma, e_k, h_k, n, t, v_0

PINNED = GENERAL, {"isserlis"}, {"one-step-loss"}

IDEMPOTENT, METRIC, PRIOR, KEYS, QUERY, LEARNED = LADDER.args


def unless(fact):
    """The same derivation with one of the hypotheses replaced by one that says nothing."""
    empty = equal(n, n)
    return lambda theorem: mutated(theorem, replacing({fact: empty}))


FALSE = {
    "any Σ": without(PositiveDefinite(Sigma)),
    "no signal": without(SIGNAL),
    "Π no projection": unless(IDEMPOTENT),
    "Π not symmetric for Σ": unless(METRIC),
    "Π not symmetric for W": unless(PRIOR),
    "keys see more than is learned": unless(KEYS),
    "any step": unless(LEARNED),
    "all of B* learned": {LEARNED: equal(v_0 * K_x.T * Q_x, OPTIMUM.step)},
    "loss of a rung without n": {RUNG.args[1]: tau - (tau - RUNG.args[1]) / n},
    "a linear part left": {t**2 * REST: t * REST},
    "labels of the keys free": {t * QUERIES.T * h_k: QUERIES.T * h_k},
    "keys in use": unless(equal(e_k.T * K_x, 0)),
    "length of the key direction dropped": {NORM: NORM / NORM},
    "a direction that is learned": unless(MISSING),
    "falls half as fast": {FALLEN.args[1]: FALLEN.args[1] + n * VALUE * GROWN},
    "n for n + 1 in the curvature": {(n + 1) * VALUE + tau * LENGTH: n * VALUE + tau * LENGTH},
    "grows with v_0 for v_0²": {GROWN.args[1]: v_0 * t**2 * NORM},
}
