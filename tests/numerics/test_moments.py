"""Prompts without tokens, against exact moments and against tokens.

Sampled means: z = (mean − expectation)/standard error from 64 batches, t with 63 degrees of freedom; |z| > 6.5 has probability 1.5e-8,
under 1e-5 for all comparisons here. Two samples: Kolmogorov–Smirnov at 1e-9 a comparison, under 1e-6 for all. Seeds are fixed; the rates
are what choosing them anew would cost. All else is deterministic.
"""

import pytest
import torch
from scipy.stats import ks_2samp
from sympy import Identity, Matrix, MatrixSymbol, Rational
from torch import Generator
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

from numerics import moments, wishart
from numerics.config import TrainConfig
from numerics.errors import ConfigError
from numerics.evaluate import compile_expression
from numerics.moments import MomentSampler
from numerics.objective import ExactObjective
from numerics.samplers import PromptSampler
from numerics.source import Source
from theory import Gaussian, Linear, Setting, wick
from theory.bilinear import BilinearForm
from theory.covariates import Rademacher

Z_LIMIT, KS_LEVEL, BATCHES, COLUMNS = 6.5, 1e-9, 64, 2048
CPU, EXACT = torch.device("cpu"), torch.float64
SHAPES = [(4, 1), (4, 2), (4, 3), (4, 9), (2, 1), (3, 100)]  # p, n
by_shape = pytest.mark.parametrize(("p", "n"), SHAPES)
h = Rational(1, 2)
SETTINGS = {
    "isotropic": Setting(covariates=Gaussian.isotropic(3), response=Linear.isotropic(3), noise_variance=Rational(1, 4), context_length=6),
    "general": Setting(covariates=Gaussian(Matrix([[2, h], [h, 1]])), response=Linear(Matrix([[1, h], [h, 3]])),
                       noise_variance=2, context_length=5),
    "whitened": Setting(covariates=Gaussian(Matrix([[2, h], [h, 1]])), response=Linear(Matrix([[2, h], [h, 1]]).inv()),
                        noise_variance=1, context_length=3),
    "rank one, no noise": Setting(covariates=Gaussian(Matrix([[2, h], [h, 1]])), response=Linear(Matrix([[1, -2], [-2, 4]])),
                                  noise_variance=0, context_length=4),
    "one example": Setting(covariates=Gaussian.isotropic(2), response=Linear.isotropic(2), noise_variance=0, context_length=1),
    "two examples": Setting(covariates=Gaussian.isotropic(3), response=Linear.isotropic(3), noise_variance=1, context_length=2),
    "one dimension": Setting(covariates=Gaussian(Matrix([[3]])), response=Linear(Matrix([[h]])), noise_variance=1, context_length=3),
    "tasks of signs": Setting(covariates=Gaussian(Matrix([[2, h], [h, 1]])), response=Linear.of(Rademacher.isotropic(2)),
                              noise_variance=h, context_length=4),
}  # fmt: skip
by_setting = pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
queries = pytest.mark.parametrize("query", ["drawn", "integrated"])


def source(seed=0, dtype=EXACT):
    return Source(dtype=dtype, device=CPU, generator=Generator().manual_seed(seed))


def two_products(draws, p, n, batch=COLUMNS):
    degrees = torch.tensor([[n], [max(n - 1, 1)]], dtype=draws.dtype)
    squares = draws.chi_square(degrees, 2, batch) * torch.tensor([[1], [min(n - 1, 1)]])
    return wishart.TwoProducts(draws.normal(2, p, batch), squares)


def vectors(p, seed=3):
    return torch.randn(2, p, dtype=EXACT, generator=Generator().manual_seed(seed))


def assert_mean(samples, expected):
    """samples (BATCHES, k): means of independent batches."""
    error = samples.std(0) / len(samples) ** 0.5
    off = (samples.mean(0) - expected).abs()
    assert (off <= Z_LIMIT * error + 1e-12).all(), (off / error).max()


