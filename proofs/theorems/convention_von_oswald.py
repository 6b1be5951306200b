"""von Oswald et al.: one head W_K, W_Q, W_V, P with a residual, the sum over the context; and their construction of a gradient step."""

from __future__ import annotations

from functools import cache
from typing import Any

from sympy import BlockMatrix, Identity, MatMul, MatrixSymbol, Rational, Trace, ZeroMatrix

from proofs.derivation import Derivation
from proofs.kernel import Statement, Step, Theorem
from proofs.language import (
    All,
    Any_,
    Equivalence,
    GradientAt,
    Implication,
    Invertible,
    Mean,
    Named,
    NamedMatrix,
    at_least,
    equal,
    replaced,
)
from proofs.theorems import one_step_loss
from proofs.theorems.convention_layer import LABEL_SLOT, loss_of, of_layer, specialised, translated
from proofs.theorems.vocabulary import GAUSSIAN, LABEL, LOSS, OPTIMUM, PROMPT, STEP, TARGET
from theory.notation import A, B, K_x, K_y, P_x, P_y, Q_x, Q_y, Sigma, V_x, V_y, W, X, c, d, eta, n, sigma2, u, v_x, v_y, x_q

W_K = NamedMatrix("W_K", BlockMatrix([[K_x, K_y]]))
W_Q = NamedMatrix("W_Q", BlockMatrix([[Q_x, Q_y]]))
W_V = NamedMatrix("W_V", BlockMatrix([[V_x, V_y]]))
P = NamedMatrix("P", BlockMatrix([[P_x], [P_y.T]]))
Z = NamedMatrix("Z", BlockMatrix([[X, LABEL]]))
QUERY = NamedMatrix("z_q", BlockMatrix([[x_q], [ZeroMatrix(1, 1)]]))
COVARIATE_PART = NamedMatrix("I_x", BlockMatrix([[Identity(d), ZeroMatrix(d, 1)], [ZeroMatrix(1, d), ZeroMatrix(1, 1)]]))
LABEL_PART = NamedMatrix("I_y", BlockMatrix([[ZeroMatrix(d, d), ZeroMatrix(d, 1)], [ZeroMatrix(1, d), Identity(1)]]))


def updated(keys: Any, queries: Any, values: Any, projection: Any) -> Any:
    """The query's token after the layer."""
    return QUERY + MatMul(projection, values, Z.T, Z, keys.T, queries, QUERY)


def read(token: Any) -> Any:
    """Minus the label slot."""
    return -Trace(LABEL_SLOT.T * token)


PREDICTION = Named("yhat", read(NamedMatrix("e_1q", updated(W_K, W_Q, W_V, P))))
HEAD_LOSS = loss_of(PREDICTION)
LAYER = {v_x: -1 * V_x.T * P_y, v_y: -Trace(P_y.T * V_y), A: K_x.T * Q_x, c: Q_x.T * K_y}
RATE = NamedMatrix("P_eta", BlockMatrix([[eta / n * Identity(d), ZeroMatrix(d, 1)], [ZeroMatrix(1, d), eta / n * Identity(1)]]))
CONSTRUCTED = Named("yhat_gd", read(updated(COVARIATE_PART, COVARIATE_PART, MatMul(-1, LABEL_PART), RATE)))
CONSTRUCTED_LOSS = Named("L_gd", Mean((CONSTRUCTED - TARGET) ** 2, *PROMPT))
OBJECTIVE = Named("ell", Rational(1, 2) / n * Trace((LABEL - X * u).T * (LABEL - X * u)))
STANDARD = All(equal(Sigma, Identity(d)), equal(W, Identity(d)))
BEST, LEAST = OPTIMUM.step, OPTIMUM.loss
MINIMAL = equal(HEAD_LOSS, LEAST)
NO_COVARIATE_VALUE, NO_COVARIATE_KEY = equal(V_x.T * P_y, 0), equal(K_x.T * Q_x, 0)
NO_LABEL_VALUE, NO_LABEL_KEY = equal(Trace(P_y.T * V_y), 0), equal(Q_x.T * K_y, 0)
HEAD_STEP = equal(Trace(P_y.T * V_y) * K_x.T * Q_x + V_x.T * P_y * K_y.T * Q_x, -BEST)


