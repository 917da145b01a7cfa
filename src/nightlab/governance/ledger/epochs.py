"""What a run printed of its epochs: a line `epoch: {…}` for each. Untrusted, and maybe torn."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nightlab.run.output import read_lines
from nightlab.types import Metrics, Run, one_line

_PREFIX = "epoch:"
_PLACE = ("seed", "scenario", "epoch")
_MOST_ROWS = 20_000
"""Of one run; it would be an evaluation of days."""

_MOST_METRICS = 500
_LONGEST_NAME = 128


@dataclass(frozen=True)
class Epoch:
    """One epoch of one run of a scenario, and its metrics: finite numbers."""

    seed: int
    scenario: str
    epoch: int
    metrics: Metrics


def epochs_of(run: Run) -> list[Epoch]:
    """The epochs that a run printed, each once. The seed is the run's own, whatever a line says."""
    found: dict[tuple[str, int], Epoch] = {}
    for line in read_lines(Path(run.log)):
        if not line.startswith(_PREFIX) or len(found) >= _MOST_ROWS:
            continue
        epoch = _epoch(run.seed, line[len(_PREFIX) :])
        if epoch is not None:
            found[epoch.scenario, epoch.epoch] = epoch
    return list(found.values())


def epochs_csv(runs: Iterable[Run]) -> str:
    """A table of them: a row for each seed, scenario and epoch, a column for each metric."""
    epochs = [epoch for run in runs for epoch in epochs_of(run)]
    names = dict.fromkeys(name for epoch in epochs for name in epoch.metrics)
    columns = list(names)[:_MOST_METRICS]
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow([*_PLACE, *columns])
    for epoch in epochs:
        values = (epoch.metrics.get(name, "") for name in columns)
        table.writerow([epoch.seed, epoch.scenario, epoch.epoch, *values])
    return text.getvalue()


def _epoch(seed: int, written: str) -> Epoch | None:
    """What one line says; None where it says nothing that can be used."""
    try:
        said = json.loads(written)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or type(said.get("epoch")) is not int:
        return None
    scenario = one_line(str(said.get("scenario", "")), 100)
    return Epoch(seed, scenario, said["epoch"], dict(_numbers(said)))


def _numbers(said: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """The metrics of a line, which may stand in an object of their own."""
    inner = said.get("metrics")
    for name, value in {**said, **(inner if isinstance(inner, dict) else {})}.items():
        plain = name.isprintable() and name == name.strip() and 0 < len(name) <= _LONGEST_NAME
        if name in _PLACE or not plain or type(value) not in (int, float):
            continue
        try:
            if math.isfinite(value):
                yield name, value
        except OverflowError:
            continue
