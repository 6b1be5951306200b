"""Text and HTML inside a page of Markdown."""

from __future__ import annotations

import re


def escaped(text: str) -> str:
    """Plain text, whatever characters it holds.

    >>> escaped("B* of W_K <|")
    'B\\\\* of W\\\\_K \\\\<\\\\|'
    """
    return re.sub(r"([\\`*_{}\[\]<>#|])", r"\\\1", text)


def html_block(html: str) -> str:
    """HTML that stands by itself."""
    return f"```````{{raw}} html\n{html.strip()}\n```````"
