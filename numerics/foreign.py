"""A model of anyone's as a checked function of prompts.

A torch module is given tensors on its own device and in its own dtype, any other callable float64 arrays of numpy. Nothing about it is
trusted: what is wrong with it is a ModelError of one line that says in which stage, for which prompt, and what to do.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from numerics.errors import ModelError
from numerics.evaluate import DTYPE

TRIED = 64
"""Prompts on which it is tried whether predictions are a function of their prompt alone"""
FINEST, COARSEST = 1e-9, 0.05
"""Relative changes of a prediction that are rounding: 1000 units in the last place of the model's dtype, but within these bounds."""
GREATEST = 1e75
"""Of which the fourth power is still a float64"""
DIFFERENCE = 1e-5
"""The step of central differences in x_q, relative to its size, of a float64 function; in other dtypes the cube root of their rounding"""


class ForeignModel:
    """A model as a function of float64 tokens (batch, n+1, d+1), the query last with 0 in its label slot: predictions (batch,), float64."""

    def __init__(self, model: Callable[..., Any]) -> None:
        if not callable(model):
            raise ModelError(f"model: must be a torch.nn.Module or a function from prompts to predictions, got a {type(model).__name__}.")
        self.model, self.is_module = model, isinstance(model, nn.Module)
        self.device, self.dtype = torch.device("cpu"), DTYPE
        if isinstance(model, nn.Module):
            for weight in chain(model.parameters(), model.buffers()):
                if weight.is_floating_point():
                    self.device, self.dtype = weight.device, weight.dtype
                    break
        self.rounding = min(COARSEST, max(FINEST, 1000 * torch.finfo(self.dtype).eps))

    def __call__(self, tokens: Tensor, stage: str) -> Tensor:
        """The predictions; `stage` says in errors what they were for."""
        given = self._input(tokens)
        before = self._input(tokens)
        with torch.no_grad():
            returned = self._returned(given, stage)
        if not bool((given == before).all()):
            raise ModelError(f"{stage}: the model changed the prompts that it was given; work on a copy of them.")
        return self._checked(returned, len(tokens), stage)

    def sensitivity(self, tokens: Tensor, stage: str) -> tuple[Tensor, str]:
        """∂ŷ/∂x_q (batch, d), and how it was found: by automatic differentiation where the model is a module that allows it."""
        found = self._differentiated(tokens, stage) if self.is_module else None
        if found is not None:
            return found, "automatic differentiation"
        size = tokens[:, -1, :-1].square().mean().sqrt()
        width = float(size) * max(DIFFERENCE, torch.finfo(self.dtype).eps ** (1 / 3))
        columns = []
        for a in range(tokens.shape[-1] - 1):
            above, below = tokens.clone(), tokens.clone()
            above[:, -1, a] += width
            below[:, -1, a] -= width
            columns.append((self(above, stage) - self(below, stage)) / (2 * width))
        return torch.stack(columns, dim=-1), "central differences"

    def _input(self, tokens: Tensor) -> Any:
        return tokens.to(device=self.device, dtype=self.dtype, copy=True) if self.is_module else tokens.numpy().copy()

    def _returned(self, given: Any, stage: str) -> Any:
        try:
            return self.model(given)
        except Exception as error:
            told = (str(error).splitlines() or [""])[0]
            shape = "×".join(map(str, given.shape))
            hint = "" if self.is_module else "; it is no torch.nn.Module, so it was given a numpy array"
            raise ModelError(f"{stage}: the model raised {type(error).__name__}: {told} (prompts {shape}{hint}).") from error

    def _checked(self, returned: Any, count: int, stage: str) -> Tensor:
        if self.is_module and not isinstance(returned, Tensor):
            raise ModelError(
                f"{stage}: the model returned a {type(returned).__name__}, expected a tensor ({count},); return the predictions."
            )
        try:
            predicted = returned.detach().cpu() if isinstance(returned, Tensor) else torch.from_numpy(np.array(returned))
        except (TypeError, ValueError):  # no numbers, or of uneven lengths
            raise ModelError(f"{stage}: the model returned a {type(returned).__name__}, expected an array ({count},) of numbers.") from None
        if tuple(predicted.shape) not in ((count,), (count, 1)):
            raise ModelError(
                f"{stage}: the model returned shape {tuple(predicted.shape)} for {count} prompts, expected ({count},) or ({count}, 1): one "
                "prediction for the query of each prompt."
            )
        if predicted.is_complex():
            raise ModelError(f"{stage}: the model returned complex numbers ({predicted.dtype}), expected real ones.")
        predicted = predicted.to(DTYPE).reshape(count)
        bad = ~(predicted.abs() < GREATEST)
        if bad.any():
            first = int(bad.nonzero()[0])
            raise ModelError(
                f"{stage}: {int(bad.sum())} of {count} predictions are not finite (below {GREATEST:g}), the first "
                f"{float(predicted[first])} at prompt {first}; mend the weights or the model."
            )
        return predicted

    def _differentiated(self, tokens: Tensor, stage: str) -> Tensor | None:
        given = self._input(tokens).requires_grad_()
        try:
            with torch.enable_grad():
                (slope,) = torch.autograd.grad(self._returned(given, stage).sum(), given, allow_unused=True)
        except (ModelError, RuntimeError):  # it is cut off from its input, or leaves torch
            return None
        if slope is None or not bool(torch.isfinite(slope).all()):
            return None
        return slope[:, -1, :-1].cpu().to(DTYPE)

    def try_out(self, tokens: Tensor) -> None:
        """Whether a prediction depends on its prompt alone: not on chance, nor on the other prompts or their order."""
        tokens = tokens[:TRIED]
        first = self(tokens, "first call")
        size = float(first.square().mean().sqrt()) or 1.0
        few = max(2, len(tokens) // 9)
        again = self(tokens, "second call")
        self._refuse_change(
            first, again, size, "the same prompts gave other predictions when asked again", "model.eval() turns dropout off"
        )
        for what, part, expected in (("fewer", tokens[:few], first[:few]), ("its prompts in reverse order", tokens.flip(0), first.flip(0))):
            told = f"a prediction depends on the other prompts of its batch (asked with {what})"
            self._refuse_change(expected, self(part, f"call with {what}"), size, told, "model.eval() turns batch statistics off")

    def _refuse_change(self, expected: Tensor, predicted: Tensor, size: float, what: str, mend: str) -> None:
        change = (predicted - expected).abs()
        worst = int(change.argmax())
        if float(change[worst]) > self.rounding * max(size, float(expected[worst].abs())):
            raise ModelError(
                f"model: {what}: {float(expected[worst]):.6g} became {float(predicted[worst]):.6g}; {mend}, and a prediction must be a "
                "function of its prompt."
            )
