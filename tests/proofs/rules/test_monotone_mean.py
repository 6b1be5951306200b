"""Relations between random variables, averaged."""

from common.statements import STANDARD, A, d, granted, n, refused, t, theorem, tr, u, x
from sympy import Integer

from proofs.kernel import Step
from proofs.language import Mean, PositiveSemidefinite, at_least, equal, more_than

RULE = "monotone-mean"
SQUARE = (tr(x.T * x) - d) ** 2
KNOWN = Step("sum-of-nonnegatives", at_least(SQUARE + t, t), (), ((Integer(1), SQUARE),))


def averaged(relation, known=KNOWN, given=STANDARD):
    return theorem(relation, known, Step(RULE, relation, (known,)), given=given)


def test_an_inequality():
    certificate = granted(averaged(at_least(Mean(SQUARE + t, x), Mean(t, x))))
    assert (certificate.citations, certificate.side_conditions) == ((), ())
    refused(averaged(at_least(Mean(t, x), Mean(SQUARE + t, x))), "is not the mean of")
    refused(averaged(at_least(Mean(SQUARE, x), Mean(t, x))), "is not the mean of")
    refused(averaged(more_than(Mean(SQUARE + t, x), Mean(t, x))), "must be equations, or both")
    refused(averaged(equal(Mean(SQUARE + t, x), Mean(t, x))), "must be equations, or both")


def test_the_same_variables_on_both_sides():
    refused(averaged(at_least(Mean(SQUARE + t, x), Mean(t))), "different variables")
    refused(averaged(at_least(Mean(SQUARE + t, x), Mean(t, x)), given=()), "needs its law")


def test_the_means_must_exist():
    ratio = 1 / (tr(x.T * x) + 1)
    known = Step("matrix-identity", equal(ratio * (tr(x.T * x) + 1), 1 + 0 * ratio))
    refused(averaged(equal(Mean(ratio * ratio, x), Mean(ratio * ratio + 0 * n, x)), known=known), "says nothing|need not exist")


def test_an_assumption_about_what_is_averaged():
    """uᵀx ≥ 0 cannot be assumed of a Gaussian x, so it has no mean."""
    assumed = at_least(tr(u.T * x), 0)
    claim = at_least(Mean(tr(u.T * x), x), Mean(Integer(0), x))
    known = Step("logic", assumed)
    refused(averaged(claim, known=known, given=(*STANDARD, assumed)), "restricts x")
    form = Step("sum-of-nonnegatives", at_least(tr(x.T * A * x), 0), (), ((Integer(1), tr(x.T * A * x)),))
    granted(averaged(at_least(Mean(tr(x.T * A * x), x), Mean(Integer(0), x)), known=form, given=(*STANDARD, PositiveSemidefinite(A))))
