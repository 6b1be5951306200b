"""Every bad input is refused with a one-line TheoryError that names the argument; floats with the way to pass a Rational."""

from dataclasses import replace
from fractions import Fraction

import pytest
from sympy import (
    Float,
    Identity,
    Integer,
    MatMul,
    Matrix,
    MatrixSymbol,
    OneMatrix,
    Rational,
    ZeroMatrix,
    asin,
    cos,
    eye,
    nan,
    oo,
    pi,
    sign,
    sin,
    symbols,
    zeros,
    zoo,
)
from sympy import I as imaginary

from theory import (
    AttentionError,
    Gaussian,
    Linear,
    LinearAttention,
    Moments,
    Rademacher,
    Setting,
    SettingError,
    SingleIndex,
    Sphere,
    TheoryError,
    UnknownMoment,
    global_minimiser,
    in_context_gradient,
    in_context_loss,
)
from theory.all_positions import Weights, averaged_loss, averaged_minimiser, averaged_minimum, price
from theory.coefficients import Coefficients
from theory.conventions import CONVENTIONS
from theory.gap_to_bayes import bayes_correction, noise_of, one_step_distance, ratio_of
from theory.heads import head_profile, loss_of_heads, spurious_minima_of_heads, stationary_points_of_heads, with_heads
from theory.means import Mean
from theory.paper_minimisers import minimiser
from theory.query_in_sum import existence, existence_of, query_in_sum_profile
from theory.random_covariance import Mixture, TraceMoments, isotropic_floor, isotropic_risk, isotropic_step
from theory.responses.single_index import t
from theory.stable_step import markov_bound, trace_moment

n, d = symbols("n d", integer=True, positive=True)


def setting(**changes):
    parts = {"covariates": Gaussian.isotropic(2), "response": Linear.isotropic(2), "noise_variance": 1, "context_length": 3}
    return Setting(**(parts | changes))


def blocks(**changes):
    parts = {"covariate_value": zeros(2, 1), "label_value": Integer(1), "covariate_key_query": eye(2), "label_key_query": zeros(2, 1)}
    return LinearAttention.from_blocks(**(parts | changes))


def weights(**changes):
    return LinearAttention.from_weights(**({"query": eye(3), "key": eye(3), "value": eye(3), "readout": Matrix([0, 0, 1])} | changes))


def family(index=0, prior=None, **free):
    response = Linear.isotropic(2) if prior is None else Linear(prior)
    return global_minimiser(setting(response=response)).parameters[index].sample(**free)


def mixture(outcomes):
    return Mixture.of(outcomes, prior=eye(2), noise_variance=0, context_length=1)


