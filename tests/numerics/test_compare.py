"""`numerics.compare`: models with known answers, what is reported and saved, and each way to be no model.

Every verdict is on prompts of a fixed seed, so each run is repeatable on one machine; margins are far from the thresholds.
"""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from common.compared import ISOTROPIC, TWO_MINIMA, VERDICTS, gradient_of, measures, ridge_model, step_model
from rich.console import Console
from safetensors.torch import save_file
from sympy import MatrixSymbol, symbols, zeros
from torch import nn

from numerics import compare
from numerics.atlas import Atlas
from numerics.compare import Comparison, main, verify
from numerics.coordinates import Coordinates
from numerics.deep_config import build_config
from numerics.errors import ConfigError, ModelError
from numerics.foreign import ForeignModel
from numerics.judgement import decide
from numerics.models import MergedAttention
from numerics.objective import ExactObjective
from numerics.shifts import layer_of
from numerics.transformer import AttentionStack, initial_deep_model
from numerics.weights import ImportedAttention
from theory import Gaussian, Linear, SettingError, UnknownMoment
from theory.conventions import CONVENTIONS

FEW = 1024
STEP = ExactObjective(ISOTROPIC).step
UNEVEN = torch.tensor([[1.3, 0.1], [0.1, 0.9]], dtype=torch.float64)
PICTURES = {"effective_step.png", "distances.png", "compared_predictions.png", "shifts.png"}


@pytest.mark.parametrize("name", VERDICTS)
def test_known_answers(name):
    found, reason = decide(measures(name))
    assert found == VERDICTS[name], reason
    assert reason.count("\n") == 0


def test_one_per_cent_is_measured():
    found = measures("1 % more")
    off = found.effective.distance(found.objective.step).over(found.objective.step_scale)
    assert off.low == pytest.approx(0.01, rel=1e-6) == off.high
    assert found.distance("one step, B* of theory").relative.root.value == pytest.approx(0.01, rel=0.1)


@pytest.mark.parametrize(("number", "known"), [(0, False), (1, False), (2, False), (3, False), (3, True)])
def test_stationary_points(number, known):
    """A turned and rescaled member of each family is named, whether its weights are known or not."""
    at = Coordinates(ExactObjective(TWO_MINIMA))
    family = [family for family in Atlas(at).families if family.ratio is not None][number]
    v, M = (part.clone() for part in at.split(family.theta))
    turn, _ = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(number)))
    turn = torch.linalg.solve(at.root, turn @ at.root)
    v[:-1], M[-1, :-1], M[:-1, :-1] = turn @ v[:-1], turn @ M[-1, :-1], turn @ M[:-1, :-1] @ turn.mT
    layer = MergedAttention(-3 * v, M / -3)
    model = layer if known else lambda tokens: layer(torch.from_numpy(tokens)).detach().numpy()
    found = verify(model, TWO_MINIMA, prompts=FEW)
    assert found.verdict == ("agrees" if family.kind == "global minimum" else "other stationary point")
    assert found.result["stationary_point"].startswith(family.name)
    assert family.kind in found.result["stationary_point"]
    assert (found.result["loss_trained"] is not None) == known
    if known:
        assert found.result["loss_trained"] == pytest.approx(family.loss, rel=1e-12)


class Step(nn.Module):
    """(Σ y_i x_i)ᵀ B x_q in a dtype"""

    def __init__(self, dtype):
        super().__init__()
        self.B = nn.Parameter(STEP.to(dtype))

    def forward(self, tokens):
        assert tokens.dtype == self.B.dtype
        return ((gradient_of(tokens) @ self.B) * tokens[:, -1, :-1]).sum(-1, keepdim=True)


def numbers(comparison):
    return [cell for part in comparison.tables for row in part.rows for cell in row if isinstance(cell, float)]


