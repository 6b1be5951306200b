"""The rules of inference, one per file; each file's docstring says why its rule is sound."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

from proofs.rules import (
    admitted,
    almost_surely,
    change_of_variables,
    citation,
    definiteness,
    equivalent_relations,
    gaussian_moment,
    independence,
    independent_pair,
    inverse,
    logic,
    matrix_identity,
    monotone_mean,
    rank,
    rational_identity,
    realisation,
    rotation_symmetry,
    sign,
    sign_symmetry,
    specialisation,
    sum_of_nonnegatives,
    sum_over_tokens,
    trace_inequality,
    trichotomy,
    zero_product,
)
from proofs.rules.inference import Inference, Support

_MODULES = (
    *(gaussian_moment, matrix_identity, rational_identity, sign_symmetry, trace_inequality, sum_of_nonnegatives, zero_product),
    *(definiteness, inverse, rank, equivalent_relations, monotone_mean, sign, trichotomy, change_of_variables),
    *(independence, rotation_symmetry, sum_over_tokens, independent_pair, almost_surely),
    *(specialisation, realisation, citation, logic, admitted),
)

RULES: MappingProxyType[str, Callable[[Inference], Support]] = MappingProxyType(
    {module.__name__.rpartition(".")[2].replace("_", "-"): module.check for module in _MODULES}
)

__all__ = ["RULES", "Inference", "Support"]
