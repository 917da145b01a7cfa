"""Unified diffs, which some models write whatever they are told."""

from __future__ import annotations

import re

from nightlab.propose.model.edits import Block

_HUNK = re.compile(r"^@@( .*)?$")


def diff_blocks(text: str) -> list[Block]:
    """The hunks of a diff as blocks. Their line numbers, often wrong, don't count."""
    blocks: list[Block] = []
    path = ""
    inside = False
    for line in text.split("\n"):
        if line.startswith("+++ "):
            path, inside = re.sub(r"^b/", "", line[4:].split("\t")[0].strip()), False
        elif path and _HUNK.match(line):
            blocks.append(Block(path, (), ()))
            inside = True
        elif line.startswith(("--- ", "diff ", "```", "index ")):
            inside = False
        elif inside and line.startswith(("+", "-", " ")):
            blocks[-1] = _longer(blocks[-1], line[0], line[1:])
        elif inside and not line:
            blocks[-1] = _longer(blocks[-1], " ", "")
    return blocks


def _longer(block: Block, sign: str, line: str) -> Block:
    search = (*block.search, line) if sign in "- " else block.search
    replace = (*block.replace, line) if sign in "+ " else block.replace
    return Block(block.path, search, replace)
