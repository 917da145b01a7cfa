"""JSON documents that hold edits: blocks in a text of theirs, or `search` and `replace` as keys."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nightlab.propose.model.answer.blocks import has_block, split_blocks
from nightlab.propose.model.answer.prose import FENCE, said_in
from nightlab.propose.model.edits import Block
from nightlab.propose.said import NAMES, Said
from nightlab.types import one_line

_PATH = ("path", "file", "filename")


@dataclass(frozen=True)
class Answered:
    """An answer that was read: its edits, and what it says of them."""

    blocks: tuple[Block, ...]
    said: Said


def documents(text: str) -> Iterator[Answered]:
    """What the documents in an answer say, of those that hold an edit."""
    for plain in (text, *_fenced(text)):
        answered = _read(plain.strip())
        if answered:
            yield answered


def _fenced(text: str) -> Iterator[str]:
    inside: list[str] | None = None
    for line in text.split("\n"):
        if FENCE.match(line):
            if inside is not None:
                yield "\n".join(inside)
            inside = [] if inside is None else None
        elif inside is not None:
            inside.append(line)


def _read(plain: str) -> Answered | None:
    if not plain.startswith(("{", "[")):
        return None
    try:
        found = json.loads(plain)
    except (ValueError, RecursionError):
        return None
    blocks: list[Block] = []
    said: dict[str, str] = {}
    for each in _objects(found):
        values = {key.lower(): text for key, text in each.items() if isinstance(text, str)}
        edits, told = _edits(values)
        blocks += edits
        for name in NAMES:
            if name in values:
                told[name] = one_line(values[name], 400)
        said = {**told, **said}
    if not blocks:
        return None
    return Answered(tuple(blocks), Said.of(said))


def _edits(values: dict[str, str]) -> tuple[list[Block], dict[str, str]]:
    """The blocks of one object, and what it says besides."""
    path = next((values[name] for name in _PATH if name in values), "")
    if "search" in values and "replace" in values:
        return [Block(path, _lines(values["search"]), _lines(values["replace"]))], {}
    blocks: list[Block] = []
    said: dict[str, str] = {}
    for text in values.values():
        if has_block(text):
            inside, prose = split_blocks(text.replace("\r\n", "\n"))
            blocks += [Block(each.path or path, each.search, each.replace) for each in inside]
            said = {**said_in(prose), **said}
    return blocks, said


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """The objects of a document, the outer ones first."""
    todo = deque([value])
    while todo:
        each = todo.popleft()
        if isinstance(each, dict):
            yield each
            todo.extend(each.values())
        elif isinstance(each, list):
            todo.extend(each)


def _lines(text: str) -> tuple[str, ...]:
    text = text.replace("\r\n", "\n").removesuffix("\n")
    return tuple(text.split("\n")) if text else ()
