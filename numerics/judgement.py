"""The verdict on a model, from what was measured."""

from __future__ import annotations

from math import isnan

import torch

from numerics.config import HEAVY
from numerics.evaluate import DTYPE, number
from numerics.intervals import Interval
from numerics.lengths import SURE
from numerics.measures import LEAST, NEAREST, OPTIMUM, OWN, RIDGE, BesideRidge, Distance, Measures
from numerics.predictors import is_ridge_bayes
from numerics.run import Z_LIMIT
from numerics.symmetries import Symmetry

TOLERANCE = 0.005
"""Root mean square difference of predictions, relative to those of theory's best step, and relative error of B, that count as none"""
RIDGE_EXCESS, RIDGE_CLOSER, RIDGE_FARTHER = 0.1, 30, 2
"""A model is ridge approximately where its mean squared distance to ridge is at most so much of (Bayes risk − σ²), so many times less than
to B*, at most so many times that to ridge with any other λ, and less than to least squares."""
EXIT_CODES = {"agrees": 0, "ridge": 0, "other stationary point": 0, "contradicts": 1, "another step": 3, "none of these": 3}


def decide(found: Measures, tolerance: float = TOLERANCE) -> tuple[str, str]:
    """The verdict and a sentence that gives the reason.

    A predictor is the model's where the lower end of the interval of their relative root mean square difference is within the tolerance. A
    model that is trained to predict as ridge does comes near it, and not so near: see `RIDGE_EXCESS`.
    """
    verdict, reason = _contradiction(found) or _nearest(found, tolerance)
    broken = broken_symmetry(found, tolerance)
    return verdict, reason + (f"; {broken.line}" if broken else "")


def broken_symmetry(found: Measures, tolerance: float) -> Symmetry | None:
    """The symmetry that the model breaks most, by more than two predictions differ that are each within the tolerance"""
    worst = max(found.symmetries, key=lambda symmetry: symmetry.change or 0.0)
    return worst if (worst.change or 0.0) > 2 * tolerance else None


def _contradiction(found: Measures) -> tuple[str, str] | None:
    """What no predictor, or no layer of linear attention, can do"""
    moments, weights = found.setting.moments, found.weights
    heavy = number(moments.mu_4) > HEAVY * number(moments.tau) ** 2  # then a standard error is itself a mean that rare prompts make
    error = found.risk.error
    if not heavy and found.bayes is not None and found.risk.value < found.bayes - Z_LIMIT * error - _rounding(found):
        below = (found.bayes - found.risk.value) / error if error else float("inf")
        return "contradicts", f"its risk {found.risk.value:.6g} is {below:.1f} standard errors below the Bayes risk {found.bayes:.6g}"
    if weights is None:
        return None
    if weights.loss < found.objective.minimum * (1 - 1e-9) - _rounding(found):
        return "contradicts", f"the exact loss {weights.loss:.10g} of its weights is below the minimum {found.objective.minimum:.10g}"
    if not heavy and abs(found.risk.value - weights.loss) > Z_LIMIT * error + _rounding(found):
        return "contradicts", (
            f"its risk {found.risk.value:.6g} on fresh prompts is more than {Z_LIMIT} standard errors ({error:.2g}) from the exact loss "
            f"{weights.loss:.6g} of its weights"
        )
    return None


def _rounding(found: Measures) -> float:
    return 64 * torch.finfo(DTYPE).eps * found.objective.null


def _nearest(found: Measures, tolerance: float) -> tuple[str, str]:
    optimum, own = _of(found, OPTIMUM), _of(found, OWN)
    off = found.effective.distance(found.objective.step).over(found.objective.step_scale)
    if _is(optimum, tolerance) and off.low <= tolerance:
        return (
            "agrees",
            f"it is the optimal one step of theory: predictions differ by {_share(optimum)}, its step B by {_percent(off.value)}",
        )
    if (ridge := _ridge(found, optimum, tolerance)) is not None:
        return ridge
    stationary = [distance for distance in found.distances if distance.stationary]
    closest = min(stationary, key=lambda distance: distance.relative.value)
    if _is(closest, tolerance):
        return "other stationary point", f"it is the {closest.label}: predictions differ by {_share(closest)}"
    unexplained = found.unexplained
    if max(unexplained.low, 0.0) <= tolerance**2:
        return "another step", (
            f"it is one step, but its B is {_percent(off.value)} ({_percent(off.low)} to {_percent(off.high)}) off the optimal B*, and "
            f"predictions differ by {_share(optimum)}"
        )
    if (known := _known(found, tolerance)) is not None:
        return "none of these", known
    nearest = min((d for d in found.distances if d.name != OWN), key=lambda distance: distance.relative.value)
    return "none of these", (
        f"its best single step leaves {_percent(unexplained.value)} of its mean square unexplained ({_share(own)} of the optimal step's "
        f"predictions), and the nearest predictor, {nearest.label}, differs by {_share(nearest)}"
        + (f"; the nearest ridge has {_parameter(found)}" if found.beside_ridge else "")
    )


