"""Laws by name: what the command line understands, what it refuses, and that every law of theory is there.

A law of one file needs nothing else: these tests go through every concrete class that the modules of `theory.covariates` and
`theory.responses` define, and say what a new one lacks.
"""

import inspect

import pytest
import torch
from click.testing import CliRunner
from sympy import Abs, Max, Rational, Symbol, atan, cos, diag, eye, pi, sqrt, tanh
from torch import Generator

import theory.covariates
import theory.responses
from numerics.config import TrainConfig
from numerics.errors import ConfigError
from numerics.samplers import PromptSampler
from numerics.source import Source
from numerics.train import main
from theory import CovariateLaw, Linear, ResponseFamily, Setting, StudentT
from theory.errors import DescriptionError
from theory.formula import parse_formula
from theory.names import covariate_entries, covariate_law, response_entries, response_family, subclasses
from theory.responses.single_index import t

PACKAGES = {CovariateLaw: theory.covariates, ResponseFamily: theory.responses}
ENTRIES = {CovariateLaw: covariate_entries, ResponseFamily: response_entries}
KINDS = [(base, name, kind) for base, package in PACKAGES.items() for name, kind in subclasses(package, base).items()]
EXAMPLES = {"single-index": "single-index:tanh(t):growth=1,1"}


def source(dtype=torch.float64):
    return Source(dtype=dtype, device=torch.device("cpu"), generator=Generator().manual_seed(1))


def every_subclass(kind):
    return {kind}.union(*map(every_subclass, kind.__subclasses__()))


def missing(base, name, kind):
    """What a law still lacks, as a list of sentences."""
    if name not in ENTRIES[base]():
        return [f"a name on the command line: theory.names finds no {name}"]
    try:
        text = EXAMPLES.get(name, name)
        law = covariate_law(text, 3) if base is CovariateLaw else response_family(text, covariate_law("gaussian", 3))
    except Exception as error:
        return [f"defaults: give the fields of its dataclass defaults, or an entry in theory.names ({error})"]
    lacks = []
    if type(law) is not kind:
        lacks.append(f"its own entry in theory.names: {text!r} builds a {type(law).__name__}")
    if law.dimension != 3:
        lacks.append("dimension: it is not the one asked for")
    covariates = law if base is CovariateLaw else covariate_law("gaussian", 3)
    try:
        drawn = source().normal(2, 5, 3) if base is ResponseFamily else law.draw(source(), 2, 5)
        wanted = (2, 5) if base is ResponseFamily else (2, 5, 3)
        value = law.draw(source(), drawn) if base is ResponseFamily else drawn
        if tuple(value.shape) != wanted or not torch.isfinite(value).all():
            lacks.append(f"draw: an array of shape {wanted}, finite; it gives {tuple(value.shape)}")
    except Exception as error:
        lacks.append(f"draw: {type(error).__name__}: {error}")
    family = Linear(eye(3)) if base is CovariateLaw else law
    try:
        moments = Setting(covariates=covariates, response=family, noise_variance=0, context_length=2).moments
        if moments.Sigma.shape != (3, 3) or moments.K.shape != (3, 3):
            lacks.append("moments: Σ and K are 3×3 at d = 3")
    except Exception as error:
        lacks.append(f"moments: {type(error).__name__}: {error}")
    return lacks


@pytest.mark.parametrize(("base", "name", "kind"), KINDS, ids=lambda value: value if isinstance(value, str) else "")
def test_every_law_is_complete(base, name, kind):
    lacks = missing(base, name, kind)
    assert not lacks, f"{kind.__module__}.{kind.__name__} lacks " + "; ".join(lacks)


def test_no_law_is_overlooked():
    """A class left abstract, or defined where its package does not see it."""
    for base, package in PACKAGES.items():
        found = set(subclasses(package, base).values())
        hidden = {kind for kind in every_subclass(base) - found if kind.__module__.startswith("theory.")}
        for kind in hidden:
            used = inspect.isabstract(kind) or kind.__name__.startswith("_")
            assert used, f"{kind.__name__} is not found"
            concrete = every_subclass(kind) & found
            assert concrete, f"{kind.__module__}.{kind.__name__} lacks {', '.join(sorted(kind.__abstractmethods__))}"


