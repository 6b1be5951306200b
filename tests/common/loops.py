"""One layer in each paper's own parametrisation, written and trained from the paper's own forward pass: imports nothing of the project.

Prompts are x_i ~ N(0, Σ), w ~ N(0, I), y_i = w·x_i + σ ε_i, i = 1..n+1, the last the query. A forward pass takes x (batch, n+1, d) and the
context's labels y (batch, n), puts them into the paper's prompt matrix, with tokens as its columns, and follows the paper from there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Generator, Tensor

Weights = dict[str, Tensor]

COVARIANCE = (2.0, 1.0, 0.5)
NOISE = 0.25
CONTEXT = 8


def draw(batch: int, context: int, generator: Generator, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    """x (batch, n+1, d), y (batch, n) and the query's label (batch,)"""
    scale = torch.tensor(COVARIANCE, dtype=dtype).sqrt()
    x = torch.randn(batch, context + 1, len(scale), dtype=dtype, generator=generator) * scale
    w = torch.randn(batch, len(scale), 1, dtype=dtype, generator=generator)
    noise = torch.randn(batch, context + 1, dtype=dtype, generator=generator) * math.sqrt(NOISE)
    y = (x @ w)[..., 0] + noise
    return x, y[:, :-1], y[:, -1]


def prompt_matrix(x: Tensor, y: Tensor) -> Tensor:
    """[x_1 … x_n x_q; y_1 … y_n 0], (batch, d+1, n+1): E of Zhang et al., Z_0 of Ahn et al."""
    labels = torch.cat([y, torch.zeros_like(y[:, :1])], 1)
    return torch.cat([x.mT, labels[:, None, :]], 1)


def mahankali(weights: Weights, x: Tensor, y: Tensor) -> Tensor:
    """hᵀ Σ_{i≤n} W_V z_i (W_K z_i)ᵀ (W_Q z_{n+1})"""
    z = prompt_matrix(x, y)
    values, keys = weights["W_V"] @ z[:, :, :-1], weights["W_K"] @ z[:, :, :-1]
    query = weights["W_Q"] @ z[:, :, -1:]
    return (weights["h"] @ (values @ (keys.mT @ query)))[:, 0]


def merged(weights: Weights, x: Tensor, y: Tensor) -> Tensor:
    """Σ_{i≤n} (v·z_i)(z_iᵀ M z_q), one token after the other"""
    z = prompt_matrix(x, y)
    total = torch.zeros_like(x[:, 0, 0])
    for i in range(z.shape[2] - 1):
        total = total + (z[:, :, i] @ weights["value"]) * (z[:, :, i] * (z[:, :, -1] @ weights["key_query"].T)).sum(1)
    return total


def ahn(weights: Weights, x: Tensor, y: Tensor) -> Tensor:
    """Z_1 = Z_0 + (1/n) P Z_0 M (Z_0ᵀ Q Z_0) with M = diag(I_n, 0); the prediction is −[Z_1]_{d+1, n+1}"""
    Z_0 = prompt_matrix(x, y)
    n = Z_0.shape[2] - 1
    M = torch.eye(n + 1, dtype=x.dtype)
    M[n, n] = 0
    Z_1 = Z_0 + weights["P"] @ Z_0 @ M @ (Z_0.mT @ weights["Q"] @ Z_0) / n
    return -Z_1[:, -1, -1]


def zhang(weights: Weights, x: Tensor, y: Tensor) -> Tensor:
    """f = E + W^PV E (Eᵀ W^KQ E)/ρ with ρ the number of examples; the prediction is [f]_{d+1, N+1}"""
    E = prompt_matrix(x, y)
    rho = E.shape[2] - 1
    f = E + weights["W_PV"] @ E @ (E.mT @ weights["W_KQ"] @ E) / rho
    return f[:, -1, -1]


def von_oswald(weights: Weights, x: Tensor, y: Tensor) -> Tensor:
    """e_j ← e_j + Σ_h P_h V_h K_hᵀ q_{h,j}, V_h and K_h of the context; the prediction is minus the query token's last entry"""
    e = prompt_matrix(x, y)
    context, query = e[:, :, :-1], e[:, :, -1:]
    updated = query
    count = len(weights["P"]) if weights["P"].ndim == 3 else 1
    heads = [{name: weight.reshape(count, *weight.shape[-2:])[h] for name, weight in weights.items()} for h in range(count)]
    for head in heads:
        V, K, q = head["W_V"] @ context, head["W_K"] @ context, head["W_Q"] @ query
        updated = updated + head["P"] @ (V @ (K.mT @ q))
    return -updated[:, -1, 0]


def wu(weights: Weights, x: Tensor, y: Tensor) -> Tensor:
    """The inner product of Γ Xᵀy/n and the query, X (batch, n, d)"""
    X, query = x[:, :-1], x[:, -1]
    gradient = (X.mT @ y[:, :, None])[..., 0] / X.shape[1]
    return ((gradient @ weights["Gamma"].T) * query).sum(1)


