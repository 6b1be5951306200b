"""Claims about `one-step-loss`."""

from __future__ import annotations

from sympy import Ge

from common.mutants import said
from common.prompts import GENERAL
from proofs.language import at_most
from theory.notation import n

PINNED = GENERAL, {"isserlis"}, set()

FALSE = {"n for n + 1": {n + 1: n}, "n + 2 for n + 1": {n + 1: n + 2}, "never above": said(Ge, at_most)}
