"""Claims about `gradient-flow`."""

from __future__ import annotations

from sympy import Ge, Trace

from common.mutants import said
from proofs.language import at_most, equal
from proofs.theorems import gradient_flow as flow
from proofs.theorems import layer_landscape as layer
from theory.notation import A, c, d, p, q, v_x, v_y

PINNED = set(), set(), set()

FALSE = {
    "5p for 4p": {4 * p * flow.V_LESS * flow.EXCESS: 5 * p * flow.V_LESS * flow.EXCESS},
    "v_y² + ‖A‖²": {flow.V_LESS: v_y**2 + Trace(A.T * A)},
    "never steeper": said(Ge, at_most),
    "v_y² + ‖A‖² conserved": {v_y * layer.GRADIENT[3]: -v_y * layer.GRADIENT[3]},
    "v_y² − 2‖A‖² conserved": {Trace(layer.GRADIENT[0].T * A): 2 * Trace(layer.GRADIENT[0].T * A)},
    "excess without p": {p * Trace(flow.RESIDUAL.T * flow.RESIDUAL): Trace(flow.RESIDUAL.T * flow.RESIDUAL)},
    "minimum without d": {d * q**2 / p: q**2 / p},
    "speed of v_y halved": {2 * q * Trace(A): q * Trace(A)},
    "speed of tr A without d": {d * q - p * v_y * Trace(A): q - p * v_y * Trace(A)},
    "from any c": {flow.MATCHED: equal(v_x, 0)},
    "from any v_x": {flow.MATCHED: equal(c, 0)},
}
