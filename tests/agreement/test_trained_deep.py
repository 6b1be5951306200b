"""Models with several layers, really trained, against ridge and steps of gradient descent.

What is asserted is deterministic on one machine (seed, one thread) and far from its limits: seeds 0…4 were tried, see each test.
"""

import json

from click.testing import CliRunner

from numerics.train import main


def trained(out, *args):
    ended = CliRunner().invoke(main, [*args, "--out", str(out)])
    return ended, json.loads((out / "result.json").read_text())
