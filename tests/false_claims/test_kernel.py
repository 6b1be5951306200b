"""The kernel grants what its rules prove, and refuses what is false, unproved, altered or made by hand."""

from __future__ import annotations

import copy
import pickle

import pytest
from sympy import Add, Basic, BlockMatrix, Eq, Float, I, Identity, Integer, MatrixSymbol, Mul, Pow, Rational, Symbol, Trace, oo
from sympy.matrices.immutable import ImmutableDenseMatrix

from proofs.errors import ProofError
from proofs.kernel import Certificate, Statement, Step, Theorem, check
from proofs.language import (
    All,
    Any_,
    Equivalence,
    Implication,
    Mean,
    Named,
    Normal,
    PositiveDefinite,
    Predictor,
    at_least,
    different,
    equal,
    more_than,
)
from theory.bilinear import BilinearForm
from theory.loss import QUERY_LABEL, gaussian_loss, prediction
from theory.notation import Sigma, W, X, d, eps, eps_q, n, sigma2, w, x_q

LAWS = (
    Normal(X, Identity(n), Sigma),
    Normal(w, W),
    Normal(eps, sigma2 * Identity(n)),
    Normal(x_q, Sigma),
    Normal(eps_q, sigma2 * Identity(1)),
)
SECOND = Mean(Trace(X.T * X * X.T * X), X)
VALUE = (n**2 + n) * Trace(Sigma * Sigma) + n * Trace(Sigma) ** 2


def theorem(claim, given=LAWS, rule="gaussian-moment", conclusion=None):
    step = Step(rule, claim if conclusion is None else conclusion)
    return Theorem("example", "An example", "derived here", Statement(claim, given), (step,))


def test_the_general_loss_for_all_sizes():
    loss = gaussian_loss().replace(BilinearForm, Trace)
    error = (prediction() - QUERY_LABEL).replace(BilinearForm, Trace)
    certificate = check(theorem(equal(Mean(error**2, X, w, eps, x_q, eps_q), loss)))
    assert certificate.status == "fully checked"
    assert certificate.citations == ("isserlis",)
    with pytest.raises(ProofError, match="step 1"):
        check(theorem(equal(Mean(error**2, X, w, eps, x_q, eps_q), loss.xreplace({n: n + 1}))))


FALSE = {
    "a coefficient": VALUE + n * Trace(Sigma * Sigma),
    "differs by 1e-20": VALUE + Rational(1, 10**20),
    "true for n ≤ 4 only": VALUE + (n - 1) * (n - 2) * (n - 3) * (n - 4),
    "true for d ≤ 3 only": VALUE + (d - 1) * (d - 2) * (d - 3),
    "0": 0,
    "a dropped square": (n**2 + n) * Trace(Sigma * Sigma) + n * Trace(Sigma),
}


@pytest.mark.parametrize("value", FALSE.values(), ids=FALSE)
def test_a_false_moment_is_refused(value):
    check(theorem(equal(SECOND, VALUE)))
    with pytest.raises(ProofError, match=r"example, step 1 \(gaussian-moment\)"):
        check(theorem(equal(SECOND, value)))


def test_the_refusal_names_numbers():
    with pytest.raises(ProofError, match=r"It fails at .*n = "):
        check(theorem(equal(SECOND, VALUE + 1)))


TRUE = theorem(equal(SECOND, VALUE))
z = Symbol("z", real=True)
K = MatrixSymbol("K", d, d)

