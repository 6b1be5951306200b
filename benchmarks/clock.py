"""Wall and CPU time as medians of interleaved runs: what is compared runs in turn, so that a busy machine slows all of it alike."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

TURN, LONGEST_TURN = 0.1, 200
"""Seconds, and runs at most, that a contender has before the next one: a training loop repeats one step, and so keeps it in cache."""


class Timing(NamedTuple):
    """Median seconds of a run, on the clock and of CPU; and the number of turns."""

    wall: float
    cpu: float
    turns: int

    def times(self, factor: float) -> Timing:
        return Timing(self.wall * factor, self.cpu * factor, self.turns)


def interleaved(contenders: Mapping[str, Callable[[], object]], *, seconds: float, least: int = 4, most: int = 400) -> dict[str, Timing]:
    """Every contender has one turn a round, in an order that moves on, until the time is up and `least` rounds are done."""
    length, samples = {}, {}
    for name, run in contenders.items():
        run()  # the first run allocates
        once = _timed(run, 1)
        length[name] = max(1, min(LONGEST_TURN, int(TURN / once[0])))
        samples[name] = [once] if length[name] == 1 else []
    names, rounds, started = list(contenders), 0, time.perf_counter()
    gc.disable()
    try:
        while rounds < least or (rounds < most and time.perf_counter() - started < seconds):
            for name in names:
                samples[name].append(_timed(contenders[name], length[name]))
            names.append(names.pop(0))
            rounds += 1
            gc.collect(0)
    finally:
        gc.enable()
    return {name: Timing(*map(statistics.median, zip(*pairs, strict=True)), len(pairs)) for name, pairs in samples.items()}


def _timed(run: Callable[[], object], count: int) -> tuple[float, float]:
    """Seconds a run, of the clock and of CPU"""
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(count):
        run()
    return (time.perf_counter() - wall) / count, (time.process_time() - cpu) / count
