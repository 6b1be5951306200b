"""`theory.all_positions` against the loss of a layer at each length, and against equations solved in components.

Exact: no error model. `in_context_loss` derives the loss for a fixed length with all parameters; here it is averaged by hand.
"""

import pytest
from common.altered import altered
from sympy import Integer, Matrix, Rational, diag, eye, harmonic, linsolve, symbols

from theory import Gaussian, Linear, LinearAttention, Setting, SettingError, Sphere, StudentT, all_positions, in_context_loss
from theory.all_positions import Weights, averaged_loss, averaged_minimiser, averaged_minimum, price, summed_loss
from theory.loss import replaced, written_out
from theory.notation import B, Sigma, W, d, n, sigma2
from theory.traces import normal_form

THIRD, HALF = Rational(1, 3), Rational(1, 2)
TILTED = Setting(
    covariates=Gaussian(Matrix([[2, 1], [1, 3]])), response=Linear(diag(1, 4)), noise_variance=Rational(1, 4), context_length=7
)
LINE = Setting(covariates=StudentT(diag(2), degrees=6), response=Linear(diag(3)), noise_variance=HALF, context_length=1)
BALL = Setting(covariates=Sphere(eye(2)), response=Linear(eye(2)), noise_variance=Integer(1), context_length=3)
LENGTHS = [({1: THIRD, 5: 2 * THIRD}, False), ({0: HALF, 2: HALF}, False), ({1: THIRD, 5: 2 * THIRD}, True), ({4: Integer(1)}, True)]
STEP = Matrix([[HALF, -1], [2, THIRD]])


def by_length(setting, probabilities, mean, step):
    """The losses of the layer that takes one step, length by length"""
    size = step.rows
    layer = LinearAttention.from_blocks(
        covariate_value=Matrix([0] * size), label_value=1, covariate_key_query=step, label_key_query=Matrix([0] * size)
    )
    total = Integer(0)
    for k, p in probabilities.items():
        if k == 0:
            total += p * setting.moments.tau
            continue
        here = Setting(
            covariates=setting.covariates,
            response=setting.response,
            noise_variance=setting.noise_variance,
            context_length=k,
            normalisation=k if mean else 1,
        )
        total += p * in_context_loss(here, layer)
    return total


def solved(setting, probabilities, mean):
    """The step where the derivatives of that loss in the entries of B vanish"""
    size = setting.dimension
    entries = symbols(f"b:{size * size}")
    loss = by_length(setting, probabilities, mean, Matrix(size, size, entries)).expand()
    (solution,) = linsolve([loss.diff(entry) for entry in entries], entries)
    return Matrix(size, size, solution)


def right(module, setting, probabilities, mean):
    """Whether the module's loss, minimiser and minimum are those found length by length"""
    weights = module.Weights.lengths(probabilities, mean=mean)
    step = STEP[: setting.dimension, : setting.dimension]
    best = solved(setting, probabilities, mean)
    return (
        module.averaged_loss(setting, weights, step) == by_length(setting, probabilities, mean, step)
        and Matrix(module.averaged_minimiser(setting, weights)) == best
        and module.averaged_minimum(setting, weights) == by_length(setting, probabilities, mean, best)
    )


@pytest.mark.parametrize("setting", [TILTED, LINE, BALL], ids=["tilted", "line", "ball"])
@pytest.mark.parametrize(("probabilities", "mean"), LENGTHS)
def test_the_averaged_loss_and_its_minimiser_are_those_found_length_by_length(setting, probabilities, mean):
    assert right(all_positions, setting, probabilities, mean)


def test_weights_that_are_neither_0_nor_1():
    """One dimension, by hand: E x⁴ = 3 s² for x ~ N(0, s)"""
    s, t, r, b, p = Integer(2), Integer(3), HALF, Rational(2, 7), (Integer(1), THIRD, Integer(-1))
    here = Setting(covariates=Gaussian(diag(s)), response=Linear(diag(t)), noise_variance=r, context_length=3)
    squares, total = sum(weight**2 for weight in p), sum(p)
    square = b**2 * s * (squares * (3 * s**2 * t + s * r) + (total**2 - squares) * s**2 * t)
    assert averaged_loss(here, Weights(total, total**2, squares), diag(b)) == square - 2 * b * total * s**2 * t + s * t + r


