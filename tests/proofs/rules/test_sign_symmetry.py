"""Means that vanish because a flip of signs changes the sign of the integrand."""

from common.statements import STANDARD, A, by, granted, refused, tr, u, x, z

from proofs.language import Mean, Normal, Predictor, equal

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
