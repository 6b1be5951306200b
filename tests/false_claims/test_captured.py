"""Statements that are false because a free symbol is confused with one that a mean averages over or a gradient differentiates by."""

from common.statements import GAUSSIAN, A, I_d, K, b, by, d, granted, p, q, refused, theorem, tr, u, v, x, z
from sympy import Inverse, MatrixSymbol, ZeroMatrix

from proofs.kernel import Step
from proofs.language import (
    ConditionalMean,
    Equivalence,
    Expectation,
    GradientAt,
    Implication,
    Independent,
    Law,
    Mean,
    Normal,
    PositiveDefinite,
    Predictor,
    SignSymmetric,
    at_least,
    equal,
    replaced,
)

RANDOM, RANDOM_COLUMN = (Normal(K, I_d, I_d),), (Normal(x, I_d),)
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


def test_a_symbol_that_the_mean_of_a_matrix_binds():
    second = Expectation(x * x.T, x)
    known = by("gaussian-moment", equal(tr(second * A), tr(A)), given=RANDOM_COLUMN)
    refused(by("specialisation", replaced(known.claim, {A: x * x.T}), (A, x * x.T), of=(known,), given=RANDOM_COLUMN), "averages over")
    granted(by("specialisation", replaced(known.claim, {A: z * z.T}), (A, z * z.T), of=(known,), given=RANDOM_COLUMN))
    refused(by("matrix-identity", equal(tr(second * x * x.T), tr(Expectation(x * x.T * x * x.T, x))), given=RANDOM_COLUMN), "normal forms")
    refused(by("gaussian-moment", equal(Mean(tr(second * x * x.T), x), d**2), given=RANDOM_COLUMN), "different polynomials")
    fixed = Expectation(x * z.T, x)
    granted(by("matrix-identity", equal(tr(fixed * A), tr(Expectation(x, x) * z.T * A)), given=RANDOM_COLUMN))


def test_a_law_is_not_gaussian():
    fourth = equal(Mean(tr(x.T * x) ** 2, x), d * (d + 2))
    granted(by("gaussian-moment", fourth, given=RANDOM_COLUMN))
    refused(by("gaussian-moment", fourth, given=(Law(x),)), "is not Gaussian")
    refused(by("gaussian-moment", equal(tr(Expectation(x * x.T, x)), d), given=(Law(x),)), "is not Gaussian")
    changed = equal(Mean(tr(x.T * x) ** 2, x), Mean(tr(z.T * z) ** 2, z))
    granted(by("change-of-variables", changed, (x, z), given=(*RANDOM_COLUMN, Normal(z, I_d))))
    refused(by("change-of-variables", changed, (x, z), given=(Law(x), Normal(z, I_d))), "has no law")
    odd = equal(Mean(tr(x.T * x) * tr(x.T * u), x), 0)
    granted(by("sign-symmetry", odd, x, given=RANDOM_COLUMN))
    refused(by("sign-symmetry", odd, x, given=(Law(x),)), "not assumed")
    renamed = equal(Mean(tr(z.T * z) * tr(z.T * u), z), 0)
    general = by("sign-symmetry", odd, x, given=(Law(x), SignSymmetric(x)))
    refused(by("specialisation", renamed, (x, z), of=(general,), given=(Law(z), SignSymmetric(z))), "averaged over")
    refused(by("specialisation", odd, of=(general,), given=(Law(x),)), "not among the assumptions")
    refused(by("specialisation", odd, of=(general,), given=(Law(x, z), SignSymmetric(x, z))), "not among the assumptions")


def test_the_matrices_of_a_law_are_not_independent():
    product = equal(Mean(tr(x.T * u) * tr(z.T * v), x, z), Mean(Mean(tr(x.T * u) * tr(z.T * v), z), x))
    granted(by("citation", product, "fubini", given=(Law(x), Law(z))))
    granted(by("citation", product, "fubini", given=(Law(x, z), Independent((x,), (z,)))))
    refused(by("citation", product, "fubini", given=(Law(x, z),)), "not known to be independent")
    refused(by("citation", product, "fubini", given=(Law(x, z, b), Independent((x,), (b,)))), "not known to be independent")


def test_a_hypothesis_about_an_outcome_is_no_fact_about_the_law():
    symmetric = equal(Mean(tr(K * K), K), Mean(tr(K * K.T), K))
    refused(by("matrix-identity", Implication(PositiveDefinite(K), symmetric), given=(Law(K),)), "different normal forms")
    vanishes = Implication(equal(x, 0), equal(Mean(tr(x.T * x), x), 0))
    refused(by("matrix-identity", vanishes, given=(Law(x),)), "different normal forms")
    about = Implication(equal(Mean(tr(x.T * x), x), 0), equal(2 * Mean(tr(x.T * x), x), 0))
    granted(by("matrix-identity", about, (0, 2), given=(Law(x),)))
