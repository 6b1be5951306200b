"""A model out of distribution: covariates scaled, contexts of another length, against theory's risk of one step there.

The step B that is best for the setting has, on prompts of another setting, the risk that theory's loss there gives to the layer v = (0, 1),
M_xx = B: for Gaussian settings this is the theorem `risk-under-shift`. A layer that sums over the context keeps its B
when n becomes n'; one that takes the mean has B n/n' there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from sympy import Rational, sympify
from torch import Tensor

from numerics.errors import ConfigError, ModelError
from numerics.evaluate import number
from numerics.foreign import ForeignModel
from numerics.intervals import Interval, mean_of
from numerics.objective import ExactObjective
from numerics.observed import drawn
from theory import CovariateLaw, Setting, TheoryError
from theory.bayes import bayes_risk

SCALES = (Rational(1, 2), Rational(1), Rational(3, 2), Rational(2))


class Shift(NamedTuple):
    """A setting beside that of the model; `value` is the scale a of the covariates, or n' over n."""

    kind: str
    label: str
    value: float
    setting: Setting


class Shifted(NamedTuple):
    """The measured risk, or why the model has none; the exact ones are of the best step of the setting as a sum and as a mean over the
    context, of the model's weights where they are known, of the best step there, and of the Bayes predictor there; None where not known."""

    shift: Shift
    risk: Interval | None
    refusal: str | None
    summed: float | None
    averaged: float | None
    weights: float | None
    best_step: float | None
    bayes: float | None


def shifts(setting: Setting) -> list[Shift]:
    """Covariates scaled by each of SCALES, and contexts of half, twice and four times the length."""
    n = int(setting.context_length)
    found = []
    for scale in SCALES:
        law = scaled(setting.covariates, scale)
        found.append(Shift("scale", f"x → {scale} x" if scale != 1 else "as trained", float(scale), replace(setting, covariates=law)))
    for length in sorted({max(1, n // 2), 2 * n, 4 * n} - {n}):
        found.append(Shift("length", f"n = {length}", length / n, replace(setting, context_length=sympify(length))))
    return found


def scaled(law: CovariateLaw, scale: Any) -> CovariateLaw:
    """The law of a x. Raises ConfigError for one whose parameters are not known to scale.

    >>> from theory import Gaussian
    >>> scaled(Gaussian.isotropic(2), 3).covariance
    Matrix([
    [9, 0],
    [0, 9]])
    """
    a = sympify(scale)
    fields: dict[str, Callable[[Any], Any]] = {
        "covariance": lambda matrix: a**2 * _explicit(matrix),
        "mixing": lambda matrix: a * _explicit(matrix),
        "second": lambda matrix: a**2 * _explicit(matrix),
        "components": lambda parts: [(p, a * mean, a**2 * covariance) for p, mean, covariance in parts],
    }
    changed: dict[str, Any] = {name: change(getattr(law, name)) for name, change in fields.items() if hasattr(law, name)}
    if "second" in changed:
        changed["fourth"] = [(weight, a**2 * _explicit(K)) for weight, K in law.fourth]  # type: ignore[attr-defined]
    if not changed:
        raise ConfigError(f"{type(law).__name__}: has none of the parameters {', '.join(fields)}, so its covariates cannot be scaled.")
    return replace(law, **changed)  # type: ignore[type-var]


def _explicit(matrix: Any) -> Any:
    return matrix.as_explicit()


def measure(
    model: ForeignModel,
    objective: ExactObjective,
    *,
    weights: Callable[[int], tuple[Tensor, Tensor] | None],
    prompts: int,
    seed: int,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> list[Shifted]:
    """The model's risk under each shift, on prompts of its own, beside theory's; `weights(n)` are (v, M) at context length n, if known."""
    every = shifts(objective.setting)
    found = []
    for place, shift in enumerate(every):
        try:
            fresh = drawn(shift.setting, seed, 10 + place, prompts)
            squares = [(model(tokens, shift.label) - target).square() for tokens, target in fresh]
            risk, refusal = mean_of(torch.cat(squares)), None
        except ModelError as error:
            risk, refusal = None, str(error)
        found.append(Shifted(shift, risk, refusal, *_exact(objective, shift, weights)))
        progress(place + 1, len(every))
    return found


def _exact(objective: ExactObjective, shift: Shift, weights: Callable[[int], tuple[Tensor, Tensor] | None]) -> tuple[Any, ...]:
    try:
        there = objective_of(shift.setting)
    except TheoryError:
        return (None,) * 5
    length = int(shift.setting.context_length)
    known = weights(length)
    mean = objective.step * int(objective.setting.context_length) / length
    own = float(there.loss(*known)) if known else None
    return risk_of_step(there, objective.step), risk_of_step(there, mean), own, there.minimum, bayes_of(shift.setting)[0]


objective_of = lru_cache(maxsize=64)(ExactObjective)
"""The exact loss of a setting, built once"""


@lru_cache(maxsize=64)
def bayes_of(setting: Setting) -> tuple[float | None, str | None]:
    """The Bayes risk, or why it is not known"""
    try:
        return number(bayes_risk(setting)), None
    except TheoryError as error:
        return None, str(error)


def risk_of_step(objective: ExactObjective, step: Tensor) -> float:
    """E (ŷ − y_q)² of one step B (d, d): the loss of the layer v = (0, 1), M_xx = B"""
    return float(objective.loss(*layer_of(step)))


def layer_of(step: Tensor) -> tuple[Tensor, Tensor]:
    """v = (0, 1) and M = [[B, 0], [0, 0]], a layer that takes the step B"""
    d = len(step)
    v, M = step.new_zeros(d + 1), step.new_zeros(d + 1, d + 1)
    v[-1], M[:-1, :-1] = 1, step
    return v, M
