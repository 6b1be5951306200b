"""`wick.expectation` against three routes that share no code with it.

Components: X = H Z Lᵀ written out in independent standard Gaussians, moments taken monomial by monomial (sizes 1 to 3).
Pairings: Isserlis' theorem summed over all pairings of a list of entries.
Identities: chi-square moments, Wishart duality, counting.
Exact: no error model, equality of rationals or polynomials.
"""

from math import prod

import numpy as np
import pytest
from common.components import L1, L2, L3, evaluate, exact, gaussian_mean
from sympy import QQ, Identity, Integer, Matrix, MatrixSymbol, Rational, Symbol, Trace, ZeroMatrix, expand, factorial2, symbols
from sympy.polys.rings import ring

from theory import ExpectationError
from theory.bilinear import BilinearForm
from theory.wick import RandomMatrix, expectation, random_vector

n, d = symbols("n d", integer=True, positive=True)
FACTOR = {1: L1, 2: L2, 3: L3}
ROW_FACTOR = {1: Matrix([[2]]), 2: Matrix([[1, 1], [0, 2]]), 3: Matrix([[1, 0, 1], [0, 2, 0], [1, 1, 0]])}
SIZES = [(1, 1), (1, 2), (2, 1), (2, 2), (1, 3), (3, 1), (2, 3), (3, 2)]

# name -> scalar or matrix in X (n×d), Y (n×d, independent of X), constants K (d×d), N (d×n), P (n×n), u, v (d×1);
# the lambdas read both sympy expressions and object arrays
CASES = {
    "S": lambda m, tr, bil: m.X.T @ m.X,
    "SKS": lambda m, tr, bil: m.X.T @ m.X @ m.K @ m.X.T @ m.X,
    "S K^T S K": lambda m, tr, bil: m.X.T @ m.X @ m.K.T @ m.X.T @ m.X @ m.K,
    "XKX^T": lambda m, tr, bil: m.X @ m.K @ m.X.T,
    "XNX": lambda m, tr, bil: m.X @ m.N @ m.X,
    "X^T P X": lambda m, tr, bil: m.X.T @ m.P @ m.X,
    "tr S": lambda m, tr, bil: tr(m.X.T @ m.X),
    "tr S^2": lambda m, tr, bil: tr(m.X.T @ m.X @ m.X.T @ m.X),
    "tr S^3": lambda m, tr, bil: tr(m.X.T @ m.X @ m.X.T @ m.X @ m.X.T @ m.X),
    "tr(S)^2": lambda m, tr, bil: tr(m.X.T @ m.X) ** 2,
    "tr(S)^3": lambda m, tr, bil: tr(m.X.T @ m.X) ** 3,
    "tr(S) tr(S^2)": lambda m, tr, bil: tr(m.X.T @ m.X) * tr(m.X.T @ m.X @ m.X.T @ m.X),
    "tr(XNXN)": lambda m, tr, bil: tr(m.X @ m.N @ m.X @ m.N),
    "tr(XN)^2": lambda m, tr, bil: tr(m.X @ m.N) ** 2,
    "tr(SK) tr(SK^T)": lambda m, tr, bil: tr(m.X.T @ m.X @ m.K) * tr(m.X.T @ m.X @ m.K.T),
    "uSv": lambda m, tr, bil: bil(m.u.T @ m.X.T @ m.X @ m.v),
    "(uSv)^2": lambda m, tr, bil: bil(m.u.T @ m.X.T @ m.X @ m.v) ** 2,
    "uSv tr(S)": lambda m, tr, bil: bil(m.u.T @ m.X.T @ m.X @ m.v) * tr(m.X.T @ m.X),
    "uSKSv uKv": lambda m, tr, bil: bil(m.u.T @ m.X.T @ m.X @ m.K @ m.X.T @ m.X @ m.v) * bil(m.u.T @ m.K @ m.v),
    "two: tr(X^T Y K Y^T X)": lambda m, tr, bil: tr(m.X.T @ m.Y @ m.K @ m.Y.T @ m.X),
    "two: tr(X^T Y)^2": lambda m, tr, bil: tr(m.X.T @ m.Y) ** 2,
    "two: X^T Y K X^T Y": lambda m, tr, bil: m.X.T @ m.Y @ m.K @ m.X.T @ m.Y,
    "two: uSv tr(YN)^2": lambda m, tr, bil: bil(m.u.T @ m.X.T @ m.X @ m.v) * tr(m.Y @ m.N) ** 2,
    "odd: X": lambda m, tr, bil: m.X,
    "odd: SN": lambda m, tr, bil: m.X @ m.X.T @ m.X,
    "odd: tr(XN)": lambda m, tr, bil: tr(m.X @ m.N),
    "odd: tr(XN)^3": lambda m, tr, bil: tr(m.X @ m.N) ** 3,
    "odd: tr(XN) tr(YN)": lambda m, tr, bil: tr(m.X @ m.N) * tr(m.Y @ m.N),
    "odd: tr(YN) tr(S)": lambda m, tr, bil: tr(m.Y @ m.N) * tr(m.X.T @ m.X),
}


