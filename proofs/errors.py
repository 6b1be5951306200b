"""The errors of the proof layer. Each says where, what and, where one was found, at which numbers a claim fails."""

from __future__ import annotations


class ProofError(ValueError):
    """Base of every error raised by `proofs`."""


class RuleError(ProofError):
    """A step that its rule does not grant: the claim is false, or the rule cannot decide it."""


class StatementError(ProofError):
    """A claim or an assumption that is not well formed, says nothing, or contradicts itself."""


class LabelError(ProofError):
    """A label that no theorem has."""


class TypesettingError(ProofError):
    """TeX is missing, or it failed, or the place to write to is not there."""
