"""The plan of a trial, and its niche, in the words of other research loops."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from nightlab.remember.discovery import View
from nightlab.remember.discovery.known import phase_then
from nightlab.remember.memory.niche import kind_of, memory_of, millions_of
from nightlab.types import Prediction, Trial, one_line

_SIZES = ((25.0, "tiny"), (75.0, "small"), (150.0, "medium"))
_MEMORIES = ((20.0, "lean"), (40.0, "balanced"), (60.0, "heavy"))


def plan_of(view: View, trial: Trial, old: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What was planned for a trial, as it was opened; `old` is what was said of that before."""
    key = f"{view.tag}/{trial.number}/{trial.opened}"
    return {
        "plan_id": hashlib.sha1(key.encode(), usedforsecurity=False).hexdigest()[:12],
        "phase": phase_then(view, trial, old or {}),
        "emitter": one_line(trial.emitter, 40),
        "niche": kind_of(trial),
        "hypothesis": one_line(trial.hypothesis or trial.summary, 400),
        "predicted_direction": one_line(trial.predicted, 40) or Prediction.UNCERTAIN.value,
        "rationale": one_line(trial.why, 400),
        "created_at": stamp(trial.opened),
    }


def niche_name(trial: Trial) -> str:
    """`attention/small/lean/growing`, in absolute sizes; by the diff and what was measured."""
    memory = memory_of(trial)
    size = _bucket(millions_of(trial), _SIZES, "large")
    peak = _bucket(None if memory is None else memory / 1024, _MEMORIES, "extreme")
    return f"{kind_of(trial)}/{size}/{peak}/{'shrinking' if trial.lines < 0 else 'growing'}"


def _bucket(value: float | None, below: Sequence[tuple[float, str]], most: str) -> str:
    if value is None:
        return "unknown"
    return next((name for edge, name in below if value < edge), most)


def stamp(moment: float) -> str:
    """`2026-03-09T04:05:06.789+00:00`."""
    return datetime.fromtimestamp(moment, timezone.utc).isoformat(timespec="milliseconds")
