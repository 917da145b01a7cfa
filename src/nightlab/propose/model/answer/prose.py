"""What stands around the edits of an answer: thoughts, a summary, paths, fences."""

from __future__ import annotations

import re

from nightlab.propose.said import NAMES
from nightlab.types import one_line

FENCE = re.compile(r"^\s{0,20}(`{3,}|~{3,})\s*([^`]*)$")
TAKEN = "\0"
"""Stands in the prose where a block was taken out."""

_WIDE = 1000
_THOUGHTS = re.compile(r"(?ims)^[ \t]*<(think|thinking|reasoning)>.*?(?:</\1>|\Z)")
_ENDS = ("</think>", "</thinking>", "</reasoning>")
_SAID = re.compile(rf"(?i)^[ \t>*_#`-]*({'|'.join(NAMES)})[ *_`]*:[ *_`]*(.*)$")
_LABEL = re.compile(r"(?i)^\W*(?:file|path|filename)\b\W*[:=]")


def without_thoughts(text: str) -> str:
    """An answer less what the model said to itself."""
    text = _THOUGHTS.sub("", text)
    lines = text.split("\n")
    for at, line in enumerate(lines):
        if line.strip().lower().endswith(_ENDS):  # where they begin, some servers leave out
            return "\n".join(lines[at + 1 :])
        if "SEARCH" in line:
            break
    return text


def said_in(prose: str) -> dict[str, str]:
    """The first `summary:`, `hypothesis:` and so on, each on its line or below it."""
    found: dict[str, str] = {}
    lines = [line[:_WIDE].rstrip() for line in prose.split("\n")]
    for at, line in enumerate(lines):
        named = _SAID.match(line)
        if named:
            below = next(iter(lines[at + 1 : at + 2]), "")
            text = one_line((named[2] or below).strip(" \t*_`"), 400)
            if text and text != TAKEN:
                found.setdefault(named[1].lower(), text)
    return found


def path_on(line: str) -> str:
    """The path that a line consists of, as `**File:** train.py`; "" where it is no path."""
    plain = _LABEL.sub("", line[:_WIDE]).strip()
    plain = re.sub(r"^(?:[#*>\"'`\s-]|//\s)+", "", plain).rstrip(" \t*:,;\"'`")
    if not re.fullmatch(r"[\w.@+~/\\-]+", plain):
        return ""
    named = re.search(r"\.[A-Za-z]\w*$", plain) or "/" in plain
    return plain if named or plain in ("Makefile", "Dockerfile") else ""


def path_above(lines: list[str], at: int, loose: bool = False) -> str:
    """The path on the last line before this one; a fence may stand between, or carry it.

    If `loose`, a sentence will do that names one in backticks.
    """
    for line in reversed(lines[max(0, at - 4) : at]):
        fence = FENCE.match(line)
        if fence:
            path = path_on(re.split(r"[\s:=]", fence[2].strip())[-1])
            if path:
                return path
        elif line.strip():
            quoted = re.findall(r"`([^`\s]+)`", line[:_WIDE]) if loose else []
            return path_on(line) or (path_on(quoted[0]) if len(quoted) == 1 else "")
    return ""
