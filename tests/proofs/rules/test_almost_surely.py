"""What vanishes almost surely does so in every product."""

from common.laws import ANY, x_q, y
from common.statements import STANDARD, A, X, by, granted, refused, tr, u, x, z
from sympy import Pow

from proofs.language import Implication, Mean, different, equal

RULE = "almost-surely"
P, C = tr(x.T * u), A * x


def zero(integrand, *variables):
    return equal(Mean(integrand, *variables), 0)


def test_a_scalar():
    claim = Implication(zero(P**2, x), zero(P * tr(x.T * x), x))
    certificate = granted(by(RULE, claim, P, tr(x.T * x), given=STANDARD))
    assert (certificate.citations, certificate.side_conditions) == ((), ())
    refused(by(RULE, Implication(zero(P, x), zero(P * tr(x.T * x), x)), P, tr(x.T * x), given=STANDARD), "is not the mean of")
    refused(by(RULE, Implication(zero(P**2, x), zero(tr(x.T * x), x)), P, tr(x.T * x), given=STANDARD), "is not the mean of")
    refused(by(RULE, Implication(zero(P**3, x), zero(P**2, x)), P, Pow(P, 2), given=STANDARD), "is not the mean of")


def test_a_column():
    claim = Implication(zero(tr(C.T * C), x), zero(tr(C.T * x) * tr(x.T * u), x))
    granted(by(RULE, claim, C, x * tr(x.T * u), given=STANDARD))
    refused(by(RULE, Implication(zero(tr(C.T * C), x), zero(tr(x.T * x), x)), C, x, given=STANDARD), "is not the mean of")
    form = tr(y.T * X * A * x_q)
    granted(by(RULE, Implication(zero(form**2, X, y, x_q), zero(form * tr(y.T * y), X, y, x_q)), form, tr(y.T * y), given=ANY))


def test_the_same_variables():
    refused(by(RULE, Implication(zero(P**2, x), zero(P * tr(z.T * u), x, z)), P, tr(z.T * u), given=STANDARD), "different variables")
    wrong = Implication(different(Mean(P**2, x), 0), zero(P * tr(x.T * x), x))
    refused(by(RULE, wrong, P, tr(x.T * x), given=STANDARD), "both parts must be")


def test_the_mean_must_exist():
    refused(by(RULE, Implication(zero(P**2, x), zero(P / tr(x.T * x), x)), P, 1 / tr(x.T * x), given=STANDARD), "need not exist")