def exact_products(p, n, a, b):
    """E of aᵀGa, aᵀGb, bᵀGb, aᵀG²a, aᵀG²b, bᵀG²b and of the squares and products of the first three, by Wick's rule."""
    U, left, right = MatrixSymbol("U", n, p), MatrixSymbol("a", p, 1), MatrixSymbol("b", p, 1)
    law, G = wick.RandomMatrix(U, Identity(n), Identity(p)), U.T * U
    forms = [BilinearForm(x.T * G * y) for x, y in ((left, left), (left, right), (right, right))]
    squares = [BilinearForm(x.T * G * G * y) for x, y in ((left, left), (left, right), (right, right))]
    products = [forms[0] ** 2, forms[1] ** 2, forms[0] * forms[1], forms[0] * forms[2], forms[1] ** 3]
    values = {left: a[:, None], right: b[:, None]}
    found = [compile_expression(wick.expectation(form, law))(values) for form in forms + squares + products]
    return torch.stack([torch.as_tensor(value, dtype=EXACT).reshape(()) for value in found])


def features(a, b, Ga, Gb):
    """The means over a batch of what `exact_products` lists."""
    forms = [(x * y).sum(0) for x, y in ((a, Ga), (a, Gb), (b, Gb), (Ga, Ga), (Ga, Gb), (Gb, Gb))]
    aa, ab, bb = forms[:3]
    return torch.stack([form.mean() for form in [*forms, aa**2, ab**2, aa * ab, aa * bb, ab**3]])


@by_shape
def test_whole_matrices_have_the_exact_moments(p, n):
    (a, b), draws = vectors(p), source(1)
    samples = []
    for _ in range(BATCHES):
        G = wishart.whole(draws, n, p, COLUMNS)
        samples.append(features(a[:, None], b[:, None], (G @ a).T, (G @ b).T))
    assert_mean(torch.stack(samples), exact_products(p, n, a, b))
    assert (torch.linalg.matrix_rank(G[:50]) == min(n, p)).all()


def product_samples(p, n, a, b, batches=BATCHES):
    draws, samples = source(2), []
    columns = a[:, None].expand(-1, COLUMNS), b[:, None].expand(-1, COLUMNS)
    for _ in range(batches):
        products = two_products(draws, p, n)
        Ga = products.first(columns[0].clone())
        samples.append(features(*columns, Ga, products.second(columns[1].clone())))
    return torch.stack(samples)


@by_shape
def test_two_products_have_the_exact_moments(p, n):
    a, b = vectors(p)
    assert_mean(product_samples(p, n, a, b), exact_products(p, n, a, b))


MUTANTS = {
    "the part across a is not taken out of a": lambda self: setattr(self, "across", self.across + 0.3 * self.later[0]),
    "one random number for both χ²": lambda self: setattr(self, "chi_later", [self.chi]),
    "one set of normals for both products": lambda self: setattr(self, "later", [self.across.clone()]),
    "χ² in the place of χ": lambda self: setattr(self, "chi", self.chi.square()),
}


@pytest.mark.parametrize("change", MUTANTS.values(), ids=MUTANTS)
def test_a_wrong_law_is_noticed(monkeypatch, change):
    made = wishart.TwoProducts.__init__

    def mutated(self, normals, squares):
        made(self, normals, squares)
        change(self)

    monkeypatch.setattr(wishart.TwoProducts, "__init__", mutated)
    a, b = vectors(4)
    with pytest.raises(AssertionError):
        assert_mean(product_samples(4, 3, a, b), exact_products(4, 3, a, b))


@by_shape
@pytest.mark.parametrize("dtype", [EXACT, torch.float32])
def test_both_products_are_of_one_symmetric_matrix(p, n, dtype):
    """aᵀ(Gb) = bᵀ(Ga), and the 2 × 2 matrix of forms is semidefinite, singular for n = 1; b along a and a = 0 included."""
    draws = source(5, dtype)
    for kind in range(3):
        a, b = draws.normal(2, p, 500)
        if kind == 1:
            b = -2 * a
        if kind == 2:
            a = torch.zeros_like(a)
        products = two_products(draws, p, n, 500)
        Ga = products.first(a.clone())
        Gb = products.second(b.clone())
        scale = Ga.norm(dim=0) * b.norm(dim=0) + a.norm(dim=0) * Gb.norm(dim=0) + 1e-30
        assert ((a * Gb).sum(0) - (b * Ga).sum(0)).abs().div(scale).max() < 50 * torch.finfo(dtype).eps
        aa, ab, bb = (a * Ga).sum(0), (a * Gb).sum(0), (b * Gb).sum(0)
        determinant = (aa * bb - ab**2) / (aa * bb + ab**2 + 1e-30)
        assert determinant.min() > -1e3 * torch.finfo(dtype).eps
        assert n > 1 or determinant.abs().max() < 1e3 * torch.finfo(dtype).eps
        if kind == 1:
            assert (Gb + 2 * Ga).norm(dim=0).div(b.norm(dim=0) + Gb.norm(dim=0)).max() < 1e3 * torch.finfo(dtype).eps
        assert torch.isfinite(Gb).all()


