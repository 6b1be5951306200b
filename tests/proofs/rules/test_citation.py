"""Citations: each fact carries only what it says."""

import pytest
from common.statements import GAUSSIAN, STANDARD, A, I_d, Sigma, W, a, by, d, granted, p, refused, theorem, tr, u, v, x, z
from sympy import Inverse, MatrixSymbol, Rational, ZeroMatrix

from proofs.kernel import Step
from proofs.language import ConditionalMean, GradientAt, Mean, Normal, PositiveDefinite, Predictor, equal
from proofs.rules.citation import FACTS

RULE = "citation"
HALF = Rational(1, 2)
delta = MatrixSymbol("delta", d, 1)


def test_the_list_is_short_and_sourced():
    assert set(FACTS) == {"isserlis", "fubini", "conditional-expectation", "gradient"}
    assert all(fact.says and fact.source for fact in FACTS.values())


@pytest.mark.parametrize("name", ["isserlis", "folklore", 1, ("fubini",)])
def test_a_fact_that_is_not_on_the_list(name):
    refused(by(RULE, equal(p, 1), name), "not on the list")
    refused(by(RULE, equal(p, 1)), "not on the list")


# fubini


def test_fubini():
    integrand = tr(x.T * z) ** 2
    claim = equal(Mean(integrand, x, z), Mean(Mean(integrand, x), z))
    assert granted(by(RULE, claim, "fubini", given=GAUSSIAN)).citations == ("fubini",)
    for false in (Mean(Mean(integrand + 1, x), z), Mean(Mean(integrand, x), x), Mean(Mean(integrand, x, z), z)):
        refused(by(RULE, equal(Mean(integrand, x, z), false), "fubini", given=GAUSSIAN), "differ|are not those of the one")


def test_fubini_needs_the_mean_to_exist():
    integrand = 1 / tr(x.T * x) * tr(z.T * z)
    refused(by(RULE, equal(Mean(integrand, x, z), Mean(Mean(integrand, z), x)), "fubini", given=GAUSSIAN), "need not exist")


# conditional-expectation

JOINT = (Normal(x, Sigma), Normal(z, W), PositiveDefinite(Sigma), PositiveDefinite(W))
f = Predictor("f", x)
g = tr((x + z).T * a)


def conditional(h, given=JOINT, predictor=f, conditioned=x, target=g):
    """E[target | conditioned] = h, from the orthogonality of target − h to every function."""
    variables = (x, z)
    orthogonal = equal(Mean((target - h) * predictor, *variables), 0)
    flip = Step("sign-symmetry", orthogonal, (), (z,))
    claim = equal(ConditionalMean(target, conditioned, *variables), h)
    return theorem(claim, flip, Step(RULE, claim, (flip,), ("conditional-expectation", predictor)), given=given)


def test_a_conditional_expectation():
    certificate = granted(conditional(tr(x.T * a)))
    assert certificate.citations == ("conditional-expectation",)
    refused(conditional(2 * tr(x.T * a)), "does not change sign")


def test_the_predictor_must_be_any_function_of_the_condition():
    granted(conditional(tr(x.T * a), predictor=Predictor("f", A * u, x)))
    refused(conditional(tr(x.T * a), predictor=Predictor("f", x, x)), "must be a predictor of y")
    refused(conditional(tr(x.T * a), predictor=Predictor("f", 2 * x)), "must be a predictor of y")
    refused(conditional(tr(x.T * a), predictor=Predictor("f", x, x * x.T)), "on what is fixed only")
    refused(conditional(tr(x.T * a), conditioned=2 * x), "must be a predictor of y")


def test_the_answer_must_be_a_function_of_the_condition():
    odd = Predictor("f", u)
    claim = equal(ConditionalMean(tr(z.T * a), u, x, z), tr(x.T * a))
    flip = Step("sign-symmetry", equal(Mean((tr(z.T * a) - tr(x.T * a)) * odd, x, z), 0), (), (x, z))
    refused(theorem(claim, flip, Step(RULE, claim, (flip,), ("conditional-expectation", odd)), given=JOINT), "is not a function of u")


def test_nothing_is_assumed_of_the_predictor():
    """If f were 0, anything would be orthogonal to it."""
    zero, fixed = equal(Predictor("f", u), 0), Predictor("f", u)
    mean = Mean((tr(x.T * x) - 5) * fixed, x)
    known = Step("logic", zero)
    orthogonal = Step("matrix-identity", equal(mean, 0), (known,), ((0, Mean(tr(x.T * x) - 5, x)),))
    claim = equal(ConditionalMean(tr(x.T * x), u, x), 5)
    attack = theorem(claim, known, orthogonal, Step(RULE, claim, (orthogonal,), ("conditional-expectation", fixed)), given=(*JOINT, zero))
    refused(attack, "restricts a predictor")


def test_a_law_that_speaks_of_another_variable():
    hidden = Mean(tr(v.T * v), v)
    fixed = Predictor("f", u)
    orthogonal = Step("gaussian-moment", equal(Mean((tr(x.T * x) - hidden) * fixed, x), 0))
    claim = equal(ConditionalMean(tr(x.T * x), u, x), hidden)
    steps = (orthogonal, Step(RULE, claim, (orthogonal,), ("conditional-expectation", fixed)))
    refused(theorem(claim, *steps, given=(*STANDARD, Normal(v, x * x.T))), "restricts x")
    refused(theorem(claim, *steps, given=(*STANDARD, Normal(v, Sigma))), "different polynomials")


# gradient

LOSS = HALF * tr((a - A * u).T * (a - A * u))


def slope(value, point=v, loss=LOSS, delta=delta, curvature=HALF * A.T * A, given=()):
    return by(RULE, equal(GradientAt(loss, u, point), value), "gradient", delta, curvature, given=given)


def test_a_gradient():
    assert granted(slope(A.T * (A * v - a))).citations == ("gradient",)
    granted(slope(-A.T * a, point=ZeroMatrix(d, 1)))
    for false in (A.T * (a - A * v), 2 * A.T * (A * v - a), A * (A * v - a), A.T * A * v):
        refused(slope(false), "ℓ")
    refused(slope(A.T * (A * v - a), curvature=A.T * A), "ℓ")


def test_the_column_of_a_gradient_is_bound():
    refused(slope(A.T * (A * u - a)), "is bound by the gradient")
    refused(slope(A.T * (A * v - a) + 0 * u, point=u), "is bound by the gradient")
    refused(slope(A.T * (A * v - a), delta=a), "must be a new column")
    refused(slope(A.T * (A * v - a), delta=v), "must be a new column")


def test_gradients_do_not_see_through_means():
    averaged = Mean(tr(x.T * u) ** 2, x)
    granted(slope(2 * tr(x.T * a) ** 2 * v, loss=tr(x.T * a) ** 2 * tr(u.T * u), curvature=tr(x.T * a) ** 2 * I_d, given=GAUSSIAN))
    refused(slope(2 * Sigma * x, point=x, loss=averaged, curvature=Sigma, given=GAUSSIAN), "averages over")


def test_what_is_inverted_exists():
    loss = tr(u.T * Inverse(A) * a)
    granted(slope(Inverse(A) * a, loss=loss, curvature=ZeroMatrix(d, d), given=(PositiveDefinite(A),)))
    refused(slope(Inverse(A) * a, loss=loss, curvature=ZeroMatrix(d, d)), "not known to be invertible")
