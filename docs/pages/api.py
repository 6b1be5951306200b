"""The API: public names with their docstrings, the command lines with their options, and every module in a line."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

import click

import numerics
import proofs
import report
import theory
from pages.markdown import escaped

NUMERICS = {
    "numerics.compare": ("verify", "Comparison"),
    "numerics.run": ("train", "Result", "decide"),
    "numerics.config": ("RunConfig", "TrainConfig"),
    "numerics.deep": ("train_deep", "trained_model", "DeepResult"),
    "numerics.deep_config": ("TransformerConfig", "LinearStackConfig", "SoftmaxStackConfig"),
    "numerics.weights": ("load", "ImportedAttention"),
    "numerics.models": ("LinearSelfAttention", "MergedAttention", "SeparateAttention", "initial_model"),
    "numerics.objective": ("ExactObjective", "ManyObjectives", "learned_step"),
    "numerics.evaluate": ("number", "compile_expression", "to_tensor", "to_exact"),
    "numerics.samplers": ("PromptSampler", "Prompts"),
    "numerics.source": ("Source",),
    "numerics.predictors": ("ridge", "least_squares", "one_step", "gradient_descent"),
    "numerics.endpoint": ("locate", "Endpoint"),
    "numerics.survey": ("survey", "Survey"),
    "numerics.questions.answer": ("question", "Answer", "Check"),
    "numerics.errors": ("NumericsError", "ConfigError", "RunFolderError", "TrainingError", "ModelError", "WeightsError"),
}
"""What callers use of numerics, whose modules are many: no name is public there by an __all__ of the package."""

PROOFS = {
    "proofs.theorems": ("load",),
    "proofs.kernel": ("check", "check_each", "Theorem", "Statement", "Step", "Certificate"),
    "proofs.verdict": ("judge", "judged", "Verdict"),
    "proofs.derivation": ("Derivation",),
    "proofs.graph": ("graph", "Graph", "Node", "Edge"),
    "proofs.errors": ("ProofError", "RuleError", "StatementError", "LabelError", "TypesettingError"),
    "report": ("render",),
    "report.errors": ("ReportError",),
}

COMMANDS = (
    *("numerics.train", "numerics.compare", "numerics.sweep", "numerics.landscape", "numerics.step_sizes", "numerics.capacity"),
    *("numerics.finite_tasks", "numerics.questions", "proofs", "report"),
)


def pages() -> dict[str, str]:
    """The files by name."""
    return {
        "api/theory.md": _theory(),
        "api/numerics.md": _entry_points("numerics", "Floats: real models trained in torch, held against theory's expressions.", NUMERICS),
        "api/proofs.md": _entry_points("proofs and report", "Theorems as objects, the kernel that checks them, and pages of runs.", PROOFS),
        "api/commands.md": _commands(),
        "api/modules.md": _modules(),
    }


def _theory() -> str:
    """The names at the root of the package, by the module that defines them."""
    modules: dict[str, list[str]] = {}
    for name in theory.__all__:
        modules.setdefault(getattr(theory, name).__module__, []).append(name)
    parts = [
        f"## {escaped(module)}\n\n{escaped(_first_line(inspect.getdoc(import_module(module))))}\n\n{_documented('theory', sorted(names))}"
        for module, names in sorted(modules.items())
    ]
    about = "Exact: sympy, never a float. Every name is imported from the package, as in `from theory import Setting`."
    return f"# theory\n\n{about}\n\n" + "\n".join(parts)


def _entry_points(title: str, about: str, names: dict[str, tuple[str, ...]]) -> str:
    parts = [
        f"## {escaped(module)}\n\n{escaped(_first_line(inspect.getdoc(import_module(module))))}\n\n{_documented(module, found)}"
        for module, found in names.items()
    ]
    return f"# {title}\n\n{about}\n\n" + "\n".join(parts)


def _documented(module: str, names: Iterable[str]) -> str:
    found = import_module(module)
    directives = "\n\n".join(f".. auto{_kind(getattr(found, name))}:: {module}.{name}" for name in names)
    return f"```{{eval-rst}}\n{directives}\n```\n"


def _kind(value: object) -> str:
    if isinstance(value, type):
        return "exception" if issubclass(value, BaseException) else "class"
    return "function"


def _first_line(docstring: str | None) -> str:
    return (docstring or "").partition("\n")[0]


# command lines


def command(module: str) -> click.Command:
    """What `python -m module` runs."""
    found = import_module(module)
    made: click.Command = found.main if hasattr(found, "main") else import_module(f"{module}.__main__").main
    return made


def _commands() -> str:
    parts = []
    for module in COMMANDS:
        parts += [f"## python -m {escaped(module)}\n", *_helped(f"python -m {module}", command(module), None)]
    return "# Command lines\n\nWhat `--help` prints.\n\n" + "\n".join(parts)


def _helped(name: str, found: click.Command, parent: click.Context | None) -> list[str]:
    context = click.Context(found, parent=parent, info_name=name, max_content_width=100, terminal_width=100)
    parts = [f"```text\n{found.get_help(context)}\n```\n"]
    if isinstance(found, click.Group):
        for word in found.list_commands(context):
            inner = found.get_command(context, word)
            if inner is not None:
                parts += [f"### {escaped(name.removeprefix('python -m '))} {escaped(word)}\n", *_helped(word, inner, context)]
    return parts


# modules


def _modules() -> str:
    lines = []
    for package in (theory, numerics, proofs, report):
        root = Path(package.__file__ or "").parent
        lines.append(f"\n## {root.name}\n")
        for file in sorted(root.rglob("*.py"), key=lambda path: (path.parent, path.name != "__init__.py", path.name)):
            name = ".".join(file.relative_to(root.parent).with_suffix("").parts).removesuffix(".__init__")
            lines.append(f"- `{name}`: {escaped(_first_line(ast.get_docstring(ast.parse(file.read_text()))))}")
    return "# Modules\n\nThe first line of each.\n" + "\n".join(lines) + "\n"
