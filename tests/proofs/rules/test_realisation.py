"""Statements about any law, for functions of other random matrices."""

from common.laws import x_1, x_q, y, y_q
from common.statements import A, I_d, I_n, Sigma, W, X, by, granted, n, refused, theorem, tr, z
from sympy import Identity, MatrixSymbol

from proofs.kernel import Step
from proofs.language import Expectation, Independent, Law, Mean, Normal, RotationInvariant, SignSymmetric, equal, replaced

RULE = "realisation"
w = MatrixSymbol("w", *z.shape)
eps = MatrixSymbol("epsilon", n, 1)
LABELS, QUERY = X * w + eps, w.T * x_q
FORM = tr(y.T * X * A * x_q)
SYMMETRIC = (Law(X, y, x_q, y_q), Independent((X, y), (x_q,)), SignSymmetric(y, y_q))
ODD = by("sign-symmetry", equal(Mean(FORM * tr(y.T * y), X, y, x_q), 0), y, given=SYMMETRIC)
GAUSSIAN = (Normal(X, I_n, Sigma), Normal(w, W), Normal(eps, I_n), Normal(x_q, Sigma))
VALUES = (y, LABELS), (y_q, QUERY)


def at(labels):
    """What is said of any y, of these labels."""
    return equal(Mean(replaced(FORM * tr(y.T * y), {y: labels}), X, w, eps, x_q), 0)


REALISED = at(LABELS)


def test_labels_that_are_functions_of_a_task_and_noise():
    certificate = granted(by(RULE, REALISED, (w, eps), *VALUES, of=(ODD,), given=GAUSSIAN))
    assert certificate.theorems == ("example",)
    refused(by(RULE, equal(REALISED.lhs, 1), (w, eps), *VALUES, of=(ODD,), given=GAUSSIAN), "not what the statement becomes")
    fewer = equal(Mean(REALISED.lhs.args[0], X, w, x_q), 0)
    refused(by(RULE, fewer, (w, eps), *VALUES, of=(ODD,), given=GAUSSIAN), "not what the statement becomes")


def test_every_assumption_is_verified():
    refused(by(RULE, REALISED, (w,), *VALUES, of=(ODD,), given=GAUSSIAN), "SignSymmetric.* is not known")
    refused(by(RULE, REALISED, (), *VALUES, of=(ODD,), given=GAUSSIAN), "what changes its sign")
    refused(by(RULE, REALISED, (w, eps, X), *VALUES, of=(ODD,), given=GAUSSIAN), "SignSymmetric.* is not known")
    squared = X * w * w.T * w + eps
    granted(by(RULE, at(squared), (w, eps), (y, squared), (y_q, QUERY), of=(ODD,), given=GAUSSIAN))
    even = X * w * w.T * x_1 + eps
    refused(by(RULE, at(even), (w, eps), (y, even), (y_q, QUERY), of=(ODD,), given=GAUSSIAN), "SignSymmetric.* is not known")
    seen = X * w + eps * tr(x_q.T * x_q)
    refused(by(RULE, at(seen), (w, eps), (y, seen), (y_q, QUERY), of=(ODD,), given=GAUSSIAN), "Independent.* is not known")
    refused(by(RULE, REALISED, (w, eps), *VALUES, of=(ODD,), given=GAUSSIAN[:3]), "x_q has no law|needs its law")


def test_a_law_inside_a_larger_one():
    larger = (Law(X, y, x_q, y_q, z), Independent((X, y, z), (x_q,)), SignSymmetric(y, y_q, z))
    granted(by(RULE, ODD.claim, (y, y_q), of=(ODD,), given=larger)._replace(label="larger"))
    refused(by(RULE, ODD.claim, (y, y_q), of=(ODD,), given=(*larger[:2], SignSymmetric(y, z))), "not assumed that")
    refused(by(RULE, ODD.claim, (y, y_q), of=(ODD,), given=(larger[0], larger[2])), "Independent.* is not known")


def test_what_is_defined_as_a_mean():
    defined = equal(Sigma, Expectation(x_q * x_q.T, x_q))
    moment = equal(Mean(tr(x_q.T * A * x_q), x_q), tr(A * Sigma))
    law = (Law(x_q), SignSymmetric(x_q), defined)
    linear = Step("independence", equal(Mean(tr(x_q.T * A * x_q), x_q), tr(A * defined.rhs)))
    known = Step("logic", defined)
    general = theorem(moment, linear, known, Step("matrix-identity", moment, (linear, known), ((0, 1), (1, -1, A))), given=law)
    granted(general)
    second = Step("gaussian-moment", equal(2 * I_d, Expectation((w + z) * (w + z).T, w, z)))

    def claim(multiple):
        form = replaced(tr(x_q.T * A * x_q), {x_q: w + z})
        return equal(Mean(form, w, z), replaced(tr(A * Sigma), {Sigma: multiple * I_d}))

    laws = (Normal(w, I_d), Normal(z, I_d))
    granted(by(RULE, claim(2), (w, z), (x_q, w + z), (Sigma, 2 * I_d), of=(general, second), given=laws))
    refused(by(RULE, claim(2), (w, z), (x_q, w + z), (Sigma, 2 * I_d), of=(general,), given=laws), "is not known")
    refused(by(RULE, claim(3), (w, z), (x_q, w + z), (Sigma, 3 * I_d), of=(general, second), given=laws), "is not known")


def test_the_values():
    refused(by(RULE, REALISED, (w, eps), (y, LABELS), (y_q, LABELS), of=(ODD,), given=GAUSSIAN), "shape")
    refused(by(RULE, REALISED, (w, eps), *VALUES, (w, z), of=(ODD,), given=GAUSSIAN), "not a symbol of the statement")
    refused(by(RULE, REALISED, (w, eps), *VALUES, (A, w * w.T), of=(ODD,), given=GAUSSIAN), "which is averaged over")
    ratio = LABELS / tr(w.T * w)
    refused(by(RULE, at(ratio), (w, eps), (y, ratio), (y_q, QUERY), of=(ODD,), given=GAUSSIAN), "not a polynomial|need not exist|division")
    itself = y + X * w
    refused(by(RULE, at(itself), (w,), (y, itself), (y_q, QUERY), of=(ODD,), given=(*GAUSSIAN, Law(y))), "is a function of y|not what")


def test_a_value_that_the_statement_speaks_of():
    free = tr(w.T * w)
    spoken = by("sign-symmetry", equal(Mean(FORM * free, X, y, x_q), 0), y, given=SYMMETRIC)
    caught = equal(Mean(tr(LABELS.T * X * A * x_q) * free, X, w, eps, x_q), 0)
    refused(by(RULE, caught, (w, eps), *VALUES, of=(spoken,), given=GAUSSIAN), "speaks of w already")


def test_what_cannot_be_verified():
    turned = by("sign-symmetry", equal(Mean(FORM, X, y, x_q), 0), y, given=(*SYMMETRIC, RotationInvariant(X, x_q.T)))
    claim = equal(Mean(tr(LABELS.T * X * A * x_q), X, w, eps, x_q), 0)
    refused(by(RULE, claim, (w, eps), *VALUES, of=(turned,), given=GAUSSIAN), "is not verified")
    plain = by("sign-symmetry", equal(Mean(tr(z.T * A * z) * tr(z.T * w), z), 0), z, given=(Normal(z, Identity(z.shape[0])),))
    refused(by(RULE, plain.claim, (z,), of=(plain,), given=plain.given), "must be about a Law")
