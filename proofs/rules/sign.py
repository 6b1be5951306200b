"""A scalar inequality read off the signs of its parts.

A sum of nonnegative terms is nonnegative, and positive if one of them is; n − 1 ≥ 0 for n = 1, 2, …; a product of positive factors is
positive; an even power, the trace of a semidefinite matrix and the mean of something nonnegative are nonnegative; symbols, assumptions
and premises say the rest (`Algebra.positive`, `nonnegative`, `nonzero`). The argument is an expression e whose sign is read so, and a − b
= e must hold in normal form, modulo known equations as in `matrix_identity`, with hypotheses used as there; the conclusion is a > b, a ≥ b
or a ≠ b, or that under hypotheses. A definite matrix of size at least one is not 0: that is K ≠ 0, with no argument.
"""

from __future__ import annotations

from sympy import Ge, Gt, Ne

from proofs.rules.inference import Inference, Support, minus, need, under_hypotheses
from proofs.rules.matrix_identity import vanishing


def check(step: Inference) -> Support:
    """a > b, a ≥ b or a ≠ b; or K ≠ 0."""
    relation, hypotheses = under_hypotheses(step.conclusion)
    need(isinstance(relation, Gt | Ge | Ne), "the conclusion must be a > b, a ≥ b or a ≠ b.")
    left, right = relation.args
    algebra = step.algebra()
    if getattr(left, "is_Matrix", False):
        need(isinstance(relation, Ne) and not algebra.matrix(right), "of matrices only K ≠ 0 can be read.")
        algebra.matrix(left)
        need(bool(left.shape[0].is_positive) and algebra.definite(left), f"{left} is not known to be positive definite.")
        return Support(algebra.licensed())
    need(bool(step.arguments), "the argument must be the expression whose sign is read.")
    value, *multipliers = step.arguments
    known = {Gt: algebra.positive, Ge: algebra.nonnegative, Ne: algebra.nonzero}
    reads = next(known[kind] for kind in known if isinstance(relation, kind))
    need(reads(value), f"the sign of {value} is not known.")
    need(
        vanishing(algebra, minus(minus(left, right), value), step.equations + hypotheses, multipliers), f"{left} − {right} is not {value}."
    )
    return Support(algebra.licensed())