RANK_ONE = Matrix([[1, 0], [0, 0]])
FOUND, LAYER, LENGTHS = Coefficients(6, 2, 6, 2, 10, 40, 3), LinearAttention(Matrix([0, 0, 1]), eye(3)), Weights(3, 9, 3)
TABLE = [
    # covariances
    ("Σ not square", lambda: Gaussian(zeros(2, 3)), SettingError, "covariance"),
    ("Σ symbolic, not square", lambda: Gaussian(MatrixSymbol("Sigma", n, d)), SettingError, "covariance"),
    ("Σ asymmetric", lambda: Gaussian(Matrix([[2, 1], [0, 2]])), SettingError, "covariance"),
    ("Σ indefinite", lambda: Gaussian(Matrix([[1, 2], [2, 1]])), SettingError, "covariance"),
    ("Σ negative", lambda: Gaussian(-eye(2)), SettingError, "covariance"),
    ("Σ singular", lambda: Gaussian(Matrix([[1, 1], [1, 1]])), SettingError, "covariance"),
    ("Σ zero", lambda: Gaussian(zeros(2, 2)), SettingError, "covariance"),
    ("Σ irrational, indefinite", lambda: Gaussian(Matrix([[1, pi], [pi, 1]])), SettingError, "covariance"),
    ("Σ complex", lambda: Gaussian(Matrix([[1, imaginary], [-imaginary, 2]])), SettingError, "covariance"),
    ("Σ nan", lambda: Gaussian(Matrix([[nan]])), SettingError, "covariance"),
    ("Σ a list", lambda: Gaussian([[1, 0], [0, 1]]), SettingError, "covariance"),
    ("Σ a number", lambda: Gaussian(2), SettingError, "covariance"),
    ("Σ a string", lambda: Gaussian("Sigma"), SettingError, "covariance"),
    ("Σ None", lambda: Gaussian(None), SettingError, "covariance"),
    ("W not square", lambda: Linear(zeros(2, 3)), SettingError, "covariance"),
    ("W asymmetric", lambda: Linear(Matrix([[1, 1], [0, 1]])), SettingError, "covariance"),
    ("W indefinite", lambda: Linear(Matrix([[0, 1], [1, 0]])), SettingError, "covariance"),
    ("W negative", lambda: Linear(Matrix([[1, 0], [0, -1]])), SettingError, "covariance"),
    # sizes
    ("d = 0", lambda: Gaussian.isotropic(0), SettingError, "dimension"),
    ("d = 3/2", lambda: Linear.isotropic(Rational(3, 2)), SettingError, "dimension"),
    ("d a string", lambda: Gaussian.isotropic("d"), SettingError, "dimension"),
    ("d infinite", lambda: Gaussian.isotropic(oo), SettingError, "dimension"),
    ("symbolic d = 0", lambda: LinearAttention.symbolic(0), AttentionError, "dimension"),
    ("0×0 Σ", lambda: Gaussian(zeros(0, 0)), SettingError, "covariance"),
    ("Σ the symbolic 0", lambda: Gaussian(ZeroMatrix(2, 2)), SettingError, "covariance"),
    ("Σ of ones", lambda: Gaussian(OneMatrix(2, 2)), SettingError, "covariance"),
    ("Σ a multiple, indefinite", lambda: Gaussian(MatMul(2, Matrix([[1, 2], [2, 1]]), evaluate=False)), SettingError, "covariance"),
    ("Σ = −I, named", lambda: Gaussian(-Identity(2)), SettingError, "covariance"),
    ("W = −K, named", lambda: Linear(-MatrixSymbol("K", 2, 2)), SettingError, "covariance"),
    # settings
    ("σ² negative", lambda: setting(noise_variance=Rational(-1, 2)), SettingError, "noise_variance"),
    ("σ² nan", lambda: setting(noise_variance=nan), SettingError, "noise_variance"),
    ("σ² a string", lambda: setting(noise_variance="1/2"), SettingError, "noise_variance"),
    ("σ² complex", lambda: setting(noise_variance=1 + imaginary), SettingError, "noise_variance"),
    ("σ² a Python complex", lambda: setting(noise_variance=1j), SettingError, "noise_variance"),
    ("σ² infinite", lambda: setting(noise_variance=oo), SettingError, "noise_variance"),
    ("σ² complex infinite", lambda: setting(noise_variance=zoo), SettingError, "noise_variance"),
    ("σ² a matrix", lambda: setting(noise_variance=eye(2)), SettingError, "noise_variance"),
    ("σ² None", lambda: setting(noise_variance=None), SettingError, "noise_variance"),
    ("σ² a bool", lambda: setting(noise_variance=True), SettingError, "noise_variance"),
    ("n = 0", lambda: setting(context_length=0), SettingError, "context_length"),
    ("n = −1", lambda: setting(context_length=-1), SettingError, "context_length"),
    ("n = 3/2", lambda: setting(context_length=Rational(3, 2)), SettingError, "context_length"),
    ("n infinite", lambda: setting(context_length=oo), SettingError, "context_length"),
    ("n a string", lambda: setting(context_length="n"), SettingError, "context_length"),
    ("normalisation = 0", lambda: setting(normalisation=0), SettingError, "normalisation"),
    ("normalisation negative", lambda: setting(normalisation=-n), SettingError, "normalisation"),
    ("covariates not a law", lambda: setting(covariates=eye(2)), SettingError, "covariates"),
    ("response not a family", lambda: setting(response=eye(2)), SettingError, "response"),
    ("d and d' differ", lambda: setting(response=Linear.isotropic(3)), SettingError, "covariates"),
    ("d symbolic and 2", lambda: setting(response=Linear(Identity(d))), SettingError, "covariates"),
    # layers
    ("value a row", lambda: LinearAttention(Matrix([[1, 2, 3]]), eye(3)), AttentionError, "value"),
    ("value too short", lambda: LinearAttention(Matrix([1]), eye(1)), AttentionError, "value"),
    ("value a list", lambda: LinearAttention([1, 2], eye(2)), AttentionError, "value"),
    ("key_query too small", lambda: LinearAttention(Matrix([1, 2, 3]), eye(2)), AttentionError, "key_query"),
    ("key_query not square", lambda: LinearAttention(Matrix([1, 2, 3]), zeros(3, 2)), AttentionError, "key_query"),
    (
        "value without blocks",
        lambda: LinearAttention(MatrixSymbol("v", d + 1, 1), MatrixSymbol("M", d + 1, d + 1)),
        AttentionError,
        "block",
    ),
    ("blocks: covariate_value 3×1", lambda: blocks(covariate_value=zeros(3, 1)), AttentionError, "covariate_value"),
    ("blocks: label_key_query a row", lambda: blocks(label_key_query=zeros(1, 2)), AttentionError, "label_key_query"),
    ("blocks: covariate_key_query 2×3", lambda: blocks(covariate_key_query=zeros(2, 3)), AttentionError, "covariate_key_query"),
    ("blocks: last_column 2×1", lambda: blocks(last_column=zeros(2, 1)), AttentionError, "last_column"),
    ("blocks: last_column a number", lambda: blocks(last_column=3), AttentionError, "last_column"),
    ("blocks: covariate_value a list", lambda: blocks(covariate_value=[0, 0]), AttentionError, "covariate_value"),
    ("blocks: covariate_key_query a list", lambda: blocks(covariate_key_query=[[1, 0], [0, 1]]), AttentionError, "covariate_key_query"),
    ("blocks: label_value a string", lambda: blocks(label_value="1"), AttentionError, "value"),
    ("weights: key of another width", lambda: weights(key=zeros(2, 3)), AttentionError, "key"),
    ("weights: value of another width", lambda: weights(value=zeros(3, 2)), AttentionError, "value"),
    ("weights: readout too long", lambda: weights(readout=zeros(4, 1)), AttentionError, "readout"),
    ("weights: readout a list", lambda: weights(readout=[1]), AttentionError, "readout"),
    (
        "loss: layer of another dimension",
        lambda: in_context_loss(setting(), LinearAttention(Matrix([0, 1]), eye(2))),
        AttentionError,
        "in_context_loss",
    ),
    (
        "gradient: layer of another dimension",
        lambda: in_context_gradient(setting(), LinearAttention(Matrix([0, 1]), eye(2))),
        AttentionError,
        "dimension",
    ),
    # families
    ("unknown free parameter", lambda: family(colour=1), AttentionError, "colour"),
    ("scale = 0", lambda: family(scale=0), AttentionError, "scale"),
    ("scale a string", lambda: family(scale="2"), AttentionError, "scale"),
    ("keys: scale = 0", lambda: family(1, RANK_ONE, scale=0), AttentionError, "scale"),
    ("keys: direction annihilated", lambda: family(1, RANK_ONE, direction=Matrix([0, 1])), AttentionError, "direction"),
    ("keys: direction 3×1", lambda: family(1, RANK_ONE, direction=Matrix([1, 0, 0])), AttentionError, "direction"),
    ("keys: direction a list", lambda: family(1, RANK_ONE, direction=[1, 0]), AttentionError, "direction"),
    ("last_column too long", lambda: family(last_column=zeros(4, 1)), AttentionError, "last_column"),
    ("no values: key_query 2×2", lambda: family(0, zeros(2, 2), key_query=eye(2)), AttentionError, "key_query"),
    ("no keys: value 2×1", lambda: family(1, zeros(2, 2), value=Matrix([1, 2])), AttentionError, "value"),
    # the gap
    ("noise_of 0", lambda: noise_of(0), SettingError, "noise_of: gap must be > 0"),
    ("noise_of None", lambda: noise_of(None), SettingError, "noise_of: gap"),
    ("noise_of a string", lambda: noise_of("a"), SettingError, "noise_of: gap"),
    ("noise_of a bool", lambda: noise_of(True), SettingError, "noise_of: gap"),
    ("noise_of a complex", lambda: noise_of(imaginary), SettingError, "noise_of: gap"),
    ("ratio_of 0", lambda: ratio_of(0, 1), SettingError, "ratio_of: bayes"),
    ("ratio_of more than the signal", lambda: ratio_of(Rational(3, 2), 1), SettingError, "ratio_of: bayes"),
    ("ratio_of a negative noise", lambda: ratio_of(1, -1), SettingError, "ratio_of: noise"),
    ("distance at d = 0", lambda: one_step_distance(0, 1, 0), SettingError, "one_step_distance: dimension"),
    ("distance at n/d = −1", lambda: one_step_distance(3, -1, 0), SettingError, "one_step_distance: ratio"),
    ("correction without noise", lambda: bayes_correction(1, 0), SettingError, "bayes_correction: noise must be > 0"),
    # the stable step
    ("power a string", lambda: markov_bound(setting(), "a"), SettingError, "markov_bound: power"),
    ("power a bool", lambda: markov_bound(setting(), True), SettingError, "markov_bound: power"),
    ("power 3/2", lambda: markov_bound(setting(), Rational(3, 2)), SettingError, "markov_bound: power must be a whole number"),
    ("power a symbol", lambda: markov_bound(setting(), n), SettingError, "markov_bound: power must be a whole number"),
    ("moment −1", lambda: trace_moment(-1), SettingError, "trace_moment: power must be a whole number"),
    ("moment None", lambda: trace_moment(None), SettingError, "trace_moment: power"),
    # the query in the sum
    ("existence in −1 dimensions", lambda: existence(-1), SettingError, "existence: dimension must be a whole number"),
    ("existence, d a string", lambda: existence("a"), SettingError, "existence: dimension"),
    ("existence, d a symbol", lambda: existence(d), SettingError, "existence: dimension must be a number"),
    ("existence of no law", lambda: existence_of(None), SettingError, "existence_of: law"),
    ("existence of a law without d", lambda: existence_of(Gaussian.isotropic(d)), SettingError, "existence_of: the dimension"),
    ("weight a string", lambda: query_in_sum_profile(setting(), weight="a"), SettingError, "query_in_sum_profile: weight"),
    ("weight a bool", lambda: query_in_sum_profile(setting(), weight=True), SettingError, "query_in_sum_profile: weight"),
    ("weight infinite", lambda: query_in_sum_profile(setting(), weight=oo), SettingError, "query_in_sum_profile: weight"),
    ("weight imaginary", lambda: query_in_sum_profile(setting(), weight=imaginary), SettingError, "query_in_sum_profile: weight"),
    ("weight a symbol", lambda: query_in_sum_profile(setting(), weight=n), SettingError, "query_in_sum_profile: weight must be a number"),
    # heads
    ("profile of True heads", lambda: head_profile(setting(), True), SettingError, "head_profile: the number of heads"),
    ("points of no heads", lambda: stationary_points_of_heads(setting(), 0), SettingError, "whole number ≥ 1"),
    ("minima of heads, a string", lambda: spurious_minima_of_heads(setting(), "2"), SettingError, "the number of heads"),
    ("coefficients of 0 heads", lambda: with_heads(FOUND, 0), SettingError, "with_heads: heads"),
    ("coefficients of None heads", lambda: with_heads(FOUND, None), SettingError, "with_heads: heads"),
    ("heads a number", lambda: loss_of_heads(setting(), 3), AttentionError, "loss_of_heads: layers must be a list"),
    ("heads one layer", lambda: loss_of_heads(setting(), LAYER), AttentionError, "loss_of_heads: layers must be a list"),
    ("heads with a None", lambda: loss_of_heads(setting(), [LAYER, None]), AttentionError, "layers[1]"),
    # all positions
    ("probabilities a number", lambda: price(setting(), 3), SettingError, "probabilities must be a dict"),
    ("first position True", lambda: Weights.positions(3, first=True), SettingError, "Weights.positions"),
    ("loss: weights a number", lambda: averaged_loss(setting(), 3, eye(2)), SettingError, "averaged_loss: weights"),
    ("loss: a negative weight", lambda: averaged_loss(setting(), Weights(-1, 1, 1), eye(2)), SettingError, "averaged_loss: the moments"),
    ("loss: step a number", lambda: averaged_loss(setting(), LENGTHS, 3), SettingError, "averaged_loss: step"),
    ("loss: step None", lambda: averaged_loss(setting(), LENGTHS, None), SettingError, "averaged_loss: step"),
    ("loss: step 3×3", lambda: averaged_loss(setting(), LENGTHS, eye(3)), SettingError, "averaged_loss: step must be 2×2"),
    ("minimiser: weights None", lambda: averaged_minimiser(setting(), None), SettingError, "averaged_minimiser: weights"),
    ("minimum: weights a tuple", lambda: averaged_minimum(setting(), (1, 1, 1)), SettingError, "averaged_minimum: weights"),
    ("minimiser: no examples", lambda: averaged_minimiser(setting(), Weights(0, 0, 0)), SettingError, "no example is seen"),
    # a random covariance
    ("step: moments None", lambda: isotropic_step(None, 0, 1), SettingError, "isotropic_step: moments"),
    ("risk: moments a tuple", lambda: isotropic_risk((1, 1, 1, 1), 0, 1), SettingError, "isotropic_risk: moments"),
    ("floor: moments 0", lambda: isotropic_floor(TraceMoments(0, 0, 0, 0)), SettingError, "isotropic_floor: the moments"),
    ("mixture of a number", lambda: mixture(3), SettingError, "outcomes must be pairs"),
    ("mixture of matrices", lambda: mixture([eye(2)]), SettingError, "outcomes must be pairs"),
    ("mixture: step None", lambda: mixture([(1, eye(2))]).risk(None), SettingError, "Mixture.risk: step"),
    ("mixture: step 3×3", lambda: mixture([(1, eye(2))]).risk(eye(3)), SettingError, "Mixture.risk: step must be 2×2"),
    # conventions
    ("convention a number", lambda: minimiser(3, setting()), AttentionError, "convention: must be one of merged"),
    ("convention a list", lambda: minimiser(["ahn"], setting()), AttentionError, "convention: must be one of merged"),
    ("minimiser without a setting", lambda: minimiser("ahn", None), SettingError, "minimiser: setting"),
    ("weights of None", lambda: CONVENTIONS["ahn"].weights(None, 3), AttentionError, "ahn: layer"),
    ("layer of None", lambda: CONVENTIONS["ahn"].layer(None, 3), AttentionError, "ahn: needs P"),
]