@cache
def theorem() -> Theorem:
    """The theorem."""
    derive = Derivation()
    exists = derive("logic", Invertible(OPTIMUM.system), one_step_loss.theorem(), note="What B* inverts is invertible.")
    general = specialised(derive, LAYER)
    old = of_layer(LOSS, LAYER)
    losses = translated(
        derive,
        ((relation(old, LEAST), relation(HEAD_LOSS, LEAST), (1,)) for relation in (at_least, equal)),
        exists,
        note="The loss of the head is that of the layer.",
    )
    same = translated(
        derive,
        (
            (equal(of_layer(STEP, LAYER), BEST), HEAD_STEP, (-1,)),
            (equal(LAYER[v_x], 0), NO_COVARIATE_VALUE, (-1,)),
            (equal(LAYER[v_y], 0), NO_LABEL_VALUE, (-1,)),
        ),
        exists,
        note="The layer's parameters in the paper's weights.",
    )
    bound = derive("logic", at_least(HEAD_LOSS, LEAST), general, *losses, note="So no head has a smaller loss than L*.")
    minimisers = derive(
        "logic",
        Equivalence(MINIMAL, All(HEAD_STEP, Any_(NO_COVARIATE_VALUE, NO_COVARIATE_KEY), Any_(NO_LABEL_VALUE, NO_LABEL_KEY))),
        general,
        *losses,
        *same,
        note="These heads, and no others, reach it.",
    )
    descends = _descends(derive)
    optimal = _optimal(derive, exists)
    standard = derive(
        "equivalent-relations",
        Implication(
            STANDARD, Equivalence(equal(eta / n * Identity(d), BEST), equal(eta * Identity(d), n / (n + d + 1 + sigma2) * Identity(d)))
        ),
        exists,
        by=(1 / n,),
        note="For standard Gaussian covariates and task this is one step size.",
    )
    shown = (bound, minimisers, descends, *optimal, standard)
    claim = All(*(step.conclusion for step in shown))
    derive("logic", claim, *shown, note="Collect the steps.")
    return Theorem(
        label="convention-von-oswald",
        title="von Oswald et al.: all heads of least loss, and their gradient step among them",
        source="von Oswald et al., arXiv 2212.07677, Proposition 1; specialises general-gaussian",
        statement=Statement(claim, GAUSSIAN),
        steps=derive.steps,
        remarks=(
            "As a layer the head is v = −W_Vᵀ P_y, P_y the label row of P, and M = W_KᵀW_Q. The residual adds the query's label slot, 0.",
            "The construction is W_K = W_Q = diag(I, 0), W_V = diag(0, −1), P = (η/n) I, for w₀ = 0: v = (0, η/n) and M = diag(I, 0). With "
            "diag(P̃, 0) in the place of W_Q it takes a step preconditioned by P̃: see the theorem one-step-of-gradient-descent.",
            "Several heads add their predictions. The paper draws covariates uniformly; for them see the theorem every-law.",
        ),
    )


def _descends(derive: Derivation) -> Step:
    """The construction takes one step of gradient descent from 0, read at the query."""
    start = ZeroMatrix(d, 1)
    slope = GradientAt(OBJECTIVE, u, start)
    downhill = derive(
        "citation",
        equal(slope, MatMul(-1 / n, X.T, LABEL)),
        by=("gradient", MatrixSymbol("delta", d, 1), Rational(1, 2) / n * X.T * X),
        note="The gradient of the paper's objective at 0.",
    )
    return derive(
        "matrix-identity",
        equal(CONSTRUCTED, Trace(x_q.T * (start - eta * slope))),
        downhill,
        by=((0, eta * x_q.T),),
        note="The construction takes one step from there with step size η.",
    )


def _optimal(derive: Derivation, exists: Step) -> tuple[Step, Step]:
    """Its loss, and when that is least."""
    step = eta / n * Identity(d)
    special = derive(
        "specialisation",
        replaced(one_step_loss.theorem().claim, {B: step}),
        one_step_loss.theorem(),
        by=((B, step),),
        note="The loss of one step, at that of the construction.",
    )
    old = special.conclusion.args[3].args[0]
    same = translated(
        derive,
        ((relation(old, LEAST), relation(CONSTRUCTED_LOSS, LEAST), (1,)) for relation in (at_least, equal)),
        exists,
        note="It is the construction's.",
    )
    bound = derive("logic", at_least(CONSTRUCTED_LOSS, LEAST), special, *same, note="So the construction is no better than the best head,")
    reached = derive(
        "logic",
        Equivalence(equal(CONSTRUCTED_LOSS, LEAST), equal(step, BEST)),
        special,
        *same,
        note="and as good where its step is the optimal one.",
    )
    return bound, reached
