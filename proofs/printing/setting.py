"""One setting: its moments, the loss, all minimisers, the step size, and the theorems that say so; in any script, and in LaTeX."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from sympy import Add, Basic, Expr, Inverse, MatMul, Symbol, expand, latex, true
from sympy.matrices.matrixbase import MatrixBase

from proofs.printing.documents import bibliography, environment
from proofs.printing.prose import formula, prose
from proofs.verdict import Verdict
from theory.errors import EnclosureError, HypothesisError
from theory.loss import general_loss, symmetric_symbols
from theory.means import Enclosed, enclosure
from theory.minimiser import global_minimiser
from theory.notation import TABLE
from theory.setting import Setting
from theory.step_size import hypotheses, paper_step_size
from theory.table import status
from theory.traces import multiple_of_identity, normal_form

THEOREMS = ("every-law", "reflected-covariates", "tokens", "nonlinear-responses", "minimisers-beyond-gaussian")
"""The theorems that a setting's page rests on."""

LONGEST = 200
"""Characters beyond which a number is shown by its digits alone."""


class Typesetter(ABC):
    """How the page of a setting writes what it says."""

    @abstractmethod
    def expression(self, value: Any) -> str:
        """A value of the exact layer."""

    @abstractmethod
    def bracketed(self, formula: str) -> str:
        """A formula in brackets."""

    @abstractmethod
    def sum(self, value: Expr) -> Any:
        """A sum too long for one line."""

    @abstractmethod
    def formula(self, text: str) -> str:
        """A formula given in Unicode."""

    @abstractmethod
    def inline(self, formula: str) -> str:
        """A formula as part of a sentence."""

    @abstractmethod
    def prose(self, text: str) -> str:
        """Sentences with Unicode mathematics in them."""


class _LaTeX(Typesetter):
    def expression(self, value: Any) -> str:
        names = {entry.symbol: entry.latex for entry in TABLE if isinstance(entry.symbol, Symbol)}
        return str(latex(value, symbol_names=names)).replace(r"\mathbb{I}", "I").replace(r"\left(\sigma^2\right)^{2}", r"\sigma^4")

    def bracketed(self, formula: str) -> str:
        return rf"\left({formula}\right)"

    def sum(self, value: Expr) -> list[str]:
        """Two terms a line."""
        terms = [latex(term) for term in Add.make_args(value)]
        signed = [term if term.startswith("-") else f"+ {term}" for term in terms]
        return [" ".join(signed[i : i + 2]).removeprefix("+ " if i == 0 else "") for i in range(0, len(terms), 2)]

    def formula(self, text: str) -> str:
        return formula(text)

    def inline(self, formula: str) -> str:
        return f"${formula}$"

    def prose(self, text: str) -> str:
        return prose(text)


def setting_document(setting: Setting, verdicts: Sequence[Verdict]) -> dict[str, str]:
    """setting.tex and references.bib. Raises UndefinedMoment where a moment does not exist or has no exact value.

    verdicts  of the theorems named in THEOREMS
    """
    page = environment().get_template("setting.tex.j2").render(described(setting, verdicts, _LaTeX()))
    return {"setting.tex": page, "references.bib": bibliography()}


