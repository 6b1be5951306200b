"""Mixtures of Gaussians, x ~ N(μ_k, Σ_k) with probability p_k."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

from sympy import Dummy, Expr, ImmutableMatrix, Integer, MatMul, MatrixSymbol, Rational, S, det, exp, sqrt, sympify

from theory.bilinear import BilinearForm
from theory.covariates.law import CovariateLaw, Term, terms
from theory.errors import SettingError
from theory.exact import covariance_matrix, exact_matrix, exact_scalar
from theory.traces import normal_form
from theory.wick import Excess, expectation, random_vector


@dataclass(frozen=True)
class GaussianMixture(CovariateLaw):
    """x ~ N(μ_k, Σ_k) with probability p_k.

    components  (p_k, μ_k, Σ_k): an exact probability, a d×1 and a positive definite d×d explicit matrix

    >>> from sympy import Matrix, Rational, eye
    >>> law = GaussianMixture([(Rational(1, 2), Matrix([1, 0]), eye(2)), (Rational(1, 2), Matrix([-1, 0]), eye(2))])
    >>> law.second_moment, law.reflected
    (Matrix([
    [2, 0],
    [0, 1]]), True)
    """

    components: Any

    def __post_init__(self) -> None:
        checked = []
        for k, (p, mean, covariance) in enumerate(self.components):
            where = f"GaussianMixture: component {k}"
            p = exact_scalar(where, "probability", p, SettingError)
            mean = exact_matrix(where, "mean", mean, SettingError)
            covariance = covariance_matrix(where, covariance, SettingError, definite=True)
            if not isinstance(mean, ImmutableMatrix) or mean.shape != (covariance.shape[0], 1):
                raise SettingError(f"{where}: mean must be an explicit {covariance.shape[0]}×1 matrix.")
            if not isinstance(covariance, ImmutableMatrix) or p.is_positive is False:
                raise SettingError(f"{where}: needs a probability > 0 and an explicit covariance.")
            checked.append((p, mean, covariance))
        if not checked or sum(p for p, _, _ in checked) != 1:
            raise SettingError("GaussianMixture: the probabilities must add to 1.")
        if len({mean.shape for _, mean, _ in checked}) > 1:
            raise SettingError("GaussianMixture: all components need the same dimension.")
        object.__setattr__(self, "components", tuple(checked))

    @property
    def dimension(self) -> Any:
        return Integer(self.components[0][1].rows)

    @property
    def second_moment(self) -> Any:
        d = int(self.dimension)
        return sum((p * (cov + mean * mean.T) for p, mean, cov in self.components), ImmutableMatrix.zeros(d, d)).as_immutable()

    @property
    def excess(self) -> Excess | None:
        # E x⊗4 under N(μ, Σ) is that of N(0, Σ + μμᵀ) less 2/3 of that of N(0, μμᵀ)
        moments: list[tuple[Any, Any]] = [(-S.One, self.second_moment)]
        for p, mean, covariance in self.components:
            outer = (mean * mean.T).as_immutable()
            moments += [(p, (covariance + outer).as_immutable())]
            moments += [] if mean.is_zero_matrix else [(-Rational(2, 3) * p, outer)]
        return tuple(moments)

    @property
    def reflected(self) -> bool:
        return sorted(map(str, self.components)) == sorted(str((p, -mean, cov)) for p, mean, cov in self.components)

    def draw(self, source: Any, *shape: int) -> Any:
        return source.gaussian_mixture(self.components, *shape)

    def mean(self, expr: Any, metric: Any) -> Expr:
        one = ImmutableMatrix([[1]])
        return self._sum(terms(self, expr), metric, lambda x, y: one, lambda centre, spread, d: one)[0, 0]

    def weighted(self, expr: Any, metric: Any) -> Any:
        return self._sum(
            terms(self, expr),
            metric,
            lambda x, y: x * x.T,
            lambda centre, spread, d: spread[:d, :d] + centre[:d, :] * centre[:d, :].T,
        )

    def cross(self, expr: Any, metric: Any) -> Any:
        return self._sum(
            terms(self, expr, -1),
            metric,
            lambda x, y: x * y.T,
            lambda centre, spread, d: spread[:d, d:] + centre[:d, :] * centre[d:, :].T,
        )

    def _sum(self, parts: list[Term], metric: Any, factor: Any, tilted: Any) -> Any:
        """Σ over components k, l of p_k p_l E h(r, s, u) F(x, x'), F = `factor`; `tilted` is E F for jointly Gaussian x, x'."""
        metric = metric.as_explicit() if not isinstance(metric, ImmutableMatrix) else metric
        if not self.reflected:
            raise self.undefined(" + ".join(str(part.expression) for part in parts), "x and −x differ in law")
        origin = ImmutableMatrix.zeros(int(self.dimension), 1)
        total: Any = 0 * factor(origin, origin)
        for term in parts:
            for (p, mean, cov), (q, other, other_cov) in product(self.components, repeat=2):
                if term.has_exponential:
                    part = self._tilted(term, metric, (mean, cov), (other, other_cov), tilted)
                else:
                    part = self._polynomial(term, metric, (mean, cov), (other, other_cov), factor)
                total += term.coefficient * p * q * part
        return total.as_immutable()

    def _polynomial(self, term: Term, metric: Any, first: Any, second: Any, factor: Any) -> Any:
        counts = term.overlap
        if counts is None:
            raise self.undefined(term, "a function of the norms that is no polynomial has no exact mean here")
        size = int(self.dimension)
        g, h = MatrixSymbol(Dummy("g"), size, 1), MatrixSymbol(Dummy("h"), size, 1)
        x, y = first[0] + g, second[0] + h
        i, j, k = counts
        scalar = BilinearForm(x.T * metric * x) ** i * BilinearForm(y.T * metric * y) ** j * BilinearForm(x.T * metric * y) ** k
        body = factor(x, y)
        laws = random_vector(g, first[1]), random_vector(h, second[1])
        if body.shape == (1, 1) and not body.has(MatrixSymbol):
            return ImmutableMatrix([[expectation(scalar, *laws) if scalar != 1 else S.One]])
        value = expectation(MatMul(scalar, body) if scalar != 1 else body, *laws)
        value = normal_form(value)
        return value if isinstance(value, ImmutableMatrix) else value.as_explicit().as_immutable()

    def _tilted(self, term: Term, metric: Any, first: Any, second: Any, tilted: Any) -> Any:
        """E exp(−½ zᵀHz) F(z), z = (x, x'): the Gaussian tilted by the exponential, times its mass."""
        if term.overlap != (0, 0, 0):
            raise self.undefined(term, "a power of a norm times an exponential has no exact mean here")
        d = int(self.dimension)
        H = ImmutableMatrix.vstack(
            ImmutableMatrix.hstack(-2 * term.alpha * metric, -term.gamma * metric),
            ImmutableMatrix.hstack(-term.gamma * metric, -2 * term.beta * metric),
        )
        zero = ImmutableMatrix.zeros(d, d)
        precision = ImmutableMatrix.vstack(ImmutableMatrix.hstack(first[1].inv(), zero), ImmutableMatrix.hstack(zero, second[1].inv()))
        mean = ImmutableMatrix.vstack(first[0], second[0])
        spread = (precision + H).inv()
        centre = spread * precision * mean
        energy = (mean.T * precision * mean - centre.T * (precision + H) * centre)[0, 0] / 2
        return sqrt(det(precision) / det(precision + H)) * exp(-energy) * tilted(centre, spread, d)


def centred_mixture(scales: Any) -> GaussianMixture | None:
    """The mixture of N(0, K) with the given pairs (probability, K); None where a K is not explicit."""
    explicit = [
        (p, ImmutableMatrix.zeros(int(K.shape[0]), 1), K.as_explicit() if hasattr(K, "as_explicit") else K)
        for p, K in scales
        if not K.has(MatrixSymbol) and all(sympify(size).is_Integer for size in K.shape)
    ]
    return GaussianMixture(explicit) if len(explicit) == len(scales) else None