FLOATS = [
    ("Σ", lambda: Gaussian(Matrix([[0.5]])), SettingError, "covariance"),
    ("Σ symbolic", lambda: Gaussian(0.5 * MatrixSymbol("Sigma", d, d)), SettingError, "covariance"),
    ("W", lambda: Linear(Matrix([[1, 0], [0, Float("0.5")]])), SettingError, "covariance"),
    ("d", lambda: Gaussian.isotropic(2.0), SettingError, "dimension"),
    ("σ²", lambda: setting(noise_variance=0.25), SettingError, "noise_variance"),
    ("σ² sympy", lambda: setting(noise_variance=Float("0.25")), SettingError, "noise_variance"),
    ("σ² inside", lambda: setting(noise_variance=0.5 * n), SettingError, "noise_variance"),
    ("σ² nan", lambda: setting(noise_variance=float("nan")), SettingError, "noise_variance"),
    ("σ² inf", lambda: setting(noise_variance=float("inf")), SettingError, "noise_variance"),
    ("n", lambda: setting(context_length=3.0), SettingError, "context_length"),
    ("normalisation", lambda: setting(normalisation=3.0), SettingError, "normalisation"),
    ("value", lambda: LinearAttention(Matrix([0.5, 1]), eye(2)), AttentionError, "value"),
    ("key_query", lambda: LinearAttention(Matrix([1, 1]), 0.5 * eye(2)), AttentionError, "key_query"),
    ("blocks", lambda: blocks(label_value=0.5), AttentionError, "value"),
    ("weights", lambda: weights(readout=Matrix([0, 0, 0.5])), AttentionError, "readout"),
    ("scale", lambda: family(scale=0.5), AttentionError, "scale"),
    ("last_column", lambda: family(last_column=Matrix([0, 0, 0.5])), AttentionError, "key_query"),
    ("direction", lambda: family(1, RANK_ONE, direction=Matrix([0.5, 0])), AttentionError, "direction"),
    ("gap", lambda: noise_of(0.5), SettingError, "noise_of: gap"),
    ("gap nan", lambda: noise_of(float("nan")), SettingError, "noise_of: gap"),
    ("Bayes risk", lambda: ratio_of(0.5, 1), SettingError, "ratio_of: bayes"),
    ("d of a distance", lambda: one_step_distance(3.0, 1, 0), SettingError, "one_step_distance: dimension"),
    ("power", lambda: markov_bound(setting(), 1.5), SettingError, "markov_bound: power"),
    ("power nan", lambda: markov_bound(setting(), float("nan")), SettingError, "markov_bound: power"),
    ("d of existence", lambda: existence(1.5), SettingError, "existence: dimension"),
    ("weight", lambda: query_in_sum_profile(setting(), weight=1.5), SettingError, "query_in_sum_profile: weight"),
    ("heads", lambda: head_profile(setting(), 1.5), SettingError, "head_profile: the number of heads"),
    ("weights of a loss", lambda: averaged_loss(setting(), Weights(0.5, 1, 1), eye(2)), SettingError, "averaged_loss: weights.total"),
    ("step of a loss", lambda: averaged_loss(setting(), LENGTHS, 0.5 * eye(2)), SettingError, "averaged_loss: step"),
    ("moments of Σ", lambda: isotropic_step(TraceMoments(0.5, 1, 1, 1), 0, 1), SettingError, "isotropic_step: moments.first"),
]


