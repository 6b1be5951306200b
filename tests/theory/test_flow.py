"""`flow` against numerical integration of −∇L, and its identities exactly.

Integration: LSODA with relative tolerance 10⁻¹⁰; what is asserted is to 10⁻⁶, and starts are not nearer than that to a separatrix. The
seeds are fixed, so a run that passes once always does.
"""

import numpy as np
import pytest
from common.landscape import point, six
from scipy.integrate import solve_ivp
from scipy.optimize import brentq
from sympy import QQ, Identity, Matrix, MatrixSymbol, Rational, S, diag, expand, eye, ones, sqrt, symbols, zeros

from theory import AttentionError, Gaussian, Linear, LinearAttention, Setting, SettingError, Sphere, in_context_gradient, in_context_loss
from theory.coefficients import coefficients
from theory.flow import gradient_flow

SETTINGS = {
    "d=2": Setting(covariates=Gaussian.isotropic(2), response=Linear.isotropic(2), noise_variance=Rational(1, 2), context_length=5),
    "d=3, Σ = 4I, mean": Setting(
        covariates=Gaussian(4 * eye(3)), response=Linear(eye(3) / 4), noise_variance=1, context_length=7, normalisation=7
    ),
    "d=1": Setting(covariates=Gaussian.isotropic(1), response=Linear.isotropic(1), noise_variance=0, context_length=2),
    "sphere": Setting(covariates=Sphere(Identity(3)), response=Linear.isotropic(3), noise_variance=0, context_length=4),
}


def start(v, A):
    d = A.rows
    return LinearAttention.from_blocks(covariate_value=zeros(d, 1), label_value=v, covariate_key_query=A, label_key_query=zeros(d, 1))


def numbers(setting):
    """p, q, k, d as floats"""
    found = coefficients(setting)
    return float(found.p), float(found.q), float(setting.moments.Sigma.as_explicit()[0, 0] / setting.normalisation), int(setting.dimension)


def path(setting, v, A, time):
    """(t, v, A, L − L*) along the flow, written out"""
    p, q, k, d = numbers(setting)

    def velocity(_, state):
        v, A = state[0], state[1:].reshape(d, d)
        D = k * v * A - q / p * np.eye(d)
        return np.concatenate([[-2 * p * k * (A * D).sum()], (-2 * p * k * v * D).ravel()])

    initial = np.concatenate([[float(v)], np.array(A.tolist(), dtype=float).ravel()])
    found = solve_ivp(velocity, (0, time), initial, method="LSODA", rtol=1e-10, atol=1e-12, dense_output=False)
    assert found.success
    values = found.y.T
    D = k * values[:, :1, None] * values[:, 1:].reshape(-1, d, d) - q / p * np.eye(d)
    return found.t, values[:, 0], values[:, 1:].reshape(-1, d, d), p * (D**2).sum((1, 2))


def drawn(seed, d):
    source = np.random.default_rng(seed)
    A = Matrix(d, d, [Rational(int(entry), 10) for entry in source.integers(-9, 10, d * d)])
    return Rational(int(source.integers(-20, 21)), 10), A


@pytest.mark.parametrize("name", SETTINGS)
def test_the_flow_is_the_gradient(name):
    """v' and A' as written, exactly, and 0 for v_x and m_yx; |∇L|² − 4pk²v²(L − L*) is a square; m is conserved."""
    setting = SETTINGS[name]
    d, found = int(setting.dimension), coefficients(setting)
    k, p, q = setting.moments.Sigma.as_explicit()[0, 0] / setting.normalisation, found.p, found.q
    least = found.tau - d * q**2 / p
    for seed in range(4):
        v, A = drawn(seed, d)
        layer = start(v, A)
        gradient = in_context_gradient(setting, layer)
        D = k * v * A - q / p * eye(d)
        inner = sum(a * b for a, b in zip(A, D, strict=True))
        assert gradient.value == Matrix([*[0] * d, 2 * p * k * inner])
        assert gradient.key_query[:d, :d] == 2 * p * k * v * D
        assert gradient.label_key_query == zeros(d, 1)
        excess = in_context_loss(setting, layer) - least
        assert excess == p * sum(entry**2 for entry in D)
        square = sum(entry**2 for entry in (*gradient.value, *gradient.key_query))
        assert square - 4 * p * k**2 * v**2 * excess == (2 * p * k * inner) ** 2
        assert v * gradient.label_value - sum(a * b for a, b in zip(A, gradient.covariate_key_query, strict=True)) == 0


