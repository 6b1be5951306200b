"""The paper's step size η of every pair of covariate law and response family, against Monte Carlo.

η = κ / (γ + σ² + (n−1) κ) with κ = E y y' xᵀΣ⁻¹x'/d and γ = E y² xᵀΣ⁻¹x/d, two moments of two noiseless tokens (x, y), (x', y') of one
prompt. Of each prompt two tokens are drawn by the laws' own samplers, in float64, and κ and γ are means over prompts.

*Error model.* At the η of theory, Z = κ̂ − η (γ̂ + σ² + (n−1) κ̂) has mean 0, and the estimate less η is Z over the denominator, up to
O(1/prompts). Z is averaged over batches of prompts; the mean over its standard error is compared with the quantile of Student's t with
(batches − 1) degrees of freedom at a false-alarm rate of 1e-5 for all pairs together (Bonferroni). η = 0 is no exception: Z is κ̂ then.

*Heavy tails.* The variance of the plain estimator is E y⁴‖x‖⁴ up to constants, a moment of order 4k + 4 of x if |y| grows like ‖x‖^k: it
does not exist for Student covariates with ν ≤ 4k + 4 degrees of freedom (and even where it does, the mean of a high power of Gaussians has
an error so skew that no quantile of Student's t describes it). So each prompt is drawn from heavier tails and weighted:

  normal   τg in place of g, τ > 1: the weight τ exp(−(τ²−1) g²/2) times any polynomial in the draw is bounded
  Laplace  likewise, τ exp(−√2 (τ−1)|g|)
  χ²_ν     (Student covariates, ‖x‖² = (ν−2)‖g‖²/c): χ²_μ with μ = ν − 2(k+1) > 0. The weight is a constant times c^(ν−μ)/2 = c^(k+1), and
           y²‖x‖² ≤ const (1 + 1/c)^(k+1) in c: their product is at most const (1+c)^(k+1), of which every moment under χ²_μ exists.
           With E y⁴ finite, as theory asks, ν > 4k (or ν > 4), so μ > 0; the variance is finite wherever η is.

So every moment of the weighted estimator exists for every pair. Neural networks are drawn unweighted (many normals, bounded by none but
of order two). `--plain` leaves the weights out.
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
from sympy import Inverse, Poly, Rational

from numerics.evaluate import to_tensor
from numerics.source import Source
from theory import Linear, PolynomialKernel, RandomPolynomial, ReLUNetwork, Setting, SingleIndex, Sphere, enclosure
from theory.loss import one_step_moments, specialise
from theory.responses.single_index import t
from theory.table import status

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from common.pairs import FAMILIES, LAWS, PAIRS

RATE, CHUNK = 1e-5, 1 << 15


class Weighted(Source):
    """Draws from heavier tails, and the logarithm of density over proposal of what was drawn since `reset`, a tensor (batch, 1 or 2)."""

    stretch, degrees_less = 1.0, 0.0

    def reset(self, stretch: float, degrees_less: float = 0.0) -> None:
        self.stretch, self.degrees_less, self.log_weight = stretch, degrees_less, torch.zeros(1, 1, dtype=self.dtype)

    def _weigh(self, log_weight: Any) -> None:
        parts = log_weight.flatten(2)
        self.log_weight = self.log_weight + parts @ parts.new_ones(parts.shape[-1])

    def normal(self, *shape: int) -> Any:
        drawn = super().normal(*shape)
        if self.stretch != 1:
            self._weigh(math.log(self.stretch) - (self.stretch**2 - 1) / 2 * drawn**2)
        return self.stretch * drawn

    def laplace(self, *shape: int) -> Any:
        drawn = super().laplace(*shape)
        if self.stretch != 1:
            self._weigh(math.log(self.stretch) - (self.stretch - 1) * drawn.abs())
        return self.stretch * drawn

    def chi_square(self, degrees: float, *shape: int) -> Any:
        less = degrees - self.degrees_less
        drawn = super().chi_square(less, *shape)
        if less != degrees:
            constant = math.lgamma(less / 2) - math.lgamma(degrees / 2) - (degrees - less) / 2 * math.log(2)
            self._weigh(constant + (degrees - less) / 2 * drawn.log())
        return drawn


class Outcome(NamedTuple):
    law: str
    family: str
    theory: float
    estimate: float
    half_width: float
    z: float
    seconds: float


def growth(family: Any) -> int:
    """k with |f(x)| ≤ C (1 + ‖x‖)^k"""
    if isinstance(family, SingleIndex):
        phi = family.activation
        return int(Poly(phi, t).degree()) if phi.is_polynomial(t) else int(family.growth[1])
    if isinstance(family, PolynomialKernel | RandomPolynomial):
        return int(family.degree)
    return int(isinstance(family, Linear | ReLUNetwork))


def theoretical(setting: Setting) -> float:
    """The midpoint of a certified enclosure of η."""
    inverse = Inverse(setting.covariates.second_moment)
    numerator, denominator = (specialise(part, setting, step=inverse) for part in one_step_moments())
    return float(enclosure(numerator / denominator).mid())


def estimate(setting: Setting, eta: float, prompts: int, plain: bool, source: Weighted, advance: Any) -> tuple[float, float, float]:
    """The estimate, its standard error, and Z over its standard error; by batches."""
    law, family = setting.covariates, setting.response
    d, n, noise, k = int(setting.dimension), int(setting.context_length), float(setting.noise_variance), growth(setting.response)
    covariates = 1.0 if plain or isinstance(law, Sphere) else (1 + (k + 1) / d) ** 0.5
    tasks = 1.0 if plain or isinstance(family, ReLUNetwork) else (1 + max(k, 0) / d) ** 0.5
    precision = to_tensor(setting.covariates.second_moment.as_explicit()).double().inverse()
    batches = max(8, math.ceil(prompts / CHUNK))
    ones = torch.ones(d, dtype=torch.float64)
    rows = []
    for _ in range(batches):
        source.reset(covariates, 0.0 if plain else 2 * (k + 1))
        x = law.draw(source, math.ceil(prompts / batches), 2)
        token = source.log_weight.exp().expand(len(x), 2)
        source.reset(tasks)
        y = family.draw(source, x)
        task = source.log_weight.exp().prod(dim=1) if source.log_weight.numel() > 1 else torch.ones(1, dtype=x.dtype)
        whitened = x @ precision
        both = (task * token.prod(dim=1) * y.prod(dim=1) * (whitened[:, 0] * x[:, 1] @ ones)).mean() / d
        one = (task[:, None] * token * y.square() * (whitened * x @ ones)).mean() / d
        rows.append((both, one))
        advance(len(x))
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
    left.set_title("z = (estimate − theory) / standard error; – undefined")
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
        if status(setting.covariates, setting.response).mark == "undefined":
            undefined += 1
        else:
            defined.append((law, family, setting))
    if not defined:
        parser.error(f"no pair with a defined η has {arguments.only!r} in its name")
    batches = max(8, math.ceil(prompts / CHUNK))
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
    console.print(f"{len(outcomes) - len(outside)} of {len(outcomes)} inside, {undefined} undefined")
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
