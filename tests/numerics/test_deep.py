"""`python -m numerics.train --model …`: runs of models with several layers; what is asked of the trained ones is in tests/agreement."""

import json

import pytest
import torch
from click.testing import CliRunner

from numerics.capacity import main as capacity
from numerics.deep import DeepTrainer
from numerics.deep_config import CONFIGS, build_config
from numerics.errors import ConfigError
from numerics.train import main

TINY = {
    "transformer": ["--model", "transformer", "--dimension", "2", "--context", "2", "--depth", "1", "--width", "8", "--heads", "2"],
    "linear": ["--model", "linear", "--dimension", "2", "--context", "3", "--depth", "2"],
    "softmax": ["--model", "softmax", "--dimension", "2", "--context", "3"],
}
SHORT = ["--steps", "12", "--batch", "16", "--prompts", "256", "--threads", "1", "--checkpoint-every", "5"]


def run(*args):
    return CliRunner().invoke(main, list(args))


@pytest.mark.parametrize("model", TINY)
def test_a_run(tmp_path, model):
    out = tmp_path / "run"
    ended = run(*TINY[model], *SHORT, "--out", str(out))
    result = json.loads((out / "result.json").read_text())
    assert ended.exit_code == {"measured only": 0, "not converged": 3}[result["verdict"]], ended.output
    assert result["loss_sampled"] == pytest.approx(result["loss_trained"], rel=0.5)  # 256 prompts
    pictures = {"training", "function"} | ({"lengths", "targets"} if model == "transformer" else set())
    assert {path.stem for path in out.glob("*.png")} == pictures
    assert json.loads((out / "config.json").read_text())["model"] == model
    for table in json.loads((out / "comparison.json").read_text()):
        assert table["status"] == "measured"
        assert table["rows"]


@pytest.mark.parametrize("model", ["transformer", "linear"])
def test_a_killed_run_continues_to_the_same_weights(tmp_path, monkeypatch, model):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    run(*TINY[model], *SHORT, "--out", str(whole))
    advance = DeepTrainer.advance

    def dies(self):
        if self.step == 7:
            raise KeyboardInterrupt
        return advance(self)

    monkeypatch.setattr(DeepTrainer, "advance", dies)
    assert run(*TINY[model], *SHORT, "--out", str(killed)).exit_code == 130
    monkeypatch.undo()
    run("--resume", "--out", str(killed))
    assert (killed / "weights.safetensors").read_bytes() == (whole / "weights.safetensors").read_bytes()
    assert (killed / "metrics.csv").read_bytes() == (whole / "metrics.csv").read_bytes()


