"""Weights in other papers' parametrisations: read from files as a model of prompts, and written. Nothing in a file is ever run."""

from __future__ import annotations

import io
import os
import pickle
import pickletools
import re
import tarfile
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from sympy import MatrixSymbol
from torch import Tensor, nn

from numerics.errors import ModelError, WeightsError
from numerics.evaluate import DTYPE, compile_expression, to_exact, to_tensor
from theory import AttentionError, LinearAttention, TheoryError, conventions
from theory.conventions import Convention, J_x, e_y
from theory.notation import d, n

NESTED = ("model_state_dict", "model", "state_dict")
"""Where torch files keep a state dict among other things."""
SHOWN = 8
"""How many keys of a file a message lists."""


class ImportedAttention(nn.Module):
    """A layer in a paper's own weights, as a function of prompts: tokens (batch, n+1, d+1) -> predictions (batch,), float64.

    weights     the parameters by the paper's names, each (H, rows, columns) for H heads
    unused      keys of the file that the convention has no place for: what they do in the model is not done here

    Raises WeightsError for weights that do not fit the convention. Nothing here is trained.
    """

    def __init__(self, convention: Convention, weights: Mapping[str, Tensor], unused: Iterable[str] = ()) -> None:
        super().__init__()
        heads = {name: len(weight) for name, weight in weights.items()}
        if len(set(heads.values())) != 1 or 0 in heads.values():
            counts = _listed(f"{name} {count}" for name, count in heads.items())
            raise WeightsError(f"{convention.name}: all weights must have as many heads, at least one, got {counts}.")
        try:
            sizes = convention.sizes({name: tuple(weight.shape[1:]) for name, weight in weights.items()})
        except AttentionError as error:
            raise WeightsError(str(error)) from None
        self.convention, self.dimension, self.unused = convention, sizes[d], tuple(unused)
        kept = {name: nn.Parameter(weights[name].detach().to(DTYPE).clone(), requires_grad=False) for name in convention.names}
        self.weights = nn.ParameterDict(kept)
        self._value, self._key_query = compile_expression(convention.value), compile_expression(convention.key_query)

    @property
    def query_in_sum(self) -> bool:
        """Whether the query token is in the sum over tokens"""
        return self.convention.query_in_sum

    @property
    def normalised(self) -> bool:
        """Whether the sum is divided by the context length of the prompt at hand"""
        return self.convention.normalised

    @property
    def value(self) -> Tensor:
        """v of each head (H, d+1), before the division by n where `normalised`"""
        return self.value_at(1)

    @property
    def key_query(self) -> Tensor:
        """M of each head (H, d+1, d+1)"""
        return self._of_heads(self._key_query(self._symbols(1)))

    def value_at(self, context_length: int) -> Tensor:
        """v of each head (H, d+1) in the sum convention, at this context length"""
        return self._of_heads(self._value(self._symbols(context_length)))[..., 0]

    def _of_heads(self, matrix: Tensor) -> Tensor:
        """With the axis of heads, also where the weights do not enter"""
        return matrix.expand(len(next(iter(self.weights.values()))), *matrix.shape[-2:])

    def _symbols(self, context_length: int) -> dict[Any, Tensor]:
        weights = {symbol: self.weights[symbol.name] for symbol in self.convention.parameters}
        like = next(iter(weights.values()))
        unit = torch.eye(self.dimension + 1, dtype=like.dtype, device=like.device)
        return {**weights, e_y: unit[:, -1:], J_x: unit[:, :-1], n: like.new_tensor(context_length)}

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens (batch, n+1, d+1), the query last with 0 in its label slot -> predictions (batch,)"""
        if tokens.ndim != 3 or tokens.shape[2] != self.dimension + 1 or tokens.shape[1] < 1 + self.normalised:
            least = " and n ≥ 1" if self.normalised else ""
            raise ModelError(f"tokens: must be (batch, n+1, d+1) with d = {self.dimension}{least}, got {tuple(tokens.shape)}.")
        if (tokens[:, -1, -1] != 0).any():
            raise ModelError("tokens: the query's label slot [:, -1, -1] must be 0; the label is what is predicted.")
        tokens = tokens.to(DTYPE)
        query = tokens[:, -1]
        summed = tokens if self.query_in_sum else tokens[:, :-1]
        values = summed @ self.value_at(tokens.shape[1] - 1).T  # (batch, tokens, H)
        directions = torch.einsum("hkl,bl->bhk", self.key_query, query)
        return (values * (summed @ directions.mT)).sum((1, 2))

    def to_theory(self, context_length: int) -> LinearAttention:
        """The layer as theory's, every weight taken as the rational that it is. Raises ModelError where no LinearAttention predicts the
        same: several heads, or a query token in the sum whose term does not vanish."""
        weights = {name: self.weights[name].cpu() for name in self.convention.names}
        heads = len(next(iter(weights.values())))
        if heads > 1:
            raise ModelError(f"{self.convention.name}: {heads} heads are a sum of {heads} layers, in general no single one; convert each.")
        try:
            return self.convention.layer({name: to_exact(weight[0]) for name, weight in weights.items()}, context_length)
        except AttentionError as error:
            raise ModelError(str(error)) from None

    def extra_repr(self) -> str:
        return f"{self.convention.name}, d = {self.dimension}, heads = {len(self.value)}"


def load(path: str | os.PathLike[str], convention: str) -> ImportedAttention:
    """The model in a file of weights, .safetensors, .npz or a torch state dict (.pt, .pth, .bin), in a convention of `theory.conventions`.

    Keys are the names of the convention's parameters; a prefix (`attn.W_K`) and a suffix `.weight` are tolerated where only one key fits.
    All floating point numbers are widened to float64. Raises WeightsError, of one line.
    """
    path, where = _located(path)
    try:
        chosen = conventions.named(convention)
    except AttentionError as error:
        raise WeightsError(str(error)) from None
    try:
        found = _read(path)
        keys = _keys(found, chosen)
        weights = {symbol.name: _heads(symbol, keys[symbol.name], found, chosen) for symbol in chosen.parameters}
        return ImportedAttention(chosen, weights, unused=(key for key in found if key not in keys.values()))
    except WeightsError as error:
        raise WeightsError(f"{where}: {error}") from None


def save(
    path: str | os.PathLike[str], layer: LinearAttention | tuple[Tensor, Tensor], convention: str, context_length: int
) -> dict[str, Tensor]:
    """Writes a layer that sums over the context as weights of a convention, which `load` reads; the suffix says the kind of file.

    layer           exact, or v (d+1,) and M (d+1, d+1) in floating point, each number taken as the rational that it is
    context_length  the length at which the weights predict what the layer does; it matters where the paper divides by it

    Returns the weights, float64, each rounded once. Raises WeightsError, of one line, also where the paper has no such weights.
    """
    path, where = _located(path)
    written = WRITERS.get(path.suffix.lower())
    if written is None:
        raise WeightsError(f"{where}: the suffix must be one of {', '.join(WRITERS)}.")
    if getattr(context_length, "free_symbols", None):
        raise WeightsError(f"{where}: context_length must be a number where weights are written, got {context_length}.")
    try:
        exact = conventions.named(convention).weights(_exact_layer(layer), context_length)
        weights = {name: _rounded(name, matrix) for name, matrix in exact.items()}
    except (TheoryError, WeightsError) as error:
        raise WeightsError(f"{where}: {error}") from None
    try:
        path.write_bytes(written(weights))
    except (OSError, ValueError) as error:
        raise WeightsError(f"{where}: cannot be written ({getattr(error, 'strerror', None) or error}).") from None
    return weights


def _located(path: str | os.PathLike[str]) -> tuple[Path, str]:
    """The path, and how a message names it"""
    try:
        return Path(path), f"weights {_printable(str(path))}"
    except TypeError:
        raise WeightsError(f"weights: path must be a path, got a {type(path).__name__}.") from None


def _rounded(name: str, matrix: Any) -> Tensor:
    """An exact weight in float64"""
    tensor = to_tensor(matrix)
    for i, j in (~tensor.isfinite()).nonzero()[:1].tolist():
        raise WeightsError(f"{name}[{i}, {j}] = {matrix[i, j].evalf(3)} is beyond the greatest float64; weights must be finite there.")
    return tensor


def _exact_layer(layer: LinearAttention | tuple[Tensor, Tensor]) -> LinearAttention:
    if isinstance(layer, LinearAttention):
        if not layer.is_explicit or layer.value.free_symbols or layer.key_query.free_symbols:
            raise AttentionError("save: the layer must have numbers for its parameters, not symbols.")
        return layer
    if not isinstance(layer, tuple | list) or len(layer) != 2:
        got = f"a {type(layer).__name__}" + (f" of length {len(layer)}" if isinstance(layer, tuple | list) else "")
        raise WeightsError(f"save: layer must be a LinearAttention, or v and M as a pair of tensors, got {got}.")
    value, key_query = (_weight(_tensor(part, name), name).cpu() for part, name in zip(layer, ("v", "M"), strict=True))
    if value.ndim != 1 or key_query.shape != (len(value), len(value)):
        raise WeightsError(f"save: needs v (d+1,) and M (d+1, d+1), got {tuple(value.shape)} and {tuple(key_query.shape)}.")
    return LinearAttention(to_exact(value[:, None]), to_exact(key_query))


def _tensor(part: Any, name: str) -> Tensor:
    try:
        return torch.as_tensor(part)
    except (TypeError, ValueError, RuntimeError):
        raise WeightsError(f"save: {name} must be a tensor, got a {type(part).__name__}.") from None


def _read(path: Path) -> dict[str, Any]:
    """The tensors or arrays of a file by their keys, in the order of those"""
    kind, read = READERS.get(path.suffix.lower(), ("", None))
    if read is None:
        raise WeightsError(f"has the unknown suffix {_printable(path.suffix)!r}; the suffix must be one of {', '.join(READERS)}.")
    try:
        if path.exists() and not path.is_file():
            raise WeightsError("is not a file.")
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        raise WeightsError(f"cannot be read ({getattr(error, 'strerror', None) or error}); give a file of weights.") from None
    if not content:
        raise WeightsError("is empty.")
    try:
        return dict(sorted(read(content).items()))
    except WeightsError:
        raise
    except Exception as error:  # damaged bytes make the parsers raise errors of every kind
        cause = str(error).rpartition("WeightsUnpickler error:")[2].strip() or type(error).__name__
        raise WeightsError(
            f"cannot be read as {kind} ({_printable(cause.splitlines()[0])}); is the file whole, and its suffix the right one?"
        ) from None


def _from_npz(content: bytes) -> dict[str, Any]:
    try:
        archive = np.load(io.BytesIO(content), allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise WeightsError("holds one array without a name; save with numpy.savez.")
        return dict(archive)
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        names = ["object arrays"] if "Object arrays" in str(error) else _names_called(content)
        raise _would_run(names) if names else ValueError("not a zip archive") from None


def _from_torch(content: bytes) -> dict[str, Any]:
    if tarfile.is_tarfile(io.BytesIO(content)):  # torch before 2.6 unpickles these even where it is told to read weights only
        raise _would_run(["torch's first format, a tar archive"])
    try:
        with warnings.catch_warnings(action="ignore"):  # what torch says of odd files is said in the error, where it is one
            found = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        refused = re.search(r"GLOBAL (\S+)", str(error))
        names = [refused[1]] if refused else _names_called(content)
        if not names:
            raise
        raise _would_run(names) from None
    for key in NESTED * 2:  # either may hold the other; a loop without end would follow a dict that holds itself
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
    if not isinstance(found, Mapping):
        raise WeightsError(f"holds a {type(found).__name__}, not a state dict; save model.state_dict().")
    return {str(key): value for key, value in found.items() if isinstance(value, Tensor)}


def _would_run(names: Iterable[str]) -> WeightsError:
    return WeightsError(f"is a pickle that would run code ({_listed(names)}); nothing was run. Save a state dict or safetensors.")


def _names_called(content: bytes) -> list[str]:
    """What a bare pickle names to be called, read without running it"""
    texts: list[str] = []
    names: dict[str, None] = {}
    with suppress(Exception):  # the rest of a damaged pickle names nothing
        for operation, argument, _ in pickletools.genops(content):
            if operation.name == "GLOBAL":
                names[str(argument).replace(" ", ".")] = None
            elif operation.name == "STACK_GLOBAL":
                names[".".join(texts[-2:])] = None
            if isinstance(argument, str):
                texts.append(argument)
    return list(names)


READERS: dict[str, tuple[str, Callable[[bytes], dict[str, Any]]]] = {
    ".safetensors": ("safetensors", safetensors.torch.load),
    ".npz": ("an npz archive", _from_npz),
    **dict.fromkeys((".pt", ".pth", ".bin"), ("a torch state dict", _from_torch)),
}


def _npz(weights: dict[str, Tensor]) -> bytes:
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {name: weight.numpy() for name, weight in weights.items()}
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def _state_dict(weights: dict[str, Tensor]) -> bytes:
    buffer = io.BytesIO()
    torch.save(weights, buffer)
    return buffer.getvalue()


WRITERS: dict[str, Callable[[dict[str, Tensor]], bytes]] = {
    ".safetensors": safetensors.torch.save,
    ".npz": _npz,
    **dict.fromkeys((".pt", ".pth", ".bin"), _state_dict),
}


def _keys(found: Mapping[str, Any], chosen: Convention) -> dict[str, str]:
    """The key of each parameter: its name, or else the only key that is its name with a prefix or the suffix `.weight`."""
    keys = {}
    missing = [name for name in chosen.names if not _fitting(name, found)]
    if missing:
        others = [other.name for other in conventions.CONVENTIONS.values() if all(_fitting(name, found) for name in other.names)]
        mend = f"its keys are those of the convention {' or '.join(others)}" if others else f"name its weights {', '.join(chosen.names)}"
        raise WeightsError(f"has no {', '.join(missing)} of the convention {chosen.name}, only {_listed(found)}; {mend}.")
    for name in chosen.names:
        fitting = _fitting(name, found)
        if name not in fitting and len(fitting) > 1:
            raise WeightsError(f"has several keys for {name} ({_listed(fitting)}); save one layer alone.")
        keys[name] = name if name in fitting else fitting[0]
        biases = [key for key in _fitting(name, found, r"\.bias") if _weight(found[key], key).any()]
        if biases:
            raise WeightsError(f"{_listed(biases)} is not 0, and the convention {chosen.name} has no bias.")
    return keys


def _fitting(name: str, found: Iterable[str], suffix: str = r"(\.weight)?") -> list[str]:
    return [key for key in found if re.fullmatch(rf"(.*[./])?{name}{suffix}", key, re.DOTALL)]


def _heads(symbol: MatrixSymbol, key: str, found: Mapping[str, Any], chosen: Convention) -> Tensor:
    """A parameter as (H, rows, columns); a column may be saved without its second axis, and one head without the first."""
    tensor = _weight(found[key], key)
    if tensor.ndim == 1 and symbol.shape[1] == 1:
        tensor = tensor[:, None]
    return tensor if chosen.several_heads and tensor.ndim == 3 else tensor[None]


def _weight(found: Any, key: str) -> Tensor:
    """One entry of a file in float64, refused where it is not an array of finite real floating point numbers"""
    if isinstance(found, Tensor):
        fit = found.dtype.is_floating_point and found.layout == torch.strided and not found.is_meta
    else:
        fit = found.dtype.kind == "f"
    if not fit:
        raise WeightsError(f"{_printable(key)} is {found.dtype}; weights must be dense arrays of real floating point numbers.")
    tensor = found.detach().to(DTYPE) if isinstance(found, Tensor) else torch.from_numpy(found.astype(np.float64))
    for place in (~tensor.isfinite()).nonzero()[:1].tolist():
        raise WeightsError(f"{_printable(key)}{place} is {float(tensor[tuple(place)])}; weights must be finite.")
    return tensor


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)


def _listed(names: Iterable[str]) -> str:
    """Names in one line, the first few of many"""
    shown = [_printable(name) for name in names]
    more = f", … ({len(shown)} in all)" if len(shown) > SHOWN else ""
    return (", ".join(shown[:SHOWN]) + more) or "nothing"
