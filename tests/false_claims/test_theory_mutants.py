"""Wrong steps are refused by the very checks that accept the right one.

Exact checks (no error model): the gradient at the layer with the claimed step, and its loss against the minimum. Sampled check: the error
model of `agreement/test_monte_carlo.py` (false-alarm ≤ 10⁻⁷ for each assertion); the mutants here are at least 2 % off.
"""

import numpy as np
import pytest
from common.components import K2, L1, L2, L3, Case
from common.strategies import seeds
from hypothesis import HealthCheck, Phase, given, settings
from sympy import Integer, Matrix, Rational, eye, sqrt, zeros

from theory import LinearAttention, global_minimiser, in_context_gradient, in_context_loss

ISOTROPIC = Case("isotropic", eye(2), eye(2), 3, Rational(1, 4))
PRECONDITIONED = Case("preconditioned", Matrix([[2, 0], [0, 3]]), Matrix([[Rational(1, 2), 0], [0, Rational(1, 3)]]), 4, Rational(1, 4))
GENERAL = Case("general", L2, K2, 3, Rational(1, 4))
THREE = Case("three", L3, Matrix([[1, 0, -1], [0, 1, 0], [0, 1, 2]]), 2, Integer(4))
LINE = Case("line", L1, Matrix([[Rational(2, 3)]]), 1, Rational(9, 4))


def general(case, *, lead=None, noise=None, sandwich=None, prior=None, trace=None):
    """((n + 1) W Σ + (σ² + tr ΣW) I)⁻¹ W with parts replaced."""
    W, Sigma = case.W, case.Sigma
    lead = case.n + 1 if lead is None else lead
    noise = case.noise if noise is None else noise
    sandwich = W * Sigma if sandwich is None else sandwich
    trace = (Sigma * W).trace() if trace is None else trace
    return (lead * sandwich + (noise + trace) * eye(case.d)).inv() * (W if prior is None else prior)


def scalar(case, shift=1, *, noise=None, inverse=None):
    """Σ⁻¹ / (n + d + shift + σ²), for W = Σ⁻¹"""
    return (case.Sigma.inv() if inverse is None else inverse) / (case.n + case.d + shift + (case.noise if noise is None else noise))


TRUTHS = [
    *((f"{case.name}: general formula", case, general(case)) for case in (ISOTROPIC, PRECONDITIONED, GENERAL, THREE, LINE)),
    *((f"{case.name}: scalar formula", case, scalar(case)) for case in (ISOTROPIC, PRECONDITIONED)),
]
MUTANTS = [
    *((f"{case.name}: n+d for n+d+1", case, scalar(case, 0)) for case in (ISOTROPIC, PRECONDITIONED)),
    *((f"{case.name}: n+d+2 for n+d+1", case, scalar(case, 2)) for case in (ISOTROPIC, PRECONDITIONED)),
    *((f"{case.name}: σ for σ²", case, scalar(case, noise=sqrt(case.noise))) for case in (ISOTROPIC, PRECONDITIONED)),
    *((f"{case.name}: −σ² for σ²", case, scalar(case, noise=-case.noise)) for case in (ISOTROPIC, PRECONDITIONED)),
    ("Σ^(−1/2) for Σ⁻¹", PRECONDITIONED, scalar(PRECONDITIONED, inverse=Matrix([[Rational(1, 2), 0], [0, Rational(1, 3)]]))),
    ("Σ for Σ⁻¹", PRECONDITIONED, scalar(PRECONDITIONED, inverse=PRECONDITIONED.Sigma)),
    ("no step", ISOTROPIC, zeros(2, 2)),
]
for _case in (GENERAL, THREE, LINE):
    MUTANTS += [
        (f"{_case.name}: n for n+1", _case, general(_case, lead=_case.n)),
        (f"{_case.name}: n+2 for n+1", _case, general(_case, lead=_case.n + 2)),
        (f"{_case.name}: σ for σ²", _case, general(_case, noise=sqrt(_case.noise))),
        (f"{_case.name}: −σ² for σ²", _case, general(_case, noise=-_case.noise)),
        (f"{_case.name}: σ² dropped", _case, general(_case, noise=0)),
        (f"{_case.name}: W dropped", _case, general(_case, prior=eye(_case.d))),
        (f"{_case.name}: tr W for tr ΣW", _case, general(_case, trace=_case.W.trace())),
        (f"{_case.name}: 2B", _case, 2 * general(_case)),
        (f"{_case.name}: 1 % off", _case, general(_case) * Rational(101, 100)),
    ]
