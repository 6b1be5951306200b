"""Every symbol of the project, once: what it means, what is assumed of it, and what the papers call it."""

from __future__ import annotations

from typing import NamedTuple

import sympy
from sympy import Basic, MatrixSymbol, Symbol

n = Symbol("n", integer=True, positive=True)
d = Symbol("d", integer=True, positive=True)
sigma2 = Symbol("sigma2", nonnegative=True)
v_y = Symbol("v_y", real=True)

Sigma = MatrixSymbol("Sigma", d, d)
W = MatrixSymbol("W", d, d)

v_x = MatrixSymbol("v_x", d, 1)
A = MatrixSymbol("A", d, d)
c = MatrixSymbol("c", d, 1)
B = MatrixSymbol("B", d, d)

tau = Symbol("tau", positive=True)
mu_4 = Symbol("mu_4", positive=True)
mu_22 = Symbol("mu_22", positive=True)
C = MatrixSymbol("C", d, d)
K = MatrixSymbol("K", d, d)
Q = MatrixSymbol("Q", d, d)
x = MatrixSymbol("x", d, 1)
x_two = MatrixSymbol("x_two", d, 1)

X = MatrixSymbol("X", n, d)
w = MatrixSymbol("w", d, 1)
eps = MatrixSymbol("epsilon", n, 1)
x_q = MatrixSymbol("x_q", d, 1)
eps_q = MatrixSymbol("epsilon_q", 1, 1)

n_test = Symbol("n_t", integer=True, positive=True)
sigma2_test = Symbol("sigma2_t", nonnegative=True)
Sigma_test = MatrixSymbol("Sigma_t", d, d)
W_test = MatrixSymbol("W_t", d, d)

X_test = MatrixSymbol("X_t", n_test, d)
w_test = MatrixSymbol("w_t", d, 1)
eps_test = MatrixSymbol("epsilon_t", n_test, 1)
x_q_test = MatrixSymbol("x_qt", d, 1)
eps_q_test = MatrixSymbol("epsilon_qt", 1, 1)

y = MatrixSymbol("y", n, 1)
u = MatrixSymbol("u", d, 1)
u_0 = MatrixSymbol("u_0", d, 1)
eta = Symbol("eta", real=True)
P = MatrixSymbol("P", d, d)
omega = MatrixSymbol("omega", d, 1)
r = MatrixSymbol("r", d, 1)
y_tilde = MatrixSymbol("y_tilde", n, 1)
T = MatrixSymbol("T", d, d)
X_tilde = MatrixSymbol("X_tilde", n, d)
w_tilde = MatrixSymbol("w_tilde", d, 1)
x_q_tilde = MatrixSymbol("x_q_tilde", d, 1)

y_q = MatrixSymbol("y_q", 1, 1)
M_1 = MatrixSymbol("M_1", d, d)
M_2 = MatrixSymbol("M_2", d, d)
B_star = MatrixSymbol("B_star", d, d)
u_star = MatrixSymbol("u_star", d, 1)
x_1 = MatrixSymbol("x_1", d, 1)
y_1 = MatrixSymbol("y_1", 1, 1)
x_2 = MatrixSymbol("x_2", d, 1)
y_2 = MatrixSymbol("y_2", 1, 1)

k = Symbol("k", integer=True, positive=True)
m = Symbol("m", integer=True, positive=True)
Phi = MatrixSymbol("Phi", n, k)
phi_q = MatrixSymbol("phi_q", k, 1)
theta = MatrixSymbol("theta", k, 1)
S = MatrixSymbol("S", k, k)
W_1 = MatrixSymbol("W_1", m, d)
S_1 = MatrixSymbol("S_1", m, m)
chi = MatrixSymbol("chi", k, 1)
Q = MatrixSymbol("Q", d, d)


p = Symbol("p", positive=True)
q = Symbol("q", positive=True)
alpha = Symbol("alpha", positive=True)
beta = Symbol("beta", positive=True)
gamma = Symbol("gamma", positive=True)
delta = Symbol("delta", positive=True)
ratio = Symbol("r", positive=True)
rho_1 = Symbol("rho_1", positive=True)
rho_2 = Symbol("rho_2", positive=True)
t = Symbol("t", real=True)
h_x = MatrixSymbol("h_x", d, 1)
h_y = Symbol("h_y", real=True)
H_A = MatrixSymbol("H_A", d, d)
h_c = MatrixSymbol("h_c", d, 1)


class Entry(NamedTuple):
    """One row of the notation table."""

    symbol: Basic
    latex: str
    meaning: str
    papers: str


