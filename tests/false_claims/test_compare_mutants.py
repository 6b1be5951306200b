"""The measures of `numerics.compare` changed one at a time are refused by the checks that accept them. Deterministic, no error model."""

import pytest
from common import compared
from common.altered import altered
from common.compared import accepts

from numerics import alignment, effective, exact_weights, foreign, intervals, judgement, nearest, observed, shifts, symmetries

MUTANTS = {
    "mean: error of a batch": (intervals, "check_means", "float(batches.std()) / BATCHES**0.5", "float(batches.std())"),
    "mean: normal quantile": (intervals, "check_means", "STUDENT = 1.9983405", "STUDENT = 1.959964"),
    "mean: below 0": (intervals, "check_means", "max(low, 0.0) if", "low if"),
    "quotient: of a constant denominator": (intervals, "check_quotients", "numerator - value * denominator)", "numerator)"),
    "quotient: inverted": (
        intervals,
        "check_quotients",
        "numerator.mean() / denominator.mean())",
        "denominator.mean() / numerator.mean())",
    ),
    "Bonferroni: one-sided": (intervals, "check_quantiles", "(1 - LEVEL) / (2 * count)", "(1 - LEVEL) / count"),
    "Bonferroni: of one": (intervals, "check_quantiles", "(1 - LEVEL) / (2 * count)", "(1 - LEVEL) / 2"),
    "norm: the trace alone": (intervals, "check_quantiles", "1 - spread + NormalDist", "1 - 2 * spread + NormalDist"),
    "norm: twice the degrees": (intervals, "check_quantiles", "degrees = total**2 / square", "degrees = 2 * total**2 / square"),
    "norm: squared": (intervals, "check_quantiles", "** 3) ** 0.5", "** 3)"),
    "B transposed": (effective, "check_regression", "gradient[:, :, None] * query[:, None, :]", "query[:, :, None] * gradient[:, None, :]"),
    "constant variance": (effective, "check_regression", "(rest / (1 - leverage).clamp(min=1e-3))[:, None]", "rest.square().mean().sqrt()"),
    "without leverage": (effective, "check_regression", "(1 - leverage).clamp(min=1e-3)", "1"),
    "HC2": (effective, "check_regression", "(1 - leverage).clamp(min=1e-3)", "(1 - leverage).clamp(min=1e-3).sqrt()"),
    "units forgotten": (effective, "check_regression", "/ (units[:, None] * units)", ""),
    "units of the step": (effective, "check_regression", "EffectiveStep((entries / units)", "EffectiveStep((entries * units)"),
    "pointwise region": (effective, "check_regression", "normal_quantile(self.step.numel())", "normal_quantile(1)"),
    "region: any entry": (effective, "check_regression", "self.half_width + slack).all()", "self.half_width + slack).any()"),
    "interval without reach": (effective, "check_regression", "value + reach", "value"),
    "scaled by a, not a²": (shifts, "check_scaled_laws", '"covariance": lambda matrix: a**2', '"covariance": lambda matrix: a'),
    "mixing by a²": (shifts, "check_scaled_laws", '"mixing": lambda matrix: a *', '"mixing": lambda matrix: a**2 *'),
    "means not scaled": (shifts, "check_scaled_laws", "(p, a * mean,", "(p, mean,"),
    "fourth moment not scaled": (shifts, "check_scaled_laws", "(weight, a**2 * _explicit(K))", "(weight, _explicit(K))"),
    "mean over the context inverted": (
        shifts,
        "check_risks_elsewhere",
        "int(objective.setting.context_length) / length",
        "length / int(objective.setting.context_length)",
    ),
    "risk in the setting of the model": (shifts, "check_risks_elsewhere", "risk_of_step(there, objective.step)", "objective.minimum"),
    "the best step's risk": (shifts, "check_risks_elsewhere", "own, there.minimum,", "own, objective.minimum,"),
    "step off by 1 %": (shifts, "check_risks_elsewhere", "M[:-1, :-1] = 1, step", "M[:-1, :-1] = 1, 1.01 * step"),
    "no gauge": (exact_weights, "check_interpolation", "theta * at.gauge(at.natural(theta))", "theta"),
    "gauge of the raw weights": (exact_weights, "check_interpolation", "at.gauge(at.natural(theta))", "at.gauge(theta)"),
    "no sign": (exact_weights, "check_interpolation", "        here = -here\n", "        pass\n"),
    "sign inverted": (exact_weights, "check_interpolation", "@ at.natural(there)) < 0", "@ at.natural(there)) > 0"),
    "line backwards": (exact_weights, "check_interpolation", "linspace(0, 1,", "linspace(1, 0,"),
    "hump over the lower end": (exact_weights, "check_interpolation", "torch.maximum(self.line[0]", "torch.minimum(self.line[0]"),
    "family: A isotropic": (nearest, "check_members", "+ along * projector", "+ across * projector"),
    "family: c turned off": (nearest, "check_members", "(axis @ keys))[None]", "0 * (axis @ keys))[None]"),
    "family: sign of c": (nearest, "check_members", "(axis @ keys))[None]", "-(axis @ keys))[None]"),
    "family: not whitened": (nearest, "check_members", "back @ turned @ back", "turned"),
    "family: d for d − 1": (nearest, "check_members", "(A.trace() - along) / (d - 1)", "(A.trace() - along) / d"),
    "nearest: one sign only": (nearest, "check_members", "(*axes, *-axes)", "(*axes,)"),
    "nearest: never turned": (nearest, "check_members", "chosen = turned if", "chosen = best if"),
    "prediction transposed": (nearest, "check_members", "query @ M.mT", "query @ M"),
    "sensitivity of Bᵀ": (alignment, "check_alignment", "direction = gradient @ step\n", "direction = gradient @ step.mT\n"),
    "cosine without a norm": (
        alignment,
        "check_alignment",
        "slope.norm(dim=-1) * direction.norm(dim=-1)",
        "direction.norm(dim=-1).square()",
    ),
    "difference squared": (alignment, "check_alignment", "(slope - direction).norm(dim=-1)", "(slope - direction).square().sum(-1)"),
    "signed difference": (alignment, "check_alignment", "(direction * query).sum(-1)).abs()", "(direction * query).sum(-1))"),
    "sign of the labels ignored": (symmetries, "check_symmetries", "with_labels(tokens, -y), -1)", "with_labels(tokens, -y), 1)"),
    "labels kept": (symmetries, "check_symmetries", "with_labels(tokens, -y), -1)", "with_labels(tokens, y), -1)"),
    "order kept": (symmetries, "check_symmetries", ".argsort(dim=-1)", ".argsort(dim=-1).sort(dim=-1).values"),
    "query permuted": (symmetries, "check_symmetries", "tokens[:, -1:]], dim=1)", "tokens[:, :1]], dim=1)"),
    "rotated, not whitened": (symmetries, "check_symmetries", "@ torch.linalg.inv(root) @ turn @ root", "@ turn"),
    "not a rotation": (symmetries, "check_symmetries", "torch.linalg.qr(normal)[0]", "normal"),
    "preferred directions ignored": (symmetries, "check_symmetries", "        return False\n", "        return True\n"),
    "change not relative": (symmetries, "check_symmetries", "** 0.5 / size if size", "** 0.5 if size"),
    "tolerance of 5 %": (judgement, "check_verdicts", "TOLERANCE = 0.005", "TOLERANCE = 0.05"),
    "tolerance of squares": (
        judgement,
        "check_verdicts",
        "distance.relative.low, 0.0) <= tolerance**2",
        "distance.relative.low, 0.0) <= tolerance",
    ),
    "one step whatever the rest": (
        judgement,
        "check_verdicts",
        "max(unexplained.low, 0.0) <= tolerance**2",
        "max(unexplained.low, 0.0) <= 1",
    ),
    "never another step": (judgement, "check_verdicts", "max(unexplained.low, 0.0) <= tolerance**2", "max(unexplained.low, 0.0) < 0"),
    "ridge not asked for": (judgement, "check_verdicts", "if ridge is not None and", "if ridge is None and"),
    "ridge however far": (judgement, "check_verdicts", "    near = ridge.square.value <=", "    near = True or ridge.square.value <="),
    "ridge nearer or not": (judgement, "check_verdicts", "near and RIDGE_CLOSER * ridge", "near and 0 * ridge"),
    "ridge for any task": (judgement, "check_verdicts", "and is_ridge_bayes(found.setting) and", "and"),
    "below Bayes by half a standard error": (judgement, "check_verdicts", "found.bayes - Z_LIMIT * error", "found.bayes + Z_LIMIT * error"),
    "never below Bayes": (judgement, "check_verdicts", "found.risk.value < found.bayes", "found.risk.value < 0 * found.bayes"),
    "weights not held against prompts": (judgement, "check_verdicts", "abs(found.risk.value - weights.loss) >", "0 * abs(weights.loss) >"),
    "minimum not a bound": (
        judgement,
        "check_verdicts",
        "weights.loss < found.objective.minimum",
        "weights.loss < 0 * found.objective.minimum",
    ),
    "only minima": (judgement, "check_verdicts", "if distance.stationary]", 'if distance.kind == "global minimum"]'),
    "least broken symmetry": (judgement, "check_verdicts", "worst = max(found", "worst = min(found"),
    "symmetries not told": (judgement, "check_verdicts", 'f"; {broken.line}" if broken else', 'f"; {broken.line}" if False else'),
    "gradient: the mean": (observed, "check_observed", "(x.mT @ y[..., None])[..., 0],", "(x.mT @ y[..., None])[..., 0] / x.shape[1],"),
    "labels kept where flipped": (observed, "check_observed", "model(with_labels(tokens, -y),", "model(with_labels(tokens, y),"),
    "query's label flipped": (observed, "check_observed", "changed[:, :-1, -1] = labels", "changed[:, :-1, 0] = labels"),
    "optimum 1 % off": (observed, "check_observed", "query, objective.step)", "query, 1.01 * objective.step)"),
    "ridge with twice the noise": (
        observed,
        "check_observed",
        "noise = float(setting.noise_variance)",
        "noise = 2 * float(setting.noise_variance)",
    ),
    "ridge without its prior": (observed, "check_observed", "noise=noise, prior=prior)", "noise=noise)"),
    "least squares is ridge": (
        observed,
        "check_observed",
        "predictors.least_squares(x, y, query)",
        "predictors.ridge(x, y, query, noise=noise)",
    ),
    "one seed for all": (observed, "check_observed", "(seed + 1) * 1_000_003 + stream", "stream"),
    "any task vector": (observed, "check_observed", "cast(Linear, setting.response).task is None", "True"),
    "chance allowed": (foreign, "check_foreign", "first, again, size,", "first, first, size,"),
    "other prompts allowed": (foreign, "check_foreign", '("fewer", tokens[:few], first[:few]), ', ""),
    "place allowed": (foreign, "check_foreign", "tokens.flip(0), first.flip(0)", "tokens, first"),
    "coarse": (foreign, "check_foreign", "FINEST, COARSEST = 1e-9, 0.05", "FINEST, COARSEST = 1e-3, 0.05"),
    "writing allowed": (foreign, "check_foreign", "not bool((given == before).all())", "False"),
    "NaN allowed": (foreign, "check_foreign", "bad = ~(predicted.abs() < GREATEST)", "bad = torch.zeros_like(predicted).bool()"),
    "any shape": (foreign, "check_foreign", "not in ((count,), (count, 1))", "not in ((count,), (count, 1), (1, count))"),
    "one column only": (foreign, "check_foreign", "not in ((count,), (count, 1))", "not in ((count,),)"),
    "slope over the width": (foreign, "check_foreign", "/ (2 * width)", "/ width"),
    "slope in the context": (foreign, "check_foreign", "above[:, -1, a] += width", "above[:, 0, a] += width"),
    "autograd in the context": (foreign, "check_foreign", "slope[:, -1, :-1]", "slope[:, 0, :-1]"),
    "witness of least change": (symmetries, "check_symmetries", "change.argmax()", "change.argmin()"),
}
CHECKS = sorted({(module.__name__, check) for module, check, _, _ in MUTANTS.values()})


@pytest.mark.parametrize(("module", "check"), CHECKS)
def test_the_truth_is_accepted(module, check):
    chosen = next(one for one, _, _, _ in MUTANTS.values() if one.__name__ == module)
    getattr(compared, check)(chosen)


@pytest.mark.parametrize("name", MUTANTS)
def test_a_wrong_measure_is_refused(name):
    module, check, old, new = MUTANTS[name]
    with altered(module, (old, new)) as wrong:
        assert not accepts(getattr(compared, check), wrong)