def li(weights: Weights, x: Tensor, y: Tensor) -> Tensor:
    """xᵀ W XᵀY, the sum over the context"""
    X, query = x[:, :-1], x[:, -1:]
    return (query @ weights["W"] @ X.mT @ y[:, :, None])[:, 0, 0]


@dataclass(frozen=True)
class Loop:
    """A parametrisation: its forward pass, the shapes of its weights, and the part of them that predicts by a step of gradient descent.

    Training starts from that part with noise on every entry, or on its own entries where `sparse`: all others then stay 0.
    """

    forward: Callable[[Weights, Tensor, Tensor], Tensor]
    shapes: dict[str, tuple[int, ...]]
    start: Weights
    sparse: bool = False

    def random(self, seed: int) -> Weights:
        """Weights with every entry random, float64"""
        generator = Generator().manual_seed(seed)
        return {name: torch.randn(*shape, dtype=torch.float64, generator=generator) for name, shape in self.shapes.items()}

    def train(self, seed: int, *, steps: int = 300, batch: int = 256, rate: float = 0.03) -> Weights:
        """Weights after Adam on fresh prompts, the rate falling to 0 along a cosine, float32"""
        generator = Generator().manual_seed(seed)
        masks = {name: (part != 0) | (not self.sparse) for name, part in self.start.items()}
        weights = {
            name: (part + 0.1 * torch.randn(part.shape, generator=generator) * masks[name]).requires_grad_()
            for name, part in self.start.items()
        }
        optimiser = torch.optim.Adam(weights.values(), lr=rate, betas=(0.9, 0.99))
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
        for _ in range(steps):
            x, y, target = draw(batch, CONTEXT, generator, torch.float32)
            loss = (self.forward({name: weight * masks[name] for name, weight in weights.items()}, x, y) - target).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        return {name: weight.detach() for name, weight in weights.items()}


SIZE = len(COVARIANCE) + 1
LAST = torch.eye(SIZE)[-1]
"""The label slot; CORNER and TOP are the projections on it and on the covariates."""
CORNER = LAST[:, None] * LAST
TOP = torch.eye(SIZE) - CORNER
SQUARE, WIDE = (SIZE, SIZE), (SIZE + 2, SIZE)

LOOPS = {
    "merged": Loop(merged, {"value": (SIZE,), "key_query": SQUARE}, {"value": LAST / 3, "key_query": TOP / 3}),
    "paper": Loop(
        mahankali,
        {"W_K": WIDE, "W_Q": WIDE, "W_V": (SIZE - 1, SIZE), "h": (SIZE - 1,)},
        {"W_K": TOP / 2, "W_Q": TOP / 2, "W_V": CORNER / 2, "h": LAST},
    ),
    "ahn": Loop(ahn, {"P": SQUARE, "Q": SQUARE}, {"P": -CORNER, "Q": TOP / 2}),
    "wu": Loop(wu, {"Gamma": (SIZE - 1, SIZE - 1)}, {"Gamma": torch.eye(SIZE - 1) / 2}),
    "li": Loop(li, {"W": (SIZE - 1, SIZE - 1)}, {"W": torch.eye(SIZE - 1) / 16}),
    # the paper's own initialisation has these blocks 0, and gradient flow keeps them so
    "zhang": Loop(zhang, {"W_PV": SQUARE, "W_KQ": SQUARE}, {"W_PV": CORNER, "W_KQ": TOP / 2}, sparse=True),
    "vonoswald": Loop(
        von_oswald,
        {"W_K": (2, *WIDE), "W_Q": (2, *WIDE), "W_V": (2, SIZE - 1, SIZE), "P": (2, SIZE, SIZE - 1)},
        {"W_K": TOP / 2, "W_Q": TOP / 2, "W_V": CORNER / 2, "P": -CORNER},
    ),
}


@cache
def trained(name: str) -> Weights:
    """The weights of a loop after training, once a process"""
    return LOOPS[name].train(seed=0)


def tokens(x: Tensor, y: Tensor) -> Tensor:
    """The same prompts as rows z_1 … z_n, z_q, (batch, n+1, d+1)"""
    return prompt_matrix(x, y).mT


def difference(model: Callable[[Tensor], Tensor], name: str, weights: Weights, *, context: int, seed: int) -> float:
    """How far a model of tokens is from the loop's own forward pass on fresh prompts, relative to the latter"""
    x, y, _ = draw(64, context, Generator().manual_seed(seed))
    expected = LOOPS[name].forward({key: weight.double() for key, weight in weights.items()}, x, y)
    return float((model(tokens(x, y)) - expected).norm() / expected.norm())


def save(path: Path, weights: Weights) -> None:
    """The weights in the kind of file that the suffix says; .pth is nested as in a training checkpoint"""
    if path.suffix == ".safetensors":
        save_file({name: weight.contiguous().clone() for name, weight in weights.items()}, path)
    elif path.suffix == ".npz":
        np.savez(path, **{name: weight.numpy() for name, weight in weights.items()})
    elif path.suffix == ".pth":
        torch.save({"epoch": 3, "state_dict": {f"module.{name}": weight for name, weight in weights.items()}, "lr": 0.1}, path)
    else:
        torch.save(weights, path)
