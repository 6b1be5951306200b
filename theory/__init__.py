"""The exact layer: the expected pre-training loss of linear self-attention, and its minimisers. Never a float."""

from theory.attention import LinearAttention
from theory.covariates import Gaussian
from theory.errors import AttentionError, ExpectationError, SettingError, TheoryError
from theory.loss import in_context_gradient, in_context_loss
from theory.minimiser import Minimiser, ParameterFamily, global_minimiser
from theory.responses import Linear
from theory.setting import Setting

__all__ = [
    "AttentionError",
    "ExpectationError",
    "Gaussian",
    "Linear",
    "LinearAttention",
    "Minimiser",
    "ParameterFamily",
    "Setting",
    "SettingError",
    "TheoryError",
    "global_minimiser",
    "in_context_gradient",
    "in_context_loss",
]
