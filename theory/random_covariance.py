"""A covariance Σ drawn anew for each prompt, the same for its context and its query: the best one-step preconditioner, and its risk.

Given Σ the loss of one step is n tr(G_Σ BΣBᵀ) − 2n tr(BΣWΣ) + τ_Σ, G_Σ = (n + 1)ΣWΣ + τ_Σ Σ, τ_Σ = tr(ΣW) + σ². Its mean over Σ is again a
quadratic in B, least where

    E[G_Σ B Σ] = E[ΣWΣ],      with risk      E τ_Σ − n tr(Bᵀ E[ΣWΣ]);

one linear system in the d² entries of B (theorem `random-covariance` in `proofs`, for the whole layer). Where W = I and the means of Σ²,
Σ³ and tr(Σ) Σ² are multiples of the identity (Σ of rotation-invariant law, or diagonal with eigenvalues that are exchangeable), B = βI,

    β = E tr Σ² / E[(n + 1) tr Σ³ + (tr Σ + σ²) tr Σ²],      risk = E tr Σ + σ² − n β E tr Σ²,

and for n → ∞ the risk falls to σ² + E tr Σ − (E tr Σ²)² / E tr Σ³ = σ² + E tr Σ(I − cΣ)², c = E tr Σ² / E tr Σ³, and no further. That is σ²
only if Σ is almost surely 1/c times a projection, which may be random (theorem `random-covariance-isotropic`).

With i.i.d. exponential eigenvalues E λ² / E λ³ = 2/6: the example with which Zhang, Frei, Bartlett (arXiv 2306.09927) show that a layer
trained on random covariances does not predict well, however long the context. All formulas are derived here.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

from sympy import Dummy, Expr, Identity, ImmutableMatrix, MatrixSymbol, Poly, S, Trace, cancel, expand, factor, kronecker_product
from sympy.matrices.matrixbase import MatrixBase
from sympy.polys.matrices import DomainMatrix
from sympy.polys.matrices.exceptions import DMNonInvertibleMatrixError

from theory.covariates import Gaussian
from theory.errors import SettingError
from theory.exact import dimension_size, exact_matrix, exact_scalar
from theory.loss import gaussian_setting, general_one_step_loss, replaced, specialise
from theory.minimiser import normal_equations
from theory.notation import Sigma, W, d, k, n, sigma2, tau
from theory.responses import Linear
from theory.setting import Setting
from theory.traces import normal_form
from theory.wick import RandomMatrix, expectation


class TraceMoments(NamedTuple):
    """What the best step and its risk need to know of the law of Σ if its step is a multiple of the identity.

    first    E tr Σ
    square   E tr Σ²
    cube     E tr Σ³
    product  E tr Σ tr Σ²

    >>> TraceMoments.exponential(2)
    TraceMoments(first=2, square=4, cube=12, product=16)
    """

    first: Any
    square: Any
    cube: Any
    product: Any

    @classmethod
    def wishart(cls, dimension: Any, degrees: Any) -> TraceMoments:
        """Of Σ = ZᵀZ / k, Z k×d of standard normals; d and k may be symbols.

        >>> TraceMoments.wishart(d, k).square
        d*(d + k + 1)/k
        """
        sizes = {d: dimension_size("wishart", dimension, SettingError), k: dimension_size("wishart", degrees, SettingError)}
        return cls(*(factor(moment.subs(sizes)) for moment in _wishart()))

    @classmethod
    def eigenvalues(cls, dimension: Any, first: Any, second: Any, third: Any) -> TraceMoments:
        """Of a Σ = diag(λ), or any rotation of it, with d independent eigenvalues of one law, of which these are E λ, E λ², E λ³."""
        size = dimension_size("eigenvalues", dimension, SettingError)
        given = [exact_scalar("eigenvalues", "a moment", value, SettingError) for value in (first, second, third)]
        if any(value.is_positive is False for value in given):
            raise SettingError(f"eigenvalues: E λ, E λ² and E λ³ must be > 0, got {', '.join(map(str, given))}.")
        one, two, three = given
        return cls(size * one, size * two, size * three, expand(size * three + size * (size - 1) * one * two))

    @classmethod
    def exponential(cls, dimension: Any) -> TraceMoments:
        """Of d independent eigenvalues with density exp(−λ), of which E λʲ = j!."""
        return cls.eigenvalues(dimension, 1, 2, 6)


@cache
def _wishart() -> TraceMoments:
    Z = MatrixSymbol("Z", k, d)
    law, gram = RandomMatrix(Z, Identity(k), Identity(d)), Z.T * Z
    traces = [Trace(gram), Trace(gram**2), Trace(gram**3)]
    means = (expectation(expr, law) for expr in (*traces, traces[0] * traces[1]))
    return TraceMoments(*(mean / k**degree for mean, degree in zip(means, (1, 2, 3, 3), strict=True)))


@cache
def _equations() -> tuple[Any, Any, Any]:
    """G, R, K with G B R = K at the best step for a fixed Σ, in the symbols of `theory.notation`."""
    left, right, target = (specialise(part, gaussian_setting()) for part in normal_equations())
    return left, right, target


def _mean(expr: Any, moments: TraceMoments) -> Expr:
    """E of a combination of tr Σ, tr Σ², tr Σ³ and tr Σ tr Σ², W being the identity."""
    traces = [normal_form(Trace(Sigma**power), symmetric=(Sigma,)) for power in (1, 2, 3)]
    symbols = [Dummy() for _ in traces]
    known = normal_form(replaced(expr, {W: Identity(d)}), symmetric=(Sigma,)).xreplace(dict(zip(traces, symbols, strict=True)))
    values = {(0, 0, 0): S.One, (1, 0, 0): moments.first, (0, 1, 0): moments.square, (0, 0, 1): moments.cube, (1, 1, 0): moments.product}
    return sum((factor * values[powers] for powers, factor in Poly(known, *symbols).terms()), S.Zero)


def isotropic_step(moments: TraceMoments, noise_variance: Any, context_length: Any) -> Expr:
    """β: the best step is βI, if W = I and the means of Σ², Σ³ and tr(Σ) Σ² are multiples of the identity. Raises SettingError.

    >>> isotropic_step(TraceMoments.exponential(d), sigma2, n)
    1/(d + 3*n + sigma2 + 5)
    """
    moments, values = _moments("isotropic_step", moments), _checked(noise_variance, context_length)
    G, R, K = _equations()
    return cancel((_mean(Trace(K), moments) / _mean(Trace(G * R), moments)).subs(values))


def isotropic_risk(moments: TraceMoments, noise_variance: Any, context_length: Any) -> Expr:
    """The risk of that step. Raises SettingError."""
    moments, values = _moments("isotropic_risk", moments), _checked(noise_variance, context_length)
    aligned = isotropic_step(moments, noise_variance, context_length) * _mean(Trace(_equations()[2]), moments)
    return cancel(moments.first + values[sigma2] - values[n] * aligned)


def isotropic_floor(moments: TraceMoments) -> Expr:
    """What the risk of that step keeps above σ² for n → ∞: E tr Σ(I − cΣ)², c = E tr Σ² / E tr Σ³. Raises SettingError.

    >>> isotropic_floor(TraceMoments.exponential(d)), isotropic_floor(TraceMoments.wishart(d, k)).subs({d: 1, k: 1})
    (d/3, 2/5)
    """
    moments = _moments("isotropic_floor", moments)
    c = moments.square / moments.cube
    return factor(moments.first - 2 * c * moments.square + c**2 * moments.cube)


def _moments(where: str, moments: Any) -> TraceMoments:
    """Exact, and not known to be 0 or less."""
    if not isinstance(moments, TraceMoments):
        raise SettingError(f"{where}: moments must be TraceMoments, such as TraceMoments.exponential(d), got a {type(moments).__name__}.")
    found = TraceMoments(*(exact_scalar(where, f"moments.{name}", value, SettingError) for name, value in moments._asdict().items()))
    if any(value.is_positive is False for value in found):
        raise SettingError(f"{where}: the moments of Σ must be > 0, got {', '.join(map(str, found))}.")
    return found


def _checked(noise_variance: Any, context_length: Any) -> dict[Any, Any]:
    """σ² and n, checked as a setting checks them."""
    here = Setting(
        covariates=Gaussian.isotropic(1), response=Linear.isotropic(1), noise_variance=noise_variance, context_length=context_length
    )
    return {sigma2: here.noise_variance, n: here.context_length}


class Mixture(NamedTuple):
    """Σ is one of finitely many matrices, each with its probability.

    settings  (probability, what a prompt is given that Σ)
    """

    settings: tuple[tuple[Any, Setting], ...]

    @classmethod
    def of(cls, outcomes: Iterable[tuple[Any, Any]], *, prior: Any, noise_variance: Any, context_length: Any) -> Mixture:
        """From (probability, Σ), explicit matrices, and the covariance of the task vector. Raises SettingError."""
        given = list(outcomes) if isinstance(outcomes, Iterable) else [outcomes]
        for one in given:
            if not isinstance(one, tuple) or len(one) != 2:
                raise SettingError(f"Mixture: outcomes must be pairs (probability, Σ), got a {type(one).__name__}.")
        pairs = [(exact_scalar("Mixture", "a probability", p, SettingError), matrix) for p, matrix in given]
        whole = sum((p for p, _ in pairs), S.Zero)
        if whole != 1 or any(p.is_negative for p, _ in pairs):
            raise SettingError(f"Mixture: the probabilities must be ≥ 0 and add up to 1, got {', '.join(str(p) for p, _ in pairs)}.")
        for matrix in (prior, *(matrix for _, matrix in pairs)):
            if not isinstance(matrix, MatrixBase) or matrix.free_symbols:
                raise SettingError(f"Mixture: the covariances must be explicit matrices of numbers, got {matrix}.")
        return cls(
            tuple(
                (
                    p,
                    Setting(
                        covariates=Gaussian(matrix),
                        response=Linear(prior),
                        noise_variance=noise_variance,
                        context_length=context_length,
                    ),
                )
                for p, matrix in pairs
            )
        )

    def step(self) -> ImmutableMatrix:
        """B, the solution of E[G_Σ B Σ] = E[ΣWΣ].

        >>> from sympy import diag, eye
        >>> half = S.Half
        >>> mixture = Mixture.of([(half, eye(2)), (half, 3 * eye(2))], prior=eye(2), noise_variance=0, context_length=5)
        >>> moments = TraceMoments(first=4, square=10, cube=28, product=56)
        >>> mixture.step() == isotropic_step(moments, 0, 5) * eye(2), mixture.risk(mixture.step()) == isotropic_risk(moments, 0, 5)
        (True, True)
        """
        return _solved([(p, *(specialise(part, here) for part in normal_equations())) for p, here in self.settings])

    def risk(self, step: Any) -> Expr:
        """The risk of one step with B, an exact d×d matrix. Raises SettingError."""
        step = exact_matrix("Mixture.risk", "step", step, SettingError)
        size = self.settings[0][1].dimension
        if step.shape != (size, size):
            raise SettingError(f"Mixture.risk: step must be {size}×{size}, got {step.shape[0]}×{step.shape[1]}.")
        return sum((p * specialise(general_one_step_loss(), here, step=step) for p, here in self.settings), S.Zero)

    def floor(self) -> Expr:
        """What the risk of the best step keeps above σ² for n → ∞, where n B tends to the solution C of E[ΣWΣ C Σ] = E[ΣWΣ]."""
        _, right, target = normal_equations()
        parts = [(p, *(specialise(part, here) for part in (target, right)), here) for p, here in self.settings]
        limit = _solved([(p, K, R, K) for p, K, R, _ in parts])
        return sum((p * (specialise(tau, here) - here.noise_variance - (limit.T * K).trace()) for p, K, _, here in parts), S.Zero)


def _solved(equations: Iterable[tuple[Any, Any, Any, Any]]) -> ImmutableMatrix:
    """B with Σ p L B R = Σ p K, for (p, L, R, K)."""
    parts = list(equations)
    system = sum((p * kronecker_product(R.T, L) for p, L, R, _ in parts[1:]), parts[0][0] * kronecker_product(parts[0][2].T, parts[0][1]))
    target = sum((p * K for p, _, _, K in parts[1:]), parts[0][0] * parts[0][3])
    size = target.rows
    a, b = (DomainMatrix.from_Matrix(matrix).to_field() for matrix in (system, target.vec()))
    a, b = a.unify(b)
    try:
        solution = a.lu_solve(b).to_Matrix()
    except DMNonInvertibleMatrixError:
        raise SettingError(
            "Mixture: the best step is not unique, as no covariance of it sees all directions of Σ and W; give definite ones."
        ) from None
    return ImmutableMatrix(size, size, lambda i, j: solution[j * size + i])


__all__ = ["Mixture", "TraceMoments", "isotropic_floor", "isotropic_risk", "isotropic_step"]
