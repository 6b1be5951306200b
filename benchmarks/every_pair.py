"""Trains a layer on the exact loss of every pair of responses and covariates that is not undefined, and holds it against the theory.

    python benchmarks/every_pair.py --dimension 2 --context 5

Each run starts from random weights, descends the exact loss (L-BFGS) and is judged as `python -m numerics.train` judges it: exact loss and
step at the trained weights against theory's, and the loss on fresh prompts against the exact one. Exit code 1 unless all agree.
"""

from __future__ import annotations

import sys
import time

import click
import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor

import numerics.run
from numerics.config import TrainConfig
from numerics.endpoint import minimise
from numerics.errors import ConfigError
from numerics.models import initial_model
from numerics.objective import ExactObjective
from numerics.run import judge
from theory.table import named_pairs


def descended(config: TrainConfig, objective: ExactObjective) -> tuple[Tensor, Tensor]:
    """v and M where L-BFGS on the exact excess loss ends, from the random start of `numerics.train`."""
    d = config.dimension
    start = initial_model(
        parametrisation="merged",
        initialisation="matched",
        dimension=d,
        context=config.context,
        scale=config.initial_scale,
        dtype=torch.float64,
        generator=torch.Generator().manual_seed(config.seed),
    )
    theta = torch.cat([start.value_vector().detach(), start.key_query().detach().flatten()])

    def split(flat: Tensor) -> tuple[Tensor, Tensor]:
        return flat[: d + 1], flat[d + 1 :].reshape(d + 1, d + 1)

    return split(minimise(lambda flat: objective.excess(*split(flat)), theta, iterations=500))


@click.command()
@click.option("--dimension", default=2, show_default=True, help="d")
@click.option("--context", default=5, show_default=True, help="n")
@click.option("--noise", default="1/4", show_default=True, help="σ²")
@click.option("--skip", default=(), multiple=True, help="responses to leave out, erf for one, whose enclosures take minutes")
@click.option("--only", default="", help="pairs whose 'response x covariates' holds this text")
def main(dimension: int, context: int, noise: str, skip: tuple[str, ...], only: str) -> None:
    """Prints a line for each pair."""
    numerics.run.CHECK_PROMPTS = 1 << 17
    covariates, responses = named_pairs()
    pairs = [(response, law) for response in responses for law in covariates if only in f"{response} x {law}" and response not in skip]
    console = Console(highlight=False)
    failed = trained = 0
    for response, law in track(pairs, "training", console=Console(stderr=True)):
        started = time.perf_counter()
        try:
            config = TrainConfig.build(
                dimension=dimension, context=context, noise=noise, covariates=law, response=response, objective="exact"
            )
        except ConfigError:  # undefined, as docs/laws.md says
            continue
        trained += 1
        objective = ExactObjective(config.setting)
        v, M = descended(config, objective)
        result = judge(config, objective, v, M, steps=config.steps, seconds=0.0)
        failed += result.verdict != "agrees"
        console.print(
            f"{response} × {law}: {result.verdict}, {result.stationary_point}, relative excess {result.relative_excess:.1e}, "
            f"error of B {result.step_relative_error:.1e}, {time.perf_counter() - started:.1f} s",
            soft_wrap=True,
        )
    console.print(f"{trained - failed} of {trained} pairs agree with the theory.")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
