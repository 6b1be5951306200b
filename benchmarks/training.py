"""One training step of the project, of what a user would write instead, and of the floors under both, at the same sizes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from benchmarks import by_hand
from numerics.config import TrainConfig
from numerics.models import SeparateAttention, initial_model
from numerics.moments import MomentSampler
from numerics.run import BETAS
from numerics.samplers import CHUNK, PromptSampler

CPU = torch.device("cpu")
NOISE = 0.5  # σ² = 1/4
OURS = ("moments", "integrated", "tokens")
"""The query drawn with the prompt; integrated over, with all that is linear; prompts drawn token by token, in chunks that fit the cache."""

TOKEN_FLOOR = ("normals of the tokens", "Gram products, in cache")

Step = Callable[[float | None], object]


def initial(d: int, n: int, seed: int) -> SeparateAttention:
    """The weights from which every contender starts."""
    model = initial_model(
        parametrisation="separate",
        initialisation="matched",
        dimension=d,
        context=n,
        scale=1.0,
        dtype=torch.float32,
        generator=Generator().manual_seed(seed),
    )
    assert isinstance(model, SeparateAttention)
    return model


def weights(model: SeparateAttention) -> by_hand.Weights:
    return tuple(w.detach() for w in (model.W_Q, model.W_K, model.W_V, model.h))  # type: ignore[return-value]


def ours(
    name: str, d: int, n: int, batch: int, *, seed: int = 0, learning_rate: float = 1e-4, betas: tuple[float, float] = BETAS
) -> tuple[Step, by_hand.Weights]:
    """A step as `numerics.run` takes it, and the weights that it moves."""
    setting = TrainConfig.build(dimension=d, context=n, noise="1/4").setting
    model = initial(d, n, seed)
    optimiser = torch.optim.Adam(model.parameters(), lr=learning_rate, betas=betas, fused=True)
    generator = Generator().manual_seed(seed + 1)
    if name == "tokens":
        prompts = PromptSampler(setting, dtype=torch.float32, device=CPU, generator=generator)
    else:
        query = "integrated" if name == "integrated" else "drawn"
        sampler = MomentSampler(setting, dtype=torch.float32, device=CPU, generator=generator, query=query)

    def loss() -> Tensor:
        if name != "tokens":
            return sampler.loss(model.value_vector(), model.key_query(), batch)
        drawn = prompts.moments(batch)
        return (model.from_moments(drawn.moments, drawn.query) - drawn.target).square().mean()

    def step(rate: float | None = None) -> Tensor:
        value = loss()
        optimiser.zero_grad()
        value.backward()
        if rate is not None:
            optimiser.param_groups[0]["lr"] = rate
        optimiser.step()
        return value

    return step, weights(model)


def hand_written(
    name: str, d: int, n: int, batch: int, *, seed: int = 0, learning_rate: float = 1e-4, betas: tuple[float, float] = BETAS
) -> tuple[Step, by_hand.Weights]:
    """The named step of `by_hand` from the same weights, and the weights that it moves."""
    torch.manual_seed(seed + 1)
    return by_hand.training_step(
        name, weights(initial(d, n, seed)), n=n, noise=NOISE, batch=batch, learning_rate=learning_rate, betas=betas
    )


def floors(d: int, n: int, batch: int) -> dict[str, Callable[[], object]]:
    """What no step of its kind can avoid: to draw its normals (in chunks that fit the cache, the fastest way), and the Gram products."""
    p, generator = d + 1, Generator().manual_seed(0)
    chunk, fewest = torch.empty(CHUNK), torch.empty(batch * (2 * p + 2 * d + 1))
    size = max(1, CHUNK // (n * p))
    tokens, grams = torch.randn(size, n, p), torch.empty(size, p, p)

    def normals_of_tokens() -> None:
        left = batch * ((n + 1) * p + d)
        while left > 0:
            chunk[:left].normal_(generator=generator)
            left -= CHUNK

    def gram_products() -> None:
        for _ in range(-(-batch // size)):
            torch.bmm(tokens.mT, tokens, out=grams)

    return {
        TOKEN_FLOOR[0]: normals_of_tokens,
        TOKEN_FLOOR[1]: gram_products,
        "normals of the moments": lambda: fewest.normal_(generator=generator),
    }
