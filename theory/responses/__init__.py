"""Response families, one file each. A family gives its moments and draws samples; `family.py` says what is asked of one."""

from theory.responses.family import ResponseFamily
from theory.responses.gaussian_process import RBF, PolynomialKernel
from theory.responses.linear import Linear
from theory.responses.network import ReLUNetwork
from theory.responses.random_polynomial import RandomPolynomial
from theory.responses.single_index import SingleIndex

__all__ = ["RBF", "Linear", "PolynomialKernel", "RandomPolynomial", "ReLUNetwork", "ResponseFamily", "SingleIndex"]
