"""What a run printed: metrics on anchored lines or JSON lines, progress, last words."""

from __future__ import annotations

import json
import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nightlab.types import Measurement, Metrics, Outcome, one_line

_ANSI = re.compile(
    rb"\x1b\[[0-?]*[ -/]*[@-~]"  # colours, cursor
    rb"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # titles, links
    rb"|\x1b[ -/]+[0-~]|\x1b[0-Z^-~]"  # character sets, resets
)
_NUMBER = (
    r"[+-]?(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]*)?|[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
    r"(?:[eE][+-]?[0-9]+)?"
)
_NAME = r"[A-Za-z_][\w./@+-]{0,127}"
_METRIC = re.compile(
    rf"^\s*(?P<name>{_NAME})\s*[:=]\s*(?P<value>{_NUMBER}|[+-]?(?:nan|inf|infinity))"
    r"\s*(?:%\s*)?$",
    re.IGNORECASE,
)
_PROGRESS = re.compile(rf"^\s*progress:\s*(?P<fraction>{_NUMBER})(?P<percent>\s*%)?(?P<rest>.*)$")
_PAIR = re.compile(
    rf"(?<![\w./-])(?P<name>[A-Za-z_][\w./-]*)=(?P<value>{_NUMBER}|[+-]?nan|[+-]?inf)", re.I
)
_HARNESS_CHANGED = re.compile(r"^harness_changed:(?P<reason>.*)$")
_LONGEST_LINE = 1 << 16
_LONGEST_NAME = 128
_LONGEST_REASON = 300
_MOST_NAMES = 10_000

OUT_OF_MEMORY = re.compile(
    r"(?:CUDA|HIP|XPU|MPS backend|CUDA error:) out of memory|OutOfMemoryError"
    r"|\b(?:_Array)?MemoryError\b|RESOURCE_EXHAUSTED: Out of memory|std::bad_alloc"
    r"|Cannot allocate memory|can't allocate memory",
)


@dataclass
class Printed:
    """Numbers found in a log. `not_finite` names those whose last value was NaN or infinite.

    `times` counts how often each was printed. Of a log with very many names the first ones count.
    """

    metrics: dict[str, float] = field(default_factory=dict)
    not_finite: dict[str, float] = field(default_factory=dict)
    times: Counter[str] = field(default_factory=Counter)

    @property
    def repeated(self) -> dict[str, int]:
        """How often each name was printed that was printed twice or more; `strict` refuses it."""
        return {name: count for name, count in self.times.items() if count > 1}

    def take(self, name: str, value: float) -> None:
        """The last value wins."""
        if name not in self.times and len(self.times) >= _MOST_NAMES:
            return
        self.times[name] += 1
        self.metrics.pop(name, None)
        self.not_finite.pop(name, None)
        (self.metrics if math.isfinite(value) else self.not_finite)[name] = value


def measured(run: int, given: Metrics, metric: str, source: str, seconds: float) -> Measurement:
    """A measurement from what a function (`source`) returned; the primary metric must be finite."""
    finite = {name: value for name, value in given.items() if math.isfinite(value)}
    metrics = {name: finite[name] for name in finite if name == metric or _is_fit(name)}
    if metric not in given:
        detail = f"{source} returned no {metric!r}"
        return Measurement(run, Outcome.NO_METRIC, metrics, {}, seconds, detail)
    if metric not in metrics:
        detail = f"{metric} is {given[metric]}"
        return Measurement(run, Outcome.NOT_FINITE, metrics, {}, seconds, detail)
    return Measurement(run, Outcome.OK, metrics, {}, seconds)


def parse_number(text: str) -> float:
    """`1,234`, `1e-3`, `nan`."""
    return float(text.replace(",", ""))


def read_metrics(log: Path) -> Printed:
    """Every metric of a log, in bounded memory whatever its size."""
    found = Printed()
    for line in read_lines(log):
        if line.startswith("{"):
            with suppress(ValueError, OverflowError, RecursionError):
                _take_members(found, json.loads(line, object_pairs_hook=_Members))
            continue
        match = _METRIC.match(line)
        if match and match["name"] != "progress":
            found.take(match["name"], parse_number(match["value"]))
    return found


class _Members(tuple[tuple[str, Any], ...]):
    """An object of JSON as it was written: a name may stand in it twice."""


