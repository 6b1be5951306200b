"""Covariate laws, one file each. A law gives its dimension and the laws of a context and of a query."""

from theory.covariates.gaussian import Gaussian

__all__ = ["Gaussian"]
