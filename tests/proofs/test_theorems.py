"""Each theorem is fully checked, rests on what is pinned and on nothing else, and holds at numbers by routes that share no code."""

from __future__ import annotations

import ast
import time
from functools import cache
from pathlib import Path

import pytest
from common.claims import claims
from common.components import evaluate
from sympy import Inverse, Matrix, Rational, Symbol, eye

import proofs
from proofs.errors import LabelError, ProofError
from proofs.instances import Undecided, instances
from proofs.kernel import check, check_each
from proofs.language import Implication, Mean, Named, NamedMatrix, PositiveSemidefinite, conjuncts, more_than, nodes, symbols_of, unnamed
from proofs.rules.citation import FACTS
from proofs.theorems import LABELS, load
from proofs.theorems.posterior import PRECISION
from proofs.theorems.risk_under_shift import SHIFT, TEST, TRAINED
from theory import Gaussian, Linear, LinearAttention, Setting, global_minimiser, in_context_loss
from theory.notation import NAMES, TABLE, Sigma, W, X, d, n, sigma2

PINNED = claims("PINNED")


@cache
def certificates():
    """Every certificate, or the refusal."""
    return dict(zip(LABELS, check_each(load(label) for label in LABELS), strict=True))


def test_every_theorem_is_pinned():
    assert set(PINNED) == set(LABELS)
    assert {"ridge-is-bayes-optimal", "one-step-of-gradient-descent", "isotropic", "preconditioned", "general-gaussian"} <= set(LABELS)


@pytest.mark.parametrize("label", LABELS)
def test_a_theorem_is_fully_checked_and_rests_on_what_is_pinned(label):
    certificate = certificates()[label]
    if isinstance(certificate, ProofError):
        raise certificate
    assert (certificate.label, certificate.status, certificate.admitted) == (label, "fully checked", ())
    assert certificate.claim == load(label).claim
    assumptions, citations, theorems = PINNED[label]
    assert set(certificate.assumptions) == assumptions
    assert (set(certificate.citations), set(certificate.theorems)) == (citations, theorems)


@pytest.mark.usefixtures("refusals_only")
@pytest.mark.parametrize("label", LABELS)
def test_every_assumption_is_needed(label):
    theorem = load(label)
    fewer = [theorem.restate(given=theorem.given[:i] + theorem.given[i + 1 :]) for i in range(len(theorem.given))]
    spare = [fact for fact, result in zip(theorem.given, check_each(fewer), strict=True) if not isinstance(result, ProofError)]
    assert not spare


@pytest.mark.parametrize("label", LABELS)
def test_every_step_is_used(label):
    """A derivation is read: what no later step needs would only distract."""
    steps = load(label).steps
    used = {id(premise) for step in steps for premise in step.premises}
    assert [number for number, step in enumerate(steps[:-1], 1) if id(step) not in used] == []


@pytest.mark.parametrize("label", LABELS)
def test_a_theorem_holds_at_numbers(label):
    """In exact components at small sizes, by `proofs.instances`, which no rule uses: every part that can be evaluated holds."""
    theorem, evaluated, stop = load(label), 0, time.monotonic() + 4
    for part in conjuncts(theorem.claim):
        hypotheses = tuple(conjuncts(part.args[0])) if isinstance(part, Implication) else ()
        cheap = not any(isinstance(node, Mean) for node in nodes(part))
        for count, instance in enumerate(instances((*theorem.given, *hypotheses), part, seed=1, stop=stop)):
            try:
                assert instance.holds(part), (part, instance.values)
                evaluated += 1
            except Undecided:
                pass
            if count >= (20 if cheap else 2):
                break
    assert evaluated or label in ("paper-step-size", "ridge-correlation", "posterior")  # inverses and predictors inside a mean


def test_the_ridge_estimate_is_the_schur_complement_of_the_joint_covariance():
    x, prior, noise = Matrix([[1, 2], [0, -1], [3, 1]]), Matrix([[2, 1], [1, 3]]), Rational(3, 4)
    env = {n: 3, d: 2, X: x, W: prior, sigma2: noise}
    ridge = evaluate(Inverse(PRECISION), env) * x.T
    joint = x * prior * x.T + noise * eye(3)
    assert ridge == prior * x.T * joint.inv()
    assert noise * evaluate(Inverse(PRECISION), env) == prior - prior * x.T * joint.inv() * x * prior


def test_the_risk_under_shift_is_the_loss_of_the_layer_at_test_time():
    train = {Sigma: Matrix([[2, 1], [1, 3]]), W: Matrix([[1, 0], [0, 2]]), n: 3, sigma2: Rational(1, 2)}
    test = {Sigma: Matrix([[1, 0], [0, 4]]), W: Matrix([[3, 1], [1, 1]]), n: 5, sigma2: Rational(1, 3)}
    env = {d: 2, **train, **{SHIFT[symbol]: value for symbol, value in test.items()}}

    def setting(values):
        return Setting(
            covariates=Gaussian(values[Sigma]), response=Linear(values[W]), noise_variance=values[sigma2], context_length=values[n]
        )

    step = global_minimiser(setting(train)).step
    assert evaluate(unnamed(TRAINED.step), env) == step
    layer = LinearAttention.from_blocks(
        covariate_value=Matrix([0, 0]), label_value=1, covariate_key_query=step, label_key_query=Matrix([0, 0])
    )
    there, optimum = setting(test), global_minimiser(setting(test))
    assert evaluate(unnamed(TEST.loss), env) == optimum.loss
    gap = step - optimum.step
    excess = 5 * (evaluate(unnamed(TEST.moment), env) * gap * test[Sigma] * gap.T).trace()
    assert in_context_loss(there, layer) == optimum.loss + excess


def test_nothing_that_checks_a_proof_simplifies_or_computes_with_floats():
    root = Path(proofs.__file__).parent
    checking = [root / f"{name}.py" for name in ("kernel", "statement", "wellformed", "language", "algebra", "blocks", "scope")]
    for path in (*checking, *(root / "rules").glob("*.py"), *(root / "theorems").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
            assert name not in ("simplify", "nsimplify", "N", "evalf", "Float", "float", "equals"), (path.name, node.lineno)
            imported = node.module if isinstance(node, ast.ImportFrom) else node.names[0].name if isinstance(node, ast.Import) else ""
            assert imported not in ("random", "numpy", "mpmath"), (path.name, node.lineno)
            assert not isinstance(node, ast.Constant) or type(node.value) is not float, (path.name, node.lineno)


def test_the_facts_that_may_be_cited():
    assert set(FACTS) == {"isserlis", "fubini", "conditional-expectation", "gradient"}


def test_the_notation_table_names_what_the_theorems_use_and_nothing_else():
    symbols, names = set(), set()
    for theorem in map(load, LABELS):
        said = (theorem.claim, *theorem.given, *(step.conclusion for step in theorem.steps))
        symbols |= set(symbols_of(*said).values())
        names |= {node.args[0].name for part in said for node in nodes(part) if isinstance(node, Named | NamedMatrix)}
    assert {entry.symbol for entry in TABLE} == symbols
    assert {name.name for name in NAMES} == names


def test_an_unknown_label_suggests_the_nearest():
    with pytest.raises(LabelError, match="did you mean isotropic"):
        load("isotopic")


def test_restating_keeps_the_steps():
    theorem = load("covariate-part")
    assert check(theorem.restate()).status == "fully checked"
    assert theorem.restate(given=(*theorem.given, more_than(Symbol("extra", real=True), 0))).steps == theorem.steps
    assert PositiveSemidefinite(Sigma) not in theorem.given
