"""The paper's step size η of every pair of covariate law and response family, against Monte Carlo.

η = κ / (γ + σ² + (n−1) κ) with κ = E y y' xᵀΣ⁻¹x'/d and γ = E y² xᵀΣ⁻¹x/d, two moments of two noiseless tokens (x, y), (x', y') of one
prompt. Of each prompt two tokens are drawn by the laws' own samplers, in float64, and κ and γ are means over prompts.

*Error model.* At the η of theory, Z = κ̂ − η (γ̂ + σ² + (n−1) κ̂) has mean 0, and the estimate less η is Z over the denominator, up to
O(1/prompts). Z is averaged over batches of prompts; the mean over its standard error is compared with the quantile of Student's t with
(batches − 1) degrees of freedom at a false-alarm rate of 1e-5 for all pairs together (Bonferroni). η = 0 is no exception: Z is κ̂ then.

*Heavy tails.* The variance of the plain estimator is E y⁴‖x‖⁴ up to constants, a moment of order 4k + 4 of x if |y| grows like ‖x‖^k: it
does not exist for Student covariates with ν ≤ 4k + 4 degrees of freedom (and even where it does, the mean of a high power of Gaussians has
an error so skew that no quantile of Student's t describes it). So prompts are drawn from heavier tails and weighted, as `common.weighted`
in tests says, with the condition on the proposal: every moment of the weighted estimator exists for every pair. `--plain` leaves the
weights out.
"""

from __future__ import annotations

import argparse
import csv
import math
import statistics
import sys
import time
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from scipy import stats
from sympy import Inverse, Rational

from numerics.evaluate import to_tensor
from theory import Setting, enclosure
from theory.loss import one_step_moments, specialise
from theory.table import status

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from common.pairs import FAMILIES, LAWS, PAIRS
from common.weighted import Weighted, draw_pairs

RATE, CHUNK = 1e-5, 1 << 15


class Outcome(NamedTuple):
    law: str
    family: str
    theory: float
    estimate: float
    half_width: float
    z: float
    seconds: float


def theoretical(setting: Setting) -> float:
    """The midpoint of a certified enclosure of η."""
    inverse = Inverse(setting.covariates.second_moment)
    numerator, denominator = (specialise(part, setting, step=inverse) for part in one_step_moments())
    return float(enclosure(numerator / denominator).mid())


def estimate(setting: Setting, eta: float, prompts: int, plain: bool, source: Weighted, advance: Any) -> tuple[float, float, float]:
    """The estimate, its standard error, and Z over its standard error; by batches."""
    law, family = setting.covariates, setting.response
    d, n, noise = int(setting.dimension), int(setting.context_length), float(setting.noise_variance)
    precision = to_tensor(setting.covariates.second_moment.as_explicit()).double().inverse()
    batches = max(64, math.ceil(prompts / CHUNK))
    ones = torch.ones(d, dtype=torch.float64)
    rows = []
    for _ in range(batches):
        drawn = draw_pairs(law, family, source, math.ceil(prompts / batches), plain=plain)
        whitened = drawn.x @ precision
        both = (drawn.both * drawn.y.prod(dim=1) * (whitened[:, 0] * drawn.x[:, 1] @ ones)).mean() / d
        one = (drawn.each * drawn.y.square() * (whitened * drawn.x @ ones)).mean() / d
        rows.append((both, one))
        advance(len(drawn.x))
    kappa, gamma = torch.tensor(rows, dtype=torch.float64).T
    denominator = float(gamma.mean()) + noise + (n - 1) * float(kappa.mean())
    centred = kappa - eta * (gamma + noise + (n - 1) * kappa)
    error = float(centred.std()) / batches**0.5
    if error == 0:  # nothing varies: no judgement but equality
        return float(kappa.mean()) / denominator, 0.0, 0.0 if abs(float(centred.mean())) < 1e-12 else math.inf
    return float(kappa.mean()) / denominator, error / abs(denominator), float(centred.mean()) / error


