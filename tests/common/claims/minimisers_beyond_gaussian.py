"""Claims about `minimisers-beyond-gaussian`."""

from __future__ import annotations

from common.mutants import without
from common.prompts import PROMPT_MEANS, TOKENS
from common.zero_blocks import NO_LABEL_KEY, NO_VALUES
from proofs.language import (
    All,
    Expectation,
    Independent,
    Invertible,
    Law,
    NamedMatrix,
    PositiveDefinite,
    SignSymmetric,
    at_least,
    equal,
    more_than,
)
from proofs.theorems.general_gaussian import in_keys, in_values
from proofs.theorems.tokens import OWN
from theory.notation import A, B_star, Sigma, X, d, v_y, x_1, x_2, x_q, y, y_1, y_2, y_q

PINNED = (
    PROMPT_MEANS
    | {
        Law(X, y, x_q, y_q, x_1, y_1, x_2, y_2),
        TOKENS,
        Independent((X, y), (x_q,)),
        SignSymmetric(y, y_q, y_1, y_2),
        PositiveDefinite(Sigma),
        PositiveDefinite(NamedMatrix("C", Expectation(x_1 * y_1 * y_1.T * x_1.T, x_1, y_1))),
        Invertible(B_star),
    },
    set(),
    {"best-step", "every-law", "tokens"},
)

FALSE = {
    "d = 1 too": {more_than(d, 1): at_least(d, 1)},
    "labels in the keys": {in_values(B_star): in_keys(B_star)},
    "label keys free": {in_values(B_star): All(NO_VALUES, equal(v_y * A, B_star))},
    "covariate values free": {in_values(B_star): All(NO_LABEL_KEY, equal(v_y * A, B_star))},
    "singular B*": without(Invertible(B_star)),
    "all labels may be 0": without(PositiveDefinite(OWN)),
    "singular Σ": without(PositiveDefinite(Sigma)),
    "tokens that share nothing": without(TOKENS),
    "not sign-symmetric": without(SignSymmetric(y, y_q, y_1, y_2)),
    "C of the covariates alone": {OWN.args[1]: Expectation(x_1 * x_1.T, x_1)},
}