@pytest.mark.parametrize("context", range(1, 7))
def test_positions_are_a_uniform_length(context):
    for first, mean in ((1, False), (0, False), (1, True)):
        count = context + 1 - first
        uniform = Weights.lengths({k: Rational(1, count) for k in range(first, context + 1)}, mean=mean)
        assert Weights.positions(context, first=first, mean=mean) == uniform
        symbolic = Weights.positions(n, first=first, mean=mean)
        assert tuple(moment.subs(n, context) for moment in symbolic) == uniform
        assert uniform.effective_length == (context / harmonic(context) if mean else Rational(2 * context + 1, 3))


def test_the_sum_over_positions_grows_by_the_loss_at_the_next_length():
    here = {n: None, Sigma: TILTED.moments.Sigma, W: diag(1, 4), sigma2: TILTED.noise_variance, B: STEP}
    total = Integer(0)
    for context in range(1, 5):
        total += by_length(TILTED, {context: Integer(1)}, False, STEP)
        values = {
            name: value.as_immutable() if hasattr(value, "as_immutable") else value for name, value in (here | {n: context, d: 2}).items()
        }
        assert written_out(normal_form(replaced(summed_loss(), values))) == total


@pytest.mark.parametrize(("probabilities", "mean"), LENGTHS)
def test_one_layer_for_all_lengths_has_a_price_which_is_the_mean_excess(probabilities, mean):
    best = averaged_minimiser(TILTED, Weights.lengths(probabilities, mean=mean))
    excess = Integer(0)
    for k, p in probabilities.items():
        tuned = TILTED.moments.tau if k == 0 else averaged_minimum(TILTED, Weights.lengths({k: 1}))
        excess += p * (by_length(TILTED, {k: Integer(1)}, mean, best) - tuned)
    assert price(TILTED, probabilities, mean=mean) == excess
    varies = len({k for k in probabilities if k}) > 1
    assert (excess > 0) == varies


def test_the_effective_length_is_at_least_the_mean_length_for_sums_and_at_most_for_means():
    for probabilities in ({1: HALF, 9: HALF}, {2: THIRD, 3: THIRD, 7: THIRD}):
        average = sum(p * k for k, p in probabilities.items())
        sums, means = (Weights.lengths(probabilities, mean=mean).effective_length for mean in (False, True))
        assert means < average < sums <= max(probabilities)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: Weights.lengths({1: HALF}), "add up to 1, got 1/2"),
        (lambda: Weights.lengths({1: 2, 2: -1}), "the probability of 2 must be ≥ 0"),
        (lambda: Weights.lengths({0: 1}, mean=True), "whole number ≥ 1 for means, got 0"),
        (lambda: Weights.lengths({1.5: 1}), "whole number ≥ 0, got 1.5"),
        (lambda: Weights.lengths({1: 0.5, 2: 0.5}), "floats are not exact"),
        (lambda: Weights.moments(3, 8), "must be ≥ .* = 9, got 8"),
        (lambda: Weights.moments(), "got nothing"),
        (lambda: Weights.moments(-1), "all > 0"),
        (lambda: Weights.positions(0), "a whole n ≥ 1"),
        (lambda: Weights.positions(4, first=0, mean=True), "for sums, 0…n"),
    ],
)
def test_bad_lengths_are_refused(wrong, says):
    with pytest.raises(SettingError, match=says):
        wrong()


MUTANTS = {
    "pairs for own": ("weights.squares * own", "weights.total_squared * own"),
    "one alignment": ("- 2 * weights.total * with_label", "- weights.total * with_label"),
    "total for squares": ("cls(given[0], given[1], given[0])", "cls(given[0], given[1], given[1])"),
    "mean length for 1/k": ("cls(S.One, S.One, given[0])", "cls(S.One, S.One, 1 / given[0])"),
    "no scale": ("scale = cancel(weights.total / weights.squares)", "scale = S.One"),
    "length − 1": ("cancel(self.total_squared / self.squares)", "cancel(self.total_squared / self.squares - 1)"),
    "minimum with squares": ("more={n: weights.total}", "more={n: weights.squares * 101 / 100}"),
}


@pytest.mark.parametrize("change", MUTANTS.values(), ids=MUTANTS)
def test_a_changed_formula_is_refused(change):
    with altered(all_positions, change) as mutant:
        assert not all(right(mutant, TILTED, probabilities, mean) for probabilities, mean in LENGTHS[::2])