ATTACKS = {
    "a true proof attached to another claim": (TRUE.restate(claim=equal(SECOND, VALUE + 1)), "is not the claim"),
    "the claim turned round": (TRUE.restate(claim=equal(VALUE, SECOND)), "is not the claim"),
    "a dropped assumption": (TRUE.restate(given=()), "needs its law"),
    "contradictory assumptions": (TRUE.restate(given=(*LAWS, more_than(sigma2, sigma2 + 1))), "may contradict each other"),
    "assumptions that contradict a domain": (TRUE.restate(given=(*LAWS, more_than(-sigma2, 0))), "may contradict each other"),
    "assuming the claim": (TRUE.restate(given=(*LAWS, equal(z, 0))).restate(claim=equal(z, 0)), "among its own assumptions"),
    "assuming the claim, turned round": (TRUE.restate(given=(*LAWS, equal(0, z)), claim=equal(z, 0)), "no more than one of its"),
    "assuming something of a Gaussian matrix": (TRUE.restate(given=(*LAWS, equal(SECOND, VALUE))), "has a law already"),
    "a second law": (TRUE.restate(given=(*LAWS, Normal(X, Identity(n), W))), "one law"),
    "a law inside another assumption": (TRUE.restate(given=(*LAWS, All(Normal(X, Identity(n), W)))), "where a statement is wanted"),
    "a law of another shape": (TRUE.restate(given=(Normal(X, Identity(d), Sigma), *LAWS[1:])), "shapes"),
    "0 = 0": (theorem(equal(n - n, 0), rule="matrix-identity"), "says nothing"),
    "0 = 0 after evaluation": (theorem(equal(n * (d + 1) - n * d - n, 0), rule="matrix-identity"), "says nothing"),
    "L = L": (theorem(equal(SECOND, SECOND), rule="matrix-identity"), "says nothing"),
    "L = L, named": (theorem(equal(Named("L", SECOND), SECOND), rule="matrix-identity"), "says nothing"),
    "L ≥ L": (theorem(at_least(z, z), rule="sum-of-nonnegatives"), "says nothing"),
    "1 ≥ 0": (theorem(at_least(Integer(1), 0), rule="sum-of-nonnegatives"), "says nothing"),
    "p or not p": (theorem(Any_(equal(z, 0), different(z, 0)), rule="logic"), "true by its form"),
    "p implies p": (theorem(Implication(equal(z, 0), equal(0, z)), rule="logic"), "true by its form"),
    "p iff p": (theorem(Equivalence(equal(z, 0), equal(z, 0)), rule="logic"), "true by its form"),
    "one empty conjunct": (theorem(All(equal(SECOND, VALUE), Implication(equal(z, 0), equal(z, 0)))), "true by its form"),
    "no conjunct at all": (theorem(All(), rule="logic"), "not part of the language"),
    "a claim that evaluates to true": (theorem(Eq(n, n), rule="logic"), "keep its two sides apart"),
    "an unsatisfiable hypothesis": (theorem(Implication(more_than(0, sigma2), equal(SECOND, VALUE + 1))), "satisfy the hypothesis"),
    "a float": (theorem(equal(SECOND, VALUE + 0.0 * n + 1e-20)), "Float"),
    "a float in a block": (theorem(equal(Trace(BlockMatrix([[1.0 * Sigma]])), Trace(Sigma)), rule="matrix-identity"), "Float"),
    "infinity": (theorem(at_least(oo, n), rule="sum-of-nonnegatives"), "not part of the language"),
    "a complex number": (theorem(equal(I**2 * n + I * z, -n), rule="matrix-identity"), "not part of the language"),
    "a symbolic exponent": (theorem(equal(Pow(2, n) * 2, Pow(2, n + 1)), rule="matrix-identity"), "whole number"),
    "a symbol that need not be real": (theorem(equal(Symbol("z"), 1), rule="matrix-identity"), "not declared real"),
    "a symbol of another domain": (theorem(equal(Symbol("k", prime=True) ** 2, 4), rule="matrix-identity"), "must range over"),
    "one name, two symbols": (theorem(equal(Symbol("n", real=True) + n, 2 * n), rule="matrix-identity"), "two different things"),
    "one name, a symbol and an expression": (theorem(equal(Named("n", d) * n, n * d), rule="matrix-identity"), "two different things"),
    "a name that reads as a number": (theorem(equal(Named("1", d) * n, n * d), rule="matrix-identity"), "is not a name"),
    "shapes that do not match": (theorem(equal(Trace(X * Sigma * X), Trace(Sigma)), rule="matrix-identity"), "shapes"),
    "a division by what can vanish": (
        theorem(equal((z + 1) / (n - 1), z / (n - 1) + 1 / (n - 1)), rule="rational-identity"),
        "division by n - 1",
    ),
    "another division by what can vanish": (theorem(equal((z + 1) ** 2 / z, z + 2 + 1 / z), rule="rational-identity"), "division by z"),
    "no such rule": (theorem(equal(SECOND, VALUE), rule="no-such-rule"), "no such rule"),
    "a conjecture": (TRUE._replace(steps=()), "it is a conjecture"),
    "steps in a list": (TRUE._replace(steps=list(TRUE.steps)), "conjecture|steps"),
    "a premise by name": (TRUE._replace(steps=(Step("logic", TRUE.claim, ("even-part",)),)), "an earlier step or a theorem"),
    "a certificate as a premise": (TRUE._replace(steps=(Step("logic", TRUE.claim, (check(TRUE),)),)), "an earlier step or a theorem"),
    "Isserlis cited for a claim": (TRUE._replace(steps=(Step("citation", TRUE.claim, (), ("isserlis",)),)), "not on the list"),
    "a transposed W Σ": (theorem(equal(W * Sigma, Sigma * W), rule="matrix-identity"), "different normal forms"),
    "another trace": (theorem(equal(Trace(Sigma * W), Trace(Sigma)), rule="matrix-identity"), "different normal forms"),
    "symmetry of any matrix": (theorem(equal(K, K.T), given=(), rule="matrix-identity"), "different normal forms"),
    "a label": ("isotropic", "check needs a Theorem"),
}


