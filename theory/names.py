"""Laws by name: what `--covariates` and `--response` take.

A text is `NAME`, or `NAME:key=value:key=value`; its own first value may stand without a key. Every class of `theory.covariates` and
`theory.responses` is found here by itself, under the name of its class in lower case (`StudentT` is `student-t`), its keys being the fields
of its dataclass with their defaults. Classes whose fields have no defaults, and short names, are in the tables below.

    gaussian:2,1,1/2                 a diagonal covariance; rows are 2,1/2;1/2,1
    student-t:degrees=7              covariance isotropic unless given
    laplace:mixing=1,0;1/2,1         x = T x̃
    hermite:3                        a Hermite polynomial of w·x
    single-index:t*tanh(t):growth=1,1
    linear:task=laplace              w with Laplace coordinates; what follows task= is the law of w
"""

from __future__ import annotations

import difflib
import inspect
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from sympy import Abs, Expr, ImmutableMatrix, Integer, Matrix, Rational, S, cos, diag, erf, eye, sign, sin

import theory.covariates
import theory.responses
from theory.covariates import CovariateLaw, GaussianMixture, Moments
from theory.errors import DescriptionError, SettingError
from theory.formula import parse_formula
from theory.responses import Linear, ResponseFamily, SingleIndex
from theory.responses.single_index import hermite, leaky_relu, relu, t

MATRICES = ("covariance", "mixing", "second")


def subclasses(package: Any, base: type) -> dict[str, type]:
    """The concrete classes under `base` that the modules of a package define, by their name in lower case with hyphens."""
    found = {}
    for module in (import_module(f"{package.__name__}.{info.name}") for info in iter_modules(package.__path__)):
        for name, kind in vars(module).items():
            own = isinstance(kind, type) and issubclass(kind, base) and kind.__module__ == module.__name__
            if own and not inspect.isabstract(kind) and not name.startswith("_"):
                found[re.sub(r"(?<=[a-z])(?=[A-Z]([a-z]|$))|(?<=[A-Z])(?=[A-Z][a-z])", "-", name).lower()] = kind
    return dict(sorted(found.items()))


@dataclass(frozen=True)
class Entry:
    """What a name stands for: its keys with their defaults (MISSING where a value must be given), and what it makes of their values."""

    keys: Mapping[str, Any]
    build: Callable[..., Any]


@cache
def covariate_entries() -> dict[str, Entry]:
    """Every covariate law by name."""
    entries = {name: _entry(kind) for name, kind in subclasses(theory.covariates, CovariateLaw).items()}
    entries["gaussian-mixture"] = Entry({"mean": None, "covariance": MISSING}, _two_gaussians)
    entries["moments"] = Entry({"second": MISSING, "fourth": ((S.Half, S.Half), (S.Half, Rational(3, 2)))}, _moments)
    return entries | {"kurtosis": entries["given-kurtosis"], "mixture": entries["gaussian-mixture"]}


@cache
def response_entries() -> dict[str, Entry]:
    """Every response family by name."""
    entries = {name: _entry(kind) for name, kind in subclasses(theory.responses, ResponseFamily).items()}
    entries["linear"] = Entry({"task": None, "covariance": MISSING}, _linear)
    activations = {"relu": relu, "leaky-relu": leaky_relu, "sign": sign(t), "sin": sin(t), "cos": cos(t), "erf": erf(t), "abs": Abs(t)}
    for name, phi in activations.items():
        entries[name] = _single_index({}, lambda phi=phi: phi)
    entries["monomial"] = _single_index({"degree": Integer(3)}, lambda degree: t ** _whole("monomial", degree))
    entries["hermite"] = _single_index({"degree": Integer(3)}, lambda degree: hermite(_whole("hermite", degree)))
    entries["polynomial"] = _single_index({"coefficients": (0, 1, 1)}, _polynomial)
    return entries | {"network": entries["relu-network"]}


def covariate_law(text: str, dimension: int) -> CovariateLaw:
    """The law of covariates that a text describes. Raises DescriptionError or SettingError."""
    return _parsed(text, dimension, covariate_entries(), "gaussian", eye(dimension))


def response_family(text: str, law: CovariateLaw) -> ResponseFamily:
    """The response family that a text describes; a matrix `inverse` is the inverse Σ⁻¹ of the covariates'. Raises as `covariate_law`."""
    return _parsed(text, int(law.dimension), response_entries(), "linear", law.second_moment)


def _entry(kind: Any) -> Entry:
    keys = {field.name: MISSING if field.name in MATRICES else field.default for field in fields(kind)}
    return Entry(keys, kind)


def _single_index(own: dict[str, Any], activation: Callable[..., Expr]) -> Entry:
    def build(*, covariance: Any, random_sign: bool, **values: Any) -> SingleIndex:
        return SingleIndex(activation(**values), covariance, random_sign=random_sign)

    return Entry({**own, "covariance": MISSING, "random_sign": True}, build)


