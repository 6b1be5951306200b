"""Layers that step along one eigenvector: they are stationary for any Gaussian covariates and prior, and curves on which the loss falls.

With v_y = 0, A = 0 the layer predicts (Σ y_i x_i)ᵀ v_x cᵀ x_q, a step of rank one. Along the eigenvectors of WΣ, which in whitened
coordinates are those of Σ^½WΣ^½, such a step is a stationary point, whatever Σ and W. The loss is that of the theorem in-context-loss, at
lines and curves; each of the expansions is a polynomial identity, modulo what an eigenvector is.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sympy import Dummy, Identity, Trace, expand, reduced, sympify

from proofs.derivation import Derivation
from proofs.kernel import Statement, Step, Theorem
from proofs.language import All, Equivalence, Implication, Named, NamedMatrix, at_least, equal, more_than, replaced, unnamed
from proofs.theorems import in_context_loss
from proofs.theorems.vocabulary import LOSS, OPTIMUM, laws, stated
from theory.bilinear import BilinearForm
from theory.loss import gaussian_loss
from theory.loss import replaced as put_in
from theory.notation import H_A, A, Sigma, W, c, h_c, h_x, lambda_2, n, t, v_x, v_y, xi_1, xi_2
from theory.traces import normal_form

TAU = OPTIMUM.tau
VALUE = Named("lambda_1", Trace(xi_1.T * Sigma * W * Sigma * xi_1))
PIVOT = (n + 1) * VALUE + TAU
BEST = Named("b_1", VALUE / PIVOT)
ALONG = equal(W * Sigma * xi_1, VALUE * xi_1), equal(Trace(xi_1.T * Sigma * xi_1), 1)
ACROSS = equal(W * Sigma * xi_2, lambda_2 * xi_2), equal(Trace(xi_1.T * Sigma * xi_2), 0)
LENGTH = Trace(xi_2.T * Sigma * xi_2)
GIVEN = (*laws(Sigma, W), more_than(unnamed(TAU), 0), *ALONG)

SQUARE = Trace(Sigma * W * Sigma * W)
CROSS = n * TAU + 2 * VALUE
LEAST = Named("s_1", BEST**2 * ((n + 2) ** 2 * (TAU**2 + 2 * SQUARE) - CROSS**2) - (n + 2) * (SQUARE - VALUE**2))
TURN = Named(
    "s_2",
    (n + 2) * (TAU**2 + 2 * SQUARE) * BEST**2
    + (n + 1) * Trace(xi_1.T * Sigma * H_A * Sigma * H_A.T * Sigma * xi_1)
    + Trace(H_A * Sigma * H_A.T * Sigma)
    - 2 * Trace(H_A * Sigma * W * Sigma)
    + 2 * (VALUE + BEST * CROSS) * Trace(xi_1.T * Sigma * H_A * Sigma * xi_1),
)
FOURTH = Named("s_4", (n + 1) * Trace(Sigma * W * Sigma * H_A * Sigma * H_A.T) + TAU * Trace(Sigma * H_A * Sigma * H_A.T))
OFF = NamedMatrix("E_A", (n + 2) * (H_A - W) + ((n + 2) * VALUE + BEST * CROSS) * xi_1 * xi_1.T)
POLYNOMIAL = Named("F_v", in_context_loss.theorem().claim.rhs)
LEVEL = TAU - n * VALUE * BEST


def at(**moved: Any) -> All:
    """The layer that takes a step along the eigenvector, with some of its parameters changed."""
    point = {"v_x": xi_1, "v_y": 0, "A": 0, "c": BEST * xi_1} | moved
    return All(*(equal(symbol, point[symbol.name]) for symbol in (v_x, v_y, A, c)))


def quadratic(vector: Any) -> Any:
    """hᵀ((n + 1) ΣWΣ + τΣ)h"""
    return (n + 1) * Trace(vector.T * Sigma * W * Sigma * vector) + TAU * Trace(vector.T * Sigma * vector)


STAYS = (
    (at(v_x=xi_1 + t * h_x), n * BEST**2 * quadratic(h_x), "Move v_x alone: no term is linear in t."),
    (at(c=BEST * xi_1 + t * h_c), n * PIVOT * Trace(h_c.T * Sigma * h_c), "Nor is one in c alone,"),
    (at(v_y=t, A=t * H_A), n * (TURN + t**2 * FOURTH), "or in v_y and A. So the gradient vanishes."),
)
SWAPPED = All(*at(v_x=xi_1 + t * xi_2, c=BEST * (xi_1 + t * xi_2)).args, *ACROSS)
SPREAD = t**2 * LENGTH
SWAP_CHANGE = n * BEST**2 * ((n + 1) * lambda_2 + TAU) * SPREAD - n * BEST * (lambda_2 - VALUE) * (2 - (n + 1) * BEST)


@cache
def theorem() -> Theorem:
    """The theorem."""
    derive = Derivation()
    along = derive("logic", All(*ALONG), note="What the eigenvector is.")
    nonnegative = derive(
        "trace-inequality", at_least(unnamed(VALUE), 0), by=(Identity(1), Sigma * xi_1, W), note="Its eigenvalue is not negative,"
    )
    pivot = derive("sign", more_than(PIVOT, 0), nonnegative, by=(PIVOT,), note="so b₁ exists")
    step = derive("rational-identity", equal(PIVOT * BEST, VALUE), pivot, note="and solves this equation.")
    polynomial = derive(
        "equivalent-relations",
        Equivalence(equal(LOSS, POLYNOMIAL.args[1]), equal(LOSS, POLYNOMIAL)),
        by=(1,),
        note="The polynomial, named.",
    )
    named = derive("logic", equal(LOSS, POLYNOMIAL), polynomial, in_context_loss.theorem(), note="The loss of any layer.")

    def loss(layer: All, value: Any, note: str) -> Step:
        conclusion = Implication(layer, equal(POLYNOMIAL, value))
        return derive("matrix-identity", conclusion, along, step, pivot, by=_multipliers(layer, value), note=note)

    level = loss(at(), LEVEL, "The loss of a step along an eigenvector.")
    lines = [loss(layer, LEVEL + t**2 * rest, note) for layer, rest, note in STAYS]
    layer, change, _ = STAYS[-1]
    value = LEVEL + t**2 * change
    lower = derive(
        "equivalent-relations",
        Implication(more_than(t, 0), Equivalence(more_than(LEVEL, value), more_than(0, TURN + t**2 * FOURTH))),
        pivot,
        by=(n * t**2,),
        note="The change has the sign of its last factor;",
    )
    same = derive(
        "equivalent-relations",
        Implication(equal(POLYNOMIAL, value), Equivalence(more_than(LEVEL, value), more_than(LEVEL, POLYNOMIAL))),
        pivot,
        by=(1, (0, 1)),
        note="it is that of the loss.",
    )
    falls = derive(
        "logic",
        Implication(All(*layer.args, more_than(t, 0)), Equivalence(more_than(0, TURN + t**2 * FOURTH), more_than(LEVEL, POLYNOMIAL))),
        lines[-1],
        lower,
        same,
        note="So the loss falls for all small t > 0 where s₂ < 0,",
    )
    image = Trace(xi_1.T * Sigma * OFF * Sigma * OFF.T * Sigma * xi_1)
    square = (n + 2) * LEAST + (n + 1) * image + Trace(OFF * Sigma * OFF.T * Sigma)
    completed = derive(
        "matrix-identity",
        equal((n + 2) ** 2 * TURN, square),
        along,
        step,
        pivot,
        by=_multipliers_of(_polynomial(_plain(square)) - _polynomial(_plain((n + 2) ** 2 * TURN))),
        note="and s₂ is least where E_A = 0: complete the square.",
    )
    swapped = loss(SWAPPED, LEVEL + SPREAD * SWAP_CHANGE, "Turn v_x and c towards another eigenvector.")
    shown = (named, level, *lines, falls, completed, swapped)
    claim = All(*(part.conclusion for part in shown))
    derive("logic", claim, *shown, note="Collect the steps.")
    return Theorem(
        label="rank-one-points",
        title="Steps along one eigenvector are stationary",
        source="derived here",
        statement=Statement(claim, GIVEN),
        steps=derive.steps,
        remarks=(
            "The gradient is linear in the direction, and it vanishes in each of v_x, v_y, A, c: these layers are stationary, for every Σ "
            "and W, which need not commute. In whitened coordinates (theorem whitening) ξ₁ is an eigenvector of Σ^½WΣ^½.",
            "Where E_A = 0 the number s₂ is s₁/(n + 2), and it is no less elsewhere: so there is a line in (v_y, A) on which the loss "
            "falls if s₁ < 0, and none if s₁ > 0. The coefficient of t² in the last part is negative for λ₂ > λ₁ > 0 and ξ₂ ≠ 0, as "
            "(n + 1) b₁ < 1.",
            "So for λ₁ > 0 the layer is a saddle if λ₁ is not the greatest eigenvalue of WΣ, or if s₁ < 0. Else, for s₁ > 0, it is a local "
            "minimum: in the Hessian (v_y, A) and (v_x, c) decouple, and the part of (v_x, c) is that of a Rayleigh quotient "
            "(docs/anisotropic.md).",
        ),
    )


def _multipliers(layer: All, value: Any) -> tuple[Any, ...]:
    """The difference of the loss at the layer and its value as multiples of known equations: 0 and 1 are `ALONG`, 2 says what b₁ is, 3 and
    4 are `ACROSS`. Forms are reduced one after the other, WΣξ to λξ first."""
    loss = put_in(gaussian_loss(), {equation.lhs: _plain(equation.rhs) for equation in layer.args[:4]})
    return _multipliers_of(_polynomial(_plain(value)) - _polynomial(loss))


def _multipliers_of(gap: Any) -> tuple[Any, ...]:
    """Of a polynomial in forms."""
    eigenvalue = _form(xi_1, W, xi_1)
    rules: list[tuple[Any, Any, int, Any]] = [(_form(xi_1, W * Sigma * W, xi_1), eigenvalue**2, 0, xi_1.T * Sigma * W * Sigma)]
    rules += [
        (_form(xi_1, W, h), eigenvalue * _form(xi_1, None, h), 0, h.T * Sigma)
        for h in (H_A * Sigma * xi_1, H_A.T * Sigma * xi_1, xi_2, h_x, h_c)
    ]
    rules += [
        (_form(xi_2, W, xi_2), lambda_2 * _form(xi_2, None, xi_2), 3, xi_2.T * Sigma),
        (_form(xi_1, None, xi_2), 0, 4, 1),
        (_form(xi_1, None, xi_1), 1, 1, 1),
    ]
    found = []
    for form, simpler, equation, factor in rules:
        multiplier, gap = _divided(gap, _polynomial(form - simpler), _polynomial(form))
        if multiplier != 0:
            found.append((equation, -_back(multiplier) * factor))
    multiplier, _ = _divided(gap, _polynomial(_plain(PIVOT * BEST - VALUE)), _polynomial(eigenvalue))
    return (*found, *([(2, -_back(multiplier))] if multiplier != 0 else []))


def _plain(expr: Any) -> Any:
    """Without names but that of b₁, which stays a symbol."""
    return unnamed(replaced(sympify(expr), {BEST: _B}))


def _form(left: Any, middle: Any, right: Any) -> Any:
    """leftᵀ Σ middle Σ right, or leftᵀ Σ right"""
    return BilinearForm(left.T * Sigma * right if middle is None else left.T * Sigma * middle * Sigma * right)


def _divided(polynomial: Any, divisor: Any, leading: Any) -> tuple[Any, Any]:
    """Quotient and remainder, by powers of the leading variable."""
    if polynomial == 0:
        return polynomial, polynomial
    quotient, rest = reduced(polynomial, [divisor], leading, *(polynomial.free_symbols | divisor.free_symbols) - {leading})
    return quotient[0], rest


_B = Dummy("b_1", real=True)
_WORDS: dict[Any, Any] = {}


@cache
def _polynomial(expr: Any) -> Any:
    """In normal form, each form and each trace a variable."""
    found = normal_form(sympify(expr), symmetric=(Sigma, W))
    for node in found.atoms(BilinearForm, Trace):
        _WORDS.setdefault(node, Dummy(f"w_{len(_WORDS)}"))
    return expand(found.xreplace(_WORDS))


def _back(polynomial: Any) -> Any:
    return replaced(stated(polynomial.xreplace({variable: node for node, variable in _WORDS.items()})), {_B: BEST})
