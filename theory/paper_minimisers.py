"""The global minimiser in each paper's own weights, and the table of `docs/conventions.md`.

Computed from `global_minimiser` through `Convention.weights`: of the minimisers (v, M) with v_x = m_yx = 0 and v_y M_xx = B* the one whose
scale v_y the paper's statement has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from sympy import BlockMatrix, Identity, ImmutableMatrix, MatMul, MatrixSymbol, S, Symbol, Trace, Transpose, ZeroMatrix, root
from sympy.matrices.matrixbase import MatrixBase

from theory.attention import LinearAttention
from theory.conventions import CONVENTIONS, Convention, named
from theory.covariates import Gaussian
from theory.errors import SettingError
from theory.exact import is_zero_matrix
from theory.loss import symmetric_symbols
from theory.minimiser import global_minimiser
from theory.notation import H, Lambda, Sigma, Sigma_beta, d, n, psi2, sigma2
from theory.responses import Linear
from theory.setting import Setting

Scale = Callable[[Any, Any], Any]


def _balanced(step: Any, length: Any) -> Any:
    """v_y with (n v_y)² = ‖M_xx‖², as v_y M_xx = B*: gradient flow from a balanced start keeps this (Zhang et al., Lemma 5.2)."""
    norm = (step.T * step).trace() if isinstance(step, MatrixBase) else Trace(step.T * step)
    return root(length**2 * norm, 4) / length


def _multiple(step: Any) -> Any:
    """η where B* = ηI, else 1: then the construction's M is diag(I, 0)."""
    if isinstance(step, MatrixBase):
        scale, rest = step[0, 0], step
        return scale if rest == scale * ImmutableMatrix.eye(step.rows) else S.One
    scale, rest = step.as_coeff_mmul() if isinstance(step, MatMul) else (S.One, step)
    return scale if isinstance(rest.doit(), Identity) else S.One


SCALES: Mapping[str, Scale] = MappingProxyType(
    {
        "ahn": lambda step, length: -1 / length,  # P is 1 in its last entry
        "zhang": _balanced,
        "vonoswald": lambda step, length: _multiple(step),  # a step of plain gradient descent has W_KᵀW_Q = diag(I, 0)
    }
)
"""v_y of the minimiser that a paper states, from B* and n; 1 for the others, of which the one-matrix classes do not depend on it."""

_TASK = Linear.isotropic(d)
_N = Symbol("N", integer=True, positive=True)
_X = MatrixSymbol("Sigma_x", d, d)
SETTINGS: Mapping[str, Setting] = MappingProxyType(
    {
        name: Setting(covariates=covariates, response=response, noise_variance=noise, context_length=length)
        for name, covariates, response, noise, length in (
            ("merged", Gaussian(Sigma), Linear(MatrixSymbol("W", d, d)), sigma2, n),
            ("paper", Gaussian.isotropic(d), _TASK, sigma2, n),
            ("ahn", Gaussian(Sigma), _TASK, S.Zero, n),
            ("wu", Gaussian(H), Linear(psi2 * Identity(d)), sigma2, _N),
            ("li", Gaussian(_X), Linear(Sigma_beta), sigma2, n),
            ("vonoswald", Gaussian.isotropic(d), _TASK, S.Zero, _N),
            ("zhang", Gaussian(Lambda), _TASK, S.Zero, _N),
        )
    }
)
"""The setting in which each paper states its result, in its own letters; von Oswald et al. state none, and draw covariates uniformly."""

THEOREMS: Mapping[str, str] = MappingProxyType(
    {"merged": "general-gaussian", "paper": "isotropic", "vonoswald": "convention-von-oswald"}
    | {name: f"convention-{name}" for name in ("ahn", "wu", "li", "zhang")}
)
"""The theorem of `proofs` that says it for Gaussian covariates."""


