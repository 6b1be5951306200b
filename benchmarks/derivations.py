"""How long the exact layers take: the general loss in a fresh process, Wick's rule with symbolic sizes, every theorem."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from benchmarks.report import Measured, Row
from benchmarks.symbolic import by_rewiring

FRESH = "import theory.loss as l, time; t = time.perf_counter(); l.general_loss(); print(time.perf_counter() - t)"


def derivation_times() -> tuple[list[Row], list[Measured]]:
    """The loss with n, d, Σ, W, v, M all symbols, imports apart (median of 5 processes); E tr S^k (median of 5)."""
    fresh = [float(subprocess.run([sys.executable, "-c", FRESH], check=True, capture_output=True, text=True).stdout) for _ in range(5)]
    rows = [Row("general loss, from scratch in a fresh process", statistics.median(fresh), "s", at_most=1)]
    for k, target in ((5, 0.1), (8, 10)):
        rows.append(Row(f"E tr S^{k}", statistics.median(seconds(lambda k=k: by_rewiring(k)) for _ in range(5)), "s", at_most=target))
    return rows, []


def proof_times() -> tuple[list[Row], list[Measured]]:
    """`python -m proofs check`, every theorem in a fresh process (median of 3)."""
    command = [sys.executable, "-m", "proofs", "check"]
    wall = statistics.median(seconds(lambda: subprocess.run(command, check=True, capture_output=True)) for _ in range(3))
    return [Row("python -m proofs check, all theorems", wall, "s", at_most=30)], []


def seconds(function: object) -> float:
    started = time.perf_counter()
    function()  # type: ignore[operator]
    return time.perf_counter() - started
