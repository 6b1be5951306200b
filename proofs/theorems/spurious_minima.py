"""When the in-context loss has local minima that are not global ones, for standard Gaussian covariates and a task vector N(0, I).

There are some iff the turning polynomial J_1 is < 0 at some ratio ρ_1 (theorem turning-points): so one ratio where it is proves that there
are, and coefficients ≥ 0 that there are none.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sympy import Add, Dummy, Mul, Poly, Pow, Rational, S, Symbol, cancel, expand

from proofs.derivation import Derivation
from proofs.kernel import Statement, Step, Theorem
from proofs.language import All, Implication, at_least, equal, more_than, substitute, unnamed
from proofs.theorems import turning_points
from proofs.theorems.stationary_points import NUMBERS
from theory.notation import d, n, rho_1, sigma2

TURNING = substitute(turning_points.AT_ONE, NUMBERS)
FAR = substitute(turning_points.FAR, NUMBERS)
COMMON = n**5 * (n + 2)


def bounded(value: Any, common: Any, **bounds: tuple[Any, Any]) -> Any:
    """A polynomial, over a common factor, as a sum of products of nonnegative quantities.

    bounds: of a symbol by its name, (low, x) with x an expression for the symbol minus low; what is not bounded is ≥ 0 itself.
    """
    plain = expand(cancel(unnamed(value).doit() / common))
    quantities = {}
    for symbol in (n, d, sigma2, rho_1):
        low, above = bounds.get(symbol.name, (0, symbol))
        fresh = Symbol(symbol.name + "_above")
        quantities[fresh] = above
        plain = expand(plain.subs(symbol, low + fresh))
    return common * Add(*products(Poly(plain, *quantities), *quantities.values()), evaluate=False)


def products(polynomial: Any, *quantities: Any) -> list[Any]:
    """The terms of a polynomial with these in the place of its variables, unevaluated, so that each sign stays in sight."""
    return [
        Mul(c, *(Pow(x, k, evaluate=False) for x, k in zip(quantities, powers, strict=True) if k), evaluate=False)
        for powers, c in polynomial.terms()
    ]


FEW = (5 * d + sigma2) ** 2 / 6
TWO = Implication(All(equal(rho_1, 3 * (d + sigma2)), equal(d, 2)), more_than(0, TURNING))
LONG = Implication(All(at_least(d, 2), at_least(n, FEW), equal(rho_1, 2 * (d + sigma2))), more_than(0, TURNING))
CLEAN_FEW = Rational(401, 100) * d**2
CLEAN = Implication(
    All(equal(sigma2, 0), at_least(d, 2), at_least(n, CLEAN_FEW), equal(rho_1, Rational(7, 4) * d + 1)), more_than(0, TURNING)
)
NOT_SINGLE = Implication(at_least(d, 5), more_than(FAR, 0))
SHORT = Implication(All(equal(sigma2, 0), at_least(d, 4), at_least(d * (d - 3), n)), more_than(TURNING, 0))


@cache
def theorem() -> Theorem:
    """The theorem."""
    derive = Derivation()

    def below(ratio: Any, **values: Any) -> Any:
        there = substitute(unnamed(TURNING), {rho_1: ratio})
        return -1 * substitute(there, {symbol: values[symbol.name] for symbol in (d, sigma2) if symbol.name in values})

    plane = derive(
        "sign",
        TWO,
        by=(bounded(below(3 * (d + sigma2), d=2), COMMON, n=(1, n - 1)),),
        note="In two dimensions: all coefficients in n − 1 and σ² are positive.",
    )
    long = derive(
        "sign",
        LONG,
        by=(bounded(below(2 * (d + sigma2)), COMMON, d=(2, d - 2), n=(FEW, n - FEW)),),
        note="In long contexts: all coefficients in σ² and in what n and d exceed their bounds by are positive.",
    )
    clean = derive(
        "sign",
        CLEAN,
        by=(bounded(below(Rational(7, 4) * d + 1, sigma2=0), COMMON, d=(2, d - 2), n=(CLEAN_FEW, n - CLEAN_FEW)),),
        note="Without noise: the same, at another ratio.",
    )
    single = derive("sign", NOT_SINGLE, by=(bounded(FAR, n**3, d=(5, d - 5), n=(1, n - 1)),), note="All coefficients are positive.")
    short = _short(derive)
    claim = All(TWO, LONG, CLEAN, NOT_SINGLE, SHORT)
    derive("logic", claim, plane, long, clean, single, short, note="Collect the steps.")
    return Theorem(
        label="spurious-minima",
        title="When the in-context loss has local minima that are not global",
        source="derived here",
        statement=Statement(claim),
        steps=derive.steps,
        remarks=(
            "The in-context loss has spurious local minima iff J_1 < 0 for some ratio (theorem turning-points): a mixed direction, or one "
            "direction where J_1 < 0 for all great ratios.",
            "In two dimensions it has some for every context length and noise. In five or more dimensions one direction is always a "
            "saddle, so those that there are for long contexts are mixed directions.",
            "Without noise they appear at a context length between d(d − 3) and 4.01 d². Its ratio to d² tends to 4, by the coefficient of "
            "the highest power of d in J_1 at n = κ d² and ρ_1 = x d: a positive multiple of (x² + 1)² − 2κ(x² − 1), which is "
            "(x² + 1 − κ)² + κ(4 − κ). That limit was computed, and is not part of what was checked.",
        ),
    )


def _short(derive: Derivation) -> Step:
    """Without noise and with n ≤ d(d − 3) every coefficient of J_1 in ρ_1 is ≥ 0."""
    room, over, over_symbol = d * (d - 3) - n, d - 4, Dummy()
    plain = Poly(expand(cancel(unnamed(TURNING).subs(sigma2, 0).doit() / COMMON)), rho_1)
    total: list[Any] = []
    for power, coefficient in zip(range(4, -1, -1), plain.all_coeffs(), strict=True):
        room_part = {3: 4 * (d + n + 1) * (d * n + 2), 2: 2 * (d * n**3 + 6 * d * n**2)}.get(power, S.Zero)
        rest = Poly(expand((coefficient - room_part * room).subs(d, over_symbol + 4)), over_symbol, n)
        total.append(Mul(rho_1**power, Add(*products(rest, over, n), Mul(room_part, room, evaluate=False), evaluate=False), evaluate=False))
    return derive("sign", SHORT, by=(COMMON * Add(*total, evaluate=False),), note="Its coefficients in ρ_1 are all ≥ 0.")
