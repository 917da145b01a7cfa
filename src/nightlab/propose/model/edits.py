"""Search-and-replace edits: find lines in a file, and put others in their place.

Lines are found exactly, else but for spaces at their ends, else with another indentation that is
the same for all of them; then the new lines are indented like the old ones. What isn't replaced
stays as it is, byte by byte, line ends included.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from nightlab.propose.model.matching import closest, find, put, split_lines
from nightlab.types import one_line

_NUMBERED = re.compile(r"^ {0,5}\d+ \|( |$)")


class BadEdit(Exception):
    """An answer that is no edit of the study. The message says why, for the model to mend it.

    Its first line is the reason; lines of the file may follow.
    """


@dataclass(frozen=True)
class Block:
    """Lines to be found, and what stands there afterwards. "" as path where none was given.

    `whole` is a file that was given as a whole, without anything to be found.
    """

    path: str
    search: tuple[str, ...]
    replace: tuple[str, ...]
    whole: bool = False


def apply_blocks(
    blocks: Sequence[Block], files: Mapping[str, str], surface: Sequence[str]
) -> dict[str, str]:
    """The new texts of the edited files, all blocks applied in order.

    `files` are those that may be edited and are there; `surface` the paths and patterns of what may
    be edited. Raises BadEdit for the first block that can't be applied.
    """
    edited: dict[str, str] = {}
    path = ""
    for number, block in enumerate(blocks, 1):
        path = _target(block, number, path, files, surface)
        edited[path] = _applied(block, number, path, edited.get(path, files.get(path)))
    return edited


def is_within(path: str, surface: Sequence[str]) -> bool:
    """Whether a path may be edited."""
    parts = path.split("/")
    return not {"", ".", ".."} & set(parts) and any(fnmatchcase(path, each) for each in surface)


def _target(
    block: Block, number: int, before: str, files: Mapping[str, str], surface: Sequence[str]
) -> str:
    """The file that a block means: its own path, else that of the block before, else the one."""
    path = _plain(block.path, files)
    path = path or before or _only(files, surface)
    may = ", ".join(surface)
    if not path:
        raise BadEdit(f"block {number} names no file: put its path on the line before ({may})")
    if not is_within(path, surface):
        what = f"{one_line(path, 160)} may not be edited"
        raise BadEdit(f"block {number}: {what}; what may be: {may}")
    return path


def _only(files: Mapping[str, str], surface: Sequence[str]) -> str:
    """The one file that can be meant, if there is only one."""
    patterns = [each for each in surface if set("*?[") & set(each)]
    for names in (list(files), [] if patterns else list(surface)):
        if len(names) == 1:
            return names[0]
    return ""


def _plain(path: str, files: Mapping[str, str]) -> str:
    """A path as the study has it: `./a.py`, `a/a.py` of a diff, or one from the root is meant."""
    path = path.replace("\\", "/")
    path = re.sub(r"^(\./)+", "", path)
    if path in files:
        return path
    if re.sub(r"^[ab]/", "", path) in files:
        return path[2:]
    ends = [name for name in files if path.startswith("/") and path.endswith(f"/{name}")]
    return max(ends, key=len, default=path)


def _applied(block: Block, number: int, path: str, text: str | None) -> str:
    """The file's text after one block."""
    lines = split_lines(text or "")
    empty = not any(line.strip() for line in lines)
    if not any(line.strip() for line in block.search):
        if not empty:
            what = "is a whole file" if block.whole else "has an empty SEARCH part"
            mend = "say in SEARCH which of its lines are to be replaced"
            raise BadEdit(f"block {number} {what}, and {path} is there already: {mend}")
        if not any(line.strip() for line in block.replace):
            raise BadEdit(f"block {number} is empty: it neither searches nor replaces anything")
        return "".join(f"{line}\n" for line in block.replace)
    if empty:
        raise BadEdit(f"block {number}: there is no {path} yet; a new file has an empty SEARCH")
    for search, new in _readings(block):
        found = find(lines, search)
        if len(found) > 1:
            at = ", ".join(str(place.start + 1) for place in found[:5])
            times = f"stand {len(found)} times in {path} (lines {at})"
            mend = "add lines around them, until they are found once"
            raise BadEdit(f"block {number}: its SEARCH lines {times}: {mend}")
        if found:
            return put(lines, found[0], search, new)
    raise BadEdit(
        f"block {number}: its SEARCH lines are not in {path}; {closest(lines, block.search)}"
    )


def _readings(block: Block) -> list[tuple[Sequence[str], Sequence[str]]]:
    """A block as it stands; then without fences, line numbers and blank edges in its halves."""
    halves: list[Sequence[str]] = [block.search, block.replace]
    found = [(halves[0], halves[1])]
    for trim in (_unfenced, _unnumbered, _unedged):
        halves = [trim(half) for half in halves]
        found.append((halves[0], halves[1]))
    return [each for at, each in enumerate(found) if each not in found[:at] and each[0]]


def _unfenced(half: Sequence[str]) -> Sequence[str]:
    fenced = len(half) > 1 and half[0].lstrip().startswith("```") and half[-1].strip() == "```"
    return half[1:-1] if fenced else half


def _unnumbered(half: Sequence[str]) -> Sequence[str]:
    """Without the numbers that an error shows before the closest lines."""
    numbered = all(_NUMBERED.match(line) for line in half if line.strip())
    return [_NUMBERED.sub("", line) for line in half] if numbered else half


def _unedged(half: Sequence[str]) -> Sequence[str]:
    kept = [at for at, line in enumerate(half) if line.strip()]
    return half[kept[0] : kept[-1] + 1] if kept else ()
