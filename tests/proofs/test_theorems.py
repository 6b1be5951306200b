"""Each theorem is fully checked, rests on what is pinned here and on nothing else, and holds at numbers by routes that share no code."""

from __future__ import annotations

import ast
import time
from functools import cache
from pathlib import Path

import pytest
from common.claims import claims
from common.components import evaluate
from common.prompts import ANY_LAW, GENERAL, MINIMISERS, NOISE, NOISY, PAPER, PARTS, PROMPT_MEANS, TOKENS, UNIT, laws, laws_at_test
from sympy import Identity, Inverse, Matrix, Rational, Symbol, Trace, ZeroMatrix, eye

import proofs
from proofs.errors import LabelError, ProofError
from proofs.instances import Undecided, instances
from proofs.kernel import check, check_each
from proofs.language import (
    Expectation,
    Implication,
    Independent,
    Invertible,
    Law,
    Mean,
    Named,
    NamedMatrix,
    Normal,
    Orthogonal,
    PositiveDefinite,
    PositiveSemidefinite,
    RotationInvariant,
    SignSymmetric,
    conjuncts,
    equal,
    more_than,
    nodes,
    symbols_of,
    unnamed,
)
from proofs.rules.citation import FACTS
from proofs.theorems import LABELS, load
from proofs.theorems.layer_landscape import MARGIN
from proofs.theorems.posterior import PRECISION
from proofs.theorems.risk_under_shift import SHIFT, TEST, TRAINED
from theory import Gaussian, Linear, LinearAttention, Setting, global_minimiser, in_context_loss
from theory.notation import (
    M_1,
    M_2,
    NAMES,
    S_1,
    TABLE,
    W_1,
    B_star,
    Phi,
    Q,
    S,
    Sigma,
    Sigma_test,
    T,
    W,
    W_test,
    X,
    X_tilde,
    chi,
    d,
    eps,
    eps_q,
    n,
    phi_q,
    r,
    sigma2,
    sigma2_test,
    theta,
    u_star,
    w,
    w_tilde,
    x_1,
    x_2,
    x_q,
    x_q_tilde,
    y,
    y_1,
    y_2,
    y_q,
    y_tilde,
)

