"""Formulas of `theory.landscape` changed one at a time are refused by the checks that accept them: exact, no error model.

The module is run with one piece of its text replaced. The sample of coefficients lies at each boundary and 0.1 % beside it, so that a
factor 1.01 shows.
"""

import pytest
from common.altered import altered
from common.landscape import boundaries, check_profile, counted, predicted
from sympy import Rational

from theory import landscape

COUNTS = {
    "lead: 1.01 of the first term": ("_factored((size - 1) * p**2", "_factored(Rational(101, 100) * (size - 1) * p**2"),
    "lead: p for p²": ("_factored((size - 1) * p**2", "_factored((size - 1) * p"),
    "lead: d for d − 1": ("_factored((size - 1) * p**2", "_factored(size * p**2"),
    "lead: + βΔ": ("p**2 * epsilon - beta * Delta", "p**2 * epsilon + beta * Delta"),
    "falls: 1.01 of γ": ("beta * (2 * gamma * p - Delta)\n", "beta * (Rational(101, 50) * gamma * p - Delta)\n"),
    "falls: +Δ": ("beta * (2 * gamma * p - Delta)\n", "beta * (2 * gamma * p + Delta)\n"),
    "order: 1.01 of the last term": ("+ 4 * beta * delta * epsilon * p**2", "+ Rational(101, 25) * beta * delta * epsilon * p**2"),
    "order: − the last term": ("+ 4 * beta * delta * epsilon * p**2", "- 4 * beta * delta * epsilon * p**2"),
    "order: δ for β²δ": ("(beta**2 * delta + epsilon * p**2) + 4", "(delta + epsilon * p**2) + 4"),
    "cubic: 26.73 for 27": ("- 27 * weight", "- Rational(2673, 100) * weight"),
    "cubic: + 27": ("- 27 * weight", "+ 27 * weight"),
    "cubic: squared": (" ** 3 - 27", " ** 2 - 27"),
    "T: 4.04 for 4": ("T = 4 * epsilon", "T = Rational(101, 25) * epsilon"),
    "T: Δ + 2γp": ("(Delta - 2 * gamma * p) ** 2", "(Delta + 2 * gamma * p) ** 2"),
    "e: + β²δ": ("e = epsilon * p**2 - beta**2 * delta", "e = epsilon * p**2 + beta**2 * delta"),
    "e: 1.01 εp²": ("e = epsilon * p**2", "e = Rational(101, 100) * epsilon * p**2"),
    "z: − β²δ": ("z = falls + beta**2 * delta", "z = falls - beta**2 * delta"),
    "z: 1.01 β²δ": ("z = falls + beta**2 * delta", "z = falls + Rational(101, 100) * beta**2 * delta"),
    "early: 1.01 of the weight": ("kappa**2 - weight * Delta**2", "kappa**2 - Rational(101, 100) * weight * Delta**2"),
    "early: T² for T³": ("T**3 * kappa**2", "T**2 * kappa**2"),
    "ends low: lead > 0": ("Or(self.of(lead, Lt)", "Or(self.of(lead, Gt)"),
    "ends low: falls < 0 where lead = 0": ("And(self.flat, self.of(falls, Gt))", "And(self.flat, self.of(falls, Lt))"),
    "ends low: falls ≥ 0 where lead = 0": ("And(self.flat, self.of(falls, Gt))", "And(self.flat, self.of(falls, Ge))"),
    "turns: whatever falls": ("turns = And(self.of(lead, Gt), self.of(falls, Gt))", "turns = self.of(lead, Gt)"),
    "turns: lead ≥ 0": ("turns = And(self.of(lead, Gt)", "turns = And(self.of(lead, Ge)"),
    "greatest: always": ("self.of(order, Ge), self.of(early, Ge)", "S.true, self.of(early, Ge)"),
    "greatest: never": ("self.of(order, Ge), self.of(early, Ge)", "S.false, self.of(early, Ge)"),
    "twice: cubic > 0": ("self.of(cubic, Lt), Not(late)", "self.of(cubic, Gt), Not(late)"),
    "twice: also late where early": ("self.of(cubic, Lt), Not(late)", "self.of(cubic, Lt), late"),
    "twice: the cubic alone": ("Or(self.of(cubic, Lt), Not(late))", "self.of(cubic, Lt)"),
    "twice: late where not the greatest": ("self.of(cubic, Gt), Not(late))))", "self.of(cubic, Gt), late)))"),
    "touches: early": ("Or(And(greatest, late), And(Not(greatest), Not(late)))", "And(greatest, Not(late))"),
    "touches: never": ("self.of(cubic, Eq)", "self.of(cubic, Eq), S.false"),
}

PROFILE = {
    "p: 1.01": ("orthogonal = p * a**2", "orthogonal = Rational(101, 100) * p * a**2"),
    "q for 2q": ("- 2 * q * a +", "- q * a +"),
    "β: sign": ("+ beta * r * a**2", "- beta * r * a**2"),
    "2q: 1.01 along": ("- 2 * q * (b + k * r)", "- Rational(101, 50) * q * (b + k * r)"),
    "γ: sign": ("2 * gamma * k * b", "-2 * gamma * k * b"),
    "γ for 2γ": ("2 * gamma * k * b", "gamma * k * b"),
    "δ: 1.01": ("delta * k**2", "Rational(101, 100) * delta * k**2"),
    "ε: 1.01": ("EPSILON * b**2", "Rational(101, 100) * EPSILON * b**2"),
    "d for d − 1": ("(ACROSS * gains[0] + gains[1])", "((ACROSS + 1) * gains[0] + gains[1])"),
    "+ gains": ("loss = tau - q**2", "loss = tau + q**2"),
    "turning: sign": ("U**2 - (diff(N, r)", "U**2 + (diff(N, r)"),
    "turning: P for P²": ("diff(U, r)) * P**2", "diff(U, r)) * P"),
    "turning: d for d − 1": ("turning = ACROSS *", "turning = (ACROSS + 1) *"),
}


@pytest.fixture
def mutant(request):
    """The module with a piece of its text replaced"""
    with altered(landscape, request.param, Rational=Rational) as module:
        yield module


def counts_right(module):
    try:
        return all(predicted(module, *row) == counted(*row) for row in boundaries())
    except AssertionError:  # two cases at once
        return False


def profile_right(module):
    try:
        for index in range(3):
            check_profile(module, index)
    except AssertionError:
        return False
    return True


@pytest.mark.parametrize("mutant", [("from __future__", "from __future__")], indirect=True)
def test_the_truth_is_accepted(mutant):
    assert counts_right(mutant)
    assert profile_right(mutant)


@pytest.mark.parametrize("mutant", COUNTS.values(), ids=COUNTS, indirect=True)
def test_a_wrong_sign_is_refused(mutant):
    assert not counts_right(mutant)


@pytest.mark.parametrize("mutant", PROFILE.values(), ids=PROFILE, indirect=True)
def test_a_wrong_profile_is_refused(mutant):
    assert not profile_right(mutant)
