"""False statements next to the true ones are refused, both with the true derivation and with one changed in the same way throughout."""

from __future__ import annotations

import pytest
from common.claims import claims
from common.mutants import mutated, replacing, said, without
from sympy import Eq, Ge, Identity, Integer, Inverse, MatMul, Rational, Symbol, Trace

from proofs.errors import ProofError
from proofs.kernel import Statement, Step, check_each
from proofs.language import (
    All,
    Any_,
    Expectation,
    Implication,
    Independent,
    Invertible,
    Law,
    Mean,
    Named,
    Normal,
    Orthogonal,
    PositiveDefinite,
    Rank,
    RotationInvariant,
    SignSymmetric,
    Tokens,
    at_least,
    at_most,
    equal,
    more_than,
    nodes,
    replaced,
    substitute,
    unnamed,
)
from proofs.theorems import LABELS, load
from proofs.theorems import gradient_flow as flow
from proofs.theorems import layer_landscape as layer
from proofs.theorems import nonlinear_responses as nonlinear
from proofs.theorems import spurious_minima as spurious
from proofs.theorems import turning_points as turning
from proofs.theorems.every_law import SIZE
from proofs.theorems.general_gaussian import in_keys, in_values
from proofs.theorems.paper_step_size import STEP_SIZE, correlation, length
from proofs.theorems.posterior import PRECISION, RIDGE, R
from proofs.theorems.random_last_layer import LABELS as NETWORK_LABELS
from proofs.theorems.random_last_layer import QUERY, REALISED
from proofs.theorems.risk_under_length_shift import STEP_SIZE_THERE
from proofs.theorems.risk_under_shift import TEST
from proofs.theorems.stationary_points import NUMBERS
from proofs.theorems.tokens import OWN, SHARED, TOKENS
from proofs.theorems.vocabulary import ANY_LAW, ANY_LEAST, LOSS, OPTIMUM, STEP
from theory.notation import (
    M_1,
    M_2,
    S_1,
    W_1,
    A,
    B,
    B_star,
    P,
    Phi,
    Q,
    S,
    Sigma,
    T,
    W,
    X,
    alpha,
    beta,
    c,
    d,
    delta,
    eps,
    gamma,
    n,
    n_test,
    omega,
    p,
    q,
    rho_1,
    rho_2,
    sigma2,
    sigma2_test,
    tau,
    theta,
    u_0,
    u_star,
    v_x,
    v_y,
    w,
    w_tilde,
    x_1,
    x_2,
    x_q,
    y,
    y_1,
    y_2,
    y_q,
)

UNIT = Identity(d)
OWN_RISK = load("risk-under-shift").claim.args[2].lhs.args[1]
ETA = STEP_SIZE.args[1]
RESIDUAL = y - X * u_0
RATE = Symbol("eta", real=True)
sigma = Symbol("sigma", nonnegative=True)
SYSTEM, TAU = OPTIMUM.system.args[1], OPTIMUM.tau.args[1]
LEAST = d + sigma2 - n * d * STEP_SIZE
NO_VALUES, NO_KEYS = equal(v_x, 0), equal(A, 0)
NO_LABEL_VALUE, NO_LABEL_KEY = equal(v_y, 0), equal(c, 0)
REST = next(node for node in nodes(load("layer-landscape").claim.args[0]) if isinstance(node, Named) and node.args[0].name == "S_t")
NINTH = (5 * d + sigma2) ** 2 / 9


def without_hypothesis(theorem):
    """What is said of the minimisers said of every layer."""
    attained, first, *rest = theorem.claim.args
    return theorem.restate(claim=All(attained, first.args[1], *rest))


def of_any_law(symmetry, even=SIZE):
    """What is false of a theorem about prompts of any law, under a symmetry, with this size of the even part."""
    parts = equal(even, 0), equal(M_2 * STEP * Sigma, M_1)
    return {
        "even part free": {All(*parts): parts[1]},
        "odd part free": {All(*parts): parts[0]},
        "never worse": said(Ge, at_most),
        "attained with twice the step": {equal(A, B_star): equal(A, 2 * B_star)},
        "any B*": without(ANY_LAW[5]),
        "minimum with M₂": {Trace(M_1 * B_star.T): Trace(M_2 * B_star.T)},
        "no symmetry": without(symmetry),
    }


