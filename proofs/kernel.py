"""The kernel: what a theorem is, and the one function that certifies it.

A theorem is a statement and a list of steps. `check` grants it a Certificate if

1. the conclusion of the last step is the claim, structurally, and every assumption of every statement used is one of the theorem's;
2. every premise is a step proved earlier or a theorem, itself checked here, never a name;
3. the claim says something: it is not true by evaluation, not one of its assumptions, and some numbers satisfy the assumptions;
4. each step is granted by its rule (`proofs.rules`), a normal form or a finite check that implies the general case; no float is admitted;
5. and the status is computed: `fully checked` unless a step rests on something admitted; a theorem without steps is a conjecture.

A refusal names theorem, step and rule, and either numbers at which the step fails or says that none were found: undecided is not false.
Every object here is an immutable tuple; a Certificate holds nothing itself: it is a key to what `check` recorded, with a fingerprint, so
that one made, copied or altered by hand opens nothing.
"""

from __future__ import annotations

import hashlib as _hashlib  # by names that only the kernel touches
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, NoReturn, cast
from weakref import WeakKeyDictionary

from sympy import srepr as _srepr

from proofs.errors import ProofError, RuleError, StatementError
from proofs.instances import witness
from proofs.rules import RULES as _RULES_TABLE
from proofs.rules import Inference, Support
from proofs.scope import scope
from proofs.statement import check_statement
from proofs.wellformed import Vocabulary, check_hints

_RULES = dict(_RULES_TABLE)


class Statement(NamedTuple):
    """For all values of the free symbols: if everything in `given` holds, so does `claim`."""

    claim: Any
    given: tuple[Any, ...] = ()


class Step(NamedTuple):
    """One inference.

    rule        name of a rule in `proofs.rules`
    conclusion  what it establishes, under the assumptions of the theorem
    premises    earlier steps, and theorems
    arguments   hints for the rule, trusted by none
    note        one sentence for the reader
    """

    rule: str
    conclusion: Any
    premises: tuple[Step | Theorem, ...] = ()
    arguments: tuple[Any, ...] = ()
    note: str = ""