def test_the_plane_is_invariant_for_any_coefficients():
    for d in (1, 2, 3):
        v, A = drawn(d, d)
        at = [QQ.from_sympy(entry) for entry in point(start(v, A))]
        slopes = six(d).slopes(at, tuple(QQ(i + 1, 7) for i in range(7)))
        assert all(slope == 0 for slope in slopes[:d] + slopes[-d:])


@pytest.mark.parametrize("name", SETTINGS)
def test_ends_and_rates(name):
    setting = SETTINGS[name]
    p, q, k, d = numbers(setting)
    reasons = set()
    for seed in range(10):
        v, A = drawn(seed, d)
        found = gradient_flow(setting, start(v, A))
        reasons.add(found.reason[0])
        t, values, _, excess = path(setting, v, A, 400 / (p * k**2) + 400 / (q * k))
        at_minimum = excess[-1] < 1e-6 * d * q**2 / p
        assert at_minimum or abs(excess[-1] - d * q**2 / p) < 1e-6
        if found.limit is not None:
            assert at_minimum == (found.limit == "global minimum")
        assert (excess <= excess[0] * np.exp(-float(found.rate) * t) * (1 + 1e-6) + 1e-9).all()
        if found.limit == "global minimum":
            assert abs(values[-1] - float(found.end.label_value)) < 1e-6 * (1 + abs(values[-1]))
            gradient = in_context_gradient(setting, found.end)
            assert all(abs(entry.n(30)) < 1e-25 for entry in (*gradient.value, *gradient.key_query))
    assert len(reasons) > 1


def test_how_sharp_the_rate_is():
    """In the end the excess of A's traceless part falls at 4pk²v(∞)², above the rate; the share tends to 1 as v(0)² − ‖A(0)‖² grows."""
    setting = SETTINGS["d=2"]
    p, _, k, _ = numbers(setting)
    A = Matrix([[0, 1], [-1, 0]]) / 10
    shares = []
    for v in (1, 3, 30):
        found = gradient_flow(setting, start(S(v), A))
        t, _, _, excess = path(setting, v, A, 8 / float(found.rate))
        late = (excess > 1e-9 * excess[0]) & (excess < 1e-3 * excess[0])
        slope = -np.polyfit(t[late], np.log(excess[late]), 1)[0]
        final = 4 * p * k**2 * float(found.end.label_value) ** 2
        assert slope >= float(found.rate) * (1 - 1e-4)
        shares.append(final / float(found.rate))
    assert shares[0] > shares[1] > shares[2] > 1
    assert shares[2] < 1.01
    # so a rate 1 % greater is refuted by a start with great v
    excess_at = excess[0] * np.exp(-1.01 * float(found.rate) * t)
    assert (excess > excess_at * (1 + 1e-6))[late].any()


