"""Every covariate law and every response family, by name, at dimension d: what the tests of pairs run through."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sympy import Abs, Identity, Integer, Matrix, Rational, S, cos, diag, erf, eye, sign, sin, tanh

from theory import (
    RBF,
    CovariateLaw,
    Gaussian,
    GaussianMixture,
    GivenKurtosis,
    Laplace,
    Linear,
    Moments,
    PolynomialKernel,
    Rademacher,
    RandomPolynomial,
    ReLUNetwork,
    ResponseFamily,
    ScaleMixture,
    SingleIndex,
    Sphere,
    StudentT,
    Uniform,
)
from theory.responses.single_index import hermite, leaky_relu, relu, t


def identity(d: Any) -> Any:
    """I, written out where d is a number"""
    return eye(int(d)) if isinstance(d, int | Integer) else Identity(d)


def two_gaussians(d: int) -> GaussianMixture:
    """x and −x with the same law, means and covariances that differ."""
    centre = Matrix([1] + [0] * (d - 1))
    wide = diag(2, *[1] * (d - 1))
    third = Rational(1, 3)
    return GaussianMixture(((third, centre, eye(d) / 2), (third, -centre, eye(d) / 2), (third, 0 * centre, wide)))


LAWS: dict[str, Callable[[Any], CovariateLaw]] = {
    "gaussian": Gaussian.isotropic,
    "sphere": lambda d: Sphere(identity(d)),
    "student 5": lambda d: StudentT(identity(d), Integer(5)),
    "student 9": lambda d: StudentT(identity(d)),
    "student 15": lambda d: StudentT(identity(d), Integer(15)),
    "scale mixture": lambda d: ScaleMixture(identity(d)),
    "rademacher": Rademacher.isotropic,
    "uniform": Uniform.isotropic,
    "laplace": Laplace.isotropic,
    "given kurtosis": lambda d: GivenKurtosis(identity(d), Rational(5, 2)),
    "gaussian mixture": two_gaussians,
    "moments": lambda d: Moments(identity(d), ((S.Half, identity(d) / 2), (S.Half, 3 * identity(d) / 2))),
}

ACTIVATIONS: dict[str, Any] = {
    "square": t**2,
    "cube": t**3,
    "t + t²": t + t**2,
    "hermite 2": hermite(2),
    "hermite 3": hermite(3),
    "relu": relu,
    "leaky relu": leaky_relu,
    "abs": Abs(t),
    "sign": sign(t),
    "sin": sin(t),
    "cos": cos(t),
    "erf": erf(t),
    "t + tanh": t + tanh(t),
}

FAMILIES: dict[str, Callable[[Any], ResponseFamily]] = {
    "linear": Linear.isotropic,
    "linear laplace": lambda d: Linear.of(Laplace.isotropic(d)),
    "linear sphere": lambda d: Linear.of(Sphere(identity(d))),
    **{
        name: lambda d, phi=phi: SingleIndex.isotropic(phi, d, growth=(2, 1) if phi == t + tanh(t) else None)
        for name, phi in ACTIVATIONS.items()
    },
    "relu network": lambda d: ReLUNetwork.isotropic(d, 4),
    "rbf": RBF.isotropic,
    "polynomial kernel": PolynomialKernel.isotropic,
    "random polynomial": RandomPolynomial.isotropic,
}

PAIRS = [(law, family) for law in LAWS for family in FAMILIES]
