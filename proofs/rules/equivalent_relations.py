"""Two relations whose gaps are proportional are equivalent.

If a − b = k (c − d) with a scalar k ≠ 0 then a = b iff c = d, for scalars and for matrices alike; with k > 0 also a ≥ b iff c ≥ d, and a
> b iff c > d. The proportion is checked in normal form, modulo known equations as in `matrix_identity`: a − b − k (c − d) = Σ_i P_i (l_i
− r_i) Q_i. Hypotheses, in the form "if …, then the two are equivalent", are used as there. Arguments: k, then the multipliers.
"""

from __future__ import annotations

from sympy import Eq, Ge, Gt, MatMul, Mul, Ne

from proofs.language import Equivalence
from proofs.rules.inference import Inference, Support, minus, need, of_kind, under_hypotheses
from proofs.rules.matrix_identity import vanishing


def check(step: Inference) -> Support:
    """R ⟺ R′, or under hypotheses."""
    conclusion, hypotheses = under_hypotheses(step.conclusion)
    left, right = of_kind(conclusion, Equivalence, "an equivalence of two relations").args
    need(any(isinstance(left, kind) and isinstance(right, kind) for kind in (Eq, Ne, Ge, Gt)), "the two must be relations of one kind.")
    need(bool(step.arguments), "the argument must be the factor k.")
    scale, *multipliers = step.arguments
    algebra = step.algebra()
    known = algebra.nonzero(scale) if isinstance(left, Eq | Ne) else algebra.positive(scale)
    need(known, f"the factor {scale} is not known to be {'≠ 0' if isinstance(left, Eq | Ne) else '> 0'}.")
    matrices = [bool(getattr(side, "is_Matrix", False)) for side in (*left.args, *right.args)]
    need(len(set(matrices)) == 1, "the two must both be about scalars or both about matrices.")
    (a, b), (c, d) = left.args, right.args
    if matrices[0]:
        need(a.shape == c.shape, "the matrices of the two have different shapes.")
        gap = minus(minus(a, b), MatMul(scale, minus(c, d)))
    else:
        gap = minus(minus(a, b), Mul(scale, minus(c, d), evaluate=False))
    need(vanishing(algebra, gap, step.equations + hypotheses, multipliers), "the gaps of the two are not proportional.")
    return Support(algebra.licensed())