def _ridge(found: Measures, optimum: Distance, tolerance: float) -> tuple[str, str] | None:
    """The verdict where the model is ridge with the right λ, or as near to it as one that is trained for it comes"""
    ridge, beside = found.distance(RIDGE), found.beside_ridge
    if ridge is None or beside is None or not is_ridge_bayes(found.setting):
        return None
    away = f"predictions differ by {_share(ridge)}, from those of the optimal step by {_share(optimum)}; the nearest ridge has"
    if _is(ridge, tolerance):
        return "ridge", f"it is ridge, the Bayes predictor: {away} {_parameter(found)}"
    if _is_near(beside) and _doubt(found, tolerance) is None:
        return "ridge", f"it comes near ridge, the Bayes predictor: {away} {_parameter(found)}"
    return None


def _is_near(beside: BesideRidge) -> bool:
    """By the bounds of intervals, the excess over the Bayes risk is small, and ridge much nearer than the best step."""
    closer = beside.closer
    return _surely_below(beside.excess, RIDGE_EXCESS) and closer is not None and closer.value - SURE * closer.error >= RIDGE_CLOSER


def _doubt(found: Measures, tolerance: float) -> str | None:
    """Why a model near ridge is not it: what it misses by is in the main a wrong λ, or least squares, where they differ, is no farther"""
    beside, seen = found.beside_ridge, found.observed
    if beside is None or seen.ridge is None:
        return None
    if not _surely_below(beside.to_nearest, RIDGE_FARTHER):
        return f"with {_parameter(found)}"
    apart = float((seen.ridge - seen.least_squares).square().clamp(max=found.objective.null).mean())
    if apart > tolerance**2 * found.unit and not _surely_below(beside.to_least_squares, 1):
        return "not surely nearer to it than to least squares"
    return None


def _surely_below(quotient: Interval | None, bound: float) -> bool:
    return quotient is not None and quotient.value + SURE * quotient.error <= bound


def _known(found: Measures, tolerance: float) -> str | None:
    """The reason where a model is, or comes near, a predictor that is neither a stationary point nor the best"""
    least, fitted, ridge = (found.distance(name) for name in (LEAST, NEAREST, RIDGE))
    beside = found.beside_ridge
    if fitted is not None and ridge is not None and beside is not None and beside.parameter > 0 and _is(fitted, tolerance):
        right = "" if is_ridge_bayes(found.setting) else ", which is not the Bayes predictor here"
        return f"it is ridge with {_parameter(found)}{right}: predictions differ by {_share(fitted)}, from λ = σ² by {_share(ridge)}"
    if least is not None and _is(least, tolerance):
        away = "" if ridge is None else f", from those of ridge with the right λ by {_share(ridge)}"
        return f"it is least squares: predictions differ by {_share(least)}{away}"
    doubt = _doubt(found, tolerance)
    if ridge is not None and beside is not None and is_ridge_bayes(found.setting) and _is_near(beside) and doubt is not None:
        return f"it comes near ridge, but {doubt}: predictions differ by {_share(ridge)} from those with the right λ" + (
            f", from those with {_parameter(found)} by {_share(fitted)}" if fitted is not None else ""
        )
    return None


def _parameter(found: Measures) -> str:
    """λ̂ in words"""
    beside, noise = found.beside_ridge, float(found.setting.noise_variance)
    if beside is None:
        raise KeyError(NEAREST)
    if beside.parameter == 0:
        return "λ = 0 (least squares)"
    return f"λ = {beside.parameter / noise:.3g} σ²" if noise else f"λ = {beside.parameter:.3g}"


def _of(found: Measures, name: str) -> Distance:
    distance = found.distance(name)
    if distance is None:
        raise KeyError(name)
    return distance


def _is(distance: Distance, tolerance: float) -> bool:
    value, low = distance.relative[:2]
    return max(value if isnan(low) else low, 0.0) <= tolerance**2


def _share(distance: Distance) -> str:
    return _percent(distance.relative.root.value)


def _percent(value: float) -> str:
    return f"{100 * value:.3g} %"


__all__ = ["EXIT_CODES", "TOLERANCE", "broken_symmetry", "decide"]
