"""Formulas in MathML: well-formed, of the elements that browsers draw, and read back to the value of the expression."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from common.reading import Reader, value
from sympy import Abs, BlockMatrix, Matrix, Max, Rational, Symbol, Tuple, diag, eye, pi, sin, sqrt
from sympy.core.relational import Relational

from proofs.kernel import Statement, Theorem
from proofs.language import All, ConditionalMean, Law, Named, NamedMatrix, nodes
from proofs.printing.formula import Writer
from proofs.printing.lines import width
from proofs.printing.mathml import ROOM, MathMLScript, display, ems, formula, inside, prose, sentence
from proofs.printing.names import Names
from proofs.printing.values import MathMLTypesetter, ValueWriter
from proofs.rules.citation import FACTS
from proofs.theorems import LABELS, load
from theory.loss import general_loss
from theory.means import NormalMean
from theory.notation import NAMES, TABLE, X, sigma2, y

TOKENS = {"mi", "mn", "mo", "mtext"}
CORE = TOKENS | {"math", "mrow", "mspace", "msub", "msup", "msubsup", "mfrac", "msqrt", "mover", "mtable", "mtr", "mtd"}
CHILDREN = {"msub": 2, "msup": 2, "msubsup": 3, "mfrac": 2, "mover": 2}
z = Symbol("z", real=True)
RAISED = str.maketrans("0123456789−T", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻ᵀ")


def complaints(markup):
    """What a browser would not draw as it is meant."""
    try:
        root = ElementTree.fromstring(f"<div>{markup}</div>")
    except ElementTree.ParseError as error:
        return [f"not well-formed: {error}"]
    found = []
    for math in root.iter("math"):
        if len(math) == 0:
            found.append("an empty formula")
        for node in math.iter():
            if node.tag not in CORE:
                found.append(f"{node.tag} is not drawn")
            if len(node) != CHILDREN.get(node.tag, len(node)):
                found.append(f"{node.tag} has {len(node)} parts")
            if node.tag in TOKENS and (len(node) or not node.text):
                found.append(f"{node.tag} holds no text alone")
            if node.tag not in TOKENS and ((node.text or "").strip() or any((part.tail or "").strip() for part in node)):
                found.append(f"text in {node.tag}, which is lost")
    return found


@pytest.mark.parametrize(
    ("markup", "words"),
    [
        ("<math><mi>x</mi>", "not well-formed"),
        ("<math>0</math>", "text in math"),
        ("<math><mrow><mi>x</mi>+<mi>y</mi></mrow></math>", "text in mrow"),
        ("<math><mfenced><mi>x</mi></mfenced></math>", "mfenced is not drawn"),
        ("<math><msup><mi>x</mi></msup></math>", "msup has 1"),
        ("<math><mi></mi></math>", "holds no text"),
        ("<math></math>", "empty"),
    ],
)
def test_the_checker_finds(markup, words):
    assert any(words in complaint for complaint in complaints(markup))


def formulas(theorem):
    """Every formula of a theorem in MathML, as it is displayed."""
    writer = Writer(MathMLScript(), Names(theorem))
    for expr in (theorem.claim, *theorem.given, *(step.conclusion for step in theorem.steps)):
        yield display(writer.form(expr))
    yield from (sentence(inside(writer.form(fact))) for fact in theorem.given)
    for node in (*writer.names.in_statement(), *writer.names.in_proof()):
        yield display(writer.form(node.args[1]))


@pytest.mark.parametrize("label", LABELS)
def test_all_that_a_theorem_says_is_well_formed(label):
    theorem = load(label)
    said = [prose(text) for text in (theorem.title, theorem.source, *theorem.remarks, *(step.note for step in theorem.steps))]
    for markup in (*formulas(theorem), *said):
        assert complaints(markup) == []


def test_all_words_of_the_notation_and_of_the_facts_are_well_formed():
    for text in (*(e.meaning + e.papers for e in TABLE), *(n.meaning for n in NAMES), *(fact.says for fact in FACTS.values())):
        assert complaints(prose(text)) == []
    for name in NAMES:
        assert complaints(f"<math>{formula(name.text)}</math>") == []


# read back, by a reader that knows nothing of the printer


def linear(markup):
    """MathML as a line of Unicode, for `Reader`."""
    return "".join(map(_linear, ElementTree.fromstring(f"<mrow>{markup}</mrow>")))


def _linear(node):
    parts = [_linear(child) for child in node]
    if node.tag == "msup":
        mark = parts[1].translate(RAISED)
        return f"({parts[0]}){mark}" if node[0].tag in ("msup", "mfrac") else parts[0] + mark
    if node.tag in ("msub", "msubsup"):
        below = re.sub(r"[\s{}]", "", parts[1])
        base = f"{parts[0]}_{{{below}}}" if len(below) > 1 else f"{parts[0]}_{below}"
        return base + "".join(part.translate(RAISED) for part in parts[2:])
    if node.tag == "mfrac":
        return f"(({parts[0]})/({parts[1]}))"
    if node.tag == "msqrt":
        return f"√({''.join(parts)})"
    if node.tag == "mover":
        return parts[0] + parts[1]
    if node.tag in ("mi", "mn", "mtext"):
        return (node.text or "").replace("𝔼", "E")
    if node.tag == "mo":
        return {"⋅": "·", ",": ", "}.get(node.text, node.text)
    return "".join(parts)


def sides(theorem):
    """Both sides of every relation, and every definition."""
    parts = [theorem.claim, *theorem.given, *(step.conclusion for step in theorem.steps)]
    for node in dict.fromkeys(node for part in parts for node in nodes(part)):
        if isinstance(node, Relational):
            yield from node.args
        elif isinstance(node, Named | NamedMatrix):
            yield node.args[1]


def misread(theorem, script, limit=120):
    """The formulas whose value is not that of the expression, and how many were read."""
    names = Names(theorem)
    writer = Writer(script, names)
    called = [*names.symbols(), *names.in_statement(), *names.in_proof()]
    known = {linear(inside(writer.form(node))): value(node) for node in called}
    assert len(known) == len(called)
    known |= {"σ⁴": value(sigma2) ** 2}
    wrong, read = [], 0
    for expr in sides(theorem):
        if any(isinstance(node, BlockMatrix | ConditionalMean) for node in nodes(expr) if not isinstance(expr, Named | NamedMatrix)):
            continue
        printed = linear(inside(writer.form(expr)))
        read += 1
        try:
            wanted = value(expr)
            same = np.allclose(np.broadcast_to(Reader(printed, known).read(), np.shape(wanted)), wanted, rtol=1e-7, atol=1e-9)
        except ValueError:
            same = False
        if not same:
            wrong.append(printed)
        if read == limit:
            break
    return wrong, read


@pytest.mark.parametrize("label", ["general-gaussian", "one-step-loss", "nonlinear-responses", "posterior", "risk-under-shift"])
def test_what_a_reader_computes_from_the_markup_is_the_value(label):
    wrong, read = misread(load(label), MathMLScript())
    assert wrong == []
    assert read >= 10


class WithoutBrackets(MathMLScript):
    def brackets(self, kind, height):
        return ("", "") if kind == "(" else super().brackets(kind, height)


class WithoutSigns(MathMLScript):
    def sign(self, sign):
        return super().sign("+" if sign == "−" else sign)


class WithoutTransposes(MathMLScript):
    def raised(self, base, exponent):
        return base if exponent == "T" else super().raised(base, exponent)


@pytest.mark.parametrize("script", [WithoutBrackets(), WithoutSigns(), WithoutTransposes()], ids=lambda script: type(script).__name__)
def test_reading_back_notices(script):
    wrong, _ = misread(load("one-step-loss"), script)
    assert wrong


# formulas and values


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("σ² ≥ 0", "σ²≥0"),
        ("x̃_q", "x~_q"),
        ("B*ᵀ", "B_⋆ᵀ"),
        ("H⁻¹ W", "H⁻¹W"),
        ("ŷ_even", "y^_{even}"),
        ("E[w | y]", "E[w|y]"),
        ("x′ᵀ", "x′ᵀ"),
        ("μ₂₂", "μ_{22}"),
        ("tr(B* K)", "tr(B_⋆K)"),
        ("0.123…", "0.123…"),
        ("(Σ_i y_i x_i)ᵀ B x_q", "(∑_iy_ix_i)ᵀBx_q"),
        ("a < b & c", "a<b&c"),
        ("−1", "−1"),
    ],
)
def test_a_formula_in_unicode(text, shape):
    assert complaints(f"<math>{formula(text)}</math>") == []
    assert linear(formula(text)) == shape


@pytest.mark.parametrize("text", ["", "_", "^", "_x", "²", "^{", "_{}", "<b>", "*", "''", "{", "\u0302", "漢"])
def test_any_text_is_well_formed(text):
    assert complaints(f"<math><mrow><mi>a</mi>{formula(text)}</mrow></math>") == []
    assert complaints(prose(f"is {text} one?")) == []


@pytest.mark.parametrize(
    ("expr", "shape"),
    [
        (Rational(1, 2), "((1)/(2))"),
        (sqrt(3) / 81, "((1)/(81))√(3)"),
        (1 / (1 + sqrt(2)), "((1)/(1+√(2)))"),
        (sqrt(2) ** 3 * sqrt(pi), "2√(2)√(π)"),
        (Max(0, Symbol("t")), "max(0, t)"),
        (sin(Symbol("t")), "sin(t)"),
        (2 * pi, "2π"),
        (eye(3), "I_3"),
        (3 * eye(2), "3I_2"),
        (diag(2, 1), "diag(2, 1)"),
        (NormalMean(Abs(z), z, bound=(1, 1)), "0.797884560803…"),  # √(2/π)
        (Symbol("<b>"), "<b>"),
    ],
)
def test_a_value_of_theory(expr, shape):
    markup = MathMLTypesetter().expression(expr)
    assert complaints(f"<math>{markup}</math>") == []
    assert linear(markup) == shape


def test_a_matrix_has_a_cell_for_each_entry():
    markup = MathMLTypesetter().expression(Matrix([[2, Rational(1, 2)], [Rational(1, 2), 1]]))
    cells = ElementTree.fromstring(f"<mrow>{markup}</mrow>").iter("mtd")
    assert ["".join(map(_linear, cell)) for cell in cells] == ["2", "((1)/(2))", "((1)/(2))", "1"]


def test_what_has_no_written_form_is_shown_as_it_is():
    markup = MathMLTypesetter().expression(Tuple(1, Symbol("<i>")))
    assert complaints(f"<math>{markup}</math>") == []
    assert "&lt;i&gt;" in markup


def test_the_general_loss_keeps_all_its_terms():
    base, _ = general_loss()
    markup = MathMLTypesetter().sum(base.expand())
    assert complaints(markup) == []
    text = linear(re.sub("</?div[^>]*>", "", markup))
    assert text.count("+") + text.count("−") == len(base.expand().args) - 1


def test_the_words_of_a_law_stand_outside_its_formula():
    law = Law(X, y)
    contents = inside(Writer(MathMLScript(), Names(Theorem("", "", "", Statement(All(), (law,))))).form(law))
    assert complaints(sentence(contents)) == []
    assert re.sub("<math>.*?</math>", "…", sentence(contents)) == "… have any joint law"


# lines


@pytest.mark.parametrize("label", ["general-gaussian", "ridge-is-bayes-optimal", "turning-points"])
def test_lines_fit_and_lose_nothing(label):
    theorem = load(label)
    writer = Writer(MathMLScript(), Names(theorem))
    for step in theorem.steps:
        form = writer.form(step.conclusion)
        markup = display(form)
        assert linear(re.sub("</?div[^>]*>", "", markup)).replace("·", "") == linear(inside(form)).replace("·", "")
        for row in re.findall(r"<mtr><mtd>(.*?)</mtd><mtd>(.*?)</mtd></mtr>", markup) if 'class="lines"' in markup else ():
            assert ems("".join(row)) <= ROOM + 1e-9 or width(form.pieces) <= ROOM


def test_the_names_of_values_are_those_of_no_theorem():
    assert ValueWriter().names.of(sigma2) == Names(Theorem("", "", "", Statement(All(), ()))).of(sigma2)
