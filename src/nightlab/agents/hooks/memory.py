"""What hooks remember between calls: one small file in Nightlab's folder, out of the checkout."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from nightlab.remember.replace import replace_file
from nightlab.types import one_line


@dataclass(frozen=True)
class Memory:
    """Autonomy, and what was said already. As it is at first, and where the file is torn.

    `since` is when autonomy was switched on, `settled` how many trials `campaign` had then. `said`
    names a blocker that was told. `nudges` are the times in a row that an agent was sent on while
    `progress` stayed the same, the last one at `nudged`. `reviewed` counts the trials of each
    campaign that an agent has read the verdict of.
    """

    autonomy: bool = False
    reason: str = ""
    since: float = 0.0
    campaign: str = ""
    settled: int = 0
    said: str = ""
    nudges: int = 0
    nudged: float = 0.0
    progress: str = ""
    reviewed: dict[str, int] = field(default_factory=dict)

    def switched(self, on: bool, reason: str, now: float) -> Memory:
        """Autonomy switched on or off, by these words of the human."""
        fresh = Memory(on, one_line(reason, 240), now, reviewed=self.reviewed)
        return fresh if on != self.autonomy or not on else replace(self, said="", nudges=0)


class Memories:
    """The file."""

    def __init__(self, home: Path) -> None:
        self.path = home / "agents" / "memory.json"

    def read(self) -> Memory:
        """What is remembered; a memory of nothing where the file is gone, torn or another's."""
        try:
            data = json.loads(self.path.read_text(encoding="utf-8"))
            return Memory(**{f.name: _checked(f.name, data[f.name]) for f in fields(Memory)})
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return Memory()

    def write(self, memory: Memory) -> None:
        """Remember it. What can't be written is forgotten: autonomy is then off."""
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self.path, [json.dumps(asdict(memory))])


def _checked(name: str, value: Any) -> Any:
    """The value, if it is of its kind. Raises TypeError for another."""
    known = getattr(Memory(), name)
    if type(value) is not type(known) and not (type(known) is float and type(value) is int):
        raise TypeError(name)
    if name == "reviewed" and any(type(count) is not int for count in value.values()):
        raise TypeError(name)
    return value