def refusal(build, error, argument):
    with pytest.raises(TheoryError) as caught:
        build()
    assert type(caught.value) is error
    message = str(caught.value)
    assert argument in message
    assert len(message.splitlines()) == 1
    return message


@pytest.mark.parametrize(("build", "error", "argument"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_refused(build, error, argument):
    refusal(build, error, argument)


@pytest.mark.parametrize(("build", "error", "argument"), [row[1:] for row in FLOATS], ids=[row[0] for row in FLOATS])
def test_float_refused(build, error, argument):
    message = refusal(build, error, argument)
    assert "float" in message
    assert "Rational(" in message


def test_good_input_is_not_refused():
    """The neighbours of the bad inputs above: singular W, σ² = 0, n = 1, symbols, a definite irrational Σ."""
    Linear(Matrix([[1, 1], [1, 1]]))
    Gaussian(Matrix([[pi, 1], [1, pi]]))
    assert setting(noise_variance=0, context_length=1).context_length == 1
    assert setting(context_length=n, normalisation=n).normalisation == n
    assert family(scale=Rational(-1, 3), last_column=Matrix([1, 2, 3])).dimension == 2
    assert blocks(last_column=Matrix([1, 2, 3])).key_query[:, 2] == Matrix([1, 2, 3])
    assert head_profile(setting(), Integer(2)) == head_profile(setting(), 2)
    assert markov_bound(setting(), Integer(2)) == markov_bound(setting(), 2)
    assert averaged_loss(setting(), Weights(0, 0, 0), eye(2)) == setting().moments.tau
    assert loss_of_heads(setting(), ()) == setting().moments.tau


def test_exact_in_is_exact_out():
    """Also for Python's own numbers, of which 5 / 27 would be a float."""
    found = [noise_of(1), noise_of(Fraction(1, 3)), ratio_of(1, 1), ratio_of(Fraction(1, 2), 1), one_step_distance(3, 1, 0)]
    assert found == [Rational(5, 27), Rational(13, 243), 0, Rational(3, 2), Rational(1, 14)]
    assert all(isinstance(value, Rational) for value in found)


LAWS = [
    (lambda: Linear(eye(2), Rademacher(2 * eye(2))), "second moment of task"),
    (lambda: Linear(eye(2), Rademacher.isotropic(3)), "second moment of task"),
    (lambda: Linear(eye(2), "x"), "task must be a covariate law"),
    (lambda: Moments(eye(2), ((-5, eye(2)),)), "which no law has"),
    (lambda: SingleIndex(asin(t / 1000), eye(2), growth=(1, 0)), "asin"),
    (lambda: SingleIndex(sign(t), zeros(2, 2)).moments(Sphere(eye(2))), "W = 0"),
]


@pytest.mark.parametrize(("make", "words"), LAWS)
def test_laws_that_are_none(make, words):
    with pytest.raises(TheoryError, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("phi", [cos(t**2), sin(t**3), sin(t) + cos(t**2)])
def test_a_sine_of_a_power_is_no_trigonometric_polynomial(phi):
    moments = SingleIndex.isotropic(phi, 2).moments(Gaussian.isotropic(2))
    assert moments.second.has(Mean)


def test_a_law_with_neither_symmetry_is_refused():
    class Shifted(Linear):
        def moments(self, law):
            return replace(super().moments(law), mixed=Integer(1))

    with pytest.raises(UnknownMoment, match="neither"):
        in_context_loss(setting(response=Shifted(eye(2))), LinearAttention(Matrix([0, 0, 1]), eye(3)))
