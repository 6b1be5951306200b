"""The errors of the exact layer. Each message says what is wrong, shows the witness, and names the mend."""

from __future__ import annotations


class TheoryError(ValueError):
    """Base of every error raised by `theory`."""


class SettingError(TheoryError):
    """A setting, a covariate law or a response family that is not well defined."""


class AttentionError(TheoryError):
    """Attention parameters of the wrong shape or kind."""


class ExpectationError(TheoryError):
    """An expression of which `wick` cannot take the expectation."""


class UndefinedMoment(SettingError):
    """A moment that does not exist."""


class UnknownMoment(UndefinedMoment):
    """A moment of which no exact value is known here."""


class EnclosureError(TheoryError):
    """A number that could not be enclosed."""


class HypothesisError(SettingError):
    """A theorem asked of a setting that breaks one of its hypotheses.

    hypothesis  the one that fails
    remains     what is true without it
    """

    def __init__(self, hypothesis: str, witness: str, remains: str) -> None:
        super().__init__(f"Theorem 3 needs {hypothesis}: {witness}. {remains}")
        self.hypothesis, self.remains = hypothesis, remains


class DescriptionError(SettingError):
    """A text that describes no law, no function or no number."""
