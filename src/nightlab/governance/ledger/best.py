"""best.yaml: the best configuration as a whole scenario file, loaded and measured once more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from nightlab.change.keys import format_scalar, load_mapping
from nightlab.governance.ledger.placing import place_values
from nightlab.governance.ledger.record import SECTION, lever
from nightlab.governance.simulation.simulator import Simulator
from nightlab.remember.replace import replace_file
from nightlab.types import Metrics, NightlabError, Value, one_line

GOVERNANCE = SECTION.rstrip(".")
_MOST_TOLD = 10
_AT_ONCE = 4
"""So many processes of the simulator are asked at once."""


def write_best(scenario: Path, values: Mapping[str, Value], target: Path) -> None:
    """Write `with_levers` to `target`, below a comment that tells what differs."""
    content = _read(scenario)
    text = _with_levers(scenario.name, content, values)
    head = _head(scenario.name, load_mapping(scenario.name, content), values)
    end = "\r\n" if "\r\n" in text else "\n"
    try:
        replace_file(target, [*(f"# {line}{end}" for line in head), text])
    except OSError as error:
        raise NightlabError(f"cannot write {target}: {error}") from None


def with_levers(scenario: Path, values: Mapping[str, Value]) -> str:
    """The scenario file with these values in place, every other byte and comment as it was.

    A name without a dot, or with `governance.` before it, is a lever of the governance section;
    `payoff.theta` is of another section. What the file doesn't have comes at the end of its
    section. Raises NightlabError where the file has no place for a value, or something else would
    move with it.
    """
    return _with_levers(scenario.name, _read(scenario), values)


def check_best(
    simulator: Simulator, best: Path, expected: Mapping[int, Metrics], epochs: int, steps: int
) -> list[str]:
    """Load a scenario file and measure it on these seeds; what differs from the loop's numbers.

    `expected` are metrics by seed. Raises NightlabError where the file can't be loaded.
    """
    differences = []
    for seed, found in _measured(simulator, best, expected, epochs, steps).items():
        differences += [
            f"seed {seed}: {name} is {found.get(name, 'missing')}, and was {value} in the loop"
            for name, value in expected[seed].items()
            if found.get(name) != value
        ]
    return differences[:_MOST_TOLD]


def _measured(
    simulator: Simulator, best: Path, seeds: Iterable[int], epochs: int, steps: int
) -> dict[int, Metrics]:
    """The metrics by seed, asked side by side: a process takes longer to start than to measure."""
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        try:
            loads = threads.submit(simulator.check, best)
            runs = {s: threads.submit(simulator.run, best, epochs, steps, s) for s in seeds}
            loads.result()
            return {seed: run.result() for seed, run in runs.items()}
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            simulator.end()
            raise


def _read(scenario: Path) -> bytes:
    try:
        content = scenario.read_bytes()
        content.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NightlabError(f"cannot read the scenario {scenario}: {error}") from None
    return content.removeprefix(b"\xef\xbb\xbf")


def _with_levers(file: str, content: bytes, values: Mapping[str, Value]) -> str:
    text, data = content.decode("utf-8"), load_mapping(file, content)
    moved = _moved(data, values)
    sections: dict[str, dict[str, str]] = {}
    for name, value in moved.items():
        section, key = _place(name)
        sections.setdefault(section, {})[key] = format_scalar(value)
    for section, entries in sections.items():
        text = place_values(file, text, section, entries)
    if not _same(load_mapping(file, text.encode("utf-8")), _with(data, moved)):
        raise NightlabError(
            f"{file}: {', '.join(moved)} cannot be moved alone: something else shares the value by"
            " an anchor; write both out"
        )
    return text


def _place(name: str) -> tuple[str, str]:
    """The section of a lever, and its key there."""
    section, dot, key = name.partition(".")
    return (section, key) if dot else (GOVERNANCE, name)


def _old(data: Mapping[str, Any], name: str) -> Any:
    section, key = _place(name)
    inner = data.get(section)
    return inner.get(key) if isinstance(inner, dict) else None


def _moved(data: Mapping[str, Any], values: Mapping[str, Value]) -> dict[str, Value]:
    """Those values that are not what the file has."""
    return {name: value for name, value in values.items() if not _same(_old(data, name), value)}


def _with(data: Mapping[str, Any], moved: Mapping[str, Value]) -> dict[str, Any]:
    """The data with these values in it."""
    changed = dict(data)
    for name, value in moved.items():
        section, key = _place(name)
        changed[section] = {**(changed.get(section) or {}), key: value}
    return changed


def _head(file: str, data: Mapping[str, Any], values: Mapping[str, Value]) -> list[str]:
    """Lines that tell where the file comes from, and what differs."""
    moved = _moved(data, values)
    if not moved:
        return [f"{one_line(file, 100)} as it is: a search found nothing better."]
    lines = [f"{one_line(file, 100)} with the best levers that a search found:"]
    for name, value in moved.items():
        old = _old(data, name)
        known = isinstance(old, (bool, int, float, str))
        was = one_line(format_scalar(old), 60) if known else "not set"
        lines.append(f"  {lever(name)}: {was} -> {one_line(format_scalar(value), 60)}")
    return lines


def _same(one: Any, other: Any) -> bool:
    """Whether two values are one, and of one type: 1 is not 1.0, and NaN is itself."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and (one == other or (one != one and other != other))
