"""What a trained model is held against: one and more steps of gradient descent, least squares, ridge.

All take the context x (batch, n, d), its labels y (batch, n) and the query (batch, d), in float64, and give predictions (batch,). A context
of length 0 is one too. In the coordinates W^-½ w of the task vector, and with G the context's Gram matrix in them, ridge, least squares
and any number of gradient steps are functions of G alone: b'φ(G)x_q with φ(λ) = 1/(λ + σ²), 1/λ and (1 − (1 − ηλ)ᵏ)/λ.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, cast

import torch
from torch import Tensor

from numerics.evaluate import DTYPE, to_tensor
from theory import Linear, Setting


class Spectrum(NamedTuple):
    """Contexts and queries in the eigenbasis of the Gram matrix: eigenvalues, Σ y_i x_i and x_q, each (batch, d)."""

    eigenvalues: Tensor
    gradient: Tensor
    query: Tensor

    def predict(self, filtered: Callable[[Tensor], Tensor]) -> Tensor:
        """b'φ(G)x_q (batch,)"""
        return (self.gradient * filtered(self.eigenvalues) * self.query).sum(-1)

    def uncertainty(self, noise: float) -> Tensor:
        """x_q'(posterior covariance of w)x_q (batch,), the mean of which is the risk of ridge less σ²"""
        left = torch.where(self.eigenvalues > 0, noise / (self.eigenvalues + noise), 1.0)
        return (self.query.square() * left).sum(-1)


def spectrum(x: Tensor, y: Tensor, query: Tensor, prior: Tensor | None = None) -> Spectrum:
    """The spectrum of contexts where the task vector has covariance `prior` (d, d), the identity unless given; it may be singular."""
    if prior is not None:
        values, vectors = torch.linalg.eigh(prior.to(DTYPE))
        root = vectors * values.clamp(min=0).sqrt()  # any F with FFᵀ = W: what is predicted does not depend on which
        x, query = x @ root, query @ root
    values, vectors = torch.linalg.eigh(x.mT @ x)
    seen = values > 1e-12 * values.amax(-1, keepdim=True)  # else it is rounding: the context says nothing along its eigenvector
    turned = (gradient(x, y)[..., None, :] @ vectors)[..., 0, :]
    return Spectrum(torch.where(seen, values, 0.0), torch.where(seen, turned, 0.0), (query[..., None, :] @ vectors)[..., 0, :])


def prior_of(setting: Setting) -> Tensor:
    """W (d, d) of linear responses"""
    return to_tensor(cast(Linear, setting.response).covariance.as_explicit())


def is_ridge_bayes(setting: Setting) -> bool:
    """Whether ridge is the Bayes predictor: for linear responses with Gaussian task vectors, whatever the covariates are"""
    return isinstance(setting.response, Linear) and setting.response.task is None


def gradient(x: Tensor, y: Tensor) -> Tensor:
    """Σ y_i x_i (batch, d), minus the gradient of ½‖y − Xw‖² at w = 0"""
    return (x.mT @ y[..., None])[..., 0]


def ridge(x: Tensor, y: Tensor, query: Tensor, *, noise: float, prior: Tensor | None = None) -> Tensor:
    """x_q'(XᵀX + σ²W⁻¹)⁻¹Xᵀy, the Bayes predictor for w ~ N(0, W) and noise variance σ²; at σ² = 0 its limit."""
    return spectrum(x, y, query, prior).predict(lambda values: ridge_filter(values, noise))


def least_squares(x: Tensor, y: Tensor, query: Tensor) -> Tensor:
    """x_q'X⁺y, the interpolant of least norm where there are fewer examples than dimensions."""
    return spectrum(x, y, query).predict(lambda values: ridge_filter(values, 0.0))


def one_step(x: Tensor, y: Tensor, query: Tensor, step: Tensor) -> Tensor:
    """(Σ y_i x_i)ᵀ B x_q for a step B (d, d)"""
    return ((gradient(x, y) @ step) * query).sum(-1)


def gradient_descent(x: Tensor, y: Tensor, query: Tensor, *, rate: float, count: int, prior: Tensor | None = None) -> Tensor:
    """`count` steps on ½‖y − Xw‖² from w = 0, w ← w + η W Xᵀ(y − Xw) with η the rate."""
    return spectrum(x, y, query, prior).predict(lambda values: descent_filter(values, rate, count))


def ridge_filter(values: Tensor, noise: float) -> Tensor:
    """1/(λ + σ²), and 0 at λ = 0, where there is nothing to filter"""
    return torch.where(values > 0, 1 / (values + noise), 0.0)


def descent_filter(values: Tensor, rate: float | Tensor, count: int) -> Tensor:
    """(1 − (1 − ηλ)ᵏ)/λ as the sum η Σ_j (1 − ηλ)ʲ that it is, which needs no λ ≠ 0"""
    contraction, term, total = 1 - rate * values, torch.ones_like(values), torch.zeros_like(values)
    for _ in range(count):
        total = total + term
        term = term * contraction
    return rate * total


def corrected_filter(values: Tensor, rate: float | Tensor, correction: float | Tensor, count: int) -> Tensor:
    """GD++ (von Oswald et al., arXiv 2212.07677, appendix): before each further step the inputs are transformed by x ← (I − γG)x, so the
    Gram matrix becomes (1 − γλ)²λ and the query 1 − γλ times itself; the steps act on residuals of the labels, which are not transformed.
    """
    curvature, seen, total, residual = values, torch.ones_like(values), torch.zeros_like(values), torch.ones_like(values)
    for _ in range(count):
        # a step adds η (Σ r_i x_i)·x_q in the inputs of that layer, and takes η (Σ r_i x_i)·x_j from the residual of each label
        total = total + rate * residual * seen.square()
        residual = residual * (1 - rate * curvature)
        shrink = 1 - correction * curvature
        seen, curvature = seen * shrink, curvature * shrink.square()
    return total