class Theorem(NamedTuple):
    """A statement with its derivation.

    label   what it is called in commands and references
    title   what it says, in a few words
    source  the paper and the place, or "derived here"
    """

    label: str
    title: str
    source: str
    statement: Statement
    steps: tuple[Step, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def claim(self) -> Any:
        """What is claimed."""
        return self.statement.claim

    @property
    def given(self) -> tuple[Any, ...]:
        """What is assumed."""
        return self.statement.given

    def restate(self, **changes: Any) -> Theorem:
        """The same steps under another claim or other assumptions (`claim=…, given=…`); whether they prove it is for `check` to say."""
        return self._replace(statement=self.statement._replace(**changes))


class _Record(NamedTuple):
    label: str
    statement: Statement
    status: str
    scope: tuple[str, ...]
    side_conditions: tuple[Any, ...]
    citations: tuple[str, ...]
    admitted: tuple[str, ...]
    theorems: tuple[str, ...]
    steps: int


class _Sealed(type):
    """A class whose attributes stay as they are, and of which nothing else can pretend to be an instance."""

    def __setattr__(cls, name: str, _: Any) -> NoReturn:
        raise ProofError(f"a Certificate cannot be changed: {name} stays as it was defined.")

    def __delattr__(cls, name: str) -> NoReturn:
        raise ProofError(f"a Certificate cannot be changed: {name} stays as it was defined.")

    def __instancecheck__(cls, instance: Any) -> bool:
        return type(instance) is cls


class Certificate(metaclass=_Sealed):
    """That `check` granted a theorem, and what the theorem rests on.

    label claim assumptions  what was proved, under what
    status                   "fully checked", or "checked" where something was admitted
    scope                    for which values of the symbols
    side_conditions          what its own steps divided by and inverted, each shown to be allowed (under its hypothesis, where it has one)
    citations                facts from the pinned list; `admitted` lists what is on trust
    theorems                 labels of the theorems used, in the end
    """

    __slots__ = ("__weakref__",)

    def __new__(cls, *_: Any, **__: Any) -> Certificate:
        raise ProofError("a Certificate is made by proofs.kernel.check only.")

    def __init_subclass__(cls, **_: Any) -> NoReturn:
        raise ProofError("Certificate has no subclasses.")

    def __reduce_ex__(self, _: Any) -> NoReturn:
        raise ProofError("a Certificate cannot be copied or stored; check the theorem again.")

    def __setattr__(self, name: str, _: Any) -> NoReturn:
        raise ProofError(f"a Certificate cannot be changed: {name} stays as it was checked.")

    label = property(lambda self: _open(self).label)
    claim = property(lambda self: _open(self).statement.claim)
    assumptions = property(lambda self: _open(self).statement.given)
    status = property(lambda self: _open(self).status)
    scope = property(lambda self: _open(self).scope)
    side_conditions = property(lambda self: _open(self).side_conditions)
    citations = property(lambda self: _open(self).citations)
    admitted = property(lambda self: _open(self).admitted)
    theorems = property(lambda self: _open(self).theorems)
    steps = property(lambda self: _open(self).steps)

    def __repr__(self) -> str:
        return f"<Certificate {self.label}: {self.status}>"


_RECORDS: WeakKeyDictionary[Certificate, tuple[_Record, str]] = WeakKeyDictionary()


def _fingerprint(record: _Record) -> str:
    return _hashlib.sha256(
        repr([_srepr(part) for part in (record.statement.claim, *record.statement.given, *record.side_conditions)]).encode()
    ).hexdigest()


def _open(certificate: Certificate) -> _Record:
    found = _RECORDS.get(certificate) if type(certificate) is Certificate else None
    if found is None:
        raise ProofError("this Certificate was not made by proofs.kernel.check.")
    record, fingerprint = found
    if _fingerprint(record) != fingerprint:
        raise ProofError(f"{record.label}: the statement was altered after it was checked.")
    return record


def check(theorem: Theorem) -> Certificate:
    """The certificate of a theorem. Raises ProofError, naming the step and the rule, where it is refused."""
    (result,) = check_each((theorem,))
    if isinstance(result, ProofError):
        raise result
    return result


def check_each(theorems: Iterable[Theorem]) -> Iterator[Certificate | ProofError]:
    """The certificate or the refusal of each theorem; what several of them rest on is checked once."""
    checked: dict[int, _Record] = {}
    kept = []  # a theorem that is gone could leave its id to another one
    for theorem in theorems:
        kept.append(theorem)
        try:
            record = _check_theorem(theorem, checked, ())
        except ProofError as error:
            yield error
            continue
        except Exception as error:  # what cannot even be read or printed is refused as well
            yield ProofError(f"the theorem cannot be read: {type(error).__name__}.")
            continue
        certificate: Certificate = object.__new__(cast(Any, Certificate))
        _RECORDS[certificate] = (record, _fingerprint(record))
        yield certificate


def _check_theorem(theorem: Any, checked: dict[int, _Record], path: tuple[int, ...]) -> _Record:
    if type(theorem) is not Theorem:
        raise ProofError(f"check needs a Theorem, got {theorem!r} of kind {type(theorem).__name__}; proofs.theorems.load gives one.")
    if id(theorem) in path:
        raise ProofError(f"{theorem.label}: it is used in its own proof.")
    if id(theorem) in checked:
        return checked[id(theorem)]
    if type(theorem.statement) is not Statement or any(type(text) is not str for text in (theorem.label, theorem.title, theorem.source)):
        raise ProofError("a theorem is a Statement with a label, a title and a source in words.")
    vocabulary = Vocabulary()
    try:
        check_statement(theorem.claim, theorem.given, vocabulary)
    except StatementError as error:
        raise StatementError(f"{theorem.label}: {error}") from None
    if type(theorem.steps) is not tuple or not theorem.steps:
        raise ProofError(f"{theorem.label}: it has no steps, so it is a conjecture.")
    last = getattr(theorem.steps[-1], "conclusion", None)
    if last != theorem.claim:
        raise ProofError(
            f"{theorem.label}: the last step concludes {last}, which is not the claim {theorem.claim}."
            f"{_numbers(theorem.claim, theorem.given)}"
        )
    proved: set[int] = set()
    supports: list[Support] = []
    records: list[_Record] = []
    for number, step in enumerate(theorem.steps, start=1):
        support, used = _check_step(theorem, number, vocabulary, proved, checked, (*path, id(theorem)))
        supports.append(support)
        records += used
        proved.add(id(step))
    admitted = _merged(*(s.admitted for s in supports), *(r.admitted for r in records))
    record = _Record(
        label=theorem.label,
        statement=Statement(theorem.claim, tuple(theorem.given)),
        status="checked" if admitted else "fully checked",
        scope=scope(theorem.claim, theorem.given),
        side_conditions=_merged(*(s.side_conditions for s in supports)),
        citations=_merged(*(s.citations for s in supports), *(r.citations for r in records)),
        admitted=admitted,
        theorems=_merged(*((*r.theorems, r.label) for r in records)),
        steps=len(theorem.steps),
    )
    checked[id(theorem)] = record
    return record


def _check_step(
    theorem: Theorem, number: int, vocabulary: Vocabulary, proved: set[int], checked: dict[int, _Record], path: tuple[int, ...]
) -> tuple[Support, list[_Record]]:
    step = theorem.steps[number - 1]
    where = f"{theorem.label}, step {number}"
    if type(step) is not Step or type(step.premises) is not tuple or type(step.arguments) is not tuple:
        raise ProofError(f"{where}: a step is a Step with tuples of premises and arguments, got {step!r}.")
    where += f" ({step.rule})"
    if type(step.rule) is not str or step.rule not in _RULES:
        raise ProofError(f"{where}: there is no such rule; the rules are {', '.join(_RULES)}.")
    premises: list[tuple[Any, tuple[Any, ...]]] = []
    records: list[_Record] = []
    for place, premise in enumerate(step.premises):
        if type(premise) is Step and id(premise) in proved:
            premises.append((premise.conclusion, theorem.given))
        elif type(premise) is Theorem:
            record = _check_theorem(premise, checked, path)
            records.append(record)
            missing = [fact for fact in premise.given if fact not in theorem.given]
            if missing and not (step.rule in ("specialisation", "realisation") and place == 0):
                raise ProofError(f"{where}: the theorem {premise.label} needs {missing[0]}, which is not assumed.")
            premises.append((premise.claim, premise.given))
        else:
            kind = "a step that is not proved before" if type(premise) is Step else f"{premise!r}"
            raise ProofError(f"{where}: a premise must be an earlier step or a theorem, got {kind}.")
    try:
        vocabulary.statement(step.conclusion)
        check_hints(step.arguments)
        support = _RULES[step.rule](Inference(step.conclusion, tuple(premises), theorem.given, step.arguments))
    except ProofError as error:
        raise RuleError(f"{where}: {error}{_numbers(step.conclusion, theorem.given)}") from None
    except Exception as error:  # a rule reads hints as it finds them; one that it cannot read is refused, whatever it breaks
        raise RuleError(f"{where}: the rule cannot read this step: {error}") from error
    return support, records


def _numbers(claim: Any, given: tuple[Any, ...]) -> str:
    try:
        found = witness(claim, given)
    except Exception:  # a witness is a courtesy: whatever goes wrong in finding one, the refusal stands
        found = None
    return f" It fails at {found}." if found else " No numbers were found at which it fails: undecided."


def _merged(*groups: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(item for group in groups for item in group))


__all__ = ["Certificate", "Statement", "Step", "Theorem", "check", "check_each"]