@pytest.mark.parametrize("dtype", [EXACT, torch.float32])
def test_vectors_whose_squares_underflow_count_as_zero(dtype):
    """G b is then that of a = 0, with E|G b|² = n(n + p + 1)|b|², and nothing is infinite."""
    draws, p, n = source(6, dtype), 4, 9
    a, b = draws.normal(2, p, 20_000)
    products = two_products(draws, p, n, 20_000)
    least = torch.finfo(dtype).tiny
    assert products.first(a * least**0.6).abs().max() < least**0.5
    ratio = products.second(b.clone()).square().sum(0) / (n * (n + p + 1) * b.square().sum(0))
    assert abs(float(ratio.mean()) - 1) < 6.5 * float(ratio.std()) / 20_000**0.5


class Kept(wishart.TwoProducts):
    """Remembers what was multiplied, so that the matrix can be written down."""

    last = None

    def first(self, a):
        self.pairs = [(a.clone(), None)]
        Kept.last = self
        product = super().first(a)
        self.pairs[0] = (self.pairs[0][0], product.clone())
        return product

    def second(self, b):
        kept = b.clone()
        product = super().second(b)
        self.pairs.append((kept, product.clone()))
        return product


@queries
@pytest.mark.parametrize("name", ["isotropic", "general", "whitened", "two examples", "one dimension"])
def test_loss_and_gradient_are_those_of_the_moment_matrix(monkeypatch, query, name):
    """The matrix that was met is written down, tokens' formula is applied to T G Tᵀ, and autograd differentiates it. It is Y (EᵀY)⁻¹ Yᵀ on
    the span E of both vectors, Y = GE; where all that the first product leaves open is integrated, its mean given g = Ga, which is
    g gᵀ/(aᵀg) + (n − 1)(I − a aᵀ/aᵀa)."""
    setting = SETTINGS[name]
    monkeypatch.setattr(moments, "TwoProducts", Kept)
    noise = float(setting.noise_variance) ** 0.5
    sampler = MomentSampler(setting, dtype=EXACT, device=CPU, generator=Generator().manual_seed(8), query=query)
    d, batch = sampler.dimension, 40
    drawn = {}

    def remembered(function, key):
        def call(*arguments):
            drawn[key] = function(*arguments)
            drawn[key] = drawn[key].clone()
            return drawn[key].clone()

        return call

    monkeypatch.setattr(sampler, "_tasks", remembered(sampler._tasks, "tasks"))
    monkeypatch.setattr(sampler.source, "normal", remembered(sampler.source.normal, "normals"))
    g = Generator().manual_seed(9)
    v = torch.randn(d + 1, dtype=EXACT, generator=g).requires_grad_()
    M = torch.randn(d + 1, d + 1, dtype=EXACT, generator=g).requires_grad_()
    loss = sampler.loss(v, M, batch)
    slopes = torch.autograd.grad(loss, (v, M))

    E, Y = (torch.stack(part, dim=-1).permute(1, 0, 2) for part in zip(*Kept.last.pairs, strict=True))  # (batch, p, 2 or 1)
    G = Y @ torch.linalg.pinv(E.mT @ Y, rtol=1e-9, hermitian=True) @ Y.mT
    if query == "integrated":
        G = G + (int(setting.context_length) - 1) * (torch.eye(d + 1, dtype=EXACT) - E @ E.mT / (E.mT @ E))
    assert (G @ E - Y).norm() < 1e-6 * Y.norm()
    root = torch.eye(d, dtype=EXACT) if sampler.root is None else sampler.root
    T = torch.zeros(batch, d + 1, d + 1, dtype=EXACT)
    T[:, :d, :d], T[:, d, :d], T[:, d, d] = root, drawn["tasks"].T, noise
    S = T @ G @ T.mT
    w = torch.linalg.solve(root.mT, drawn["tasks"]).T
    v, M = v.detach().requires_grad_(), M.detach().requires_grad_()
    if query == "integrated":
        residual = (S @ v) @ M[:, :d] - w
        Sigma = root @ root.mT
        expected = torch.einsum("bi,ij,bj->b", residual, Sigma, residual).mean() + noise**2
    else:
        normals = drawn["normals"]
        x = (root @ normals[-d - 1 : -1]).T
        label = (w * x).sum(-1) + noise * normals[-1]
        keys = torch.cat([x, torch.zeros(batch, 1, dtype=EXACT)], dim=1) @ M.T
        expected = (((S @ v) * keys).sum(-1) - label).square().mean()
    torch.testing.assert_close(loss, expected, rtol=1e-8, atol=1e-10)
    for found, wanted in zip(slopes, torch.autograd.grad(expected, (v, M)), strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-8 * float(wanted.abs().max()))


