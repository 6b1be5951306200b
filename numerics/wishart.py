"""Wishart matrices G = Σ_{i≤n} u_i u_iᵀ with white Gaussian u_i in p dimensions, drawn from their exact law for any n ≥ 1, n < p included.

Bartlett (Proc. R. Soc. Edinburgh 53, 1933): G = L Lᵀ with L lower trapezoidal, p × min(n, p), independent entries, χ with n, n − 1, …
degrees of freedom on the diagonal and N(0, 1) below it. So G costs O(p²) random numbers whatever n is, and a product with it O(p).
"""

from __future__ import annotations

import torch
from torch import Tensor

from numerics.source import Source


def whole(source: Source, freedom: int, size: int, batch: int) -> Tensor:
    """G (batch, p, p) with n = `freedom` and p = `size`."""
    rank = min(freedom, size)
    root = source.normal(batch, size, rank).tril_(-1)
    degrees = torch.arange(freedom, freedom - rank, -1, dtype=source.dtype, device=source.device)
    root.diagonal(dim1=-2, dim2=-1).copy_(source.chi_square(degrees, batch, rank).sqrt_())
    return root @ root.mT


class TwoProducts:
    """G a, and then G b for a b that may depend on G a, of one Wishart matrix G a column: a, b (..., p, B).

    Turn the first axis to â = a/|a|: the first column of L is (χ, N) with N ~ N(0, I) on the complement of a, and what is left of
    G there is N Nᵀ + G', G' a Wishart matrix of n − 1 degrees of freedom and independent of both. Hence G a = |a| χ (χ â + N), and G'
    meets the part of b orthogonal to a in the same way. A product costs one χ² and p normals.

    normals  (..., k, p, B), which is overwritten: k = 2, or 1 where of the second product only the mean is asked for
    squares  (..., k, B), χ² with n and with n − 1 degrees of freedom, the latter 0 where n = 1
    """

    def __init__(self, normals: Tensor, squares: Tensor) -> None:
        self.across, *self.later = normals.unbind(-3)
        self.chi, *self.chi_later = squares.sqrt()[..., None, :].unbind(-3)

    def first(self, a: Tensor) -> Tensor:
        """G a; a is overwritten."""
        self.along, length = _normalised(a)
        _project_out(self.across, self.along)
        return torch.addcmul(self.across, self.along, self.chi).mul_(length.mul_(self.chi))

    def second(self, b: Tensor) -> Tensor:
        """G b, once `first` has been called; b is overwritten."""
        (across,), (chi,) = self.later, self.chi_later
        share = self._shared(b)
        other, length = _normalised(b)
        _project_out(across, self.along)
        _project_out(across, other)
        rest = torch.addcmul(across, other, chi).mul_(length.mul_(chi))  # G' b
        return self._joined(rest, share)

    def mean_second(self, b: Tensor, degrees: Tensor) -> Tensor:
        """E(G b | G a) for n − 1 = `degrees` (..., 1, 1), once `first` has been called: E G' = (n − 1) I; b is overwritten."""
        share = self._shared(b)
        return self._joined(b.mul_(degrees), share)

    def _shared(self, b: Tensor) -> Tensor:
        """(χâ + N)·b; leaves of b the part across a."""
        return _inner(self.across, b).add_(_project_out(b, self.along) * self.chi)

    def _joined(self, rest: Tensor, share: Tensor) -> Tensor:
        """(χâ + N) share + rest"""
        return rest.addcmul_(self.across, share).addcmul_(self.along, share.mul_(self.chi))


def _inner(a: Tensor, b: Tensor) -> Tensor:
    """a·b, (..., 1, B)"""
    return (a * b).sum(-2, keepdim=True)


def _normalised(a: Tensor) -> tuple[Tensor, Tensor]:
    """a/|a| in place of a, and |a| (..., 1, B); 0 where a = 0"""
    length = _inner(a, a).sqrt_()
    least = torch.finfo(a.dtype).tiny ** 0.5  # below it squares underflow, and a counts as 0
    return a.div_(length.where(length > least, torch.inf)), length


def _project_out(a: Tensor, unit: Tensor) -> Tensor:
    """Takes from a its part along a unit vector, in place, and returns the coefficient (..., 1, B)."""
    share = _inner(a, unit)
    a.addcmul_(unit, share, value=-1)
    return share
