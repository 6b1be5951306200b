"""Linear changes of Gaussian variables; the covariances must be those of the new variables."""

from common.statements import I_d, I_n, Sigma, U, W, X, a, b, by, d, granted, n, refused, theorem, tr, u, v, x, z
from sympy import Identity, Integer, Inverse, MatrixSymbol

from proofs.kernel import Step
from proofs.language import Mean, Normal, PositiveDefinite, Predictor, equal

RULE = "change-of-variables"
R = MatrixSymbol("R", d, d)
ROOT = equal(R * R.T, Sigma)
WHITE = (Normal(X, I_n, Sigma), Normal(U, I_n, I_d))


def change(old, new, *mapping, given=WHITE, known=(ROOT,), of=()):
    return by(RULE, equal(old, new), *mapping, given=given, known=known, of=of)


def squared(Z):
    return tr(Z.T * Z)


def test_whitening():
    f = Predictor("f", X.T * X * u)
    g = Predictor("f", R * U.T * U * R.T * u)
    for old, new in ((squared(X), squared(U * R.T)), (f * squared(X), g * squared(U * R.T))):
        certificate = granted(change(Mean(old, X), Mean(new, U), (X, U * R.T)))
        assert (certificate.citations, certificate.side_conditions) == ((), ())


def test_the_covariances_must_agree():
    old = Mean(squared(X), X)
    refused(change(old, Mean(squared(U * R.T), U), (X, U * R.T), known=()), "not known to be those of the old")
    refused(change(old, Mean(squared(U * R), U), (X, U * R)), "not known to be those of the old")
    refused(change(old, Mean(squared(2 * U * R.T), U), (X, 2 * U * R.T)), "not known to be those of the old")
    granted(change(old, Mean(squared(-U * R.T), U), (X, -U * R.T)))
    refused(change(old, Mean(squared(U * R.T) + 1, U), (X, U * R.T)), "is not the old one after the change")
    refused(change(old, Mean(squared(U), U), (X, U * R.T)), "is not the old one after the change")


def test_columns():
    given = (Normal(x, Sigma + W), Normal(u, Sigma), Normal(v, W))
    old = Mean(tr(x.T * a) ** 4, x)
    granted(change(old, Mean(tr((u + v).T * a) ** 4, u, v), (x, u + v), given=given, known=()))
    refused(change(old, Mean(tr((u + 2 * v).T * a) ** 4, u, v), (x, u + 2 * v), given=given, known=()), "not known to be those")
    refused(change(old, Mean(tr(u.T * a) ** 4, u), (x, u), given=given, known=()), "not known to be those of the old")


def test_two_columns_must_stay_uncorrelated():
    given = (Normal(x, 2 * Sigma), Normal(z, 2 * Sigma), Normal(u, Sigma), Normal(v, Sigma))
    old = Mean(tr(x.T * a) ** 2 * tr(z.T * a) ** 2, x, z)

    def turned(first, second):
        return Mean(tr(first.T * a) ** 2 * tr(second.T * a) ** 2, u, v)

    granted(change(old, turned(u + v, u - v), (x, u + v), (z, u - v), given=given, known=()))
    refused(change(old, turned(u + v, u + v), (x, u + v), (z, u + v), given=given, known=()), "not known to be those of the old")


def test_a_column_times_a_number():
    """u aᵀb has the law of x only if (aᵀb)² = 1."""
    given = (Normal(x, I_d), Normal(u, I_d))
    granted(change(Mean(squared(x), x), Mean(squared(-u), u), (x, -u), given=given, known=()))
    refused(change(Mean(squared(x), x), Mean(squared(u * a.T * b), u), (x, u * a.T * b), given=given, known=()), "not known to be those")


def test_a_column_in_a_scalar():
    """a bᵀu is linear in u, with the covariance (bᵀb) aaᵀ; of the form L u it is with L = abᵀ, which is not looked for."""
    given = (Normal(x, I_d), Normal(u, I_d))
    refused(change(Mean(squared(x), x), Mean(squared(a * b.T * u), u), (x, a * b.T * u), given=given, known=()), "not linear")
    refused(change(Mean(squared(x), x), Mean(squared(u * u.T * a), u), (x, u * u.T * a), given=given, known=()), "not linear")
    refused(change(Mean(squared(x), x), Mean(squared(u * u.T * u), u), (x, u * u.T * u), given=given, known=()), "not linear")
    unit = equal(tr(a.T * b), 1)
    claim = change(Mean(squared(x), x), Mean(squared(u * a.T * b), u), (x, u * a.T * b), given=given, known=(unit,))
    refused(claim, "not known to be those")


def test_a_value_of_another_shape():
    y = MatrixSymbol("y", n, 1)
    given = (Normal(x, I_d), Normal(y, I_n))
    refused(change(Mean(squared(x), x), Mean(squared(y), y), (x, y), given=given, known=()), "shape")


def test_a_change_that_is_not_linear():
    """(I + uuᵀ)⁻¹ u holds u twice."""
    given = (Normal(x, I_d), Normal(u, I_d))
    bend = Inverse(I_d + u * u.T)
    regular = Step("definiteness", PositiveDefinite(I_d + u * u.T), (), ((Integer(1), I_d, I_d), (Integer(1), u.T, Identity(1))))
    claim = equal(Mean(squared(x), x), Mean(squared(bend * u), u))
    refused(theorem(claim, regular, Step(RULE, claim, (regular,), ((x, bend * u),)), given=given), "not linear in the new variables")
    affine = equal(Mean(squared(x), x), Mean(squared(u + a), u))
    refused(theorem(affine, Step(RULE, affine, (), ((x, u + a),)), given=given), "not linear in the new variables")


def test_a_new_variable_must_be_new():
    given = (Normal(x, I_d), Normal(u, I_d))
    old = Mean(tr(x.T * u) ** 2, x)
    refused(change(old, Mean(tr(u.T * u) ** 2, u), (x, u), given=given, known=()), "stands in the old integrand")
    granted(change(old, Mean(tr(v.T * u) ** 2, v), (x, v), given=(*given, Normal(v, I_d)), known=()))
    refused(change(old, Mean(tr(v.T * u) ** 2, v), (x, v), given=given, known=()), "needs its law")
