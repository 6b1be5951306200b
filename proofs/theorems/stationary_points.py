"""Every stationary point of the in-context loss for standard Gaussian covariates and a task vector N(0, I), and what each is.

`layer-landscape` at the six coefficients that the loss has there.
"""

from __future__ import annotations

from functools import cache

from sympy import Add, Identity

from proofs.derivation import Derivation
from proofs.kernel import Statement, Step, Theorem
from proofs.language import All, Named, equal, substitute
from proofs.theorems import layer_landscape, turning_points
from proofs.theorems.vocabulary import LOSS, laws
from theory.coefficients import coefficients
from theory.covariates import Gaussian
from theory.notation import alpha, beta, d, delta, gamma, n, p, q, sigma2, tau
from theory.responses import Linear
from theory.setting import Setting

GIVEN = laws(Identity(d), Identity(d))
_FOUND = coefficients(Setting(covariates=Gaussian.isotropic(d), response=Linear.isotropic(d), noise_variance=sigma2, context_length=n))
NUMBERS = {
    symbol: Named("gamma_0" if symbol == gamma else symbol.name, value)
    for symbol, value in zip((p, q, alpha, beta, gamma, delta, tau), _FOUND, strict=True)
}
VALUES = tuple(NUMBERS.items())
LOSS_IN_SIX = equal(LOSS, substitute(layer_landscape.LAYER_LOSS, NUMBERS))


def regular(derive: Derivation) -> Step:
    """Δ > 0"""
    (margin,) = layer_landscape.GIVEN
    parts = (2 * d**2 * n, 2 * (d - 1) * (d + 1), d * n**2, 2 * n * sigma2 * (2 * d - 1), 2 * d * n, 4 * d * sigma2, 4 * d)
    value = 2 * n**2 * Add(*parts, 2 * n * sigma2**2, 2 * sigma2**2, evaluate=False)
    return derive("sign", substitute(margin, NUMBERS), by=(value,), note="The even part is never a multiple of one token's.")


def at_numbers(derive: Derivation, theorem: Theorem, margin: Step) -> Step:
    """A theorem about six coefficients, at those of the Gaussian loss."""
    return derive(
        "specialisation",
        substitute(theorem.claim, NUMBERS),
        theorem,
        margin,
        by=VALUES,
        note=f"The theorem {theorem.label} at these coefficients.",
    )


@cache
def theorem() -> Theorem:
    """The theorem."""
    derive = Derivation()
    loss = derive("gaussian-moment", LOSS_IN_SIX, note="The loss in six coefficients.")
    margin = regular(derive)
    points = at_numbers(derive, layer_landscape.theorem(), margin)
    kinds = at_numbers(derive, turning_points.theorem(), margin)
    claim = All(LOSS_IN_SIX, *points.conclusion.args, *kinds.conclusion.args)
    derive("logic", claim, loss, points, kinds, note="Collect the steps.")
    return Theorem(
        label="stationary-points",
        title="Every stationary point of the in-context loss, and what each is",
        source="derived here",
        statement=Statement(claim, GIVEN),
        steps=derive.steps,
        remarks=(
            "Four families: the zero predictor (v = 0, c = 0, tr A = 0), always a saddle; the global minimum; one direction (v_y = 0, "
            "A = 0); and mixed directions, one for each root of q_4 in r = |v_x|²/v_y². Each is meant up to rotation and the scale "
            "(v, M) → (s v, M / s).",
            "The same holds, at other coefficients, for every loss without a preferred direction (theorem layer-landscape): for elliptical "
            "covariates in whitened coordinates, and for the responses of Theorem 3.",
            "At given v the loss is a convex quadratic in (A, c), so the kind of a stationary point with v ≠ 0 is that of its ratio for "
            "the profile: spurious local minima exist iff J_1 < 0 for some ratio (theorem turning-points).",
        ),
    )
