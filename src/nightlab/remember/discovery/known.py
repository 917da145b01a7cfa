"""What was known when a trial was opened, and what it taught when it was settled.

A session that writes the views and an export of later days find the same, but for what humans
and models have claimed meanwhile: of that the history does not say when.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from nightlab.remember.discovery import View
from nightlab.remember.memory import recall
from nightlab.remember.memory.archive import near_misses
from nightlab.remember.memory.lessons import lessons_of
from nightlab.remember.memory.review_lines import taught
from nightlab.remember.memory.stall import phase
from nightlab.remember.memory.then import history_after, history_before
from nightlab.types import Phase, Trial, one_line


def phase_then(view: View, trial: Trial, old: Mapping[str, Any]) -> str:
    """What the campaign was at when the trial was opened.

    To find that out for each of many trials takes long, so what was said of it before stands.
    """
    if old.get("phase") in {each.value for each in Phase}:
        return str(old["phase"])
    moved = (
        replace(each, settled=each.opened) if each.number == trial.number else each
        for each in view.history.trials
    )
    before = history_before(replace(view.history, trials=list(moved)), trial.number)
    near = near_misses([*view.earlier, *lessons_of(before)], before)
    return phase(before, near, view.sources.patience).value


def taught_then(view: View, trial: Trial, old: Mapping[str, Any]) -> list[str]:
    """The conjectures that the trial spoke for or against when it was settled; see `phase_then`."""
    told = old.get("conjecture_updates")
    if isinstance(told, list) and all(isinstance(each, str) for each in told):
        return [one_line(each, 400) for each in told[:4]]
    if trial.number not in view.recent:
        return []
    return taught(trial, recall(history_after(view.history, trial.number), view.sources))
