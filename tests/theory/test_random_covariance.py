"""`theory.random_covariance` against the loss of a layer given each Σ, averaged by hand, and equations solved in components. Exact."""

from functools import cache
from itertools import product

import pytest
from common.altered import altered
from sympy import Integer, Matrix, Rational, diag, eye, limit, linsolve, ones, symbols, zeros

from theory import Gaussian, Linear, LinearAttention, Setting, SettingError, global_minimiser, in_context_loss, random_covariance
from theory.notation import d, k, n, sigma2
from theory.random_covariance import Mixture, TraceMoments, isotropic_floor, isotropic_risk, isotropic_step

HALF, THIRD = Rational(1, 2), Rational(1, 3)
NOISE, CONTEXT = Rational(1, 4), 3
TILTED = [(THIRD, Matrix([[2, 1], [1, 3]])), (2 * THIRD, diag(1, 4))]
EXCHANGED = [(HALF, diag(1, 3)), (HALF, diag(3, 1))]
ROTATED = [(HALF, Matrix([[2, 1], [1, 2]])), (HALF, Matrix([[2, -1], [-1, 2]]))]
STEP = Matrix([[HALF, -1], [2, THIRD]])
PRIOR = Matrix([[2, 1], [1, 1]])
CASES = {"tilted": (TILTED, PRIOR), "exchanged": (EXCHANGED, eye(2)), "rotated": (ROTATED, eye(2))}


def averaged(outcomes, prior, step):
    """The mean over Σ of the loss of the layer that takes one step"""
    nothing = zeros(step.rows, 1)
    layer = LinearAttention.from_blocks(covariate_value=nothing, label_value=1, covariate_key_query=step, label_key_query=nothing)
    return sum(
        p
        * in_context_loss(Setting(covariates=Gaussian(matrix), response=Linear(prior), noise_variance=NOISE, context_length=CONTEXT), layer)
        for p, matrix in outcomes
    )


@cache
def solved(name):
    """The step where the derivatives of that loss vanish"""
    outcomes, prior = CASES[name]
    size = prior.rows
    entries = symbols(f"b:{size * size}")
    loss = averaged(outcomes, prior, Matrix(size, size, entries)).expand()
    (solution,) = linsolve([loss.diff(entry) for entry in entries], entries)
    return Matrix(size, size, solution)


def moments(outcomes):
    """E tr Σ, E tr Σ², E tr Σ³, E tr Σ tr Σ², summed up"""
    powers = [(p, *((matrix**power).trace() for power in (1, 2, 3))) for p, matrix in outcomes]
    return tuple(
        sum(p * value for p, value in column)
        for column in zip(*([(p, a), (p, b), (p, c), (p, a * b)] for p, a, b, c in powers), strict=True)
    )


def right(module):
    """Whether the module finds the best step and the risk of mixtures, and of laws of Σ that prefer no direction"""
    mixture = module.Mixture.of(TILTED, prior=PRIOR, noise_variance=NOISE, context_length=CONTEXT)
    best = solved("tilted")
    checks = [Matrix(mixture.step()) == best, mixture.risk(STEP) == averaged(TILTED, PRIOR, STEP)]
    for name in ("exchanged", "rotated"):
        outcomes, prior = CASES[name]
        known = module.TraceMoments(*moments(outcomes))
        beta = module.isotropic_step(known, NOISE, CONTEXT)
        checks += [
            beta * eye(2) == solved(name),
            module.isotropic_risk(known, NOISE, CONTEXT) == averaged(outcomes, prior, beta * eye(2)),
            module.isotropic_floor(known) == limit(module.isotropic_risk(known, 0, n), n, "oo"),
        ]
    # eigenvalues 1 or 3, each with probability ½, in three dimensions
    cube = [(Rational(1, 8), diag(*values)) for values in product((1, 3), repeat=3)]
    checks.append(module.TraceMoments.eigenvalues(3, 2, 5, 14) == moments(cube))
    # χ² with k degrees, and one column of normals in d dimensions: E|z|^2j = d (d + 2) … (d + 2j − 2)
    checks.append(module.TraceMoments.wishart(1, k) == (1, (k + 2) / k, *[(k + 2) * (k + 4) / k**2] * 2))
    checks.append(module.TraceMoments.wishart(d, 1) == (d, d * (d + 2), d * (d + 2) * (d + 4), d * (d + 2) * (d + 4)))
    return all(checks)


def test_steps_and_risks_are_those_found_covariance_by_covariance():
    assert right(random_covariance)


