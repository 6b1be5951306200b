"""What theory says of a run's setting, as HTML with MathML, and the theorems that it rests on."""

from __future__ import annotations

from html import escape
from typing import Any

from proofs.printing.mathml import displayed, formula, inline
from proofs.printing.setting import THEOREMS, Values, described
from proofs.printing.values import MathMLTypesetter
from report.folder import Run
from theory import Gaussian, Linear, Setting, TheoryError, bayes_risk, stationary_points

RIDGE = "ridge-is-bayes-optimal"


def theorems(setting: Setting, model: str) -> tuple[str, ...]:
    """The labels of the theorems that a run rests on: on ridge for models of several layers, where ridge is optimal."""
    linear = isinstance(setting.response, Linear) and setting.response.task is None
    if model != "layer":
        return (RIDGE,) if linear else ()
    return ("general-gaussian",) if linear and isinstance(setting.covariates, Gaussian) else THEOREMS


def section(setting: Setting, run: Run) -> dict[str, Any]:
    """Moments, best step, minimum and stationary points of one layer; `unknown` says why where theory has no exact values."""
    script = MathMLTypesetter()
    write = Values(script)
    about = {
        "sizes": [
            inline(formula(name) + formula("=") + write.value(value))
            for name, value in (("n", setting.context_length), ("d", setting.dimension), ("σ²", setting.noise_variance))
        ],
        "covariates": write.law(setting.covariates),
        "response": write.law(setting.response),
    }
    try:
        said = described(setting, (), script)
    except TheoryError as error:
        return about | {"unknown": str(error)}
    eta, why = said["step_size"]
    return about | {
        "unknown": "",
        "exactness": said["exactness"],
        "moments": [displayed(f"{name}<mo>=</mo>{value}") for name, value in said["moments"]],
        "excess": [
            displayed(f"{formula(f'κ_{i}')}<mo>=</mo>{weight}<mo>,</mo><mspace width='2em'/>{formula(f'Q_{i}')}<mo>=</mo>{Q}")
            for i, (weight, Q) in enumerate(said["excess"][:_TERMS], start=1)
        ],
        "more_excess": max(0, len(said["excess"]) - _TERMS),
        "loss": said["loss"],
        "vertex": said["vertex"] if said["excess"] else "",
        "step": displayed(f"{formula('B*')}<mo>=</mo>{said['step']}"),
        "least": displayed(f"{formula('L* = τ − n tr(B* K)')}<mo>=</mo>{said['least']}"),
        "families": [(name, inline(condition) if condition else "", free) for name, condition, free in said["families"]],
        "complete": said["complete"],
        "hypotheses": said["hypotheses"],
        "eta": displayed(f"{formula('η')}<mo>=</mo>{eta}") if eta else "",
        "why": why,
        "bayes": _bayes(setting, write) if run.model != "layer" else "",
        **_stationary(setting, run, write),
    }


_TERMS = 4  # of the fourth cumulant that are shown
_LONGEST_CONTEXT = 10_000  # up to which the Bayes risk takes no more than a second


def _bayes(setting: Setting, write: Values) -> str:
    """The Bayes risk of the whole context, or why it has no exact value here."""
    if setting.context_length > _LONGEST_CONTEXT:
        return f"<p>Left out: n is more than the {_LONGEST_CONTEXT} up to which a page computes it.</p>"
    try:
        return displayed(f"{formula('R')}<mo>=</mo>{write.value(bayes_risk(setting))}")
    except TheoryError as error:
        return f"<p>{escape(str(error))}</p>"


def _stationary(setting: Setting, run: Run, write: Values) -> dict[str, Any]:
    """Every stationary point, and at which of them the run ended; or why theory does not list them."""
    try:
        families = stationary_points(setting)
    except TheoryError as error:
        return {"stationary": [], "unlisted": str(error).partition(": ")[2] or str(error)}
    ended = tuple((run.result or {}).get(key) for key in ("stationary_point", "stationary_kind"))  # whatever a file holds
    return {
        "stationary": [
            {
                "name": family.name,
                "kind": family.kind,
                "loss": inline(write.value(family.loss)),
                "descending": str(family.index),
                "here": ended == (family.name, family.kind),
            }
            for family in families
        ],
        "unlisted": "",
    }
