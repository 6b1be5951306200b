"""One setting in LaTeX: its moments, the loss, all minimisers and the step size, and the theorems that say so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from sympy import Add, Basic, Expr, Inverse, MatMul, Symbol, expand, latex, true
from sympy.matrices.matrixbase import MatrixBase

from proofs.printing.documents import bibliography, environment
from proofs.printing.prose import prose
from proofs.verdict import Verdict
from theory.errors import EnclosureError, HypothesisError
from theory.loss import general_loss, symmetric_symbols
from theory.means import Mean, enclosure
from theory.minimiser import global_minimiser
from theory.notation import TABLE
from theory.setting import Setting
from theory.step_size import hypotheses, paper_step_size
from theory.table import status
from theory.traces import multiple_of_identity, normal_form

THEOREMS = ("every-law", "reflected-covariates", "tokens", "nonlinear-responses", "minimisers-beyond-gaussian")
"""The theorems that a setting's page rests on."""

LONGEST = 200
"""Characters of LaTeX beyond which a number is shown by its digits alone."""


def setting_document(setting: Setting, verdicts: Sequence[Verdict]) -> dict[str, str]:
    """setting.tex and references.bib. Raises UndefinedMoment where a moment does not exist or has no exact value.

    verdicts  of the theorems named in THEOREMS
    """
    minimiser, moments = global_minimiser(setting), setting.moments
    base, vertex = general_loss()
    inverse = moments.Sigma.inv() if isinstance(moments.Sigma, MatrixBase) else Inverse(moments.Sigma)
    page = (
        environment()
        .get_template("setting.tex.j2")
        .render(
            covariates=_described(setting.covariates),
            response=_described(setting.response),
            sizes={"n": _value(setting.context_length), "d": _value(setting.dimension), r"\sigma^2": _value(setting.noise_variance)},
            exactness=prose(": ".join(status(setting.covariates, setting.response))),
            moments=[
                (name, _value(value))
                for name, value in (
                    (r"\Sigma = \mathbb E\,xx^\top", moments.Sigma),
                    (r"\tau = \mathbb E\,y^2", moments.tau),
                    (r"\mu_4 = \mathbb E\,y^4", moments.mu_4),
                    (r"\mu_{22} = \mathbb E\,y^2y'^2", moments.mu_22),
                    (r"C = \mathbb E\,y^2xx^\top", _multiple(moments.C, moments.Sigma, setting)),
                    (r"K = \mathbb E\,yy'xx'^\top", moments.K),
                )
            ],
            excess=[(_value(weight), _value(Q)) for weight, Q in setting.covariates.excess or ()],
            loss=_rows(base),
            vertex=_rows(vertex),
            step=_value(_multiple(minimiser.step, inverse, setting)),
            least=_value(minimiser.loss),
            families=[
                (family.name, "" if family.conditions == true else latex(family.conditions), prose("; ".join(family.free.values())))
                for family in minimiser.parameters
            ],
            complete=prose(minimiser.complete),
            hypotheses=[
                (h.name, "holds" if h.holds else "fails", prose(h.witness if len(h.witness) < 60 else h.witness.split(" = ")[0]))
                for h in hypotheses(setting)
            ],
            step_size=_step_size(setting),
            theorems=[(verdict.theorem.label, prose(verdict.theorem.title), verdict.status) for verdict in verdicts],
        )
    )
    return {"setting.tex": page, "references.bib": bibliography()}


def _multiple(matrix: Any, of: Any, setting: Setting) -> Any:
    """A matrix as one multiple of another, where it is one."""
    scale = multiple_of_identity(MatMul(Inverse(of), matrix), setting.dimension, symmetric=symmetric_symbols(setting))
    return normal_form(matrix, symmetric=symmetric_symbols(setting)) if scale is None else MatMul(scale, of)


def _step_size(setting: Setting) -> tuple[str, str]:
    """η, empty where Theorem 3 does not apply, and a sentence."""
    try:
        found = paper_step_size(setting)
    except HypothesisError as error:
        return "", prose(f"Theorem 3 does not apply: there is no {error.hypothesis}. {error.remains}")
    return _value(found.value), prose(found.explanation)


def _described(law: Any) -> str:
    """The name of a law with its parameters."""
    shown = [
        f"{field.name.replace('_', ' ')} ${_value(value)}$"
        for field, value in ((field, getattr(law, field.name)) for field in fields(law))
        if isinstance(value, Basic | MatrixBase)
    ]
    return type(law).__name__ + (f" ({', '.join(shown)})" if shown else "")


def _value(value: Any) -> str:
    """An exact value, with its first digits where it is an irrational number."""
    if isinstance(value, MatMul):
        scalar, rest = value.as_coeff_mmul()
        factor = rf"\left({_value(scalar)}\right)" if isinstance(scalar, Add) else _value(scalar)
        return ("" if scalar == 1 else rf"{factor} \cdot ") + _latex(rest)
    text = _latex(value)
    if not isinstance(value, Expr) or value.is_Matrix or value.free_symbols or value.is_rational:
        return text
    try:
        digits = enclosure(value).str(12, radius=False) + r"\dots"
    except EnclosureError:
        return text
    return digits if len(text) > LONGEST or value.has(Mean) else f"{text} = {digits}"


def _latex(value: Any) -> str:
    names = {entry.symbol: entry.latex for entry in TABLE if isinstance(entry.symbol, Symbol)}
    return str(latex(value, symbol_names=names)).replace(r"\mathbb{I}", "I").replace(r"\left(\sigma^2\right)^{2}", r"\sigma^4")


def _rows(expr: Any) -> list[str]:
    """A sum, two terms a line."""
    terms = [latex(term) for term in Add.make_args(expand(expr))]
    signed = [term if term.startswith("-") else f"+ {term}" for term in terms]
    return [" ".join(signed[i : i + 2]).removeprefix("+ " if i == 0 else "") for i in range(0, len(terms), 2)]