def test_no_other_step_is_better():
    mixture = Mixture.of(TILTED, prior=PRIOR, noise_variance=NOISE, context_length=CONTEXT)
    best = mixture.step()
    for direction in (eye(2), diag(1, -1), Matrix([[0, 1], [0, 0]]), Matrix([[0, 0], [1, 0]])):
        for size in (Rational(1, 100), Rational(-1, 100)):
            assert mixture.risk(best + size * direction) > mixture.risk(best)


def test_a_covariance_that_does_not_vary_gives_the_theorem_for_one():
    for p in ([(Integer(1), TILTED[0][1])], [(HALF, TILTED[0][1])] * 2):
        mixture = Mixture.of(p, prior=PRIOR, noise_variance=NOISE, context_length=CONTEXT)
        best = global_minimiser(mixture.settings[0][1])
        assert (mixture.step(), mixture.risk(mixture.step())) == (best.step, best.loss)
        assert mixture.floor() == 0


def test_exponential_eigenvalues_as_zhang_frei_bartlett_have_them():
    """E λ² / E λ³ = 1/3 is what nβ tends to, and a third of the signal is never explained"""
    exponential = TraceMoments.exponential(d)
    assert isotropic_step(exponential, sigma2, n) == 1 / (3 * n + d + 5 + sigma2)
    assert limit(n * isotropic_step(exponential, 0, n).subs(d, 5), n, "oo") == THIRD
    assert isotropic_floor(exponential) == d / 3
    assert limit(isotropic_risk(exponential, sigma2, n).subs(d, 5), n, "oo") == Rational(5, 3) + sigma2


def test_the_floor_vanishes_for_a_fixed_multiple_of_a_random_projection_only():
    projection = [(HALF, 2 * diag(1, 0)), (HALF, ones(2, 2))]
    assert isotropic_floor(TraceMoments(*moments(projection))) == 0
    assert isotropic_floor(TraceMoments(*moments([(HALF, eye(2)), (HALF, 2 * eye(2))]))) == Rational(2, 9)
    assert isotropic_floor(TraceMoments.wishart(d, k)).subs({d: 3, k: 6}) > 0
    assert limit(isotropic_floor(TraceMoments.wishart(3, k)), k, "oo") == 0


def test_the_floor_of_a_mixture_is_its_limit():
    for outcomes in (TILTED, EXCHANGED):
        mixture, far = (Mixture.of(outcomes, prior=PRIOR, noise_variance=NOISE, context_length=length) for length in (1, 10**9))
        excess = far.risk(far.step()) - NOISE - mixture.floor()
        assert 0 < excess < Rational(1, 10**6)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: Mixture.of([(HALF, eye(2))], prior=eye(2), noise_variance=0, context_length=1), "add up to 1"),
        (lambda: Mixture.of([(1, diag(1, 0))], prior=eye(2), noise_variance=0, context_length=1), "positive definite"),
        (lambda: Mixture.of([(1, d * eye(2))], prior=eye(2), noise_variance=0, context_length=1), "matrices of numbers"),
        (lambda: Mixture.of([(1, eye(2))], prior=zeros(2, 2), noise_variance=0, context_length=1).step(), "not unique"),
        (lambda: Mixture.of([(1, eye(2))], prior=eye(2), noise_variance=-1, context_length=1), "noise_variance must be ≥ 0"),
        (lambda: TraceMoments.eigenvalues(2, 1, 2, -6), "must be > 0"),
        (lambda: TraceMoments.wishart(2, 0), "whole number ≥ 1"),
        (lambda: isotropic_step(TraceMoments.exponential(2), 0, 0), "context_length"),
    ],
)
def test_bad_laws_of_a_covariance_are_refused(wrong, says):
    with pytest.raises(SettingError, match=says):
        wrong()


MUTANTS = {
    "transposed system": ("p * kronecker_product(R.T, L) for", "p * kronecker_product(L.T, R) for"),
    "step row by row": ("solution[j * size + i]", "solution[i * size + j]"),
    "risk of one Σ": ("sum((p * specialise(general_one_step_loss()", "sum((specialise(general_one_step_loss()"),
    "no product": ("(1, 1, 0): moments.product", "(1, 1, 0): moments.cube"),
    "n without the alignment": ("- values[n] * aligned", "- aligned"),
    "1.01 of the floor's multiple": ("c = moments.square / moments.cube", "c = moments.square / moments.cube * 101 / 100"),
    "d² for d (d − 1)": ("size * (size - 1) * one * two", "size * size * one * two"),
    "k² for k³": ("(1, 2, 3, 3), strict", "(1, 2, 3, 2), strict"),
}


@pytest.mark.parametrize("change", MUTANTS.values(), ids=MUTANTS)
def test_a_changed_formula_is_refused(change):
    with altered(random_covariance, change) as mutant:
        assert not right(mutant)