def test_streams_add_up():
    """A step on two streams has the mean of their gradients."""
    values = {"model": "linear", "dimension": 2, "context": 2, "batch": 16, "shards": 2}
    together, apart = (DeepTrainer(build_config(values), None) for _ in range(2))
    together.clip = lambda: None
    together.advance()
    losses = apart.losses(8)
    assert len(losses) == 2
    grads = [torch.autograd.grad(loss, list(apart.model.parameters())) for loss in losses]
    for weight, first, second in zip(together.model.parameters(), *grads, strict=True):
        assert torch.allclose(weight.grad, (first + second) / 2, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("model", TINY)
def test_without_noise(tmp_path, model):
    ended = run(*TINY[model], *SHORT, "--noise", "0", "--out", str(tmp_path / "run"))
    assert ended.exit_code in (0, 3), ended.output
    assert json.loads((tmp_path / "run" / "result.json").read_text())["verdict"] != "contradicts"


def test_softmax_that_has_learned_nothing(tmp_path):
    ended = run(*TINY["softmax"], *SHORT, "--learning-rate", "1e-12", "--noise", "4", "--out", str(tmp_path / "run"))
    assert ended.exit_code == 3
    assert "better than predicting 0" in ended.output.replace("\n", " ")


def test_a_step_of_the_larger_configuration():
    """That of the literature, which is trained on a GPU by the same command: 12 layers, 8 heads, d = 20."""
    values = {"model": "transformer", "dimension": 20, "context": 40, "depth": 12, "width": 256, "heads": 8, "batch": 2}
    trainer = DeepTrainer(build_config({**values, "device": "cpu"}), None)
    assert sum(weight.numel() for weight in trainer.model.parameters()) > 9e6
    assert 0 < float(trainer.advance()) < 1e3


REFUSED = {
    "--heads": ["--heads", "2"],
    "--width": [*TINY["transformer"], "--width", "9"],
    "--initialisation": [*TINY["transformer"], "--initialisation", "gaussian"],
    "--response": [*TINY["transformer"], "--response", "relu"],
    "--prompts": [*TINY["linear"], "--prompts", "100"],
    "--depth": [*TINY["linear"], "--depth", "0"],
    "--closer": [*TINY["softmax"], "--closer", "3"],
    "--model": ["--model", "mamba"],
    "--learning-rate": [*TINY["linear"], "--learning-rate", "0"],
    "--tolerance": [*TINY["transformer"], "--tolerance", "nan"],
}


@pytest.mark.parametrize("option", REFUSED)
def test_bad_arguments(tmp_path, option):
    ended = run(*REFUSED[option], "--out", str(tmp_path / "run"))
    assert ended.exit_code == 2
    (line,) = ended.stderr.splitlines()
    assert line.startswith("error: ")
    assert option in line
    assert not (tmp_path / "run").exists()


def test_options_of_another_model_say_whose_they_are():
    with pytest.raises(ConfigError, match="--width: is no option of --model layer; it is one of --model transformer"):
        build_config({"width": 8})


def test_every_model_has_a_config_that_round_trips():
    for name in CONFIGS:
        config = build_config({"model": name})
        assert build_config(config.model_dump()) == config


def test_resume_refuses_another_model(tmp_path):
    out = tmp_path / "run"
    run(*TINY["linear"], *SHORT, "--out", str(out))
    ended = run("--resume", "--model", "softmax", "--out", str(out))
    assert ended.exit_code == 2
    assert "--model: the run in" in ended.stderr


@pytest.mark.parametrize("steps", ["1", "12"])
@pytest.mark.parametrize("model", ["linear", "transformer"])
def test_a_learning_rate_that_diverges(tmp_path, model, steps):
    """After the last step too"""
    ended = run(*TINY[model], *SHORT, "--steps", steps, "--learning-rate", "1e25", "--out", str(tmp_path / "run"))
    assert ended.exit_code == 2
    (line,) = ended.stderr.splitlines()
    assert "--learning-rate" in line


@pytest.mark.parametrize("content", ['{"model": []}', "[" * 100_000, '{"model": "mamba"}'])
def test_a_damaged_config(tmp_path, content):
    out = tmp_path / "run"
    run(*TINY["linear"], *SHORT, "--out", str(out))
    (out / "config.json").write_text(content)
    ended = run("--resume", "--out", str(out))
    assert ended.exit_code == 2
    assert len(ended.stderr.splitlines()) == 1


def test_too_few_prompts_are_refused_before_training():
    with pytest.raises(ConfigError, match="--prompts 256: too few for a step of 5² entries; give 400"):
        build_config({"model": "transformer", "dimension": 5, "prompts": 256})


STUDY = ["--dimension", "2", "--context", "2", "--heads", "1", "--steps", "6", "--batch", "16", "--prompts", "256", "--threads", "1"]


def test_the_capacity_study(tmp_path):
    out = tmp_path / "study"
    args = [*STUDY, "--depth", "1", "--depth", "2", "--width", "4", "--out", str(out)]
    first = CliRunner().invoke(capacity, args)
    assert first.exit_code in (0, 3), first.output
    assert first.exit_code == (0 if json.loads((out / "result.json").read_text())["verdict"] == "measured only" else 3)
    rows = (out / "capacity.csv").read_text().splitlines()
    assert len(rows) == 3
    (out / "capacity.csv").unlink()
    again = CliRunner().invoke(capacity, args)  # nothing is trained twice
    assert (out / "capacity.csv").read_text().splitlines() == rows
    assert again.exit_code == first.exit_code
    other = CliRunner().invoke(capacity, [*args, "--seed", "1"])
    assert other.exit_code == 2
    assert "holds another study" in other.stderr


def test_the_capacity_study_needs_two(tmp_path):
    ended = CliRunner().invoke(capacity, [*STUDY, "--depth", "1", "--width", "4", "--out", str(tmp_path / "study")])
    assert ended.exit_code == 2
    assert not (tmp_path / "study").exists()
