"""A model that predicts at several context lengths, held against ridge, least squares and gradient descent at each of them.

The risk of any predictor ŷ is the Bayes risk plus E (ŷ − ridge)² (theorem `ridge-is-bayes-optimal`), so the excess is measured as that
square, in which the labels' noise has no part. Intervals are those of `intervals`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from numerics.effective import LARGEST, effective_step
from numerics.endpoint import minimise
from numerics.errors import TrainingError
from numerics.evaluate import DTYPE, number
from numerics.intervals import Interval, mean_of, quotient_of
from numerics.objective import ExactObjective
from numerics.predictors import corrected_filter, descent_filter, gradient, one_step, prior_of, ridge_filter, spectrum
from numerics.samplers import PromptSampler
from theory import Setting, UnknownMoment
from theory.bayes import bayes_risk

TUNING = 1 << 12
"""Prompts on which the rates of gradient descent are tuned, apart from those it is measured on"""

TUNING_STEPS = 60
"""Of L-BFGS, over one rate or two"""
SURE = 4.0
"""Standard errors by which a bound on a mean is to hold: with 63 degrees of freedom one in 11,800 fails"""


@dataclass(frozen=True)
class AtLength:
    """What was measured after `length` examples. Squared distances are means over prompts.

    bayes        Bayes risk less σ²; its error is 0 where it is certified, by theory
    excess       of the model over the Bayes risk, which is its squared distance to ridge
    risk         E (ŷ − y)² of the model, noise included
    distances    of the model to least squares, one step, k steps and k steps of GD++
    gaps         of these to ridge, which are their excesses over the Bayes risk
    closer       squared distance to one step over that to ridge
    relative     excess / bayes; None where that is 0
    behind       excess less that of one step, on the same prompts
    consistent   E [(ŷ − y)² − (ŷ − ridge)²] less the Bayes risk, which is 0
    unit         E y²

    What coincides at length 0 is None, and so is a mean that does not exist: see `moments_of_least_squares`.
    """

    length: int
    bayes: Interval
    certified: bool
    excess: Interval
    risk: Interval
    distances: dict[str, Interval | None]
    gaps: dict[str, Interval | None]
    closer: Interval | None
    relative: Interval | None
    behind: Interval
    consistent: Interval
    unit: float


class Measured(NamedTuple):
    """A row for each length; ‖B − B*‖_F / ‖B*‖_F at the last, of the step B that the model takes by regression and the best single step,
    None beyond dimension `effective.LARGEST`."""

    rows: list[AtLength]
    step_relative_error: float | None


def measure(
    predict: Callable[[Tensor, Tensor], Tensor],
    setting: Setting,
    lengths: Sequence[int],
    *,
    steps: int,
    prompts: int,
    seed: int,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Measured:
    """One row for each context length, and the step that the model takes at the last.

    predict   sequences x (batch, n+1, d), y (batch, n+1) -> predictions (batch, len(lengths)), with n the setting's context length
    steps     k, of gradient descent with several steps, whose rate is tuned at each length
    """
    sampler = PromptSampler(setting, dtype=DTYPE, device=torch.device("cpu"), generator=Generator().manual_seed(seed))
    tuning = sampler.sequences(TUNING)
    x, y = sampler.sequences(prompts)
    predicted = torch.cat([predict(*part).to(DTYPE).cpu() for part in zip(x.split(512), y.split(512), strict=True)])
    if not predicted.isfinite().all():
        bad = int((~predicted.isfinite().all(1)).sum())
        raise TrainingError(f"model: its predictions are not finite on {bad} of {prompts} fresh prompts; lower --learning-rate.")
    found = []
    for column, length in enumerate(lengths):
        found.append(_at_length(setting, length, x, y, predicted[:, column], tuning, steps))
        progress(len(found), len(lengths))
    last = lengths[-1]
    if x.shape[-1] > LARGEST:
        return Measured(found, None)
    best = ExactObjective(_of_length(setting, last))
    taken = effective_step(gradient(x[:, :last], y[:, :last]), x[:, last], predicted[:, -1])
    return Measured(found, taken.distance(best.step).value / best.step_scale)


def _at_length(
    setting: Setting, length: int, x: Tensor, y: Tensor, predicted: Tensor, tuning: tuple[Tensor, Tensor], steps: int
) -> AtLength:
    d, noise = x.shape[-1], float(setting.noise_variance)
    reference = References.fitted(setting, length, steps, *tuning)
    context, labels, query, target = x[:, :length], y[:, :length], x[:, length], y[:, length]
    ridge, left, others = reference.answers(context, labels, query)
    to_ridge, one = (predicted - ridge).square(), others["one step"]
    excess = mean_of(to_ridge)
    bayes, certified = known_bayes(setting, length), True
    if bayes is None:
        bayes, certified = mean_of(left), False
    moments = dict.fromkeys(others, 2) | {"least squares": moments_of_least_squares(length, d, noise)}

    def squared(of: Tensor) -> dict[str, Interval | None]:
        found: dict[str, Interval | None] = {}
        for name, other in others.items():
            interval = mean_of((of - other).square())
            without = Interval(interval.value, math.nan, math.nan, math.nan)
            found[name] = (None, without, interval)[moments[name]] if length else None
        return found

    return AtLength(
        length=length,
        bayes=bayes,
        certified=certified,
        excess=excess,
        risk=mean_of((predicted - target).square()),
        distances=squared(predicted),
        gaps=squared(ridge),
        closer=quotient_of((predicted - one).square(), to_ridge) if length else None,
        relative=None if bayes.value <= 0 else excess.over(bayes.value) if certified else quotient_of(to_ridge, left),
        behind=mean_of((predicted - one) * (predicted + one - 2 * ridge)),
        # (ŷ − y)² − (ŷ − ridge)², without the cancellation of two squares that may be huge
        consistent=mean_of((ridge - target) * (2 * predicted - ridge - target) - noise - (bayes.value if certified else left)),
        unit=float(target.square().mean()),
    )


def moments_of_least_squares(length: int, dimension: int, noise: float) -> int:
    """How many moments the squared error of least squares has, of 2, for Gaussian covariates and k examples.

    With noise its mean holds E tr (XᵀX)⁺, finite where |k − d| > 1, and its variance E tr (XᵀX)⁺², finite where |k − d| > 3.
    """
    apart = abs(length - dimension)
    return 2 if noise == 0 or apart > 3 else int(apart > 1)


def known_bayes(setting: Setting, length: int) -> Interval | None:
    """The Bayes risk less σ² where theory certifies it."""
    try:
        value = number(bayes_risk(setting, length) - setting.noise_variance)
    except UnknownMoment:
        return None
    return Interval(value, value, value, 0.0)


class Answers(NamedTuple):
    """The ridge predictions; their `Spectrum.uncertainty`; the other predictions; each (batch,)"""

    ridge: Tensor
    left: Tensor
    others: dict[str, Tensor]


@dataclass(frozen=True)
class References:
    """The predictors that a model is held against, at one context length; `rate` and `corrected` are tuned on prompts."""

    noise: float
    prior: Tensor
    step: Tensor
    count: int
    rate: float
    corrected: tuple[float, float]

    @classmethod
    def fitted(cls, setting: Setting, length: int, count: int, x: Tensor, y: Tensor) -> References:
        """With the rates that bring `count` steps, of gradient descent and of GD++, nearest to ridge."""
        noise, prior = float(setting.noise_variance), prior_of(setting)
        if length == 0:
            return cls(noise, prior, torch.zeros_like(prior), count, 0.0, (0.0, 0.0))
        at = spectrum(x[:, :length], y[:, :length], x[:, length], prior)
        ridge = at.predict(lambda values: ridge_filter(values, noise))
        scale = float(at.eigenvalues.amax(-1).mean())

        def tuned(filtered: Callable[[Tensor, Tensor], Tensor], start: list[float]) -> list[float]:
            """Rates, in units of 1/(mean largest eigenvalue), from `start` on"""

            def off(rates: Tensor) -> Tensor:
                predicted = at.predict(lambda values: filtered(values, rates / scale))
                return (predicted - ridge).square().mean() / ridge.square().mean()

            found = minimise(off, torch.tensor(start, dtype=DTYPE), iterations=TUNING_STEPS)
            return found.tolist() if off(found) < off(torch.tensor(start, dtype=DTYPE)) else start

        (rate,) = tuned(lambda values, rates: descent_filter(values, rates[0], count), [1.0])
        # (η, 0) is gradient descent itself, so GD++ starts there and can only be nearer
        both = tuned(lambda values, rates: corrected_filter(values, rates[0], rates[1], count), [rate, 0.0])
        return cls(noise, prior, ExactObjective(_of_length(setting, length)).step, count, rate / scale, (both[0] / scale, both[1] / scale))

    def answers(self, x: Tensor, y: Tensor, query: Tensor) -> Answers:
        """What they say of contexts and queries."""
        at = spectrum(x, y, query, self.prior)
        # in a multiple of the same metric least squares is the same
        plain = at if torch.equal(self.prior, self.prior[0, 0] * torch.eye(len(self.prior), dtype=DTYPE)) else spectrum(x, y, query)
        several = f"{self.count} step{'s' if self.count > 1 else ''}"
        others = {
            "least squares": plain.predict(lambda values: ridge_filter(values, 0.0)),
            "one step": one_step(x, y, query, self.step),
        }
        if self.count > 1:
            others[several] = at.predict(lambda values: descent_filter(values, self.rate, self.count))
            others[f"{several} of GD++"] = at.predict(lambda values: corrected_filter(values, *self.corrected, self.count))
        return Answers(at.predict(lambda values: ridge_filter(values, self.noise)), at.uncertainty(self.noise), others)


def _of_length(setting: Setting, length: int) -> Setting:
    return Setting(covariates=setting.covariates, response=setting.response, noise_variance=setting.noise_variance, context_length=length)
