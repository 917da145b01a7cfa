"""SEARCH/REPLACE blocks, the form that is asked for."""

from __future__ import annotations

import re

from nightlab.propose.model.answer.prose import TAKEN, path_above, path_on
from nightlab.propose.model.edits import BadEdit, Block

_HEAD = re.compile(r"^\s{0,40}(?:<{5,9}|-{5,9}) ?(?:SEARCH|ORIGINAL|HEAD)\b[ >:]*(.*)$")
_TAIL = re.compile(r"^\s{0,40}(?:>{5,9}|\+{5,9}) ?(?:REPLACE|UPDATED)\b")
_DIVIDERS = (re.compile(r"^\s{0,40}={7}\s*$"), re.compile(r"^\s{0,40}={5,9}\s*$"))


def has_block(text: str) -> bool:
    """Whether a block ends anywhere in a text."""
    return any(_TAIL.match(line) for line in text.split("\n"))


def split_blocks(text: str) -> tuple[list[Block], str]:
    """The blocks of a text, and what stands around them. Raises BadEdit for one without its end."""
    lines = text.split("\n")
    blocks: list[Block] = []
    prose: list[str] = []
    at = 0
    while at < len(lines):
        head = _HEAD.match(lines[at])
        if not head:
            prose.append(lines[at])
            at += 1
            continue
        number = len(blocks) + 1
        end = _end_of(lines, at, number)
        path = path_on(head[1]) or path_above(prose, len(prose), loose=True)
        blocks.append(Block(path, *_halves(lines[at + 1 : end], number)))
        prose.append(TAKEN)
        at = end + 1
    return blocks, "\n".join(prose)


def _end_of(lines: list[str], start: int, number: int) -> int:
    for at in range(start + 1, len(lines)):
        if _TAIL.match(lines[at]):
            return at
        if _HEAD.match(lines[at]):
            break
    raise BadEdit(f"block {number} has no end: its line `>>>>>>> REPLACE` is missing")


def _halves(lines: list[str], number: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    found: list[int] = []
    for divider in _DIVIDERS:
        found = found or [at for at, line in enumerate(lines) if divider.match(line)]
    if len(found) == 1:
        return tuple(lines[: found[0]]), tuple(lines[found[0] + 1 :])
    many = f"{len(found)} lines `=======`" if found else "no line `=======`"
    raise BadEdit(f"block {number} has {many} between SEARCH and REPLACE, where one belongs")