class Symbols:
    """The matrices of a case as sympy symbols of the given sizes."""

    def __init__(self, rows, cols):
        self.X, self.Y, self.N = MatrixSymbol("X", rows, cols), MatrixSymbol("Y", rows, cols), MatrixSymbol("N", cols, rows)
        self.K, self.P = MatrixSymbol("K", cols, cols), MatrixSymbol("P", rows, rows)
        self.u, self.v = MatrixSymbol("u", cols, 1), MatrixSymbol("v", cols, 1)
        self.Sigma, self.R = MatrixSymbol("Sigma", cols, cols), MatrixSymbol("R", rows, rows)
        self.laws = (RandomMatrix(self.X, self.R, self.Sigma), RandomMatrix(self.Y, Identity(rows), Identity(cols)))


def numbers(rows, cols, shift):
    """A non-symmetric rational matrix."""
    return Matrix(rows, cols, lambda i, j: Rational((3 * i * i + 5 * j + shift) % 7 - 3, 1 + (i + j) % 2))


class Written:
    """The matrices of a case in components: X = H Z Lᵀ, Y standard, constants rational."""

    def __init__(self, rows, cols):
        self.ring, *gens = ring([f"g{i}" for i in range(2 * rows * cols)], QQ)
        z = np.array(gens, dtype=object)
        self.H, self.L = ROW_FACTOR[rows], FACTOR[cols]
        self.X = exact(self.H) @ z[: rows * cols].reshape(rows, cols) @ exact(self.L).T
        self.Y = z[rows * cols :].reshape(rows, cols)
        self.values = {"K": numbers(cols, cols, 1), "N": numbers(cols, rows, 2), "P": numbers(rows, rows, 4)}
        self.values |= {"u": numbers(cols, 1, 5), "v": numbers(cols, 1, 6)}
        for name, value in self.values.items():
            setattr(self, name, exact(value))

    def mean(self, value):
        entries = np.atleast_2d(np.array(value, dtype=object))
        means = [QQ.to_sympy(gaussian_mean(self.ring(entry), range(self.ring.ngens)).coeff(1)) for entry in entries.flat]
        return Matrix(*entries.shape, means) if isinstance(value, np.ndarray) else means[0]


def check(name, symbols_, rows, cols):
    written, case = Written(rows, cols), CASES[name]
    expected = written.mean(case(written, np.trace, lambda form: form[0, 0]))
    env = {getattr(symbols_, key): value for key, value in written.values.items()}
    env |= {symbols_.R: written.H * written.H.T, symbols_.Sigma: written.L * written.L.T, n: Integer(rows), d: Integer(cols)}
    found = evaluate(expectation(case(symbols_, Trace, BilinearForm), *symbols_.laws), env)
    assert found == expected, (name, rows, cols)
    return expected


@pytest.mark.parametrize("name", CASES)
def test_symbolic_sizes_against_components(name):
    values = [check(name, Symbols(n, d), rows, cols) for rows, cols in SIZES]
    assert all((not any(Matrix([value]))) == name.startswith("odd") for value in values[3:])  # and the comparison is not 0 = 0


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("rows", "cols"), [(1, 1), (1, 2), (2, 1), (2, 2)])
def test_explicit_sizes_against_components(name, rows, cols):
    check(name, Symbols(rows, cols), rows, cols)


def test_sizes_three_against_components():
    for name in ("SKS", "tr S^2", "tr(S)^2", "(uSv)^2", "XNX"):
        check(name, Symbols(n, d), 3, 3)


def pairings(items):
    if not items:
        yield []
        return
    first, *rest = items
    for i, partner in enumerate(rest):
        for others in pairings(rest[:i] + rest[i + 1 :]):
            yield [(first, partner), *others]


@pytest.mark.parametrize(
    "entries", [[(0, 0)] * 4, [(0, 0), (0, 1), (1, 0), (1, 1)], [(0, 0), (0, 0), (0, 1), (0, 1), (1, 1), (1, 0)], [(0, 1)] * 8]
)
def test_products_of_entries_against_all_pairings(entries):
    """E Π X_{i_k a_k} = Σ over pairings Π R_ij Σ_ab, each entry picked out by unit vectors."""
    R, Sigma = ROW_FACTOR[2] * ROW_FACTOR[2].T, L2 * L2.T
    X, Rs, Ss = MatrixSymbol("X", 2, 2), MatrixSymbol("R", 2, 2), MatrixSymbol("Sigma", 2, 2)
    unit = [MatrixSymbol("f", 2, 1), MatrixSymbol("g", 2, 1)]
    expr = prod((BilinearForm(unit[i].T * X * unit[a]) for i, a in entries), start=Integer(1))
    found = expectation(expr, RandomMatrix(X, Rs, Ss))
    expected = sum(prod(R[i, j] * Sigma[a, b] for (i, a), (j, b) in pairing) for pairing in pairings(entries))
    assert evaluate(found, {Rs: R, Ss: Sigma, unit[0]: Matrix([1, 0]), unit[1]: Matrix([0, 1])}) == expected != 0


