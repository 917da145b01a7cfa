"""best.yaml: the best configuration as a whole scenario file, loaded and measured once more."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nightlab.change.keys import format_scalar, load_mapping
from nightlab.governance.placing import place_value
from nightlab.governance.record import SECTION
from nightlab.governance.simulator import Simulator
from nightlab.remember.replace import replace_file
from nightlab.types import Metrics, NightlabError, Value, one_line

_MOST_TOLD = 10


def write_best(scenario: Path, values: Mapping[str, Value], target: Path) -> None:
    """Write the scenario file with these levers in its governance section, to `target`.

    Every other byte stays, comments included; a lever that the file doesn't have comes at the end
    of the section. Names may have `governance.` before them or not. Raises NightlabError where the
    file has no place for a value, or something else would move with it.
    """
    content = _read(scenario)
    text, data = content.decode("utf-8"), load_mapping(scenario.name, content)
    levers = {name.removeprefix(SECTION): value for name, value in values.items()}
    moved = {name: value for name, value in levers.items() if not _has(data, name, value)}
    for name, value in moved.items():
        text = place_value(scenario.name, text, SECTION.rstrip("."), name, format_scalar(value))
    _check(scenario.name, data, moved, text)
    head = _head(scenario.name, data, moved, "\r\n" if "\r\n" in text else "\n")
    try:
        replace_file(target, [head, text])
    except OSError as error:
        raise NightlabError(f"cannot write {target}: {error}") from None


def check_best(
    simulator: Simulator, best: Path, expected: Mapping[int, Metrics], epochs: int, steps: int
) -> list[str]:
    """Load a scenario file and measure it on these seeds; what differs from the loop's numbers.

    `expected` are metrics by seed. Raises NightlabError where the file can't be loaded.
    """
    simulator.check(best)
    differences = []
    for seed, metrics in expected.items():
        found = simulator.run(best, epochs, steps, seed)
        differences += [
            f"seed {seed}: {name} is {found.get(name, 'missing')}, and was {value} in the loop"
            for name, value in metrics.items()
            if not _same(found.get(name), value)
        ]
    return differences[:_MOST_TOLD]


def _read(scenario: Path) -> bytes:
    try:
        content = scenario.read_bytes()
        content.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NightlabError(f"cannot read the scenario {scenario}: {error}") from None
    return content.removeprefix(b"\xef\xbb\xbf")


def _section(data: Mapping[str, Any]) -> Mapping[str, Any]:
    section = data.get(SECTION.rstrip("."))
    return section if isinstance(section, dict) else {}


def _has(data: Mapping[str, Any], name: str, value: Value) -> bool:
    return _same(_section(data).get(name), value)


def _same(one: Any, other: Any) -> bool:
    """Whether two values are one, and of one type: 1 is not 1.0, and NaN is itself."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and (one == other or (one != one and other != other))


def _check(file: str, data: Mapping[str, Any], moved: Mapping[str, Value], text: str) -> None:
    """Raise NightlabError unless just these values differ."""
    wanted = {**data, SECTION.rstrip("."): {**_section(data), **moved}} if moved else data
    if not _same(load_mapping(file, text.encode("utf-8")), wanted):
        raise NightlabError(
            f"{file}: {', '.join(moved)} cannot be moved alone: something else shares the value by"
            " an anchor; write both out"
        )


def _head(file: str, data: Mapping[str, Any], moved: Mapping[str, Value], end: str) -> str:
    """A comment that tells where the file comes from, and what differs."""
    lines = [f"{one_line(file, 100)} with the best levers that a search found:"]
    section = _section(data)
    for name, value in moved.items():
        old = format_scalar(section[name]) if _is_scalar(section.get(name)) else "not set"
        lines.append(f"  {name}: {one_line(old, 60)} -> {format_scalar(value)}")
    if not moved:
        lines = [f"{one_line(file, 100)} as it is: a search found nothing better."]
    return "".join(f"# {line}{end}" for line in lines)


def _is_scalar(value: object) -> bool:
    return isinstance(value, (bool, int, float, str))
