"""`make bench`: what the README promises of speed, measured in one run on this machine.

Ratios against what a user would run instead (`by_hand.py`: plain PyTorch, the fastest of three tuned formulations): training steps, cost
against context length, time until the loss has settled; many models at once; symbolic expectations; and how long derivations take.
Every time is a median of interleaved runs on one thread, wall and CPU; peak memory is that of fresh processes. Beside them stand the
floors: the time to draw the random numbers, and the rate of matrix products. Writes results.json, results.md, two CSV and cost.png to
--out; the exit code is 0 only if every measured figure reaches its target.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from rich.console import Console

from benchmarks import convergence, cost_figure, derivations, many_models, steps, symbolic
from benchmarks.report import Measured, Report, Row

Group = Callable[[], tuple[list[Row], list[Measured]]]


def groups(seconds: float) -> dict[str, Group]:
    """Each group of figures by its name."""
    return {
        "floors": steps.matrix_product,
        **{f"step-d{d}-n{n}": partial(steps.against_hand_written, d, n, seconds=seconds) for d, n in steps.TARGETS},
        "context-length": partial(steps.cost_against_context, seconds=seconds),
        "convergence": convergence.time_to_settle,
        "many-models": partial(many_models.at_once_against_one_by_one, seconds=seconds / 2),
        "traces": symbolic.rows_of_traces,
        "derivations": derivations.derivation_times,
        "proofs": derivations.proof_times,
    }


def machine() -> str:
    """What the figures depend on."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    processor = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor())
    gib = steps.machine_memory() / 2**30
    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    return f"{torch.get_num_threads()} thread; {processor}, {gib:.0f} GiB; {versions}; {steps.BATCH} prompts a step, float32"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--only", action="append", metavar="NAME", help=f"a group, or all that begin with it, as step; repeatable. {', '.join(groups(0))}"
    )
    parser.add_argument("--seconds", type=float, default=12.0, help="how long a set of contenders runs interleaved (default 12)")
    parser.add_argument("--out", type=Path, default=Path("build/bench"), help="where results are written (default build/bench)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    known, wanted = groups(arguments.seconds), arguments.only
    chosen = {name: group for name, group in known.items() if not wanted or any(f"{name}-".startswith(f"{part}-") for part in wanted)}
    if not chosen:
        parser.error(f"--only {' '.join(arguments.only)}: no group has such a name; there are {', '.join(known)}.")
    report, progress = Report(machine()), Console(stderr=True, highlight=False)
    for i, (name, group) in enumerate(chosen.items(), 1):
        progress.print(f"[{i}/{len(chosen)}] {name} …", end=" ")
        started = time.perf_counter()
        report.add(*group())
        progress.print(f"{time.perf_counter() - started:.0f} s")
    arguments.out.mkdir(parents=True, exist_ok=True)
    report.write(arguments.out)
    if "context-length" in chosen:
        cost_figure.draw(report.measured, arguments.out / "cost.png", report.machine)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    report.show(console)
    if report.busy:
        console.print("The machine was busy, wall times exceed CPU times: rely on ratios of CPU time, or run again.")
    console.print(
        f"Written to {arguments.out}. {len(report.missed)} of {sum(row.reached is not None for row in report.rows)} targets missed."
    )
    sys.exit(1 if report.missed else 0)


if __name__ == "__main__":
    main()