NETWORK = NamedMatrix("y", Phi * theta + eps)
REGULAR = {more_than(MARGIN.args[1], 0)}
# label: assumptions, facts cited, theorems used
PINNED = {
    "one-step-of-gradient-descent": (set(), {"gradient"}, set()),
    "posterior": (
        {
            *(fact for fact in laws(Sigma, W) if fact.args[0] in (w, eps, eps_q)),
            Normal(r, sigma2 * load("posterior").given[3].args[1].args[1]),
            Normal(y_tilde, X * W * X.T + NOISE),
            PositiveDefinite(W),
            NOISY,
        },
        set(),
        set(),
    ),
    "ridge-is-bayes-optimal": (
        laws(Sigma, W) | {PositiveDefinite(W), NOISY},
        {"isserlis", "fubini", "conditional-expectation"},
        {"posterior"},
    ),
    "in-context-loss": (laws(Sigma, W), {"isserlis"}, set()),
    "one-step-loss": (GENERAL, {"isserlis"}, set()),
    "covariate-part": ({Normal(X, Identity(n), Sigma), Normal(x_q, Sigma), PositiveDefinite(Sigma)}, {"isserlis"}, set()),
    "even-part": (GENERAL - {Normal(eps_q, sigma2 * Identity(1))}, {"isserlis"}, {"covariate-part"}),
    "best-step": (ANY_LAW, set(), set()),
    "every-law": (ANY_LAW | {SignSymmetric(y, y_q)}, set(), {"best-step"}),
    "reflected-covariates": (ANY_LAW | {SignSymmetric(X, x_q)}, set(), {"best-step"}),
    "tokens": ({Law(X, y, x_q, y_q, x_1, y_1, x_2, y_2), TOKENS}, set(), set()),
    "nonlinear-responses": (
        {
            Law(X, y, x_q, y_q, u_star, x_1, y_1, x_2, y_2),
            TOKENS,
            Independent((X, y, u_star), (x_q,)),
            SignSymmetric(y, y_q, u_star, y_1, y_2),
            RotationInvariant(X, x_q.T, u_star.T, x_1.T, x_2.T),
            equal(UNIT, Expectation(x_q * x_q.T, x_q)),
            more_than(load("nonlinear-responses").given[-1].args[0], 0),
        },
        set(),
        {"best-step", "every-law"},
    ),
    "random-last-layer": (
        {
            Law(X, x_q, Phi, phi_q),
            Independent((X, Phi), (x_q,)),
            Normal(theta, S),
            Normal(eps, NOISE),
            Normal(eps_q, sigma2 * Identity(1)),
            equal(Sigma, Expectation(x_q * x_q.T, x_q)),
            equal(M_2, Expectation(X.T * NETWORK * NETWORK.T * X, X, Phi, theta, eps)),
            equal(M_1, Expectation(X.T * NETWORK * (phi_q.T * theta + eps_q) * x_q.T, X, Phi, theta, eps, x_q, phi_q, eps_q)),
            equal(M_2 * B_star * Sigma, M_1),
        },
        set(),
        {"best-step", "every-law"},
    ),
    "random-first-layer": (
        {Normal(X, Identity(n), UNIT), Normal(x_q, UNIT), Normal(W_1, S_1, UNIT), Law(chi), Orthogonal(Q)},
        set(),
        set(),
    ),
    "minimisers-beyond-gaussian": (
        PROMPT_MEANS
        | {
            Law(X, y, x_q, y_q, x_1, y_1, x_2, y_2),
            TOKENS,
            Independent((X, y), (x_q,)),
            SignSymmetric(y, y_q, y_1, y_2),
            PositiveDefinite(Sigma),
            PositiveDefinite(NamedMatrix("C", Expectation(x_1 * y_1 * y_1.T * x_1.T, x_1, y_1))),
            Invertible(B_star),
        },
        set(),
        {"best-step", "every-law", "tokens"},
    ),
    "general-gaussian": (GENERAL, {"isserlis"}, PARTS),
    "no-signal": (
        {
            Normal(X, Identity(n), Sigma),
            Normal(w, ZeroMatrix(d, d)),
            Normal(eps, ZeroMatrix(n, n)),
            Normal(x_q, Sigma),
            Normal(eps_q, ZeroMatrix(1, 1)),
            PositiveDefinite(Sigma),
        },
        {"isserlis"},
        {"covariate-part"},
    ),
    "whitening": (
        laws(T * T.T, W) | {Normal(X_tilde, Identity(n), UNIT), Normal(w_tilde, T.T * W * T), Normal(x_q_tilde, UNIT), Invertible(T)},
        set(),
        set(),
    ),
    "ridge-correlation": (
        {Normal(X, Identity(n), Sigma), Normal(w, W), Normal(eps, NOISE), PositiveDefinite(W), NOISY},
        {"isserlis", "fubini"},
        set(),
    ),
    "paper-step-size": (
        {Normal(X, Identity(n), Sigma), Normal(w, Inverse(Sigma)), Normal(eps, NOISE), PositiveDefinite(Sigma), NOISY},
        {"isserlis", "fubini"},
        {"ridge-correlation"},
    ),
    "isotropic": (laws(UNIT, UNIT), {"isserlis", "fubini", "gradient"}, PAPER),
    "preconditioned": (laws(Sigma, Inverse(Sigma)) | {PositiveDefinite(Sigma)}, {"isserlis", "fubini", "gradient"}, PAPER),
    "risk-under-shift": (
        GENERAL | laws_at_test(Sigma_test, W_test) | {PositiveDefinite(Sigma_test), more_than(sigma2_test + Trace(Sigma_test * W_test), 0)},
        {"isserlis"},
        MINIMISERS,
    ),
    "risk-under-length-shift": (laws(UNIT, UNIT) | laws_at_test(UNIT, UNIT), {"isserlis"}, MINIMISERS | {"risk-under-shift"}),
    "layer-landscape": (REGULAR, set(), set()),
    "turning-points": (REGULAR, set(), set()),
    "stationary-points": (laws(UNIT, UNIT), {"isserlis"}, {"layer-landscape", "turning-points"}),
    "spurious-minima": (set(), set(), set()),
    "gradient-flow": (set(), set(), set()),
} | claims("PINNED")


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