@pytest.mark.parametrize(("attack", "message"), ATTACKS.values(), ids=ATTACKS)
def test_an_attack_is_refused(attack, message):
    with pytest.raises(ProofError, match=message):
        check(attack)


def test_what_the_attacks_vary_is_granted():
    for claim, rule in (
        (equal((z + 1) ** 2 / n, (z**2 + 2 * z + 1) / n), "rational-identity"),
        (equal((W * Sigma).T * K, Sigma * W * K + 0 * K), "matrix-identity"),
        (equal(Trace(Sigma * W * K), Trace(K * Sigma * W)), "matrix-identity"),
        (equal(Named("m", d) * (n + z), n * d + d * z), "matrix-identity"),
        (equal(Trace(BlockMatrix([[Sigma]]) * W), Trace(W * Sigma)), "matrix-identity"),
    ):
        assert check(theorem(claim, rule=rule)).status == "fully checked"
    assert check(TRUE.restate(given=(*LAWS, more_than(sigma2, 0)))).status == "fully checked"
    assert check(TRUE.restate(given=(*reversed(LAWS),))).status == "fully checked"


# premises


def test_a_premise_is_proved_before():
    unproved = Step("matrix-identity", equal(SECOND, VALUE + 1))
    attack = theorem(equal(SECOND, VALUE + 1))._replace(steps=(Step("logic", equal(SECOND, VALUE + 1), (unproved,)),))
    with pytest.raises(ProofError, match="not proved before"):
        check(attack)
    later = Step("logic", equal(SECOND, VALUE), (TRUE.steps[0],))
    assert check(TRUE._replace(steps=(TRUE.steps[0], later))).steps == 2
    with pytest.raises(ProofError, match="not proved before"):
        check(TRUE._replace(steps=(later, TRUE.steps[0])))
    with pytest.raises(ProofError, match="not proved before"):
        check(TRUE._replace(steps=(Step(*later[:2], (Step(*TRUE.steps[0]),)),)))


def test_a_false_theorem_is_no_premise():
    false = theorem(equal(SECOND, VALUE + 1))
    with pytest.raises(ProofError, match=r"example, step 1 \(gaussian-moment\)"):
        check(false._replace(steps=(Step("logic", false.claim, (false,)),)))
    assert check(TRUE._replace(steps=(Step("logic", TRUE.claim, (TRUE,)),))).theorems == ("example",)


