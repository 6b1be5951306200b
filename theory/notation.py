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
D = MatrixSymbol("D", n, n)
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
gamma_d = Symbol("gamma_d", positive=True)
nu = Symbol("nu", nonnegative=True)
mu = Symbol("mu", positive=True)
g_0 = Symbol("g_0", positive=True)
rho_n = Symbol("rho_n", positive=True)
h_x = MatrixSymbol("h_x", d, 1)
h_y = Symbol("h_y", real=True)
H_A = MatrixSymbol("H_A", d, d)
h_c = MatrixSymbol("h_c", d, 1)

lambda_2 = Symbol("lambda_2", real=True)
xi_1 = MatrixSymbol("xi_1", d, 1)
xi_2 = MatrixSymbol("xi_2", d, 1)

P_xx = MatrixSymbol("P_xx", d, d)
P_xy = MatrixSymbol("P_xy", d, 1)
p_x = MatrixSymbol("p_x", d, 1)
p_y = Symbol("p_y", real=True)
Q_xx = MatrixSymbol("Q_xx", d, d)
Q_xy = MatrixSymbol("Q_xy", d, 1)
q_yx = MatrixSymbol("q_yx", d, 1)
q_yy = Symbol("q_yy", real=True)
U = MatrixSymbol("U", d, d)
Lambda = MatrixSymbol("Lambda", d, d)
H = MatrixSymbol("H", d, d)
psi2 = Symbol("psi2", positive=True)
Gamma = MatrixSymbol("Gamma", d, d)
R_x = MatrixSymbol("R_x", d, d)
Sigma_beta = MatrixSymbol("Sigma_beta", d, d)
W_a = MatrixSymbol("W_a", d, d)
PV_11 = MatrixSymbol("PV_11", d, d)
PV_12 = MatrixSymbol("PV_12", d, 1)
PV_21 = MatrixSymbol("PV_21", d, 1)
PV_22 = Symbol("PV_22", real=True)
KQ_11 = MatrixSymbol("KQ_11", d, d)
KQ_12 = MatrixSymbol("KQ_12", d, 1)
KQ_21 = MatrixSymbol("KQ_21", d, 1)
KQ_22 = Symbol("KQ_22", real=True)
s = Symbol("s", positive=True)
h = Symbol("h", integer=True, positive=True)
g = Symbol("g", integer=True, positive=True)
j = Symbol("j", integer=True, nonnegative=True)
K_x = MatrixSymbol("K_x", k, d)
K_y = MatrixSymbol("K_y", k, 1)
Q_x = MatrixSymbol("Q_x", k, d)
Q_y = MatrixSymbol("Q_y", k, 1)
V_x = MatrixSymbol("V_x", m, d)
V_y = MatrixSymbol("V_y", m, 1)
P_x = MatrixSymbol("P_x", d, m)
P_y = MatrixSymbol("P_y", m, 1)
Pi = MatrixSymbol("Pi", d, d)
H_K = MatrixSymbol("H_K", k, d)
H_Q = MatrixSymbol("H_Q", k, d)
h_k = MatrixSymbol("h_k", k, 1)
e_k = MatrixSymbol("e_k", k, 1)
v_0 = Symbol("v_0", real=True)
xi_0 = MatrixSymbol("xi_0", d, 1)


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
    Entry(k, "k", "width of the last hidden layer of a random network, or of keys and queries", ""),
    Entry(m, "m", "width of its first hidden layer, or of values", ""),
    Entry(Phi, r"\Phi", "values of the last hidden layer on the context, one example a row (n×k)", ""),
    Entry(phi_q, r"\varphi_q", "values of the last hidden layer on the query", ""),
    Entry(theta, r"\theta", "weights of the last layer", ""),
    Entry(S, "S", "covariance of the weights of the last layer", ""),
    Entry(W_1, "W_1", "weights of the first layer, one hidden unit a row (m×d)", ""),
    Entry(S_1, "S_1", "covariance of the weights of different units of the first layer", ""),
    Entry(chi, r"\chi", "all other weights and the noise", ""),
    Entry(Q, "Q", "a rotation: QᵀQ = I", ""),
    Entry(D, "D", "what the layer sees a context's tokens through: DᵀD are their weights", ""),
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
    Entry(nu, r"\nu", "noise for each unit of the signal, σ²/tr ΣW", ""),
    Entry(mu, r"\mu", "Bayes risk less the noise, in units of the signal, in the limit n/d → γ_d", ""),
    Entry(g_0, "g_0", "largest gap between the best layer and the Bayes risk at this noise", ""),
    Entry(rho_n, r"\rho_n", "square root of n/d", "√γ"),
    Entry(h_x, "h_x", "direction of the line in v_x", ""),
    Entry(h_y, "h_y", "its direction in v_y", ""),
    Entry(H_A, "H_A", "its direction in A", ""),
    Entry(h_c, "h_c", "its direction in c", ""),
    Entry(xi_1, r"\xi_1", "an eigenvector of WΣ, of length 1 in the metric Σ", ""),
    Entry(xi_2, r"\xi_2", "an eigenvector of WΣ orthogonal to it", ""),
    Entry(lambda_2, r"\lambda_2", "its eigenvalue", ""),
    Entry(P_xx, "P_{xx}", "block (1,1) of the weights P of Ahn et al., which never acts", "P"),
    Entry(P_xy, "P_{xy}", "block (1,2) of them, which never acts", "P"),
    Entry(p_x, "p_x", "covariate part of their last row", "P"),
    Entry(p_y, "p_y", "label part of their last row", "P"),
    Entry(Q_xx, "Q_{xx}", "covariate block of the weights Q of Ahn et al.", "Q"),
    Entry(Q_xy, "Q_{xy}", "their last column, which never acts", "Q"),
    Entry(q_yx, "q_{yx}", "their label row, as a column", "Q"),
    Entry(q_yy, "q_{yy}", "their last entry, which never acts", "Q"),
    Entry(U, "U", "eigenvectors of Σ: UᵀU = I", "U (Ahn et al.)"),
    Entry(Lambda, r"\Lambda", "covariance of a covariate, or its eigenvalues", "Λ (Zhang et al.), diag(λ) (Ahn et al.)"),
    Entry(H, "H", "covariance of a covariate", "H (Wu et al.)"),
    Entry(psi2, r"\psi^2", "variance of a component of the task vector, > 0", "ψ² (Wu et al.)"),
    Entry(Gamma, r"\Gamma", "the one matrix that is trained", "Γ (Wu et al.)"),
    Entry(R_x, "R_x", "symmetric square root of the covariance of a covariate", "Σ_x^(1/2) (Li et al.)"),
    Entry(Sigma_beta, r"\Sigma_\beta", "covariance of the task vector", "Σ_β (Li et al.)"),
    Entry(W_a, r"W_{\mathrm a}", "the one matrix that is trained", "W (Li et al.)"),
    Entry(PV_11, "W^{PV}_{11}", "block (1,1) of the weights W^PV, which never acts", "W^PV (Zhang et al.)"),
    Entry(PV_12, "w^{PV}_{12}", "block (1,2) of them, which never acts", "W^PV (Zhang et al.)"),
    Entry(PV_21, "w^{PV}_{21}", "covariate part of their last row, as a column", "W^PV (Zhang et al.)"),
    Entry(PV_22, "w^{PV}_{22}", "their last entry", "W^PV (Zhang et al.)"),
    Entry(KQ_11, "W^{KQ}_{11}", "covariate block of the weights W^KQ", "W^KQ (Zhang et al.)"),
    Entry(KQ_12, "w^{KQ}_{12}", "their last column, which never acts", "W^KQ (Zhang et al.)"),
    Entry(KQ_21, "w^{KQ}_{21}", "their label row, as a column", "W^KQ (Zhang et al.)"),
    Entry(KQ_22, "w^{KQ}_{22}", "their last entry, which never acts", "W^KQ (Zhang et al.)"),
    Entry(s, "s", "a number > 0", "[tr(Γ⁻²)]^(1/4) (Zhang et al.)"),
    Entry(h, "h", "number of heads", ""),
    Entry(g, "g", "dimensions that h heads leave to one, d − h + 1", ""),
    Entry(j, "j", "a whole number ≥ 0", ""),
    Entry(K_x, "K_x", "covariate part of the key weights (k×d)", "W_K (von Oswald et al.)"),
    Entry(K_y, "K_y", "their label part", "W_K (von Oswald et al.)"),
    Entry(Q_x, "Q_x", "covariate part of the query weights (k×d)", "W_Q (von Oswald et al.)"),
    Entry(Q_y, "Q_y", "their label part, which never acts", "W_Q (von Oswald et al.)"),
    Entry(V_x, "V_x", "covariate part of the value weights (m×d)", "W_V (von Oswald et al.)"),
    Entry(V_y, "V_y", "their label part", "W_V (von Oswald et al.)"),
    Entry(P_x, "P_x", "covariate rows of the projection, which never act", "P (von Oswald et al.)"),
    Entry(P_y, "P_y", "its label row, as a column", "P (von Oswald et al.)"),
    Entry(Pi, r"\Pi", "projection onto the eigenvectors of WΣ that are learned", ""),
    Entry(H_K, "H_K", "direction of the line in K_x", ""),
    Entry(H_Q, "H_Q", "its direction in Q_x", ""),
    Entry(h_k, "h_k", "its direction in K_y", ""),
    Entry(e_k, "e_k", "a key direction that is not in use", ""),
    Entry(v_0, "v_0", "label part of the value vector at a stationary point", ""),
    Entry(xi_0, r"\xi_0", "a direction that is not learned: Πξ₀ = 0", ""),
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
    Name("yhat_even_in", r"\hat y^{+}_{\mathrm{even}}", "ŷ⁺_even", "the same with the query's own token in the sum"),
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
    Name("L_in", "L^{+}", "L⁺", "the same with the query's own token in the sum"),
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
    Name("eta_star", r"\eta_\star", "η*", "optimal step size"),
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
    Name("yhat_layer", r"\hat y_0", "ŷ₀", "prediction of the layer (v, M) that the weights are"),
    Name("L_layer", "L_0", "L₀", "its loss"),
    Name("L_star_0", r"L_{0\star}", "L₀*", "the minimum in the terms of the layer (v, M)"),
    Name("E", "Z_0", "Z₀", "prompt matrix, tokens as columns, the query last (E of Zhang et al.)"),
    Name("M_n", "M", "M", "mask diag(I, 0): no token attends to the query"),
    Name("Z_1", "Z_1", "Z₁", "prompt matrix after the layer of Ahn et al."),
    Name("E_1", "f(Z_0)", "f(Z₀)", "prompt matrix after the layer of Zhang et al."),
    Name("e_1q", "e_1", "e₁", "token of the query after the layer of von Oswald et al."),
    Name("u_y", "u_y", "u_y", "unit vector of the label slot"),
    Name("u_q", "u_q", "u_q", "unit vector of the query's column"),
    Name("P", "P", "P", "weights P, of which the last row acts"),
    Name("Q", "Q", "Q", "weights Q"),
    Name("W_PV", "W^{PV}", "W^PV", "weights W^PV, of which the last row acts"),
    Name("W_KQ", "W^{KQ}", "W^KQ", "weights W^KQ"),
    Name("Gamma", r"\Gamma", "Γ", "(1 + 1/n) times the covariance plus (its trace + σ²)/n times I"),
    Name("Gamma_star", r"\Gamma_\star", "Γ*", "optimal Γ"),
    Name("H_tilde", r"\tilde H", "H̃", "second moment of Xᵀy/n"),
    Name("A", "A", "A", "covariance of the task in whitened coordinates, Σ_x^(1/2) Σ_β Σ_x^(1/2) (Li et al.)"),
    Name("M", "M", "M", "variance of a label, tr A + σ² (Li et al.)"),
    Name("W_star", r"W_\star", "W*", "optimal W"),
    Name("gamma_d", r"\gamma_d", "γ_d", "examples for each dimension, n/d"),
    Name("xi", r"\xi", "ξ", "least loss of a layer less the noise, in units of the signal, in the limit n/d → γ_d"),
    Name("lambda_1", r"\lambda_1", "λ₁", "eigenvalue of ξ₁"),
    Name("b_1", "b_1", "b₁", "best step along ξ₁, λ₁/((n + 1) λ₁ + τ)"),
    Name("F_v", "F", "F", "the loss as a polynomial in v_x, v_y, A and c"),
    Name("I_x", "I_x", "I_x", "the identity on the covariate slots, 0 on the label slot"),
    Name("I_y", "I_y", "I_y", "the identity on the label slot, 0 on the covariate slots"),
    Name("P_eta", r"P_\eta", "P_η", "projection (η/n) I of the construction of von Oswald et al."),
    Name("yhat_gd", r"\hat y_{\mathrm{gd}}", "ŷ_gd", "prediction of their construction"),
    Name("L_gd", r"L_{\mathrm{gd}}", "L_gd", "its loss"),
    *(Name(f"D_{part}{k}", rf"D_{{{part},{k}}}", f"D_{part}{k}", f"the same at the ratio ρ_{k}") for k in (1, 2) for part in "Ac"),
    Name("pi_1", r"\pi_1", "π₁", "mean of the sum of the weights"),
    Name("pi_2", r"\pi_2", "π₂", "mean of its square"),
    Name("pi_3", r"\pi_3", "π₃", "mean of the sum of the squared weights"),
    Name("xi_2", r"\xi_2", "ξ₂", "E tr Σ², Σ = TTᵀ"),
    Name("xi_3", r"\xi_3", "ξ₃", "E tr Σ³"),
    Name("xi_12", r"\xi_{12}", "ξ₁₂", "E tr Σ tr Σ²"),
    Name("zeta", r"\zeta", "ζ", "the multiple of Σ that is nearest to the identity, as Σ weighs it"),
    Name("L_infty", r"L_\infty", "L_∞", "what the risk keeps above σ² for long contexts"),
    Name("n_tilde", r"\tilde n", "ñ", "effective length of a context"),
    Name("S_n", "S_n", "Sₙ", "sum of the losses at the lengths 1, …, n"),
    Name("S_n_1", "S_{n-1}", "Sₙ₋₁", "the same up to the length n − 1"),
    Name("eta_tilde", r"\tilde\eta", "η̃", "step size of the effective length"),
    Name("s_1", "s_1", "s₁", "its sign is that of the Hessian in v_y at the best direction in A"),
    Name("s_2", "s_2", "s₂", "coefficient of t² of the loss along a line in v_y and A, over n"),
    Name("s_4", "s_4", "s₄", "that of t⁴"),
    Name("E_A", "E_A", "E_A", "difference of the direction in A from the best one, times n + 2"),
    Name("q_4", "q_4", "q₄", "turning polynomial: where it vanishes a mixed direction is stationary"),
    Name("J", "J", "J", "polynomial with the sign of (F₂ − F₁)(ρ₂ − ρ₁)"),
    Name("J_1", "J_1", "J₁", "turning polynomial at the ratio ρ₁"),
    Name("J_infty", r"J_\infty", "J_∞", "its leading coefficient, over β times α + β"),
    Name("d_0", "d_0", "d₀", "dimension of a covariate"),
    Name("p_h", "p_h", "p_h", "coefficient p of the profile"),
    Name("beta_h", r"\beta_h", "β_h", "coefficient β of the profile"),
    Name("alpha_h", r"\alpha_h", "α_h", "coefficient α of the profile: of one head in g dimensions"),
    Name("gamma_h", r"\gamma_h", "γ_h", "coefficient γ of the profile"),
    Name("delta_0", r"\delta_0", "δ₀", "what δ of h heads is a multiple of"),
    Name("delta_h", r"\delta_h", "δ_h", "coefficient δ of the profile"),
    *(
        Name(f"{name}_any", latex, text, f"{text} of numbers of which no more is known")
        for name, latex, text in (
            *(("p", "p'", "p′"), ("beta", r"\beta'", "β′"), ("alpha", r"\alpha'", "α′"), ("gamma", r"\gamma'", "γ′")),
            *(("delta", r"\delta'", "δ′"), ("Delta", r"\Delta'", "Δ′"), ("D_A1", "D'_{A,1}", "D′_A1"), ("D_c1", "D'_{c,1}", "D′_c1")),
            *(("J_1", "J'_1", "J′_1"), ("J_infty", r"J'_\infty", "J′_∞")),
        )
    ),
    *(
        Name(f"{name}_one", latex, text, f"{text} of any coefficients")
        for name, latex, text in (
            *(("Delta", r"\Delta''", "Δ″"), ("D_A1", "D''_{A,1}", "D″_A1"), ("D_c1", "D''_{c,1}", "D″_c1"), ("J_1", "J''_1", "J″_1")),
        )
    ),
    Name("L_Pi", r"L_\Pi", "L_Π", "loss of the layer with the step ΠB*"),
    Name("Gamma_Pi", r"\Gamma_\Pi", "Γ_Π", "gradient of the loss in the step there, divided by 2n"),
    Name("L_xi", r"L_\xi", "L_ξ", "loss along the curve on which ξ₀ is learned"),
    Name("s_xi", r"s_\xi", "s_ξ", "how much of ξ₀ξ₀ᵀ the step has there"),
    Name("lambda_xi", r"\lambda_\xi", "λ_ξ", "ξ₀ᵀΣWΣξ₀"),
    Name("yhat_even_t", r"\hat y_{\mathrm{even},t}", "ŷ_even,t", "even part of the prediction along a line, divided by t"),
    *(Name(name, latex, text, f"coefficient {text} of the loss") for name, latex, text in SIX),
)
