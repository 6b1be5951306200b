"""How exactly each pair of response and covariates is known: see MEANING."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from theory.covariates import CovariateLaw
from theory.errors import SettingError, UndefinedMoment, UnknownMoment
from theory.means import Mean
from theory.names import covariate_entries, covariate_law, response_entries, response_family
from theory.responses import ResponseFamily

ALIASES = ("kurtosis", "mixture", "network")
TASKS = ("linear:task=rademacher", "linear:task=laplace", "linear:task=student-t")
PHI = "single-index:t*tanh(t):growth=1,1"
"""A function of one's own, to stand for all of them."""


MEANING = {
    "closed": "every moment has a closed form",
    "integral": "some are one-dimensional integrals, with certified enclosures",
    "certified": "some are integrals inside integrals, enclosed likewise",
    "not known": "the moments exist, and no exact value of one is known here",
    "undefined": "a moment does not exist, or is not given",
}


class Status(NamedTuple):
    """A mark, one of MEANING, and why."""

    mark: str
    reason: str


def status(covariates: CovariateLaw, response: ResponseFamily) -> Status:
    """How the moments of a pair are known.

    >>> from theory import Gaussian, Linear
    >>> status(Gaussian.isotropic(3), Linear.isotropic(3)).mark
    'closed'
    """
    try:
        moments = response.moments(covariates)
    except UnknownMoment as error:
        return Status("not known", str(error))
    except UndefinedMoment as error:
        return Status("undefined", str(error))
    names = {"second": "E f²", "fourth": "E f⁴", "pair": "E f(x)²f(x')²", "weighted": "E f² x xᵀ", "cross": "E f(x)f(x') x x'ᵀ"}
    depths = {label: _depth(getattr(moments, name)) for name, label in names.items()}
    deepest = max(depths.values())
    if deepest == 0:
        return Status("closed", MEANING["closed"])
    inner = ", ".join(label for label, depth in depths.items() if depth == deepest)
    if deepest == 1:
        return Status("integral", f"one-dimensional integrals: {inner}")
    return Status("certified", f"integrals inside integrals: {inner}")


def named_pairs() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The covariate laws and response families of the table, as command lines name them."""
    covariates = [name for name in covariate_entries() if name not in ALIASES]
    responses = [name for name in response_entries() if name not in (*ALIASES, "single-index")]
    return tuple(covariates), (*responses, *TASKS, PHI)


def table(dimension: int, progress: Callable[[], None] = lambda: None) -> dict[tuple[str, str], Status]:
    """The status of each pair (response, covariates) of `named_pairs`, with default parameters; `progress` is called after each."""
    found = {}
    covariates, responses = named_pairs()
    for response in responses:
        for law in covariates:
            laws = covariate_law(law, dimension)
            try:
                found[response, law] = status(laws, response_family(response, laws))
            except SettingError as error:
                found[response, law] = Status("undefined", str(error))
            progress()
    return found


def markdown(pairs: dict[tuple[str, str], Status], dimension: int) -> str:
    """The table as a page, with the reason for each mark that is not `closed`."""
    covariates, responses = (list(dict.fromkeys(pair[i] for pair in pairs)) for i in (1, 0))
    lines = [
        "# How exactly each pair is known",
        "",
        f"Written by `python -m proofs laws --dimension {dimension}`; parameters are the defaults of the command line.",
        "",
        *(f"- **{name}**: {meaning}" for name, meaning in MEANING.items()),
        "",
        "| response \\ covariates | " + " | ".join(covariates) + " |",
        "|---" * (len(covariates) + 1) + "|",
        *(f"| `{row}` | " + " | ".join(pairs[row, column].mark for column in covariates) + " |" for row in responses),
        "",
        "## Reasons",
        "",
        *(f"- `{row}`, {column}: {pairs[row, column].mark}. {pairs[row, column].reason}"
          for row in responses for column in covariates if pairs[row, column].mark != "closed"),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _depth(expr: Any) -> int:
    """How deep means stand in means."""
    inside = max((_depth(arg) for arg in expr.args), default=0)
    return inside + isinstance(expr, Mean)


__all__ = ["Status", "markdown", "named_pairs", "status", "table"]