def test_an_incomplete_law_is_told_what_it_lacks():
    class Half(CovariateLaw):
        dimension = second_moment = excess = property(lambda self: None)

    assert Half.__abstractmethods__ == {"reflected", "draw"}
    assert "theory.names finds no half" in missing(CovariateLaw, "half", Half)[0]

    class Unnamed(StudentT):
        pass

    assert "builds a StudentT" in missing(CovariateLaw, "student-t", Unnamed)[0]


def test_names_and_parameters():
    law = covariate_law("student-t:7:covariance=2,1,1/2", 3)
    assert (law.degrees, law.covariance) == (7, diag(2, 1, Rational(1, 2)))
    assert covariate_law("laplace:mixing=1,0;1/2,1", 2).second_moment[1, 1] == Rational(5, 4)
    assert covariate_law("scale-mixture:1/4,1;3/4,5", 2).scales == ((Rational(1, 4), Rational(1, 4)), (Rational(3, 4), Rational(5, 4)))
    assert covariate_law("kurtosis:fourth=5/2", 2).fourth == Rational(5, 2)
    assert covariate_law("mixture:mean=2,1", 2).second_moment == covariate_law("5,2;2,2", 2).covariance
    wide = covariate_law("4,1", 2)
    assert response_family("relu:covariance=inverse", wide).covariance == diag(Rational(1, 4), 1)
    assert response_family("inverse", wide) == response_family("linear:covariance=inverse", wide)
    assert response_family("linear:task=student-t:degrees=5", wide).task == covariate_law("student-t:5", 2)
    assert response_family("relu", wide).activation == Max(0, t)
    assert response_family("monomial:degree=2:random_sign=off", wide).activation == t**2
    assert not response_family("monomial:degree=2:random-sign=off", wide).random_sign
    assert response_family("polynomial:1,0,1/2", wide).activation == 1 + t**2 / 2
    assert response_family("network:width=4", wide).width == 4
    assert response_family("rbf:length=1/2", wide).length == Rational(1, 2)
    assert response_family("single-index:t*tanh(t):growth=2,1", wide).growth == (2, 1)


REFUSED = {
    "--covariates": {
        "studnet-t": "did you mean student-t",
        "student-t:degrees=2": "degrees must be > 2",
        "student-t:degree=7": "it has covariance, degrees",
        "student-t:7:degrees=8": "given twice",
        "student-t:covariance=1,2": "3 diagonal entries",
        "student-t:degrees=": "needs a number",
        "student-t:degrees=1,2": "",
        "scale-mixture:1/2,1": "",
        "scale-mixture:1/2,1;1/4,2": "adding to 1",
        "kurtosis:1/2": "E a⁴",
        "laplace:mixing=1,1,0": "invertible",
        "mixture:mean=1": "",
        "moments:1": "",
        "relu": "There are",
        "isotropic:3": "needs a number",
        "a:b": "no law is called",
    },
    "--response": {
        "hermit": "did you mean hermite",
        "hermite:0": "whole number",
        "hermite:1/2": "whole number",
        "monomial:99": "from 1 to 20",
        "monomial:99999999": "from 1 to 20",
        "network:width=0": "width",
        "rbf:length=0": "length",
        "random-polynomial:-1": "degree",
        "random-polynomial:x": "needs a number",
        "relu:random_sign=maybe": "on or off",
        "single-index": "activation must be given",
        "single-index:t**2+": "not a formula",
        "single-index:2": "must be a function of",
        "single-index:tanh(t)*t**2:growth=1,1": "growth",
        "single-index:exp(t)": "growth",
        "single-index:t*(1/0)": "",
        "single-index:t:growth=1": "",
        "linear:task=gaussin": "did you mean gaussian",
        "linear:task=moments": "symmetric",
        "polynomial:1": "must be a function of",
        "sphere": "There are",
    },
}


@pytest.mark.parametrize(("option", "text"), [(option, text) for option, texts in REFUSED.items() for text in texts])
def test_refused(option, text):
    with pytest.raises(ConfigError) as caught:
        TrainConfig.build(dimension=3, **{option[2:]: text})
    assert str(caught.value).startswith(option)
    assert "\n" not in str(caught.value)
    assert REFUSED[option][text] in str(caught.value)


