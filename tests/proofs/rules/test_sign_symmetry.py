"""Means that vanish because a flip of signs changes the sign of the integrand."""

from common.laws import ANY, x_q, y, y_q
from common.statements import STANDARD, A, X, by, granted, refused, tr, u, x, z

from proofs.language import Mean, Normal, Predictor, SignSymmetric, equal

RULE = "sign-symmetry"
ODD = tr(x.T * A * z) * tr(z.T * z)


def test_odd_in_one_matrix():
    certificate = granted(by(RULE, equal(Mean(ODD, x, z), 0), x, given=STANDARD))
    assert (certificate.citations, certificate.side_conditions) == ((), ())
    refused(by(RULE, equal(Mean(tr(x.T * A * z) ** 2, x, z), 0), x, given=STANDARD), "does not change sign")
    refused(by(RULE, equal(Mean(ODD, x, z), 0), x, z, given=STANDARD), "does not change sign")
    refused(by(RULE, equal(Mean(ODD, x, z), 1), x, given=STANDARD), "must be 0")
    refused(by(RULE, equal(Mean(ODD, x, z), 0), given=STANDARD), "can be flipped")


def test_only_what_is_averaged_is_flipped():
    granted(by(RULE, equal(Mean(tr(x.T * u), x), 0), x, given=STANDARD))
    refused(by(RULE, equal(Mean(tr(z.T * u), x), 0), z, given=STANDARD), "can be flipped")
    refused(by(RULE, equal(Mean(tr(x.T * u) * tr(u.T * u), x), 0), u, given=STANDARD), "can be flipped")


def test_predictors():
    even = Predictor("f", x * x.T * u)
    granted(by(RULE, equal(Mean(even * tr(x.T * u), x), 0), x, given=STANDARD))
    refused(by(RULE, equal(Mean(Predictor("f", x) * tr(x.T * u), x), 0), x, given=STANDARD), "does not change sign")


def test_the_mean_must_exist():
    refused(by(RULE, equal(Mean(tr(x.T * u) / tr(x.T * x), x), 0), x, given=STANDARD), "need not exist")
    refused(by(RULE, equal(Mean(tr(x.T * u), x), 0), x), "needs its law")


def test_a_law_does_not_speak_of_another_matrix():
    """With z ~ N(x, …) flipped alone, or of a variance that depends on x, the joint law would change."""
    refused(by(RULE, equal(Mean(tr(z.T * u), z), 0), z, given=(Normal(x, A), Normal(z, x * x.T))), "restricts x")


def test_the_matrices_of_a_law_are_flipped_as_it_is_assumed():
    form = tr(y.T * X * A * x_q)
    odd = equal(Mean(form * tr(y.T * y), X, y, x_q), 0)
    granted(by(RULE, odd, y, given=ANY))
    refused(by(RULE, odd, X, given=ANY), "not assumed that X can be flipped")
    refused(by(RULE, odd, y, X, given=ANY), "not assumed that X, y can be flipped")
    refused(by(RULE, odd, y, given=(*ANY[:2], SignSymmetric(X, y))), "not assumed that y can be flipped")
    residual = equal(Mean(tr(y.T * y) * (form - tr(y_q)), X, y, x_q, y_q), 0)
    granted(by(RULE, residual, y, y_q, given=ANY))
    refused(by(RULE, residual, y, given=ANY), "not assumed that y can be flipped")
    refused(by(RULE, residual, y, y_q, given=ANY[:2]), "not assumed that y, y_q can be flipped")
    refused(by(RULE, residual, y, y_q, x_q, given=ANY), "not assumed")


def test_the_mean_after_the_flip():
    f, flipped = Predictor("f", X, y), Predictor("f", X, -1 * y)
    granted(by(RULE, equal(Mean(f, X, y), Mean(flipped, X, y)), y, given=ANY))
    refused(by(RULE, equal(Mean(f, X, y), Mean(Predictor("f", -1 * X, y), X, y)), y, given=ANY), "or the mean after the flip")
    refused(by(RULE, equal(Mean(f, X, y), Mean(flipped, X, y)), y, given=ANY[:2]), "not assumed that y can be flipped")
    refused(by(RULE, equal(Mean(f, X), Mean(flipped, X)), y, given=ANY), "can be flipped")
