"""A product of real numbers is 0 iff one of its factors is.

Arguments: the factors. The conclusion is (p = 0 ⟺ f_1 = 0 or … or f_k = 0) where p, in normal form, is c · f_1^a_1 ⋯ f_k^a_k with whole
a_i ≥ 1 and c known to be ≠ 0; the exponents and c are the arguments' (c, (f_1, a_1), …).
"""

from __future__ import annotations

from sympy import Eq, Mul, Pow

from proofs.language import Any_, Equivalence
from proofs.rules.inference import Inference, Support, need, of_kind


def check(step: Inference) -> Support:
    """p = 0 ⟺ f_1 = 0 or … or f_k = 0."""
    left, right = of_kind(step.conclusion, Equivalence, "an equivalence").args
    zeros = right.args if isinstance(right, Any_) else (right,)
    need(all(isinstance(z, Eq) and z.rhs == 0 for z in (left, *zeros)), "both parts must be about being 0.")
    scale, *factors = step.arguments
    algebra = step.algebra()
    need(algebra.nonzero(scale), f"the factor {scale} is not known to be ≠ 0.")
    need([z.lhs for z in zeros] == [factor for factor, _ in factors], "the factors are not those of the conclusion.")
    need(all(isinstance(power, int) and power >= 1 for _, power in factors), "the exponents must be whole numbers ≥ 1.")
    product = Mul(scale, *(Pow(factor, power, evaluate=False) for factor, power in factors), evaluate=False)
    need(not getattr(left.lhs, "is_Matrix", False) and algebra.same(left.lhs, product), f"{left.lhs} is not the product of the factors.")
    return Support(algebra.licensed())
