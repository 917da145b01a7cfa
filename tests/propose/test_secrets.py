"""What looks like a secret is taken out, of the longest line too."""

from __future__ import annotations

import pytest

from nightlab.propose.secrets import masked


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("the key sk-abcdef123456 is wrong", "the key *** is wrong"),
        ("key=sk-abc***def.", "***"),
        ("wrong: sk-proj****9f", "wrong: ***"),
        ("got ****9f, at last", "got *** at last"),
        ("ab***cd\tef** gh", "***\tef** gh"),
        ("sk-abcdef#x***y", "***"),
        ("two ** three", "two ** three"),
        ("what known is", "what *** is"),
        ("", ""),
    ],
)
def test_a_secret_is_three_stars(said: str, shown: str) -> None:
    assert masked(said.replace("known", "opensesame"), ["opensesame"]) == shown


@pytest.mark.parametrize("letter", ["[", "*", "s", "sk-", "** "])
def test_a_long_line_is_read_once(letter: str) -> None:
    line = letter * 300_000
    assert masked(line) in (line, "***")
