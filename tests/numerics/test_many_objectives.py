"""Many settings at once against one at a time, and against theory's rational arithmetic. Deterministic: seeds are fixed."""

import pytest
import torch
from sympy import Matrix, Rational

from numerics import endpoint, objective
from numerics.config import TrainConfig
from numerics.descent import descend
from numerics.endpoint import locate, locate_many, polish
from numerics.errors import ConfigError
from numerics.models import initial_model
from numerics.objective import ExactObjective, ManyObjectives
from numerics.polynomial import LossPolynomial
from theory import LinearAttention, global_minimiser, in_context_loss

SETTINGS = (
    {"context": 5},
    {"context": 9, "noise": "3"},
    {"context": 7, "covariates": "2,1/2;1/2,1", "response": "1,3"},
    {"context": 5, "covariates": "student-t:degrees=9", "noise": "0"},  # one term in the fourth cumulant
    {"context": 6, "covariates": "uniform"},  # two
    {"context": 4, "covariates": "2,1/2", "response": "inverse", "noise": "1"},
)


@pytest.fixture(scope="module")
def configs():
    return [TrainConfig.build(dimension=2, **values) for values in SETTINGS]


@pytest.fixture(scope="module")
def singly(configs):
    return [ExactObjective(config.setting) for config in configs]


@pytest.fixture(scope="module")
def objectives(singly):
    """Row r in setting r, then all of them again."""
    return ManyObjectives(singly + singly)


@pytest.fixture(scope="module")
def mixed():
    """Rows with and without preferred directions, from matched and from Gaussian starts."""
    settings = (
        {"context": 10, "noise": "0"},
        {"context": 10, "covariates": "2,1/2", "noise": "0"},
        {"context": 60, "covariates": "2,1/2", "response": "inverse", "noise": "30"},
        {"context": 1, "noise": "100"},
        {"context": 8, "covariates": "uniform", "noise": "1"},
    )
    rows = [
        TrainConfig.build(dimension=2, initialisation=start, seed=seed, **values)
        for values in settings
        for start, seed in (("matched", 0), *(("gaussian", seed) for seed in range(5)))
    ]
    return ManyObjectives([row.setting for row in rows]), *starts(rows)


def starts(rows):
    models = [
        initial_model(
            parametrisation="merged",
            initialisation=row.initialisation,
            dimension=row.dimension,
            context=row.context,
            scale=1.0,
            dtype=torch.float64,
            generator=torch.Generator().manual_seed(row.seed),
        )
        for row in rows
    ]
    return torch.stack([m.value_vector().detach() for m in models]), torch.stack([m.key_query().detach() for m in models])


def weights(*leading):
    """Dyadic entries, which floats hold exactly"""
    entries = torch.randint(-64, 65, (*leading, 12), generator=torch.Generator().manual_seed(0)).double() / 64
    return entries[..., :3], entries[..., 3:].unflatten(-1, (3, 3))


def exact(tensor):
    """The rationals that the floats are"""
    return Matrix([[Rational(x) for x in row] for row in tensor.reshape(len(tensor), -1).tolist()])


def test_rows_are_theorys_losses(configs, objectives):
    """Exact rational arithmetic at the same weights."""
    v, M = weights(len(configs))
    many = objectives.rows(torch.arange(len(configs)))
    loss, excess = many.loss(v, M), many.excess(v, M)
    for row, config in enumerate(configs):
        layer = LinearAttention(exact(v[row]), exact(M[row]))
        right = in_context_loss(config.setting, layer)
        assert right.is_Rational
        assert float(loss[row]) == pytest.approx(float(right), rel=1e-12)
        assert float(excess[row]) == pytest.approx(float(right - global_minimiser(config.setting).loss), rel=1e-12)


def test_every_moment_belongs_to_its_row(objectives):
    """Each moment alone taken from the next row: some loss is off by more than the tolerances here."""
    v, M = weights(len(objectives))
    right = objectives.loss(v, M)
    for symbol, moment in objectives._values.items():
        mutant = objectives.rows(torch.arange(len(objectives)))
        mutant._values[symbol] = moment.roll(1, 0)
        assert ((mutant.loss(v, M) / right - 1).abs() > 1e-4).any(), symbol
    mutant = objectives.rows(torch.arange(len(objectives)))
    mutant._weights = mutant._weights.roll(1, 0)
    assert ((mutant.loss(v, M) / right - 1).abs() > 1e-4).any()
    others = objectives.rows(torch.arange(len(objectives)).roll(1))
    assert ((others.loss(v, M) / right - 1).abs() > 1e-4).all()


def test_rows_are_single_objectives(singly, objectives):
    """To rounding, whatever axes come before the rows'."""
    v, M = weights(2, len(objectives))
    found = objectives.loss(v, M), objectives.excess(v, M), objectives.step_error(v, M), *objectives.gradient(v, M)
    for row, one in enumerate(singly):
        for draw in range(2):
            at = v[draw, row], M[draw, row]
            right = one.loss(*at), one.excess(*at), torch.tensor(one.step_error(*at), dtype=torch.float64), *one.gradient(*at)
            for many, single in zip(found, right, strict=True):
                torch.testing.assert_close(many[draw, row], single, rtol=1e-12, atol=1e-12 * float(one.loss(*at)))
        for name in ("minimum", "null", "step_scale"):
            assert float(getattr(objectives, name)[row]) == getattr(one, name)
        for name in ("step", "covariance", "cross"):
            assert torch.equal(getattr(objectives, name)[row], getattr(one, name))


