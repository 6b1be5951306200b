"""Files of weights: what is read from them, and that each bad one is refused in one line, with nothing of it run."""

import os
import pickle
import sys
import tarfile
from collections import OrderedDict

import numpy as np
import pytest
import torch
from common import loops
from sympy import Identity, Integer, Matrix, Rational, Symbol
from torch import nn

import numerics.run as run
from numerics.config import TrainConfig
from numerics.errors import ModelError, NumericsError, WeightsError
from numerics.evaluate import to_exact
from numerics.folder import RunFolder
from numerics.weights import ImportedAttention, load, save
from theory import LinearAttention
from theory.conventions import CONVENTIONS

AHN = loops.LOOPS["ahn"].random(seed=1)
NARROW = (torch.float16, torch.bfloat16, torch.float32)
KINDS = (".safetensors", ".npz", ".pt", ".pth", ".bin")


def refused(path, convention="ahn", *words):
    with pytest.raises(WeightsError) as caught:
        load(path, convention)
    message = str(caught.value)
    assert message.startswith(f"weights {path}: ")
    assert len(message.splitlines()) == 1
    for word in words:
        assert word in message
    return message


def saved(path, weights):
    loops.save(path, weights)
    return path


@pytest.mark.parametrize("name", loops.LOOPS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_convention_in_every_kind_of_file(tmp_path, name, kind):
    weights = loops.LOOPS[name].random(seed=3)
    model = load(saved(tmp_path / f"w{kind}", weights), name)
    assert loops.difference(model, name, weights, context=5, seed=4) < 1e-12
    heads, size = (2 if name == "vonoswald" else 1), loops.SIZE
    assert (model.value.shape, model.key_query.shape) == ((heads, size), (heads, size, size))
    assert (model.query_in_sum, model.normalised) == (name == "zhang", name in ("ahn", "zhang", "wu"))
    assert (model.unused, model.dimension) == ((), size - 1)
    assert not any(weight.requires_grad for weight in model.parameters())
    assert torch.equal(model.value_at(4) * 4 if model.normalised else model.value_at(4), model.value)


@pytest.mark.parametrize("name", CONVENTIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_there_and_back_through_a_file(tmp_path, name, kind):
    """The layer of theory, of floats, and of another convention's file, saved in this one: the same predictions, to rounding."""
    value, key_query = (
        torch.zeros(4, dtype=torch.float64),
        torch.randn(4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(2)),
    )
    value[-1], key_query[-1, :-1] = 0.7, 0.0
    path = tmp_path / f"w{kind}"
    weights = save(path, (value, key_query), name, 5)
    assert list(weights) == list(CONVENTIONS[name].names)
    model = load(path, name)
    assert loops.difference(model, "merged", {"value": value, "key_query": key_query}, context=5, seed=1) < 1e-12
    exact = LinearAttention(to_exact(value[:, None]), to_exact(key_query))
    again = save(tmp_path / f"again{kind}", exact, name, 5)
    assert all(torch.equal(again[key], weights[key]) for key in weights)
    save(tmp_path / f"ahn{kind}", model.to_theory(5), "ahn", 5)
    assert (
        loops.difference(load(tmp_path / f"ahn{kind}", "ahn"), "merged", {"value": value, "key_query": key_query}, context=5, seed=1)
        < 1e-12
    )


ONES = torch.ones(3, dtype=torch.float64), torch.ones(3, 3, dtype=torch.float64)
UNSAVED = [
    ("w.onnx", ONES, "ahn", 4, ".safetensors, .npz"),
    ("w.pt", ONES, "akyurek", 4, "merged, paper, ahn"),
    ("w.pt", ONES, "ahn", 0, "context_length"),
    ("w.pt", ONES, "wu", 4, "one step of gradient descent"),
    ("w.pt", ONES, "zhang", 4, "query token"),
    ("w.pt", (ONES[0], ONES[1][:2]), "ahn", 4, "needs v (d+1,)"),
    ("w.pt", (ONES[0] * float("nan"), ONES[1]), "ahn", 4, "v[0] is nan; weights must be finite"),
    ("w.pt", (ONES[0], ONES[1] / torch.eye(3)), "ahn", 4, "M[0, 1] is inf"),
    ("w.pt", (ONES[0].to(torch.complex128), ONES[1]), "ahn", 4, "v is torch.complex128"),
    ("w.pt", (ONES[0], ONES[1].to("meta")), "ahn", 4, "M is torch.float64; weights must be dense"),
    ("w.pt", (ONES[0], "abc"), "ahn", 4, "M must be a tensor, got a str"),
    ("w.pt", (torch.tensor(1.0), ONES[1]), "ahn", 4, "got () and (3, 3)"),
    ("w.pt", None, "ahn", 4, "must be a LinearAttention, or v and M as a pair of tensors, got a NoneType"),
    ("w.pt", "abc", "ahn", 4, "got a str"),
    ("w.pt", "ab", "ahn", 4, "got a str"),
    ("w.pt", (*ONES, ONES[0]), "ahn", 4, "got a tuple of length 3"),
    ("w.pt", ONES, ["ahn"], 4, "convention: must be one of"),
    ("w.pt", ONES, "ahn", Symbol("n"), "context_length must be a number"),
    ("w.pt", ONES, "ahn", 10**400, "P[2, 0] = -1.00E+400 is beyond the greatest float64"),
    ("w.npz", LinearAttention(Matrix([0, 0, Integer(10) ** 400]), Identity(3).as_explicit()), "merged", 4, "value[2, 0] = 1.00E+400"),
    ("w.pt", LinearAttention.symbolic(2), "ahn", 4, "numbers"),
    ("none/w.npz", ONES, "ahn", 4, "cannot be written"),
]


@pytest.mark.parametrize(("file", "layer", "convention", "context", "words"), UNSAVED)
def test_not_saved(tmp_path, file, layer, convention, context, words):
    with pytest.raises(WeightsError) as caught:
        save(tmp_path / file, layer, convention, context)
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"weights {tmp_path / file}: ")
    assert len(str(caught.value).splitlines()) == 1
    assert not (tmp_path / file).exists()


def test_one_head_without_its_axis(tmp_path):
    weights = loops.LOOPS["vonoswald"].random(seed=5)
    one = {name: weight[:1] for name, weight in weights.items()}
    flat = {name: weight[0] for name, weight in weights.items()}
    models = [load(saved(tmp_path / f"{i}.npz", some), "vonoswald") for i, some in enumerate((one, flat))]
    assert all(torch.equal(*pair) for pair in zip(*(model.parameters() for model in models), strict=True))
    assert loops.difference(models[0], "vonoswald", flat, context=3, seed=1) < 1e-12


@pytest.mark.parametrize(
    ("dtype", "kind"), [(dtype, kind) for dtype in NARROW for kind in KINDS if (dtype, kind) != (torch.bfloat16, ".npz")]
)  # numpy has no bfloat16
def test_narrow_floats_are_widened(tmp_path, dtype, kind):
    narrow = {name: weight.to(dtype) for name, weight in AHN.items()}
    model = load(saved(tmp_path / f"w{kind}", narrow), "ahn")
    assert all(weight.dtype == torch.float64 for weight in model.parameters())
    assert loops.difference(model, "ahn", narrow, context=4, seed=2) < 1e-12


def test_other_byte_orders(tmp_path):
    np.savez(tmp_path / "w.npz", P=AHN["P"].numpy().astype(">f8"), Q=AHN["Q"].numpy().astype(np.longdouble))
    assert loops.difference(load(tmp_path / "w.npz", "ahn"), "ahn", AHN, context=4, seed=2) < 1e-12


@pytest.mark.parametrize(
    ("rename", "wrap"),
    [
        (lambda name: f"module.{name}", lambda state: state),
        (lambda name: f"layers.0.attn.{name}.weight", lambda state: state),
        (lambda name: f"attn/{name}", lambda state: {"step": 7, "model": state}),
        (lambda name: name, lambda state: {"model": {"state_dict": OrderedDict(state)}, "optimizer": {"lr": 0.1}}),
        (lambda name: name, lambda state: {"state_dict": {"model": state}}),
        (lambda name: name, lambda state: {name: nn.Parameter(weight) for name, weight in state.items()}),
    ],
)
def test_prefixes_and_nesting(tmp_path, rename, wrap):
    state = {rename(name): weight for name, weight in AHN.items()}
    torch.save(wrap(state), tmp_path / "w.pt")
    assert loops.difference(load(tmp_path / "w.pt", "ahn"), "ahn", AHN, context=4, seed=2) < 1e-12


def test_the_name_itself_comes_first_and_the_rest_is_listed(tmp_path):
    others = {"ema.P": AHN["Q"], "mlp.weight": AHN["Q"], "Q.bias": torch.zeros(3)}
    model = load(saved(tmp_path / "w.safetensors", {**AHN, **others}), "ahn")
    assert set(model.unused) == set(others)
    assert loops.difference(model, "ahn", AHN, context=4, seed=2) < 1e-12


def test_a_model_of_torch_modules(tmp_path):
    """Linear maps without bias: nn.Linear's weight is the matrix that multiplies a column from the left."""
    layer = nn.ModuleDict({name: nn.Linear(4, 4, bias=False) for name in ("W_K", "W_Q", "W_V")})
    layer.register_parameter("h", nn.Parameter(torch.randn(4)))
    torch.save(layer.state_dict(), tmp_path / "w.pt")
    model = load(tmp_path / "w.pt", "paper")
    weights = {name.removesuffix(".weight"): weight for name, weight in layer.state_dict().items()}
    assert loops.difference(model, "paper", weights, context=4, seed=2) < 1e-12


@pytest.mark.parametrize(("parametrisation", "conventions"), [("separate", ("paper", "merged")), ("merged", ("merged",))])
def test_weights_of_our_own_runs(tmp_path, monkeypatch, parametrisation, conventions):
    monkeypatch.setattr(run.figures, "draw", lambda *args: {})
    monkeypatch.setattr(run, "CHECK_PROMPTS", 1 << 12)
    config = TrainConfig.build(dimension=3, context=4, steps=2, batch=8, parametrisation=parametrisation, initialisation="gaussian")
    run.train(config, RunFolder.create(tmp_path / "run", config))
    models = [load(tmp_path / "run" / "weights.safetensors", name) for name in conventions]
    trainer = run.Trainer(config, None)
    trainer.run(lambda step, excess: None)
    x, y, _ = loops.draw(16, 4, torch.Generator().manual_seed(1))
    expected = trainer.model.double()(loops.tokens(x, y))
    for model in models:
        torch.testing.assert_close(model(loops.tokens(x, y)), expected, rtol=1e-5, atol=1e-6)
        assert {*model.unused, *model.convention.names} == {*trainer.model.state_dict(), "value", "key_query"}


def test_theory_at_the_saved_weights(tmp_path):
    for name in ("merged", "paper", "ahn"):
        weights = loops.LOOPS[name].random(seed=6)
        model = load(saved(tmp_path / f"{name}.pt", weights), name)
        layer = model.to_theory(7)
        for exact, rounded in ((layer.value, model.value_at(7)[0]), (layer.key_query, model.key_query[0].flatten())):
            assert all(entry.is_Rational for entry in exact)
            torch.testing.assert_close(
                torch.tensor([float(entry) for entry in exact], dtype=torch.float64), rounded, rtol=1e-12, atol=1e-12
            )
    P = AHN["P"]
    exact = load(saved(tmp_path / "w.pt", AHN), "ahn").to_theory(7).value
    assert list(exact) == [-Rational(*float(entry).as_integer_ratio()) / 7 for entry in P[-1]]


def test_no_layer_predicts_the_same(tmp_path):
    zhang = loops.LOOPS["zhang"].random(seed=1)
    cases = [("zhang", zhang, "query token is in the sum"), ("vonoswald", loops.LOOPS["vonoswald"].random(seed=1), "2 heads")]
    for name, weights, words in cases:
        with pytest.raises(ModelError, match=words) as caught:
            load(saved(tmp_path / f"{name}.pt", weights), name).to_theory(4)
        assert len(str(caught.value).splitlines()) == 1
    zhang["W_PV"][-1, :-1] = 0
    assert load(saved(tmp_path / "sparse.pt", zhang), "zhang").to_theory(4).dimension == 3
    with pytest.raises(ModelError, match="context_length"):
        load(saved(tmp_path / "ahn.pt", AHN), "ahn").to_theory(0)


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        (torch.zeros(2, 5, 3), "d = 3"),
        (torch.zeros(5, 4), "(batch, n+1, d+1)"),
        (torch.zeros(2, 1, 4), "n ≥ 1"),
        (torch.ones(2, 5, 4), "label slot"),
    ],
)
def test_prompts_that_are_none(tmp_path, tokens, words):
    with pytest.raises(NumericsError) as caught:
        load(saved(tmp_path / "ahn.pt", AHN), "ahn")(tokens)
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_prompt_without_context_where_nothing_is_divided(tmp_path):
    model = load(saved(tmp_path / "w.pt", loops.LOOPS["merged"].random(seed=1)), "merged")
    assert torch.equal(model(torch.zeros(2, 1, 4)), torch.zeros(2, dtype=torch.float64))