def layer(d, seed=4):
    g = Generator().manual_seed(seed)
    return 0.4 * torch.randn(d + 1, dtype=EXACT, generator=g), 0.3 * torch.randn(d + 1, d + 1, dtype=EXACT, generator=g)


def mean_of_batch(sampler, v, M):
    """The mean loss of a batch and its gradient, (1 + (d+1) + (d+1)d,)."""
    v, M = v.clone().requires_grad_(), M.clone().requires_grad_()
    loss = sampler.loss(v, M, COLUMNS)
    slope_v, slope_M = torch.autograd.grad(loss, (v, M))
    return torch.cat([loss.detach()[None], slope_v, slope_M[:, :-1].flatten()])


def one_by_one(sampler, v, M, count):
    """The loss of each of so many prompts and its gradient, (count, 1 + (d+1) + (d+1)d)."""
    v, M = (t.expand(count, *t.shape).clone().requires_grad_() for t in (v, M))
    loss = sampler.loss(v, M, 1)
    slope_v, slope_M = torch.autograd.grad(loss.sum(), (v, M))
    return torch.cat([loss.detach()[:, None], slope_v, slope_M[..., :-1].flatten(1)], dim=1)


@queries
@by_setting
def test_mean_loss_and_mean_gradient_are_exact(setting, query):
    v, M = layer(int(setting.dimension))
    objective = ExactObjective(setting)
    slope_v, slope_M = objective.gradient(v, M)
    sampler = MomentSampler(setting, dtype=EXACT, device=CPU, generator=Generator().manual_seed(6), query=query)
    samples = torch.stack([mean_of_batch(sampler, v, M) for _ in range(BATCHES)])
    assert_mean(samples, torch.cat([objective.loss(v, M)[None], slope_v, slope_M[:, :-1].flatten()]))


@by_setting
@pytest.mark.parametrize("path", ["products", "whole"])
def test_loss_and_gradient_have_the_law_of_tokens(setting, path):
    """Each component, and random mixtures of them, which see the joint law."""
    v, M = layer(int(setting.dimension))
    made = {"dtype": EXACT, "device": CPU, "generator": Generator().manual_seed(12)}
    without = MomentSampler(setting, **made) if path == "products" else PromptSampler(setting, path="moments", **made)
    samples = [one_by_one(sampler, v, M, 20_000) for sampler in (without, PromptSampler(setting, **made))]
    mix = torch.randn(samples[0].shape[1], 4, dtype=EXACT, generator=made["generator"]) / samples[1].abs().median(0).values[:, None]
    left, right = (torch.cat([sample, sample @ mix], dim=1).numpy() for sample in samples)
    for column in range(left.shape[1]):
        assert ks_2samp(left[:, column], right[:, column]).pvalue > KS_LEVEL


def test_two_samples_of_other_contexts_differ():
    """n = 7 for n = 6 is noticed by the same test."""
    changed = Setting(covariates=Gaussian.isotropic(3), response=Linear.isotropic(3), noise_variance=Rational(1, 4), context_length=7)
    v, M = layer(3)
    made = {"dtype": EXACT, "device": CPU, "generator": Generator().manual_seed(12)}
    left = one_by_one(MomentSampler(changed, **made), v, M, 20_000).numpy()
    right = one_by_one(PromptSampler(SETTINGS["isotropic"], **made), v, M, 20_000).numpy()
    assert min(ks_2samp(left[:, column], right[:, column]).pvalue for column in range(left.shape[1])) < KS_LEVEL


