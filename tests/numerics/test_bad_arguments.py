"""Bad arguments: exit code 2, one line on stderr that names the argument, no traceback, and nothing written or changed."""

import io
import json

import pytest
import torch
from click.testing import CliRunner

from numerics.folder import RunFolder
from numerics.train import main

TINY = ["--dimension", "2", "--context", "2", "--steps", "2", "--batch", "8", "--checkpoint-every", "1"]


def refused(args, *names):
    ended = CliRunner().invoke(main, args)
    assert ended.exit_code == 2, (ended.exception, ended.stderr)
    assert isinstance(ended.exception, SystemExit)
    (line,) = ended.stderr.splitlines()
    assert line.startswith("error: ")
    assert any(name in line for name in names), line


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("finished") / "run"
    assert CliRunner().invoke(main, [*TINY, "--out", str(out)]).exit_code == 3
    return contents(out)


@pytest.fixture
def holding(tmp_path, finished):
    out = tmp_path / "run"
    out.mkdir()
    for name, content in finished.items():
        (out / name).write_bytes(content)
    return out


VALUES = {
    "--noise": ["-1", "abc", "nan", "inf", "1/0", "1e400", "1e9999999999", "1e-9999999999", ""],
    "--context": ["0", "-3", "abc", "1.5"],
    "--dimension": ["0", "-1", "abc"],
    "--covariates": ["1,2,3", "1,2;3", "2,1;0,2", "1,2;2,1", "1,1;1,1", "0,1", "-1,1", "a,b", "nan,1", "1/0,1", ""],
    "--response": ["1,2;2,1", "2,1;0,2", "-1,1", "0,0", "0,0;0,0", "a,b", "1"],
    "--learning-rate": ["-1", "0", "nan", "inf", "abc"],
    "--initial-scale": ["-1", "0", "nan", "inf"],
    "--tolerance": ["-1", "0", "nan", "inf"],
    "--steps": ["0", "-1", "x"],
    "--batch": ["0", "x"],
    "--checkpoint-every": ["0"],
    "--threads": ["0"],
    "--seed": ["-1", str(2**63)],
    "--device": ["tpu"],
    "--objective": ["x"],
    "--nonsense": ["1"],
}


@pytest.mark.parametrize(("option", "value"), [(option, value) for option, values in VALUES.items() for value in values])
def test_values(tmp_path, option, value):
    out = tmp_path / "run"
    refused([*TINY, option, value, "--out", str(out)], option, option)
    assert not out.exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_no_cuda(tmp_path):
    refused([*TINY, "--device", "cuda", "--out", str(tmp_path / "run")], "--device")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("rate", ["1e25", "1e30"])
def test_a_learning_rate_that_diverges(tmp_path, rate):
    refused([*TINY, "--steps", "20", "--learning-rate", rate, "--out", str(tmp_path / "run")], "--learning-rate")
    assert not (tmp_path / "run" / "result.json").exists()


@pytest.mark.parametrize("where", ["file", "file/under", "full"])
def test_out_that_cannot_hold_a_run(tmp_path, where):
    (tmp_path / "file").write_text("x")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "note").write_text("mine")
    before = contents(tmp_path)
    refused([*TINY, "--out", str(tmp_path / where)], "--out")
    assert contents(tmp_path) == before


def test_out_holding_another_run(holding):
    before = contents(holding)
    refused([*TINY, "--seed", "1", "--out", str(holding)], "--out")
    assert contents(holding) == before


def test_resume_without_a_run(tmp_path):
    refused(["--resume"], "--resume")
    refused(["--resume", "--out", str(tmp_path)], "--out")
    refused(["--resume", "--out", str(tmp_path / "nowhere")], "--out")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("option", "value"), [("--steps", "3"), ("--seed", "5"), ("--noise", "1/3"), ("--objective", "exact"), ("--learning-rate", "0.1")]
)
def test_resume_with_another_setting(holding, option, value):
    before = contents(holding)
    refused(["--resume", option, value, "--out", str(holding)], option)
    assert contents(holding) == before


def other(config, **changes):
    return json.dumps(json.loads(config) | changes).encode()


DAMAGE = {
    "config empty": ("config.json", lambda content: b""),
    "config cut": ("config.json", lambda content: content[: len(content) // 2]),
    "config binary": ("config.json", lambda content: b"\xff\x00\xfe"),
    "config a list": ("config.json", lambda content: b"[1, 2]"),
    "config of another kind": ("config.json", lambda content: other(content, dimension="two")),
    "config with more": ("config.json", lambda content: other(content, unheard=1)),
    "config of no setting": ("config.json", lambda content: other(content, noise="-1")),
    "config of another seed": ("config.json", lambda content: other(content, seed=1)),
    "config of another model": ("config.json", lambda content: other(content, dimension=3)),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_resume_of_a_damaged_run(holding, kind):
    name, damage = DAMAGE[kind]
    path = holding / name
    path.write_bytes(damage(path.read_bytes()))
    before = contents(holding)
    refused(["--resume", "--out", str(holding)], name)
    assert contents(holding) == before


def test_resume_from_a_whole_file_that_is_no_checkpoint(holding):
    folder, content = RunFolder(holding), io.BytesIO()
    torch.save({"step": 1}, content)
    for whole in (b"other", content.getvalue()):
        folder.write_sealed("checkpoint.pt", whole)
        before = contents(holding)
        refused(["--resume", "--out", str(holding)], "checkpoint.pt: is of another version")
        assert contents(holding) == before


def test_a_learning_rate_beyond_float32(tmp_path):
    refused([*TINY, "--learning-rate", "1e300", "--out", str(tmp_path / "run")], "--learning-rate")