def _take_members(found: Printed, members: _Members, prefix: str = "") -> None:
    """The numbers of an object, unless their names are not fit to be shown."""
    for key, value in members:
        name = f"{prefix}{key}"
        if not _is_fit(key):
            continue
        if isinstance(value, _Members):
            _take_members(found, value, f"{name}.")
        elif isinstance(value, (int, float)) and not isinstance(value, bool) and _is_fit(name):
            found.take(name, float(value))


def _is_fit(name: str) -> bool:
    """Whether a name can be shown as it is: short, on one line, and no sign of it invisible."""
    return 0 < len(name) <= _LONGEST_NAME and name.isprintable() and name == name.strip()


def told_harness_changed(log: Path) -> str:
    """The reason of the last line `harness_changed: reason`, fit to be shown; "" without one."""
    told = ""
    for line in read_lines(log, whole=False):
        if match := _HARNESS_CHANGED.match(line):
            told = one_line(match["reason"], _LONGEST_REASON) or "no reason was given"
    return told


def read_lines(log: Path, whole: bool = True) -> Iterator[str]:
    """Lines of a log, cut at carriage returns too, without colours.

    Over-long ones are skipped, or where they need not be `whole`, cut.
    """
    if not log.exists():
        return
    for part, complete in _parts(log):
        if complete or not whole:
            yield _clean(part)


def _parts(log: Path) -> Iterator[tuple[bytes, bool]]:
    """What stands between line ends, and whether that is all of it; none is over-long."""
    with log.open("rb") as file:
        rest, skipping = b"", False
        while True:
            chunk = file.read(1 << 18)
            parts = re.split(rb"[\r\n]", rest + chunk)
            rest = parts.pop()
            if skipping and parts:
                parts, skipping = parts[1:], False
            yield from _cut(parts)
            if len(rest) > _LONGEST_LINE:
                if not skipping:
                    yield rest[:_LONGEST_LINE], False
                rest, skipping = b"", True
            if not chunk:
                if rest and not skipping:
                    yield rest, True
                return


def _cut(parts: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    for part in parts:
        yield part[:_LONGEST_LINE], len(part) <= _LONGEST_LINE


def _clean(line: bytes) -> str:
    return _ANSI.sub(b"", line).decode("utf-8", "replace").strip()


def tail(log: Path, size: int = 8192) -> list[str]:
    """The last lines of a log that hold anything."""
    try:
        with log.open("rb") as file:
            began = file.seek(max(0, os.fstat(file.fileno()).st_size - size))
            parts = re.split(rb"[\r\n]", file.read(size))
    except OSError:
        return []
    if began and any(parts[1:]):
        del parts[0]  # the rest of a line that began earlier
    return [line for part in parts if (line := _clean(part))]


def last_words(log: Path, width: int = 160) -> str:
    """The line that best says why a run ended badly: an error's own line, else the last one."""
    lines = tail(log)
    errors = [line for line in lines if re.match(r"^[\w.]*(Error|Exception|Interrupt)\b", line)]
    said = (errors or lines or [""])[-1]
    return one_line(said, len(said) + 1)[:width]


def read_progress(log: Path) -> tuple[float, dict[str, float]] | None:
    """The last `progress: 0.25 step=100 loss=2.31` line: its fraction and its pairs."""
    found = (_progress_of(line) for line in reversed(tail(log, 4096)))
    return next((told for told in found if told), None)


def new_progress(log: Path, start: int) -> tuple[list[tuple[float, dict[str, float]]], int]:
    """What `progress:` lines from byte `start` on say, and the byte after the last whole line.

    Of much that is new, only the end is read.
    """
    try:
        with log.open("rb") as file:
            start = file.seek(max(start, os.fstat(file.fileno()).st_size - _LONGEST_LINE))
            data = file.read(_LONGEST_LINE)
    except OSError:
        return [], start
    whole = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
    found = (_progress_of(_clean(line)) for line in re.split(rb"[\r\n]", data[:whole]))
    return [told for told in found if told], start + whole


def _progress_of(line: str) -> tuple[float, dict[str, float]] | None:
    match = _PROGRESS.match(line)
    if match is None:
        return None
    pairs = {
        pair["name"]: float(pair["value"].replace(",", ""))
        for pair in _PAIR.finditer(match["rest"])
    }
    fraction = parse_number(match["fraction"]) / (100 if match["percent"] else 1)
    return min(max(fraction, 0.0), 1.0), pairs
