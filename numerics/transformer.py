"""A softmax transformer that predicts at every position of the context, and stacks of attention layers without MLP.

Both take whole sequences, x (batch, n+1, d) and y (batch, n+1), and give predictions (batch, lengths): at length k of y_{k+1}, from the
first k examples and x_{k+1}. As modules they take prompts of one query, as the layer does: tokens (batch, k+1, d+1), with 0 in the
query's label slot -> (batch,).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, scaled_dot_product_attention

from numerics.deep_config import DeepConfig, TransformerConfig
from numerics.errors import ModelError


class Block(nn.Module):
    """h ← h + Attention(LayerNorm h), h ← h + MLP(LayerNorm h)"""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention, self.norm_mlp = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query_key_value, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, h: Tensor, seen: Tensor) -> Tensor:
        """h (batch, tokens, width); seen (tokens, k) says to which of the first k tokens each one attends"""
        batch, tokens, width = h.shape
        split = self.query_key_value(self.norm_attention(h)).view(batch, tokens, 3, self.heads, width // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)  # each (batch, heads, tokens, width/heads)
        keys = seen.shape[1]
        attended = scaled_dot_product_attention(query, key[:, :, :keys], value[:, :, :keys], attn_mask=seen)
        h = h + self.out(attended.transpose(1, 2).reshape(batch, tokens, width))
        return h + self.down(gelu(self.up(self.norm_mlp(h))))


class Transformer(nn.Module):
    """Pre-norm blocks over a learned first token, the tokens (x_i, y_i) of the examples and (x_i, 0) of the queries.

    An example attends to the first token, itself and those before it; the query after k examples to the first token and these k. Learned
    vectors tell examples from queries, and how many examples came before. So one pass gives the prediction at every length of the context.
    """

    def __init__(self, *, dimension: int, context: int, depth: int, width: int, heads: int) -> None:
        super().__init__()
        self.dimension, self.context = dimension, context
        self.embed = nn.Linear(dimension + 1, width)
        self.first, self.kind = nn.Parameter(0.02 * torch.randn(width)), nn.Parameter(0.02 * torch.randn(2, width))
        self.position = nn.Parameter(0.02 * torch.randn(context + 1, width))
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm, self.readout = nn.LayerNorm(width), nn.Linear(width, 1)
        with torch.no_grad():  # so that the residual stream does not grow with the depth
            for block in self.blocks:
                for last in (block.get_parameter("out.weight"), block.get_parameter("down.weight")):
                    last.mul_(1 / math.sqrt(2 * depth))

    def at_lengths(self, x: Tensor, y: Tensor) -> Tensor:
        """Predictions (batch, n+1) at every context length 0…n."""
        return self._predicted(x[:, :-1], y[:, :-1], x, torch.arange(x.shape[1], device=x.device))

    def forward(self, tokens: Tensor) -> Tensor:
        x, y = tokens[..., :-1], tokens[..., -1]
        length = tokens.shape[1] - 1
        return self._predicted(x[:, :-1], y[:, :-1], x[:, -1:], torch.tensor([length], device=x.device))[:, 0]

    def _predicted(self, x: Tensor, y: Tensor, queries: Tensor, lengths: Tensor) -> Tensor:
        """x (batch, n, d), y (batch, n), queries (batch, q, d) of which the j-th sees lengths[j] examples -> (batch, q)"""
        examples = x.shape[1]
        if examples > self.context:
            raise ModelError(f"transformer: has learned contexts up to n = {self.context}, got {examples} examples; give fewer.")
        labelled = torch.cat([x, y[..., None]], dim=-1)
        asked = torch.cat([queries, torch.zeros_like(queries[..., :1])], dim=-1)
        h = torch.cat(
            [
                self.first.expand(len(x), 1, -1),
                self.embed(labelled) + self.kind[0] + self.position[1 : examples + 1],
                self.embed(asked) + self.kind[1] + self.position[lengths],
            ],
            dim=1,
        )
        order = torch.arange(examples + 1, device=x.device)
        seen = order <= torch.cat([order, lengths])[:, None]
        for block in self.blocks:
            h = block(h, seen)
        predicted: Tensor = self.readout(self.norm(h[:, examples + 1 :]))[..., 0]
        return predicted


class AttentionStack(nn.Module):
    """Layers e_j ← e_j + Σ_h V_h Σ_i a_ij e_i over the tokens e_i = (x_i, y_i) of the context, for these and the query's (x_q, 0).

    attention
        "linear"   a_ij = e_iᵀ M_h e_j / n
        "softmax"  a_ij = softmax_i (e_iᵀ M_h e_j)
    The prediction is the label slot of the query after the last layer; the query is nobody's key. One linear layer with one head is the
    layer of the theory, with v the last row of V over n. It starts where covariates and labels do not mix, as the layer's matched start
    does: V and M random on the covariates, V on the label.
    """

    def __init__(self, *, attention: str, dimension: int, depth: int, heads: int) -> None:
        super().__init__()
        self.attention, size = attention, dimension + 1
        value, key_query = torch.randn(2, depth, heads, size, size) / math.sqrt(size * depth * heads)
        value[..., :-1, -1] = 0
        value[..., -1, :-1] = 0
        key_query[..., :, -1] = 0
        key_query[..., -1, :] = 0
        self.value, self.key_query = nn.Parameter(value), nn.Parameter(key_query)

    def at_lengths(self, x: Tensor, y: Tensor) -> Tensor:
        """Predictions (batch, 1), at the end of the context."""
        tokens = torch.cat([x, y[..., None]], dim=-1)
        tokens[:, -1, -1] = 0
        return self(tokens)[:, None]

    def forward(self, tokens: Tensor) -> Tensor:
        h = tokens
        for value, key_query in zip(self.value, self.key_query, strict=True):
            context = h[:, None, :-1]  # (batch, 1, n, d+1)
            scores = (h[:, None] @ key_query.mT) @ context.mT  # (batch, heads, n+1, n), rows are the e_j
            weights = scores / context.shape[2] if self.attention == "linear" else scores.softmax(-1)
            h = h + ((weights @ context) @ value.mT).sum(1)
        return h[:, -1, -1]


def initial_deep_model(config: DeepConfig) -> nn.Module:
    """The model of a config with random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        if isinstance(config, TransformerConfig):
            return Transformer(
                dimension=config.dimension, context=config.context, depth=config.depth, width=config.width, heads=config.heads
            )
        return AttentionStack(attention=config.model, dimension=config.dimension, depth=config.depth, heads=config.heads)