# refused


class Payload:
    """Creates a file when it is unpickled"""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("kind", [".pt", ".pth", ".bin"])
@pytest.mark.parametrize("protocol", [0, 2, 5, "zip", "zip, nested", "old torch"])
def test_a_pickle_that_runs_code(tmp_path, kind, protocol):
    """It would make a folder, and does so where it is unpickled."""
    path, ran = tmp_path / f"w{kind}", tmp_path / "ran"
    evil = {**AHN, "state_dict": Payload(ran)} if protocol == "zip, nested" else Payload(ran)
    if isinstance(protocol, int):
        path.write_bytes(pickle.dumps(evil, protocol=protocol))
    else:
        torch.save(evil, path, _use_new_zipfile_serialization=protocol != "old torch")
    refused(path, "ahn", "is a pickle that would run code (", ".mkdir); nothing was run. Save a state dict or safetensors.")
    assert not ran.exists()
    if isinstance(protocol, int):
        pickle.loads(path.read_bytes())
        assert ran.exists()


def test_more_pickles(tmp_path):
    torch.save(nn.Linear(2, 2), tmp_path / "module.pt")
    refused(tmp_path / "module.pt", "ahn", "is a pickle that would run code (torch.nn.modules.linear.Linear)")
    ran = tmp_path / "ran"
    np.savez(tmp_path / "w.npz", P=np.array([Payload(ran)], dtype=object), Q=np.eye(2))
    refused(tmp_path / "w.npz", "ahn", "is a pickle that would run code (object arrays); nothing was run")
    (tmp_path / "bare.npz").write_bytes(pickle.dumps(Payload(ran)))
    refused(tmp_path / "bare.npz", "ahn", "would run code (", ".mkdir); nothing was run")
    assert not ran.exists()


