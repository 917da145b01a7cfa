"""Settled trials as lessons: what each brought, and in which niche."""

from __future__ import annotations

import math

from nightlab.remember.memory.niche import niche_of
from nightlab.types import Decision, History, Lesson, Trial


def lessons_of(history: History, campaign: str = "") -> list[Lesson]:
    """The settled trials of a campaign, by number."""
    settled = (trial for trial in history.trials if trial.verdict is not None)
    return [lesson_of(trial, history, campaign) for trial in settled]


def lesson_of(trial: Trial, history: History, campaign: str = "") -> Lesson:
    """One trial, and what it gained over what it was measured against."""
    crashed = trial.verdict is not None and trial.verdict.decision is Decision.CRASH
    gain = None if crashed else _evidence(trial, "gain")
    over = None if crashed else history.gain(trial, history.baseline)
    if gain is None and not crashed:  # of another tool, or by a rule that compared nothing
        gain = history.gain(trial, _parent(trial, history))
    niche = niche_of(trial, history)
    return Lesson(campaign, trial, niche, gain, _evidence(trial, "standard_error"), over)


def _parent(trial: Trial, history: History) -> Trial:
    """The trial whose commit it was built from; the baseline where that is not known."""
    found = (t for t in history.trials if t.commit == trial.parent and t.number != trial.number)
    return next(found, history.baseline)


def _evidence(trial: Trial, name: str) -> float | None:
    value = trial.verdict.evidence.get(name) if trial.verdict else None
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    return float(value) if math.isfinite(value) else None
