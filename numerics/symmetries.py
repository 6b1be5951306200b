"""Symmetries of a setting that a model need not have: the order of the examples, rotations of the covariates, the sign of the labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from numerics.coordinates import Coordinates
from numerics.foreign import ForeignModel
from numerics.observed import split, with_labels
from theory import TheoryError
from theory.coefficients import coefficients


class Symmetry(NamedTuple):
    """change is the root mean square of what ŷ changes by, relative to that of ŷ; the witness is the prompt at which it changes most, with
    the predictions `before` and `after`. None where the setting has not the symmetry, and the model need not have it."""

    name: str
    change: float | None
    prompt: int
    before: float
    after: float

    @property
    def line(self) -> str:
        """What is broken, by how much, at which prompt"""
        return (
            f"it is not equivariant under {self.name}: its prediction changes by {100 * (self.change or 0):.3g} % (root mean square), "
            f"at prompt {self.prompt} from {self.before:.4g} to {self.after:.4g}"
        )


def symmetries(model: ForeignModel, coordinates: Coordinates, tokens: Tensor, seed: int) -> list[Symmetry]:
    """Each of the three, on tokens (batch, n+1, d+1)."""
    generator = Generator().manual_seed(seed)
    _, y, _ = split(tokens)

    def permuted() -> Tensor:
        order = torch.rand(y.shape, generator=generator, dtype=tokens.dtype).argsort(dim=-1)
        context = tokens[:, :-1].gather(1, order[..., None].expand(-1, -1, tokens.shape[-1]))
        return torch.cat([context, tokens[:, -1:]], dim=1)

    def rotated() -> Tensor:
        d = coordinates.dimension
        normal = torch.randn(len(tokens), d, d, generator=generator, dtype=tokens.dtype)
        turn, root = torch.linalg.qr(normal)[0], coordinates.root
        changed = tokens.clone()
        changed[..., :-1] = tokens[..., :-1] @ torch.linalg.inv(root) @ turn @ root  # whitened, turned, and back
        return changed

    found = [_tried(model, "the order of the examples", tokens, permuted, 1)]
    if has_no_preferred_direction(coordinates):
        found.append(_tried(model, "rotations of the covariates", tokens, rotated, 1))
    else:
        found.append(Symmetry("rotations of the covariates", None, 0, 0.0, 0.0))
    found.append(_tried(model, "the sign of the labels", tokens, lambda: with_labels(tokens, -y), -1))
    return found


def has_no_preferred_direction(coordinates: Coordinates) -> bool:
    """Whether the loss of the setting is that of isotropic covariates and task vectors, in whitened coordinates"""
    try:
        coefficients(coordinates.objective.setting)
    except TheoryError:
        return False
    return True


def _tried(model: ForeignModel, name: str, tokens: Tensor, changed: Callable[[], Tensor], sign: int) -> Symmetry:
    before = model(tokens, f"symmetry under {name}")
    after = sign * model(changed(), f"symmetry under {name}") + 0.0  # and no −0
    change = (after - before).abs()
    size = float(before.square().mean()) ** 0.5
    worst = int(change.argmax())
    relative = float(change.square().mean()) ** 0.5 / size if size else 0.0
    return Symmetry(name, relative, worst, float(before[worst]), float(after[worst]))
