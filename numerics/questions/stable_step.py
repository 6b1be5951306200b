"""Is the optimal step a stable one: η λ_max of a prompt's Hessian XᵀX, sampled, against 2; its law, its limit, and bounds.

Covariates N(0, I), tasks N(0, I): η = 1/(n + 1 + d + σ²). The eigenvalues are those of Wishart matrices, drawn from their exact law.
"""

from __future__ import annotations

import math

import click
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter
from sympy import Rational
from torch import Generator, Tensor

from numerics import wishart
from numerics.config import TrainConfig
from numerics.errors import ConfigError
from numerics.evaluate import number
from numerics.figures import png
from numerics.questions.answer import Answer, Check, question
from numerics.source import Source
from theory import Gaussian, Linear, Setting
from theory.notation import d, eta, n
from theory.stable_step import (
    best_markov_bound,
    concentration_bound,
    edge_limit,
    markov_bound,
    mean_square_factor,
    step_size,
    unstable_probability,
)

NUMBERS, MOST = 1 << 22, 1 << 27
COLOURS = ("#111111", "#c2410c", "#1f6fb4", "#5b8c3a")
BANDS, BAND_PROMPTS = (10, 50, 200), (2000, 500, 60)
RATIOS = ("1/10", "1/5", "2/5", "7/10", "1", "3/2", "5/2", "5", "10")
SIZES = (1, 2, 3, 5, 8, 12, 18, 26, 40)
LIMIT_AT_EDGE = 1 - 0.8319080
"""1 − F₁(0), F₁ the Tracy–Widom law of order 1: Bejan, Largest eigenvalues and sample covariance matrices (2005), by numerical solution"""


def white(dimension: int, context: int, noise: Rational) -> Setting:
    """White covariates and tasks."""
    law, response = Gaussian.isotropic(dimension), Linear.isotropic(dimension)
    return Setting(covariates=law, response=response, noise_variance=noise, context_length=context)
