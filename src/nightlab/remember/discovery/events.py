"""events.jsonl: what was planned and what came of it, a line each, in the order of time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nightlab.remember.discovery import View
from nightlab.remember.discovery.plan import plan_of, stamp
from nightlab.remember.discovery.records import record_of
from nightlab.remember.memory import recall
from nightlab.remember.memory.review import reviews
from nightlab.remember.memory.review_lines import review_lines
from nightlab.remember.memory.then import history_after
from nightlab.remember.replace import replace_file
from nightlab.types import Review, one_line

PLAN, RECORD = "plan_selected", "experiment_recorded"
AUTONOMY, SENT_ON = "autonomy_preference", "stop_continue"
_SAID = {
    AUTONOMY: {"timestamp": str, "enabled": bool, "reason": str},
    SENT_ON: {"timestamp": str, "nudges": int},
}
"""Events that the ledger does not hold, and what is in them: those already there stay."""

Key = tuple[str, str, str]
"""When, which kind, of what. An event is written once."""


@dataclass(frozen=True)
class Events:
    """The lines that the file should have, beside those that it has."""

    view: View
    path: Path
    there: tuple[str, ...]
    lines: tuple[str, ...]
    reviews: Mapping[int, Review]

    @classmethod
    def of(cls, view: View, path: Path, fresh: bool = False) -> Events:
        """What took long to find out is taken over from what is there, unless it is to be fresh."""
        there = _read(path)
        found = {review.trial: review for review in reviews(view.history, view.sources)}
        known = {_key(data): data for line in there if (data := _parsed(line)) is not None}
        made = {key: data for key, data in known.items() if key[1] in _SAID}
        made |= {_key(event): event for event in _of_agents(view)}
        old = {} if fresh else known
        for trial in view.history.trials:
            name = f"{view.tag}/{trial.number}"
            plan = plan_of(view, trial, _asked(old, trial.opened, PLAN, name))
            made |= _entry(PLAN, name, plan)
            if trial.number in found:
                there_was = _asked(old, trial.settled, RECORD, name)
                before = {"phase": plan["phase"], **there_was}
                made |= _entry(RECORD, name, record_of(view, trial, found[trial.number], before))
        order = sorted(made, key=lambda key: (key[0], _number(key[2]), key[1] != PLAN, key))
        return cls(view, path, there, tuple(_line(made[key]) for key in order), found)

    def write(self) -> None:
        """Add what is new; write the whole where what is there is no beginning of it."""
        count = len(self.there)
        if count and self.there == self.lines[:count] and not self.path.is_symlink():
            if new := self.lines[count:]:
                with self.path.open("a", encoding="utf-8", newline="\n") as file:
                    file.write("".join(f"{line}\n" for line in new))
        else:
            replace_file(self.path, [f"{line}\n" for line in self.lines])

    def records(self) -> list[dict[str, Any]]:
        """What was recorded of the settled trials, in the order of time."""
        return [
            data["record"] for line in self.lines if (data := json.loads(line))["kind"] == RECORD
        ]

    def last_review(self) -> str:
        """The review of the trial that was settled last, as Markdown."""
        if not self.reviews:
            return "No trial has been settled yet.\n"
        number, found = list(self.reviews.items())[-1]
        then = history_after(self.view.history, number)
        trial = then.trial(number)
        lines = review_lines(found, then, recall(then, self.view.sources))
        head = f"# {self.view.tag}, trial {number}: {one_line(trial.summary)}"
        return "\n".join([head, "", *(f"- {line}" for line in lines)]) + "\n"


def _entry(kind: str, name: str, data: Mapping[str, Any]) -> dict[Key, dict[str, Any]]:
    """One event of the ledger by its key; a plan says when in `created_at`."""
    when = data["created_at"] if kind == PLAN else data["timestamp"]
    what = "plan" if kind == PLAN else "record"
    event = {"timestamp": when, "kind": kind, "experiment_id": name, what: data}
    return {_key(event): event}


def _asked(old: Mapping[Key, Any], moment: float, kind: str, name: str) -> Mapping[str, Any]:
    """What the file says of this plan or record already; nothing where it says nothing."""
    event = old.get((stamp(moment), kind, name), {})
    found: Mapping[str, Any] = event.get("plan" if kind == PLAN else "record", {})
    return found


def _of_agents(view: View) -> list[dict[str, Any]]:
    """What is known now of autonomy; what was before is in the lines that are there."""
    now, found = view.autonomy, []
    if now.since:
        reason = one_line(now.reason, 240)
        about = {"kind": AUTONOMY, "enabled": now.enabled, "reason": reason}
        found.append({"timestamp": stamp(now.since), **about})
    if now.nudged:
        about = {"kind": SENT_ON, "nudges": now.nudges}
        found.append({"timestamp": stamp(now.nudged), **about})
    return found


def _read(path: Path) -> tuple[str, ...]:
    """The lines that are there; none where they can't be read, or the last one is torn."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ()
    return tuple(text[:-1].split("\n")) if text.endswith("\n") else ()


def _line(data: Mapping[str, Any]) -> str:
    return json.dumps(data, allow_nan=False, separators=(",", ":"))


def _parsed(line: str) -> dict[str, Any] | None:
    """A line that is there; None for one that is no event of ours."""
    try:
        data: dict[str, Any] = json.loads(line)
        if data["kind"] in _SAID:
            shape = _SAID[data["kind"]]
            fits = data.keys() == {"kind", *shape}
            fits = fits and all(type(data[name]) is kind for name, kind in shape.items())
        else:
            fits = isinstance(data["plan" if data["kind"] == PLAN else "record"], dict)
        return data if fits and isinstance(data["timestamp"], str) else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _key(data: Mapping[str, Any]) -> Key:
    return str(data["timestamp"]), str(data["kind"]), str(data.get("experiment_id", ""))


def _number(name: str) -> int:
    digits = name.rpartition("/")[2]
    return int(digits) if digits.isdigit() else 0