def step_sizes(metric):
    """What is false of Theorem 1 and of Theorem 2 alike."""
    families = Any_(in_values(STEP_SIZE * metric), in_keys(STEP_SIZE * metric))
    return {
        "η with n + d": {ETA: 1 / (n + d + sigma2)},
        "η with n + d + 2": {ETA: 1 / (n + d + 2 + sigma2)},
        "η with n": {ETA: 1 / (n + 1 + sigma2)},
        "η with σ for σ²": {ETA: 1 / (n + d + 1 + sigma)},
        "η with σ⁴ for σ²": {ETA: 1 / (n + d + 1 + sigma2**2)},
        "η without σ²": {ETA: 1 / (n + d + 1)},
        "η off by 10⁻²⁰": {ETA: ETA + Rational(1, 10**20)},
        "η for d ≤ 3 only": {ETA: ETA + (d - 1) * (d - 2) * (d - 3)},
        "η for n ≤ 4 only": {ETA: ETA + (n - 1) * (n - 2) * (n - 3) * (n - 4)},
        "minimum without d": {LEAST: d + sigma2 - n * STEP_SIZE},
        "minimum with twice the noise": {LEAST: LEAST + sigma2},
        "minimum never attained": {at_least(LOSS, LEAST): more_than(LOSS, LEAST)},
        "unique for d = 1 too": {more_than(d, 1): at_least(d, 1)},
        "one family only": {families: in_values(STEP_SIZE * metric)},
        "a second family in every dimension": {equal(omega * omega.T, metric): equal(c, omega)},
        "attained with twice the step": {equal(A, STEP_SIZE * metric): equal(A, 2 * STEP_SIZE * metric)},
    }


def inside(named, old, new):
    """What a name stands for, with one expression for another in it."""
    return {named.args[1]: replaced(named.args[1], {old: new})}


def coefficient(symbol, value):
    """Another value of one of the six coefficients."""
    return {NUMBERS[symbol]: Named(NUMBERS[symbol].args[0].name, value)}


def read_off(relation, common=spurious.COMMON, **bounds):
    """The relation instead of the claim, with its gap written out as the theorem does it."""
    hypothesis, conclusion = relation.args
    gap = unnamed(conclusion.gts) - unnamed(conclusion.lts)
    for part in hypothesis.args if isinstance(hypothesis, All) else (hypothesis,):
        gap = substitute(gap, {part.lhs: part.rhs}) if isinstance(part, Eq) else gap
    step = Step("sign", relation, (), (spurious.bounded(gap, common, **bounds),))
    return lambda theorem: theorem._replace(statement=Statement(relation), steps=(step,))


def falls(ratio, *hypotheses):
    """J₁ < 0 at a ratio."""
    return Implication(All(*hypotheses, equal(rho_1, ratio)), more_than(0, spurious.TURNING))