def test_equal_settings_are_built_once(configs, singly, monkeypatch):
    built = []
    monkeypatch.setattr(objective, "global_minimiser", lambda setting: built.append(setting) or global_minimiser(setting))
    again = [TrainConfig.build(**config.model_dump()).setting for config in configs]
    many = ManyObjectives([config.setting for config in configs] + again)
    assert len(built) == len(configs) == len(many.distinct)
    assert many.which.tolist() == [*range(len(configs))] * 2
    chosen = many.rows(torch.tensor([7, 2]))
    assert chosen.which.tolist() == [1, 2]
    assert chosen.minimum.tolist() == [singly[1].minimum, singly[2].minimum]
    assert len(many.rows(many.which == 0)) == 2


def test_what_has_no_common_shape_is_refused():
    with pytest.raises(ConfigError, match="settings must be at least one, and of one dimension; got 2 of dimensions \\[1, 2\\]"):
        ManyObjectives([TrainConfig.build(dimension=d).setting for d in (1, 2)])
    with pytest.raises(ConfigError, match="settings must be at least one"):
        ManyObjectives([])


def test_polynomials_are_single_polynomials(singly, objectives):
    order = torch.tensor([3, 0, 11, 4, 8, 1, 2, 5])  # two rows share a setting
    many = LossPolynomial(objectives).rows(order)
    again = LossPolynomial(objectives.rows(order))
    theta = many.flatten(*weights(len(order)))
    gradient, hessian = many.derivatives(theta)
    for row, k in enumerate(order.tolist()):
        one, at = LossPolynomial(singly[k % len(singly)]), theta[row : row + 1]
        slope, curvature = one.derivatives(at)
        torch.testing.assert_close(many.loss(theta)[row], one.loss(at)[0], rtol=1e-13, atol=0)
        for batch in (many, again):
            torch.testing.assert_close(batch.gradient(theta)[row], slope[0], rtol=0, atol=1e-13 * float(slope.norm()))
        torch.testing.assert_close(gradient[row], slope[0], rtol=0, atol=1e-13 * float(slope.norm()))
        torch.testing.assert_close(hessian[row], curvature[0], rtol=0, atol=1e-13 * float(curvature.norm()))
        for name in ("back", "curvature", "share", "balanced"):
            torch.testing.assert_close(getattr(many, name)(theta)[row], getattr(one, name)(at)[0], rtol=1e-10, atol=1e-12)
        assert float(many.gain[row]) == float(one.gain)


def test_every_row_comes_to_machine_precision(mixed):
    """Rows end one by one and where they do alone; by theory's expression the gradient vanishes."""
    objectives, v, M = mixed
    ended = []
    found = polish(objectives, v, M, progress=ended.append)
    assert found.converged.all()
    assert float(found.gradient.max()) <= 1e-10
    assert ended == sorted(ended)
    assert ended[-1] == len(objectives)
    loss, excess = objectives.loss(found.value, found.key_query), objectives.excess(found.value, found.key_query)
    slope_v, slope_M = objectives.gradient(found.value, found.key_query)
    lengths = (found.value.norm(dim=-1) * found.key_query.flatten(1).norm(dim=-1)).sqrt()  # of v and of M in the balanced gauge
    slope = (slope_v.norm(dim=-1) * slope_M.flatten(1).norm(dim=-1)).sqrt() * lengths
    assert float((slope / loss).max()) < 1e-10
    matched = torch.arange(len(objectives)) % 6 == 0
    assert float((excess / objectives.minimum)[matched].max()) < 1e-18
    for row in range(0, len(objectives), 4):
        one = LossPolynomial(objectives.distinct[int(objectives.which[row])])
        alone = descend(one, one.flatten(v[row], M[row])[None], tolerance=1e-2)
        assert int(alone.steps) == int(found.steps[row])
        assert float(one.loss(alone.theta)) == pytest.approx(float(loss[row]), rel=1e-12)


def test_rows_are_polished_in_parts_too(mixed, monkeypatch):
    objectives, v, M = mixed
    whole = polish(objectives, v, M)
    monkeypatch.setattr(endpoint, "HESSIAN_ENTRIES", 7 * 81)
    ended = []
    parts = polish(objectives, v, M, progress=ended.append)
    found, right = (objectives.loss(ends.value, ends.key_query) for ends in (parts, whole))
    torch.testing.assert_close(found, right, rtol=1e-12, atol=0)
    assert torch.equal(parts.steps, whole.steps)
    assert {7, 14, 21, 28, 30} <= set(ended)
    assert ended == sorted(ended)


def test_names(mixed, monkeypatch):
    """From weights near their ends: together, one at a time, and by L-BFGS instead, which higher dimensions take."""
    objectives, v, M = mixed
    ends = polish(objectives, v, M)
    noise = torch.randn(len(v), 12, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    v = ends.value * (1 + 1e-3 * noise[:, :3])
    M = ends.key_query * (1 + 1e-3 * noise[:, 3:].unflatten(-1, (3, 3)))
    together = locate_many(objectives, v, M)
    assert {"global minimum", "mixed direction", "one direction"} <= {end.name for end in together}
    monkeypatch.setattr(endpoint, "LARGEST", 1)
    apart = locate_many(objectives, v, M)
    monkeypatch.undo()
    for row, (end, other) in enumerate(zip(together, apart, strict=True)):
        one = objectives.distinct[int(objectives.which[row])]
        alone = locate(one, v[row], M[row])
        for right in (alone, other):
            assert (end.name, end.kind, end.complete) == (right.name, right.kind, right.complete)
            assert end.loss == pytest.approx(right.loss, rel=1e-12)
            assert end.gap == pytest.approx(right.gap, rel=1e-5)
        assert max(end.gradient, other.gradient) < 1e-9
