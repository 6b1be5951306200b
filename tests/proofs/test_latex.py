"""What is printed is what was checked: formulas, prose and documents."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from common.checked import verdict
from common.reading import Reader, value
from sympy import (
    Add,
    BlockMatrix,
    Identity,
    Inverse,
    MatAdd,
    MatMul,
    MatrixSymbol,
    Mul,
    Pow,
    Rational,
    Symbol,
    Trace,
    Transpose,
    ZeroMatrix,
)
from sympy.core.relational import Relational

from proofs.errors import ProofError, TypesettingError
from proofs.kernel import Statement, Step, Theorem
from proofs.language import (
    All,
    Any_,
    ConditionalMean,
    Equivalence,
    Expectation,
    GradientAt,
    Implication,
    Independent,
    Invertible,
    Law,
    Mean,
    Named,
    NamedMatrix,
    Normal,
    Orthogonal,
    PositiveDefinite,
    PositiveSemidefinite,
    Predictor,
    Rank,
    RotationInvariant,
    SignSymmetric,
    Tokens,
    at_least,
    different,
    equal,
    more_than,
    nodes,
)
from proofs.latex import LatexScript, display, ems, latex
from proofs.printing.documents import ROOM, bibliography, documents
from proofs.printing.formula import Writer
from proofs.printing.lines import CONNECTIVE, PRODUCT, RELATION, SUM, Piece, broken, width
from proofs.printing.names import Names
from proofs.printing.prose import prose
from proofs.rules.citation import FACTS
from proofs.text import Page, TextScript, line, text
from proofs.theorems import LABELS, load
from theory.notation import NAMES, TABLE, A, Sigma, W, X, c, d, eps, n, sigma2, u, v_x, v_y, w, x_q, y


def named(*given, claim=None):
    """The names of a theorem that claims and assumes this."""
    return Names(Theorem("t", "T", "derived here", Statement(equal(n, n) if claim is None else claim, given)))


PLAIN = named()
tau = Named("tau", Trace(Sigma * W) + sigma2)
best = NamedMatrix("B_star", Inverse(Sigma) * W)
ell = Named("ell", Trace((y - X * u).T * (y - X * u)))
eta = Symbol("eta", real=True)
yXAx = Trace(y.T * X * A * x_q)

FORMULAS = [
    (Trace(u.T * A * w), r"u^{\top} A w", "uᵀ A w"),
    (Trace(Sigma * W), r"\operatorname{tr}(\Sigma W)", "tr(Σ W)"),
    (Trace(u.T * A * w) ** 2, r"(u^{\top} A w)^{2}", "(uᵀ A w)²"),
    (Trace(Sigma * W) ** 2, r"\bigl(\operatorname{tr}(\Sigma W)\bigr)^{2}", "(tr(Σ W))²"),
    (Trace(u.T * w) * Trace(c.T * x_q), r"c^{\top} x_q\cdot u^{\top} w", "cᵀ x_q · uᵀ w"),
    (MatMul(Trace(u.T * w), A), r"(u^{\top} w) A", "(uᵀ w) A"),
    (MatMul(-1, X.T, y), r"-X^{\top} y", "−Xᵀ y"),
    (MatAdd(u, MatMul(-1, w)), "u-w", "u − w"),
    (MatAdd(MatMul(-1, u), w), "w-u", "w − u"),
    (MatAdd(u, MatMul(-1, MatAdd(w, x_q))), "u-(w+x_q)", "u − (w + x_q)"),
    (MatAdd(MatMul(-1, u), MatMul(-1, w)), "-u-w", "−u − w"),
    (MatMul(MatAdd(u, w), x_q.T), r"(u+w) x_q^{\top}", "(u + w) x_qᵀ"),
    (MatMul(Identity(d), Sigma, Identity(d)), r"\Sigma", "Σ"),
    (MatMul(Identity(d), Identity(d)), "I_{d}", "I_d"),
    (MatMul(2, Identity(d)), "2 I_{d}", "2 I_d"),
    (MatMul(eta, Identity(1)), r"\eta", "η"),
    (MatMul(1, Sigma), r"\Sigma", "Σ"),
    (Mul(-1, eta, n, evaluate=False), r"-n\eta", "−n η"),
    (n + 1, "n+1", "n + 1"),
    ((n + 1) * sigma2, r"\sigma^2 (n+1)", "σ² (n + 1)"),
    (sigma2**2, r"\sigma^{4}", "σ⁴"),
    (Rational(1, 2) * eta, r"\tfrac{1}{2}\eta", "½ η"),
    (Rational(2, 3) * eta, r"\tfrac{2}{3}\eta", "(2/3) η"),
    (n / (n + d), r"\frac{n}{n+d}", "n / (n + d)"),
    (Mul(Pow(n, -1), sigma2), r"\frac{\sigma^2}{n}", "σ² / n"),
    (MatMul(1 / n, Sigma), r"\frac{1}{n}\Sigma", "(1 / n) Σ"),
    (Inverse(MatAdd(Sigma, W)), r"(\Sigma+W)^{-1}", "(Σ + W)⁻¹"),
    (Transpose(Inverse(A)), r"(A^{-1})^{\top}", "(A⁻¹)ᵀ"),
    (Transpose(MatMul(A, W)), r"(A W)^{\top}", "(A W)ᵀ"),
    (Sigma**2, r"\Sigma^{2}", "Σ²"),
    (Mean(yXAx**2, x_q), r"\mathbb E_{x_q}\bigl[(y^{\top} X A x_q)^{2}\bigr]", "E_{x_q}[(yᵀ X A x_q)²]"),
    (Mean(yXAx, x_q) ** 2, r"\bigl(\mathbb E_{x_q}[y^{\top} X A x_q]\bigr)^{2}", "(E_{x_q}[yᵀ X A x_q])²"),
    (ConditionalMean(Trace(w.T * x_q), y, w), r"\mathbb E_{w}[w^{\top} x_q\mid y]", "E_w[wᵀ x_q ∣ y]"),
    (Predictor("f", y, x_q), "f(y, x_q)", "f(y, x_q)"),
    (GradientAt(ell, u, w), r"\nabla\ell(w)", "∇ℓ(w)"),
    (GradientAt(ell, u, ZeroMatrix(d, 1)), r"\nabla\ell(0)", "∇ℓ(0)"),
    (GradientAt(Trace(u.T * u), u, w), r"\nabla_{u}(u^{\top} u)\big|_{u=w}", "∇_u(uᵀ u)|_{u = w}"),
    (Rank(A), r"\operatorname{rank}(A)", "rank(A)"),
    (tau**2, r"\tau^{2}", "τ²"),
    (best.T, r"B_\star^{\top}", "B*ᵀ"),
    (BlockMatrix([[Identity(d), ZeroMatrix(d, 1)]]), r"\begin{pmatrix} I_{d} & 0 \end{pmatrix}", "[I_d, 0]"),
    (equal(A, ZeroMatrix(d, d)), "A=0", "A = 0"),
    (different(v_y, 0), r"v_y\neq0", "v_y ≠ 0"),
    (at_least(tau, sigma2), r"\tau\geq\sigma^2", "τ ≥ σ²"),
    (PositiveDefinite(Sigma), r"\Sigma\succ0", "Σ ≻ 0"),
    (PositiveSemidefinite(W), r"W\succeq0", "W ⪰ 0"),
    (Invertible(A), r"A\text{ is invertible}", "A is invertible"),
    (Normal(w, W), r"w\sim\mathcal N(0, W)", "w ∼ N(0, W)"),
    (Normal(eps, sigma2 * Identity(n)), r"\varepsilon\sim\mathcal N(0,\sigma^2 I_{n})", "ε ∼ N(0, σ² I_n)"),
    (Normal(X, Identity(n), Sigma), r"X\text{ has independent rows}\sim\mathcal N(0,\Sigma)", "X has independent rows ∼ N(0, Σ)"),
    (Normal(X, sigma2 * Identity(n), Sigma), r"X\sim\mathcal{MN}(0,\sigma^2 I_{n},\Sigma)", "X ∼ MN(0, σ² I_n, Σ)"),
    (Expectation(x_q * x_q.T, x_q), r"\mathbb E_{x_q}[x_q x_q^{\top}]", "E_{x_q}[x_q x_qᵀ]"),
    (Orthogonal(A), r"A\text{ is orthogonal}", "A is orthogonal"),
    (Law(X), r"X\text{ has any law}", "X has any law"),
    (Law(X, y), r"(X, y)\text{ have any joint law}", "(X, y) have any joint law"),
    (Independent((X, y), (x_q,)), r"(X, y)\text{ and } x_q\text{ are independent}", "(X, y) and x_q are independent"),
    (SignSymmetric(y, w), r"(y, w)\to(-y,-w)\text{ keeps the joint law}", "(y, w) → (−y, −w) keeps the joint law"),
    (
        RotationInvariant(X, w.T),
        r"(X, w)\to(X Q, Q^{\top} w)\text{ keeps the joint law for every orthogonal }Q",
        "(X, w) → (X Q, Qᵀ w) keeps the joint law for every orthogonal Q",
    ),
    (
        Tokens((X,), (w,), (x_q,)),
        r"X\text{ has rows that, with } w, x_q\text{, are independent with one law given a random function}",
        "X has rows that, with w, x_q, are independent with one law given a random function",
    ),
    (
        Equivalence(equal(v_y, 0), Any_(equal(c, 0), All(equal(v_x, 0), equal(A, 0)))),
        r"v_y=0\iff\bigl(c=0\text{ or }(v_x=0\text{ and }A=0)\bigr)",
        "v_y = 0 ⟺ (c = 0 or (v_x = 0 and A = 0))",
    ),
    (Implication(more_than(sigma2, 0), equal(c, 0)), r"\sigma^2>0\implies c=0", "σ² > 0 ⟹ c = 0"),
    (
        Implication(All(equal(c, 0), equal(A, 0)), Equivalence(equal(v_y, 0), equal(v_x, 0))),
        r"(c=0\text{ and }A=0)\implies(v_y=0\iff v_x=0)",
        "(c = 0 and A = 0) ⟹ (v_y = 0 ⟺ v_x = 0)",
    ),
]


def squeezed(tex):
    """LaTeX without the spaces that mean nothing."""
    return re.sub(r" *([-+=(){}\[\],^_&|>]|\\(?=[a-zA-Z])) *|(?<=[a-z]) +(?=\d)", lambda m: m[1] or "", tex)


@pytest.mark.parametrize(("expr", "tex", "words"), FORMULAS, ids=[words for _, _, words in FORMULAS])
def test_a_formula_in_both_scripts(expr, tex, words):
    assert squeezed(latex(expr, PLAIN)) == squeezed(tex)
    assert text(expr, PLAIN) == words


def statements(theorem):
    """Every equation and inequality of a theorem, and of the definitions in it, that stands on its own."""
    parts = [theorem.claim, *theorem.given, *(step.conclusion for step in theorem.steps)]
    for node in dict.fromkeys(node for part in parts for node in nodes(part)):
        if isinstance(node, Relational):
            yield from node.args
        elif isinstance(node, Named | NamedMatrix):
            yield node.args[1]
        elif isinstance(node, PositiveDefinite | PositiveSemidefinite | Invertible):
            yield node.args[0]


@pytest.mark.parametrize("label", LABELS)
def test_what_a_reader_computes_from_a_printed_formula_is_its_value(label):
    """Read back by a parser that knows the usual precedence and nothing of the printer, at random numbers."""
    theorem = load(label)
    names = Names(theorem)
    writer = Writer(TextScript(), names)
    called = [*names.symbols(), *names.in_statement(), *names.in_proof()]
    known = {line(writer.form(node)): value(node) for node in called}
    assert len(known) == len(called)
    known |= {"σ⁴": value(sigma2) ** 2}
    read = 0
    for expr in statements(theorem):
        if any(isinstance(node, BlockMatrix | ConditionalMean) for node in nodes(expr) if not isinstance(expr, Named | NamedMatrix)):
            continue
        printed = line(writer.form(expr))
        wanted = value(expr)
        np.testing.assert_allclose(
            np.broadcast_to(Reader(printed, known).read(), np.shape(wanted)), wanted, rtol=1e-7, atol=1e-9, err_msg=printed
        )
        read += 1
    assert read >= 2


def test_reading_back_notices_a_lost_bracket():
    known = {"a": 2.0, "b": 3.0, "c": 5.0}
    assert Reader("a − (b + c)", known).read() == -6
    assert Reader("a − b + c", known).read() == 4
    with pytest.raises(ValueError, match="missing"):
        Reader("a (b + c", known).read()


def test_a_name_for_two_things_is_marked():
    """B* of the general theorem and B* of a special one are two, and so are a symbol and an abbreviation of one name."""
    special = NamedMatrix("B_star", Inverse(Sigma))
    step = Step("logic", equal(special, Sigma))
    symbol = MatrixSymbol("tau", d, d)
    names = Names(Theorem("t", "T", "derived here", Statement(equal(best * symbol, A)), (step, Step("logic", more_than(tau, 0)))))
    assert [latex(node, names) for node in (best, special, symbol, tau)] == [r"B_\star", r"B_\star'", r"\tau", r"\tau'"]
    assert names.in_proof() == [special, tau]
    assert text(special, names) == "B*′"


def test_an_abbreviation_is_defined_after_those_it_uses():
    names = named(claim=equal(Named("L", Trace(best * Sigma) + tau), tau))
    assert [node.args[0].name for node in names.in_statement()][-1] == "L"


def test_a_mean_over_everything_needs_no_subscript_and_one_over_less_does():
    names = named(Normal(w, W), Normal(x_q, Sigma))
    assert text(Mean(Trace(w.T * x_q), w, x_q), names) == "E[wᵀ x_q]"
    assert text(Mean(Trace(w.T * x_q), w), names) == "E_w[wᵀ x_q]"


def test_an_expression_outside_the_language_is_refused():
    with pytest.raises(TypesettingError, match="has no written form"):
        latex(Symbol("x") < 3, PLAIN)


# lines


def long_sum(terms):
    return Add(*(Trace(Sigma ** (k + 2) * W) for k in range(terms)))


@pytest.mark.parametrize("terms", [1, 5, 12, 40])
def test_lines_fit_and_lose_nothing(terms):
    form = Writer(LatexScript(), PLAIN).form(equal(Symbol("L", real=True), Mean(long_sum(terms), x_q)))
    lines = broken(form.pieces, ROOM, 1.0)
    assert all(line.indent + width(line.pieces) <= ROOM for line in lines)
    assert [piece for line in lines for piece in line.pieces] == list(form.pieces)
    assert len(lines) <= 1 + 1.4 * width(form.pieces) / ROOM


def test_a_line_ends_where_it_costs_least():
    relation, plus, inner = Piece("=", 1, RELATION), Piece("+", 1, SUM), Piece("+", 1, SUM, depth=1)
    word = Piece("x", 4)
    lines = broken([word, inner, word, relation, word, plus, word], 12, 1)
    assert [line.pieces[0].text for line in lines] == ["x", "="]
    assert CONNECTIVE < RELATION < SUM < PRODUCT


def test_a_line_that_starts_with_a_factor_says_so():
    form = Writer(LatexScript(), PLAIN).form(MatMul(*[Sigma, W, A] * 12))
    shown = display(form, 12.0)
    assert shown.count(r"\cdot") == shown.count(r"\\")
    assert shown.startswith(r"\begin{aligned}")


# prose

PROSE = [
    ("The step B* = H⁻¹ W is unique if d ≥ 2.", r"The step $B_\star = H^{-1} W$ is unique if $d \geq 2$."),
    ("With W_Q = W_K it is one step from 0.", "With $W_Q = W_K$ it is one step from 0."),
    ("covariates (n×d), y = Xw + ε", r"covariates $(n\times d)$, $y = Xw + \varepsilon$"),
    ("the part of ŷ odd in (w, ε)", r"the part of $\hat y$ odd in $(w, \varepsilon)$"),
    ("X̃ = X T⁻ᵀ", r"$\tilde X = X T^{-\top}$"),
    ("A theorem on A and c", "A theorem on $A$ and $c$"),
    ("(Σ y_i x_i)ᵀ B x_q", r"$(\sum y_i x_i)^{\top} B x_q$"),
    ("Akyürek & Çelik: 50% of #1_a", r"Aky\"{u}rek \& \c{C}elik: 50\% of $\#1_a$"),
    ("up to (v, M) → (s v, M / s)", r"up to $(v, M) \to (s v, M / s)$"),
    ('put into "is (in fact) minimal"', "put into ``is (in fact) minimal''"),
    ("E[w | y] over f", r"$\mathbb E [w \mid y]$ over $f$"),
    ("see `simplify`", r"see \texttt{simplify}"),
]


@pytest.mark.parametrize(("words", "tex"), PROSE, ids=[words for words, _ in PROSE])
def test_prose(words, tex):
    assert prose(words) == tex


@pytest.mark.parametrize("words", ["漢", "x_漢", "tab\u2021"])
def test_a_character_that_latex_would_lose_is_refused(words):
    with pytest.raises(TypesettingError, match=r"U\+[0-9A-F]{4}"):
        prose(words)


def test_all_words_of_the_notation_and_of_the_facts_have_a_latex_form():
    for words in (
        *(entry.meaning + entry.papers for entry in TABLE),
        *(name.meaning for name in NAMES),
        *(fact.says for fact in FACTS.values()),
    ):
        assert prose(words).isascii()


# documents


def environments(tex):
    """The environments that are open at the end."""
    stack = []
    for what, name in re.findall(r"\\(begin|end)\{(\w+\*?)\}", tex):
        if what == "begin":
            stack.append(name)
        else:
            assert stack.pop() == name
    return stack


def test_a_document_stands_on_its_own():
    made = documents([verdict("ridge-is-bayes-optimal")], article=False)
    assert set(made) == {"ridge-is-bayes-optimal.tex", "references.bib"}
    tex = made["ridge-is-bayes-optimal.tex"]
    assert tex.isascii()
    assert environments(tex) == []
    assert tex.count("{") == tex.count("}")
    theorem = load("ridge-is-bayes-optimal")
    assert len(re.findall(r"\\step\{step:", tex)) == len(theorem.steps)
    assert r"\label{thm:posterior}" in tex  # what it uses is stated, so that the reference has a target
    labels = set(re.findall(r"\\(?:label|step)\{([^}]*)\}", tex))
    used = {label for group in re.findall(r"\\cref\{([^}]*)\}", tex) for label in group.split(",")}
    assert used <= labels
    assert r"\textbf{fully checked}" in tex


@pytest.mark.parametrize("label", ["ridge-is-bayes-optimal", "general-gaussian", "paper-step-size"])
def test_each_step_refers_to_what_it_uses(label):
    found = verdict(label)
    tex = documents([found], article=False)[f"{label}.tex"]
    shown = text_page(found)
    steps = found.theorem.steps
    whys = re.findall(r"\\why\{(.*)\}", tex)
    heads = re.findall(r"(?m)^  \d+\. .*(?:\n     \S.*)*", shown)
    assert len(whys) == len(heads) == len(steps)
    for step, why, head in zip(steps, whys, heads, strict=True):
        theorems = {premise.label for premise in step.premises if isinstance(premise, Theorem)}
        own = {str(i) for i, other in enumerate(steps, start=1) if any(other is premise for premise in step.premises)}
        assert set(re.findall(r"step:[a-z-]+:(\d+)", why)) == own
        assert set(re.findall(r"thm:([a-z-]+)", why)) == theorems
        used = re.search(r"; from ([^]]*)\]$", " ".join(head.split()))
        assert set(used[1].split(", ") if used else ()) == own | theorems


def text_page(found):
    return "\n".join(Page(found, 100).lines())


@pytest.mark.parametrize("label", ["ridge-is-bayes-optimal", "isotropic", "risk-under-shift"])
def test_what_is_assumed_and_what_was_checked_is_all_there(label):
    found = verdict(label)
    tex = documents([found], article=False)[f"{label}.tex"]
    statement, box = (re.search(rf"(?s)\\begin\{{{name}\}}.*?\\end\{{{name}\}}", tex)[0] for name in ("theorem", "certificate"))
    page = text_page(found)
    shown = " ".join(page.split())
    assumed = page.partition("Assumptions\n")[2].partition("\n\n")[0]
    names = Names(found.theorem)
    certificate = found.certificate
    for fact in found.theorem.given:
        assert latex(fact, names) in statement
        assert latex(fact, names) in box
        assert text(fact, names) in assumed
    for condition in certificate.side_conditions:
        assert latex(condition, names) in box
        assert text(condition, names) in shown
    for fact in certificate.citations:
        assert rf"\cite{{{FACTS[fact].source}}}" in box
        assert FACTS[fact].says in shown
    assert all(other in box and other in shown for other in certificate.theorems)
    assert all(rf"\item[{name}.]" in box for name in ("Scope", "Assumptions", "Facts cited", "Theorems used"))
    assert "all $d$, $n$" in box
    table = tex.partition(r"\section*{Notation}")[2]
    stated = [node for step in found.theorem.steps for p in step.premises if isinstance(p, Theorem) for node in Names(p).in_statement()]
    for symbol in (*names.symbols(), *names.in_statement(), *names.in_proof(), *stated):
        assert f"\n{latex(symbol, names).rstrip(chr(39))} & " in table
    for node in names.in_statement():
        assert re.search(rf"(?m)^{re.escape(latex(node, names))}(\(u\))? & \\coloneqq", tex)


def test_the_kinds_of_the_symbols_and_the_values_of_a_specialisation():
    tex = documents([verdict("general-gaussian")], article=False)["general-gaussian.tex"]
    kinds = (
        r"Let $n, d \in \{1, 2, \dots\}$, $\sigma^2 \geq 0$, $\Sigma, W, A \in \mathbb R^{d \times d}$, $X \in \mathbb R^{n \times d}$, "
    )
    assert (
        kinds + r"$w, x_q, v_x, c, \omega \in \mathbb R^{d}$, $\varepsilon \in \mathbb R^{n}$ and $\varepsilon_q, v_y \in \mathbb R$."
        in tex
    )
    assert r"\why{\cref{thm:one-step-loss} at $B = v_y A + v_x c^{\top}$}" in tex


def test_a_theorem_named_in_a_remark_is_a_reference_where_it_is_stated():
    made = documents([verdict(label)._replace(theorem=load(label)) for label in ("general-gaussian", "no-signal")], article=True)
    assert r"see \cref{thm:no-signal}." in made["icl-theory.tex"]
    assert r"see \texttt{no-signal}." in made["general-gaussian.tex"]


def test_an_article_has_them_in_order():
    chosen = [verdict(label) for label in ("posterior", "one-step-of-gradient-descent")]
    tex = documents(chosen, article=True)["icl-theory.tex"]
    assert re.findall(r"\\label\{thm:([^}]*)\}", tex) == ["posterior", "one-step-of-gradient-descent"]


def test_a_refused_theorem_is_not_typeset():
    false = load("posterior").restate(claim=equal(n, d))
    from proofs.verdict import judge

    with pytest.raises(ProofError, match="posterior is refused"):
        documents([judge(false)], article=False)


def test_a_conjecture_is_called_one():
    from proofs.verdict import judge

    made = documents([judge(load("posterior")._replace(steps=()))], article=False)["posterior.tex"]
    assert r"\begin{conjecture}" in made
    assert r"\begin{proof}" not in made
    assert r"\textbf{conjectured}" in made


def test_every_source_is_in_the_bibliography():
    keys = set(re.findall(r"@\w+\{(\w+),", bibliography()))
    assert {fact.source for fact in FACTS.values()} <= keys
    numbers = set(re.findall(r"eprint\s*=\s*\{([\d.]+)\}", bibliography()))
    assert {number for label in LABELS for number in re.findall(r"\d{4}\.\d{5}", load(label).source)} <= numbers


def test_the_same_bytes_whatever_the_hash_seed(tmp_path):
    for seed in ("1", "2"):
        command = [sys.executable, "-m", "proofs", "latex", "posterior", "one-step-loss", "--out", str(tmp_path / seed)]
        subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": seed}, check=True, capture_output=True)
    for path in (tmp_path / "1").iterdir():
        assert path.read_bytes() == (tmp_path / "2" / path.name).read_bytes()


@pytest.mark.parametrize("tex", ["x", "x_q^{2}", r"\operatorname{tr}(\Sigma W)", r"\mathbb E[x]"])
def test_the_width_of_two_is_twice_the_width(tex):
    assert ems(tex + tex) == pytest.approx(2 * ems(tex))
