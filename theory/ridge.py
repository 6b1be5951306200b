"""The ridge estimate, and the paper's formula for the step size as a ratio of expectations with it.

Given the context, the task vector has posterior mean ŵ = (XᵀX + σ²W⁻¹)⁻¹Xᵀy, the ridge estimate. At σ² = 0 it means its
limit σ² → 0⁺, the minimum-norm interpolant in the metric of W⁻¹ (for W ∝ I the pseudo-inverse, X⁺y); every identity below
holds in that limit too.

The numerator E[ŵᵀXᵀy] of the paper's step size is found here from the ridge estimate itself, as a second route to `theory.step_size`.
"""

from __future__ import annotations

from sympy import Expr, Identity, Inverse
from sympy.matrices.expressions.matexpr import MatrixSymbol

from theory import wick
from theory.bilinear import BilinearForm
from theory.errors import SettingError
from theory.loss import LABELS
from theory.notation import Sigma, W, X, d, eps, n, sigma2, w
from theory.traces import Alphabet, Combination, Polynomial, add, multiply

_RESOLVENT = MatrixSymbol("R", d, d)
_LAWS = (
    wick.RandomMatrix(X, Identity(n), Sigma),
    wick.random_vector(w, W),
    wick.random_vector(eps, sigma2 * Identity(n)),
)


def general_numerator() -> Expr:
    """E[ŵᵀXᵀy] for W invertible, in the symbols of `theory.notation`.

    Given X, the expectation over (w, ε) is a trace with the resolvent R = (XᵀX + σ²W⁻¹)⁻¹; R XᵀX = I − σ² R W⁻¹ removes the
    resolvent, and Wick's rule over X does the rest.

    >>> general_numerator()
    n*Trace(Sigma*W)
    """
    context, task, noise = _LAWS
    given_x = wick.expectation(BilinearForm(LABELS.T * X * _RESOLVENT * X.T * LABELS), task, noise, symmetric=(_RESOLVENT,))
    return wick.expectation(_without_resolvent(given_x), context, symmetric=(W,))


def _without_resolvent(expr: Expr) -> Expr:
    """Replace R XᵀX by I − σ² R W⁻¹ in every closed word, as long as there is one."""
    alphabet = Alphabet((W, _RESOLVENT), [expr])
    r, x, w_inverse = alphabet.letter(_RESOLVENT), alphabet.letter(X), alphabet.letter(Inverse(W))
    pattern = (r, -x, x)
    replacement: Combination = [({(): 1}, ()), (alphabet.scalar(-sigma2), (r, w_inverse))]
    polynomial = alphabet.scalar(expr)
    while True:
        found = next(((m, i, turned) for m in polynomial for i, word in enumerate(m) if (turned := _match(alphabet, word, pattern))), None)
        if found is None:
            break
        monomial, index, rest = found
        coefficient = polynomial.pop(monomial)
        others: Polynomial = {monomial[:index] + monomial[index + 1 :]: coefficient}
        new = [multiply(multiply(scale, alphabet.closed(middle + rest[0], d)), others) for scale, middle in replacement]
        polynomial = add([polynomial, *new])
    result = alphabet.expression(polynomial)
    if result.has(_RESOLVENT):
        raise SettingError("ridge: the resolvent does not cancel; the prior of the ridge estimate is not that of the setting.")
    return result


def _match(alphabet: Alphabet, word: tuple[int, ...], pattern: tuple[int, ...]) -> tuple[tuple[int, ...]] | None:
    """What is left of a cyclic word after the pattern, boxed, or None where the pattern does not occur."""
    for turned in (word, alphabet.transposed(word)):
        for i in range(len(turned)):
            rotated = turned[i:] + turned[:i]
            if rotated[: len(pattern)] == pattern:
                return (rotated[len(pattern) :],)
    return None
