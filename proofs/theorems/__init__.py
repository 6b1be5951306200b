"""The table of contents: every theorem by its label, one file each, in an order in which each uses only earlier ones."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from importlib import import_module

from proofs.errors import LabelError
from proofs.kernel import Theorem

LABELS: tuple[str, ...] = (
    "one-step-of-gradient-descent",
    "posterior",
    "ridge-is-bayes-optimal",
    "best-step",
    "every-law",
    "any-even-part",
    "idle-head",
    "reflected-covariates",
    "tokens",
    "nonlinear-responses",
    "random-last-layer",
    "random-first-layer",
    "in-context-loss",
    "one-step-loss",
    "covariate-part",
    "even-part",
    "general-gaussian",
    "query-in-sum",
    "minimisers-beyond-gaussian",
    "no-signal",
    "whitening",
    "ridge-correlation",
    "paper-step-size",
    "isotropic",
    "preconditioned",
    "convention-ahn",
    "convention-wu",
    "convention-li",
    "convention-von-oswald",
    "convention-zhang",
    "risk-under-shift",
    "risk-under-length-shift",
    "all-positions",
    "random-weights",
    "random-covariance",
    "rotated-covariance",
    "random-covariance-isotropic",
    "gap-to-bayes",
    "stable-step",
    "layer-landscape",
    "turning-points",
    "stationary-points",
    "spurious-minima",
    "heads",
    "rank-one-points",
    "gradient-flow",
    "separate-weights",
)


@cache
def load(label: str) -> Theorem:
    """The theorem with that label. Raises LabelError, which suggests the nearest label.

    >>> load("one-step-of-gradient-descent").title
    'One layer of linear self-attention can take one step of gradient descent'
    """
    if label not in LABELS:
        near = get_close_matches(str(label), LABELS, n=1, cutoff=0)
        raise LabelError(f"there is no theorem {label!r}; did you mean {near[0]}? `python -m proofs list` shows them all.")
    theorem: Theorem = import_module(f"proofs.theorems.{label.replace('-', '_')}").theorem()
    return theorem
