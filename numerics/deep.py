"""Training of models with several layers, and the verdict on them: distance to ridge at every context length, against the Bayes risk."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Generator, Tensor, nn

from numerics import deep_figures
from numerics.deep_config import DeepConfig, TransformerConfig, build_config
from numerics.errors import RunFolderError
from numerics.folder import CONFIG, WEIGHTS, RunFolder
from numerics.intervals import Interval
from numerics.lengths import SURE, AtLength, Measured, measure
from numerics.loop import Loop
from numerics.parallel import ALONE, Processes
from numerics.predictors import prior_of, ridge
from numerics.run import BETAS, Z_LIMIT
from numerics.samplers import PromptSampler
from numerics.transformer import initial_deep_model

COLUMNS = ("step", "loss", "excess", "learning_rate")
COMPARISON = "comparison.json"
CHECKED = 1024
"""Prompts on which the distance to ridge is followed during training"""
RARE = 10
"""Prompts of which a sample may hold none by chance, 5 in 10⁵ times, though with little noise they make the whole of the Bayes risk"""
ROUNDING = 1e-12
"""In units of E y², what float64 leaves of a mean that is 0"""
APART = 0.01
"""Of (Bayes risk − σ²), the excess of one step below which it is as good as ridge, and nothing can be asked to be closer to ridge: so
after one example of constant norm, and after few in high dimension"""
FALLING = 0.05
"""Share by which the excess of a trained stack may be above that of gradient descent, or still fall over the last tenth of training"""
ADAM_SHARE = 0.2
"""Of the learning rate: what the weights outside the blocks get from AdamW, where the matrices get the whole from Muon"""


@dataclass(frozen=True)
class DeepResult:
    """Where training ended. Losses are means over the context lengths at which there is a loss.

    loss_theory            the Bayes risk, which no predictor undercuts
    loss_trained           that plus the model's mean squared distance to ridge
    relative_excess        None where the Bayes risk is 0
    step_relative_error    of the step that the model takes at the full context, by regression, against the best single step
    worst_relative_excess  the largest, over the lengths, of the excess over (Bayes risk − σ²); None where that is 0 at all of them
    least_closer           the least, over the lengths where one step is not as good as ridge, of squared distance to one step / to ridge
    """

    verdict: str
    reason: str
    stationary_point: None
    loss_theory: float
    loss_trained: float
    relative_excess: float | None
    step_relative_error: float | None
    worst_relative_excess: float | None
    worst_relative_excess_length: int | None
    least_closer: float | None
    least_closer_length: int | None
    loss_sampled: float
    parameters: int
    steps: int
    seconds: float
    device: str
    threads: int
    torch: str


def train_deep(
    config: DeepConfig,
    folder: RunFolder | None,
    *,
    processes: Processes = ALONE,
    progress: Callable[[int, float], None] = lambda step, excess: None,
    judging: Callable[[int, int], None] = lambda done, of: None,
) -> DeepResult | None:
    """Trains, or continues from the folder's checkpoint, measures the model, and writes everything.

    Of several processes only the first has a folder, and a result. progress is called with the step and the excess over the Bayes risk,
    judging with how many of the context lengths have been measured. Raises TrainingError where the loss stops being finite.
    """
    torch.set_num_threads(config.threads)
    trainer = DeepTrainer(config, folder, processes)
    trainer.run(progress)
    if folder is None:
        return None
    folder.save_weights(trainer.model.state_dict())
    folder.save_metrics(COLUMNS, trainer.rows)
    measured = measured_model(config, trainer.model, trainer.device, judging)
    result = judge(config, trainer, measured)
    folder.write(COMPARISON, (json.dumps(tables(config, measured.rows), indent=2, ensure_ascii=False) + "\n").encode())
    for name, figure in deep_figures.draw(config, trainer.rows, measured.rows, trainer.model).items():
        folder.write(f"{name}.png", figure)
    folder.save_result(asdict(result))
    return result


class DeepTrainer(Loop):
    """Muon on the matrices of a transformer's blocks and AdamW on the rest; Adam on stacks of attention layers."""

    config: DeepConfig

    def __init__(self, config: DeepConfig, folder: RunFolder | None, processes: Processes = ALONE) -> None:
        device = config.torch_device
        if device.type == "cuda":
            torch.set_float32_matmul_precision("high")
        super().__init__(config, initial_deep_model(config), folder, processes, device=device, log_every=max(1, config.steps // 100))
        self.samplers = [PromptSampler(config.setting, dtype=torch.float32, device=device, generator=stream) for stream in self.generators]
        check = PromptSampler(
            config.setting, dtype=torch.float64, device=torch.device("cpu"), generator=Generator().manual_seed(config.seed + 5)
        )
        self.check = check.sequences(CHECKED)
        self.targets = _ridge_at(config, *self.check)
        self.restore()

    def optimisers_of(self, model: nn.Module) -> list[torch.optim.Optimizer]:
        peak = self.config.peak_learning_rate
        if not isinstance(self.config, TransformerConfig):
            return [torch.optim.Adam(model.parameters(), lr=peak, betas=BETAS, fused=True)]
        inside = {weight for weight in model.get_submodule("blocks").parameters() if weight.ndim == 2}
        rest = [weight for weight in model.parameters() if weight not in inside]
        ordered = [weight for weight in model.parameters() if weight in inside]
        return [
            torch.optim.Muon(ordered, lr=peak, weight_decay=0.0),
            torch.optim.AdamW(rest, lr=ADAM_SHARE * peak, betas=BETAS, weight_decay=0.0, fused=True),
        ]

    def losses(self, prompts: int) -> list[Tensor]:
        drawn = (sampler.sequences(prompts) for sampler in self.samplers)
        first = self.config.lengths.start  # a slice: an index of numbers would be sent to the device
        return [(self.model.at_lengths(x, y) - y[:, first:]).square().mean() for x, y in drawn]

    def clip(self) -> None:
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)

    def rate(self, step: int) -> float:
        """Linear warm-up over the first thirtieth, then linear to 0."""
        done = (step + 0.5) / self.config.steps
        return self.config.peak_learning_rate * min(30 * done, 1.0) * (1 - done)

    def log(self, loss: float) -> float:
        predicted = predictions(self.model, self.device, *self.check)
        excess = float((predicted - self.targets).square().mean())
        self.refuse_divergence(loss, excess)
        self.rows.append([self.step, loss, excess, self.rate(self.step - 1)])
        return excess


def trained_model(path: Path) -> tuple[DeepConfig, nn.Module]:
    """The config and the model of a finished run. Raises RunFolderError."""
    try:
        config = build_config({**json.loads((path / CONFIG).read_text()), "device": "cpu"})  # wherever it was trained
        weights = load_file(path / WEIGHTS)
    except FileNotFoundError as error:
        raise RunFolderError(
            f"{path}: holds no finished run, {Path(error.filename).name} is missing; train one with --out {path}."
        ) from None
    except (OSError, ValueError, SafetensorError) as error:
        raise RunFolderError(f"{path}: cannot be read ({error}).") from None
    if not isinstance(config, DeepConfig):
        raise RunFolderError(f"{path}: holds a run of one layer, not of a model with several.")
    model = initial_deep_model(config)
    try:
        model.load_state_dict(weights)
    except RuntimeError:
        raise RunFolderError(f"{path / WEIGHTS}: does not fit the run's config.json; one of the two was changed.") from None
    return config, model.eval()


def predictions(model: nn.Module, device: torch.device, x: Tensor, y: Tensor) -> Tensor:
    """What a float32 model says of float64 sequences, (batch, lengths) in float64 on the CPU."""
    with torch.no_grad():
        predicted: Tensor = model.at_lengths(x.to(device, torch.float32), y.to(device, torch.float32))  # type: ignore[operator]
    return predicted.cpu().double()


def _ridge_at(config: DeepConfig, x: Tensor, y: Tensor) -> Tensor:
    """Ridge at each length, (batch, lengths)"""
    noise, prior = float(config.setting.noise_variance), prior_of(config.setting)
    return torch.stack([ridge(x[:, :k], y[:, :k], x[:, k], noise=noise, prior=prior) for k in config.lengths], dim=1)


def measured_model(
    config: DeepConfig, model: nn.Module, device: torch.device, judging: Callable[[int, int], None] = lambda done, of: None
) -> Measured:
    """The model on fresh prompts, at each length; k steps of gradient descent are as many as it has layers."""
    return measure(
        partial(predictions, model, device),
        config.setting,
        config.lengths,
        steps=config.depth,
        prompts=config.prompts,
        seed=config.seed + 6,
        progress=judging,
    )


def judge(config: DeepConfig, trainer: DeepTrainer, measured: Measured) -> DeepResult:
    """The verdict on a measured model."""
    rows = measured.rows
    noise = float(config.setting.noise_variance)
    verdict, reason = decide(config, rows, [row[2] for row in trainer.rows])
    bayes = noise + sum(row.bayes.value for row in rows) / len(rows)
    excess = sum(row.excess.value for row in rows) / len(rows)
    relative = [(row.relative.value, row.length) for row in rows if row.relative]
    closer = [(row.closer.value, row.length) for row in rows if row.closer and _apart(row)]
    worst, least = max(relative, default=(None, None)), min(closer, default=(None, None))
    return DeepResult(
        verdict=verdict,
        reason=reason,
        stationary_point=None,
        loss_theory=bayes,
        loss_trained=bayes + excess,
        relative_excess=excess / bayes if bayes else None,
        step_relative_error=measured.step_relative_error,
        worst_relative_excess=worst[0],
        worst_relative_excess_length=worst[1],
        least_closer=least[0],
        least_closer_length=least[1],
        loss_sampled=sum(row.risk.value for row in rows) / len(rows),
        parameters=sum(weight.numel() for weight in trainer.model.parameters()),
        steps=trainer.step,
        seconds=trainer.seconds,
        device=str(trainer.device),
        threads=torch.get_num_threads(),
        torch=torch.__version__,
    )


def decide(config: DeepConfig, rows: Sequence[AtLength], excesses: Sequence[float]) -> tuple[str, str]:
    """The verdict and the reason for it, from what was measured at each length and the excesses that were logged during training."""
    for row in rows:
        unseen = RARE / config.prompts * row.unit
        if not abs(row.consistent.value) <= Z_LIMIT * row.consistent.error + unseen:
            return "contradicts", (
                f"after {row.length} examples the risk is not the Bayes risk plus the squared distance to ridge: off by "
                f"{row.consistent.value:.3g}, with a standard error of {row.consistent.error:.1g}"
            )
    return _transformer(config, rows) if isinstance(config, TransformerConfig) else _stack(config, rows[-1], excesses)


def _apart(row: AtLength) -> bool:
    """Whether one step and ridge are so far apart that a model can be asked to be nearer to one of them"""
    gap = row.gaps["one step"]
    return gap is not None and gap.value > APART * row.bayes.value


def _transformer(config: TransformerConfig, rows: Sequence[AtLength]) -> tuple[str, str]:
    """Ridge at every length, to within the targets, which the bounds of the intervals are to keep."""
    advice = "train longer (--steps), or a larger model (--depth, --width)"
    for row in rows:
        relative, closer = row.relative, row.closer
        if relative and not relative.value + SURE * relative.error <= config.tolerance:
            return "not converged", (
                f"after {row.length} examples the excess over the Bayes risk is {relative.value:.1%} of (Bayes risk − σ²), not surely "
                f"below {config.tolerance:.0%}; {advice}"
            )
        if closer and _apart(row) and not closer.value - SURE * closer.error >= config.closer:
            return "not converged", (
                f"after {row.length} examples the model is {closer.value:.3g} times closer to ridge than to one step, not surely "
                f"{config.closer:g} times; {advice}"
            )
    return "agrees", (
        f"at every length of the context the excess is at most {config.tolerance:.0%} of (Bayes risk − σ²), and the model at least "
        f"{config.closer:g} times closer to ridge than to one step"
    )


def _stack(config: DeepConfig, row: AtLength, excesses: Sequence[float]) -> tuple[str, str]:
    """One linear layer is one step, odd in the labels, and an even part, which cannot help (theorem `general-gaussian`).

    Of the others no theorem speaks: linear ones are to do as well as so many steps of gradient descent, softmax ones to have learned
    something, and to have stopped.
    """
    several = [(name, gap) for name, gap in row.gaps.items() if name != "least squares" and gap]
    against = ", ".join(f"{name} {gap.value:.4g}" for name, gap in several)
    numbers = f"its excess over the Bayes risk is {row.excess.value:.4g}; {against}"
    if config.model == "softmax":
        tenth = max(1, len(excesses) // 10)
        before, last = (sum(part) / tenth for part in (excesses[-2 * tenth : -tenth] or excesses[:tenth], excesses[-tenth:]))
        if not row.risk.high < row.unit:
            return "not converged", f"{numbers}. It is not surely better than predicting 0; train longer (--steps, --learning-rate)"
        if not before <= last * (1 + FALLING):
            return "not converged", f"{numbers}. The excess still falls; train longer (--steps)"
        return "measured only", f"no theorem here speaks of softmax attention; {numbers}"
    best = min(gap.value for name, gap in several if "GD++" not in name)
    if not row.excess.value <= best * (1 + FALLING) + ROUNDING * row.unit:
        return "not converged", f"{numbers}. Linear layers can take these steps; train longer (--steps), or from another --seed"
    if config.depth > 1 or config.heads > 1:
        return "measured only", f"no theorem here speaks of several layers or heads; {numbers}"
    if row.behind.value < -Z_LIMIT * row.behind.error - ROUNDING * row.unit:
        return "contradicts", f"one linear layer does better than the best single step, by {-row.behind.value:.3g}; {numbers}"
    return "agrees", f"no linear layer does better than the best single step; {numbers}"


def tables(config: DeepConfig, rows: Sequence[AtLength]) -> list[dict[str, object]]:
    """What was measured, as tables for the report of the run."""
    names = list(rows[-1].distances)

    def said(interval: Interval | None) -> str | None:
        if interval is None or not math.isfinite(interval.error):
            return interval and f"{interval.value:.4g}, no interval"
        return f"{interval.value:.4g} ± {interval.value - interval.low:.2g}"

    intervals = f"Intervals are 95 %, from 64 batches of {config.prompts} fresh prompts in all."
    return [
        {
            "title": "The model at each length of the context",
            "status": "measured",
            "note": "Excess: E (ŷ − ridge)², the risk less the Bayes risk (theorem ridge-is-bayes-optimal). Closer: squared distance to "
            "one step over that to ridge; both predict 0 without examples. " + intervals,
            "columns": ["examples", "Bayes risk − σ²", "excess", "excess / (Bayes risk − σ²)", "closer to ridge than to one step"],
            "rows": [
                [
                    row.length,
                    f"{row.bayes.value:.6g}" if row.certified else said(row.bayes),
                    said(row.excess),
                    said(row.relative),
                    said(row.closer),
                ]
                for row in rows
            ],
        },
        {
            "title": "Squared distance of the model to the other predictors",
            "status": "measured",
            "note": f"The rates of {config.depth} steps, and of GD++, are tuned at each length; one step is theory's best. "
            "For Gaussian covariates least squares has an infinite risk where |examples − d| ≤ 1, and where it is 2 or 3 the "
            "measured mean has an infinite variance. " + intervals,
            "columns": ["examples", *names],
            "rows": [[row.length, *(said(row.distances[name]) for name in names)] for row in rows],
        },
        {
            "title": "Excess of the other predictors over the Bayes risk",
            "status": "measured",
            "note": "E (predictor − ridge)². " + intervals,
            "columns": ["examples", *names],
            "rows": [[row.length, *(said(row.gaps[name]) for name in names)] for row in rows],
        },
    ]
