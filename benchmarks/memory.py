"""Peak memory of a training step, in a process of its own: `python -m benchmarks.memory NAME D N`.

The peak is that of the whole process, the interpreter and torch included: VmHWM on Linux, where `getrusage` would not do, since a child
inherits the peak of its parent. The increase is over the same process after imports, before anything of the step exists, so that the
size of torch does not hide what the step needs.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

BATCH, STEPS, PROCESSES = 2048, 30, 3


class Peak(NamedTuple):
    """Bytes"""

    idle: int
    peak: int

    @property
    def increase(self) -> int:
        return self.peak - self.idle


def measured(name: str, d: int, n: int) -> Peak:
    """The peak of a fresh process that takes the named steps."""
    arguments = [sys.executable, "-m", "benchmarks.memory", name, str(d), str(n)]
    return Peak(**json.loads(subprocess.run(arguments, check=True, capture_output=True, text=True).stdout))


def median(peaks: list[Peak]) -> Peak:
    return Peak(*(int(statistics.median(values)) for values in zip(*peaks, strict=True)))


def high_water() -> int:
    """Bytes"""
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) * 1024 for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main() -> None:
    """Prints the two numbers."""
    import torch

    from benchmarks import by_hand
    from benchmarks.training import hand_written, ours

    torch.set_num_threads(1)
    name, d, n = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    idle = high_water()
    make = hand_written if name in by_hand.REFERENCE | by_hand.OTHERS else ours
    step, _ = make(name, d, n, BATCH)
    for _ in range(STEPS if make is ours else 2):
        step(None)
    print(json.dumps({"idle": idle, "peak": high_water()}))


if __name__ == "__main__":
    main()
