"""Compiled expressions against theory's exact arithmetic at random rational points. Deterministic; tolerance from rounding."""

import pytest
import torch
from common.components import K1, K2, K3, L1, L2, L3, RANK_ONE, Case
from sympy import Identity, Matrix, MatrixSymbol, Rational, Symbol, Trace, sqrt, zeros
from torch import Generator

from numerics.errors import NumericsError
from numerics.evaluate import DTYPE, compile_expression, to_tensor
from numerics.objective import ExactObjective
from theory import LinearAttention, global_minimiser, in_context_gradient, in_context_loss
from theory.loss import general_excess, general_loss

CASES = [
    Case("d=1", L1, K1, 3, Rational(1, 4)),
    Case("d=1, n=1, no noise", L1, K1, 1, 0),
    Case("d=2", L2, K2, 4, Rational(2, 3)),
    Case("d=2, rank one", L2, RANK_ONE, 5, 0),
    Case("d=3", L3, K3, 30, 2),
]
by_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def layers(d, count, seed=0):
    """Layers with dyadic entries, so that floats hold them exactly."""
    entries = torch.randint(-64, 65, (count, (d + 1) * (d + 2)), generator=Generator().manual_seed(seed)).tolist()
    for row in entries:
        exact = [Rational(k, 64) for k in row]
        yield LinearAttention(Matrix(exact[: d + 1]), Matrix(d + 1, d + 1, exact[d + 1 :]))


def tensors(layer):
    return to_tensor(layer.value)[:, 0], to_tensor(layer.key_query)


@by_case
def test_loss_gradient_and_excess(case):
    objective, minimiser = ExactObjective(case.setting), global_minimiser(case.setting)
    assert objective.minimum == float(minimiser.loss)
    for layer in layers(case.d, 3):
        v, M = tensors(layer)
        exact, excess = in_context_loss(case.setting, layer), minimiser.excess(layer)
        assert exact.is_Rational
        assert exact == excess + minimiser.loss
        assert float(objective.loss(v, M)) == pytest.approx(float(exact), rel=1e-12)
        assert float(objective.excess(v, M)) == pytest.approx(float(excess), rel=1e-12)
        assert float(objective.excess(v, M)) + objective.minimum == pytest.approx(float(objective.loss(v, M)), rel=1e-12)
        gradient = in_context_gradient(case.setting, layer)
        for found, expected in zip(objective.gradient(v, M), (to_tensor(gradient.value)[:, 0], to_tensor(gradient.key_query)), strict=True):
            assert (found - expected).norm() <= 1e-12 * max(expected.norm(), 1)


@by_case
def test_excess_at_a_minimiser_is_rounding_only(case):
    objective = ExactObjective(case.setting)
    for family in global_minimiser(case.setting).parameters:
        v, M = tensors(family.sample(scale=Rational(7, 3)))
        assert 0 <= float(objective.excess(v, M)) < 1e-25 * objective.minimum + 1e-30
        assert float(objective.loss(v, M)) == pytest.approx(objective.minimum, rel=1e-12)
        assert sum(float(g.norm()) for g in objective.gradient(v, M)) < 1e-11


@by_case
def test_leading_axes_broadcast(case):
    objective = ExactObjective(case.setting)
    v, M = (torch.stack(parts).unflatten(0, (2, 3)) for parts in zip(*map(tensors, layers(case.d, 6, seed=1)), strict=True))
    for function in (objective.loss, objective.excess):
        batched = function(v, M)
        assert batched.shape == (2, 3)
        one_by_one = [[function(v[i, j], M[i, j]) for j in range(3)] for i in range(2)]
        torch.testing.assert_close(batched, torch.tensor(one_by_one, dtype=DTYPE), rtol=1e-13, atol=0)
    torch.testing.assert_close(
        objective.loss(v[:, :1], M), torch.stack([objective.loss(v[i, 0], M[i]) for i in range(2)]), rtol=1e-13, atol=0
    )


def test_node_kinds():
    K, x, s = MatrixSymbol("K", 2, 2), MatrixSymbol("x", 2, 1), Symbol("s")
    k, column, number = (
        torch.tensor([[2.0, 1.0], [0.5, 3.0]], dtype=DTYPE),
        torch.tensor([[1.0], [-2.0]], dtype=DTYPE),
        torch.tensor(1.5, dtype=DTYPE),
    )
    values = {K: k, x: column, s: number}
    for expr, expected in (
        (Trace(K * K.T) * s**2 / 3, (k * k).sum() * 0.75),
        (K.inv() * x, torch.linalg.solve(k, column)),
        (s * K**3 * x + 2 * x, 1.5 * k @ k @ k @ column + 2 * column),
        (sqrt(s) + 1, number.sqrt() + 1),
        (K.T - K, k.T - k),
    ):
        torch.testing.assert_close(torch.as_tensor(compile_expression(expr)(values), dtype=DTYPE), expected, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize(
    "expr",
    [Symbol("unheard"), Trace(MatrixSymbol("U", 2, 2)), Identity(2), general_loss()[0], general_excess()[1]],
    ids=lambda e: type(e).__name__,
)
def test_an_unknown_symbol_is_named(expr):
    with pytest.raises(NumericsError, match="no value for "):
        compile_expression(expr)({})


def test_zero_task_is_still_evaluated():
    case = Case("W=0", L2, zeros(2, 1), 3, 1)
    objective = ExactObjective(case.setting)
    layer = next(layers(2, 1))
    assert float(objective.loss(*tensors(layer))) == pytest.approx(float(in_context_loss(case.setting, layer)), rel=1e-12)