for _case in (GENERAL, THREE):
    MUTANTS += [
        (f"{_case.name}: ΣW for WΣ", _case, general(_case, sandwich=_case.Sigma * _case.W)),
        (f"{_case.name}: Σ for WΣ", _case, general(_case, sandwich=_case.Sigma)),
    ]


def layer_with(step):
    """v = (0, 1), M_xx = B"""
    size = step.rows
    return LinearAttention.from_blocks(
        covariate_value=zeros(size, 1), label_value=Integer(1), covariate_key_query=step, label_key_query=zeros(size, 1)
    )


def accepted(case, step):
    """The two exact checks: a vanishing gradient, and the minimum for a loss; they must agree."""
    layer = layer_with(step)
    gradient = in_context_gradient(case.setting, layer)
    stationary = all(entry == 0 for part in (gradient.value, gradient.key_query) for entry in part)
    above = in_context_loss(case.setting, layer) - global_minimiser(case.setting).loss
    assert above.is_Rational
    assert above >= 0
    assert stationary == (above == 0)
    return stationary


@pytest.mark.parametrize(("case", "step"), [row[1:] for row in TRUTHS], ids=[row[0] for row in TRUTHS])
def test_truth_is_accepted(case, step):
    assert accepted(case, step)


@pytest.mark.parametrize(("case", "step"), [row[1:] for row in MUTANTS], ids=[row[0] for row in MUTANTS])
def test_mutant_is_refused(case, step):
    assert step != global_minimiser(case.setting).step
    assert not accepted(case, step)


def test_the_transposition_matters_only_where_w_and_sigma_do_not_commute():
    assert GENERAL.W * GENERAL.Sigma != GENERAL.Sigma * GENERAL.W
    assert accepted(PRECONDITIONED, general(PRECONDITIONED, sandwich=PRECONDITIONED.Sigma * PRECONDITIONED.W))


def test_other_wrong_minimisers():
    """Both families at once, or labels in the keys for a prior of rank two, are not minimisers."""
    half = general(LINE) / 2
    mixed = LinearAttention(Matrix([1, 1]), Matrix([[half[0], 0], [half[0], 0]]))
    assert mixed.step == general(LINE)
    assert in_context_loss(LINE.setting, mixed) > global_minimiser(LINE.setting).loss
    step = general(GENERAL)
    keys = LinearAttention.from_blocks(
        covariate_value=step[:, 0], label_value=Integer(0), covariate_key_query=zeros(2, 2), label_key_query=Matrix([1, 0])
    )
    assert in_context_loss(GENERAL.setting, keys) > global_minimiser(GENERAL.setting).loss


LONG = Case("long", L2, K2, 20, Integer(9))
SAMPLED = {
    "n for n+1": general(LONG, lead=LONG.n),
    "n+2 for n+1": general(LONG, lead=LONG.n + 2),
    "σ for σ²": general(LONG, noise=3),
    "ΣW for WΣ": general(LONG, sandwich=LONG.Sigma * LONG.W),
}


def largest_t(step, S, batches=400):
    """The largest |t| of the components of the sampled gradient, E over (w, ε) given S = XᵀX by hand: S(WS + σ²)B − SW."""
    W = np.array(LONG.W.tolist(), dtype=float)
    SW = S @ W
    gradient = (SW @ S + float(LONG.noise) * S) @ np.array(step.tolist(), dtype=float) - SW
    means = gradient.reshape(batches, -1, LONG.d, LONG.d).mean(axis=1)
    return np.abs(means.mean(axis=0) / (means.std(axis=0, ddof=1) / batches**0.5)).max()


@settings(max_examples=1, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(seed=seeds)
def test_sampled_gradient_accepts_the_truth_and_refuses_mutants(seed):
    X = np.random.default_rng(seed).standard_normal((400_000, LONG.n, LONG.d)) @ np.array(LONG.L.tolist(), dtype=float).T
    S = X.transpose(0, 2, 1) @ X
    assert largest_t(general(LONG), S) <= 7
    found = {name: largest_t(step, S) for name, step in SAMPLED.items()}
    assert min(found.values()) > 7, found