def test_a_theorem_is_used_under_its_assumptions():
    user = TRUE._replace(steps=(Step("logic", TRUE.claim, (TRUE,)),))
    with pytest.raises(ProofError, match="which is not assumed"):
        check(user.restate(given=LAWS[1:]))
    with pytest.raises(ProofError, match="which is not assumed"):
        check(user.restate(given=(Normal(X, Identity(n), 2 * Sigma), *LAWS[1:])))


def test_a_theorem_in_its_own_proof():
    """Tuples cannot hold themselves, a list can: whatever could make a circle is not accepted."""
    circle: list = []
    step = Step("logic", TRUE.claim, circle)
    attack = TRUE._replace(steps=(step,))
    circle.append(attack)
    with pytest.raises(ProofError, match="tuples of premises"):
        check(attack)


# objects that answer to their own liking


class Liar(str):
    """A name that equals every other."""

    __slots__ = ()

    def __eq__(self, other):
        return True

    def __hash__(self):
        return hash("d")


class Agreeable(type):
    """A kind that equals every other kind."""

    def __eq__(cls, other):
        return True

    def __hash__(cls):
        return hash(Symbol)


class Chameleon(Symbol, metaclass=type("Both", (Agreeable, type(Symbol)), {})):
    """A symbol of no known kind."""


class Shifting:
    """A statement with one claim for the check and another for the certificate."""

    given = LAWS

    def __init__(self, switch):
        self.reads, self.switch = 0, switch

    @property
    def claim(self):
        self.reads += 1
        return TRUE.claim if self.reads < self.switch else equal(SECOND, VALUE + 1)


def test_a_name_that_equals_every_name():
    """The false claim would equal the true conclusion, in which d stands for k."""
    liar = Symbol.__xnew__(Symbol, Liar("k"), integer=True, positive=True)
    true, false = (equal(SECOND + d, Basic.__new__(Add, VALUE, size)) for size in (d, liar))  # sympy's cache believes the liar
    assert true == false
    assert check(theorem(true)).status == "fully checked"
    with pytest.raises(ProofError, match="is not a name"):
        check(theorem(false, conclusion=true))


def test_a_kind_that_equals_every_kind():
    with pytest.raises(ProofError, match="not part of the language"):
        check(theorem(equal(Chameleon("k", real=True), 1), conclusion=equal(SECOND, VALUE)))


@pytest.mark.parametrize("switch", range(1, 12))
def test_a_statement_that_changes_while_it_is_read(switch):
    with pytest.raises(ProofError, match="a theorem is a Statement"):
        check(TRUE._replace(statement=Shifting(switch)))


def test_a_claim_that_equals_everything():
    class Anything:
        args = ()

        def __eq__(self, other):
            return True

        __hash__ = None

    with pytest.raises(ProofError, match="not part of the language"):
        check(TRUE.restate(claim=Anything()))
    with pytest.raises(ProofError, match="not part of the language"):
        check(TRUE._replace(steps=(Step("gaussian-moment", Anything()),)))


def test_a_node_with_methods_of_its_own():
    """f hides that it depends on X, so that it would come out of the mean."""
    f = Predictor("f", X.T * X)
    claim = equal(Mean(f * Trace(X.T * X), X), 0)
    f.atoms = lambda *_: set()
    with pytest.raises(ProofError, match="attributes in place"):
        check(theorem(claim))


def test_a_number_that_equals_every_number():
    class Any7(int):
        def __eq__(self, other):
            return True

        def __hash__(self):
            return 7

    number = object.__new__(Integer)
    number.p = Any7(7)
    with pytest.raises(ProofError, match="not part of the language"):
        check(TRUE.restate(claim=equal(SECOND, Mul(number, VALUE, evaluate=False))))


