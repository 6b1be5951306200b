"""What is taken on trust is granted, and shows."""

from common.statements import by, n, p, q, r, refused, theorem

from proofs.kernel import Step, check
from proofs.language import equal

RULE = "admitted"
RUMOUR = equal(p, q + 1)


def test_it_is_never_fully_checked():
    certificate = check(by(RULE, RUMOUR, "a rumour"))
    assert (certificate.status, certificate.admitted) == ("checked", ("a rumour",))


def test_it_shows_in_all_that_rests_on_it():
    base = by(RULE, RUMOUR, "a rumour")
    above = by("specialisation", equal(n + r, q + 1), (p, n + r), of=(base,))
    certificate = check(above)
    assert (certificate.status, certificate.admitted) == ("checked", ("a rumour",))
    top = by("logic", equal(n + r, q + 1), of=(above,))
    assert check(top).status == "checked"
    unused = theorem(
        equal((p + 1) ** 2, p**2 + 2 * p + 1),
        Step(RULE, RUMOUR, (), ("a rumour",)),
        Step("matrix-identity", equal((p + 1) ** 2, p**2 + 2 * p + 1)),
    )
    assert check(unused).status == "checked"


def test_the_source_is_named():
    for arguments in ((), ("",), (1,), ("a", "b")):
        refused(by(RULE, RUMOUR, *arguments), "name the source")
