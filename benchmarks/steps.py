"""Step times: the project against the hand-written forms at one d and n, and cost against n."""

from __future__ import annotations

import os
from collections.abc import Callable

import torch

from benchmarks import by_hand, memory
from benchmarks.clock import interleaved
from benchmarks.cost_figure import MARK
from benchmarks.report import Measured, Row
from benchmarks.training import OURS, TOKEN_FLOOR, floors, hand_written, ours

BATCH = 2048
TARGETS = {(5, 20): 1.8, (20, 40): 4.0, (20, 256): 40.0, (20, 4096): 600.0}
TOKEN_PATH = {(20, 256): 1.5}
CONTEXTS = (64, 256, 1024, 4096, 16384, 65536)
LONGEST, WIDEST = 4096, 256
"""The longest contexts (d = 20) at which the tuned forms and the others run here: beyond, a step takes many seconds or gigabytes."""


def machine_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def too_large(name: str, d: int, n: int, batch: int = BATCH) -> str:
    """Why a form is not run at these sizes, or nothing: what it keeps, with what its backward pass needs."""
    tokens, rows = 4 * batch * (n + 1) * (d + 1), 4 * batch * (n + 1)
    needed = {"attention": 4 * tokens + 3 * rows * (n + 1), "fresh": 3 * tokens, "projected": 6 * tokens, "vmap": 6 * tokens}.get(
        name, tokens + 4 * rows
    )
    if needed > machine_memory() / 3:
        return f"not run: needs {needed / 2**30:.0f} GiB"
    return "not run: takes many seconds a step" if n > (LONGEST if name in by_hand.REFERENCE else WIDEST) else ""


def role(name: str) -> str:
    roles = {"ours": OURS, "reference": by_hand.REFERENCE, "other": by_hand.OTHERS}
    return next((role for role, names in roles.items() if name in names), "floor")


def against_hand_written(d: int, n: int, *, seconds: float) -> tuple[list[Row], list[Measured]]:
    """All contenders at (d, n): the project, the reference and the floors interleaved, then the other forms among themselves."""
    group = f"d={d} n={n}"
    projects = ["moments", "integrated", *(["tokens"] if n <= WIDEST else [])]
    contenders: dict[str, Callable[[], object]] = {name: ours(name, d, n, BATCH)[0] for name in projects}
    contenders |= {name: hand_written(name, d, n, BATCH)[0] for name in by_hand.REFERENCE} | floors(d, n, BATCH)
    times = interleaved(contenders, seconds=seconds)
    best = min(by_hand.REFERENCE, key=lambda name: times[name].wall)
    measured = [Measured.timed(group, name, role(name), timing) for name, timing in times.items()]
    own = {"integrated": contenders["integrated"]}
    del contenders
    reasons = {name: too_large(name, d, n) for name in by_hand.OTHERS}
    others = {name: hand_written(name, d, n, BATCH)[0] for name, reason in reasons.items() if not reason}
    found = interleaved(own | others, seconds=seconds / 4, least=2) if others else {}
    measured += [
        Measured(group, name, role(name), note=reason) if reason else Measured.timed(group, name, role(name), found[name])
        for name, reason in reasons.items()
    ]

    def row(what: str, name: str, target: float | None) -> Row:
        note = f"{times[name].wall * 1e3:.3g} ms against {times[best].wall * 1e3:.4g} ms ({best})"
        wall, cpu = times[best].wall / times[name].wall, times[best].cpu / times[name].cpu
        return Row(f"{what}, {group}", wall, at_least=target, cpu=cpu, note=note)

    # as `python -m numerics.train` trains; beside it with every query drawn, which has the very law of a hand-written step
    rows = [row("training step", "integrated", TARGETS.get((d, n))), row("  every query drawn", "moments", None)]
    if (d, n) in TOKEN_PATH:
        rows.append(row("token path", "tokens", TOKEN_PATH[d, n]))
        wall, cpu = (sum(getattr(times[name], clock) for name in TOKEN_FLOOR) for clock in ("wall", "cpu"))
        note = f"{times['tokens'].wall * 1e3:.3g} ms over {wall * 1e3:.3g} ms to draw the normals and to take one Gram product"
        rows.append(Row(f"  over its floor, {group}", times["tokens"].wall / wall, at_most=1.1, cpu=times["tokens"].cpu / cpu, note=note))
    for name in ("attention", "vmap"):  # the structure of a step that public code has
        if name in found:
            wall, cpu = found[name].wall / found["integrated"].wall, found[name].cpu / found["integrated"].cpu
            rows.append(Row(f"  against {name}, {group}", wall, cpu=cpu, note=f"{found[name].wall * 1e3:.4g} ms"))
    return rows, measured


