"""When h heads have local minima that are not global ones, for standard Gaussian covariates and a task vector N(0, I).

At given values of rank h the least loss is that of one head in g = d − h + 1 dimensions at other coefficients (`theory.heads`). So the
theorem on the profile of one head holds for it, and what is left are the signs of its turning polynomial.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import Any

from sympy import QQ, Add, Mul, Pow, Rational, cancel, collect, ring, sympify
from sympy.core.symbol import Str

from proofs.derivation import Derivation
from proofs.kernel import Statement, Step, Theorem
from proofs.language import All, Equivalence, Implication, Named, equal, more_than, replaced, substitute, unnamed
from proofs.theorems import turning_points
from proofs.theorems.layer_landscape import GIVEN, MARGIN
from theory.coefficients import coefficients
from theory.covariates import Gaussian
from theory.heads import with_heads
from theory.notation import alpha, beta, d, delta, g, gamma, h, j, n, p, rho_1, sigma2, tau
from theory.responses import Linear
from theory.setting import Setting

SIZE = Named("d_0", h + g - 1)
LEFT = 2 + n * (h - 1)
_FOUND = with_heads(
    coefficients(Setting(covariates=Gaussian.isotropic(d), response=Linear.isotropic(d), noise_variance=sigma2, context_length=n)), h
)


def _cleared(value: Any, by: Any) -> Any:
    """A coefficient without denominators: a polynomial in n, d, σ² and h."""
    return substitute(collect(cancel(value * by), n), {d: SIZE})


# what the coefficients are without the factor n, and those of the even part without the denominator 2 + n(h − 1)
PARTS = {
    p: _cleared(_FOUND.p, 1 / n),
    beta: LEFT,
    alpha: _cleared(_FOUND.alpha, LEFT / n),
    gamma: _cleared(_FOUND.gamma, LEFT / n),
    delta: Named("delta_0", _cleared(_FOUND.delta, LEFT / n)),  # by a name, as a fraction with it breaks over no line
    tau: _cleared(_FOUND.margin, LEFT / n**2),
}


def numbers(parts: dict[Any, Any], suffix: str) -> dict[Any, Any]:
    """The coefficients made of these; the suffix tells their names from those made of others."""
    values = {p: n * parts[p], beta: n} | {symbol: n * parts[symbol] / parts[beta] for symbol in (alpha, gamma, delta)}
    return {symbol: Named(f"{symbol.name}_{suffix}", value) for symbol, value in values.items()} | {d: g}


NUMBERS = numbers(PARTS, "h")
AT_ONE, FAR = (substitute(part, NUMBERS) for part in (turning_points.AT_ONE, turning_points.FAR))

_EVEN = (alpha + beta) * rho_1**2 - delta
ESSENTIAL = (g - 1) * (p * ((alpha + beta) * rho_1**2 - 2 * gamma * rho_1 + delta) + tau * rho_1) ** 2 - tau * _EVEN * (p + rho_1) ** 2
LEADING = (g - 1) * p**2 * (alpha + beta) - tau
SHARED = equal((alpha + beta) * delta - gamma**2, tau * beta)

EXACT = Equivalence(more_than(AT_ONE, 0), more_than(NUMBERS[delta], (NUMBERS[alpha] + NUMBERS[beta]) * rho_1**2))
TWO_HEADS = Implication(All(equal(h, 2), equal(g, j + 4)), more_than(AT_ONE, 0))
ONE_SHORT = Implication(All(equal(h, j + n), equal(g, 2)), more_than(0, FAR))
TWO_SHORT = Implication(All(equal(g, 3), equal(n, 1), equal(sigma2, 6 * (h + 1))), more_than(0, FAR))

_SYMBOLS = (h, g, n, sigma2, rho_1)
_RING, *_VARIABLES = ring("h, g, n, s, r", QQ)


def apart(value: Any, suffix: str) -> Any:
    """An expression of the theorem on one head, with names that tell it from the same at the coefficients of h heads."""
    return replaced(value, {Str(name): Str(f"{name}_{suffix}") for name in ("Delta", "D_A1", "D_c1", "J_1", "J_infty")})


def polynomial(value: Any) -> Any:
    """Of an expression in h, g, n, σ² and ρ₁."""
    return _RING.from_expr(sympify(unnamed(value)).doit().xreplace(dict(zip(_SYMBOLS, _RING.symbols, strict=True))))


def terms(value: Any, sign: int = 1, **above: tuple[Any, Any]) -> Any:
    """An expression, or minus it, as a sum of products of quantities ≥ 0, unevaluated, so that each sign stays in sight.

    above: by the name of a variable (x, value), x an expression known to be ≥ 0 and the value that of the variable in x, which the variable
    now stands for. Where a product of ρ₁ (or n − 1) and σ² has a negative coefficient, it is put as half of their squares' sum minus the
    square of their difference.
    """
    quantities = [above[str(name)][0] if str(name) in above else symbol for name, symbol in zip(_RING.symbols, _SYMBOLS, strict=True)]
    found = (sign * polynomial(value)).compose(
        [(variable, polynomial(above[str(variable)][1])) for variable in _VARIABLES if str(variable) in above]
    )
    products = dict(found.terms())
    squares = []
    for powers in sorted(
        (powers for powers, c in products.items() if c < 0), key=lambda powers: (powers[4], *(-powers[k] for k in (1, 0, 2, 3)))
    ):
        half = -products.pop(powers) / 2
        common, first, weight = next(
            (common, first, weight)
            for first, weight in product((4, 2), (QQ(1, 2), QQ(1)))  # ρ₁ or n, and its weight in the square
            for common in (_times(powers, {first: -1, 3: -1}),)
            if products.get(_times(common, {first: 2}), 0) >= weight * half and products.get(_times(common, {3: 2}), 0) >= half / weight
        )
        products[_times(common, {first: 2})] -= weight * half
        products[_times(common, {3: 2})] -= half / weight
        squares.append(_product(half / weight, common, quantities, (_rational(weight) * quantities[first] - sigma2) ** 2))
    return Add(*(_product(c, powers, quantities) for powers, c in products.items() if c), *squares, evaluate=False)


def _times(powers: tuple[int, ...], more: dict[int, int]) -> tuple[int, ...]:
    return tuple(k + more.get(i, 0) for i, k in enumerate(powers))


def _product(c: Any, powers: tuple[int, ...], quantities: list[Any], *more: Any) -> Any:
    known = (Pow(x, k, evaluate=False) for x, k in zip(quantities, powers, strict=True) if k)
    return Mul(_rational(c), *known, *more, evaluate=False)


def _rational(c: Any) -> Rational:
    return Rational(int(c.numerator), int(c.denominator))


@cache
def theorem() -> Theorem:
    """The theorem."""
    derive = Derivation()
    positive, shared = _parts(derive)
    exact = _exact(derive, positive)
    risen = _without_denominators(derive, positive, shared)
    at, far = (substitute(part, PARTS) for part in (ESSENTIAL, LEADING))
    cases = [
        _case(derive, claim, relation, by, risen, note)
        for claim, relation, by, note in (
            (
                TWO_HEADS,
                more_than(at, 0),
                terms(unnamed(at).doit().xreplace({h: 2}), g=(j, g + 4), n=(n - 1, n + 1)),
                "Two heads in five dimensions or more: a sum of products and squares.",
            ),
            (
                ONE_SHORT,
                more_than(0, far),
                terms(unnamed(far).doit().xreplace({g: 2}), -1, h=(j, h + n + 1), n=(n - 1, n + 1)),
                "With one head less than dimensions, and no more examples than heads, all are negative.",
            ),
            (
                TWO_SHORT,
                more_than(0, far),
                terms(unnamed(far).doit().xreplace({g: 3, n: 1, sigma2: 6 * (h + 1)}), -1, h=(h - 1, h + 1)),
                "With two less, one example and much noise too.",
            ),
        )
    ]
    claim = All(positive[-1].conclusion, exact.conclusion, *(case.conclusion for case in cases))
    derive("logic", claim, positive[-1], exact, *cases, note="Collect the steps.")
    return Theorem(
        label="heads",
        title="Where the profile of many heads turns: signs of the turning polynomial at their coefficients",
        source="derived here",
        statement=Statement(claim),
        steps=derive.steps,
        remarks=(
            "At values v_1, …, v_h of rank h the loss is a convex quadratic in the keys and queries. Its least value depends on "
            "the ratio r = |v_x|²/v_y² alone, of the one value in their span that is orthogonal to those without labels, and is "
            "the profile of one head in g = d − h + 1 dimensions at these coefficients. That is derived in the documentation on "
            "heads, not checked here.",
            "So theorem turning-points says that the profile of h heads rises where J_1 > 0 and falls where J_1 < 0; there are "
            "spurious local minima with h < d heads iff J_1 < 0 for some ratio. With h = d the profile rises from L* to one "
            "maximum and falls to L* again, and with h > d every local minimum is global (theorem idle-head).",
            "So in d ≥ 5 dimensions two heads never have spurious minima, while one has some in long contexts (theorem "
            "spurious-minima), and d − 1 have some in contexts with n ≤ d − 1. The least number of heads without any, whatever n "
            "and σ² are, is 1, 2, 3, 4 for d = 1, 2, 3, 4 and 2 for every d ≥ 5.",
        ),
    )


def _parts(derive: Derivation) -> tuple[list[Step], Step]:
    """What the coefficients are made of is positive."""
    above: Any = {"h": (h - 1, h + 1), "g": (g - 1, g + 1)}
    positive = [
        derive(
            "sign",
            more_than(PARTS[symbol], 0),
            by=(terms(PARTS[symbol], **above),),
            note="All coefficients in h − 1 and g − 1 are positive.",
        )
        for symbol in (gamma, delta, tau)
    ]
    shared = derive("rational-identity", substitute(SHARED, PARTS), note="The determinant has one factor 2 + n(h − 1) in common.")
    margin = derive(
        "sign",
        substitute(GIVEN[0], NUMBERS),
        *positive,
        shared,
        by=(n**2 * PARTS[tau] / LEFT, (0, n**2 / LEFT**2)),
        note="The even part is never a multiple of one token's.",
    )
    return [*positive, margin], shared


def _exact(derive: Derivation, positive: list[Step]) -> Step:
    """As many heads as dimensions."""
    relation = Equivalence(more_than(apart(turning_points.AT_ONE, "one"), 0), more_than(delta, (alpha + beta) * rho_1**2))
    general = derive(
        "equivalent-relations",
        Implication(All(equal(d, 1), *GIVEN), relation),
        by=(apart(MARGIN * turning_points.ONE.P**2, "one"),),
        note="In one dimension the rest of J_1 is a square.",
    )
    special = derive(
        "specialisation",
        Implication(All(equal(g, 1), substitute(GIVEN[0], NUMBERS)), EXACT),
        general,
        *positive,
        by=tuple((symbol, NUMBERS[symbol]) for symbol in (p, alpha, beta, gamma, delta, d)),
        note="At these coefficients.",
    )
    return derive("logic", Implication(equal(g, 1), EXACT), special, *positive, note="So with as many heads as dimensions.")


def _without_denominators(derive: Derivation, positive: list[Step], shared: Step) -> list[Step]:
    """The signs of J_1 and of its leading coefficient are those of polynomials."""
    general = numbers({symbol: symbol for symbol in PARTS}, "any")
    at, far = (substitute(apart(part, "any"), general) for part in (turning_points.AT_ONE, turning_points.FAR))
    length = n / beta * ((alpha + beta) * rho_1**2 - 2 * gamma * rho_1 + delta) * n * p + n**2 * tau / beta * rho_1
    both = substitute(apart(turning_points.ONE.U, "any"), general) + length
    turned = n / beta * _EVEN * (n * p + n * rho_1) ** 2
    found = []
    for left, there, right, scale, multiplier in (
        (
            more_than(at, 0),
            more_than(AT_ONE, 0),
            more_than(ESSENTIAL, 0),
            n**5 / beta**2,
            n**2 / beta**2 * ((g - 1) * n * rho_1 * both - turned),
        ),
        (more_than(0, far), more_than(0, FAR), more_than(0, LEADING), n**3 / beta, n**3 / beta**2),
    ):
        general_signs = derive(
            "equivalent-relations",
            Implication(SHARED, Equivalence(left, right)),
            by=(scale, (0, multiplier)),
            note="Take out what is common, for any numbers with this property.",
        )
        special = derive(
            "specialisation",
            Implication(substitute(SHARED, PARTS), Equivalence(there, substitute(right, PARTS))),
            general_signs,
            *positive,
            shared,
            by=tuple(PARTS.items()),
            note="These have it.",
        )
        found.append(derive("logic", special.conclusion.args[1], special, shared, note="So the signs are those of polynomials."))
    return found


def _case(derive: Derivation, claim: Any, relation: Any, by: Any, risen: list[Step], note: str) -> Step:
    """One case: the sign of the polynomial, and so that of J_1."""
    hypotheses = claim.args[0]
    sign = derive("sign", Implication(hypotheses, relation), by=(by,), note=note)
    return derive("logic", claim, sign, *risen, note="So J_1 has that sign.")
