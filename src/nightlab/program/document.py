"""program.md cut into its parts: prose, one fenced `yaml` block, one fenced `policy` block."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nightlab.program.problem import Problem

_FENCE = re.compile(r"^(?P<ticks>`{3,}|~{3,})[ \t]*(?P<tag>[\w-]*)[^`]*$")


@dataclass(frozen=True)
class Block:
    """The text between two fences. `line` is the file's line of its first line, from 1."""

    tag: str
    text: str
    line: int


@dataclass(frozen=True)
class Document:
    """A Markdown file: its fenced blocks, and the prose around them."""

    title: str
    prose: str
    blocks: tuple[Block, ...]

    def only(self, tag: str, file: str) -> tuple[Block | None, list[Problem]]:
        """The one block with this tag; problems where there is none, or more than one."""
        found = [block for block in self.blocks if block.tag == tag]
        if not found:
            mend = f"no ```{tag} block; add one between ```{tag} and ```"
            return None, [Problem(file, 0, "", mend)]
        extra = [
            Problem(file, block.line, "", f"a second ```{tag} block; keep one")
            for block in found[1:]
        ]
        return found[0], extra


def parse_document(text: str) -> Document:
    """Split Markdown into prose and fenced blocks. An unclosed fence runs to the end."""
    prose: list[str] = []
    blocks: list[Block] = []
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        opening = _FENCE.match(lines[at])
        if not opening:
            prose.append(lines[at])
            at += 1
            continue
        start = at + 1
        ticks = opening["ticks"]
        closing = re.compile(rf" {{0,3}}{ticks}{ticks[0]}*\s*$")
        end = next((i for i in range(start, len(lines)) if closing.match(lines[i])), len(lines))
        tag = opening["tag"].lower()
        inside = "".join(f"{line}\n" for line in lines[start:end])
        blocks.append(Block("yaml" if tag == "yml" else tag, inside, start + 1))
        at = end + 1
    titles = (line.lstrip("# ").strip() for line in prose if line.startswith("# "))
    return Document(next(titles, ""), "\n".join(prose).strip() + "\n", tuple(blocks))
