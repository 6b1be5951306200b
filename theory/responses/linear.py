"""Linear responses, f(x) = w·x."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sympy import Identity, MatrixSymbol, S, sympify

from theory.bilinear import BilinearForm
from theory.covariates.law import CovariateLaw
from theory.errors import SettingError
from theory.exact import covariance_matrix, dimension_size
from theory.responses.family import ResponseFamily, ResponseMoments
from theory.wick import Excess, expectation, random_vector


@dataclass(frozen=True)
class Linear(ResponseFamily):
    """Responses w·x with a task vector w drawn anew for each prompt.

    covariance  W for w ~ N(0, W), d×d and positive semidefinite: an explicit sympy Matrix (checked), or a matrix expression such as
                Sigma.inv() (taken to be semidefinite)
    task        the law of w where it is not Gaussian: any covariate law with w ~ −w, see `Linear.of`
    """

    covariance: Any
    task: CovariateLaw | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "covariance", covariance_matrix("Linear", self.covariance, SettingError, definite=False))
        if self.task is None:
            return
        if not isinstance(self.task, CovariateLaw):
            raise SettingError(f"Linear: task must be a covariate law, got a {type(self.task).__name__}.")
        if not self.task.reflected:
            raise SettingError(
                f"Linear: w and −w must have the same law, else the labels are not sign-symmetric and no closed form of the minimum is "
                f"known; that of {type(self.task).__name__} cannot be seen to be so."
            )
        if self.task.second_moment != self.covariance:
            raise SettingError("Linear: covariance must be the second moment of task; Linear.of(task) takes it from there.")

    @classmethod
    def isotropic(cls, dimension: Any) -> Linear:
        """w ~ N(0, I) in `dimension` dimensions, a number or a symbol."""
        return cls(Identity(dimension_size("Linear.isotropic", dimension, SettingError)))

    @classmethod
    def of(cls, task: CovariateLaw) -> Linear:
        """Task vectors with any law symmetric about 0, given as a covariate law is.

        >>> from theory.covariates import Rademacher
        >>> Linear.of(Rademacher.isotropic(3)).covariance
        Matrix([
        [1, 0, 0],
        [0, 1, 0],
        [0, 0, 1]])
        """
        if not isinstance(task, CovariateLaw):
            raise SettingError(f"Linear.of: task must be a covariate law, got a {type(task).__name__}.")
        return cls(task.second_moment, task)

    @property
    def dimension(self) -> Any:
        return sympify(self.covariance.shape[0])

    @property
    def excess(self) -> Excess | None:
        """The fourth cumulant of the task vector."""
        return None if self.task is None else self.task.excess

    def moments(self, law: CovariateLaw) -> ResponseMoments:
        size = self.dimension
        x, w = MatrixSymbol("x", size, 1), MatrixSymbol("w", size, 1)
        laws = random_vector(x, law.second_moment, law.excess), random_vector(w, self.covariance, self.excess)
        Sigma = law.second_moment
        symmetric = tuple({m for matrix in (Sigma, self.covariance) for m in matrix.atoms(MatrixSymbol)})
        value = BilinearForm(w.T * x)

        def mean(expr: Any) -> Any:
            return expectation(expr, *laws, symmetric=symmetric)

        return ResponseMoments(
            mean=S.Zero,
            third=S.Zero,
            mixed=S.Zero,
            second=mean(value**2),
            fourth=mean(value**4),
            pair=mean(BilinearForm(w.T * Sigma * w) ** 2),
            weighted=mean(x * w.T * x * x.T * w * x.T),
            cross=mean(Sigma * w * w.T * Sigma),
        )

    def draw(self, source: Any, covariates: Any) -> Any:
        batch, size = covariates.shape[0], int(self.dimension)
        task = source.mixed(source.normal(batch, 1, size), self.covariance) if self.task is None else self.task.draw(source, batch, 1)
        return (covariates * task).sum(-1)
