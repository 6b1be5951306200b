"""Pre-training on a fixed set of T task vectors w_1, …, w_T, and on T prompts used once. All of it is derived here.

**A fixed set.** Covariates and noise are fresh in every prompt, the task vector is one of the w_t. Given w a prompt's loss is a
polynomial in w, `task_loss`; the loss on the set is its mean over the w_t. Its part even in w depends on the set through W_T = (1/T) Σ w wᵀ
(what is odd in the labels) and through fourth moments (the mean square of ŷ_even). Its part odd in w is the coupling of ŷ_even with the
rest, and depends on E w and E (wᵀΣw) w alone.

1. For layers with v_x = m_yx = 0, one step with B = v_y M_xx, the loss is that of the prior N(0, W_T): the best is B*(W_T), for every set,
   singular W_T included.
2. If E w = 0 and E (wᵀΣw) w = 0 over the set, as where with w it holds −w, there is no coupling, and L = E ŷ_even² + the loss of one step
   with B. So B*(W_T) is best among all layers, and v_x = m_yx = 0 is kept by gradient flow.
3. Else ∂L/∂(v_x, m_yx) at v_x = m_yx = 0 is linear in the two moments and not 0: gradient flow leaves that class, and the best layer
   lies outside it, by an amount of the order 1/√T. What it is exactly is not known in closed form.

Its risk on tasks of the prior N(0, W) is L* + n tr(G D Σ Dᵀ), D = B*(W_T) − B*(W), by the theorem `risk-under-shift`; `leading_excess` and
`leading_even_excess` are its limits for large T.

**One pass of SGD** (Wu et al., arXiv 2310.08391): ŷ = x_qᵀ Γ z with z = (1/n) Xᵀy, so that Γᵀ = nB; Γ_t = Γ_{t−1} − γ_t (ŷ − y_q) x_q zᵀ,
each prompt with a task of its own. `sgd_recursion` gives the expected excess after each step, for isotropic covariates and tasks.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from sympy import Dummy, Expr, Identity, Inverse, Matrix, MatrixSymbol, Mul, Poly, S, Trace, cancel, factor

from theory.bilinear import BilinearForm
from theory.covariates import Gaussian
from theory.errors import SettingError
from theory.loss import LABELS, QUERY_LABEL, gaussian_setting, prediction, replaced, specialise
from theory.minimiser import global_minimiser, normal_equations
from theory.notation import A, B, Sigma, W, X, c, d, eps, eps_q, n, sigma2, v_x, v_y, w, x_q
from theory.responses import Linear
from theory.setting import Setting
from theory.traces import normal_form
from theory.wick import RandomMatrix, expectation, random_vector

G_INVERSE = MatrixSymbol("G_inverse", d, d)


def _prompt(covariance: Any) -> tuple[RandomMatrix, ...]:
    """The laws of X, ε and the query, given the task."""
    return (
        RandomMatrix(X, Identity(n), covariance),
        random_vector(eps, sigma2 * Identity(n)),
        random_vector(x_q, covariance),
        random_vector(eps_q, sigma2 * Identity(1)),
    )


@cache
def task_loss() -> Expr:
    """E[(ŷ − y_q)² | w] for covariates N(0, Σ): the loss of a layer on prompts of one task, in the symbols of `theory.notation`."""
    return expectation((prediction() - QUERY_LABEL) ** 2, *_prompt(Sigma))


@cache
def general_leading_excess() -> Expr:
    """T times the mean excess over task sets, to leading order, in the symbols n, Σ, W, σ², B standing for B* and G_INVERSE for G⁻¹.

    G and K are linear in W and σ². Along δ = W_T − W the derivative of G B* Σ = K is G D Σ = R, R = K(δ) − G(δ) B* Σ with σ² = 0 in G(δ),
    and the excess is n tr(G D Σ Dᵀ) = n tr(G⁻¹ R Σ⁻¹ Rᵀ). As W_T is a mean of T independent w wᵀ, its mean is 1/T of that for one task.
    """
    system, right, target = (specialise(part, gaussian_setting()) for part in normal_equations())
    deviation = {W: w * w.T - W, sigma2: S.Zero}
    residual = replaced(target, deviation) - replaced(system, deviation) * B * right
    square = normal_form(n * Trace(G_INVERSE * residual * Inverse(right) * residual.T), symmetric=(Sigma, W, G_INVERSE))
    return expectation(square, random_vector(w, W), symmetric=(Sigma, W, G_INVERSE))


def leading_excess(setting: Setting) -> Expr:
    """c such that the best one-step predictor on a set of T tasks has, on new tasks, a mean excess of c/T + O(1/T²).

    Raises SettingError unless covariates and tasks are Gaussian.

    >>> from sympy import symbols
    >>> n, s = symbols("n", integer=True, positive=True), symbols("s", nonnegative=True)
    >>> setting = Setting(covariates=Gaussian.isotropic(1), response=Linear.isotropic(1), noise_variance=s, context_length=n)
    >>> factor(leading_excess(setting))
    2*n*s**2/(n + s + 2)**3
    """
    covariance = _gaussian_tasks("leading_excess", setting).covariance
    system = specialise(normal_equations()[0], setting)
    more = {W: covariance, sigma2: setting.noise_variance, G_INVERSE: normal_form(Inverse(system))}
    return specialise(general_leading_excess(), setting, step=global_minimiser(setting).step, more=more)


def _gaussian_tasks(where: str, setting: Setting) -> Linear:
    response = setting.response
    if not isinstance(setting.covariates, Gaussian) or not isinstance(response, Linear) or response.task is not None:
        raise SettingError(f"{where}: needs Gaussian covariates and task vectors; give Gaussian(...) and Linear(...).")
    return response


@cache
def leading_even_excess() -> Expr:
    """What the even part of a layer free to use it adds to c, for Σ = W = I: the mean excess of the best layer near the global minimum
    is then (c + this)/T to leading order, in the symbols n, d, σ².

    To leading order the set changes the slope of the loss at B* and not its curvature: ℓ(w) = ½ ∂/∂(v_x, m_yx) is odd in w, and the
    curvature Q, a mean over w, couples nothing with B. So (v_x, m_yx) = −Q⁻¹ℓ, ℓ the mean over the set, and it adds ℓᵀQ⁻¹ℓ = E ŷ_even².
    """
    isotropic = Setting(covariates=Gaussian.isotropic(d), response=Linear.isotropic(d), noise_variance=sigma2, context_length=n)
    best = global_minimiser(isotropic).step
    at_best = normal_form(replaced(task_loss(), {Sigma: Identity(d), A: best, v_y: S.One}))
    forms = {BilinearForm(left.T * right): Dummy() for left, right in ((v_x, v_x), (v_x, c), (c, c), (w, v_x), (w, c), (w, w))}
    xx, xc, cc, wx, wc, ww = forms.values()
    slope = Poly(at_best.subs(forms), wx, wc)
    linear = [slope.coeff_monomial(symbol).subs({xx: 0, xc: 0, cc: 0}) / 2 for symbol in (wx, wc)]
    # over w the quadratic part is a quadratic form in |v_x|², v_x·m_yx, |m_yx|², as no direction is preferred
    quadratic = Poly(normal_form(expectation(at_best, random_vector(w, Identity(d)))).subs(forms), xx, xc, cc)
    along, across, other = (quadratic.coeff_monomial(symbol) for symbol in (xx, xc, cc))
    inverse = Matrix([[along, across / 2], [across / 2, other]]).inv()
    norm = BilinearForm(w.T * w)

    def mean(polynomial: Any) -> Any:
        return expectation((polynomial * ww).expand().subs(ww, norm), random_vector(w, Identity(d)))

    return sum((inverse[i, j] * mean(linear[i] * linear[j]) for i in range(2) for j in range(2)), S.Zero)


class SGDRecursion(NamedTuple):
    """The expected excess Δ of one-pass SGD with Σ = W = I, by an exact recursion: with E_t = Γ_t − Γ*, a = E tr E_t and s = E‖E_t‖²,

        a ← (1 − γh) a,      s ← (1 − 2γh + γ²·spread) s + γ²·coupling·a + γ²·source,      Δ = h s,

    from a = −d Γ*, s = d Γ*² where Γ_0 = 0. In the symbols n, d, σ².

    curvature  h, E z zᵀ = h I
    spread     (d+2) E|z|⁴ / d
    coupling   2(d+2) E uᵀz|z|² / d,  u = Γ*z − w
    source     (d+2) E|u|²|z|² + d σ² E|z|²
    optimum    Γ* as a multiple of I
    """

    curvature: Expr
    spread: Expr
    coupling: Expr
    source: Expr
    optimum: Expr


@cache
def sgd_recursion() -> SGDRecursion:
    """From E_t = E_{t−1} − γ x_q (x_qᵀ(E_{t−1}z + u) − ε_q) zᵀ, squared: E (x_qᵀa)²|x_q|² = (d + 2)|a|², and E u zᵀ = 0.

    The moments of z are of order eight in X; the paper bounds them, `wick` evaluates them.

    >>> h = sgd_recursion().curvature
    >>> h.equals((n + d + 1 + sigma2) / n)
    True
    """
    z, laws = X.T * LABELS / n, (*_prompt(Identity(d))[:2], random_vector(w, Identity(d)))
    square, along, norm = BilinearForm(z.T * z), BilinearForm(w.T * z), BilinearForm(w.T * w)
    energy, fourth, mixed, task = (factor(expectation(expr, *laws)) for expr in (square, square**2, along * square, norm * square))
    curvature = energy / d
    optimum = factor(cancel(expectation(along, *laws) / energy))
    return SGDRecursion(
        curvature=curvature,
        spread=factor((d + 2) * fourth / d),
        coupling=factor(cancel(2 * (d + 2) * (optimum * fourth - mixed) / d)),
        source=factor(cancel((d + 2) * (optimum**2 * fourth - 2 * optimum * mixed + task) + Mul(d, sigma2, energy))),
        optimum=optimum,
    )
