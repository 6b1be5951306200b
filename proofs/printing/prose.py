"""Prose with Unicode mathematics in it, as notes and titles are written: where its formulas are, and the whole in LaTeX."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import partial

from proofs.errors import TypesettingError
from theory.notation import NAMES

GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "varepsilon", "ζ": "zeta", "η": "eta", "θ": "theta", "κ": "kappa",
    "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "varphi", "χ": "chi",
    "ψ": "psi", "ω": "omega", "Γ": "Gamma", "Δ": "Delta", "Θ": "Theta", "Λ": "Lambda", "Ξ": "Xi", "Π": "Pi", "Σ": "Sigma",
    "Φ": "Phi", "Ψ": "Psi", "Ω": "Omega", "∇": "nabla", "ℓ": "ell", "∞": "infty",
}  # fmt: skip
_OPERATORS = {
    "−": "-", "≥": r"\geq", "≤": r"\leq", "≠": r"\neq", "≈": r"\approx", "∈": r"\in", "·": r"\cdot", "×": r"\times", "→": r"\to",
    "↦": r"\mapsto", "⟺": r"\iff", "⟹": r"\implies", "⇔": r"\iff", "⇒": r"\implies", "≻": r"\succ", "⪰": r"\succeq", "∼": r"\sim",
    "~": r"\sim", "∝": r"\propto", "⊗": r"\otimes", "⊥": r"\perp", "±": r"\pm", "∣": r"\mid", "=": "=", "+": "+", "<": "<", ">": ">",
    "∂": r"\partial", "√": r"\surd", "∫": r"\int", "∀": r"\forall", "∃": r"\exists", "∪": r"\cup", "∩": r"\cap", "⊆": r"\subseteq",
    "≡": r"\equiv", "∘": r"\circ",
}  # fmt: skip
_OTHER = {"ℝ": r"\mathbb R", "ℚ": r"\mathbb Q", "ℕ": r"\mathbb N", "ℤ": r"\mathbb Z", "𝔼": r"\mathbb E", "½": r"\tfrac12", "¼": r"\tfrac14"}
_OTHER |= {"‖": r"\|", "…": r"\dots", "′": "'", "⟨": r"\langle", "⟩": r"\rangle", "∅": r"\emptyset", "⋯": r"\cdots"}
_RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿᵈᵏᵀ", [*"0123456789+-ndk", r"\top "], strict=True))
_LOWERED = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋ₙᵢⱼₖₜ", "0123456789+-nijkt", strict=True))
_TEXT = {"“": "``", "”": "''", "‘": "`", "’": "'", "—": "---", "–": "--", "…": r"\dots{}", "\u00a0": "~", "§": r"\S{}"}
_SPECIAL = {"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}"}
_SPECIAL |= {char: "\\" + char for char in "&%$#_{}"} | {'"': "''", "|": r"\textbar{}"}
_ACCENTS = {"\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0308": '"', "\u0327": "c", "\u030c": "v", "\u0306": "u"}
_HATS = {"\u0302": r"\hat ", "\u0303": r"\tilde ", "\u0304": r"\bar "}
_FUNCTIONS = {"tr": r"\operatorname{tr}", "rank": r"\operatorname{rank}", "diag": r"\operatorname{diag}", "vec": r"\operatorname{vec}"}
_FUNCTIONS |= {"E": r"\mathbb E", "N": r"\mathcal N", "iff": r"\iff", "if": r"\text{ if }", "and": r"\text{ and }", "or": r"\text{ or }"}
_MATH = set(GREEK) | set(_OPERATORS) | set(_OTHER) - {"…", "′"} | set(_RAISED) | set(_LOWERED) | set("_^*")
_NAMED = sorted(((name.text, name.latex) for name in NAMES if len(name.text) > 1), key=lambda pair: -len(pair[0]))


def prose(text: str) -> str:
    r"""Text with its mathematics in math mode. Raises TypesettingError for a character that LaTeX would lose.

    >>> prose("The step B* = H⁻¹ W is unique if d ≥ 2.")
    'The step $B_\\star = H^{-1} W$ is unique if $d \\geq 2$.'
    >>> prose("50% of “Akyürek & al.”")
    '50\\% of ``Aky\\"{u}rek \\& al.\'\''
    """
    return written(text, plain=_plain, mathematics=lambda span: f"${formula(span)}$", code=lambda part: rf"\texttt{{{_plain(part)}}}")


def written(text: str, *, plain: Callable[[str], str], mathematics: Callable[[str], str], code: Callable[[str], str]) -> str:
    """Text with its words, its formulas, and what stands between backquotes written each in its own way."""
    parts = re.sub('"([^"]*)"', "“\\1”", text).split("`")
    return "".join(code(part) if i % 2 else _mixed(part, plain, mathematics) for i, part in enumerate(parts))


def _mixed(text: str, plain: Callable[[str], str], mathematics: Callable[[str], str]) -> str:
    out: list[str] = []
    run: list[str] = []

    def close() -> None:
        if run:
            span = " ".join(run)
            out.append(mathematics(span) if any(_kind(word) in "mo" for word in run) else plain(span))
            run.clear()

    words = _words(text)
    for i, (before, core, after) in enumerate(words):
        start = i == 0 or words[i - 1][2].endswith((".", ":", "!", "?"))
        article = core == "A" and start and not after and i + 1 < len(words) and not words[i + 1][0] and _kind(words[i + 1][1]) == "t"
        operand = bool(run) and _kind(run[-1]) == "o" and re.fullmatch(r"[A-Z]?[a-zA-Z]{1,2}", core) is not None  # y = Xw
        if not core or (_kind(core) == "t" and not operand) or article:
            close()
            out.append(plain(before + core + after))
            continue
        if before:
            close()
        run.append(core)
        if before or after:
            if before:
                run[0] = core
            close()
            out[-1] = plain(before) + out[-1] + plain(after)
    close()
    lead = " " if text[:1].isspace() else ""
    return lead + " ".join(out) + (" " if text[-1:].isspace() and out else "")


def _words(text: str) -> list[tuple[str, str, str]]:
    """Each word as punctuation, core, punctuation; a formula with spaces inside brackets is one word."""
    raw = text.split()
    words = []
    while raw:
        word = raw.pop(0)
        if _open(word) > 0 and _kind(word.strip("()[],")) != "t":
            taken = 0
            joined = word
            while _open(joined) > 0 and taken < len(raw) and _kind(raw[taken].strip("()[],.;:|") or "|") != "t":
                joined += " " + raw[taken]
                taken += 1
            if _open(joined) == 0:
                word = joined
                del raw[:taken]
        before = after = ""
        while word and (word[-1] in ",.;:!?”’" or (word[-1] in ")]" and _open(word) < 0)):
            word, after = word[:-1], word[-1] + after
        while word and (word[0] in "“‘" or (word[0] in "([" and _open(word) > 0)):
            before, word = before + word[0], word[1:]
        if word.startswith("(") and word.endswith(")") and _kind(word[1:-1]) == "t":
            before, word, after = before + "(", word[1:-1], ")" + after
        words.append((before, word, after))
    return words


def _open(word: str) -> int:
    return sum(word.count(c) for c in "([{") - sum(word.count(c) for c in ")]}")


def _kind(word: str) -> str:
    """m for mathematics, o for an operator, d for a number, t for text."""
    if word in _OPERATORS or word in ("|", "/"):
        return "o"
    if " " in word and all(_kind(part.strip("()[],")) in "mod" for part in word.split()):
        return "m"  # (v, M)
    if re.fullmatch(r"\d+(/\d+)?", word):
        return "d"
    if re.search("[A-Za-z][\u0302\u0303\u0304](?![a-z])", unicodedata.normalize("NFD", word)):
        return "m"  # ŷ, X̃, and not ã inside a word
    single = re.fullmatch(r"[A-Zb-z]'?", word) is not None
    applied = re.match(r"(tr|rank|diag|[A-Za-z])[(\[]", word) is not None
    return "m" if single or applied or any(char in _MATH for char in word) else "t"


def formula(text: str) -> str:
    """A formula in Unicode as LaTeX, without the dollars."""
    text = re.sub(r"Σ(?=_\{?[ijk]|\s+\w_[ijk])", r"\\sum ", text)
    for name, latex in _NAMED:
        text = re.sub(rf"(?<![\w\\]){re.escape(name)}(?![\w*])", partial(_spaced, latex), text)
    text = re.sub(f"[{''.join(_RAISED)}]+", lambda m: "^{" + "".join(_RAISED[c] for c in m[0]).strip() + "}", text)
    text = re.sub(f"[{''.join(_LOWERED)}]+", lambda m: "_{" + "".join(_LOWERED[c] for c in m[0]) + "}", text)
    text = re.sub(r"(?<=[A-Za-zα-ωΑ-Ω}])\*", r"_\\star ", text)
    text = re.sub(r"\^\(([^()]*)\)|\^([½¼])", lambda m: f"^{{{m[1] or m[2]}}}", text)
    text = re.sub(r"_([A-Za-z]{2,})", r"_{\\mathrm{\1}}", text)
    text = re.sub(r"(?<![A-Za-z\\{])(tr|rank|diag|vec|iff|if|and|or|E|N(?=\())(?![A-Za-z])", lambda m: _FUNCTIONS[m[0]] + " ", text)
    out = []
    text = re.sub("([A-Za-z])([\u0302\u0303\u0304])", lambda m: f"{_HATS[m[2]]}{m[1]} ", unicodedata.normalize("NFD", text))
    for char in unicodedata.normalize("NFC", text):
        if char in GREEK:
            out.append(f"\\{GREEK[char]} ")
        elif char in _OPERATORS or char in _OTHER:
            out.append((_OPERATORS | _OTHER)[char] + " ")
        elif char in "|":
            out.append(r"\mid ")
        elif char in "#%&$":
            out.append("\\" + char)
        elif char.isascii():
            out.append(char)
        else:
            raise TypesettingError(
                f"{char!r} (U+{ord(char):04X}) in the formula {text!r} has no LaTeX form; add it to proofs/printing/prose.py."
            )
    return re.sub(r" +(?=[)\]},.;^_]|$)", "", re.sub(r" {2,}", " ", "".join(out))).strip()


def _spaced(latex: str, _: re.Match[str]) -> str:
    return latex + " "


def _plain(text: str) -> str:
    out = []
    for char in unicodedata.normalize("NFC", text):
        decomposed = unicodedata.normalize("NFD", char)
        if char in _TEXT or char in _SPECIAL:
            out.append(_TEXT.get(char) or _SPECIAL[char])
        elif char.isascii():
            out.append(char)
        elif char in _MATH or char == "′":
            out.append(f"${formula(char)}$")
        elif len(decomposed) == 2 and decomposed[1] in _ACCENTS:
            out.append(f"\\{_ACCENTS[decomposed[1]]}{{{decomposed[0]}}}")
        else:
            raise TypesettingError(f"{char!r} (U+{ord(char):04X}) in {text!r} has no LaTeX form; add it to proofs/printing/prose.py.")
    return "".join(out)
