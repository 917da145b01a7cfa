"""What a run printed: metrics on anchored lines or JSON lines, progress, last words."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nightlab.types import Measurement, Metrics, Outcome

_ANSI = re.compile(
    rb"\x1b\[[0-?]*[ -/]*[@-~]"  # colours, cursor
    rb"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # titles, links
    rb"|\x1b[ -/]+[0-~]|\x1b[0-Z^-~]"  # character sets, resets
)
_NUMBER = r"[+-]?(?:\d{1,3}(?:,\d{3})+(?:\.\d*)?|\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_METRIC = re.compile(
    rf"^\s*(?P<name>[A-Za-z_][\w./@+-]*)\s*[:=]\s*(?P<value>{_NUMBER}|[+-]?(?:nan|inf|infinity))"
    r"\s*%?\s*$",
    re.IGNORECASE,
)
_PROGRESS = re.compile(rf"^\s*progress:\s*(?P<fraction>{_NUMBER})(?P<percent>\s*%)?(?P<rest>.*)$")
_PAIR = re.compile(rf"(?P<name>[A-Za-z_][\w./-]*)=(?P<value>{_NUMBER}|[+-]?nan|[+-]?inf)", re.I)
_LONGEST_LINE = 1 << 16

OUT_OF_MEMORY = re.compile(
    r"(?:CUDA|HIP|XPU|MPS backend|CUDA error:) out of memory|OutOfMemoryError"
    r"|\b(?:_Array)?MemoryError\b|RESOURCE_EXHAUSTED: Out of memory|std::bad_alloc"
    r"|Cannot allocate memory|can't allocate memory",
)


@dataclass
class Printed:
    """Numbers found in a log. `not_finite` names those whose last value was NaN or infinite."""

    metrics: dict[str, float] = field(default_factory=dict)
    not_finite: dict[str, float] = field(default_factory=dict)
    repeated: dict[str, int] = field(default_factory=dict)

    def take(self, name: str, value: float) -> None:
        """The last value wins."""
        self.metrics.pop(name, None)
        self.not_finite.pop(name, None)
        (self.metrics if math.isfinite(value) else self.not_finite)[name] = value


def measured(run: int, given: Metrics, metric: str, source: str, seconds: float) -> Measurement:
    """A measurement from what a function (`source`) returned; the primary metric must be finite."""
    metrics = {name: value for name, value in given.items() if math.isfinite(value)}
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
    for line in _lines(log):
        if line.startswith("{"):
            with suppress(ValueError, OverflowError, RecursionError):
                _take_mapping(found, json.loads(line))
            continue
        match = _METRIC.match(line)
        if match and match["name"] != "progress":
            found.take(match["name"], parse_number(match["value"]))
    return found


def _take_mapping(found: Printed, data: dict[str, Any], prefix: str = "") -> None:
    for key, value in data.items():
        if isinstance(value, dict):
            _take_mapping(found, value, f"{prefix}{key}.")
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            found.take(f"{prefix}{key}", float(value))


def _lines(log: Path) -> Iterator[str]:
    """Lines of a log, cut at carriage returns too, without colours, over-long ones skipped."""
    if not log.exists():
        return
    with log.open("rb") as file:
        rest, skipping = b"", False
        while True:
            chunk = file.read(1 << 18)
            parts = re.split(rb"[\r\n]", rest + chunk)
            rest = parts.pop()
            if skipping and parts:
                parts, skipping = parts[1:], False
            for part in parts:
                if len(part) <= _LONGEST_LINE:
                    yield _clean(part)
            if len(rest) > _LONGEST_LINE:
                rest, skipping = b"", True
            if not chunk:
                if rest and not skipping:
                    yield _clean(rest)
                return


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
    return (errors or lines or [""])[-1][:width]


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


def told_harness_changed(log: Path) -> str:
    """The reason on the last line `harness_changed: reason` of a log, "" where there is none."""
    found = [m[1] for line in tail(log) if (m := re.match(r"harness_changed:\s*(.+)$", line))]
    return found[-1][:300] if found else ""
