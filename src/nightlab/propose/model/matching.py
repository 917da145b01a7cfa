"""Where lines stand in a file, and other lines in their place."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

_SHOWN = 12
_WIDTH = 160
_COMPARED = 5000
"""Lines of a file that are looked at when none fits."""


@dataclass(frozen=True)
class Place:
    """Lines `start` to `stop` of a file.

    Their indentation begins with `more` where that of the block begins with `less`.
    """

    start: int
    stop: int
    more: str = ""
    less: str = ""

    def indent(self, line: str) -> str:
        """A new line, indented as the old ones are."""
        return self.more + line.removeprefix(self.less) if line.strip() else line


def split_lines(text: str) -> list[str]:
    """The lines of a text with their ends; a line ends with a line feed and with nothing else."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def find(lines: Sequence[str], search: Sequence[str]) -> list[Place]:
    """Where the lines stand: exactly, else but for spaces at the ends, else but for indentation."""
    bare = [_bare(line) for line in lines]
    for trim in (str, str.rstrip):
        found = _runs([trim(line) for line in bare], [trim(line) for line in search])
        if found:
            return [Place(at, at + len(search)) for at in found]
    shifted = _runs([line.strip() for line in bare], [line.strip() for line in search])
    places = [_shifted(bare[at : at + len(search)], search, at) for at in shifted]
    return [place for place in places if place]


def put(lines: Sequence[str], place: Place, search: Sequence[str], new: Sequence[str]) -> str:
    """The text with new lines in that place; lines that stay keep their bytes."""
    old = list(lines[place.start : place.stop])
    end = _line_end([*old, *lines])
    unended = place.stop == len(lines) and not old[-1].endswith("\n")
    if unended:
        old[-1] += end
    made: list[str] = []
    for kind, a, b, c, d in _steps(search, new):
        made += old[a:b] if kind == "equal" else [place.indent(line) + end for line in new[c:d]]
    if unended and made:
        made[-1] = made[-1].removesuffix(end)
    return "".join([*lines[: place.start], *made, *lines[place.stop :]])


def closest(lines: Sequence[str], search: Sequence[str]) -> str:
    """The lines of a file that are most like these, with their numbers."""
    wanted = max(search, key=lambda line: len(line.strip()))
    here = [_bare(line).strip()[:_WIDTH] for line in lines[:_COMPARED]]
    like = difflib.get_close_matches(wanted.strip()[:_WIDTH], here, n=1, cutoff=0.4)
    if not like:
        return "nothing in it is like them"
    start = max(0, here.index(like[0]) - list(search).index(wanted))
    shown = list(enumerate(lines[start : start + min(len(search), _SHOWN)], start + 1))
    told = "\n".join(f"{number:5} | {_bare(line)[:_WIDTH]}" for number, line in shown)
    return f"the closest are lines {shown[0][0]} to {shown[-1][0]}:\n{told}"


def _runs(lines: list[str], search: list[str]) -> list[int]:
    size = len(search)
    starts = (at for at in range(len(lines) - size + 1) if lines[at] == search[0])
    return [at for at in starts if lines[at : at + size] == search]


def _shifted(old: Sequence[str], search: Sequence[str], at: int) -> Place | None:
    """The place, if the indentation differs by the same in all its lines."""
    shifts = {
        _shift(_indentation(here), _indentation(line))
        for here, line in zip(old, search, strict=True)
        if line.strip()
    }
    if len(shifts) != 1:
        return None
    return Place(at, at + len(search), *shifts.pop())


def _shift(here: str, there: str) -> tuple[str, str]:
    """What each of the two begins with, less what both end with."""
    ends = zip(reversed(here), reversed(there), strict=False)
    same = next((at for at, (a, b) in enumerate(ends) if a != b), min(len(here), len(there)))
    return here[: len(here) - same], there[: len(there) - same]


def _indentation(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _bare(line: str) -> str:
    return line[:-2] if line.endswith("\r\n") else line.removesuffix("\n")


def _line_end(lines: Sequence[str]) -> str:
    """The end of the first line that has one."""
    ended = next((line for line in lines if line.endswith("\n")), "")
    return "\r\n" if ended.endswith("\r\n") else "\n"


def _steps(search: Sequence[str], new: Sequence[str]) -> Sequence[tuple[str, int, int, int, int]]:
    """What stays and what is replaced, as difflib tells it. It is slow where both are long."""
    if len(search) * len(new) > 1_000_000:
        return [("replace", 0, len(search), 0, len(new))]
    return difflib.SequenceMatcher(None, search, new, autojunk=False).get_opcodes()