@pytest.mark.parametrize("name", ["d=2", "sphere", "d=1"])
@pytest.mark.parametrize("a", [Rational(1, 3), Rational(-2)])
def test_multiples_of_the_identity(name, a):
    setting = SETTINGS[name]
    d = int(setting.dimension)
    A = a * eye(d)
    on = gradient_flow(setting, start(-sqrt(d) * a, A))
    assert (on.limit, on.rate) == ("zero predictor", 0)
    for share, side in ((Rational(999, 1000), 1), (Rational(1001, 1000), -1)):
        beside = gradient_flow(setting, start(-sqrt(d) * a * share, A))
        assert beside.limit == "global minimum"
        assert np.sign(float(beside.end.label_value)) == side * np.sign(float(a))
        *_, excess = path(setting, -sqrt(d) * a * share, A, 400.0)
        assert excess[-1] < 1e-9
    # up to where rounding drives it off
    p, q, _, _ = numbers(setting)
    _, values, _, excess = path(setting, -sqrt(d) * a, A, 5 / q)
    assert abs(excess[-1] - d * q**2 / p) < 1e-3 * d * q**2 / p
    assert abs(values[-1]) < 1e-2 * abs(values[0])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_one_separatrix_between_the_bounds(seed):
    """For A not aI, the sign of v(∞) changes once along v with v tr A < 0, between |tr A|/√d and ‖A‖."""
    setting = SETTINGS["d=2"]
    _, A = drawn(seed + 40, 2)
    A = A if A.trace() < 0 else -A
    A = A - eye(2) / 10
    low, high = float(-A.trace()) / 2**0.5, float(sum(entry**2 for entry in A)) ** 0.5

    def end(v):
        return path(setting, v, A, 400.0)[1][-1]

    grid = np.linspace(0.02 * low, 1.5 * high, 25)
    signs = np.sign([end(v) for v in grid])
    assert (np.diff(signs) != 0).sum() == 1
    assert signs[0] < 0 < signs[-1]
    between = brentq(lambda v: np.sign(end(v)), low, high, xtol=1e-6)
    assert low < between < high
    assert gradient_flow(setting, start(Rational(between).limit_denominator(10**6), A)).limit is None
    assert gradient_flow(setting, start(Rational(low * 0.999).limit_denominator(10**6), A)).end.label_value < 0
    assert gradient_flow(setting, start(Rational(high * 1.001).limit_denominator(10**6), A)).end.label_value > 0


def test_cases_decided_exactly():
    setting = SETTINGS["d=2"]
    spin = Matrix([[0, 1], [-1, 0]])
    cases = {
        "stationary": (S.Zero, spin, "zero predictor"),
        "4": (S.Zero, eye(2), "global minimum"),
        "3": (S.One, zeros(2, 2), "global minimum"),
        "6: v² = ‖A‖²": (-2, Matrix([[1, 1], [-1, 1]]), "global minimum"),
        "6: v² ≤ (tr A)²/d": (-sqrt(2), Matrix([[1, 1], [-1, 1]]), "global minimum"),
        "6: (tr A)²/d < v² < ‖A‖²": (Rational(-17, 10), Matrix([[1, 1], [-1, 1]]), None),
    }
    for reason, (v, A, limit) in cases.items():
        found = gradient_flow(setting, start(v, A))
        assert found.reason.startswith(reason)
        assert found.limit == limit
    *_, excess = path(setting, -2, Matrix([[1, 1], [-1, 1]]), 400.0)
    assert excess[-1] < 1e-9


def test_refusals():
    setting = SETTINGS["d=2"]
    with pytest.raises(SettingError, match="Σ = sI"):
        gradient_flow(
            Setting(covariates=Gaussian(diag(1, 2)), response=Linear(diag(1, Rational(1, 2))), noise_variance=0, context_length=3),
            start(S.One, eye(2)),
        )
    with pytest.raises(AttentionError, match="v_x = 0"):
        gradient_flow(setting, LinearAttention(ones(3, 1), eye(3)))
    with pytest.raises(AttentionError, match="2 dimensions"):
        gradient_flow(setting, start(S.One, eye(3)))
    with pytest.raises(AttentionError, match="numbers"):
        gradient_flow(setting, start(symbols("v", real=True), eye(2)))
    Sigma = MatrixSymbol("Sigma", 2, 2)
    with pytest.raises(SettingError, match="Σ = sI"):
        gradient_flow(
            Setting(covariates=Gaussian(Sigma), response=Linear(Sigma.inv()), noise_variance=0, context_length=3), start(S.One, eye(2))
        )


def test_a_monotone_system():
    """The signs of the Jacobian that make (v, −b, −w) monotone, and the invariant line b = √d v for w = 0."""
    v, b, w, k, p, q, d = symbols("v b w k p q d", positive=True)
    slope_v, slope_b, slope_w = (
        -2 * k * (q * b + p * k * v * (b**2 / d + w)),
        -2 * k * v * (q * d + p * k * v * b),
        -4 * p * k**2 * v**2 * w,
    )
    for slope, others in ((slope_v, (b, w)), (slope_b, (v, w)), (slope_w, (v, b))):
        assert all(expand(slope.diff(other)).is_nonpositive for other in others)
    on = {b: sqrt(d) * v, w: 0}
    assert expand(slope_b.subs(on) - sqrt(d) * slope_v.subs(on)) == 0
