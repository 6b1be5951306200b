"""What a user would write instead, in plain PyTorch: noisy linear regression in context, one layer of linear self-attention, Adam.

    x ~ N(0, I_d),  w ~ N(0, I_d),  y = w·x + ε,  ε ~ N(0, σ²),  z_i = (x_i, y_i),  z_q = (x_q, 0)
    ŷ = hᵀ Σ_{i≤n} W_V z_i (W_K z_i)ᵀ (W_Q z_q),      loss (ŷ − y_q)²

Nothing here uses the project. Three formulations compete, and every ratio is against the fastest of them at that d and n:

    gram     tokens as rows; one batched product Σ z_i z_iᵀ, then the vectors v = W_Vᵀh and k = W_KᵀW_Q z_q
    columns  tokens as columns, as the papers write a prompt; the same
    scores   tokens as columns; first the scores z_i·k, then the tokens weighted by them, Σ z_i (z_i·k), then v

They are tuned: weights meet before they meet tokens, tokens are drawn in place into a buffer that is kept, their labels come from one
batched product, and Adam is fused. Beside them stand, as no reference, forms that are more often seen:

    fresh      gram, with the tokens drawn into new memory at every step and joined by `cat`
    vectors    tokens as rows; values z_i·v and scores z_i·k, and the sum of their products
    projected  tokens as rows; queries, keys and values in full, as the formula reads
    attention  all n+1 tokens attend to the context, an (n+1)×(n+1) product, and the last is read
    vmap       the layer for one prompt, mapped over the batch by torch.func.vmap
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

Weights = tuple[Tensor, Tensor, Tensor, Tensor]
"""W_Q, W_K, W_V (d+1, d+1) and h (d+1,)"""


class Drawn:
    """Prompts drawn into one buffer: tokens (batch, n+1, d+1), the query last with 0 in its label slot, and targets (batch,).

    columns  tokens (batch, d+1, n+1), so that the labels of a prompt, and each of its coordinates, lie together in memory
    """

    def __init__(self, d: int, n: int, noise: float, batch: int, *, columns: bool) -> None:
        self.d, self.noise, self.columns = d, noise, columns
        self.tasks = torch.empty(batch, 1, d) if columns else torch.empty(batch, d, 1)
        self.labels = torch.empty(batch, 1, n + 1) if columns else torch.empty(batch, n + 1, 1)
        self.tokens = torch.empty(batch, d + 1, n + 1) if columns else torch.empty(batch, n + 1, d + 1)

    def __call__(self) -> tuple[Tensor, Tensor]:
        z, w, d = self.tokens.normal_(), self.tasks.normal_(), self.d
        if self.columns:
            torch.bmm(w, z[:, :d], out=self.labels)
            y = z[:, d].mul_(self.noise).add_(self.labels[:, 0])
        else:
            torch.bmm(z[..., :d], w, out=self.labels)
            y = z[..., d].mul_(self.noise).add_(self.labels[..., 0])
        target = y[:, -1].clone()
        y[:, -1] = 0
        return z, target


def drawn_afresh(d: int, n: int, noise: float, batch: int) -> tuple[Tensor, Tensor]:
    """The same as it is mostly written."""
    x, w = torch.randn(batch, n + 1, d), torch.randn(batch, d)
    y = torch.einsum("bnd,bd->bn", x, w) + noise * torch.randn(batch, n + 1)
    target = y[:, -1].clone()
    y[:, -1] = 0
    return torch.cat([x, y[..., None]], dim=-1), target


def gram(z: Tensor, weights: Weights) -> Tensor:
    W_Q, W_K, W_V, h = weights
    context, query = z[:, :-1], z[:, -1]
    moments = torch.bmm(context.mT, context)  # (batch, d+1, d+1)
    return ((moments @ (h @ W_V)) * (query @ W_Q.T @ W_K)).sum(-1)


def columns(z: Tensor, weights: Weights) -> Tensor:
    W_Q, W_K, W_V, h = weights
    context, query = z[..., :-1], z[..., -1]
    moments = torch.bmm(context, context.mT)  # (batch, d+1, d+1)
    return ((moments @ (h @ W_V)) * (query @ W_Q.T @ W_K)).sum(-1)


def scores(z: Tensor, weights: Weights) -> Tensor:
    W_Q, W_K, W_V, h = weights
    context, query = z[..., :-1], z[..., -1]
    attended = torch.bmm((query @ W_Q.T @ W_K)[:, None], context)  # (batch, 1, n)
    return torch.bmm(attended, context.mT)[:, 0] @ (h @ W_V)


def vectors(z: Tensor, weights: Weights) -> Tensor:
    W_Q, W_K, W_V, h = weights
    context, query = z[:, :-1], z[:, -1]
    values = context @ (h @ W_V)  # (batch, n)
    attended = torch.bmm(context, (query @ W_Q.T @ W_K)[..., None])[..., 0]  # (batch, n)
    return (values * attended).sum(-1)


def projected(z: Tensor, weights: Weights) -> Tensor:
    W_Q, W_K, W_V, h = weights
    context, query = z[:, :-1], z[:, -1]
    keys, values = context @ W_K.T, context @ W_V.T  # (batch, n, d+1)
    attended = torch.einsum("bnk,bk->bn", keys, query @ W_Q.T)
    return torch.einsum("bn,bnk->bk", attended, values) @ h


def attention(z: Tensor, weights: Weights) -> Tensor:
    W_Q, W_K, W_V, h = weights
    queries, keys, values = z @ W_Q.T, z @ W_K.T, z @ W_V.T  # (batch, n+1, d+1)
    product = queries @ keys.mT  # (batch, n+1, n+1)
    mask = torch.ones(z.shape[1])
    mask[-1] = 0  # the query is not in the context
    return ((product * mask) @ values)[:, -1] @ h


def one_prompt(z: Tensor, weights: Weights) -> Tensor:
    """tokens (n+1, d+1) -> ŷ"""
    W_Q, W_K, W_V, h = weights
    context, query = z[:-1], z[-1]
    return h @ ((context @ W_V.T).T @ ((context @ W_K.T) @ (W_Q @ query)))


def vmap(z: Tensor, weights: Weights) -> Tensor:
    return torch.func.vmap(one_prompt, in_dims=(0, None))(z, weights)


Form = Callable[[Tensor, Weights], Tensor]
REFERENCE: dict[str, Form] = {"gram": gram, "columns": columns, "scores": scores}
OTHERS: dict[str, Form] = {"fresh": gram, "vectors": vectors, "projected": projected, "attention": attention, "vmap": vmap}
COLUMNS = ("columns", "scores")


def training_step(
    name: str, weights: Weights, *, n: int, noise: float, batch: int, learning_rate: float = 1e-4, betas: tuple[float, float] = (0.9, 0.99)
) -> tuple[Callable[[float | None], Tensor], Weights]:
    """One optimiser step of the named form, from a copy of the weights, and the copy that it moves."""
    parameters = tuple(nn.Parameter(weight.clone()) for weight in weights)
    d = len(weights[3]) - 1
    optimiser = torch.optim.Adam(parameters, lr=learning_rate, betas=betas, fused=True)
    predict = (REFERENCE | OTHERS)[name]
    draw = (lambda: drawn_afresh(d, n, noise, batch)) if name == "fresh" else Drawn(d, n, noise, batch, columns=name in COLUMNS)

    def step(rate: float | None = None) -> Tensor:
        z, target = draw()
        loss = (predict(z, parameters) - target).square().mean()
        optimiser.zero_grad()
        loss.backward()
        if rate is not None:
            optimiser.param_groups[0]["lr"] = rate
        optimiser.step()
        return loss

    return step, tuple(parameter.detach() for parameter in parameters)
