"""Claims about `nonlinear-responses`."""

from __future__ import annotations

from sympy import Trace

from common.mutants import without
from common.prompts import TOKENS, UNIT
from proofs.language import All, Expectation, Independent, Law, Mean, RotationInvariant, SignSymmetric, at_least, equal, more_than
from proofs.theorems import load
from proofs.theorems import nonlinear_responses as nonlinear
from proofs.theorems.every_law import SIZE
from proofs.theorems.vocabulary import STEP
from theory.notation import A, X, d, n, u_star, x_1, x_2, x_q, y, y_1, y_2, y_q

PINNED = (
    {
        Law(X, y, x_q, y_q, u_star, x_1, y_1, x_2, y_2),
        TOKENS,
        Independent((X, y, u_star), (x_q,)),
        SignSymmetric(y, y_q, u_star, y_1, y_2),
        RotationInvariant(X, x_q.T, u_star.T, x_1.T, x_2.T),
        equal(UNIT, Expectation(x_q * x_q.T, x_q)),
        more_than(load("nonlinear-responses").given[-1].args[0], 0),
    },
    set(),
    {"best-step", "every-law"},
)

FALSE = {
    "η with n for n − 1": {nonlinear.SYSTEM: nonlinear.GAMMA + n * nonlinear.KAPPA},
    "η with n + 1 for n − 1": {nonlinear.SYSTEM: nonlinear.GAMMA + (n + 1) * nonlinear.KAPPA},
    "η = κ / γ": {nonlinear.ETA.args[1]: nonlinear.KAPPA / nonlinear.GAMMA},
    "η = γ / (κ + (n − 1) γ)": {nonlinear.ETA.args[1]: nonlinear.GAMMA / (nonlinear.KAPPA + (n - 1) * nonlinear.GAMMA)},
    "κ not divided by d": {nonlinear.KAPPA.args[1]: d * nonlinear.KAPPA.args[1]},
    "γ of the labels alone": {nonlinear.GAMMA.args[1]: Mean(Trace(y_1) ** 2, y_1)},
    "ratio with ‖Xᵀy‖": {nonlinear.SQUARE: Trace(y.T * y)},
    "minimum without d": {nonlinear.LEAST: nonlinear.LEAST + (d - 1) * n * nonlinear.KAPPA * nonlinear.ETA},
    "η always positive": {at_least(nonlinear.ETA, 0): more_than(nonlinear.ETA, 0)},
    "attained with twice the step": {equal(A, nonlinear.ETA * UNIT): equal(A, 2 * nonlinear.ETA * UNIT)},
    "even part free": {All(equal(STEP, nonlinear.ETA * UNIT), equal(SIZE, 0)): equal(STEP, nonlinear.ETA * UNIT)},
    "not rotation-invariant": without(nonlinear.GIVEN[4]),
    "query not rotated": {nonlinear.GIVEN[4]: RotationInvariant(X, u_star.T, x_1.T, x_2.T)},
    "not sign-symmetric": without(nonlinear.GIVEN[3]),
    "query's label not flipped": {nonlinear.GIVEN[3]: SignSymmetric(y, u_star, y_1, y_2)},
    "tokens that share nothing": without(nonlinear.GIVEN[1]),
    "query depends on the context": without(nonlinear.GIVEN[2]),
    "any covariance": without(nonlinear.COVARIANCE),
    "all labels may be 0": without(more_than(nonlinear.GAMMA, 0)),
}
