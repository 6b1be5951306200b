"""What the exact layer asks of a covariate law.

A law in d dimensions gives its second moment Σ = E x xᵀ and its fourth cumulant (its *excess*). Linear responses need no more. Nonlinear
ones see two covariates x, x' through the norms r, s in the metric W of the task and the cosine u between them,

    r² = xᵀWx,   s² = x'ᵀWx',   r s u = xᵀWx',

and need means of functions of these three. A law is *isotropic* where x = T x̃ and the law of x̃ does not change when its coordinates
are exchanged or change sign; then for W = ω²Σ⁻¹ a weighted mean E h x xᵀ is a multiple of Σ.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

from sympy import Add, Expr, MatMul, MatrixSymbol, Mul, S, Symbol, exp, expand, sqrt, sympify
from sympy.matrices.matrixbase import MatrixBase

from theory.errors import UndefinedMoment, UnknownMoment
from theory.traces import multiple_of_identity, normal_form
from theory.wick import Excess

r, s = Symbol("r", positive=True), Symbol("s", positive=True)
u = Symbol("u", real=True)


class CovariateLaw(ABC):
    """The law of x_i and of x_q, which are independent.

    A law is a file with a class that defines the abstract members and, to be met by nonlinear responses, `mean`, `weighted` and `cross` (an
    isotropic one: `pair_mean`). Any method raises UndefinedMoment for a moment that does not exist,
    UnknownMoment for one of which no exact value is known.
    """

    @property
    @abstractmethod
    def dimension(self) -> Any:
        """d"""

    @property
    @abstractmethod
    def second_moment(self) -> Any:
        """Σ = E x xᵀ, d×d, positive definite"""

    @property
    @abstractmethod
    def excess(self) -> Excess | None:
        """The fourth cumulant as terms (weight, K), see `theory.wick`; None if the law is Gaussian."""

    @property
    @abstractmethod
    def reflected(self) -> bool:
        """Whether x and −x have the same law."""

    @abstractmethod
    def draw(self, source: Any, *shape: int) -> Any:
        """Covariates, an array of the given shape and a last axis d, from a source of random arrays (`numerics.source`)."""

    def mean(self, expr: Any, metric: Any) -> Expr:
        """E h(r, s, u)"""
        if not _depends(expr):
            return sympify(expr)
        raise self.undefined(expr)

    def weighted(self, expr: Any, metric: Any) -> Any:
        """E h(r) x xᵀ, d×d"""
        if not _depends(expr):
            return MatMul(expr, self.second_moment)
        raise self.undefined(expr)

    def cross(self, expr: Any, metric: Any) -> Any:
        """E h(r, s, u) x x'ᵀ, d×d"""
        raise self.undefined(expr)

    def undefined(self, expr: Any, reason: str = "the law gives moments to order four only") -> UnknownMoment:
        """The error that says that a mean is not known, and why."""
        shown = expr.expression if isinstance(expr, Term) else expr
        return UnknownMoment(f"{type(self).__name__}: no exact mean of {shown} (r, s norms, u cosine of two covariates): {reason}.")


def _depends(expr: Any) -> bool:
    return bool(sympify(expr).free_symbols & {r, s, u})


class IsotropicLaw(CovariateLaw):
    """x = T x̃, the law of x̃ unchanged under permutations and sign changes of its coordinates, E x̃ x̃ᵀ = I."""

    @property
    def reflected(self) -> bool:
        return True

    @abstractmethod
    def pair_mean(self, expr: Any) -> Expr:
        """E h(r, s, u) for two independent x̃, in the metric I."""

    def mean(self, expr: Any, metric: Any) -> Expr:
        scale, other = self._scale(metric)
        return other.mean(expr, metric) if other else self.pair_mean(_scaled(expr, scale))

    def weighted(self, expr: Any, metric: Any) -> Any:
        scale, other = self._scale(metric)
        return other.weighted(expr, metric) if other else self._multiple(_scaled(expr, scale) * r**2)

    def cross(self, expr: Any, metric: Any) -> Any:
        scale, other = self._scale(metric)
        return other.cross(expr, metric) if other else self._multiple(_scaled(expr, scale) * r * s * u)

    def as_mixture(self) -> CovariateLaw | None:
        """The same law as a mixture of Gaussians with explicit covariances, of which means in any metric are known; None if it is none."""
        return None

    def _scale(self, metric: Any) -> tuple[Any, CovariateLaw | None]:
        """ω², or the law as a mixture where W is no multiple of Σ⁻¹."""
        try:
            return isotropy(self, metric), None
        except UndefinedMoment:
            other = self.as_mixture()
            if other is None:
                raise
            return None, other

    def _multiple(self, expr: Any) -> Any:
        return MatMul(self.pair_mean(expr) / self.dimension, self.second_moment)


