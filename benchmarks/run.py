"""`make bench`: what the README promises of speed, measured in one run on this machine.

general loss     the loss with symbolic n, d, Σ, W, v, M, derived from scratch in a fresh process, imports apart (median of 5 processes)
E tr S^k         Wick's rule, S = XᵀX, symbolic n and d, fresh engine (median of 5)
proofs check     `python -m proofs check`, every theorem in a fresh process (median of 3)
training step    B = 2048, d = 20, n = 256, float32, 1 thread: a whole optimiser step against what no step can avoid, drawing the normals
                 and one batched Gram product, the faster of drawing whole batches and drawing in chunks of the same size
                 (medians of interleaved runs)
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import torch
from rich.console import Console
from rich.table import Table
from sympy import Identity, Trace

from numerics.config import TrainConfig
from numerics.models import initial_model
from numerics.samplers import CHUNK, PromptSampler
from theory import notation, wick

FRESH = "import theory.loss as l, time; t = time.perf_counter(); l.general_loss(); print(time.perf_counter() - t)"


def fresh_process() -> float:
    """Seconds to derive the general loss in a new process, imports apart."""
    return float(subprocess.run([sys.executable, "-c", FRESH], check=True, capture_output=True, text=True).stdout)


def all_theorems() -> float:
    """Seconds to check every theorem from the command line."""
    return seconds(lambda: subprocess.run([sys.executable, "-m", "proofs", "check"], check=True, capture_output=True))


def seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def trace_power(k: int) -> float:
    """Seconds for E[tr (XᵀX)^k]."""
    law = wick.RandomMatrix(notation.X, Identity(notation.n), Identity(notation.d))
    power = Trace((notation.X.T * notation.X) ** k)
    return seconds(lambda: wick.expectation(power, law))


def training_step(rounds: int, *, batch: int = 2048, d: int = 20, n: int = 256) -> dict[str, float]:
    """Median seconds of a step and of the two floors."""
    torch.set_num_threads(1)
    config = TrainConfig.build(dimension=d, context=n, batch=batch)
    generator = torch.Generator().manual_seed(0)
    cpu = torch.device("cpu")
    sampler = PromptSampler(config.setting, dtype=torch.float32, device=cpu, generator=generator)
    model = initial_model(
        parametrisation="separate",
        initialisation="matched",
        dimension=d,
        context=n,
        scale=1.0,
        dtype=torch.float32,
        generator=torch.Generator().manual_seed(0),
    )
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-4)
    size = max(1, CHUNK // (n * (d + 1)))
    grams = torch.empty(batch, d + 1, d + 1)

    def step() -> None:
        prompts = sampler.moments(batch)
        loss = (model.from_moments(prompts.moments, prompts.query) - prompts.target).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    def whole() -> None:
        drawn = torch.randn(batch, n, d + 1, generator=generator)
        torch.bmm(drawn.mT, drawn, out=grams)

    def chunked() -> None:
        for start in range(0, batch, size):
            drawn = torch.randn(min(size, batch - start), n, d + 1, generator=generator)
            torch.bmm(drawn.mT, drawn, out=grams[start : start + size])

    times: dict[str, list[float]] = {"step": [], "whole": [], "chunked": []}
    for _ in range(rounds):
        for name, function in (("step", step), ("whole", whole), ("chunked", chunked)):
            times[name].append(seconds(function))
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30, help="interleaved rounds of the training step (default 30)")
    arguments = parser.parse_args()
    table = Table(title="benchmarks")
    for column in ("what", "measured", "to reach"):
        table.add_column(column)
    table.add_row("general loss, from scratch", f"{statistics.median(fresh_process() for _ in range(5)):.3f} s", "≤ 1 s")
    for k, target in ((5, "≤ 0.1 s"), (8, "≤ 10 s")):
        table.add_row(f"E tr S^{k}", f"{statistics.median(trace_power(k) for _ in range(5)):.4f} s", target)
    table.add_row("python -m proofs check", f"{statistics.median(all_theorems() for _ in range(3)):.1f} s", "≤ 30 s")
    step = training_step(arguments.rounds)
    floor = min(step["whole"], step["chunked"])
    table.add_row("training step / floor", f"{step['step'] / floor:.3f}", "≤ 1.1")
    table.add_row("  step, whole-batch floor, chunked floor", ", ".join(f"{value * 1e3:.1f} ms" for value in step.values()), "")
    Console().print(table)


if __name__ == "__main__":
    main()