def latex(expr: Basic) -> str:
    """LaTeX in the notation of the table.

    >>> latex(sigma2 * n)
    'n \\\\sigma^2'
    """
    return str(sympy.latex(expr, symbol_names={entry.symbol: entry.latex for entry in TABLE if isinstance(entry.symbol, Symbol)}))


TABLE: tuple[Entry, ...] = (
    Entry(n, "n", "context length: the number of examples in a prompt", "n (Mahankali et al.), N (Zhang et al.)"),
    Entry(n_test, r"n_{\mathrm t}", "context length at test time", "M (Zhang et al.)"),
    Entry(d, "d", "dimension of a covariate", "d"),
    Entry(sigma2, r"\sigma^2", "variance of the label noise, ≥ 0", "σ²"),
    Entry(Sigma, r"\Sigma", "covariance of a covariate", "Σ, Λ (Zhang et al.)"),
    Entry(W, "W", "covariance of the task vector", "I (Theorem 1), Σ⁻¹ (Theorem 2), ψ²I (Wu et al.)"),
    Entry(X, "X", "covariates of the context, one example a row (n×d)", "X"),
    Entry(w, "w", "task vector, drawn anew for each prompt", "w"),
    Entry(eps, r"\varepsilon", "label noise of the context (n×1); y = Xw + ε", "ε"),
    Entry(x_q, "x_q", "covariate of the query", "x_{n+1}, x_query"),
    Entry(eps_q, r"\varepsilon_q", "label noise of the query", "ε_{n+1}"),
    Entry(v_x, "v_x", "covariate part of the value vector v = W_Vᵀh", "first d entries of Mᵀw (Mahankali et al.)"),
    Entry(v_y, "v_y", "label part of the value vector", "its last entry"),
    Entry(A, "A", "covariate block M_xx of the key-query matrix M = W_KᵀW_Q", "W_KᵀW_Q, block (1,1)"),
    Entry(c, "c", "label row m_yx of the key-query matrix, as a column", "W_KᵀW_Q, block (2,1)"),
    Entry(B, "B", "learned step v_y A + v_x cᵀ: the part of ŷ odd in the labels is (Σ y_i x_i)ᵀ B x_q", "η·I, η·Σ⁻¹"),
    Entry(sigma2_test, r"\sigma_{\mathrm t}^2", "noise variance at test time, ≥ 0", ""),
    Entry(Sigma_test, r"\Sigma_{\mathrm t}", "covariance of a covariate at test time", ""),
    Entry(W_test, r"W_{\mathrm t}", "covariance of the task vector at test time", ""),
    Entry(X_test, r"X_{\mathrm t}", "covariates of the context at test time", ""),
    Entry(w_test, r"w_{\mathrm t}", "task vector at test time", ""),
    Entry(eps_test, r"\varepsilon_{\mathrm t}", "label noise of the context at test time", ""),
    Entry(x_q_test, r"x_{q\mathrm t}", "covariate of the query at test time", ""),
    Entry(eps_q_test, r"\varepsilon_{q\mathrm t}", "label noise of the query at test time", ""),
    Entry(y, "y", "labels of the context (n×1), any numbers unless y = Xw + ε is said", "y"),
    Entry(u, "u", "argument of the least-squares objective", "w"),
    Entry(u_0, "u_0", "point at which a gradient step starts", "w₀"),
    Entry(eta, r"\eta", "step size", "η"),
    Entry(P, "P", "preconditioner of a gradient step", "A (Ahn et al.)"),
    Entry(omega, r"\omega", "task direction: W = ωωᵀ where W has rank one", ""),
    Entry(r, "r", "deviation of the task vector from its mean given the context", ""),
    Entry(T, "T", "square root of the covariance of a covariate: Σ = TTᵀ", "Σ^(1/2)"),
    Entry(X_tilde, r"\tilde X", "whitened covariates of the context, X = X̃Tᵀ", ""),
    Entry(w_tilde, r"\tilde w", "task vector in whitened coordinates, Tᵀw", ""),
    Entry(x_q_tilde, r"\tilde x_q", "whitened covariate of the query, x_q = T x̃_q", ""),
    Entry(y_tilde, r"\tilde y", "labels of the context, as a variable independent of r", ""),
    Entry(y_q, "y_q", "label of the query (1×1), of any law", "y_{n+1}, y_query"),
    Entry(M_1, "M_1", "mean of Σ y_i x_i y_q x_qᵀ over prompts of any law", ""),
    Entry(M_2, "M_2", "second moment of Σ y_i x_i over prompts of any law", ""),
    Entry(u_star, r"u_\star", "best linear predictor of the query's label given the context", "u (Mahankali et al.)"),
    Entry(x_1, "x_1", "covariate of a token like those of the context", ""),
    Entry(y_1, "y_1", "its label", ""),
    Entry(x_2, "x_2", "covariate of another such token", ""),
    Entry(y_2, "y_2", "its label", ""),
    Entry(k, "k", "width of the last hidden layer of a random network", ""),
    Entry(m, "m", "width of its first hidden layer", ""),
    Entry(Phi, r"\Phi", "values of the last hidden layer on the context, one example a row (n×k)", ""),
    Entry(phi_q, r"\varphi_q", "values of the last hidden layer on the query", ""),
    Entry(theta, r"\theta", "weights of the last layer", ""),
    Entry(S, "S", "covariance of the weights of the last layer", ""),
    Entry(W_1, "W_1", "weights of the first layer, one hidden unit a row (m×d)", ""),
    Entry(S_1, "S_1", "covariance of the weights of different units of the first layer", ""),
    Entry(chi, r"\chi", "all other weights and the noise", ""),
    Entry(Q, "Q", "a rotation: QᵀQ = I", ""),
    Entry(p, "p", "coefficient of ‖B‖² in a loss without a preferred direction", ""),
    Entry(q, "q", "coefficient of −2 tr B in it", ""),
    Entry(alpha, r"\alpha", "coefficient of |Aᵀv_x|² in it", ""),
    Entry(beta, r"\beta", "coefficient of ‖A‖²|v_x|² in it", ""),
    Entry(gamma, r"\gamma", "coefficient of 2 v_y cᵀAᵀv_x in it", ""),
    Entry(delta, r"\delta", "coefficient of v_y²|c|² in it", ""),
    Entry(tau, r"\tau", "the loss of the layer that predicts 0", ""),
    Entry(rho_1, r"\rho_1", "a ratio |v_x|²/v_y²", ""),
    Entry(rho_2, r"\rho_2", "another ratio", ""),
    Entry(t, "t", "how far along a line in the space of parameters", ""),
    Entry(h_x, "h_x", "direction of the line in v_x", ""),
    Entry(h_y, "h_y", "its direction in v_y", ""),
    Entry(H_A, "H_A", "its direction in A", ""),
    Entry(h_c, "h_c", "its direction in c", ""),
    Entry(B_star, r"B_\star", "a step that solves the normal equations M₂ B Σ = M₁", ""),
)


