"""Words in braces, as `{model}`, that a preset's texts may hold."""

from __future__ import annotations

import re
from collections.abc import Mapping

from nightlab.program.problem import did_you_mean

WORDS = (
    "prompt", "prompt_file", "brief", "files", "model", "url", "root", "key", "folder", "home",
    "output",
)  # fmt: skip
"""All that there are."""

_BRACES = re.compile(r"(?<!\$)\{([a-z_]+)\}")


def words_in(text: str) -> set[str]:
    """The words in braces of a text."""
    return set(_BRACES.findall(text))


def fill(text: str, words: Mapping[str, str]) -> str:
    """The text with these words in place of their names in braces; others stay."""
    return _BRACES.sub(lambda found: words.get(found[1], found[0]), text)


def known_words(text: str) -> str:
    """The text. Raises ValueError where a word in braces stands for nothing."""
    for word in sorted(words_in(text) - set(WORDS)):
        raise ValueError(f"{{{word}}} stands for nothing{did_you_mean(word, WORDS)}")
    return text