def minimiser(convention: Convention | str, setting: Setting) -> dict[str, Any]:
    """The weights of a convention that are the global minimiser of a setting's in-context loss, with the scale of the paper's statement.

    Exact: matrices where the setting's are, else matrix expressions. The normalisation is the convention's, whatever the setting says.
    Raises AttentionError for an unknown name, SettingError for a setting that is none.

    >>> minimiser("wu", SETTINGS["wu"])["Gamma"]
    (N*psi2)*((N*psi2 + psi2)*H + (psi2*Trace(H) + sigma2)*I)**(-1)
    """
    chosen = convention if isinstance(convention, Convention) else named(convention)
    if not isinstance(setting, Setting):
        raise SettingError(f"minimiser: setting must be a Setting, got a {type(setting).__name__}.")
    step = global_minimiser(replace(setting, normalisation=S.One)).step
    scale = SCALES[chosen.name](step, setting.context_length) if chosen.name in SCALES else S.One
    scale = S.One if is_zero_matrix(step) else scale  # no signal: any layer that predicts 0
    rows = step.shape[0]
    zeros = ImmutableMatrix.zeros(int(rows), 1) if isinstance(step, MatrixBase) else ZeroMatrix(rows, 1)
    layer = LinearAttention.from_blocks(
        covariate_value=zeros, label_value=scale, covariate_key_query=step * (1 / scale), label_key_query=zeros
    )
    weights = chosen.weights(layer, setting.context_length)
    return {name: _symmetric(value, symmetric_symbols(setting)) for name, value in weights.items()}


def _symmetric(value: Any, symbols: Any) -> Any:
    """The same with Kᵀ = K for covariances, which sympy doesn't know."""
    return (
        value
        if isinstance(value, MatrixBase)
        else value.replace(lambda part: isinstance(part, Transpose) and part.arg in symbols, lambda part: part.arg)
    )


def table() -> str:
    """The conventions as tables in Markdown: conversions both ways, then what each paper states.

    Expressions are sympy's, as text; blocks of a matrix stand in brackets, rows separated by semicolons.
    """
    conversions: list[tuple[str, ...]] = [
        (
            f"`{made.name}`",
            ", ".join(f"`{name}` {made.shape(name)}" for name in made.names),
            _code(made.value),
            _code(made.key_query),
            ", ".join(f"{name} = {_code(expr)}" for name, expr in zip(made.names, made.inverse, strict=True)),
            *("yes" if flag else "no" for flag in (made.normalised, made.query_in_sum, made.several_heads)),
        )
        for made in CONVENTIONS.values()
    ]
    statements: list[tuple[str, ...]] = [
        (
            f"`{name}`",
            CONVENTIONS[name].source,
            f"x ~ N(0, {_code(setting.covariates.second_moment)}), w ~ N(0, {_code(_prior(setting))})",
            _code(setting.noise_variance),
            ", ".join(f"{weight} = {_code(value)}" for weight, value in minimiser(name, setting).items()),
            f"`{THEOREMS[name]}`",
        )
        for name, setting in SETTINGS.items()
    ]
    heads = (
        ("convention", "keys and shapes", "v", "M", "weights of a layer", "divided by n", "query in the sum", "several heads"),
        ("convention", "paper", "covariates, task", "noise σ²", "global minimiser in its weights", "theorem"),
    )
    return f"{_rows(heads[0], conversions)}\n\n{_rows(heads[1], statements)}"


def _prior(setting: Setting) -> Any:
    return setting.response.covariance if isinstance(setting.response, Linear) else None


def _rows(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines).replace("|  |", "| |")


def _code(expr: Any) -> str:
    """An expression as code"""
    if isinstance(expr, BlockMatrix):
        rows, columns = expr.blockshape
        blocks = [[_entry(expr.blocks[i, j]) for j in range(columns)] for i in range(rows)]
        return f"`[{'; '.join(', '.join(row) for row in blocks)}]`"
    return f"`{expr}`"


def _entry(block: Any) -> str:
    return str(block[0, 0] if isinstance(block, MatrixBase) and block.shape == (1, 1) else block)


if __name__ == "__main__":
    print(table())