@pytest.mark.parametrize("hint", [lambda: 0, 0.5, [1], {1: 2}, object(), True, (1, [2]), Float(0.5), Chameleon("k", real=True)])
def test_a_hint_that_is_no_expression(hint):
    step = TRUE.steps[0]._replace(arguments=(hint,))
    with pytest.raises(ProofError, match="not part of the language"):
        check(TRUE._replace(steps=(step,)))


def test_a_hint_that_breaks_a_rule_is_a_refusal():
    claim = at_least(Trace(Sigma), 0)
    step = Step("sum-of-nonnegatives", claim, (), ((Integer(1), Trace(Sigma)),))
    assert check(theorem(claim)._replace(steps=(step,))).status == "fully checked"
    for arguments in ((1,), ("P",), ((),), (Sigma, W, n)):
        with pytest.raises(ProofError, match="cannot read this step"):
            check(theorem(claim)._replace(steps=(step._replace(arguments=arguments),)))


def test_subclasses_of_the_kernel_s_own_kinds():
    for kind, whole in ((Theorem, TRUE), (Step, TRUE.steps[0]), (Statement, TRUE.statement)):
        fake = type("Fake", (kind,), {})(*whole)
        attack = {Theorem: fake, Step: TRUE._replace(steps=(fake,)), Statement: TRUE._replace(statement=fake)}[kind]
        with pytest.raises(ProofError):
            check(attack)


def test_something_admitted_is_never_fully_checked():
    step = Step("admitted", equal(SECOND, VALUE + 1), (), ("a rumour",))
    certificate = check(theorem(equal(SECOND, VALUE + 1))._replace(steps=(step,)))
    assert (certificate.status, certificate.admitted) == ("checked", ("a rumour",))


# certificates


@pytest.fixture
def certificate():
    return check(theorem(equal(SECOND, VALUE), given=(*LAWS, PositiveDefinite(Sigma))))


def test_a_certificate_is_not_made_by_hand(certificate):
    with pytest.raises(ProofError, match="made by proofs"):
        Certificate()
    with pytest.raises(ProofError, match="was not made by"):
        repr(object.__new__(Certificate))
    with pytest.raises(ProofError, match="no subclasses"):
        type("Fake", (Certificate,), {})
    pretender = type("Pretender", (), {"__class__": property(lambda self: Certificate)})()
    assert isinstance(certificate, Certificate)
    assert not isinstance(pretender, Certificate)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_certificate_is_not_copied_or_stored(certificate, copied):
    with pytest.raises(ProofError, match="cannot be copied or stored"):
        copied(certificate)


def test_a_certificate_is_not_changed(certificate):
    with pytest.raises(ProofError, match="cannot be changed"):
        certificate.status = "proved twice"
    with pytest.raises(AttributeError):
        del certificate.status
    with pytest.raises(AttributeError):
        object.__setattr__(certificate, "claim", None)
    assert certificate.claim == equal(SECOND, VALUE)
    assert certificate.status == "fully checked"


def test_the_class_is_not_changed(certificate):
    for name in ("status", "claim", "__repr__", "new"):
        with pytest.raises(ProofError, match="cannot be changed"):
            setattr(Certificate, name, property(lambda self: "proved twice"))
    with pytest.raises(ProofError, match="cannot be changed"):
        del Certificate.status
    assert certificate.status == "fully checked"


def test_what_a_certificate_shows_is_not_changed():
    k = Symbol("k_0", integer=True, positive=True)
    certificate = check(theorem(equal((k + 1) ** 2, k**2 + 2 * k + 1), given=(), rule="matrix-identity"))
    assert certificate.scope == ("all k_0 = 1, 2, 3, …",)
    k.name = "k_1"
    try:
        with pytest.raises(ProofError, match="altered after it was checked"):
            _ = certificate.claim
    finally:
        k.name = "k_0"
    assert certificate.claim == equal((k + 1) ** 2, k**2 + 2 * k + 1)
    with pytest.raises(AttributeError):
        certificate.assumptions.append(None)


