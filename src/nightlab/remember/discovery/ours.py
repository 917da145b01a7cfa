"""Which of the files in a folder are views that Nightlab wrote: others are not written over."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nightlab.types import NightlabError

_MOST = 64 * 2**20
"""Characters that are read of a file."""

_REVIEW = re.compile(r"# .+, trial \d+: |No trial has been settled yet\.")
_KINDS = {"plan_selected", "experiment_recorded", "autonomy_preference", "stop_continue"}


def check_ours(folder: Path) -> None:
    """Raise NightlabError where a view would be written over a file that is not Nightlab's.

    In a folder with a state.json of ours the others are ours too, in whatever state they are.
    """
    if folder.exists() and not folder.is_dir():
        raise NightlabError(f"{folder} is a file; name a folder for the views")
    for name, is_ours in FILES.items():
        path = folder / name
        there = path.exists() or path.is_symlink()
        if there and not (path.is_file() and _holds(path, is_ours)):
            mend = "move it away, or name another folder"
            raise NightlabError(f"{path} was not written by Nightlab, and is left alone; {mend}")
        if there and name == "state.json":
            return


def _holds(path: Path, is_ours: Callable[[str], bool]) -> bool:
    try:
        with path.open(encoding="utf-8") as file:
            return is_ours(file.read(_MOST))
    except (OSError, ValueError, RecursionError):
        return False


def _is_state(text: str) -> bool:
    data = json.loads(text)
    return isinstance(data, dict) and {"schema_version", "metric", "direction"} <= data.keys()


def _is_events(text: str) -> bool:
    if not text:
        return True
    data = json.loads(text.partition("\n")[0])
    return isinstance(data, dict) and str(data.get("kind")) in _KINDS


def _is_plan(text: str) -> bool:
    data: Any = json.loads(text)
    return data is None or (isinstance(data, dict) and "plan_id" in data)


def _is_review(text: str) -> bool:
    return _REVIEW.match(text) is not None


FILES: Mapping[str, Callable[[str], bool]] = {
    "state.json": _is_state,
    "events.jsonl": _is_events,
    "current_plan.json": _is_plan,
    "last_review.md": _is_review,
}
"""The views by name, and how one of ours is known by its text. state.json is looked at first."""
