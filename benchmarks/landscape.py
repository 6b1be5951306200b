"""How fast many starts descend the exact loss at once, and how much faster than one at a time.

10,000 random starts at d = 4 to relative gradient 1e-10 (`numerics.descent.relative_gradient`); beside it scipy's BFGS and torch's L-BFGS
on theory's own expression with automatic differentiation, one start after another, on a sample, to the accuracy that they reach.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
from rich.console import Console
from rich.table import Table
from scipy.optimize import minimize
from torch import Tensor

from numerics.atlas import Atlas
from numerics.config import TrainConfig
from numerics.descent import descend, random_starts, relative_gradient
from numerics.endpoint import minimise
from numerics.objective import ExactObjective
from numerics.polynomial import LossPolynomial


def by_scipy(polynomial: LossPolynomial, start: Tensor) -> Tensor:
    """One start by BFGS"""

    def value_and_slope(flat: object) -> tuple[float, object]:
        theta = torch.as_tensor(flat).requires_grad_()
        loss = polynomial.objective.loss(*polynomial.split(theta))
        return float(loss.detach()), torch.autograd.grad(loss, theta)[0].numpy()

    return torch.as_tensor(minimize(value_and_slope, start.numpy(), jac=True, method="BFGS", options={"gtol": 1e-10, "maxiter": 2000}).x)


def by_torch(polynomial: LossPolynomial, start: Tensor) -> Tensor:
    """One start by torch.optim.LBFGS with a strong Wolfe line search"""
    return minimise(lambda theta: polynomial.objective.loss(*polynomial.split(theta)), start, iterations=1000)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=10_000, help="starts at once (default 10000)")
    parser.add_argument("--sample", type=int, default=20, help="starts one at a time (default 20)")
    parser.add_argument("--dimension", type=int, default=4, help="d (default 4)")
    parser.add_argument("--context", type=int, default=200, help="n (default 200)")
    parser.add_argument("--noise", default="1/4", help="σ² (default 1/4)")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default 1; two stall on a busy machine)")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    config = TrainConfig.build(dimension=arguments.dimension, context=arguments.context, noise=arguments.noise)
    polynomial = LossPolynomial(ExactObjective(config.setting))
    atlas = Atlas(polynomial)
    starts = random_starts(polynomial, arguments.starts, scale=1.0, seed=0)
    title = f"d = {arguments.dimension}, n = {arguments.context}, σ² = {arguments.noise}, {arguments.threads} threads"
    table = Table(title=title)
    for column in ("descent", "starts", "wall", "CPU", "a start", "ratio", "in the atlas", "relative gradient, greatest"):
        table.add_column(column, justify="left" if column == "descent" else "right")
    fastest = 0.0

    def row(name: str, count: int, run: Callable[[], Tensor]) -> None:
        nonlocal fastest
        wall, cpu = time.perf_counter(), time.process_time()
        ends = run()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        fastest = fastest or wall / count
        inside = int((atlas.assign(ends)[0] >= 0).sum())
        gradient = float(relative_gradient(polynomial, ends)[0].max())
        each = f"{wall / count * 1e3:.2f} ms"
        table.add_row(
            name, str(count), f"{wall:.1f} s", f"{cpu:.1f} s", each, f"{wall / count / fastest:.0f}", f"{inside}/{count}", f"{gradient:.1e}"
        )

    row("all at once (numerics.descent)", len(starts), lambda: descend(polynomial, starts).theta)
    sample = starts[: arguments.sample]
    for name, one in (("one at a time, scipy BFGS", by_scipy), ("one at a time, torch L-BFGS", by_torch)):
        row(name, len(sample), lambda one=one: torch.stack([one(polynomial, start) for start in sample]))  # type: ignore[misc]
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