def matrix_product() -> tuple[list[Row], list[Measured]]:
    """The machine's rate of matrix products and of normals, by which figures of two machines are compared."""
    size, count = 1024, 1 << 17
    a, b, c, normals = torch.randn(size, size), torch.randn(size, size), torch.empty(size, size), torch.empty(count)
    times = interleaved({"product": lambda: torch.mm(a, b, out=c), "normals": lambda: normals.normal_()}, seconds=1.0)
    rows = [
        Row("floor: float32 product of 1024 × 1024 matrices", 2 * size**3 / times["product"].wall / 1e9, "GFLOP/s"),
        Row("floor: float32 normals, in cache", times["normals"].wall / count * 1e9, "ns each"),
    ]
    return rows, [Measured.timed("floors", name, "floor", timing) for name, timing in times.items()]


def cost_against_context(*, seconds: float, d: int = 20) -> tuple[list[Row], list[Measured]]:
    """Step time and peak memory against n: ours interleaved over all n, each hand-written form up to where it fits."""
    measured = []
    steps = {n: ours("integrated", d, n, BATCH)[0] for n in CONTEXTS}
    times = interleaved({str(n): step for n, step in steps.items()}, seconds=seconds, most=300)
    counts = {n: memory.PROCESSES if n in (CONTEXTS[0], CONTEXTS[-1]) else 1 for n in CONTEXTS}
    peaks = {n: memory.median([memory.measured("integrated", d, n) for _ in range(count)]) for n, count in counts.items()}
    for n in CONTEXTS:
        measured.append(Measured(f"d={d} n={n}", "integrated", "ours", *times[str(n)], peaks[n].peak, peaks[n].increase, MARK))
    for n in CONTEXTS:
        names = [name for name in (*by_hand.REFERENCE, *by_hand.OTHERS) if not too_large(name, d, n)]
        if names:
            found = interleaved({name: hand_written(name, d, n, BATCH)[0] for name in names}, seconds=seconds / 4, least=2)
        for name in names:
            peak = memory.measured(name, d, n) if name in by_hand.REFERENCE or name == "attention" else None
            sizes = (peak.peak, peak.increase) if peak else (None, None)
            measured.append(Measured(f"d={d} n={n}", name, role(name), *found[name], *sizes, MARK))
    short, long = CONTEXTS[0], CONTEXTS[-1]
    rows = [
        Row(
            f"step time at n={long:,} over n={short}, d={d}",
            times[str(long)].wall / times[str(short)].wall,
            at_most=1.1,
            cpu=times[str(long)].cpu / times[str(short)].cpu,
            note=f"{times[str(long)].wall * 1e3:.3g} ms over {times[str(short)].wall * 1e3:.3g} ms",
        ),
        Row(
            f"peak memory at n={long:,} over n={short}, d={d}",
            peaks[long].peak / peaks[short].peak,
            at_most=1.05,
            note=f"{peaks[long].peak / 2**20:.1f} over {peaks[short].peak / 2**20:.1f} MiB, torch and all; of it above the idle process "
            f"{peaks[long].increase / 2**20:.1f} over {peaks[short].increase / 2**20:.1f} MiB",
        ),
        Row(
            "  the same above an idle process",
            peaks[long].increase / peaks[short].increase,
            at_most=1.05,
            note=f"medians of {memory.PROCESSES} processes each",
        ),
    ]
    return rows, measured
