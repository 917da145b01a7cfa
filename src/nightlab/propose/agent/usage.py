"""What an agent said at last, and what it cost, out of what it printed: as its preset tells."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nightlab.propose.agent.preset import Count, Output, Scalar
from nightlab.propose.printed import documents, end_of
from nightlab.propose.settings import Price
from nightlab.types import Usage

_LARGEST = 1e12
_TIMES = {"k": 1e3, "m": 1e6}
_LONGEST = 20_000


@dataclass(frozen=True)
class Told:
    """What an agent told of its work. `counted` is without the price, and without the time."""

    message: str = ""
    error: str = ""
    counted: Usage = field(default_factory=Usage)


class Reading:
    """Reads an agent's output, event by event, holding no more of it than what it is about."""

    def __init__(self, output: Output) -> None:
        self.output = output
        self.message = ""
        self.error = ""
        self.tallies = [_Tally(count) for count in output.usage]

    def take(self, event: Mapping[str, Any]) -> None:
        """Take in one event, or the one document that there is."""
        told = self.output.message
        if told and matches(event, told.where):
            self.message = _text(event, told.text) or self.message
        self.error = _text(event, self.output.error) or self.error
        for tally in self.tallies:
            if matches(event, tally.count.where):
                tally.take(event)

    def told(self) -> Told:
        """What it comes to. Of several ways to count, the first counts that found anything."""
        found = (tally.total() for tally in self.tallies if tally.found)
        return Told(self.message, self.error, next(found, Usage()))


class _Tally:
    """The counts of one kind of event. What is told `once` counts once, as it was told last."""

    def __init__(self, count: Count) -> None:
        self.count = count
        self.found: dict[str, Usage] = {}

    def take(self, event: Mapping[str, Any]) -> None:
        count = self.count
        if not any(at(event, path) for path in (*count.input, *count.output, *count.usd)):
            return
        key = "" if count.take == "last" else str(len(self.found))
        if count.once:
            key = _text(event, [count.once]) or key
        read, written = _sum(event, count.input), _sum(event, count.output)
        usd = _sum(event, count.usd) if any(at(event, path) for path in count.usd) else None
        self.found[key] = Usage(int(read), int(written), usd)

    def total(self) -> Usage:
        first, *others = self.found.values()
        return sum(others, first)


def read_output(output: Output, printed: Path) -> Told:
    """What an agent told, in its file of output or in what it printed."""
    if output.form == "text":
        return _of_text(output, end_of(printed))
    reading = Reading(output)
    for event in documents(printed, by_line=output.form == "jsonl"):
        reading.take(event)
    return reading.told()


def priced(counted: Usage, seconds: float, price: Price | None, believed: bool) -> Usage:
    """What a call has cost. The agent's own figure, where it knows the price; else by ours.

    A price of exactly nothing is what agents say of models that they don't know. `believed` is
    False where the model is not the one whose price the agent would know.
    """
    usd = counted.usd if believed and counted.usd else None
    if usd is None and price and counted.tokens:
        usd = (counted.input_tokens * price.input + counted.output_tokens * price.output) / 1e6
    return Usage(counted.input_tokens, counted.output_tokens, usd, 1, seconds)


def at(data: object, path: str) -> list[Any]:
    """What stands at a dotted path, in which `*` is every one of a list or a mapping."""
    found = [data]
    for part in path.split("."):
        found = [inner for each in found for inner in _step(each, part)]
    return [each for each in found if each is not None]


def _step(data: object, part: str) -> Iterable[Any]:
    if part == "*":
        return data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    return [data[part]] if isinstance(data, dict) and part in data else ()


def matches(event: Mapping[str, Any], where: Mapping[str, Scalar]) -> bool:
    """Whether an event holds each of these values."""
    return all(value in at(event, path) for path, value in where.items())


def _text(event: Mapping[str, Any], paths: Sequence[str]) -> str:
    """The first text at one of these paths, bounded."""
    for path in paths:
        found = [each for each in at(event, path) if isinstance(each, str) and each.strip()]
        if found:
            return "\n".join(found)[:_LONGEST]
    return ""


def _sum(event: Mapping[str, Any], paths: Sequence[str]) -> float:
    return sum(_number(each) for path in paths for each in at(event, path))


def _number(value: object) -> float:
    """A count or a price, 0 for what can't be one."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return 0
    return value if math.isfinite(value) and 0 <= value <= _LARGEST else 0


def _of_text(output: Output, text: str) -> Told:
    """By a pattern with the names input, output and usd; what it finds is added up."""
    counted = list(_found(output.pattern, text)) if output.pattern else []
    return Told(message="", counted=sum(counted[1:], counted[0]) if counted else Usage())


def _found(pattern: str, text: str) -> Iterator[Usage]:
    for each in re.finditer(pattern, text):
        told = each.groupdict()
        read, written = (int(_abbreviated(told.get(name))) for name in ("input", "output"))
        yield Usage(read, written, _abbreviated(told["usd"]) if told.get("usd") else None)


def _abbreviated(text: str | None) -> float:
    """`1,234`, `2.1k`, `3M`."""
    plain = (text or "0").replace(",", "").strip().lower()
    times = _TIMES.get(plain[-1:], 1)
    try:
        return _number(float(plain.rstrip("km")) * times)
    except ValueError:
        return 0
