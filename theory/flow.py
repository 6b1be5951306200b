"""Where gradient flow of the in-context loss ends when it starts at v_x = m_yx = 0, in isotropic settings.

No term of L is linear in (v_x, m_yx), so v_x = m_yx = 0 stays. There L = L* + p‖kvA − (q/p)I‖² in v = v_y and A = M_xx, with the
coefficients p, q of `theory.coefficients` and k = s/normalisation for Σ = sI. With D = kvA − (q/p)I and E = L − L*, the flow is

    v' = −2pk⟨A, D⟩ = 2k(q tr A − pkv‖A‖²),      A' = −2pkvD.

1. m = v² − ‖A‖² is conserved.
2. |∇L|² = 4p²k²(⟨A, D⟩² + v²‖D‖²) ≥ 4pk²v²E and v² ≥ m, so E(t) ≤ E(0) exp(−4pk²mt). As E bounds vA, and m what is left, the path is
   bounded; L is a polynomial, so the flow converges (Łojasiewicz), to a point with v = tr A = 0 or D = 0.
3. Where m > 0, v is never 0: the limit is a global minimum.
4. v tr A ≥ 0, not both 0, stays so and becomes > 0, as v' = 2kq tr A at v = 0 and (tr A)' = 2kv(qd − pkv tr A). Near v = tr A = 0 with
   v tr A > 0 the latter makes |tr A| grow, so the limit is a global minimum.
5. v tr A < 0: let v > 0 (else turn both signs), b = −tr A, w = ‖A + (b/d)I‖². While v, b > 0,
       v' = −2k(qb + pkvS),  S = b²/d + w,      b' = −2kv(qd + pkvb),      w' = −4pk²v²w,
   a monotone system: more v, less b and less w stay so. The limit is the zero predictor, or v or b reaches 0 and 4 applies. Of two starts
   with v₁ ≤ v₂, b₁ ≥ b₂, w₁ ≥ w₂, not all equal, one at most ends in the zero predictor: else x = v₂ − v₁ > 0 and y = b₁ − b₂ ≥ 0 for
   t > 0 tend to 0, but x' ≥ 2k(qy − pkS₂x), y' ≥ 2k(qdx − pkv₁²y), and x + λy grows once v₁ is small if λ > pkS₂/(qd).
6. So for given A, tr A ≠ 0, exactly one v with v tr A < 0 ends in the zero predictor: both ways out are open in v and occur. For
   A = −(b/d)I it is v = b/√d, that is m = 0: b = √d v stays. For w > 0 it is beyond b/√d, by 5 with w₂ = 0, and below ‖A‖:
   m = −‖A(∞)‖² < 0, as w(∞) > 0, w falling like exp(−4pk²∫v²) and ∫v ≤ b(0)/2kqd.
7. At a global minimum kv²·A = (q/p)vI and m = v² − d(q/pk)²/v², which fixes v² = (m + √(m² + 4d(q/pk)²))/2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sympy import ImmutableMatrix, S, eye, sqrt, sympify

from theory.attention import LinearAttention
from theory.coefficients import coefficients
from theory.errors import AttentionError, SettingError
from theory.exact import is_zero_matrix
from theory.loss import written_out
from theory.means import sign
from theory.setting import Setting


@dataclass(frozen=True)
class Flow:
    """The end of d(v, M)/dt = −∇L.

    limit   "global minimum", "zero predictor", or None: not known on which side of the one v_y that ends in the zero predictor
    end     the layer at the global minimum where that is the limit
    rate    L − L* ≤ (L(0) − L*) exp(−rate · t), 0 where none is known. Not sharp: in the end L − L* falls by 4pk²v² > 4pk²m; the share of
            the two tends to 1 as v(0)² − ‖A(0)‖² → ∞
    reason  which argument, as numbered in `theory.flow`
    """

    limit: str | None
    end: LinearAttention | None
    rate: Any
    reason: str


def gradient_flow(setting: Setting, attention: LinearAttention) -> Flow:
    """Of a start with v_x = m_yx = 0, in numbers.

    Raises SettingError where Σ is no multiple of I or the loss has preferred directions, AttentionError for other starts.

    >>> from sympy import Matrix, Rational, eye
    >>> from theory import Gaussian, Linear
    >>> setting = Setting(covariates=Gaussian.isotropic(2), response=Linear.isotropic(2), noise_variance=0, context_length=1)
    >>> small = Matrix([[Rational(1, 10), 0, 0], [0, Rational(1, 10), 0], [0, 0, 0]])
    >>> [gradient_flow(setting, LinearAttention(Matrix([0, 0, v]), small)).limit for v in (1, Rational(-1, 10), Rational(-1, 100))]
    ['global minimum', 'global minimum', 'global minimum']
    """
    scale = _scale(setting)
    found, d = coefficients(setting), setting.dimension
    v, A = _start(setting, attention)
    k, p, q = scale / setting.normalisation, found.p, found.q
    trace, square = A.trace(), sum(entry**2 for entry in A)
    conserved = v**2 - square
    rest = sum(entry**2 for entry in A - trace / d * eye(int(d)))
    side, along = sign(conserved), sign(v) * sign(trace)

    def minimum(direction: Any, reason: str) -> Flow:
        size = (conserved + sqrt(conserved**2 + 4 * d * (q / (p * k)) ** 2)) / 2
        last = direction * sqrt(size)
        zero = ImmutableMatrix.zeros(int(d), 1)
        end = LinearAttention.from_blocks(
            covariate_value=zero, label_value=last, covariate_key_query=q / (p * k * last) * eye(int(d)), label_key_query=zero
        )
        return Flow("global minimum", end, 4 * p * k**2 * conserved if side > 0 else S.Zero, reason)

    if side > 0:
        return minimum(sign(v), "3: v² > ‖A‖²")
    if sign(v) == 0 and sign(trace) == 0:
        return Flow("zero predictor", None, S.Zero, "stationary")
    if along > 0 or sign(v) == 0 or sign(trace) == 0:
        return minimum(sign(v) or sign(trace), "4: v tr A ≥ 0")
    if sign(rest) == 0:
        return Flow("zero predictor", None, S.Zero, "6: A = aI, v = −√d a") if side == 0 else minimum(sign(trace), "6: A = aI, v² < ‖A‖²")
    if sign(v**2 - trace**2 / d) <= 0:
        return minimum(sign(trace), "6: v² ≤ (tr A)²/d")
    if side == 0:
        return minimum(sign(v), "6: v² = ‖A‖², A ≠ aI")
    return Flow(None, None, S.Zero, "6: (tr A)²/d < v² < ‖A‖²")


def _scale(setting: Setting) -> Any:
    """s with Σ = sI"""
    Sigma = written_out(setting.moments.Sigma)
    if not isinstance(Sigma, ImmutableMatrix) or not is_zero_matrix(Sigma - Sigma[0, 0] * eye(Sigma.rows)):
        raise SettingError(
            f"flow: needs covariates with Σ = sI in a number of dimensions, as the flow depends on the coordinates, got {Sigma}."
        )
    return Sigma[0, 0]


def _start(setting: Setting, attention: LinearAttention) -> tuple[Any, Any]:
    """(v_y, M_xx) in numbers"""
    if attention.dimension != setting.dimension or not attention.is_explicit:
        raise AttentionError(f"flow: needs an explicit layer in {setting.dimension} dimensions.")
    parts = (attention.covariate_value, attention.label_key_query)
    if not all(is_zero_matrix(part) for part in parts):
        raise AttentionError("flow: the start must have v_x = 0 and m_yx = 0; where other starts end is not known.")
    v, A = sympify(attention.label_value), attention.covariate_key_query
    if v.free_symbols or A.free_symbols:
        raise AttentionError("flow: the start must be numbers.")
    return v, A


__all__ = ["Flow", "gradient_flow"]
