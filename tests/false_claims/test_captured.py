"""Statements that are false because a free symbol is confused with one that a mean averages over or a gradient differentiates by."""

from common.statements import GAUSSIAN, A, I_d, K, by, d, granted, p, q, refused, theorem, tr, u, v, x, z
from sympy import Inverse, MatrixSymbol, ZeroMatrix

from proofs.kernel import Step
from proofs.language import (
    ConditionalMean,
    Equivalence,
    GradientAt,
    Implication,
    Mean,
    Normal,
    PositiveDefinite,
    Predictor,
    at_least,
    equal,
    replaced,
)

RANDOM = (Normal(K, I_d, I_d),)
delta = MatrixSymbol("delta", d, 1)


def test_a_hypothesis_about_a_random_matrix_is_no_fact_about_the_mean_of_it():
    symmetric = equal(Mean(tr(K * K), K), Mean(tr(K * K.T), K))
    refused(by("matrix-identity", Implication(PositiveDefinite(K), symmetric), given=RANDOM), "different normal forms")
    first = Step("gaussian-moment", equal(Mean(tr(K * K), K), d))
    second = Step("gaussian-moment", equal(Mean(tr(K * K.T), K), d**2))
    false = Implication(PositiveDefinite(K), equal(d, d**2))
    last = Step("matrix-identity", false, (first, second), ((0, -1), (1, 1)))
    refused(theorem(false, first, second, last, given=RANDOM), "different normal forms")
    true = Implication(PositiveDefinite(A), equal(Mean(tr(A * K.T * K), K), Mean(tr(A.T * K.T * K), K)))
    granted(by("matrix-identity", true, given=RANDOM))


def test_nor_its_sign():
    factor = 1 + Mean(tr(u.T * x) - 5, x)
    flipped = Equivalence(at_least(factor * p, 0), at_least(p, 0))
    laws = (Normal(x, I_d),)
    refused(by("equivalent-relations", Implication(at_least(tr(u.T * x) - 5, 0), flipped), factor, given=laws), "not known to be > 0")
    fixed = Equivalence(at_least((1 + q**2) * p, 0), at_least(p, 0))
    granted(by("equivalent-relations", Implication(at_least(tr(u.T * x) - 5, 0), fixed), 1 + q**2, given=laws))


def test_a_symbol_bound_in_an_assumption_is_not_put_into_a_value():
    """The value K u of q would be caught by the gradient by u in the assumption."""
    assumed = equal(v, GradientAt(tr(z.T * u), u, x))
    slope = Step("citation", equal(GradientAt(tr(z.T * u), u, x), z), (), ("gradient", delta, ZeroMatrix(d, d)))
    known = Step("logic", assumed)
    true = theorem(equal(v, z), slope, known, Step("matrix-identity", equal(v, z), (slope, known), ((0, 1), (1, 1))), given=(assumed,))
    granted(true)
    caught = replaced(assumed, {z: K * u})
    refused(by("specialisation", equal(v, K * u), (z, K * u), of=(true,), given=(caught,)), "averages over")
    granted(by("specialisation", equal(v, A * x), (z, A * x), of=(true,), given=(replaced(assumed, {z: A * x}),)))


def test_a_conditional_mean_of_a_degenerate_variable_has_more_than_one_version():
    orthogonal = Step("sign-symmetry", equal(Mean((tr((x + z).T * u) - tr(x.T * u)) * Predictor("f", x), x, z), 0), (), (z,))
    claim = equal(ConditionalMean(tr((x + z).T * u), x, x, z), tr(x.T * u))
    cited = Step("citation", claim, (orthogonal,), ("conditional-expectation", Predictor("f", x)))
    granted(theorem(claim, orthogonal, cited, given=(Normal(x, I_d), Normal(z, I_d))))
    refused(theorem(claim, orthogonal, cited, given=(Normal(x, ZeroMatrix(d, d)), Normal(z, I_d))), "known to be definite")


def test_a_gradient_of_a_mean_whose_law_moves():
    claim = equal(GradientAt(Mean(tr(x.T * x), x), u, v), 0)
    hints = ("gradient", delta, ZeroMatrix(d, d))
    refused(by("citation", claim, *hints, given=(Normal(x, u * u.T),)), "a law depends on u")
    granted(by("citation", claim, *hints, given=(Normal(x, I_d),)))


def test_a_mean_of_a_power_of_a_mean_of_a_predictor():
    inner = Mean(Mean(Predictor("f", x * x.T, z, v) * tr(v.T * z), v), z)
    laws = (Normal(x, I_d), Normal(z, I_d), Normal(v, I_d))
    refused(by("sign-symmetry", equal(Mean(tr(u.T * x) * inner**6, x), 0), x, given=laws), "need not exist")
    granted(by("sign-symmetry", equal(Mean(tr(u.T * x) * tr(x.T * x) ** 2, x), 0), x, given=laws))


def test_a_gaussian_matrix_is_renamed_to_a_fresh_one_with_its_law():
    moment = equal(Mean(tr(x.T * A * x), x), tr(A))
    known = by("gaussian-moment", moment, given=(Normal(x, I_d),))
    renamed = equal(Mean(tr(z.T * A * z), z), tr(A))
    granted(by("specialisation", renamed, (x, z), of=(known,), given=(Normal(z, I_d),)))
    refused(by("specialisation", renamed, (x, z), of=(known,), given=(Normal(z, K), PositiveDefinite(K))), "not among the assumptions")
    refused(by("specialisation", renamed, (x, 2 * z), of=(known,), given=(Normal(z, I_d),)), "can be renamed")
    two = equal(Mean(tr(x.T * A * z) ** 2, x, z), tr(A.T * A))
    pair = by("gaussian-moment", two, given=(Normal(x, I_d), Normal(z, I_d)))
    squared = equal(Mean(tr(v.T * A * v) ** 2, v), tr(A.T * A))
    refused(by("specialisation", squared, (x, v), (z, v), of=(pair,), given=(Normal(v, I_d),)), "can be renamed")
    refused(by("specialisation", replaced(two, {x: z}), (x, z), of=(pair,), given=(Normal(z, I_d),)), "can be renamed")
    free = by("gaussian-moment", equal(Mean(tr(u.T * x) ** 2, x), tr(u.T * u)), given=(Normal(x, I_d),))
    caught = equal(Mean(tr(u.T * u) ** 2, u), tr(u.T * u))
    refused(by("specialisation", caught, (x, u), of=(free,), given=(Normal(u, I_d),)), "can be renamed")


def test_a_side_condition_under_a_hypothesis_is_reported_under_it():
    claim = equal(tr(Inverse(K) * K * A), tr(A) + 0 * p)
    refused(by("matrix-identity", claim, given=GAUSSIAN), "not known to be invertible|says nothing")
    under = Implication(PositiveDefinite(K), equal(tr(Inverse(K) * (A + K) * K), tr(A * K * Inverse(K)) + tr(K)))
    (condition,) = granted(by("matrix-identity", under)).side_conditions
    assert isinstance(condition, Implication)
    assert condition.args[0] == PositiveDefinite(K)
