"""All that is measured of a model on fresh prompts of a setting, and what theory says beside it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from numerics.alignment import Alignment, align, typical
from numerics.atlas import Atlas
from numerics.coordinates import Coordinates
from numerics.effective import LARGEST, EffectiveStep, effective_step, least_prompts
from numerics.errors import ConfigError
from numerics.exact_weights import ExactWeights, exact, weights_of
from numerics.foreign import TRIED, ForeignModel
from numerics.intervals import BATCHES, Interval, mean_of, quotient_of
from numerics.lengths import moments_of_least_squares
from numerics.nearest import Member, nearest, prediction_of
from numerics.objective import ExactObjective
from numerics.observed import Observed, drawn, fresh, observe
from numerics.predictors import is_ridge_bayes
from numerics.samplers import FRESH_NORMALS
from numerics.shifts import Shifted, bayes_of, measure, objective_of
from numerics.symmetries import Symmetry, symmetries
from theory import Setting, TheoryError

MOST = 1 << 16
"""Prompts by default, unless they are long"""
SLOPES = 2048
"""Prompts at which the model is differentiated"""
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Distance:
    """E (ŷ − ŷ')² to a reference ŷ', and the same in units of E ŷ*²; without an interval (ends NaN) where the square has no variance.

    kind   of a stationary point of the loss, where it is one and the kind is known; `tried` members of its family were tried
    """

    name: str
    square: Interval
    relative: Interval
    stationary: bool = False
    kind: str | None = None
    tried: int | None = None

    @property
    def label(self) -> str:
        """The name, with the kind"""
        return self.name if self.kind is None or self.kind in self.name else f"{self.name}, {self.kind}"


@dataclass(frozen=True)
class BesideRidge:
    """Quotients of E (ŷ − ŷ')² to ridge with λ = σ² and to others, on the same prompts. None where there is nothing to divide by.

    parameter   λ̂ of the ridge that is nearest to the model
    excess      to ridge, over the Bayes risk less σ²; None where ridge is not the Bayes predictor
    closer      to the best step, over that to ridge
    to_nearest, to_least_squares   to ridge, over that to ridge with λ̂ and to least squares. Squares below are cut at E y², so that their
                means exist for any reference, and the quotient can only be larger
    """

    parameter: float
    excess: Interval | None
    closer: Interval | None
    to_nearest: Interval | None
    to_least_squares: Interval | None


@dataclass(frozen=True)
class Measures:
    """Everything. Losses of theory are exact; intervals as in `intervals`.

    unit            E ŷ*² of theory's best step, exact; E y² where that step is 0
    bayes           the Bayes risk, None where it is not known, for the reason `bayes_unknown`
    gain            risk − L*, with the best step on the same prompts as control variate
    unexplained, even_share, rest_share   of E ŷ²: of ŷ − g·Bx_q, of the part even in the labels, of the odd part less the step
    rounding        relative changes that are none in the model's dtype
    beside_ridge      None unless responses are linear
    without_mean      references that E (ŷ − ŷ')² is infinite to
    families_unknown  why the stationary families are not listed
    weights_unknown   why a linear layer's weights are not compared
    """

    setting: Setting
    objective: ExactObjective
    coordinates: Coordinates
    prompts: int
    seed: int
    observed: Observed
    risk: Interval
    gain: Interval
    bayes: float | None
    bayes_unknown: str | None
    unit: float
    effective: EffectiveStep
    even_share: Interval
    rest_share: Interval
    unexplained: Interval
    distances: tuple[Distance, ...]
    beside_ridge: BesideRidge | None
    without_mean: tuple[str, ...]
    families_unknown: str | None
    alignment: dict[str, Alignment]
    differentiated: str
    typical: tuple[float, float]
    shifted: tuple[Shifted, ...]
    weights: ExactWeights | None
    weights_unknown: str | None
    symmetries: tuple[Symmetry, ...]
    rounding: float

    @property
    def step_share(self) -> Interval:
        """R² of the effective step, the share of E ŷ² that it explains"""
        value, low, high, error = self.unexplained
        return Interval(1 - value, 1 - high, 1 - low, error)

    def distance(self, name: str) -> Distance | None:
        """The distance to the reference of this name, if it was taken"""
        return next((distance for distance in self.distances if distance.name == name), None)


OPTIMUM, OWN, LEAST, ZERO = "one step, B* of theory", "its own effective step", "least squares", "zero predictor"
RIDGE, NEAREST = "ridge, right λ", "ridge, λ fitted to the model"


def default_prompts(setting: Setting) -> int:
    """2¹⁶, fewer where prompts are long, but enough for the regression"""
    context, dimension = int(setting.context_length), int(setting.dimension)
    return max(min(MOST, FRESH_NORMALS // (context * (dimension + 1))), 4 * least_prompts(dimension), BATCHES * BATCHES)


def measured(
    model: Any, setting: Setting, *, prompts: int | None, seed: int, progress: Progress = lambda stage, done, of: None
) -> Measures:
    """Asks the model for all there is to know. Raises ModelError, ConfigError, and TheoryError for a setting without a known optimum."""
    foreign = ForeignModel(model)
    _refuse_symbols(setting)
    if not 0 <= seed < 2**31:
        raise ConfigError(f"--seed: must be from 0 to 2³¹ − 1, got {seed}.")
    count = _rounded(default_prompts(setting) if prompts is None else prompts, int(setting.dimension))
    objective = objective_of(setting)
    if objective.null == 0:
        raise ConfigError("setting: its labels are all 0, so there is nothing to predict; give W or σ² a positive value.")
    coordinates = Coordinates(objective)
    foreign.try_out(fresh(setting, seed, 1).tokens(TRIED)[0])
    seen = observe(foreign, objective, prompts=count, seed=seed, progress=lambda done, of: progress("fresh prompts", done, of))
    effective = effective_step(seen.gradient, seen.query, seen.prediction)
    bayes, bayes_unknown = bayes_of(setting)
    weights, weights_unknown = weights_of(model, int(setting.context_length))
    known = exact(objective, *weights) if weights else None
    unit = (objective.null - objective.minimum) if objective.step.any() else objective.null
    quarter = max(BATCHES, count // 4 // BATCHES * BATCHES)
    members, families_unknown = _members(coordinates, effective, seen, known)
    moments = _moments(setting, seen)
    distances = (
        *_distances(seen, effective, unit, objective.null, moments),
        *_member_distances(foreign, objective, members, unit, quarter, seed, progress),
    )
    even = (seen.prediction + seen.flipped) / 2
    step = seen.prediction - effective.residual
    odd_rest, square = (seen.prediction - seen.flipped) / 2 - step, seen.prediction.square()
    tokens = _sensed(seen.tokens)
    alignment, how = align(foreign, {"B* of theory": objective.step, "its effective step": effective.step}, tokens)
    shifted = measure(
        foreign,
        objective,
        weights=lambda n: weights_of(model, n)[0],
        prompts=quarter,
        seed=seed,
        progress=lambda done, of: progress("out of distribution", done, of),
    )
    error = (seen.prediction - seen.target).square()
    return Measures(
        setting=setting,
        objective=objective,
        coordinates=coordinates,
        prompts=count,
        seed=seed,
        observed=seen,
        risk=mean_of(error),
        gain=mean_of(error - (seen.optimum - seen.target).square()),
        bayes=bayes,
        bayes_unknown=bayes_unknown,
        unit=unit,
        effective=effective,
        even_share=quotient_of(even.square(), square),
        rest_share=quotient_of(odd_rest.square(), square),
        unexplained=quotient_of(effective.residual.square(), square),
        distances=distances,
        beside_ridge=_beside_ridge(setting, objective, seen, bayes),
        without_mean=tuple(name for name, number in moments.items() if number == 0),
        families_unknown=families_unknown,
        alignment=alignment,
        differentiated=how,
        typical=typical(tokens, objective.step),
        shifted=tuple(shifted),
        weights=known,
        weights_unknown=weights_unknown,
        symmetries=tuple(symmetries(foreign, coordinates, tokens, seed)),
        rounding=foreign.rounding,
    )


def _refuse_symbols(setting: Any) -> None:
    if not isinstance(setting, Setting):
        raise ConfigError(f"setting: must be a theory.Setting, got a {type(setting).__name__}.")
    sizes = setting.dimension, setting.context_length
    free = {*setting.noise_variance.free_symbols, *(symbol for size in sizes for symbol in size.free_symbols)}
    free |= setting.covariates.second_moment.free_symbols
    if free:
        shown = ", ".join(sorted(map(str, free)))
        raise ConfigError(f"setting: prompts are drawn, so it must be of numbers; give {shown} a value.")


def _rounded(prompts: int, dimension: int) -> int:
    if dimension > LARGEST:
        raise ConfigError(f"setting: dimension must be at most {LARGEST} here, got {dimension}.")
    least = max(least_prompts(dimension), 2 * BATCHES)
    if prompts < least:
        raise ConfigError(f"--prompts: must be at least {least} at dimension {dimension}, got {prompts}.")
    return -(-prompts // BATCHES) * BATCHES


@lru_cache(maxsize=64)
def _atlas(setting: Setting) -> Atlas:
    return Atlas(Coordinates(objective_of(setting)))


def _members(
    coordinates: Coordinates, effective: EffectiveStep, seen: Observed, weights: ExactWeights | None
) -> tuple[list[tuple[str, str | None, int | None, Tensor, Tensor]], str | None]:
    """Of each family that is neither the minimum nor v = 0: name, kind, number tried, v, M; and why they are not known"""
    found: list[tuple[str, str | None, int | None, Tensor, Tensor]] = []
    unknown = None
    try:
        families = [f for f in _atlas(coordinates.objective.setting).families if f.kind != "global minimum" and f.ratio is not None]
        chosen: list[Member] = nearest(coordinates, families, effective.step, seen.tokens, seen.prediction[: len(seen.tokens)])
        found = [(m.family.label, m.family.kind, m.tried, m.value, m.key_query) for m in chosen]
    except TheoryError as error:
        unknown = str(error)
        if weights is not None and weights.end.name not in (None, "global minimum", ZERO):
            end = weights.end
            found = [(f"{end.name} that its weights lead to", end.kind, None, end.value, end.key_query)]
    return found, unknown


def _moments(setting: Setting, seen: Observed) -> dict[str, int]:
    """How many moments (ŷ − ŷ')² has, where that is not 2 for sure"""
    least = moments_of_least_squares(int(setting.context_length), int(setting.dimension), float(setting.noise_variance))
    return {LEAST: least} | ({NEAREST: least} if seen.parameter == 0 else {})


def _distances(seen: Observed, effective: EffectiveStep, unit: float, null: float, moments: dict[str, int]) -> list[Distance]:
    references = [(OPTIMUM, seen.optimum), (OWN, seen.prediction - effective.residual)]
    references += [(name, other) for name, other in ((RIDGE, seen.ridge), (NEAREST, seen.fitted)) if other is not None]
    references += [(LEAST, seen.least_squares), (ZERO, torch.zeros_like(seen.optimum))]
    squares = [(name, bounded_mean((seen.prediction - other).square(), null)) for name, other in references if moments.get(name, 2)]
    squares = [(name, square if moments.get(name, 2) > 1 else Interval(square.value, *3 * [math.nan])) for name, square in squares]
    kind = "saddle" if bool(seen.optimum.any()) else "global minimum"
    return [Distance(name, square, square.over(unit), name == ZERO, kind if name == ZERO else None) for name, square in squares]


def bounded_mean(squares: Tensor, cut: float) -> Interval:
    """The mean, with the lower end that squares cut at a level give where it is higher: rare prompts alone may bring its own to 0"""
    value, low, high, error = mean_of(squares)
    return Interval(value, max(low, mean_of(squares.clamp(max=cut)).low), high, error)


def _beside_ridge(setting: Setting, objective: ExactObjective, seen: Observed, bayes: float | None) -> BesideRidge | None:
    if seen.ridge is None or seen.fitted is None or seen.parameter is None or seen.left is None:
        return None
    square = (seen.prediction - seen.ridge).square()
    left = seen.left if bayes is None else torch.full_like(square, bayes - float(setting.noise_variance))

    def over(above: Tensor, below: Tensor) -> Interval | None:
        return quotient_of(above, below) if bool(below.any()) else None

    def cut(other: Tensor) -> Tensor:
        return (seen.prediction - other).square().clamp(max=objective.null)

    return BesideRidge(
        parameter=seen.parameter,
        excess=over(square, left) if is_ridge_bayes(setting) and bool(left.sum() > 0) else None,
        closer=over((seen.prediction - seen.optimum).square(), square),
        to_nearest=over(square, cut(seen.fitted)),
        to_least_squares=over(square, cut(seen.least_squares)),
    )


def _member_distances(
    model: ForeignModel,
    objective: ExactObjective,
    members: list[tuple[str, str | None, int | None, Tensor, Tensor]],
    unit: float,
    prompts: int,
    seed: int,
    progress: Progress,
) -> list[Distance]:
    """On prompts that the members were not chosen on"""
    if not members:
        return []
    apart: list[Tensor] = []
    for tokens, _ in drawn(objective.setting, seed, 2, prompts):
        predicted = model(tokens, "stationary families")
        apart.append(torch.stack([(predicted - prediction_of(v, M, tokens)).square() for *_, v, M in members]))
        progress("stationary families", sum(part.shape[1] for part in apart), prompts)
    squares = [bounded_mean(row, objective.null) for row in torch.cat(apart, dim=1)]
    return [
        Distance(name, square, square.over(unit), True, kind, tried)
        for (name, kind, tried, _, _), square in zip(members, squares, strict=True)
    ]


def _sensed(tokens: Tensor) -> Tensor:
    """The first prompts at which the model is differentiated, a multiple of BATCHES"""
    return tokens[: min(SLOPES, len(tokens) // BATCHES * BATCHES)]


__all__ = [
    "LEAST",
    "NEAREST",
    "OPTIMUM",
    "OWN",
    "RIDGE",
    "ZERO",
    "BesideRidge",
    "Distance",
    "Measures",
    "bounded_mean",
    "default_prompts",
    "measured",
]