def test_torchs_first_format(tmp_path):
    inner = tmp_path / "pickle"
    inner.write_bytes(pickle.dumps(Payload(tmp_path / "ran")))
    with tarfile.open(tmp_path / "w.pt", "w") as archive:
        for name in ("sys_info", "pickle", "storages", "tensors"):
            archive.add(inner, name)
    refused(tmp_path / "w.pt", "ahn", "nothing was run")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_not_a_whole_file(tmp_path, kind):
    path = saved(tmp_path / f"w{kind}", AHN)
    content = path.read_bytes()
    for part in (content[: len(content) // 2], content[:-20], content[20:], b"garbage" * 50, content[:9]):
        path.write_bytes(part)
        refused(path, "ahn")
    path.write_bytes(b"")
    refused(path, "ahn", "is empty")
    path.unlink()
    refused(path, "ahn", "No such file")
    path.mkdir()
    refused(path, "ahn", "is not a file")


@pytest.mark.parametrize("kind", KINDS)
def test_files_with_bytes_changed(tmp_path, kind):
    """Either refused in one line, or read: nothing else."""
    path, random = tmp_path / f"w{kind}", np.random.default_rng(0)
    content = saved(path, AHN).read_bytes()
    messages = []
    for _ in range(60):
        bad = bytearray(content)
        for place in random.integers(len(bad), size=4):
            bad[place] = random.integers(256)
        path.write_bytes(bytes(bad))
        try:
            load(path, "ahn")
        except WeightsError as error:
            messages.append(str(error))
    assert messages
    assert all(len(message.splitlines()) == 1 for message in messages)


def test_other_suffixes_and_conventions(tmp_path):
    path = tmp_path / "w.onnx"
    path.write_bytes(b"x")
    refused(path, "ahn", ".onnx", ".safetensors", ".npz", ".pt")
    refused(tmp_path / "w", "ahn", "suffix")
    with pytest.raises(WeightsError, match="merged, paper, ahn, zhang, vonoswald"):
        load(path, "akyurek")
    for wrong in (["a"], None, 3):
        with pytest.raises(WeightsError, match="convention: must be one of merged") as caught:
            load(path, wrong)
        assert len(str(caught.value).splitlines()) == 1
    for use in (lambda: load(None, "ahn"), lambda: save(3, ONES, "ahn", 4)):
        with pytest.raises(WeightsError, match="path must be a path"):
            use()
    with pytest.raises(WeightsError, match="cannot be written"):
        save(tmp_path / "a\0.pt", ONES, "ahn", 4)
    refused(tmp_path / ("x" * 5000 + ".npz"), "ahn", "cannot be read")
    loops.save(tmp_path / "W.PT", AHN)
    assert load(tmp_path / "W.PT", "ahn").dimension == 3


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path):
    path = saved(tmp_path / "w.npz", AHN)
    path.chmod(0)
    refused(path, "ahn", "Permission denied")


eye, nan, inf = torch.eye(3), float("nan"), float("inf")
UNFIT = [
    ("Q missing", {"P": eye}, "ahn", "has no Q of the convention ahn, only P"),
    (
        "keys of another convention",
        {"P": eye, "Q": eye},
        "zhang",
        "has no W_PV, W_KQ of the convention zhang, only P, Q; its keys are those of the convention ahn",
    ),
    ("no tensors", {}, "ahn", "only nothing"),
    ("many keys", {f"layer{i}": eye for i in range(50)}, "ahn", "(50 in all)"),
    ("two layers", {f"{i}.{name}": eye for i in range(2) for name in "PQ"}, "ahn", "has several keys for P (0.P, 1.P)"),
    ("a bias", {"P": eye, "Q.weight": eye, "Q.bias": torch.ones(3)}, "ahn", "Q.bias is not 0"),
    ("P not square", {"P": torch.ones(3, 2), "Q": eye}, "ahn", "P must be (d+1)×(d+1)"),
    ("Q smaller", {"P": eye, "Q": torch.eye(2)}, "ahn", "Q must be (d+1)×(d+1), all ≥ 1; got 2×2 where d = 2"),
    ("P with heads", {"P": torch.ones(2, 3, 3), "Q": eye}, "ahn", "got 2×3×3"),
    ("P a vector", {"P": torch.ones(3), "Q": eye}, "ahn", "P must be"),
    ("P a number", {"P": torch.tensor(1.0), "Q": eye}, "ahn", "P must be"),
    ("P empty", {"P": torch.zeros(0, 0), "Q": eye}, "ahn", "P must be"),
    ("no covariates", {"P": torch.eye(1), "Q": torch.eye(1)}, "ahn", "d = 0"),
    (
        "heads differ",
        {"W_K": torch.ones(2, 3, 3), "W_Q": torch.ones(2, 3, 3), "W_V": eye, "P": eye},
        "vonoswald",
        "as many heads, at least one, got W_K 2",
    ),
    ("no heads", {name: torch.ones(0, 3, 3) for name in ("W_K", "W_Q", "W_V", "P")}, "vonoswald", "at least one, got W_K 0"),
    ("value of another length", {"value": torch.ones(4), "key_query": eye}, "merged", "key_query must be"),
    ("nan", {"P": eye.clone().fill_diagonal_(nan), "Q": eye}, "ahn", "P[0, 0] is nan"),
    ("inf", {"P": eye, "Q": torch.where(eye > 0, inf, 0.0)}, "ahn", "Q[0, 0] is inf"),
    ("integers", {"P": eye.long(), "Q": eye}, "ahn", "P is torch.int64"),
    ("complex", {"P": eye, "Q": eye.to(torch.complex64)}, "ahn", "Q is torch.complex64"),
    ("booleans", {"P": eye.bool(), "Q": eye}, "ahn", "P is torch.bool"),
    ("sparse", {"P": eye.to_sparse(), "Q": eye}, "ahn", "dense"),
]


@pytest.mark.parametrize(("weights", "convention", "words"), [row[1:] for row in UNFIT], ids=[row[0] for row in UNFIT])
def test_unfit(tmp_path, weights, convention, words):
    torch.save(weights, tmp_path / "w.pt")
    refused(tmp_path / "w.pt", convention, words)
    if not any(weight.is_sparse for weight in weights.values()):
        loops.save(tmp_path / "w.safetensors", weights)
        refused(tmp_path / "w.safetensors", convention, words)
        loops.save(tmp_path / "w.npz", weights)
        refused(tmp_path / "w.npz", convention, words.replace("torch.", ""))


def test_other_things_in_a_file(tmp_path):
    torch.save([eye, eye], tmp_path / "w.pt")
    refused(tmp_path / "w.pt", "ahn", "holds a list, not a state dict")
    circle = {"lr": 0.1}
    circle["model"] = circle
    torch.save(circle, tmp_path / "w.pt")
    refused(tmp_path / "w.pt", "ahn", "has no P, Q")
    torch.save({"P": eye, "Q": eye, "a\nb": eye, 3: eye}, tmp_path / "w.pt")
    assert set(load(tmp_path / "w.pt", "ahn").unused) == {"a\nb", "3"}
    refused(tmp_path / "w.pt", "zhang", "a?b")
    np.save(tmp_path / "w", np.eye(3))
    (tmp_path / "w.npy").rename(tmp_path / "w.npz")
    refused(tmp_path / "w.npz", "ahn", "one array without a name")
    np.savez(tmp_path / "w.npz", P=np.array("text"), Q=np.eye(3))
    refused(tmp_path / "w.npz", "ahn", "P is <U4")
    with pytest.raises(WeightsError, match="P must be"):
        ImportedAttention(CONVENTIONS["ahn"], {"P": torch.ones(1, 3, 2), "Q": torch.ones(1, 3, 3)})
