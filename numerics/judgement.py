"""The verdict on a model, from what was measured."""

from __future__ import annotations

import torch

from numerics.config import HEAVY
from numerics.evaluate import DTYPE, number
from numerics.measures import OPTIMUM, OWN, RIDGE, Distance, Measures
from numerics.observed import is_ridge_bayes
from numerics.run import Z_LIMIT
from numerics.symmetries import Symmetry

TOLERANCE = 0.005
"""Root mean square difference of predictions, relative to those of theory's best step, and relative error of B, that count as none"""
RIDGE_EXCESS, RIDGE_CLOSER = 0.1, 30
"""A model is ridge where its mean squared distance to ridge is at most so much of (Bayes risk − σ²), and so many times less than to B*."""
EXIT_CODES = {"agrees": 0, "ridge": 0, "other stationary point": 0, "contradicts": 1, "another step": 3, "none of these": 3}


def decide(found: Measures, tolerance: float = TOLERANCE) -> tuple[str, str]:
    """The verdict and a sentence that gives the reason.

    A predictor is the model's where the lower end of the interval of their relative root mean square difference is within the tolerance.
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
    ridge = found.distance(RIDGE)
    if ridge is not None and is_ridge_bayes(found.setting) and _is_ridge(found, ridge, optimum, tolerance):
        return "ridge", (
            f"it is ridge, the Bayes predictor: predictions differ by {_share(ridge)}, from those of the optimal step by {_share(optimum)}"
        )
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
    nearest = min((d for d in found.distances if d.name != OWN), key=lambda distance: distance.relative.value)
    return "none of these", (
        f"its best single step leaves {_percent(unexplained.value)} of its mean square unexplained ({_share(own)} of the optimal step's "
        f"predictions), and the nearest predictor, {nearest.label}, differs by {_share(nearest)}"
    )


def _of(found: Measures, name: str) -> Distance:
    distance = found.distance(name)
    if distance is None:
        raise KeyError(name)
    return distance


def _is(distance: Distance, tolerance: float) -> bool:
    return max(distance.relative.low, 0.0) <= tolerance**2


def _is_ridge(found: Measures, ridge: Distance, optimum: Distance, tolerance: float) -> bool:
    """Near enough by the measure of `RIDGE_EXCESS`, or within the tolerance where there is nothing that ridge leaves"""
    noise = float(found.setting.noise_variance)
    bayes, seen = found.bayes, found.observed
    if bayes is None and seen.ridge is not None:  # measured where it is not known
        bayes = float((seen.ridge - seen.target).square().mean())
    near = ridge.square.value <= max(RIDGE_EXCESS * ((bayes or 0.0) - noise), tolerance**2 * found.unit)
    return near and RIDGE_CLOSER * ridge.square.value <= optimum.square.value


def _share(distance: Distance) -> str:
    return _percent(distance.relative.root.value)


def _percent(value: float) -> str:
    return f"{100 * value:.3g} %"


__all__ = ["EXIT_CODES", "TOLERANCE", "broken_symmetry", "decide"]
