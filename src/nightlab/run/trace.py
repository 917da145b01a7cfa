"""Why a run crashed: the last traceback of its log, and whether a slip caused it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from nightlab.run.output import OUT_OF_MEMORY
from nightlab.run.slips import NO_SLIP, PLAIN, is_slip

_READ = 1 << 17
_LONGEST_LINE = 1000
_LONGEST_MESSAGE = 12
_LAST_LINES = 40

_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b.?")
_RUN_FOLDER = re.compile(r"/[^\s\"':]*/run-\d+/(?:train|serve|evaluate)/")
_HEAD = re.compile(r"^(?P<before>.*?)Traceback \(most recent call last\):\s*$")
_SYNTAX_HEAD = re.compile(r'^  File "[^"]*", line \d+$')
_LINKS = ("The above exception was the direct cause", "During handling of the above exception")
_RAISED = re.compile(r"^(?P<name>[A-Za-z_][\w.]*)(?:: (?P<message>.*)|:?\s*)$")
_IS_ERROR = re.compile(r"(?:Error|Exception|Interrupt|Exit|Warning|Iteration|Group|Failed)$")


@dataclass(frozen=True)
class _Raised:
    """An exception as a log tells it: where its traceback begins, and what it said."""

    start: int
    end: int
    name: str
    message: str


def read_trace(log: Path, width: int = 4000) -> str:
    """The last traceback of a log with what it was raised from, else the end of the log.

    Of one that is too long the middle is left out; so are control characters. The log is text of
    an untrusted program, and a traceback in it may be made up.
    """
    lines = [_without_places(line) for line in _last_lines(log)]
    raised = _all_raised(lines)
    if not raised or len(lines) - raised[-1].end > _LAST_LINES:  # it went on for long
        return _shortened("\n".join(lines[-_LAST_LINES:]), width, 0.0)
    start = _first_of_chain(lines, raised)
    body, after = lines[start : raised[-1].end], lines[raised[-1].end :]
    room = width // 4 if after else 0
    told = _shortened("\n".join(body), width - room, 0.3)
    return (
        f"{told}\n{_shortened(chr(10).join(after), room - 1, 0.0)}".strip("\n") if after else told
    )


def ends_in_exception(log: Path) -> bool:
    """Whether the last words of a log are those of an exception that nobody caught."""
    lines = [line for line in _last_lines(log) if line.strip()]
    raised = _all_raised(lines)
    return bool(raised) and raised[-1].end == len(lines)


def _without_places(line: str) -> str:
    """Paths as the study has them, and no home folder: a trace may go to a model elsewhere."""
    line = _RUN_FOLDER.sub("", line)
    home = str(Path.home())
    return line.replace(home, "~") if len(home) > 1 else line


def is_trivial(trace: str) -> bool:
    """Whether the cause is of the sort that its writer mends at sight.

    Syntax, names, imports, arguments, look-ups, shapes and types of tensors; never numbers that
    blew up, assertions, memory, the disk, the device or a signal.
    """
    lines = trace.splitlines()
    raised = _all_raised(lines)
    if not raised or OUT_OF_MEMORY.search(trace) or NO_SLIP.search(trace):
        return False
    last = raised[-1]
    if is_slip(last.name, last.message):
        return True
    link = "\n".join(lines[raised[-2].end - 1 : last.start]) if len(raised) > 1 else ""
    wrapped = last.name in PLAIN and _LINKS[0] in link
    return wrapped and is_slip(raised[-2].name, raised[-2].message)


def _all_raised(lines: list[str]) -> list[_Raised]:
    """Every exception with a traceback, and every error of syntax, in order."""
    found: list[_Raised] = []
    at = 0
    while at < len(lines):
        head = _HEAD.match(lines[at])
        if head or _SYNTAX_HEAD.match(lines[at]):
            raised = _raised(lines, at, head["before"] if head else "")
            if raised is not None:
                found.append(raised)
                at = raised.end
                continue
        at += 1
    return found


def _raised(lines: list[str], start: int, before: str) -> _Raised | None:
    """The exception whose traceback starts here; every line of it may begin with `before`."""
    likely = None
    for at in range(start + 1, len(lines)):
        line = lines[at].removeprefix(before)
        if _HEAD.match(lines[at]):
            break
        match = _RAISED.match(line)
        if match and _IS_ERROR.search(match["name"]):
            end = _end_of_message(lines, at)
            told = "\n".join([match["message"] or "", *lines[at + 1 : end]])
            return _Raised(start, end, match["name"], told)
        if match and likely is None and not line.startswith(" ") and before == "":
            likely = _Raised(start, at + 1, match["name"], match["message"] or "")
    return likely


def _end_of_message(lines: list[str], at: int) -> int:
    """The line after a message, which may be of several: up to a blank line or another head."""
    end = at + 1
    while end < len(lines) and end - at < _LONGEST_MESSAGE:
        if not lines[end].strip() or _HEAD.match(lines[end]) or _RAISED.match(lines[end]):
            break
        end += 1
    return end


def _first_of_chain(lines: list[str], raised: list[_Raised]) -> int:
    """The line where the last traceback begins, or the first that it was raised from."""
    start = raised[-1].start
    for earlier, later in reversed(list(pairwise(raised))):
        between = "\n".join(lines[earlier.end - 1 : later.start])
        if not any(link in between for link in _LINKS):
            break
        start = earlier.start
    return start


def _last_lines(log: Path) -> list[str]:
    """The end of a log as lines, indented as they are, each of bounded length."""
    try:
        with log.open("rb") as file:
            began = file.seek(max(0, os.fstat(file.fileno()).st_size - _READ))
            text = file.read(_READ).decode("utf-8", "replace")
    except OSError:
        return []
    parts = re.split(r"\r\n|[\n\r]", _CONTROL.sub("", text))
    lines = [_plain(part) for part in (parts[1:] if began and len(parts) > 1 else parts)]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _plain(line: str) -> str:
    shown = "".join(sign for sign in line.expandtabs(4)[: 2 * _LONGEST_LINE] if sign.isprintable())
    shown = shown.rstrip()
    half = _LONGEST_LINE // 2
    return shown if len(shown) <= _LONGEST_LINE else f"{shown[:half]} … {shown[-half:]}"


def _shortened(text: str, width: int, first: float) -> str:
    """At most `width` signs: the share `first` from its beginning, the others from its end."""
    if len(text) <= width or width <= 0:
        return text[: max(0, width)]
    mark = "\n[…]\n" if first else "…"
    begin = int(first * width)
    end = width - begin - len(mark)
    return f"{text[:begin]}{mark}{text[-end:]}" if end > 0 else text[-width:]