def _scaled(expr: Any, scale: Any) -> Any:
    """A function of the norms in the metric Σ⁻¹ for one in the metric ω²Σ⁻¹."""
    root = sqrt(scale)
    return sympify(expr).subs({r: root * r, s: root * s}, simultaneous=True)


def isotropy(law: CovariateLaw, covariance: Any) -> Any:
    """ω² where the task vectors have covariance W = ω²Σ⁻¹. Raises UndefinedMoment for any other W."""
    Sigma, size = law.second_moment, law.dimension
    symmetric = [m for matrix in (Sigma, covariance) for m in matrix.atoms(MatrixSymbol)]
    product = MatMul(covariance, Sigma)
    scale = multiple_of_identity(product, size, symmetric=symmetric)
    if scale is None:
        shown = normal_form(product, symmetric=symmetric)
        raise UnknownMoment(
            f"{type(law).__name__}: this response needs task vectors that are isotropic where the covariates are, W = ω²Σ⁻¹; got W Σ = "
            f"{shown.tolist() if isinstance(shown, MatrixBase) else shown}."
        )
    if scale.is_zero:
        raise UnknownMoment(f"{type(law).__name__}: W = 0 leaves a nonlinear response without an argument; give W a positive variance.")
    return scale


class Term(NamedTuple):
    """coefficient · r^a s^b h(u) exp(α r² + β s² + γ r s u)"""

    coefficient: Any
    a: Any
    b: Any
    angle: Any
    alpha: Any = S.Zero
    beta: Any = S.Zero
    gamma: Any = S.Zero

    @property
    def expression(self) -> Any:
        """The term as an expression."""
        exponent = self.alpha * r**2 + self.beta * s**2 + self.gamma * r * s * u
        return self.coefficient * r**self.a * s**self.b * self.angle * exp(exponent)

    @property
    def has_exponential(self) -> bool:
        """Whether α, β, γ are not all 0."""
        return bool((self.alpha, self.beta, self.gamma) != (0, 0, 0))

    @property
    def overlap(self) -> tuple[int, int, int] | None:
        """(i, j, k) with r^a s^b h(u) = (r²)^i (s²)^j (r s u)^k, whole numbers ≥ 0; None where it is not of this form."""
        power = self.angle.as_powers_dict() if self.angle != 1 else {}
        k = power.get(u, S.Zero)
        if set(power) - {u} or not all(sympify(e).is_integer for e in (k, (self.a - k) / 2, (self.b - k) / 2)):
            return None
        found = (self.a - k) / 2, (self.b - k) / 2, k
        return (int(found[0]), int(found[1]), int(k)) if min(found) >= 0 else None


def terms(law: CovariateLaw, expr: Any, parity: int = 1) -> list[Term]:
    """The part of h(r, s, u) that is even (parity 1) or odd (−1) in u as a sum of terms: where x and −x have the same law, the mean of the
    other part vanishes, or that of the other part times x x'ᵀ."""
    whole = expand(sympify(expr).rewrite(exp))
    part = expand((whole + parity * whole.subs(u, -u)) / 2)
    found = []
    for term in Add.make_args(part):
        coefficient, a, b, angle, exponent = S.One, S.Zero, S.Zero, S.One, S.Zero
        for factor in Mul.make_args(term):
            base, power = (S.Exp1, factor.args[0]) if isinstance(factor, exp) else factor.as_base_exp()
            inside = factor.free_symbols & {r, s, u}
            if not inside:
                coefficient *= factor
            elif base is S.Exp1:
                exponent += power
            elif base == r:
                a += power
            elif base == s:
                b += power
            elif inside == {u}:
                angle *= factor
            else:
                raise law.undefined(expr, f"{factor} is not a product of functions of r, s and u")
        exponent = expand(exponent)
        alpha, beta, gamma = exponent.coeff(r, 2).coeff(s, 0), exponent.coeff(s, 2).coeff(r, 0), exponent.coeff(u).coeff(r).coeff(s)
        if expand(exponent - alpha * r**2 - beta * s**2 - gamma * r * s * u) != 0:
            raise law.undefined(expr, f"exp({exponent}) is not the exponential of a quadratic form")
        if coefficient != 0:
            found.append(Term(coefficient, a, b, angle, alpha, beta, gamma))
    return found


__all__ = ["CovariateLaw", "IsotropicLaw", "Term", "isotropy", "r", "s", "terms", "u"]
