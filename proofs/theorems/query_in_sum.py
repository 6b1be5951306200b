"""The query's own token in the sum over tokens: another loss, of degree six in the query's covariate, with the same global minimisers.

The token (x_q, 0) adds (v_x·x_q)(x_qᵀAx_q) to the prediction, which is even in the labels. So the part of the prediction odd in the labels
and its loss are as before, and the rest is the mean square of the even part, which vanishes for the same layers as without.
"""

from __future__ import annotations

from functools import cache

from sympy import Identity, Integer, Trace, collect

from proofs.derivation import Derivation
from proofs.kernel import Statement, Step, Theorem
from proofs.language import All, Any_, Equivalence, Implication, Mean, Named, at_least, equal, replaced
from proofs.theorems import general_gaussian, one_step_loss
from proofs.theorems.covariate_part import COVARIATE_PART
from proofs.theorems.even_part import GIVEN_COVARIATES
from proofs.theorems.vocabulary import EVEN, GAUSSIAN, LOSS, OPTIMUM, PREDICTION, PROMPT, STEP, TARGET, one_step, stated
from proofs.theorems.vocabulary import one_step_loss as loss_of_step
from theory.notation import A, B, Sigma, W, X, c, eps, eps_q, n, tau, v_x, v_y, w, x_q
from theory.query_in_sum import gaussian_query_cost, query_term

TERM = stated(query_term())
EVEN_THERE = Named("yhat_even_in", EVEN + TERM)
LOSS_THERE = Named("L_in", Mean((PREDICTION + TERM - TARGET) ** 2, *PROMPT))
COST = replaced(collect(stated(gaussian_query_cost()), (n, v_y)), {tau: OPTIMUM.tau})
SIZE = Mean(EVEN_THERE**2, X, w, eps, x_q)
EXPLAINED = Mean((GIVEN_COVARIATES + TERM) ** 2, X, x_q)
ABOUT_MEAN = Mean((n * Trace(v_x.T * Sigma * A * x_q) + TERM) ** 2, x_q)


@cache
def theorem() -> Theorem:
    """The theorem."""
    derive = Derivation()
    best, least = OPTIMUM.step, OPTIMUM.loss
    odd, odd_loss = one_step(STEP), loss_of_step(STEP)
    minimal = equal(LOSS_THERE, least)
    polynomial = derive(
        "gaussian-moment",
        equal(LOSS_THERE, LOSS + COST),
        note="What the query's token adds, by Isserlis: twice its mean product with ŷ_even, and its mean square.",
    )
    cross = derive(
        "sign-symmetry",
        equal(Mean(EVEN_THERE * (odd - TARGET), *PROMPT), 0),
        by=(w, eps, eps_q),
        note="Under (w, ε, ε_q) → −(w, ε, ε_q) the even part stays, the query's term with it, and the other factor changes sign.",
    )
    split = derive(
        "matrix-identity",
        equal(LOSS_THERE, SIZE + odd_loss),
        cross,
        by=((0, 2),),
        note="The prediction is an even part and one step with B; the cross term vanishes.",
    )
    step = derive(
        "specialisation",
        replaced(one_step_loss.theorem().claim, {B: STEP}),
        one_step_loss.theorem(),
        by=((B, STEP),),
        note="The loss of one step, at the step B of the layer.",
    )
    square = Trace(OPTIMUM.moment * (STEP - best) * Sigma * (STEP - best).T)
    definite = (Sigma, STEP - best, OPTIMUM.moment)
    above = derive("trace-inequality", at_least(square, 0), step, by=definite, note="A trace of two definite factors.")
    excess = derive(
        "matrix-identity",
        equal(LOSS_THERE, least + SIZE + n * square),
        split,
        step,
        by=((0, 1), (1, 1)),
        note="The excess over L* is the sum of both parts.",
    )
    bound = derive(
        "sum-of-nonnegatives",
        All(at_least(LOSS_THERE, least), Equivalence(minimal, All(equal(SIZE, 0), equal(square, 0)))),
        excess,
        above,
        step,
        by=((Integer(1), SIZE), (n, square)),
        note="A sum of nonnegative terms is at least 0, and 0 only if each is.",
    )
    zero = derive(
        "trace-inequality",
        Equivalence(equal(square, 0), equal(STEP, best)),
        step,
        by=definite,
        note="Both factors are definite, so it vanishes only with B − B*.",
    )
    vanishes = _vanishes(derive)
    nothing = All(Any_(equal(v_x, 0), equal(A, 0)), Any_(equal(v_y, 0), equal(c, 0)))
    set_of_all = derive(
        "logic",
        Equivalence(minimal, All(equal(STEP, best), *nothing.args)),
        bound,
        zero,
        vanishes,
        note="The equality cases of both parts.",
    )
    same = derive(
        "logic",
        Equivalence(minimal, equal(LOSS, least)),
        set_of_all,
        general_gaussian.theorem(),
        note="The layers are those of the loss without the query in the sum (theorem general-gaussian).",
    )
    claim = All(
        polynomial.conclusion, split.conclusion, at_least(LOSS_THERE, least), vanishes.conclusion, set_of_all.conclusion, same.conclusion
    )
    derive("logic", claim, polynomial, split, bound, vanishes, set_of_all, same, note="Collect the steps.")
    return Theorem(
        label="query-in-sum",
        title="The query's token in the sum changes the loss and not its minimisers",
        source="derived here",
        statement=Statement(claim, GAUSSIAN),
        steps=derive.steps,
        remarks=(
            "That L* stays the minimum holds for every law under the symmetry of the theorem any-even-part, where the sixth moment of the "
            "query exists; where it does not, the loss is infinite unless v_x = 0 or A + Aᵀ = 0, and the minimisers with v_x = 0 stay.",
            "Off the minimisers the two losses differ, by a polynomial that can have either sign.",
        ),
    )