FALSE = {
    "isotropic": step_sizes(UNIT) | {"ratio upside down": {correlation(UNIT): length(UNIT), length(UNIT): correlation(UNIT)}},
    "preconditioned": step_sizes(Inverse(Sigma))
    | {
        "Σ for Σ⁻¹": {Inverse(Sigma): Sigma},
        "step without preconditioner": {STEP_SIZE * Inverse(Sigma): STEP_SIZE * UNIT},
        "prior Σ": {Normal(w, Inverse(Sigma)): Normal(w, Sigma)},
        "any Σ": without(PositiveDefinite(Sigma)),
    },
    "general-gaussian": {
        "n for n + 1": {SYSTEM: replaced(SYSTEM, {n + 1: n})},
        "n + 2 for n + 1": {SYSTEM: replaced(SYSTEM, {n + 1: n + 2})},
        "σ² dropped": {TAU: Trace(Sigma * W)},
        "tr W for tr ΣW": {TAU: sigma2 + Trace(W)},
        "W Σ transposed": {SYSTEM: replaced(SYSTEM, {(n + 1) * W * Sigma: (n + 1) * Sigma * W})},
        "W on the left": {OPTIMUM.step.args[1]: W * Inverse(OPTIMUM.system)},
        "minimum with twice the gain": {OPTIMUM.loss.args[1]: 2 * OPTIMUM.loss.args[1] - OPTIMUM.tau},
        "labels in the keys never": {Any_(NO_LABEL_VALUE, NO_LABEL_KEY): NO_LABEL_KEY},
        "covariates' values always 0": {Any_(NO_VALUES, NO_KEYS): NO_VALUES},
        "both blocks 0": {Any_(NO_VALUES, NO_KEYS): All(NO_VALUES, NO_KEYS)},
        "unique for rank one too": {more_than(Rank(W), 1): at_least(Rank(W), 1), at_most(Rank(W), 1): at_most(Rank(W), 0)},
        "second family without H": {equal(v_x, Inverse(OPTIMUM.system) * omega): equal(v_x, omega)},
        "all labels may be 0": without(more_than(TAU, 0)),
        "any Σ": without(PositiveDefinite(Sigma)),
    },
    "one-step-of-gradient-descent": {
        "ascent": lambda theorem: theorem.restate(claim=replaced(theorem.claim, {-RATE: RATE})),
        "ℓ without ½": {Rational(1, 2): Rational(1)},
        "P not transposed": {P.T: P},
        "residuals with the wrong sign": {RESIDUAL: X * u_0 + y},
        "step from another point": {x_q.T * u_0: 2 * x_q.T * u_0},
    },
    "ridge-is-bayes-optimal": {
        "λ = 2σ²": {PRECISION: X.T * X + 2 * sigma2 * Inverse(W)},
        "λ = σ² W": {PRECISION: X.T * X + sigma2 * W},
        "least squares": {PRECISION: X.T * X},
        "no noise in the Bayes risk": {sigma2 + sigma2 * Trace(x_q.T * R * x_q): sigma2 * Trace(x_q.T * R * x_q)},
        "strictly better than all": said(Ge, more_than),
        "best is worst": said(Ge, at_most),
        "no noise": without(more_than(sigma2, 0)),
        "task not Gaussian": lambda theorem: theorem.restate(given=tuple(fact for fact in theorem.given if w not in fact.args)),
        "estimate doubled": {RIDGE.args[1]: 2 * RIDGE.args[1]},
    },
    "paper-step-size": {
        "η with n + d": {ETA: 1 / (n + d + sigma2)},
        "ridge with Σ⁻¹ for Σ": {sigma2 * Sigma: sigma2 * Inverse(Sigma)},
        "denominator without Σ⁻¹": {length(Inverse(Sigma)): length(UNIT)},
        "numerator nd²": {n * d: n * d**2},
        "no noise": without(more_than(sigma2, 0)),
    },
    "risk-under-shift": {
        "the training moment at test": {TEST.moment.args[1]: OPTIMUM.moment.args[1]},
        "the training noise at test": {TEST.tau.args[1]: OPTIMUM.tau.args[1]},
        "one optimum for both": {TEST.step.args[1]: OPTIMUM.step.args[1]},
        "never worse": said(Ge, at_most),
        "twice the quadratic part": {OWN_RISK: OWN_RISK + n_test * Trace(TEST.moment)},
        "for every layer": without_hypothesis,
    },
    "risk-under-length-shift": {
        "η_t with n": {STEP_SIZE_THERE.args[1]: 1 / (n + d + 1 + sigma2_test)},
        "n + d for n + d + 1": {n_test + d + 1 + sigma2_test: n_test + d + sigma2_test},
        "η with σ for σ²": {ETA: 1 / (n + d + 1 + sigma)},
        "for every layer": without_hypothesis,
    },
    "covariate-part": {
        "without the context": {Trace(v_x.T * X.T * X * A * x_q): Trace(v_x.T * A * x_q)},
        "both must be 0": said(Any_, All),
        "n + 2 for n + 1": {n + 1: n + 2},
    },
    "even-part": {
        "n for n + 1": {n + 1: n},
        "both must be 0": said(Any_, All),
        "one is enough": said(All, Any_),
    },
    "whitening": {
        "T for Tᵀ": {T.T: T},
        "any T": lambda theorem: theorem.restate(given=theorem.given[:-1]),
        "prior TWTᵀ": {Normal(w_tilde, T.T * W * T): Normal(w_tilde, T * W * T.T)},
    },
    "one-step-loss": {"n for n + 1": {n + 1: n}, "n + 2 for n + 1": {n + 1: n + 2}, "never above": said(Ge, at_most)},
    "posterior": {
        "covariance R": {sigma2 * R: R},
        "no noise in ỹ": {X * W * X.T + sigma2 * Identity(n): X * W * X.T},
    },
    "no-signal": {"only values": {Any_(NO_VALUES, NO_KEYS): NO_VALUES}, "both must be 0": said(Any_, All)},
    "ridge-correlation": {"tr W for tr ΣW": {Trace(Sigma * W): Trace(W)}, "λ = 2σ²": {PRECISION: X.T * X + 2 * sigma2 * Inverse(W)}},
    "best-step": {
        "minimum with M₂": {Trace(M_1 * B_star.T): Trace(M_2 * B_star.T)},
        "minimum with twice the gain": {ANY_LEAST.args[1]: ANY_LEAST.args[1] - Trace(M_1 * B_star.T)},
        "normal equations without Σ": {M_2 * B * Sigma: M_2 * B},
        "normal equations transposed": {M_2 * B * Sigma: Sigma * B * M_2},
        "B* inverted on the other side": {Inverse(M_2) * M_1 * Inverse(Sigma): Inverse(Sigma) * M_1 * Inverse(M_2)},
        "never above": said(Ge, at_most),
        "query depends on the context": without(ANY_LAW[1]),
        "any B*": without(ANY_LAW[5]),
        "any M₂": without(ANY_LAW[3]),
    },
    "every-law": of_any_law(SignSymmetric(y, y_q))
    | {
        "context's labels flipped alone": {SignSymmetric(y, y_q): SignSymmetric(y)},
        "query's label flipped alone": {SignSymmetric(y, y_q): SignSymmetric(y_q)},
        "labels and covariates flipped": {SignSymmetric(y, y_q): SignSymmetric(X, x_q, y, y_q)},
    },
    "reflected-covariates": of_any_law(SignSymmetric(X, x_q))
    | {
        "context flipped alone": {SignSymmetric(X, x_q): SignSymmetric(X)},
        "labels flipped too": {SignSymmetric(X, x_q): SignSymmetric(X, x_q, y, y_q)},
    },
    "tokens": {
        "n² pairs of two tokens": {n * (n - 1): n**2},
        "(n − 1) K for M₁": {n * SHARED: (n - 1) * SHARED},
        "K for C": {OWN.args[1]: SHARED.args[1]},
        "C for K": {SHARED.args[1]: OWN.args[1]},
        "no tokens": without(TOKENS),
        "query of another law": {TOKENS: Tokens((X, y), (x_1, y_1), (x_2, y_2))},
    },
    "nonlinear-responses": {
        "η with n for n − 1": {nonlinear.SYSTEM: nonlinear.GAMMA + n * nonlinear.KAPPA},
        "η with n + 1 for n − 1": {nonlinear.SYSTEM: nonlinear.GAMMA + (n + 1) * nonlinear.KAPPA},
        "η = κ / γ": {nonlinear.ETA.args[1]: nonlinear.KAPPA / nonlinear.GAMMA},
        "η = γ / (κ + (n − 1) γ)": {nonlinear.ETA.args[1]: nonlinear.GAMMA / (nonlinear.KAPPA + (n - 1) * nonlinear.GAMMA)},
        "κ not divided by d": {nonlinear.KAPPA.args[1]: d * nonlinear.KAPPA.args[1]},
        "γ of the labels alone": {nonlinear.GAMMA.args[1]: Mean(Trace(y_1) ** 2, y_1)},
        "ratio with ‖Xᵀy‖": {nonlinear.SQUARE: Trace(y.T * y)},
        "minimum without d": {nonlinear.LEAST: nonlinear.LEAST + (d - 1) * n * nonlinear.KAPPA * nonlinear.ETA},
        "η always positive": {at_least(nonlinear.ETA, 0): more_than(nonlinear.ETA, 0)},
        "attained with twice the step": {equal(A, nonlinear.ETA * UNIT): equal(A, 2 * nonlinear.ETA * UNIT)},
        "even part free": {All(equal(STEP, nonlinear.ETA * UNIT), equal(SIZE, 0)): equal(STEP, nonlinear.ETA * UNIT)},
        "not rotation-invariant": without(nonlinear.GIVEN[4]),
        "query not rotated": {nonlinear.GIVEN[4]: RotationInvariant(X, u_star.T, x_1.T, x_2.T)},
        "not sign-symmetric": without(nonlinear.GIVEN[3]),
        "query's label not flipped": {nonlinear.GIVEN[3]: SignSymmetric(y, u_star, y_1, y_2)},
        "tokens that share nothing": without(nonlinear.GIVEN[1]),
        "query depends on the context": without(nonlinear.GIVEN[2]),
        "any covariance": without(nonlinear.COVARIANCE),
        "all labels may be 0": without(more_than(nonlinear.GAMMA, 0)),
    },
    "random-last-layer": of_any_law(Normal(theta, S), REALISED.args[5].args[1].args[0].args[0])
    | {
        "query's label not flipped": {MatMul(-1, QUERY): QUERY},
        "features not flipped": {MatMul(-1, NETWORK_LABELS): NETWORK_LABELS},
        "last layer of any law": {Normal(theta, S): Law(theta)},
        "features see the query": {Independent((X, Phi), (x_q,)): Independent((X,), (x_q,))},
        "M₂ without noise": {Expectation(X.T * NETWORK_LABELS * NETWORK_LABELS.T * X, X, Phi, theta, eps): Expectation(X.T * X, X)},
    },
    "random-first-layer": {
        "Q for Qᵀ": {Q.T: Q},
        "any Q": without(Orthogonal(Q)),
        "any covariance": {Normal(x_q, UNIT): Normal(x_q, Sigma)},
        "weights of another covariance": {Normal(W_1, S_1, UNIT): Normal(W_1, S_1, Sigma)},
        "query seen as it is": {W_1 * x_q: x_q},
        "not rotated": {Q.T * x_q: x_q},
    },
    "minimisers-beyond-gaussian": {
        "d = 1 too": {more_than(d, 1): at_least(d, 1)},
        "labels in the keys": {in_values(B_star): in_keys(B_star)},
        "label keys free": {in_values(B_star): All(NO_VALUES, equal(v_y * A, B_star))},
        "covariate values free": {in_values(B_star): All(NO_LABEL_KEY, equal(v_y * A, B_star))},
        "singular B*": without(Invertible(B_star)),
        "all labels may be 0": without(PositiveDefinite(OWN)),
        "singular Σ": without(PositiveDefinite(Sigma)),
        "tokens that share nothing": without(TOKENS),
        "not sign-symmetric": without(SignSymmetric(y, y_q, y_1, y_2)),
        "C of the covariates alone": {OWN.args[1]: Expectation(x_1 * x_1.T, x_1)},
    },
    "layer-landscape": {
        "q for 2q": {-2 * q * Trace(layer.STEP): -q * Trace(layer.STEP)},
        "expansion with −γ": inside(REST, gamma, -gamma),
        "gradient in A without β": inside(layer.GRADIENT[0], beta, Integer(0)),
        "α for α + β in c₀": {layer.LEAST_KEYS.args[1]: q / layer.U * (alpha * layer.R - gamma * layer.V) * v_x},
        "A₀ without v_x v_xᵀ": {layer.LEAST_A.args[1]: q * v_y / layer.P * UNIT},
        "q₄ with + δv_y⁴": inside(layer.TURNING, -delta * v_y**4, delta * v_y**4),
        "profile with d for d − 1": inside(layer.PROFILE, d - 1, d),
        "P without p": {layer.P.args[1]: beta * layer.R},
        "gain of one direction doubled": {layer.LOSS_OF_SINGLE: tau - 2 * q**2 / p},
        "gain of the minimum without d": {layer.LOWEST: tau - q**2 / p},
        "mixed directions at every ratio": {layer.MIXED: layer.LEAST},
        "zero predictor with any A": {layer.NOTHING: layer.NOTHING.args[0]},
        "never above": said(Ge, at_most),
        "any Δ": without(*layer.GIVEN),
        "Δ ≥ 0": {layer.GIVEN[0]: at_least(*layer.GIVEN[0].args)},
    },
    "turning-points": {
        "Δ = εδ + γ²": {layer.MARGIN.args[1]: (alpha + beta) * delta + gamma**2},
        "J with ρ₁² for ρ₁ρ₂": {turning.BETWEEN.args[1]: turning.turning(rho_1, rho_1, turning.ONE, turning.TWO)},
        "J with −δ": inside(turning.BETWEEN, -delta, delta),
        "J with d for d − 1": inside(turning.BETWEEN, d - 1, d),
        "falls where J > 0": {more_than(turning.TWO.loss, turning.ONE.loss): more_than(turning.ONE.loss, turning.TWO.loss)},
        "rises iff J > 0 in either order": {rho_2 - rho_1: rho_1 - rho_2},
        "J₁ > 0 up to √(δ/α)": {more_than(delta, turning.EPSILON * rho_1**2): more_than(delta, alpha * rho_1**2)},
        "gap with d for d − 1": {(d - 1) * beta * rho_1 / turning.ONE.P: d * beta * rho_1 / turning.ONE.P},
        "always above less": {more_than(turning.ONE.loss, layer.LOWEST): more_than(layer.LOWEST, turning.ONE.loss)},
        "J_∞ with d for d − 1": inside(turning.FAR, d - 1, d),
        "J_∞ with 2βΔ": {turning.FAR.args[1]: turning.FAR.args[1] - beta * layer.MARGIN},
        "bound with γ for 2γ": {turning.EPSILON * rho_1 - 2 * gamma: turning.EPSILON * rho_1 - gamma},
        "bound at every ratio": {more_than(turning.EPSILON * rho_1, 2 * gamma): more_than(turning.EPSILON * rho_1, gamma)},
        "gain of one direction doubled": {q**2 / p: 2 * q**2 / p},
        "any Δ": without(*layer.GIVEN),
    },
    "stationary-points": {
        "p with n + d + 2": coefficient(p, n * (n + d + 2 + sigma2)),
        "q = n + 1": coefficient(q, n + 1),
        "α = n(n + 2)": coefficient(alpha, n * (n + 2)),
        "β = 2n": coefficient(beta, 2 * n),
        "γ with nτ + 1": coefficient(gamma, n * (n * (d + sigma2) + 1)),
        "δ with n + 1": coefficient(delta, n * (n + 1) * ((d + sigma2) ** 2 + 2 * d)),
        "δ with d for 2d": coefficient(delta, n * (n + 2) * ((d + sigma2) ** 2 + d)),
        "δ of the mean square": coefficient(delta, n * (n + 2) * (d + sigma2) ** 2),
        "τ without σ²": coefficient(tau, d),
        "any covariance": {Normal(x_q, UNIT): Normal(x_q, Sigma)},
    },
    "spurious-minima": {
        "two dimensions, at 2(d + σ²)": read_off(falls(2 * (d + sigma2), equal(d, 2)), n=(1, n - 1)),
        "two dimensions, at 5(d + σ²)": read_off(falls(5 * (d + sigma2), equal(d, 2)), n=(1, n - 1)),
        "three dimensions": read_off(falls(3 * (d + sigma2), equal(d, 3)), n=(1, n - 1)),
        "any context": read_off(falls(2 * (d + sigma2), at_least(d, 2)), d=(2, d - 2), n=(1, n - 1)),
        "a ninth for a sixth": read_off(falls(2 * (d + sigma2), at_least(d, 2), at_least(n, NINTH)), d=(2, d - 2), n=(NINTH, n - NINTH)),
        "long contexts at (d + σ²)": read_off(
            falls(d + sigma2, at_least(d, 2), at_least(n, spurious.FEW)), d=(2, d - 2), n=(spurious.FEW, n - spurious.FEW)
        ),
        "without noise, with n ≥ 3d²": read_off(
            falls(Rational(7, 4) * d + 1, equal(sigma2, 0), at_least(d, 2), at_least(n, 3 * d**2)), d=(2, d - 2), n=(3 * d**2, n - 3 * d**2)
        ),
        "one direction a saddle in d = 4": read_off(
            Implication(at_least(d, 4), more_than(spurious.FAR, 0)), n**3, d=(4, d - 4), n=(1, n - 1)
        ),
        "one direction a minimum": {more_than(spurious.FAR, 0): more_than(0, spurious.FAR)},
        "none with n ≤ 5d²": {at_least(d * (d - 3), n): at_least(5 * d**2, n)},
        "none with n ≤ 5d², written out": read_off(
            Implication(All(equal(sigma2, 0), at_least(d, 4), at_least(5 * d**2, n)), more_than(spurious.TURNING, 0)), d=(4, d - 4)
        ),
        "some with n ≤ d(d − 3)": {more_than(spurious.TURNING, 0): more_than(0, spurious.TURNING)},
        "none in two dimensions": {more_than(0, spurious.TURNING): more_than(spurious.TURNING, 0)},
    },
    "gradient-flow": {
        "5p for 4p": {4 * p * flow.V_LESS * flow.EXCESS: 5 * p * flow.V_LESS * flow.EXCESS},
        "v_y² + ‖A‖²": {flow.V_LESS: v_y**2 + Trace(A.T * A)},
        "never steeper": said(Ge, at_most),
        "v_y² + ‖A‖² conserved": {v_y * layer.GRADIENT[3]: -v_y * layer.GRADIENT[3]},
        "v_y² − 2‖A‖² conserved": {Trace(layer.GRADIENT[0].T * A): 2 * Trace(layer.GRADIENT[0].T * A)},
        "excess without p": {p * Trace(flow.RESIDUAL.T * flow.RESIDUAL): Trace(flow.RESIDUAL.T * flow.RESIDUAL)},
        "minimum without d": {d * q**2 / p: q**2 / p},
        "speed of v_y halved": {2 * q * Trace(A): q * Trace(A)},
        "speed of tr A without d": {d * q - p * v_y * Trace(A): q - p * v_y * Trace(A)},
        "from any c": {flow.MATCHED: equal(v_x, 0)},
        "from any v_x": {flow.MATCHED: equal(c, 0)},
    },
    "in-context-loss": {"n + 1 for n": {n**2: (n + 1) ** 2}, "σ⁴ for σ²": {sigma2**2: sigma2}, "c for Σc": {c.T * Sigma * c: c.T * c}},
} | claims("FALSE")


def mutant(label, change):
    """The theorem with a change in all of it, or as a function makes it of the theorem."""
    theorem = load(label)
    return mutated(theorem, replacing(change)) if isinstance(change, dict) else change(theorem)


@pytest.mark.usefixtures("refusals_only")
@pytest.mark.parametrize("label", FALSE)
def test_a_false_statement_is_refused(label):
    true = load(label)
    mutants = {name: mutant(label, change) for name, change in FALSE[label].items()}
    for name, theorem in mutants.items():
        assert theorem != true, f"{label}: {name} changes nothing"
    attached = {
        name: true.restate(claim=theorem.claim, given=theorem.given)
        for name, theorem in mutants.items()
        if theorem.statement != true.statement
    }
    for kind in (mutants, attached):
        granted = [name for name, result in zip(kind, check_each(kind.values()), strict=True) if not isinstance(result, ProofError)]
        assert not granted


def test_every_theorem_has_false_neighbours():
    assert set(FALSE) == set(LABELS)
    assert sum(map(len, FALSE.values())) >= 80
