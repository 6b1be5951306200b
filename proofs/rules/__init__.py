"""The rules of inference, one per file; each file's docstring says why its rule is sound."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

from proofs.rules import (
    admitted,
    change_of_variables,
    citation,
    definiteness,
    equivalent_relations,
    gaussian_moment,
    inverse,
    logic,
    matrix_identity,
    monotone_mean,
    rank,
    rational_identity,
    sign,
    sign_symmetry,
    specialisation,
    sum_of_nonnegatives,
    trace_inequality,
    zero_product,
)
from proofs.rules.inference import Inference, Support

_MODULES = (
    *(gaussian_moment, matrix_identity, rational_identity, sign_symmetry, trace_inequality, sum_of_nonnegatives, zero_product),
    *(
        definiteness,
        inverse,
        rank,
        equivalent_relations,
        monotone_mean,
        sign,
        change_of_variables,
        specialisation,
        citation,
        logic,
        admitted,
    ),
)

RULES: MappingProxyType[str, Callable[[Inference], Support]] = MappingProxyType(
    {module.__name__.rpartition(".")[2].replace("_", "-"): module.check for module in _MODULES}
)

__all__ = ["RULES", "Inference", "Support"]
