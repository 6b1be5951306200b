"""One training run: from a config to weights, metrics, a verdict and figures, resumable after a kill."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch
from torch import Generator, Tensor, nn

from numerics import figures
from numerics.config import TrainConfig
from numerics.endpoint import Endpoint, locate
from numerics.errors import ConfigError
from numerics.folder import RunFolder
from numerics.loop import Loop
from numerics.models import LinearSelfAttention, initial_model
from numerics.objective import LIFT, ExactObjective
from numerics.parallel import ALONE, Processes
from numerics.samplers import FRESH_NORMALS, fresh_prompts, training_sampler

COLUMNS = ("step", "loss", "exact_loss", "relative_excess", "step_relative_error", "learning_rate")
BETAS = 0.9, 0.99
CHECK_PROMPTS, CHECK_BATCHES = 1 << 20, 64
"""The fresh prompts on which the loss is measured, at most; the independent batches they come in."""
Z_LIMIT = 6.5
"""Standard errors at which a sampled loss contradicts the exact one: by chance once in 10⁷ runs (Student t, 63 degrees of freedom)."""

EXIT_CODES = {"agrees": 0, "other stationary point": 0, "measured only": 0, "contradicts": 1, "not converged": 3}


@dataclass(frozen=True)
class Result:
    """Where training ended. Losses are exact expectations at the trained weights, except `loss_sampled`."""

    verdict: str
    reason: str
    stationary_point: str | None
    stationary_kind: str | None
    loss_theory: float
    loss_trained: float
    relative_excess: float
    step_relative_error: float
    loss_stationary_point: float
    relative_gap: float
    loss_sampled: float
    loss_sampled_standard_error: float
    steps: int
    seconds: float
    device: str
    threads: int
    torch: str


def train(
    config: TrainConfig,
    folder: RunFolder | None,
    *,
    processes: Processes = ALONE,
    progress: Callable[[int, float], None] = lambda step, excess: None,
) -> Result | None:
    """Trains, or continues from the folder's checkpoint, and writes everything but the result of a failed run.

    Of several processes only the first has a folder, and a result. progress is called with the step and the relative excess loss. Raises
    TrainingError where the loss stops being finite.
    """
    torch.set_num_threads(config.threads)
    trainer = Trainer(config, folder, processes)
    trainer.run(progress)
    if folder is None:
        return None
    v, M = (t.detach().cpu().double() for t in (trainer.model.value_vector(), trainer.model.key_query()))
    result = judge(config, trainer.objective, v, M, steps=trainer.step, seconds=trainer.seconds)
    folder.save_weights({**trainer.model.state_dict(), "value": v.clone(), "key_query": M.clone()})
    folder.save_metrics(COLUMNS, trainer.rows)
    for name, figure in figures.draw(config, trainer.objective, trainer.rows, trainer.model, result.stationary_point).items():
        folder.write(f"{name}.png", figure)
    folder.save_result(asdict(result))
    return result


class Trainer(Loop):
    """A run of one layer of linear self-attention: Adam on fresh prompts, or L-BFGS on the exact loss."""

    config: TrainConfig

    def __init__(self, config: TrainConfig, folder: RunFolder | None, processes: Processes = ALONE) -> None:
        self.objective = ExactObjective(config.setting)
        device = config.torch_device if not config.exact else torch.device("cpu")
        model = initial_model(
            parametrisation=config.parametrisation,
            initialisation=config.initialisation,
            dimension=config.dimension,
            context=config.context,
            scale=config.initial_scale,
            dtype=torch.float64 if config.exact else torch.float32,
            generator=Generator().manual_seed(config.seed),
        )
        if config.exact and processes.count > 1:
            raise ConfigError("--objective exact: trains in one process; leave out torchrun, or give --objective sampled.")
        super().__init__(config, model, folder, processes, device=device, log_every=1 if config.exact else max(1, config.steps // 200))
        self.model: LinearSelfAttention = model
        self.samplers = [training_sampler(config, config.setting, device=device, generator=stream) for stream in self.generators]
        self.restore()

    def optimisers_of(self, model: nn.Module) -> list[torch.optim.Optimizer]:
        if self.config.exact:
            lbfgs = torch.optim.LBFGS(
                model.parameters(),
                max_iter=10,
                history_size=50,
                line_search_fn="strong_wolfe",
                tolerance_grad=0.0,
                tolerance_change=0.0,
            )
            return [lbfgs]
        return [torch.optim.Adam(model.parameters(), lr=self.config.peak_learning_rate, betas=BETAS, fused=True)]

    def losses(self, prompts: int) -> list[Tensor]:
        v, M = self.model.value_vector(), self.model.key_query()
        return [sampler.loss(v, M, prompts) for sampler in self.samplers]

    def rate(self, step: int) -> float:
        return 0.0 if self.config.exact else learning_rate(self.config, step)

    def advance(self) -> Tensor:
        return self._exact_step() if self.config.exact else super().advance()

    def _exact_step(self) -> Tensor:
        """Ten iterations of L-BFGS on the exact loss less its minimum: the same gradient, and line searches free of cancellation."""
        (optimiser,) = self.optimisers

        def closure() -> Tensor:
            optimiser.zero_grad()
            excess = LIFT * self.objective.excess(self.model.value_vector(), self.model.key_query())
            excess.backward()
            return excess

        excess = optimiser.step(closure)  # type: ignore[arg-type]
        return torch.as_tensor(excess) / LIFT + self.objective.minimum

    def log(self, loss: float) -> float:
        v, M = self.model.value_vector().detach().cpu(), self.model.key_query().detach().cpu()
        exact, excess = float(self.objective.loss(v, M)), float(self.objective.excess(v, M)) / self.objective.minimum
        self.refuse_divergence(loss, exact)
        self.rows.append([self.step, loss, exact, excess, self.objective.step_error(v, M), self.rate(self.step - 1)])
        return excess

    def settled(self) -> bool:
        """Exact training: at the minimum, or nothing gained in ten times ten iterations."""
        if not self.config.exact or not self.rows:
            return False
        excesses, error = [row[3] for row in self.rows], self.rows[-1][4]
        minimal = excesses[-1] < 1e-12 and error < self.config.step_target / 10
        return minimal or (len(excesses) > 10 and excesses[-1] >= excesses[-11] * (1 - 1e-6))


def learning_rate(config: TrainConfig, step: int) -> float:
    """Linear warm-up over the first twentieth, then a cosine to 0."""
    done, warm = (step + 0.5) / config.steps, 0.05
    ramp = done / warm if done < warm else 0.5 * (1 + math.cos(math.pi * (done - warm) / (1 - warm)))
    return config.peak_learning_rate * ramp


def sampled_loss(config: TrainConfig, v: Tensor, M: Tensor) -> tuple[float, float]:
    """Mean loss of (v, M) on fresh prompts and its standard error, from the means of independent batches."""
    sampler = fresh_prompts(config, 2)
    numbers = config.context * (config.dimension + 1) if sampler.path == "tokens" else (config.dimension + 1) ** 2
    means = []
    for _ in range(CHECK_BATCHES):
        prompts = sampler.moments(min(CHECK_PROMPTS, max(1 << 13, FRESH_NORMALS // numbers)) // CHECK_BATCHES)
        predicted = ((v @ prompts.moments) * (prompts.query @ M.T)).sum(-1)
        means.append(float((predicted - prompts.target).square().mean()))
    values = torch.tensor(means, dtype=torch.float64)
    return float(values.mean()), float(values.std() / CHECK_BATCHES**0.5)


def judge(config: TrainConfig, objective: ExactObjective, v: Tensor, M: Tensor, *, steps: int, seconds: float) -> Result:
    """The verdict on trained weights, from the exact loss, the stationary point they lead to, and fresh prompts."""
    loss = float(objective.loss(v, M))
    excess = float(objective.excess(v, M)) / objective.minimum
    error = objective.step_error(v, M)
    measured, standard_error = sampled_loss(config, v, M)
    end = locate(objective, v, M)
    verdict, reason = decide(
        config, objective, end, loss=loss, excess=excess, error=error, z=(measured - loss) / standard_error, steps=steps
    )
    return Result(
        verdict=verdict,
        reason=reason,
        stationary_point=end.name,
        stationary_kind=end.kind,
        loss_theory=objective.minimum,
        loss_trained=loss,
        relative_excess=excess,
        step_relative_error=error,
        loss_stationary_point=end.loss,
        relative_gap=end.gap,
        loss_sampled=measured,
        loss_sampled_standard_error=standard_error,
        steps=steps,
        seconds=seconds,
        device=str(config.torch_device),
        threads=torch.get_num_threads(),
        torch=torch.__version__,
    )


def decide(
    config: TrainConfig, objective: ExactObjective, end: Endpoint, *, loss: float, excess: float, error: float, steps: int, z: float = 0.0
) -> tuple[str, str]:
    """The verdict and the reason for it; z is how many standard errors the loss on fresh prompts is off, 0 where it was not measured."""
    minimum = objective.minimum
    rounding = 64 * torch.finfo(end.value.dtype).eps * objective.null  # the loss is a sum of terms of the zero predictor's size
    stalled = f"training stalled at step {steps}; try another --seed, or --initialisation matched"
    advice = "train longer (--steps)" if steps >= config.steps else stalled
    if abs(z) > Z_LIMIT and not config.heavy_tailed:  # else the standard error is itself a mean that rare prompts make
        return "contradicts", f"the loss on fresh prompts is {abs(z):.1f} standard errors from the exact loss at the trained weights"
    if abs(loss - minimum - excess * minimum) > 1e-9 * max(loss, minimum) + rounding:
        return "contradicts", "the exact loss at the trained weights is not the minimum plus the excess"
    if end.name is None and end.gradient >= 1e-6:
        return "not converged", "the trained weights lead to no stationary point of the exact loss; " + advice
    if end.name is None and not end.complete:
        return "not converged", "the weights lead to a stationary point of no listed kind, and the list is not complete for this law"
    if end.name is None:
        return "contradicts", "the weights lead to a stationary point that the theory does not list"
    if abs(end.gap) > config.target:
        return "not converged", f"relative excess {end.gap:.2g} over the {end.name}, above {config.target:g}; {advice}"
    if end.kind != "global minimum":
        what = f"a {end.kind}" if end.kind else "a stationary point"
        return "other stationary point", f"training ended in {what} that is not the global minimum; see --initialisation"
    polished = objective.step_error(end.value, end.key_query)
    if polished > 1e-3:
        return "contradicts", f"the loss is minimal where the weights lead, yet the step there is {polished:.2g} off the optimal one"
    if error > config.step_target:
        return "not converged", f"the step is {error:.2g} off the optimal one, above {config.step_target:g}; {advice}"
    return "agrees", "the trained weights are at the global minimum, and the learned step is the optimal one"