def test_a_module_and_a_function_agree():
    """To rounding, in every number of every table; in float32 to its own."""
    ours, theirs = (verify(model, ISOTROPIC, prompts=FEW) for model in (step_model(UNEVEN @ STEP), Uneven(torch.float64)))
    for mine, other in zip(numbers(ours), numbers(theirs), strict=True):
        assert mine == pytest.approx(other, rel=1e-6, abs=1e-8), mine
    assert ours.measures.differentiated == "central differences"
    assert theirs.measures.differentiated == "automatic differentiation"
    single = verify(Step(torch.float32), ISOTROPIC, prompts=FEW)
    assert single.verdict == "agrees"
    assert 1e-9 < single.result["step_relative_error"] < 1e-6
    inside = next(row for part in single.tables if part.title == "Effective step" for row in part.rows if "inside" in row[0])
    assert inside[1] == "yes"  # what is off is the rounding of float32


class Uneven(Step):
    """Of a step with two eigenvectors"""

    def __init__(self, dtype):
        super().__init__(dtype)
        self.B = nn.Parameter(UNEVEN @ STEP)


def test_a_module_without_gradients_is_differentiated_by_differences():
    class Cut(Step):
        def forward(self, tokens):
            return super().forward(tokens.detach()).detach()

    class OfArrays(Step):
        def forward(self, tokens):
            return torch.from_numpy(step_model(STEP)(tokens.numpy()))

    tokens = torch.randn(64, 7, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected, how = ForeignModel(Step(torch.float64)).sensitivity(tokens, "here")
    assert how == "automatic differentiation"
    for kind in (Cut, OfArrays):
        found, how = ForeignModel(kind(torch.float64)).sensitivity(tokens, "here")
        assert how == "central differences"
        assert torch.allclose(found, expected, atol=1e-8)


def test_ridge_has_the_optimal_step_and_the_bayes_risk():
    """E g ŵᵀ = E g wᵀ for the posterior mean ŵ, so its effective step is B*."""
    found = measures("ridge")
    assert found.effective.contains(found.objective.step)
    assert found.risk.low <= found.bayes <= found.risk.high
    assert found.step_share.high < 0.95


def test_shares():
    """ŷ + k Σ y²/n: what is even in the labels is found, and is no step."""
    found = measures("with an even part")
    even = 0.1 * (found.observed.tokens[:, :-1, -1] ** 2).mean(1).numpy()
    shared = (even**2).mean() / (found.observed.prediction.square().mean())
    assert found.even_share.value == pytest.approx(float(shared), rel=1e-9)
    assert found.rest_share.value < 0.1 * found.even_share.value
    total = found.step_share.value + found.even_share.value + found.rest_share.value
    assert total == pytest.approx(1.0, abs=0.01)
    assert measures("zero").even_share.value == 0


def test_ridge_with_another_parameter_is_told():
    """In the table and in the result: λ̂ / σ², and the squared distance to ridge over that to ridge with λ̂"""
    found = verify(ridge_model(2.0), ISOTROPIC, prompts=FEW)
    assert (found.verdict, found.result["nearest_ridge"]) == ("none of these", pytest.approx(2, rel=1e-3))
    (rows,) = (dict(row[:2] for row in part.rows) for part in found.tables if part.title == "Beside ridge")
    assert rows["λ̂ / σ²"] == pytest.approx(2, rel=1e-3)
    assert rows["to ridge / to ridge with λ̂"] > 1e4
    (row,) = (row for part in found.tables if part.title.startswith("Distances") for row in part.rows if row[0] == "least squares")
    assert None not in row
    noiseless = verify(step_model(STEP), replace(ISOTROPIC, noise_variance=0), prompts=FEW)
    (rows,) = (dict(row[:2] for row in part.rows) for part in noiseless.tables if part.title == "Beside ridge")
    assert rows["λ̂ / σ²"] is rows["to ridge / (Bayes risk − σ²)"] is None  # both are over 0


@pytest.mark.parametrize(
    ("examples", "noise", "listed", "interval"), [(1, 1, False, False), (3, 1, False, False), (3, 0, True, True), (5, 1, True, False)]
)
def test_least_squares_is_listed_where_its_distance_has_a_mean(examples, noise, listed, interval):
    """With an interval where it has a variance, as with 6 examples below; at σ² = 0 it has both."""
    found = verify(step_model(STEP), replace(ISOTROPIC, context_length=examples, noise_variance=noise), prompts=256)
    (part,) = (part for part in found.tables if part.title.startswith("Distances"))
    rows = [row for row in part.rows if row[0] == "least squares"]
    assert len(rows) == listed
    assert all((row[2] is not None) == (row[3] is not None) == interval for row in rows)
    assert ("Not listed" in part.note) == (not listed)
    assert ("No interval" in part.note) == (listed and not interval)
    json.dumps([part.plain() for part in found.tables], allow_nan=False)


def test_lengths_that_a_model_refuses():
    weights = np.random.default_rng(0).standard_normal((7 * 3,)) / 5
    found = verify(lambda tokens: tokens.reshape(len(tokens), -1) @ weights, ISOTROPIC, prompts=FEW)
    refused = {one.shift.label: one for one in found.measures.shifted if one.risk is None}
    assert set(refused) == {"n = 3", "n = 12", "n = 24"}
    assert "ValueError" in refused["n = 3"].refusal
    (part,) = (part for part in found.tables if part.title == "Out of distribution")
    assert "no risk at n = 3: the model raised ValueError" in part.note
    assert found.verdict == "none of these"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    out = tmp_path_factory.mktemp("saved") / "comparison"
    found = verify(MergedAttention(*layer_of(STEP)), ISOTROPIC, prompts=FEW)
    found.save(out)
    return found, out


def test_what_is_saved(saved):
    found, out = saved
    assert {path.name for path in out.glob("*.png")} == PICTURES | {"interpolation.png"}
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in out.glob("*.png"))
    result = json.loads((out / "result.json").read_text())
    assert result == json.loads(json.dumps(found.result))
    assert result["verdict"] == "agrees"
    assert result["loss_trained"] == pytest.approx(result["loss_theory"], rel=1e-12)
    for key in ("stationary_point", "relative_excess", "step_relative_error", "seconds"):
        assert result[key] is not None
    tables = json.loads((out / "comparison.json").read_text())
    assert [set(table) for table in tables] == [{"title", "status", "note", "columns", "rows"}] * len(tables)
    assert {table["status"] for table in tables} == {"theory", "measured"}
    for table in tables:
        assert all(len(row) == len(table["columns"]) for row in table["rows"])
        assert all(cell is None or isinstance(cell, str | int | float) for row in table["rows"] for cell in row)


