"""Covariate laws, one file each. A law gives its moments and draws samples; `law.py` says what is asked of one."""

from theory.covariates.gaussian import Gaussian
from theory.covariates.independent import GivenKurtosis, Laplace, Rademacher, Uniform
from theory.covariates.law import CovariateLaw
from theory.covariates.mixture import GaussianMixture
from theory.covariates.moments import Moments
from theory.covariates.scale_mixture import ScaleMixture
from theory.covariates.sphere import Sphere
from theory.covariates.student import StudentT

__all__ = [
    "CovariateLaw",
    "Gaussian",
    "GaussianMixture",
    "GivenKurtosis",
    "Laplace",
    "Moments",
    "Rademacher",
    "ScaleMixture",
    "Sphere",
    "StudentT",
    "Uniform",
]