@pytest.mark.parametrize("name", ["isotropic", "general", "one example"])
def test_integrating_the_query_lowers_the_variance(name):
    """At the optimal layer, by the law of total variance. The true ratios are about 0.2 here (up to 0.34 in 256 batches); a ratio of two
    variances of 64 batches is off by more than a factor of 3 with probability 1e-5."""
    setting = SETTINGS[name]
    v, M = global_layer(setting)
    spread = []
    for query in ("integrated", "drawn"):
        sampler = MomentSampler(setting, dtype=EXACT, device=CPU, generator=Generator().manual_seed(6), query=query)
        spread.append(torch.stack([mean_of_batch(sampler, v, M) for _ in range(BATCHES)]).var(0))
    assert (spread[0][0] < 0.6 * spread[1][0]).all()


def global_layer(setting):
    objective = ExactObjective(setting)
    d = int(setting.dimension)
    v, M = torch.zeros(d + 1, dtype=EXACT), torch.zeros(d + 1, d + 1, dtype=EXACT)
    v[d], M[:d, :d] = 1, objective.step
    return v, M


@queries
def test_rows_have_their_own_settings(query):
    """R settings at once: exact means, so that a row in its neighbour's setting is noticed."""
    settings = [SETTINGS[name] for name in ("general", "whitened", "rank one, no noise", "one example", "tasks of signs")]
    v, M = (torch.stack(parts) for parts in zip(*(layer(2, seed) for seed in range(len(settings))), strict=True))
    sampler = MomentSampler(settings, dtype=EXACT, device=CPU, generator=Generator().manual_seed(3), query=query)
    samples = torch.stack([sampler.loss(v, M, COLUMNS) for _ in range(BATCHES)])
    exact = torch.stack([ExactObjective(setting).loss(v[row], M[row]) for row, setting in enumerate(settings)])
    assert_mean(samples, exact)
    with pytest.raises(AssertionError):
        assert_mean(samples, exact.roll(1))


def numbers_drawn(monkeypatch, n, query):
    config = TrainConfig.build(dimension=5, context=n)
    sampler = MomentSampler(config.setting, dtype=torch.float32, device=CPU, generator=Generator().manual_seed(0), query=query)
    counted = []
    for name in ("normal", "chi_square"):
        draw = getattr(sampler.source, name)

        def counting(*arguments, draw=draw):
            drawn = draw(*arguments)
            counted.append(drawn.numel())
            return drawn

        monkeypatch.setattr(sampler.source, name, counting)
    v, M = layer(5)
    assert torch.isfinite(sampler.loss(v.float(), M.float(), 10))
    return sum(counted)


@queries
def test_random_numbers_a_prompt_do_not_grow_with_n(monkeypatch, query):
    d = 5
    for n in (1, 20, 65_536):
        assert numbers_drawn(monkeypatch, n, query) == 10 * (2 * d + 2 if query == "integrated" else 4 * d + 5)


@queries
def test_a_step_never_waits_for_the_device(query):
    """A value that a step reads on the host is refused by tensors that have none."""
    sampler = MomentSampler(SETTINGS["general"], dtype=torch.float32, device=CPU, generator=Generator().manual_seed(0), query=query)
    with FakeTensorMode(allow_non_fake_inputs=True):
        v, M = torch.randn(3, requires_grad=True), torch.randn(3, 3, requires_grad=True)
        optimiser = torch.optim.Adam([v, M])
        loss = sampler.loss(v, M, 16)
        loss.backward()
        optimiser.step()
        with pytest.raises(DataDependentOutputException):
            float(loss.detach())


def test_laws_without_known_moments_are_refused():
    with pytest.raises(ConfigError, match="--sampler moments: needs Gaussian covariates and linear responses; use --sampler tokens"):
        TrainConfig.build(covariates="sphere", sampler="moments")
    with pytest.raises(ConfigError, match="--query integrated: needs --sampler moments"):
        TrainConfig.build(sampler="tokens", query="integrated")
    with pytest.raises(ConfigError, match="sampler moments"):
        MomentSampler(TrainConfig.build(response="relu").setting, dtype=EXACT, device=CPU, generator=Generator())
    assert not TrainConfig.build(covariates="sphere").by_moments
    assert TrainConfig.build().integrated