def test_what_is_printed(saved):
    found, _ = saved
    console = Console(width=160, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(found.table())
    text = console.export_text()
    assert all(f"{part.title} ({part.status})" in text for part in found.tables if not part.long)
    assert "2111.6" not in text


def test_it_is_repeatable_and_frozen(saved):
    found, _ = saved
    again = verify(MergedAttention(*layer_of(STEP)), ISOTROPIC, prompts=FEW)
    assert isinstance(again, Comparison)
    assert again.tables == found.tables
    assert verify(MergedAttention(*layer_of(STEP)), ISOTROPIC, prompts=FEW, seed=1).tables != found.tables
    with pytest.raises(AttributeError):
        found.verdict = "contradicts"


def ahn(heads):
    """The optimal step in the convention of Ahn et al., a mean over the context, divided among heads"""
    P = torch.zeros(heads, 3, 3, dtype=torch.float64)
    P[:, -1, -1] = -6 / heads
    return ImportedAttention(CONVENTIONS["ahn"], {"P": P, "Q": layer_of(STEP)[1].expand(heads, 3, 3)})


def test_weights_that_are_divided_by_the_context_length():
    found = verify(ahn(1), ISOTROPIC, prompts=FEW)
    assert found.verdict == "agrees"
    assert found.result["loss_trained"] == pytest.approx(found.result["loss_theory"], rel=1e-12)
    for one in found.measures.shifted:
        assert one.weights == pytest.approx(one.averaged, rel=1e-12)
        assert abs(one.risk.value - one.weights) < 6.5 * one.risk.error
    assert {one.weights == pytest.approx(one.summed) for one in found.measures.shifted if one.shift.kind == "length"} == {False}


def test_one_layer_of_a_stack_has_known_weights():
    stack = AttentionStack(attention="linear", dimension=2, depth=1, heads=1).double()
    v, M = layer_of(STEP)
    with torch.no_grad():
        stack.value[0, 0], stack.key_query[0, 0] = 0.3, M
        stack.value[0, 0, -1] = 6 * v  # a mean over the context
    found = verify(stack, ISOTROPIC, prompts=FEW)
    assert found.verdict == "agrees"
    assert found.result["loss_trained"] == pytest.approx(found.result["loss_theory"], rel=1e-12)
    assert found.result["stationary_point"] == "global minimum"
    for one in found.measures.shifted:
        assert one.weights == pytest.approx(one.averaged, rel=1e-12)
    assert any(part.title == "Weight interpolation" for part in found.tables)


def test_two_layers_of_a_stack_have_none():
    torch.manual_seed(0)
    found = verify(AttentionStack(attention="linear", dimension=2, depth=2, heads=1), ISOTROPIC, prompts=FEW)
    assert found.result["loss_trained"] is None
    assert any("depth 2 and 1 head," in part.note for part in found.tables)


def test_weights_of_several_heads_are_not_compared():
    found = verify(ahn(2), ISOTROPIC, prompts=FEW)
    assert found.verdict == "agrees"
    assert found.result["loss_trained"] is None
    assert "2 heads" in found.measures.weights_unknown
    assert any("2 heads" in part.note for part in found.tables)


# what is no model


class Dropped(Step):
    def forward(self, tokens):
        return nn.functional.dropout(super().forward(tokens), 0.1)


class Normalised(Step):
    def __init__(self, dtype):
        super().__init__(dtype)
        self.norm = nn.BatchNorm1d(1, dtype=dtype)

    def forward(self, tokens):
        return self.norm(super().forward(tokens))


class Listed(Step):
    def forward(self, tokens):
        return (super().forward(tokens), None)


def failing(error):
    def model(tokens):
        raise error

    return model


def spoilt(value):
    def model(tokens):
        predicted = step_model(STEP)(tokens)
        predicted[tokens[:, 0, 0] > 2] = value
        return predicted

    return model


def writing(tokens):
    tokens[:, -1, -1] = 1
    return step_model(STEP)(tokens)


NO_MODELS = {
    "a number": (3, "must be a torch.nn.Module or a function", "got a int"),
    "a text": ("model.pt", "must be a torch.nn.Module or a function", "got a str"),
    "per example": (lambda z: z[:, :, -1], "returned shape (64, 7) for 64 prompts", "expected (64,) or (64, 1)"),
    "one number": (lambda z: 1.0, "returned shape () for 64 prompts", "expected (64,)"),
    "two columns": (lambda z: z[:, -1, :2], "returned shape (64, 2)", "expected (64,) or (64, 1)"),
    "nothing": (lambda z: None, "returned a NoneType", "numbers"),
    "words": (lambda z: ["a"] * len(z), "returned a list", "numbers"),
    "ragged": (lambda z: [[1.0], [1.0, 2.0]], "returned a list", "numbers"),
    "complex": (lambda z: z[:, 0, 0] * 1j, "complex", "real"),
    "a tuple": (Listed(torch.float64), "returned a tuple", "tensor (64,)"),
    "NaN": (spoilt(np.nan), "predictions are not finite", "nan at prompt"),
    "beyond all bounds": (spoilt(1e80), "predictions are not finite (below 1e+75)", "1e+80 at prompt"),
    "infinity": (spoilt(-np.inf), "predictions are not finite", "-inf at prompt"),
    "raises": (failing(ZeroDivisionError("division by zero")), "the model raised ZeroDivisionError: division by zero", "prompts 64×7×3"),
    "raises in lines": (failing(KeyError("first\nsecond")), "the model raised KeyError", "numpy array"),
    "raises in silence": (failing(ValueError()), "the model raised ValueError: ", "prompts 64×7×3"),
    "wants tensors": (Step(torch.float64).forward, "the model raised", "it was given a numpy array"),
    "dropout": (Dropped(torch.float64).train(), "other predictions when asked again", "model.eval()"),
    "batch statistics": (Normalised(torch.float64).train(), "depends on the other prompts", "model.eval()"),
    "of the whole batch": (lambda z: step_model(STEP)(z) - step_model(STEP)(z).mean(), "depends on the other prompts", "fewer"),
    "of its place": (lambda z: step_model(STEP)(z) + np.arange(len(z)), "depends on the other prompts", "reverse order"),
    "writes": (writing, "changed the prompts", "copy"),
}


@pytest.mark.parametrize("name", NO_MODELS)
def test_what_is_no_model(name):
    model, *told = NO_MODELS[name]
    with pytest.raises(ModelError) as raised:
        verify(model, ISOTROPIC, prompts=FEW)
    assert "\n" not in str(raised.value)
    assert all(text in str(raised.value) for text in told), str(raised.value)


def test_what_is_refused_besides():
    for prompts in (1, 255):
        with pytest.raises(ConfigError, match="--prompts"):
            verify(step_model(STEP), ISOTROPIC, prompts=prompts)
    with pytest.raises(ConfigError, match="--seed"):
        verify(step_model(STEP), ISOTROPIC, prompts=FEW, seed=-1)
    with pytest.raises(ConfigError, match=r"must be a theory\.Setting, got a int"):
        verify(step_model(STEP), 3)
    n, s = symbols("n", integer=True, positive=True), symbols("s", positive=True)
    for changed in ({"context_length": n}, {"noise_variance": s}, {"covariates": Gaussian(MatrixSymbol("Sigma", 2, 2))}):
        with pytest.raises(ConfigError, match=r"give (n|s|Sigma) a value"):
            verify(step_model(STEP), replace(ISOTROPIC, **changed))
    with pytest.raises(ConfigError, match="labels are all 0"):
        verify(step_model(STEP), replace(ISOTROPIC, response=Linear(zeros(2, 2)), noise_variance=0))


# the command line


def merged(path, step=STEP):
    v, M = layer_of(step)
    save_file({"value": v, "key_query": M}, path)
    return str(path)


SETTING = ["--context", "6", "--noise", "1"]
CALL = [*SETTING, "--convention", "merged", "--prompts", str(FEW)]


def test_weights(tmp_path, monkeypatch):
    monkeypatch.setattr("numerics.compare_figures.draw", lambda found, title: {"drawn": b""})
    ended = CliRunner().invoke(main, ["--weights", merged(tmp_path / "w.safetensors"), *CALL, "--out", str(tmp_path / "out")])
    assert ended.exit_code == 0, ended.output
    assert ended.stdout.splitlines()[-1].startswith("agrees: ")
    assert {path.name for path in (tmp_path / "out").glob("*.*")} == {".lock", "comparison.json", "result.json", "drawn.png"}


def test_weights_of_another_step(tmp_path):
    ended = CliRunner().invoke(main, ["--weights", merged(tmp_path / "w.safetensors", 1.01 * STEP), *CALL])
    assert ended.exit_code == 3, ended.output
    assert "another step: " in ended.stdout
    assert not list(tmp_path.glob("*/"))
    ended = CliRunner().invoke(main, ["--weights", str(tmp_path / "w.safetensors"), *CALL, "--tolerance", "0.05"])
    assert ended.exit_code == 0


def test_a_contradiction_exits_with_1(tmp_path, monkeypatch):
    monkeypatch.setattr(compare, "decide", lambda found, tolerance: ("contradicts", "its risk is below the Bayes risk"))
    assert CliRunner().invoke(main, ["--weights", merged(tmp_path / "w.safetensors"), *CALL]).exit_code == 1


def refused(args, *told):
    ended = CliRunner().invoke(main, args)
    assert ended.exit_code == 2, (ended.exception, ended.output)
    (line,) = ended.stderr.splitlines()
    assert line.startswith("error: ")
    assert all(text in line for text in told), line


BAD = {
    "nothing": ([], "--weights FILE, or --run DIR"),
    "no convention": (["--weights", "FILE"], "--convention must be given"),
    "no such convention": (["--weights", "FILE", "--convention", "mine"], "--convention"),
    "no such file": (["--weights", "nowhere.npz", "--convention", "merged"], "nowhere.npz"),
    "another dimension": (["--weights", "FILE", *CALL, "--dimension", "3"], "--dimension 3", "d = 2"),
    "no setting": (["--weights", "FILE", *CALL, "--noise", "-1"], "--noise"),
    "no law": (["--weights", "FILE", *CALL, "--covariates", "gausian"], "--covariates"),
    "few prompts": (["--weights", "FILE", *CALL, "--prompts", "10"], "--prompts"),
    "no prompts": (["--weights", "FILE", *CALL, "--prompts", "0"], "--prompts"),
    "no tolerance": (["--weights", "FILE", *CALL, "--tolerance", "0"], "--tolerance"),
    "no seed": (["--weights", "FILE", *CALL, "--seed", "-1"], "--seed"),
    "a file for a folder": (["--weights", "FILE", *CALL, "--out", "FILE"], "--out"),
    "no run": (["--run", "nowhere"], "--run nowhere", "cannot be read"),
    "a run and weights": (["--run", "RUN", "--weights", "FILE"], "--weights"),
    "a run and a setting": (["--run", "RUN", "--noise", "1"], "--noise"),
    "unheard of": (["--nonsense"], "--nonsense"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments(tmp_path, name):
    args, *told = BAD[name]
    path = merged(tmp_path / "w.safetensors")
    refused([path if arg == "FILE" else arg for arg in args], *told)


def run_folder(path):
    path.mkdir()
    (path / "config.json").write_text(json.dumps({"dimension": 2, "context": 6, "noise": "1"}))
    v, M = layer_of(1.015 * STEP)
    save_file({"value": v, "key_query": M}, path / "weights.safetensors")
    return path


def test_a_run_folder(tmp_path, monkeypatch):
    """1.5 % off is within what a sampled run counts as converged."""
    monkeypatch.setattr("numerics.compare_figures.draw", lambda found, title: {})
    run = run_folder(tmp_path / "run")
    ended = CliRunner().invoke(main, ["--run", str(run), "--prompts", str(FEW)])
    assert ended.exit_code == 0, ended.output
    assert ended.stdout.splitlines()[-1].startswith("agrees: ")
    assert json.loads((run / "comparison" / "result.json").read_text())["tolerance"] >= 0.02
    assert {path.name for path in run.iterdir()} == {"config.json", "weights.safetensors", "comparison"}
    assert CliRunner().invoke(main, ["--run", str(run), "--prompts", str(FEW), "--tolerance", "0.005"]).exit_code == 3


def test_a_run_folder_of_a_transformer(tmp_path, monkeypatch):
    """One that has not been trained: it is none of these, and refuses contexts that are longer than it has positions for."""
    monkeypatch.setattr("numerics.compare_figures.draw", lambda found, title: {})
    config = build_config({"model": "transformer", "dimension": 2, "context": 6, "noise": "1", "depth": 1, "width": 8, "heads": 2})
    (tmp_path / "config.json").write_text(config.model_dump_json())
    save_file(initial_deep_model(config).state_dict(), tmp_path / "weights.safetensors")
    ended = CliRunner().invoke(main, ["--run", str(tmp_path), "--prompts", "256"])
    assert ended.exit_code == 3, ended.output
    assert "none of these: " in ended.stdout
    (shifted,) = (part for part in json.loads((tmp_path / "comparison" / "comparison.json").read_text()) if "distribution" in part["title"])
    assert [row[0] for row in shifted["rows"] if row[1] is None] == ["n = 12", "n = 24"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", b"{"),
        ("config.json", b"[]"),
        ("config.json", b'{"noise": "-1"}'),
        ("weights.safetensors", b"x"),
        ("weights.safetensors", None),
    ],
)
def test_a_damaged_run_folder(tmp_path, name, content):
    run = run_folder(tmp_path / "run")
    if content is None:
        save_file({"value": STEP}, run / name)
    else:
        (run / name).write_bytes(content)
    refused(["--run", str(run), "--prompts", str(FEW)], "--run", "is damaged")


def test_a_setting_without_a_known_optimum(monkeypatch):
    """The theory's own error, of one line"""

    def unknown(setting):
        raise UnknownMoment("its loss is not known here.")

    monkeypatch.setattr("numerics.measures.objective_of", unknown)
    with pytest.raises(SettingError, match="not known"):
        verify(ridge_model(1.0), ISOTROPIC, prompts=FEW)
