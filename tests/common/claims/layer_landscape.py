"""Claims about `layer-landscape`."""

from __future__ import annotations

from sympy import Ge, Integer, Trace

from common.mutants import inside, said, without
from common.prompts import UNIT
from proofs.language import Named, at_least, at_most, more_than, nodes
from proofs.theorems import layer_landscape as layer
from proofs.theorems import load
from theory.notation import alpha, beta, d, delta, gamma, p, q, tau, v_x, v_y

REGULAR = {more_than(layer.MARGIN.args[1], 0)}
REST = next(node for node in nodes(load("layer-landscape").claim.args[0]) if isinstance(node, Named) and node.args[0].name == "S_t")

PINNED = REGULAR, set(), set()

FALSE = {
    "q for 2q": {-2 * q * Trace(layer.STEP): -q * Trace(layer.STEP)},
    "expansion with −γ": inside(REST, gamma, -gamma),
    "gradient in A without β": inside(layer.GRADIENT[0], beta, Integer(0)),
    "α for α + β in c₀": {layer.LEAST_KEYS.args[1]: q / layer.U * (alpha * layer.R - gamma * layer.V) * v_x},
    "A₀ without v_x v_xᵀ": {layer.LEAST_A.args[1]: q * v_y / layer.P * UNIT},
    "q₄ with + δv_y⁴": inside(layer.TURNING, -delta * v_y**4, delta * v_y**4),
    "profile with d for d − 1": inside(layer.PROFILE, d - 1, d),
    "P without p": {layer.P.args[1]: beta * layer.R},
    "gain of one direction doubled": {layer.LOSS_OF_SINGLE: tau - 2 * q**2 / p},
    "gain of the minimum without d": {layer.LOWEST: tau - q**2 / p},
    "mixed directions at every ratio": {layer.MIXED: layer.LEAST},
    "zero predictor with any A": {layer.NOTHING: layer.NOTHING.args[0]},
    "never above": said(Ge, at_most),
    "any Δ": without(*layer.GIVEN),
    "Δ ≥ 0": {layer.GIVEN[0]: at_least(*layer.GIVEN[0].args)},
}
