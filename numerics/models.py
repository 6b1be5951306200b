"""One layer of linear self-attention, as a torch module."""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn

from numerics.evaluate import to_exact
from theory import LinearAttention


class LinearSelfAttention(nn.Module):
    """ŷ = hᵀ Σ_i W_V z_i (W_K z_i)ᵀ (W_Q z_q), summed over the context, without the query token.

    Subclasses hold the weights; `value_vector` (d+1,) is v = W_Vᵀh and `key_query` (d+1, d+1) is M = W_KᵀW_Q. The layer
    sees a context only through Σ_i z_i z_iᵀ, so it can be given that matrix instead of the tokens.
    """

    def value_vector(self) -> Tensor:
        raise TypeError(f"{type(self).__name__} defines no value_vector")

    def key_query(self) -> Tensor:
        raise TypeError(f"{type(self).__name__} defines no key_query")

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens (batch, n+1, d+1), the query last with 0 in its label slot -> predictions (batch,)"""
        context, query = tokens[:, :-1], tokens[:, -1]
        values = context @ self.value_vector()  # (batch, n)
        scores = torch.einsum("bnk,bk->bn", context, query @ self.key_query().T)  # (batch, n)
        return (values * scores).sum(-1)

    def from_moments(self, moments: Tensor, query: Tensor) -> Tensor:
        """The same from the symmetric Σ_i z_i z_iᵀ (batch, d+1, d+1) and z_q (batch, d+1) -> predictions (batch,)"""
        return ((moments @ self.value_vector()) * (query @ self.key_query().T)).sum(-1)

    def to_theory(self) -> LinearAttention:
        """The weights as theory's parameters, every float taken as the rational that it is."""
        v, M = self.value_vector().detach().cpu().double(), self.key_query().detach().cpu().double()
        return LinearAttention(to_exact(v[:, None]), to_exact(M))


class MergedAttention(LinearSelfAttention):
    """The layer in the parameters (v, M) of the theory."""

    def __init__(self, value: Tensor, key_query: Tensor) -> None:
        super().__init__()
        self.v = nn.Parameter(value.clone())
        self.M = nn.Parameter(key_query.clone())

    def value_vector(self) -> Tensor:
        return self.v

    def key_query(self) -> Tensor:
        return self.M


class SeparateAttention(LinearSelfAttention):
    """The layer with its four weights: W_Q, W_K, W_V (d+1, d+1) and the read-out h (d+1,); with a leading axis, many layers at once."""

    def __init__(self, query: Tensor, key: Tensor, value: Tensor, readout: Tensor) -> None:
        super().__init__()
        self.W_Q, self.W_K, self.W_V, self.h = (nn.Parameter(weight.clone()) for weight in (query, key, value, readout))

    def value_vector(self) -> Tensor:
        return (self.h[..., None, :] @ self.W_V)[..., 0, :]

    def key_query(self) -> Tensor:
        return self.W_K.mT @ self.W_Q


def initial_model(
    *, parametrisation: str, initialisation: str, dimension: int, context: int, scale: float, dtype: torch.dtype, generator: Generator
) -> LinearSelfAttention:
    """Random weights, of a size at which predictions are of order one: the step v_y A scales as 1/n.

    initialisation
        "gaussian"  every weight is Gaussian. The loss has stationary points that are not global minima, and
                    from here training does end in them.
        "matched"   v_x = 0 and m_yx = 0, the rest Gaussian and |v_y| > ‖A‖_F. Gradient flow on the exact loss does not leave this
                    subspace; for W = I and a start of this kind Zhang, Frei and Bartlett (arXiv 2306.09927) prove that
                    it converges to the global minimum. For other W it is a choice that was measured.
    """
    size = dimension + 1

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=generator)

    width = scale / (context**0.5 * size)  # so that v_y A is of size 1/n
    if parametrisation == "merged":
        v, M = normal(size) * scale / context**0.5, normal(size, size) * width
        if initialisation == "matched":
            v[:-1], M[-1] = 0, 0
            v[-1] = torch.copysign(M[:-1, :-1].norm() * (1.5 + v[-1].abs()), v[-1])
        return MergedAttention(v.to(dtype), M.to(dtype))
    root = width**0.5 / size**0.25  # so that the entries of W_KᵀW_Q are of size `width`
    query, key, value, readout = normal(size, size) * root, normal(size, size) * root, normal(size, size) * root, normal(size) * root
    if initialisation == "matched":
        value[:, :-1], key[:, -1] = 0, 0
        A = key.T[:-1] @ query[:, :-1]
        label = readout @ value[:, -1]
        value[:, -1] *= A.norm() * (1.5 + label.abs()) / label.abs()
    return SeparateAttention(*(weight.to(dtype) for weight in (query, key, value, readout)))