def wishart_moment(k, rows=n, cols=d):
    X = MatrixSymbol("X", rows, cols)
    return expand(expectation(Trace((X.T * X) ** k), RandomMatrix(X, Identity(rows), Identity(cols))))


@pytest.mark.parametrize("k", range(1, 9))
def test_wishart_identities(k):
    moment = wishart_moment(k)
    assert expand(moment.subs(d, 1) - prod(n + 2 * j for j in range(k))) == 0  # E (χ²_n)^k
    assert expand(moment.subs(n, 1) - prod(d + 2 * j for j in range(k))) == 0
    assert expand(moment.subs({n: d, d: n}, simultaneous=True) - moment) == 0  # tr (XᵀX)^k = tr (XXᵀ)^k
    assert moment.subs({n: 1, d: 1}) == factorial2(2 * k - 1)
    if k <= 4:  # sizes of 1 given from the start, when X is a row or a column
        assert expand(wishart_moment(k, cols=Integer(1)) - moment.subs(d, 1)) == 0
        assert expand(wishart_moment(k, rows=Integer(1)) - moment.subs(n, 1)) == 0


@pytest.mark.parametrize(
    ("k", "known"),
    [
        (1, "d*n"),
        (2, "d*n*(d + n + 1)"),
        (3, "d*n*(d**2 + n**2 + 3*d*n + 3*d + 3*n + 4)"),
        (4, "d*n*(n**3 + d**3 + 6*n**2*d + 6*n*d**2 + 6*n**2 + 6*d**2 + 17*n*d + 21*n + 21*d + 20)"),
    ],
)
def test_wishart_moments_of_the_literature(k, known):
    """Real Wishart trace moments, Letac and Massam (2004) and others."""
    from sympy import sympify

    assert expand(wishart_moment(k) - sympify(known, locals={"n": n, "d": d})) == 0


def test_fourth_moment_by_hand():
    """E[S K S] = n² ΣKΣ + n Σ Kᵀ Σ + n tr(KΣ) Σ; a mutant that forgets the transpose is caught by a non-symmetric K."""
    X, K, Sigma = MatrixSymbol("X", n, d), MatrixSymbol("K", d, d), MatrixSymbol("Sigma", d, d)
    found = expectation(X.T * X * K * X.T * X, RandomMatrix(X, Identity(n), Sigma))
    k, s = numbers(2, 2, 1), L2 * L2.T
    at = {K: k, Sigma: s, n: Integer(5), d: Integer(2)}
    truth = 25 * s * k * s + 5 * s * k.T * s + 5 * (k * s).trace() * s
    assert evaluate(found, at) == truth
    assert k != k.T
    assert evaluate(found, at) != 25 * s * k * s + 5 * s * k * s + 5 * (k * s).trace() * s


def test_vectors_and_matrices_mixed():
    """E[yᵀ X K Xᵀ y], y = Xw + ε, with symbolic σ², in components at n = d = 2."""
    X, w, e = MatrixSymbol("X", n, d), MatrixSymbol("w", d, 1), MatrixSymbol("e", n, 1)
    K, Sigma, W, s = MatrixSymbol("K", d, d), MatrixSymbol("Sigma", d, d), MatrixSymbol("W", d, d), Symbol("s")
    y = X * w + e
    laws = (RandomMatrix(X, Identity(n), Sigma), random_vector(w, W), random_vector(e, s * Identity(n)))
    found = expectation(BilinearForm(y.T * X * K * X.T * y), *laws)
    R, *gens = ring("x0:4 w0:2 e0:2", QQ)
    g = np.array(gens, dtype=object)
    x, t = g[:4].reshape(2, 2) @ exact(L2).T, exact(FACTOR[2]) @ g[4:6]
    k = numbers(2, 2, 1)
    for sigma in (0, 3):
        label = x @ t + sigma * g[6:]
        expected = QQ.to_sympy(gaussian_mean(R(label @ x @ exact(k) @ x.T @ label), range(8)).coeff(1))
        at = {K: k, Sigma: L2 * L2.T, W: L2 * L2.T, s: Integer(sigma**2), n: Integer(2), d: Integer(2)}
        assert evaluate(found, at) == expected


def test_no_gaussian_letter_is_left_alone():
    K = MatrixSymbol("K", d, d)
    X = MatrixSymbol("X", n, d)
    law = RandomMatrix(X, Identity(n), Identity(d))
    assert expectation(Trace(K), law) == Trace(K)
    assert expectation(Integer(3), law) == 3
    assert expectation(X, law) == ZeroMatrix(n, d)


@pytest.mark.parametrize(
    ("laws", "named"),
    [
        (lambda X: [RandomMatrix(X, Identity(d), Identity(d))], "RandomMatrix(X)"),
        (lambda X: [RandomMatrix(X, Identity(n), Identity(d))] * 2, "two laws given for X"),
    ],
)
def test_bad_laws(laws, named):
    X = MatrixSymbol("X", n, d)
    with pytest.raises(ExpectationError) as caught:
        expectation(Trace(X.T * X), *laws(X))
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)
