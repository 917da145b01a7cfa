"""Settled trials as lessons: what each brought, and in which niche."""

from __future__ import annotations

import math
from collections.abc import Mapping

from nightlab.remember.memory.niche import niche_of
from nightlab.types import Decision, History, Lesson, Trial


def lessons_of(history: History, campaign: str = "") -> list[Lesson]:
    """The settled trials of a campaign, by number."""
    made = by_commit(history)
    settled = (trial for trial in history.trials if trial.verdict is not None)
    return [lesson_of(trial, history, campaign, made) for trial in settled]


def lesson_of(
    trial: Trial, history: History, campaign: str = "", made: Mapping[str, Trial] | None = None
) -> Lesson:
    """One trial, and what it gained over what it was measured against.

    `made` are the trials by commit, where the caller knows them already.
    """
    crashed = trial.verdict is not None and trial.verdict.decision is Decision.CRASH
    gain = None if crashed else evidence_of(trial, "gain")
    over = None if crashed else finite(history.gain(trial, history.baseline))
    if gain is None and not crashed:  # of another tool, or by a rule that compared nothing
        made = by_commit(history) if made is None else made
        parent = made.get(trial.parent, history.baseline)
        parent = history.baseline if parent.number == trial.number else parent
        gain = finite(history.gain(trial, parent))
    niche = niche_of(trial, history)
    return Lesson(campaign, trial, niche, gain, evidence_of(trial, "standard_error"), over)


def by_commit(history: History) -> dict[str, Trial]:
    """Trials by the commit that was measured; the first where two share it."""
    return {trial.commit: trial for trial in reversed(history.trials)}


def evidence_of(trial: Trial, name: str) -> float | None:
    """A number of its verdict's evidence; None where it is not there, or is none."""
    value = trial.verdict.evidence.get(name) if trial.verdict else None
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    return finite(float(value))


def finite(value: float | None) -> float | None:
    """The number, None for what is no finite one: it must never become the best."""
    return value if value is not None and math.isfinite(value) else None