def _whole(name: str, degree: Any) -> int:
    if not (isinstance(degree, Rational) and degree.is_Integer and 1 <= degree <= 20):
        raise DescriptionError(f"{name}: degree must be a whole number from 1 to 20, got {degree}.")
    return int(degree)


def _polynomial(coefficients: Any) -> Expr:
    values = coefficients if isinstance(coefficients, tuple) else (coefficients,)
    return sum((a * t**k for k, a in enumerate(values)), S.Zero)


def _two_gaussians(mean: Any, covariance: Any) -> GaussianMixture:
    size = covariance.rows
    values = mean if isinstance(mean, tuple) else (mean,)
    centre = Matrix([1] + [0] * (size - 1)) if mean is None else Matrix(values)
    return GaussianMixture(((S.Half, centre, covariance), (S.Half, -centre, covariance)))


def _moments(second: Any, fourth: Any) -> Moments:
    return Moments(second, tuple((weight, scale * second) for weight, scale in fourth))


def _linear(task: Any, covariance: Any) -> Linear:
    return Linear(covariance) if task is None else Linear.of(task)


# reading


def _parsed(text: str, dimension: int, entries: dict[str, Entry], plain: str, Sigma: Any) -> Any:
    text = text.strip()
    head, *parts = text.split(":")
    if not re.match(r"[A-Za-z]", head) or head in ("isotropic", "inverse"):
        head, parts = plain, [f"covariance={text}"]
    if head not in entries:
        close = difflib.get_close_matches(head, entries, 1)
        meant = f"did you mean {close[0]}? " if close else ""
        raise DescriptionError(f"no law is called {head!r}; {meant}There are {', '.join(sorted(entries))}.")
    entry, given = entries[head], dict[str, str]()
    while parts:
        key, equals, value = parts.pop(0).partition("=")
        if not equals:
            key, value = next((name for name in entry.keys if name not in MATRICES), next(iter(entry.keys), "parameter")), key
        key = key.strip().replace("-", "_")
        if key not in entry.keys:
            raise DescriptionError(f"{head} has no {key!r}; it has {', '.join(entry.keys) or 'no parameters'}.")
        if key in given:
            raise DescriptionError(f"{head}: {key} is given twice.")
        if key == "task":
            value, parts = ":".join([value, *parts]), []
        given[key] = value.strip()
    values = {key: _value(head, key, given.get(key), default, dimension, Sigma) for key, default in entry.keys.items()}
    try:
        return entry.build(**values)
    except SettingError:
        raise
    except (TypeError, ValueError, AttributeError):
        shown = ", ".join(f"{key}={value}" for key, value in given.items())
        raise DescriptionError(f"{head}: {shown} is not of the form of its default.") from None


def _value(head: str, key: str, text: str | None, default: Any, dimension: int, Sigma: Any) -> Any:
    where = f"{head}: {key}"
    if key in MATRICES:
        return ImmutableMatrix(Sigma.inv()) if text == "inverse" else matrix(where, "isotropic" if text is None else text, dimension)
    if text is None:
        if default is MISSING:
            raise DescriptionError(f"{where} must be given, as in {head}:{key}=…")
        return default
    if key == "task":
        return covariate_law(text, dimension)
    if key == "activation":
        return parse_formula(where, text, t)
    if isinstance(default, bool):
        if text not in ("on", "off"):
            raise DescriptionError(f"{where} is on or off, got {text!r}.")
        return text == "on"
    rows = tuple(tuple(rational(where, entry) for entry in row.split(",")) for row in text.rstrip(";").split(";"))
    if ";" in text:
        return rows
    return rows[0] if len(rows[0]) > 1 else rows[0][0]


def rational(where: str, text: str) -> Rational:
    """A finite rational number. Raises DescriptionError."""
    try:
        if re.search(r"e[+-]?\d{4}", text, re.IGNORECASE):
            raise OverflowError  # before as many digits are written out
        value = Rational(text.strip())
        if value.is_finite and math.isfinite(float(value)):
            return value
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        pass
    raise DescriptionError(f"{where}: needs a number such as 0, 1/4 or 0.25, got {text!r}.")


def matrix(where: str, text: str, dimension: int) -> ImmutableMatrix:
    """`isotropic`, a diagonal 2,1,1/2 or rows 2,1/2;1/2,1. Raises DescriptionError."""
    if text == "isotropic":
        return ImmutableMatrix(eye(dimension))
    rows = [[rational(where, entry) for entry in row.split(",")] for row in text.split(";")]
    if len(rows) == 1 and len(rows[0]) == dimension:
        return ImmutableMatrix(diag(*rows[0]))
    if len(rows) != dimension or any(len(row) != dimension for row in rows):
        shape = f"{len(rows)} row{'s' * (len(rows) > 1)} of {'/'.join(sorted({str(len(row)) for row in rows}))} entries"
        raise DescriptionError(
            f"{where}: at --dimension {dimension} needs {dimension} diagonal entries or {dimension} rows of {dimension}, got {shape}."
        )
    return ImmutableMatrix(Matrix(rows))
