"""The kernel grants what its rules prove, and refuses what is false, unproved, altered or made by hand."""

from __future__ import annotations

import copy

import pytest
from sympy import Identity, MatrixSymbol, Rational, Symbol, Trace

from proofs.errors import ProofError
from proofs.kernel import Certificate, Statement, Step, Theorem, check
from proofs.language import Mean, Normal, PositiveDefinite, equal, more_than
from theory.bilinear import BilinearForm
from theory.loss import QUERY_LABEL, general_loss, prediction
from theory.notation import Sigma, W, X, d, eps, eps_q, n, sigma2, w, x_q

LAWS = (
    Normal(X, Identity(n), Sigma),
    Normal(w, W),
    Normal(eps, sigma2 * Identity(n)),
    Normal(x_q, Sigma),
    Normal(eps_q, sigma2 * Identity(1)),
)
SECOND = Mean(Trace(X.T * X * X.T * X), X)
VALUE = (n**2 + n) * Trace(Sigma * Sigma) + n * Trace(Sigma) ** 2


def theorem(claim, given=LAWS, rule="gaussian-moment", conclusion=None):
    step = Step(rule, claim if conclusion is None else conclusion)
    return Theorem("example", "An example", "derived here", Statement(claim, given), (step,))


def test_the_general_loss_for_all_sizes():
    loss = general_loss().replace(BilinearForm, Trace)
    error = (prediction() - QUERY_LABEL).replace(BilinearForm, Trace)
    certificate = check(theorem(equal(Mean(error**2, X, w, eps, x_q, eps_q), loss)))
    assert certificate.status == "fully checked"
    assert certificate.citations == ("isserlis",)
    with pytest.raises(ProofError, match="step 1"):
        check(theorem(equal(Mean(error**2, X, w, eps, x_q, eps_q), loss.xreplace({n: n + 1}))))


FALSE = {
    "a coefficient": VALUE + n * Trace(Sigma * Sigma),
    "differs by 1e-20": VALUE + Rational(1, 10**20),
    "true for n ≤ 4 only": VALUE + (n - 1) * (n - 2) * (n - 3) * (n - 4),
    "true for d ≤ 3 only": VALUE + (d - 1) * (d - 2) * (d - 3),
    "0": 0,
    "a dropped square": (n**2 + n) * Trace(Sigma * Sigma) + n * Trace(Sigma),
}


@pytest.mark.parametrize("value", FALSE.values(), ids=FALSE)
def test_a_false_moment_is_refused(value):
    check(theorem(equal(SECOND, VALUE)))
    with pytest.raises(ProofError, match=r"example, step 1 \(gaussian-moment\)"):
        check(theorem(equal(SECOND, value)))


def test_the_refusal_names_numbers():
    with pytest.raises(ProofError, match=r"It fails at .*n = "):
        check(theorem(equal(SECOND, VALUE + 1)))


@pytest.mark.parametrize(
    "attack",
    [
        lambda: theorem(equal(SECOND, VALUE + 1), conclusion=equal(SECOND, VALUE)),
        lambda: theorem(equal(SECOND, VALUE)).restate(given=()),
        lambda: theorem(equal(SECOND, VALUE)).restate(given=(*LAWS, more_than(sigma2, sigma2 + 1))),
        lambda: theorem(equal(SECOND, VALUE)).restate(given=(*LAWS, equal(SECOND, VALUE))),
        lambda: theorem(equal(n - n, 0), rule="matrix-identity"),
        lambda: theorem(equal(n * (d + 1) - n * d - n, 0), rule="matrix-identity"),
        lambda: theorem(equal(SECOND, VALUE + 0.0 * n + 1e-20)),
        lambda: theorem(equal(1 / (n - 1), (n - 1) / (n - 1) ** 2), rule="rational-identity"),
        lambda: theorem(equal(SECOND, VALUE), rule="no-such-rule"),
        lambda: theorem(equal(SECOND, VALUE))._replace(steps=()),
        lambda: theorem(equal(SECOND, VALUE))._replace(steps=(Step("logic", equal(SECOND, VALUE), ("a name",)),)),
        lambda: theorem(equal(SECOND, VALUE))._replace(steps=(Step("citation", equal(SECOND, VALUE), (), ("isserlis",)),)),
        lambda: theorem(equal(Trace(Sigma * W), Trace(Sigma)), rule="matrix-identity"),
        lambda: theorem(equal(MatrixSymbol("K", d, d), MatrixSymbol("K", d, d).T), given=(), rule="matrix-identity"),
        lambda: theorem(equal(Symbol("z"), 1), rule="matrix-identity"),
        lambda: "isotropic",
    ],
)
def test_an_attack_is_refused(attack):
    with pytest.raises(ProofError):
        check(attack())


def test_an_unproved_step_is_no_premise():
    unproved = Step("matrix-identity", equal(SECOND, VALUE + 1))
    with pytest.raises(ProofError, match="not proved before"):
        check(theorem(equal(SECOND, VALUE + 1))._replace(steps=(Step("logic", equal(SECOND, VALUE + 1), (unproved,)),)))


def test_something_admitted_is_never_fully_checked():
    step = Step("admitted", equal(SECOND, VALUE + 1), (), ("a rumour",))
    certificate = check(theorem(equal(SECOND, VALUE + 1))._replace(steps=(step,)))
    assert (certificate.status, certificate.admitted) == ("checked", ("a rumour",))


def test_a_certificate_is_not_made_copied_or_changed():
    certificate = check(theorem(equal(SECOND, VALUE), given=(*LAWS, PositiveDefinite(Sigma))))
    with pytest.raises(ProofError):
        Certificate()
    with pytest.raises(ProofError):
        copy.copy(certificate)
    with pytest.raises(ProofError):
        copy.deepcopy(certificate)
    with pytest.raises(ProofError):
        certificate.status = "proved twice"
    with pytest.raises(AttributeError):
        object.__setattr__(certificate, "claim", None)
    with pytest.raises(ProofError):
        repr(object.__new__(Certificate))
    with pytest.raises(ProofError):
        type("Fake", (Certificate,), {})
    assert certificate.claim == equal(SECOND, VALUE)
