"""Whole files: a fenced block right below a path."""

from __future__ import annotations

from nightlab.propose.model.answer.prose import FENCE, TAKEN, path_above
from nightlab.propose.model.edits import Block


def whole_files(prose: str) -> list[Block]:
    """The fenced blocks that are files; those that held other edits, and diffs, are none."""
    lines = prose.split("\n")
    found: list[Block] = []
    at = 0
    while at < len(lines):
        fence = FENCE.match(lines[at])
        close = _close_of(lines, at, fence[1]) if fence else None
        if fence is None or close is None:
            at += 1
            continue
        body = lines[at + 1 : close]
        path = path_above(lines, at + 1)
        if path and TAKEN not in body and "diff" not in fence[2] and "".join(body).strip():
            found.append(Block(path, (), tuple(body), whole=True))
        at = close + 1
    return found


def _close_of(lines: list[str], at: int, fence: str) -> int | None:
    ends = (n for n in range(at + 1, len(lines)) if lines[n].strip() == fence)
    return next(ends, None)
