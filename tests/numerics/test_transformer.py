"""The models with several layers: what each prediction depends on, and the layer that a stack of one linear layer is."""

import pytest
import torch

from numerics.deep_config import build_config
from numerics.errors import ModelError
from numerics.models import MergedAttention
from numerics.transformer import AttentionStack, Transformer, initial_deep_model

MODELS = {
    "transformer": {"depth": 2, "width": 8, "heads": 2},
    "linear": {"depth": 3, "heads": 2},
    "softmax": {"depth": 2, "heads": 2},
}


def model_of(name, d=2, n=4):
    config = build_config({"model": name, "dimension": d, "context": n, **MODELS[name]})
    return initial_deep_model(config).double()


def sequences(d=2, n=4, batch=3):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(batch, n + 1, d, dtype=torch.float64, generator=generator), torch.randn(
        batch, n + 1, dtype=torch.float64, generator=generator
    )


def tokens_of(x, y, length):
    tokens = torch.cat([x, y[..., None]], -1)[:, : length + 1].clone()
    tokens[:, -1, -1] = 0
    return tokens


def test_one_pass_is_every_prompt():
    model, (x, y) = model_of("transformer"), sequences()
    together = model.at_lengths(x, y)
    alone = torch.stack([model(tokens_of(x, y, length)) for length in range(5)], 1)
    assert torch.allclose(together, alone)


def test_no_prediction_sees_its_label_or_what_comes_after():
    model, (x, y) = model_of("transformer"), sequences()
    before = model.at_lengths(x, y)
    for length in range(5):
        x_other, y_other = x.clone(), y.clone()
        y_other[:, length:] += 1
        x_other[:, length + 1 :] += 1
        after = model.at_lengths(x_other, y_other)
        assert torch.allclose(after[:, : length + 1], before[:, : length + 1])
        if length < 4:
            assert (after[:, length + 1 :] - before[:, length + 1 :]).abs().min() > 1e-9  # and each later one does see them


@pytest.mark.parametrize("name", ["linear", "softmax"])
def test_a_stack_ignores_the_label_of_the_query_and_the_order(name):
    model, (x, y) = model_of(name), sequences()
    before = model.at_lengths(x, y)
    changed = y.clone()
    changed[:, -1] += 1
    assert torch.equal(model.at_lengths(x, changed), before)
    order = torch.tensor([2, 0, 3, 1, 4])
    assert torch.allclose(model.at_lengths(x[:, order], y[:, order]), before)


def test_one_linear_layer_is_the_layer_of_the_theory():
    stack, (x, y) = AttentionStack(attention="linear", dimension=2, depth=1, heads=1).double(), sequences()
    layer = MergedAttention(stack.value[0, 0, -1].detach() / 4, stack.key_query[0, 0].detach())
    assert torch.allclose(stack(tokens_of(x, y, 4)), layer(tokens_of(x, y, 4)))


def test_several_layers_by_loops():
    """Each token, each head and each key by itself"""
    for name in ("linear", "softmax"):
        model, (x, y) = model_of(name), sequences(batch=1)
        h = tokens_of(x, y, 4)[0]
        for V, M in zip(model.value, model.key_query, strict=True):
            new = []
            for e in h:
                total = e.clone()
                for head in range(2):
                    scores = torch.stack([h[i] @ M[head] @ e for i in range(4)])
                    weights = scores / 4 if name == "linear" else torch.exp(scores) / torch.exp(scores).sum()
                    total = total + sum(weights[i] * (V[head] @ h[i]) for i in range(4))
                new.append(total)
            h = torch.stack(new)
        assert torch.allclose(model(tokens_of(x, y, 4))[0], h[-1, -1])


def test_contexts_longer_than_learned_are_refused():
    model, (x, y) = model_of("transformer", n=3), sequences()
    with pytest.raises(ModelError, match="n = 3, got 4"):
        model(tokens_of(x, y, 4))


def test_the_transformer_is_torchs_own():
    """The same weights in torch.nn.TransformerEncoderLayer, pre-norm, give the same block."""
    model = Transformer(dimension=2, context=4, depth=1, width=8, heads=2).double()
    block = model.blocks[0]
    layer = torch.nn.TransformerEncoderLayer(
        8, 2, dim_feedforward=32, dropout=0.0, activation="gelu", batch_first=True, norm_first=True, dtype=torch.float64
    )
    with torch.no_grad():
        layer.self_attn.in_proj_weight.copy_(block.query_key_value.weight)
        layer.self_attn.in_proj_bias.copy_(block.query_key_value.bias)
        for ours, theirs in (
            (block.out, layer.self_attn.out_proj),
            (block.up, layer.linear1),
            (block.down, layer.linear2),
            (block.norm_attention, layer.norm1),
            (block.norm_mlp, layer.norm2),
        ):
            theirs.weight.copy_(ours.weight)
            theirs.bias.copy_(ours.bias)
    h = torch.randn(3, 6, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    seen = torch.ones(6, 6, dtype=torch.bool).tril()
    assert torch.allclose(block(h, seen), layer(h, src_mask=~seen))
