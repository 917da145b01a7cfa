"""The memory of a campaign as files that other research loops read: state, events, plan, review.

state.json, events.jsonl, current_plan.json and last_review.md, by the names that such loops use.
They are views of the ledger: delete them, and they are made again, but for earlier lines on
autonomy. Nothing reads them back but to save work, and nothing is decided by them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from nightlab.remember.memory import Sources
from nightlab.remember.memory.lessons import lessons_of
from nightlab.remember.memory.then import in_order
from nightlab.remember.replace import replace_file
from nightlab.types import History, Lesson, Memory, NightlabError

SCHEMA = 1
"""Of state.json."""

_LAST = 200
"""Of older trials it is not found out again, where no file says it: that takes long."""

_PATIENCE = 3.0
"""Seconds that another writer of the same folder is given."""


@dataclass(frozen=True)
class Autonomy:
    """Whether agents go on by themselves, by whose words, since when; how often they were sent on,
    the last time at `nudged` (seconds since 1970, 0 for never)."""

    enabled: bool = False
    reason: str = ""
    since: float = 0.0
    nudges: int = 0
    nudged: float = 0.0


@dataclass(frozen=True)
class View:
    """What the files are made of. `warnings` are of whoever knows the checkout."""

    tag: str
    branch: str
    history: History
    memory: Memory
    sources: Sources = field(default_factory=Sources)
    autonomy: Autonomy = Autonomy()
    results_exist: bool = False
    warnings: tuple[str, ...] = ()

    @cached_property
    def earlier(self) -> list[Lesson]:
        """The lessons of the campaigns before this one."""
        return [each for past in self.sources.past for each in lessons_of(past.history, past.tag)]

    @cached_property
    def recent(self) -> frozenset[int]:
        """The last trials by number, of which it is found out again what they taught."""
        return frozenset(trial.number for trial in in_order(self.history)[-_LAST:])


def write_discovery(
    folder: Path, view: View, fresh: bool = False, lock: Path | None = None
) -> None:
    """Bring the four files up to date: each is whole at any time, and only new events are added.

    `fresh` makes every event anew. By the file `lock`, which lies elsewhere, writers take turns.
    Raises NightlabError where they can't be written, or would go over files of somebody else's.
    """
    from nightlab.remember.discovery.events import Events
    from nightlab.remember.discovery.ours import check_ours
    from nightlab.remember.discovery.plan import plan_of
    from nightlab.remember.discovery.state import state_of

    try:
        if folder.is_symlink():
            raise NightlabError(f"{folder} is a link, and is not written through; remove it")
        with _alone(lock, folder) if lock else nullcontext():
            check_ours(folder)
            folder.mkdir(parents=True, exist_ok=True)
            events = Events.of(view, folder / "events.jsonl", fresh)
            events.write()
            open_trial = next(iter(view.history.open), None)
            plan = plan_of(view, open_trial) if open_trial else None
            review = events.last_review()
            _write(folder / "state.json", state_of(view, events.records(), plan))
            _write(folder / "current_plan.json", plan)
            replace_file(folder / "last_review.md", [review])
    except OSError as error:
        why = error.strerror or error
        raise NightlabError(f"{folder} can't be written: {why}; name another folder") from error


def _write(path: Path, data: Any) -> None:
    told = json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False)
    replace_file(path, [told.encode("utf-8", "replace").decode(), "\n"])


@contextmanager
def _alone(path: Path, folder: Path) -> Iterator[None]:
    """One writer at a time, where the system has such locks. Raises NightlabError after a while."""
    try:
        import fcntl
    except ImportError:  # Windows: each file is still whole, the last writer wins
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    give_up = time.monotonic() + _PATIENCE
    with path.open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= give_up:
                    raise NightlabError(
                        f"{folder} is being written by another process; try again later"
                    ) from None
                time.sleep(0.05)
        yield


__all__ = ["SCHEMA", "Autonomy", "View", "write_discovery"]