def _vanishes(derive: Derivation) -> Step:
    """When the part even in the labels is 0 on almost every prompt."""
    twice, form = Trace(Sigma * W * Sigma * W), Trace(c.T * Sigma * c)
    labels = v_y**2 * form
    factor = 2 * n * (OPTIMUM.tau**2 + (n + 1) * twice)
    through = Trace(v_x.T * Sigma * A * Sigma * A.T * Sigma * v_x)
    keys, values = Trace(Sigma * A * Sigma * A.T), Trace(v_x.T * Sigma * v_x)
    covariates = Mean((COVARIATE_PART + TERM) ** 2, X, x_q)
    split = derive(
        "gaussian-moment",
        equal(SIZE, EXPLAINED + factor * labels),
        note="Its mean square is that of its mean given the covariates, and the variance of yᵀy about it.",
    )
    positive = derive("trace-inequality", at_least(twice, 0), by=(W, Sigma, W), note="A trace of two semidefinite factors.")
    form_sign = derive("trace-inequality", at_least(form, 0), by=(Identity(1), c, Sigma), note="A quadratic form of Σ.")
    both = derive(
        "sum-of-nonnegatives",
        Equivalence(equal(SIZE, 0), All(equal(EXPLAINED, 0), equal(labels, 0))),
        split,
        positive,
        form_sign,
        by=((1, EXPLAINED), (factor, labels)),
        note="A sum of nonnegative terms; the coefficient is positive because τ is.",
    )
    either = derive(
        "zero-product",
        Equivalence(equal(labels, 0), Any_(equal(v_y, 0), equal(form, 0))),
        by=(1, (v_y, 2), (form, 1)),
        note="A product vanishes with one of its factors.",
    )
    no_labels = derive(
        "trace-inequality", Equivalence(equal(form, 0), equal(c, 0)), by=(Identity(1), c, Sigma), note="The equality case: Σ is definite."
    )
    alone = [
        derive(
            "equivalent-relations",
            Implication(equal(symbol, 0), Equivalence(equal(EXPLAINED, 0), equal(covariates, 0))),
            by=(1,),
            note=f"With {symbol} = 0 only the parts without labels are left.",
        )
        for symbol in (v_y, c)
    ]
    about = derive(
        "gaussian-moment",
        equal(covariates, ABOUT_MEAN + n * through + n * keys * values),
        note="Their mean square is that of their mean over the context, and the variance of XᵀX v_x about it.",
    )
    signs = [
        derive("trace-inequality", at_least(term, 0), by=by, note=note)
        for term, by, note in (
            (through, (Identity(1), A.T * Sigma * v_x, Sigma), "A quadratic form of Σ."),
            (keys, (Sigma, A.T, Sigma), "A trace of two semidefinite factors."),
            (values, (Identity(1), v_x, Sigma), "A quadratic form of Σ."),
        )
    ]
    parts = derive(
        "sum-of-nonnegatives",
        Equivalence(equal(covariates, 0), All(equal(ABOUT_MEAN, 0), equal(through, 0), equal(keys * values, 0))),
        about,
        *signs,
        by=((Integer(1), ABOUT_MEAN), (n, through), (n, keys * values)),
        note="A sum of nonnegative terms with positive coefficients: the query cannot cancel what fluctuates with the context.",
    )
    product = derive(
        "zero-product",
        Equivalence(equal(keys * values, 0), Any_(equal(keys, 0), equal(values, 0))),
        by=(1, (keys, 1), (values, 1)),
        note="A product vanishes with one of its factors.",
    )
    factors = [
        derive("trace-inequality", Equivalence(equal(term, 0), equal(symbol, 0)), by=by, note="The equality case: Σ is definite.")
        for term, symbol, by in ((keys, A, (Sigma, A.T, Sigma)), (values, v_x, (Identity(1), v_x, Sigma)))
    ]
    absent = [
        derive("matrix-identity", Implication(equal(symbol, 0), equal(term, 0)), note=f"The term has {symbol} as a factor.")
        for symbol in (v_x, A)
        for term in (through, ABOUT_MEAN)
    ]
    return derive(
        "logic",
        Equivalence(equal(SIZE, 0), All(Any_(equal(v_x, 0), equal(A, 0)), Any_(equal(v_y, 0), equal(c, 0)))),
        both,
        either,
        no_labels,
        *alone,
        parts,
        product,
        *factors,
        *absent,
        note="So the even part vanishes where it does without the query in the sum.",
    )
