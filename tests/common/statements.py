"""Symbols, laws and one-step theorems for the tests of the kernel and its rules."""

from __future__ import annotations

from typing import Any

import pytest
from sympy import Identity, MatrixSymbol, Symbol, Trace

from proofs.errors import ProofError
from proofs.kernel import Certificate, Statement, Step, Theorem, check
from proofs.language import Normal
from proofs.rules import RULES, Inference, Support

n, d, m = (Symbol(name, integer=True, positive=True) for name in "ndm")
p, q, r = (Symbol(name, real=True) for name in "pqr")
s, t = (Symbol(name, nonnegative=True) for name in "st")
I_d, I_n = Identity(d), Identity(n)
A, B, K, Sigma, W = (MatrixSymbol(name, d, d) for name in ("A", "B", "K", "Sigma", "W"))
X, U = (MatrixSymbol(name, n, d) for name in "XU")
x, z, u, v, a, b = (MatrixSymbol(name, d, 1) for name in "xzuvab")
tr = Trace

STANDARD = (Normal(x, I_d), Normal(z, I_d), Normal(X, I_n, I_d))
GAUSSIAN = (Normal(X, I_n, Sigma), Normal(x, Sigma), Normal(z, W))


def theorem(claim: Any, *steps: Step, given: tuple[Any, ...] = (), label: str = "example") -> Theorem:
    """A theorem with these steps."""
    return Theorem(label, "An example", "derived here", Statement(claim, given), steps)


def by(
    rule: str, claim: Any, *arguments: Any, given: tuple[Any, ...] = (), of: tuple[Any, ...] = (), known: tuple[Any, ...] = ()
) -> Theorem:
    """A theorem whose last step is of one rule.

    of     its premises; steps among them come first
    known  assumptions, of which it makes premises
    """
    premises = (*of, *(Step("logic", fact) for fact in known))
    steps = [premise for premise in premises if type(premise) is Step]
    return theorem(claim, *steps, Step(rule, claim, premises, arguments), given=(*given, *known))


def inferred(rule: str, conclusion: Any, *arguments: Any, given: tuple[Any, ...] = (), known: tuple[Any, ...] = ()) -> Support:
    """One step by itself: for conclusions that sympy evaluates to something evident, which are no claims of a theorem."""
    return RULES[rule](Inference(conclusion, tuple((fact, given) for fact in known), (*given, *known), arguments))


def granted(example: Theorem) -> Certificate:
    """The certificate of a theorem that must be fully checked."""
    certificate = check(example)
    assert certificate.status == "fully checked"
    return certificate


def refused(example: Any, because: str) -> None:
    """The theorem must be refused, with these words in the message."""
    with pytest.raises(ProofError, match=because):
        check(example)
