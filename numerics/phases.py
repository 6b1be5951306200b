"""Phase diagrams: over context length and noise, what random starts end in, under the exact boundary between the phases."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from sympy import lambdify

from numerics.config import TrainConfig
from numerics.evaluate import number
from numerics.figures import png
from numerics.folder import Folder
from numerics.survey import survey
from theory import Gaussian, Linear, Setting, notation, stationary_points
from theory.names import rational

DIMENSIONS = tuple(range(2, 9))
CONTEXTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048)
NOISES = ("1/16", "1/4", "1", "4", "16", "64", "256", "1024", "4096")
FINE = 160
"""Points of the exact map along each axis."""
LOCAL = "local minimum"
PHASES = ("none", "mixed direction", "one direction")
"""The local minimum that is not global, if there is one."""
SHADES = ("#dbe8f4", "#7c3aed", "#c2410c")


class Cell(NamedTuple):
    """One setting: the phase of theory, and what random starts ended in."""

    dimension: int
    context: int
    noise: str
    theory: str
    starts: int
    unconverged: int
    outside: int
    ends: dict[str, int]

    @property
    def share(self) -> float:
        """The share of the converged starts that ended in a local minimum"""
        found = sum(count for name, count in self.ends.items() if name in PHASES)
        return found / max(1, self.starts - self.unconverged)


def phase(families: Sequence[Any]) -> str:
    """Which phase a setting with these families is in"""
    return next((family.name for family in families if family.kind == LOCAL), "none")


def measure(config: TrainConfig, *, starts: int, scale: float, cells: Path) -> Cell:
    """One cell, from its file in `cells` if it has been measured and the file is whole."""
    plan = {"config": config.model_dump(), "starts": starts, "scale": scale}
    name = hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()[:20] + ".cell"
    folder = Folder(cells)
    known = folder.read_sealed(name)
    if known is not None:
        return Cell(**json.loads(known))
    done = survey(config.setting, starts=starts, scale=scale, seed=config.seed, tolerance=1e-2)
    ends: dict[str, int] = {}
    for k, family in enumerate(done.atlas.families):
        if done.count(k):
            key = family.name if family.kind == LOCAL else f"{family.name} ({family.kind})"
            ends[key] = ends.get(key, 0) + done.count(k)
    contradiction = done.verdict[0] == "contradicts"
    cell = Cell(
        config.dimension, config.context, config.noise, phase(done.atlas.families), starts, done.unconverged,
        max(done.count(-1), int(contradiction)), ends,
    )  # fmt: skip
    folder.write_sealed(name, json.dumps(cell._asdict()).encode())
    return cell


def places() -> list[tuple[int, int, str]]:
    """(d, n, σ²) of every cell"""
    return [(d, n, noise) for d in DIMENSIONS for noise in NOISES for n in CONTEXTS]


def exact_map(dimension: int, contexts: Sequence[float], noises: Sequence[float]) -> list[list[int]]:
    """The number in PHASES of the phase at each (σ², n), from theory's conditions; between whole n too."""
    conditions = [(PHASES.index(name), holds) for name, holds in _conditions()]
    return [[sum(k for k, holds in conditions if holds(dimension, n, noise)) for n in contexts] for noise in noises]


@cache
def _conditions() -> list[tuple[str, Callable[[Any, Any, Any], bool]]]:
    symbols = notation.d, notation.n, notation.sigma2
    setting = Setting(
        covariates=Gaussian.isotropic(notation.d),
        response=Linear.isotropic(notation.d),
        noise_variance=notation.sigma2,
        context_length=notation.n,
    )
    return [
        (family.name, lambdify(symbols, family.exists, modules="math")) for family in stationary_points(setting) if family.kind == LOCAL
    ]


