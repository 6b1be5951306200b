"""A statement taken on trust.

Nothing is checked. The source is recorded, and whatever rests on it is `checked` and never `fully checked`. Arguments: the source.
"""

from __future__ import annotations

from proofs.rules.inference import Inference, Support, need


def check(step: Inference) -> Support:
    """Granted, and recorded."""
    need(len(step.arguments) == 1 and isinstance(step.arguments[0], str) and bool(step.arguments[0]), "name the source.")
    return Support(admitted=(step.arguments[0],))
