"""The exact layer: the expected pre-training loss of linear self-attention, and its minimisers. Never a float."""

from theory.attention import LinearAttention
from theory.bayes import bayes_risk
from theory.covariates import (
    CovariateLaw,
    Gaussian,
    GaussianMixture,
    GivenKurtosis,
    Laplace,
    Moments,
    Rademacher,
    ScaleMixture,
    Sphere,
    StudentT,
    Uniform,
)
from theory.errors import (
    AttentionError,
    EnclosureError,
    ExpectationError,
    HypothesisError,
    SettingError,
    TheoryError,
    UndefinedMoment,
    UnknownMoment,
)
from theory.flow import Flow, gradient_flow
from theory.landscape import StationaryFamily, stationary_points
from theory.loss import in_context_gradient, in_context_loss
from theory.means import enclosure
from theory.minimiser import Minimiser, ParameterFamily, global_minimiser
from theory.responses import RBF, Linear, PolynomialKernel, RandomPolynomial, ReLUNetwork, ResponseFamily, SingleIndex
from theory.setting import Setting
from theory.step_size import paper_step_size

__all__ = [
    "RBF",
    "AttentionError",
    "CovariateLaw",
    "EnclosureError",
    "ExpectationError",
    "Flow",
    "Gaussian",
    "GaussianMixture",
    "GivenKurtosis",
    "HypothesisError",
    "Laplace",
    "Linear",
    "LinearAttention",
    "Minimiser",
    "Moments",
    "ParameterFamily",
    "PolynomialKernel",
    "Rademacher",
    "RandomPolynomial",
    "ReLUNetwork",
    "ResponseFamily",
    "ScaleMixture",
    "Setting",
    "SettingError",
    "SingleIndex",
    "Sphere",
    "StationaryFamily",
    "StudentT",
    "TheoryError",
    "UndefinedMoment",
    "Uniform",
    "UnknownMoment",
    "bayes_risk",
    "enclosure",
    "global_minimiser",
    "gradient_flow",
    "in_context_gradient",
    "in_context_loss",
    "paper_step_size",
    "stationary_points",
]