class Name(NamedTuple):
    """What an abbreviation used in statements and derivations is called; its definition stands with each theorem."""

    name: str
    latex: str
    text: str
    meaning: str


SIX = (
    *(("p", "p", "p"), ("q", "q", "q"), ("alpha", r"\alpha", "α")),
    *(("beta", r"\beta", "β"), ("gamma_0", r"\gamma_0", "γ₀"), ("delta", r"\delta", "δ")),
)

NAMES: tuple[Name, ...] = (
    Name("yhat", r"\hat y", "ŷ", "prediction of the layer"),
    Name("yhat_even", r"\hat y_{\mathrm{even}}", "ŷ_even", "part of ŷ even under the sign flip of (w, ε)"),
    Name("y", "y", "y", "labels of the context"),
    Name("e", "e", "e", "error ŷ − y_q of the layer"),
    Name("e_1", "e_1", "e₁", "the same with the context's covariates whitened"),
    Name("e_2", "e_2", "e₂", "the same with the query's covariate whitened too"),
    Name("e_3", "e_3", "e₃", "the same with the task vector in whitened coordinates too"),
    Name("e_tilde", r"\tilde e", "ẽ", "error of the layer with whitened parameters on whitened prompts"),
    Name("y_q", "y_q", "y_q", "label of the query"),
    Name("yhat_test", r"\hat y_{\mathrm t}", "ŷ_t", "prediction of the layer on a prompt at test time"),
    Name("y_test", r"y_{\mathrm t}", "y_t", "labels of the context at test time"),
    Name("rho", r"\rho", "ρ", "risk of the trained layer at test time"),
    Name("y_q_test", r"y_{q\mathrm t}", "y_qt", "label of the query at test time"),
    Name("L", "L", "L", "in-context loss E(ŷ − y_q)²"),
    Name("L_star", r"L_\star", "L*", "minimum of the in-context loss"),
    Name("L_test", r"L_{\mathrm t}", "L_t", "minimum of the in-context loss of the test setting"),
    Name("B", "B", "B", "learned step v_y A + v_x cᵀ"),
    Name("B_star", r"B_\star", "B*", "optimal step"),
    Name("B_test", r"B_{\mathrm t}", "B_t", "optimal step of the test setting"),
    Name("tau", r"\tau", "τ", "variance of a label, tr(ΣW) + σ²"),
    Name("tau_test", r"\tau_{\mathrm t}", "τ_t", "variance of a label at test time"),
    Name("G", "G", "G", "second moment of a context's Σ y_i x_i, divided by n"),
    Name("G_test", r"G_{\mathrm t}", "G_t", "the same at test time"),
    Name("H", "H", "H", "the matrix with B* = H⁻¹ W"),
    Name("H_test", r"H_{\mathrm t}", "H_t", "the same at test time"),
    Name("eta", r"\eta", "η", "step size"),
    Name("eta_test", r"\eta_{\mathrm t}", "η_t", "step size of the test setting"),
    Name("kappa", r"\kappa", "κ", "linear part of a family of responses, E[y₁ y₂ x₁·x₂] / d"),
    Name("gamma", r"\gamma", "γ", "size of a family of responses, E[y₁² ‖x₁‖²] / d"),
    Name("f", "f", "f", "factor Aᵀ(XᵀX v_x) + v_y (yᵀy) c of x_q in the even part of the prediction"),
    Name("f_1", "f_1", "f₁", "the same for one token"),
    Name("f_2", "f_2", "f₂", "the same for another token"),
    Name("b", "b", "b", "direction B*⁻ᵀ c"),
    Name("P_b", "P_b", "P_b", "‖b‖² times the projection orthogonal to b"),
    Name("C", "C", "C", "second moment of y₁ x₁ for one token"),
    Name("K", "K", "K", "mean of y₁ x₁ (y₂ x₂)ᵀ for two tokens with one random function"),
    Name("g", "g", "g", "mean of ŷ_even given the covariates"),
    Name("Z", "Z", "Z", "tokens (x_i, y_i) of the context, one a row"),
    Name("Z_0", "Z_0", "Z₀", "the same with the residuals of u₀ as labels"),
    Name("z_q", "z_q", "z_q", "token of the query, (x_q, 0)"),
    Name("W_K", "W_K", "W_K", "key weights"),
    Name("W_Q", "W_Q", "W_Q", "query weights"),
    Name("W_V", "W_V", "W_V", "value weights"),
    Name("h", "h", "h", "read-out"),
    Name("ell", r"\ell", "ℓ", "least-squares objective"),
    Name("w_ridge", r"\hat w", "ŵ", "ridge estimate of the task vector"),
    Name("R", "R", "R", "resolvent (XᵀX + σ²W⁻¹)⁻¹"),
    Name("F", "F", "F", "loss without a preferred direction, in six coefficients"),
    Name("F_0", "F_0", "F₀", "its profile: the least value at given v"),
    Name("F_1", "F_1", "F₁", "the profile at the ratio ρ₁"),
    Name("F_2", "F_2", "F₂", "the profile at the ratio ρ₂"),
    Name("G_A", "G_A", "G_A", "part of the gradient in A"),
    Name("G_c", "G_c", "G_c", "part of the gradient in c"),
    Name("G_x", "G_x", "G_x", "part of the gradient in v_x"),
    Name("G_y", "G_y", "G_y", "part of the gradient in v_y"),
    Name("S_t", "S_t", "S_t", "rest of the loss along a line, divided by t²"),
    Name("A_0", "A_0", "A₀", "where the loss at given v is least, in A"),
    Name("c_0", "c_0", "c₀", "where it is, in c"),
    Name("x_0", "x_0", "x₀", "(α + β) Aᵀv_x + γ v_y c"),
    Name("E_B", "E_B", "E_B", "step of a layer with the difference to A₀ and c₀, denominators cleared"),
    Name("E_0", "E_0", "E₀", "difference of the step v_y A from the optimal one"),
    Name("X_0", "X_0", "X₀", "excess loss"),
    Name("Delta", r"\Delta", "Δ", "(α + β) δ − γ²"),
    Name("D_A", "D_A", "D_A", "denominator of A₀"),
    Name("D_c", "D_c", "D_c", "denominator of c₀"),
    *(Name(f"D_{part}{k}", rf"D_{{{part},{k}}}", f"D_{part}{k}", f"the same at the ratio ρ_{k}") for k in (1, 2) for part in "Ac"),
    Name("q_4", "q_4", "q₄", "turning polynomial: where it vanishes a mixed direction is stationary"),
    Name("J", "J", "J", "polynomial with the sign of (F₂ − F₁)(ρ₂ − ρ₁)"),
    Name("J_1", "J_1", "J₁", "turning polynomial at the ratio ρ₁"),
    Name("J_infty", r"J_\infty", "J_∞", "its leading coefficient, over β times α + β"),
    *(Name(name, latex, text, f"coefficient {text} of the loss") for name, latex, text in SIX),
)
