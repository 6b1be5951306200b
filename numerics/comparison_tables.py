"""What was measured of a model as tables: each says whether it is theory or measurement, and with what error."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import isnan
from typing import Any

from numerics.intervals import BATCHES, LEVEL, Interval, normal_quantile
from numerics.measures import Measures

Cell = str | float | int | None
PERCENT = f"{100 * LEVEL:g} %"
MEANS = f"value, and its {PERCENT} interval from {BATCHES} batch means (Student t)"


@dataclass(frozen=True)
class Part:
    """A table: status "theory" (exact) or "measured"; rows of texts, numbers and None. `long` ones are saved, and not printed."""

    title: str
    status: str
    note: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    long: bool = False

    def plain(self) -> dict[str, Any]:
        """As it is saved"""
        values = asdict(self)
        del values["long"]
        return values


def parts(found: Measures) -> tuple[Part, ...]:
    """All tables of a comparison."""
    own = [_exact(found), _line(found)] if found.weights else []
    return (
        _theory(found),
        _risk(found),
        _step(found),
        _entries(found),
        _shares(found),
        _distances(found),
        *_ridge(found),
        _alignment(found),
        _shifts(found),
        *(part for part in own if part),
        _symmetries(found),
    )


def _of(interval: Interval | None) -> tuple[Cell, ...]:
    return (None, None, None) if interval is None else tuple(None if isnan(part) else part for part in interval[:3])


def _theory(found: Measures) -> Part:
    objective = found.objective
    rows: list[tuple[Cell, ...]] = [
        ("L*, the least risk of one layer of linear attention: one step with B*", objective.minimum),
        ("Bayes risk, the least of all", found.bayes),
        ("E y², the risk of the zero predictor", objective.null),
        ("unit of distances: " + ("E ŷ*², ŷ* the best step" if objective.step.any() else "E y², since B* = 0"), found.unit),
    ]
    note = f"exact; the Bayes risk is not known: {found.bayes_unknown}" if found.bayes_unknown else "exact"
    return Part("Risks of theory", "theory", note, ("what", "value"), tuple(rows))


def _risk(found: Measures) -> Part:
    risk = found.risk
    rows: list[tuple[Cell, ...]] = [
        ("E (ŷ − y_q)²", *_of(risk)),
        ("the same less L*, the best step on the same prompts as control variate", *_of(found.gain)),
    ]
    if found.bayes is not None:
        bayes = found.bayes
        rows.append(("the same less the Bayes risk", risk.value - bayes, risk.low - bayes, risk.high - bayes))
    rows.append(("the same less E y²", *(part - found.objective.null for part in risk[:3])))
    return Part("Risk of the model", "measured", f"{found.prompts} fresh prompts; {MEANS}", ("what", "value", "low", "high"), tuple(rows))


def _step(found: Measures) -> Part:
    effective, objective = found.effective, found.objective
    off, rounding = effective.distance(objective.step).over(objective.step_scale), found.rounding * objective.step_scale
    worst = float(((effective.step - objective.step).abs() / effective.errors.clamp(min=rounding)).max())
    bound = normal_quantile(effective.step.numel())
    inside = "yes" if effective.contains(objective.step, rounding) else "no"
    rows: list[tuple[Cell, ...]] = [
        ("‖B − B*‖_F / ‖B*‖_F", *_of(off)),
        (f"B* inside the simultaneous {PERCENT} region of all entries", inside, None, None),
        ("largest of |B − B*| in standard errors", worst, 0.0, bound),
    ]
    note = (
        f"B by regression of ŷ on g_a x_qb, g = Σ y_i x_i, {found.prompts} prompts; standard errors HC3, region by Bonferroni (its bound "
        f"is in the last row; differences of {found.rounding:.0e} ‖B*‖ are rounding), interval of the norm conservative, {PERCENT}"
    )
    return Part("Effective step", "measured", note, ("what", "value", "low", "high"), tuple(rows))


def _entries(found: Measures) -> Part:
    effective, optimum = found.effective, found.objective.step
    rows = []
    for a, row in enumerate(effective.step.tolist()):
        for b, value in enumerate(row):
            half = float(effective.half_width[a, b])
            rows.append((f"B_{a + 1},{b + 1}", value, value - half, value + half, float(optimum[a, b])))
    note = f"intervals that hold for all entries at once with {PERCENT} (HC3, normal, Bonferroni); B* is theory's"
    return Part("Entries of the effective step", "measured", note, ("entry", "value", "low", "high", "B*"), tuple(rows), long=True)


def _shares(found: Measures) -> Part:
    rows = (
        ("one step, R² of g·Bx_q", *_of(found.step_share)),
        ("even in the labels, (ŷ(y) + ŷ(−y))/2", *_of(found.even_share)),
        ("the rest: odd in the labels, and no single step", *_of(found.rest_share)),
    )
    note = f"shares of E ŷ²; {PERCENT} intervals of a quotient of means over {BATCHES} batches (delta method, Student t)"
    return Part("What explains its prediction", "measured", note, ("part", "share", "low", "high"), rows)


def _distances(found: Measures) -> Part:
    rows = []
    for distance in sorted(found.distances, key=lambda distance: distance.relative.value):
        name = distance.label + (f" (nearest member found, from {distance.tried})" if distance.tried else "")
        rows.append((name, *_of(distance.square), distance.relative.value, distance.relative.root.value))
    note = MEANS + "; relative to E ŷ*²; members of stationary families are chosen on other prompts than they are measured on"
    if found.families_unknown:
        note += f". Stationary families are not known here: {found.families_unknown}"
    if found.without_mean:
        note += f". Not listed, as E (XᵀX)⁻¹ is infinite for Gaussian covariates where |n − d| ≤ 1: {', '.join(found.without_mean)}"
    if any(isnan(distance.square.low) for distance in found.distances):
        note += ". No interval: for Gaussian covariates the square has no variance where |n − d| ≤ 3"
    return Part("Distances, E (ŷ − ŷ')²", "measured", note, ("to", "value", "low", "high", "relative", "its root"), tuple(rows))


def _ridge(found: Measures) -> list[Part]:
    beside, noise = found.beside_ridge, float(found.setting.noise_variance)
    if beside is None:
        return []
    rows: tuple[tuple[Cell, ...], ...] = (
        ("λ̂, of the ridge nearest to the model", beside.parameter, None, None),
        ("λ̂ / σ²", beside.parameter / noise if noise else None, None, None),
        ("to ridge / (Bayes risk − σ²)", *_of(beside.excess)),
        ("to the best step / to ridge", *_of(beside.closer)),
        ("to ridge / to ridge with λ̂", *_of(beside.to_nearest)),
        ("to ridge / to least squares", *_of(beside.to_least_squares)),
    )
    note = (
        "λ̂ is fitted on other prompts; then quotients of squared distances, to ridge with the right λ = σ² where nothing else is said; in "
        f"the last two, squares below are cut at E y². {PERCENT} intervals of a quotient of means over {BATCHES} batches (delta method, "
        "Student t)"
    )
    return [Part("Beside ridge", "measured", note, ("what", "value", "low", "high"), rows)]


def _alignment(found: Measures) -> Part:
    rows: list[tuple[Cell, ...]] = []
    for name, alignment in found.alignment.items():
        rows += [
            (f"cosine of sensitivities, {name}", *_of(alignment.cosine)),
            (f"‖difference of sensitivities‖, {name}", *_of(alignment.sensitivity)),
            (f"|difference of predictions|, {name}", *_of(alignment.prediction)),
        ]
    slope, size = found.typical
    note = (
        f"means over prompts, after von Oswald et al. (2212.07677), sensitivity ∂ŷ/∂x_q by {found.differentiated}; {MEANS}. For scale, the "
        f"best step has ‖sensitivity‖ {slope:.4g} and |prediction| {size:.4g} in the mean"
    )
    return Part("Alignment with one step", "measured", note, ("what", "value", "low", "high"), tuple(rows))


def _shifts(found: Measures) -> Part:
    columns = ["prompts", "measured", "low", "high", "theory: B*", "B* n/n'", "best step there", "Bayes risk there"]
    columns[5:5] = ["its weights"] if found.weights else []
    rows, refused = [], []
    for one in found.shifted:
        row = [one.shift.label, *_of(one.risk), one.summed, one.averaged, one.best_step, one.bayes]
        row[5:5] = [one.weights] if found.weights else []
        rows.append(tuple(row))
        if one.refusal:
            refused.append(f"no risk at {one.refusal.rstrip('.')}")
    note = (
        f"risk on prompts of another setting; {MEANS}. Other columns are theory's exact risks there: of the step B* of this setting as a "
        "sum over the context (theorem risk-under-shift), as a mean, of the best step, of the best predictor"
    )
    return Part("Out of distribution", "measured", ". ".join([note, *refused]), tuple(columns), tuple(rows))


def _exact(found: Measures) -> Part | None:
    weights, objective = found.weights, found.objective
    if weights is None:
        return None
    end = weights.end
    name = end.name or ("none that the theory lists" if end.gradient < 1e-6 else "none reached")
    rows: tuple[tuple[Cell, ...], ...] = (
        ("loss", weights.loss),
        ("(loss − L*) / L*", weights.excess / objective.minimum if objective.minimum else None),
        ("‖B − B*‖_F / ‖B*‖_F", weights.step_error),
        ("stationary point that they lead to", name if end.kind in (None, name) else f"{name}, a {end.kind}"),
        ("loss there", end.loss),
        ("(loss − loss there) / loss there", end.gap),
    )
    return Part("At its weights", "theory", "exact expectations at the weights (v, M), sum convention", ("what", "value"), rows)


def _line(found: Measures) -> Part | None:
    weights = found.weights
    if weights is None:
        return None
    every = max(1, (len(weights.place) - 1) // 10)
    least, points = found.objective.minimum, zip(weights.place[::every].tolist(), weights.line[::every].tolist(), strict=True)
    rows: list[tuple[Cell, ...]] = [(f"t = {t:.1f}", least + excess, excess) for t, excess in points]
    rows.append(("rise above the ends", None, weights.hump))
    note = "exact loss on the line from its weights (t = 0) to theory's (t = 1), both in the gauge ‖v‖ = ‖M‖ and of one sign"
    return Part("Weight interpolation", "theory", note, ("where", "loss", "loss − L*"), tuple(rows))


def _symmetries(found: Measures) -> Part:
    rows: list[tuple[Cell, ...]] = []
    for one in found.symmetries:
        broken = one.change is not None and one.change > found.rounding
        rows.append((one.name, one.change, *((one.prompt, one.before, one.after) if broken else (None, None, None))))
    note = "root mean square change of ŷ relative to that of ŷ; the prompt at which it changes most; no value: no symmetry of the setting"
    if found.weights_unknown:
        note += f". Its weights are not compared: {found.weights_unknown}"
    return Part("Symmetries", "measured", note, ("under", "change", "prompt", "before", "after"), tuple(rows))