def draw(cells: Sequence[Cell]) -> bytes:
    """A panel for each d: a tile for each cell, shaded by the share of starts that end in a local minimum, and the exact boundaries."""
    shown = sorted({cell.dimension for cell in cells})
    columns = min(4, len(shown))
    figure = Figure(figsize=(4.1 * columns, 3.9 * math.ceil(len(shown) / columns) + 0.6), layout="constrained")
    panels = figure.subplots(math.ceil(len(shown) / columns), columns, squeeze=False, sharex=True, sharey=True)
    for ax, d in zip(panels.flat, shown, strict=False):
        own = [cell for cell in cells if cell.dimension == d]
        contexts, noises = sorted({cell.context for cell in own}), sorted({_float(cell.noise) for cell in own})
        n_edges, s_edges = _edges(contexts), _edges(noises)
        for cell in own:
            i, j = contexts.index(cell.context), noises.index(_float(cell.noise))
            box = (n_edges[i], s_edges[j]), n_edges[i + 1] - n_edges[i], s_edges[j + 1] - s_edges[j]
            ax.add_patch(Rectangle(*box, facecolor=_shade(cell), edgecolor="white", linewidth=0.3))
            if cell.share:
                middle = (contexts[i], noises[j])
                ax.annotate(f"{100 * cell.share:.0f}", middle, ha="center", va="center", fontsize=5.5, color="black")
        fine = [_spread(edges) for edges in (n_edges, s_edges)]
        found = exact_map(d, *fine)
        for k in (1, 2):
            inside = [[float(value == k) for value in row] for row in found]
            if any(map(any, inside)) and not all(map(all, inside)):
                ax.contour(*fine, inside, levels=[0.5], colors="black", linewidths=1.3)
        ax.set(xscale="log", yscale="log", xlim=(n_edges[0], n_edges[-1]), ylim=(s_edges[0], s_edges[-1]), title=f"d = {d}")
    for ax in panels.flat[len(shown) :]:
        ax.set_visible(False)
    for ax in panels[:, 0]:
        ax.set_ylabel("σ², variance of the label noise")
    for ax in panels.flat[max(0, len(shown) - columns) : len(shown)]:
        ax.set_xlabel("n, examples in a prompt")
        ax.xaxis.set_tick_params(labelbottom=True)
    starts = cells[0].starts
    handles: list[Any] = [Patch(color=SHADES[k], label=f"ends in a local minimum: {PHASES[k]}") for k in (1, 2)]
    handles.append(Patch(color=SHADES[0], label="all ends in the global minimum"))
    handles.append(Line2D([], [], color="black", linewidth=1.3, label="exact boundaries of where a local minimum of each kind exists"))
    figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=10)
    figure.suptitle(f"What {starts} random starts end in; numbers: per cent of them in a local minimum that is not global")
    return png(figure)


def _shade(cell: Cell) -> tuple[float, ...]:
    """Light blue for no local minimum met, the colour of the one met most, the stronger the more starts ended there."""
    met = {name: count for name, count in cell.ends.items() if name in PHASES}
    base = to_rgb(SHADES[0])
    if not met:
        return base
    strong, weight = to_rgb(SHADES[PHASES.index(max(met, key=lambda name: met[name]))]), 0.25 + 0.75 * min(1.0, 2 * cell.share)
    return tuple(weight * s + (1 - weight) * b for s, b in zip(strong, base, strict=True))


def _edges(values: Sequence[float]) -> list[float]:
    """The edges of tiles around values on a logarithmic axis"""
    inner = [math.sqrt(a * b) for a, b in pairwise(values)]
    return [values[0] ** 2 / inner[0], *inner, values[-1] ** 2 / inner[-1]]


def _spread(edges: Sequence[float]) -> list[float]:
    low, high = math.log(edges[0]), math.log(edges[-1])
    return [math.exp(low + (high - low) * k / (FINE - 1)) for k in range(FINE)]


def _float(noise: str) -> float:
    return number(rational("σ²", noise))


def table(cells: Sequence[Cell]) -> bytes:
    """The numbers of the diagram as CSV"""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("dimension", "context", "noise", "local_minimum_theory", "starts", "unconverged", "contradictions", *PHASES[1:]))
    for cell in cells:
        writer.writerow((*cell[:7], *(cell.ends.get(name, 0) for name in PHASES[1:])))
    return text.getvalue().encode()