def figure(outcomes: list[Outcome], bound: float, title: str, path: Path) -> None:
    """z of every pair: a dot for each, in a grid of laws and families, beside their distribution."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    laws = [name for name in LAWS if any(outcome.law == name for outcome in outcomes)]
    families = [name for name in FAMILIES if any(outcome.family == name for outcome in outcomes)]
    fig, (left, right) = plt.subplots(1, 2, figsize=(13, 6), width_ratios=(3, 2), layout="constrained")
    grid = [[math.nan] * len(families) for _ in laws]
    for outcome in outcomes:
        grid[laws.index(outcome.law)][families.index(outcome.family)] = outcome.z
    image = left.imshow(grid, cmap="RdBu", vmin=-bound, vmax=bound, aspect="auto")
    for i, row in enumerate(grid):
        for j, z in enumerate(row):
            left.text(j, i, "–" if math.isnan(z) else f"{z:.1f}", ha="center", va="center", fontsize=7)
    left.set_xticks(range(len(families)), families, rotation=60, ha="right")
    left.set_yticks(range(len(laws)), laws)
    left.set_title("z = (estimate − theory) / standard error; – without exact moments")
    fig.colorbar(image, ax=left, label=f"z, refused beyond ±{bound:.1f}")
    values = sorted(outcome.z for outcome in outcomes)
    normal = [statistics.NormalDist().inv_cdf((i + 0.5) / len(values)) for i in range(len(values))]
    right.plot([-3.5, 3.5], [-3.5, 3.5], color="grey", linewidth=1)
    right.plot(normal, values, "o", markersize=3)
    for edge in (-bound, bound):
        right.axhline(edge, color="firebrick", linewidth=1, linestyle="--")
    right.set(xlabel="quantile of N(0, 1)", ylabel="z, sorted", title="all pairs: on the diagonal if theory holds")
    fig.suptitle(title)
    fig.savefig(path, dpi=150)


def main() -> None:
    """Print the table; leave with 1 where an estimate lies outside."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=float, default=1e7, help="prompts for each pair (default 1e7)")
    parser.add_argument("--dimension", type=int, default=3, help="d (default 3)")
    parser.add_argument("--context", type=int, default=10, help="n (default 10)")
    parser.add_argument("--noise", type=Rational, default=Rational(1, 4), help="σ² (default 1/4)")
    parser.add_argument("--only", default="", help="pairs of which LAW × FAMILY holds this text, such as 'student' or '× relu'")
    parser.add_argument("--seed", type=int, default=0, help="of the draws, together with the names of the pair (default 0)")
    parser.add_argument("--plain", action="store_true", help="draw from the laws as they are, without weights")
    parser.add_argument("--out", type=Path, help="folder for step_sizes.csv and step_sizes.png")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    prompts, d = int(arguments.prompts), arguments.dimension
    console = Console()
    defined, undefined = [], 0
    for law, family in PAIRS:
        if arguments.only not in f"{law} × {family}":
            continue
        setting = Setting(
            covariates=LAWS[law](d), response=FAMILIES[family](d), noise_variance=arguments.noise, context_length=arguments.context
        )
        if status(setting.covariates, setting.response).mark in ("undefined", "not known"):
            undefined += 1
        else:
            defined.append((law, family, setting))
    if not defined:
        parser.error(f"no pair with a defined η has {arguments.only!r} in its name")
    batches = max(64, math.ceil(prompts / CHUNK))
    bound = float(stats.t.isf(RATE / len(defined) / 2, batches - 1))
    outcomes = []
    columns = (TextColumn("{task.description:32}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("", total=len(defined))
        for law, family, setting in defined:
            progress.update(bar, description=f"{law} × {family}")
            eta = theoretical(setting)
            seed = (zlib.crc32(f"{law} × {family}".encode()) << 20) + arguments.seed
            source = Weighted(dtype=torch.float64, device=torch.device("cpu"), generator=torch.Generator().manual_seed(seed))
            start = time.perf_counter()
            found, error, z = estimate(setting, eta, prompts, arguments.plain, source, lambda count: progress.advance(bar, count / prompts))
            outcomes.append(Outcome(law, family, eta, found, bound * error, z, time.perf_counter() - start))
            progress.update(bar, completed=len(outcomes))
    title = f"η, d = {d}, n = {arguments.context}, σ² = {arguments.noise}, {prompts:.0e} prompts a pair"
    table = Table(title=title, caption=f"outside where |z| > {bound:.2f}: false-alarm rate {RATE} over all {len(defined)} pairs")
    for column in ("covariates", "response", "theory", "estimate", "± interval", "z", ""):
        table.add_column(column)
    for o in outcomes:
        verdict = "" if abs(o.z) <= bound else "[red]outside[/red]"
        table.add_row(o.law, o.family, f"{o.theory:.7f}", f"{o.estimate:.7f}", f"{o.half_width:.1e}", f"{o.z:+.2f}", verdict)
    console.print(table)
    outside = [o for o in outcomes if not abs(o.z) <= bound]
    widest = max(outcomes, key=lambda o: o.half_width / abs(o.theory) if o.theory else 0.0)
    share = widest.half_width / abs(widest.theory) if widest.theory else 0.0
    console.print(f"{len(outcomes) - len(outside)} of {len(outcomes)} inside, {undefined} without exact moments")
    console.print(f"widest interval for an η > 0: {widest.law} × {widest.family}, ± {share:.2%}")
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
        with open(arguments.out / "step_sizes.csv", "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([*Outcome._fields, "bound", "prompts", "dimension", "context", "noise"])
            writer.writerows([*o, bound, prompts, d, arguments.context, arguments.noise] for o in outcomes)
        figure(outcomes, bound, title, arguments.out / "step_sizes.png")
    sys.exit(bool(outside))


if __name__ == "__main__":
    main()
