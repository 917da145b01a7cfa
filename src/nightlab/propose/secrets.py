"""Keys and passwords taken out of what models, agents and servers say."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

_NAMED = re.compile(r"(?i)key|token|secret|password|credential")
_LOOKS_SECRET = re.compile(r"\b(?:sk|pk|rk|gsk|xai|hf|key|AIza)[-_][\w*.-]{6,}")
_STARRED = re.compile(r"(?<!\S)\S*\*{3,}\S*")  # from a word's beginning alone: a word may be long
_IN_FILES = re.compile(r"[\w.~+/=-]{20,}")
_SHORTEST = 6


def masked(text: str, known: Iterable[str] = ()) -> str:
    """The text with `***` for each secret: `known` ones, those of variables that are named like
    one, and what looks like a key of one of the usual providers."""
    named = (value for name, value in os.environ.items() if _NAMED.search(name))
    for secret in sorted({*known, *named}, key=len, reverse=True):
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, "***")
    return _LOOKS_SECRET.sub("***", _STARRED.sub("***", text))


def secrets_in(content: bytes) -> list[str]:
    """What may be a key in a file of credentials: long words."""
    return _IN_FILES.findall(content.decode("utf-8", "replace"))