def described(setting: Setting, verdicts: Sequence[Verdict], script: Typesetter) -> dict[str, Any]:
    """What the page says, for its template: moments, loss, minimisers, step size, theorems. Raises UndefinedMoment."""
    minimiser, moments = global_minimiser(setting), setting.moments
    base, vertex = general_loss()
    inverse = moments.Sigma.inv() if isinstance(moments.Sigma, MatrixBase) else Inverse(moments.Sigma)
    write = Values(script)
    return {
        "covariates": write.law(setting.covariates),
        "response": write.law(setting.response),
        "sizes": {
            script.formula(name): write.value(value)
            for name, value in (("n", setting.context_length), ("d", setting.dimension), ("σ²", setting.noise_variance))
        },
        "exactness": script.prose(": ".join(status(setting.covariates, setting.response))),
        "moments": [
            (script.formula(name), write.value(value))
            for name, value in (
                ("Σ = E xxᵀ", moments.Sigma),
                ("τ = E y²", moments.tau),
                ("μ₄ = E y⁴", moments.mu_4),
                ("μ₂₂ = E y²y′²", moments.mu_22),
                ("C = E y²xxᵀ", _multiple(moments.C, moments.Sigma, setting)),
                ("K = E yy′xx′ᵀ", moments.K),
            )
        ],
        "excess": [(write.value(weight), write.value(Q)) for weight, Q in setting.covariates.excess or ()],
        "loss": script.sum(expand(base)),
        "vertex": script.sum(expand(vertex)),
        "step": write.value(_multiple(minimiser.step, inverse, setting)),
        "least": write.value(minimiser.loss),
        "families": [
            (
                family.name,
                "" if family.conditions == true else script.expression(family.conditions),
                script.prose("; ".join(family.free.values())),
            )
            for family in minimiser.parameters
        ],
        "complete": script.prose(minimiser.complete),
        "hypotheses": [
            (h.name, "holds" if h.holds else "fails", script.prose(h.witness if len(h.witness) < 60 else h.witness.split(" = ")[0]))
            for h in hypotheses(setting)
        ],
        "step_size": write.step_size(setting),
        "theorems": [(verdict.theorem.label, script.prose(verdict.theorem.title), verdict.status) for verdict in verdicts],
    }


def _multiple(matrix: Any, of: Any, setting: Setting) -> Any:
    """A matrix as one multiple of another, where it is one."""
    scale = multiple_of_identity(MatMul(Inverse(of), matrix), setting.dimension, symmetric=symmetric_symbols(setting))
    return normal_form(matrix, symmetric=symmetric_symbols(setting)) if scale is None else MatMul(scale, of)


def digits(value: Expr) -> str:
    """The first digits of a number. Raises EnclosureError."""
    return str(enclosure(value).str(12, radius=False)) + "…"


class Values:
    """Values of the exact layer in a script."""

    def __init__(self, script: Typesetter) -> None:
        self.script = script

    def step_size(self, setting: Setting) -> tuple[str, str]:
        """η, empty where Theorem 3 does not apply, and a sentence."""
        try:
            found = paper_step_size(setting)
        except HypothesisError as error:
            return "", self.script.prose(f"Theorem 3 does not apply: there is no {error.hypothesis}. {error.remains}")
        return self.value(found.value), self.script.prose(found.explanation)

    def law(self, law: Any) -> str:
        """The name of a law with its parameters."""
        shown = [
            f"{field.name.replace('_', ' ')} {self.script.inline(self.value(value))}"
            for field, value in ((field, getattr(law, field.name)) for field in fields(law))
            if isinstance(value, Basic | MatrixBase)
        ]
        return type(law).__name__ + (f" ({', '.join(shown)})" if shown else "")

    def value(self, value: Any) -> str:
        """An exact value, with its first digits where it is an irrational number."""
        if isinstance(value, MatMul):
            scalar, rest = value.as_coeff_mmul()
            factor = self.value(scalar)
            if isinstance(scalar, Add) or not (scalar.is_rational or scalar.free_symbols):  # an irrational number, with its digits
                factor = self.script.bracketed(factor)
            return ("" if scalar == 1 else f"{factor} {self.script.formula('·')} ") + self.script.expression(rest)
        if not isinstance(value, Expr) or value.is_Matrix or value.free_symbols or value.is_rational:
            return self.script.expression(value)
        try:
            decimal = self.script.formula(digits(value))
        except EnclosureError:
            return self.script.expression(value)
        alone = len(str(value)) > LONGEST or value.has(Enclosed)
        return decimal if alone else f"{self.script.expression(value)} {self.script.formula('=')} {decimal}"
