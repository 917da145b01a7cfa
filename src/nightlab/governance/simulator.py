"""The simulator, asked through the lab's `simulate.py`: it is never imported here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nightlab.types import Metrics, Value


@dataclass(frozen=True)
class Lever:
    """A field of the simulator's governance section that loads from a file and does something.

    `value` is what the scenario has now. `when` names the toggles that must be on for it to have an
    effect, and `tag` the mechanism it belongs to, as `audit`: the toggle's name without `_enabled`.
    """

    name: str
    type: str
    value: Value
    low: float | None = None
    high: float | None = None
    tag: str = ""
    when: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class World:
    """What `simulate.py check` says of a scenario file.

    `needs` are the reasons why it can't be run here (a model, the network); `ignored` are keys of
    its governance section that the simulator's loader drops; `metrics` are those of an evaluation.
    """

    path: Path
    name: str
    epochs: int
    steps: int
    agents: int
    governance: Mapping[str, Value]
    needs: Sequence[str] = ()
    ignored: Sequence[str] = ()
    metrics: Sequence[str] = ()


class Simulator:
    """`python simulate.py …` in a process of its own, a JSON document each."""

    def __init__(self, script: Path, python: str) -> None:
        self.script = script
        self.python = python

    def check(self, scenario: Path) -> World:
        """Look at a scenario file. Raises NightlabError where it is none, or can't be run here."""
        raise NotImplementedError

    def levers(
        self, scenario: Path, *, payoffs: bool = False, pinned: Sequence[str] = ()
    ) -> list[Lever]:
        """The levers that do something in the scenario, by a screening run."""
        raise NotImplementedError

    def run(
        self, scenario: Path, epochs: int, steps: int, seed: int, settings: Any = None
    ) -> Metrics:
        """One evaluation: every metric, of the last epoch and `pooled.`."""
        raise NotImplementedError