# what cannot be read

x_ = Symbol("x", real=True)
y_ = Symbol("y", real=True)
DEEP = {
    "a contradiction in nested hypotheses": (
        Implication(equal(x_ * y_, 0), Implication(equal(x_ * y_, 1), equal(z, 5))),
        "satisfy the hypothesis",
    ),
    "0 x = 0, or something": (Any_(equal(Mul(0, x_, evaluate=False), 0), equal(x_, 5)), "says nothing"),
    "1 = 0 iff 2 = 0": (Equivalence(equal(Integer(1), 0), equal(Integer(2), 0)), "says nothing"),
    "x + 1 > x": (more_than(x_ + 1, x_), "says nothing"),
    "a name that is a formula": (equal(Named("x**3", (x_ + 1) ** 2), x_**2 + 2 * x_ + 1), "is not a name"),
    "a symbol named by a formula": (equal(Symbol("a + b", real=True) * z, z), "is not a name"),
    "a power too large to multiply out": (equal(x_ ** (10**7), 1), "whole number"),
}


@pytest.mark.parametrize(("claim", "message"), DEEP.values(), ids=DEEP)
def test_a_statement_that_says_nothing_deep_inside(claim, message):
    with pytest.raises(ProofError, match=message):
        check(theorem(claim, rule="logic"))


def test_a_block_matrix_with_blocks_of_its_own_liking():
    blocks = type("Blocks", (ImmutableDenseMatrix,), {})([[Sigma, Sigma]])
    fake = Basic.__new__(BlockMatrix, blocks)
    with pytest.raises(ProofError, match="matrix of sympy's own"):
        check(theorem(equal(fake, BlockMatrix([[W, W]])), rule="matrix-identity"))


class Broken:
    """It cannot be compared or printed."""

    def __eq__(self, other):
        raise ZeroDivisionError

    __hash__ = None

    def __repr__(self):
        raise ZeroDivisionError


@pytest.mark.parametrize(
    "attack",
    [
        None,
        5,
        "isotropic",
        Broken(),
        tuple.__new__(Theorem, ("a", "b", "c")),
        TRUE._replace(steps=(tuple.__new__(Step, ("logic",)),)),
        TRUE._replace(steps=(Step("logic", Broken()),)),
        TRUE._replace(steps=Broken()),
        TRUE._replace(steps=(TRUE.steps[0]._replace(rule=Broken()),)),
        TRUE._replace(label=Broken()),
        TRUE.restate(claim=Broken()),
        TRUE.restate(claim=None),
        TRUE.restate(given=None),
        TRUE.restate(given=[LAWS[0]]),
        TRUE.restate(claim="E tr S = nd"),
        TRUE.restate(claim=Basic.__new__(BlockMatrix, Integer(5))),
        TRUE.restate(claim=Basic.__new__(Eq, x_)),
    ],
)
def test_garbage_is_refused_as_everything_else_is(attack):
    with pytest.raises(ProofError):
        check(attack)


def test_nesting_without_end_is_refused():
    deep = z
    for level in range(3000):
        deep = Named(f"z_{level}", deep)
    with pytest.raises(ProofError):
        check(TRUE.restate(claim=equal(deep, 1)))
    with pytest.raises(ProofError, match="multiplied out"):
        check(theorem(equal((x_ + y_ + z + n + d + sigma2 + 1) ** 64, z), rule="matrix-identity"))


def test_a_certificate_whose_claim_was_altered_in_place():
    own = theorem(equal(7 * SECOND, 7 * VALUE))
    certificate = check(own)
    assert certificate.claim == own.claim
    certificate.claim._args = (own.claim.args[0], own.claim.args[1] + 1)
    for read in (lambda: certificate.claim, lambda: certificate.status, lambda: certificate.scope):
        with pytest.raises(ProofError, match="altered after it was checked"):
            read()