@pytest.mark.parametrize(
    ("response", "covariates", "named"),
    [
        ("monomial", "student-t", "order|does not exist"),
        ("sign", "laplace", "no exact mean"),
        ("relu", "moments", "same law"),
        ("hermite", "kurtosis", "order"),
    ],
)
def test_an_undefined_moment_is_one_line(tmp_path, response, covariates, named):
    flags = ["--dimension", "2", "--response", response, "--covariates", covariates, "--out", str(tmp_path / "run")]
    ended = CliRunner().invoke(main, flags)
    assert ended.exit_code == 2
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"error: --response {response} with --covariates {covariates}: ")
    assert any(word in line for word in named.split("|")), line
    assert not (tmp_path / "run").exists()


def test_formulas():
    for text, expected in (
        ("t*tanh(t) + t^2/2", t * tanh(t) + t**2 / 2),
        ("0.1*t", t / 10),
        ("-max(0, t, 2*t) + abs(t)", Abs(t) - Max(0, t, 2 * t)),
        ("cos(pi*t)/E**0", cos(pi * t)),
        ("relu(t) - relu(-t)", Max(0, t) - Max(0, -t)),
        ("sqrt(1 + t**2)", sqrt(1 + t**2)),
        ("atan(t/3)", atan(t / 3)),
    ):
        assert parse_formula("φ", text, t) == expected


ATTACKS = [
    "__import__('os').system('touch {mark}')",
    "open('{mark}', 'w')",
    "().__class__.__base__.__subclasses__()",
    "t.__class__",
    "t.subs(t, 1)",
    "exec('1')",
    "eval('1')",
    "(lambda: 1)()",
    "[t for t in range(9)]",
    "f'{{t}}'",
    "'t'",
    "print(t)",
    "sin(t, evaluate=False)",
    "sin(*[t])",
    "sin(t)(t)",
    "sin",
    "x",
    "t if t else 1",
    "t; t",
    "t\nt",
    "t := 1",
    "t and t",
    "t == t",
    "~t",
    "t // 2",
    "t % 2",
    "t @ t",
    "t[0]",
    "1j*t",
    "True*t",
    "None",
    "...",
    "9**9**9**9*t",
    "((9**99)**99)**99*t",
    "t**1000000",
    "1e999*t",
    "1/0*t",
    "sin()",
    "gamma",
    "Symbol('t')",
    "Integral(t)",
    "(" * 300 + "t" + ")" * 300,
    "-" * 300 + "t",
    "t+" * 300 + "t",
    "t\x00",
    "",
    " ",
]


@pytest.mark.parametrize("text", ATTACKS)
def test_a_formula_is_never_run(tmp_path, text):
    with pytest.raises(DescriptionError):
        parse_formula("φ", text.format(mark=tmp_path / "mark"), t)
    assert not list(tmp_path.iterdir())


def test_the_variable_is_theorys():
    assert parse_formula("φ", "u + 1", Symbol("u")) == Symbol("u") + 1


PAIRS = [
    ("isotropic", "sphere"),
    ("linear:task=laplace", "student-t"),
    ("relu", "laplace:mixing=1,0;1/2,1"),
    ("rbf", "rademacher"),
    ("polynomial-kernel", "mixture"),
    ("network:3", "isotropic"),
]


@pytest.mark.parametrize(("response", "covariates"), PAIRS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_both_forms_are_the_same_prompts_and_repeat(response, covariates, dtype):
    setting = TrainConfig.build(dimension=2, context=3, response=response, covariates=covariates).setting

    def sampler():
        return PromptSampler(setting, dtype=dtype, device=torch.device("cpu"), generator=Generator().manual_seed(3))

    tokens, target = sampler().tokens(40)
    prompts = sampler().moments(40)
    assert (tokens.dtype, tokens.shape, target.shape) == (dtype, (40, 4, 3), (40,))
    torch.testing.assert_close(prompts.moments, tokens[:, :-1].mT @ tokens[:, :-1])
    assert torch.equal(prompts.query, tokens[:, -1])
    assert torch.equal(prompts.target, target)
    assert (tokens[:, -1, -1] == 0).all()
    # the rest of a sequence of draws depends on the state of the generator only
    first = sampler()
    first.moments(40)
    state = first.source.generator.get_state()
    expected = first.moments(40)
    again = sampler()
    again.source.generator.set_state(state)
    assert all(torch.equal(a, b) for a, b in zip(again.moments(40), expected, strict=True))
