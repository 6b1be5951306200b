"""The scope of a certificate, in fewer words: phrases that differ in the symbol only are said together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence


def grouped(phrases: Sequence[str], names: Iterable[str], say: Callable[[str], str]) -> list[str]:
    """The phrases, those that differ in one name only as one.

    say  how a name is written

    >>> grouped(("all n = 1, 2, …", "all d = 1, 2, …", "all s ≥ 0"), {"n", "d", "s"}, str)
    ['all n, d = 1, 2, …', 'all s ≥ 0']
    """
    known = set(names)
    groups: dict[tuple[str, str], list[str]] = {}
    for phrase in phrases:
        words = phrase.split(" ")
        place = next((i for i, word in enumerate(words) if word in known), None)
        if place is None:
            groups[phrase, ""] = []
            continue
        sides = " ".join(words[:place]), " ".join(words[place + 1 :])
        groups.setdefault(sides, []).append(say(words[place]))
    return [" ".join(part for part in (before, ", ".join(symbols), after) if part) for (before, after), symbols in groups.items()]
